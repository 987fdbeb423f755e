"""The JSON documents of alarms: history entries, StateReasonData and the notification on an SNS topic.

Source: CloudWatch API reference, AlarmHistoryItem; user guide, "Alarm actions" (the notification's fields as they
arrive in practice).
"""

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import cache
from typing import Any

from blackstart.emulator.adapters.moto_cloudwatch_clocks import moment
from blackstart.emulator.controllers.alarms import EvaluatedPoint
from blackstart.emulator.decisions.alarm_state import AlarmSpec, AlarmState

SUBJECT_LENGTH = 100
SUPPRESSION = {
    "actionsSuppressor": "actions_suppressor",
    "actionsSuppressorWaitPeriod": "actions_suppressor_wait_period",
    "actionsSuppressorExtensionPeriod": "actions_suppressor_extension_period",
}
"""Of composite alarms: the field of a document, the attribute of an alarm."""

StateWithReason = tuple[AlarmState, str, str | None]
"""State, StateReason, StateReasonData (a JSON document or nothing)."""


def stamp(time_s: float) -> str:
    """2026-11-22T10:00:00.000+0000, as CloudWatch writes times inside documents."""
    return stamp_of(moment(time_s))


def stamp_of(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}+0000"


@cache
def region_name(region: str) -> str:
    """US East (N. Virginia) for us-east-1; the code itself where botocore knows no name. Read once, from botocore."""
    from botocore.session import get_session

    partitions = get_session().get_data("partitions")["partitions"]
    names = {code: about.get("description", code) for part in partitions for code, about in part["regions"].items()}
    return str(names.get(region, region))


def state_update(old: StateWithReason, new: StateWithReason) -> dict[str, Any]:
    """HistoryData of a StateUpdate."""
    return {"version": "1.0", "oldState": _state(old), "newState": _state(new)}


def _state(state: StateWithReason) -> dict[str, Any]:
    value, reason, data = state
    document: dict[str, Any] = {"stateValue": value.value, "stateReason": reason}
    if data and data != "{}":
        document["stateReasonData"] = json.loads(data)
    return document


def reason_data(alarm: Any, spec: AlarmSpec, points: Sequence[EvaluatedPoint], now_s: float) -> dict[str, Any]:
    """StateReasonData. points: the real points that were evaluated, oldest first."""
    document: dict[str, Any] = {"version": "1.0", "queryDate": stamp(now_s)}
    if points:
        document["startDate"] = stamp(points[0].start_s)
    if not alarm.metric_data_queries:
        key = "extendedStatistic" if alarm.extended_statistic else "statistic"
        document[key] = alarm.extended_statistic or alarm.statistic
    if alarm.unit:
        document["unit"] = alarm.unit
    evaluated = []
    for point in reversed(points):
        entry: dict[str, Any] = {"timestamp": stamp(point.start_s), "value": point.value}
        if point.sample_count is not None:
            entry["sampleCount"] = point.sample_count
        evaluated.append(entry)
    return {
        **document,
        "period": spec.period_s,
        "recentDatapoints": [point.value for point in points],
        "threshold": spec.threshold,
        "evaluatedDatapoints": evaluated,
    }


def composite_reason(alarm: Any, state: AlarmState, cause: Any | None, children: Iterable[Any]) -> tuple[str, str]:
    """StateReason and StateReasonData of a composite alarm.

    cause: the alarm of its rule that changed, None when the composite alarm itself was put.
    """
    if cause is None:
        created = alarm.state_value == AlarmState.INSUFFICIENT_DATA.value
        verb = "created" if created else "updated"
        reason = f"{alarm.alarm_arn} was {verb} and its alarm rule evaluates to {state.value}"
        triggers = list(children)
    else:
        at = cause.state_transitioned_timestamp
        reason = f"{cause.alarm_arn} transitioned to {cause.state_value} at {at:%A %d %B, %Y %H:%M:%S} UTC"
        triggers = [cause]
    shown = [
        {
            "arn": each.alarm_arn,
            "state": {"value": each.state_value, "timestamp": stamp_of(each.state_updated_timestamp)},
        }
        for each in triggers
    ]
    return reason, json.dumps({"triggeringAlarms": shown})


def configuration_update(verb: str, alarm: Any) -> dict[str, Any]:
    """HistoryData of a ConfigurationUpdate. verb: Create, Update or Delete."""
    field = {"Create": "createdAlarm", "Update": "updatedAlarm", "Delete": "deletedAlarm"}[verb]
    return {"version": "1.0", "type": verb, field: _configuration(alarm)}


def _configuration(alarm: Any) -> dict[str, Any]:
    return {
        "alarmName": alarm.name,
        "alarmArn": alarm.alarm_arn,
        "alarmDescription": alarm.description,
        "actionsEnabled": alarm.actions_enabled,
        "okActions": alarm.ok_actions,
        "alarmActions": alarm.alarm_actions,
        "insufficientDataActions": alarm.insufficient_data_actions,
        "comparisonOperator": alarm.comparison_operator,
        "threshold": alarm.threshold,
        "evaluationPeriods": alarm.evaluation_periods,
        "datapointsToAlarm": alarm.datapoints_to_alarm,
        "treatMissingData": alarm.treat_missing_data,
        "metricName": alarm.metric_name,
        "namespace": alarm.namespace,
        "statistic": alarm.statistic,
        "extendedStatistic": alarm.extended_statistic,
        "period": alarm.period,
        "dimensions": [{"name": d.name, "value": d.value} for d in alarm.dimensions],
        "alarmRule": alarm.rule,
        **{field: getattr(alarm, name, None) for field, name in SUPPRESSION.items()},
    }


def action(arn: str, message: str | None, error: str | None, now_s: float) -> dict[str, Any]:
    """HistoryData of an Action."""
    return {
        "actionState": "Failed" if error else "Succeeded",
        "stateUpdateTimestamp": int(now_s * 1000),
        "notificationResource": arn,
        "publishedMessage": message,
        "error": error,
    }


def subject(alarm: Any, region: str) -> str:
    """The notification's subject, cut to what SNS takes."""
    text = f'{alarm.state_value}: "{alarm.name}" in {region_name(region)}'
    return text if len(text) <= SUBJECT_LENGTH else f"{text[: SUBJECT_LENGTH - 3]}..."


def notification(alarm: Any, old: AlarmState, account: str, region: str, now_s: float) -> dict[str, Any]:
    """The notification's message."""
    return {
        "AlarmName": alarm.name,
        "AlarmDescription": alarm.description,
        "AWSAccountId": account,
        "AlarmConfigurationUpdatedTimestamp": stamp_of(alarm.configuration_updated_timestamp),
        "NewStateValue": alarm.state_value,
        "NewStateReason": alarm.state_reason,
        "StateChangeTime": stamp(now_s),
        "Region": region_name(region),
        "AlarmArn": alarm.alarm_arn,
        "OldStateValue": old.value,
        "OKActions": alarm.ok_actions,
        "AlarmActions": alarm.alarm_actions,
        "InsufficientDataActions": alarm.insufficient_data_actions,
        **(_cause(alarm) if alarm.rule else {"Trigger": _trigger(alarm)}),
    }


def _cause(alarm: Any) -> dict[str, Any]:
    """A composite alarm's rule, and the alarms that changed its state; none when it was set by hand."""
    data = json.loads(alarm.state_reason_data or "{}")
    children = [
        {"Arn": child["arn"], "State": {"Value": child["state"]["value"], "Timestamp": child["state"]["timestamp"]}}
        for child in (data.get("triggeringAlarms", ()) if isinstance(data, dict) else ())
    ]
    return {"AlarmRule": alarm.rule, "TriggeringChildren": children}


def _trigger(alarm: Any) -> dict[str, Any]:
    common = {
        "Period": alarm.period,
        "EvaluationPeriods": alarm.evaluation_periods,
        "DatapointsToAlarm": alarm.datapoints_to_alarm or alarm.evaluation_periods,
        "ComparisonOperator": alarm.comparison_operator,
        "Threshold": alarm.threshold,
        "TreatMissingData": alarm.treat_missing_data or "missing",
        "EvaluateLowSampleCountPercentile": alarm.evaluate_low_sample_count_percentile or "",
    }
    if alarm.metric_data_queries:
        return {**common, "Metrics": [_query(query) for query in alarm.metric_data_queries]}
    if alarm.extended_statistic:
        chosen = {"StatisticType": "ExtendedStatistic", "ExtendedStatistic": alarm.extended_statistic}
    else:
        chosen = {"StatisticType": "Statistic", "Statistic": str(alarm.statistic).upper()}
    return {
        "MetricName": alarm.metric_name,
        "Namespace": alarm.namespace,
        **chosen,
        "Unit": alarm.unit,
        "Dimensions": [{"value": d.value, "name": d.name} for d in alarm.dimensions],
        **common,
    }


def _query(query: Any) -> dict[str, Any]:
    document: dict[str, Any] = {"Id": query.id, "ReturnData": str(query.return_data).lower() != "false"}
    if query.label:
        document["Label"] = query.label
    if query.metric_stat is None:
        return {**document, "Expression": query.expression}
    stat = query.metric_stat
    metric = {
        "Dimensions": [{"value": d.value, "name": d.name} for d in stat.metric.dimensions],
        "MetricName": stat.metric.metric_name,
        "Namespace": stat.metric.namespace,
    }
    return {**document, "MetricStat": {"Metric": metric, "Period": int(stat.period), "Stat": stat.stat}}
