"""Statistics of a metric over one period, from samples, statistic sets and latency histograms.

Source: CloudWatch user guide, "CloudWatch statistics definitions"; "Percentile-based alarms and low data samples".
"""

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from blackstart.emulator.decisions.extended_statistics import Extended, extended

PLAIN_STATISTICS = ("SampleCount", "Sum", "Average", "Minimum", "Maximum")


class Aggregate(NamedTuple):
    """What is kept of a metric's samples.

    count, total: SampleCount and Sum as CloudWatch shows them (traffic metrics: multiplied by the speed). real_count:
    samples that were really taken. weights: how often each value was seen; None when all were alike (minimum equals
    maximum), and when only a statistic set is known.
    """

    count: float  # type: ignore[assignment]  # a tuple's own count is of no use here
    total: float
    minimum: float
    maximum: float
    real_count: float
    weights: Mapping[float, float] | None


def of_value(value: float, times: float = 1.0) -> Aggregate:
    """One value, seen so many times."""
    return Aggregate(times, value * times, value, value, times, None)


def of_statistic_set(count: float, total: float, minimum: float, maximum: float) -> Aggregate:
    """A client's own aggregate. Percentiles exist only where it names every value: one sample, or all alike."""
    return Aggregate(count, total, minimum, maximum, count, None)


def of_histogram(buckets: Mapping[int, int], total: float, value_of: Callable[[int], float]) -> Aggregate:
    """A histogram with at least one entry. buckets: bucket number to count. total: exact sum of the values."""
    weights = {value_of(bucket): float(count) for bucket, count in buckets.items() if count}
    count = sum(weights.values())
    return Aggregate(count, total, min(weights), max(weights), count, weights)


def scaled(aggregate: Aggregate, factor: float) -> Aggregate:
    """SampleCount and Sum as a world `factor` times as busy would show them; all else is as measured."""
    return aggregate._replace(count=aggregate.count * factor, total=aggregate.total * factor)


def combined(aggregates: Iterable[Aggregate]) -> Aggregate | None:
    """All samples together, or None without any. One part without a distribution leaves the whole without."""
    parts = list(aggregates)
    if len(parts) <= 1:
        return parts[0] if parts else None
    minimum, maximum = min(part.minimum for part in parts), max(part.maximum for part in parts)
    return Aggregate(
        sum(part.count for part in parts),
        sum(part.total for part in parts),
        minimum,
        maximum,
        sum(part.real_count for part in parts),
        _added(parts) if minimum != maximum else None,
    )


def _added(parts: Iterable[Aggregate]) -> dict[float, float] | None:
    weights: dict[float, float] = {}
    for part in parts:
        known = distribution(part)
        if known is None:
            return None
        for value, weight in known.items():
            weights[value] = weights.get(value, 0.0) + weight
    return weights


def distribution(aggregate: Aggregate) -> Mapping[float, float] | None:
    """How often each value was really seen, None where that is not known."""
    if aggregate.weights is None and aggregate.minimum == aggregate.maximum:
        return {aggregate.minimum: aggregate.real_count}
    return aggregate.weights


def is_statistic(name: str) -> bool:
    """Whether CloudWatch has a statistic of this name: the five plain ones and all extended ones."""
    return name in PLAIN_STATISTICS or extended(name) is not None


def statistic(aggregate: Aggregate, name: str) -> float | None:
    """The value of a statistic, None where the distribution that it needs is not known or has negative values.

    Raises ValueError for a name that `is_statistic` refuses.
    """
    if name == "Average":
        return aggregate.total / aggregate.count if aggregate.count else None
    if name == "Sum":
        return aggregate.total
    if name == "SampleCount":
        return aggregate.count
    if name == "Maximum":
        return aggregate.maximum
    if name == "Minimum":
        return aggregate.minimum
    wanted = extended(name)
    if wanted is None:
        raise ValueError(f"{name} is not a statistic")
    return _of_distribution(aggregate, wanted)


def _of_distribution(aggregate: Aggregate, wanted: Extended) -> float | None:
    weights = distribution(aggregate)
    if not weights or aggregate.minimum < 0:
        return None
    return wanted.of(weights, aggregate.count)


def has_low_samples(name: str, real_count: float) -> bool:
    """Whether a percentile rests on too few samples to be significant.

    Below 10/(1-p) samples for p of 0.5 and more, below 10/p under it. Other statistics never do. Real counts decide:
    a busier world is shown, but was not measured.
    """
    wanted = extended(name)
    if wanted is None or wanted.kind != "p":
        return False
    ratio = wanted.high
    rarer = 1 - ratio if ratio >= 0.5 else ratio
    return rarer > 0 and real_count < 10 / rarer - 1e-6
