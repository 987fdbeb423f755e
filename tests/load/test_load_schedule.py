from itertools import islice, pairwise, takewhile
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blackstart.domain.experiment import Arrivals
from blackstart.load.schedule import constant, offsets_s, shard


def first(arrivals: Arrivals, rate_per_s: float, seed: int, number: int) -> list[float]:
    return list(islice(offsets_s(arrivals, constant(rate_per_s), Random(seed)), number))


def test_fixed_arrivals_start_at_once_and_keep_equal_gaps() -> None:
    assert first(Arrivals.FIXED, 4.0, 1, 4) == [0.0, 0.25, 0.5, 0.75]


def test_fixed_arrivals_do_not_drift_over_an_hour() -> None:
    [last] = islice(offsets_s(Arrivals.FIXED, constant(200.0), Random(1)), 720_000, 720_001)
    assert last == 3600.0


def test_poisson_arrivals_have_the_rate_and_the_spread_of_independent_users() -> None:
    arrivals = first(Arrivals.POISSON, 50.0, 7, 20_000)
    gaps = [later - earlier for earlier, later in pairwise(arrivals)]
    mean = sum(gaps) / len(gaps)
    variance = sum((gap - mean) ** 2 for gap in gaps) / len(gaps)
    assert mean == pytest.approx(1 / 50, rel=0.03)
    assert variance**0.5 == pytest.approx(mean, rel=0.05)


def test_the_same_seed_gives_the_same_schedule_and_another_seed_another() -> None:
    assert first(Arrivals.POISSON, 10.0, 3, 50) == first(Arrivals.POISSON, 10.0, 3, 50)
    assert first(Arrivals.POISSON, 10.0, 3, 50) != first(Arrivals.POISSON, 10.0, 4, 50)


@given(arrivals=st.sampled_from(Arrivals), workers=st.integers(1, 7), seed=st.integers(0, 99))
def test_the_shards_together_are_exactly_the_whole_schedule(arrivals: Arrivals, workers: int, seed: int) -> None:
    whole = first(arrivals, 20.0, seed, 70)
    shards = [list(shard(whole, index, workers)) for index in range(workers)]
    assert sorted(offset for part in shards for offset in part) == whole
    assert max(map(len, shards)) - min(map(len, shards)) <= 1


@given(rate=st.floats(0.1, 2000), arrivals=st.sampled_from(Arrivals), seed=st.integers())
def test_intended_times_never_go_back(rate: float, arrivals: Arrivals, seed: int) -> None:
    offsets = first(arrivals, rate, seed, 100)
    assert offsets == sorted(offsets)


def test_a_ramp_is_one_more_pace() -> None:
    def ramp_to_10_per_s_over_10_s(units: float) -> float:
        return (2 * units) ** 0.5

    schedule = offsets_s(Arrivals.FIXED, ramp_to_10_per_s_over_10_s, Random(1))
    assert len(list(takewhile(lambda offset: offset < 10.0, schedule))) == 50


@pytest.mark.parametrize("rate_per_s", [0.0, -1.0])
def test_a_rate_that_sends_nothing_is_refused(rate_per_s: float) -> None:
    with pytest.raises(ValueError, match="never sends"):
        constant(rate_per_s)


@pytest.mark.parametrize(("index", "workers"), [(2, 2), (-1, 2), (0, 0)])
def test_a_worker_outside_the_range_is_refused(index: int, workers: int) -> None:
    with pytest.raises(ValueError, match="worker"):
        shard([], index, workers)
