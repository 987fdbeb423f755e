import pytest
from hypothesis import given
from hypothesis import strategies as st

from blackstart.emulator.decisions.latency_histogram import bucket_of, bucket_value_real_s, quantile_real_s


@given(st.floats(min_value=2e-6, max_value=3600))
def test_a_latency_is_within_three_percent_of_its_buckets_value(latency_real_s: float) -> None:
    assert bucket_value_real_s(bucket_of(latency_real_s)) == pytest.approx(latency_real_s, rel=0.03)


@given(st.integers(1, 400))
def test_a_buckets_value_lies_in_that_bucket(index: int) -> None:
    assert bucket_of(bucket_value_real_s(index)) == index


def test_the_shortest_latencies_share_the_first_bucket() -> None:
    assert bucket_of(0.0) == bucket_of(1e-6) == 0


@pytest.mark.parametrize("wrong", [-0.001, float("nan")])
def test_a_latency_that_cannot_be_is_refused(wrong: float) -> None:
    with pytest.raises(ValueError, match="a latency of"):
        bucket_of(wrong)


def test_a_quantile_is_the_value_that_so_many_latencies_stay_below() -> None:
    buckets = {bucket_of(0.010): 98, bucket_of(1.0): 2}
    assert quantile_real_s(buckets, 0.5) == pytest.approx(0.010, rel=0.03)
    assert quantile_real_s(buckets, 0.99) == pytest.approx(1.0, rel=0.03)
    assert quantile_real_s({}, 0.99) == 0.0
