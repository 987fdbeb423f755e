"""A histogram of latencies with buckets that grow by 5 %, so that a percentile is off by at most about 2.5 %.

Bucket i holds latencies from 1 µs x 1.05^i up to 1.05 times that; bucket 0 also everything shorter. A minute is bucket
367, so the memory of a histogram is bounded whatever it counts.
"""

from collections.abc import Mapping
from math import log, sqrt

GROWTH_RATIO = 1.05
SMALLEST_REAL_S = 1e-6
_LOG_GROWTH = log(GROWTH_RATIO)


def bucket_of(latency_real_s: float) -> int:
    """The bucket's index, 0 or above. Raises ValueError for a negative latency or one that is not a number."""
    if not latency_real_s >= 0:
        raise ValueError(f"a latency of {latency_real_s} s")
    if latency_real_s <= SMALLEST_REAL_S:
        return 0
    return int(log(latency_real_s / SMALLEST_REAL_S) / _LOG_GROWTH)


def bucket_value_real_s(index: int) -> float:
    """The geometric middle of a bucket, wall seconds."""
    return float(SMALLEST_REAL_S * GROWTH_RATIO**index * sqrt(GROWTH_RATIO))


def quantile_real_s(buckets: Mapping[int, int], quantile: float) -> float:
    """The value below which `quantile` (0 to 1) of the counted latencies lie; 0.0 for an empty histogram."""
    total = sum(buckets.values())
    seen = 0
    for index in sorted(buckets):
        seen += buckets[index]
        if seen >= quantile * total:
            return bucket_value_real_s(index)
    return 0.0
