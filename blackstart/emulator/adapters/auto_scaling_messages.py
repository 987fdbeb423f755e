"""Messages that Auto Scaling sends to SNS topics and SQS queues, as they arrive in practice.

Sources: EC2 Auto Scaling user guide, "Amazon SNS notification options", "Prepare to add a lifecycle hook"; the fields
and subjects as published by people who received them.
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from blackstart.emulator.controllers.activity_log import Activity
from blackstart.emulator.decisions.activity import ActivityKind, ActivityStatus
from blackstart.emulator.decisions.lifecycle_hook import Transition

SERVICE = "AWS Auto Scaling"
TEST = "autoscaling:TEST_NOTIFICATION"
NOTIFICATION_TYPES = (
    "autoscaling:EC2_INSTANCE_LAUNCH",
    "autoscaling:EC2_INSTANCE_LAUNCH_ERROR",
    "autoscaling:EC2_INSTANCE_TERMINATE",
    "autoscaling:EC2_INSTANCE_TERMINATE_ERROR",
    TEST,
)
_NOUNS = {ActivityKind.LAUNCH: "launch", ActivityKind.TERMINATE: "termination"}
_FAILED = frozenset({ActivityStatus.FAILED.value, ActivityStatus.CANCELLED.value})


class UndeliverableError(Exception):
    """There is no such topic or queue, or it takes no such message."""


def deliver(arn: str, subject: str, message: Mapping[str, Any]) -> None:
    """Send to a topic or a standard queue of this emulator. Raises UndeliverableError."""
    from moto import backends
    from moto.core.exceptions import ServiceException

    parts = arn.split(":", 5)
    if len(parts) < 6 or parts[2] not in ("sns", "sqs") or parts[5].endswith(".fifo"):
        raise UndeliverableError(arn)
    backend: Any = backends.get_backend(parts[2])[parts[4]][parts[3]]
    text = json.dumps(message)
    try:
        if parts[2] == "sns":
            backend.publish(message=text, arn=arn, subject=subject)
        else:
            backend.send_message(queue_name=parts[5], message_body=text)
    except ServiceException as error:
        raise UndeliverableError(arn) from error


def test_message(group: Any, request_id: str, now_s: float) -> tuple[str, dict[str, Any]]:
    """Subject and document of what a new notification target gets first."""
    return f'Auto Scaling: test notification for group "{group.name}"', {
        "AccountId": group.account_id,
        "RequestId": request_id,
        "AutoScalingGroupARN": group.arn,
        "AutoScalingGroupName": group.name,
        "Service": SERVICE,
        "Event": TEST,
        "Time": moment_ms(now_s),
    }


def hook_message(group: Any, detail: Mapping[str, str], request_id: str, now_s: float) -> tuple[str, dict[str, Any]]:
    """Subject and document of a lifecycle action. detail: as in its event."""
    verb = "LAUNCHING" if detail["LifecycleTransition"] == Transition.LAUNCHING else "TERMINATING"
    subject = f"Auto Scaling:  Lifecycle action '{verb}' for instance {detail['EC2InstanceId']} in progress."
    time = moment_ms(now_s)
    return subject, {
        **detail,
        "AccountId": group.account_id,
        "RequestId": request_id,
        "Service": SERVICE,
        "Time": time,
    }


def activity_type(activity: Activity) -> str | None:
    """The notification type of an activity that has ended; None when AWS sends none."""
    noun = {ActivityKind.LAUNCH: "LAUNCH", ActivityKind.TERMINATE: "TERMINATE"}.get(activity.kind)
    failed = "_ERROR" if activity.status_code in _FAILED else ""
    return f"autoscaling:EC2_INSTANCE_{noun}{failed}" if noun else None


def activity_message(activity: Activity, now_s: float) -> tuple[str, dict[str, Any]]:
    """Subject and document of an activity that has ended. A success reads InProgress and 50, as AWS sends it."""
    failed = activity.status_code in _FAILED
    noun = f"{'failed ' if failed else ''}{_NOUNS[activity.kind]}"
    launching = activity.kind is ActivityKind.LAUNCH
    return f'Auto Scaling: {noun} for group "{activity.auto_scaling_group_name}"', {
        "Origin": "EC2" if launching else "AutoScalingGroup",
        "Destination": "AutoScalingGroup" if launching else "EC2",
        "Progress": 100 if failed else 50,
        "AccountId": activity.auto_scaling_group_arn.split(":")[4],
        "Description": activity.description,
        "RequestId": activity.activity_id,
        "EndTime": moment_ms(now_s),
        "AutoScalingGroupARN": activity.auto_scaling_group_arn,
        "ActivityId": activity.activity_id,
        "StartTime": f"{activity.start_time:%Y-%m-%dT%H:%M:%S}.{activity.start_time.microsecond // 1000:03d}Z",
        "Service": SERVICE,
        "Time": moment_ms(now_s),
        "EC2InstanceId": activity.instance_id,
        "StatusCode": "Failed" if failed else "InProgress",
        "StatusMessage": activity.status_message or "",
        "Details": {"Subnet ID": activity.subnet, "Availability Zone": activity.zone},
        "AutoScalingGroupName": activity.auto_scaling_group_name,
        "Cause": activity.cause,
        "Event": activity_type(activity),
    }


def moment_ms(time_s: float) -> str:
    at = datetime.fromtimestamp(time_s, UTC)
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}Z"
