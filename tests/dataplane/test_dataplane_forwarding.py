"""Where nodes send requests, from whole snapshots and opinions: no sockets, and a clock that the test sets."""

from collections import Counter
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from blackstart.domain.clock import Anchor
from blackstart.domain.target_health import HealthCheck, TargetState
from blackstart.emulator.dataplane.clock import VirtualClock
from blackstart.emulator.dataplane.counting import Counting
from blackstart.emulator.dataplane.http_text import RequestHead
from blackstart.emulator.dataplane.nodes import Fleet
from blackstart.emulator.dataplane.opinions import Opinions
from blackstart.emulator.dataplane.pickers import Routed
from blackstart.emulator.dataplane.rules import ListenerRules
from blackstart.emulator.dataplane.standing import mitigated
from blackstart.emulator.dataplane.topology import CheckKey, NodeKey, TargetKey, Topology
from blackstart.emulator.decisions.target_health import ProbeOutcome, ProbeResult
from blackstart.emulator.snapshot import (
    Action,
    Algorithm,
    Condition,
    ConditionField,
    FixedResponse,
    Forward,
    ListenerSnapshot,
    LoadBalancerSnapshot,
    MinimumHealthy,
    NodeSnapshot,
    RuleSnapshot,
    Snapshot,
    Stickiness,
    TargetGroupSnapshot,
    TargetSnapshot,
    WeightedGroup,
)

A, B = "us-east-1a", "us-east-1b"
CHECK = HealthCheck(healthy_threshold=2, unhealthy_threshold=2)


class ManualClock(VirtualClock):
    """Virtual time that the test sets."""

    def __init__(self) -> None:
        super().__init__(Anchor(monotonic_ns=0, epoch_s=0.0, speed=1.0))
        self.time_s = 1_000_000.0

    def now_s(self) -> float:
        return self.time_s


def head(*cookies: str, **changes: Any) -> RequestHead:
    headers = [(b"Host", b"shop.example"), *((b"Cookie", cookie.encode()) for cookie in cookies)]
    fields = {"method": b"GET", "url": b"/", "headers": headers, "http_1_1": True, "keep_alive": True}
    return RequestHead(**{**fields, **changes})


def target(name: str, zone: str = A, **changes: Any) -> TargetSnapshot:
    fields = {"port": 80, "private_ip": "10.0.0.1", "address": "127.0.0.9", "registration": 1}
    return TargetSnapshot(target_id=name, zone=zone, **{**fields, **changes})


def group(arn: str, *targets: TargetSnapshot, **changes: Any) -> TargetGroupSnapshot:
    return TargetGroupSnapshot(arn=arn, metric_name=arn, health_check=CHECK, targets=targets, **changes)


def weighted(stickiness_s: float | None = None, **weights: int) -> Forward:
    groups = tuple(WeightedGroup(target_group_arn=arn, weight=weight) for arn, weight in weights.items())
    return Forward(groups=groups, stickiness_s=stickiness_s)


class Bench:
    """A fleet whose opinions are what the test says."""

    def __init__(self, *groups: TargetGroupSnapshot, action: Action, zones: Sequence[str] = (A, B), **lb: Any) -> None:
        self.clock = ManualClock()
        self.opinions = Opinions(self.clock.now_s, lambda key, _: self.fleet.opinion_changed(key.node))
        self.fleet = Fleet(self.opinions, Counting(self.clock.now_s), self.clock)
        self.zones = zones
        self.version = 0
        self.apply(*groups, action=action, **lb)

    def apply(self, *groups: TargetGroupSnapshot, action: Action, **lb: Any) -> None:
        self.version += 1
        self.action = action
        balancer = LoadBalancerSnapshot(
            arn="lb",
            metric_name="lb",
            dns_name="web.example",
            nodes=tuple(NodeSnapshot(zone=zone, address=f"127.0.1.{n}") for n, zone in enumerate(self.zones)),
            listeners=(ListenerSnapshot(arn="l", port=80, action=action),),
            **lb,
        )
        topology = Topology(Snapshot(version=self.version, load_balancers=(balancer,), target_groups=groups))
        self.fleet.apply(topology)
        for key, one in topology.checks().items():
            known = {
                CheckKey(NodeKey(m.load_balancer_arn, m.node_zone), TargetKey(m.target_group_arn, m.target_id, m.port))
                for m in self.opinions.messages()
                if m.registration == one.registration
            }
            if key not in known:
                self.opinions.begin(key, one.registration, CHECK)

    def checked(self, name: str, status: int = 200, zones: Sequence[str] | None = None, times: int = 2) -> None:
        """So many checks of a target by these zones' nodes, every one if None."""
        for key in self.fleet.topology.checks():
            if key.target.target_id == name and key.node.zone in (zones or self.zones):
                for _ in range(times):
                    self.opinions.decide(key, ProbeResult(outcome=ProbeOutcome.ANSWERED, status_code=status), CHECK)

    def route(self, *cookies: str, zone: str = A) -> Routed:
        return self.fleet.nodes[NodeKey("lb", zone)].route(self.action, head(*cookies))

    def mitigated(self) -> dict[str, bool]:
        """The targets that get less than their share, and whether they are anomalous."""
        return {one.target_id: one.anomalous for one in mitigated(self.fleet)}

    def names(self, requests: int, zone: str = A) -> list[str]:
        return [name(self.route(zone=zone)) for _ in range(requests)]


def name(routed: Routed) -> str:
    return routed.target.snapshot.target_id if routed.target is not None else ""


def cookies(routed: Routed) -> dict[str, str]:
    """The cookies that an answer sets."""
    pairs = (line.decode().partition(";")[0].partition("=") for line in (*routed.cookies, *routed.app_cookies))
    return {key: value for key, _, value in pairs}


def healthy(*groups: TargetGroupSnapshot, action: Forward, **lb: Any) -> Bench:
    bench = Bench(*groups, action=action, **lb)
    for one in groups:
        for registered in one.targets:
            bench.checked(registered.target_id)
    return bench


# --- spreading


def shares(cross_zone: bool) -> dict[str, Fraction]:
    """Each target's share of all requests when clients spread evenly over two zones' nodes."""
    targets = [target(f"a{i}", A) for i in range(2)] + [target(f"b{i}", B) for i in range(8)]
    bench = healthy(group("g", *targets, cross_zone=cross_zone), action=Forward.to("g"))
    counted = Counter(bench.names(40, A) + bench.names(40, B))
    return {one: Fraction(count, 80) for one, count in counted.items()}


def test_with_cross_zone_on_two_and_eight_targets_get_ten_percent_each() -> None:
    """Source: ELB user guide, "How Elastic Load Balancing works", cross-zone load balancing."""
    got = shares(cross_zone=True)
    assert (len(got), set(got.values())) == (10, {Fraction(10, 100)})


def test_with_cross_zone_off_two_targets_get_25_and_eight_get_6_25_percent_each() -> None:
    """Source: ELB user guide, "How Elastic Load Balancing works", cross-zone load balancing."""
    got = shares(cross_zone=False)
    assert {got["a0"], got["a1"]} == {Fraction(25, 100)}
    assert {got[f"b{i}"] for i in range(8)} == {Fraction(625, 10000)}


def test_round_robin_goes_on_where_it_was_after_a_change() -> None:
    bench = healthy(group("g", target("a"), target("b"), target("c")), action=Forward.to("g"))
    assert bench.names(2) == ["a", "b"]
    bench.apply(group("g", target("a"), target("b"), target("c")), action=Forward.to("g"))
    assert bench.names(2) == ["c", "a"]


def test_each_node_routes_by_its_own_opinions() -> None:
    bench = healthy(group("g", target("a"), target("b")), action=Forward.to("g"))
    bench.checked("a", 503, zones=[A])
    assert set(bench.names(4, A)) == {"b"}
    assert set(bench.names(4, B)) == {"a", "b"}


def test_below_the_routing_threshold_a_node_sends_to_all_and_says_so() -> None:
    minimum = MinimumHealthy(count=2)
    bench = healthy(group("g", target("a"), target("b"), routing_failover=minimum), action=Forward.to("g"))
    assert not bench.route().failing_open
    bench.checked("a", 503)
    assert set(bench.names(4)) == {"a", "b"}
    assert bench.route().failing_open


def test_a_group_without_targets_is_named_but_leads_nowhere() -> None:
    bench = Bench(group("g"), action=Forward.to("g"))
    assert (bench.route().group_arn, bench.route().target) == ("g", None)
    bench.apply(group("g", target("a", held="draining")), action=Forward.to("g"))
    assert bench.route().target is None


def test_a_forward_to_an_unknown_group_leads_nowhere() -> None:
    assert Bench(action=Forward.to("gone")).route() == Routed("gone", None)


def test_a_node_that_is_gone_leads_nowhere() -> None:
    bench = healthy(group("g", target("a")), action=Forward.to("g"))
    node = bench.fleet.nodes[NodeKey("lb", A)]
    assert name(node.route(bench.action, head())) == "a"
    bench.fleet.apply(Topology(Snapshot(version=99)))
    assert node.route(bench.action, head()) == Routed("g", None)


# --- weights of target groups


def test_weighted_groups_get_their_shares_and_a_weight_of_0_gets_nothing() -> None:
    groups = [group(arn, target(arn)) for arn in ("blue", "green", "off")]
    bench = healthy(*groups, action=weighted(blue=10, green=20, off=0))
    assert Counter(bench.names(30)) == {"blue": 10, "green": 20}


def test_when_every_weight_is_0_a_request_goes_nowhere() -> None:
    groups = [group(arn, target(arn)) for arn in ("blue", "green")]
    assert healthy(*groups, action=weighted(blue=0, green=0)).route() == Routed("", None)
    assert healthy(groups[0], action=weighted(blue=0)).route() == Routed("", None)


def test_shares_survive_changes_of_opinion() -> None:
    groups = [group("blue", target("blue")), group("green", target("green"), target("sick"))]
    bench = healthy(*groups, action=weighted(blue=1, green=4))
    names = []
    for number in range(50):
        bench.checked("sick", 503 if number % 2 else 200)
        names.append(bench.route().group_arn)
    assert Counter(names) == {"blue": 10, "green": 40}


def test_an_empty_group_keeps_its_share() -> None:
    """Source: ELB user guide, "Action types for listener rules": no failover to a group with healthy targets."""
    bench = healthy(group("blue"), group("green", target("green")), action=weighted(blue=1, green=1))
    assert Counter(bench.names(10)) == {"": 5, "green": 5}


# --- stickiness of target groups


def test_a_client_stays_with_the_target_group_in_its_cookie_for_the_duration() -> None:
    groups = [group(arn, target(arn)) for arn in ("blue", "green")]
    bench = healthy(*groups, action=weighted(stickiness_s=60, blue=1, green=1))
    first = bench.route()
    kept = cookies(first)
    assert kept.keys() == {"AWSALBTG", "AWSALBTGCORS"}
    again = f"AWSALBTG={kept['AWSALBTG']}"
    assert {name(bench.route(again)) for _ in range(6)} == {name(first)}
    bench.clock.time_s += 59
    renewed = bench.route(again)
    assert name(renewed) == name(first)
    bench.clock.time_s += 59
    assert {name(bench.route(f"AWSALBTG={cookies(renewed)['AWSALBTG']}")) for _ in range(6)} == {name(first)}
    assert {name(bench.route(again)) for _ in range(6)} == {"blue", "green"}


def test_a_stuck_client_stays_with_a_group_whose_weight_becomes_0_but_not_with_one_that_is_gone() -> None:
    groups = [group(arn, target(arn)) for arn in ("blue", "green", "red")]
    bench = healthy(*groups, action=weighted(stickiness_s=60, blue=1, green=0))
    cookie = f"AWSALBTG={cookies(bench.route())['AWSALBTG']}"
    bench.apply(*groups, action=weighted(stickiness_s=60, blue=0, green=1))
    assert {name(bench.route(cookie)) for _ in range(3)} == {"blue"}
    assert set(bench.names(3)) == {"green"}
    bench.apply(*groups, action=weighted(stickiness_s=60, red=1, green=0))
    bench.checked("red")
    assert name(bench.route(cookie)) == "red"


# --- stickiness of targets

STICKY = Stickiness(duration_s=60)


def stuck_bench(stickiness: Stickiness = STICKY, **changes: Any) -> Bench:
    targets = [target(one) for one in "abc"]
    return healthy(group("g", *targets, stickiness=stickiness, **changes), action=Forward.to("g"))


def test_a_client_stays_with_its_target_and_every_answer_renews_the_cookie() -> None:
    bench = stuck_bench()
    first = bench.route()
    assert cookies(first).keys() == {"AWSALB", "AWSALBCORS"}
    cookie = f"x=y; AWSALB={cookies(first)['AWSALB']}"
    bench.clock.time_s += 50
    second = bench.route(cookie)
    assert name(second) == name(first)
    bench.clock.time_s += 50
    assert name(bench.route(f"AWSALBCORS={cookies(second)['AWSALB']}")) == name(first)
    assert {name(bench.route(cookie)) for _ in range(3)} == {"a", "b", "c"}, "the first cookie's time is over"


def test_any_node_honours_the_cookie_of_another() -> None:
    bench = stuck_bench()
    first = bench.route(zone=A)
    cookie = f"AWSALB={cookies(first)['AWSALB']}"
    assert {name(bench.route(cookie, zone=B)) for _ in range(3)} == {name(first)}


@pytest.mark.parametrize("lost", ["unhealthy", "draining", "deregistered", "registered anew"])
def test_a_client_whose_target_is_lost_gets_another_and_stays_there(lost: str) -> None:
    bench = stuck_bench()
    first = bench.route()
    others = [target(one) for one in "abc" if one != name(first)]
    old = {
        "unhealthy": (target(name(first)),),
        "draining": (target(name(first), held="draining"),),
        "deregistered": (),
        "registered anew": (target(name(first), registration=2),),
    }[lost]
    bench.apply(group("g", *old, *others, stickiness=STICKY), action=Forward.to("g"))
    bench.checked(name(first), 503 if lost == "unhealthy" else 200)
    second = bench.route(f"AWSALB={cookies(first)['AWSALB']}")
    if lost != "registered anew":
        assert name(second) != name(first)
    assert cookies(second)["AWSALB"] != cookies(first)["AWSALB"]
    bench.checked(name(first))
    assert {name(bench.route(f"AWSALB={cookies(second)['AWSALB']}")) for _ in range(3)} == {name(second)}


def test_an_unreadable_cookie_counts_for_nothing_and_is_replaced() -> None:
    bench = stuck_bench()
    assert {name(bench.route("AWSALB=nonsense")) for _ in range(3)} == {"a", "b", "c"}
    assert "AWSALB" in cookies(bench.route("AWSALB=%3D"))


def test_targets_are_not_sticky_with_cross_zone_off() -> None:
    """Source: ELB user guide, "Edit target group attributes" (cross-zone load balancing)."""
    bench = stuck_bench(cross_zone=False)
    assert cookies(bench.route()) == {}


def test_group_and_target_cookies_are_set_together() -> None:
    groups = [group(arn, target(arn), stickiness=STICKY) for arn in ("blue", "green")]
    bench = healthy(*groups, action=weighted(stickiness_s=60, blue=1, green=1))
    assert cookies(bench.route()).keys() == {"AWSALBTG", "AWSALBTGCORS", "AWSALB", "AWSALBCORS"}


def test_an_application_cookie_binds_once_the_application_has_set_its_own() -> None:
    bench = stuck_bench(Stickiness(duration_s=60, app_cookie="SESSION"))
    first = bench.route()
    assert (first.cookies, first.app_cookie) == ((), b"SESSION")
    ours = f"AWSALBAPP-0={cookies(first)['AWSALBAPP-0']}"
    assert {name(bench.route(ours)) for _ in range(3)} == {"a", "b", "c"}, "both cookies are needed"
    second = bench.route(f"SESSION=1; {ours}")
    assert name(second) == name(first)
    assert second.app_cookie == b""
    assert second.cookies[0].startswith(b"AWSALBAPP-0=")
    bench.checked(name(first), 503)
    third = bench.route(f"SESSION=1; {ours}")
    assert name(third) != name(first)
    assert len(third.cookies) == 1, "the session is stuck to the new target without a new application cookie"


def test_application_cookies_do_not_bind_with_several_target_groups() -> None:
    """Source: ELB user guide, "Edit target group attributes" (sticky sessions, considerations)."""
    sticky = Stickiness(duration_s=60, app_cookie="SESSION")
    groups = [group(arn, target(arn), stickiness=sticky) for arn in ("blue", "green")]
    assert healthy(*groups, action=weighted(blue=1, green=1)).route().app_cookie == b""


# --- algorithms


def test_least_outstanding_requests_goes_to_the_idlest() -> None:
    algorithm = Algorithm.LEAST_OUTSTANDING_REQUESTS
    bench = healthy(group("g", target("a"), target("b"), target("c"), algorithm=algorithm), action=Forward.to("g"))
    for _ in range(6):
        routed = bench.route()
        assert routed.target is not None
        routed.target.request_began()
        last = routed.target
    assert {one.in_flight for one in bench.fleet.connections.values()} == {2}
    last.request_ended()
    assert bench.route().target is last


def test_weighted_random_spreads_evenly_and_the_same_in_every_run() -> None:
    algorithm = Algorithm.WEIGHTED_RANDOM
    first, second = (
        healthy(group("g", target("a"), target("b"), algorithm=algorithm), action=Forward.to("g")).names(2000)
        for _ in range(2)
    )
    assert first == second
    assert Counter(first)["a"] == pytest.approx(1000, abs=120)


def test_an_anomalous_target_is_relieved_and_comes_back() -> None:
    settings = {"algorithm": Algorithm.WEIGHTED_RANDOM, "anomaly_mitigation": True}
    bench = healthy(group("g", target("a"), target("b"), target("c"), **settings), action=Forward.to("g"))

    def seconds(number: int, broken: str) -> Counter[str]:
        counted: Counter[str] = Counter()
        for _ in range(number):
            bench.clock.time_s += 1
            for _ in range(30):
                routed = bench.route()
                counted[name(routed)] += 1
                assert routed.target is not None
                routed.target.target_answered(503 if name(routed) == broken else 200)
        return counted

    seconds(12, broken="a")
    relieved = seconds(30, broken="a")
    assert relieved["a"] / relieved.total() == pytest.approx(0.1 / 2.1, abs=0.03)
    assert bench.mitigated() == {"a": True}
    seconds(40, broken="")
    assert bench.mitigated() == {"a": False}
    seconds(50, broken="")
    assert bench.mitigated() == {}
    recovered = seconds(30, broken="")
    assert recovered["a"] / recovered.total() == pytest.approx(1 / 3, abs=0.06)


@pytest.mark.parametrize("ends", ["unhealthy", "registered anew", "failing open", "switched off"])
def test_a_relieved_target_is_no_longer_told_of_when_the_relief_has_ended(ends: str) -> None:
    settings: dict[str, Any] = {"algorithm": Algorithm.WEIGHTED_RANDOM, "anomaly_mitigation": True}
    bench = healthy(group("g", *(target(one) for one in "abc"), **settings), action=Forward.to("g"))
    for _ in range(600):
        bench.clock.time_s += 0.1
        routed = bench.route()
        assert routed.target is not None
        routed.target.target_answered(503 if name(routed) == "a" else 200)
    assert bench.mitigated() == {"a": True}
    if ends == "unhealthy":
        bench.checked("a", 503)
    elif ends == "failing open":
        for one in "abc":
            bench.checked(one, 503)
    else:
        first = target("a", registration=2 if ends == "registered anew" else 1)
        settings["anomaly_mitigation"] = ends != "switched off"
        bench.apply(group("g", first, target("b"), target("c"), **settings), action=Forward.to("g"))
    assert bench.mitigated() == {}


def test_failures_of_the_time_when_a_target_was_unhealthy_are_no_anomaly() -> None:
    settings = {"algorithm": Algorithm.WEIGHTED_RANDOM, "anomaly_mitigation": True}
    bench = healthy(group("g", *(target(one) for one in "abcd"), **settings), action=Forward.to("g"))
    bench.checked("a", 503)
    for _ in range(100):
        bench.fleet.connections[TargetKey("g", "a", 80)].target_failed()
    answered: Counter[str] = Counter()
    for second in range(60):
        bench.clock.time_s += 1
        if second == 20:
            bench.checked("a")
        for _ in range(20):
            routed = bench.route()
            assert routed.target is not None
            routed.target.target_answered(200)
            answered[name(routed)] += second >= 20
    assert answered["a"] / answered.total() == pytest.approx(1 / 4, abs=0.05)


def test_a_warming_target_gets_a_growing_share_and_then_its_full_one() -> None:
    old = group("g", target("a"), slow_start_s=100)
    bench = healthy(old, action=Forward.to("g"))
    bench.apply(group("g", target("a"), target("b"), slow_start_s=100), action=Forward.to("g"))
    bench.checked("b")
    counts = []
    for _ in range(6):
        counts.append(Counter(bench.names(300))["b"])
        bench.clock.time_s += 20
    assert counts == pytest.approx([300 * ratio / (1 + ratio) for ratio in (0.01, 0.2, 0.4, 0.6, 0.8, 1)], abs=3)
    assert bench.names(4) in (["a", "b", "a", "b"], ["b", "a", "b", "a"])


# --- zonal shift and DNS


def test_a_shift_takes_effect_on_every_node_and_in_dns_with_the_snapshot() -> None:
    groups = [group("g", target("a", A), target("b", B))]
    bench = healthy(*groups, action=Forward.to("g"))
    bench.apply(*groups, action=Forward.to("g"), shifted_zone=A)
    assert set(bench.names(4, A)) | set(bench.names(4, B)) == {"b"}
    assert [node.zone for node in bench.fleet.dns_nodes("web.example") or ()] == [B]
    bench.apply(*groups, action=Forward.to("g"))
    assert set(bench.names(4, A)) == {"a", "b"}
    assert bench.fleet.dns_nodes("gone.example") is None


def test_the_dns_threshold_takes_a_zone_out_of_dns_before_its_last_target_fails() -> None:
    targets = [target(f"{zone[-1]}{number}", zone) for zone in (A, B) for number in range(3)]
    two = MinimumHealthy(count=2)
    bench = healthy(group("g", *targets, cross_zone=False, dns_failover=two), action=Forward.to("g"))
    bench.checked("a0", 503)
    assert len(bench.fleet.dns_nodes("web.example") or ()) == 2
    bench.checked("a1", 503)
    assert [node.zone for node in bench.fleet.dns_nodes("web.example") or ()] == [B]
    assert not bench.route(zone=A).failing_open


def test_a_load_balancer_with_nothing_but_fixed_responses_keeps_all_nodes_in_dns() -> None:
    bench = Bench(group("unused", target("a")), action=FixedResponse(status_code=200))
    assert [node.zone for node in bench.fleet.dns_nodes("web.example") or ()] == [A, B]


def test_with_cross_zone_off_the_node_of_a_zone_without_targets_leads_nowhere_and_stays_in_dns() -> None:
    bench = healthy(group("g", target("b", B), cross_zone=False), action=Forward.to("g"))
    assert (bench.route(zone=A).target, name(bench.route(zone=B))) == (None, "b")
    assert [node.zone for node in bench.fleet.dns_nodes("web.example") or ()] == [A, B]


def test_a_zone_whose_instances_are_all_stopped_leaves_dns_with_cross_zone_off() -> None:
    stopped = target("a", A, held="unused", held_reason="Target.InvalidState")
    bench = healthy(group("g", stopped, target("b", B), cross_zone=False), action=Forward.to("g"))
    assert [node.zone for node in bench.fleet.dns_nodes("web.example") or ()] == [B]


def test_targets_of_a_zone_that_is_not_enabled_count_for_nothing() -> None:
    elsewhere = [target(f"c{i}", "us-east-1c", held="unused", held_reason="Target.NotInUse") for i in range(9)]
    half = MinimumHealthy(ratio=0.5)
    one = group("g", target("a", A), *elsewhere, routing_failover=half, dns_failover=half)
    bench = healthy(one, action=Forward.to("g"))
    assert not bench.route().failing_open


# --- rules


def test_rules_are_evaluated_before_the_default_action() -> None:
    special = FixedResponse(status_code=200)
    condition = Condition(field=ConditionField.PATH_PATTERN, values=("/x",))
    local = Condition(field=ConditionField.SOURCE_IP, values=("127.0.0.0/8",))
    rules = (RuleSnapshot(arn="r", priority=7, conditions=(condition, local), action=special),)
    listener = ListenerRules(ListenerSnapshot(arn="l", port=80, action=Forward.to("g"), rules=rules))
    assert listener.choose(head(url=b"/x"), "127.0.0.1") == (special, 7)
    assert listener.choose(head(url=b"/x"), "10.0.0.1") == (Forward.to("g"), None)
    assert listener.choose(head(url=b"/y"), "127.0.0.1").priority is None


# --- anything at all


class AnyOrder(RuleBasedStateMachine):
    """Registrations, checks, draining and sticky clients in any order; never a request where none may go."""

    def __init__(self) -> None:
        super().__init__()
        self.registered: dict[str, TargetSnapshot] = {}
        self.registration = 0
        self.cookie = ""
        self.bench = Bench(group("g", stickiness=STICKY), action=Forward.to("g"))

    def apply(self) -> None:
        self.bench.apply(group("g", *self.registered.values(), stickiness=STICKY), action=Forward.to("g"))

    @rule(one=st.sampled_from("abc"), zone=st.sampled_from([A, B]))
    def register(self, one: str, zone: str) -> None:
        self.registration += 1
        self.registered[one] = target(one, zone, registration=self.registration)
        self.apply()

    @rule(one=st.sampled_from("abc"), held=st.sampled_from(["draining", "unused", None]))
    def hold(self, one: str, held: str | None) -> None:
        if one in self.registered:
            self.registered[one] = target(one, held=held, registration=self.registered[one].registration)
            self.apply()

    @rule(one=st.sampled_from("abc"))
    def deregister(self, one: str) -> None:
        self.registered.pop(one, None)
        self.apply()

    @rule(one=st.sampled_from("abc"), status=st.sampled_from([200, 503]), zone=st.sampled_from([A, B]))
    def check(self, one: str, status: int, zone: str) -> None:
        self.bench.checked(one, status, zones=[zone])

    @rule(zone=st.sampled_from([A, B]), seconds=st.sampled_from([0, 20, 70]), keeps_cookie=st.booleans())
    def request(self, zone: str, seconds: int, keeps_cookie: bool) -> None:
        self.bench.clock.time_s += seconds
        routed = self.bench.route(*([self.cookie] if keeps_cookie else []), zone=zone)
        may_get = {one for one, snapshot in self.registered.items() if snapshot.held is None}
        assert (routed.target is None) == (not may_get)
        if routed.target is None:
            return
        assert name(routed) in may_get
        node = NodeKey("lb", zone)
        states = {one: self.bench.opinions.state(CheckKey(node, TargetKey("g", one, 80))) for one in may_get}
        assert states[name(routed)] is TargetState.HEALTHY or TargetState.HEALTHY not in states.values()
        assert routed.target.snapshot.registration == self.registered[name(routed)].registration
        self.cookie = f"AWSALB={cookies(routed)['AWSALB']}"


AnyOrder.TestCase.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
TestAnyOrder = AnyOrder.TestCase


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 20), min_size=2, max_size=4).filter(any))
def test_the_shares_of_any_weights_converge(weights: list[int]) -> None:
    named = {f"g{index}": weight for index, weight in enumerate(weights)}
    bench = healthy(*(group(arn, target(arn)) for arn in named), action=weighted(**named))
    counted = Counter(bench.names(sum(weights)))
    assert counted == {arn: weight for arn, weight in named.items() if weight}
