"""Labels of metric data with ${...} in them.

How AWS writes the numbers and times is not published: numbers have up to six digits, times read 2027-01-15 08:00:00
+0000, lengths of time 1:05:00.
Source: CloudWatch user guide, "Use dynamic labels".
"""

import re
from collections.abc import Callable, Mapping
from typing import NamedTuple

from blackstart.emulator.decisions.metric_math_functions import date
from blackstart.emulator.decisions.metric_math_values import Series

_PLACEHOLDER = re.compile(r"\$\{\s*(?:PROP\(\s*'([^']*)'\s*\)|([A-Z_]+))\s*\}")
_ZONE = re.compile(r"([+-])(\d{2})(\d{2})")


class LabelContext(NamedTuple):
    """default: the label without a template. properties: what PROP('...') gives. zone: +0130 and the like."""

    default: str
    series: Series
    now_s: float
    properties: Mapping[str, str] = {}
    zone: str = "+0000"


def labelled(template: str, context: LabelContext) -> str:
    """The label that a template gives. What is not known to the guide, or has no value, stays as it is or empty."""

    def value(found: re.Match[str]) -> str:
        if found[1] is not None:
            return context.properties.get(found[1], "")
        if found[2] == "LABEL":
            return context.default
        if found[2] not in _LIVE:
            return found[0]
        return _LIVE[found[2]](context) if context.series else ""

    return _PLACEHOLDER.sub(value, template)


def _number(value: float) -> str:
    return f"{value:g}"


def _at(of: Callable[[Series], float]) -> Callable[[LabelContext], str]:
    def text(context: LabelContext) -> str:
        zone = _ZONE.fullmatch(context.zone)
        shift_s = (int(zone[2]) * 3600 + int(zone[3]) * 60) * (-1 if zone[1] == "-" else 1) if zone else 0
        local_s = of(context.series) + shift_s
        year, month, day = date(local_s)
        hour, minute, second = int(local_s // 3600 % 24), int(local_s // 60 % 60), int(local_s % 60)
        return f"{year}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02} {context.zone}"

    return text


def _length(length_s: float) -> str:
    whole = int(abs(length_s))
    return f"{whole // 3600}:{whole // 60 % 60:02}:{whole % 60:02}"


def _ago(of: Callable[[Series], float]) -> Callable[[LabelContext], str]:
    return lambda context: _length(context.now_s - of(context.series))


def _highest(series: Series) -> float:
    return max(series, key=lambda at: series[at])


def _lowest(series: Series) -> float:
    return min(series, key=lambda at: series[at])


def _first(series: Series) -> float:
    return min(series)


def _last(series: Series) -> float:
    return max(series)


_LIVE: dict[str, Callable[[LabelContext], str]] = {
    "AVG": lambda context: _number(sum(context.series.values()) / len(context.series)),
    "DATAPOINT_COUNT": lambda context: str(len(context.series)),
    "SUM": lambda context: _number(sum(context.series.values())),
    "MIN": lambda context: _number(min(context.series.values())),
    "MAX": lambda context: _number(max(context.series.values())),
    "FIRST": lambda context: _number(context.series[_first(context.series)]),
    "LAST": lambda context: _number(context.series[_last(context.series)]),
    "FIRST_LAST_RANGE": lambda context: _number(
        abs(context.series[_last(context.series)] - context.series[_first(context.series)])
    ),
    "MIN_MAX_RANGE": lambda context: _number(max(context.series.values()) - min(context.series.values())),
    "FIRST_LAST_TIME_RANGE": lambda context: _length(_last(context.series) - _first(context.series)),
    "MIN_MAX_TIME_RANGE": lambda context: _length(_highest(context.series) - _lowest(context.series)),
    "FIRST_TIME": _at(_first),
    "LAST_TIME": _at(_last),
    "MIN_TIME": _at(_lowest),
    "MAX_TIME": _at(_highest),
    "FIRST_TIME_RELATIVE": _ago(_first),
    "LAST_TIME_RELATIVE": _ago(_last),
    "MIN_TIME_RELATIVE": _ago(_lowest),
    "MAX_TIME_RELATIVE": _ago(_highest),
}
