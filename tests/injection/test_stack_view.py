"""The stack as AWS's describe calls show it (here moto's, over HTTP on loopback)."""

from datetime import UTC, datetime
from typing import Any

import pytest

from blackstart.aws_clients import AwsClients
from blackstart.domain.errors import UsageError
from blackstart.domain.stack import Alarm
from blackstart.domain.target_health import TargetState
from blackstart.injection.stack_view import (
    StackReader,
    describe_activities,
    describe_alarm_changes,
    describe_instance_states,
    describe_stack,
)


def test_a_stack_is_found_by_its_tags_with_logical_names(web_tier: AwsClients) -> None:
    stack = describe_stack(web_tier, "emulator")
    assert (stack.name, stack.region) == ("emulator", "us-east-1")
    (balancer,), (group,), (scaling,), (alarm,) = (
        stack.load_balancers,
        stack.target_groups,
        stack.scaling_groups,
        stack.alarms,
    )
    assert (balancer.name, balancer.resource_name, balancer.listener_ports) == ("web", "web-alb", (80,))
    assert balancer.zones == ("us-east-1a", "us-east-1b", "us-east-1c")
    assert (group.name, group.resource_name, group.deregistration_delay_s) == ("web", "web-tg", 30)
    assert group.load_balancer_arns == (balancer.arn,)
    assert (scaling.name, scaling.resource_name, scaling.desired_capacity) == ("web", "web-asg", 6)
    assert (scaling.health_check_type, scaling.grace_period_s) == ("ELB", 90)
    assert scaling.target_group_arns == (group.arn,)
    assert (alarm.name, alarm.zone, alarm.runbook) == ("healthy-hosts", "us-east-1a", "runbooks/healthy-hosts.md")
    assert (alarm.period_s, alarm.evaluation_periods) == (60, 1)


def test_the_health_check_is_the_target_groups_own(web_tier: AwsClients) -> None:
    check = describe_stack(web_tier, "emulator").target_groups[0].health_check
    assert (check.path, check.matcher, check.port) == ("/healthz", "200", "traffic-port")
    assert (check.interval_s, check.timeout_s, check.healthy_threshold, check.unhealthy_threshold) == (10, 5, 2, 2)


def test_instances_carry_group_and_opt_in_and_their_targets_carry_a_zone(web_tier: AwsClients) -> None:
    stack = describe_stack(web_tier, "emulator")
    assert len(stack.instances) == 6
    assert {(i.name, i.scaling_group, i.state, i.chaos_allowed) for i in stack.instances} == {
        ("web", "web-asg", "running", True)
    }
    zones = {i.instance_id: i.zone for i in stack.instances}
    targets = stack.target_groups[0].targets
    assert {t.target_id: t.zone for t in targets} == zones
    assert {(t.state, t.port) for t in targets} == {(TargetState.HEALTHY, 8080)}


def test_resources_of_other_stacks_and_of_none_are_left_out(web_tier: AwsClients) -> None:
    ec2 = web_tier.client("ec2")
    ec2.run_instances(ImageId="ami-12c6146b", MinCount=2, MaxCount=2)
    web_tier.client("cloudwatch").put_metric_alarm(
        AlarmName="other",
        Namespace="AWS/EC2",
        MetricName="CPUUtilization",
        Statistic="Average",
        ComparisonOperator="GreaterThanThreshold",
        Threshold=1,
        Period=60,
        EvaluationPeriods=1,
        Tags=[{"Key": "blackstart:stack", "Value": "other"}],
    )
    assert len(describe_stack(web_tier, "emulator").instances) == 6
    (alarm,) = describe_stack(web_tier, "other").alarms
    assert alarm.name == "other"  # without a name tag it is known by its own name


def test_more_resources_than_one_page_are_all_found(web_tier: AwsClients) -> None:
    elbv2 = web_tier.client("elbv2")
    vpc = elbv2.describe_target_groups()["TargetGroups"][0]["VpcId"]
    tags = [{"Key": "blackstart:stack", "Value": "emulator"}]
    for number in range(55):
        elbv2.create_target_group(Name=f"tg-{number}", Protocol="HTTP", Port=80, VpcId=vpc, Tags=tags)
    assert len(describe_stack(web_tier, "emulator").target_groups) == 56


def test_an_unknown_stack_is_an_error_that_lists_the_known_ones(web_tier: AwsClients) -> None:
    with pytest.raises(UsageError, match="carries the tag blackstart:stack = prod") as error:
        describe_stack(web_tier, "prod")
    assert "Stacks with resources here: emulator." in error.value.way_out


def test_an_empty_region_says_that_no_stack_is_deployed(clients: AwsClients) -> None:
    with pytest.raises(UsageError, match="No stack is deployed here at all"):
        describe_stack(clients, "emulator")


def test_an_instance_that_ec2_does_not_know_is_absent(web_tier: AwsClients) -> None:
    known = describe_stack(web_tier, "emulator").instances[0].instance_id
    found = describe_instance_states(web_tier, [known, "i-0123456789abcdef0"])
    assert [(i.instance_id, i.state) for i in found] == [(known, "running")]
    assert describe_instance_states(web_tier, []) == ()


def test_the_reader_sees_a_new_instance_with_its_zone_and_a_terminated_one_leave(web_tier: AwsClients) -> None:
    stack = describe_stack(web_tier, "emulator")
    reader = StackReader(web_tier, stack)
    group = stack.target_groups[0]
    new = web_tier.client("ec2").run_instances(
        ImageId="ami-12c6146b",
        MinCount=1,
        MaxCount=1,
        Placement={"AvailabilityZone": "us-east-1c"},
        TagSpecifications=[
            {"ResourceType": "instance", "Tags": [{"Key": "blackstart:stack", "Value": "emulator"}]},
        ],
    )["Instances"][0]
    gone = group.targets[0].target_id
    elbv2 = web_tier.client("elbv2")
    elbv2.register_targets(TargetGroupArn=group.arn, Targets=[{"Id": new["InstanceId"]}])
    elbv2.deregister_targets(TargetGroupArn=group.arn, Targets=[{"Id": gone}])
    seen = {target.target_id: target for target in reader.targets()}
    assert gone not in seen
    assert seen[new["InstanceId"]].zone == new["Placement"]["AvailabilityZone"]
    assert {target.target_group for target in seen.values()} == {"web"}
    states = {instance.instance_id: instance.state for instance in reader.instances()}
    assert states[new["InstanceId"]] == "running"
    assert len(states) == 7


class History:
    """Stands for CloudWatch and Auto Scaling where moto keeps no history."""

    def __init__(self, **answers: list[dict[str, Any]]) -> None:
        self.answers = answers
        self.asked: list[dict[str, Any]] = []

    def client(self, service: str) -> "History":
        return self

    def get_paginator(self, call: str) -> "History":
        return self

    def paginate(self, **parameters: Any) -> list[dict[str, Any]]:
        self.asked.append(parameters)
        return [{field: [row]} for field, rows in self.answers.items() for row in rows]


def update(name: str, at_s: float, old: str, new: str) -> dict[str, Any]:
    data = (
        f'{{"version":"1.0","oldState":{{"stateValue":"{old}","stateReason":"x"}},'
        f'"newState":{{"stateValue":"{new}","stateReason":"Threshold Crossed"}}}}'
    )
    return {"AlarmName": name, "Timestamp": datetime.fromtimestamp(at_s, UTC), "HistoryData": data}


def test_alarm_changes_keep_the_historys_own_time_and_other_alarms_are_left_out() -> None:
    alarms = [Alarm(name="healthy-hosts", resource_name="hh-a", state="OK", zone="us-east-1a")]
    history = History(
        AlarmHistoryItems=[
            update("hh-a", 1200.0, "ALARM", "OK"),
            update("other", 1150.0, "OK", "ALARM"),
            update("hh-a", 1100.5, "OK", "ALARM"),
        ]
    )
    first, second = describe_alarm_changes(history, alarms, since_s=1000.0)  # type: ignore[arg-type]
    assert (first.at_s, first.old_state, first.state, first.reason) == (1100.5, "OK", "ALARM", "Threshold Crossed")
    assert (first.name, first.zone, second.state) == ("healthy-hosts", "us-east-1a", "OK")
    assert history.asked == [
        {"HistoryItemType": "StateUpdate", "StartDate": datetime.fromtimestamp(1000, UTC)},
    ]


def test_activities_before_the_beginning_are_not_read(six: Any) -> None:
    def activity(id_: str, started_s: float, **fields: Any) -> dict[str, Any]:
        start = datetime.fromtimestamp(started_s, UTC)
        return {"ActivityId": id_, "StartTime": start, "StatusCode": "InProgress", "Cause": "c"} | fields

    history = History(
        Activities=[
            activity("new", 1300.0, Description="Launching a new EC2 instance: i-1"),
            activity("done", 1200.0, EndTime=datetime.fromtimestamp(1230, UTC), StatusCode="Successful"),
            activity("old", 900.0),
        ]
    )
    done, new = describe_activities(history, six.scaling_groups, since_s=1000.0)  # type: ignore[arg-type]
    assert (done.activity_id, done.started_s, done.ended_s, done.status) == ("done", 1200, 1230, "Successful")
    assert (new.activity_id, new.ended_s, new.scaling_group) == ("new", None, "web")
