"""CloudWatch's metric math: the series that expressions give.

Not supported: ANOMALY_DETECTION_BAND, DB_PERF_INSIGHTS, INSIGHT_RULE_METRIC, LAMBDA, SERVICE_QUOTA and queries of
Metrics Insights, which ask services that the emulator does not have.
Source: CloudWatch user guide, "Using math expressions with CloudWatch metrics".
"""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from blackstart.emulator.decisions.metric_math_functions import SIMPLE, filled_between, simple, sorted_lines
from blackstart.emulator.decisions.metric_math_syntax import (
    Array,
    Binary,
    Call,
    Id,
    MathError,
    Negated,
    Node,
    Number,
    Text,
    Word,
    parse,
    walk,
)
from blackstart.emulator.decisions.metric_math_values import (
    Line,
    Series,
    Value,
    as_lines,
    as_number,
    as_series,
    chosen,
    each,
    joined,
)

NOT_SUPPORTED = frozenset(
    ("ANOMALY_DETECTION_BAND", "DB_PERF_INSIGHTS", "INSIGHT_RULE_METRIC", "LAMBDA", "SERVICE_QUOTA")
)
Search = Callable[[str, str, str, int | None], Sequence[Line]]
"""Of the id of the expression, the search, the statistic and the period, if given: the series that SEARCH finds. Raises
MathError."""


class UnsupportedMathError(MathError):
    """An expression that AWS evaluates and the emulator does not."""


class Query(NamedTuple):
    """What expressions are evaluated in.

    metrics: the series that are no expressions, by id. times: every period of the query. periods: seconds, by id of a
    metric. labels: what a metric's series is shown under, by id. search: None where SEARCH is not allowed (alarms).
    """

    metrics: Mapping[str, Series]
    times: Sequence[float]
    periods: Mapping[str, int] = {}
    labels: Mapping[str, str] = {}
    search: Search | None = None


@lru_cache(maxsize=4096)
def references(expression: str) -> frozenset[str]:
    """The ids that an expression names. Raises MathError for what is not an expression at all."""
    return frozenset(node.name for node in walk(_parse(expression)) if isinstance(node, Id))


def resolve(expressions: Mapping[str, str], query: Query) -> dict[str, Series | Sequence[Line]]:
    """Every series of a query by id: the metrics, and each expression after those that it names.

    Raises MathError, with the expression's id, for what cannot be evaluated, for a result that is a number, and for
    expressions that name each other in a circle.
    """
    resolved: dict[str, Series | Sequence[Line]] = dict(query.metrics)
    waiting = dict(expressions)
    while waiting:
        ready = [name for name, text in waiting.items() if not (_needed(name, text) & waiting.keys())]
        if not ready:
            raise MathError(f"the expressions {', '.join(waiting)} refer to each other in a circle")
        for name in ready:
            resolved[name] = _result(name, waiting.pop(name), resolved, query)
    return resolved


def _needed(name: str, expression: str) -> frozenset[str]:
    try:
        return references(expression)
    except MathError as error:
        raise _located(error, name) from error


def _result(
    name: str, expression: str, resolved: Mapping[str, Series | Sequence[Line]], query: Query
) -> Series | Sequence[Line]:
    try:
        value = _Calculation(name, resolved, query).value(_parse(expression))
        if isinstance(value, float):
            raise MathError("the result is a number and no time series")
    except MathError as error:
        raise _located(error, name) from error
    return value


def _located(error: MathError, name: str) -> MathError:
    """AWS's wording: Error in expression 'e1': Function 'X' not found."""
    return type(error)(f"Error in expression '{name}': {error}")


def _parse(expression: str) -> Node:
    if expression.lstrip().upper().startswith("SELECT "):
        raise UnsupportedMathError("Metrics Insights is not supported by the emulator")
    return parse(expression)


class _Calculation:
    def __init__(self, name: str, values: Mapping[str, Series | Sequence[Line]], query: Query) -> None:
        self.name = name
        self.values = values
        self.query = query

    def value(self, node: Node) -> Value:
        if isinstance(node, Number):
            return node.value
        if isinstance(node, Id):
            if node.name not in self.values:
                raise MathError(f"refers to {node.name!r}, which is no id of this query")
            return self.values[node.name]
        if isinstance(node, Negated):
            return joined("*", -1.0, self.value(node.operand))
        if isinstance(node, Binary):
            return joined(node.sign, self.value(node.left), self.value(node.right))
        if isinstance(node, Array):
            return [line for item in node.items for line in self._lines(item)]
        if isinstance(node, Call):
            return self._call(node.function, node.arguments)
        raise MathError(f"has {node[0]!r} where a value is missing")

    def _lines(self, item: Node) -> Sequence[Line]:
        value = self.value(item)
        if isinstance(value, Mapping):
            name = item.name if isinstance(item, Id) else ""
            return (Line(self.query.labels.get(name, name), value),)
        return as_lines(value, "an array")

    def _call(self, name: str, arguments: Sequence[Node]) -> Value:
        if name in SIMPLE:
            return simple(name, [self.value(argument) for argument in arguments], self.query.times)
        special = self._SPECIAL.get(name)
        if special is not None:
            return special(self, arguments)
        if name in NOT_SUPPORTED:
            raise UnsupportedMathError(f"{name} is not supported by the emulator")
        raise MathError(f"Function '{name}' not found")

    def _fill(self, arguments: Sequence[Node]) -> Value:
        if len(arguments) != 2:
            raise MathError("FILL takes time series and what to fill them with")
        value, times = self.value(arguments[0]), self.query.times
        how = arguments[1]
        if isinstance(how, Word) and how.name in ("REPEAT", "LINEAR"):
            straight = how.name == "LINEAR"
            return each(lambda series: filled_between(series, times, straight=straight), value, "FILL")
        filler = self.value(how)
        other = as_series(simple("TIME_SERIES", [filler], times) if isinstance(filler, float) else filler, "FILL")
        return each(lambda series: {**other, **series}, value, "FILL")

    def _if(self, arguments: Sequence[Node]) -> Value:
        if not 2 <= len(arguments) <= 3:
            raise MathError("IF takes a condition and one or two values")
        condition, if_true, *if_false = (self.value(argument) for argument in arguments)
        return chosen(condition, if_true, if_false[0] if if_false else None)

    def _metrics(self, arguments: Sequence[Node]) -> Value:
        wanted = ""
        if arguments:
            if len(arguments) != 1 or not isinstance(arguments[0], Text):
                raise MathError("METRICS takes nothing or a text")
            wanted = arguments[0].text
        labels = self.query.labels
        return [Line(labels.get(name, name), found) for name, found in self.query.metrics.items() if wanted in name]

    def _period(self, arguments: Sequence[Node]) -> Value:
        if len(arguments) != 1 or not isinstance(arguments[0], Id) or arguments[0].name not in self.query.periods:
            raise MathError("PERIOD takes the id of a metric")
        return float(self.query.periods[arguments[0].name])

    def _search(self, arguments: Sequence[Node]) -> Value:
        if self.query.search is None:
            raise MathError("SEARCH is not supported on Metric Alarms.")
        texts = [argument.text for argument in arguments[:2] if isinstance(argument, Text)]
        if len(texts) != 2 or len(arguments) > 3:
            raise MathError("SEARCH takes a search expression, a statistic and perhaps a period")
        period_s = int(as_number(self.value(arguments[2]), "SEARCH")) if len(arguments) == 3 else None
        return self.query.search(self.name, texts[0], texts[1], period_s)

    def _sort(self, arguments: Sequence[Node]) -> Value:
        words = [argument.name for argument in arguments[1:3] if isinstance(argument, Word)]
        if len(words) != 2 or len(arguments) > 4:
            raise MathError("SORT takes an array of time series, AVG, MIN, MAX or SUM, and ASC or DESC")
        limit = as_number(self.value(arguments[3]), "SORT") if len(arguments) == 4 else None
        return sorted_lines(as_lines(self.value(arguments[0]), "SORT"), words[0], words[1], limit)

    _SPECIAL: Mapping[str, Callable[["_Calculation", Sequence[Node]], Value]] = {
        "FILL": _fill,
        "IF": _if,
        "METRICS": _metrics,
        "PERIOD": _period,
        "SEARCH": _search,
        "SORT": _sort,
    }
