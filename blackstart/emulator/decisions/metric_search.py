"""SEARCH expressions: which metrics they find.

    search := ['{' namespace, dimension name, ... '}'] [either]
    either := both (OR both)*
    both   := one ([AND] one)*
    one    := NOT one | '(' either ')' | property '=' (term | '(' either ')') | term
    term   := "exact" | partial

A partial term is cut into tokens where letters change case, at digits and at other characters; it matches where these
come one after the other. The guide does not say whether a schema's dimensions are all that a metric has: here they are,
and a schema of a namespace alone takes any.
Source: CloudWatch user guide, "CloudWatch search expression syntax"; that brackets may follow a property
(`MetricName=("a" OR "b")`) is seen in dashboards that people published.
"""

import re
from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from typing import NamedTuple

Dimensions = Sequence[tuple[str, str]]
Condition = Callable[[str, str, Dimensions], bool]
"""Of a metric's namespace, name and dimensions."""

LONGEST = 1024
"""Characters that a search may have."""
_SCHEMA = re.compile(r"\s*\{(?P<inside>[^}]*)\}\s*,?")
_NAME = re.compile(r'\s*,?\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))')
_TOKEN = re.compile(r'\s*(?:"(?P<exact>(?:[^"\\]|\\.)*)"|(?P<sign>[()=])|(?P<word>[^\s()="]+))')
_PART = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")


class SearchError(ValueError):
    """A search expression that is none."""


class MetricSearch(NamedTuple):
    """namespace: the schema's, None without a schema. dimension_names: the schema's; none of them takes any."""

    namespace: str | None
    dimension_names: frozenset[str]
    condition: Condition

    def finds(self, namespace: str, name: str, dimensions: Dimensions) -> bool:
        return (
            self.namespace in (None, namespace)
            and (not self.dimension_names or self.dimension_names == {each for each, _ in dimensions})
            and self.condition(namespace, name, dimensions)
        )


@lru_cache(maxsize=256)
def read_search(expression: str) -> MetricSearch:
    """Raises SearchError for an expression that cannot be read."""
    if len(expression) > LONGEST:
        raise SearchError(f"a search has at most {LONGEST} characters")
    schema = _SCHEMA.match(expression)
    names = [
        _unescaped(quoted) if quoted else bare for quoted, bare in _NAME.findall(schema["inside"] if schema else "")
    ]
    if schema is not None and not names:
        raise SearchError("the schema of a search needs a namespace")
    rest = expression[schema.end() :] if schema else expression
    if not rest.strip() and schema is None:
        raise SearchError("a search needs a schema or a term")
    condition = _Terms(rest).all() if rest.strip() else _anything
    return MetricSearch(names[0] if names else None, frozenset(names[1:]), condition)


def parts(text: str) -> tuple[str, ...]:
    """The tokens of a text, in lower case: CustomCount1 is custom, count, 1."""
    return tuple(part.lower() for part in _PART.findall(text))


def _unescaped(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text)


def _anything(_namespace: str, _name: str, _dimensions: Dimensions) -> bool:
    return True


class _Terms:
    def __init__(self, text: str) -> None:
        self.tokens: list[re.Match[str]] = []
        self.position = 0
        self.where = _anywhere
        at = 0
        while text[at:].strip():
            matched = _TOKEN.match(text, at)
            if matched is None:
                raise SearchError(f"the search cannot be read from {text[at:].strip()[:40]!r} on")
            self.tokens.append(matched)
            at = matched.end()

    def all(self) -> Condition:
        try:
            condition = self._either()
        except RecursionError:
            raise SearchError("the search is nested too deeply") from None
        if self.position < len(self.tokens):
            raise SearchError(f"the search has {self.tokens[self.position][0].strip()!r} after its end")
        return condition

    def _either(self) -> Condition:
        options = [self._both()]
        while self._taken("OR"):
            options.append(self._both())
        return lambda *metric: any(option(*metric) for option in options)

    def _both(self) -> Condition:
        needed = [self._one()]
        while self.position < len(self.tokens) and not self._next_is("OR", ")"):
            self._taken("AND")
            needed.append(self._one())
        return lambda *metric: all(one(*metric) for one in needed)

    def _one(self) -> Condition:
        if self._taken("NOT"):
            excluded = self._one()
            return lambda *metric: not excluded(*metric)
        if self._taken("("):
            inside = self._either()
            if not self._taken(")"):
                raise SearchError("the search lacks a closing bracket")
            return inside
        first = self._text()
        if not self._taken("="):
            return self.where(_matcher(first))
        outside, self.where = self.where, partial(_in_property, _plain(first))
        grouped = self.position < len(self.tokens) and self._next_is("(")
        condition = self._one() if grouped else self.where(_matcher(self._text()))
        self.where = outside
        return condition

    def _text(self) -> re.Match[str]:
        if self.position >= len(self.tokens) or self._next_is("(", ")", "=", "AND", "OR"):
            raise SearchError("the search lacks a term")
        self.position += 1
        return self.tokens[self.position - 1]

    def _next_is(self, *texts: str) -> bool:
        token = self.tokens[self.position]
        return token["exact"] is None and (token["sign"] or token["word"]) in texts

    def _taken(self, text: str) -> bool:
        taken = self.position < len(self.tokens) and self._next_is(text)
        self.position += taken
        return taken


def _plain(token: re.Match[str]) -> str:
    return _unescaped(token["exact"]) if token["exact"] is not None else str(token["word"])


def _matcher(token: re.Match[str]) -> Callable[[str], bool]:
    text = _plain(token)
    if token["exact"] is not None:
        return lambda candidate: candidate == text
    wanted = parts(text)

    def partly(candidate: str) -> bool:
        found = parts(candidate)
        return any(found[at : at + len(wanted)] == wanted for at in range(len(found) - len(wanted) + 1))

    return partly


def _anywhere(matches: Callable[[str], bool]) -> Condition:
    return lambda namespace, name, dimensions: any(
        matches(text) for text in (namespace, name, *(part for pair in dimensions for part in pair))
    )


def _in_property(property_name: str, matches: Callable[[str], bool]) -> Condition:
    if property_name == "MetricName":
        return lambda _namespace, name, _dimensions: matches(name)
    if property_name == "Namespace":
        return lambda namespace, _name, _dimensions: matches(namespace)
    return lambda _namespace, _name, dimensions: any(
        name == property_name and matches(value) for name, value in dimensions
    )
