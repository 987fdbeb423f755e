"""Puts the emulator's CloudWatch behind moto's API: metric store, queries, alarms with history, SNS without I/O.

Everything that is replaced stands in `PATCHED`; a contract test holds each of these to what moto 5.2 has.
"""

from collections.abc import Callable
from inspect import signature
from typing import Any

from blackstart.emulator.adapters import moto_cloudwatch_descriptions as descriptions
from blackstart.emulator.adapters import moto_cloudwatch_messages as messages
from blackstart.emulator.adapters import moto_cloudwatch_metric_data as metric_data
from blackstart.emulator.adapters import moto_cloudwatch_queries as queries
from blackstart.emulator.adapters.moto_cloudwatch_alarm_calls import Calls, put_composite
from blackstart.emulator.adapters.moto_cloudwatch_alarms import SERVED_PROTOCOLS
from blackstart.emulator.adapters.moto_cloudwatch_clocks import Clocks
from blackstart.emulator.adapters.moto_cloudwatch_put import put
from blackstart.emulator.adapters.moto_cloudwatch_states import AlarmStates
from blackstart.emulator.adapters.moto_cloudwatch_validation import check_served
from blackstart.emulator.controllers.metric_store import MetricStore

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
        "put_metric_data",
        "describe_alarms",
        "describe_alarms_for_metric",
    ),
    "moto.sns.models.Subscription": ("publish",),
}
ADDED: dict[str, tuple[str, ...]] = {
    "moto.cloudwatch.responses.CloudWatchResponse": ("describe_alarm_history", "put_composite_alarm"),
}


def install(
    *,
    store: MetricStore,
    now_s: Callable[[], float],
    wall_s: Callable[[], float],
    states: AlarmStates | None = None,
) -> Callable[[], None]:
    """Replace moto's halves of CloudWatch; returns what undoes it.

    now_s: virtual Unix seconds; wall_s: the Unix seconds that clients' own clocks show. states: what follows from a
    state that is set by hand. Call it once, before serving.
    """
    from moto.cloudwatch.models import CloudWatchBackend
    from moto.cloudwatch.responses import CloudWatchResponse
    from moto.sns.models import Subscription

    messages.region_name("us-east-1")  # read from disk here, not under the lock when the first alarm fires
    clocks = Clocks(now_s, wall_s)
    calls = Calls(
        put=CloudWatchBackend.put_metric_alarm,
        delete=CloudWatchBackend.delete_alarms,
        states=states or AlarmStates(),
        clocks=clocks,
    )
    replaced: list[tuple[Any, str, Any]] = []
    for owner, methods in (
        (CloudWatchBackend, _backend_methods(CloudWatchBackend, store, calls)),
        (CloudWatchResponse, {**_query_methods(store, clocks), **_alarm_methods(CloudWatchResponse, calls)}),
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


def _backend_methods(owner: Any, store: MetricStore, calls: Calls) -> dict[str, Any]:
    arguments = signature(owner.put_metric_alarm)
    original_reset = owner.reset

    def put_metric_alarm(self: Any, *args: Any, **kwargs: Any) -> Any:
        given = arguments.bind(self, *args, **kwargs).arguments
        return calls.put_alarm(self, {name: value for name, value in given.items() if name != "self"})

    def put_metric_data(self: Any, namespace: str, metric_data: list[dict[str, Any]]) -> None:
        for number, datum in enumerate(metric_data, start=1):
            self._validate_parameters_put_metric_data(datum, number)
        put(store, _scope(self), namespace, metric_data, calls.clocks)

    def delete_alarms(self: Any, alarm_names: list[str]) -> None:
        calls.delete_alarms(self, alarm_names)

    def set_alarm_state(self: Any, alarm_name: str, reason: str, reason_data: str | None, state_value: str) -> None:
        calls.set_alarm_state(self, alarm_name, reason, reason_data, state_value)

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


def _query_methods(store: MetricStore, clocks: Clocks) -> dict[str, Any]:
    from moto.core.responses import ActionResult, EmptyResult

    def get_metric_data(self: Any) -> Any:
        return ActionResult(metric_data.get_data(store, _scope(self.cloudwatch_backend), self.params, clocks))

    def get_metric_statistics(self: Any) -> Any:
        return ActionResult(queries.get_statistics(store, _scope(self.cloudwatch_backend), self.params, clocks))

    def list_metrics(self: Any) -> Any:
        return ActionResult(queries.list_metrics(store, _scope(self.cloudwatch_backend), self.params, clocks))

    def put_metric_data(self: Any) -> Any:
        with_entities = [datum for each in self.params.get("EntityMetricData") or () for datum in each["MetricData"]]
        data = [*(self.params.get("MetricData") or ()), *with_entities]
        self.cloudwatch_backend.put_metric_data(self.params["Namespace"], data)
        return EmptyResult()

    return {
        "get_metric_data": get_metric_data,
        "get_metric_statistics": get_metric_statistics,
        "list_metrics": list_metrics,
        "put_metric_data": put_metric_data,
    }


def _alarm_methods(owner: Any, calls: Calls) -> dict[str, Any]:
    from moto.core.responses import ActionResult, EmptyResult

    original_put = owner.put_metric_alarm

    def describe_alarms(self: Any) -> Any:
        return ActionResult(descriptions.alarms(self.cloudwatch_backend, self.params))

    def describe_alarms_for_metric(self: Any) -> Any:
        return ActionResult(descriptions.for_metric(self.cloudwatch_backend, self.params))

    def describe_alarm_history(self: Any) -> Any:
        return ActionResult(descriptions.histories(self.cloudwatch_backend, self.params, calls.clocks))

    def put_metric_alarm(self: Any) -> Any:
        check_served(self.params)
        return original_put(self)

    def put_composite_alarm(self: Any) -> Any:
        check_served(self.params)
        put_composite(calls, self.cloudwatch_backend, self.params)
        return EmptyResult()

    return {
        "put_metric_alarm": put_metric_alarm,
        "put_composite_alarm": put_composite_alarm,
        "describe_alarms": describe_alarms,
        "describe_alarms_for_metric": describe_alarms_for_metric,
        "describe_alarm_history": describe_alarm_history,
    }


def _subscription_methods(owner: Any) -> dict[str, Any]:
    original = owner.publish

    def publish(self: Any, *args: Any, **kwargs: Any) -> None:
        """Only to queues: moto would post to http endpoints anywhere and start containers, all under the lock."""
        if self.protocol in SERVED_PROTOCOLS:
            original(self, *args, **kwargs)

    return {"publish": publish}
