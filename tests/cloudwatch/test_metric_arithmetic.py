"""Statistics of a period and metric math, as plain functions."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blackstart.emulator.controllers.metric_store import MetricKey, MetricStore
from blackstart.emulator.decisions.latency_histogram import bucket_of, bucket_value_real_s
from blackstart.emulator.decisions.metric_statistics import (
    combined,
    has_low_samples,
    is_statistic,
    of_histogram,
    of_statistic_set,
    of_value,
    scaled,
    statistic,
)

values = st.lists(st.floats(0, 1e6, allow_nan=False), min_size=1, max_size=40)


@given(values, st.integers(0, 100))
def test_a_percentile_is_a_value_that_was_seen_with_enough_below_it(numbers: list[float], rank: int) -> None:
    whole = combined(of_value(number) for number in numbers)
    assert whole is not None
    found = statistic(whole, f"p{rank}")
    assert found in numbers
    assert sum(number <= found for number in numbers) >= len(numbers) * rank / 100 - 1e-6


@given(values)
def test_extremes_and_average_are_those_of_the_samples(numbers: list[float]) -> None:
    whole = combined(of_value(number) for number in numbers)
    assert whole is not None
    assert (statistic(whole, "Minimum"), statistic(whole, "Maximum")) == (min(numbers), max(numbers))
    assert statistic(whole, "Average") == pytest.approx(sum(numbers) / len(numbers), abs=1e-6)
    assert statistic(whole, "tm100") == pytest.approx(sum(numbers) / len(numbers), abs=1e-6)


def test_a_trimmed_mean_leaves_the_highest_out() -> None:
    whole = combined([of_value(1.0, 9), of_value(100.0)])
    assert whole is not None
    assert statistic(whole, "tm90") == 1.0


def test_speed_multiplies_sum_and_count_and_nothing_else() -> None:
    faster = scaled(of_value(2.0, 3), 10)
    assert (statistic(faster, "Sum"), statistic(faster, "SampleCount"), faster.real_count) == (60.0, 30.0, 3)
    assert [statistic(faster, name) for name in ("Average", "Minimum", "Maximum", "p99")] == [2.0, 2.0, 2.0, 2.0]


def test_a_histogram_keeps_its_exact_sum_and_its_percentiles_within_a_bucket() -> None:
    whole = of_histogram({bucket_of(0.010): 98, bucket_of(1.0): 2}, 2.98, bucket_value_real_s)
    assert (statistic(whole, "SampleCount"), statistic(whole, "Sum")) == (100.0, 2.98)
    assert statistic(whole, "p50") == pytest.approx(0.010, rel=0.03)
    assert statistic(whole, "p99") == pytest.approx(1.0, rel=0.03)


def test_a_statistic_set_of_equal_values_has_percentiles() -> None:
    assert statistic(of_statistic_set(4, 20, 5, 5), "p90") == 5
    assert statistic(of_statistic_set(4, 20, 1, 9), "p90") is None


@pytest.mark.parametrize(
    ("name", "samples", "low"),
    [
        ("p99", 999, True),
        ("p99", 1000, False),
        ("p50", 19, True),
        ("p50", 20, False),
        ("p10", 99, True),
        ("p10", 100, False),
        ("Average", 1, False),
        ("p100", 1, False),
    ],
)
def test_a_percentile_needs_ten_samples_beyond_it(name: str, samples: float, low: bool) -> None:
    assert has_low_samples(name, samples) is low


@pytest.mark.parametrize(
    "name", ["Sum", "p99", "p99.9", "P95", "tm99", "wm98", "IQM", "TM(2%:98%)", "TC(:0.1)", "PR(100:)", "TS(80%:)"]
)
def test_known_statistics_are_known(name: str) -> None:
    assert is_statistic(name)


@pytest.mark.parametrize("name", ["sum", "p101", "p", "TM90", "TM(:)", "TM(1%:2)", "TM(9%:2%)", "PR(1%:2%)", "IQ", ""])
def test_other_statistics_are_refused(name: str) -> None:
    assert not is_statistic(name)
    with pytest.raises(ValueError, match="is not a statistic"):
        statistic(of_value(1.0), name)


KEY = MetricKey.of(("123456789012", "us-east-1"), "N", "M", {})


@given(st.lists(st.integers(0, 3600), min_size=1, max_size=60), st.sampled_from([60, 120, 300]))
def test_periods_hold_every_sample_once_whatever_the_order(times: list[int], period_s: int) -> None:
    store = MetricStore()
    for time_s in times:
        store.add(KEY, float(time_s), of_value(1.0))
    periods = list(store.periods(KEY, 0.0, 3660.0, period_s))
    assert sum(aggregate.count for _, aggregate in periods) == len(times)
    assert [start for start, _ in periods] == sorted({time_s // period_s * period_s for time_s in times})
