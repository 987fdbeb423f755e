"""One stack as AWS's describe calls show it, found by tags and names: whole, or in the parts that are worth polling."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from blackstart.aws_clients import AwsClients
from blackstart.domain import tags
from blackstart.domain.errors import UsageError
from blackstart.domain.journal import AlarmChanged, InstanceChanged, ScalingActivity, TargetHealthChanged
from blackstart.domain.stack import Alarm, Instance, LoadBalancer, ScalingGroup, Stack, TargetGroup
from blackstart.domain.stack_mapping import Kind, StackMapping
from blackstart.injection import rows

ARNS_A_CALL = 20  # elbv2 API reference, DescribeTags
ALARM_TYPES = ["MetricAlarm", "CompositeAlarm"]  # CloudWatch API reference: without it, metric alarms only
ELBV2_FIELDS = {
    Kind.LOAD_BALANCERS: ("LoadBalancerArn", "LoadBalancerName"),
    Kind.TARGET_GROUPS: ("TargetGroupArn", "TargetGroupName"),
}
SOME = 8


def describe_stack(clients: AwsClients, stack: str, mapping: StackMapping | None = None) -> Stack:
    """Everything of the stack, with the current health of every target. mapping: None for this engine's own tags.

    Raises UsageError when nothing is of the stack, naming the stacks that do exist in the region.
    """
    mapping = mapping or StackMapping()
    instances = describe_instances(clients, stack, mapping)
    balancers = _load_balancers(clients, stack, mapping)
    found = _target_groups(clients, stack, mapping)
    groups = describe_targets(clients, found, {i.instance_id: i.zone for i in instances})
    scaling = _scaling_groups(clients, stack, mapping)
    alarms = _alarms(clients, stack, mapping)
    by_tags = alarms and not mapping.alarms  # one that the stack file names is there under any stack's name
    if not (instances or balancers or groups or scaling or by_tags):
        raise _no_such_stack(clients, stack, mapping)
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
        mapping=mapping,
    )


def describe_instances(clients: AwsClients, stack: str, mapping: StackMapping | None = None) -> tuple[Instance, ...]:
    """The stack's instances in every state that EC2 still tells of, ordered by zone and id."""
    mapping = mapping or StackMapping()
    found: dict[str, Instance] = {}
    for filters in _instance_filters(stack, mapping):
        for reservation in _pages(clients, "ec2", "describe_instances", "Reservations", Filters=filters):
            for row in reservation["Instances"]:
                if (instance := rows.instance(row, stack, mapping)) is not None:
                    found[instance.instance_id] = instance
    return tuple(sorted(found.values(), key=lambda instance: (instance.zone, instance.instance_id)))


def _instance_filters(stack: str, mapping: StackMapping) -> Iterator[list[rows.Row]]:
    """One question for the stack's tags, and one for each Auto Scaling group that the stack file names."""
    yield [{"Name": f"tag:{key}", "Values": [value]} for key, value in mapping.stack.wanted(stack).items()]
    for which in mapping.instances.values():
        if which.scaling_group is not None:
            yield [{"Name": f"tag:{rows.GROUP_TAG}", "Values": [which.scaling_group]}]


def describe_instance_states(clients: AwsClients, ids: Sequence[str]) -> tuple[Instance, ...]:
    """These instances; one that EC2 no longer knows is absent."""
    if not ids:
        return ()
    filters = [{"Name": "instance-id", "Values": list(ids)}]
    found = _pages(clients, "ec2", "describe_instances", "Reservations", Filters=filters)
    return tuple(rows.instance_of_any_stack(row) for reservation in found for row in reservation["Instances"])


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
    since: dict[str, Any] = {"StartDate": datetime.fromtimestamp(since_s, UTC)} if since_s else {}
    if any(alarm.children for alarm in alarms):
        since["AlarmTypes"] = ALARM_TYPES
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
        found = describe_instances(self._clients, self._stack.name, self._stack.mapping)
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


def _load_balancers(clients: AwsClients, stack: str, mapping: StackMapping) -> tuple[LoadBalancer, ...]:
    found = list(_pages(clients, "elbv2", "describe_load_balancers", "LoadBalancers"))
    return tuple(
        rows.load_balancer(row, name, _listeners(clients, row["LoadBalancerArn"]))
        for row, name in _named(clients, found, Kind.LOAD_BALANCERS, stack, mapping)
    )


def _listeners(clients: AwsClients, arn: str) -> list[rows.Row]:
    return list(_pages(clients, "elbv2", "describe_listeners", "Listeners", LoadBalancerArn=arn))


def _target_groups(clients: AwsClients, stack: str, mapping: StackMapping) -> tuple[TargetGroup, ...]:
    found = list(_pages(clients, "elbv2", "describe_target_groups", "TargetGroups"))
    return tuple(
        rows.target_group(row, name, _attributes(clients, row["TargetGroupArn"]))
        for row, name in _named(clients, found, Kind.TARGET_GROUPS, stack, mapping)
    )


def _attributes(clients: AwsClients, arn: str) -> dict[str, str]:
    answer = clients.client("elbv2").describe_target_group_attributes(TargetGroupArn=arn)
    return rows.tags_of(answer["Attributes"])


def _named(
    clients: AwsClients, found: Sequence[rows.Row], kind: Kind, stack: str, mapping: StackMapping
) -> Iterator[tuple[rows.Row, str]]:
    """The load-balancing resources of the stack with their logical names; their describe calls leave tags out."""
    arn_field, name_field = ELBV2_FIELDS[kind]
    arns = [row[arn_field] for row in found]
    tagged: dict[str, dict[str, str]] = {}
    for start in range(0, len(arns), ARNS_A_CALL):
        answer = clients.client("elbv2").describe_tags(ResourceArns=arns[start : start + ARNS_A_CALL])
        tagged |= {row["ResourceArn"]: rows.tags_of(row["Tags"]) for row in answer["TagDescriptions"]}
    for row in found:
        name = mapping.logical_name(kind, stack, row[name_field], tagged.get(row[arn_field], {}))
        if name is not None:
            yield row, name


def _scaling_groups(clients: AwsClients, stack: str, mapping: StackMapping) -> tuple[ScalingGroup, ...]:
    found = []
    for row in _pages(clients, "autoscaling", "describe_auto_scaling_groups", "AutoScalingGroups"):
        tagged = rows.tags_of(row["Tags"])
        name = mapping.logical_name(Kind.SCALING_GROUPS, stack, row["AutoScalingGroupName"], tagged)
        if name is not None:
            found.append(rows.scaling_group(row, name))
    return tuple(found)


def _alarms(clients: AwsClients, stack: str, mapping: StackMapping) -> tuple[Alarm, ...]:
    """Tags of an alarm come one alarm a call: CloudWatch has no bulk call for them."""
    cloudwatch = clients.client("cloudwatch")
    alarms = []
    for page in cloudwatch.get_paginator("describe_alarms").paginate(AlarmTypes=ALARM_TYPES):
        for row in (*page.get("MetricAlarms", ()), *page.get("CompositeAlarms", ())):
            tagged = rows.tags_of(cloudwatch.list_tags_for_resource(ResourceARN=row["AlarmArn"])["Tags"])
            name = mapping.logical_name(Kind.ALARMS, stack, row["AlarmName"], tagged)
            if name is not None:
                alarms.append(rows.alarm(row, name, tagged.get(mapping.zone.tag)))
    return tuple(sorted(alarms, key=lambda alarm: alarm.resource_name))


def _no_such_stack(clients: AwsClients, stack: str, mapping: StackMapping) -> UsageError:
    wanted = mapping.stack.wanted(stack)
    carrying = " and ".join(f"the tag {key} = {value}" for key, value in wanted.items())
    return UsageError(f"nothing in {clients.region} carries {carrying}", _stacks_that_are_there(clients, mapping))


def _stacks_that_are_there(clients: AwsClients, mapping: StackMapping) -> str:
    if mapping.stack.tag is None:
        return "Deploy it, or mend `stack.with_tags` in the stack file."
    found = _values_of(clients, mapping.stack.tag)
    known = f"Stacks with resources here: {', '.join(found)}." if found else "No stack is deployed here at all."
    if not found and mapping.stack.tag == tags.STACK_TAG and (keys := _tag_keys(clients)):
        return (
            f"Resources here carry other tags ({', '.join(keys[:SOME])}): say in a stack file which of them is the "
            "stack's, and name the file in the experiment's `stack_file`."
        )
    return f"{known} Deploy it, or name the right one in the experiment's `stack`."


def _values_of(clients: AwsClients, key: str) -> list[str]:
    filters = [{"Name": "key", "Values": [key]}]
    return sorted({row["Value"] for row in _pages(clients, "ec2", "describe_tags", "Tags", Filters=filters)})


def _tag_keys(clients: AwsClients) -> list[str]:
    return sorted({row["Key"] for row in _pages(clients, "ec2", "describe_tags", "Tags")})


def _pages(clients: AwsClients, service: str, call: str, field: str, **parameters: Any) -> Iterator[rows.Row]:
    """Every row of a paginated call."""
    for page in clients.client(service).get_paginator(call).paginate(**parameters):
        yield from page[field]
