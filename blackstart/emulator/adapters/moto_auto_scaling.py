"""The Auto Scaling groups in moto's backends: read into snapshots, instances launched, members written back."""

from typing import Any

from blackstart.emulator.adapters import moto_backends
from blackstart.emulator.controllers.group_memory import Launched, LaunchError, Member
from blackstart.emulator.decisions.scaling_group import GroupSnapshot

GROUP_TAG = "aws:autoscaling:groupName"


class MotoGroups:
    """The Auto Scaling groups in moto's backends."""

    def groups(self) -> list[Any]:
        return [
            group for backend in moto_backends.existing("autoscaling") for group in backend.autoscaling_groups.values()
        ]

    def grace_periods_s(self) -> list[float]:
        """Grace periods of groups that heed load balancers; others have nothing that races against them."""
        graces = (self.settings(group) for group in self.groups())
        return [group.grace_period_s for group in graces if group.elb_checks]

    def settings(self, group: Any) -> GroupSnapshot:
        policy = getattr(group, "instance_maintenance_policy", None) or {}
        return GroupSnapshot(
            name=group.name,
            desired=int(group.desired_capacity or 0),
            minimum=int(group.min_size or 0),
            maximum=int(group.max_size or 0),
            zones=tuple(dict.fromkeys(group.availability_zones)),
            elb_checks="ELB" in (group.health_check_type or ""),
            grace_period_s=float(group.health_check_grace_period or 0),
            suspended=frozenset(group._suspended_processes),
            termination_policies=tuple(group.termination_policies),
            min_healthy_percent=_percentage(policy.get("MinHealthyPercentage")),
            max_healthy_percent=_percentage(policy.get("MaxHealthyPercentage")),
        )

    def set_desired(self, group: Any, desired: int) -> None:
        group.desired_capacity = desired

    def protects_new(self, group: Any) -> bool:
        return bool(group.new_instances_protected_from_scale_in)

    def target_groups(self, group: Any) -> tuple[str, ...]:
        """The group's target groups that still exist."""
        known = group.autoscaling_backend.elbv2_backend.target_groups
        return tuple(arn for arn in group.target_group_arns if arn in known)

    def launch(self, group: Any, zone: str) -> Launched:
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
            code = str(getattr(error, "code", ""))
            raise LaunchError(str(getattr(error, "message", error)), code) from error
        except StopIteration as error:  # moto's way of saying that a subnet has no address left
            message = f"There are not enough free addresses in subnet '{subnet}'."
            raise LaunchError(message, "InsufficientFreeAddressesInSubnet") from error
        instance = reservation.instances[0]
        instance.autoscaling_group = group
        return _launched(instance, subnet or "", reference, version, group.launch_config)

    def existing(self, group: Any, instance_id: str) -> Launched:
        instance = group.ec2_backend.get_instance(instance_id)
        instance.autoscaling_group = group
        group.ec2_backend.create_tags([instance_id], {GROUP_TAG: group.name})
        return _launched(instance, instance.subnet_id or "", None, 1, None)

    def show(self, group: Any, member: Member) -> None:
        from moto.autoscaling.models import InstanceState

        shown = _shown(group)
        state = shown.get(member.instance_id)
        if state is None:
            state = InstanceState(group.ec2_backend.get_instance(member.instance_id), autoscaling_group=group)
            state.blackstart_template_version = member.instance.template_version
            shown[member.instance_id] = state
            group.instance_states.append(state)
        state.lifecycle_state = member.lifecycle.value
        state.health_status = "Unhealthy" if member.unhealthy else "Healthy"
        state.protected_from_scale_in = member.protected

    def hide(self, group: Any, instance_id: str) -> None:
        state = _shown(group).pop(instance_id, None)
        if state is not None:
            group.instance_states.remove(state)

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


def _shown(group: Any) -> dict[str, Any]:
    """moto's states of a group's members by instance, so that none is looked for in a list of thousands."""
    if not hasattr(group, "blackstart_states"):
        group.blackstart_states = {}
    found: dict[str, Any] = group.blackstart_states
    return found


def _launched(
    instance: Any, subnet: str, reference: dict[str, Any] | None, version: int, configuration: Any
) -> Launched:
    return Launched(
        instance_id=instance.id,
        zone=instance.placement.zone or "",
        subnet=subnet,
        instance_type=instance.instance_type or "",
        template_id=reference["LaunchTemplateId"] if reference else "",
        template_version=version,
        launch_name=configuration.name if configuration else "",
    )


def _template(group: Any) -> tuple[dict[str, Any] | None, int]:
    if not group.ec2_launch_template:
        return None, 1
    version = group.ec2_launch_template.get_version(group.launch_template_version).number
    return {"LaunchTemplateId": group.ec2_launch_template.id, "Version": str(version)}, int(version)


def _target_group(arn: str) -> Any | None:
    found = (backend.target_groups.get(arn) for backend in moto_backends.existing("elbv2"))
    return next((group for group in found if group is not None), None)
