"""SNS topics hear of a group's launches and terminations.

Sources: EC2 Auto Scaling API reference, PutNotificationConfiguration; user guide, "Amazon SNS notification options".
"""

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError
from web_stack import ZONES, WebStack

from blackstart.emulator.decisions.ec2_capacity import Pool

WEB = {"AutoScalingGroupName": "web"}
KINDS = [f"autoscaling:EC2_INSTANCE_{word}" for word in ("LAUNCH", "LAUNCH_ERROR", "TERMINATE", "TERMINATE_ERROR")]


@pytest.fixture
def stack(rig: Any) -> WebStack:
    return WebStack(rig.client, desired=0)


class Topic:
    """A topic and a queue that gets its messages."""

    def __init__(self, rig: Any) -> None:
        self._sqs = rig.client("sqs")
        self._url = self._sqs.create_queue(QueueName="heard")["QueueUrl"]
        attributes = self._sqs.get_queue_attributes(QueueUrl=self._url, AttributeNames=["QueueArn"])["Attributes"]
        self.arn = rig.client("sns").create_topic(Name="told")["TopicArn"]
        rig.client("sns").subscribe(TopicArn=self.arn, Protocol="sqs", Endpoint=attributes["QueueArn"])

    def heard(self) -> list[tuple[str, dict[str, Any]]]:
        """Subject and document of each message since the last look."""
        messages = self._sqs.receive_message(QueueUrl=self._url, MaxNumberOfMessages=10, WaitTimeSeconds=0)
        envelopes = [json.loads(message["Body"]) for message in messages.get("Messages", ())]
        return [(envelope["Subject"], json.loads(envelope["Message"])) for envelope in envelopes]


@pytest.fixture
def topic(rig: Any, stack: WebStack) -> Topic:
    made = Topic(rig)
    stack.asg.put_notification_configuration(TopicARN=made.arn, NotificationTypes=KINDS, **WEB)
    return made


def set_desired(stack: WebStack, count: int) -> None:
    stack.asg.set_desired_capacity(DesiredCapacity=count, **WEB)


def test_a_new_topic_gets_a_test_notification(topic: Topic) -> None:
    ((subject, message),) = topic.heard()
    assert subject == 'Auto Scaling: test notification for group "web"'
    assert message["Event"] == "autoscaling:TEST_NOTIFICATION"


def test_a_launch_and_a_termination_are_told(rig: Any, stack: WebStack, topic: Topic) -> None:
    topic.heard()
    set_desired(stack, 1)
    rig.run(30)
    (member,) = stack.members()
    ((subject, message),) = topic.heard()
    assert subject == 'Auto Scaling: launch for group "web"'
    assert message["Event"] == "autoscaling:EC2_INSTANCE_LAUNCH"
    assert message["EC2InstanceId"] == member
    assert (message["Progress"], message["StatusCode"]) == (50, "InProgress")
    assert message["Description"] == f"Launching a new EC2 instance: {member}"
    assert message["Details"]["Subnet ID"] in stack.subnets
    set_desired(stack, 0)
    rig.run(90)
    ((subject, message),) = topic.heard()
    assert subject == 'Auto Scaling: termination for group "web"'
    assert (message["Event"], message["EC2InstanceId"]) == ("autoscaling:EC2_INSTANCE_TERMINATE", member)


def test_a_failed_launch_is_told(rig: Any, stack: WebStack, topic: Topic) -> None:
    topic.heard()
    stack.ec2.delete_launch_template(LaunchTemplateId=stack.template)
    rig.controllers.capacity.change({Pool(zone): 0 for zone in ZONES})
    set_desired(stack, 1)
    rig.run(2)
    subjects = {subject for subject, _ in topic.heard()}
    assert subjects == {'Auto Scaling: failed launch for group "web"'}


@pytest.mark.parametrize("template_goes", [False, True])
def test_a_failed_launch_names_the_subnet_in_which_it_was_tried(
    rig: Any, stack: WebStack, topic: Topic, template_goes: bool
) -> None:
    topic.heard()
    if template_goes:
        stack.ec2.delete_launch_template(LaunchTemplateId=stack.template)
    else:
        rig.controllers.capacity.change({Pool(zone): 0 for zone in ZONES})
    set_desired(stack, 1)
    rig.run(2)
    subnets = dict(zip(ZONES, stack.subnets, strict=True))
    for details in (topic.heard()[0][1]["Details"], json.loads(stack.activities()[-1]["Details"])):
        assert details["Subnet ID"] == subnets[details["Availability Zone"]]


def test_only_the_kinds_that_a_topic_wants_reach_it(rig: Any, stack: WebStack, topic: Topic) -> None:
    stack.asg.put_notification_configuration(TopicARN=topic.arn, NotificationTypes=KINDS[2:], **WEB)
    topic.heard()
    set_desired(stack, 1)
    rig.run(30)
    assert topic.heard() == []
    assert [
        found["NotificationType"]
        for found in stack.asg.describe_notification_configurations(AutoScalingGroupNames=["web"])[
            "NotificationConfigurations"
        ]
    ] == KINDS[2:]


def test_a_configuration_that_is_deleted_sends_no_more(rig: Any, stack: WebStack, topic: Topic) -> None:
    topic.heard()
    stack.asg.delete_notification_configuration(TopicARN=topic.arn, **WEB)
    set_desired(stack, 1)
    rig.run(30)
    assert topic.heard() == []
    assert stack.asg.describe_notification_configurations()["NotificationConfigurations"] == []


def test_what_makes_no_sense_is_refused(stack: WebStack, topic: Topic) -> None:
    with pytest.raises(ClientError, match="Invalid notification types"):
        stack.asg.put_notification_configuration(TopicARN=topic.arn, NotificationTypes=["other"], **WEB)
    with pytest.raises(ClientError, match="Unable to publish test message"):
        stack.asg.put_notification_configuration(TopicARN=f"{topic.arn}-none", NotificationTypes=KINDS, **WEB)
