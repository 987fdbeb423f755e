"""GetMetricData on the emulator's own metric store: metrics, metric math, searches, pages and labels.

Source: CloudWatch API reference, GetMetricData; user guide, "Use dynamic labels".
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from blackstart.emulator.adapters.moto_cloudwatch_clocks import Clocks, Scope, dimensions_of, moment, unix_s
from blackstart.emulator.adapters.moto_cloudwatch_queries import LISTED_S
from blackstart.emulator.controllers.metric_store import MetricKey, MetricStore
from blackstart.emulator.decisions.dynamic_labels import LabelContext, labelled
from blackstart.emulator.decisions.metric_math import Query, resolve
from blackstart.emulator.decisions.metric_math_syntax import MathError
from blackstart.emulator.decisions.metric_math_values import Line, Series
from blackstart.emulator.decisions.metric_query import is_period, kept_since, rounded_start
from blackstart.emulator.decisions.metric_search import SearchError, read_search
from blackstart.emulator.decisions.metric_statistics import is_statistic, statistic

MOST_QUERIES = 500
MOST_DATAPOINTS = 100_800
DEFAULT_PERIOD_S = 300
"""Of a search that names no period, in a query that has none either."""
_ID = re.compile(r"[a-z]\w*", re.ASCII)

MetricQuery = Mapping[str, Any]


def get_data(store: MetricStore, scope: Scope, params: Mapping[str, Any], clocks: Clocks) -> dict[str, Any]:
    """The answer of GetMetricData. Raises moto's ValidationError for what AWS or the emulator refuses."""
    from moto.cloudwatch.exceptions import ValidationError

    queries = params.get("MetricDataQueries") or []
    problem = _problem(queries, params)
    if problem:
        raise ValidationError(problem)
    reader = _Reader(store, scope, params, clocks)
    try:
        results = list(reader.results(queries))
    except MathError as error:
        raise ValidationError(str(error)) from error
    newest_first = (params.get("ScanBy") or "TimestampDescending") == "TimestampDescending"
    size = int(params.get("MaxDatapoints") or MOST_DATAPOINTS)
    # AWS returns no token beside metric math
    pages = not any(query.get("Expression") for query in queries)
    return _answer(results, newest_first, size if pages else None, params.get("NextToken"))


def _problem(queries: Sequence[MetricQuery], params: Mapping[str, Any]) -> str | None:
    if params["StartTime"] >= params["EndTime"]:
        return "The parameter EndTime must be greater than StartTime."
    if len(queries) > MOST_QUERIES:
        return f"The collection MetricDataQueries must not have a size greater than {MOST_QUERIES}."
    ids = [str(query.get("Id")) for query in queries]
    if len(set(ids)) != len(ids):
        return "The values for parameter Id in MetricDataQueries are not unique."
    return next((found for number, query in enumerate(queries, start=1) if (found := _query(number, query))), None)


def _query(number: int, query: MetricQuery) -> str | None:
    place = f"MetricDataQueries.member.{number}"
    if not _ID.fullmatch(str(query.get("Id"))):
        return f"The value {query.get('Id')} for parameter {place}.Id is not matching the expected pattern."
    if ("MetricStat" in query) == ("Expression" in query):
        return f"The parameter {place}.MetricStat is required.\n"  # AWS's own message ends in a line break
    period = _period_of(query)
    if period is not None and not is_period(period):
        return f"The parameter {place}.Period must be a multiple of 60, or 1, 5, 10, 20 or 30."
    if "MetricStat" in query and not is_statistic(query["MetricStat"]["Stat"]):
        return f"The value {query['MetricStat']['Stat']} for parameter {place}.MetricStat.Stat is not supported."
    return None


def _period_of(query: MetricQuery) -> int | None:
    period = query["MetricStat"]["Period"] if "MetricStat" in query else query.get("Period")
    return int(period) if period else None


class Result(NamedTuple):
    """One series of the answer."""

    query_id: str
    label: str
    series: Series


class _Reader:
    def __init__(self, store: MetricStore, scope: Scope, params: Mapping[str, Any], clocks: Clocks) -> None:
        self.store = store
        self.scope = scope
        self.now_s = clocks.now_s()
        shift_s = clocks.shift_s(unix_s(params["EndTime"]))
        self.start_s, self.end_s = unix_s(params["StartTime"]) + shift_s, unix_s(params["EndTime"]) + shift_s
        self.zone = (params.get("LabelOptions") or {}).get("Timezone") or "+0000"
        self.period_s = DEFAULT_PERIOD_S

    def results(self, queries: Sequence[MetricQuery]) -> Iterator[Result]:
        """Every series that is to be returned, in the queries' order. Raises MathError."""
        periods = {query["Id"]: period for query in queries if (period := _period_of(query))}
        self.period_s = min(periods.values(), default=DEFAULT_PERIOD_S)
        metrics = {query["Id"]: self._metric(query["MetricStat"]) for query in queries if "MetricStat" in query}
        labels = {query["Id"]: self._default_label(query) for query in queries}

        def search(expression_id: str, text: str, name: str, period_s: int | None) -> Sequence[Line]:
            return self._search(text, name, period_s or periods.get(expression_id) or self.period_s)

        start_s = rounded_start(self.start_s, self.period_s, self.now_s)
        count = max(0, int(-((start_s - self.end_s) // self.period_s)))
        times = [start_s + step * self.period_s for step in range(count)]
        expressions = {query["Id"]: query["Expression"] for query in queries if "Expression" in query}
        resolved = resolve(expressions, Query(metrics, times, periods, labels, search))
        for query in queries:
            if str(query.get("ReturnData", True)).lower() != "false":
                yield from self._returned(query, resolved[query["Id"]], labels[query["Id"]])

    def _metric(self, metric_stat: Mapping[str, Any]) -> Series:
        metric = metric_stat["Metric"]
        key = MetricKey.of(
            self.scope, metric["Namespace"], metric["MetricName"], dimensions_of(metric.get("Dimensions"))
        )
        return self._series(key, metric_stat["Stat"], int(metric_stat["Period"]), metric_stat.get("Unit"))

    def _series(self, key: MetricKey, name: str, period_s: int, unit: str | None = None) -> Series:
        start_s = rounded_start(self.start_s, period_s, self.now_s)
        oldest_s = kept_since(period_s, self.now_s)
        periods = self.store.periods(key, start_s, self.end_s, period_s, unit)
        values = ((time_s, statistic(aggregate, name)) for time_s, aggregate in periods if time_s >= oldest_s)
        return {time_s: value for time_s, value in values if value is not None}

    def _search(self, text: str, name: str, period_s: int) -> Sequence[Line]:
        try:
            wanted = read_search(text)
        except SearchError as error:
            raise MathError(str(error)) from error
        if not is_statistic(name) or not is_period(period_s):
            raise MathError(f"SEARCH takes no statistic {name!r} by {period_s} seconds")
        keys = [
            key
            for key in self.store.keys(*self.scope, wanted.namespace)
            if wanted.finds(key.namespace, key.name, key.dimensions)
            and self.store.newest_s(key) >= self.now_s - LISTED_S
        ]
        alike = len({key.name for key in keys}) == 1
        return [Line(_found_label(key, alike), self._series(key, name, period_s)) for key in keys]

    def _default_label(self, query: MetricQuery) -> str:
        return str(query["MetricStat"]["Metric"]["MetricName"] if "MetricStat" in query else query["Id"])

    def _returned(self, query: MetricQuery, value: Series | Sequence[Line], default: str) -> Iterator[Result]:
        template = query.get("Label")
        if isinstance(value, Mapping):
            yield Result(query["Id"], self._label(template or default, default, query, value), value)
            return
        for line in value:
            named = (
                template
                if template and "${LABEL}" in template
                else f"{template} {line.label}"
                if template
                else line.label
            )
            yield Result(query["Id"], self._label(named, line.label, query, line.series), line.series)

    def _label(self, template: str, default: str, query: MetricQuery, series: Series) -> str:
        if "${" not in template:
            return template
        properties = {"AccountId": self.scope[0], "Region": self.scope[1], "Period": str(_period_of(query) or "")}
        if "MetricStat" in query:
            metric = query["MetricStat"]["Metric"]
            properties |= {name: metric[name] for name in ("MetricName", "Namespace")}
            properties |= {f"Dim.{name}": value for name, value in dimensions_of(metric.get("Dimensions")).items()}
            properties["Stat"] = query["MetricStat"]["Stat"]
        return labelled(template, LabelContext(default, series, self.now_s, properties, self.zone))


def _found_label(key: MetricKey, alike: bool) -> str:
    """What tells a metric from the others of a search; AWS publishes no rule."""
    values = [value for _, value in key.dimensions]
    return " ".join(values if alike and values else (key.name, *values))


def _answer(results: Sequence[Result], newest_first: bool, size: int | None, token: str | None) -> dict[str, Any]:
    """The answer, or one page of it: the token is the number of data points before it."""
    from moto.cloudwatch.exceptions import ValidationError

    if token is not None and not token.isdigit():
        raise ValidationError("The value for parameter NextToken is not valid.")
    skipped = int(token or 0)
    left = sum(len(result.series) for result in results) - skipped if size is None else size
    shown, beyond = [], False
    for result in results:
        times = sorted(result.series, reverse=newest_first)
        part = times[skipped : skipped + left]
        partial = skipped + len(part) < len(times)
        beyond = beyond or partial
        shown.append(
            {
                "Id": result.query_id,
                "Label": result.label,
                "Timestamps": [moment(time_s) for time_s in part],
                "Values": [result.series[time_s] for time_s in part],
                "StatusCode": "PartialData" if partial else "Complete",
            }
        )
        skipped, left = max(0, skipped - len(times)), left - len(part)
    more = {"NextToken": str(int(token or 0) + (size or 0))} if beyond else {}
    return {"MetricDataResults": shown, "Messages": [], **more}
