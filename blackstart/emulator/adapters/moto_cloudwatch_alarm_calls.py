"""PutMetricAlarm, PutCompositeAlarm, DeleteAlarms and SetAlarmState on moto's backend.

Source: CloudWatch API reference, the pages of these actions.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from blackstart.emulator.adapters.moto_cloudwatch_clocks import Clocks, moment
from blackstart.emulator.adapters.moto_cloudwatch_history import of_region, rules_changed, suppressor_of
from blackstart.emulator.adapters.moto_cloudwatch_messages import SUPPRESSION
from blackstart.emulator.adapters.moto_cloudwatch_states import AlarmStates
from blackstart.emulator.adapters.moto_cloudwatch_validation import check_alarm, check_suppressor
from blackstart.emulator.decisions.alarm_state import AlarmState

STATE_ATTRIBUTES = (
    "state_value",
    "state_reason",
    "state_reason_data",
    "state_updated_timestamp",
    "state_transitioned_timestamp",
)
SUPPRESSED_ATTRIBUTES = ("actions_suppressed_by", "actions_suppressed_reason")
MOST_DELETED = 100


class Calls(NamedTuple):
    """put, delete: moto's own methods of the backend."""

    put: Callable[..., Any]
    delete: Callable[..., Any]
    states: AlarmStates
    clocks: Clocks

    def put_alarm(self, backend: Any, given: dict[str, Any], suppression: Mapping[str, Any] | None = None) -> Any:
        """Create an alarm in INSUFFICIENT_DATA, or change one without touching its state (and, as AWS, its tags).

        given: the backend call's arguments. suppression: a composite alarm's, by the fields of the API.
        """
        check_alarm(given, backend)
        old = backend.alarms.get(given["name"])
        now_s = self.clocks.now_s()
        # moto knows of no extended statistics but percentiles
        without = {**given, "extended_statistic": None, **({} if old is None else {"tags": None})}
        alarm = self.put(backend, **without)
        alarm.extended_statistic = given.get("extended_statistic")
        alarm.configuration_updated_timestamp = moment(now_s)
        _set_suppression(alarm, suppression or {})
        if old is None:
            alarm.state_value = AlarmState.INSUFFICIENT_DATA.value
            alarm.state_reason_data = None
            alarm.state_updated_timestamp = alarm.state_transitioned_timestamp = moment(now_s)
        else:
            kept = suppressor_of(alarm) is not None and suppressor_of(alarm) == suppressor_of(old)
            for name in (*STATE_ATTRIBUTES, *(SUPPRESSED_ATTRIBUTES if kept else ())):
                setattr(alarm, name, getattr(old, name, None))
            if not kept:  # a replaced suppressor ends what it held back
                of_region(backend).held.pop(alarm.name, None)
        if alarm.rule or (old is not None and old.rule):
            rules_changed(backend)
        if alarm.rule:
            of_region(backend).changed[alarm.name] = alarm.name
        self.states.configured(backend, alarm, "create" if old is None else "update", old, now_s)
        return alarm

    def delete_alarms(self, backend: Any, names: Sequence[str]) -> None:
        """Unknown names are passed over, as on AWS."""
        _check_deletion(backend, names)
        doomed = [backend.alarms[name] for name in dict.fromkeys(names) if name in backend.alarms]
        self.delete(backend, names)
        if doomed:
            rules_changed(backend)
        for alarm in doomed:
            backend.tagger.delete_all_tags_for_resource(alarm.alarm_arn)
            self.states.configured(backend, alarm, "delete", None, self.clocks.now_s())

    def set_alarm_state(
        self, backend: Any, alarm_name: str, reason: str, reason_data: str | None, state_value: str
    ) -> None:
        value = _check_set_state(backend, alarm_name, reason_data, state_value)
        alarm = backend.alarms[alarm_name]
        now_s = self.clocks.now_s()
        self.states.change(backend, alarm, AlarmState(state_value), reason, reason_data, now_s, value)


def _set_suppression(alarm: Any, given: Mapping[str, Any]) -> None:
    for field, name in SUPPRESSION.items():
        setattr(alarm, name, given.get(field[0].upper() + field[1:]))
    for name in SUPPRESSED_ATTRIBUTES:
        setattr(alarm, name, None)


def put_composite(calls: Calls, backend: Any, params: Mapping[str, Any]) -> None:
    """PutCompositeAlarm. params: the request as parsed by moto."""
    check_suppressor(params, backend)
    given = {
        "name": params["AlarmName"],
        "rule": params["AlarmRule"],
        "description": params.get("AlarmDescription"),
        "alarm_actions": params.get("AlarmActions") or [],
        "ok_actions": params.get("OKActions") or [],
        "insufficient_data_actions": params.get("InsufficientDataActions") or [],
        "actions_enabled": params.get("ActionsEnabled", True),
        "tags": params.get("Tags") or [],
        "dimensions": [],
        **dict.fromkeys(
            (
                "namespace",
                "metric_name",
                "comparison_operator",
                "evaluation_periods",
                "period",
                "threshold",
                "statistic",
            )
        ),
    }
    calls.put_alarm(backend, given, params)


def _check_deletion(backend: Any, names: Sequence[str]) -> None:
    from moto.cloudwatch.exceptions import ValidationError

    if len(names) > MOST_DELETED:
        raise ValidationError(
            f"1 validation error detected: Value '{list(names)}' at 'alarmNames' failed to satisfy constraint: "
            f"Member must have length less than or equal to {MOST_DELETED}"
        )
    composites = [name for name in names if name in backend.alarms and backend.alarms[name].rule]
    if len(composites) > 1:
        raise ValidationError("More than one composite alarm was specified. You can delete only one at a time.")
    parents = of_region(backend).parents
    needed = [name for name in names if parents.get(name)]
    if needed:
        them = "it" if len(needed) == 1 else "them"
        raise ValidationError(f"Cannot delete {','.join(needed)} as there are composite alarm(s) depending on {them}.")


def _check_set_state(backend: Any, alarm_name: str, reason_data: str | None, state_value: str) -> float | None:
    """The newest point that the reason's data names, for scaling policies (API reference, SetAlarmState)."""
    from moto.cloudwatch.exceptions import InvalidFormat, ResourceNotFound, ValidationError

    if alarm_name not in backend.alarms:
        raise ResourceNotFound("Alarm does not exist")
    if state_value not in {state.value for state in AlarmState}:
        raise ValidationError(
            f"1 validation error detected: Value '{state_value}' at 'stateValue' failed to satisfy constraint: "
            "Member must satisfy enum value set: [INSUFFICIENT_DATA, ALARM, OK]"
        )
    try:
        data = json.loads(reason_data or "{}")
    except ValueError as error:
        raise InvalidFormat("StateReasonData was not valid JSON") from error
    points = data.get("recentDatapoints") if isinstance(data, dict) else None
    newest = points[-1] if isinstance(points, list) and points else None
    return float(newest) if isinstance(newest, int | float) else None
