"""The functions of metric math that take values only.

Source: CloudWatch user guide, "Using math expressions with CloudWatch metrics", "Functions supported for metric math".
"""

import math
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise

from blackstart.emulator.decisions.metric_math_syntax import MathError
from blackstart.emulator.decisions.metric_math_values import Line, Series, Value, as_lines, as_number, each

DAY_S = 86400.0


def _deviation(values: Sequence[float]) -> float:
    mean = sum(values) / len(values)
    return math.sqrt(sum((value - mean) * (value - mean) for value in values) / len(values))


FOLDS: dict[str, Callable[[Sequence[float]], float]] = {
    "SUM": sum,
    "AVG": lambda values: sum(values) / len(values),
    "MIN": min,
    "MAX": max,
    "STDDEV": _deviation,
    "DATAPOINT_COUNT": lambda values: float(len(values)),
}


def folded(name: str, value: Value) -> Value:
    """A number from one time series, a time series from an array. Without a point NaN, but a sum or count of 0.

    AVG of an array takes missing values for 0, as the guide says; the others leave them out.
    """
    fold = FOLDS[name]
    if isinstance(value, float):
        raise MathError(f"{name} takes time series")
    if not isinstance(value, Sequence):
        if value or name in ("SUM", "DATAPOINT_COUNT"):
            return float(fold(list(value.values())))
        return math.nan
    times = sorted({at for line in value for at in line.series})
    if name == "AVG":
        return {at: sum(line.series.get(at, 0.0) for line in value) / len(value) for at in times}
    return {at: float(fold([line.series[at] for line in value if at in line.series])) for at in times}


def _points(change: Callable[[float], float]) -> Callable[[Series], Series]:
    """Point by point; a point that has no result is dropped."""

    def changed(series: Series) -> Series:
        found: dict[float, float] = {}
        for at, value in series.items():
            try:
                found[at] = float(change(value))
            except (ValueError, OverflowError):
                continue
        return found

    return changed


def _steps(step: Callable[[float, float, float, float], float]) -> Callable[[Series], Series]:
    """From each point and the one before it: step(time before, value before, time, value)."""

    def changed(series: Series) -> Series:
        times = sorted(series)
        return {at: step(before, series[before], at, series[at]) for before, at in pairwise(times)}

    return changed


def _running_sum(series: Series) -> Series:
    total, found = 0.0, {}
    for at in sorted(series):
        total += series[at]
        found[at] = total
    return found


CHANGES: dict[str, Callable[[Series], Series]] = {
    "ABS": _points(abs),
    "CEIL": _points(math.ceil),
    "FLOOR": _points(math.floor),
    "LOG": _points(math.log),
    "LOG10": _points(math.log10),
    "DIFF": _steps(lambda _before_s, before, _at_s, value: value - before),
    "DIFF_TIME": _steps(lambda before_s, _before, at_s, _value: at_s - before_s),
    "RATE": _steps(lambda before_s, before, at_s, value: (value - before) / (at_s - before_s)),
    "RUNNING_SUM": _running_sum,
}


def date(time_s: float) -> tuple[int, int, int]:
    """Year, month and day of the month of Unix seconds, in UTC. Counts from 1 March 0000: leap days then end a year."""
    days = int(time_s // DAY_S) + 719468
    era, day_of_era = divmod(days, 146097)
    year_of_era = (day_of_era - day_of_era // 1460 + day_of_era // 36524 - day_of_era // 146096) // 365
    day_of_year = day_of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    shifted = (5 * day_of_year + 2) // 153
    month = shifted + 3 if shifted < 10 else shifted - 9
    return year_of_era + era * 400 + (month <= 2), month, day_of_year - (153 * shifted + 2) // 5 + 1


CALENDAR: dict[str, Callable[[float], float]] = {
    "MINUTE": lambda time_s: time_s // 60 % 60,
    "HOUR": lambda time_s: time_s // 3600 % 24,
    "DAY": lambda time_s: (time_s // DAY_S + 3) % 7 + 1,  # Monday is 1
    "DATE": lambda time_s: float(date(time_s)[2]),
    "MONTH": lambda time_s: float(date(time_s)[1]),
    "YEAR": lambda time_s: float(date(time_s)[0]),
    "EPOCH": float,
}


def filled_between(series: Series, times: Iterable[float], *, straight: bool) -> Series:
    """FILL with LINEAR (a straight line between the ends of a gap) or REPEAT (the value before it)."""
    found = dict(series)
    known = sorted(series)
    position = 0
    for at in times:
        while position < len(known) and known[position] <= at:
            position += 1
        if at in found or position == 0:
            continue
        before = known[position - 1]
        if not straight:
            found[at] = series[before]
        elif position < len(known):
            after = known[position]
            found[at] = series[before] + (series[after] - series[before]) * (at - before) / (after - before)
    return found


def sorted_lines(lines: Sequence[Line], function: str, order: str, limit: float | None) -> Sequence[Line]:
    """SORT. Series without points come last. Raises MathError for another function or order."""
    if function not in ("AVG", "MIN", "MAX", "SUM") or order not in ("ASC", "DESC"):
        raise MathError("SORT takes an array of time series, AVG, MIN, MAX or SUM, and ASC or DESC")
    ranked = [(FOLDS[function](list(line.series.values())), line) for line in lines if line.series]
    ranked.sort(key=lambda pair: pair[0], reverse=order == "DESC")
    found = [line for _, line in ranked] + [line for line in lines if not line.series]
    return found if limit is None else found[: max(0, int(limit))]


def sliced(arguments: Sequence[Value]) -> Value:
    """SLICE(array, start) or SLICE(array, start, end); one time series where one is left. Raises MathError."""
    if not 2 <= len(arguments) <= 3:
        raise MathError("SLICE takes an array of time series, a start and perhaps an end")
    lines = as_lines(arguments[0], "SLICE")
    start, *end = (int(as_number(argument, "SLICE")) for argument in arguments[1:])
    found = lines[start : end[0] if end else None]
    return found[0].series if len(found) == 1 else found


def _calendar(name: str, value: Value, times: Sequence[float]) -> Value:
    if isinstance(value, float | Sequence):
        raise MathError(f"{name} takes a time series")
    return {at: CALENDAR[name](at) for at in times}


def _time_series(value: Value, times: Sequence[float]) -> Value:
    if not isinstance(value, float):
        raise MathError("TIME_SERIES takes a number")
    return {} if math.isnan(value) else dict.fromkeys(times, value)


_OF_ARRAYS: dict[str, Callable[[Sequence[Line]], Value]] = {
    "METRIC_COUNT": lambda lines: float(len(lines)),
    "REMOVE_EMPTY": lambda lines: [line for line in lines if line.series],
    "FIRST": lambda lines: lines[0].series if lines else {},
    "LAST": lambda lines: lines[-1].series if lines else {},
}
SIMPLE = frozenset((*FOLDS, *CHANGES, *CALENDAR, *_OF_ARRAYS, "SLICE", "TIME_SERIES"))


def simple(name: str, arguments: Sequence[Value], times: Sequence[float]) -> Value:
    """The value of a function of `SIMPLE`, which needs no more than its arguments' values. Raises MathError."""
    if name == "SLICE":
        return sliced(arguments)
    if len(arguments) != 1:
        raise MathError(f"{name} takes one argument")
    value = arguments[0]
    if name in FOLDS:
        return folded(name, value)
    if name in CHANGES:
        return each(CHANGES[name], value, name)
    if name in CALENDAR:
        return _calendar(name, value, times)
    return _time_series(value, times) if name == "TIME_SERIES" else _OF_ARRAYS[name](as_lines(value, name))
