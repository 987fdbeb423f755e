"""Statistics of a metric over one period, from samples, statistic sets and latency histograms.

Source: CloudWatch user guide, "CloudWatch statistics definitions"; "Percentile-based alarms and low data samples".
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

PLAIN_STATISTICS = ("SampleCount", "Sum", "Average", "Minimum", "Maximum")
EXTENDED = re.compile(r"(p|tm)(\d{1,3}(?:\.\d{1,10})?)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Aggregate:
    """What is kept of a metric's samples.

    count, total: SampleCount and Sum as CloudWatch shows them (traffic metrics: multiplied by the speed). real_count:
    samples that were really taken. weights: how often each value was seen, None when only a statistic set is known.
    """

    count: float
    total: float
    minimum: float
    maximum: float
    real_count: float
    weights: Mapping[float, float] | None


def of_value(value: float, times: float = 1.0) -> Aggregate:
    """One value, seen so many times."""
    return Aggregate(times, value * times, value, value, times, {value: times})


def of_statistic_set(count: float, total: float, minimum: float, maximum: float) -> Aggregate:
    """A client's own aggregate. Percentiles exist only where it names every value: one sample, or all alike."""
    weights = {minimum: count} if count == 1 or minimum == maximum else None
    return Aggregate(count, total, minimum, maximum, count, weights)


def of_histogram(buckets: Mapping[int, int], total: float, value_of: Callable[[int], float]) -> Aggregate:
    """A histogram with at least one entry. buckets: bucket number to count. total: exact sum of the values."""
    weights = {value_of(bucket): float(count) for bucket, count in buckets.items() if count}
    count = sum(weights.values())
    return Aggregate(count, total, min(weights), max(weights), count, weights)


def scaled(aggregate: Aggregate, factor: float) -> Aggregate:
    """SampleCount and Sum as a world `factor` times as busy would show them; all else is as measured."""
    return replace(aggregate, count=aggregate.count * factor, total=aggregate.total * factor)


def combined(aggregates: Iterable[Aggregate]) -> Aggregate | None:
    """All samples together, or None without any. One part without a distribution leaves the whole without."""
    parts = list(aggregates)
    if len(parts) <= 1:
        return parts[0] if parts else None
    return Aggregate(
        sum(part.count for part in parts),
        sum(part.total for part in parts),
        min(part.minimum for part in parts),
        max(part.maximum for part in parts),
        sum(part.real_count for part in parts),
        _added(part.weights for part in parts),
    )


def _added(parts: Iterable[Mapping[float, float] | None]) -> dict[float, float] | None:
    weights: dict[float, float] = {}
    for part in parts:
        if part is None:
            return None
        for value, weight in part.items():
            weights[value] = weights.get(value, 0.0) + weight
    return weights


def is_statistic(name: str) -> bool:
    """Whether CloudWatch's name of a statistic is one that `statistic` computes: the five plain ones, pNN and tmNN."""
    matched = EXTENDED.fullmatch(name)
    return name in PLAIN_STATISTICS or (matched is not None and 0 <= float(matched[2]) <= 100)


def statistic(aggregate: Aggregate, name: str) -> float | None:
    """The value of a statistic, None where the distribution that it needs is not known.

    pNN is the nearest rank, tmNN the mean of the lowest NN %. AWS publishes no method; over histograms the value is
    the bucket's. Raises ValueError for a name that `is_statistic` refuses.
    """
    if not is_statistic(name):
        raise ValueError(f"{name} is not a statistic")
    if name == "SampleCount":
        return aggregate.count
    if name == "Sum":
        return aggregate.total
    if name == "Minimum":
        return aggregate.minimum
    if name == "Maximum":
        return aggregate.maximum
    if name == "Average":
        return aggregate.total / aggregate.count if aggregate.count else None
    return _of_distribution(aggregate, name)


def _of_distribution(aggregate: Aggregate, name: str) -> float | None:
    matched = EXTENDED.fullmatch(name)
    if matched is None or not aggregate.weights:
        return None
    ratio = float(matched[2]) / 100
    if matched[1].lower() == "p":
        return _percentile(aggregate.weights, ratio)
    return _trimmed_mean(aggregate.weights, ratio)


def _percentile(weights: Mapping[float, float], ratio: float) -> float:
    wanted = sum(weights.values()) * ratio
    reached = 0.0
    for value in sorted(weights):
        reached += weights[value]
        # a sum of floats may miss the whole by its last bit
        if reached >= wanted - 1e-9:
            return value
    return max(weights)


def _trimmed_mean(weights: Mapping[float, float], ratio: float) -> float | None:
    left = wanted = sum(weights.values()) * ratio
    total = 0.0
    for value in sorted(weights):
        taken = min(weights[value], left)
        total += value * taken
        left -= taken
    return total / wanted if wanted else None


def has_low_samples(name: str, real_count: float) -> bool:
    """Whether a percentile rests on too few samples to be significant.

    Below 10/(1-p) samples for p of 0.5 and more, below 10/p under it. Plain statistics never do. Real counts decide:
    a busier world is shown, but was not measured.
    """
    matched = EXTENDED.fullmatch(name)
    if matched is None or matched[1].lower() != "p":
        return False
    ratio = float(matched[2]) / 100
    rarer = 1 - ratio if ratio >= 0.5 else ratio
    return rarer > 0 and real_count < 10 / rarer - 1e-6
