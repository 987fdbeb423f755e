"""Scaling policies as they are decided from, and what several of them together do to a group's desired capacity.

Source: EC2 Auto Scaling user guide, "Dynamic scaling" (multiple scaling policies), "Target tracking scaling policies";
API reference, PutScalingPolicy.
"""

from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple


class PolicyKind(StrEnum):
    SIMPLE = "SimpleScaling"
    STEP = "StepScaling"
    TARGET_TRACKING = "TargetTrackingScaling"
    PREDICTIVE = "PredictiveScaling"


class Adjustment(StrEnum):
    """How an adjustment's number is meant."""

    CHANGE = "ChangeInCapacity"
    EXACT = "ExactCapacity"
    PERCENT = "PercentChangeInCapacity"


class Step(NamedTuple):
    """One step adjustment. Bounds are relative to the alarm's threshold; None is infinity."""

    lower: float | None
    upper: float | None
    amount: int


class ScalingPolicy(NamedTuple):
    """amount, cooldown_s: of a simple policy; steps: of a step policy; target, scales_in: of target tracking.

    warm_up_s: EstimatedInstanceWarmup, None when it is not given. low_alarm: the name of the alarm that a target
    tracking policy scales in by.
    """

    arn: str
    name: str
    kind: PolicyKind
    adjustment: Adjustment = Adjustment.CHANGE
    amount: int = 0
    least: int = 0
    cooldown_s: float | None = None
    steps: tuple[Step, ...] = ()
    warm_up_s: float | None = None
    target: float = 1.0
    scales_in: bool = True
    enabled: bool = True
    low_alarm: str = ""


class Verdict(StrEnum):
    """What a policy comes to, and why when it does nothing."""

    OUT = "scale-out"
    IN = "scale-in"
    UNCHANGED = "unchanged"
    WARMING_UP = "instances-are-warming-up"
    ZONAL_SHIFT = "a-zone-is-shifted-away"
    NO_DATA = "no-data"
    NO_STEP = "no-step-for-the-metric"
    SCALE_IN_DISABLED = "scale-in-is-disabled"


class Room(NamedTuple):
    """A group's capacity as a policy sees it.

    current: the desired capacity without the instances that are still coming or warming up. held: why policies must
    not scale in, None when they may. measured: the capacity that the newest metric may still be about, after a
    scale-in more than the desired one.
    """

    desired: int
    minimum: int
    maximum: int
    current: int
    held: Verdict | None = None
    measured: int = 0

    def towards(self, capacity: int) -> "Outcome":
        """A wanted capacity as the group may have it: instances that warm up count towards a scale-out, and block a
        scale-in.
        """
        reached = max(self.minimum, min(self.maximum, capacity))
        if capacity > self.current and reached > self.desired:
            return Outcome(reached, Verdict.OUT)
        if capacity < self.current and reached < self.desired:
            return Outcome(self.desired, self.held) if self.held else Outcome(reached, Verdict.IN)
        return Outcome(self.desired, Verdict.UNCHANGED)


class Outcome(NamedTuple):
    """The desired capacity that a policy asks for."""

    capacity: int
    verdict: Verdict


class Proposal(NamedTuple):
    """One policy's wish. words: who triggered it, for the activity log."""

    policy: ScalingPolicy
    outcome: Outcome
    words: str


def settle(proposals: Sequence[Proposal], ready_to_scale_in: bool) -> Proposal | None:
    """Of several policies triggered together, the one that gives the largest capacity; None when nothing changes.

    ready_to_scale_in: whether every target tracking policy with scale-in enabled is ready to; those scale in only
    together, step and simple policies by themselves.
    """
    wishes = [
        proposal
        for proposal in proposals
        if proposal.outcome.verdict is Verdict.OUT
        or (
            proposal.outcome.verdict is Verdict.IN
            and (ready_to_scale_in or proposal.policy.kind is not PolicyKind.TARGET_TRACKING)
        )
    ]
    return max(wishes, key=lambda proposal: proposal.outcome.capacity, default=None)
