"""The rule of a composite alarm: a boolean expression over the states of other alarms.

    rule := term (OR term)*
    term := factor (AND factor)*
    factor := NOT factor | (rule) | TRUE | FALSE | function
    function := ALARM(name or ARN) | OK(...) | INSUFFICIENT_DATA(...)

Source: CloudWatch API reference, PutCompositeAlarm, AlarmRule.
"""

import re
from collections.abc import Mapping

from blackstart.emulator.decisions.alarm_state import AlarmState

_TOKEN = re.compile(
    r"""\s*(?:(?P<function>ALARM|OK|INSUFFICIENT_DATA)\s*\(\s*(?:"(?P<quoted>[^"]+)"|'(?P<single>[^']+)'|(?P<bare>[^\s()]+))\s*\)"""
    r"""|(?P<word>AND|OR|NOT|TRUE|FALSE)\b|(?P<bracket>[()]))""",
)


class RuleError(ValueError):
    """A rule that is none; the message says from where on."""


def composite_state(rule: str, states: Mapping[str, AlarmState]) -> AlarmState:
    """ALARM where the rule is true, else OK. An alarm without a state counts as INSUFFICIENT_DATA.

    states: by alarm name. Raises RuleError for a rule that cannot be read.
    """
    parser = _Rule(rule, states)
    value = parser.either()
    if parser.position < len(parser.tokens):
        raise RuleError(f"the alarm rule {rule!r} has something after its end")
    return AlarmState.ALARM if value else AlarmState.OK


def children(rule: str) -> frozenset[str]:
    """The names of the alarms that a rule asks about. Raises RuleError for a rule that cannot be read."""
    parser = _Rule(rule, {})
    return frozenset(_name(token) for token in parser.tokens if token["function"])


def _name(token: re.Match[str]) -> str:
    named = token["quoted"] or token["single"] or token["bare"]
    return named.split(":alarm:", 1)[1] if named.startswith("arn:") and ":alarm:" in named else named


class _Rule:
    """Recursive descent; every branch is read, so that a mistake shows whatever the states are."""

    def __init__(self, rule: str, states: Mapping[str, AlarmState]) -> None:
        self.rule = rule
        self.states = states
        self.tokens: list[re.Match[str]] = []
        self.position = 0
        at = 0
        while rule[at:].strip():
            matched = _TOKEN.match(rule, at)
            if matched is None:
                raise RuleError(f"the alarm rule cannot be read from {rule[at:].strip()!r} on")
            self.tokens.append(matched)
            at = matched.end()

    def either(self) -> bool:
        value = self._all()
        while self._take("OR"):
            value = self._all() or value
        return value

    def _all(self) -> bool:
        value = self._factor()
        while self._take("AND"):
            value = self._factor() and value
        return value

    def _factor(self) -> bool:
        if self._take("NOT"):
            return not self._factor()
        if self._take("("):
            value = self.either()
            if not self._take(")"):
                raise RuleError(f"the alarm rule {self.rule!r} lacks a closing bracket")
            return value
        if self._take("TRUE"):
            return True
        if self._take("FALSE"):
            return False
        return self._function()

    def _function(self) -> bool:
        token = self.tokens[self.position] if self.position < len(self.tokens) else None
        if token is None or not token["function"]:
            raise RuleError(f"the alarm rule {self.rule!r} lacks a condition")
        self.position += 1
        return self.states.get(_name(token), AlarmState.INSUFFICIENT_DATA) is AlarmState(token["function"])

    def _take(self, text: str) -> bool:
        if self.position < len(self.tokens) and text in (
            self.tokens[self.position]["word"],
            self.tokens[self.position]["bracket"],
        ):
            self.position += 1
            return True
        return False
