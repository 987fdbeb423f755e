"""moto's CloudFormation as the emulator mends it: what it drops without us, and what a template gives with us."""

import importlib.util
import inspect
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from botocore.exceptions import ClientError
from moto import mock_aws
from moto.cloudformation import parsing
from moto.cloudformation.models import Stack
from moto.elbv2.models import ELBv2Backend
from moto.moto_server import werkzeug_app

from blackstart.domain.unserved import UnservedKind
from blackstart.emulator.adapters.moto_ledger import unserved

TEMPLATE = (Path(__file__).parents[2] / "docs" / "bring-your-own" / "cloudformation" / "template.yaml").read_text()
RIG = Path(__file__).parent.parent / "emulator" / "rig.py"
OWN_TAGS = {"aws:cloudformation:stack-name", "aws:cloudformation:stack-id", "aws:cloudformation:logical-id"}


def load_rig() -> ModuleType:
    spec = importlib.util.spec_from_file_location("cloudformation_tests_rig", RIG)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


rig_module = load_rig()
client = rig_module.client
pytestmark = pytest.mark.filterwarnings("ignore:Tried to parse:UserWarning")


@pytest.fixture
def rig() -> Iterator[Any]:
    rig = rig_module.Rig()
    werkzeug_app.create_backend_app("cloudformation")  # what the first request to the server does
    yield rig
    rig.close()


def create(template: str = TEMPLATE, name: str = "pages", **arguments: Any) -> None:
    client("cloudformation").create_stack(StackName=name, TemplateBody=template, **arguments)


def balancer() -> dict[str, Any]:
    (found,) = client("elbv2").describe_load_balancers()["LoadBalancers"]
    return found


def target_group() -> dict[str, Any]:
    (found,) = client("elbv2").describe_target_groups()["TargetGroups"]
    return found


def tags_of(arn: str) -> dict[str, str]:
    (found,) = client("elbv2").describe_tags(ResourceArns=[arn])["TagDescriptions"]
    return {tag["Key"]: tag["Value"] for tag in found["Tags"]}


@pytest.mark.parametrize(
    ("function", "parameters"),
    [
        (
            parsing.parse_and_create_resource,
            ["logical_id", "resource_json", "resources_map", "account_id", "region_name"],
        ),
        (
            parsing.parse_and_update_resource,
            ["logical_id", "resource_json", "resources_map", "account_id", "region_name"],
        ),
        (parsing.clean_json, ["resource_json", "resources_map"]),
        (werkzeug_app.create_backend_app, ["service"]),
        (ELBv2Backend.modify_load_balancer_attributes, ["self", "arn", "attrs"]),
        (ELBv2Backend.modify_target_group_attributes, ["self", "target_group_arn", "attributes"]),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_moto_has_what_is_replaced_and_called(function: Any, parameters: list[str]) -> None:
    assert list(inspect.signature(function).parameters) == parameters


def test_moto_lists_a_stacks_resources_and_knows_types_that_are_nothing() -> None:
    assert isinstance(Stack.stack_resources, property)
    assert "AWS::CloudFormation::WaitCondition" in parsing.NULL_MODELS


@mock_aws
def test_moto_alone_drops_the_tags_and_attributes_of_a_load_balancer() -> None:
    without = TEMPLATE.replace("!GetAtt Front.LoadBalancerFullName", "x").replace(
        "!GetAtt Pages.TargetGroupFullName", "y"
    )
    create(without)
    arn = balancer()["LoadBalancerArn"]
    assert tags_of(arn) == {}
    attributes = client("elbv2").describe_load_balancer_attributes(LoadBalancerArn=arn)["Attributes"]
    assert {"Key": "idle_timeout.timeout_seconds", "Value": "30"} not in attributes


def test_a_templates_load_balancer_and_target_group_carry_its_tags_and_attributes(rig: Any) -> None:
    create(Tags=[{"Key": "team", "Value": "web"}])
    for arn, logical_id in ((balancer()["LoadBalancerArn"], "Front"), (target_group()["TargetGroupArn"], "Pages")):
        tags = tags_of(arn)
        assert set(tags) == {*OWN_TAGS, "team"}
        assert (tags["aws:cloudformation:stack-name"], tags["aws:cloudformation:logical-id"]) == ("pages", logical_id)
    answer = client("elbv2").describe_load_balancer_attributes(LoadBalancerArn=balancer()["LoadBalancerArn"])
    assert {"Key": "idle_timeout.timeout_seconds", "Value": "30"} in answer["Attributes"]
    answer = client("elbv2").describe_target_group_attributes(TargetGroupArn=target_group()["TargetGroupArn"])
    assert {"Key": "deregistration_delay.timeout_seconds", "Value": "30"} in answer["Attributes"]


def test_a_templates_group_launches_over_its_zones_and_its_instances_carry_the_tags_of_the_stack(rig: Any) -> None:
    create()
    rig.run(90)
    (group,) = client("autoscaling").describe_auto_scaling_groups()["AutoScalingGroups"]
    assert len(group["Instances"]) == 4
    assert {member["AvailabilityZone"] for member in group["Instances"]} == {"us-east-1a", "us-east-1b"}
    rows = client("ec2").describe_instances()["Reservations"]
    for instance in (row for reservation in rows for row in reservation["Instances"]):
        tags = {tag["Key"]: tag["Value"] for tag in instance["Tags"]}
        assert (tags["aws:cloudformation:stack-name"], tags["aws:cloudformation:logical-id"]) == ("pages", "Servers")
        assert tags["disturb"] == "yes"
    answer = client("elbv2").describe_target_health(TargetGroupArn=target_group()["TargetGroupArn"])
    assert {row["TargetHealth"]["State"] for row in answer["TargetHealthDescriptions"]} == {"healthy"}


def test_what_a_template_declares_and_is_not_created_is_listed(rig: Any) -> None:
    create()
    left_out = {thing.resource: thing for thing in unserved() if thing.aws_type}
    assert left_out.keys() == {"pages/KeepUp", "pages/TooFewServers"}
    alarm = left_out["pages/TooFewServers"]
    assert (alarm.kind, alarm.aws_type) == (UnservedKind.ALARM, "AWS::CloudWatch::Alarm")
    assert {"pages", "TooFewServers"} <= set(alarm.of)
    assert client("autoscaling").describe_auto_scaling_groups()["AutoScalingGroups"][0]["AutoScalingGroupName"] in (
        left_out["pages/KeepUp"].of
    )
    listed = client("cloudformation").describe_stack_resources(StackName="pages")["StackResources"]
    assert not {"KeepUp", "TooFewServers"} & {row["LogicalResourceId"] for row in listed}


def test_what_was_left_out_is_listed_no_longer_than_its_stack_lives(rig: Any) -> None:
    create("Resources: {Quiet: {Type: AWS::CloudWatch::CompositeAlarm, Properties: {AlarmName: hush}}}")
    (listed,) = [thing for thing in unserved() if thing.aws_type]
    assert listed.of == ("pages", "Quiet", "hush")
    client("cloudformation").delete_stack(StackName="pages")
    assert not [thing for thing in unserved() if thing.aws_type]


def test_a_resource_under_a_false_condition_is_neither_created_nor_listed(rig: Any) -> None:
    conditional = TEMPLATE.replace("Resources:\n", "Conditions:\n  Never: !Equals [a, b]\nResources:\n", 1)
    conditional = conditional.replace(
        "    Type: AWS::CloudWatch::Alarm\n", "    Type: AWS::CloudWatch::Alarm\n    Condition: Never\n"
    )
    create(conditional)
    assert {thing.resource for thing in unserved() if thing.aws_type} == {"pages/KeepUp"}


def test_a_property_that_is_not_honoured_is_listed_with_its_resource(rig: Any) -> None:
    create(
        TEMPLATE.replace(
            "      HealthCheckType: ELB\n", "      HealthCheckType: ELB\n      SkipZonalShiftValidation: true\n"
        )
    )
    (found,) = [thing for thing in unserved() if "SkipZonalShiftValidation" in thing.reason]
    assert found.kind is UnservedKind.SCALING_GROUP
    assert found.resource.startswith("pages-Servers-")


def test_a_templates_group_keeps_the_settings_and_hooks_that_moto_drops(rig: Any) -> None:
    settings = """      HealthCheckType: ELB
      MaxInstanceLifetime: 90000
      CapacityRebalance: true
      InstanceMaintenancePolicy: {MinHealthyPercentage: 100, MaxHealthyPercentage: 120}
      LifecycleHookSpecificationList:
        - {LifecycleHookName: warm-up, LifecycleTransition: "autoscaling:EC2_INSTANCE_LAUNCHING"}
"""
    create(TEMPLATE.replace("      HealthCheckType: ELB\n", settings))
    (group,) = client("autoscaling").describe_auto_scaling_groups()["AutoScalingGroups"]
    assert (group["MaxInstanceLifetime"], group["CapacityRebalance"]) == (90_000, True)
    assert group["InstanceMaintenancePolicy"] == {"MinHealthyPercentage": 100, "MaxHealthyPercentage": 120}
    hooks = client("autoscaling").describe_lifecycle_hooks(AutoScalingGroupName=group["AutoScalingGroupName"])
    assert [hook["LifecycleHookName"] for hook in hooks["LifecycleHooks"]] == ["warm-up"]


def test_an_updated_stack_changes_its_group_in_place(rig: Any) -> None:
    create()
    rig.run(20)
    (before,) = client("autoscaling").describe_auto_scaling_groups()["AutoScalingGroups"]
    settings = "      HealthCheckType: ELB\n      MaxInstanceLifetime: 90000\n      Cooldown: '7'\n"
    client("cloudformation").update_stack(
        StackName="pages", TemplateBody=TEMPLATE.replace("      HealthCheckType: ELB\n", settings)
    )
    rig.run(20)
    (after,) = client("autoscaling").describe_auto_scaling_groups()["AutoScalingGroups"]
    assert after["AutoScalingGroupARN"] == before["AutoScalingGroupARN"]
    assert (after["MaxInstanceLifetime"], after["DefaultCooldown"]) == (90_000, 7)
    assert [m["InstanceId"] for m in after["Instances"]] == [m["InstanceId"] for m in before["Instances"]]


def test_what_aws_refuses_is_refused_from_a_template_too(rig: Any) -> None:
    with pytest.raises(ClientError, match="At least two subnets"):
        create(TEMPLATE.replace("Subnets: [!Ref SubnetA, !Ref SubnetB]", "Subnets: [!Ref SubnetA]"))


def test_a_change_set_deploys_the_same_as_create_stack(rig: Any) -> None:
    """What `aws cloudformation deploy`, SAM and CDK call."""
    cloudformation = client("cloudformation")
    cloudformation.create_change_set(
        StackName="pages", ChangeSetName="first", ChangeSetType="CREATE", TemplateBody=TEMPLATE
    )
    cloudformation.execute_change_set(ChangeSetName="first", StackName="pages")
    assert cloudformation.describe_stacks(StackName="pages")["Stacks"][0]["StackStatus"] == "CREATE_COMPLETE"
    assert tags_of(balancer()["LoadBalancerArn"])["aws:cloudformation:logical-id"] == "Front"
    assert {thing.resource for thing in unserved() if thing.aws_type} == {"pages/KeepUp", "pages/TooFewServers"}


def test_validating_a_template_is_refused_as_not_implemented(rig: Any) -> None:
    with pytest.raises(NotImplementedError, match="cfn-lint"):
        client("cloudformation").validate_template(TemplateBody=TEMPLATE)
