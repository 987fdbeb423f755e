"""Arrival schedules: when each request is meant to leave, decided before any answer is seen.

That is what makes the load open: arrivals never wait for answers, so a server that stalls meets the same traffic as one
that does not, and latency counted from these times cannot hide the stall (coordinated omission).

Two independent choices make a schedule. *Unit arrivals* come once per unit on average, evenly or at random; a *pace*
says at which second the n-th unit is due. So a ramp or a spike is one more pace (the inverse of its cumulative rate),
and a replay is the recorded offsets themselves:

    def ramp(from_per_s, to_per_s, over_s): return lambda units: ...   # solve the cumulative rate for time
    offsets_s(Arrivals.POISSON, ramp(0, 200, 60), Random(7))
"""

from collections.abc import Callable, Iterable, Iterator
from itertools import accumulate, count, islice
from random import Random

from blackstart.domain.experiment import Arrivals

Pace = Callable[[float], float]


def constant(rate_per_s: float) -> Pace:
    """The pace of a rate that does not change. rate_per_s: requests per wall second; ValueError unless above 0."""
    if rate_per_s <= 0:
        raise ValueError(f"a rate of {rate_per_s} requests/s never sends anything")
    return lambda units: units / rate_per_s


def even_units() -> Iterator[float]:
    """0, 1, 2, ...: the gaps are all equal."""
    return map(float, count())


def poisson_units(rng: Random) -> Iterator[float]:
    """Arrivals of independent users: exponential gaps with mean 1."""
    return accumulate(rng.expovariate(1.0) for _ in count())


def offsets_s(arrivals: Arrivals, pace: Pace, rng: Random) -> Iterator[float]:
    """Intended send times without end, in wall seconds after the start, never decreasing.

    rng: seeded by the caller; the same seed gives the same schedule.
    """
    return map(pace, even_units() if arrivals is Arrivals.FIXED else poisson_units(rng))


def shard(offsets: Iterable[float], index: int, workers: int) -> Iterator[float]:
    """The part of a schedule that one of several workers sends: every `workers`-th arrival, beginning at `index`.

    Every worker builds the same schedule from the same seed, so the shards together are exactly the whole.
    Raises ValueError for an index outside 0 to workers - 1.
    """
    if not 0 <= index < workers:
        raise ValueError(f"worker {index} of {workers}: the index goes from 0 to {workers - 1}")
    return islice(offsets, index, None, workers)
