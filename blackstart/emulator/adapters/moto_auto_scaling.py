"""The Auto Scaling groups in moto's backends: read into snapshots, instances launched, members written back."""

from collections.abc import Callable, Mapping
from typing import Any

from blackstart.emulator.adapters import moto_backends
from blackstart.emulator.controllers.group_memory import Launched, LaunchError, Member
from blackstart.emulator.decisions.purchase import Pool
from blackstart.emulator.decisions.scaling_group import Distribution, GroupSnapshot, Mix

GROUP_TAG = "aws:autoscaling:groupName"


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
        shifted = self._shifted_zone(group.arn)
        template = group.ec2_launch_template
        return GroupSnapshot(
            name=group.name,
            desired=int(group.desired_capacity or 0),
            minimum=int(group.min_size or 0),
            maximum=int(group.max_size or 0),
            zones=tuple(dict.fromkeys(group.availability_zones)),
            elb_checks="ELB" in (group.health_check_type or ""),
            grace_period_s=float(group.health_check_grace_period or 0),
            suspended=frozenset(group._suspended_processes),
            distribution=Distribution(distribution.get("CapacityDistributionStrategy") or Distribution.BEST_EFFORT),
            termination_policies=tuple(group.termination_policies),
            min_healthy_percent=_percentage(policy.get("MinHealthyPercentage")),
            max_healthy_percent=_percentage(policy.get("MaxHealthyPercentage")),
            shifted_zones=frozenset({shifted} if shifted else ()),
            ignores_impaired=impairment.get("ImpairedZoneHealthCheckBehavior") == "IgnoreUnhealthy",
            warm_up_s=float(getattr(group, "default_instance_warmup", None) or 0),
            capacity_rebalance=bool(getattr(group, "capacity_rebalance", False)),
            mix=mix_of(group.mixed_instances_policy),
            template_id=template.id if template else "",
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
        """Run one instance in a subnet of the zone that has an address left. Raises LaunchError."""
        subnets = self._subnets(group, zone) or [None]
        for subnet in subnets[:-1]:
            try:
                return _run(group, zone, subnet, pool)
            except LaunchError as error:
                if error.code != "InsufficientFreeAddressesInSubnet":
                    raise
        return _run(group, zone, subnets[-1], pool)

    def existing(self, group: Any, instance_id: str) -> Launched:
        instance = group.ec2_backend.get_instance(instance_id)
        instance.autoscaling_group = group
        group.ec2_backend.create_tags([instance_id], {GROUP_TAG: group.name})
        return _launched(instance, instance.subnet_id or "", None, 1, None)

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

    def _subnets(self, group: Any, zone: str) -> list[str | None]:
        """The group's subnets of a zone in the order of trying; AWS says random, here each begins in its turn."""
        wanted = [subnet_id.strip() for subnet_id in (group.vpc_zone_identifier or "").split(",") if subnet_id.strip()]
        known = (_subnet(group, one) for one in wanted)
        found: list[str | None] = [subnet.id for subnet in known if subnet and subnet.availability_zone == zone]
        if len(found) < 2:
            return found
        turns = _turns(group)
        turns[zone] = turn = (turns.get(zone, -1) + 1) % len(found)
        return found[turn:] + found[:turn]


def _turns(group: Any) -> dict[str, int]:
    """Which of a zone's subnets the last instance of a group went to."""
    if not hasattr(group, "blackstart_turns"):
        group.blackstart_turns = {}
    found: dict[str, int] = group.blackstart_turns
    return found


def mix_of(policy: Mapping[str, Any] | None) -> Mix | None:
    """A mixed instances policy, as the API has it, with the API's defaults."""
    if not policy:
        return None
    distribution = policy.get("InstancesDistribution") or {}
    overrides = (policy.get("LaunchTemplate") or {}).get("Overrides") or []
    return Mix(
        instance_types=tuple(one["InstanceType"] for one in overrides if one.get("InstanceType")),
        on_demand_base=int(distribution.get("OnDemandBaseCapacity") or 0),
        on_demand_percent=int(_given(distribution.get("OnDemandPercentageAboveBaseCapacity"), 100)),
        spot_strategy=str(distribution.get("SpotAllocationStrategy") or "lowest-price"),
        spot_pools=int(_given(distribution.get("SpotInstancePools"), 2)),
    )


def _given(value: Any, default: int) -> Any:
    return default if value is None else value


def _subnet(group: Any, subnet_id: str) -> Any | None:
    from moto.core.exceptions import ServiceException

    try:
        return group.ec2_backend.get_subnet(subnet_id)
    except ServiceException:
        return None


def _run(group: Any, zone: str, subnet: str | None, pool: Pool | None) -> Launched:
    from moto.core.exceptions import ServiceException

    configuration = group.launch_config
    try:
        reference, version = _template(group, pool)
        source = version or configuration
        reservation = group.ec2_backend.run_instances(
            source.image_id,
            1,
            source.user_data,
            source.security_groups,
            instance_type=pool.instance_type if pool and pool.instance_type else source.instance_type,
            tags={"instance": {**_tags(version), **group.get_propagated_tags(), GROUP_TAG: group.name}},
            placement=zone,
            launch_config=configuration,
            launch_template=reference,
            is_instance_type_default=False,
            associate_public_ip=configuration.associate_public_ip_address if configuration else None,
            subnet_id=subnet,
            region_name=group.region,
            **({"monitoring_state": "enabled"} if getattr(configuration, "instance_monitoring_enabled", False) else {}),
            **({"instance_market_options": "spot"} if pool and pool.spot else {}),
        )
    except ServiceException as error:
        code = str(getattr(error, "code", ""))
        raise LaunchError(str(getattr(error, "message", error)), code) from error
    instance = reservation.instances[0]
    instance.autoscaling_group = group
    return _launched(instance, subnet or "", reference, int(version.number) if version else 1, configuration)


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
        spot=getattr(instance, "lifecycle", None) == "spot",
    )


def _tags(version: Any) -> dict[str, str]:
    return dict(version.instance_tags) if version else {}


def _template(group: Any, pool: Pool | None) -> tuple[dict[str, Any] | None, Any]:
    """The template and version to launch from, of a mixed group's override if that names one. Raises LaunchError."""
    if not group.ec2_launch_template:
        return None, None
    template, wanted = group.ec2_launch_template, group.launch_template_version
    specification = _override(group, pool).get("LaunchTemplateSpecification")
    if specification:
        wanted = specification.get("Version") or "$Default"
        backend, named = group.ec2_backend, specification.get("LaunchTemplateName")
        template = (
            backend.get_launch_template_by_name(named)
            if named
            else backend.get_launch_template(specification["LaunchTemplateId"])
        )
    if template.id not in group.ec2_backend.launch_templates:
        raise LaunchError(
            f"The specified launch template, with template ID {template.id}, does not exist.",
            "InvalidLaunchTemplateId.NotFound",
        )
    version = template.get_version(wanted)
    return {"LaunchTemplateId": template.id, "Version": str(version.number)}, version


def _override(group: Any, pool: Pool | None) -> Mapping[str, Any]:
    template = (group.mixed_instances_policy or {}).get("LaunchTemplate") or {}
    wanted = pool.instance_type if pool else ""
    return next((one for one in template.get("Overrides") or [] if one.get("InstanceType") == wanted), {})


def _target_group(arn: str) -> Any | None:
    found = (backend.target_groups.get(arn) for backend in moto_backends.existing("elbv2"))
    return next((group for group in found if group is not None), None)
