"""GetMetricStatistics and ListMetrics on the emulator's own metric store.

Source: CloudWatch API reference, the pages of these two actions.
"""

from collections.abc import Mapping
from typing import Any

from blackstart.emulator.adapters.moto_cloudwatch_clocks import Clocks, Scope, dimensions_of, moment, page, unix_s
from blackstart.emulator.controllers.metric_store import MetricKey, MetricStore
from blackstart.emulator.decisions.metric_query import is_period, kept_since, rounded_start
from blackstart.emulator.decisions.metric_statistics import PLAIN_STATISTICS, Aggregate, is_statistic, statistic

MAX_DATAPOINTS = 1440
LISTED_S = 14 * 86400.0
"""ListMetrics and SEARCH know the metrics of the past two weeks."""
RECENT_S = 3 * 3600.0


def get_statistics(store: MetricStore, scope: Scope, params: Mapping[str, Any], clocks: Clocks) -> dict[str, Any]:
    """The answer of GetMetricStatistics, units by themselves. params: the request as parsed by moto."""
    plain, extended = params.get("Statistics") or [], params.get("ExtendedStatistics") or []
    period_s = int(params["Period"])
    start_s, end_s = _window(params, period_s, clocks)
    _check(plain, extended, period_s, start_s, end_s)
    key = MetricKey.of(scope, params["Namespace"], params["MetricName"], dimensions_of(params.get("Dimensions")))
    datapoints = [
        {"Timestamp": moment(time_s), "Unit": unit, **_point(aggregate, plain, extended)}
        for unit in store.units(key)
        if params.get("Unit") in (None, unit)
        for time_s, aggregate in store.periods(key, start_s, end_s, period_s, unit)
        if time_s >= kept_since(period_s, clocks.now_s())
    ]
    return {"Label": params["MetricName"], "Datapoints": datapoints}


def _window(params: Mapping[str, Any], period_s: int, clocks: Clocks) -> tuple[float, float]:
    """Start and end in virtual seconds, the start rounded as AWS does."""
    from moto.cloudwatch.exceptions import InvalidParameterValue

    if params["StartTime"] >= params["EndTime"]:
        raise InvalidParameterValue("The parameter StartTime must be less than the parameter EndTime.")
    shift_s = clocks.shift_s(unix_s(params["EndTime"]))
    start_s = rounded_start(unix_s(params["StartTime"]) + shift_s, period_s, clocks.now_s())
    return start_s, unix_s(params["EndTime"]) + shift_s


def _check(plain: list[str], extended: list[str], period_s: int, start_s: float, end_s: float) -> None:
    from moto.cloudwatch.exceptions import InvalidParameterCombination, InvalidParameterValue

    if bool(plain) == bool(extended):
        raise InvalidParameterCombination("Must specify either Statistics or ExtendedStatistics")
    for number, name in enumerate((*plain, *extended), start=1):
        if not is_statistic(name) or (name in PLAIN_STATISTICS) != bool(plain):
            field = "Statistics" if plain else "ExtendedStatistics"
            raise InvalidParameterValue(f"The value {name} for parameter {field}.member.{number} is invalid.")
    if not is_period(period_s):
        raise InvalidParameterValue("The parameter Period must be a multiple of 60, or 1, 5, 10, 20 or 30.")
    asked = int((end_s - start_s) // period_s)
    if asked > MAX_DATAPOINTS:
        raise InvalidParameterCombination(
            f"You have requested up to {asked} datapoints, which exceeds the limit of {MAX_DATAPOINTS}. "
            "You may reduce the datapoints requested by increasing Period, or decreasing the time range."
        )


def _point(aggregate: Aggregate, plain: list[str], extended: list[str]) -> dict[str, Any]:
    point: dict[str, Any] = {name: statistic(aggregate, name) for name in plain}
    known = {name: value for name in extended if (value := statistic(aggregate, name)) is not None}
    return {**point, "ExtendedStatistics": known} if known else point


def list_metrics(store: MetricStore, scope: Scope, params: Mapping[str, Any], clocks: Clocks) -> dict[str, Any]:
    """The answer of ListMetrics, 500 a page. A dimension filter without a value matches any value."""
    wanted = [(d["Name"], d.get("Value")) for d in params.get("Dimensions") or ()]
    since_s = clocks.now_s() - (RECENT_S if params.get("RecentlyActive") == "PT3H" else LISTED_S)
    found = [
        key
        for key in store.keys(*scope, params.get("Namespace"), params.get("MetricName"))
        if all(any(n == name and value in (None, v) for n, v in key.dimensions) for name, value in wanted)
        and store.newest_s(key) >= since_s
    ]
    answer = page(found, "Metrics", params.get("NextToken"), 500)
    answer["Metrics"] = [
        {
            "Namespace": key.namespace,
            "MetricName": key.name,
            "Dimensions": [{"Name": name, "Value": value} for name, value in key.dimensions],
        }
        for key in answer["Metrics"]
    ]
    return answer
