"""Routing algorithms, weights, slow start and automatic target weights.

Source: ELB user guide, "Edit target group attributes" and "Action types for listener rules".
"""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from blackstart.emulator.decisions.algorithms import least_outstanding, spread_evenly, weighted_index
from blackstart.emulator.decisions.anomaly import Tally, anomalous_targets, next_weights
from blackstart.emulator.decisions.slow_start import (
    FIRST_SHARE_RATIO,
    Full,
    Phase,
    Waiting,
    Warming,
    next_phases,
    share_ratio,
)
from blackstart.emulator.snapshot import AnomalyRules

RULES = AnomalyRules()
weight_lists = st.lists(st.integers(0, 99), min_size=1, max_size=5)


def spread(weights: list[float], requests: int) -> list[int]:
    """The indices of so many requests."""
    credits: tuple[float, ...] = (0.0,) * len(weights)
    chosen = []
    for _ in range(requests):
        step = spread_evenly(weights, credits)
        credits = step.credits
        assert step.chosen is not None
        chosen.append(step.chosen)
    return chosen


# --- weights of target groups


def test_two_groups_of_the_same_weight_get_half_the_requests_each() -> None:
    """Source: "Action types for listener rules", forward actions: weights 10 and 10."""
    assert Counter(spread([10, 10], 20)) == {0: 10, 1: 10}


def test_a_group_of_twice_the_weight_gets_twice_the_requests() -> None:
    """Source: "Action types for listener rules", forward actions: weights 10 and 20."""
    assert Counter(spread([10, 20], 30)) == {0: 10, 1: 20}
    assert spread([1, 2], 6) == [1, 0, 1, 1, 0, 1]


def test_a_group_of_weight_0_gets_nothing_and_all_0_is_nowhere() -> None:
    assert set(spread([0, 5, 0], 20)) == {1}
    assert spread_evenly([0, 0], (0.0, 0.0)).chosen is None


@given(weight_lists.filter(any))
def test_in_as_many_requests_as_the_sum_of_weights_each_gets_exactly_its_weight(weights: list[int]) -> None:
    counted = Counter(spread([float(weight) for weight in weights], sum(weights)))
    assert [counted[index] for index in range(len(weights))] == weights


@given(weight_lists.filter(any), st.integers(1, 300))
def test_no_group_is_ever_further_from_its_share_than_its_rivals_allow(weights: list[int], requests: int) -> None:
    counted = Counter(spread([float(weight) for weight in weights], requests))
    for index, weight in enumerate(weights):
        assert abs(counted[index] - requests * weight / sum(weights)) <= len(weights)


# --- algorithms


def test_the_fewest_requests_in_progress_win_and_equals_take_turns() -> None:
    assert least_outstanding([3, 1, 2], turn=7) == 1
    assert [least_outstanding([2, 0, 0], turn) for turn in range(4)] == [1, 2, 1, 2]


@given(st.lists(st.integers(0, 5), min_size=1, max_size=8), st.integers(0, 1000))
def test_nobody_has_fewer_requests_in_progress_than_the_chosen_one(in_flight: list[int], turn: int) -> None:
    assert in_flight[least_outstanding(in_flight, turn)] == min(in_flight)


@given(st.lists(st.floats(0.01, 1), min_size=1, max_size=6))
def test_points_that_are_evenly_spread_fall_on_targets_by_weight(weights: list[float]) -> None:
    points = 500
    counted = Counter(weighted_index(weights, point / points) for point in range(points))
    for index, weight in enumerate(weights):
        assert counted[index] / points == pytest.approx(weight / sum(weights), abs=0.01)


# --- slow start


def start(healthy: dict[str, bool]) -> dict[str, Phase]:
    return next_phases(None, healthy, 0.0, 100.0)


def test_switching_slow_start_on_leaves_healthy_targets_with_their_full_share() -> None:
    assert start({"a": True, "b": True}) == {"a": Full(), "b": Full()}


def test_targets_registered_at_once_with_an_empty_group_do_not_warm_up() -> None:
    phases = start({})
    phases = next_phases(phases, {"a": False, "b": False}, 1.0, 100.0)
    phases = next_phases(phases, {"a": True, "b": False}, 2.0, 100.0)
    phases = next_phases(phases, {"a": True, "b": True}, 3.0, 100.0)
    assert phases == {"a": Full(), "b": Full()}


def test_a_target_registered_beside_one_that_serves_in_full_warms_up_once_it_is_healthy() -> None:
    phases = next_phases(start({"a": True}), {"a": True, "b": False}, 5.0, 100.0)
    assert phases["b"] == Waiting(entitled=True)
    phases = next_phases(phases, {"a": True, "b": True}, 10.0, 100.0)
    assert phases == {"a": Full(), "b": Warming(10.0)}
    assert [share_ratio(phases["b"], 10.0 + after_s, 100.0) for after_s in (0, 25, 50, 100, 500)] == [
        FIRST_SHARE_RATIO,
        0.25,
        0.5,
        1.0,
        1.0,
    ]
    assert next_phases(phases, {"a": True, "b": True}, 110.0, 100.0)["b"] == Full()


def test_a_target_warms_up_for_the_whole_duration_whatever_happens_to_others_meanwhile() -> None:
    phases = next_phases(start({"a": True}), {"a": True, "b": True}, 1010.0, 100.0)
    phases = next_phases(phases, {"a": True, "b": True, "c": False}, 1050.0, 100.0)
    assert next_phases(phases, {"a": False, "b": True}, 1109.9, 100.0)["b"] == Warming(1010.0)
    assert next_phases(phases, {"a": False, "b": True}, 1110.0, 100.0)["b"] == Full()


def test_a_target_that_becomes_unhealthy_leaves_slow_start_and_enters_it_again() -> None:
    phases = next_phases(start({"a": True}), {"a": True, "b": True}, 10.0, 100.0)
    phases = next_phases(phases, {"a": True, "b": False}, 20.0, 100.0)
    assert phases["b"] == Waiting(entitled=True)
    assert next_phases(phases, {"a": True, "b": True}, 30.0, 100.0)["b"] == Warming(30.0)


def test_a_deregistered_target_starts_over_when_it_is_registered_again() -> None:
    phases = next_phases(start({"a": True, "b": True}), {"a": True}, 10.0, 100.0)
    assert phases == {"a": Full()}
    assert next_phases(phases, {"a": True, "b": True}, 20.0, 100.0)["b"] == Warming(20.0)


def test_nobody_warms_up_while_no_other_target_serves_in_full() -> None:
    phases = next_phases(start({"a": True}), {"a": False, "b": False}, 10.0, 100.0)
    assert next_phases(phases, {"a": False, "b": True}, 20.0, 100.0)["b"] == Full()


class SlowStart(RuleBasedStateMachine):
    """Any order of registrations, checks and waits."""

    def __init__(self) -> None:
        super().__init__()
        self.now_s = 0.0
        self.healthy: dict[str, bool] = {}
        self.phases = start({})

    @rule(name=st.sampled_from("abc"), well=st.booleans())
    def check(self, name: str, well: bool) -> None:
        self.healthy[name] = well
        self.phases = next_phases(self.phases, self.healthy, self.now_s, 100.0)

    @rule(name=st.sampled_from("abc"))
    def deregister(self, name: str) -> None:
        self.healthy.pop(name, None)
        self.phases = next_phases(self.phases, self.healthy, self.now_s, 100.0)

    @rule(seconds=st.floats(1, 60))
    def wait(self, seconds: float) -> None:
        self.now_s += seconds

    @invariant()
    def only_healthy_targets_warm_up_and_shares_are_sane(self) -> None:
        assert self.phases.keys() == self.healthy.keys()
        for name, phase in self.phases.items():
            assert isinstance(phase, Waiting) is not self.healthy[name]
            assert FIRST_SHARE_RATIO <= share_ratio(phase, self.now_s, 100.0) <= 1.0


SlowStart.TestCase.settings = settings(max_examples=40, deadline=None)
TestSlowStart = SlowStart.TestCase


# --- automatic target weights


def test_a_target_that_fails_more_than_the_others_is_anomalous() -> None:
    recent = {"a": Tally(100, 60), "b": Tally(100, 1), "c": Tally(100, 0)}
    assert anomalous_targets(recent, frozenset(), RULES) == {"a"}


@pytest.mark.parametrize(("requests", "failures", "expected"), [(10, 1, True), (9, 9, False), (100, 9, False)])
def test_ten_requests_and_ten_percentage_points_are_enough(requests: int, failures: int, expected: bool) -> None:
    recent = {"a": Tally(requests, failures), "b": Tally(100, 0), "c": Tally(100, 0)}
    assert (anomalous_targets(recent, frozenset(), RULES) == {"a"}) is expected


def test_detection_needs_three_healthy_targets() -> None:
    recent = {"a": Tally(100, 60), "b": Tally(100, 0)}
    assert anomalous_targets(recent, frozenset(), RULES) == frozenset()


def test_errors_that_all_targets_share_are_no_anomaly() -> None:
    assert anomalous_targets(dict.fromkeys("abc", Tally(100, 90)), frozenset(), RULES) == frozenset()


def test_a_few_requests_are_too_few_to_be_found_anomalous_but_not_to_stay_so() -> None:
    recent = {"a": Tally(3, 3), "b": Tally(100, 0), "c": Tally(100, 0)}
    assert anomalous_targets(recent, frozenset(), RULES) == frozenset()
    assert anomalous_targets(recent, frozenset("a"), RULES) == {"a"}
    silent = {**recent, "a": Tally(0, 0)}
    assert anomalous_targets(silent, frozenset("a"), RULES) == {"a"}
    assert anomalous_targets({**recent, "a": Tally(3, 0)}, frozenset("a"), RULES) == frozenset()


def test_half_of_the_targets_may_be_relieved_the_worst_first() -> None:
    recent = {"a": Tally(100, 50), "b": Tally(100, 40), "c": Tally(100, 0), "d": Tally(100, 0)}
    assert anomalous_targets(recent, frozenset(), RULES) == {"a", "b"}
    worse = {**recent, "c": Tally(100, 60), "e": Tally(100, 0)}
    assert anomalous_targets(worse, frozenset(), RULES) == {"a", "c"}


@given(st.dictionaries(st.sampled_from("abcdefgh"), st.integers(0, 100), min_size=1), st.sets(st.sampled_from("abc")))
def test_at_most_half_of_the_targets_are_relieved(failures: dict[str, int], known: set[str]) -> None:
    recent = {name: Tally(100, number) for name, number in failures.items()}
    found = anomalous_targets(recent, known, RULES)
    assert found <= recent.keys()
    assert len(found) <= len(recent) / 2


def test_an_anomalous_target_gets_the_least_and_recovers_step_by_step() -> None:
    weights = next_weights({"a": 1.0, "b": 1.0}, frozenset("a"), RULES)
    assert weights == {"a": RULES.least_weight_ratio, "b": 1.0}
    steps = []
    while weights["a"] < 1.0:
        weights = next_weights(weights, frozenset(), RULES)
        steps.append(weights["a"])
    assert steps == pytest.approx([0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0])
