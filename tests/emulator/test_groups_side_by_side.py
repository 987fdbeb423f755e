"""What one Auto Scaling group does is none of another one's business, whatever their names; what cooldowns wait for.

Source: EC2 Auto Scaling user guide, "Scaling cooldowns for Amazon EC2 Auto Scaling".
"""

from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from web_stack import WebStack

from blackstart.emulator.composition import look
from blackstart.emulator.controllers.overview import overview

WEB = {"AutoScalingGroupName": "web"}
MORE = {"AdjustmentType": "ChangeInCapacity", "ScalingAdjustment": 1}
HOURLY = {"ScheduledActionName": "hourly", "Recurrence": "0 * * * *", "DesiredCapacity": 1}
HOOK = {"LifecycleHookName": "hello", "LifecycleTransition": "autoscaling:EC2_INSTANCE_LAUNCHING"}


def launched_elsewhere(stack: WebStack) -> Any:
    """A group of the same name in another region, with one instance to launch."""
    session = boto3.Session("offline", "offline", region_name="eu-west-1")
    ec2, asg = session.client("ec2"), session.client("autoscaling")
    subnet = ec2.describe_subnets(Filters=[{"Name": "availability-zone", "Values": ["eu-west-1a"]}])["Subnets"][0]
    image = ec2.describe_images()["Images"][0]["ImageId"]
    asg.create_launch_configuration(LaunchConfigurationName="web", ImageId=image, InstanceType="t3.micro")
    asg.create_auto_scaling_group(
        **WEB, LaunchConfigurationName="web", MinSize=1, MaxSize=1, VPCZoneIdentifier=subnet["SubnetId"]
    )
    return asg


def honouring(asg: Any, desired: int) -> None:
    asg.set_desired_capacity(**WEB, DesiredCapacity=desired, HonorCooldown=True)


def test_a_group_of_the_same_name_in_another_region_has_cooldowns_and_activities_of_its_own(rig: Any) -> None:
    stack = WebStack(rig.client, desired=1)
    rig.run(400, step_s=10)
    other = launched_elsewhere(stack)
    rig.run(15)
    honouring(stack.asg, 2)
    assert stack.group()["DesiredCapacity"] == 2
    with pytest.raises(ClientError, match="is in progress and blocks this action"):
        honouring(other, 1)
    rig.run(15)
    shown = [len(group.activities) for group in overview(look(rig.controllers)).scaling_groups]
    assert sorted(shown) == [1, 2]


def test_a_group_that_is_made_again_under_its_name_does_not_wait_for_the_old_ones_cooldown(rig: Any) -> None:
    stack = WebStack(rig.client, desired=1)
    rig.run(15)
    stack.asg.delete_auto_scaling_group(**WEB, ForceDelete=True)
    rig.run(60)
    stack.asg.create_auto_scaling_group(
        **WEB,
        LaunchTemplate={"LaunchTemplateId": stack.template},
        MinSize=0,
        MaxSize=2,
        VPCZoneIdentifier=stack.subnets[0],
    )
    rig.tick()
    honouring(stack.asg, 1)
    rig.run(15)
    assert len(stack.members()) == 1
    assert stack.activities()[0]["Cause"].count("from 0 to 1") == 2


def test_nothing_new_is_given_to_a_group_that_is_being_deleted(rig: Any) -> None:
    stack = WebStack(rig.client, desired=1)
    rig.run(15)
    stack.asg.delete_auto_scaling_group(**WEB, ForceDelete=True)
    asg, source = stack.asg, {"LaunchTemplate": {"LaunchTemplateId": stack.template}}
    for call, words in (
        (
            lambda: asg.put_scaling_policy(**WEB, PolicyName="p", **MORE),
            "may not be modified while it is pending delete",
        ),
        (lambda: asg.put_scheduled_update_group_action(**WEB, **HOURLY), "may not be modified while it is pending"),
        (lambda: asg.put_lifecycle_hook(**WEB, **HOOK), "may not be modified while it is pending delete"),
        (lambda: asg.start_instance_refresh(**WEB), "may not be modified while it is pending delete"),
        (lambda: asg.put_warm_pool(**WEB), "may not be modified while it is pending delete"),
        (lambda: asg.suspend_processes(**WEB), "Processes may not be suspended while the AutoScaling group is pending"),
        (
            lambda: asg.create_auto_scaling_group(**WEB, **source, MinSize=0, MaxSize=1),
            "already exists and is pending delete.  Please wait until Autoscaling completes the deletion process",
        ),
    ):
        with pytest.raises(ClientError, match=words):
            call()
    rig.run(60)
    assert asg.describe_auto_scaling_groups()["AutoScalingGroups"] == []
    assert asg.describe_policies()["ScalingPolicies"] == []


def test_the_cooldown_after_a_scale_in_begins_when_it_has_drained_and_waits_for_no_hook(rig: Any) -> None:
    stack = WebStack(rig.client, desired=2, deregistration_delay_s=40)
    stack.asg.update_auto_scaling_group(**WEB, DefaultCooldown=100)
    stack.asg.put_lifecycle_hook(
        **WEB,
        LifecycleHookName="farewell",
        LifecycleTransition="autoscaling:EC2_INSTANCE_TERMINATING",
        HeartbeatTimeout=300,
    )
    rig.run(300, step_s=10)
    stack.asg.set_desired_capacity(**WEB, DesiredCapacity=1)
    rig.run(45)
    assert stack.members("Terminating:Wait")
    for _ in range(2):
        with pytest.raises(ClientError, match="is in progress and blocks this action"):
            honouring(stack.asg, 2)
        rig.run(45)
    assert stack.members("Terminating:Wait")
    rig.run(10)
    honouring(stack.asg, 2)
    rig.run(200, step_s=10)
    assert not stack.members("Terminating:Wait")
    honouring(stack.asg, 3)
    assert stack.group()["DesiredCapacity"] == 3


def test_a_simple_policy_scales_in_while_instances_warm_up(rig: Any) -> None:
    stack = WebStack(rig.client, desired=2)
    stack.asg.update_auto_scaling_group(**WEB, DefaultCooldown=0, DefaultInstanceWarmup=900)
    rig.run(60)
    stack.asg.put_scaling_policy(**WEB, PolicyName="less", AdjustmentType="ChangeInCapacity", ScalingAdjustment=-1)
    stack.asg.execute_policy(**WEB, PolicyName="less")
    assert stack.group()["DesiredCapacity"] == 1
