"""What the faults on instances share: the picture before, and what of it is still missing afterwards."""

from collections.abc import Collection, Iterator, Sequence
from typing import Any

from blackstart.aws_clients import AwsClients
from blackstart.domain.stack import Instance, ScalingGroup, Stack, TargetGroup
from blackstart.domain.target_health import TargetState
from blackstart.faults.contract import GroupBefore, Snapshot, TargetGroupBefore

# The slowest documented repair is detection, a group's look (5..60 s), launch and boot. An instance that installs its
# software at boot takes minutes; beyond ten nobody should call it self-healing.
RESTORED_WITHIN_S = 600.0


def group_of(stack: Stack, instance: Instance) -> ScalingGroup | None:
    """The Auto Scaling group an instance belongs to, or None."""
    return next((group for group in stack.scaling_groups if instance.instance_id in group.instance_ids), None)


def target_groups_of(stack: Stack, targets: Sequence[Instance]) -> tuple[TargetGroup, ...]:
    """The target groups in which any of these instances is registered."""
    ids = {target.instance_id for target in targets}
    return tuple(group for group in stack.target_groups if any(target.target_id in ids for target in group.targets))


def take_snapshot(
    stack: Stack, targets: Sequence[Instance], alone: Collection[str], effect_within_s: float, detection_s: float
) -> Snapshot:
    """The groups and target groups of these instances as they are now. detection_s: longest, before any repair."""
    ids = {target.instance_id for target in targets}
    groups = {group.resource_name: group for group in (group_of(stack, target) for target in targets) if group}
    return Snapshot(
        groups=tuple(
            GroupBefore(
                resource_name=group.resource_name,
                desired=group.desired_capacity,
                target_group_arns=group.target_group_arns,
            )
            for group in groups.values()
        ),
        target_groups=tuple(_before(group, ids) for group in target_groups_of(stack, targets)),
        alone_ids=tuple(target.instance_id for target in targets if target.instance_id in alone),
        effect_within_s=effect_within_s,
        restored_within_s=detection_s + RESTORED_WITHIN_S,
    )


def _before(group: TargetGroup, ids: Collection[str]) -> TargetGroupBefore:
    healthy = {target.target_id for target in group.targets if target.state is TargetState.HEALTHY}
    return TargetGroupBefore(
        name=group.name, arn=group.arn, healthy=len(healthy), healthy_ids=tuple(sorted(healthy & set(ids)))
    )


def target_states(clients: AwsClients, target_group_arn: str) -> dict[str, str]:
    """The state of each registered target by id, as `describe_target_health` says it, with the reason in brackets."""
    answer = clients.client("elbv2").describe_target_health(TargetGroupArn=target_group_arn)
    return {row["Target"]["Id"]: _worded(row["TargetHealth"]) for row in answer["TargetHealthDescriptions"]}


def _worded(health: dict[str, Any]) -> str:
    return f"{health['State']} ({health['Reason']})" if health.get("Reason") else str(health["State"])


def shortfalls(clients: AwsClients, before: Snapshot, gone: Collection[str]) -> Iterator[str]:
    """What is still missing, one sentence each; nothing when the groups and target groups are whole again.

    A group is whole at its desired capacity in service, a target group at as many healthy targets as before, less what
    the group's desired capacity has been lowered by since. gone: ids that no longer count, though AWS may still list
    them for a while.
    """
    fewer: dict[str, int] = {}
    for group in before.groups:
        capacity = _capacity(clients, group.resource_name, gone)
        if capacity is None:
            yield f"group {group.resource_name} no longer exists"
            continue
        desired, in_service = capacity
        for arn in group.target_group_arns:
            fewer[arn] = fewer.get(arn, 0) + max(0, group.desired - desired)
        if in_service < desired:
            yield f"group {group.resource_name} has {in_service} of {desired} instances in service"
    for target_group in before.target_groups:
        states = target_states(clients, target_group.arn)
        healthy = sum(state == TargetState.HEALTHY for id_, state in states.items() if id_ not in gone)
        needed = target_group.healthy - fewer.get(target_group.arn, 0)
        if healthy < needed:
            yield f"target group {target_group.name} has {healthy} of {needed} healthy targets"


def _capacity(clients: AwsClients, group_name: str, gone: Collection[str]) -> tuple[int, int] | None:
    """Desired capacity and healthy instances in service; None when there is no such group."""
    answer = clients.client("autoscaling").describe_auto_scaling_groups(AutoScalingGroupNames=[group_name])
    for group in answer["AutoScalingGroups"]:
        in_service = [
            member
            for member in group["Instances"]
            if member["InstanceId"] not in gone
            and member["LifecycleState"] == "InService"
            and member["HealthStatus"].lower() == "healthy"
        ]
        return int(group["DesiredCapacity"]), len(in_service)
    return None
