"""What callers ask of single members of an Auto Scaling group, and what the activity log says of it.

Sources: EC2 Auto Scaling user guide, "Temporarily remove instances from your Auto Scaling group", "Detach or attach
instances", "Use instance scale-in protection", "Set up a custom health check"; API reference.
"""

from typing import Any

import pytest
from botocore.exceptions import ClientError
from web_stack import WebStack

WEB = {"AutoScalingGroupName": "web"}


@pytest.fixture
def stack(rig: Any) -> WebStack:
    """Three members, healthy and beyond their grace period."""
    made = WebStack(rig.client)
    rig.run(120, step_s=5)
    return made


def lifecycle(stack: WebStack, member: str) -> str | None:
    shown = stack.asg.describe_auto_scaling_instances(InstanceIds=[member])["AutoScalingInstances"]
    return shown[0]["LifecycleState"] if shown else None


def enter(stack: WebStack, *members: str, decrement: bool = True) -> list[dict[str, Any]]:
    answer = stack.asg.enter_standby(InstanceIds=list(members), ShouldDecrementDesiredCapacity=decrement, **WEB)
    activities: list[dict[str, Any]] = answer["Activities"]
    return activities


def at(rig: Any) -> str:
    from blackstart.emulator.controllers.activity_log import moment

    return moment(rig.now_s)


def test_standby_drains_deregisters_and_tells_so_in_awss_words(rig: Any, stack: WebStack) -> None:
    member = min(stack.members())
    (activity,) = enter(stack, member)
    assert activity["Description"] == f"Moving EC2 instance to Standby: {member}"
    assert activity["Cause"] == (
        f"At {at(rig)} instance {member} was moved to standby in response to a user request, shrinking the capacity "
        "from 3 to 2."
    )
    assert (activity["StatusCode"], activity["Progress"]) == ("InProgress", 50)
    assert lifecycle(stack, member) == "EnteringStandby"
    assert stack.health()[member] == "draining"
    rig.run(29)
    assert lifecycle(stack, member) == "EnteringStandby"
    rig.run(2)
    assert lifecycle(stack, member) == "Standby"
    assert member not in stack.health()
    assert stack.group()["DesiredCapacity"] == 2
    done = next(a for a in stack.activities() if a["ActivityId"] == activity["ActivityId"])
    assert (done["StatusCode"], done["Progress"]) == ("Successful", 100)


def test_standby_without_decrement_launches_a_replacement_and_the_return_removes_one(rig: Any, stack: WebStack) -> None:
    member = min(stack.members())
    (activity,) = enter(stack, member, decrement=False)
    assert activity["Cause"].endswith("was moved to standby in response to a user request.")
    rig.run(60)
    assert len(stack.members()) == 3
    assert lifecycle(stack, member) == "Standby"


def test_an_instance_comes_back_from_standby_and_is_registered_again(rig: Any, stack: WebStack) -> None:
    member = min(stack.members())
    enter(stack, member)
    rig.run(40)
    (activity,) = stack.asg.exit_standby(InstanceIds=[member], **WEB)["Activities"]
    assert activity["Description"] == f"Moving EC2 instance out of Standby: {member}"
    assert activity["Cause"] == (
        f"At {at(rig)} instance {member} was moved out of standby in response to a user request, increasing the "
        "capacity from 2 to 3."
    )
    assert (activity["StatusCode"], activity["Progress"]) == ("PreInService", 30)
    assert lifecycle(stack, member) == "Pending"
    rig.run(20)
    assert lifecycle(stack, member) == "InService"
    assert stack.health()[member] == "healthy"
    assert stack.group()["DesiredCapacity"] == 3


def test_an_instance_in_standby_is_not_checked_until_it_returns(rig: Any, stack: WebStack) -> None:
    member = min(stack.members())
    enter(stack, member)
    rig.run(40)
    stack.ec2.terminate_instances(InstanceIds=[member])
    rig.run(90)
    shown = next(m for m in stack.group()["Instances"] if m["InstanceId"] == member)
    assert (shown["LifecycleState"], shown["HealthStatus"]) == ("Standby", "Healthy")
    stack.asg.exit_standby(InstanceIds=[member], **WEB)
    rig.run(90)
    assert lifecycle(stack, member) is None
    assert len(stack.members()) == 3


def test_a_detached_instance_drains_leaves_and_lives_on(rig: Any, stack: WebStack) -> None:
    member = min(stack.members())
    answer = stack.asg.detach_instances(InstanceIds=[member], ShouldDecrementDesiredCapacity=True, **WEB)
    (activity,) = answer["Activities"]
    assert activity["Description"] == f"Detaching EC2 instance: {member}"
    assert activity["Cause"] == (
        f"At {at(rig)} instance {member} was detached in response to a user request, shrinking the capacity from 3 "
        "to 2."
    )
    assert lifecycle(stack, member) == "Detaching"
    rig.run(31)
    assert lifecycle(stack, member) is None
    assert member not in stack.health()
    instance = stack.ec2.describe_instances(InstanceIds=[member])["Reservations"][0]["Instances"][0]
    assert instance["State"]["Name"] == "running"
    assert not [tag for tag in instance["Tags"] if tag["Key"] == "aws:autoscaling:groupName"]
    rig.run(60)
    assert len(stack.members()) == 2


def test_an_instance_that_is_detached_without_decrement_is_replaced(rig: Any, stack: WebStack) -> None:
    member = min(stack.members())
    stack.asg.detach_instances(InstanceIds=[member], ShouldDecrementDesiredCapacity=False, **WEB)
    rig.run(60)
    assert len(stack.members()) == 3
    assert member not in stack.members()


def test_a_running_instance_is_attached_and_raises_the_desired_capacity(rig: Any, stack: WebStack) -> None:
    member = min(stack.members())
    stack.asg.detach_instances(InstanceIds=[member], ShouldDecrementDesiredCapacity=True, **WEB)
    rig.run(40)
    stack.asg.attach_instances(InstanceIds=[member], **WEB)
    activity = stack.activities()[0]
    assert activity["Description"] == f"Attaching an existing EC2 instance: {member}"
    assert activity["Cause"] == (
        f"At {at(rig)} an instance was added in response to user request. Keeping the capacity at the new 3."
    )
    rig.run(30)
    assert lifecycle(stack, member) == "InService"
    assert stack.health()[member] == "healthy"
    assert stack.group()["DesiredCapacity"] == 3
    shown = next(m for m in stack.group()["Instances"] if m["InstanceId"] == member)
    assert "LaunchTemplate" not in shown


def test_terminating_with_decrement_shrinks_the_group_and_says_from_what_to_what(rig: Any, stack: WebStack) -> None:
    member = min(stack.members())
    activity = stack.asg.terminate_instance_in_auto_scaling_group(
        InstanceId=member, ShouldDecrementDesiredCapacity=True
    )["Activity"]
    assert activity["Cause"] == (
        f"At {at(rig)} instance {member} was taken out of service in response to a user request, shrinking the "
        "capacity from 3 to 2."
    )
    rig.run(90)
    assert len(stack.members()) == 2


def test_terminating_without_decrement_replaces(rig: Any, stack: WebStack) -> None:
    member = min(stack.members())
    activity = stack.asg.terminate_instance_in_auto_scaling_group(
        InstanceId=member, ShouldDecrementDesiredCapacity=False
    )["Activity"]
    assert activity["Cause"].endswith("was taken out of service in response to a user request.")
    rig.run(90)
    assert len(stack.members()) == 3
    assert lifecycle(stack, member) is None


def test_a_group_that_is_quiet_moves_no_member(rig: Any, stack: WebStack) -> None:
    (group,) = rig.controllers.scaling.groups()
    memory = rig.controllers.scaling.memory(group, rig.now_s)
    assert memory.moving == set()
    assert not memory.stale


def test_healthy_takes_a_custom_mark_back_before_the_group_acts(rig: Any, stack: WebStack) -> None:
    stack.asg.suspend_processes(ScalingProcesses=["ReplaceUnhealthy"], **WEB)
    member = min(stack.members())
    stack.asg.set_instance_health(InstanceId=member, HealthStatus="Unhealthy")
    rig.run(60, step_s=5)
    stack.asg.set_instance_health(InstanceId=member, HealthStatus="Healthy")
    stack.asg.resume_processes(**WEB)
    rig.run(60, step_s=5)
    assert member in stack.members()


def test_healthy_takes_back_what_the_load_balancer_said_until_it_says_so_again(rig: Any, stack: WebStack) -> None:
    stack.asg.suspend_processes(ScalingProcesses=["ReplaceUnhealthy"], **WEB)
    member = min(stack.members())
    rig.sick.add(member)
    rig.run(60, step_s=5)
    shown = next(m for m in stack.group()["Instances"] if m["InstanceId"] == member)
    assert shown["HealthStatus"] == "Unhealthy"
    rig.sick.discard(member)
    rig.run(5)
    stack.asg.set_instance_health(InstanceId=member, HealthStatus="Healthy")
    stack.asg.resume_processes(**WEB)
    rig.run(60, step_s=5)
    assert member in stack.members()


def test_the_last_instance_of_the_minimum_cannot_be_taken_out(rig: Any, stack: WebStack) -> None:
    stack.asg.update_auto_scaling_group(MinSize=3, **WEB)
    member = min(stack.members())
    sizes = "AutoScalingGroup web has min-size=3, max-size=9, and desired-size=3. To "
    with pytest.raises(ClientError, match=f"{sizes}place into standby 1 instance, please update the AutoScalingGroup"):
        enter(stack, member)
    with pytest.raises(ClientError, match=f"{sizes}detach 1 instance, please update the AutoScalingGroup"):
        stack.asg.detach_instances(InstanceIds=[member], ShouldDecrementDesiredCapacity=True, **WEB)
    with pytest.raises(ClientError, match="Currently, desiredSize equals minSize"):
        stack.asg.terminate_instance_in_auto_scaling_group(InstanceId=member, ShouldDecrementDesiredCapacity=True)
    assert len(stack.members()) == 3


def test_an_instance_that_leaves_is_asked_nothing_more(rig: Any, stack: WebStack) -> None:
    member, other = sorted(stack.members())[:2]
    activity = stack.asg.terminate_instance_in_auto_scaling_group(
        InstanceId=member, ShouldDecrementDesiredCapacity=False
    )["Activity"]
    with pytest.raises(ClientError) as refused:
        stack.asg.terminate_instance_in_auto_scaling_group(InstanceId=member, ShouldDecrementDesiredCapacity=False)
    error = refused.value.response["Error"]
    assert error["Code"] == "ScalingActivityInProgress"
    assert error["Message"] == f"Scaling activity {activity['ActivityId']} is in progress and blocks this action"
    for call, words in (
        (lambda: enter(stack, member), f"The instance {member} is not in InService."),
        (
            lambda: stack.asg.detach_instances(InstanceIds=[member], ShouldDecrementDesiredCapacity=True, **WEB),
            f"The instance {member} is not in InService or Standby.",
        ),
        (
            lambda: stack.asg.set_instance_protection(InstanceIds=[member], ProtectedFromScaleIn=True, **WEB),
            f"The instance {member} is not in InService or EnteringStandby or Standby.",
        ),
        (lambda: stack.asg.exit_standby(InstanceIds=[other], **WEB), f"The instance {other} is not in Standby."),
    ):
        with pytest.raises(ClientError, match=words):
            call()


def test_a_stranger_is_refused(rig: Any, stack: WebStack) -> None:
    image = stack.ec2.describe_instances()["Reservations"][0]["Instances"][0]["ImageId"]
    stranger = stack.ec2.run_instances(ImageId=image, InstanceType="t3.micro", MinCount=1, MaxCount=1)
    stranger = stranger["Instances"][0]["InstanceId"]
    with pytest.raises(ClientError, match=f"The instance {stranger} is not part of Auto Scaling group web."):
        enter(stack, stranger)
    with pytest.raises(ClientError, match=r"is not in correct state. Instance\(s\) must be in 'running' state."):
        stack.asg.attach_instances(InstanceIds=[stranger], **WEB)
    member = min(stack.members())
    with pytest.raises(ClientError, match=f"The Instance: {member} is already part of AutoScalingGroup:web"):
        stack.asg.attach_instances(InstanceIds=[member], **WEB)
    with pytest.raises(ClientError, match="Invalid Instance ID"):
        stack.asg.attach_instances(InstanceIds=["i-00000000000000000"], **WEB)


def test_attaching_beyond_the_maximum_is_refused(rig: Any, stack: WebStack) -> None:
    member = min(stack.members())
    stack.asg.detach_instances(InstanceIds=[member], ShouldDecrementDesiredCapacity=False, **WEB)
    rig.run(60)
    stack.asg.update_auto_scaling_group(MaxSize=3, **WEB)
    with pytest.raises(ClientError, match=r"desired-size=3\. To attach 1 more instance, please update"):
        stack.asg.attach_instances(InstanceIds=[member], **WEB)


def test_members_show_what_they_were_launched_from_after_the_group_moved_on(rig: Any, stack: WebStack) -> None:
    before = stack.group()["Instances"][0]["LaunchTemplate"]
    assert before == {"LaunchTemplateId": stack.template, "LaunchTemplateName": "web", "Version": "1"}
    image = stack.ec2.describe_instances()["Reservations"][0]["Instances"][0]["ImageId"]
    stack.asg.create_launch_configuration(LaunchConfigurationName="other", ImageId=image, InstanceType="t3.micro")
    stack.asg.update_auto_scaling_group(LaunchConfigurationName="other", **WEB)
    group = stack.group()
    assert "LaunchTemplate" not in group
    assert group["LaunchConfigurationName"] == "other"
    assert group["Instances"][0]["LaunchTemplate"] == before
