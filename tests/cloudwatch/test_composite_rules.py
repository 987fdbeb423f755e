"""Rules of composite alarms."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blackstart.emulator.decisions.alarm_state import AlarmState
from blackstart.emulator.decisions.composite_alarm import RuleError, in_cycles, read_rule

STATES = {"a": AlarmState.ALARM, "b": AlarmState.OK, "c": AlarmState.INSUFFICIENT_DATA, "with space": AlarmState.ALARM}


@pytest.mark.parametrize(
    ("rule", "true"),
    [
        ("ALARM(a)", True),
        ("ALARM(b)", False),
        ("OK(b) AND INSUFFICIENT_DATA(c)", True),
        ("ALARM(b) OR ALARM(a) AND OK(c)", False),
        ("(ALARM(b) OR ALARM(a)) AND OK(b)", True),
        ("NOT ALARM(b)", True),
        ("NOT (ALARM(a) OR FALSE)", False),
        ("TRUE", True),
        ('ALARM("with space")', True),
        ("ALARM('a') AND\n ALARM( a )", True),
        ("ALARM(arn:aws:cloudwatch:us-east-1:123456789012:alarm:a)", True),
        ("INSUFFICIENT_DATA(unknown)", True),
        (r'ALARM("a\"b")', False),
        ("AT_LEAST(1, ALARM, (a, b, c))", True),
        ("AT_LEAST(2, ALARM, (a, b, c))", False),
        ('AT_LEAST(2, ALARM, (a, "with space"))', True),
        ("AT_LEAST(2, NOT ALARM, (a, b, c))", True),
        ("AT_LEAST(50%, OK, (a, b))", True),
        ("AT_LEAST(50%, OK, (a, b, c))", False),
        ("AT_LEAST(34%, OK, (a, b, c))", False),
        ("AT_LEAST(33%, OK, (a, b, c))", True),
        ("AT_LEAST(60%, NOT OK, (a, b, c)) AND NOT ALARM(b)", True),
        ("NOT AT_LEAST(1, INSUFFICIENT_DATA, (c))", False),
    ],
)
def test_a_rule_is_read_as_aws_writes_it(rule: str, true: bool) -> None:
    assert read_rule(rule).state(STATES) is (AlarmState.ALARM if true else AlarmState.OK)


@pytest.mark.parametrize(
    "rule",
    [
        "",
        "ALARM",
        "ALARM(a) ALARM(b)",
        "(ALARM(a)",
        "AND",
        "ALARM(a) OR",
        "a",
        "NOT",
        "AT_LEAST(4, ALARM, (a, b))",
        "AT_LEAST(x, OK, (a))",
        "AT_LEAST(101%, OK, (a))",
        "AT_LEAST(1, a)",
        "ALARM(a, b)",
        " OR ".join(f"ALARM(a{number})" for number in range(101)),
    ],
)
def test_a_rule_that_is_none_is_refused(rule: str) -> None:
    with pytest.raises(RuleError):
        read_rule(rule).state(STATES)


def test_the_children_of_a_rule() -> None:
    assert read_rule("ALARM(a) OR NOT OK('with space') AND TRUE").children == ("a", "with space")


rules = st.recursive(
    st.sampled_from(["ALARM(a)", "ALARM(b)", "TRUE", "FALSE"]),
    lambda inner: st.tuples(inner, st.sampled_from(["AND", "OR"]), inner).map(lambda t: f"({t[0]} {t[1]} {t[2]})"),
    max_leaves=6,
)


@given(rules)
def test_not_turns_every_rule_round(rule: str) -> None:
    assert read_rule(rule).state(STATES) is not read_rule(f"NOT {rule}").state(STATES)


@given(rules)
def test_rules_agree_with_python(rule: str) -> None:
    python = rule.replace("ALARM(a)", "True").replace("ALARM(b)", "False").replace("TRUE", "True")
    python = python.replace("FALSE", "False").replace("AND", "and").replace("OR", "or")
    assert (read_rule(rule).state(STATES) is AlarmState.ALARM) == eval(python)


@pytest.mark.parametrize(
    ("children", "cyclic"),
    [
        ({}, set()),
        ({"a": ("x", "y")}, set()),
        ({"a": ("b",), "b": ("c",), "c": ("x",)}, set()),
        ({"a": ("b",), "b": ("a",)}, {"a", "b"}),
        ({"a": ("a",)}, {"a"}),
        ({"top": ("a", "x"), "a": ("b",), "b": ("a",), "fine": ("x",)}, {"top", "a", "b"}),
    ],
)
def test_a_cycle_stops_its_alarms_and_those_above(children: dict[str, tuple[str, ...]], cyclic: set[str]) -> None:
    assert in_cycles(children) == cyclic


@pytest.mark.parametrize("rule", ["(" * 450 + "TRUE" + ")" * 450, "NOT " * 1900 + "TRUE"])
def test_a_rule_that_is_nested_too_deeply_is_refused(rule: str) -> None:
    with pytest.raises(RuleError, match="deep"):
        read_rule(rule)
