"""A change of an alarm's state and what follows from it: history, event, actions, composite alarms above it.

Sources: CloudWatch user guide, "Alarm actions", "Composite alarms", "Alarm events and EventBridge".
"""

import json
from collections.abc import Mapping
from typing import Any

from blackstart.emulator.adapters import moto_cloudwatch_events as alarm_events
from blackstart.emulator.adapters import moto_cloudwatch_messages as messages
from blackstart.emulator.adapters.moto_cloudwatch_clocks import moment
from blackstart.emulator.adapters.moto_cloudwatch_history import Held, backends, of_region, record, suppressor_of
from blackstart.emulator.controllers.alarm_actions import ActionFailedError, AlarmActions, AlarmFired
from blackstart.emulator.controllers.event_bus import EventBus, no_one
from blackstart.emulator.decisions.action_suppression import Suppression, Suppressor, after_change, after_suppressor
from blackstart.emulator.decisions.alarm_state import AlarmState
from blackstart.emulator.decisions.composite_alarm import read_rule

NOT_EXECUTED = "Not executed by the emulator: it has no such service."
REPEATED = "autoscaling"
"""The service whose actions are repeated every minute while the state lasts."""


def service_of(action: str) -> str:
    return action.split(":")[2]


def actions_of(alarm: Any, state: AlarmState) -> list[str]:
    """The action ARNs of a state."""
    if state is AlarmState.ALARM:
        return list(alarm.alarm_actions)
    return list(alarm.ok_actions if state is AlarmState.OK else alarm.insufficient_data_actions)


class AlarmStates:
    """actions: who carries out the actions of a service, by its name in their ARNs; SNS topics are served here."""

    def __init__(self, actions: Mapping[str, AlarmActions] | None = None, events: EventBus = no_one) -> None:
        self._actions = {} if actions is None else actions
        self._events = events

    def executes(self, action: str) -> bool:
        return service_of(action) == "sns" or service_of(action) in self._actions

    def change(
        self,
        backend: Any,
        alarm: Any,
        state: AlarmState,
        reason: str,
        reason_data: str | None,
        now_s: float,
        value: float | None = None,
    ) -> None:
        """Write a state and, where it is another one, what follows. value: the newest evaluated point."""
        previous = alarm_events.state_document(alarm)
        old, old_reason, old_data = AlarmState(alarm.state_value), alarm.state_reason, alarm.state_reason_data
        alarm.state_value = state.value
        alarm.state_reason = reason
        alarm.state_reason_data = reason_data
        alarm.state_updated_timestamp = moment(now_s)
        if state is old:
            return
        alarm.state_transitioned_timestamp = moment(now_s)
        data = messages.state_update((old, old_reason, old_data), (state, reason, reason_data))
        record(backend, alarm, "StateUpdate", f"Alarm updated from {old.value} to {state.value}", data, now_s)
        acts = self._acts_now(backend, alarm, old, now_s)
        self._events(alarm_events.state_change(backend, alarm, previous, now_s))
        if acts:
            self._act(backend, alarm, old, value, now_s)
        self._tell_above(backend, alarm, now_s)

    def configured(self, backend: Any, alarm: Any, operation: str, before: Any | None, now_s: float) -> None:
        """Tell history and EventBridge of an alarm that was put or deleted. operation: create, update or delete."""
        verb, past = {
            "create": ("Create", "created"),
            "update": ("Update", "updated"),
            "delete": ("Delete", "deleted"),
        }[operation]
        data = messages.configuration_update(verb, alarm)
        record(backend, alarm, "ConfigurationUpdate", f'Alarm "{alarm.name}" {past}', data, now_s)
        self._events(alarm_events.configuration_change(backend, alarm, operation, before, now_s))

    def repeat(self, backend: Any, alarm: Any, value: float | None, now_s: float) -> None:
        """Carry out the Auto Scaling actions of a state that lasts. Not in the history."""
        state = AlarmState(alarm.state_value)
        for arn in actions_of(alarm, state) if alarm.actions_enabled else ():
            if service_of(arn) == REPEATED and self.executes(arn):
                self._carry_out(backend, alarm, arn, value, now_s, repeated=True)

    def settle(self, now_s: float) -> None:
        """Evaluate composite alarms that were put or whose children changed; take actions that waited long enough."""
        for backend in backends():
            region = of_region(backend)
            if region.changed:
                self._settle(backend, now_s)
            over = [name for name, held in region.held.items() if held.suppression.is_over(now_s)]
            for name in over:
                self._take_up(backend, name, now_s)

    def _acts_now(self, backend: Any, alarm: Any, old: AlarmState, now_s: float) -> bool:
        """Whether the actions are to be carried out, or held back by a suppressor or switched off."""
        suppressor = _suppressor(backend, alarm)
        if not alarm.actions_enabled or suppressor is None:
            _hold(backend, alarm, None, old)
            return bool(alarm.actions_enabled)
        held = after_change(suppressor, now_s)
        _hold(backend, alarm, held, old)
        return held is None

    def _tell_above(self, backend: Any, alarm: Any, now_s: float) -> None:
        region = of_region(backend)
        for name in region.suppressed.get(alarm.name, ()):
            held, composite = region.held.get(name), backend.alarms.get(name)
            suppressor = _suppressor(backend, composite) if composite is not None else None
            if held is None or suppressor is None:
                continue
            now_held = after_suppressor(held.suppression, suppressor, now_s)
            if now_held is None:
                self._take_up(backend, name, now_s)
            else:
                _hold(backend, composite, now_held, held.old)
        above = region.parents.get(alarm.name, ())
        if above:
            waiting = bool(region.changed)
            region.changed.update(dict.fromkeys(sorted(above), alarm.name))
            if not waiting:  # else the loop that made this change goes on with these
                self._settle(backend, now_s)

    def _settle(self, backend: Any, now_s: float) -> None:
        region = of_region(backend)
        while region.changed:
            name, cause = next(iter(region.changed.items()))
            alarm = backend.alarms.get(name)
            if alarm is not None and alarm.rule and name not in region.cyclic:
                self._evaluate(backend, alarm, cause, now_s)
            region.changed.pop(name, None)

    def _evaluate(self, backend: Any, alarm: Any, cause: str, now_s: float) -> None:
        rule = read_rule(alarm.rule)
        children = {name: backend.alarms[name] for name in rule.children if name in backend.alarms}
        state = rule.state({name: AlarmState(child.state_value) for name, child in children.items()})
        if state.value == alarm.state_value:
            return
        reason, data = messages.composite_reason(alarm, state, children.get(cause), children.values())
        self.change(backend, alarm, state, reason, data, now_s)

    def _take_up(self, backend: Any, name: str, now_s: float) -> None:
        alarm = backend.alarms.get(name)
        held = of_region(backend).held.pop(name, None)
        if alarm is not None and held is not None:
            _hold(backend, alarm, None, held.old)
            if alarm.actions_enabled:
                self._act(backend, alarm, held.old, None, now_s)

    def _act(self, backend: Any, alarm: Any, old: AlarmState, value: float | None, now_s: float) -> None:
        state = AlarmState(alarm.state_value)
        message = json.dumps(messages.notification(alarm, old, backend.account_id, backend.region_name, now_s))
        for arn in actions_of(alarm, state):
            if service_of(arn) == "sns":
                error = _publish(arn, messages.subject(alarm, backend.region_name), message)
            elif self.executes(arn):
                error = self._carry_out(backend, alarm, arn, value, now_s, repeated=False)
            else:
                error = NOT_EXECUTED
            verb = "Failed to execute" if error else "Successfully executed"
            data = messages.action(arn, None if error else message, error, now_s)
            record(backend, alarm, "Action", f"{verb} action {arn}", data, now_s)

    def _carry_out(
        self, backend: Any, alarm: Any, arn: str, value: float | None, now_s: float, *, repeated: bool
    ) -> str | None:
        fired = AlarmFired(
            alarm_name=alarm.name,
            alarm_arn=alarm.alarm_arn,
            account=backend.account_id,
            region=backend.region_name,
            action=arn,
            state=AlarmState(alarm.state_value),
            value=value,
            threshold=float(alarm.threshold or 0.0),
            dimensions={dimension.name: dimension.value for dimension in alarm.dimensions},
            repeated=repeated,
        )
        try:
            self._actions[service_of(arn)].carry_out(fired, now_s)
        except ActionFailedError as error:
            return str(error)
        return None


def _suppressor(backend: Any, alarm: Any) -> Suppressor | None:
    """A suppressor that was deleted is in no state."""
    name = suppressor_of(alarm)
    if name is None:
        return None
    found = backend.alarms.get(name)
    in_alarm = found is not None and found.state_value == AlarmState.ALARM.value
    return Suppressor(
        in_alarm, float(alarm.actions_suppressor_wait_period), float(alarm.actions_suppressor_extension_period)
    )


def _hold(backend: Any, alarm: Any, suppression: Suppression | None, old: AlarmState) -> None:
    """Note, and show in descriptions, what holds an alarm's actions back."""
    held = of_region(backend).held
    if suppression is None:
        held.pop(alarm.name, None)
    else:
        held[alarm.name] = Held(suppression, old)
    alarm.actions_suppressed_by = suppression.by.value if suppression else None
    alarm.actions_suppressed_reason = f"Actions suppressed by {suppression.by.value}" if suppression else None


def _publish(arn: str, subject: str, message: str) -> str | None:
    """Publish on moto's topic; the error that AWS's history would carry, or None."""
    from moto.core.exceptions import ServiceException
    from moto.sns.models import sns_backends

    _, _, _, region, account, _ = arn.split(":", 5)
    try:
        sns_backends[account][region].publish(message, arn, subject=subject)
    except (ServiceException, ValueError) as error:
        return str(error)
    return None
