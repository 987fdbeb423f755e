"""What an Application Load Balancer reports to CloudWatch, from the data plane's counters and the nodes' opinions.

Source: ALB user guide, "CloudWatch metrics for your Application Load Balancer" (names, reporting criteria,
dimensions).
"""

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Protocol

from blackstart.domain.model import Model
from blackstart.domain.target_health import TargetState
from blackstart.emulator.controllers.metric_store import MetricKey, MetricStore
from blackstart.emulator.decisions.latency_histogram import bucket_value_real_s
from blackstart.emulator.decisions.metric_statistics import Aggregate, of_histogram, of_value, scaled
from blackstart.emulator.protocol import CounterRow, Counters, HealthChanged
from blackstart.emulator.snapshot import Snapshot

NAMESPACE = "AWS/ApplicationELB"
SAMPLE_S = 10.0
"""How often each node reports its host counts, beside each change; CloudWatch sees several samples a minute."""

Opinions = Mapping[tuple[str, int], Mapping[str, HealthChanged]]
"""By (target id, port): by node zone, the newest opinion."""


class HealthOpinions(Protocol):
    """What the controller needs of the health registry."""

    def opinions(self, target_group_arn: str) -> Opinions: ...


class CountedTarget(Model):
    """A registered target that is neither draining nor unused. zone: the target's own."""

    target_id: str
    port: int
    zone: str


class HostCensus(Model):
    """One target group behind one load balancer. node_zones: the balancer's enabled zones, one node each."""

    load_balancer_arn: str
    target_group_arn: str
    node_zones: tuple[str, ...]
    targets: tuple[CountedTarget, ...] = ()


class MetricsController:
    """Files load-balancer metrics into the store.

    census: the target groups in use, asked only when a sample is due. speed: what Sum and SampleCount of traffic are
    multiplied by. delay_s: virtual seconds after the end of its minute at which a minute's metrics can be seen.
    """

    def __init__(
        self,
        store: MetricStore,
        registry: HealthOpinions,
        speed: float,
        census: Callable[[], Sequence[HostCensus]],
        delay_s: float = 0.0,
    ) -> None:
        self._store = store
        self._registry = registry
        self._speed = speed
        self._census = census
        self._delay_s = delay_s
        self._changed = True
        self._targets: tuple[tuple[str, str, int, int, TargetState | None], ...] = ()
        self._sample_due_s = 0.0
        self._held: deque[tuple[float, MetricKey, float, Aggregate, str]] = deque()

    def on_counters(self, counters: Counters) -> None:
        """File one bucket of traffic."""
        for row in counters.rows:
            for name, aggregate, unit, with_target_group in _traffic(row, self._speed):
                for key in _keys(row.load_balancer_arn, row.target_group_arn, row.zone, name, with_target_group):
                    self._file(key, counters.bucket_start_s, aggregate, unit)

    def health_changed(self) -> None:
        """A node changed its mind: the next tick takes a sample of the host counts."""
        self._changed = True

    def on_snapshot(self, snapshot: Snapshot) -> None:
        """Take a sample when a published snapshot registers, holds or drops a target, so that short dips show."""
        targets = tuple(
            (group.arn, target.target_id, target.port, target.registration, target.held)
            for group in snapshot.target_groups
            for target in group.targets
        )
        if targets != self._targets:
            self._targets = targets
            self.health_changed()

    def tick(self, now_s: float) -> None:
        """Sample the host counts if that is due, and let delayed metrics appear."""
        while self._held and self._held[0][0] <= now_s:
            _, key, time_s, aggregate, unit = self._held.popleft()
            self._store.add(key, time_s, aggregate, unit)
        if not self._changed and now_s < self._sample_due_s:
            return
        self._changed = False
        self._sample_due_s = (now_s // SAMPLE_S + 1) * SAMPLE_S
        for census in self._census():
            for zone, name, count in host_counts(census, self._registry.opinions(census.target_group_arn)):
                key = _key(census.load_balancer_arn, name, zone, census.target_group_arn)
                self._file(key, now_s, of_value(float(count)), "Count")

    def _file(self, key: MetricKey, time_s: float, aggregate: Aggregate, unit: str) -> None:
        if self._delay_s:
            seen_s = (time_s // 60 + 1) * 60 + self._delay_s
            self._held.append((seen_s, key, time_s, aggregate, unit))
        else:
            self._store.add(key, time_s, aggregate, unit)


def host_counts(census: HostCensus, opinions: Opinions) -> Iterator[tuple[str, str, int]]:
    """Each node's count of healthy and of unhealthy targets: (zone or "" for all zones, metric name, count).

    The zone is that of the targets; every node counts the targets of every zone. A target that a node has not judged
    yet counts in neither.
    """
    zones = sorted({*census.node_zones, *(target.zone for target in census.targets)})
    for node_zone in census.node_zones:
        healthy, unhealthy = dict.fromkeys(zones, 0), dict.fromkeys(zones, 0)
        for target in census.targets:
            opinion = opinions.get((target.target_id, target.port), {}).get(node_zone)
            if opinion is not None and opinion.state is TargetState.HEALTHY:
                healthy[target.zone] += 1
            elif opinion is not None and opinion.state is TargetState.UNHEALTHY:
                unhealthy[target.zone] += 1
        for name, counts in (("HealthyHostCount", healthy), ("UnHealthyHostCount", unhealthy)):
            yield "", name, sum(counts.values())
            for zone in zones:
                yield zone, name, counts[zone]


def _traffic(row: CounterRow, speed: float) -> Iterator[tuple[str, Aggregate, str, bool]]:
    """(metric name, samples, unit, whether it is also reported by target group) of what is not zero.

    RequestCount leaves out requests for which no target could be chosen, as on AWS.
    """
    routed = row.requests - row.elb_503 if row.target_group_arn else 0
    elb_5xx = row.elb_502 + row.elb_503 + row.elb_504 + row.elb_other_5xx
    counts = (
        ("RequestCount", routed, True),
        ("HTTPCode_Target_2XX_Count", row.target_2xx, True),
        ("HTTPCode_Target_3XX_Count", row.target_3xx, True),
        ("HTTPCode_Target_4XX_Count", row.target_4xx, True),
        ("HTTPCode_Target_5XX_Count", row.target_5xx, True),
        ("TargetConnectionErrorCount", row.connection_errors, True),
        ("UnhealthyRoutingRequestCount", row.unhealthy_routing, True),
        ("TargetTLSNegotiationErrorCount", row.target_tls_errors, True),
        ("ClientTLSNegotiationErrorCount", row.tls_errors, False),
        ("HTTPCode_ELB_4XX_Count", row.elb_4xx, False),
        ("HTTPCode_ELB_5XX_Count", elb_5xx, False),
        ("HTTPCode_ELB_502_Count", row.elb_502, False),
        ("HTTPCode_ELB_503_Count", row.elb_503, False),
        ("HTTPCode_ELB_504_Count", row.elb_504, False),
    )
    for name, count, with_target_group in counts:
        if count > 0:
            yield name, scaled(of_value(1.0, float(count)), speed), "Count", with_target_group
    if any(row.latency_buckets.values()):
        latency = of_histogram(row.latency_buckets, row.latency_sum_real_s, bucket_value_real_s)
        yield "TargetResponseTime", scaled(latency, speed), "Seconds", True


def _keys(
    load_balancer_arn: str, target_group_arn: str, zone: str, name: str, with_target_group: bool
) -> Iterator[MetricKey]:
    """The dimension sets of one metric: with and without the zone, with and without the target group."""
    groups = ("", target_group_arn) if with_target_group and target_group_arn else ("",)
    for group in groups:
        for its_zone in ("", zone):
            yield _key(load_balancer_arn, name, its_zone, group)


def _key(load_balancer_arn: str, name: str, zone: str, target_group_arn: str) -> MetricKey:
    parts = load_balancer_arn.split(":")
    dimensions = {"LoadBalancer": parts[-1].removeprefix("loadbalancer/")}
    if zone:
        dimensions["AvailabilityZone"] = zone
    if target_group_arn:
        dimensions["TargetGroup"] = target_group_arn.rpartition(":")[2]
    return MetricKey.of((parts[4], parts[3]), NAMESPACE, name, dimensions)
