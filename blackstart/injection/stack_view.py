"""One stack as AWS's describe calls show it, found by tags alone: whole, or in the parts that are worth polling."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from blackstart.aws_clients import AwsClients
from blackstart.domain import tags
from blackstart.domain.errors import UsageError
from blackstart.domain.journal import AlarmChanged, InstanceChanged, ScalingActivity, TargetHealthChanged
from blackstart.domain.stack import Alarm, Instance, LoadBalancer, ScalingGroup, Stack, TargetGroup
from blackstart.injection import rows

ARNS_A_CALL = 20  # elbv2 API reference, DescribeTags


def describe_stack(clients: AwsClients, stack: str) -> Stack:
    """Everything tagged `blackstart:stack` = stack, with the current health of every target.

    Raises UsageError when nothing is, naming the stacks that do exist in the region.
    """
    instances = describe_instances(clients, stack)
    balancers = _load_balancers(clients, stack)
    groups = describe_targets(clients, _target_groups(clients, stack), {i.instance_id: i.zone for i in instances})
    scaling = _scaling_groups(clients, stack)
    alarms = _alarms(clients, stack)
    if not (instances or balancers or groups or scaling or alarms):
        raise _no_such_stack(clients, stack)
    zones = {instance.zone for instance in instances}
    zones.update(zone for balancer in balancers for zone in balancer.zones)
    zones.update(zone for group in scaling for zone in group.zones)
    return Stack(
        name=stack,
        region=clients.region,
        instances=instances,
        target_groups=groups,
        load_balancers=balancers,
        scaling_groups=scaling,
        alarms=alarms,
        zones=tuple(sorted(zones)),
    )


def describe_instances(clients: AwsClients, stack: str) -> tuple[Instance, ...]:
    """The stack's instances in every state that EC2 still tells of, ordered by zone and id."""
    filters = [{"Name": f"tag:{tags.STACK_TAG}", "Values": [stack]}]
    found = _pages(clients, "ec2", "describe_instances", "Reservations", Filters=filters)
    instances = [rows.instance(row) for reservation in found for row in reservation["Instances"]]
    return tuple(sorted(instances, key=lambda instance: (instance.zone, instance.instance_id)))


def describe_instance_states(clients: AwsClients, ids: Sequence[str]) -> tuple[Instance, ...]:
    """These instances; one that EC2 no longer knows is absent."""
    if not ids:
        return ()
    filters = [{"Name": "instance-id", "Values": list(ids)}]
    found = _pages(clients, "ec2", "describe_instances", "Reservations", Filters=filters)
    return tuple(rows.instance(row) for reservation in found for row in reservation["Instances"])


def describe_targets(
    clients: AwsClients, target_groups: Sequence[TargetGroup], zones: Mapping[str, str]
) -> tuple[TargetGroup, ...]:
    """The same target groups with their targets of this moment: one call each.

    zones: the zone of each known instance; those of others are asked for, in one more call.
    """
    health = {
        group.arn: clients.client("elbv2").describe_target_health(TargetGroupArn=group.arn)["TargetHealthDescriptions"]
        for group in target_groups
    }
    ids = {row["Target"]["Id"] for found in health.values() for row in found}
    unknown = sorted(id_ for id_ in ids - zones.keys() if id_.startswith("i-"))
    known = dict(zones) | {i.instance_id: i.zone for i in describe_instance_states(clients, unknown)}
    return tuple(
        group.model_copy(update={"targets": tuple(rows.registered_target(row, known) for row in health[group.arn])})
        for group in target_groups
    )


def describe_alarm_changes(clients: AwsClients, alarms: Sequence[Alarm], since_s: float) -> tuple[AlarmChanged, ...]:
    """State changes at or after a moment, oldest first; the caller drops those it has seen.

    since_s: 0 for all that CloudWatch still has. One call for all alarms of the account: the history of one at a time
    would cost a call each.
    """
    known = {alarm.resource_name: alarm for alarm in alarms}
    since = {"StartDate": datetime.fromtimestamp(since_s, UTC)} if since_s else {}
    found = _pages(
        clients, "cloudwatch", "describe_alarm_history", "AlarmHistoryItems", HistoryItemType="StateUpdate", **since
    )
    changes = [rows.alarm_changed(row, known[row["AlarmName"]]) for row in found if row.get("AlarmName") in known]
    return tuple(sorted(changes, key=lambda change: change.at_s))


def describe_activities(
    clients: AwsClients, scaling_groups: Sequence[ScalingGroup], since_s: float = 0.0
) -> tuple[ScalingActivity, ...]:
    """The groups' activities that started at or after a moment, oldest first. AWS lists the newest first."""
    activities = []
    for group in scaling_groups:
        name = group.resource_name
        found = _pages(clients, "autoscaling", "describe_scaling_activities", "Activities", AutoScalingGroupName=name)
        for row in found:
            if row["StartTime"].timestamp() < since_s:
                break
            activities.append(rows.activity(row, group.name))
    return tuple(sorted(activities, key=lambda activity: (activity.started_s, activity.activity_id)))


class StackReader:
    """What the observer polls. Not for several threads; give it clients of its own.

    since_s: alarm changes and activities before this moment are none of the run's.
    """

    def __init__(self, clients: AwsClients, stack: Stack, since_s: float = 0.0) -> None:
        self._clients = clients
        self._stack = stack
        self._zones = {instance.instance_id: instance.zone for instance in stack.instances}
        self._alarms_since_s = since_s
        self._activities_since_s = since_s

    def targets(self) -> list[TargetHealthChanged]:
        """Every registered target of the stack as it is now: one call a target group."""
        groups = describe_targets(self._clients, self._stack.target_groups, self._zones)
        self._zones.update({t.target_id: t.zone for group in groups for t in group.targets if t.zone})
        return [
            TargetHealthChanged(
                target_group=group.name,
                target_id=target.target_id,
                port=target.port,
                zone=target.zone,
                state=target.state,
                reason=target.reason,
                description=target.description,
            )
            for group in groups
            for target in group.targets
        ]

    def instances(self) -> list[InstanceChanged]:
        """Every instance of the stack as it is now."""
        found = describe_instances(self._clients, self._stack.name)
        self._zones.update({instance.instance_id: instance.zone for instance in found})
        return [
            InstanceChanged(
                instance_id=instance.instance_id, name=instance.name, zone=instance.zone, state=instance.state
            )
            for instance in found
        ]

    def alarms(self) -> list[AlarmChanged]:
        """Alarm changes since the last call; those of the newest moment seen may come again."""
        changes = describe_alarm_changes(self._clients, self._stack.alarms, self._alarms_since_s)
        self._alarms_since_s = max((change.at_s for change in changes), default=self._alarms_since_s)
        return list(changes)

    def activities(self) -> list[ScalingActivity]:
        """Every activity of the stack's groups since the reader's beginning, with its status of now."""
        return list(describe_activities(self._clients, self._stack.scaling_groups, self._activities_since_s))


def _load_balancers(clients: AwsClients, stack: str) -> tuple[LoadBalancer, ...]:
    found = list(_pages(clients, "elbv2", "describe_load_balancers", "LoadBalancers"))
    return tuple(
        rows.load_balancer(row, tagged, _listener_ports(clients, row["LoadBalancerArn"]))
        for row, tagged in _tagged(clients, found, "LoadBalancerArn", stack)
    )


def _listener_ports(clients: AwsClients, arn: str) -> tuple[int, ...]:
    listeners = _pages(clients, "elbv2", "describe_listeners", "Listeners", LoadBalancerArn=arn)
    return tuple(sorted(listener["Port"] for listener in listeners))


def _target_groups(clients: AwsClients, stack: str) -> tuple[TargetGroup, ...]:
    found = list(_pages(clients, "elbv2", "describe_target_groups", "TargetGroups"))
    return tuple(
        rows.target_group(row, tagged, _attributes(clients, row["TargetGroupArn"]))
        for row, tagged in _tagged(clients, found, "TargetGroupArn", stack)
    )


def _attributes(clients: AwsClients, arn: str) -> dict[str, str]:
    answer = clients.client("elbv2").describe_target_group_attributes(TargetGroupArn=arn)
    return rows.tags_of(answer["Attributes"])


def _tagged(
    clients: AwsClients, found: Sequence[rows.Row], arn_field: str, stack: str
) -> Iterator[tuple[rows.Row, dict[str, str]]]:
    """The load-balancing resources of the stack with their tags, which their describe calls leave out."""
    arns = [row[arn_field] for row in found]
    tagged: dict[str, dict[str, str]] = {}
    for start in range(0, len(arns), ARNS_A_CALL):
        answer = clients.client("elbv2").describe_tags(ResourceArns=arns[start : start + ARNS_A_CALL])
        tagged |= {row["ResourceArn"]: rows.tags_of(row["Tags"]) for row in answer["TagDescriptions"]}
    for row in found:
        its_tags = tagged.get(row[arn_field], {})
        if its_tags.get(tags.STACK_TAG) == stack:
            yield row, its_tags


def _scaling_groups(clients: AwsClients, stack: str) -> tuple[ScalingGroup, ...]:
    found = _pages(clients, "autoscaling", "describe_auto_scaling_groups", "AutoScalingGroups")
    return tuple(rows.scaling_group(row) for row in found if rows.tags_of(row["Tags"]).get(tags.STACK_TAG) == stack)


def _alarms(clients: AwsClients, stack: str) -> tuple[Alarm, ...]:
    """Tags of an alarm come one alarm a call: CloudWatch has no bulk call for them."""
    cloudwatch = clients.client("cloudwatch")
    alarms = []
    for row in _pages(clients, "cloudwatch", "describe_alarms", "MetricAlarms", AlarmTypes=["MetricAlarm"]):
        tagged = rows.tags_of(cloudwatch.list_tags_for_resource(ResourceARN=row["AlarmArn"])["Tags"])
        if tagged.get(tags.STACK_TAG) == stack:
            alarms.append(rows.alarm(row, tagged))
    return tuple(sorted(alarms, key=lambda alarm: alarm.resource_name))


def _no_such_stack(clients: AwsClients, stack: str) -> UsageError:
    filters = [{"Name": "key", "Values": [tags.STACK_TAG]}]
    found = {row["Value"] for row in _pages(clients, "ec2", "describe_tags", "Tags", Filters=filters)}
    known = f"Stacks with resources here: {', '.join(sorted(found))}." if found else "No stack is deployed here at all."
    return UsageError(
        f"nothing in {clients.region} carries the tag {tags.STACK_TAG} = {stack}",
        f"{known} Deploy it, or name the right one in the experiment's `stack`.",
    )


def _pages(clients: AwsClients, service: str, call: str, field: str, **parameters: Any) -> Iterator[rows.Row]:
    """Every row of a paginated call."""
    for page in clients.client(service).get_paginator(call).paginate(**parameters):
        yield from page[field]
