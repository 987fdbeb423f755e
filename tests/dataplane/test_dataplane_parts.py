"""The parts of the data plane that need neither sockets nor time."""

import pytest
from dnslib import DNSRecord
from hypothesis import given
from hypothesis import strategies as st

from blackstart.domain.target_health import HealthCheck, TargetState
from blackstart.emulator.dataplane.checks import check_phase_s, next_check_s
from blackstart.emulator.dataplane.counting import Counting
from blackstart.emulator.dataplane.dns_server import Resolver
from blackstart.emulator.dataplane.opinions import Opinions
from blackstart.emulator.dataplane.timings import Timings
from blackstart.emulator.dataplane.topology import CheckKey, NodeKey, TargetKey, Topology
from blackstart.emulator.decisions.dns_answer import DnsNode
from blackstart.emulator.decisions.target_health import ProbeOutcome, ProbeResult
from blackstart.emulator.protocol import HealthChanged
from blackstart.emulator.snapshot import (
    FixedResponse,
    Forward,
    ListenerSnapshot,
    LoadBalancerSnapshot,
    NodeSnapshot,
    Snapshot,
    TargetGroupSnapshot,
    TargetSnapshot,
)

NODE = NodeKey("lb", "us-east-1a")
OTHER_NODE = NodeKey("lb", "us-east-1b")
intervals = st.floats(min_value=1, max_value=300)


class ManualClock:
    """Virtual time that the test sets."""

    def __init__(self) -> None:
        self.time_s = 1_000_000_005.0

    def now_s(self) -> float:
        return self.time_s


def target(name: str, **changes: object) -> TargetSnapshot:
    fields: dict[str, object] = {"port": 80, "zone": "us-east-1a", "private_ip": "10.0.0.1", "registration": 1}
    return TargetSnapshot.model_validate({"target_id": name, "address": "127.0.0.9", **fields, **changes})


# --- the schedule


@given(st.floats(min_value=1e9, max_value=2e9), st.floats(min_value=0, max_value=1), intervals)
def test_a_check_is_due_within_one_interval_and_always_at_the_same_phase(
    now_s: float, ratio: float, interval_s: float
) -> None:
    due_s = next_check_s(now_s, ratio * interval_s, interval_s)
    assert -1e-5 < due_s - now_s <= interval_s + 1e-5
    following_s = next_check_s(due_s + interval_s / 2, ratio * interval_s, interval_s)
    assert following_s - due_s == pytest.approx(interval_s, abs=1e-5)


@given(st.text(min_size=1), st.integers(1, 65535), intervals)
def test_the_nodes_check_a_target_evenly_spread_over_the_interval(name: str, port: int, interval_s: float) -> None:
    phases = sorted(check_phase_s(name, port, node, 3, interval_s) for node in range(3))
    assert 0 <= phases[0] <= phases[-1] < interval_s
    gaps = [phases[1] - phases[0], phases[2] - phases[1], phases[0] + interval_s - phases[2]]
    assert gaps == pytest.approx([interval_s / 3] * 3)


def test_a_schedule_is_the_same_in_every_run_and_differs_between_targets() -> None:
    assert check_phase_s("i-1", 80, 0, 3, 10) == check_phase_s("i-1", 80, 0, 3, 10)
    assert len({check_phase_s(f"i-{number}", 80, 0, 3, 10) for number in range(20)}) == 20


# --- counting


def test_counters_are_given_out_once_after_their_bucket_has_closed() -> None:
    clock = ManualClock()
    counting = Counting(clock.now_s)
    counting.target_answered(NODE, "group", 200, 0.010)
    counting.target_answered(NODE, "group", 404, 0.030)
    counting.balancer_answered(OTHER_NODE, "group", 503)
    assert counting.take_closed() == []
    assert counting.next_close_s() == 1_000_000_010.0
    clock.time_s = 1_000_000_010.0
    (counters,) = counting.take_closed()
    assert counters.bucket_start_s == 1_000_000_000.0
    first, second = counters.rows
    assert (first.zone, first.requests, first.target_2xx, first.target_4xx) == ("us-east-1a", 2, 1, 1)
    assert first.latency_sum_real_s == pytest.approx(0.040)
    assert sum(first.latency_buckets.values()) == 2
    assert (second.zone, second.requests, second.elb_503) == ("us-east-1b", 1, 1)
    assert counting.take_closed() == []


@pytest.mark.parametrize(
    ("status", "field"),
    [
        (200, set()),
        (301, {"elb_3xx"}),
        (400, {"elb_4xx"}),
        (460, {"elb_4xx"}),
        (500, {"elb_500", "elb_other_5xx"}),
        (502, {"elb_502"}),
    ],
)
def test_answers_of_the_load_balancer_are_counted_by_their_status(status: int, field: set[str]) -> None:
    clock = ManualClock()
    counting = Counting(clock.now_s)
    counting.balancer_answered(NODE, "", status)
    clock.time_s += 10
    row = counting.take_closed()[0].rows[0].model_dump()
    counted = {name for name, value in row.items() if name.startswith("elb_") and value}
    assert counted == field
    assert row["requests"] == 1


def test_connections_are_counted_as_they_open_with_the_most_at_once() -> None:
    clock = ManualClock()
    counting = Counting(clock.now_s)
    for _ in range(3):
        counting.connection_opened(NODE)
        counting.connection_opened(NODE)
        counting.connection_closed(NODE)
    counting.client_tls_failed(NODE)
    clock.time_s += 10
    counting.connection_opened(NODE)
    clock.time_s += 10
    first, second = counting.take_closed()
    assert (first.rows[0].new_connections, first.rows[0].active_connections, first.rows[0].tls_errors) == (6, 4, 1)
    assert (second.rows[0].new_connections, second.rows[0].active_connections) == (1, 4)
    assert first.rows[0].requests == 0


def test_timings_give_percentiles_over_the_whole_run() -> None:
    timings = Timings()
    assert timings.lag(()).check_lag_p99_real_s == 0.0
    for number in range(200):
        timings.started(0.100 if number >= 190 else 0.001)
        timings.succeeded(0.005)
    lag = timings.lag(("listener 80",))
    assert (lag.probes, lag.listener_problems) == (200, ("listener 80",))
    assert (lag.probes_succeeded, lag.probes_timed_out) == (200, 0)
    assert lag.check_lag_p99_real_s == pytest.approx(0.100, rel=0.03)
    assert lag.probe_p99_real_s == pytest.approx(0.005, rel=0.03)


def test_health_checks_are_counted_by_how_they_ended() -> None:
    timings = Timings()
    for _ in range(5):
        timings.started(0.001)
    for _ in range(2):
        timings.succeeded(0.005)
    timings.timed_out()
    lag = timings.lag(())
    assert (lag.probes, lag.probes_succeeded, lag.probes_timed_out) == (5, 2, 1)


# --- opinions


def test_only_opinions_that_read_differently_are_told() -> None:
    told: list[HealthChanged] = []
    clock = ManualClock()
    opinions = Opinions(clock.now_s, lambda key, message: told.append(message))
    key = CheckKey(NODE, TargetKey("group", "i-1", 80))
    opinions.begin(key, 7, HealthCheck())
    for second, status in enumerate([200, 200, 503, 503, 503]):
        clock.time_s = float(second)
        opinions.decide(key, ProbeResult(outcome=ProbeOutcome.ANSWERED, status_code=status), HealthCheck())
    assert [(one.time_s, one.state, one.registration) for one in told] == [
        (1_000_000_005.0, TargetState.INITIAL, 7),
        (0.0, TargetState.HEALTHY, 7),
        (3.0, TargetState.UNHEALTHY, 7),
    ]
    assert opinions.messages() == (told[-1],)
    opinions.forget(key)
    assert (opinions.messages(), opinions.state(key)) == ((), TargetState.INITIAL)


# --- topology


def test_a_target_is_checked_by_every_node_whose_load_balancer_forwards_to_it_unless_it_is_held() -> None:
    groups = tuple(
        TargetGroupSnapshot(arn=arn, metric_name=arn, health_check=HealthCheck(), targets=targets)
        for arn, targets in {
            "used": (target("i-1"), target("i-2", held="draining")),
            "unused": (target("i-3"),),
        }.items()
    )
    balancer = LoadBalancerSnapshot(
        arn="lb",
        metric_name="lb",
        dns_name="Web.Example.",
        nodes=(NodeSnapshot(zone="a", address="127.0.0.1"), NodeSnapshot(zone="b", address="127.0.0.2")),
        listeners=(
            ListenerSnapshot(arn="1", port=80, action=Forward.to("used")),
            ListenerSnapshot(arn="2", port=81, action=Forward.to("used")),
            ListenerSnapshot(arn="3", port=82, action=FixedResponse(status_code=503)),
        ),
    )
    topology = Topology(Snapshot(version=1, load_balancers=(balancer,), target_groups=groups))
    assert {(key.node.zone, key.target.target_id) for key in topology.checks()} == {("a", "i-1"), ("b", "i-1")}
    assert [group.arn for group in topology.groups_of(balancer)] == ["used"]
    assert topology.by_dns_name["web.example"] is balancer


# --- DNS


@pytest.mark.parametrize("packet", [b"", b"x", b"\x00" * 12, b"\xff" * 40])
def test_a_packet_that_is_no_query_gets_no_answer(packet: bytes) -> None:
    assert Resolver(lambda name: None).answer(packet) is None


def test_names_are_looked_up_in_lower_case_without_the_final_dot() -> None:
    asked: list[str] = []

    def nodes_of(name: str) -> tuple[DnsNode, ...]:
        asked.append(name)
        return (DnsNode(zone="a", address="127.0.0.1"),)

    answer = Resolver(nodes_of).answer(DNSRecord.question("WEB.Example.").pack())
    assert asked == ["web.example"]
    assert answer is not None
    assert str(DNSRecord.parse(answer).a.rname) == "WEB.Example."
