"""The six examples of the guide's "Composite alarm action suppression", and what must hold for every course of events.

In them the WaitPeriod is 2 time units and the ExtensionPeriod 3. Source: CloudWatch user guide, "Composite alarm action
suppression". In the guide's text of example 6 the extension period ends at t8, which 3 units after t6 is t9; it is
discarded at t7 either way.
"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blackstart.emulator.decisions.action_suppression import (
    SuppressedBy,
    Suppression,
    Suppressor,
    after_change,
    after_suppressor,
)

WAIT, EXTENSION = 2.0, 3.0


class Course:
    """A composite alarm and its suppressor, both OK at t0. taken: when actions are taken, and for which state."""

    def __init__(self, wait_s: float = WAIT, extension_s: float = EXTENSION, in_alarm: bool = False) -> None:
        self.suppressor = Suppressor(in_alarm, wait_s, extension_s)
        self.in_alarm = False
        self.held: Suppression | None = None
        self.taken: list[tuple[float, bool]] = []

    def at(self, now_s: float, composite: bool | None = None, suppressor: bool | None = None) -> None:
        if self.held is not None and self.held.is_over(now_s):
            self._take(self.held.until_s or now_s)
        if suppressor is not None and suppressor is not self.suppressor.in_alarm:
            self.suppressor = self.suppressor._replace(in_alarm=suppressor)
            if self.held is not None:
                self._hold(after_suppressor(self.held, self.suppressor, now_s), now_s)
        if composite is not None and composite is not self.in_alarm:
            self.in_alarm = composite
            self._hold(after_change(self.suppressor, now_s), now_s)

    def by(self) -> SuppressedBy | None:
        return self.held.by if self.held else None

    def _hold(self, held: Suppression | None, now_s: float) -> None:
        self.held = held
        if held is None:
            self._take(now_s)

    def _take(self, now_s: float) -> None:
        self.held = None
        self.taken.append((now_s, self.in_alarm))


def test_example_1_actions_are_taken_after_the_wait_period() -> None:
    course = Course()
    course.at(2, composite=True)
    assert course.by() is SuppressedBy.WAIT_PERIOD
    course.at(3)
    assert course.taken == []
    course.at(4)
    assert course.taken == [(4, True)]


def test_example_2_actions_are_suppressed_by_the_alarm_before_the_wait_period_expires() -> None:
    course = Course()
    course.at(2, composite=True)
    course.at(3, suppressor=True)
    course.at(20)
    assert course.by() is SuppressedBy.ALARM
    assert course.taken == []


def test_example_3_a_change_back_in_the_wait_period_starts_a_new_one() -> None:
    course = Course()
    course.at(2, composite=True)
    course.at(3, composite=False)
    course.at(4)
    assert course.taken == []
    course.at(5)
    assert course.taken == [(5, False)]


def test_example_4_actions_are_suppressed_by_an_alarm_that_was_there_before() -> None:
    course = Course(in_alarm=True)
    course.at(2, composite=True)
    course.at(20)
    assert course.by() is SuppressedBy.ALARM
    assert course.taken == []


def test_example_5_actions_are_taken_after_the_extension_period() -> None:
    course = Course()
    course.at(2, composite=True)
    course.at(3, suppressor=True)
    course.at(6, suppressor=False)
    assert course.by() is SuppressedBy.EXTENSION_PERIOD
    course.at(8)
    assert course.taken == []
    course.at(9)
    assert course.taken == [(9, True)]


def test_example_6_a_change_in_the_extension_period_starts_a_wait_period() -> None:
    course = Course()
    course.at(2, composite=True)
    course.at(3, suppressor=True)
    course.at(6, suppressor=False)
    course.at(7, composite=False)
    assert course.by() is SuppressedBy.WAIT_PERIOD
    course.at(8)
    assert course.taken == []
    course.at(9)
    assert course.taken == [(9, False)]


def test_without_periods_actions_are_taken_at_once() -> None:
    course = Course(0, 0)
    course.at(1, composite=True)
    course.at(2, suppressor=True)
    course.at(3, composite=False)
    course.at(4, suppressor=False)
    assert course.taken == [(1, True), (4, False)]


def test_a_suppressor_that_comes_back_in_the_extension_period_suppresses_again() -> None:
    course = Course(in_alarm=True)
    course.at(1, composite=True)
    course.at(2, suppressor=False)
    course.at(4, suppressor=True)
    course.at(20)
    assert course.by() is SuppressedBy.ALARM
    assert course.taken == []


def test_a_suppressor_without_a_change_of_the_composite_alarm_sets_nothing_off() -> None:
    course = Course()
    course.at(1, suppressor=True)
    course.at(2, suppressor=False)
    course.at(20)
    assert course.taken == []


events = st.lists(st.tuples(st.sampled_from(["composite", "suppressor"]), st.booleans()), max_size=12)
periods = st.integers(0, 4).map(float)


@given(events, periods, periods)
def test_no_action_is_taken_while_the_suppressor_is_in_alarm(
    changes: list[tuple[str, bool]], wait_s: float, extension_s: float
) -> None:
    course = Course(wait_s, extension_s)
    for now_s, (which, state) in enumerate(changes):
        before = len(course.taken)
        was_in_alarm = course.suppressor.in_alarm
        course.at(float(now_s), **{which: state})
        if was_in_alarm and course.suppressor.in_alarm:
            assert len(course.taken) == before


@given(events, periods, periods)
def test_in_the_end_the_actions_of_the_last_state_are_taken_once_nothing_suppresses(
    changes: list[tuple[str, bool]], wait_s: float, extension_s: float
) -> None:
    course = Course(wait_s, extension_s)
    changed = False
    for now_s, (which, state) in enumerate(changes):
        changed = changed or (which == "composite" and state is not course.in_alarm)
        course.at(float(now_s), **{which: state})
    course.at(float(len(changes)), suppressor=False)
    course.at(1000.0)
    assert course.held is None
    if changed:
        assert course.taken[-1][1] is course.in_alarm


@pytest.mark.parametrize("in_alarm", [True, False])
def test_a_wait_period_never_outlives_its_length(in_alarm: bool) -> None:
    held = after_change(Suppressor(in_alarm, WAIT, EXTENSION), 10.0)
    assert held is not None
    assert held.is_over(12.0) is not in_alarm
