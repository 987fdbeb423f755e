"""What must hold of Auto Scaling groups, read through the API. Imported by name, as `rig` and `web_stack`."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

STATES = frozenset(
    {
        *("Pending", "Pending:Wait", "Pending:Proceed", "InService", "EnteringStandby", "Standby", "Detaching"),
        *("Terminating", "Terminating:Wait", "Terminating:Proceed"),
    }
)
COUNTED = frozenset({"Pending", "Pending:Wait", "Pending:Proceed", "InService"})
ENDED = frozenset({"Successful", "Failed", "Cancelled"})
LAUNCHING = ("Launching a new EC2 instance: ", "Launching a new EC2 instance into warm pool: ")
TERMINATING = ("Terminating EC2 instance: ",)


def groups(asg: Any) -> list[dict[str, Any]]:
    """All groups, in one look."""
    found: list[dict[str, Any]] = asg.describe_auto_scaling_groups()["AutoScalingGroups"]
    return found


def always(found: Sequence[Mapping[str, Any]]) -> list[str]:
    """What is wrong with groups at any moment, however busy."""
    wrong = []
    owners = Counter(member["InstanceId"] for group in found for member in group["Instances"])
    wrong += [f"{instance_id} is a member {count} times" for instance_id, count in owners.items() if count > 1]
    for group in found:
        low, desired, high = group["MinSize"], group["DesiredCapacity"], group["MaxSize"]
        if not low <= desired <= high:
            wrong.append(f"{group['AutoScalingGroupName']}: desired {desired} is outside {low}..{high}")
        wrong += [
            f"unknown state {m['LifecycleState']}" for m in group["Instances"] if m["LifecycleState"] not in STATES
        ]
    return wrong


def targets_always(elb: Any, arns: Iterable[str]) -> list[str]:
    """Instances that are targets of one target group more than once."""
    wrong = []
    for arn in arns:
        seen = Counter(_targets(elb, arn))
        wrong += [f"{each} is a target {count} times" for each, count in seen.items() if count > 1]
    return wrong


def quiet(asg: Any) -> bool:
    """Whether every group has what it wants and nothing is on its way."""
    for group in groups(asg):
        name = group["AutoScalingGroupName"]
        states = Counter(member["LifecycleState"] for member in group["Instances"])
        if states != Counter({"InService": group["DesiredCapacity"]}):
            return False
        if any(activity["StatusCode"] not in ENDED for activity in activities(asg, name)):
            return False
    return True


def when_quiet(
    asg: Any, elb: Any, ec2: Any, *, foreign: Collection[str] = (), detached: Collection[str] = ()
) -> list[str]:
    """What is wrong once nothing moves and nothing is suspended. foreign: instances that users registered as targets
    themselves; detached: instances that users took out of their groups.
    """
    found = groups(asg)
    wrong = always(found)
    states = _ec2_states(ec2)
    for group in found:
        wrong += _of_quiet_group(elb, group, states, foreign)
        wrong += _of_log(asg, group["AutoScalingGroupName"], states, detached)
    return wrong


def activities(asg: Any, name: str) -> list[dict[str, Any]]:
    """The whole log of a group."""
    pages = asg.get_paginator("describe_scaling_activities").paginate(AutoScalingGroupName=name)
    return [activity for page in pages for activity in page["Activities"]]


def _of_quiet_group(
    elb: Any, group: Mapping[str, Any], states: Mapping[str, tuple[str, str]], foreign: Collection[str]
) -> list[str]:
    name, wrong = group["AutoScalingGroupName"], []
    members = {member["InstanceId"] for member in group["Instances"]}
    wrong += [
        f"{name}: {m['InstanceId']} is {m['LifecycleState']} and {m['HealthStatus']}"
        for m in group["Instances"]
        if (m["LifecycleState"], m["HealthStatus"]) != ("InService", "Healthy")
    ]
    if not group["MinSize"] <= len(members) <= group["MaxSize"] or len(members) != group["DesiredCapacity"]:
        wrong.append(f"{name}: {len(members)} members, desired {group['DesiredCapacity']}")
    wrong += [f"{name}: {each} is {states[each][0]}" for each in members if states[each][0] != "running"]
    zones = Counter(member["AvailabilityZone"] for member in group["Instances"])
    crowd = [zones[zone] for zone in group["AvailabilityZones"]]
    if max(crowd) - min(crowd) > 1:
        wrong.append(f"{name}: unbalanced {dict(zones)}")
    for arn in group["TargetGroupARNs"]:
        targets = set(_targets(elb, arn)) - set(foreign)
        if targets != members:
            wrong.append(f"{name}: targets without membership {targets - members}, members without {members - targets}")
    return wrong


def _of_log(asg: Any, name: str, states: Mapping[str, tuple[str, str]], detached: Collection[str]) -> list[str]:
    """Every launch and every termination has exactly one activity, and each activity has ended."""
    log, wrong = activities(asg, name), []
    wrong += [f"{a['Description']} is {a['StatusCode']}" for a in log if a["StatusCode"] not in ENDED]
    wrong += [f"{a['Description']} has no cause" for a in log if not a["Cause"].startswith("At ")]
    launched, terminated = _told(log, LAUNCHING), _told(log, TERMINATING)
    wrong += [f"{each} was launched {count} times" for each, count in launched.items() if count > 1]
    wrong += [f"{each} was terminated {count} times" for each, count in terminated.items() if count > 1]
    for instance_id, (state, owner) in states.items():
        if owner != name or instance_id in detached:
            continue
        if not launched[instance_id]:
            wrong.append(f"nobody says who launched {instance_id}")
        if state == "terminated" and not terminated[instance_id]:
            wrong.append(f"nobody says who terminated {instance_id}")
        if state != "terminated" and terminated[instance_id]:
            wrong.append(f"{instance_id} is said to be terminated and is {state}")
    return wrong


def _told(log: Sequence[Mapping[str, Any]], beginnings: Sequence[str]) -> Counter[str]:
    """How often each instance is the subject of an activity of that kind."""
    return Counter(
        activity["Description"].removeprefix(beginning).split(".")[0]
        for activity in log
        for beginning in beginnings
        if activity["Description"].startswith(beginning)
    )


def _targets(elb: Any, arn: str) -> list[str]:
    """Targets that are not draining."""
    found = elb.describe_target_health(TargetGroupArn=arn)["TargetHealthDescriptions"]
    return [each["Target"]["Id"] for each in found if each["TargetHealth"]["State"] != "draining"]


def _ec2_states(ec2: Any) -> dict[str, tuple[str, str]]:
    """State and group of every instance, by id; "" for instances without a group."""
    pages = ec2.get_paginator("describe_instances").paginate()
    found = [each for page in pages for reservation in page["Reservations"] for each in reservation["Instances"]]
    return {each["InstanceId"]: (each["State"]["Name"], _tag(each)) for each in found}


def _tag(instance: Mapping[str, Any]) -> str:
    tags = {tag["Key"]: tag["Value"] for tag in instance.get("Tags", [])}
    return tags.get("aws:autoscaling:groupName", "")
