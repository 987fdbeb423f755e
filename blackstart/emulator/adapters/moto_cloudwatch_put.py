"""PutMetricData: a client's data filed as it came, after AWS's checks.

Source: CloudWatch API reference, PutMetricData, MetricDatum. The error codes are AWS's; messages follow AWS's where
they are known and say the same otherwise.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from blackstart.emulator.adapters.moto_cloudwatch_clocks import Clocks, Scope, dimensions_of, unix_s
from blackstart.emulator.controllers.metric_store import MetricKey, MetricStore
from blackstart.emulator.decisions.metric_statistics import Aggregate, of_statistic_set, of_value

MOST_METRICS = 1000
MOST_VALUES = 150
MOST_DIMENSIONS = 30
LARGEST = 2.0**360
OLDEST_S = 14 * 86400.0
NEWEST_S = 2 * 3600.0

_PREFIXES = ("", "Kilo", "Mega", "Giga", "Tera")
_SIZES = tuple((prefix + noun).capitalize() for noun in ("bytes", "bits") for prefix in _PREFIXES)
UNITS = (
    *("Seconds", "Microseconds", "Milliseconds", *_SIZES, "Percent", "Count"),
    *(f"{size}/Second" for size in _SIZES),
    *("Count/Second", "None"),
)
"""In the order in which AWS names them."""

Datum = Mapping[str, Any]


def put(store: MetricStore, scope: Scope, namespace: str, metric_data: Sequence[Datum], clocks: Clocks) -> None:
    """Never scaled; with a wall-clock "now" (or no time) at the virtual now. Nothing is filed when one is refused."""
    from moto.cloudwatch.exceptions import InvalidParameterCombination, InvalidParameterValue

    if namespace.startswith("AWS/"):
        raise InvalidParameterValue("The value AWS/ for parameter Namespace is invalid.")
    if len(metric_data) > MOST_METRICS:
        raise InvalidParameterValue(f"The collection MetricData must not have a size greater than {MOST_METRICS}.")
    times_s = []
    for number, datum in enumerate(metric_data, start=1):
        if all(datum.get(name) is None for name in ("Value", "Values", "StatisticValues")):
            given = " and ".join(f"MetricData.member.{number}.{name}" for name in ("Value", "StatisticValues"))
            raise InvalidParameterCombination(f"At least one of the parameters {given} must be specified.")
        time_s = _time_s(datum, clocks)
        problem = _values(datum) or _others(datum, time_s, clocks.now_s())
        if problem:
            raise InvalidParameterValue(problem.replace("MetricData.", f"MetricData.member.{number}."))
        times_s.append(time_s)
    for datum, time_s in zip(metric_data, times_s, strict=True):
        key = MetricKey.of(scope, namespace, datum["MetricName"], dimensions_of(datum.get("Dimensions")))
        resolution_s = 1 if int(datum.get("StorageResolution") or 60) < 60 else 60
        for aggregate in _aggregates(datum):
            store.add(key, time_s, aggregate, datum.get("Unit") or "None", resolution_s)


def _time_s(datum: Datum, clocks: Clocks) -> float:
    stamp = datum.get("Timestamp")
    time_s = unix_s(stamp) if stamp is not None else clocks.now_s()
    return clocks.now_s() if clocks.is_wall(time_s) else time_s


def _values(datum: Datum) -> str | None:
    values = datum.get("Values") or ()
    if len(values) > MOST_VALUES:
        return f"The parameter MetricData.Values must not have more than {MOST_VALUES} values."
    given = datum.get("StatisticValues") or {}
    named = [("Value", datum.get("Value"))] + [("Values", value) for value in values]
    named += [(f"StatisticValues.{name}", value) for name, value in given.items()]
    for name, value in named:
        if value is not None and not (math.isfinite(float(value)) and abs(float(value)) <= LARGEST):
            return f"The value {value} for parameter MetricData.{name} is invalid."
    if any(float(count) < 0 for count in datum.get("Counts") or ()) or float(given.get("SampleCount", 1)) <= 0:
        return "The parameter MetricData.Counts must not be negative."
    return None


def _others(datum: Datum, time_s: float, now_s: float) -> str | None:
    if len(datum.get("Dimensions") or ()) > MOST_DIMENSIONS:
        return f"The collection MetricData.Dimensions must not have a size greater than {MOST_DIMENSIONS}."
    if datum.get("Unit") not in (None, *UNITS):
        return f"The parameter MetricData.Unit must be a value in the set [ {', '.join(UNITS)} ]."
    if int(datum.get("StorageResolution") or 60) not in (1, 60):
        return "The parameter MetricData.StorageResolution must be 1 or 60."
    if time_s < now_s - OLDEST_S:
        return "The parameter MetricData.Timestamp must specify a time within the past two weeks."
    if time_s > now_s + NEWEST_S:
        return "The parameter MetricData.Timestamp must specify a time no more than two hours in the future."
    return None


def _aggregates(datum: Datum) -> list[Aggregate]:
    if datum.get("Values"):
        counts = datum.get("Counts") or [1.0] * len(datum["Values"])
        pairs = zip(datum["Values"], counts, strict=True)
        return [of_value(float(value), float(count)) for value, count in pairs if float(count) > 0]
    if datum.get("StatisticValues"):
        given = datum["StatisticValues"]
        numbers = [float(given[name]) for name in ("SampleCount", "Sum", "Minimum", "Maximum")]
        return [of_statistic_set(*numbers)]
    return [of_value(float(datum.get("Value", 0.0)))]
