"""Traffic counted by (load balancer, target group, node zone) in virtual buckets; health checks do not count here."""

from collections.abc import Callable

from blackstart.emulator.dataplane.topology import NodeKey
from blackstart.emulator.decisions.latency_histogram import bucket_of
from blackstart.emulator.protocol import COUNTER_BUCKET_S, CounterRow, Counters

_TARGET_FIELDS = ("target_2xx", "target_2xx", "target_2xx", "target_3xx", "target_4xx", "target_5xx")
_ELB_FIELDS = {502: "elb_502", 503: "elb_503", 504: "elb_504"}


class Row:
    """One growing row; becomes a `CounterRow` once its bucket has closed."""

    __slots__ = ("counts", "latency_buckets", "latency_sum_real_s", "processed_bytes", "requests", "target_2xx")

    def __init__(self) -> None:
        self.requests = 0
        self.target_2xx = 0
        self.processed_bytes = 0
        self.counts: dict[str, int] = {}
        self.latency_buckets: dict[int, int] = {}
        self.latency_sum_real_s = 0.0

    def add(self, name: str) -> None:
        self.counts[name] = self.counts.get(name, 0) + 1


class Counting:
    """now_s: reads virtual time."""

    def __init__(self, now_s: Callable[[], float]) -> None:
        self.now_s = now_s
        self._index = 0
        self._rows: dict[tuple[NodeKey, str], Row] = {}
        self._buckets: dict[int, dict[tuple[NodeKey, str], Row]] = {}
        self._connections: dict[NodeKey, int] = {}
        self._looked_at = int(now_s() // COUNTER_BUCKET_S) - 1

    def target_answered(self, node: NodeKey, group_arn: str, status: int, latency_real_s: float) -> Row:
        """A target began to answer, `latency_real_s` after the request had left for it."""
        row = self._row(node, group_arn)
        row.requests += 1
        if 200 <= status < 300:
            row.target_2xx += 1
        else:
            row.add(_TARGET_FIELDS[min(status // 100, 5)])
        bucket = bucket_of(latency_real_s) if latency_real_s > 0 else 0
        buckets = row.latency_buckets
        buckets[bucket] = buckets.get(bucket, 0) + 1
        row.latency_sum_real_s += latency_real_s
        return row

    def balancer_answered(self, node: NodeKey, group_arn: str, status: int) -> Row:
        """The load balancer made the answer up; group_arn "" when no target group was chosen."""
        row = self._row(node, group_arn)
        row.requests += 1
        if status >= 500:
            row.add(_ELB_FIELDS.get(status, "elb_other_5xx"))
            if status == 500:
                row.add("elb_500")
        elif status >= 400:
            row.add("elb_4xx")
        elif status >= 300:
            row.add("elb_3xx")
        return row

    def redirected(self, node: NodeKey) -> None:
        """A redirect action was carried out, successfully."""
        self._row(node, "").add("http_redirects")

    def fixed_response(self, node: NodeKey) -> None:
        """A fixed-response action was carried out."""
        self._row(node, "").add("http_fixed_responses")

    def desync(self, node: NodeKey) -> None:
        """A request did not comply with RFC 7230."""
        self._row(node, "").add("desync_non_compliant_requests")

    def invalid_header(self, node: NodeKey, dropped: bool) -> None:
        """A request with a header field of an invalid name was routed, without that field or with it."""
        self._row(node, "").add("dropped_invalid_headers" if dropped else "forwarded_invalid_headers")

    def connection_opened(self, node: NodeKey) -> None:
        """A connection from a client or to a target."""
        opened = self._connections[node] = self._connections.get(node, 0) + 1
        row = self._row(node, "")
        row.add("new_connections")
        row.counts["active_connections"] = max(row.counts.get("active_connections", 0), opened)

    def connection_closed(self, node: NodeKey) -> None:
        self._connections[node] = self._connections.get(node, 1) - 1

    def client_tls_failed(self, node: NodeKey) -> None:
        """A client's TLS handshake came to nothing."""
        self._row(node, "").add("tls_errors")

    def target_tls_failed(self, node: NodeKey, group_arn: str) -> None:
        """The TLS handshake with a target came to nothing."""
        self._row(node, group_arn).add("target_tls_errors")

    def connection_failed(self, node: NodeKey, group_arn: str) -> None:
        self._row(node, group_arn).add("connection_errors")

    def routed_failing_open(self, node: NodeKey, group_arn: str) -> None:
        self._row(node, group_arn).add("unhealthy_routing")

    def take_closed(self) -> list[Counters]:
        """The buckets that have ended, oldest first; they are forgotten here."""
        current = int(self.now_s() // COUNTER_BUCKET_S)
        if self._looked_at < current - 1:
            self._looked_at = current - 1
            self._note_open(current - 1)
        closed = sorted(index for index in self._buckets if index < current)
        taken = [self._closed(index) for index in closed]
        self._buckets = {index: rows for index, rows in self._buckets.items() if index >= current}
        return taken

    def next_close_s(self) -> float:
        """Virtual time at which the current bucket ends."""
        return (self.now_s() // COUNTER_BUCKET_S + 1) * COUNTER_BUCKET_S

    def _note_open(self, index: int) -> None:
        """Connections that stay open without a request count too."""
        for node, opened in self._connections.items():
            if opened > 0:
                row = self._buckets.setdefault(index, {}).setdefault((node, ""), Row())
                row.counts["active_connections"] = max(row.counts.get("active_connections", 0), opened)

    def _row(self, node: NodeKey, group_arn: str) -> Row:
        index = int(self.now_s() // COUNTER_BUCKET_S)
        if index != self._index:
            self._index = index
            self._rows = self._buckets.setdefault(index, {})
        key = (node, group_arn)
        row = self._rows.get(key)
        if row is None:
            row = self._buckets.setdefault(index, self._rows)[key] = Row()
        return row

    def _closed(self, index: int) -> Counters:
        return Counters(
            bucket_start_s=index * COUNTER_BUCKET_S,
            rows=tuple(
                CounterRow(
                    load_balancer_arn=node.load_balancer_arn,
                    target_group_arn=group_arn,
                    zone=node.zone,
                    requests=row.requests,
                    target_2xx=row.target_2xx,
                    processed_bytes=row.processed_bytes,
                    latency_buckets=row.latency_buckets,
                    latency_sum_real_s=row.latency_sum_real_s,
                    **row.counts,
                )
                for (node, group_arn), row in self._buckets[index].items()
            ),
        )
