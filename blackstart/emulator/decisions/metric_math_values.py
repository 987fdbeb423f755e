"""What metric math calculates with: numbers, time series, arrays of time series; and the operators on them.

Missing values in a time series are treated as 0; a point whose calculation divides by zero is dropped.
Source: CloudWatch user guide, "Using math expressions with CloudWatch metrics", its basic arithmetic, comparison and
logical operators, and IF.
"""

import math
import operator
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from blackstart.emulator.decisions.metric_math_syntax import MathError

Series = Mapping[float, float]
"""Values by the start of their period in Unix seconds; a missing period has no entry."""


class Line(NamedTuple):
    """One time series of an array, with the label that it is shown under."""

    label: str
    series: Series


Value = float | Series | Sequence[Line]
"""A number (S), a time series (TS) or an array of them (TS[]). NaN is a number that there is none of, as the average of
a series without points: points calculated with it are dropped."""

Operator = Callable[[float, float], float]
ARITHMETIC: dict[str, Operator] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "^": operator.pow,
}
LOGIC: dict[str, Operator] = {
    "==": lambda left, right: float(left == right),
    "!=": lambda left, right: float(left != right),
    "<=": lambda left, right: float(left <= right),
    ">=": lambda left, right: float(left >= right),
    "<": lambda left, right: float(left < right),
    ">": lambda left, right: float(left > right),
    "AND": lambda left, right: float(left != 0 and right != 0),
    "OR": lambda left, right: float(left != 0 or right != 0),
}


def as_series(value: Value, what: str) -> Series:
    """Raises MathError for a number or an array."""
    if isinstance(value, Mapping):
        return value
    raise MathError(f"{what} takes a time series")


def as_lines(value: Value, what: str) -> Sequence[Line]:
    """Raises MathError for a number or a single time series."""
    if isinstance(value, float | Mapping):
        raise MathError(f"{what} takes an array of time series")
    return value


def as_number(value: Value, what: str) -> float:
    """Raises MathError for anything but a number that there is."""
    if isinstance(value, float) and not math.isnan(value):
        return value
    raise MathError(f"{what} takes a number")


def each(change: Callable[[Series], Series], value: Value, what: str) -> Value:
    """The same for one time series or for each of an array. Raises MathError for a number."""
    if isinstance(value, Mapping):
        return change(value)
    return [Line(line.label, change(line.series)) for line in as_lines(value, what)]


def joined(sign: str, left: Value, right: Value) -> Value:
    """Two values joined by an operator. Raises MathError for arrays where the guide knows none."""
    apply = ARITHMETIC.get(sign)
    if apply is not None:
        if not isinstance(left, float | Mapping):
            if not isinstance(right, float | Mapping):
                raise MathError(f"{sign} does not join two arrays")
            return [Line(line.label, _series(apply, line.series, right)) for line in left]
        if not isinstance(right, float | Mapping):
            return [Line(line.label, _series(apply, left, line.series)) for line in right]
    else:
        apply = LOGIC[sign]
    if not (isinstance(left, float | Mapping) and isinstance(right, float | Mapping)):
        raise MathError(f"{sign} takes time series and numbers, no arrays")
    if isinstance(left, float) and isinstance(right, float):
        result = _point(apply, left, right)
        return math.nan if result is None else result
    return _series(apply, left, right)


def _series(apply: Operator, left: float | Series, right: float | Series) -> Series:
    if isinstance(left, float):
        pairs = ((at, left, value) for at, value in right.items()) if isinstance(right, Mapping) else ()
    elif isinstance(right, float):
        pairs = ((at, value, right) for at, value in left.items())
    else:
        times = left if left.keys() == right.keys() else sorted(left.keys() | right.keys())
        pairs = ((at, left.get(at, 0.0), right.get(at, 0.0)) for at in times)
    results = ((at, _point(apply, one, other)) for at, one, other in pairs)
    return {at: result for at, result in results if result is not None}


def _point(apply: Operator, left: float, right: float) -> float | None:
    if math.isnan(left) or math.isnan(right):
        return None
    try:
        return float(apply(left, right))
    except (ZeroDivisionError, OverflowError, TypeError):  # a root of a negative number is no float
        return None


def chosen(condition: Value, if_true: Value, if_false: Value | None) -> Value:
    """IF(condition, trueValue, falseValue). Raises MathError for arrays."""
    if not all(isinstance(value, float | Mapping) for value in (condition, if_true, if_false) if value is not None):
        raise MathError("IF takes time series and numbers, no arrays")
    if isinstance(condition, float):
        if math.isnan(condition):
            return {}
        return if_true if condition != 0 else {} if if_false is None else if_false
    found: dict[float, float] = {}
    for at, truth in as_series(condition, "IF").items():
        source = if_true if truth != 0 else if_false
        if isinstance(source, float):
            if not math.isnan(source):
                found[at] = source
        elif isinstance(source, Mapping) and (truth != 0 or at in source):
            found[at] = source.get(at, 0.0)
    return found
