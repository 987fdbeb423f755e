"""What an Application Load Balancer reports to CloudWatch, from the data plane's counters and the nodes' opinions.

Source: ELB user guide, "CloudWatch metrics for your Application Load Balancer" (names, reporting criteria); CloudWatch
user guide, "Supported metrics for resource tags for telemetry" (the sets of dimensions of each).
"""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, Protocol

from blackstart.emulator.controllers.metric_store import MetricKey, MetricStore
from blackstart.emulator.decisions.host_counts import HostCensus, HostCounts, Opinions, count_hosts, host_samples
from blackstart.emulator.decisions.latency_histogram import bucket_value_real_s
from blackstart.emulator.decisions.metric_statistics import Aggregate, of_histogram, of_value, scaled
from blackstart.emulator.protocol import COUNTER_BUCKET_S, CounterRow, Counters, Mitigated

NAMESPACE = "AWS/ApplicationELB"
SAMPLE_S = 10.0
"""How often each node reports its host counts, beside each change; CloudWatch sees several samples a minute."""
LEAST_SAMPLE_S = 1.0
"""Between two samples, however often opinions change: counting 10,000 targets takes milliseconds."""

Group = tuple[str, str]
"""(load balancer ARN, target group ARN)."""


class Count(NamedTuple):
    """A metric of traffic. counted: requests, connections or bytes of a row. by_group: also reported by target group.

    always: reported as zero too, while requests flow.
    """

    name: str
    counted: Callable[[CounterRow], int]
    by_group: bool = False
    always: bool = False
    unit: str = "Count"


def _routed(row: CounterRow) -> int:
    """Requests for which a target could be chosen."""
    return row.requests - row.elb_503 if row.target_group_arn else 0


COUNTS = (
    Count("RequestCount", _routed, by_group=True),
    Count("HTTPCode_Target_2XX_Count", lambda row: row.target_2xx, by_group=True),
    Count("HTTPCode_Target_3XX_Count", lambda row: row.target_3xx, by_group=True),
    Count("HTTPCode_Target_4XX_Count", lambda row: row.target_4xx, by_group=True),
    Count("HTTPCode_Target_5XX_Count", lambda row: row.target_5xx, by_group=True),
    Count("TargetConnectionErrorCount", lambda row: row.connection_errors, by_group=True),
    Count("UnhealthyRoutingRequestCount", lambda row: row.unhealthy_routing, by_group=True),
    Count("TargetTLSNegotiationErrorCount", lambda row: row.target_tls_errors, by_group=True),
    Count("ClientTLSNegotiationErrorCount", lambda row: row.tls_errors),
    Count("NewConnectionCount", lambda row: row.new_connections),
    Count("ProcessedBytes", lambda row: row.processed_bytes, unit="Bytes"),
    Count("HTTP_Redirect_Count", lambda row: row.http_redirects),
    Count("HTTP_Fixed_Response_Count", lambda row: row.http_fixed_responses),
    Count("DesyncMitigationMode_NonCompliant_Request_Count", lambda row: row.desync_non_compliant_requests),
    Count("DroppedInvalidHeaderRequestCount", lambda row: row.dropped_invalid_headers, always=True),
    Count("ForwardedInvalidHeaderRequestCount", lambda row: row.forwarded_invalid_headers, always=True),
    Count("HTTPCode_ELB_3XX_Count", lambda row: row.elb_3xx),
    Count("HTTPCode_ELB_4XX_Count", lambda row: row.elb_4xx),
    Count("HTTPCode_ELB_5XX_Count", lambda row: row.elb_502 + row.elb_503 + row.elb_504 + row.elb_other_5xx),
    Count("HTTPCode_ELB_500_Count", lambda row: row.elb_500),
    Count("HTTPCode_ELB_502_Count", lambda row: row.elb_502),
    Count("HTTPCode_ELB_503_Count", lambda row: row.elb_503),
    Count("HTTPCode_ELB_504_Count", lambda row: row.elb_504),
)


class HealthOpinions(Protocol):
    """What the controller needs of the health registry."""

    def opinions(self, target_group_arn: str) -> Opinions: ...


class LoadBalancerMetricsController:
    """Files load-balancer metrics into the store.

    census: the target groups in use, asked only when a sample is due and something has changed. mitigated: the targets
    that get less than their share. speed: what Sum and SampleCount of traffic are multiplied by. delay_s: virtual
    seconds after the end of its minute at which a minute's metrics can be seen.
    """

    def __init__(
        self,
        store: MetricStore,
        registry: HealthOpinions,
        speed: float,
        census: Callable[[], Sequence[HostCensus]],
        *,
        mitigated: Callable[[], tuple[Mitigated, ...]] = tuple,
        delay_s: float = 0.0,
    ) -> None:
        self._store = store
        self._registry = registry
        self._speed = speed
        self._census = census
        self._mitigated = mitigated
        self._delay_s = delay_s
        self._stale_snapshot = True
        self._stale_groups: set[str] = set()
        self._hosts: dict[Group, HostCounts] = {}
        self._keys: dict[tuple[str, str, str, str], MetricKey] = {}
        self._sampled_s = float("-inf")
        self._sample_due_s = 0.0
        self._active: dict[tuple[str, str], tuple[float, int]] = {}
        self._latest_s = max(COUNTER_BUCKET_S / 2, speed / 2)  # half a wall second, when that is longer
        self._held: deque[tuple[float, MetricKey, float, Aggregate, str]] = deque()

    def on_counters(self, counters: Counters) -> None:
        """File one bucket of traffic."""
        for row in counters.rows:
            for count in COUNTS:
                self._count(row, count, counters.bucket_start_s)
            if any(row.latency_buckets.values()):
                latency = of_histogram(row.latency_buckets, row.latency_sum_real_s, bucket_value_real_s)
                shown = scaled(latency, self._speed)
                self._spread(row, "TargetResponseTime", counters.bucket_start_s, shown, "Seconds", by_group=True)
            if _routed(row) > 0:
                self._per_target(row, counters.bucket_start_s)
            if row.active_connections:
                self._connections(row, counters.bucket_start_s)

    def health_changed(self, target_group_arn: str = "") -> None:
        """A node changed its mind about a target of a group (of any, for ""): a sample of the host counts is due."""
        self._stale_groups.update([target_group_arn] if target_group_arn else [group for _, group in self._hosts])

    def declaration_changed(self) -> None:
        """Load balancers, target groups or registrations are not what they were."""
        self._stale_snapshot = True

    def tick(self, now_s: float) -> None:
        """Sample the host counts if that is due, and let delayed metrics appear."""
        while self._held and self._held[0][0] <= now_s:
            _, key, time_s, aggregate, unit = self._held.popleft()
            self._store.add(key, time_s, aggregate, unit)
        self._file_connections(now_s)
        due = now_s >= self._sample_due_s
        changed = self._stale_snapshot or self._stale_groups
        if not due and (not changed or now_s < self._sampled_s + LEAST_SAMPLE_S):
            return
        self._sampled_s = now_s
        if due:
            self._sample_due_s = (now_s // SAMPLE_S + 1) * SAMPLE_S
        recounted, mitigated = self._recount(), self._mitigated()
        for group in self._hosts if due else recounted:
            for name, zone, value in host_samples(self._hosts[group], mitigated):
                self._file(self._key(name, group[0], zone, group[1]), now_s, of_value(value), "Count")

    def _recount(self) -> list[Group]:
        """Count anew what has changed since the last sample, and say what that is."""
        stale, self._stale_groups = self._stale_groups, set()
        before = self._hosts
        if self._stale_snapshot:
            self._stale_snapshot = False
            self._hosts = {(one.load_balancer_arn, one.group.arn): HostCounts(one) for one in self._census()}
        recounted = []
        for group, hosts in self._hosts.items():
            known = before.get(group)
            if known is None or group[1] in stale or not known.census.same_as(hosts.census):
                self._hosts[group] = count_hosts(hosts.census, self._registry.opinions(group[1]))
                recounted.append(group)
            elif known is not hosts:
                self._hosts[group] = known
        return recounted

    def _count(self, row: CounterRow, count: Count, time_s: float) -> None:
        counted = count.counted(row)
        if counted > 0:
            # one byte is no sample of its own; requests and connections are
            seen = of_value(float(counted)) if count.unit == "Bytes" else of_value(1.0, float(counted))
            self._spread(row, count.name, time_s, scaled(seen, self._speed), count.unit, by_group=count.by_group)
        elif count.always and row.requests:
            self._spread(row, count.name, time_s, of_value(0.0), count.unit, by_group=count.by_group)

    def _per_target(self, row: CounterRow, time_s: float) -> None:
        """RequestCountPerTarget: its Sum is an average, of what each target got."""
        load_balancer_arn, group_arn = row.load_balancer_arn, row.target_group_arn
        if (load_balancer_arn, group_arn) not in self._hosts:
            self._stale_groups.update(arn for _, arn in self._recount())  # the next tick has still to sample them
        hosts = self._hosts.get((load_balancer_arn, group_arn))
        for zone in ("", row.zone):
            divisor = hosts.divisor(zone) or hosts.divisor() if hosts is not None else 0
            if divisor:
                share = of_value(_routed(row) * self._speed / divisor)
                for balancer in ("", load_balancer_arn):
                    key = self._key("RequestCountPerTarget", balancer, zone, group_arn)
                    self._file(key, time_s, share, "Count")

    def _connections(self, row: CounterRow, time_s: float) -> None:
        """ActiveConnectionCount: one sample a minute and node, the most at once. A gauge: not multiplied."""
        key, minute_s = (row.load_balancer_arn, row.zone), time_s // 60 * 60
        known = self._active.get(key)
        if known is not None and known[0] != minute_s:
            self._file_active(key)
            known = None
        self._active[key] = (minute_s, max(row.active_connections, known[1] if known else 0))

    def _file_connections(self, now_s: float) -> None:
        """The last bucket of a minute arrives a moment after its end."""
        over = [key for key, (minute_s, _) in self._active.items() if now_s >= minute_s + 60 + self._latest_s]
        for key in over:
            self._file_active(key)

    def _file_active(self, key: tuple[str, str]) -> None:
        minute_s, most = self._active.pop(key)
        for zone in ("", key[1]):
            metric = self._key("ActiveConnectionCount", key[0], zone, "")
            self._file(metric, minute_s, of_value(float(most)), "Count")

    def _spread(self, row: CounterRow, name: str, time_s: float, seen: Aggregate, unit: str, *, by_group: bool) -> None:
        """Under each set of dimensions: with and without the zone, with and without the target group."""
        for group in ("", row.target_group_arn) if by_group and row.target_group_arn else ("",):
            for zone in ("", row.zone):
                self._file(self._key(name, row.load_balancer_arn, zone, group), time_s, seen, unit)

    def _file(self, key: MetricKey, time_s: float, aggregate: Aggregate, unit: str) -> None:
        if self._delay_s:
            seen_s = (time_s // 60 + 1) * 60 + self._delay_s
            self._held.append((seen_s, key, time_s, aggregate, unit))
        else:
            self._store.add(key, time_s, aggregate, unit)

    def _key(self, name: str, load_balancer_arn: str, zone: str, target_group_arn: str) -> MetricKey:
        wanted = (name, load_balancer_arn, zone, target_group_arn)
        key = self._keys.get(wanted)
        if key is None:
            key = self._keys[wanted] = MetricKey.of(
                _scope(load_balancer_arn or target_group_arn),
                NAMESPACE,
                name,
                dict(_dimensions(load_balancer_arn, zone, target_group_arn)),
            )
        return key


def _scope(arn: str) -> tuple[str, str]:
    """Account and region of an ARN."""
    parts = arn.split(":")
    return parts[4], parts[3]


def _dimensions(load_balancer_arn: str, zone: str, target_group_arn: str) -> Iterator[tuple[str, str]]:
    if load_balancer_arn:
        yield "LoadBalancer", load_balancer_arn.rpartition(":")[2].removeprefix("loadbalancer/")
    if zone:
        yield "AvailabilityZone", zone
    if target_group_arn:
        yield "TargetGroup", target_group_arn.rpartition(":")[2]
