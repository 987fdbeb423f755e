"""The activity log of an Auto Scaling group, in AWS's wording.

Source: EC2 Auto Scaling user guide, "Verify a scaling activity for an Auto Scaling group" (its example outputs).
"""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from itertools import chain, islice

from blackstart.domain.model import Model
from blackstart.emulator.decisions.scaling_group import Unhealthy, Why


class ActivityKind(StrEnum):
    """What an activity is about. other: moved to standby, attached, detached and the like."""

    LAUNCH = "launch"
    TERMINATE = "terminate"
    OTHER = "other"


class ActivityStatus(StrEnum):
    PRE_IN_SERVICE = "PreInService"
    IN_PROGRESS = "InProgress"
    DRAINING = "WaitingForELBConnectionDraining"
    MID_LIFECYCLE = "MidLifecycleAction"
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


LAUNCH_FAILED = "Launching EC2 instance failed."
PROTECTED = "Could not scale to desired capacity because all remaining instances are protected from scale-in."
LONGEST_CAUSE = 1023
"""Characters, by Auto Scaling's model."""
FORCE_DELETED = "a user request force deleted AutoScalingGroup"


def launch_failed_message(problem: str) -> str:
    return f"{problem} {LAUNCH_FAILED}"


def launch_failed_description(problem: str) -> str:
    return f"Launching a new EC2 instance.  Status Reason: {launch_failed_message(problem)}"


def terminate_description(instance_id: str) -> str:
    return f"Terminating EC2 instance: {instance_id}"


def replacement_cause(at: str) -> str:
    return f"At {at} an instance was launched in response to an unhealthy instance needing to be replaced."


def launched_ahead_cause(why: Why, at: str) -> str:
    """Of a launch that comes before a termination; AWS publishes no such wording."""
    return f"At {at} an instance was launched in response to {_AHEAD[why]}."


_AHEAD = {Why.CAPACITY_REBALANCING: "an EC2 instance rebalance recommendation", Why.REFRESH: "an instance refresh"}


def balancing_cause(at: str, instances: Mapping[str, int]) -> str:
    """Of a launch for balance. instances: in each zone before it."""
    zones, counts = " ".join(instances), " ".join(str(count) for count in instances.values())
    return (
        f"At {at} availability zones {zones} had {counts} instances respectively.  "
        "An instance was launched to aid in balancing the group's zones."
    )


def balanced_sentence(at: str, zones: Iterable[str]) -> str:
    """Why a group that was balanced has too many instances, as the cause of the termination has it."""
    return (
        f"At {at} instances were launched to balance instances in zones {' '.join(zones)} with other zones resulting "
        "in more than desired number of instances in the group."
    )


def scale_out_cause(reason: str, at: str, before: int, after: int) -> str:
    """reason: the sentence that says why the group lacks instances, or ""."""
    started = (
        f"At {at} an instance was started in response to a difference between desired and actual capacity, "
        f"increasing the capacity from {before} to {after}."
    )
    return f"{reason}  {started}" if reason else started


def scale_in_cause(reason: str, at: str, before: int, after: int, instance_ids: Iterable[str]) -> str:
    """Of every termination of those selected together. reason: the sentence that says why the group has too many
    instances, or "".
    """
    taken = (
        f"At {at} an instance was taken out of service in response to a difference between desired and actual "
        f"capacity, shrinking the capacity from {before} to {after}."
    )
    selected = (f"At {at} instance {instance_id} was selected for termination." for instance_id in instance_ids)
    sentences = chain((reason, taken) if reason else (taken,), islice(selected, LONGEST_CAUSE // 50))
    return "  ".join(sentences)[:LONGEST_CAUSE]


def rebalance_recommendation_cause(at: str) -> str:
    return f"At {at} an instance was taken out of service in response to an EC2 instance rebalance recommendation."


UNHEALTHY_CAUSES = {
    Unhealthy.NOT_RUNNING: "an EC2 health check indicating it has been terminated or stopped.",
    Unhealthy.IMPAIRED: "an EC2 instance status checks failure.",
    Unhealthy.LOAD_BALANCER: "an ELB system health check failure.",
    Unhealthy.CUSTOM: "a user health-check.",
}


def unhealthy_cause(reason: Unhealthy, at: str) -> str:
    return f"At {at} an instance was taken out of service in response to {UNHEALTHY_CAUSES[reason]}"
