"""Lifecycle hooks: what waits, who is told, and how the wait ends.

Sources: EC2 Auto Scaling user guide, "Amazon EC2 Auto Scaling lifecycle hooks", "How lifecycle hooks work in Auto
Scaling groups", "Auto Scaling event reference"; API reference, PutLifecycleHook, DeleteLifecycleHook.
"""

import json
from itertools import pairwise
from typing import Any

import pytest
from botocore.exceptions import ClientError
from web_stack import WebStack

LAUNCHING, TERMINATING = "autoscaling:EC2_INSTANCE_LAUNCHING", "autoscaling:EC2_INSTANCE_TERMINATING"


@pytest.fixture
def stack(rig: Any) -> WebStack:
    return WebStack(rig.client, desired=1)


def put(stack: WebStack, transition: str = LAUNCHING, name: str = "hook", **fields: Any) -> None:
    stack.asg.put_lifecycle_hook(
        LifecycleHookName=name, AutoScalingGroupName="web", LifecycleTransition=transition, **fields
    )


def described(stack: WebStack) -> dict[str, Any]:
    (hook,) = stack.asg.describe_lifecycle_hooks(AutoScalingGroupName="web")["LifecycleHooks"]
    found: dict[str, Any] = hook
    return found


def states(stack: WebStack) -> list[str]:
    return sorted(member["LifecycleState"] for member in stack.group()["Instances"])


def only_member(stack: WebStack) -> str:
    (member,) = stack.group()["Instances"]
    return str(member["InstanceId"])


def complete(stack: WebStack, result: str = "CONTINUE", name: str = "hook", **which: str) -> None:
    stack.asg.complete_lifecycle_action(
        LifecycleHookName=name, AutoScalingGroupName="web", LifecycleActionResult=result, **which
    )


def set_desired(stack: WebStack, count: int) -> None:
    stack.asg.set_desired_capacity(AutoScalingGroupName="web", DesiredCapacity=count)


def queue(rig: Any, name: str = "told") -> tuple[str, str]:
    """URL and ARN."""
    url = rig.client("sqs").create_queue(QueueName=name)["QueueUrl"]
    attributes = rig.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
    return url, attributes["Attributes"]["QueueArn"]


def received(rig: Any, url: str) -> list[dict[str, Any]]:
    messages = rig.client("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=0)
    return [json.loads(message["Body"]) for message in messages.get("Messages", ())]


def test_a_new_instance_waits_for_the_launch_hook_before_it_is_in_service_and_registered(
    rig: Any, stack: WebStack
) -> None:
    put(stack)
    rig.run(9)
    assert states(stack) == ["Pending"]
    rig.run(600)
    assert states(stack) == ["Pending:Wait"]
    assert stack.health() == {}
    (activity,) = stack.activities()
    assert activity["StatusCode"] == "MidLifecycleAction"
    complete(stack, InstanceId=only_member(stack))
    rig.run(1)
    assert states(stack) == ["Pending:Proceed"]
    rig.run(1)
    assert states(stack) == ["InService"]
    assert set(stack.health()) == stack.members()
    assert stack.activities()[0]["StatusCode"] == "Successful"


def test_the_grace_period_begins_after_the_hook(rig: Any, stack: WebStack) -> None:
    put(stack)
    rig.run(300)
    member = only_member(stack)
    rig.sick.add(member)
    complete(stack, InstanceId=member)
    rig.run(50)
    assert member in stack.members()
    rig.run(60)
    assert member not in stack.members()


def test_a_terminating_instance_drains_first_and_then_waits_for_the_termination_hook(rig: Any, stack: WebStack) -> None:
    put(stack, TERMINATING)
    rig.run(60)
    member = only_member(stack)
    set_desired(stack, 0)
    rig.run(29)
    assert states(stack) == ["Terminating"]
    assert stack.activities()[0]["StatusCode"] == "WaitingForELBConnectionDraining"
    rig.run(600)
    assert states(stack) == ["Terminating:Wait"]
    instance = stack.ec2.describe_instances(InstanceIds=[member])["Reservations"][0]["Instances"][0]
    assert instance["State"]["Name"] == "running"
    complete(stack, InstanceId=member)
    rig.run(2)
    assert states(stack) == ["Terminating:Proceed"]
    rig.run(30)
    assert states(stack) == []
    assert stack.activities()[0]["StatusCode"] == "Successful"


def test_an_abandoned_launch_is_cancelled_in_awss_words_and_replaced(rig: Any, stack: WebStack) -> None:
    put(stack)
    rig.run(15)
    member = only_member(stack)
    complete(stack, "ABANDON", InstanceId=member)
    rig.run(1)
    assert states(stack) == ["Pending", "Terminating"]
    cancelled = next(a for a in stack.activities() if a["StatusCode"] == "Cancelled")
    reason = "Instance failed to complete user's Lifecycle Action: Lifecycle Action with token "
    assert cancelled["StatusMessage"].startswith(reason)
    assert cancelled["StatusMessage"].endswith(" was abandoned: Lifecycle Action Completed with ABANDON Result")
    assert cancelled["Description"] == (
        f"Launching a new EC2 instance: {member}.  Status Reason: {cancelled['StatusMessage']}"
    )


@pytest.mark.parametrize(("default", "expected"), [("CONTINUE", "InService"), ("ABANDON", "Terminating")])
def test_a_hook_that_times_out_has_its_default_result(rig: Any, stack: WebStack, default: str, expected: str) -> None:
    put(stack, HeartbeatTimeout=100, DefaultResult=default)
    rig.run(10)
    member = only_member(stack)
    rig.run(99)
    assert states(stack) == ["Pending:Wait"]
    rig.run(3)
    shown = stack.asg.describe_auto_scaling_instances(InstanceIds=[member])["AutoScalingInstances"]
    assert shown[0]["LifecycleState"] == expected
    if default == "ABANDON":
        cancelled = next(a for a in stack.activities() if a["StatusCode"] == "Cancelled")
        assert cancelled["StatusMessage"].endswith("was abandoned: Heartbeat Timeout")


def test_a_heartbeat_restarts_the_timeout_until_the_global_timeout(rig: Any, stack: WebStack) -> None:
    put(stack, HeartbeatTimeout=30, DefaultResult="CONTINUE")
    rig.run(10)
    member = only_member(stack)
    for _ in range(119):
        rig.run(25, step_s=25)
        stack.asg.record_lifecycle_action_heartbeat(
            LifecycleHookName="hook", AutoScalingGroupName="web", InstanceId=member
        )
    assert states(stack) == ["Pending:Wait"]
    rig.run(30, step_s=25)
    assert states(stack) != ["Pending:Wait"]


def test_all_hooks_have_to_be_completed(rig: Any, stack: WebStack) -> None:
    put(stack, name="one")
    put(stack, name="two")
    rig.run(15)
    complete(stack, name="one", InstanceId=only_member(stack))
    rig.run(60)
    assert states(stack) == ["Pending:Wait"]
    complete(stack, name="two", InstanceId=only_member(stack))
    rig.run(2)
    assert states(stack) == ["InService"]


def test_abandoning_one_termination_hook_ends_the_others_too(rig: Any, stack: WebStack) -> None:
    put(stack, TERMINATING, "one")
    put(stack, TERMINATING, "two")
    rig.run(60)
    set_desired(stack, 0)
    rig.run(40)
    assert states(stack) == ["Terminating:Wait"]
    complete(stack, "ABANDON", "one", InstanceId=only_member(stack))
    rig.run(30)
    assert states(stack) == []


@pytest.mark.parametrize(
    ("transition", "after"), [(LAUNCHING, ["Pending", "Terminating"]), (TERMINATING, ["Terminating:Proceed"])]
)
def test_deleting_a_hook_abandons_launches_and_continues_terminations(
    rig: Any, stack: WebStack, transition: str, after: list[str]
) -> None:
    if transition == TERMINATING:
        rig.run(60)
        put(stack, transition)
        set_desired(stack, 0)
        rig.run(40)
    else:
        put(stack, transition)
        rig.run(15)
    stack.asg.delete_lifecycle_hook(LifecycleHookName="hook", AutoScalingGroupName="web")
    rig.run(1)
    assert states(stack) == after
    assert stack.asg.describe_lifecycle_hooks(AutoScalingGroupName="web")["LifecycleHooks"] == []


def test_standby_detaching_and_forced_deletion_wait_for_no_hook(rig: Any, stack: WebStack) -> None:
    rig.run(60)
    put(stack, LAUNCHING, "in")
    put(stack, TERMINATING, "out")
    member = only_member(stack)
    stack.asg.enter_standby(AutoScalingGroupName="web", InstanceIds=[member], ShouldDecrementDesiredCapacity=True)
    rig.run(40)
    stack.asg.exit_standby(AutoScalingGroupName="web", InstanceIds=[member])
    rig.run(2)
    assert states(stack) == ["InService"]
    stack.asg.delete_auto_scaling_group(AutoScalingGroupName="web", ForceDelete=True)
    rig.run(60)
    assert stack.asg.describe_auto_scaling_groups()["AutoScalingGroups"] == []


def test_a_queue_gets_a_test_notification_and_then_the_lifecycle_action(rig: Any, stack: WebStack) -> None:
    url, arn = queue(rig)
    put(stack, NotificationTargetARN=arn, RoleARN="arn:aws:iam::123456789012:role/hooks", NotificationMetadata="more")
    (test,) = received(rig, url)
    assert (test["Event"], test["Service"]) == ("autoscaling:TEST_NOTIFICATION", "AWS Auto Scaling")
    assert test["AutoScalingGroupName"] == "web"
    rig.run(15)
    (told,) = received(rig, url)
    assert told.pop("RequestId")
    assert told.pop("Time").endswith("Z")
    token = told.pop("LifecycleActionToken")
    assert told == {
        "AccountId": "123456789012",
        "AutoScalingGroupName": "web",
        "Destination": "AutoScalingGroup",
        "EC2InstanceId": only_member(stack),
        "LifecycleHookName": "hook",
        "LifecycleTransition": LAUNCHING,
        "NotificationMetadata": "more",
        "Origin": "EC2",
        "Service": "AWS Auto Scaling",
    }
    complete(stack, LifecycleActionToken=token)
    rig.run(2)
    assert states(stack) == ["InService"]


def test_eventbridge_gets_the_lifecycle_actions(rig: Any, stack: WebStack) -> None:
    url, arn = queue(rig)
    events = rig.client("events")
    events.put_rule(
        Name="hooks",
        EventPattern=json.dumps(
            {
                "source": ["aws.autoscaling"],
                "detail-type": ["EC2 Instance-launch Lifecycle Action", "EC2 Instance-terminate Lifecycle Action"],
            }
        ),
    )
    events.put_targets(Rule="hooks", Targets=[{"Id": "queue", "Arn": arn}])
    put(stack)
    rig.run(15)
    (event,) = received(rig, url)
    assert event["detail-type"] == "EC2 Instance-launch Lifecycle Action"
    assert event["resources"] == [stack.group()["AutoScalingGroupARN"]]
    assert event["detail"] == {
        "LifecycleActionToken": event["detail"]["LifecycleActionToken"],
        "AutoScalingGroupName": "web",
        "LifecycleHookName": "hook",
        "EC2InstanceId": only_member(stack),
        "LifecycleTransition": LAUNCHING,
        "Origin": "EC2",
        "Destination": "AutoScalingGroup",
    }


def test_a_hook_is_described_with_awss_defaults(stack: WebStack) -> None:
    put(stack)
    assert described(stack) == {
        "LifecycleHookName": "hook",
        "AutoScalingGroupName": "web",
        "LifecycleTransition": LAUNCHING,
        "HeartbeatTimeout": 3600,
        "GlobalTimeout": 172800,
        "DefaultResult": "ABANDON",
    }


def test_an_update_keeps_what_it_does_not_name(stack: WebStack) -> None:
    put(stack, HeartbeatTimeout=60, NotificationMetadata="kept")
    stack.asg.put_lifecycle_hook(LifecycleHookName="hook", AutoScalingGroupName="web", DefaultResult="CONTINUE")
    hook = described(stack)
    assert (hook["HeartbeatTimeout"], hook["GlobalTimeout"]) == (60, 6000)
    assert (hook["DefaultResult"], hook["NotificationMetadata"]) == ("CONTINUE", "kept")


def test_hooks_of_a_new_group_hold_its_first_instances(rig: Any, stack: WebStack) -> None:
    stack.asg.create_auto_scaling_group(
        AutoScalingGroupName="hooked",
        LaunchTemplate={"LaunchTemplateId": stack.template},
        MinSize=1,
        MaxSize=1,
        VPCZoneIdentifier=stack.subnets[0],
        LifecycleHookSpecificationList=[{"LifecycleHookName": "first", "LifecycleTransition": LAUNCHING}],
    )
    rig.run(20)
    groups = stack.asg.describe_auto_scaling_groups(AutoScalingGroupNames=["hooked"])["AutoScalingGroups"]
    assert [member["LifecycleState"] for member in groups[0]["Instances"]] == ["Pending:Wait"]


def test_a_hook_that_is_waited_for_is_not_called_unserved(rig: Any, stack: WebStack) -> None:
    put(stack)
    assert rig.unserved() == ()


REFUSALS = {
    "No active Lifecycle Action found with instance ID": lambda stack: complete(
        stack, InstanceId="i-0000000000000000a"
    ),
    "No active Lifecycle Action found with token": lambda stack: complete(stack, LifecycleActionToken="0" * 36),
    "No Lifecycle Hook found with name 'other'": lambda stack: complete(stack, name="other", InstanceId="i-1"),
    "Either LifecycleActionToken or InstanceId": complete,
    "Member must satisfy enum value set: [CONTINUE, ABANDON]": lambda stack: complete(stack, "MAYBE", InstanceId="i-1"),
    "greater than or equal to 30": lambda stack: put(stack, HeartbeatTimeout=29),
    "less than or equal to 7200": lambda stack: put(stack, HeartbeatTimeout=7201),
    "enum value set: [autoscaling:EC2_INSTANCE_LAUNCHING": lambda stack: put(stack, "autoscaling:OTHER"),
    "Unable to publish test message to notification target": lambda stack: put(
        stack, NotificationTargetARN="arn:aws:sqs:us-east-1:123456789012:nowhere", RoleARN="arn:aws:iam::1:role/r"
    ),
    "RoleARN is required": lambda stack: put(stack, NotificationTargetARN="arn:aws:sqs:us-east-1:123456789012:nowhere"),
    "AutoScalingGroup name not found": lambda stack: stack.asg.describe_lifecycle_hooks(AutoScalingGroupName="none"),
}


@pytest.mark.parametrize("words", sorted(REFUSALS))
def test_what_aws_refuses_of_hooks_is_refused(stack: WebStack, words: str) -> None:
    put(stack)
    with pytest.raises(ClientError) as refused:
        REFUSALS[words](stack)
    assert refused.value.response["Error"]["Code"] == "ValidationError"
    assert words in refused.value.response["Error"]["Message"]


def test_a_topic_gets_lifecycle_actions_under_awss_subject(rig: Any, stack: WebStack) -> None:
    url, arn = queue(rig)
    topic = rig.client("sns").create_topic(Name="hooks")["TopicArn"]
    rig.client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    put(stack, NotificationTargetARN=topic, RoleARN="arn:aws:iam::123456789012:role/hooks")
    rig.run(15)
    subjects = [message["Subject"] for message in received(rig, url)]
    assert subjects == [
        'Auto Scaling: test notification for group "web"',
        f"Auto Scaling:  Lifecycle action 'LAUNCHING' for instance {only_member(stack)} in progress.",
    ]


def test_a_target_that_is_gone_holds_nothing_up(rig: Any, stack: WebStack) -> None:
    url, arn = queue(rig)
    put(stack, NotificationTargetARN=arn, RoleARN="arn:aws:iam::123456789012:role/hooks", DefaultResult="CONTINUE")
    rig.client("sqs").delete_queue(QueueUrl=url)
    rig.run(15)
    complete(stack, InstanceId=only_member(stack))
    rig.run(2)
    assert states(stack) == ["InService"]


def test_a_hook_for_a_lambda_function_says_that_it_is_not_invoked(rig: Any, stack: WebStack) -> None:
    arn = "arn:aws:lambda:us-east-1:123456789012:function:warm"
    put(stack, NotificationTargetARN=arn, RoleARN="arn:aws:iam::123456789012:role/hooks")
    assert rig.unserved() == (f"lifecycle hook hook does not invoke {arn}",)


def test_an_instance_that_is_lost_while_it_waits_is_replaced(rig: Any, stack: WebStack) -> None:
    put(stack)
    rig.run(15)
    lost = only_member(stack)
    stack.ec2.terminate_instances(InstanceIds=[lost])
    rig.run(60)
    assert states(stack) == ["Pending:Wait"]
    assert only_member(stack) != lost


def test_launches_that_are_abandoned_again_and_again_come_less_and_less_often(rig: Any, stack: WebStack) -> None:
    put(stack, HeartbeatTimeout=30)
    rig.run(600)
    launches = [a for a in stack.activities() if a["Description"].startswith("Launching")]
    times = sorted(activity["StartTime"] for activity in launches)
    gaps = [(after - before).total_seconds() for before, after in pairwise(times)]
    assert [round(gap / 10) * 10 for gap in gaps] == [40, 70, 100, 160]
    put(stack, HeartbeatTimeout=30, DefaultResult="CONTINUE")
    rig.run(300)
    assert states(stack) == ["InService"]
