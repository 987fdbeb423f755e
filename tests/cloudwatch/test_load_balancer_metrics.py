"""What the emulated load balancer reports to CloudWatch."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from blackstart.domain.target_health import HealthCheck, TargetReason, TargetState
from blackstart.emulator.controllers.load_balancer_metrics import LoadBalancerMetricsController
from blackstart.emulator.controllers.metric_store import MetricKey, MetricStore
from blackstart.emulator.decisions.host_counts import HostCensus
from blackstart.emulator.decisions.latency_histogram import bucket_of
from blackstart.emulator.decisions.metric_statistics import Aggregate, statistic
from blackstart.emulator.protocol import CounterRow, Counters, HealthChanged, Mitigated
from blackstart.emulator.snapshot import Algorithm, MinimumHealthy, TargetGroupSnapshot, TargetSnapshot

ELB = "arn:aws:elasticloadbalancing:us-east-1:123456789012"
LB_ARN, TG_ARN = f"{ELB}:loadbalancer/app/web/50dc6c495c0c9188", f"{ELB}:targetgroup/web/73e2d6bc24d8a067"
LB, TG = {"LoadBalancer": "app/web/50dc6c495c0c9188"}, {"TargetGroup": "targetgroup/web/73e2d6bc24d8a067"}
ZONE_A, ZONE_B = {"AvailabilityZone": "us-east-1a"}, {"AvailabilityZone": "us-east-1b"}
NOW_S = 1_800_000_000.0


class Opinions:
    """A health registry: targets i-a1, i-a2 in zone a and i-b1 in zone b, judged by both nodes."""

    def __init__(self) -> None:
        self.states: dict[tuple[str, str], TargetState] = {}

    def say(self, target_id: str, state: TargetState, *nodes: str) -> None:
        for node in nodes or ("us-east-1a", "us-east-1b"):
            self.states[target_id, node] = state

    def opinions(self, target_group_arn: str) -> Mapping[tuple[str, int], Mapping[str, HealthChanged]]:
        found: dict[tuple[str, int], dict[str, HealthChanged]] = {}
        for (target_id, node), state in self.states.items():
            found.setdefault((target_id, 80), {})[node] = HealthChanged(
                time_s=NOW_S,
                load_balancer_arn=LB_ARN,
                node_zone=node,
                target_group_arn=target_group_arn,
                target_id=target_id,
                port=80,
                registration=1,
                state=state,
            )
        return found


class World:
    def __init__(self, speed: float = 10.0, delay_s: float = 0.0) -> None:
        self.store = MetricStore()
        self.registry = Opinions()
        self.targets = [("i-a1", "us-east-1a"), ("i-a2", "us-east-1a"), ("i-b1", "us-east-1b")]
        self.held: dict[str, tuple[TargetState, TargetReason | None]] = {}
        self.settings: dict[str, Any] = {}
        self.shifted: str | None = None
        self.mitigated: tuple[Mitigated, ...] = ()
        self.asked = 0
        self.metrics = LoadBalancerMetricsController(
            self.store, self.registry, speed, self.census, mitigated=lambda: self.mitigated, delay_s=delay_s
        )
        for target_id, _ in self.targets:
            self.registry.say(target_id, TargetState.HEALTHY)

    def census(self) -> Sequence[HostCensus]:
        self.asked += 1
        targets = tuple(self._target(name, zone, *self.held.get(name, (None, None))) for name, zone in self.targets)
        group = TargetGroupSnapshot(
            arn=TG_ARN, metric_name="", health_check=HealthCheck(), targets=targets, **self.settings
        )
        return [HostCensus(LB_ARN, ("us-east-1a", "us-east-1b"), self.shifted, group)]

    def _target(self, name: str, zone: str, held: TargetState | None, reason: TargetReason | None) -> TargetSnapshot:
        fields: dict[str, Any] = {"private_ip": "10.0.0.1", "address": "127.0.0.9", "registration": 1}
        return TargetSnapshot(target_id=name, port=80, zone=zone, held=held, held_reason=reason, **fields)

    def count(self, target_group_arn: str = TG_ARN, at_s: float = NOW_S, **fields: Any) -> None:
        row = CounterRow(load_balancer_arn=LB_ARN, target_group_arn=target_group_arn, zone="us-east-1a", **fields)
        self.metrics.on_counters(Counters(bucket_start_s=at_s, rows=(row,)))

    def minute(self, name: str, *dimensions: Mapping[str, str], start_s: float = NOW_S) -> Aggregate | None:
        exact = {key: value for part in dimensions for key, value in part.items()}
        key = MetricKey.of(("123456789012", "us-east-1"), "AWS/ApplicationELB", name, exact)
        return self.store.aggregate(key, start_s, start_s + 60)

    def value(self, stat: str, name: str, *dimensions: Mapping[str, str]) -> float | None:
        aggregate = self.minute(name, *dimensions)
        return None if aggregate is None else statistic(aggregate, stat)


@pytest.fixture
def world() -> World:
    return World()


@pytest.mark.parametrize("dimensions", [(LB,), (ZONE_A, LB), (TG, LB), (ZONE_A, TG, LB)])
def test_requests_are_reported_under_four_sets_of_dimensions_times_the_speed(world, dimensions):
    world.count(requests=7, target_2xx=7)
    assert world.value("Sum", "RequestCount", *dimensions) == 70.0
    assert world.value("Sum", "HTTPCode_Target_2XX_Count", *dimensions) == 70.0
    assert world.minute("RequestCount", *dimensions).real_count == 7


def test_errors_of_the_load_balancer_carry_no_target_group(world):
    world.count(requests=3, elb_502=1, elb_504=2)
    assert world.value("Sum", "HTTPCode_ELB_5XX_Count", LB) == 30.0
    assert world.value("Sum", "HTTPCode_ELB_502_Count", ZONE_A, LB) == 10.0
    assert world.value("Sum", "HTTPCode_ELB_504_Count", LB) == 20.0
    assert world.minute("HTTPCode_ELB_5XX_Count", TG, LB) is None


def test_failed_handshakes_are_reported_by_side(world):
    """ALB guide, "CloudWatch metrics": the client's by load balancer and zone, the target's by target group as well."""
    world.count(target_group_arn="", tls_errors=2)
    world.count(target_tls_errors=3)
    assert world.value("Sum", "ClientTLSNegotiationErrorCount", LB, ZONE_A) == 20.0
    assert world.value("Sum", "TargetTLSNegotiationErrorCount", LB, TG) == 30.0


def test_what_did_not_happen_is_not_reported(world):
    """But for the two counts of invalid header fields, which are always reported while requests flow."""
    world.count(requests=1, target_2xx=1)
    names = {key.name for key in world.store.keys("123456789012", "us-east-1")}
    always = {"DroppedInvalidHeaderRequestCount", "ForwardedInvalidHeaderRequestCount"}
    assert names == {"RequestCount", "RequestCountPerTarget", "HTTPCode_Target_2XX_Count", *always}
    assert world.value("Maximum", "DroppedInvalidHeaderRequestCount", LB) == 0.0


def test_without_requests_there_is_nothing_about_requests(world):
    world.metrics.tick(NOW_S)
    world.metrics.tick(NOW_S + 60)
    names = {key.name for key in world.store.keys("123456789012", "us-east-1")}
    hosts = {"HealthyHostCount", "UnHealthyHostCount"}
    assert names == hosts | {f"{which}State{of}" for which in ("Healthy", "Unhealthy") for of in ("DNS", "Routing")}


def test_a_request_without_a_target_is_no_request_of_the_count(world):
    world.count(target_group_arn="", requests=5, elb_503=5)
    assert world.minute("RequestCount", LB) is None
    assert world.value("Sum", "HTTPCode_ELB_503_Count", LB) == 50.0


def test_response_times_have_percentiles_and_an_unscaled_average(world):
    world.count(requests=100, latency_buckets={bucket_of(0.02): 99, bucket_of(2.0): 1}, latency_sum_real_s=3.98)
    assert world.value("SampleCount", "TargetResponseTime", TG, LB) == 1000.0
    assert world.value("Average", "TargetResponseTime", TG, LB) == pytest.approx(0.0398)
    assert world.value("p50", "TargetResponseTime", LB) == pytest.approx(0.02, rel=0.03)
    assert world.value("p100", "TargetResponseTime", LB) == pytest.approx(2.0, rel=0.03)


def test_buckets_of_one_minute_add_up(world):
    world.count(requests=1)
    world.count(requests=2)
    assert world.value("Sum", "RequestCount", LB) == 30.0


def test_hosts_are_counted_by_group_and_by_the_targets_zone_and_not_scaled(world):
    world.metrics.tick(NOW_S)
    assert world.value("Minimum", "HealthyHostCount", TG, LB) == 3.0
    assert world.value("Minimum", "HealthyHostCount", ZONE_A, TG, LB) == 2.0
    assert world.value("Maximum", "HealthyHostCount", ZONE_B, TG, LB) == 1.0
    assert world.value("Maximum", "UnHealthyHostCount", TG, LB) == 0.0
    assert world.minute("HealthyHostCount", LB) is None


def test_minimum_and_maximum_are_over_the_nodes(world):
    world.registry.say("i-a1", TargetState.UNHEALTHY, "us-east-1b")
    world.metrics.tick(NOW_S)
    assert world.value("Minimum", "HealthyHostCount", ZONE_A, TG, LB) == 1.0
    assert world.value("Maximum", "HealthyHostCount", ZONE_A, TG, LB) == 2.0
    assert world.value("Maximum", "UnHealthyHostCount", TG, LB) == 1.0
    assert world.value("SampleCount", "HealthyHostCount", TG, LB) == 2.0


def test_a_target_that_was_not_judged_yet_counts_in_neither(world):
    world.targets.append(("i-b2", "us-east-1b"))
    world.registry.say("i-b1", TargetState.INITIAL)
    world.metrics.tick(NOW_S)
    assert world.value("Maximum", "HealthyHostCount", ZONE_B, TG, LB) == 0.0
    assert world.value("Maximum", "UnHealthyHostCount", ZONE_B, TG, LB) == 0.0


def test_a_zone_without_targets_reports_zero(world):
    world.targets = world.targets[:2]
    world.metrics.tick(NOW_S)
    assert world.value("Maximum", "HealthyHostCount", ZONE_B, TG, LB) == 0.0


def test_a_dip_shorter_than_the_sampling_step_shows_in_the_minimum(world):
    world.metrics.tick(NOW_S)
    world.registry.say("i-a1", TargetState.UNHEALTHY)
    world.metrics.health_changed()
    world.metrics.tick(NOW_S + 2)
    world.registry.say("i-a1", TargetState.HEALTHY)
    world.metrics.health_changed()
    world.metrics.tick(NOW_S + 4)
    assert world.value("Minimum", "HealthyHostCount", ZONE_A, TG, LB) == 1.0
    assert world.value("Maximum", "HealthyHostCount", ZONE_A, TG, LB) == 2.0


def test_hosts_are_sampled_every_ten_seconds_and_not_in_between(world):
    for tenth in range(600):
        world.metrics.tick(NOW_S + tenth / 10)
    assert world.value("SampleCount", "HealthyHostCount", TG, LB) == 12.0
    assert world.asked == 1, "nothing has changed since the first sample"


def test_a_new_registration_is_counted_though_no_opinion_has_changed(world):
    world.metrics.tick(NOW_S)
    world.targets = world.targets[:2]
    world.metrics.declaration_changed()
    world.metrics.tick(NOW_S + 2)
    assert world.value("Minimum", "HealthyHostCount", TG, LB) == 2.0


def test_opinions_that_change_at_every_moment_are_sampled_once_a_second_and_the_last_one_counts(world):
    world.metrics.tick(NOW_S)
    for hundredth in range(1, 500):
        state = TargetState.UNHEALTHY if hundredth % 2 else TargetState.HEALTHY
        world.registry.say("i-a1", state)
        world.metrics.health_changed(TG_ARN)
        world.metrics.tick(NOW_S + hundredth / 100)
    samples = world.value("SampleCount", "HealthyHostCount", TG, LB)
    assert 8.0 <= samples <= 12.0
    world.metrics.tick(NOW_S + 9)
    assert world.value("SampleCount", "HealthyHostCount", TG, LB) == samples + 2.0
    assert world.asked == 1


def test_only_groups_with_a_changed_opinion_are_counted_anew_and_sampled(world):
    world.metrics.tick(NOW_S)
    world.registry.say("i-a1", TargetState.UNHEALTHY)
    world.metrics.health_changed("another group")
    world.metrics.tick(NOW_S + 2)
    assert world.value("Minimum", "HealthyHostCount", TG, LB) == 3.0
    assert world.value("SampleCount", "HealthyHostCount", TG, LB) == 2.0
    world.metrics.health_changed(TG_ARN)
    world.metrics.tick(NOW_S + 4)
    assert world.value("Minimum", "HealthyHostCount", TG, LB) == 2.0


# --- cross-zone load balancing off, target group health, zonal shift, anomalies


def test_with_cross_zone_off_a_node_counts_the_targets_of_its_own_zone(world):
    world.settings = {"cross_zone": False}
    world.metrics.tick(NOW_S)
    assert world.value("Maximum", "HealthyHostCount", TG, LB) == 2.0
    assert world.value("Minimum", "HealthyHostCount", TG, LB) == 1.0
    assert world.value("SampleCount", "HealthyHostCount", ZONE_A, TG, LB) == 1.0
    assert world.value("Minimum", "HealthyHostCount", ZONE_A, TG, LB) == 2.0


def test_zones_are_counted_by_whether_they_have_enough_healthy_targets(world):
    world.settings = {"cross_zone": False, "routing_failover": MinimumHealthy(count=2)}
    world.registry.say("i-b1", TargetState.UNHEALTHY, "us-east-1b")
    world.metrics.tick(NOW_S)
    assert world.value("Minimum", "HealthyStateRouting", TG, LB) == 1.0
    assert world.value("Minimum", "HealthyStateRouting", ZONE_A, TG, LB) == 1.0
    assert world.value("Minimum", "HealthyStateRouting", ZONE_B, TG, LB) == 0.0
    assert world.value("Minimum", "UnhealthyStateRouting", ZONE_B, TG, LB) == 1.0
    assert world.value("Minimum", "HealthyStateDNS", TG, LB) == 1.0
    assert world.value("Minimum", "UnhealthyStateDNS", ZONE_B, TG, LB) == 1.0


def test_with_cross_zone_on_all_zones_share_one_state(world):
    world.settings = {"dns_failover": MinimumHealthy(count=3)}
    world.metrics.tick(NOW_S)
    assert world.value("Minimum", "HealthyStateDNS", TG, LB) == 2.0
    world.registry.say("i-b1", TargetState.UNHEALTHY, "us-east-1a")
    world.metrics.health_changed(TG_ARN)
    world.metrics.tick(NOW_S + 60)
    later = world.minute("HealthyStateDNS", TG, LB, start_s=NOW_S + 60)
    assert later.maximum == 0.0, "in DNS what all nodes agree on counts"
    assert world.minute("HealthyStateRouting", TG, LB, start_s=NOW_S + 60).minimum == 2.0


def test_a_group_without_targets_stays_in_dns_and_routes_to_nobody(world):
    world.targets = []
    world.metrics.tick(NOW_S)
    assert world.value("Minimum", "HealthyStateDNS", TG, LB) == 2.0
    assert world.value("Minimum", "UnhealthyStateRouting", TG, LB) == 2.0
    assert world.value("Maximum", "HealthyHostCount", TG, LB) == 0.0


def test_hosts_of_a_shifted_zone_are_reported_while_there_are_any(world):
    world.metrics.tick(NOW_S)
    assert world.minute("ZonalShiftedHostCount", TG, LB) is None
    world.shifted = "us-east-1a"
    world.metrics.declaration_changed()
    world.metrics.tick(NOW_S + 2)
    assert world.value("Maximum", "ZonalShiftedHostCount", TG, LB) == 2.0
    assert world.value("Maximum", "ZonalShiftedHostCount", ZONE_A, TG, LB) == 2.0
    assert world.minute("ZonalShiftedHostCount", ZONE_B, TG, LB) is None


def test_anomalous_and_mitigated_hosts_are_counted_where_anomalies_are_mitigated(world):
    world.metrics.tick(NOW_S)
    assert world.minute("AnomalousHostCount", TG, LB) is None
    world.settings = {"algorithm": Algorithm.WEIGHTED_RANDOM, "anomaly_mitigation": True}
    world.mitigated = tuple(
        Mitigated(target_group_arn=TG_ARN, target_id=name, port=80, anomalous=anomalous)
        for name, anomalous in (("i-a1", True), ("i-b1", False), ("i-gone", True))
    )
    world.metrics.declaration_changed()
    world.metrics.tick(NOW_S + 2)
    assert world.value("Maximum", "AnomalousHostCount", TG, LB) == 1.0
    assert world.value("Maximum", "MitigatedHostCount", TG, LB) == 2.0
    assert world.value("Maximum", "MitigatedHostCount", ZONE_B, TG, LB) == 1.0
    assert world.value("Maximum", "AnomalousHostCount", ZONE_B, TG, LB) == 0.0


def test_draining_targets_and_those_of_other_zones_count_for_nothing_stopped_ones_as_registered(world):
    world.settings = {"routing_failover": MinimumHealthy(count=1, ratio=0.5)}
    world.targets += [("i-a3", "us-east-1a"), ("i-c1", "us-east-1c"), ("i-b2", "us-east-1b"), ("i-b3", "us-east-1b")]
    world.registry.say("i-a2", TargetState.UNHEALTHY)
    world.held = {
        "i-a3": (TargetState.DRAINING, TargetReason.DEREGISTRATION_IN_PROGRESS),
        "i-c1": (TargetState.UNUSED, TargetReason.NOT_IN_USE),
        "i-b2": (TargetState.UNUSED, TargetReason.INVALID_STATE),
    }
    world.metrics.tick(NOW_S)
    assert world.value("Minimum", "HealthyHostCount", TG, LB) == 2.0
    assert world.value("Minimum", "HealthyStateRouting", TG, LB) == 0.0, "2 healthy of 5 registered"


# --- requests by target


@pytest.mark.parametrize("dimensions", [(TG,), (TG, LB)])
def test_requests_per_target_are_an_average_over_the_healthy_targets(world, dimensions):
    world.metrics.tick(NOW_S)
    world.count(requests=6, target_2xx=6)
    world.count(requests=3, target_2xx=3)
    assert world.value("Sum", "RequestCountPerTarget", *dimensions) == pytest.approx(30.0)


def test_requests_per_target_in_a_zone_are_those_of_its_node_over_its_targets(world):
    world.count(requests=6, target_2xx=6)
    assert world.value("Sum", "RequestCountPerTarget", ZONE_A, TG) == pytest.approx(30.0)
    assert world.value("Sum", "RequestCountPerTarget", ZONE_A, TG, LB) == pytest.approx(30.0)


def test_requests_per_target_are_over_the_registered_targets_when_none_is_healthy(world):
    for name, _ in world.targets:
        world.registry.say(name, TargetState.UNHEALTHY)
    world.count(requests=6, target_5xx=6)
    assert world.value("Sum", "RequestCountPerTarget", TG) == pytest.approx(20.0)


def test_there_are_no_requests_per_target_without_targets(world):
    world.targets = []
    world.count(requests=6, elb_503=6)
    assert world.minute("RequestCountPerTarget", TG) is None


# --- connections and bytes


def test_active_connections_are_one_sample_a_minute_and_node_and_not_multiplied(world):
    for at_s, most in ((0, 3), (20, 8), (50, 2)):
        world.count(target_group_arn="", at_s=NOW_S + at_s, active_connections=most)
    world.metrics.tick(NOW_S + 62)
    assert world.minute("ActiveConnectionCount", LB) is None
    world.metrics.tick(NOW_S + 66)
    assert world.value("Sum", "ActiveConnectionCount", LB) == 8.0
    assert world.value("Sum", "ActiveConnectionCount", LB, ZONE_A) == 8.0
    assert world.value("SampleCount", "ActiveConnectionCount", LB) == 1.0


def test_a_later_minute_closes_the_one_before_it(world):
    world.count(target_group_arn="", active_connections=3)
    world.count(target_group_arn="", at_s=NOW_S + 60, active_connections=1)
    assert world.value("Sum", "ActiveConnectionCount", LB) == 3.0


def test_bytes_and_new_connections_are_traffic(world):
    world.count(target_group_arn="", new_connections=2, processed_bytes=700)
    assert world.value("Sum", "NewConnectionCount", LB) == 20.0
    assert world.value("Sum", "ProcessedBytes", LB, ZONE_A) == 7000.0


def test_a_delay_holds_a_minute_back_until_after_its_end():
    world = World(delay_s=30.0)
    world.count(requests=1)
    world.metrics.tick(NOW_S + 89)
    assert world.minute("RequestCount", LB) is None
    world.metrics.tick(NOW_S + 90)
    assert world.value("Sum", "RequestCount", LB) == 10.0
