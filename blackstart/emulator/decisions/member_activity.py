"""What the activity log says of single members: standby, detaching, attaching, abandoned launches; in AWS's wording.

Sources: EC2 Auto Scaling API reference (examples of EnterStandby, ExitStandby, DetachInstances); user guide,
"Temporarily remove instances from your Auto Scaling group", "Tutorial: Configure user data to retrieve the target
lifecycle state"; a notification of an attachment as it arrived in practice.
"""

from blackstart.emulator.decisions.lifecycle_hook import Abandoned


def standby_description(instance_id: str) -> str:
    return f"Moving EC2 instance to Standby: {instance_id}"


def standby_cause(instance_id: str, at: str, before: int, after: int) -> str:
    return (
        f"At {at} instance {instance_id} was moved to standby in response to a user request{_shrinking(before, after)}."
    )


def service_description(instance_id: str) -> str:
    return f"Moving EC2 instance out of Standby: {instance_id}"


def service_cause(instance_id: str, at: str, before: int, after: int) -> str:
    return (
        f"At {at} instance {instance_id} was moved out of standby in response to a user request, increasing the "
        f"capacity from {before} to {after}."
    )


def detach_description(instance_id: str) -> str:
    return f"Detaching EC2 instance: {instance_id}"


def detach_cause(instance_id: str, at: str, before: int, after: int) -> str:
    return f"At {at} instance {instance_id} was detached in response to a user request{_shrinking(before, after)}."


def attach_description(instance_id: str) -> str:
    return f"Attaching an existing EC2 instance: {instance_id}"


def attach_cause(at: str, capacity: int) -> str:
    return f"At {at} an instance was added in response to user request. Keeping the capacity at the new {capacity}."


def termination_cause(instance_id: str, at: str, before: int, after: int) -> str:
    """Of TerminateInstanceInAutoScalingGroup."""
    return (
        f"At {at} instance {instance_id} was taken out of service in response to a user request"
        f"{_shrinking(before, after)}."
    )


def abandoned_message(abandoned: Abandoned) -> str:
    """Why a launch was given up, as the activity's status message."""
    return (
        f"Instance failed to complete user's Lifecycle Action: Lifecycle Action with token {abandoned.token} was "
        f"abandoned: {abandoned.ending.value}"
    )


def abandoned_description(description: str, message: str) -> str:
    """A launch's description once it was given up."""
    return f"{description}.  Status Reason: {message}"


def abandoned_cause(instance_id: str, at: str) -> str:
    """Differs from AWS: its words for the termination after an abandoned launch are not published."""
    return (
        f"At {at} instance {instance_id} was taken out of service in response to an abandoned launch lifecycle action."
    )


def _shrinking(before: int, after: int) -> str:
    return f", shrinking the capacity from {before} to {after}" if after < before else ""
