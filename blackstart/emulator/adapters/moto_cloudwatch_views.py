"""moto's metric alarms as the controller evaluates them."""

from typing import Any

from pydantic import ValidationError as InvalidSpec

from blackstart.emulator.adapters.moto_cloudwatch_states import REPEATED, actions_of, service_of
from blackstart.emulator.controllers.alarms import AlarmView, WatchedMetric
from blackstart.emulator.controllers.metric_store import MetricKey
from blackstart.emulator.decisions.alarm_state import AlarmSpec, AlarmState, Comparison, MissingData
from blackstart.emulator.decisions.metric_math import Query, resolve
from blackstart.emulator.decisions.metric_math_syntax import MathError
from blackstart.emulator.decisions.metric_statistics import is_statistic

ALWAYS_IGNORED = "AWS/DynamoDB"
"""The namespace whose missing data is ignored whatever the alarm says (API reference, PutMetricAlarm)."""


def view_of(backend: Any, alarm: Any) -> AlarmView | str:
    """The metric alarm as the controller evaluates it, or why it is not evaluated."""
    if alarm.comparison_operator not in {member.value for member in Comparison} or alarm.threshold is None:
        return "anomaly detection is not evaluated"
    scope = (backend.account_id, backend.region_name)
    try:
        if alarm.metric_data_queries:
            return _of_queries(backend, alarm, scope)
        key = MetricKey.of(scope, alarm.namespace, alarm.metric_name, {d.name: d.value for d in alarm.dimensions})
        metric = WatchedMetric(key, alarm.extended_statistic or alarm.statistic, alarm.unit)
        return _view(backend, alarm, int(alarm.period), {"m": metric}, {}, "m")
    except (InvalidSpec, MathError, TypeError, ValueError) as error:
        return f"it cannot be evaluated ({str(error).splitlines()[0]})"


def _of_queries(backend: Any, alarm: Any, scope: tuple[str, str]) -> AlarmView | str:
    metrics, expressions, periods, returned = {}, {}, set(), []
    for query in alarm.metric_data_queries:
        if str(query.return_data).lower() != "false":
            returned.append(query.id)
        if query.metric_stat is None:
            expressions[query.id] = query.expression
            continue
        stat = query.metric_stat
        dimensions = {d.name: d.value for d in stat.metric.dimensions}
        key = MetricKey.of(scope, stat.metric.namespace, stat.metric.metric_name, dimensions)
        metrics[query.id] = WatchedMetric(key, stat.stat, stat.unit)
        periods.add(int(stat.period))
    # tried on one point, so that an expression that is not supported is found here and not at each evaluation
    period_s = dict.fromkeys(metrics, max(periods, default=60))
    resolve(expressions, Query({name: {0.0: 1.0} for name in metrics}, [0.0], period_s))
    if len(periods) != 1 or len(returned) != 1:
        return "metric math needs metrics of one period and one returned series"
    return _view(backend, alarm, periods.pop(), metrics, expressions, returned[0])


def _view(
    backend: Any,
    alarm: Any,
    period_s: int,
    metrics: dict[str, WatchedMetric],
    expressions: dict[str, str],
    returned: str,
) -> AlarmView | str:
    unknown = next((metric.statistic for metric in metrics.values() if not is_statistic(metric.statistic)), None)
    if unknown is not None:
        return f"the statistic {unknown} is not computed"
    periods = int(alarm.evaluation_periods)
    missing = MissingData(alarm.treat_missing_data or "missing")
    if alarm.namespace == ALWAYS_IGNORED:
        missing = MissingData.IGNORE
    spec = AlarmSpec(
        comparison=Comparison(alarm.comparison_operator),
        threshold=float(alarm.threshold),
        evaluation_periods=periods,
        datapoints_to_alarm=int(alarm.datapoints_to_alarm or periods),
        period_s=period_s,
        missing_data=missing,
    )
    return AlarmView(
        handle=(backend, alarm),
        spec=spec,
        metrics=metrics,
        returned=returned,
        expressions=expressions,
        ignore_low_samples=alarm.evaluate_low_sample_count_percentile == "ignore",
        repeats=any(service_of(arn) == REPEATED for state in AlarmState for arn in actions_of(alarm, state)),
    )
