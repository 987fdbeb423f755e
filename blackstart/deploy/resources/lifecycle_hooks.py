"""What an Auto Scaling group tells others: lifecycle hooks, and notifications about launches and terminations."""

from blackstart.aws_clients import AwsClients
from blackstart.deploy.fields import Field, Fields, integer, one_of, text, texts
from blackstart.deploy.registry import Realised, Wanted, realises

HOOK: Fields = {
    "name": Field("LifecycleHookName", text, required=True),
    "lifecycleTransition": Field(
        "LifecycleTransition",
        one_of("autoscaling:EC2_INSTANCE_LAUNCHING", "autoscaling:EC2_INSTANCE_TERMINATING"),
        required=True,
    ),
    "defaultResult": Field("DefaultResult", one_of("CONTINUE", "ABANDON")),
    "heartbeatTimeout": Field("HeartbeatTimeout", integer),
    "notificationMetadata": Field("NotificationMetadata", text),
    "notificationTargetArn": Field("NotificationTargetARN", text),
    "roleArn": Field("RoleARN", text),
}


@realises(
    "aws:autoscaling/lifecycleHook:LifecycleHook",
    {
        **HOOK,
        "name": Field(None, text),
        "autoscalingGroupName": Field("AutoScalingGroupName", text, required=True),
    },
)
def lifecycle_hook(wanted: Wanted, aws: AwsClients) -> Realised:
    name = wanted.physical_name(255)
    aws.client("autoscaling").put_lifecycle_hook(LifecycleHookName=name, **wanted.call)
    return Realised(name, {"name": name})


@realises(
    "aws:autoscaling/notification:Notification",
    {
        "groupNames": Field(None, texts, required=True),
        "notifications": Field("NotificationTypes", texts, required=True),
        "topicArn": Field("TopicARN", text, required=True),
    },
)
def notification(wanted: Wanted, aws: AwsClients) -> Realised:
    for group in wanted.given["groupNames"]:
        aws.client("autoscaling").put_notification_configuration(AutoScalingGroupName=group, **wanted.call)
    return Realised(wanted.call["TopicARN"], {})
