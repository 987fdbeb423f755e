import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blackstart.domain.wording import ratio
from blackstart.judgement.statistics import lower_bound, percentile, requests_needed, upper_bound

samples = st.integers(1, 5000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@settings(max_examples=60, deadline=None)
@given(samples)
def test_the_bounds_are_those_of_scipys_exact_binomial_test(sample: tuple[int, int]) -> None:
    from scipy.stats import binomtest

    good, requests = sample
    at_least = binomtest(good, requests, alternative="greater").proportion_ci(0.95, method="exact")
    at_most = binomtest(good, requests, alternative="less").proportion_ci(0.95, method="exact")
    assert lower_bound(good, requests) == pytest.approx(at_least.low, abs=1e-9)
    assert upper_bound(good, requests) == pytest.approx(at_most.high, abs=1e-9)


@settings(max_examples=100, deadline=None)
@given(samples)
def test_the_observed_share_lies_between_its_bounds(sample: tuple[int, int]) -> None:
    good, requests = sample
    assert lower_bound(good, requests) <= good / requests <= upper_bound(good, requests)


@pytest.mark.parametrize(("good", "requests"), [(0, 0), (3, 2), (-1, 2)])
def test_what_is_not_a_sample_is_refused(good: int, requests: int) -> None:
    with pytest.raises(ValueError, match="not a sample"):
        lower_bound(good, requests)


def test_three_nines_need_2995_requests() -> None:
    assert requests_needed(0.999) == 2995
    assert requests_needed(0.0) == 1
    with pytest.raises(ValueError, match="no number of requests"):
        requests_needed(1.0)


@settings(max_examples=60, deadline=None)
@given(st.floats(0.5, 0.9999))
def test_the_sample_that_is_needed_supports_the_claim_and_one_less_does_not(share: float) -> None:
    needed = requests_needed(share)
    assert lower_bound(needed, needed) >= share - 1e-9
    assert needed == 1 or lower_bound(needed - 1, needed - 1) < share + 1e-9


def test_percentiles_are_values_that_occurred() -> None:
    assert percentile([], 0.5) is None
    assert percentile([7.0], 0.99) == 7.0
    assert percentile([1.0, 2.0, 3.0, 4.0], 0.5) == 2.0
    assert percentile([float(n) for n in range(1, 101)], 0.99) == 99.0


@pytest.mark.parametrize(
    ("share", "written"),
    [(1.0, "100 %"), (0.0, "0 %"), (0.97, "97 %"), (0.999, "99.9 %"), (0.99034, "99.03 %"), (0.00604, "0.6 %")],
)
def test_a_share_is_written_with_the_digits_that_matter(share: float, written: str) -> None:
    assert ratio(share) == written
