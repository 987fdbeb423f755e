"""Exact binomial bounds and sample sizes. Requests count as trials, good requests as successes.

Source: Clopper and Pearson, "The use of confidence or fiducial limits illustrated in the case of the binomial" (1934).
"""

from collections.abc import Sequence
from math import ceil, log

CONFIDENCE = 0.95


def lower_bound(good: int, requests: int) -> float:
    """The smallest true good share that the sample does not contradict, one-sided 95 % (Clopper-Pearson).

    Raises ValueError unless 0 <= good <= requests and requests >= 1.
    """
    _must_be_a_sample(good, requests)
    if good == 0:
        return 0.0
    from scipy.special import betaincinv

    return float(betaincinv(good, requests - good + 1, 1.0 - CONFIDENCE))


def upper_bound(good: int, requests: int) -> float:
    """The largest true good share that the sample does not contradict, one-sided 95 % (Clopper-Pearson).

    Raises ValueError unless 0 <= good <= requests and requests >= 1.
    """
    _must_be_a_sample(good, requests)
    if good == requests:
        return 1.0
    from scipy.special import betaincinv

    return float(betaincinv(good + 1, requests - good, CONFIDENCE))


def _must_be_a_sample(good: int, requests: int) -> None:
    if requests < 1 or not 0 <= good <= requests:
        raise ValueError(f"{good} good of {requests} requests is not a sample")


def requests_needed(share: float) -> int:
    """The smallest sample that, without one failure, supports "at least this share" at 95 %: ln(0.05) / ln(share).

    2,995 for 0.999; 1 for a share of 0. Raises ValueError outside 0 <= share < 1: no sample proves perfection.
    """
    if not 0.0 <= share < 1.0:
        raise ValueError(f"no number of requests supports a share of {share}")
    return 1 if share == 0.0 else max(1, ceil(log(1.0 - CONFIDENCE) / log(share)))


def percentile(ordered: Sequence[float], share: float) -> float | None:
    """The nearest-rank percentile of values in rising order; None of nothing. share: 0.99 for the 99th."""
    return ordered[max(0, ceil(share * len(ordered)) - 1)] if ordered else None
