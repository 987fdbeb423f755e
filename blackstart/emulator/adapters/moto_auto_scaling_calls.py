"""The Auto Scaling calls whose own reactions in moto are switched off, handed to the controllers.

Replaced: `set_desired_capacity` (launches and terminates inside the call), `notify_terminate_instances` (replaces
inside the call and never registers), `update_attached_target_groups`, `terminate_instance`, `attach_instances`,
`detach_instances`, `enter_standby_instances`, `exit_standby_instances`, `set_instance_protection` (all of them change
the list of members, which the controllers own), `delete_auto_scaling_group`, `describe_scaling_activities` (always
empty), `set_instance_health` (StopIteration on an unknown instance), and the two calls that drop the instance
maintenance policy.
"""

from collections.abc import Callable, Iterable
from functools import partial, wraps
from typing import Any, Protocol

from blackstart.emulator.adapters.patches import Patches
from blackstart.emulator.controllers.activity_log import Activity
from blackstart.emulator.controllers.member_requests import MemberRequests, UnknownMemberError


class Groups(Protocol):
    """The controller, as the replaced methods see it."""

    def activities(self, name: str | None, ids: Iterable[str] = ()) -> list[Activity]: ...
    def deleted(self, group: Any) -> None: ...


def install(patches: Patches, controller: Groups, requests: MemberRequests, now_s: Callable[[], float]) -> None:
    """Hand moto's groups to the controllers."""
    from moto.autoscaling.models import AutoScalingBackend, FakeAutoScalingGroup, InstanceState
    from moto.autoscaling.responses import AutoScalingResponse

    patches.replace(FakeAutoScalingGroup, "set_desired_capacity", lambda _: _store_desired)
    patches.replace(AutoScalingBackend, "notify_terminate_instances", lambda _: lambda _backend, _ids: None)
    patches.replace(AutoScalingBackend, "update_attached_target_groups", lambda _: lambda _backend, _name: None)
    patches.replace(AutoScalingBackend, "delete_auto_scaling_group", lambda _: _deleting(controller))
    patches.replace(AutoScalingResponse, "set_instance_health", lambda _: _health_setting(requests, now_s))
    patches.replace(AutoScalingResponse, "describe_scaling_activities", lambda _: _describing(controller))
    patches.replace(InstanceState, "launch_template", _true_version)
    for name, method in _member_methods(requests, now_s).items():
        patches.replace(AutoScalingBackend, name, partial(_instead, _refusing_unknown(method)))
    for action in ("create_auto_scaling_group", "update_auto_scaling_group"):
        patches.replace(AutoScalingResponse, action, _keeping_what_moto_drops)


def _member_methods(requests: MemberRequests, now_s: Callable[[], float]) -> dict[str, Callable[..., Any]]:
    def terminate_instance(_backend: Any, instance_id: str, should_decrement: bool) -> Activity:
        return requests.terminate(instance_id, should_decrement, now_s())

    def attach_instances(backend: Any, group_name: str, instance_ids: list[str]) -> None:
        requests.attach(backend.autoscaling_groups[group_name], instance_ids, now_s())

    def detach_instances(_backend: Any, _group_name: str, instance_ids: list[str], should_decrement: bool) -> list[Any]:
        requests.detach(instance_ids, should_decrement)
        return []

    def enter_standby_instances(
        _backend: Any, _group_name: str, instance_ids: list[str], should_decrement: bool
    ) -> list[Any]:
        requests.enter_standby(instance_ids, should_decrement)
        return []

    def exit_standby_instances(_backend: Any, _group_name: str, instance_ids: list[str]) -> list[Any]:
        requests.exit_standby(instance_ids)
        return []

    def set_instance_protection(
        _backend: Any, _group_name: str, instance_ids: list[str], protected_from_scale_in: bool | None
    ) -> None:
        requests.protect(instance_ids, bool(protected_from_scale_in))

    methods = (
        terminate_instance,
        attach_instances,
        detach_instances,
        enter_standby_instances,
        exit_standby_instances,
        set_instance_protection,
    )
    return {method.__name__: method for method in methods}


def _instead(method: Callable[..., Any], _original: Any) -> Callable[..., Any]:
    return method


def _refusing_unknown(method: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(method)
    def checked(*args: Any, **kwargs: Any) -> Any:
        try:
            return method(*args, **kwargs)
        except UnknownMemberError as error:
            raise _unknown_instance(str(error)) from error

    return checked


def _health_setting(requests: MemberRequests, now_s: Callable[[], float]) -> Callable[[Any], Any]:
    def set_instance_health(response: Any) -> Any:
        from moto.autoscaling.exceptions import ValidationError
        from moto.core.responses import EmptyResult

        instance_id, status = response._get_param("InstanceId"), response._get_param("HealthStatus")
        if status not in ("Healthy", "Unhealthy"):
            raise ValidationError("Valid instance health states are: [Healthy, Unhealthy].")
        respect = response._get_bool_param("ShouldRespectGracePeriod", True)
        requests.set_health(instance_id, status == "Healthy", respect, now_s())
        return EmptyResult()

    return _refusing_unknown(set_instance_health)


def _true_version(original: Any) -> property:
    """A member shows the template version that it was launched from; moto shows the template's default version."""

    def launch_template(state: Any) -> dict[str, Any] | None:
        shown = original.fget(state)
        version = getattr(state, "blackstart_template_version", None)
        return {**shown, "Version": str(version)} if shown and version else shown

    return property(launch_template)


def _unknown_instance(instance_id: str) -> Exception:
    from moto.autoscaling.exceptions import ValidationError

    error: Exception = ValidationError(
        f"Instance Id not found - No managed instance found for instance ID {instance_id}"
    )
    return error


def _store_desired(group: Any, new_capacity: int | None) -> None:
    group.desired_capacity = group.min_size if new_capacity is None else new_capacity


def _deleting(controller: Groups) -> Callable[[Any, str], None]:
    def delete_auto_scaling_group(backend: Any, group_name: str) -> None:
        from moto.autoscaling.exceptions import ValidationError

        group = backend.autoscaling_groups.get(group_name)
        if group is None:
            raise ValidationError(f"AutoScalingGroup name not found - AutoScalingGroup '{group_name}' not found")
        controller.deleted(group)
        del backend.autoscaling_groups[group_name]

    return delete_auto_scaling_group


def _describing(controller: Groups) -> Callable[[Any], Any]:
    def describe_scaling_activities(response: Any) -> Any:
        from moto.core.responses import ActionResult

        name, ids = response._get_param("AutoScalingGroupName"), response._get_param("ActivityIds", [])
        found = controller.activities(name, ids)
        start = int(response._get_param("NextToken") or 0)
        size = int(response._get_param("MaxRecords") or 100)
        token = str(start + size) if len(found) > start + size else None
        return ActionResult({"Activities": found[start : start + size], "NextToken": token})

    return describe_scaling_activities


def _keeping_what_moto_drops(original: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Keep InstanceMaintenancePolicy and the API's default grace period of 0."""

    def keeping(response: Any) -> Any:
        result = original(response)
        group = response.autoscaling_backend.autoscaling_groups[response._get_param("AutoScalingGroupName")]
        policy = response._get_param("InstanceMaintenancePolicy")
        if policy:
            group.instance_maintenance_policy = policy
        warm_up = response._get_int_param("DefaultInstanceWarmup")
        if warm_up is not None:
            group.default_instance_warmup = warm_up
        creating = original.__name__ == "create_auto_scaling_group"
        if creating and response._get_int_param("HealthCheckGracePeriod") is None:
            group.health_check_grace_period = 0
        return result

    keeping.__name__ = original.__name__
    return keeping
