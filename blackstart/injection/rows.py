"""What the describe calls answer, as domain models. Pure: a row in, a value out."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from blackstart.domain.journal import AlarmChanged, ScalingActivity
from blackstart.domain.stack import Alarm, Instance, LoadBalancer, RegisteredTarget, ScalingGroup, TargetGroup
from blackstart.domain.stack_mapping import Kind, StackMapping
from blackstart.domain.target_health import HealthCheck, TargetReason, TargetState

Row = dict[str, Any]
GROUP_TAG = "aws:autoscaling:groupName"
ZONE_DIMENSION = "AvailabilityZone"
RUNBOOK = "Runbook: "
NAMED_IN_A_RULE = re.compile(r"""(?:OK|ALARM|INSUFFICIENT_DATA)\s*\(\s*["']?([^"')]+?)["']?\s*\)""")


def tags_of(rows: Iterable[Row] | None) -> dict[str, str]:
    """AWS's list of Key and Value as a mapping."""
    return {row["Key"]: row["Value"] for row in rows or ()}


def instance(row: Row, stack: str, mapping: StackMapping) -> Instance | None:
    """None for one of another stack. Without a name tag it is called by its Auto Scaling group's name, or by its id."""
    tagged = tags_of(row.get("Tags"))
    name = mapping.logical_name(Kind.INSTANCES, stack, tagged.get(GROUP_TAG, ""), tagged)
    return None if name is None else _instance(row, name or row["InstanceId"], mapping.allows_chaos(tagged))


def instance_of_any_stack(row: Row) -> Instance:
    """For its state and place; it is called by its id and never opted in."""
    return _instance(row, row["InstanceId"], False)


def _instance(row: Row, name: str, chaos_allowed: bool) -> Instance:
    tagged = tags_of(row.get("Tags"))
    return Instance(
        instance_id=row["InstanceId"],
        name=name,
        zone=row["Placement"]["AvailabilityZone"],
        state=row["State"]["Name"],
        private_ip=row.get("PrivateIpAddress"),
        scaling_group=tagged.get(GROUP_TAG),
        chaos_allowed=chaos_allowed,
    )


def load_balancer(row: Row, name: str, listeners: Sequence[Row]) -> LoadBalancer:
    return LoadBalancer(
        name=name,
        arn=row["LoadBalancerArn"],
        resource_name=row["LoadBalancerName"],
        dns_name=row["DNSName"],
        zones=tuple(sorted(zone["ZoneName"] for zone in row["AvailabilityZones"])),
        listener_ports=tuple(sorted(listener["Port"] for listener in listeners)),
        https_ports=tuple(sorted(listener["Port"] for listener in listeners if listener.get("Protocol") == "HTTPS")),
    )


def target_group(row: Row, name: str, attributes: Mapping[str, str]) -> TargetGroup:
    return TargetGroup(
        name=name,
        arn=row["TargetGroupArn"],
        resource_name=row["TargetGroupName"],
        load_balancer_arns=tuple(row.get("LoadBalancerArns", ())),
        health_check=_health_check(row),
        deregistration_delay_s=float(attributes.get("deregistration_delay.timeout_seconds", 300)),
    )


def _health_check(row: Row) -> HealthCheck:
    """A TCP check has neither path nor matcher; those then keep the defaults, which nothing reads."""
    fields = {
        "enabled": row.get("HealthCheckEnabled"),
        "protocol": row.get("HealthCheckProtocol"),
        "path": row.get("HealthCheckPath"),
        "port": row.get("HealthCheckPort"),
        "interval_s": row.get("HealthCheckIntervalSeconds"),
        "timeout_s": row.get("HealthCheckTimeoutSeconds"),
        "healthy_threshold": row.get("HealthyThresholdCount"),
        "unhealthy_threshold": row.get("UnhealthyThresholdCount"),
        "matcher": row.get("Matcher", {}).get("HttpCode"),
    }
    return HealthCheck.model_validate({name: value for name, value in fields.items() if value is not None})


def registered_target(row: Row, zones: Mapping[str, str]) -> RegisteredTarget:
    """zones: of the instances, since AWS names a target's zone only where the registration did."""
    target, health = row["Target"], row["TargetHealth"]
    return RegisteredTarget(
        target_id=target["Id"],
        port=target["Port"],
        zone=zones.get(target["Id"]) or target.get("AvailabilityZone") or "",
        state=TargetState(health["State"]),
        reason=TargetReason(health["Reason"]) if health.get("Reason") else None,
        description=health.get("Description") or "",
    )


def scaling_group(row: Row, name: str) -> ScalingGroup:
    return ScalingGroup(
        name=name,
        resource_name=row["AutoScalingGroupName"],
        min_size=row["MinSize"],
        max_size=row["MaxSize"],
        desired_capacity=row["DesiredCapacity"],
        zones=tuple(sorted(row["AvailabilityZones"])),
        health_check_type=row["HealthCheckType"],
        grace_period_s=float(row.get("HealthCheckGracePeriod") or 0),
        instance_ids=tuple(member["InstanceId"] for member in row.get("Instances", ())),
        target_group_arns=tuple(row.get("TargetGroupARNs", ())),
    )


def alarm(row: Row, name: str, zone: str | None) -> Alarm:
    """zone: by its tag; without one, the zone that the alarm's own dimension names. A metric or a composite alarm.

    The runbook is what follows "Runbook: " in the description.
    """
    runbook = (row.get("AlarmDescription") or "").partition(RUNBOOK)[2].split()
    dimensions = {dimension["Name"]: dimension["Value"] for dimension in row.get("Dimensions", ())}
    return Alarm(
        name=name,
        resource_name=row["AlarmName"],
        state=row["StateValue"],
        zone=zone or dimensions.get(ZONE_DIMENSION),
        period_s=float(row["Period"]) if row.get("Period") else None,
        evaluation_periods=row.get("EvaluationPeriods", 1),
        runbook=runbook[0] if runbook else None,
        children=tuple(dict.fromkeys(NAMED_IN_A_RULE.findall(row.get("AlarmRule") or ""))),
    )


def alarm_changed(row: Row, of: Alarm) -> AlarmChanged:
    """row: an item of the alarm history, type StateUpdate; its HistoryData is JSON."""
    data = json.loads(row["HistoryData"])
    return AlarmChanged(
        name=of.name,
        resource_name=of.resource_name,
        zone=of.zone,
        old_state=data.get("oldState", {}).get("stateValue"),
        state=data["newState"]["stateValue"],
        reason=data["newState"].get("stateReason", ""),
        at_s=row["Timestamp"].timestamp(),
    )


def activity(row: Row, group: str) -> ScalingActivity:
    """group: the logical name of the scaling group."""
    return ScalingActivity(
        scaling_group=group,
        activity_id=row["ActivityId"],
        description=row.get("Description", ""),
        cause=row.get("Cause", ""),
        status=row["StatusCode"],
        started_s=row["StartTime"].timestamp(),
        ended_s=row["EndTime"].timestamp() if row.get("EndTime") else None,
    )
