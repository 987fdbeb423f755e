"""moto's alarms as the emulator uses them: read as `AlarmView`, written with history, actions carried out.

Source: CloudWatch user guide, "Alarm actions", "Alarm history"; API reference DescribeAlarmHistory.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError as InvalidView

from blackstart.domain.unserved import Unserved, UnservedKind
from blackstart.emulator.adapters import moto_cloudwatch_messages as messages
from blackstart.emulator.adapters.moto_cloudwatch_clocks import moment
from blackstart.emulator.controllers.alarms import AlarmView, EvaluatedPoint, WatchedMetric
from blackstart.emulator.controllers.metric_store import MetricKey
from blackstart.emulator.decisions.alarm_state import AlarmSpec, AlarmState, AlarmVerdict, Comparison, MissingData
from blackstart.emulator.decisions.composite_alarm import children, composite_state
from blackstart.emulator.decisions.metric_math import MathError, Query, references, resolve
from blackstart.emulator.decisions.metric_statistics import is_statistic


@dataclass(frozen=True)
class HistoryItem:
    """One entry of an alarm's history. item_type: StateUpdate, ConfigurationUpdate or Action. data: a JSON document."""

    time_s: float
    alarm_name: str
    alarm_type: str
    item_type: str
    summary: str
    data: str


def history(backend: Any) -> list[HistoryItem]:
    """The history of a region's alarms, oldest first. It lives on moto's backend, so a reset clears it too."""
    items: list[HistoryItem] = backend.__dict__.setdefault("blackstart_history", [])
    return items


def record(backend: Any, alarm: Any, item_type: str, summary: str, data: dict[str, Any], now_s: float) -> None:
    alarm_type = "CompositeAlarm" if alarm.rule else "MetricAlarm"
    history(backend).append(HistoryItem(now_s, alarm.name, alarm_type, item_type, summary, json.dumps(data)))


def backends() -> Iterator[Any]:
    """moto's CloudWatch backend of every account and region in use."""
    from moto.cloudwatch.models import cloudwatch_backends

    for regions in cloudwatch_backends.values():
        yield from regions.values()


def change_state(
    backend: Any, alarm: Any, state: AlarmState, reason: str, reason_data: str | None, now_s: float
) -> None:
    """Write a state, its history entry and, on a change, what its actions did."""
    old = AlarmState(alarm.state_value)
    old_reason, old_data = alarm.state_reason, alarm.state_reason_data
    alarm.state_value = state.value
    alarm.state_reason = reason
    alarm.state_reason_data = reason_data
    alarm.state_updated_timestamp = moment(now_s)
    if state is old:
        return
    alarm.state_transitioned_timestamp = moment(now_s)
    data = messages.state_update((old, old_reason, old_data), (state, reason, reason_data))
    record(backend, alarm, "StateUpdate", f"Alarm updated from {old.value} to {state.value}", data, now_s)
    if alarm.actions_enabled:
        for arn in actions_of(alarm, state):
            _act(backend, alarm, arn, old, now_s)


def actions_of(alarm: Any, state: AlarmState) -> list[str]:
    """The action ARNs of a state."""
    if state is AlarmState.ALARM:
        return list(alarm.alarm_actions)
    return list(alarm.ok_actions if state is AlarmState.OK else alarm.insufficient_data_actions)


def _act(backend: Any, alarm: Any, arn: str, old: AlarmState, now_s: float) -> None:
    message = json.dumps(messages.notification(alarm, old, backend.account_id, backend.region_name, now_s))
    error = _publish(arn, messages.subject(alarm, backend.region_name), message) if is_topic(arn) else NOT_EXECUTED
    verb = "Failed to execute" if error else "Successfully executed"
    data = messages.action(arn, None if error else message, error, now_s)
    record(backend, alarm, "Action", f"{verb} action {arn}", data, now_s)


NOT_EXECUTED = "Not executed by the emulator: only actions on SNS topics are."


def is_topic(arn: str) -> bool:
    return arn.split(":")[2:3] == ["sns"]


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


class MotoAlarms:
    """The `AlarmBook` over moto. Looks the backends up at each call, so that a reset is no trouble."""

    def served(self) -> Iterator[AlarmView]:
        """Metric alarms that the emulator evaluates."""
        for backend in backends():
            for alarm in backend.alarms.values():
                view = None if alarm.rule else view_of(backend, alarm)
                if isinstance(view, AlarmView):
                    yield view

    def labels(self, starts_s: Sequence[float]) -> Sequence[str]:
        return [moment(start).strftime("%d/%m/%y %H:%M:%S") for start in starts_s]

    def transition(
        self, view: AlarmView, verdict: AlarmVerdict, points: Sequence[EvaluatedPoint], now_s: float
    ) -> None:
        backend, alarm = view.handle
        if verdict.state is not None:
            data = json.dumps(messages.reason_data(alarm, view.spec, points, now_s))
            change_state(backend, alarm, verdict.state, verdict.text, data, now_s)

    def settle_composites(self, now_s: float) -> None:
        """Bring composite alarms to what their rules say, those over other composite alarms after these."""
        for backend in backends():
            composites = [alarm for alarm in backend.alarms.values() if alarm.rule]
            for _ in composites:
                changed = [_settle(backend, alarm, now_s) for alarm in composites]
                if not any(changed):
                    break

    def unserved(self) -> tuple[Unserved, ...]:
        """Alarms that are not evaluated, actions that are not executed, subscriptions that nothing is sent to."""
        found: list[Unserved] = []
        for backend in backends():
            for alarm in backend.alarms.values():
                view = None if alarm.rule else view_of(backend, alarm)
                if isinstance(view, str):
                    found.append(_of_alarm(alarm, f"{view}; its state does not change by itself"))
                actions = dict.fromkeys(arn for state in AlarmState for arn in actions_of(alarm, state))
                found += [
                    _of_alarm(alarm, f"action {arn} is not executed", minor=True)
                    for arn in actions
                    if not is_topic(arn)
                ]
        return (*found, *_unserved_subscriptions())


def _settle(backend: Any, alarm: Any, now_s: float) -> bool:
    """Whether a composite alarm's state changed."""
    state = composite_state(alarm.rule, {name: AlarmState(each.state_value) for name, each in backend.alarms.items()})
    if state.value == alarm.state_value:
        return False
    named = [backend.alarms[name] for name in sorted(children(alarm.rule)) if name in backend.alarms]
    newest = max(named, key=lambda child: child.state_transitioned_timestamp, default=None)
    reason, data = messages.composite_reason(newest)
    change_state(backend, alarm, state, reason, data, now_s)
    return True


SERVED_PROTOCOLS = ("sqs",)


def _of_alarm(alarm: Any, what: str, minor: bool = False) -> Unserved:
    return Unserved(kind=UnservedKind.ALARM, resource=alarm.name, reason=f"alarm {alarm.name}: {what}", minor=minor)


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


def view_of(backend: Any, alarm: Any) -> AlarmView | str:
    """The metric alarm as the controller evaluates it, or why it is not evaluated."""
    if alarm.comparison_operator not in {member.value for member in Comparison} or alarm.threshold is None:
        return "anomaly detection is not evaluated"
    scope = (backend.account_id, backend.region_name)
    try:
        if alarm.metric_data_queries:
            return _of_queries(backend, alarm, scope)
        key = MetricKey.of(scope, alarm.namespace, alarm.metric_name, {d.name: d.value for d in alarm.dimensions})
        name = alarm.extended_statistic or alarm.statistic
        if not is_statistic(name):
            return f"the statistic {name} is not computed"
        metric = WatchedMetric(key=key, statistic=name, unit=alarm.unit)
        return _view(backend, alarm, int(alarm.period), {"m": metric}, {}, "m")
    except (InvalidView, MathError, TypeError, ValueError) as error:
        return f"it cannot be evaluated ({str(error).splitlines()[0]})"


def _of_queries(backend: Any, alarm: Any, scope: tuple[str, str]) -> AlarmView | str:
    metrics, expressions, periods, returned = {}, {}, set(), []
    for query in alarm.metric_data_queries:
        if str(query.return_data).lower() != "false":
            returned.append(query.id)
        if query.metric_stat is None:
            expressions[query.id] = query.expression
            references(query.expression)
            continue
        stat = query.metric_stat
        if not is_statistic(stat.stat):
            return f"the statistic {stat.stat} is not computed"
        dimensions = {d.name: d.value for d in stat.metric.dimensions}
        key = MetricKey.of(scope, stat.metric.namespace, stat.metric.metric_name, dimensions)
        metrics[query.id] = WatchedMetric(key=key, statistic=stat.stat, unit=stat.unit)
        periods.add(int(stat.period))
    if len(periods) != 1 or len(returned) != 1:
        return "metric math needs metrics of one period and one returned series"
    # tried on one point, so that an expression outside the subset is found here and not at each evaluation
    resolve(expressions, Query({name: {0.0: 1.0} for name in metrics}, [0.0]))
    return _view(backend, alarm, periods.pop(), metrics, expressions, returned[0])


def _view(
    backend: Any,
    alarm: Any,
    period_s: int,
    metrics: dict[str, WatchedMetric],
    expressions: dict[str, str],
    returned: str,
) -> AlarmView:
    periods = int(alarm.evaluation_periods)
    spec = AlarmSpec(
        comparison=Comparison(alarm.comparison_operator),
        threshold=float(alarm.threshold),
        evaluation_periods=periods,
        datapoints_to_alarm=int(alarm.datapoints_to_alarm or periods),
        period_s=period_s,
        missing_data=MissingData(alarm.treat_missing_data or "missing"),
    )
    return AlarmView(
        handle=(backend, alarm),
        state=AlarmState(alarm.state_value),
        spec=spec,
        metrics=metrics,
        expressions=expressions,
        returned=returned,
        ignore_low_samples=alarm.evaluate_low_sample_count_percentile == "ignore",
    )
