"""Adjustments of simple and step scaling policies: which step, by how much, rounded how.

Source: EC2 Auto Scaling user guide, "Step and simple scaling policies" (step adjustments, scaling adjustment types,
instance warm-up); API reference, StepAdjustment.
"""

import math
from collections.abc import Sequence
from itertools import pairwise

from blackstart.emulator.decisions.scaling_policy import Adjustment, Outcome, Room, ScalingPolicy, Step, Verdict

MOST_STEPS = 20


def simple_outcome(policy: ScalingPolicy, room: Room) -> Outcome:
    """A simple policy's only adjustment; it starts from the desired capacity, for nothing else is in progress.

    Warm-up is not for simple scaling, which has its cooldown.
    """
    capacity = adjusted(room.desired, policy.adjustment, policy.amount, policy.least)
    held = None if room.held is Verdict.WARMING_UP else room.held
    return room._replace(current=room.desired, held=held).towards(capacity)


def step_outcome(policy: ScalingPolicy, room: Room, value: float | None, threshold: float) -> Outcome:
    """The adjustment of the step that the metric's distance from the threshold falls into."""
    if value is None:
        return Outcome(room.desired, Verdict.NO_DATA)
    step = step_for(policy.steps, value - threshold)
    if step is None:
        return Outcome(room.desired, Verdict.NO_STEP)
    return room.towards(adjusted(room.current, policy.adjustment, step.amount, policy.least))


def step_for(steps: Sequence[Step], breach: float) -> Step | None:
    """The step for a metric that lies `breach` above (below, when negative) the threshold.

    Above the threshold the lower bound is inclusive and the upper exclusive, below it the reverse. At the threshold a
    step that begins there comes before one that ends there.
    """
    if breach >= 0:
        above = (step for step in steps if _low(step) <= breach < _high(step))
        found = next(above, None)
        if found is not None or breach > 0:
            return found
    return next((step for step in steps if _low(step) < breach <= _high(step)), None)


def adjusted(current: int, adjustment: Adjustment, amount: int, least: int = 0) -> int:
    """The capacity after an adjustment. least: MinAdjustmentMagnitude, for percentages only."""
    if adjustment is Adjustment.EXACT:
        return amount
    if adjustment is Adjustment.CHANGE:
        return current + amount
    change = rounded(current * amount / 100)
    if amount and abs(change) < least:
        change = int(math.copysign(least, amount))
    return current + change


def rounded(change: float) -> int:
    """Towards zero, but never to zero: 12.7 is 12, 0.67 is 1, -0.58 is -1, -6.67 is -6."""
    if 0 < abs(change) < 1:
        return 1 if change > 0 else -1
    return math.trunc(change)


def steps_problem(steps: Sequence[Step], adjustment: Adjustment) -> str | None:
    """What AWS says of step adjustments that it refuses, or None."""
    return _bounds_problem(steps) or _intervals_problem(steps) or _amounts_problem(steps, adjustment)


def _bounds_problem(steps: Sequence[Step]) -> str | None:
    problems = (
        (not steps, "You should specify at least one StepAdjustment with a StepScaling policy"),
        (len(steps) > MOST_STEPS, f"There can be at most {MOST_STEPS} step adjustments per scaling policy"),
        (
            any(step.lower is None and step.upper is None for step in steps),
            "Both lower and upper bounds of a StepAdjustment cannot be left unspecified",
        ),
        (
            any(_low(step) >= _high(step) for step in steps),
            "LowerBound must be less than the UpperBound for StepAdjustment",
        ),
        (
            sum(step.lower is None for step in steps) > 1,
            "At most one StepAdjustment may have an unspecified lower bound",
        ),
        (
            sum(step.upper is None for step in steps) > 1,
            "At most one StepAdjustment may have an unspecified upper bound",
        ),
    )
    return next((text for wrong, text in problems if wrong), None)


def _intervals_problem(steps: Sequence[Step]) -> str | None:
    ordered = sorted(steps, key=_low)
    if any(_high(one) > _low(other) for one, other in pairwise(ordered)):
        return "StepAdjustment intervals cannot overlap"
    if any(_high(one) < _low(other) for one, other in pairwise(ordered)):
        return "StepAdjustment intervals cannot have gaps between them"
    if ordered[0].lower is not None and ordered[0].lower < 0:
        return (
            "There must be a StepAdjustment with an unspecified lower bound (i.e., lower bound is null) when one "
            "StepAdjustment has a negative lower bound"
        )
    if ordered[-1].upper is not None and ordered[-1].upper > 0:
        return (
            "There must be a StepAdjustment with an unspecified upper bound (i.e., upper bound is null) when one "
            "StepAdjustment has a positive upper bound"
        )
    return None


def _amounts_problem(steps: Sequence[Step], adjustment: Adjustment) -> str | None:
    if adjustment is Adjustment.EXACT and any(step.amount < 0 for step in steps):
        return "The lowest value for ScalingAdjustment parameter is 0 with the specified adjustment type"
    return None


def _low(step: Step) -> float:
    return -math.inf if step.lower is None else step.lower


def _high(step: Step) -> float:
    return math.inf if step.upper is None else step.upper
