"""What the Auto Scaling API refuses of a group because of what it is doing."""

from typing import Any

import pytest
from botocore.exceptions import ClientError
from web_stack import WebStack

WEB = {"AutoScalingGroupName": "web"}


@pytest.fixture
def stack(rig: Any) -> WebStack:
    return WebStack(rig.client, desired=0)


def update(stack: WebStack, **fields: Any) -> None:
    stack.asg.update_auto_scaling_group(**WEB, **fields)


def test_the_cooldown_is_honoured_on_request(rig: Any, stack: WebStack) -> None:
    stack.asg.set_desired_capacity(DesiredCapacity=1, **WEB)
    rig.run(5)
    activity = stack.activities()[0]["ActivityId"]
    words = f"Scaling activity {activity} is in progress and blocks this action"
    for _ in range(2):
        with pytest.raises(ClientError, match=words) as refused:
            stack.asg.set_desired_capacity(DesiredCapacity=2, HonorCooldown=True, **WEB)
        assert refused.value.response["Error"]["Code"] == "ScalingActivityInProgress"
        rig.run(290, step_s=10)
    rig.run(20)
    stack.asg.set_desired_capacity(DesiredCapacity=2, HonorCooldown=True, **WEB)
    assert stack.group()["DesiredCapacity"] == 2


def test_a_group_with_instances_is_deleted_by_force_only_and_changed_no_more(rig: Any, stack: WebStack) -> None:
    stack.asg.set_desired_capacity(DesiredCapacity=1, **WEB)
    rig.run(30)
    with pytest.raises(ClientError) as refused:
        stack.asg.delete_auto_scaling_group(**WEB)
    assert refused.value.response["Error"]["Code"] == "ResourceInUse"
    stack.asg.delete_auto_scaling_group(ForceDelete=True, **WEB)
    assert stack.group()["Status"] == "Delete in progress"
    for change in (lambda: update(stack, MaxSize=3), lambda: stack.asg.set_desired_capacity(DesiredCapacity=1, **WEB)):
        with pytest.raises(ClientError, match="pending delete"):
            change()
    rig.run(90)
    assert stack.asg.describe_auto_scaling_groups()["AutoScalingGroups"] == []


def test_a_protected_group_is_not_deleted(stack: WebStack) -> None:
    update(stack, DeletionProtection="prevent-force-deletion")
    with pytest.raises(ClientError, match="protected from deletion"):
        stack.asg.delete_auto_scaling_group(ForceDelete=True, **WEB)
    stack.asg.delete_auto_scaling_group(**WEB)


def test_a_launch_configuration_in_use_cannot_be_deleted(stack: WebStack) -> None:
    fields = {"LaunchConfigurationName": "one", "InstanceType": "t3.micro", "ImageId": "ami-12c6146b"}
    stack.asg.create_launch_configuration(**fields)
    with pytest.raises(ClientError) as refused:
        stack.asg.create_launch_configuration(**fields)
    assert refused.value.response["Error"]["Code"] == "AlreadyExists"
    update(stack, LaunchConfigurationName="one")
    with pytest.raises(ClientError, match="because it is attached to an AutoScalingGroup") as refused:
        stack.asg.delete_launch_configuration(LaunchConfigurationName="one")
    assert refused.value.response["Error"]["Code"] == "ResourceInUse"
    with pytest.raises(ClientError, match="Launch configuration name not found"):
        stack.asg.delete_launch_configuration(LaunchConfigurationName="none")
