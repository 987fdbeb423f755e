"""Routing over zones, group health, fail-open, zonal shift and DNS failover as the ELB user guide describes them."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blackstart.domain.target_health import TargetState
from blackstart.emulator.decisions.dns_answer import DnsNode, GroupInZones, nodes_in_dns, rotated_addresses
from blackstart.emulator.decisions.group_health import below_minimum
from blackstart.emulator.decisions.routing import RoutableTarget, RouteReason, RoutingPool, routing_pool
from blackstart.emulator.snapshot import MinimumHealthy

ZONES = ("us-east-1a", "us-east-1b", "us-east-1c")
A, B, C = ZONES
NODES = tuple(DnsNode(zone=zone, address=f"127.0.1.{index}") for index, zone in enumerate(ZONES))
HALF = MinimumHealthy(count=1, ratio=0.5)


def target(name: str, zone: str, state: TargetState = TargetState.HEALTHY) -> RoutableTarget:
    return RoutableTarget(target_id=name, port=80, zone=zone, state=state)


def names(pool: RoutingPool) -> list[str]:
    return [one.target_id for one in pool.targets]


targets = st.lists(
    st.builds(
        RoutableTarget,
        target_id=st.uuids().map(str),
        port=st.just(80),
        zone=st.sampled_from(ZONES),
        state=st.sampled_from(TargetState),
    ),
    max_size=12,
)
minima = st.builds(MinimumHealthy, count=st.integers(1, 5), ratio=st.none() | st.floats(0.01, 1, allow_subnormal=False))


# --- which targets a node sends to


def test_a_node_sends_only_to_healthy_targets_while_there_is_one() -> None:
    registered = [target("sick", A, TargetState.UNHEALTHY), target("new", A, TargetState.INITIAL), target("well", B)]
    pool = routing_pool(registered, A, cross_zone=True)
    assert (names(pool), pool.reason) == (["well"], RouteReason.HEALTHY)


def test_a_node_fails_open_to_all_registered_targets_when_none_is_healthy() -> None:
    registered = [
        target("sick", A, TargetState.UNHEALTHY),
        target("new", B, TargetState.INITIAL),
        target("leaving", A, TargetState.DRAINING),
        target("stopped", A, TargetState.UNUSED),
    ]
    pool = routing_pool(registered, A, cross_zone=True)
    assert (names(pool), pool.reason) == (["sick", "new"], RouteReason.FAIL_OPEN)


def test_with_cross_zone_off_a_node_fails_open_within_its_zone() -> None:
    registered = [target("sick", A, TargetState.UNHEALTHY), target("well", B)]
    pool = routing_pool(registered, A, cross_zone=False)
    assert (names(pool), pool.reason) == (["sick"], RouteReason.FAIL_OPEN)


def test_with_cross_zone_off_a_zone_without_targets_has_none_to_send_to() -> None:
    """Source: ELB user guide, "Edit target group attributes": an empty zone answers 503."""
    assert routing_pool([target("well", B)], A, cross_zone=False) == RoutingPool(
        targets=(), reason=RouteReason.NO_TARGET
    )


def test_unused_and_draining_targets_alone_are_no_target() -> None:
    registered = [target("a", A, TargetState.DRAINING), target("b", A, TargetState.UNUSED)]
    assert routing_pool(registered, A, cross_zone=True).reason is RouteReason.NO_TARGET


@given(targets, st.sampled_from(ZONES), st.booleans(), minima, st.none() | st.sampled_from(ZONES))
def test_only_registered_targets_of_the_nodes_scope_get_requests(
    registered: list[RoutableTarget], zone: str, cross_zone: bool, minimum: MinimumHealthy, shifted: str | None
) -> None:
    pool = routing_pool(registered, zone, cross_zone, minimum, shifted)
    states = {one.state for one in pool.targets}
    assert not states & {TargetState.UNUSED, TargetState.DRAINING}
    assert cross_zone or {one.zone for one in pool.targets} <= {zone}
    if pool.reason is RouteReason.HEALTHY:
        assert not states & {TargetState.UNHEALTHY, TargetState.INITIAL}
    reachable = [
        one
        for one in registered
        if one.state not in {TargetState.UNUSED, TargetState.DRAINING} and (cross_zone or one.zone == zone)
    ]
    assert bool(pool.targets) == bool(reachable) == (pool.reason is not RouteReason.NO_TARGET)


# --- target group health


def test_the_guides_example_of_ten_targets_a_zone_of_which_six_fail_in_one() -> None:
    """Source: ELB user guide, "Target group health", example: both thresholds 50 %."""
    registered = [target(f"a{i}", A) for i in range(10)] + [
        target(f"b{i}", B, TargetState.UNHEALTHY if i < 6 else TargetState.HEALTHY) for i in range(10)
    ]
    off = {zone: routing_pool(registered, zone, cross_zone=False, minimum=HALF) for zone in (A, B)}
    assert (len(off[A].targets), off[A].reason) == (10, RouteReason.HEALTHY)
    assert (len(off[B].targets), off[B].reason) == (10, RouteReason.FAIL_OPEN)
    on = routing_pool(registered, B, cross_zone=True, minimum=HALF)
    assert (len(on.targets), on.reason) == (14, RouteReason.HEALTHY)
    counts = {"healthy": {A: 10, B: 4}, "registered": {A: 10, B: 10}, "minimum": HALF}
    assert nodes_in_dns(NODES[:2], [GroupInZones(**counts, cross_zone=False)]) == NODES[:1]
    assert nodes_in_dns(NODES[:2], [GroupInZones(**counts, cross_zone=True)]) == NODES[:2]


@pytest.mark.parametrize(
    ("healthy", "registered", "minimum", "below"),
    [
        (0, 3, MinimumHealthy(), True),
        (1, 100, MinimumHealthy(), False),
        (2, 10, MinimumHealthy(count=3), True),
        (3, 10, MinimumHealthy(count=3), False),
        (4, 10, HALF, True),
        (5, 10, HALF, False),
        (7, 100, MinimumHealthy(ratio=0.07), False),
        (5, 10, MinimumHealthy(count=6, ratio=0.5), True),
        (6, 20, MinimumHealthy(count=6, ratio=0.5), True),
    ],
)
def test_a_group_is_unhealthy_below_either_threshold(
    healthy: int, registered: int, minimum: MinimumHealthy, below: bool
) -> None:
    """Source: ELB user guide, "Target group health": the action is taken when either threshold is breached."""
    assert below_minimum(healthy, registered, minimum) is below


def test_a_stopped_instance_counts_as_registered_but_a_draining_one_does_not() -> None:
    registered = [target("well", A), target("stopped", A, TargetState.UNUSED), target("off", A, TargetState.UNUSED)]
    assert routing_pool(registered, A, cross_zone=True, minimum=HALF).reason is RouteReason.FAIL_OPEN
    leaving = [target("well", A), target("b", A, TargetState.DRAINING), target("c", A, TargetState.DRAINING)]
    assert routing_pool(leaving, A, cross_zone=True, minimum=HALF).reason is RouteReason.HEALTHY


# --- zonal shift

SPREAD = [target("a", A), target("b", B), target("c", C)]


@pytest.mark.parametrize("node_zone", ZONES)
def test_during_a_shift_no_node_sends_to_the_targets_of_the_zone(node_zone: str) -> None:
    """Source: ELB user guide, "Zonal shift for your Application Load Balancer" (cross-zone load balancing)."""
    pool = routing_pool(SPREAD, node_zone, cross_zone=True, shifted_zone=A)
    assert (names(pool), pool.reason) == (["b", "c"], RouteReason.HEALTHY)


def test_with_cross_zone_off_the_shifted_zones_node_goes_on_serving_whoever_finds_it() -> None:
    assert names(routing_pool(SPREAD, A, cross_zone=False, shifted_zone=A)) == ["a"]


def test_a_shift_moves_nothing_when_no_target_elsewhere_is_healthy() -> None:
    """Source: ARC developer guide, "How a zonal shift works": when traffic does not shift away."""
    elsewhere_sick = [target("a", A), target("b", B, TargetState.UNHEALTHY)]
    assert names(routing_pool(elsewhere_sick, B, cross_zone=True, shifted_zone=A)) == ["a"]
    assert names(routing_pool([target("a", A)], B, cross_zone=True, shifted_zone=A)) == ["a"]


# --- DNS


def group(healthy: dict[str, int], cross_zone: bool, registered: dict[str, int] | None = None) -> GroupInZones:
    return GroupInZones(healthy=healthy, registered=registered or dict.fromkeys(ZONES, 2), cross_zone=cross_zone)


def zones(nodes: Sequence[DnsNode]) -> list[str]:
    return [node.zone for node in nodes]


def test_with_cross_zone_on_losing_one_zones_targets_keeps_its_node_in_dns() -> None:
    assert nodes_in_dns(NODES, [group({A: 0, B: 2, C: 2}, cross_zone=True)]) == NODES


def test_with_cross_zone_off_a_zone_whose_targets_are_all_unhealthy_leaves_dns() -> None:
    assert zones(nodes_in_dns(NODES, [group({B: 2, C: 2}, cross_zone=False)])) == [B, C]


def test_with_cross_zone_off_a_zone_without_any_target_stays_in_dns() -> None:
    """Source: ELB user guide, "Edit target group attributes": zonal addresses of empty subnets are exposed in DNS."""
    empty_a = group({B: 2, C: 2}, cross_zone=False, registered={B: 2, C: 2})
    assert nodes_in_dns(NODES, [empty_a]) == NODES


def test_a_zone_leaves_dns_when_any_target_group_is_unhealthy_there() -> None:
    """Source: ELB user guide, "Edit target group attributes" (cross-zone: at least one group with all unhealthy)."""
    groups = [group(dict.fromkeys(ZONES, 2), cross_zone=False), group({A: 1, B: 1}, cross_zone=False)]
    assert zones(nodes_in_dns(NODES, groups)) == [A, B]


def test_each_group_counts_by_its_own_cross_zone_setting() -> None:
    groups = [group({A: 2, B: 2}, cross_zone=True), group({B: 2, C: 2}, cross_zone=False)]
    assert zones(nodes_in_dns(NODES, groups)) == [B, C]


@pytest.mark.parametrize("cross_zone", [True, False])
def test_when_all_zones_are_unhealthy_all_stay_in_dns(cross_zone: bool) -> None:
    assert nodes_in_dns(NODES, [group({}, cross_zone)]) == NODES


def test_a_load_balancer_that_forwards_to_no_group_keeps_all_nodes_in_dns() -> None:
    assert nodes_in_dns(NODES, []) == NODES


def test_a_shifted_zone_leaves_dns_unless_no_other_zone_is_healthy() -> None:
    assert zones(nodes_in_dns(NODES, [], shifted_zone=B)) == [A, C]
    only_a = group({A: 2}, cross_zone=False)
    assert nodes_in_dns(NODES, [only_a], shifted_zone=A) == NODES


def test_each_dns_answer_lists_all_nodes_and_starts_one_further() -> None:
    first, second, third = (node.address for node in NODES)
    assert rotated_addresses(NODES, 0) == (first, second, third)
    assert rotated_addresses(NODES, 1) == (second, third, first)
    assert rotated_addresses(NODES, 5) == (third, first, second)
    assert rotated_addresses((), 3) == ()
