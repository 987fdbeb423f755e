"""moto's Auto Scaling groups: read into snapshots, members written back, and moto's own reactions switched off.

Replaced: `set_desired_capacity` (launches and terminates inside the call), `notify_terminate_instances` (replaces
inside the call and never registers), `update_attached_target_groups`, `terminate_instance`,
`delete_auto_scaling_group`, `describe_scaling_activities` (always empty), `set_instance_health` (StopIteration on an
unknown instance), and the two calls that drop the instance maintenance policy.
"""

from collections.abc import Callable, Iterable
from typing import Any, Protocol

from blackstart.emulator.adapters import moto_backends
from blackstart.emulator.adapters.patches import Patches
from blackstart.emulator.controllers.activity_log import Activity
from blackstart.emulator.controllers.auto_scaling import LaunchError, StoredMember
from blackstart.emulator.decisions.capacity import GroupSnapshot, Lifecycle

GROUP_TAG = "aws:autoscaling:groupName"


class Groups(Protocol):
    """The controller, as the replaced methods see it."""

    def activities(self, name: str | None, ids: Iterable[str] = ()) -> list[Activity]: ...
    def in_grace(self, instance_id: str, grace_period_s: float, now_s: float) -> bool: ...
    def user_terminates(self, group: Any, instance_id: str, now_s: float) -> Activity: ...
    def deleted(self, group: Any, now_s: float) -> None: ...


class MotoGroups:
    """The Auto Scaling groups in moto's backends."""

    def groups(self) -> list[Any]:
        return [
            group for backend in moto_backends.existing("autoscaling") for group in backend.autoscaling_groups.values()
        ]

    def group_of(self, instance_id: str) -> Any | None:
        """The group an instance is a member of, or None."""
        return next((g for g in self.groups() if any(s.instance.id == instance_id for s in g.instance_states)), None)

    def grace_periods_s(self) -> list[float]:
        """Grace periods of groups that heed load balancers; others have nothing that races against them."""
        graces = (self.snapshot(group) for group in self.groups())
        return [group.grace_period_s for group in graces if group.elb_checks]

    def snapshot(self, group: Any) -> GroupSnapshot:
        policy = getattr(group, "instance_maintenance_policy", None) or {}
        return GroupSnapshot(
            name=group.name,
            desired=int(group.desired_capacity or 0),
            zones=tuple(dict.fromkeys(group.availability_zones)),
            elb_checks="ELB" in (group.health_check_type or ""),
            grace_period_s=float(group.health_check_grace_period or 0),
            suspended=frozenset(process["ProcessName"] for process in group.suspended_processes),
            min_healthy_percent=_percentage(policy.get("MinHealthyPercentage")),
            max_healthy_percent=_percentage(policy.get("MaxHealthyPercentage")),
        )

    def limits(self, group: Any) -> tuple[int, int]:
        return int(group.min_size or 0), int(group.max_size or 0)

    def members(self, group: Any) -> tuple[StoredMember, ...]:
        return tuple(
            StoredMember(
                instance_id=state.instance.id,
                zone=state.availability_zone or "",
                lifecycle=state.lifecycle_state,
                health=state.health_status,
                protected=bool(state.protected_from_scale_in),
                template_version=getattr(state, "blackstart_template_version", 1),
            )
            for state in group.instance_states
        )

    def target_groups(self, group: Any) -> tuple[str, ...]:
        """The group's target groups that still exist."""
        known = group.autoscaling_backend.elbv2_backend.target_groups
        return tuple(arn for arn in group.target_group_arns if arn in known)

    def launch(self, group: Any, zone: str) -> tuple[str, str]:
        from moto.autoscaling.models import InstanceState
        from moto.core.exceptions import ServiceException

        subnet = self._subnet(group, zone)
        reference, version = _template(group)
        try:
            reservation = group.ec2_backend.run_instances(
                group.image_id,
                1,
                group.user_data,
                group.security_groups,
                instance_type=group.instance_type,
                tags={"instance": {**group.instance_tags, **group.get_propagated_tags(), GROUP_TAG: group.name}},
                placement=zone,
                launch_config=group.launch_config,
                launch_template=reference,
                is_instance_type_default=False,
                associate_public_ip=group.launch_config.associate_public_ip_address if group.launch_config else None,
                subnet_id=subnet,
                region_name=group.region,
            )
        except ServiceException as error:
            raise LaunchError(str(getattr(error, "message", error))) from error
        except StopIteration as error:  # moto's way of saying that a subnet has no address left
            raise LaunchError(f"There are not enough free addresses in subnet '{subnet}'.") from error
        instance = reservation.instances[0]
        instance.autoscaling_group = group
        state = InstanceState(
            instance,
            lifecycle_state=Lifecycle.PENDING.value,
            protected_from_scale_in=group.new_instances_protected_from_scale_in,
        )
        state.blackstart_template_version = version
        group.instance_states.append(state)
        return instance.id, subnet or ""

    def write(self, group: Any, instance_id: str, lifecycle: str, health: str) -> None:
        for state in group.instance_states:
            if state.instance.id == instance_id:
                state.lifecycle_state, state.health_status = str(lifecycle), health

    def remove(self, group: Any, instance_id: str) -> None:
        group.instance_states = [state for state in group.instance_states if state.instance.id != instance_id]

    def terminate(self, instance_id: str) -> None:
        """Terminate an instance; termination protection does not hold Auto Scaling back."""
        for backend in moto_backends.existing("ec2"):
            instance = backend.get_instance_by_id(instance_id)
            if instance is not None:
                instance.terminate()

    def register(self, target_group_arn: str, instance_id: str) -> bool:
        """Register an instance on the group's own port; False when the load balancer refuses."""
        from moto.core.exceptions import ServiceException

        group = _target_group(target_group_arn)
        if group is None:
            return False
        try:
            group.register([{"Id": instance_id}])
        except ServiceException:
            return False
        return True

    def deregister(self, target_group_arn: str, instance_id: str) -> float:
        from moto.core.exceptions import ServiceException

        group = _target_group(target_group_arn)
        if group is None:
            return 0.0
        try:
            group.deregister([{"Id": instance_id}])
        except ServiceException:
            return 0.0
        return float(group.attributes["deregistration_delay.timeout_seconds"])

    def _subnet(self, group: Any, zone: str) -> str | None:
        if not group.vpc_zone_identifier:
            return None
        for subnet_id in group.vpc_zone_identifier.split(","):
            if group.ec2_backend.get_subnet(subnet_id.strip()).availability_zone == zone:
                return str(subnet_id.strip())
        return None

    def install(self, patches: Patches, controller: Groups, now_s: Callable[[], float]) -> None:
        """Hand moto's groups to the controller."""
        from moto.autoscaling.models import AutoScalingBackend, FakeAutoScalingGroup, InstanceState
        from moto.autoscaling.responses import AutoScalingResponse

        patches.replace(FakeAutoScalingGroup, "set_desired_capacity", lambda _: _store_desired)
        patches.replace(AutoScalingBackend, "notify_terminate_instances", lambda _: lambda _backend, _ids: None)
        patches.replace(AutoScalingBackend, "update_attached_target_groups", lambda _: lambda _backend, _name: None)
        patches.replace(AutoScalingBackend, "terminate_instance", lambda _: self._terminating(controller, now_s))
        patches.replace(AutoScalingBackend, "delete_auto_scaling_group", lambda _: _deleting(controller, now_s))
        patches.replace(AutoScalingResponse, "set_instance_health", lambda _: self._health_setting(controller, now_s))
        patches.replace(AutoScalingResponse, "describe_scaling_activities", lambda _: _describing(controller))
        patches.replace(InstanceState, "launch_template", _true_version)
        for action in ("create_auto_scaling_group", "update_auto_scaling_group"):
            patches.replace(AutoScalingResponse, action, _keeping_what_moto_drops)

    def _terminating(self, controller: Groups, now_s: Callable[[], float]) -> Callable[[Any, str, bool], Activity]:
        def terminate_instance(backend: Any, instance_id: str, should_decrement: bool) -> Activity:
            group = self.group_of(instance_id)
            if group is None or group.autoscaling_backend is not backend:
                raise _unknown_instance(instance_id)
            if should_decrement:
                group.desired_capacity = max(group.desired_capacity - 1, group.min_size or 0)
            return controller.user_terminates(group, instance_id, now_s())

        return terminate_instance

    def _health_setting(self, controller: Groups, now_s: Callable[[], float]) -> Callable[[Any], Any]:
        def set_instance_health(response: Any) -> Any:
            from moto.autoscaling.exceptions import ValidationError
            from moto.core.responses import EmptyResult

            instance_id, status = response._get_param("InstanceId"), response._get_param("HealthStatus")
            if status not in ("Healthy", "Unhealthy"):
                raise ValidationError("Valid instance health states are: [Healthy, Unhealthy].")
            group = self.group_of(instance_id)
            if group is None:
                raise _unknown_instance(instance_id)
            respect = response._get_bool_param("ShouldRespectGracePeriod", True)
            grace_s = float(group.health_check_grace_period or 0)
            if not (respect and controller.in_grace(instance_id, grace_s, now_s())):
                self.write(group, instance_id, _lifecycle_of(group, instance_id), status)
            return EmptyResult()

        return set_instance_health


def _percentage(value: Any) -> int | None:
    """A percentage of the maintenance policy; -1 clears it."""
    return None if value is None or int(value) < 0 else int(value)


def _lifecycle_of(group: Any, instance_id: str) -> str:
    return next(str(state.lifecycle_state) for state in group.instance_states if state.instance.id == instance_id)


def _template(group: Any) -> tuple[dict[str, Any] | None, int]:
    if not group.ec2_launch_template:
        return None, 1
    version = group.ec2_launch_template.get_version(group.launch_template_version).number
    return {"LaunchTemplateId": group.ec2_launch_template.id, "Version": str(version)}, int(version)


def _true_version(original: Any) -> property:
    """A member shows the template version that it was launched from; moto shows the template's default version."""

    def launch_template(state: Any) -> dict[str, Any] | None:
        shown = original.fget(state)
        version = getattr(state, "blackstart_template_version", None)
        return {**shown, "Version": str(version)} if shown and version else shown

    return property(launch_template)


def _target_group(arn: str) -> Any | None:
    found = (backend.target_groups.get(arn) for backend in moto_backends.existing("elbv2"))
    return next((group for group in found if group is not None), None)


def _unknown_instance(instance_id: str) -> Exception:
    from moto.autoscaling.exceptions import ValidationError

    error: Exception = ValidationError(
        f"Instance Id not found - No managed instance found for instance ID {instance_id}"
    )
    return error


def _store_desired(group: Any, new_capacity: int | None) -> None:
    group.desired_capacity = group.min_size if new_capacity is None else new_capacity


def _deleting(controller: Groups, now_s: Callable[[], float]) -> Callable[[Any, str], None]:
    def delete_auto_scaling_group(backend: Any, group_name: str) -> None:
        from moto.autoscaling.exceptions import ValidationError

        group = backend.autoscaling_groups.get(group_name)
        if group is None:
            raise ValidationError(f"AutoScalingGroup name not found - AutoScalingGroup '{group_name}' not found")
        controller.deleted(group, now_s())
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
