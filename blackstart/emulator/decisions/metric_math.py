"""The part of CloudWatch's metric math that the emulator evaluates; all else is refused by name.

Numbers, ids, + - * /, brackets, FILL(m, n), METRICS(), and SUM, AVG, MIN, MAX over an array of series ([m1, m2] or
METRICS(), giving a series) or over one series (giving a number).
Source: CloudWatch user guide, "Using math expressions with CloudWatch metrics".
"""

import ast
import operator
from collections.abc import Callable, Mapping, Sequence

Series = Mapping[float, float]
"""Values by the start of their period in Unix seconds; a missing period has no entry."""

_Value = float | Series | list[Series]

_OPERATORS: dict[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}
_FOLDS: dict[str, Callable[[Sequence[float]], float]] = {
    "SUM": sum,
    "AVG": lambda values: sum(values) / len(values),
    "MIN": min,
    "MAX": max,
}


class MathError(ValueError):
    """An expression that cannot be evaluated here; the message says which part."""


def references(expression: str) -> frozenset[str]:
    """The ids that an expression names. Raises MathError for what is not an expression at all."""
    names = {node.id for node in ast.walk(_parse(expression)) if isinstance(node, ast.Name)}
    return frozenset(name for name in names if name not in (*_FOLDS, "FILL", "METRICS"))


def calculate(
    expression: str, series: Mapping[str, Series], metrics: Sequence[Series], times: Sequence[float]
) -> Series:
    """The series that an expression gives.

    series: by id, expressions included. metrics: what METRICS() stands for, the series that are no expressions.
    times: every period of the query, for FILL. A division by zero and a period that one side lacks give no point.
    Raises MathError for anything outside the subset and for a result that is a number.
    """
    result = _Calculation(series, metrics, times).value(_parse(expression))
    if isinstance(result, float | list):
        raise MathError(f"the expression {expression!r} does not return a time series")
    return result


def resolve(expressions: Mapping[str, str], metrics: Mapping[str, Series], times: Sequence[float]) -> dict[str, Series]:
    """Every series of a query by id: the metrics, and each expression after those that it names.

    Raises MathError as `calculate` does, and for expressions that name each other in a circle.
    """
    resolved: dict[str, Series] = dict(metrics)
    waiting = dict(expressions)
    while waiting:
        ready = [name for name, text in waiting.items() if not (references(text) & waiting.keys())]
        if not ready:
            raise MathError(f"the expressions {', '.join(waiting)} refer to each other in a circle")
        for name in ready:
            resolved[name] = calculate(waiting.pop(name), resolved, list(metrics.values()), times)
    return resolved


def _parse(expression: str) -> ast.expr:
    try:
        return ast.parse(expression.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise MathError(f"the expression {expression!r} cannot be read") from error


class _Calculation:
    def __init__(self, series: Mapping[str, Series], metrics: Sequence[Series], times: Sequence[float]) -> None:
        self.series = series
        self.metrics = metrics
        self.times = times

    def value(self, node: ast.expr) -> _Value:
        if isinstance(node, ast.Constant) and isinstance(node.value, int | float) and not isinstance(node.value, bool):
            return float(node.value)
        if isinstance(node, ast.Name):
            return self._named(node.id)
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
            return _join(operator.mul, -1.0, self._operand(node.operand))
        if isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
            return _join(_OPERATORS[type(node.op)], self._operand(node.left), self._operand(node.right))
        if isinstance(node, ast.List):
            return [self._one(element) for element in node.elts]
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and not node.keywords:
            return self._call(node.func.id, node.args)
        raise MathError(f"{ast.unparse(node)!r} is metric math that is not supported here")

    def _named(self, name: str) -> Series:
        if name not in self.series:
            raise MathError(f"the expression refers to {name!r}, which is no id of this query")
        return self.series[name]

    def _operand(self, node: ast.expr) -> float | Series:
        value = self.value(node)
        if isinstance(value, list):
            raise MathError(f"{ast.unparse(node)!r} is an array of series; arithmetic on those is not supported here")
        return value

    def _one(self, node: ast.expr) -> Series:
        value = self.value(node)
        if isinstance(value, float | list):
            raise MathError(f"{ast.unparse(node)!r} is not a time series")
        return value

    def _call(self, name: str, arguments: Sequence[ast.expr]) -> _Value:
        if name == "METRICS" and not arguments:
            return list(self.metrics)
        if name == "FILL" and len(arguments) == 2:
            filler = self.value(arguments[1])
            if isinstance(filler, float):
                filled = self._one(arguments[0])
                return {time_s: filled.get(time_s, filler) for time_s in self.times}
        if name in _FOLDS and len(arguments) == 1:
            return _fold(_FOLDS[name], self.value(arguments[0]))
        raise MathError(f"{name} with these arguments is metric math that is not supported here")


def _fold(fold: Callable[[Sequence[float]], float], value: _Value) -> float | Series:
    if isinstance(value, float):
        raise MathError("SUM, AVG, MIN and MAX take series")
    if isinstance(value, list):
        times = sorted({time_s for series in value for time_s in series})
        return {time_s: fold([series[time_s] for series in value if time_s in series]) for time_s in times}
    if not value:
        return value
    return float(fold(list(value.values())))


def _join(apply: Callable[[float, float], float], left: float | Series, right: float | Series) -> float | Series:
    if isinstance(left, float) and isinstance(right, float):
        try:
            return apply(left, right)
        except ZeroDivisionError as error:
            raise MathError("a division of numbers by zero") from error
    times = [time_s for side in (left, right) if not isinstance(side, float) for time_s in side]
    joined: dict[float, float] = {}
    for time_s in dict.fromkeys(times):
        first = left if isinstance(left, float) else left.get(time_s)
        second = right if isinstance(right, float) else right.get(time_s)
        if first is None or second is None or (apply is operator.truediv and second == 0):
            continue
        joined[time_s] = apply(first, second)
    return joined
