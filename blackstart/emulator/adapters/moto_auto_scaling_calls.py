"""The Auto Scaling calls whose own reactions in moto are switched off, handed to the controllers.

Replaced: `set_desired_capacity` (launches and terminates inside the call),
`notify_terminate_instances` (replaces inside the call and never registers), `update_attached_target_groups`,
`terminate_instance_in_auto_scaling_group`,
`attach_instances`, `detach_instances`, `enter_standby`, `exit_standby`, `set_instance_protection` (all of them change
the list of members, which the controllers own), `set_instance_health` (StopIteration on an unknown instance),
`delete_auto_scaling_group`; what `InstanceState` says of the launch template and configuration (the group's, not the
instance's).
"""

from collections.abc import Callable
from typing import Any, Protocol

from blackstart.emulator.adapters.auto_scaling_errors import answering_refusals, group_named, refusal
from blackstart.emulator.adapters.patches import Patches
from blackstart.emulator.controllers.group_memory import Launched
from blackstart.emulator.controllers.member_requests import MemberRequests


class Groups(Protocol):
    """The controller, as the replaced methods see it."""

    def delete(self, group: Any, now_s: float) -> None: ...


def install(patches: Patches, controller: Groups, requests: MemberRequests, now_s: Callable[[], float]) -> None:
    """Hand moto's groups to the controllers."""
    from moto.autoscaling.models import AutoScalingBackend, FakeAutoScalingGroup, InstanceState
    from moto.autoscaling.responses import AutoScalingResponse

    patches.replace(FakeAutoScalingGroup, "set_desired_capacity", lambda _: _store_desired)
    patches.replace(AutoScalingBackend, "notify_terminate_instances", lambda _: lambda _backend, _ids: None)
    patches.replace(AutoScalingBackend, "update_attached_target_groups", lambda _: lambda _backend, _name: None)
    patches.replace(AutoScalingBackend, "delete_auto_scaling_group", lambda _: _deleting(controller, now_s))
    patches.replace(InstanceState, "launch_template", lambda _: property(_template_of))
    patches.replace(InstanceState, "launch_configuration_name", lambda _: property(_configuration_of))
    calls = _Calls(requests, now_s)
    for name, call in (
        ("terminate_instance_in_auto_scaling_group", calls.terminate),
        ("set_instance_health", calls.set_health),
        ("set_instance_protection", calls.protect),
        ("attach_instances", calls.attach),
        ("detach_instances", calls.detach),
        ("enter_standby", calls.enter_standby),
        ("exit_standby", calls.exit_standby),
    ):
        patches.replace(AutoScalingResponse, name, _constantly(_method(call)))


class _Calls:
    """Each gets moto's response object, which has the parameters, and returns what the caller is answered."""

    def __init__(self, requests: MemberRequests, now_s: Callable[[], float]) -> None:
        self._requests = requests
        self._now_s = now_s

    def terminate(self, response: Any) -> dict[str, Any]:
        decrement = response._get_bool_param("ShouldDecrementDesiredCapacity", False)
        return {"Activity": self._requests.terminate(response._get_param("InstanceId"), decrement, self._now_s())}

    def set_health(self, response: Any) -> dict[str, Any]:
        status = response._get_param("HealthStatus")
        if status not in ("Healthy", "Unhealthy"):
            raise refusal("Valid instance health states are: [Healthy, Unhealthy].")
        respect = response._get_bool_param("ShouldRespectGracePeriod", True)
        self._requests.set_health(response._get_param("InstanceId"), status == "Healthy", respect, self._now_s())
        return {}

    def protect(self, response: Any) -> dict[str, Any]:
        protected = response._get_bool_param("ProtectedFromScaleIn", False)
        self._requests.protect(_group(response), _ids(response), protected, self._now_s())
        return {}

    def attach(self, response: Any) -> dict[str, Any]:
        self._requests.attach(_group(response), _ids(response), self._now_s())
        return {}

    def detach(self, response: Any) -> dict[str, Any]:
        decrement = response._get_bool_param("ShouldDecrementDesiredCapacity", False)
        return {"Activities": self._requests.detach(_group(response), _ids(response), decrement, self._now_s())}

    def enter_standby(self, response: Any) -> dict[str, Any]:
        decrement = response._get_bool_param("ShouldDecrementDesiredCapacity", False)
        return {"Activities": self._requests.enter_standby(_group(response), _ids(response), decrement, self._now_s())}

    def exit_standby(self, response: Any) -> dict[str, Any]:
        return {"Activities": self._requests.exit_standby(_group(response), _ids(response), self._now_s())}


def _method(call: Callable[[Any], dict[str, Any]]) -> Callable[[Any], Any]:
    def method(response: Any) -> Any:
        from moto.core.responses import ActionResult

        return ActionResult(call(response))

    return answering_refusals(method)


def _constantly(method: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda _original: method


def _group(response: Any) -> Any:
    return group_named(response.autoscaling_backend, response._get_param("AutoScalingGroupName"))


def _ids(response: Any) -> list[str]:
    ids: list[str] = response._get_param("InstanceIds", [])
    return ids


def _template_of(state: Any) -> dict[str, Any] | None:
    """The launch template that an instance was launched from, with the version as a number; None without one."""
    launched: Launched | None = getattr(state, "blackstart_launched", None)
    if launched is None or not launched.template_id:
        return None
    template = state.auto_scaling_group.ec2_backend.launch_templates.get(launched.template_id)
    return {
        "LaunchTemplateId": launched.template_id,
        "LaunchTemplateName": template.name if template is not None else None,
        "Version": str(launched.template_version),
    }


def _configuration_of(state: Any) -> str | None:
    launched: Launched | None = getattr(state, "blackstart_launched", None)
    return launched.launch_name or None if launched is not None else None


def _store_desired(group: Any, new_capacity: int | None) -> None:
    group.desired_capacity = group.min_size if new_capacity is None else new_capacity


def _deleting(controller: Groups, now_s: Callable[[], float]) -> Callable[[Any, str], None]:
    def delete_auto_scaling_group(backend: Any, group_name: str) -> None:
        controller.delete(group_named(backend, group_name), now_s())
        for key, hook in list(backend.lifecycle_hooks.items()):
            if hook.auto_scaling_group_name == group_name:
                del backend.lifecycle_hooks[key]

    return delete_auto_scaling_group
