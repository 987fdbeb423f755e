"""The grammar of CloudWatch's metric math.

    either     := both ((OR | '||') both)*
    both       := comparison ((AND | '&&') comparison)*
    comparison := sum (('==' | '!=' | '<=' | '>=' | '<' | '>') sum)*
    sum        := product (('+' | '-') product)*
    product    := unary (('*' | '/') unary)*
    unary      := '-' unary | power
    power      := atom ('^' unary)?
    atom       := number | 'text' | "text" | id | WORD | FUNCTION '(' arguments ')' | '(' either ')' | '[' arguments ']'

Ids begin with a lower-case letter, functions and words are upper case. The guide gives no precedence: it is the usual.
Source: CloudWatch user guide, "Using math expressions with CloudWatch metrics".
"""

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

_TOKEN = re.compile(
    r"""\s*(?:(?P<number>(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)|(?P<name>[A-Za-z]\w*)|'(?P<single>[^']*)'"""
    r"""|"(?P<double>[^"]*)"|(?P<sign>\|\||&&|==|!=|<=|>=|[-+*/^<>()\[\],]))"""
)
_LEVELS = (
    {"OR": "OR", "||": "OR"},
    {"AND": "AND", "&&": "AND"},
    {sign: sign for sign in ("==", "!=", "<=", ">=", "<", ">")},
    {"+": "+", "-": "-"},
    {"*": "*", "/": "/"},
)
LONGEST = 2048
"""Characters that an expression may have (API reference, MetricDataQuery)."""
DEEPEST = 250
"""How deep operators and calls may be nested here, a chain of operators counting each; AWS publishes no limit."""


class MathError(ValueError):
    """An expression that cannot be evaluated; the message says which part."""


class Number(NamedTuple):
    value: float


class Text(NamedTuple):
    text: str


class Id(NamedTuple):
    name: str


class Word(NamedTuple):
    """A name in upper case that is no call: REPEAT, LINEAR, ASC, DESC, a function to sort by."""

    name: str


class Negated(NamedTuple):
    operand: "Node"


class Binary(NamedTuple):
    sign: str
    left: "Node"
    right: "Node"


class Call(NamedTuple):
    function: str
    arguments: "tuple[Node, ...]"


class Array(NamedTuple):
    items: "tuple[Node, ...]"


Node = Number | Text | Id | Word | Negated | Binary | Call | Array


@lru_cache(maxsize=4096)
def parse(expression: str) -> Node:
    """The syntax tree of an expression. Raises MathError where it has none."""
    if len(expression) > LONGEST:
        raise MathError(f"an expression has at most {LONGEST} characters")
    parser = _Parser(expression)
    try:
        tree = parser.level(0)
    except RecursionError:
        raise MathError("is nested too deeply") from None
    if max(depth for _, depth in _with_depth(tree)) > DEEPEST:
        raise MathError("is nested too deeply")
    if parser.position < len(parser.tokens):
        raise MathError(f"cannot be read from {parser.tokens[parser.position][1]!r} on")
    return tree


def walk(tree: Node) -> Iterator[Node]:
    """The node and everything below it, in no order."""
    yield from (node for node, _ in _with_depth(tree))


def _with_depth(tree: Node) -> Iterator[tuple[Node, int]]:
    waiting = [(tree, 1)]
    while waiting:
        node, depth = waiting.pop()
        yield node, depth
        waiting += [(below, depth + 1) for below in _below(node)]


def _below(node: Node) -> tuple[Node, ...]:
    if isinstance(node, Negated):
        return (node.operand,)
    if isinstance(node, Binary):
        return (node.left, node.right)
    if isinstance(node, Call):
        return node.arguments
    return node.items if isinstance(node, Array) else ()


class _Parser:
    def __init__(self, expression: str) -> None:
        self.tokens: list[tuple[str, str]] = []
        self.position = 0
        self.depth = 0
        at = 0
        while expression[at:].strip():
            matched = _TOKEN.match(expression, at)
            if matched is None or matched.lastgroup is None:
                raise MathError(f"cannot be read from {expression[at:].strip()[:40]!r} on")
            self.tokens.append((matched.lastgroup, matched[matched.lastgroup]))
            at = matched.end()

    def level(self, number: int) -> Node:
        if number == len(_LEVELS):
            return self._unary()
        left = self.level(number + 1)
        while (sign := self._taken(_LEVELS[number])) is not None:
            left = Binary(sign, left, self.level(number + 1))
        return left

    def _unary(self) -> Node:
        self.depth += 1
        if self.depth > DEEPEST:
            raise MathError("is nested too deeply")
        node: Node = Negated(self._unary()) if self._taken({"-": "-"}) else self._power()
        self.depth -= 1
        return node

    def _power(self) -> Node:
        atom = self._atom()
        return Binary("^", atom, self._unary()) if self._taken({"^": "^"}) else atom

    def _atom(self) -> Node:
        if self.position >= len(self.tokens):
            raise MathError("ends where a value is missing")
        kind, text = self.tokens[self.position]
        self.position += 1
        if kind == "number":
            return Number(float(text))
        if kind in ("single", "double"):
            return Text(text)
        if kind == "name" and text not in ("AND", "OR"):
            return self._named(text)
        if text == "(":
            node = self.level(0)
            self._expect(")")
            return node
        if text == "[":
            return Array(self._arguments("]"))
        raise MathError(f"has {text!r} where a value is missing")

    def _named(self, name: str) -> Node:
        if name[0].islower():
            return Id(name)
        if self._taken({"(": "("}):
            return Call(name, self._arguments(")"))
        return Word(name)

    def _arguments(self, end: str) -> tuple[Node, ...]:
        if self._taken({end: end}):
            return ()
        arguments = [self.level(0)]
        while self._taken({",": ","}):
            arguments.append(self.level(0))
        self._expect(end)
        return tuple(arguments)

    def _expect(self, sign: str) -> None:
        if not self._taken({sign: sign}):
            raise MathError(f"lacks a {sign!r}")

    def _taken(self, signs: dict[str, str]) -> str | None:
        """The meaning of the next token if it is one of these signs or words, which is then behind us."""
        if self.position < len(self.tokens):
            kind, text = self.tokens[self.position]
            if kind in ("sign", "name") and text in signs:
                self.position += 1
                return signs[text]
        return None
