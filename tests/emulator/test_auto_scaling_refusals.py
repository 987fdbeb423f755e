"""What the Auto Scaling API refuses of groups, each with AWS's code. The words are AWS's where they are published."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError
from web_stack import WebStack

WEB = {"AutoScalingGroupName": "web"}


@pytest.fixture(scope="module")
def stack() -> Iterator[WebStack]:
    """One for all tests, for none of them changes anything."""
    from rig import Rig  # here, because moto takes long to import

    made = Rig()
    yield WebStack(made.client, desired=0)
    made.close()


def create(stack: WebStack, name: str = "other", **fields: Any) -> None:
    wanted = {
        "AutoScalingGroupName": name,
        "LaunchTemplate": {"LaunchTemplateId": stack.template},
        "MinSize": 0,
        "MaxSize": 1,
        "VPCZoneIdentifier": stack.subnets[0],
        **fields,
    }
    stack.asg.create_auto_scaling_group(**{name: given for name, given in wanted.items() if given is not None})


def update(stack: WebStack, **fields: Any) -> None:
    stack.asg.update_auto_scaling_group(**WEB, **fields)


def maintenance(least: int, most: int) -> dict[str, Any]:
    return {"InstanceMaintenancePolicy": {"MinHealthyPercentage": least, "MaxHealthyPercentage": most}}


def mixed(stack: WebStack, **distribution: Any) -> dict[str, Any]:
    specification = {"LaunchTemplateSpecification": {"LaunchTemplateId": stack.template}}
    return {
        "LaunchTemplate": None,
        "MixedInstancesPolicy": {"LaunchTemplate": specification, "InstancesDistribution": distribution},
    }


def other_vpcs_subnet(stack: WebStack) -> str:
    vpc = stack.ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    subnet = stack.ec2.create_subnet(VpcId=vpc, CidrBlock="10.9.0.0/24", AvailabilityZone="us-east-1a")
    return str(subnet["Subnet"]["SubnetId"])


SETTINGS: dict[str, dict[str, Any]] = {
    "Value '-1' at 'minSize' failed to satisfy constraint": {"MinSize": -1},
    "Value '-1' at 'healthCheckGracePeriod' failed": {"HealthCheckGracePeriod": -1},
    "Value '-1' at 'defaultCooldown' failed": {"DefaultCooldown": -1},
    "Value '-2' at 'defaultInstanceWarmup' failed": {"DefaultInstanceWarmup": -2},
    "Max bound, 1, must be greater than or equal to min bound, 2": {"MinSize": 2, "MaxSize": 1},
    "Desired capacity:3 must be between the specified min size:0 and max size:1": {"MaxSize": 1, "DesiredCapacity": 3},
    "Invalid health check type: EC2,PING": {"HealthCheckType": "EC2,PING"},
    "Maximum instance lifetime must be equal to 0 or between 86400": {"MaxInstanceLifetime": 3600},
    "Invalid termination policy: Youngest": {"TerminationPolicies": ["Youngest"]},
    "Value '101' at 'instanceMaintenancePolicy.minHealthyPercentage'": maintenance(101, 150),
    "Value '99' at 'instanceMaintenancePolicy.maxHealthyPercentage'": maintenance(90, 99),
    "difference between MinHealthyPercentage and MaxHealthyPercentage": maintenance(90, 191),
    "Both MinHealthyPercentage and MaxHealthyPercentage": {"InstanceMaintenancePolicy": {"MinHealthyPercentage": 90}},
    "Member must satisfy enum value set: [balanced-best-effort, balanced-only]": {
        "AvailabilityZoneDistribution": {"CapacityDistributionStrategy": "anywhere"}
    },
    "Invalid Availability Zones: [us-east-1z]": {"AvailabilityZones": ["us-east-1z"]},
    "The subnet ID 'subnet-00000000' does not exist": {"VPCZoneIdentifier": "subnet-00000000"},
    "A launch configuration with the name: none does not exist": {
        "LaunchConfigurationName": "none",
        "LaunchTemplate": None,
    },
    "You must use a valid fully-formed launch template.": {"LaunchTemplate": {"LaunchTemplateName": "none"}},
}


@pytest.mark.parametrize("call", [create, update])
@pytest.mark.parametrize("words", sorted(SETTINGS))
def test_a_setting_that_makes_no_sense_is_refused_and_changes_nothing(
    stack: WebStack, call: Callable[..., None], words: str
) -> None:
    before = stack.asg.describe_auto_scaling_groups()["AutoScalingGroups"]
    given = SETTINGS[words]
    if call is update:
        given = {name: value for name, value in given.items() if value is not None}
    with pytest.raises(ClientError) as refused:
        call(stack, **given)
    error = refused.value.response["Error"]
    assert error["Code"] == "ValidationError"
    assert words in error["Message"]
    assert stack.asg.describe_auto_scaling_groups()["AutoScalingGroups"] == before


CREATIONS: dict[str, Callable[[WebStack], None]] = {
    "Valid requests must contain either": lambda stack: create(stack, LaunchTemplate=None),
    "must contain either LaunchTemplate, LaunchConfigurationName": lambda stack: create(
        stack, LaunchConfigurationName="web"
    ),
    "At least one Availability Zone or VPC Subnet is required": lambda stack: create(stack, VPCZoneIdentifier=None),
    "the Auto Scaling group do not match": lambda stack: create(stack, AvailabilityZones=["us-east-1b"]),
    "must belong to the same VPC": lambda stack: create(
        stack, VPCZoneIdentifier=f"{stack.subnets[0]},{other_vpcs_subnet(stack)}"
    ),
    "aws: prefixed tag key names are not allowed": lambda stack: create(stack, Tags=[{"Key": "aws:mine"}]),
    "Duplicate tag keys": lambda stack: create(stack, Tags=[{"Key": "a"}, {"Key": "a"}]),
    "Provided Target Groups may not be valid": lambda stack: create(
        stack, TargetGroupARNs=["arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/none/0123456789abcdef"]
    ),
    "Value '101' at 'onDemandPercentageAboveBaseCapacity'": lambda stack: create(
        stack, **mixed(stack, OnDemandPercentageAboveBaseCapacity=101)
    ),
    "[prioritized, lowest-price]": lambda stack: create(stack, **mixed(stack, OnDemandAllocationStrategy="cheapest")),
    "Could not find the specified version 7": lambda stack: create(
        stack, LaunchTemplate={"LaunchTemplateId": stack.template, "Version": "7"}
    ),
}


@pytest.mark.parametrize("words", sorted(CREATIONS))
def test_a_group_that_cannot_be_is_not_created(stack: WebStack, words: str) -> None:
    with pytest.raises(ClientError) as refused:
        CREATIONS[words](stack)
    assert refused.value.response["Error"]["Code"] == "ValidationError"
    assert words in refused.value.response["Error"]["Message"]
    assert len(stack.asg.describe_auto_scaling_groups()["AutoScalingGroups"]) == 1


def none(name: str, **more: Any) -> Callable[[WebStack], Any]:
    return lambda stack: getattr(stack.asg, name)(AutoScalingGroupName="none", **more)


UNKNOWN = {
    "update": none("update_auto_scaling_group", MaxSize=1),
    "delete": none("delete_auto_scaling_group"),
    "capacity": none("set_desired_capacity", DesiredCapacity=1),
    "suspend": none("suspend_processes"),
    "resume": none("resume_processes"),
    "attach": none("attach_instances", InstanceIds=["i-1"]),
    "detach": none("detach_instances", InstanceIds=["i-1"], ShouldDecrementDesiredCapacity=True),
    "enter": none("enter_standby", InstanceIds=["i-1"], ShouldDecrementDesiredCapacity=True),
    "exit": none("exit_standby", InstanceIds=["i-1"]),
    "protect": none("set_instance_protection", InstanceIds=["i-1"], ProtectedFromScaleIn=True),
    "attach groups": none("attach_load_balancer_target_groups", TargetGroupARNs=["arn"]),
    "detach groups": none("detach_load_balancer_target_groups", TargetGroupARNs=["arn"]),
    "describe groups": none("describe_load_balancer_target_groups"),
    "describe balancers": none("describe_load_balancers"),
    "sources": none("describe_traffic_sources"),
    "hooks": none("describe_lifecycle_hooks"),
    "activities": none("describe_scaling_activities"),
    "topics": none("delete_notification_configuration", TopicARN="arn"),
    "tags": lambda stack: stack.asg.create_or_update_tags(
        Tags=[{"ResourceId": "none", "ResourceType": "auto-scaling-group", "Key": "a", "Value": "b"}]
    ),
}


@pytest.mark.parametrize("call", sorted(UNKNOWN))
def test_an_unknown_group_is_refused_by_every_call(stack: WebStack, call: str) -> None:
    with pytest.raises(
        ClientError, match="AutoScalingGroup name not found - AutoScalingGroup none not found"
    ) as refused:
        UNKNOWN[call](stack)
    assert refused.value.response["Error"]["Code"] == "ValidationError"


def test_an_unknown_process_is_refused(stack: WebStack) -> None:
    with pytest.raises(ClientError, match="Sleep"):
        stack.asg.suspend_processes(ScalingProcesses=["Sleep"], **WEB)


def test_a_page_or_a_filter_that_is_none_is_refused(stack: WebStack) -> None:
    with pytest.raises(ClientError) as refused:
        stack.asg.describe_auto_scaling_groups(NextToken="nothing")
    assert refused.value.response["Error"]["Code"] == "InvalidNextToken"
    with pytest.raises(ClientError, match="Filter type colour is not correct"):
        stack.asg.describe_auto_scaling_groups(Filters=[{"Name": "colour", "Values": ["red"]}])
