"""What the Auto Scaling API describes of groups, instances and activities, and its lists of constants.

Replaced: `describe_auto_scaling_groups` and `describe_auto_scaling_instances` (no limits, no paging of instances,
unknown filters taken for none), `describe_scaling_activities` (always empty), `create_or_update_tags`,
`delete_tags` (KeyError on an unknown group). Added: the calls that list constants, and `describe_account_limits`.
"""

import copy
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Protocol

from blackstart.emulator.adapters.auto_scaling_errors import constraint, group_named, refusal
from blackstart.emulator.adapters.auto_scaling_messages import NOTIFICATION_TYPES
from blackstart.emulator.adapters.patches import Patches
from blackstart.emulator.controllers.activity_log import Activity
from blackstart.emulator.decisions.lifecycle_hook import Transition
from blackstart.emulator.decisions.scaling_group import Process

GROUPS_AT_MOST, CONFIGURATIONS_AT_MOST = 500, 200
"""Default quotas of an account: EC2 Auto Scaling user guide, "Quotas"."""
CONSTANTS: dict[str, dict[str, Any]] = {
    "describe_adjustment_types": {
        "AdjustmentTypes": [
            {"AdjustmentType": name} for name in ("ChangeInCapacity", "ExactCapacity", "PercentChangeInCapacity")
        ]
    },
    "describe_auto_scaling_notification_types": {"AutoScalingNotificationTypes": list(NOTIFICATION_TYPES)},
    "describe_lifecycle_hook_types": {"LifecycleHookTypes": [transition.value for transition in Transition]},
    "describe_scaling_process_types": {"Processes": [{"ProcessName": process.value} for process in Process]},
    "describe_termination_policy_types": {
        "TerminationPolicyTypes": [
            *("AllocationStrategy", "ClosestToNextInstanceHour", "Default", "NewestInstance", "OldestInstance"),
            *("OldestLaunchConfiguration", "OldestLaunchTemplate"),
        ]
    },
}


class Log(Protocol):
    """The controller, as these calls see it."""

    def activities(self, name: str | None, ids: Iterable[str] = ()) -> list[Activity]: ...


def install(patches: Patches, log: Log) -> None:
    from moto.autoscaling.models import AutoScalingBackend
    from moto.autoscaling.responses import AutoScalingResponse

    patches.replace(AutoScalingResponse, "describe_auto_scaling_groups", lambda _: _groups)
    patches.replace(AutoScalingResponse, "describe_auto_scaling_instances", lambda _: _instances)
    patches.replace(AutoScalingResponse, "describe_scaling_activities", lambda _: _activities(log))
    for name in ("create_or_update_tags", "delete_tags"):
        patches.replace(AutoScalingBackend, name, _of_known_groups)
    for name, answer in CONSTANTS.items():
        patches.add(AutoScalingResponse, name, _answering(answer))
    patches.add(AutoScalingResponse, "describe_account_limits", _account_limits)


def page(response: Any, found: Sequence[Any], most: int, default: int) -> tuple[list[Any], str | None]:
    """One page of a list and the token of the next. Raises AWS's errors for a wrong size or token."""
    size = response._get_int_param("MaxRecords", default)
    if size < 1:
        raise constraint(size, "maxRecords", "have value greater than or equal to 1")
    size = min(size, most)
    token = response._get_param("NextToken")
    if token is not None and not token.isdigit():
        raise refusal("The token '" + token + "' is invalid.", "InvalidNextToken")
    start = int(token or 0)
    following = str(start + size) if len(found) > start + size else None
    return list(found[start : start + size]), following


def _answer(result: dict[str, Any]) -> Any:
    from moto.core.responses import ActionResult

    return ActionResult(result)


def _groups(response: Any) -> Any:
    names = response._get_param("AutoScalingGroupNames", [])
    filters = response._get_param("Filters", [])
    for given in filters:
        if given["Name"] not in ("tag-key", "tag-value") and not given["Name"].startswith("tag:"):
            raise refusal(
                f"Filter type {given['Name']} is not correct. Allowed Filter types are: tag-key tag-value tag:<key>"
            )
    found = response.autoscaling_backend.describe_auto_scaling_groups(names, filters=filters)
    groups, token = page(response, found, most=100, default=50)
    if not response._get_bool_param("IncludeInstances", True):
        groups = [_without_instances(group) for group in groups]
    return _answer({"AutoScalingGroups": groups, "NextToken": token})


def _without_instances(group: Any) -> Any:
    shown = copy.copy(group)
    shown.instance_states = []
    return shown


def _instances(response: Any) -> Any:
    ids = response._get_param("InstanceIds", [])
    found = response.autoscaling_backend.describe_auto_scaling_instances(ids)
    states, token = page(response, found, most=50, default=50)
    return _answer({"AutoScalingInstances": [_details(state) for state in states], "NextToken": token})


def _details(state: Any) -> dict[str, Any]:
    """Health in capitals, unlike the group's own list of instances: AWS, too."""
    return {
        "InstanceId": state.instance_id,
        "InstanceType": state.instance_type,
        "AutoScalingGroupName": state.auto_scaling_group_name,
        "AvailabilityZone": state.availability_zone,
        "LifecycleState": state.lifecycle_state,
        "HealthStatus": state.health_status.upper(),
        "LaunchConfigurationName": state.launch_configuration_name,
        "LaunchTemplate": state.launch_template,
        "ProtectedFromScaleIn": state.protected_from_scale_in,
    }


def _activities(log: Log) -> Callable[[Any], Any]:
    def describe_scaling_activities(response: Any) -> Any:
        backend, name = response.autoscaling_backend, response._get_param("AutoScalingGroupName")
        with_deleted = response._get_bool_param("IncludeDeletedGroups", False)
        if name is not None and not with_deleted:
            group_named(backend, name)
        wanted = _activity_filter(response._get_param("Filters", []), name)
        alive = {group.arn for group in backend.autoscaling_groups.values()}
        prefix = f":autoscaling:{backend.region_name}:{backend.account_id}:"
        found = [
            _activity(activity, alive)
            for activity in log.activities(name, response._get_param("ActivityIds", []))
            if wanted(activity)
            and prefix in activity.auto_scaling_group_arn
            and (with_deleted or activity.auto_scaling_group_arn in alive)
        ]
        activities, token = page(response, found, most=100, default=100)
        return _answer({"Activities": activities, "NextToken": token})

    return describe_scaling_activities


def _activity_filter(filters: Sequence[Mapping[str, Any]], group: str | None) -> Callable[[Activity], bool]:
    """DescribeScalingActivities' filters. Raises AWS's errors for what is none."""
    values = {given["Name"]: given.get("Values", []) for given in filters}
    strange = values.keys() - {"StartTimeLowerBound", "StartTimeUpperBound", "Status"}
    if strange:
        raise refusal(f"Filter type {min(strange)} is not correct.")
    if "Status" in values and group is None:
        raise refusal("The Status filter can only be used in combination with AutoScalingGroupName.")
    lower, upper = (_moment(values.get(name)) for name in ("StartTimeLowerBound", "StartTimeUpperBound"))
    statuses = values.get("Status")

    def wanted(activity: Activity) -> bool:
        at = activity.start_time
        in_time = (lower is None or at >= lower) and (upper is None or at <= upper)
        return in_time and (statuses is None or activity.status_code in statuses)

    return wanted


def _moment(values: Sequence[str] | None) -> datetime | None:
    """A bound in UTC, as the log has its times."""
    if not values:
        return None
    try:
        bound = datetime.fromisoformat(values[0])
    except ValueError as error:
        raise refusal(f"Invalid timestamp: {values[0]}") from error
    return bound.astimezone(UTC).replace(tzinfo=None) if bound.tzinfo is not None else bound


def _activity(activity: Activity, alive: set[str]) -> Any:
    if activity.auto_scaling_group_arn in alive:
        return activity
    return {
        "ActivityId": activity.activity_id,
        "AutoScalingGroupName": activity.auto_scaling_group_name,
        "AutoScalingGroupARN": activity.auto_scaling_group_arn,
        "AutoScalingGroupState": "Deleted",
        "Description": activity.description,
        "Cause": activity.cause,
        "StartTime": activity.start_time,
        "EndTime": activity.end_time,
        "StatusCode": activity.status_code,
        "StatusMessage": activity.status_message,
        "Progress": activity.progress,
        "Details": activity.details,
    }


def _of_known_groups(original: Callable[..., Any]) -> Callable[..., Any]:
    def with_tags(backend: Any, tags: list[dict[str, str]]) -> Any:
        for tag in tags:
            group_named(backend, tag.get("ResourceId"))
        return original(backend, tags)

    return with_tags


def _answering(answer: dict[str, Any]) -> Callable[[Any], Any]:
    return lambda _response: _answer(answer)


def _account_limits(response: Any) -> Any:
    backend = response.autoscaling_backend
    return _answer(
        {
            "MaxNumberOfAutoScalingGroups": GROUPS_AT_MOST,
            "MaxNumberOfLaunchConfigurations": CONFIGURATIONS_AT_MOST,
            "NumberOfAutoScalingGroups": len(backend.autoscaling_groups),
            "NumberOfLaunchConfigurations": len(backend.launch_configurations),
        }
    )
