"""Names and ids that mean nothing are refused in AWS's words, where moto takes them or blames something else."""

from collections.abc import Callable
from typing import Any

import pytest
import web_stack
from botocore.exceptions import ClientError


def refusal(call: Callable[..., Any], **given: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as caught:
        call(**given)
    return caught.value.response["Error"]["Code"], caught.value.response["Error"]["Message"]


@pytest.mark.parametrize("name", ["describe_instances", "start_instances", "stop_instances", "terminate_instances"])
def test_an_instance_id_that_is_none_is_malformed_and_another_one_is_not_found(rig: Any, name: str) -> None:
    call = getattr(rig.client("ec2"), name)
    assert refusal(call, InstanceIds=["web-1"]) == ("InvalidInstanceID.Malformed", 'Invalid id: "web-1"')
    assert refusal(call, InstanceIds=["i-0123456789abcdef0"]) == (
        "InvalidInstanceID.NotFound",
        "The instance ID 'i-0123456789abcdef0' does not exist",
    )


def test_a_launch_template_that_is_not_there_cannot_be_deleted(rig: Any) -> None:
    delete = rig.client("ec2").delete_launch_template
    assert refusal(delete, LaunchTemplateName="nope") == (
        "InvalidLaunchTemplateName.NotFoundException",
        "The specified launch template, with template name nope, does not exist.",
    )
    code, _ = refusal(delete, LaunchTemplateId="lt-0123456789abcdef0")
    assert code == "InvalidLaunchTemplateId.NotFound"


def test_the_name_of_an_application_load_balancer_is_not_that_of_a_classic_one(rig: Any) -> None:
    web_stack.WebStack(rig.client, desired=0)
    scaling = rig.client("autoscaling")
    words = ("ValidationError", "Provided Load Balancers may not be valid. Please ensure they exist and try again.")
    assert refusal(scaling.attach_load_balancers, AutoScalingGroupName="web", LoadBalancerNames=["web"]) == words
    (group,) = scaling.describe_auto_scaling_groups()["AutoScalingGroups"]
    new = {"LaunchTemplate": group["LaunchTemplate"], "VPCZoneIdentifier": group["VPCZoneIdentifier"]}
    new = {**new, "AutoScalingGroupName": "other", "MinSize": 0, "MaxSize": 1}
    new["LaunchTemplate"] = {"LaunchTemplateId": group["LaunchTemplate"]["LaunchTemplateId"]}
    assert refusal(scaling.create_auto_scaling_group, **new, LoadBalancerNames=["web"]) == words


def test_a_group_needs_a_launch_template_with_an_image(rig: Any) -> None:
    stack = web_stack.WebStack(rig.client, desired=0)
    stack.ec2.create_launch_template(LaunchTemplateName="bare", LaunchTemplateData={"InstanceType": "t3.micro"})
    (group,) = stack.asg.describe_auto_scaling_groups()["AutoScalingGroups"]
    new = {"AutoScalingGroupName": "bare", "MinSize": 0, "MaxSize": 1, "VPCZoneIdentifier": group["VPCZoneIdentifier"]}
    template = {"LaunchTemplateName": "bare"}
    words = "You must use a valid fully-formed launch template. The request must contain the parameter ImageId"
    assert refusal(stack.asg.create_auto_scaling_group, **new, LaunchTemplate=template) == ("ValidationError", words)
    assert refusal(stack.asg.update_auto_scaling_group, AutoScalingGroupName="web", LaunchTemplate=template) == (
        "ValidationError",
        words,
    )
    mixed = {"LaunchTemplate": {"LaunchTemplateSpecification": template, "Overrides": [{"InstanceType": "t3.small"}]}}
    assert refusal(stack.asg.create_auto_scaling_group, **new, MixedInstancesPolicy=mixed) == ("ValidationError", words)


def test_a_security_group_of_another_vpc_is_refused_and_a_group_says_so(rig: Any) -> None:
    stack = web_stack.WebStack(rig.client, desired=0)
    other = stack.ec2.create_vpc(CidrBlock="10.99.0.0/16")["Vpc"]["VpcId"]
    strange = stack.ec2.create_security_group(GroupName="far", Description="far", VpcId=other)["GroupId"]
    (group,) = stack.asg.describe_auto_scaling_groups()["AutoScalingGroups"]
    subnet = group["VPCZoneIdentifier"].split(",")[0]
    image = stack.ec2.describe_images(Owners=["amazon"])["Images"][0]["ImageId"]
    data = {"ImageId": image, "InstanceType": "t3.micro", "SecurityGroupIds": [strange]}
    words = f"Security group {strange} and subnet {subnet} belong to different networks."
    assert refusal(stack.ec2.run_instances, **data, SubnetId=subnet, MinCount=1, MaxCount=1) == (
        "InvalidParameter",
        words,
    )
    stack.ec2.create_launch_template(LaunchTemplateName="far", LaunchTemplateData=data)
    stack.asg.create_auto_scaling_group(
        AutoScalingGroupName="far",
        MinSize=1,
        MaxSize=1,
        VPCZoneIdentifier=subnet,
        LaunchTemplate={"LaunchTemplateName": "far"},
    )
    rig.run(5)
    activity = stack.asg.describe_scaling_activities(AutoScalingGroupName="far")["Activities"][0]
    assert (activity["StatusCode"], activity["StatusMessage"]) == ("Failed", f"{words} Launching EC2 instance failed.")


def test_one_private_address_is_not_for_two_instances_and_nothing_is_left_of_the_attempt(rig: Any) -> None:
    stack = web_stack.WebStack(rig.client, desired=0)
    (group,) = stack.asg.describe_auto_scaling_groups()["AutoScalingGroups"]
    subnet = stack.ec2.describe_subnets(SubnetIds=group["VPCZoneIdentifier"].split(",")[:1])["Subnets"][0]
    image = stack.ec2.describe_images(Owners=["amazon"])["Images"][0]["ImageId"]
    address = subnet["CidrBlock"].rpartition(".")[0] + ".77"
    new = {"ImageId": image, "InstanceType": "t3.micro", "SubnetId": subnet["SubnetId"], "PrivateIpAddress": address}
    code, _ = refusal(stack.ec2.run_instances, **new, MinCount=1, MaxCount=2)
    assert code == "InvalidParameterCombination"
    assert stack.ec2.run_instances(**new, MinCount=1, MaxCount=1)["Instances"][0]["PrivateIpAddress"] == address


def test_other_counts_under_the_same_client_token_are_another_request(rig: Any) -> None:
    run, image = rig.client("ec2").run_instances, rig.client("ec2").describe_images(Owners=["amazon"])["Images"][0]
    new = {"ImageId": image["ImageId"], "InstanceType": "t3.micro", "ClientToken": "once"}
    run(**new, MinCount=1, MaxCount=1)
    assert refusal(run, **new, MinCount=2, MaxCount=2)[0] == "IdempotentParameterMismatch"
