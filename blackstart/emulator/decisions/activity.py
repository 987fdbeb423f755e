"""The activity log of an Auto Scaling group, in AWS's wording.

Source: EC2 Auto Scaling user guide, "Verify a scaling activity for an Auto Scaling group" (its example outputs).
"""

from enum import StrEnum

from blackstart.domain.model import Model
from blackstart.emulator.decisions.scaling_group import Unhealthy


class ActivityKind(StrEnum):
    """What an activity is about. other: moved to standby, attached, detached and the like."""

    LAUNCH = "launch"
    TERMINATE = "terminate"
    OTHER = "other"


class ActivityStatus(StrEnum):
    PRE_IN_SERVICE = "PreInService"
    IN_PROGRESS = "InProgress"
    DRAINING = "WaitingForELBConnectionDraining"
    SUCCESSFUL = "Successful"
    FAILED = "Failed"
    CANCELLED = "Cancelled"


class CapacityChange(Model):
    """How the desired capacity last changed: by whom, from what to what, when (AWS's text form)."""

    words: str
    before: int
    after: int
    at: str

    def sentence(self) -> str:
        changed = f"changing the desired capacity from {self.before} to {self.after}."
        return f"At {self.at} {self.words} {changed}"


CREATED = "a user request created an AutoScalingGroup"
EXPLICIT = "a user request explicitly set group desired capacity"


def updated(minimum: int, maximum: int, desired: int) -> str:
    return (
        f"a user request update of AutoScalingGroup constraints to min: {minimum}, max: {maximum}, desired: {desired}"
    )


def launch_description(instance_id: str) -> str:
    return f"Launching a new EC2 instance: {instance_id}"


def launch_failed_description(problem: str) -> str:
    return f"Launching a new EC2 instance.  Status Reason: {problem}  Launching EC2 instance failed."


def terminate_description(instance_id: str) -> str:
    return f"Terminating EC2 instance: {instance_id}"


def replacement_cause(at: str) -> str:
    return f"At {at} an instance was launched in response to an unhealthy instance needing to be replaced."


def scale_out_cause(change: CapacityChange | None, at: str, before: int, after: int) -> str:
    started = (
        f"At {at} an instance was started in response to a difference between desired and actual capacity, "
        f"increasing the capacity from {before} to {after}."
    )
    return f"{change.sentence()}  {started}" if change else started


def scale_in_cause(change: CapacityChange | None, at: str, before: int, after: int, instance_id: str) -> str:
    taken = (
        f"At {at} an instance was taken out of service in response to a difference between desired and actual "
        f"capacity, shrinking the capacity from {before} to {after}.  At {at} instance {instance_id} was selected for "
        "termination."
    )
    return f"{change.sentence()}  {taken}" if change else taken


UNHEALTHY_CAUSES = {
    Unhealthy.NOT_RUNNING: "an EC2 health check indicating it has been terminated or stopped.",
    Unhealthy.IMPAIRED: "an EC2 instance status checks failure.",
    Unhealthy.LOAD_BALANCER: "an ELB system health check failure.",
    Unhealthy.CUSTOM: "a user health-check.",
}


def unhealthy_cause(reason: Unhealthy, at: str) -> str:
    return f"At {at} an instance was taken out of service in response to {UNHEALTHY_CAUSES[reason]}"


def user_termination_cause(instance_id: str, at: str) -> str:
    return f"At {at} instance {instance_id} was taken out of service in response to a user request."
