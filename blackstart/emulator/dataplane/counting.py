"""Traffic counted by (load balancer, target group, node zone) in virtual buckets; health checks do not count here."""

from collections.abc import Callable
from typing import NamedTuple

from blackstart.emulator.dataplane.topology import NodeKey
from blackstart.emulator.decisions.latency_histogram import bucket_of
from blackstart.emulator.protocol import COUNTER_BUCKET_S, CounterRow, Counters


class _RowKey(NamedTuple):
    node: NodeKey
    group_arn: str


class _Row:
    """One growing row; becomes a `CounterRow` once its bucket has closed."""

    __slots__ = ("counts", "latency_buckets", "latency_sum_real_s")

    def __init__(self) -> None:
        self.counts: dict[str, int] = {}
        self.latency_buckets: dict[int, int] = {}
        self.latency_sum_real_s = 0.0

    def add(self, name: str) -> None:
        self.counts[name] = self.counts.get(name, 0) + 1


class Counting:
    """now_s: reads virtual time."""

    def __init__(self, now_s: Callable[[], float]) -> None:
        self._now_s = now_s
        self._buckets: dict[int, dict[_RowKey, _Row]] = {}

    def target_answered(self, node: NodeKey, group_arn: str, status: int, latency_real_s: float) -> None:
        """A target began to answer, `latency_real_s` after the request had left for it."""
        row = self._row(node, group_arn)
        row.add("requests")
        row.add(f"target_{min(max(status // 100, 2), 5)}xx")
        bucket = bucket_of(max(0.0, latency_real_s))
        row.latency_buckets[bucket] = row.latency_buckets.get(bucket, 0) + 1
        row.latency_sum_real_s += latency_real_s

    def balancer_answered(self, node: NodeKey, group_arn: str, status: int) -> None:
        """The load balancer made the answer up; group_arn "" when no target group was chosen."""
        row = self._row(node, group_arn)
        row.add("requests")
        if status in (502, 503, 504):
            row.add(f"elb_{status}")
        elif status >= 500:
            row.add("elb_other_5xx")
        elif status >= 400:
            row.add("elb_4xx")

    def connection_failed(self, node: NodeKey, group_arn: str) -> None:
        self._row(node, group_arn).add("connection_errors")

    def client_tls_failed(self, node: NodeKey) -> None:
        """A client's TLS handshake did not succeed."""
        self._row(node, "").add("tls_errors")

    def routed_failing_open(self, node: NodeKey, group_arn: str) -> None:
        self._row(node, group_arn).add("unhealthy_routing")

    def take_closed(self) -> list[Counters]:
        """The buckets that have ended, oldest first; they are forgotten here."""
        current = self._index()
        closed = sorted(index for index in self._buckets if index < current)
        taken = [self._closed(index) for index in closed]
        self._buckets = {index: rows for index, rows in self._buckets.items() if index >= current}
        return taken

    def next_close_s(self) -> float:
        """Virtual time at which the current bucket ends."""
        return (self._index() + 1) * COUNTER_BUCKET_S

    def _index(self) -> int:
        return int(self._now_s() // COUNTER_BUCKET_S)

    def _row(self, node: NodeKey, group_arn: str) -> _Row:
        rows = self._buckets.setdefault(self._index(), {})
        key = _RowKey(node, group_arn)
        row = rows.get(key)
        if row is None:
            row = rows[key] = _Row()
        return row

    def _closed(self, index: int) -> Counters:
        return Counters(
            bucket_start_s=index * COUNTER_BUCKET_S,
            rows=tuple(
                CounterRow(
                    load_balancer_arn=key.node.load_balancer_arn,
                    target_group_arn=key.group_arn,
                    zone=key.node.zone,
                    latency_buckets=row.latency_buckets,
                    latency_sum_real_s=row.latency_sum_real_s,
                    **row.counts,
                )
                for key, row in self._buckets[index].items()
            ),
        )
