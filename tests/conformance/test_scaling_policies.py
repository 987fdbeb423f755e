"""Scaling policies against the vectors and rules of the user guide.

Sources: EC2 Auto Scaling user guide: "Step and simple scaling policies" (step adjustments, adjustment types, instance
warm-up; the warm-up vector stands in its older editions), "Target tracking scaling policies", "Dynamic scaling"
(multiple scaling policies), "Scaling cooldowns", "Set the default instance warmup"; refusals: AWS's own words as
users published them.
"""

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blackstart.emulator.decisions.cooldown import Hold, hold
from blackstart.emulator.decisions.scaling_group import GroupSnapshot, Lifecycle, MemberSnapshot
from blackstart.emulator.decisions.scaling_policy import (
    Adjustment,
    Outcome,
    PolicyKind,
    Proposal,
    Room,
    ScalingPolicy,
    Step,
    Verdict,
    settle,
)
from blackstart.emulator.decisions.step_scaling import (
    adjusted,
    rounded,
    simple_outcome,
    step_for,
    step_outcome,
    steps_problem,
)
from blackstart.emulator.decisions.target_tracking import tracking_alarms, tracking_outcome
from blackstart.emulator.decisions.warm_up import ScaleOut, warm_up

THRESHOLD = 50.0
OUT = (Step(0, 10, 0), Step(10, 20, 10), Step(20, None, 30))
IN = (Step(-10, 0, 0), Step(-20, -10, -10), Step(None, -20, -30))


def step_policy(steps: tuple[Step, ...], adjustment: Adjustment = Adjustment.PERCENT, least: int = 0) -> ScalingPolicy:
    return ScalingPolicy("arn", "steps", PolicyKind.STEP, adjustment=adjustment, steps=steps, least=least)


def tracking(target: float, scales_in: bool = True, name: str = "tracking") -> ScalingPolicy:
    return ScalingPolicy("arn", name, PolicyKind.TARGET_TRACKING, target=target, scales_in=scales_in)


def room(desired: int, warming: int = 0, minimum: int = 0, maximum: int = 100) -> Room:
    return Room(desired, minimum, maximum, desired - warming, Verdict.WARMING_UP if warming else None)


@pytest.mark.parametrize(("change", "whole"), [(12.7, 12), (0.67, 1), (-0.58, -1), (-6.67, -6), (0, 0), (3, 3)])
def test_percentages_are_rounded_as_the_guide_says(change: float, whole: int) -> None:
    assert rounded(change) == whole


@pytest.mark.parametrize(
    ("capacity", "metric", "steps", "after"),
    [(10, 55, OUT, 10), (10, 60, OUT, 11), (11, 70, OUT, 14), (14, 40, IN, 13), (13, 30, IN, 10), (10, 45, IN, 10)],
)
def test_the_guides_step_vector(capacity: int, metric: float, steps: tuple[Step, ...], after: int) -> None:
    assert step_outcome(step_policy(steps), room(capacity), metric, THRESHOLD).capacity == after


@pytest.mark.parametrize(("metric", "after"), [(60, 11), (62, 11), (70, 13)])
def test_a_second_breach_while_one_of_eleven_warms_up(metric: float, after: int) -> None:
    """10 percent of 10 is one, which is there already; 30 percent of 10 is three, of which one is there already."""
    assert step_outcome(step_policy(OUT), room(11, warming=1), metric, THRESHOLD).capacity == after


def test_scaling_in_waits_until_all_have_warmed_up() -> None:
    assert step_outcome(step_policy(IN), room(11, warming=1), 30, THRESHOLD) == Outcome(11, Verdict.WARMING_UP)


@pytest.mark.parametrize(
    ("breach", "amount"),
    [(0, 0), (9.9, 0), (10, 10), (20, 30), (1000, 30)],
)
def test_above_the_threshold_the_lower_bound_is_inclusive(breach: float, amount: int) -> None:
    step = step_for(OUT, breach)
    assert step is not None
    assert step.amount == amount


@pytest.mark.parametrize(("breach", "amount"), [(0, 0), (-9.9, 0), (-10, -10), (-20, -30), (-1000, -30)])
def test_below_the_threshold_the_upper_bound_is_inclusive(breach: float, amount: int) -> None:
    step = step_for(IN, breach)
    assert step is not None
    assert step.amount == amount


def test_a_metric_outside_all_steps_changes_nothing() -> None:
    assert step_outcome(step_policy(OUT), room(10), 40, THRESHOLD).verdict is Verdict.NO_STEP
    assert step_outcome(step_policy(OUT), room(10), None, THRESHOLD).verdict is Verdict.NO_DATA


@pytest.mark.parametrize(
    ("adjustment", "current", "amount", "least", "after"),
    [
        (Adjustment.CHANGE, 3, 5, 0, 8),
        (Adjustment.EXACT, 3, 5, 0, 5),
        (Adjustment.PERCENT, 10, 10, 0, 11),
        (Adjustment.PERCENT, 4, 25, 2, 6),
        (Adjustment.PERCENT, 4, -25, 2, 2),
        (Adjustment.PERCENT, 4, 0, 2, 4),
    ],
)
def test_adjustment_types(adjustment: Adjustment, current: int, amount: int, least: int, after: int) -> None:
    assert adjusted(current, adjustment, amount, least) == after


def test_a_group_stays_within_its_limits() -> None:
    policy = ScalingPolicy("arn", "simple", PolicyKind.SIMPLE, amount=50)
    assert simple_outcome(policy, room(9, maximum=10)) == Outcome(10, Verdict.OUT)
    assert simple_outcome(policy, room(10, maximum=10)) == Outcome(10, Verdict.UNCHANGED)
    assert simple_outcome(policy._replace(amount=-50), room(10, minimum=4)) == Outcome(4, Verdict.IN)


@pytest.mark.parametrize(
    ("steps", "says"),
    [
        ((), "You should specify at least one StepAdjustment with a StepScaling policy"),
        ((Step(None, None, 1),), "Both lower and upper bounds of a StepAdjustment cannot be left unspecified"),
        ((Step(5, 5, 1),), "LowerBound must be less than the UpperBound for StepAdjustment"),
        ((Step(0, 10, 1), Step(5, None, 2)), "StepAdjustment intervals cannot overlap"),
        ((Step(0, 10, 1), Step(15, None, 2)), "StepAdjustment intervals cannot have gaps between them"),
        ((Step(0, None, 1), Step(10, None, 2)), "At most one StepAdjustment may have an unspecified upper bound"),
        ((Step(None, 0, 1), Step(None, -5, 2)), "At most one StepAdjustment may have an unspecified lower bound"),
        (
            (Step(1, 2, 1),),
            "There must be a StepAdjustment with an unspecified upper bound (i.e., upper bound is null) when one "
            "StepAdjustment has a positive upper bound",
        ),
        (
            (Step(-10, 0, -1),),
            "There must be a StepAdjustment with an unspecified lower bound (i.e., lower bound is null) when one "
            "StepAdjustment has a negative lower bound",
        ),
        (tuple(Step(n, n + 1, 1) for n in range(21)), "There can be at most 20 step adjustments per scaling policy"),
    ],
)
def test_steps_that_aws_refuses(steps: tuple[Step, ...], says: str) -> None:
    assert steps_problem(steps, Adjustment.CHANGE) == says


def test_the_guides_steps_are_accepted() -> None:
    assert steps_problem(OUT, Adjustment.PERCENT) is None
    assert steps_problem(IN, Adjustment.PERCENT) is None


@given(
    bounds=st.lists(st.integers(-40, 40), min_size=1, max_size=6, unique=True),
    breach=st.floats(-60, 60),
)
def test_steps_without_gaps_have_exactly_one_for_every_metric(bounds: list[int], breach: float) -> None:
    edges = [None, *sorted(bounds), None]
    steps = tuple(Step(low, high, index) for index, (low, high) in enumerate(pairwise(edges)))
    assert steps_problem(steps, Adjustment.CHANGE) is None
    found = step_for(steps, breach)
    assert found is not None
    assert (-math.inf if found.lower is None else found.lower) <= breach
    assert breach <= (math.inf if found.upper is None else found.upper)


@pytest.mark.parametrize(
    ("current", "metric", "after"),
    [(3, 75, 5), (10, 50, 10), (10, 42.5, 9), (7, 42.5, 6), (2, 40, 2), (4, 0, 0)],
)
def test_target_tracking_rounds_up_in_both_directions(current: int, metric: float, after: int) -> None:
    """Adding 1.5 instances adds two; removing 1.5 removes one."""
    assert tracking_outcome(tracking(50), room(current), metric).capacity == after


def test_target_tracking_scales_in_gradually() -> None:
    """Users' activities: 7 to 6; 4 to 3 and then 2, with hardly any load left."""
    assert [tracking_outcome(tracking(50), room(size), 1, 10).capacity for size in (7, 4, 3)] == [6, 3, 2]
    assert tracking_outcome(tracking(50), room(40), 1, 10).capacity == 36


def test_a_metric_measured_with_more_instances_removes_no_further_one() -> None:
    """30 % over four are 40 % over three: the one that has just left is not removed twice."""
    left = room(3)._replace(measured=4)
    assert tracking_outcome(tracking(50), left, 30) == Outcome(3, Verdict.UNCHANGED)
    assert tracking_outcome(tracking(50), left._replace(measured=0), 30) == Outcome(2, Verdict.IN)


def test_target_tracking_counts_warming_instances_towards_the_next_scale_out() -> None:
    assert tracking_outcome(tracking(50), room(6, warming=2), 70) == Outcome(6, Verdict.UNCHANGED)
    assert tracking_outcome(tracking(50), room(6, warming=2), 100) == Outcome(8, Verdict.OUT)
    assert tracking_outcome(tracking(50), room(6, warming=2), 10) == Outcome(6, Verdict.WARMING_UP)


def test_target_tracking_without_data_does_not_scale() -> None:
    assert tracking_outcome(tracking(50), room(6), None).verdict is Verdict.NO_DATA


def test_target_tracking_begins_with_one_instance() -> None:
    assert tracking_outcome(tracking(50), room(0), 500) == Outcome(1, Verdict.OUT)
    assert tracking_outcome(tracking(50), room(1, warming=1), 500) == Outcome(1, Verdict.UNCHANGED)


def test_disabled_scale_in_leaves_only_the_high_alarm() -> None:
    assert tracking_outcome(tracking(50, scales_in=False), room(6), 5).verdict is Verdict.SCALE_IN_DISABLED
    assert [alarm.kind for alarm in tracking_alarms(50, 0.9, scales_in=False)] == ["AlarmHigh"]


def test_the_alarms_are_those_that_aws_makes() -> None:
    """Seen on AWS: for a target of 60 above 60 for 3 minutes, below 54 for 15 minutes."""
    high, low = tracking_alarms(60, 0.9, scales_in=True)
    assert (high.comparison, high.threshold, high.periods) == ("GreaterThanThreshold", 60, 3)
    assert (low.comparison, low.threshold, low.periods) == ("LessThanThreshold", 54, 15)


@given(capacity=st.integers(1, 1000), metric=st.floats(0.1, 1000), target=st.floats(1, 1000))
def test_the_metric_predicted_after_target_tracking_is_not_above_the_target(
    capacity: int, metric: float, target: float
) -> None:
    after = tracking_outcome(tracking(target), room(capacity, maximum=10**9), metric).capacity
    assert metric * capacity / after <= target * (1 + 1e-6)


def proposal(kind: PolicyKind, capacity: int, verdict: Verdict) -> Proposal:
    return Proposal(ScalingPolicy("arn", kind.value, kind), Outcome(capacity, verdict), str(capacity))


def test_of_several_policies_the_largest_capacity_wins() -> None:
    """The guide's examples: one wants one instance, the other two; 8 instances, minus three or minus 25 percent."""
    step, simple = PolicyKind.STEP, PolicyKind.SIMPLE
    out = settle([proposal(step, 9, Verdict.OUT), proposal(simple, 10, Verdict.OUT)], ready_to_scale_in=True)
    within = settle([proposal(step, 5, Verdict.IN), proposal(simple, 6, Verdict.IN)], ready_to_scale_in=True)
    mixed = settle([proposal(step, 5, Verdict.IN), proposal(simple, 9, Verdict.OUT)], ready_to_scale_in=True)
    assert [found.outcome.capacity for found in (out, within, mixed) if found] == [10, 6, 9]


def test_target_tracking_scales_in_only_together() -> None:
    alone = [proposal(PolicyKind.TARGET_TRACKING, 5, Verdict.IN)]
    assert settle(alone, ready_to_scale_in=False) is None
    assert settle(alone, ready_to_scale_in=True) is alone[0]
    step = proposal(PolicyKind.STEP, 4, Verdict.IN)
    assert settle([*alone, step], ready_to_scale_in=False) is step


def group(*members: MemberSnapshot, desired: int | None = None) -> GroupSnapshot:
    return GroupSnapshot(
        name="web", desired=len(members) if desired is None else desired, zones=("a",), members=members
    )


def member(name: str, launched_s: float, in_service_s: float | None = None) -> MemberSnapshot:
    lifecycle = Lifecycle.PENDING if in_service_s is None else Lifecycle.IN_SERVICE
    return MemberSnapshot(name, "a", lifecycle, "running", launched_s=launched_s, in_service_s=in_service_s)


def test_instances_launched_for_a_policy_warm_up_from_their_coming_into_service() -> None:
    scale_outs = [ScaleOut(at_s=100, warm_up_s=60, wanted=2)]
    launching = warm_up(group(member("old", 0, 10), desired=3), scale_outs, None, 100)
    assert (launching.to_come, launching.warming) == (2, frozenset())
    coming = warm_up(group(member("old", 0, 10), member("new", 101), desired=3), launching.scale_outs, None, 110)
    assert (coming.to_come, coming.warming) == (1, {"new"})
    both = group(member("old", 0, 10), member("new", 101, 120), member("newer", 111, 130))
    assert warm_up(both, coming.scale_outs, None, 179.9).warming == {"new", "newer"}
    assert warm_up(both, coming.scale_outs, None, 180).warming == {"newer"}
    assert warm_up(both, coming.scale_outs, None, 190) == ((), frozenset(), 0)


def test_a_launch_that_never_comes_is_not_waited_for() -> None:
    scale_outs = [ScaleOut(at_s=100, warm_up_s=60, wanted=2)]
    assert warm_up(group(member("old", 0, 10)), scale_outs, None, 400).to_come == 0


def test_a_default_instance_warmup_is_for_every_new_instance() -> None:
    made = group(member("first", 0, 20), member("second", 50, 70))
    assert warm_up(made, (), 60, 100).warming == {"second"}
    assert warm_up(made, (), 0, 100).warming == frozenset()
    assert warm_up(made, (), None, 21).warming == frozenset()


@pytest.mark.parametrize(
    ("lifecycle", "ended_s", "held"),
    [
        (Lifecycle.IN_SERVICE, None, Hold.NONE),
        (Lifecycle.PENDING, None, Hold.ACTIVITY),
        (Lifecycle.PENDING_WAIT, 10, Hold.ACTIVITY),
        (Lifecycle.TERMINATING, 10, Hold.ACTIVITY),
        (Lifecycle.TERMINATING_WAIT, 10, Hold.NONE),
        (Lifecycle.IN_SERVICE, 700, Hold.NONE),
        (Lifecycle.IN_SERVICE, 701, Hold.COOLDOWN),
    ],
)
def test_the_cooldown_begins_when_the_last_activity_ends(
    lifecycle: Lifecycle, ended_s: float | None, held: Hold
) -> None:
    one = MemberSnapshot("i", "a", lifecycle, "running")
    assert hold(group(one), ended_s, cooldown_s=300, now_s=1000) is held
