"""Scheduled actions behind the Auto Scaling API, kept in moto's backends by group and name.

Replaced: `put_scheduled_update_group_action` (accepts anything, takes one name in two groups for one action),
`describe_scheduled_actions` (no ARN, no filter by time, no pages), `delete_scheduled_action`; moto's batches use these.
`delete_auto_scaling_group` leaves actions behind. StartTime and EndTime are virtual times.

Source: EC2 Auto Scaling API reference, PutScheduledUpdateGroupAction and its neighbours.
"""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any, NamedTuple

from blackstart.emulator.adapters import cron_times, moto_backends
from blackstart.emulator.adapters.patches import Patches
from blackstart.emulator.controllers.scheduled_actions import Groups, ScheduledActionsController
from blackstart.emulator.decisions.scheduled_action import ScheduledAction, capacity_problem, over, time_problem

MOST_ACTIONS = 125


class StoredAction(NamedTuple):
    """An action of a group that still exists."""

    group: Any
    action: ScheduledAction
    arn: str


class MotoScheduledActions:
    """The actions in moto's backends."""

    def due(self, now_s: float) -> list[tuple[Any, ScheduledAction]]:
        found = [stored for stored in _all() if stored.action.next_s <= now_s]
        return [(stored.group, stored.action) for stored in sorted(found, key=lambda stored: stored.action.next_s)]

    def advance(self, group: Any, action: ScheduledAction, now_s: float) -> None:
        actions, key = _actions(group), (group.name, action.name)
        next_s = cron_times.next_s(action.recurrence, action.time_zone, now_s) if action.recurrence else None
        if next_s is None or over(action._replace(next_s=next_s)):
            actions.pop(key, None)
        else:
            actions[key] = actions[key]._replace(action=action._replace(next_s=next_s))

    def resize(self, group: Any, minimum: int, maximum: int) -> None:
        group.min_size, group.max_size = minimum, maximum

    def put(self, group: Any, declared: ScheduledAction, start_s: float | None, now_s: float) -> None:
        """Make an action or replace it. declared: without its next time. Raises moto's errors."""
        from moto.autoscaling.exceptions import AutoscalingClientError, ValidationError

        problem = _problem(declared, start_s, now_s)
        if problem:
            raise ValidationError(problem)
        first_s = cron_times.next_s(declared.recurrence, declared.time_zone, now_s) if start_s is None else start_s
        actions, key = _actions(group), (group.name, declared.name)
        others = [other for other in actions.values() if other.group is group and other.action.name != declared.name]
        if len(others) >= MOST_ACTIONS:
            raise AutoscalingClientError(
                "LimitExceeded", f"Exceeded limit of {MOST_ACTIONS} scheduled actions per group"
            )
        if any(other.action.next_s == first_s for other in others):
            raise AutoscalingClientError(
                "AlreadyExists", "Scheduled action with this scheduled start time already exists"
            )
        if first_s is None:
            raise ValidationError(f"Given recurrence string: {declared.recurrence} is invalid")
        arn = actions[key].arn if key in actions else _new_arn(group, declared.name)
        actions[key] = StoredAction(group, declared._replace(next_s=first_s), arn)


def install(patches: Patches, groups: Groups, now_s: Callable[[], float]) -> ScheduledActionsController:
    """Hand the calls to a controller, which is returned. After the calls on groups have been replaced."""
    from moto.autoscaling.models import AutoScalingBackend
    from moto.autoscaling.responses import AutoScalingResponse

    store = MotoScheduledActions()
    patches.replace(AutoScalingBackend, "put_scheduled_update_group_action", lambda _: _putting(store, now_s))
    patches.replace(AutoScalingBackend, "delete_scheduled_action", lambda _: _delete)
    patches.replace(AutoScalingResponse, "describe_scheduled_actions", lambda _: _describe)
    patches.replace(AutoScalingBackend, "delete_auto_scaling_group", _with_actions)
    return ScheduledActionsController(store, groups)


def _putting(store: MotoScheduledActions, now_s: Callable[[], float]) -> Callable[..., Any]:
    def put_scheduled_update_group_action(
        backend: Any,
        name: str,
        desired_capacity: Any,
        max_size: Any,
        min_size: Any,
        scheduled_action_name: str,
        start_time: Any,
        end_time: Any,
        recurrence: str | None,
        timezone: str | None,
    ) -> Any:
        declared = ScheduledAction(
            name=scheduled_action_name,
            next_s=0.0,
            minimum=_int(min_size),
            maximum=_int(max_size),
            desired=_int(desired_capacity),
            recurrence=recurrence or "",
            time_zone=timezone or "",
            ends_s=_unix_s(end_time),
        )
        store.put(_group(backend, name), declared, _unix_s(start_time), now_s())
        return _for_template(backend, name, scheduled_action_name)

    return put_scheduled_update_group_action


def _for_template(backend: Any, group_name: str, name: str) -> Any:
    """What CloudFormation keeps of an action: its id, and how it is deleted with its stack."""
    from moto.autoscaling.models import FakeScheduledAction

    made: Any = FakeScheduledAction(group_name, None, None, None, name, None, None, None, None)
    made.physical_resource_id = name
    made.delete = lambda _account, _region: backend.scheduled_actions.pop((group_name, name), None)
    return made


def _problem(action: ScheduledAction, start_s: float | None, now_s: float) -> str | None:
    if action.recurrence and not cron_times.is_cron(action.recurrence):
        return f"Given recurrence string: {action.recurrence} is invalid"
    if action.time_zone and not cron_times.is_time_zone(action.time_zone):
        return "Time zone specified does not conform to standardized time zones found in IANA Time Zone Database"
    sizes = capacity_problem(action.minimum, action.maximum, action.desired)
    return sizes or time_problem(start_s, action.ends_s, action.recurrence, now_s)


def _delete(backend: Any, auto_scaling_group_name: str, scheduled_action_name: str) -> None:
    from moto.autoscaling.exceptions import ValidationError

    if backend.scheduled_actions.pop((auto_scaling_group_name, scheduled_action_name), None) is None:
        raise ValidationError("Scheduled action name not found")


def _describe(response: Any) -> Any:
    from moto.core.responses import ActionResult

    params = response._get_params()
    group, names = params.get("AutoScalingGroupName"), params.get("ScheduledActionNames")
    earliest, latest = (None, None) if names else (_unix_s(params.get("StartTime")), _unix_s(params.get("EndTime")))
    found = [
        stored
        for stored in response.autoscaling_backend.scheduled_actions.values()
        if group in (None, stored.group.name)
        and (not names or stored.action.name in names)
        and (earliest is None or stored.action.next_s >= earliest)
        and (latest is None or stored.action.next_s <= latest)
    ]
    start, size = int(params.get("NextToken") or 0), int(params.get("MaxRecords") or 50)
    token = str(start + size) if len(found) > start + size else None
    described = [_described(stored) for stored in found[start : start + size]]
    return ActionResult({"ScheduledUpdateGroupActions": described, "NextToken": token})


def _described(stored: StoredAction) -> dict[str, Any]:
    action = stored.action
    shown = {
        "AutoScalingGroupName": stored.group.name,
        "ScheduledActionName": action.name,
        "ScheduledActionARN": stored.arn,
        "Time": _moment(action.next_s),
        "StartTime": _moment(action.next_s),
        "EndTime": None if action.ends_s is None else _moment(action.ends_s),
        "Recurrence": action.recurrence or None,
        "TimeZone": action.time_zone or None,
        "MinSize": action.minimum,
        "MaxSize": action.maximum,
        "DesiredCapacity": action.desired,
    }
    return {name: value for name, value in shown.items() if value is not None}


def _with_actions(original: Callable[..., Any]) -> Callable[..., Any]:
    def delete_auto_scaling_group(backend: Any, group_name: str) -> Any:
        result = original(backend, group_name)
        for key in [key for key in backend.scheduled_actions if key[0] == group_name]:
            del backend.scheduled_actions[key]
        return result

    return delete_auto_scaling_group


def _all() -> Iterator[StoredAction]:
    for backend in moto_backends.existing("autoscaling"):
        yield from backend.scheduled_actions.values()


def _actions(group: Any) -> dict[tuple[str, str], StoredAction]:
    found: dict[tuple[str, str], StoredAction] = group.autoscaling_backend.scheduled_actions
    return found


def _group(backend: Any, name: str) -> Any:
    from moto.autoscaling.exceptions import ValidationError

    if name not in backend.autoscaling_groups:
        raise ValidationError(f"Group {name} not found")
    return backend.autoscaling_groups[name]


def _new_arn(group: Any, name: str) -> str:
    from moto.moto_api._internal import mock_random

    backend, partition = group.autoscaling_backend, group.arn.split(":")[1]
    return (
        f"arn:{partition}:autoscaling:{backend.region_name}:{backend.account_id}:scheduledUpdateGroupAction:"
        f"{mock_random.uuid4()}:autoScalingGroupName/{group.name}:scheduledActionName/{name}"
    )


def _int(value: Any) -> int | None:
    return None if value is None else int(value)


def _unix_s(value: Any) -> float | None:
    """A time of a request, which moto has parsed (naive UTC), or of a template, which is text."""
    if value is None:
        return None
    moment = value if isinstance(value, datetime) else datetime.fromisoformat(str(value).replace("Z", "+00:00"))
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _moment(time_s: float) -> datetime:
    return datetime.fromtimestamp(time_s, UTC).replace(tzinfo=None)
