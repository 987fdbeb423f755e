"""The events of alarms on EventBridge: changes of state and of configuration.

Source: CloudWatch user guide, "Alarm events and EventBridge", its sample events.
"""

import uuid
from typing import Any

from blackstart.emulator.adapters.moto_cloudwatch_messages import stamp_of
from blackstart.emulator.controllers.event_bus import Event

SOURCE = "aws.cloudwatch"


def state_document(alarm: Any) -> dict[str, Any]:
    """A state as `state` and `previousState` show it."""
    document: dict[str, Any] = {"value": alarm.state_value, "reason": alarm.state_reason}
    if alarm.state_reason_data and alarm.state_reason_data != "{}":
        document["reasonData"] = alarm.state_reason_data
    document["timestamp"] = stamp_of(alarm.state_updated_timestamp)
    if getattr(alarm, "actions_suppressed_by", None):
        document["actionsSuppressedBy"] = alarm.actions_suppressed_by
        document["actionsSuppressedReason"] = alarm.actions_suppressed_reason
    return document


def state_change(backend: Any, alarm: Any, previous: dict[str, Any], now_s: float) -> Event:
    configuration = _composite(alarm) if alarm.rule else {"metrics": _metrics(alarm)}
    if alarm.description:
        configuration = {"description": alarm.description, **configuration}
    detail = {
        "alarmName": alarm.name,
        "state": state_document(alarm),
        "previousState": previous,
        "configuration": configuration,
    }
    return _event(backend, alarm, "CloudWatch Alarm State Change", detail, now_s)


def configuration_change(backend: Any, alarm: Any, operation: str, before: Any | None, now_s: float) -> Event:
    """operation: create, update or delete. before: the alarm as it was before an update."""
    state = {"value": alarm.state_value, "timestamp": stamp_of(alarm.state_updated_timestamp)}
    detail = {"alarmName": alarm.name, "operation": operation, "state": state, "configuration": _configuration(alarm)}
    if before is not None:
        detail["previousConfiguration"] = _configuration(before)
    return _event(backend, alarm, "CloudWatch Alarm Configuration Change", detail, now_s)


def _event(backend: Any, alarm: Any, detail_type: str, detail: dict[str, Any], now_s: float) -> Event:
    return Event(SOURCE, detail_type, backend.account_id, backend.region_name, (alarm.alarm_arn,), detail, now_s)


def _composite(alarm: Any) -> dict[str, Any]:
    document: dict[str, Any] = {"alarmRule": alarm.rule}
    if getattr(alarm, "actions_suppressor", None):
        document["actionsSuppressor"] = alarm.actions_suppressor
        document["actionsSuppressorWaitPeriod"] = int(alarm.actions_suppressor_wait_period)
        document["actionsSuppressorExtensionPeriod"] = int(alarm.actions_suppressor_extension_period)
    return document


def _configuration(alarm: Any) -> dict[str, Any]:
    if alarm.rule:
        what = _composite(alarm)
    else:
        what = {
            "evaluationPeriods": alarm.evaluation_periods,
            "threshold": alarm.threshold,
            "comparisonOperator": alarm.comparison_operator,
            "treatMissingData": alarm.treat_missing_data,
            "metrics": _metrics(alarm),
        }
        if alarm.datapoints_to_alarm:
            what["datapointsToAlarm"] = alarm.datapoints_to_alarm
    return {
        **{name: value for name, value in what.items() if value is not None},
        "alarmName": alarm.name,
        **({"description": alarm.description} if alarm.description else {}),
        "actionsEnabled": alarm.actions_enabled,
        "timestamp": stamp_of(alarm.configuration_updated_timestamp),
        "okActions": alarm.ok_actions,
        "alarmActions": alarm.alarm_actions,
        "insufficientDataActions": alarm.insufficient_data_actions,
    }


def _metrics(alarm: Any) -> list[dict[str, Any]]:
    if alarm.metric_data_queries:
        return [_query(query) for query in alarm.metric_data_queries]
    metric = {
        "namespace": alarm.namespace,
        "name": alarm.metric_name,
        "dimensions": {dimension.name: dimension.value for dimension in alarm.dimensions},
    }
    stat = {"metric": metric, "period": alarm.period, "stat": alarm.extended_statistic or alarm.statistic}
    if alarm.unit:
        stat["unit"] = alarm.unit
    # AWS makes up an id; the same alarm keeps its own here
    return [{"id": str(uuid.uuid5(uuid.NAMESPACE_URL, alarm.alarm_arn)), "metricStat": stat, "returnData": True}]


def _query(query: Any) -> dict[str, Any]:
    document: dict[str, Any] = {"id": query.id, "returnData": str(query.return_data).lower() != "false"}
    if query.label:
        document["label"] = query.label
    if query.metric_stat is None:
        return {**document, "expression": query.expression}
    stat = query.metric_stat
    metric = {
        "namespace": stat.metric.namespace,
        "name": stat.metric.metric_name,
        "dimensions": {dimension.name: dimension.value for dimension in stat.metric.dimensions},
    }
    return {**document, "metricStat": {"metric": metric, "period": int(stat.period), "stat": stat.stat}}
