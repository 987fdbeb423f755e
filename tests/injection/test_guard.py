"""The blast radius."""

from collections.abc import Callable

import pytest
from hypothesis import HealthCheck as Hypothesis
from hypothesis import given, settings
from hypothesis import strategies as st

from blackstart.domain.errors import GuardError
from blackstart.domain.experiment import BlastRadius
from blackstart.domain.stack import Stack
from blackstart.domain.target_health import TargetState
from blackstart.injection.guard import capacity_by_zone, check_blast_radius

WIDE = {"max_count": 100, "max_percent": 100, "max_percent_per_zone": 100, "max_zones": 9, "keep_healthy": 0}


@pytest.mark.parametrize(
    ("limit", "value", "affected", "says"),
    [
        ("max_count", 1, ["i-a0", "i-a1"], "2 instances would be affected, 1 are allowed"),
        ("max_percent", 20, ["i-a0", "i-a1"], r"2 of 6 instances of group web-asg would be affected \(33 %\), 20 %"),
        ("max_percent_per_zone", 50, ["i-a0", "i-a1"], r"2 of 2 instances of group web-asg in us-east-1a .*, 50 %"),
        ("max_zones", 1, ["i-a0", "i-b0"], r"2 zones would be affected \(us-east-1a, us-east-1b\), 1 are"),
        ("keep_healthy", 5, ["i-a0", "i-a1"], "target group web would keep 4 healthy targets, 5 must stay"),
    ],
)
def test_each_limit_is_named_with_its_figures_and_a_way_out(
    six: Stack, limit: str, value: float, affected: list[str], says: str
) -> None:
    with pytest.raises(GuardError, match=says) as refused:
        check_blast_radius(affected, six, BlastRadius.model_validate(WIDE | {limit: value}))
    assert f"({limit})" in refused.value.message
    assert f"blast_radius.{limit}" in refused.value.way_out


def test_a_plan_exactly_at_every_limit_is_accepted(six: Stack) -> None:
    radius = BlastRadius(max_count=1, max_percent=100 / 6, max_percent_per_zone=50, max_zones=1, keep_healthy=5)
    check_blast_radius(["i-b1"], six, radius)
    with pytest.raises(GuardError, match="max_count"):
        check_blast_radius(["i-b0", "i-b1"], six, radius)


def test_a_target_that_is_already_unhealthy_does_not_count_as_kept(six: Stack) -> None:
    group = six.target_groups[0]
    worse = group.model_copy(
        update={"targets": (group.targets[0].model_copy(update={"state": TargetState.UNHEALTHY}), *group.targets[1:])}
    )
    stack = six.model_copy(update={"target_groups": (worse,)})
    with pytest.raises(GuardError, match="would keep 4 healthy"):
        check_blast_radius(["i-b0"], stack, BlastRadius.model_validate(WIDE | {"keep_healthy": 5}))


def test_instances_outside_a_scaling_group_count_among_their_namesakes(stack_of: Callable[..., Stack]) -> None:
    alone = stack_of({"us-east-1a": 4}, grouped=False)
    with pytest.raises(GuardError, match="1 of 4 instances of group web"):
        check_blast_radius(["i-a0"], alone, BlastRadius.model_validate(WIDE | {"max_percent": 20}))


def test_capacity_tells_what_each_zone_is_left_with(six: Stack) -> None:
    assert [(c.zone, c.before, c.during) for c in capacity_by_zone({"i-a1"}, six)] == [
        ("us-east-1a", 2, 1),
        ("us-east-1b", 2, 2),
        ("us-east-1c", 2, 2),
    ]


@settings(suppress_health_check=[Hypothesis.function_scoped_fixture], max_examples=150, deadline=None)
@given(data=st.data())
def test_no_accepted_plan_ever_exceeds_any_limit(stack_of: Callable[..., Stack], data: st.DataObject) -> None:
    zones = ("us-east-1a", "us-east-1b", "us-east-1c")
    stack = stack_of({zone: data.draw(st.integers(0, 4)) for zone in zones}, grouped=data.draw(st.booleans()))
    all_ids = [i.instance_id for i in stack.instances]
    affected = data.draw(st.sets(st.sampled_from(all_ids))) if all_ids else set()
    radius = BlastRadius(
        max_count=data.draw(st.integers(1, 6)),
        max_percent=data.draw(st.integers(1, 100)),
        max_percent_per_zone=data.draw(st.integers(1, 100)),
        max_zones=data.draw(st.integers(1, 3)),
        keep_healthy=data.draw(st.integers(0, 12)),
    )
    try:
        check_blast_radius(affected, stack, radius)
    except GuardError:
        return
    hit = [i for i in stack.instances if i.instance_id in affected]
    assert len(hit) <= radius.max_count
    assert len({i.zone for i in hit}) <= radius.max_zones
    if hit:
        assert 100 * len(hit) <= radius.max_percent * len(all_ids)
        assert len(all_ids) - len(hit) >= radius.keep_healthy
    for zone in zones:
        there = [i for i in stack.instances if i.zone == zone]
        assert 100 * sum(i.zone == zone for i in hit) <= radius.max_percent_per_zone * len(there)
