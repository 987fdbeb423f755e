"""The rule of a composite alarm: a boolean expression over the states of other alarms.

    rule := term (OR term)*
    term := factor (AND factor)*
    factor := NOT factor | (rule) | TRUE | FALSE | function
    function := ALARM(alarm) | OK(alarm) | INSUFFICIENT_DATA(alarm) | AT_LEAST(M[%], [NOT] state, (alarm, ...))
    alarm := name or ARN, in double quotes if it has spaces, round brackets or commas

Source: CloudWatch API reference, PutCompositeAlarm, AlarmRule; user guide, "Composite alarms".
"""

import math
import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import NamedTuple

from blackstart.emulator.decisions.alarm_state import AlarmState

MOST_CHILDREN = 100
MOST_ELEMENTS = 500
"""Child alarms, TRUE or FALSE, and brackets."""
LONGEST = 10240

States = Mapping[str, AlarmState]
_Condition = Callable[[States], bool]

_TOKEN = re.compile(
    r"""\s*(?:"(?P<quoted>(?:[^"\\]|\\.)+)"|'(?P<single>[^']+)'|(?P<sign>[(),])|(?P<word>[^\s(),"']+))"""
)


class RuleError(ValueError):
    """A rule that is none; the message says why."""


class Rule(NamedTuple):
    """children: the names of the alarms that it asks about, in order."""

    children: tuple[str, ...]
    condition: _Condition

    def state(self, states: States) -> AlarmState:
        """ALARM where the rule is true, else OK. An alarm without a state counts as INSUFFICIENT_DATA.

        states: by alarm name.
        """
        return AlarmState.ALARM if self.condition(states) else AlarmState.OK


@lru_cache(maxsize=4096)
def read_rule(text: str) -> Rule:
    """Raises RuleError for a rule that cannot be read or is too long."""
    parser = _Parser(text)
    try:
        condition = parser.either()
    except RecursionError:
        raise RuleError("the alarm rule is nested too deeply") from None
    if parser.position < len(parser.tokens):
        raise RuleError(f"the alarm rule {text!r} has something after its end")
    children = tuple(dict.fromkeys(parser.children))
    if len(children) > MOST_CHILDREN:
        raise RuleError(f"an alarm rule has at most {MOST_CHILDREN} children")
    return Rule(children, condition)


def in_cycles(children: Mapping[str, tuple[str, ...]]) -> frozenset[str]:
    """The composite alarms whose evaluation would never end: those of a cycle, and those above one.

    children: by composite alarm, the alarms of its rule.
    """
    settled: set[str] = set()
    growing = True
    while growing:
        ready = [
            name for name, below in children.items() if name not in settled and not (children.keys() & below) - settled
        ]
        growing = bool(ready)
        settled.update(ready)
    return frozenset(children.keys() - settled)


class _Parser:
    """Recursive descent; every branch is read, so that a mistake shows whatever the states are."""

    def __init__(self, rule: str) -> None:
        self.rule = rule
        self.tokens: list[re.Match[str]] = []
        self.children: list[str] = []
        self.position = 0
        at = 0
        while rule[at:].strip():
            matched = _TOKEN.match(rule, at)
            if matched is None:
                raise RuleError(f"the alarm rule cannot be read from {rule[at:].strip()!r} on")
            self.tokens.append(matched)
            at = matched.end()
        if len(rule) > LONGEST or len(self.tokens) > MOST_ELEMENTS * 4:
            raise RuleError(f"an alarm rule has at most {LONGEST} characters and {MOST_ELEMENTS} elements")

    def either(self) -> _Condition:
        options = [self._all()]
        while self._take("OR"):
            options.append(self._all())
        return options[0] if len(options) == 1 else lambda states: any(option(states) for option in options)

    def _all(self) -> _Condition:
        needed = [self._factor()]
        while self._take("AND"):
            needed.append(self._factor())
        return needed[0] if len(needed) == 1 else lambda states: all(one(states) for one in needed)

    def _factor(self) -> _Condition:
        if self._take("NOT"):
            inner = self._factor()
            return lambda states: not inner(states)
        if self._take("("):
            inside = self.either()
            self._expect(")")
            return inside
        for word, value in (("TRUE", True), ("FALSE", False)):
            if self._take(word):
                return lambda _states, value=value: value  # type: ignore[misc]  # the loop's value, bound now
        if self._take("AT_LEAST"):
            return self._at_least()
        state = self._state()
        self._expect("(")
        name = self._alarm()
        self._expect(")")
        return lambda states: states.get(name, AlarmState.INSUFFICIENT_DATA) is state

    def _at_least(self) -> _Condition:
        self._expect("(")
        number = re.fullmatch(r"(\d+)(%?)", self._text())
        self._expect(",")
        wanted = not self._take("NOT")
        state = self._state()
        self._expect(",")
        self._expect("(")
        names = [self._alarm()]
        while self._take(","):
            names.append(self._alarm())
        self._expect(")")
        self._expect(")")
        if number is None or (number[2] and int(number[1]) > 100) or (not number[2] and int(number[1]) > len(names)):
            raise RuleError("AT_LEAST takes a number of its alarms or a percentage")
        needed = math.ceil(len(names) * int(number[1]) / 100) if number[2] else int(number[1])

        def enough(states: States) -> bool:
            found = (states.get(name, AlarmState.INSUFFICIENT_DATA) is state for name in names)
            return sum(each is wanted for each in found) >= needed

        return enough

    def _state(self) -> AlarmState:
        text = self._text()
        if text not in AlarmState.__members__:
            raise RuleError(f"the alarm rule {self.rule!r} has {text!r} where a condition is missing")
        return AlarmState[text]

    def _alarm(self) -> str:
        named = self._text()
        name = named.split(":alarm:", 1)[1] if named.startswith("arn:") and ":alarm:" in named else named
        self.children.append(name)
        return name

    def _text(self) -> str:
        token = self.tokens[self.position] if self.position < len(self.tokens) else None
        if token is None or token["sign"]:
            raise RuleError(f"the alarm rule {self.rule!r} lacks a condition")
        self.position += 1
        return re.sub(r"\\(.)", r"\1", token["quoted"]) if token["quoted"] else str(token["single"] or token["word"])

    def _expect(self, sign: str) -> None:
        if not self._take(sign):
            raise RuleError(f"the alarm rule {self.rule!r} lacks a {sign!r}")

    def _take(self, text: str) -> bool:
        token = self.tokens[self.position] if self.position < len(self.tokens) else None
        if token is None or text not in (token["word"], token["sign"]):
            return False
        self.position += 1
        return True
