"""The Auto Scaling groups in moto's backends: read into snapshots, instances launched, members written back."""

from typing import Any

from blackstart.emulator.adapters import moto_backends
from blackstart.emulator.controllers.group_memory import LaunchError, StoredMember
from blackstart.emulator.decisions.capacity import GroupSnapshot, Lifecycle

GROUP_TAG = "aws:autoscaling:groupName"


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


def _percentage(value: Any) -> int | None:
    """A percentage of the maintenance policy; -1 clears it."""
    return None if value is None or int(value) < 0 else int(value)


def _template(group: Any) -> tuple[dict[str, Any] | None, int]:
    if not group.ec2_launch_template:
        return None, 1
    version = group.ec2_launch_template.get_version(group.launch_template_version).number
    return {"LaunchTemplateId": group.ec2_launch_template.id, "Version": str(version)}, int(version)


def _target_group(arn: str) -> Any | None:
    found = (backend.target_groups.get(arn) for backend in moto_backends.existing("elbv2"))
    return next((group for group in found if group is not None), None)
