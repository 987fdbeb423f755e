"""Rules of composite alarms."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blackstart.emulator.decisions.alarm_state import AlarmState
from blackstart.emulator.decisions.composite_alarm import RuleError, children, composite_state

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
    ],
)
def test_a_rule_is_read_as_aws_writes_it(rule: str, true: bool) -> None:
    assert composite_state(rule, STATES) is (AlarmState.ALARM if true else AlarmState.OK)


@pytest.mark.parametrize("rule", ["", "ALARM", "ALARM(a) ALARM(b)", "(ALARM(a)", "AND", "ALARM(a) OR", "a", "NOT"])
def test_a_rule_that_is_none_is_refused(rule: str) -> None:
    with pytest.raises(RuleError):
        composite_state(rule, STATES)


def test_the_children_of_a_rule() -> None:
    assert children("ALARM(a) OR NOT OK('with space') AND TRUE") == {"a", "with space"}


rules = st.recursive(
    st.sampled_from(["ALARM(a)", "ALARM(b)", "TRUE", "FALSE"]),
    lambda inner: st.tuples(inner, st.sampled_from(["AND", "OR"]), inner).map(lambda t: f"({t[0]} {t[1]} {t[2]})"),
    max_leaves=6,
)


@given(rules)
def test_not_turns_every_rule_round(rule: str) -> None:
    assert composite_state(rule, STATES) is not composite_state(f"NOT {rule}", STATES)


@given(rules)
def test_rules_agree_with_python(rule: str) -> None:
    python = rule.replace("ALARM(a)", "True").replace("ALARM(b)", "False").replace("TRUE", "True")
    python = python.replace("FALSE", "False").replace("AND", "and").replace("OR", "or")
    assert (composite_state(rule, STATES) is AlarmState.ALARM) == eval(python)
