from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blackstart.emulator.decisions.capacity import CapacityDecision, decide_capacity
from blackstart.emulator.decisions.member_health import (
    first_look_after,
    mark_elb_unhealthy,
    mark_impaired,
    mark_not_running,
)
from blackstart.emulator.decisions.placement import PlacementReason, place
from blackstart.emulator.decisions.scaling_group import GroupSnapshot, Lifecycle, MemberSnapshot, Unhealthy, Why

ZONES = ("a", "b", "c")


def member(index: int, **given_: Any) -> MemberSnapshot:
    values = {
        "instance_id": f"i-{index}",
        "zone": ZONES[index % 3],
        "lifecycle": Lifecycle.IN_SERVICE,
        "ec2_state": "running",
        "launched_s": float(index),
        "in_service_s": 0.0,
        **given_,
    }
    return MemberSnapshot(**values)


def group(*members: MemberSnapshot, desired: int | None = None, **given_: Any) -> GroupSnapshot:
    size = len(members) if desired is None else desired
    return GroupSnapshot(name="web", desired=size, zones=ZONES, members=members, **given_)


def decided(snapshot: GroupSnapshot) -> CapacityDecision:
    return decide_capacity(snapshot, 1000.0)


def launches(decision: CapacityDecision) -> list[tuple[str, Why]]:
    return [(launch.placement.zone, launch.why) for launch in decision.launch]


def terminated(decision: CapacityDecision) -> list[str]:
    return [termination.instance_id for termination in decision.terminate]


def sick(index: int, reason: Unhealthy = Unhealthy.LOAD_BALANCER) -> MemberSnapshot:
    return member(index, unhealthy=reason)


def test_an_empty_group_launches_evenly_over_its_zones() -> None:
    decision = decided(group(desired=6))
    assert Counter(zone for zone, _ in launches(decision)) == {"a": 2, "b": 2, "c": 2}
    assert {why for _, why in launches(decision)} == {Why.SCALE_OUT}


def test_the_zone_with_the_fewest_instances_comes_first() -> None:
    assert place(ZONES, {"a": 2, "b": 1, "c": 2}, 1)[0].zone == "b"
    assert place(ZONES, {"a": 2, "b": 1, "c": 2}, 1)[0].reason is PlacementReason.FEWEST_INSTANCES
    assert place(ZONES, {}, 1)[0].reason is PlacementReason.FIRST_OF_EQUALS


@given(st.dictionaries(st.sampled_from(ZONES), st.integers(0, 20)), st.integers(0, 40))
def test_placement_never_makes_the_zones_less_even_than_they_must_be(crowd: dict[str, int], count: int) -> None:
    placed = place(ZONES, crowd, count)
    assert len(placed) == count
    after = {zone: crowd.get(zone, 0) + sum(p.zone == zone for p in placed) for zone in ZONES}
    grown = {placement.zone for placement in placed}
    assert all(after[zone] <= min(after.values()) + 1 for zone in grown)


def test_a_group_without_a_zone_is_an_error() -> None:
    with pytest.raises(ValueError, match="at least one zone"):
        place((), {}, 1)


def test_an_instance_that_is_not_running_is_unhealthy_even_inside_the_grace_period() -> None:
    snapshot = group(member(0, ec2_state="shutting-down", in_service_s=99.0), member(1), grace_period_s=300)
    assert [mark.instance_id for mark in mark_not_running(snapshot)] == ["i-0"]


@pytest.mark.parametrize(("now_s", "look_s"), [(100.0, 130.0), (129.9, 130.0), (130.0, 160.0), (171.0, 190.0)])
def test_a_group_looks_at_its_instances_whole_periods_after_its_creation(now_s: float, look_s: float) -> None:
    assert first_look_after(100.0, 30.0, now_s) == look_s


def test_an_elb_failure_counts_only_after_the_grace_period() -> None:
    snapshot = group(member(0, elb_unhealthy=True, in_service_s=50), member(1), elb_checks=True, grace_period_s=100)
    assert mark_elb_unhealthy(snapshot, 149) == ()
    assert [mark.reason for mark in mark_elb_unhealthy(snapshot, 150)] == [Unhealthy.LOAD_BALANCER]


def test_a_group_of_type_ec2_does_not_ask_the_load_balancer() -> None:
    assert mark_elb_unhealthy(group(member(0, elb_unhealthy=True), member(1)), 1000) == ()


def test_with_every_instance_elb_unhealthy_only_one_is_marked_at_a_time() -> None:
    everyone = group(*(member(i, elb_unhealthy=True) for i in range(6)), elb_checks=True)
    assert [mark.instance_id for mark in mark_elb_unhealthy(everyone, 1000)] == ["i-0"]
    one_marked = group(sick(0), *(member(i, elb_unhealthy=True) for i in range(1, 6)), elb_checks=True)
    assert mark_elb_unhealthy(one_marked, 1000) == ()


def test_a_suspended_health_check_marks_nobody() -> None:
    snapshot = group(
        member(0, ec2_state="stopped"),
        member(1, elb_unhealthy=True),
        member(2),
        elb_checks=True,
        suspended=frozenset({"HealthCheck"}),
    )
    assert mark_not_running(snapshot) == ()
    assert mark_elb_unhealthy(snapshot, 1000) == ()


def test_an_unhealthy_instance_is_terminated_and_replaced_at_the_same_time() -> None:
    decision = decided(group(sick(0), member(1), member(2)))
    assert terminated(decision) == ["i-0"]
    assert launches(decision) == [("a", Why.REPLACES_UNHEALTHY)]


def test_at_most_ten_percent_are_replaced_at_once_but_at_least_one() -> None:
    few = group(*(sick(i) for i in range(3)), *(member(i) for i in range(3, 6)))
    many = group(*(sick(i) for i in range(9)), *(member(i) for i in range(9, 30)))
    assert len(decided(few).terminate) == 1
    assert len(decided(many).terminate) == 3


def test_the_next_one_waits_until_the_replacement_is_in_service() -> None:
    waiting = group(sick(0), member(1), member(2, lifecycle=Lifecycle.PENDING, in_service_s=None))
    assert decided(waiting).terminate == ()


def test_instances_that_are_not_running_are_replaced_all_at_once() -> None:
    decision = decided(group(*(sick(i, Unhealthy.NOT_RUNNING) for i in range(4)), member(4), member(5)))
    assert len(decision.terminate) == 4
    assert len(decision.launch) == 4


def test_a_maintenance_policy_of_100_percent_launches_first() -> None:
    policy: dict[str, Any] = {"min_healthy_percent": 100, "max_healthy_percent": 110}
    before = decided(group(sick(0), member(1), member(2), **policy))
    assert (terminated(before), launches(before)) == ([], [("a", Why.REPLACES_UNHEALTHY)])
    launching = member(3, lifecycle=Lifecycle.PENDING, in_service_s=None)
    during = decided(group(sick(0), member(1), member(2), launching, desired=3, **policy))
    assert (terminated(during), launches(during)) == ([], [])
    after = decided(group(sick(0), member(1), member(2), member(3), desired=3, **policy))
    assert (terminated(after), launches(after)) == (["i-0"], [])


def test_suspending_launch_still_terminates_the_unhealthy() -> None:
    decision = decided(group(sick(0), member(1), member(2), suspended=frozenset({"Launch"})))
    assert (terminated(decision), launches(decision)) == (["i-0"], [])


@pytest.mark.parametrize("process", ["Terminate", "ReplaceUnhealthy"])
def test_suspending_terminate_or_replace_unhealthy_replaces_nobody(process: str) -> None:
    decision = decided(group(sick(0), member(1), member(2), suspended=frozenset({process})))
    assert decision == CapacityDecision()


def test_scale_in_takes_from_the_fullest_zone_the_oldest_template_first() -> None:
    members = [member(0), member(3, template_version=2), member(1), member(2)]
    assert terminated(decided(group(*members, desired=3))) == ["i-0"]


def test_scale_in_leaves_the_protected_alone_and_takes_the_unhealthy_first() -> None:
    snapshot = group(
        member(0, protected=True), sick(4), member(2), desired=2, suspended=frozenset({"ReplaceUnhealthy"})
    )
    assert terminated(decided(snapshot)) == ["i-4"]
    assert terminated(decided(group(member(0, protected=True), desired=0))) == []


def test_members_in_standby_do_not_count() -> None:
    decision = decided(group(member(0, lifecycle=Lifecycle.STANDBY), member(1), desired=2))
    assert len(decision.launch) == 1


members_strategy = st.lists(
    st.builds(
        lambda index, lifecycle, unhealthy, protected: member(
            index,
            lifecycle=lifecycle,
            unhealthy=unhealthy,
            protected=protected,
            in_service_s=None if lifecycle is Lifecycle.PENDING else 0.0,
        ),
        st.integers(0, 10_000),
        st.sampled_from([Lifecycle.PENDING, Lifecycle.IN_SERVICE, Lifecycle.TERMINATING, Lifecycle.STANDBY]),
        st.sampled_from([None, *Unhealthy]),
        st.booleans(),
    ),
    max_size=25,
    unique_by=lambda m: m.instance_id,
)


@given(
    members_strategy,
    st.integers(0, 20),
    st.frozensets(st.sampled_from(["Launch", "Terminate", "ReplaceUnhealthy"])),
    st.sampled_from([(None, None), (100, 110), (100, 200), (50, 100), (90, 100)]),
)
def test_no_decision_overshoots_or_touches_who_it_must_not(
    members: list[MemberSnapshot], desired: int, suspended: frozenset[str], policy: tuple[int | None, int | None]
) -> None:
    snapshot = group(
        *members,
        desired=desired,
        suspended=suspended,
        min_healthy_percent=policy[0],
        max_healthy_percent=policy[1],
    )
    decision = decided(snapshot)
    by_id = {m.instance_id: m for m in members}
    counted = [m for m in members if m.lifecycle in (Lifecycle.PENDING, Lifecycle.IN_SERVICE)]
    chosen = terminated(decision)
    assert len(chosen) == len(set(chosen))
    assert all(by_id[i].lifecycle in (Lifecycle.PENDING, Lifecycle.IN_SERVICE) for i in chosen)
    assert not ("Launch" in suspended and decision.launch)
    assert not ("Terminate" in suspended and decision.terminate)
    for termination in decision.terminate:
        if termination.why is Why.SCALE_IN:
            assert not by_id[termination.instance_id].protected
    after = len(counted) - len(chosen) + len(decision.launch)
    waiting = sum(m.unhealthy is not None for m in counted) if policy[0] == 100 else 0
    if decision.launch:
        assert after <= desired + waiting
    if "Launch" not in suspended:
        assert after >= min(desired, len(counted))


@given(st.integers(1, 12), st.integers(0, 12), st.sampled_from([(None, None), (100, 110), (90, 120)]))
def test_a_group_settles_healthy_and_complete_from_any_number_of_unhealthy_members(
    desired: int, unhealthy: int, policy: tuple[int | None, int | None]
) -> None:
    """Carry the decisions out step by step: it ends, and nobody unhealthy is left."""
    members = [sick(i) if i < unhealthy else member(i) for i in range(desired)]
    fresh = 1000
    for _ in range(60):
        snapshot = group(*members, desired=desired, min_healthy_percent=policy[0], max_healthy_percent=policy[1])
        decision = decided(snapshot)
        gone = set(terminated(decision))
        members = [
            m._replace(lifecycle=Lifecycle.IN_SERVICE, in_service_s=0.0) for m in members if m.instance_id not in gone
        ]
        for launch in decision.launch:
            fresh += 1
            members.append(member(fresh, zone=launch.placement.zone, lifecycle=Lifecycle.PENDING, in_service_s=None))
        if policy[0] == 100:
            healthy = sum(m.unhealthy is None and m.lifecycle is Lifecycle.IN_SERVICE for m in members)
            assert healthy >= desired - unhealthy
    assert len(members) == desired
    assert all(m.unhealthy is None for m in members)


def policy(minimum: int, maximum: int) -> dict[str, Any]:
    return {"min_healthy_percent": minimum, "max_healthy_percent": maximum}


@pytest.mark.parametrize(
    ("minimum", "maximum", "terminated_now", "launched_now"),
    [
        (100, 120, 0, 2),  # launch before terminating, as many as the maximum leaves room for
        (90, 100, 1, 1),  # terminate and launch, as many as the minimum leaves
        (90, 120, 1, 3),  # both margins at once
        (50, 150, 4, 4),  # room for all four
        (100, 100, 0, 1),  # nothing may be missing: one more is unavoidable
    ],
)
def test_a_maintenance_policy_replaces_four_of_ten_within_its_margins(
    minimum: int, maximum: int, terminated_now: int, launched_now: int
) -> None:
    ten = [*(sick(i) for i in range(4)), *(member(i) for i in range(4, 10))]
    decision = decided(group(*ten, **policy(minimum, maximum)))
    assert (len(decision.terminate), len(decision.launch)) == (terminated_now, launched_now)
    assert {why for _, why in launches(decision)} == {Why.REPLACES_UNHEALTHY}


def test_an_instance_that_still_warms_up_does_not_make_room_for_the_next_replacement() -> None:
    fresh = member(3, in_service_s=950.0, launched_for=Why.REPLACES_UNHEALTHY)
    warming = group(sick(0), member(1), member(2), fresh, desired=4, warm_up_s=60.0)
    assert terminated(decided(warming)) == []
    assert terminated(decided(warming._replace(warm_up_s=50.0))) == ["i-0"]


def test_what_a_user_calls_unhealthy_is_replaced_at_once_and_all_of_it() -> None:
    decision = decided(group(*(sick(i, Unhealthy.CUSTOM) for i in range(3)), *(member(i) for i in range(3, 6))))
    assert len(decision.terminate) == len(decision.launch) == 3


def test_impaired_status_checks_count_after_some_patience_and_the_grace_period() -> None:
    snapshot = group(member(0, impaired_since_s=100.0, in_service_s=50.0), member(1), grace_period_s=300.0)
    assert mark_impaired(snapshot, 180.0, 340.0) == ()
    assert [mark.reason for mark in mark_impaired(snapshot, 180.0, 350.0)] == [Unhealthy.IMPAIRED]
    assert mark_impaired(snapshot._replace(grace_period_s=0.0), 180.0, 279.0) == ()


def test_launches_ahead_of_terminations_are_not_taken_for_a_surplus() -> None:
    coming = member(3, zone="a", lifecycle=Lifecycle.PENDING, in_service_s=None, launched_for=Why.REBALANCING)
    two_in_b = [member(0, zone="b"), member(1, zone="b"), member(2, zone="c")]
    assert decided(group(*two_in_b, coming, desired=3)) == CapacityDecision()
    there = coming._replace(lifecycle=Lifecycle.IN_SERVICE, in_service_s=999.0)
    assert terminated(decided(group(*two_in_b, there, desired=3)))[0] in ("i-0", "i-1")


def rebalancing(maximum: int, **given_: Any) -> int:
    """How many of forty instances, all in two of three zones, are launched for balance at once."""
    forty = [member(index, zone="ab"[index % 2]) for index in range(40)]
    decision = decided(group(*forty, maximum=maximum, **given_))
    assert not decision.terminate
    assert set(launches(decision)) <= {("c", Why.REBALANCING)}
    return len(decision.launch)


def test_rebalancing_exceeds_the_maximum_by_ten_percent_and_moves_ten_percent_at_once() -> None:
    assert rebalancing(maximum=40) == 4
    assert rebalancing(maximum=100) == 4


def test_a_maintenance_policy_that_lets_the_group_grow_bounds_rebalancing() -> None:
    assert rebalancing(maximum=100, **policy(90, 105)) == 2
    assert rebalancing(maximum=100, **policy(90, 100)) == 4


@pytest.mark.parametrize(
    "at_work",
    [
        {"suspended": frozenset({"AZRebalance"})},
        {"suspended": frozenset({"Launch"})},
        {"shifted_zones": frozenset({"a"})},
        {"failed_zones": frozenset({"c"})},
    ],
)
def test_what_keeps_a_group_from_rebalancing(at_work: dict[str, Any]) -> None:
    assert rebalancing(maximum=100, **at_work) == 0


def test_instances_that_are_protected_are_not_moved() -> None:
    six = [member(index, zone="ab"[index % 2], protected=True) for index in range(6)]
    assert decided(group(*six)) == CapacityDecision()
