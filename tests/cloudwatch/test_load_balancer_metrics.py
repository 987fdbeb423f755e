"""What the emulated load balancer reports to CloudWatch."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from blackstart.domain.target_health import TargetState
from blackstart.emulator.controllers.metric_store import MetricKey, MetricStore
from blackstart.emulator.controllers.metrics import CountedTarget, HostCensus, MetricsController
from blackstart.emulator.decisions.latency_histogram import bucket_of
from blackstart.emulator.decisions.metric_statistics import Aggregate, statistic
from blackstart.emulator.protocol import CounterRow, Counters, HealthChanged

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
        self.asked = 0
        self.metrics = MetricsController(self.store, self.registry, speed, self.census, delay_s)
        for target_id, _ in self.targets:
            self.registry.say(target_id, TargetState.HEALTHY)

    def census(self) -> Sequence[HostCensus]:
        self.asked += 1
        targets = tuple(CountedTarget(target_id=name, port=80, zone=zone) for name, zone in self.targets)
        zones = ("us-east-1a", "us-east-1b")
        return [HostCensus(load_balancer_arn=LB_ARN, target_group_arn=TG_ARN, node_zones=zones, targets=targets)]

    def count(self, target_group_arn: str = TG_ARN, **fields: Any) -> None:
        row = CounterRow(load_balancer_arn=LB_ARN, target_group_arn=target_group_arn, zone="us-east-1a", **fields)
        self.metrics.on_counters(Counters(bucket_start_s=NOW_S, rows=(row,)))

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
    world.count(requests=1, target_2xx=1)
    names = {key.name for key in world.store.keys("123456789012", "us-east-1")}
    assert names == {"RequestCount", "HTTPCode_Target_2XX_Count"}


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
    assert world.asked == 6
    assert world.value("SampleCount", "HealthyHostCount", TG, LB) == 12.0


def test_a_delay_holds_a_minute_back_until_after_its_end():
    world = World(delay_s=30.0)
    world.count(requests=1)
    world.metrics.tick(NOW_S + 89)
    assert world.minute("RequestCount", LB) is None
    world.metrics.tick(NOW_S + 90)
    assert world.value("Sum", "RequestCount", LB) == 10.0
