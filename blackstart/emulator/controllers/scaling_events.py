"""The events that Auto Scaling sends to EventBridge when an instance was launched or terminated, or could not be.

Source: EC2 Auto Scaling user guide, "Auto Scaling event reference".
"""

from datetime import datetime

from blackstart.emulator.controllers.activity_log import Activity, moment
from blackstart.emulator.controllers.event_bus import Event
from blackstart.emulator.decisions.activity import ActivityKind, ActivityStatus

SOURCE = "aws.autoscaling"
_NOUNS = {ActivityKind.LAUNCH: "Launch", ActivityKind.TERMINATE: "Terminate"}


def event_of(activity: Activity, now_s: float) -> Event | None:
    """The event of an activity that has ended; None for activities that AWS sends none for."""
    noun = _NOUNS.get(activity.kind)
    if noun is None:
        return None
    successful = activity.status_code == ActivityStatus.SUCCESSFUL
    region, account = activity.auto_scaling_group_arn.split(":")[3:5]
    instance = f"arn:aws:ec2:{region}:{account}:instance/{activity.instance_id}"
    launching = activity.kind is ActivityKind.LAUNCH
    return Event(
        source=SOURCE,
        detail_type=f"EC2 Instance {noun} {'Successful' if successful else 'Unsuccessful'}",
        account=account,
        region=region,
        resources=(activity.auto_scaling_group_arn, *((instance,) if activity.instance_id else ())),
        detail={
            "StatusCode": "InProgress" if successful else "Failed",
            "Description": activity.description,
            "AutoScalingGroupName": activity.auto_scaling_group_name,
            "ActivityId": activity.activity_id,
            "Details": {"Availability Zone": activity.zone, "Subnet ID": activity.subnet},
            "RequestId": activity.activity_id,
            "StatusMessage": activity.status_message or "",
            "EndTime": moment(now_s),
            "EC2InstanceId": activity.instance_id,
            "StartTime": _text(activity.start_time),
            "Cause": activity.cause,
            "Origin": "EC2" if launching else "AutoScalingGroup",
            "Destination": "AutoScalingGroup" if launching else "EC2",
        },
        time_s=now_s,
    )


def _text(time: datetime) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")
