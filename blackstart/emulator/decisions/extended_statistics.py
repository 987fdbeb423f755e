"""Percentiles, trimmed and winsorized means, and ranks: statistics that need the distribution of the values.

AWS publishes no method for percentiles: here they are the nearest rank. Over histograms a value is its bucket's.
Source: CloudWatch user guide, "CloudWatch statistics definitions".
"""

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import NamedTuple

_NUMBER = r"\d+(?:\.\d{1,10})?"
_SHORT = re.compile(rf"(p|P|tm|tc|ts|wm)({_NUMBER})")
_RANGE = re.compile(rf"(TM|TC|TS|WM|PR)\((?:({_NUMBER})(%?))?:(?:({_NUMBER})(%?))?\)")


class Extended(NamedTuple):
    """One extended statistic.

    kind: p, tm, tc, ts, wm or pr. low, high: the boundaries, ratios of all samples or, if `by_value`, values of the
    metric (above low, up to and with high).
    """

    kind: str
    low: float
    high: float
    by_value: bool = False

    def of(self, weights: Mapping[float, float], shown_count: float) -> float | None:
        """The statistic of a distribution; None where its range holds no sample.

        weights: how often each value was seen, at least one. shown_count: SampleCount, which counts are a share of.
        """
        samples = sum(weights.values())
        if self.kind == "p":
            return _percentile(weights, samples * self.high)
        inside = list(self._inside(weights, samples))
        count = sum(weight for _, weight in inside)
        total = sum(value * weight for value, weight in inside)
        if self.kind == "pr":
            return 100 * count / samples
        if self.kind == "tc":
            return count * shown_count / samples
        if self.kind == "ts":
            return total * shown_count / samples
        if self.kind == "wm":
            return self._winsorized(weights, samples)
        return total / count if count > 0 else None

    def _inside(self, weights: Mapping[float, float], samples: float) -> Iterator[tuple[float, float]]:
        """The values within the boundaries, and how much of the weight of each."""
        if self.by_value:
            yield from ((value, weight) for value, weight in weights.items() if self.low < value <= self.high)
            return
        reached, low, high = 0.0, self.low * samples, self.high * samples
        for value in sorted(weights):
            taken = min(high, reached + weights[value]) - max(low, reached)
            if taken > 0:
                yield value, taken
            reached += weights[value]

    def _winsorized(self, weights: Mapping[float, float], samples: float) -> float:
        low = self.low if self.by_value else _percentile(weights, samples * self.low)
        high = self.high if self.by_value else _percentile(weights, samples * self.high)
        return sum(min(high, max(low, value)) * weight for value, weight in weights.items()) / samples


@lru_cache(maxsize=1024)
def extended(name: str) -> Extended | None:
    """The extended statistic of this name (p99, tm90, TM(5%:95%), TC(:0.1), PR(100:200), IQM ...), None for others."""
    if name == "IQM":
        return Extended("tm", 0.25, 0.75)
    short = _SHORT.fullmatch(name)
    if short:
        ratio = float(short[2]) / 100
        return Extended(short[1].lower(), 0.0, ratio) if ratio <= 1 else None
    matched = _RANGE.fullmatch(name)
    return _of_range(*matched.groups()) if matched else None


def _of_range(
    kind: str, low: str | None, low_percent: str | None, high: str | None, high_percent: str | None
) -> Extended | None:
    signs = {sign for number, sign in ((low, low_percent), (high, high_percent)) if number is not None}
    if len(signs) != 1:
        return None  # no boundary at all, or a percentage and a value
    if signs == {"%"}:
        wanted = Extended(kind.lower(), float(low or 0) / 100, float(high or 100) / 100)
        return wanted if kind != "PR" and wanted.low < wanted.high <= 1 else None
    # values are never negative here, so that a range without a lower boundary holds zero too
    wanted = Extended(kind.lower(), float(low) if low else -1.0, float(high) if high else float("inf"), by_value=True)
    return wanted if wanted.low < wanted.high else None


def _percentile(weights: Mapping[float, float], wanted: float) -> float:
    """The value at which so many samples are reached."""
    reached = 0.0
    for value in sorted(weights):
        reached += weights[value]
        # a sum of floats may miss the whole by its last bit
        if reached >= wanted - 1e-9:
            return value
    return max(weights)
