"""moto's alarms as the controller's `AlarmBook`, and what of them is not served.

Source: CloudWatch user guide, "Alarm actions".
"""

import json
from collections.abc import Iterator, Sequence

from blackstart.domain.unserved import Unserved, UnservedKind
from blackstart.emulator.adapters import moto_cloudwatch_messages as messages
from blackstart.emulator.adapters.moto_cloudwatch_clocks import moment, unix_s
from blackstart.emulator.adapters.moto_cloudwatch_history import backends, of_region
from blackstart.emulator.adapters.moto_cloudwatch_states import AlarmStates, actions_of
from blackstart.emulator.adapters.moto_cloudwatch_views import view_of
from blackstart.emulator.controllers.alarms import AlarmView, EvaluatedPoint
from blackstart.emulator.decisions.alarm_state import AlarmState, AlarmVerdict

SERVED_PROTOCOLS = ("sqs",)


class MotoAlarms:
    """The `AlarmBook` over moto. Looks the backends up at each call, so that a reset is no trouble."""

    def __init__(self, states: AlarmStates | None = None) -> None:
        self._states = states or AlarmStates()

    def served(self) -> Iterator[AlarmView]:
        """Metric alarms that the emulator evaluates."""
        for _, view in _views():
            if isinstance(view, AlarmView):
                yield view

    def state(self, view: AlarmView) -> AlarmState:
        return AlarmState(view.handle[1].state_value)

    def transition(
        self,
        view: AlarmView,
        verdict: AlarmVerdict,
        starts_s: Sequence[float],
        points: Sequence[EvaluatedPoint],
        now_s: float,
    ) -> None:
        backend, alarm = view.handle
        if verdict.state is not None:
            words = verdict.words([moment(start).strftime("%d/%m/%y %H:%M:%S") for start in starts_s])
            data = json.dumps(messages.reason_data(alarm, view.spec, points, now_s))
            newest = points[-1].value if points else None
            self._states.change(backend, alarm, verdict.state, words, data, now_s, newest)

    def remains(self, view: AlarmView, value: float | None, now_s: float) -> None:
        backend, alarm = view.handle
        if view.spec.period_s < 60:  # evaluated each 10 s, repeated each minute
            since_s = now_s - unix_s(alarm.state_transitioned_timestamp)
            if since_s % 60 >= 10:
                return
        self._states.repeat(backend, alarm, value, now_s)

    def settle(self, now_s: float) -> None:
        self._states.settle(now_s)

    def unserved(self) -> tuple[Unserved, ...]:
        """Alarms that are not evaluated, actions that are not executed, subscriptions that nothing is sent to."""
        found: list[Unserved] = []
        for backend in backends():
            for alarm in backend.alarms.values():
                actions = dict.fromkeys(arn for state in AlarmState for arn in actions_of(alarm, state))
                found += [
                    _of_alarm(alarm.name, f"action {arn} is not executed", minor=True)
                    for arn in actions
                    if not self._states.executes(arn)
                ]
        for name, view in _views():
            if isinstance(view, str):
                found.append(_of_alarm(name, f"{view}; its state does not change by itself"))
        return (*found, *_unserved_subscriptions())


def _views() -> Iterator[tuple[str, AlarmView | str]]:
    """Each metric alarm by name, read again only when it was put again."""
    for backend in backends():
        known = of_region(backend).views
        for name, alarm in list(backend.alarms.items()):
            if alarm.rule:
                continue
            read = known.get(name)
            if read is None or read[0] is not alarm:
                read = known[name] = (alarm, view_of(backend, alarm))
            yield name, read[1]


def _of_alarm(name: str, what: str, minor: bool = False) -> Unserved:
    return Unserved(kind=UnservedKind.ALARM, resource=name, reason=f"alarm {name}: {what}", minor=minor)


def _unserved_subscriptions() -> Iterator[Unserved]:
    from moto.sns.models import sns_backends

    for regions in sns_backends.values():
        for backend in regions.values():
            for subscription in backend.subscriptions.values():
                if subscription.protocol not in SERVED_PROTOCOLS:
                    whom = f"{subscription.topic.name} by {subscription.protocol} to {subscription.endpoint}"
                    yield Unserved(
                        kind=UnservedKind.OTHER,
                        resource=subscription.arn,
                        of=(subscription.topic.arn, subscription.topic.name),
                        reason=f"SNS subscription of {whom}: nothing is delivered",
                    )
