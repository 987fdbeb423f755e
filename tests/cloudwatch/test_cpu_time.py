"""CPU time by virtual minute, from measurements that come at any time."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blackstart.emulator.decisions.cpu_time import CpuTime

START_S = 1_800_000_000.0


def minutes(*measurements: tuple[float, dict[str, float]]) -> list[tuple[float, dict[str, float]]]:
    time = CpuTime()
    return [
        (end_s - START_S, used)
        for after_s, so_far in measurements
        for end_s, used in time.measured(so_far, START_S + after_s)
    ]


def test_what_was_used_before_the_first_measurement_belongs_to_no_minute():
    assert minutes((0, {"i-1": 100.0}), (60, {"i-1": 106.0})) == [(60, {"i-1": 6.0})]


def test_measurements_within_a_minute_add_up():
    assert minutes((0, {}), (20, {"i-1": 1.0}), (40, {"i-1": 3.0}), (60, {"i-1": 6.0})) == [(60, {"i-1": 6.0})]


def test_what_was_used_across_the_end_of_a_minute_is_divided_by_time():
    (first, used), *_ = minutes((0, {"i-1": 0.0}), (50, {"i-1": 5.0}), (70, {"i-1": 9.0}))
    assert (first, used["i-1"]) == (60, pytest.approx(7.0))


def test_one_measurement_that_spans_minutes_gives_each_its_share():
    """At speed 120 a wall second is two minutes."""
    found = minutes((0, {"i-1": 0.0}), (120, {"i-1": 0.8}), (240, {"i-1": 0.8}))
    assert found == [(60, {"i-1": 0.4}), (120, {"i-1": 0.4}), (180, {}), (240, {})]


def test_less_than_before_is_a_process_begun_anew():
    assert minutes((0, {"i-1": 50.0}), (60, {"i-1": 2.0}))[0][1] == {"i-1": 2.0}


def test_a_process_that_is_gone_has_used_nothing_since_and_a_new_one_all_of_its_time():
    assert minutes((0, {"i-1": 5.0}), (60, {"i-2": 3.0}))[0][1] == {"i-2": 3.0}


def test_a_measurement_that_comes_twice_or_late_changes_nothing():
    assert minutes((0, {}), (60, {"i-1": 3.0}), (60, {"i-1": 4.0}), (30, {"i-1": 9.0}), (120, {"i-1": 4.0})) == [
        (60, {"i-1": 3.0}),
        (120, {"i-1": 1.0}),
    ]


@given(st.lists(st.tuples(st.floats(0.1, 200), st.floats(0, 100)), min_size=1, max_size=30))
def test_nothing_is_lost_and_nothing_invented_however_the_measurements_fall(steps):
    time, at_s, total, found = CpuTime(), START_S, 0.0, []
    list(time.measured({"i-1": 0.0}, at_s))
    for after_s, used in steps:
        at_s, total = at_s + after_s, total + used
        found += time.measured({"i-1": total}, at_s)
    end_s = (at_s // 60 + 1) * 60
    found += time.measured({"i-1": total}, end_s)
    assert sum(used.get("i-1", 0.0) for _, used in found) == pytest.approx(total, abs=1e-6)
    assert [end for end, _ in found] == [START_S + 60 * (index + 1) for index in range(len(found))]
