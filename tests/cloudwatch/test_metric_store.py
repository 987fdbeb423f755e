"""What the metric store keeps, by age and unit, and that cutting time up differently loses nothing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blackstart.emulator.controllers.metric_store import MetricKey, MetricStore
from blackstart.emulator.decisions.metric_statistics import (
    Aggregate,
    combined,
    of_statistic_set,
    of_value,
    statistic,
)

SCOPE = ("123456789012", "us-east-1")
KEY = MetricKey.of(SCOPE, "App", "M", {})
DAY = 86400.0

samples = st.lists(
    st.tuples(st.integers(0, 86399), st.integers(0, 1000), st.integers(1, 5), st.sampled_from(["Count", "None"])),
    min_size=1,
    max_size=80,
)


def store_of(found: list[tuple[int, int, int, str]]) -> MetricStore:
    store = MetricStore()
    for time_s, value, times, unit in found:
        store.add(KEY, float(time_s), of_value(float(value), float(times)), unit)
    return store


@given(samples, st.sampled_from([60, 300, 900, 3600]), st.integers(1, 6))
def test_a_longer_period_has_the_statistics_of_its_parts(found, period_s, factor):
    store = store_of(found)
    short = dict(store.periods(KEY, 0.0, DAY, period_s))
    for start_s, whole in store.periods(KEY, 0.0, DAY, period_s * factor):
        parts = [part for at_s, part in short.items() if start_s <= at_s < start_s + period_s * factor]
        together = combined(parts)
        assert together is not None
        for name in ("Sum", "SampleCount", "Minimum", "Maximum", "Average", "p50", "p99", "tm90"):
            assert statistic(whole, name) == statistic(together, name)


@given(samples, st.sampled_from([60, 300, 3600]))
def test_an_average_is_weighted_by_the_sample_count(found, period_s):
    for start_s, whole in store_of(found).periods(KEY, 0.0, DAY, period_s):
        inside = [(value, times) for at, value, times, _ in found if start_s <= at // 60 * 60 < start_s + period_s]
        total = sum(value * times for value, times in inside)
        assert statistic(whole, "Average") == pytest.approx(total / sum(times for _, times in inside))


@given(samples, st.sampled_from([60, 300]))
def test_the_units_together_are_all_samples(found, period_s):
    store = store_of(found)
    whole = store.aggregate(KEY, 0.0, DAY)
    parts = [part for unit in store.units(KEY) if (part := store.aggregate(KEY, 0.0, DAY, unit))]
    assert whole is not None
    assert whole.count == sum(part.count for part in parts) == sum(times for _, _, times, _ in found)


@given(samples, st.integers(16, 60))
def test_ageing_data_keeps_its_sums_and_gets_coarser(found, days):
    store = store_of(found)
    before = store.aggregate(KEY, 0.0, DAY)
    for unit in store.units(KEY):
        store.add(KEY, days * DAY + DAY, of_value(1.0), unit)
    after = store.aggregate(KEY, 0.0, DAY)
    assert after is not None
    assert before is not None
    assert (after.count, after.total, after.minimum, after.maximum) == (
        before.count,
        before.total,
        before.minimum,
        before.maximum,
    )
    assert all(at_s % 300 == 0 for at_s, _ in store.periods(KEY, 0.0, DAY, 60))


def test_data_older_than_fifteen_months_is_gone() -> None:
    store = MetricStore()
    store.add(KEY, 0.0, of_value(1.0))
    store.add(KEY, 456 * DAY, of_value(1.0))
    store.add(KEY, 457 * DAY, of_value(1.0))
    assert store.aggregate(KEY, 0.0, DAY) is None


def test_seconds_become_minutes_after_three_hours() -> None:
    store = MetricStore()
    for second in (1.0, 2.0, 59.0):
        store.add(KEY, second, of_value(1.0), resolution_s=1)
    assert [at for at, _ in store.periods(KEY, 0.0, 60.0, 1)] == [1.0, 2.0, 59.0]
    store.add(KEY, 5 * 3600.0, of_value(1.0), resolution_s=1)
    assert [(at, part.count) for at, part in store.periods(KEY, 0.0, 60.0, 1)] == [(0.0, 3.0)]


def test_late_data_finds_its_place() -> None:
    store = MetricStore()
    for minute in (5, 3, 4, 3):
        store.add(KEY, minute * 60.0, of_value(float(minute)))
    assert [(at, part.total) for at, part in store.periods(KEY, 0.0, 600.0, 60)] == [(180, 6), (240, 4), (300, 5)]


def test_keys_are_found_by_namespace_and_name() -> None:
    store = MetricStore()
    for namespace, name, zone in (("App", "M", "a"), ("App", "M", "b"), ("App", "N", "a"), ("Other", "M", "a")):
        store.add(MetricKey.of(SCOPE, namespace, name, {"Zone": zone}), 0.0, of_value(1.0))
    assert [len(list(store.keys(*SCOPE, *which))) for which in ((), ("App",), ("App", "M"), (None, "M"))] == [
        4,
        3,
        2,
        3,
    ]
    store.clear(*SCOPE)
    assert list(store.keys(*SCOPE)) == []
    assert store.aggregate(MetricKey.of(SCOPE, "App", "M", {"Zone": "a"}), 0.0, 60.0) is None


LATENCIES = Aggregate(10.0, 55.0, 1.0, 10.0, 10.0, {float(value): 1.0 for value in range(1, 11)})
"""1 to 10 seconds, once each."""


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("p50", 5.0),
        ("tm90", 5.0),
        ("TM(:90%)", 5.0),
        ("TM(20%:80%)", 5.5),
        ("TM(2:4)", 3.5),
        ("TM(50:60)", None),
        ("IQM", 5.5),
        ("tc90", 9.0),
        ("TC(2:4)", 2.0),
        ("TC(:0.5)", 0.0),
        ("TC(4:)", 6.0),
        ("ts90", 45.0),
        ("TS(80%:)", 19.0),
        ("TS(2:4)", 7.0),
        ("wm90", (45 + 9) / 10),
        ("WM(10%:90%)", (1 + 44 + 9 + 0) / 10),
        ("WM(2:8)", (2 + 2 + 3 + 4 + 5 + 6 + 7 + 8 + 8 + 8) / 10),
        ("PR(:3)", 30.0),
        ("PR(3:5)", 20.0),
        ("PR(9:)", 10.0),
    ],
)
def test_statistics_of_a_distribution(name: str, expected: float | None) -> None:
    found = statistic(LATENCIES, name)
    assert found == (None if expected is None else pytest.approx(expected))


def test_trimmed_counts_are_a_share_of_the_shown_count() -> None:
    busier = LATENCIES._replace(count=100.0, total=550.0)
    assert statistic(busier, "TC(:3)") == 30.0
    assert statistic(busier, "PR(:3)") == 30.0
    assert statistic(busier, "ts90") == 450.0


def test_negative_values_have_no_percentiles() -> None:
    whole = combined([of_value(-1.0), of_value(1.0)])
    assert whole is not None
    assert (statistic(whole, "p50"), statistic(whole, "Average")) == (None, 0.0)


def test_bins_of_percentile_ranks_hold_everything_once() -> None:
    bins = [statistic(LATENCIES, f"PR({low}:{high})") or 0.0 for low, high in (("", 1), (1, 5), (5, 10), (10, ""))]
    assert sum(bins) == 100.0


@given(st.lists(st.integers(0, 50), min_size=1, max_size=30), st.integers(1, 49), st.integers(50, 99))
def test_trimmed_sum_is_mean_times_count(values, low, high):
    whole = combined(of_value(float(value)) for value in values)
    assert whole is not None
    mean, count, total = (statistic(whole, f"{kind}({low}%:{high}%)") for kind in ("TM", "TC", "TS"))
    assert mean is not None
    assert count is not None
    assert total == pytest.approx(mean * count)


def test_a_statistic_set_with_different_extremes_has_no_distribution() -> None:
    assert statistic(of_statistic_set(2, 3, 1, 2), "tm90") is None


@given(samples, st.sampled_from([60, 300]), st.sampled_from(["Sum", "SampleCount", "Average", "p90", "TC(:100)"]))
def test_a_window_is_the_statistics_of_its_periods(found, period_s, name):
    store = store_of(found)
    periods = dict(store.periods(KEY, 3600.0, 7200.0, period_s))
    window = store.window(KEY, 3600.0, period_s, 3600 // period_s, name)
    expected = [periods.get(3600.0 + period_s * number) for number in range(3600 // period_s)]
    assert window == [None if part is None else statistic(part, name) for part in expected]
