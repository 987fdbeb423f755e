"""The answers of DescribeAlarms and DescribeAlarmHistory.

Source: CloudWatch API reference, the pages of these two actions.
"""

from typing import Any

from blackstart.emulator.adapters.moto_cloudwatch_alarms import history
from blackstart.emulator.adapters.moto_cloudwatch_clocks import Clocks, moment, page, unix_s


def alarms(backend: Any, params: dict[str, Any]) -> dict[str, Any]:
    """All filters together, and metric alarms alone unless AlarmTypes asks for more, as AWS does."""
    names, prefix = params.get("AlarmNames"), params.get("AlarmNamePrefix")
    action, state = params.get("ActionPrefix"), params.get("StateValue")
    types = params.get("AlarmTypes") or ["MetricAlarm"]
    found = [
        alarm
        for alarm in backend.alarms.values()
        if (not names or alarm.name in names)
        and (not prefix or alarm.name.startswith(prefix))
        and (not action or any(arn.startswith(action) for arn in alarm.alarm_actions))
        and (not state or alarm.state_value == state)
        and ("CompositeAlarm" if alarm.rule else "MetricAlarm") in types
    ]
    # one page of named alarms takes 100, as many as may be named
    answer = page(found, "alarms", params.get("NextToken"), int(params.get("MaxRecords") or (100 if names else 50)))
    shown = answer.pop("alarms")
    metric, composite = [a for a in shown if not a.rule], [a for a in shown if a.rule]
    return {"MetricAlarms": metric, "CompositeAlarms": composite, **answer}


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
        for item in history(backend)
        if params.get("AlarmName") in (None, item.alarm_name)
        and params.get("HistoryItemType") in (None, item.item_type)
        and item.alarm_type in types
        and (start is None or item.time_s >= unix_s(start) + shift)
        and (end is None or item.time_s <= unix_s(end) + shift)
    ]
    if (params.get("ScanBy") or "TimestampDescending") == "TimestampDescending":
        found.reverse()
    return page(found, "AlarmHistoryItems", params.get("NextToken"), int(params.get("MaxRecords") or 100))
