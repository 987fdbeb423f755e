"""Every metric of the emulator, kept as CloudWatch does: by minute, or by second for high resolution."""

from bisect import bisect_left, insort
from collections.abc import Iterator
from typing import NamedTuple

from blackstart.emulator.decisions.metric_statistics import Aggregate, combined

RETENTION_S = 15 * 86400
"""How long CloudWatch keeps data points of a minute; older ones are dropped (AWS would keep coarser ones)."""

Dimensions = tuple[tuple[str, str], ...]


class MetricKey(NamedTuple):
    """A metric is its namespace, name and exact set of dimensions, within an account and region."""

    account: str
    region: str
    namespace: str
    name: str
    dimensions: Dimensions

    @classmethod
    def of(cls, scope: tuple[str, str], namespace: str, name: str, dimensions: dict[str, str]) -> "MetricKey":
        """scope: account and region."""
        return cls(*scope, namespace, name, tuple(sorted(dimensions.items())))


class _Series:
    def __init__(self) -> None:
        self.starts: list[int] = []
        self.parts: dict[int, dict[str, Aggregate]] = {}

    def add(self, start_s: int, unit: str, aggregate: Aggregate) -> None:
        units = self.parts.get(start_s)
        if units is None:
            units = self.parts[start_s] = {}
            insort(self.starts, start_s)
        units[unit] = combined((units[unit], aggregate)) or aggregate if unit in units else aggregate
        while self.starts[0] < self.starts[-1] - RETENTION_S:
            del self.parts[self.starts.pop(0)]


class MetricStore:
    """Not for several threads at once: the emulator's lock covers it."""

    def __init__(self) -> None:
        self._series: dict[MetricKey, _Series] = {}

    def add(
        self, key: MetricKey, time_s: float, aggregate: Aggregate, unit: str = "None", resolution_s: int = 60
    ) -> None:
        """File samples under the minute (or second) that they belong to."""
        series = self._series.get(key)
        if series is None:
            series = self._series[key] = _Series()
        series.add(int(time_s // resolution_s) * resolution_s, unit, aggregate)

    def aggregate(self, key: MetricKey, start_s: float, end_s: float, unit: str | None = None) -> Aggregate | None:
        """All samples from `start_s` up to but without `end_s`, or None. unit: only those given with this unit."""
        series = self._series.get(key)
        if series is None:
            return None
        first, last = bisect_left(series.starts, start_s), bisect_left(series.starts, end_s)
        return combined(
            aggregate
            for start in series.starts[first:last]
            for its_unit, aggregate in series.parts[start].items()
            if unit in (None, its_unit)
        )

    def periods(
        self, key: MetricKey, start_s: float, end_s: float, period_s: int, unit: str | None = None
    ) -> Iterator[tuple[float, Aggregate]]:
        """Start and samples of each period that has any, oldest first. Periods count from `start_s`."""
        series = self._series.get(key)
        if series is None:
            return
        index = bisect_left(series.starts, start_s)
        while index < len(series.starts) and series.starts[index] < end_s:
            period = start_s + (series.starts[index] - start_s) // period_s * period_s
            found = self.aggregate(key, period, min(period + period_s, end_s), unit)
            if found is not None:
                yield period, found
            index = bisect_left(series.starts, period + period_s)

    def unit_at(self, key: MetricKey, time_s: float) -> str:
        """The unit of the first samples at or after a time, "None" without any."""
        series = self._series[key]
        index = bisect_left(series.starts, time_s)
        return next(iter(series.parts[series.starts[index]])) if index < len(series.starts) else "None"

    def keys(self, account: str, region: str) -> list[MetricKey]:
        """Every metric of an account and region, in the order in which they first came."""
        return [key for key in self._series if key.account == account and key.region == region]

    def clear(self, account: str, region: str) -> None:
        for key in self.keys(account, region):
            del self._series[key]
