"""Settings of an Auto Scaling group that AWS refuses, one by one. Pure: parameters in, a refusal raised.

Sources: EC2 Auto Scaling API reference, CreateAutoScalingGroup, UpdateAutoScalingGroup, InstanceMaintenancePolicy,
InstancesDistribution, Tag. AWS's words where somebody published them; else what its model's constraints make of it.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from blackstart.emulator.adapters.auto_scaling_errors import between, constraint, one_of, refusal
from blackstart.emulator.adapters.moto_group_descriptions import CONSTANTS

SHORTEST_LIFETIME_S, LONGEST_LIFETIME_S = 86_400, 31_536_000
HEALTH_CHECK_TYPES = ("EC2", "EBS", "ELB", "VPC_LATTICE")
TAGS_AT_MOST = 50
TARGET_GROUPS_AT_MOST = 10
STRATEGIES = ("balanced-best-effort", "balanced-only")
SPOT_STRATEGIES = (
    *("capacity-optimized", "capacity-optimized-prioritized", "diversified", "lowest-price"),
    "price-capacity-optimized",
)


def check_settings(given: Mapping[str, Any]) -> None:
    """The parameters of both calls. Raises Auto Scaling's ValidationError."""
    for parameter, member in (
        ("MinSize", "minSize"),
        ("MaxSize", "maxSize"),
        ("DesiredCapacity", "desiredCapacity"),
        ("DefaultCooldown", "defaultCooldown"),
        ("HealthCheckGracePeriod", "healthCheckGracePeriod"),
    ):
        between(_number(given.get(parameter)), member, 0)
    between(_number(given.get("DefaultInstanceWarmup")), "defaultInstanceWarmup", -1)
    _check_name(given["AutoScalingGroupName"])
    _check_health_check_type(given.get("HealthCheckType"))
    _check_lifetime(_number(given.get("MaxInstanceLifetime")))
    _check_termination_policies(given.get("TerminationPolicies"))
    _check_maintenance_policy(given.get("InstanceMaintenancePolicy"))
    one_of(
        (given.get("AvailabilityZoneDistribution") or {}).get("CapacityDistributionStrategy"),
        "availabilityZoneDistribution.capacityDistributionStrategy",
        STRATEGIES,
    )
    one_of(
        (given.get("AvailabilityZoneImpairmentPolicy") or {}).get("ImpairedZoneHealthCheckBehavior"),
        "availabilityZoneImpairmentPolicy.impairedZoneHealthCheckBehavior",
        ("ReplaceUnhealthy", "IgnoreUnhealthy"),
    )
    one_of(
        given.get("DeletionProtection"),
        "deletionProtection",
        ("none", "prevent-force-deletion", "prevent-all-deletion"),
    )
    _check_mixed(given.get("MixedInstancesPolicy"))


def check_tags(tags: Sequence[Mapping[str, Any]]) -> None:
    """Of a new group, or of CreateOrUpdateTags."""
    keys = [tag.get("Key", "") for tag in tags]
    for key in keys:
        if key.lower().startswith("aws:"):
            raise refusal("aws: prefixed tag key names are not allowed for external use")
    if len(set(keys)) < len(keys):
        raise refusal("Duplicate tag keys are not allowed.")
    if len(keys) > TAGS_AT_MOST:
        raise refusal(f"A group cannot have more than {TAGS_AT_MOST} tags.", "LimitExceeded")
    for tag in tags:
        one_of(tag.get("ResourceType") or None, "tags.resourceType", ("auto-scaling-group",))


def _check_name(name: str) -> None:
    if len(name) > 255:
        raise constraint(name, "autoScalingGroupName", "have length less than or equal to 255")


def _check_health_check_type(given: str | None) -> None:
    if given is None:
        return
    kinds = [kind.strip() for kind in given.split(",")]
    unknown = [kind for kind in kinds if kind not in HEALTH_CHECK_TYPES]
    if unknown:
        raise refusal(f"Invalid health check type: {given}. Valid types: [{', '.join(HEALTH_CHECK_TYPES)}]")


def _check_lifetime(given: int | None) -> None:
    if given not in (None, 0) and not SHORTEST_LIFETIME_S <= given <= LONGEST_LIFETIME_S:
        raise refusal(
            f"Maximum instance lifetime must be equal to 0 or between {SHORTEST_LIFETIME_S} and {LONGEST_LIFETIME_S} "
            "seconds (inclusive)"
        )


def _check_termination_policies(given: Sequence[str] | None) -> None:
    valid = CONSTANTS["describe_termination_policy_types"]["TerminationPolicyTypes"]
    for index, policy in enumerate(given or ()):
        custom = policy.startswith("arn:") and ":lambda:" in policy
        if not custom and policy not in valid:
            raise refusal(f"Invalid termination policy: {policy}. Valid policies: [{', '.join(valid)}]")
        if custom and index > 0:
            raise refusal("A custom termination policy must be the first in the list of termination policies.")


def _check_maintenance_policy(given: Mapping[str, Any] | None) -> None:
    if not given:
        return
    least, most = _number(given.get("MinHealthyPercentage")), _number(given.get("MaxHealthyPercentage"))
    if least is None or most is None:
        raise refusal("Both MinHealthyPercentage and MaxHealthyPercentage must be specified.")
    if least == most == -1:
        return
    between(least, "instanceMaintenancePolicy.minHealthyPercentage", 0, 100)
    between(most, "instanceMaintenancePolicy.maxHealthyPercentage", 100, 200)
    if most - least > 100:
        raise refusal(
            "The difference between MinHealthyPercentage and MaxHealthyPercentage cannot be greater than 100."
        )


def _check_mixed(given: Mapping[str, Any] | None) -> None:
    if not given:
        return
    if not (given.get("LaunchTemplate") or {}).get("LaunchTemplateSpecification"):
        raise refusal("A mixed instances policy must contain a launch template.")
    distribution = given.get("InstancesDistribution") or {}
    between(_number(distribution.get("OnDemandBaseCapacity")), "onDemandBaseCapacity", 0)
    between(
        _number(distribution.get("OnDemandPercentageAboveBaseCapacity")), "onDemandPercentageAboveBaseCapacity", 0, 100
    )
    one_of(
        distribution.get("OnDemandAllocationStrategy"), "onDemandAllocationStrategy", ("prioritized", "lowest-price")
    )
    one_of(distribution.get("SpotAllocationStrategy"), "spotAllocationStrategy", SPOT_STRATEGIES)
    between(_number(distribution.get("SpotInstancePools")), "spotInstancePools", 1, 20)


def _number(given: Any) -> int | None:
    return None if given is None else int(given)
