"""PutMetricData, GetMetricData, GetMetricStatistics and ListMetrics on the emulator's own metric store.

Source: CloudWatch API reference, the pages of these four actions. Virtual and wall time: a client that lives in wall
time is met half-way, see `Clocks`.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from blackstart.emulator.controllers.metric_store import MetricKey, MetricStore
from blackstart.emulator.decisions.metric_math import MathError, Series, resolve
from blackstart.emulator.decisions.metric_statistics import (
    PLAIN_STATISTICS,
    Aggregate,
    is_statistic,
    of_statistic_set,
    of_value,
    statistic,
)

WALL_WINDOW_S = 60.0
"""Times this close to wall time are taken for a wall-clock client's "now"."""
MAX_DATAPOINTS = 1440

Scope = tuple[str, str]


class Clocks(NamedTuple):
    """now_s: virtual Unix seconds. wall_s: the Unix seconds that a client's own clock shows."""

    now_s: Callable[[], float]
    wall_s: Callable[[], float]

    def is_wall(self, time_s: float) -> bool:
        """Whether a time means "now" to someone who lives in wall time (and not rather in virtual time)."""
        from_wall = abs(time_s - self.wall_s())
        return from_wall <= WALL_WINDOW_S and from_wall < abs(time_s - self.now_s())

    def shift_s(self, end_s: float) -> float:
        """What to add to a query that ends at `end_s`: the distance between the clocks, or nothing."""
        return self.now_s() - self.wall_s() if self.is_wall(end_s) else 0.0


def unix_s(moment: datetime) -> float:
    """moto's times are naive and UTC."""
    return moment.replace(tzinfo=UTC).timestamp()


def moment(time_s: float) -> datetime:
    """The naive UTC time that moto expects."""
    return datetime.fromtimestamp(time_s, UTC).replace(tzinfo=None)


def dimensions_of(dimensions: Sequence[Mapping[str, str]] | None) -> dict[str, str]:
    return {dimension["Name"]: dimension["Value"] for dimension in dimensions or ()}


def put(
    store: MetricStore, scope: Scope, namespace: str, metric_data: Sequence[Mapping[str, Any]], clocks: Clocks
) -> None:
    """File a client's data as it came: never scaled; with a wall-clock "now" (or no time) at the virtual now."""
    from moto.cloudwatch.exceptions import InvalidParameterValue

    if namespace.startswith("AWS/"):
        raise InvalidParameterValue("The value AWS/ for parameter Namespace is invalid.")
    for datum in metric_data:
        key = MetricKey.of(scope, namespace, datum["MetricName"], dimensions_of(datum.get("Dimensions")))
        stamp = datum.get("Timestamp")
        time_s = unix_s(stamp) if stamp is not None else clocks.now_s()
        if clocks.is_wall(time_s):
            time_s = clocks.now_s()
        resolution_s = 1 if int(datum.get("StorageResolution") or 60) < 60 else 60
        for aggregate in _aggregates(datum):
            store.add(key, time_s, aggregate, datum.get("Unit") or "None", resolution_s)


def _aggregates(datum: Mapping[str, Any]) -> list[Aggregate]:
    if datum.get("Values"):
        counts = datum.get("Counts") or [1.0] * len(datum["Values"])
        pairs = zip(datum["Values"], counts, strict=True)
        return [of_value(float(value), float(count)) for value, count in pairs if float(count) > 0]
    if datum.get("StatisticValues"):
        given = datum["StatisticValues"]
        numbers = [float(given[name]) for name in ("SampleCount", "Sum", "Minimum", "Maximum")]
        return [of_statistic_set(*numbers)]
    return [of_value(float(datum.get("Value", 0.0)))]


def _window(start: datetime, end: datetime, clocks: Clocks) -> tuple[float, float]:
    """Start and end in virtual seconds, the start rounded down to the minute as AWS does."""
    shift = clocks.shift_s(unix_s(end))
    return (unix_s(start) + shift) // 60 * 60, unix_s(end) + shift


def _check_period(period_s: int) -> None:
    from moto.cloudwatch.exceptions import InvalidParameterValue

    if period_s not in (1, 5, 10, 20, 30) and (period_s < 60 or period_s % 60):
        raise InvalidParameterValue("The parameter Period must be a multiple of 60, or 1, 5, 10, 20 or 30.")


def get_statistics(store: MetricStore, scope: Scope, params: Mapping[str, Any], clocks: Clocks) -> dict[str, Any]:
    """The answer of GetMetricStatistics. params: the request as parsed by moto."""
    from moto.cloudwatch.exceptions import InvalidParameterCombination, InvalidParameterValue

    plain, extended = params.get("Statistics") or [], params.get("ExtendedStatistics") or []
    if not plain and not extended:
        raise InvalidParameterCombination("Must specify either Statistics or ExtendedStatistics")
    for name in (*plain, *extended):
        if not is_statistic(name):
            raise InvalidParameterValue(f"The value {name} for parameter ExtendedStatistics.member.1 is invalid.")
    period_s = int(params["Period"])
    _check_period(period_s)
    if params["StartTime"] >= params["EndTime"]:
        raise InvalidParameterValue("The parameter StartTime must be less than the parameter EndTime.")
    start_s, end_s = _window(params["StartTime"], params["EndTime"], clocks)
    asked = int((end_s - start_s) // period_s)
    if asked > MAX_DATAPOINTS:
        raise InvalidParameterCombination(
            f"You have requested up to {asked} datapoints, which exceeds the limit of {MAX_DATAPOINTS}. "
            "You may reduce the datapoints requested by increasing Period, or decreasing the time range."
        )
    key = MetricKey.of(scope, params["Namespace"], params["MetricName"], dimensions_of(params.get("Dimensions")))
    datapoints = []
    for unit in store.units(key):
        if params.get("Unit") not in (None, unit):
            continue
        for time_s, aggregate in store.periods(key, start_s, end_s, period_s, unit):
            point: dict[str, Any] = {name: statistic(aggregate, name) for name in plain if name in PLAIN_STATISTICS}
            percentiles = {name: value for name in extended if (value := statistic(aggregate, name)) is not None}
            if percentiles:
                point["ExtendedStatistics"] = percentiles
            datapoints.append({"Timestamp": moment(time_s), "Unit": unit, **point})
    return {"Label": params["MetricName"], "Datapoints": datapoints}


def get_data(store: MetricStore, scope: Scope, params: Mapping[str, Any], clocks: Clocks) -> dict[str, Any]:
    """The answer of GetMetricData. Raises moto's ValidationError for what AWS or the emulator refuses."""
    from moto.cloudwatch.exceptions import ValidationError

    queries = params.get("MetricDataQueries") or []
    start, end = params["StartTime"], params["EndTime"]
    if start >= end:
        raise ValidationError("The parameter EndTime must be greater than StartTime.")
    window = _window(start, end, clocks)
    _check_queries(queries)
    metrics = {q["Id"]: _series(store, scope, q["MetricStat"], *window) for q in queries if "MetricStat" in q}
    expressions = {q["Id"]: q["Expression"] for q in queries if "MetricStat" not in q}
    period_s = min((int(p) for p in map(_period_of, queries) if p), default=60)
    times = [window[0] + step * period_s for step in range(max(0, int(-(-(window[1] - window[0]) // period_s))))]
    try:
        series = resolve(expressions, metrics, times)
    except MathError as error:
        raise ValidationError(f"Error in expression: {error}") from error
    newest_first = (params.get("ScanBy") or "TimestampDescending") == "TimestampDescending"
    shown = [query for query in queries if str(query.get("ReturnData", True)).lower() != "false"]
    return {"MetricDataResults": [_result(query, series[query["Id"]], newest_first) for query in shown], "Messages": []}


def _check_queries(queries: Sequence[Mapping[str, Any]]) -> None:
    from moto.cloudwatch.exceptions import ValidationError

    ids = [query.get("Id") for query in queries]
    if len(set(ids)) != len(ids):
        raise ValidationError("The values for parameter Id in MetricDataQueries are not unique.")
    for number, query in enumerate(queries, start=1):
        if ("MetricStat" in query) == ("Expression" in query):
            # AWS's own message ends in a line break
            raise ValidationError(f"The parameter MetricDataQueries.member.{number}.MetricStat is required.\n")
        if "MetricStat" in query and not is_statistic(query["MetricStat"]["Stat"]):
            place = f"MetricDataQueries.member.{number}.MetricStat.Stat"
            raise ValidationError(f"The value {query['MetricStat']['Stat']} for parameter {place} is not supported.")
        if "MetricStat" in query:
            _check_period(int(query["MetricStat"]["Period"]))


def _period_of(query: Mapping[str, Any]) -> Any:
    return query["MetricStat"]["Period"] if "MetricStat" in query else query.get("Period")


def _series(store: MetricStore, scope: Scope, metric_stat: Mapping[str, Any], start_s: float, end_s: float) -> Series:
    metric = metric_stat["Metric"]
    key = MetricKey.of(scope, metric["Namespace"], metric["MetricName"], dimensions_of(metric.get("Dimensions")))
    periods = store.periods(key, start_s, end_s, int(metric_stat["Period"]), metric_stat.get("Unit"))
    values = ((time_s, statistic(aggregate, metric_stat["Stat"])) for time_s, aggregate in periods)
    return {time_s: value for time_s, value in values if value is not None}


def _result(query: Mapping[str, Any], series: Series, newest_first: bool) -> dict[str, Any]:
    times = sorted(series, reverse=newest_first)
    default = query["MetricStat"]["Metric"]["MetricName"] if "MetricStat" in query else query["Id"]
    return {
        "Id": query["Id"],
        "Label": query.get("Label") or default,
        "Timestamps": [moment(time_s) for time_s in times],
        "Values": [series[time_s] for time_s in times],
        "StatusCode": "Complete",
    }


def list_metrics(store: MetricStore, scope: Scope, params: Mapping[str, Any]) -> dict[str, Any]:
    """The answer of ListMetrics, 500 a page. A dimension filter without a value matches any value."""
    wanted = [(d["Name"], d.get("Value")) for d in params.get("Dimensions") or ()]
    found = [
        {
            "Namespace": key.namespace,
            "MetricName": key.name,
            "Dimensions": [{"Name": name, "Value": value} for name, value in key.dimensions],
        }
        for key in store.keys(*scope)
        if params.get("Namespace") in (None, key.namespace)
        and params.get("MetricName") in (None, key.name)
        and all(any(n == name and value in (None, v) for n, v in key.dimensions) for name, value in wanted)
    ]
    return page(found, "Metrics", params.get("NextToken"), 500)


def page(items: Sequence[Any], name: str, token: str | None, size: int) -> dict[str, Any]:
    """One page of an answer; the token is the number of the first item of the next."""
    from moto.cloudwatch.exceptions import InvalidParameterValue

    if token is not None and not token.isdigit():
        raise InvalidParameterValue("Request parameter NextToken is invalid")
    first = int(token or 0)
    more = {"NextToken": str(first + size)} if first + size < len(items) else {}
    return {name: list(items[first : first + size]), **more}
