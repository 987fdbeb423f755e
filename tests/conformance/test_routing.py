"""Routing over zones, fail-open and DNS failover as the ELB user guide describes them."""

from collections import Counter
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from blackstart.domain.target_health import TargetState
from blackstart.emulator.decisions.dns_answer import DnsNode, nodes_in_dns, rotated_addresses
from blackstart.emulator.decisions.routing import RoutableTarget, RouteReason, route, routing_pool

ZONES = ("us-east-1a", "us-east-1b", "us-east-1c")
NODES = tuple(DnsNode(zone=zone, address=f"127.0.1.{index}") for index, zone in enumerate(ZONES))


def target(name: str, zone: str, state: TargetState = TargetState.HEALTHY) -> RoutableTarget:
    return RoutableTarget(target_id=name, port=80, zone=zone, state=state)


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


def shares(cross_zone: bool) -> dict[str, Fraction]:
    """Each target's share of all requests when clients spread evenly over two zones' nodes."""
    registered = [target(f"a{i}", ZONES[0]) for i in range(2)] + [target(f"b{i}", ZONES[1]) for i in range(8)]
    counted: Counter[str] = Counter()
    for zone in ZONES[:2]:
        pool = routing_pool(registered, zone, cross_zone)
        for turn in range(40):
            chosen = route(pool, turn).target
            assert chosen is not None
            counted[chosen.target_id] += 1
    return {name: Fraction(count, 80) for name, count in counted.items()}


def test_with_cross_zone_on_two_and_eight_targets_get_ten_percent_each() -> None:
    """Source: ELB user guide, "How Elastic Load Balancing works", cross-zone load balancing."""
    assert set(shares(cross_zone=True).values()) == {Fraction(10, 100)}
    assert len(shares(cross_zone=True)) == 10


def test_with_cross_zone_off_two_targets_get_25_and_eight_get_6_25_percent_each() -> None:
    """Source: ELB user guide, "How Elastic Load Balancing works", cross-zone load balancing."""
    got = shares(cross_zone=False)
    assert {got["a0"], got["a1"]} == {Fraction(25, 100)}
    assert {got[f"b{i}"] for i in range(8)} == {Fraction(625, 10000)}


def test_a_node_sends_only_to_healthy_targets_while_there_is_one() -> None:
    registered = [
        target("sick", ZONES[0], TargetState.UNHEALTHY),
        target("new", ZONES[0], TargetState.INITIAL),
        target("well", ZONES[1]),
    ]
    pool = routing_pool(registered, ZONES[0], cross_zone=True)
    assert [one.target_id for one in pool.targets] == ["well"]
    assert pool.reason is RouteReason.HEALTHY


def test_a_node_fails_open_to_all_registered_targets_when_none_is_healthy() -> None:
    registered = [
        target("sick", ZONES[0], TargetState.UNHEALTHY),
        target("new", ZONES[1], TargetState.INITIAL),
        target("leaving", ZONES[0], TargetState.DRAINING),
        target("stopped", ZONES[0], TargetState.UNUSED),
    ]
    pool = routing_pool(registered, ZONES[0], cross_zone=True)
    assert [one.target_id for one in pool.targets] == ["sick", "new"]
    assert pool.reason is RouteReason.FAIL_OPEN


def test_with_cross_zone_off_a_node_fails_open_within_its_zone() -> None:
    registered = [target("sick", ZONES[0], TargetState.UNHEALTHY), target("well", ZONES[1])]
    pool = routing_pool(registered, ZONES[0], cross_zone=False)
    assert ([one.target_id for one in pool.targets], pool.reason) == (["sick"], RouteReason.FAIL_OPEN)


def test_with_cross_zone_off_a_zone_without_targets_has_none_to_send_to() -> None:
    pool = routing_pool([target("well", ZONES[1])], ZONES[0], cross_zone=False)
    assert route(pool, 0).target is None
    assert pool.reason is RouteReason.NO_TARGET


def test_unused_and_draining_targets_alone_are_no_target() -> None:
    registered = [target("a", ZONES[0], TargetState.DRAINING), target("b", ZONES[0], TargetState.UNUSED)]
    assert routing_pool(registered, ZONES[0], cross_zone=True).reason is RouteReason.NO_TARGET


@given(targets, st.sampled_from(ZONES), st.booleans())
def test_only_registered_targets_get_requests_and_healthy_ones_first(
    registered: list[RoutableTarget], zone: str, cross_zone: bool
) -> None:
    pool = routing_pool(registered, zone, cross_zone)
    states = {one.state for one in pool.targets}
    assert not states & {TargetState.UNUSED, TargetState.DRAINING}
    assert cross_zone or {one.zone for one in pool.targets} <= {zone}
    if TargetState.HEALTHY in states:
        assert not states & {TargetState.UNHEALTHY, TargetState.INITIAL}
    reachable = [
        one
        for one in registered
        if one.state not in {TargetState.UNUSED, TargetState.DRAINING} and (cross_zone or one.zone == zone)
    ]
    assert bool(pool.targets) == bool(reachable)


@given(targets, st.integers(0, 10_000), st.integers(1, 5))
def test_round_robin_gives_each_target_the_same_number_of_turns(
    registered: list[RoutableTarget], first: int, rounds: int
) -> None:
    pool = routing_pool(registered, ZONES[0], cross_zone=True)
    chosen = [route(pool, first + turn).target for turn in range(rounds * len(pool.targets))]
    assert Counter(one.target_id for one in chosen if one) == {one.target_id: rounds for one in pool.targets}


def test_with_cross_zone_on_losing_one_zones_targets_keeps_its_node_in_dns() -> None:
    healthy = {ZONES[0]: 0, ZONES[1]: 2, ZONES[2]: 2}
    assert nodes_in_dns(NODES, [healthy], cross_zone=True) == NODES


def test_with_cross_zone_off_a_zone_without_healthy_targets_leaves_dns() -> None:
    healthy = {ZONES[1]: 2, ZONES[2]: 2}
    assert nodes_in_dns(NODES, [healthy], cross_zone=False) == NODES[1:]


def test_a_zone_leaves_dns_when_any_target_group_has_no_healthy_target_there() -> None:
    healthy = [dict.fromkeys(ZONES, 2), {ZONES[0]: 1, ZONES[1]: 1}]
    assert nodes_in_dns(NODES, healthy, cross_zone=False) == NODES[:2]


def test_when_all_zones_are_unhealthy_all_stay_in_dns() -> None:
    assert nodes_in_dns(NODES, [{}], cross_zone=False) == NODES
    assert nodes_in_dns(NODES, [{}], cross_zone=True) == NODES


def test_each_dns_answer_lists_all_nodes_and_starts_one_further() -> None:
    first, second, third = (node.address for node in NODES)
    assert rotated_addresses(NODES, 0) == (first, second, third)
    assert rotated_addresses(NODES, 1) == (second, third, first)
    assert rotated_addresses(NODES, 5) == (third, first, second)
    assert rotated_addresses((), 3) == ()
