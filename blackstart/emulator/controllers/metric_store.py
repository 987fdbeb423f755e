"""Every metric of the emulator, kept as CloudWatch does: by second, minute, five minutes and hour, by age.

Source: CloudWatch API reference, GetMetricData (how long data points of which period are available).
"""

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from blackstart.emulator.decisions.metric_statistics import Aggregate, combined, of_value, statistic

RESOLUTIONS_S = (1, 60, 300, 3600)
"""What is kept; older data points are aggregated into the next one."""
KEPT_S = (3 * 3600, 15 * 86400, 63 * 86400, 455 * 86400)
"""How long data points of each of these are kept."""
SLACK_S = 3600
"""Data points are moved on this late, many at once."""
SINGLE = frozenset(("Average", "Sum", "Maximum", "Minimum"))
"""Statistics that a single sample is itself."""

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


class _Points:
    """Data points of one resolution, oldest first. A single sample is kept as its bare value: most are one."""

    __slots__ = ("parts", "starts")

    def __init__(self) -> None:
        self.starts = array("q")
        self.parts: list[float | Aggregate] = []

    def add(self, start_s: int, aggregate: Aggregate) -> None:
        starts = self.starts
        if not starts or start_s > starts[-1]:
            starts.append(start_s)
            self.parts.append(_lean(aggregate))
            return
        index = len(starts) - 1 if start_s == starts[-1] else bisect_left(starts, start_s)
        if starts[index] == start_s:
            both = combined((_whole(self.parts[index]), aggregate))
            self.parts[index] = aggregate if both is None else both
        else:
            starts.insert(index, start_s)
            self.parts.insert(index, _lean(aggregate))

    def between(self, start_s: float, end_s: float) -> Iterator[tuple[int, Aggregate]]:
        first, last = bisect_left(self.starts, start_s), bisect_left(self.starts, end_s)
        for index in range(first, last):
            yield self.starts[index], _whole(self.parts[index])

    def take_older(self, limit_s: float) -> list[tuple[int, Aggregate]]:
        """Remove and return what started before a time."""
        taken = list(self.between(float("-inf"), limit_s))
        del self.starts[: len(taken)], self.parts[: len(taken)]
        return taken


def _lean(aggregate: Aggregate) -> float | Aggregate:
    single = aggregate.count == 1.0 == aggregate.real_count and aggregate.minimum == aggregate.maximum
    return aggregate.total if single and aggregate.total == aggregate.minimum else aggregate


def _whole(part: float | Aggregate) -> Aggregate:
    return part if isinstance(part, Aggregate) else of_value(part)


class _Series:
    """A metric's data points of one unit, by resolution."""

    __slots__ = ("by_resolution",)

    def __init__(self) -> None:
        self.by_resolution: list[_Points | None] = [None] * len(RESOLUTIONS_S)

    def add(self, time_s: float, aggregate: Aggregate, resolution: int) -> None:
        points = self.by_resolution[resolution]
        if points is None:
            points = self.by_resolution[resolution] = _Points()
        length_s = RESOLUTIONS_S[resolution]
        points.add(int(time_s // length_s) * length_s, aggregate)
        if points.starts[0] < points.starts[-1] - KEPT_S[resolution] - SLACK_S:
            self._move_on(points, resolution)

    def _move_on(self, points: _Points, resolution: int) -> None:
        newest_s = points.starts[-1]
        for start_s, aggregate in points.take_older(newest_s - KEPT_S[resolution]):
            coarser = resolution + 1
            while coarser < len(KEPT_S) and start_s < newest_s - KEPT_S[coarser]:
                coarser += 1
            if coarser < len(KEPT_S):
                self.add(start_s, aggregate, coarser)

    def between(self, start_s: float, end_s: float) -> Iterator[tuple[int, Aggregate]]:
        """Coarser, and so older, data points first."""
        for points in reversed(self.by_resolution):
            if points is not None:
                yield from points.between(start_s, end_s)

    def newest_s(self) -> int:
        return max(points.starts[-1] for points in self.by_resolution if points is not None and points.starts)


class MetricStore:
    """Not for several threads at once: the emulator's lock covers it."""

    def __init__(self) -> None:
        self._metrics: dict[MetricKey, dict[str, _Series]] = {}
        self._named: dict[tuple[str, str], dict[tuple[str, str], list[MetricKey]]] = {}

    def add(
        self, key: MetricKey, time_s: float, aggregate: Aggregate, unit: str = "None", resolution_s: int = 60
    ) -> None:
        """File samples under the minute (or second) that they belong to."""
        by_unit = self._metrics.get(key)
        if by_unit is None:
            by_unit = self._metrics[key] = {}
            region = self._named.setdefault(key[:2], {})
            region.setdefault((key.namespace, key.name), []).append(key)
        series = by_unit.get(unit)
        if series is None:
            series = by_unit[unit] = _Series()
        series.add(time_s, aggregate, 1 if resolution_s >= 60 else 0)

    def aggregate(self, key: MetricKey, start_s: float, end_s: float, unit: str | None = None) -> Aggregate | None:
        """All samples from `start_s` up to but without `end_s`, or None. unit: only those given with this unit."""
        found = (points for series in self._series(key, unit) for points in series.between(start_s, end_s))
        return combined(aggregate for _, aggregate in found)

    def periods(
        self, key: MetricKey, start_s: float, end_s: float, period_s: int, unit: str | None = None
    ) -> Iterator[tuple[float, Aggregate]]:
        """Start and samples of each period that has any, oldest first. Periods count from `start_s`."""
        parts: dict[float, list[Aggregate]] = {}
        for series in self._series(key, unit):
            for at_s, aggregate in series.between(start_s, end_s):
                parts.setdefault(start_s + (at_s - start_s) // period_s * period_s, []).append(aggregate)
        for period in sorted(parts):
            together = parts[period]
            found = together[0] if len(together) == 1 else combined(together)
            if found is not None:
                yield period, found

    def window(
        self, key: MetricKey, start_s: float, period_s: int, count: int, name: str, unit: str | None = None
    ) -> list[float | None]:
        """One statistic of each of so many periods from `start_s` on, None where there is none: what alarms read."""
        found: list[float | None] = [None] * count
        slots: list[list[float | Aggregate]] = [[] for _ in range(count)]
        end_s = start_s + period_s * count
        for series in self._series(key, unit):
            for points in series.by_resolution:
                if points is not None:
                    starts, parts = points.starts, points.parts
                    for index in range(bisect_left(starts, start_s), bisect_left(starts, end_s)):
                        slots[int((starts[index] - start_s) // period_s)].append(parts[index])
        for slot, inside in enumerate(slots):
            if len(inside) == 1 and isinstance(inside[0], float) and name in SINGLE:
                found[slot] = inside[0]
            elif inside:
                whole = combined(map(_whole, inside))
                found[slot] = statistic(whole, name) if whole is not None else None
        return found

    def units(self, key: MetricKey) -> tuple[str, ...]:
        """The units that a metric's samples came with, in the order in which they first came."""
        return tuple(self._metrics.get(key, ()))

    def newest_s(self, key: MetricKey) -> float:
        """The start of the newest data point of a metric that has any."""
        return max(series.newest_s() for series in self._metrics[key].values())

    def keys(
        self, account: str, region: str, namespace: str | None = None, name: str | None = None
    ) -> Iterator[MetricKey]:
        """Every metric of an account and region, those of one namespace or name only if asked."""
        named = self._named.get((account, region), {})
        if namespace is not None and name is not None:
            yield from named.get((namespace, name), ())
            return
        for (its_namespace, its_name), keys in named.items():
            if namespace in (None, its_namespace) and name in (None, its_name):
                yield from keys

    def clear(self, account: str, region: str) -> None:
        for key in self.keys(account, region):
            del self._metrics[key]
        self._named.pop((account, region), None)

    def _series(self, key: MetricKey, unit: str | None) -> Iterable[_Series]:
        by_unit = self._metrics.get(key)
        if by_unit is None:
            return ()
        if unit is None:
            return by_unit.values()
        return (by_unit[unit],) if unit in by_unit else ()
