"""What CreateAutoScalingGroup and UpdateAutoScalingGroup are told and moto drops: kept and described.

Replaced: both calls; `suspend_processes`, `resume_processes` (any word is taken, no moment is kept). Added: a group's
`traffic_sources`.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from blackstart.domain.unserved import Unserved, UnservedKind
from blackstart.emulator.adapters import moto_backends, moto_lifecycle_hooks
from blackstart.emulator.adapters.auto_scaling_errors import group_named, refusal
from blackstart.emulator.adapters.moto_lifecycle_hooks import MotoHooks
from blackstart.emulator.adapters.patches import Patches
from blackstart.emulator.controllers.activity_log import moment
from blackstart.emulator.decisions.scaling_group import Process

TestTeller = Callable[[Any, str, str], None]
"""Sends a new notification target its test message: (group, target, role)."""
KEPT = {
    "AvailabilityZoneDistribution": "availability_zone_distribution",
    "CapacityReservationSpecification": "capacity_reservation_specification",
    "Context": "context",
    "DeletionProtection": "deletion_protection",
    "DesiredCapacityType": "desired_capacity_type",
    "InstanceLifecyclePolicy": "instance_lifecycle_policy",
    "InstanceMaintenancePolicy": "instance_maintenance_policy",
    "PlacementGroup": "placement_group",
    "ServiceLinkedRoleARN": "service_linked_role_arn",
    "TerminationPolicies": "termination_policies",
}
"""moto's attributes, by which it also describes them, by parameter."""
NUMBERS = {
    "DefaultCooldown": "default_cooldown",
    "DefaultInstanceWarmup": "default_instance_warmup",
    "HealthCheckGracePeriod": "health_check_grace_period",
    "MaxInstanceLifetime": "max_instance_lifetime",
}
SHOWN_BY_DEFAULT: Mapping[str, Any] = {
    "availability_zone_distribution": {"CapacityDistributionStrategy": "balanced-best-effort"},
    "availability_zone_impairment_policy": {
        "ZonalShiftEnabled": False,
        "ImpairedZoneHealthCheckBehavior": "IgnoreUnhealthy",
    },
    "capacity_reservation_specification": {"CapacityReservationPreference": "default"},
    "deletion_protection": "none",
    "health_check_grace_period": 0,
}


def install(patches: Patches, hooks: MotoHooks, now_s: Callable[[], float]) -> None:
    from moto.autoscaling.models import AutoScalingBackend, FakeAutoScalingGroup
    from moto.autoscaling.responses import AutoScalingResponse

    tell_test = moto_lifecycle_hooks.test_teller(hooks, now_s)
    patches.replace(AutoScalingBackend, "create_auto_scaling_group", lambda original: _creating(original, now_s))
    patches.replace(
        AutoScalingResponse, "create_auto_scaling_group", lambda original: _telling_of_creation(original, tell_test)
    )
    patches.replace(AutoScalingResponse, "update_auto_scaling_group", _telling_of_update)
    patches.replace(AutoScalingBackend, "suspend_processes", lambda _: _suspending(now_s))
    patches.replace(AutoScalingBackend, "resume_processes", lambda _: _resuming)
    patches.replace(FakeAutoScalingGroup, "suspended_processes", lambda _: property(_suspended, _set_suspended))
    patches.add(FakeAutoScalingGroup, "traffic_sources", property(_traffic_sources))


def unserved() -> Iterator[Unserved]:
    """Settings that are described and have no effect."""
    for backend in moto_backends.existing("autoscaling"):
        for group in backend.autoscaling_groups.values():
            for reason in _without_effect(group):
                yield Unserved(kind=UnservedKind.SCALING_GROUP, resource=group.name, reason=reason)


def _without_effect(group: Any) -> Iterator[str]:
    reservations = getattr(group, "capacity_reservation_specification", None) or {}
    unit = getattr(group, "desired_capacity_type", None) or "units"
    for kind in sorted({"EBS", "VPC_LATTICE"} & {word.strip() for word in (group.health_check_type or "").split(",")}):
        yield f"the {kind} health checks of {group.name} find nothing"
    if group.placement_group:
        yield f"the placement group of {group.name} places nothing"
    if getattr(group, "instance_lifecycle_policy", None):
        yield f"the instance lifecycle policy of {group.name} retains nothing"
    if reservations.get("CapacityReservationPreference", "default") not in ("default", "none"):
        yield f"the capacity reservations of {group.name} are not used"
    if unit != "units":
        yield f"the desired capacity of {group.name} counts instances, not {unit}"


def _creating(original: Callable[..., Any], now_s: Callable[[], float]) -> Callable[..., Any]:
    """A group made by a call or a template: AWS's defaults, and the moment in the emulator's time."""

    def create_auto_scaling_group(backend: Any, **wanted: Any) -> Any:
        group = original(backend, **wanted)
        for name, default in SHOWN_BY_DEFAULT.items():
            setattr(group, name, default)
        if wanted["health_check_period"] is not None:
            group.health_check_grace_period = int(wanted["health_check_period"])
        group.created_time = datetime.fromtimestamp(now_s(), UTC).replace(tzinfo=None)
        return group

    return create_auto_scaling_group


def _telling_of_creation(original: Callable[[Any], Any], tell_test: TestTeller) -> Callable[[Any], Any]:
    def create_auto_scaling_group(response: Any) -> Any:
        result = original(response)
        given = response._get_params()
        complete(response.autoscaling_backend.autoscaling_groups[given["AutoScalingGroupName"]], given, tell_test)
        return result

    return create_auto_scaling_group


def complete(group: Any, given: Mapping[str, Any], tell_test: TestTeller) -> None:
    """What moto dropped of a new group's parameters."""
    _keep(group, given)
    sources = given.get("TrafficSources", ())
    group.append_target_groups([source["Identifier"] for source in sources if _is_target_group(source)])
    for hook in given.get("LifecycleHookSpecificationList", ()):
        moto_lifecycle_hooks.specify(group.autoscaling_backend, group, hook, tell_test)


def _telling_of_update(original: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def update_auto_scaling_group(response: Any) -> Any:
        result = original(response)
        given = response._get_params()
        group = response.autoscaling_backend.autoscaling_groups[given["AutoScalingGroupName"]]
        _keep(group, given)
        keep_one_launch_source(group, given)
        return result

    return update_auto_scaling_group


def _keep(group: Any, given: Mapping[str, Any]) -> None:
    for parameter, name in KEPT.items():
        if parameter in given:
            setattr(group, name, given[parameter] or None)
    for parameter, name in NUMBERS.items():
        if parameter in given:
            setattr(group, name, int(given[parameter]))
    if "CapacityRebalance" in given:
        group.capacity_rebalance = _flag(given["CapacityRebalance"])
    if "AvailabilityZoneImpairmentPolicy" in given:
        policy = given["AvailabilityZoneImpairmentPolicy"]
        group.availability_zone_impairment_policy = {
            **group.availability_zone_impairment_policy,
            **policy,
            "ZonalShiftEnabled": _flag(policy.get("ZonalShiftEnabled", False)),
        }
    _forget_cleared(group)


def _flag(given: Any) -> bool:
    return str(given).lower() == "true"


def _forget_cleared(group: Any) -> None:
    """-1 clears the maintenance policy and the warm-up, 0 the lifetime."""
    policy = getattr(group, "instance_maintenance_policy", None)
    if policy and any(int(percent) < 0 for percent in policy.values()):
        group.instance_maintenance_policy = None
    if getattr(group, "default_instance_warmup", None) == -1:
        group.default_instance_warmup = None
    if getattr(group, "max_instance_lifetime", None) == 0:
        group.max_instance_lifetime = None
    group.termination_policies = group.termination_policies or ["Default"]


def keep_one_launch_source(group: Any, given: Mapping[str, Any]) -> None:
    """A group launches from one of three things; moto keeps the old beside the new."""
    if "LaunchConfigurationName" in given:
        group.ec2_launch_template = group.mixed_instances_policy = None
    elif "LaunchTemplate" in given or "MixedInstancesPolicy" in given:
        group.launch_config = group.launch_configuration_name = None
        if "LaunchTemplate" in given:
            group.mixed_instances_policy = None


def _suspending(now_s: Callable[[], float]) -> Callable[[Any, str, list[str]], None]:
    def suspend_processes(backend: Any, group_name: str, scaling_processes: list[str]) -> None:
        group = group_named(backend, group_name)
        _check_processes(scaling_processes)
        reason = f"User suspended at {moment(now_s())}"
        reasons = _reasons(group)
        for process in scaling_processes or list(Process):
            reasons.setdefault(str(process), reason)
        group._suspended_processes = list(reasons)

    return suspend_processes


def _resuming(backend: Any, group_name: str, scaling_processes: list[str]) -> None:
    group = group_named(backend, group_name)
    _check_processes(scaling_processes)
    reasons = _reasons(group)
    for process in scaling_processes or list(reasons):
        reasons.pop(process, None)
    group._suspended_processes = list(reasons)


def _check_processes(given: list[str]) -> None:
    unknown = [process for process in given if process not in set(Process)]
    if unknown:
        raise refusal(f"Unknown process types: [{', '.join(unknown)}]. Valid types: [{', '.join(Process)}].")


def _reasons(group: Any) -> dict[str, str]:
    if not hasattr(group, "blackstart_suspended"):
        group.blackstart_suspended = {}
    reasons: dict[str, str] = group.blackstart_suspended
    return reasons


def _suspended(group: Any) -> list[dict[str, str]]:
    return [{"ProcessName": process, "SuspensionReason": reason} for process, reason in sorted(_reasons(group).items())]


def _set_suspended(group: Any, processes: list[str]) -> None:
    """moto's own constructor, with none."""
    group._suspended_processes = processes


def _is_target_group(source: Mapping[str, Any]) -> bool:
    return ":targetgroup/" in source["Identifier"] and source.get("Type", "elbv2") == "elbv2"


def _traffic_sources(group: Any) -> list[dict[str, str]]:
    target_groups = [{"Identifier": arn, "Type": "elbv2"} for arn in group.target_group_arns]
    return [*target_groups, *({"Identifier": name, "Type": "elb"} for name in group.load_balancer_names)]
