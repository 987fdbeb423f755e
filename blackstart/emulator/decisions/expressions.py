"""Regular expressions of listener rules, in time that grows only with the text.

Read by Python's own parser, then run as an automaton whose steps are worked out once and kept: no expression makes the
data plane try one way after the other, whatever a request holds.

Source: ELB user guide, "Listener rules" (no lookaheads, lookbehinds, backreferences, atomic groups, possessive
quantifiers, subroutines, recursion). The rest of AWS's syntax is not published: here it is Python's.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from re import _compiler, _parser  # type: ignore[attr-defined]  # what re.compile itself uses
from typing import Any, NamedTuple

MOST_STATES = 2000
"""An expression that repeats more than this (`(.{100}){100}`) is refused."""
_MOST_ROWS = 500
_END = ""


class UnsupportedExpressionError(ValueError):
    """No regular expression, or one with a feature that listener rules do not have."""


class _Point(NamedTuple):
    """What lies before and after a place in the text: None at its beginning and end."""

    before: str | None
    after: str | None


class _Take(NamedTuple):
    """A state that takes one character."""

    fits: Callable[[str], object]
    then: int


class _Branch(NamedTuple):
    """A state that goes on elsewhere without taking a character. holds: where it may."""

    to: tuple[int, ...]
    holds: Callable[[_Point], bool]


_ACCEPTED = 0


@lru_cache(maxsize=512)
def searcher(text: str, ignore_case: bool = False) -> Callable[[str], bool]:
    """Whether an expression matches anywhere in what it is called with. Raises UnsupportedExpressionError."""
    flags = re.IGNORECASE if ignore_case else re.NOFLAG
    try:
        parsed = _parser.parse(text, flags)
        re.compile(text, flags)  # finds what the parser leaves to the compiler
    except (re.error, RecursionError, OverflowError) as error:
        raise UnsupportedExpressionError(str(error)) from error
    states: list[_Take | _Branch] = [_Branch((), _always)]
    start = _Builder(states).sequence(parsed, _ACCEPTED, parsed.state.flags)
    return _Automaton(states, start).found_in


class _Builder:
    """Adds states from the end of the expression to its beginning; each method returns where its part begins."""

    def __init__(self, states: list[_Take | _Branch]) -> None:
        self._states = states

    def sequence(self, parsed: Any, then: int, flags: int) -> int:
        for token in reversed(list(parsed)):
            then = self._token(token, then, flags)
        return then

    def _token(self, token: tuple[Any, Any], then: int, flags: int) -> int:
        kind, what = str(token[0]), token[1]
        if kind in ("LITERAL", "NOT_LITERAL", "ANY", "IN"):
            return self._add(_Take(_single(token, flags), then))
        if kind == "AT":
            return self._add(_Branch((then,), _place(str(what))))
        if kind == "BRANCH":
            return self._add(_Branch(tuple(self.sequence(one, then, flags) for one in what[1]), _always))
        if kind == "SUBPATTERN":
            _, added, removed, inner = what
            return self.sequence(inner, then, (flags | added) & ~removed)
        if kind in ("MAX_REPEAT", "MIN_REPEAT"):
            least, most, inner = what
            return self._repeated(inner, int(least), None if most is _parser.MAXREPEAT else int(most), then, flags)
        raise UnsupportedExpressionError(f"{kind.lower().replace('_', ' ')} is not supported")

    def _repeated(self, inner: Any, least: int, most: int | None, then: int, flags: int) -> int:
        if most is None:
            begin = self._add(_Branch((then,), _always))
            self._states[begin] = _Branch((self.sequence(inner, begin, flags), then), _always)
            then = begin
        for _ in range((most or least) - least):
            then = self._add(_Branch((self.sequence(inner, then, flags), then), _always))
        for _ in range(least):
            then = self.sequence(inner, then, flags)
        return then

    def _add(self, state: _Take | _Branch) -> int:
        if len(self._states) >= MOST_STATES:
            raise UnsupportedExpressionError("it is too large")
        self._states.append(state)
        return len(self._states) - 1


class _Row(dict[str, "_Row"]):
    """Where each character leads from a set of states, worked out when it first comes; `_END` is the text's end.

    before: a character like the one before this place.
    """

    def __init__(self, automaton: "_Automaton", states: frozenset[int], before: str | None) -> None:
        super().__init__()
        self._automaton = automaton
        self.states = states
        self.before = before

    def __missing__(self, character: str) -> "_Row":
        row = self[character] = self._automaton.following(self, character)
        return row


class _Automaton:
    """Follows all ways through the states at once."""

    def __init__(self, states: list[_Take | _Branch], start: int) -> None:
        self._states = states
        self._start = frozenset({start})
        self._matched = _Row(self, frozenset(), None)
        self._rows: dict[tuple[frozenset[int], str | None], _Row] = {}
        self._first = self._row(self._start, None)

    def found_in(self, text: str) -> bool:
        row, matched = self._first, self._matched
        for character in text:
            row = row[character]
            if row is matched:
                return True
        return row[_END] is matched

    def following(self, row: _Row, character: str) -> _Row:
        """The row after one more character."""
        after = None if character == _END else character
        reached = set(self._reached(row.states, _Point(row.before, after)))
        if _ACCEPTED in reached:
            return self._matched
        taking = [state for one in reached if isinstance(state := self._states[one], _Take)]
        taken = {state.then for state in taking if after is not None and state.fits(after)}
        return self._row(self._start | taken, "w" if _in_word(after) else " ")

    def _row(self, states: frozenset[int], before: str | None) -> _Row:
        row = self._rows.get((states, before))
        if row is None:
            if len(self._rows) >= _MOST_ROWS:
                self._rows.clear()
                self._first.clear()
            row = self._rows[states, before] = _Row(self, states, before)
        return row

    def _reached(self, states: Iterable[int], point: _Point) -> Iterator[int]:
        """Every state that these lead to without a character, themselves included."""
        seen, waiting = set(states), list(states)
        while waiting:
            number = waiting.pop()
            yield number
            state = self._states[number]
            if isinstance(state, _Branch) and state.holds(point):
                waiting.extend(one for one in state.to if one not in seen)
                seen.update(state.to)


def _single(token: tuple[Any, Any], flags: int) -> Callable[[str], object]:
    """Whether a character is the one, or one of those, that a token of the parser stands for."""
    parsing = _parser.State()
    parsing.flags = flags
    fits: Callable[[str], object] = _compiler.compile(_parser.SubPattern(parsing, [token])).fullmatch
    return fits


def _always(_: _Point) -> bool:
    return True


def _place(name: str) -> Callable[[_Point], bool]:
    """What `^`, `$`, `\\A`, `\\Z`, `\\b` and `\\B` ask of a place; the text has only one line."""
    if name in ("AT_BEGINNING", "AT_BEGINNING_STRING"):
        return lambda point: point.before is None
    if name in ("AT_END", "AT_END_STRING"):
        return lambda point: point.after is None
    inside = name == "AT_NON_BOUNDARY"
    return lambda point: (_in_word(point.before) == _in_word(point.after)) is inside


def _in_word(character: str | None) -> bool:
    return character is not None and (character.isalnum() or character == "_")
