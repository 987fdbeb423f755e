"""The answers of DescribeAlarms, DescribeAlarmsForMetric and DescribeAlarmHistory.

Source: CloudWatch API reference, the pages of these actions.
"""

from collections.abc import Mapping
from typing import Any

from blackstart.emulator.adapters.moto_cloudwatch_clocks import Clocks, dimensions_of, moment, page, unix_s
from blackstart.emulator.adapters.moto_cloudwatch_history import of_region
from blackstart.emulator.adapters.moto_cloudwatch_states import actions_of
from blackstart.emulator.decisions.alarm_state import AlarmState
from blackstart.emulator.decisions.composite_alarm import read_rule

FAMILY = ("ChildrenOfAlarmName", "ParentsOfAlarmName")
PAGING = ("MaxRecords", "NextToken")


def alarms(backend: Any, params: dict[str, Any]) -> dict[str, Any]:
    """All filters together, and metric alarms alone unless AlarmTypes asks for more, as AWS does."""
    _check(params)
    if any(params.get(name) for name in FAMILY):
        return _paged(_family(backend, params), params, 50)
    names, prefix = params.get("AlarmNames"), params.get("AlarmNamePrefix")
    action, state = params.get("ActionPrefix"), params.get("StateValue")
    types = params.get("AlarmTypes") or ["MetricAlarm"]
    candidates = (
        (backend.alarms[name] for name in dict.fromkeys(names) if name in backend.alarms)
        if names
        else backend.alarms.values()
    )
    found = [
        alarm
        for alarm in candidates
        if (not prefix or alarm.name.startswith(prefix))
        and (not state or alarm.state_value == state)
        and ("CompositeAlarm" if alarm.rule else "MetricAlarm") in types
        and (not action or any(arn.startswith(action) for each in AlarmState for arn in actions_of(alarm, each)))
    ]
    # one page of named alarms takes 100, as many as may be named
    return _paged(found, params, 100 if names else 50)


def _paged(found: list[Any], params: Mapping[str, Any], size: int) -> dict[str, Any]:
    answer = page(found, "alarms", params.get("NextToken"), int(params.get("MaxRecords") or size))
    shown = answer.pop("alarms")
    composite = [alarm for alarm in shown if _rule_of(alarm)]
    return {
        "MetricAlarms": [alarm for alarm in shown if not _rule_of(alarm)],
        "CompositeAlarms": [_outlined(alarm) for alarm in composite],
        **answer,
    }


def _rule_of(alarm: Any) -> Any:
    return alarm.get("AlarmRule") if isinstance(alarm, dict) else alarm.rule


def _outlined(alarm: Any) -> Any:
    return {name: value for name, value in alarm.items() if name != "AlarmRule"} if isinstance(alarm, dict) else alarm


def _check(params: Mapping[str, Any]) -> None:
    from moto.cloudwatch.exceptions import InvalidParameterCombination, ValidationError

    if params.get("AlarmNames") and params.get("AlarmNamePrefix"):
        raise InvalidParameterCombination("AlarmNames and AlarmNamePrefix are mutually exclusive.")
    for name in FAMILY:
        others = [
            other for other, value in params.items() if value and other not in (name, *PAGING, "Action", "Version")
        ]
        if params.get(name) and others:
            raise ValidationError(f"{name} cannot be specified with {', '.join(sorted(others))}.")


def _family(backend: Any, params: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The alarms of a composite alarm's rule, or those whose rules name an alarm: in outline, as AWS shows them."""
    child = params.get("ParentsOfAlarmName")
    if child:
        parents = sorted(of_region(backend).parents.get(child, ()))
        shown = [backend.alarms[name] for name in parents if name in backend.alarms]
        return [{"AlarmName": alarm.name, "AlarmArn": alarm.alarm_arn, "AlarmRule": alarm.rule} for alarm in shown]
    parent = backend.alarms.get(params["ChildrenOfAlarmName"])
    names = read_rule(parent.rule).children if parent is not None and parent.rule else ()
    return [
        {
            "AlarmName": alarm.name,
            "AlarmArn": alarm.alarm_arn,
            "StateValue": alarm.state_value,
            "StateUpdatedTimestamp": alarm.state_updated_timestamp,
            "AlarmRule": alarm.rule,
        }
        for alarm in (backend.alarms[name] for name in names if name in backend.alarms)
    ]


def for_metric(backend: Any, params: Mapping[str, Any]) -> dict[str, Any]:
    """Alarms on exactly this metric; not those of metric math."""
    asked = {
        "statistic": params.get("Statistic"),
        "extended_statistic": params.get("ExtendedStatistic"),
        "unit": params.get("Unit"),
        "period": int(params["Period"]) if params.get("Period") else None,
    }
    wanted = dimensions_of(params.get("Dimensions"))
    found = [
        alarm
        for alarm in backend.alarms.values()
        if (alarm.namespace, alarm.metric_name) == (params["Namespace"], params["MetricName"])
        and {dimension.name: dimension.value for dimension in alarm.dimensions} == wanted
        and all(value is None or getattr(alarm, name) == value for name, value in asked.items())
    ]
    return {"MetricAlarms": found}


def histories(backend: Any, params: dict[str, Any], clocks: Clocks) -> dict[str, Any]:
    """Newest first unless asked otherwise. Dates of a wall-clock client are met as in metric queries."""
    start, end = params.get("StartDate"), params.get("EndDate")
    shift = clocks.shift_s(unix_s(end)) if end else 0.0
    types = params.get("AlarmTypes") or ["MetricAlarm"]
    found = [
        {
            "AlarmName": item.alarm_name,
            "AlarmType": item.alarm_type,
            "Timestamp": moment(item.time_s),
            "HistoryItemType": item.item_type,
            "HistorySummary": item.summary,
            "HistoryData": item.data,
        }
        for item in of_region(backend).history
        if params.get("AlarmName") in (None, item.alarm_name)
        and params.get("HistoryItemType") in (None, item.item_type)
        and item.alarm_type in types
        and (start is None or item.time_s >= unix_s(start) + shift)
        and (end is None or item.time_s <= unix_s(end) + shift)
    ]
    if (params.get("ScanBy") or "TimestampDescending") == "TimestampDescending":
        found.reverse()
    return page(found, "AlarmHistoryItems", params.get("NextToken"), int(params.get("MaxRecords") or 100))
