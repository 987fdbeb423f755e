"""Runs an Auto Scaling group's instances in moto: subnet, launch template or configuration, instance type, spot."""

from collections.abc import Iterator, Mapping
from typing import Any

from blackstart.domain.unserved import Unserved, UnservedKind
from blackstart.emulator.adapters import moto_backends
from blackstart.emulator.controllers.group_memory import Launched, LaunchError
from blackstart.emulator.decisions.purchase import Pool
from blackstart.emulator.decisions.scaling_group import Mix

GROUP_TAG = "aws:autoscaling:groupName"


def launch(group: Any, zone: str, pool: Pool | None) -> Launched:
    """Run one instance in a subnet of the zone that has an address left. Raises LaunchError."""
    subnets = _subnets(group, zone) or [None]
    for subnet in subnets[:-1]:
        try:
            return _run(group, zone, subnet, pool)
        except LaunchError as error:
            if error.code != "InsufficientFreeAddressesInSubnet":
                raise
    return _run(group, zone, subnets[-1], pool)


def launched(
    instance: Any, subnet: str, reference: Mapping[str, Any] | None = None, version: int = 1, configuration: Any = None
) -> Launched:
    """What the controllers know of an instance of moto's."""
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


def unserved() -> Iterator[Unserved]:
    """What groups declare of their instances and their end that has no effect."""
    for backend in moto_backends.existing("autoscaling"):
        for group in backend.autoscaling_groups.values():
            for reason in _without_effect(group):
                yield Unserved(kind=UnservedKind.SCALING_GROUP, resource=group.name, reason=reason)


def _without_effect(group: Any) -> Iterator[str]:
    overrides = ((group.mixed_instances_policy or {}).get("LaunchTemplate") or {}).get("Overrides") or []
    if any(str(one.get("WeightedCapacity") or "1") != "1" for one in overrides):
        yield f"the instance weights of {group.name}: each instance counts as one"
    if any(one.get("InstanceRequirements") for one in overrides):
        yield f"the instance requirements of {group.name}: its launch template's instance type is launched"
    if any(str(policy).startswith("arn:") for policy in group.termination_policies):
        yield f"the custom termination policy of {group.name} is not asked"


def _subnets(group: Any, zone: str) -> list[str | None]:
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


def _subnet(group: Any, subnet_id: str) -> Any | None:
    from moto.core.exceptions import ServiceException

    try:
        return group.ec2_backend.get_subnet(subnet_id)
    except ServiceException:
        return None


def _run(group: Any, zone: str, subnet: str | None, pool: Pool | None) -> Launched:
    from moto.core.exceptions import ServiceException

    configuration = None if group.ec2_launch_template else group.launch_config
    try:
        reference, version = _template(group, pool, subnet or "")
        source: Any = version or configuration
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
            **({"instance_market_options": "spot"} if _is_spot(pool, configuration) else {}),
        )
    except ServiceException as error:
        code = str(getattr(error, "code", ""))
        raise LaunchError(str(getattr(error, "message", error)), code, subnet or "") from error
    instance = reservation.instances[0]
    instance.autoscaling_group = group
    return launched(instance, subnet or "", reference, int(version.number) if version else 1, configuration)


def _is_spot(pool: Pool | None, configuration: Any) -> bool:
    return pool.spot if pool else bool(getattr(configuration, "spot_price", None))


def _tags(version: Any) -> dict[str, str]:
    return dict(version.instance_tags) if version else {}


def _template(group: Any, pool: Pool | None, subnet: str) -> tuple[dict[str, Any] | None, Any]:
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
            subnet,
        )
    version = template.get_version(wanted)
    return {"LaunchTemplateId": template.id, "Version": str(version.number)}, version


def _override(group: Any, pool: Pool | None) -> Mapping[str, Any]:
    template = (group.mixed_instances_policy or {}).get("LaunchTemplate") or {}
    wanted = pool.instance_type if pool else ""
    return next((one for one in template.get("Overrides") or [] if one.get("InstanceType") == wanted), {})
