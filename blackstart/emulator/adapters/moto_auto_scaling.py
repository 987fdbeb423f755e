"""The Auto Scaling groups in moto's backends: read into snapshots, members written back."""

from collections.abc import Callable
from typing import Any

from blackstart.emulator.adapters import moto_backends, moto_group_launch
from blackstart.emulator.adapters.moto_group_launch import GROUP_TAG
from blackstart.emulator.controllers.group_memory import Launched, Member
from blackstart.emulator.decisions.purchase import Pool
from blackstart.emulator.decisions.scaling_group import Distribution, GroupSnapshot


class MotoGroups:
    """The Auto Scaling groups in moto's backends. shifted_zone: the zone that a group's capacity is kept away from."""

    def __init__(self, shifted_zone: Callable[[str], str | None] = lambda _arn: None) -> None:
        self._shifted_zone = shifted_zone

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
        distribution = getattr(group, "availability_zone_distribution", None) or {}
        impairment = getattr(group, "availability_zone_impairment_policy", None) or {}
        zones, shifted = tuple(dict.fromkeys(group.availability_zones)), self._shifted_zone(group.arn)
        template = group.ec2_launch_template
        return GroupSnapshot(
            name=group.name,
            desired=int(group.desired_capacity or 0),
            minimum=int(group.min_size or 0),
            maximum=int(group.max_size or 0),
            zones=zones,
            elb_checks="ELB" in (group.health_check_type or ""),
            grace_period_s=float(group.health_check_grace_period or 0),
            suspended=frozenset(group._suspended_processes),
            distribution=Distribution(distribution.get("CapacityDistributionStrategy") or Distribution.BEST_EFFORT),
            termination_policies=tuple(group.termination_policies),
            min_healthy_percent=_percentage(policy.get("MinHealthyPercentage")),
            max_healthy_percent=_percentage(policy.get("MaxHealthyPercentage")),
            shifted_zones=frozenset(zone for zone in zones if zone == shifted),
            ignores_impaired=impairment.get("ImpairedZoneHealthCheckBehavior") == "IgnoreUnhealthy",
            warm_up_s=float(getattr(group, "default_instance_warmup", None) or 0),
            capacity_rebalance=bool(getattr(group, "capacity_rebalance", False)),
            mix=moto_group_launch.mix_of(group.mixed_instances_policy),
            template_id=template.id if template else "",
            template_version=str(group.launch_template_version or "") if template else "",
            launch_name="" if template else group.launch_configuration_name or "",
        )

    def set_desired(self, group: Any, desired: int) -> None:
        group.desired_capacity = desired

    def begin_deletion(self, group: Any) -> None:
        group.status = "Delete in progress"
        group.min_size = group.desired_capacity = 0

    def remove(self, group: Any) -> None:
        groups = group.autoscaling_backend.autoscaling_groups
        if groups.get(group.name) is group:
            del groups[group.name]

    def protects_new(self, group: Any) -> bool:
        return bool(group.new_instances_protected_from_scale_in)

    def target_groups(self, group: Any) -> tuple[str, ...]:
        """The group's target groups that still exist."""
        known = group.autoscaling_backend.elbv2_backend.target_groups
        return tuple(arn for arn in group.target_group_arns if arn in known)

    def launch(self, group: Any, zone: str, pool: Pool | None = None) -> Launched:
        return moto_group_launch.launch(group, zone, pool)

    def existing(self, group: Any, instance_id: str) -> Launched:
        instance = group.ec2_backend.get_instance(instance_id)
        instance.autoscaling_group = group
        group.ec2_backend.create_tags([instance_id], {GROUP_TAG: group.name})
        return moto_group_launch.launched(instance, instance.subnet_id or "")

    def release(self, group: Any, instance_id: str) -> None:
        group.ec2_backend.delete_tags([instance_id], {GROUP_TAG: group.name})
        instance = group.ec2_backend.get_instance_by_id(instance_id)
        if instance is not None:
            del instance.autoscaling_group

    def show(self, group: Any, member: Member) -> None:
        from moto.autoscaling.models import InstanceState

        shown = _shown(group)
        state = shown.get(member.instance_id)
        if state is None:
            state = InstanceState(group.ec2_backend.get_instance(member.instance_id), autoscaling_group=group)
            state.blackstart_launched = member.instance
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


def _percentage(value: Any) -> int | None:
    """A percentage of the maintenance policy; -1 clears it."""
    return None if value is None or int(value) < 0 else int(value)


def _shown(group: Any) -> dict[str, Any]:
    """moto's states of a group's members by instance, so that none is looked for in a list of thousands."""
    if not hasattr(group, "blackstart_states"):
        group.blackstart_states = {}
    found: dict[str, Any] = group.blackstart_states
    return found


def _target_group(arn: str) -> Any | None:
    found = (backend.target_groups.get(arn) for backend in moto_backends.existing("elbv2"))
    return next((group for group in found if group is not None), None)
