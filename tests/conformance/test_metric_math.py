"""Metric math as the guide documents it: its tables, its examples, what it refuses.

Source: CloudWatch user guide, "Using math expressions with CloudWatch metrics".
"""

import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blackstart.emulator.decisions.metric_math import Query, UnsupportedMathError, references, resolve
from blackstart.emulator.decisions.metric_math_functions import CALENDAR, date
from blackstart.emulator.decisions.metric_math_syntax import MathError
from blackstart.emulator.decisions.metric_math_values import Series, Value

TIMES = tuple(60.0 * number for number in range(5))
M1: Series = {0.0: 6.0, 60.0: 8.0}
M2: Series = {0.0: 3.0, 120.0: 5.0}


def series(*values: float | None) -> Series:
    return {at: value for at, value in zip(TIMES, values, strict=False) if value is not None}


def calculate(expression: str, **metrics: Series) -> Value:
    query = Query(metrics or {"m1": M1, "m2": M2}, TIMES, periods=dict.fromkeys(metrics or ("m1", "m2"), 60))
    return resolve({"e": expression}, query)["e"]


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("metric1 < metric2", series(0, 0, 1, 0)),
        ("metric1 >= 30", series(1, 0, 0, 0)),
        ("metric1 > 15 AND metric2 > 15", series(1, 0, 0, 0)),
        ("metric1 > 15 && metric2 > 15", series(1, 0, 0, 0)),
        ("metric1 > 15 OR metric2 > 15", series(1, 1, 1, 0)),
        ("metric1 == 0 || metric1 != 0", series(1, 1, 1, 1)),
        ("metric1 <= 20", series(0, 1, 1, 1)),
    ],
)
def test_the_guides_table_of_comparisons_holds(expression: str, expected: Series) -> None:
    assert calculate(expression, metric1=series(30, 20, 0, 0), metric2=series(20, None, 20, None)) == expected


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("IF(metric1, metric2, metric3)", series(30, 0, 20, None, None)),
        ("IF(metric1, metric2)", series(30, 0, None, None, None)),
        ("IF(metric1, 5, metric3)", series(5, 5, 20, None, None)),
        ("IF(metric1, metric2, 5)", series(30, 0, 5, 5, None)),
        ("IF(metric1, 7, 5)", series(7, 7, 5, 5, None)),
        ("IF(1 > 0, metric2, metric3)", series(30, None, 0, 0, 30)),
        ("IF(1 < 0, metric2, metric3)", series(0, 0, 20, None, 20)),
        ("IF(1 < 0, metric2)", series()),
        ("IF(metric1 == 1 AND metric3 < 1, 1, 0)", series(1, 1, 0, 0, 0)),
    ],
)
def test_the_guides_tables_of_if_hold(expression: str, expected: Series) -> None:
    metrics = {
        "metric1": series(1, 1, 0, 0, None),
        "metric2": series(30, None, 0, 0, 30),
        "metric3": series(0, 0, 20, None, 20),
    }
    assert calculate(expression, **metrics) == expected


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("m1 + m2", series(9, 8, 5)),
        ("m1 / m2", series(2, None, 0)),
        ("m1 / (m2 - 3)", series(None, None, 0)),
        ("(m1 - 2) * -2", series(-8, -12)),
        ("-m1^2", series(-36, -64)),
        ("2^m1", series(64, 256)),
        ("2^3^2 - m1 * 0", series(512, 512)),
        ("100 / m1", series(100 / 6, 12.5)),
        ("1 / 0 + m1", series()),
        ("m1 ^ 10000", series()),
        ("(-m1) ^ 0.5", series()),
        ("m1 - .5e1", series(1, 3)),
        ("m1/PERIOD(m1)", series(6 / 60, 8 / 60)),
        ("FILL(m2, 1) + m1", series(9, 9, 5, 1, 1)),
        ("FILL(m2, m1)", series(3, 8, 5)),
        ("FILL(m2, REPEAT)", series(3, 3, 5, 5, 5)),
        ("FILL(m2, LINEAR)", series(3, 4, 5)),
        ("FILL(m2, MIN(m2))", series(3, 3, 5, 3, 3)),
        ("SUM(METRICS())", series(9, 8, 5)),
        ('SUM(METRICS("1"))', series(6, 8)),
        ('SUM([METRICS("1"), METRICS("2")])', series(9, 8, 5)),
        ("SUM(100/[m1, m2])", series(100 / 6 + 100 / 3, 12.5, 20)),
        ("SUM(-[m1, m2])", series(-9, -8, -5)),
        ("SUM(METRICS()*100)", series(900, 800, 500)),
        ("MAX([m1, m2])", series(6, 8, 5)),
        ("MIN(ABS([-m1, m2]))", series(3, 8, 5)),
        ("AVG([m1, m2])", series(4.5, 4, 2.5)),
        ("STDDEV(METRICS())", series(1.5, 0, 0)),
        ("DATAPOINT_COUNT(METRICS())", series(2, 1, 1)),
        ("m1 - MIN(m1)", series(0, 2)),
        ("m1 - AVG(m1)", series(-1, 1)),
        ("MAX(m1)/m1", series(8 / 6, 1)),
        ("m1/STDDEV(m1)", series(6, 8)),
        ("SUM(m1) / DATAPOINT_COUNT(m1) + m1 * 0", series(7, 7)),
        ("m1/METRIC_COUNT(METRICS())", series(3, 4)),
        ("TIME_SERIES(MAX(m1))", series(8, 8, 8, 8, 8)),
        ("RUNNING_SUM(m1)", series(6, 14)),
        ("DIFF(m2)", series(None, None, 2)),
        ("DIFF_TIME(m2)", series(None, None, 120)),
        ("RATE(m2)", series(None, None, 2 / 120)),
        ("CEIL(m1/4)", series(2, 2)),
        ("FLOOR(m1/4)", series(1, 2)),
        ("LOG10(m1 - 6)", series(None, pytest.approx(0.30103))),
        ("LOG(m1 / m1)", series(0, 0)),
        ("FIRST(SORT(METRICS(), AVG, DESC))", M1),
        ("LAST(SORT(METRICS(), SUM, ASC))", M1),
        ("IF(FIRST(SORT(METRICS(), AVG, DESC))>6, 1, 0)", series(0, 1)),
        ("SLICE(SORT(METRICS(), MAX, ASC), 0, 1)", M2),
        ("SLICE(SORT(METRICS(), MIN, ASC), 1)", M1),
        ("MINUTE(m1)", series(0, 1, 2, 3, 4)),
        ("EPOCH(m1)", series(0, 60, 120, 180, 240)),
        ("IF(DAY(m1) == 4 AND HOUR(m1) < 1, m1)", series(6, 8, 0, 0, 0)),
    ],
)
def test_the_functions_of_the_guide(expression: str, expected: Series) -> None:
    assert calculate(expression) == expected


def test_an_array_stays_one_with_its_labels() -> None:
    found = resolve({"e": "SORT(METRICS() / 2, SUM, ASC, 1)"}, Query({"m1": M1, "m2": M2}, TIMES, labels={"m2": "Two"}))
    assert found["e"] == [("Two", series(1.5, None, 2.5))]
    assert calculate("REMOVE_EMPTY([m1, IF(0, m1)])") == [("m1", M1)]
    assert calculate("RATE(METRICS())") == [("m1", series(None, 2 / 60)), ("m2", series(None, None, 2 / 120))]


def test_expressions_may_name_each_other_and_arrays() -> None:
    found = resolve({"all": "METRICS()", "total": "SUM(all)", "half": "total / 2"}, Query({"m1": M1, "m2": M2}, TIMES))
    assert found["half"] == series(4.5, 4, 2.5)
    assert references("FILL(m1, 0) / m2 + SORT(e, AVG, DESC)") == {"m1", "m2", "e"}


def test_the_expressions_of_the_shipped_slos_run() -> None:
    metrics = {"target_5xx": series(1), "elb_5xx": series(None, 2), "requests": series(10, 10)}
    bad = calculate("target_5xx + elb_5xx", **metrics)
    assert bad == series(1, 2)
    assert calculate("requests + elb_5xx", **metrics) == series(10, 12)


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("m1 ** 2", "where a value is missing"),
        ("m1 +", "ends where a value is missing"),
        ("(m1", r"lacks a '\)'"),
        ("m1 m2", "cannot be read from 'm2' on"),
        ("m1.x", "cannot be read from '.x' on"),
        ("", "ends where a value is missing"),
        ("m3 + 1", "'m3', which is no id of this query"),
        ("1 + 1", "is a number and no time series"),
        ("AVG(m1)", "is a number and no time series"),
        ("[m1] + [m2]", "does not join two arrays"),
        ("METRICS() > 1", "no arrays"),
        ("IF(METRICS(), 1, 0)", "no arrays"),
        ("SUM(1)", "takes time series"),
        ("SUM([1])", "takes an array of time series"),
        ("ABS(1)", "takes an array"),
        ("ABS(m1, m2)", "takes one argument"),
        ("FILL(m1)", "FILL takes"),
        ("FILL(m1, SIDEWAYS)", "'SIDEWAYS' where a value is missing"),
        ("IF(m1)", "IF takes a condition"),
        ("PERIOD(m1 + 1)", "takes the id of a metric"),
        ("m1/PERIOD(5)", "takes the id of a metric"),
        ("METRICS(5)", "nothing or a text"),
        ("FIRST(m1)", "takes an array"),
        ("SORT(METRICS(), MEDIAN, ASC)", "SORT takes"),
        ("SORT(m1, AVG, ASC)", "takes an array"),
        ("SLICE(METRICS())", "SLICE takes"),
        ("MINUTE(5)", "takes a time series"),
        ("TIME_SERIES(m1)", "takes a number"),
        ("ANOMALY_DETECTOR(m1)", "Function 'ANOMALY_DETECTOR' not found"),
        ("'m1'", "where a value is missing"),
        ("SEARCH('x', 'Sum')", "SEARCH is not supported on Metric Alarms"),
        ("m1 + " * 600 + "m1", "at most 2048 characters"),
        ("(" * 200 + "m1" + ")" * 200, "nested too deeply"),
    ],
)
def test_what_is_no_metric_math_is_refused(expression: str, message: str) -> None:
    with pytest.raises(MathError, match=f"Error in expression 'e': .*{message}"):
        calculate(expression)


@pytest.mark.parametrize("expression", ["ANOMALY_DETECTION_BAND(m1, 2)", "SERVICE_QUOTA(m1)", "SELECT AVG(x) FROM y"])
def test_what_the_emulator_cannot_ask_says_so(expression: str) -> None:
    with pytest.raises(UnsupportedMathError, match="not supported by the emulator"):
        calculate(expression)


def test_a_circle_is_refused() -> None:
    with pytest.raises(MathError, match="in a circle"):
        resolve({"e1": "e2", "e2": "e1"}, Query({}, TIMES))


def test_an_empty_series_stays_empty() -> None:
    empty: Series = {}
    for expression in ("AVG(m1) + m1", "MAX(m1) * 2 + m1", "TIME_SERIES(AVG(m1))", "m1 / SUM(m1)", "RATE(m1)"):
        assert calculate(expression, m1=empty) == {}
    assert calculate("FILL(m1, 0)", m1=empty) == series(0, 0, 0, 0, 0)


@given(st.floats(0, 4e9, allow_nan=False))
def test_the_calendar_is_that_of_utc(time_s: float) -> None:
    at = datetime.datetime.fromtimestamp(int(time_s), datetime.UTC)
    assert date(time_s) == (at.year, at.month, at.day)
    found = [CALENDAR[name](float(int(time_s))) for name in ("MINUTE", "HOUR", "DAY", "DATE", "MONTH", "YEAR")]
    assert found == [at.minute, at.hour, at.isoweekday(), at.day, at.month, at.year]


points = st.dictionaries(st.sampled_from(TIMES), st.integers(-9, 9).map(float), max_size=5)
formulas = st.recursive(
    st.sampled_from(["a", "b", "(2 * a)", "(b * -1)"]),
    lambda inner: st.tuples(inner, st.sampled_from(["+", "-", "*"]), inner).map(lambda t: f"({t[0]} {t[1]} {t[2]})"),
    max_leaves=6,
)


@given(formulas, points, points)
def test_arithmetic_is_that_of_the_values_point_by_point(formula: str, a: Series, b: Series) -> None:
    found = calculate(f"{formula} + 0 * (a + b)", a=a, b=b)
    for at in a.keys() | b.keys():
        names = {"a": a.get(at, 0.0), "b": b.get(at, 0.0)}
        assert isinstance(found, dict)
        assert found[at] == eval(formula, {}, names)


@given(st.text(alphabet="m12()[]+-*/^<>=&|,'\" ANDORSUMFIL", max_size=30))
def test_any_text_is_either_evaluated_or_refused(text: str) -> None:
    try:
        calculate(text)
    except MathError:
        return


@pytest.mark.parametrize("text", ["ABS(" * 300 + "a" + ")" * 300, "a" + "+a" * 1000, "-" * 1000 + "a"])
def test_what_is_nested_too_deeply_is_refused_and_nothing_worse(text: str) -> None:
    with pytest.raises(MathError, match="deep"):
        references(text)


def test_a_chain_of_two_hundred_terms_is_read() -> None:
    assert references("+".join(["a"] * 200)) == {"a"}


def test_a_point_too_large_for_a_function_is_dropped() -> None:
    assert calculate("CEIL(a * a)", a={60.0: 1e200}) == {}
