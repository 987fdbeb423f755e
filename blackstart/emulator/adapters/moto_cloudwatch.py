"""Puts the emulator's CloudWatch behind moto's API: metric store, queries, alarms with history, SNS without I/O.

Everything that is replaced stands in `PATCHED`; a contract test holds each of these to what moto 5.2 has.
"""

from collections.abc import Callable
from typing import Any

from blackstart.emulator.adapters import moto_cloudwatch_descriptions as descriptions
from blackstart.emulator.adapters import moto_cloudwatch_messages as messages
from blackstart.emulator.adapters import moto_cloudwatch_metric_data as metric_data
from blackstart.emulator.adapters import moto_cloudwatch_queries as queries
from blackstart.emulator.adapters.moto_cloudwatch_alarms import SERVED_PROTOCOLS, change_state, record
from blackstart.emulator.adapters.moto_cloudwatch_clocks import Clocks, moment
from blackstart.emulator.adapters.moto_cloudwatch_put import put
from blackstart.emulator.adapters.moto_cloudwatch_validation import check_alarm, check_served
from blackstart.emulator.controllers.metric_store import MetricStore
from blackstart.emulator.decisions.alarm_state import AlarmState

PATCHED: dict[str, tuple[str, ...]] = {
    "moto.cloudwatch.models.CloudWatchBackend": (
        "put_metric_alarm",
        "put_metric_data",
        "delete_alarms",
        "set_alarm_state",
        "reset",
    ),
    "moto.cloudwatch.responses.CloudWatchResponse": (
        "get_metric_data",
        "get_metric_statistics",
        "list_metrics",
        "put_metric_alarm",
        "describe_alarms",
    ),
    "moto.sns.models.Subscription": ("publish",),
}
ADDED: dict[str, tuple[str, ...]] = {
    "moto.cloudwatch.responses.CloudWatchResponse": ("describe_alarm_history", "put_composite_alarm"),
}


def install(*, store: MetricStore, now_s: Callable[[], float], wall_s: Callable[[], float]) -> Callable[[], None]:
    """Replace moto's halves of CloudWatch; returns what undoes it.

    now_s: virtual Unix seconds; wall_s: the Unix seconds that clients' own clocks show. Call it once, before serving.
    """
    from moto.cloudwatch.models import CloudWatchBackend
    from moto.cloudwatch.responses import CloudWatchResponse
    from moto.sns.models import Subscription

    messages.region_name("us-east-1")  # read from disk here, not under the lock when the first alarm fires
    clocks = Clocks(now_s, wall_s)
    replaced: list[tuple[Any, str, Any]] = []
    for owner, methods in (
        (CloudWatchBackend, _backend_methods(CloudWatchBackend, store, clocks)),
        (CloudWatchResponse, {**_query_methods(store, clocks), **_alarm_methods(CloudWatchResponse, clocks)}),
        (Subscription, _subscription_methods(Subscription)),
    ):
        for name, method in methods.items():
            replaced.append((owner, name, owner.__dict__.get(name)))
            setattr(owner, name, method)

    def undo() -> None:
        for owner, name, original in replaced:
            if original is None:
                delattr(owner, name)
            else:
                setattr(owner, name, original)

    return undo


def _scope(backend: Any) -> tuple[str, str]:
    return backend.account_id, backend.region_name


def _backend_methods(owner: Any, store: MetricStore, clocks: Clocks) -> dict[str, Any]:
    original_put, original_delete, original_reset = owner.put_metric_alarm, owner.delete_alarms, owner.reset

    def put_metric_alarm(self: Any, *args: Any, **kwargs: Any) -> Any:
        return _put_alarm(self, original_put, kwargs if not args else _named(original_put, args, kwargs), clocks)

    def put_metric_data(self: Any, namespace: str, metric_data: list[dict[str, Any]]) -> None:
        for number, datum in enumerate(metric_data, start=1):
            self._validate_parameters_put_metric_data(datum, number)
        put(store, _scope(self), namespace, metric_data, clocks)

    def delete_alarms(self: Any, alarm_names: list[str]) -> None:
        doomed = [self.alarms[name] for name in alarm_names if name in self.alarms]
        original_delete(self, alarm_names)
        for alarm in doomed:
            data = messages.configuration_update("Delete", alarm)
            record(self, alarm, "ConfigurationUpdate", f'Alarm "{alarm.name}" deleted', data, clocks.now_s())

    def set_alarm_state(self: Any, alarm_name: str, reason: str, reason_data: str | None, state_value: str) -> None:
        _check_set_state(self, alarm_name, reason_data, state_value)
        alarm = self.alarms[alarm_name]
        change_state(self, alarm, AlarmState(state_value), reason, reason_data, clocks.now_s())

    def reset(self: Any) -> None:
        store.clear(*_scope(self))
        original_reset(self)

    return {
        "put_metric_alarm": put_metric_alarm,
        "put_metric_data": put_metric_data,
        "delete_alarms": delete_alarms,
        "set_alarm_state": set_alarm_state,
        "reset": reset,
    }


def _named(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    from inspect import signature

    bound = signature(function).bind(None, *args, **kwargs).arguments
    return {name: value for name, value in bound.items() if name != "self"}


def _put_alarm(backend: Any, original: Any, given: dict[str, Any], clocks: Clocks) -> Any:
    """Create an alarm in INSUFFICIENT_DATA, or change one without touching its state (and, as AWS, its tags)."""
    check_alarm(given, backend.region_name)
    old = backend.alarms.get(given["name"])
    now_s = clocks.now_s()
    alarm = original(backend, **(given if old is None else {**given, "tags": None}))
    alarm.configuration_updated_timestamp = moment(now_s)
    if old is None:
        alarm.state_value = AlarmState.INSUFFICIENT_DATA.value
        alarm.state_reason_data = None
        alarm.state_updated_timestamp = alarm.state_transitioned_timestamp = moment(now_s)
    else:
        for name in STATE_ATTRIBUTES:
            setattr(alarm, name, getattr(old, name))
    verb, past = ("Create", "created") if old is None else ("Update", "updated")
    data = messages.configuration_update(verb, alarm)
    record(backend, alarm, "ConfigurationUpdate", f'Alarm "{alarm.name}" {past}', data, now_s)
    return alarm


STATE_ATTRIBUTES = (
    "state_value",
    "state_reason",
    "state_reason_data",
    "state_updated_timestamp",
    "state_transitioned_timestamp",
)


def _check_set_state(backend: Any, alarm_name: str, reason_data: str | None, state_value: str) -> None:
    import json

    from moto.cloudwatch.exceptions import InvalidFormat, ResourceNotFound, ValidationError

    if alarm_name not in backend.alarms:
        raise ResourceNotFound("Alarm does not exist")
    if state_value not in {state.value for state in AlarmState}:
        raise ValidationError(
            f"1 validation error detected: Value '{state_value}' at 'stateValue' failed to satisfy constraint: "
            "Member must satisfy enum value set: [INSUFFICIENT_DATA, ALARM, OK]"
        )
    try:
        json.loads(reason_data or "{}")
    except ValueError as error:
        raise InvalidFormat("StateReasonData was not valid JSON") from error


def _query_methods(store: MetricStore, clocks: Clocks) -> dict[str, Any]:
    from moto.core.responses import ActionResult

    def get_metric_data(self: Any) -> Any:
        return ActionResult(metric_data.get_data(store, _scope(self.cloudwatch_backend), self.params, clocks))

    def get_metric_statistics(self: Any) -> Any:
        return ActionResult(queries.get_statistics(store, _scope(self.cloudwatch_backend), self.params, clocks))

    def list_metrics(self: Any) -> Any:
        return ActionResult(queries.list_metrics(store, _scope(self.cloudwatch_backend), self.params, clocks))

    return {
        "get_metric_data": get_metric_data,
        "get_metric_statistics": get_metric_statistics,
        "list_metrics": list_metrics,
    }


def _alarm_methods(owner: Any, clocks: Clocks) -> dict[str, Any]:
    from moto.core.responses import ActionResult

    original_put = owner.put_metric_alarm

    def describe_alarms(self: Any) -> Any:
        return ActionResult(descriptions.alarms(self.cloudwatch_backend, self.params))

    def describe_alarm_history(self: Any) -> Any:
        return ActionResult(descriptions.histories(self.cloudwatch_backend, self.params, clocks))

    def put_metric_alarm(self: Any) -> Any:
        check_served(self.params)
        return original_put(self)

    return {
        "put_metric_alarm": put_metric_alarm,
        # the same request to moto, told apart by its AlarmRule
        "put_composite_alarm": put_metric_alarm,
        "describe_alarms": describe_alarms,
        "describe_alarm_history": describe_alarm_history,
    }


def _subscription_methods(owner: Any) -> dict[str, Any]:
    original = owner.publish

    def publish(self: Any, *args: Any, **kwargs: Any) -> None:
        """Only to queues: moto would post to http endpoints anywhere and start containers, all under the lock."""
        if self.protocol in SERVED_PROTOCOLS:
            original(self, *args, **kwargs)

    return {"publish": publish}
