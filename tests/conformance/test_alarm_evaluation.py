"""The alarm table of the CloudWatch user guide, and what must hold for every alarm.

Source: CloudWatch user guide, "Configuring how CloudWatch alarms treat missing data", its two tables and "Avoiding
premature transitions to alarm state" (evaluation range 5).
"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blackstart.emulator.decisions.alarm_state import (
    AlarmReason,
    AlarmSpec,
    AlarmState,
    Comparison,
    MissingData,
    evaluate,
)

SETTINGS = (MissingData.MISSING, MissingData.IGNORE, MissingData.BREACHING, MissingData.NOT_BREACHING)
OK, ALARM, INS, KEEP = AlarmState.OK, AlarmState.ALARM, AlarmState.INSUFFICIENT_DATA, None

TABLE = [
    (3, "0-X-X", (OK, OK, OK, OK)),
    (3, "0----", (OK, OK, OK, OK)),
    (3, "-----", (INS, KEEP, ALARM, OK)),
    (3, "0XX-X", (ALARM, ALARM, ALARM, ALARM)),
    (3, "--X--", (ALARM, KEEP, ALARM, OK)),
    (2, "0-X-X", (ALARM, ALARM, ALARM, ALARM)),
    (2, "00X0X", (ALARM, ALARM, ALARM, ALARM)),
    (2, "0-X--", (OK, OK, ALARM, OK)),
    (2, "----0", (OK, OK, ALARM, OK)),
    (2, "---X-", (ALARM, KEEP, ALARM, OK)),
]
ROWS = [
    pytest.param(needed, data, setting, expected, id=f"{needed} of 3, {data}, {setting.value}")
    for needed, data, states in TABLE
    for setting, expected in zip(SETTINGS, states, strict=True)
]
POINTS: dict[str, float | None] = {"X": 1.0, "0": 0.0, "-": None}


def alarm(needed: int = 3, setting: MissingData = MissingData.MISSING, periods: int = 3) -> AlarmSpec:
    return AlarmSpec(
        comparison=Comparison.GREATER,
        threshold=0.5,
        evaluation_periods=periods,
        datapoints_to_alarm=needed,
        missing_data=setting,
    )


def window(data: str) -> list[float | None]:
    return [POINTS[letter] for letter in data]


@pytest.mark.parametrize(("needed", "data", "setting", "expected"), ROWS)
def test_the_guides_table_holds(needed: int, data: str, setting: MissingData, expected: AlarmState | None) -> None:
    assert evaluate(window(data), alarm(needed, setting)).state is expected


@pytest.mark.parametrize("data", ["----X", "---X-"])
def test_a_young_breaching_point_among_missing_ones_is_no_alarm_yet(data: str) -> None:
    verdict = evaluate(window(data), alarm(3))
    assert verdict.state is KEEP
    assert verdict.reason is AlarmReason.UNDECIDED


@pytest.mark.parametrize("data", ["---X0", "--X-0"])
def test_a_good_point_after_a_breaching_one_is_ok(data: str) -> None:
    assert evaluate(window(data), alarm(3)).state is OK


def test_the_premature_rule_names_itself() -> None:
    assert evaluate(window("--X--"), alarm(3)).reason is AlarmReason.PREMATURE_RULE


@pytest.mark.parametrize(
    ("comparison", "below", "equal", "above"),
    [
        (Comparison.GREATER_OR_EQUAL, OK, ALARM, ALARM),
        (Comparison.GREATER, OK, OK, ALARM),
        (Comparison.LESS, ALARM, OK, OK),
        (Comparison.LESS_OR_EQUAL, ALARM, ALARM, OK),
    ],
)
def test_every_operator_compares_as_it_is_called(
    comparison: Comparison, below: AlarmState, equal: AlarmState, above: AlarmState
) -> None:
    spec = AlarmSpec(comparison=comparison, threshold=2.0, evaluation_periods=1, datapoints_to_alarm=1)
    assert [evaluate([value], spec).state for value in (1.0, 2.0, 3.0)] == [below, equal, above]


def test_the_reason_reads_as_aws_writes_it() -> None:
    spec = AlarmSpec(comparison=Comparison.LESS, threshold=2.0, evaluation_periods=1, datapoints_to_alarm=1)
    assert evaluate([1.0], spec).words(["22/11/26 10:00:00"]) == (
        "Threshold Crossed: 1 out of the last 1 datapoints [1.0 (22/11/26 10:00:00)] was less than the threshold (2.0) "
        "(minimum 1 datapoint for OK -> ALARM transition)."
    )
    assert evaluate([2.0], spec).words(["22/11/26 10:00:00"]) == (
        "Threshold Crossed: 1 out of the last 1 datapoints [2.0 (22/11/26 10:00:00)] was not less than the threshold "
        "(2.0) (minimum 1 datapoint for ALARM -> OK transition)."
    )


def test_the_reason_lists_the_newest_point_first() -> None:
    spec = AlarmSpec(comparison=Comparison.GREATER, threshold=0.0, evaluation_periods=3, datapoints_to_alarm=2)
    assert evaluate([1.0, 0.0, 3.0], spec).words() == (
        "Threshold Crossed: 2 out of the last 3 datapoints [3.0, 1.0] were greater than the threshold (0.0) "
        "(minimum 2 datapoints for OK -> ALARM transition)."
    )


def test_the_reason_says_what_missing_data_was_taken_for() -> None:
    assert evaluate(window("-----"), alarm(3)).words() == "Insufficient Data: 3 datapoints were unknown."
    assert evaluate(window("-----"), alarm(3, MissingData.BREACHING)).words() == (
        "Threshold Crossed: no datapoints were received for 3 periods and 3 missing datapoints were treated as "
        "[Breaching]."
    )
    assert evaluate(window("----0"), alarm(2, MissingData.BREACHING)).words() == (
        "Threshold Crossed: 1 datapoint was received for 3 periods and 2 missing datapoints were treated as "
        "[Breaching]."
    )
    assert evaluate(window("----X"), alarm(2, MissingData.BREACHING)).words() == (
        "Threshold Crossed: 1 out of the last 3 datapoints [1.0] was greater than the threshold (0.5) "
        "and 2 missing datapoints were treated as [Breaching] (minimum 2 datapoints for OK -> ALARM transition)."
    )


def test_low_samples_keep_the_state() -> None:
    assert evaluate(window("XXXXX"), alarm(3), low_samples=True).reason is AlarmReason.LOW_SAMPLES


def test_a_window_shorter_than_the_evaluation_periods_is_refused() -> None:
    with pytest.raises(ValueError, match="2 periods for 3"):
        evaluate(window("XX"), alarm(3))


def test_more_points_than_periods_cannot_be_needed() -> None:
    with pytest.raises(ValueError, match="at most"):
        alarm(4)


m_of_n = st.integers(1, 5).flatmap(lambda n: st.tuples(st.integers(1, n), st.just(n)))
letters = st.text(alphabet="X0-", min_size=7, max_size=7)


@given(m_of_n, letters)
def test_without_a_breaching_point_not_breaching_never_alarms(shape: tuple[int, int], data: str) -> None:
    spec = alarm(shape[0], MissingData.NOT_BREACHING, shape[1])
    assert evaluate(window(data.replace("X", "0")), spec).state is OK


@given(m_of_n, letters)
def test_missing_data_that_counts_as_good_never_alarms_where_the_setting_missing_does_not(
    shape: tuple[int, int], data: str
) -> None:
    if evaluate(window(data), alarm(shape[0], MissingData.NOT_BREACHING, shape[1])).state is ALARM:
        assert evaluate(window(data), alarm(shape[0], MissingData.MISSING, shape[1])).state is ALARM


@given(m_of_n, letters, st.sampled_from(SETTINGS))
def test_insufficient_data_means_that_there_was_none(shape: tuple[int, int], data: str, setting: MissingData) -> None:
    state = evaluate(window(data), alarm(shape[0], setting, shape[1])).state
    assert (state is INS) == (setting is MissingData.MISSING and set(data) == {"-"})


@given(m_of_n, st.text(alphabet="X0", min_size=7, max_size=7))
def test_without_missing_data_the_setting_makes_no_difference(shape: tuple[int, int], data: str) -> None:
    states = {evaluate(window(data), alarm(shape[0], setting, shape[1])).state for setting in SETTINGS}
    assert states == {ALARM if data[-shape[1] :].count("X") >= shape[0] else OK}


@given(m_of_n, letters, st.sampled_from(SETTINGS))
def test_a_change_of_state_always_has_a_reason_text(shape: tuple[int, int], data: str, setting: MissingData) -> None:
    verdict = evaluate(window(data), alarm(shape[0], setting, shape[1]))
    assert (verdict.words() == "") == (verdict.state is None)
