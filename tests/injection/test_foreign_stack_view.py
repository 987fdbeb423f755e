"""Somebody else's stack, found by its own tags and names through a stack file (here moto's, over HTTP on loopback)."""

from typing import Any

import pytest

from blackstart.aws_clients import AwsClients
from blackstart.domain.errors import NoTargetError, UsageError
from blackstart.domain.experiment import TargetSelection
from blackstart.domain.stack_mapping import StackMapping
from blackstart.injection.rows import alarm
from blackstart.injection.selection import select
from blackstart.injection.stack_view import StackReader, describe_stack

SHOP: dict[str, Any] = {
    "stack": {"tag": "app"},
    "name": {"tag": "role"},
    "chaos": {"tag": "chaos", "value": "welcome"},
    "alarms": {"too-few": {"name": "shop-too-few-*"}},
}
IMAGE = "ami-12c6146b"


def mapping(**changes: Any) -> StackMapping:
    return StackMapping.model_validate(SHOP | changes)


def tags(**values: str) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in values.items()]


@pytest.fixture
def shop(clients: AwsClients) -> AwsClients:
    """Two instances of a group, a load balancer and a target group with tags of their own, an alarm without any."""
    elbv2, ec2 = clients.client("elbv2"), clients.client("ec2")
    subnets = sorted(ec2.describe_subnets()["Subnets"], key=lambda subnet: subnet["AvailabilityZone"])[:2]
    ids, vpc = [subnet["SubnetId"] for subnet in subnets], subnets[0]["VpcId"]
    elbv2.create_load_balancer(Name="shop-alb", Subnets=ids, Tags=tags(app="shop", role="front"))
    elbv2.create_load_balancer(Name="bakery-alb", Subnets=ids, Tags=tags(app="bakery", role="front"))
    elbv2.create_target_group(Name="shop-tg", Protocol="HTTP", Port=80, VpcId=vpc, Tags=tags(app="shop", role="front"))
    ec2.create_launch_template(LaunchTemplateName="shop", LaunchTemplateData={"ImageId": IMAGE})
    clients.client("autoscaling").create_auto_scaling_group(
        AutoScalingGroupName="shop-servers",
        LaunchTemplate={"LaunchTemplateName": "shop", "Version": "$Latest"},
        MinSize=2,
        MaxSize=2,
        VPCZoneIdentifier=",".join(ids),
        Tags=[tag | {"PropagateAtLaunch": True} for tag in tags(app="shop", role="server", chaos="welcome")],
    )
    clients.client("cloudwatch").put_metric_alarm(
        AlarmName="shop-too-few-1f2e",
        Namespace="AWS/ApplicationELB",
        MetricName="HealthyHostCount",
        Statistic="Minimum",
        ComparisonOperator="LessThanThreshold",
        Threshold=2,
        Period=60,
        EvaluationPeriods=1,
    )
    return clients


def test_a_foreign_stack_is_found_with_its_own_words(shop: AwsClients) -> None:
    stack = describe_stack(shop, "shop", mapping())
    assert [(each.name, each.resource_name) for each in stack.load_balancers] == [("front", "shop-alb")]
    assert [each.name for each in stack.target_groups] == ["front"]
    assert [each.name for each in stack.scaling_groups] == ["server"]
    assert [(each.name, each.resource_name) for each in stack.alarms] == [("too-few", "shop-too-few-1f2e")]
    assert {(each.name, each.chaos_allowed) for each in stack.instances} == {("server", True)}
    assert stack.mapping == mapping()


def test_the_observers_reader_looks_with_the_same_eyes(shop: AwsClients) -> None:
    reader = StackReader(shop, describe_stack(shop, "shop", mapping()))
    assert {instance.name for instance in reader.instances()} == {"server"}


def test_instances_can_be_named_by_their_group_and_still_must_opt_in(shop: AwsClients) -> None:
    own = mapping(
        stack={"tag": "no-such-tag"},
        chaos={"tag": "may-be-harmed", "value": "yes"},
        instances={"workers": {"scaling_group": "shop-*"}},
    )
    stack = describe_stack(shop, "shop", own)
    assert {(each.name, each.chaos_allowed) for each in stack.instances} == {("workers", False)}
    selection = TargetSelection(resource_type="aws:ec2:instance", name="workers")
    with pytest.raises(NoTargetError, match="none has the tag may-be-harmed = yes") as error:
        select(selection, stack, seed=1, action_index=0)
    assert "stack file" in error.value.way_out


def test_a_name_that_no_instance_has_is_answered_with_where_names_come_from(shop: AwsClients) -> None:
    selection = TargetSelection(resource_type="aws:ec2:instance", name="web")
    with pytest.raises(NoTargetError, match=r"server \(by the tag role\)"):
        select(selection, describe_stack(shop, "shop", mapping()), seed=1, action_index=0)


def test_a_wrong_stack_is_answered_with_the_values_of_the_files_tag(shop: AwsClients) -> None:
    with pytest.raises(UsageError, match="carries the tag app = bookshop") as error:
        describe_stack(shop, "bookshop", mapping())  # the alarm that the file names is no stack
    assert "Stacks with resources here: shop." in error.value.way_out


def test_tags_that_nothing_carries_together_are_named(shop: AwsClients) -> None:
    strict = mapping(stack={"with_tags": {"app": "shop", "env": "staging"}}, alarms={})
    with pytest.raises(UsageError, match="the tag app = shop and the tag env = staging") as error:
        describe_stack(shop, "shop", strict)
    assert "stack.with_tags" in error.value.way_out


def test_without_a_stack_file_the_tags_that_are_there_are_told(shop: AwsClients) -> None:
    with pytest.raises(UsageError, match="blackstart:stack = shop") as error:
        describe_stack(shop, "shop")
    assert "app" in error.value.way_out
    assert "stack_file" in error.value.way_out


def test_an_alarms_zone_is_that_of_its_tag_or_of_its_dimension() -> None:
    row = {
        "AlarmName": "a",
        "StateValue": "OK",
        "Dimensions": [{"Name": "AvailabilityZone", "Value": "us-east-1b"}],
    }
    assert alarm(row, "a", None).zone == "us-east-1b"
    assert alarm(row, "a", "us-east-1c").zone == "us-east-1c"
    assert alarm(row | {"Dimensions": []}, "a", None).zone is None


def test_a_composite_alarm_knows_its_children() -> None:
    rule = "ALARM(\"one alarm\") AND (NOT OK(two) OR INSUFFICIENT_DATA('three')) AND TRUE"
    assert alarm({"AlarmName": "a", "StateValue": "OK", "AlarmRule": rule}, "a", None).children == (
        "one alarm",
        "two",
        "three",
    )
