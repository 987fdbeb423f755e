"""Scheduled actions: when they are due, and what they make of a group's sizes.

Source: EC2 Auto Scaling user guide, "Scheduled scaling for Amazon EC2 Auto Scaling"; API reference,
PutScheduledUpdateGroupAction.
"""

from typing import NamedTuple


class Sizes(NamedTuple):
    minimum: int
    maximum: int
    desired: int


class ScheduledAction(NamedTuple):
    """minimum, maximum, desired: None leaves what the group has. next_s: when it runs next.

    recurrence: a cron expression, empty for an action that runs once; ends_s: it does not run after this time.
    """

    name: str
    next_s: float
    minimum: int | None = None
    maximum: int | None = None
    desired: int | None = None
    recurrence: str = ""
    time_zone: str = ""
    ends_s: float | None = None


def over(action: ScheduledAction) -> bool:
    """Whether its end time comes before it would run again."""
    return action.ends_s is not None and action.next_s > action.ends_s


def sizes_after(action: ScheduledAction, sizes: Sizes) -> Sizes | None:
    """A group's sizes after the action, None when they would contradict each other: then nothing changes.

    A desired capacity that the action does not name moves to the nearer of the new limits.
    """
    minimum = sizes.minimum if action.minimum is None else action.minimum
    maximum = sizes.maximum if action.maximum is None else action.maximum
    if minimum > maximum:
        return None
    if action.desired is None:
        return Sizes(minimum, maximum, min(max(sizes.desired, minimum), maximum))
    if not minimum <= action.desired <= maximum:
        return None
    return Sizes(minimum, maximum, action.desired)


def capacity_problem(minimum: int | None, maximum: int | None, desired: int | None) -> str | None:
    """What AWS says of sizes that it refuses in an action, or None."""
    if minimum is None and maximum is None and desired is None:
        return "At least one of max size, min size, or desired capacity must be specified"
    for name, size in (("Min size", minimum), ("Max size", maximum), ("Desired capacity", desired)):
        if size is not None and size < 0:
            return f"{name} must be non-negative"
    if minimum is not None and maximum is not None and minimum > maximum:
        return "Min size must be less than or equal to max size"
    if desired is not None and maximum is not None and desired > maximum:
        return "Desired capacity must be less than or equal to max size"
    if desired is not None and minimum is not None and desired < minimum:
        return "Desired capacity must be greater than or equal to min size"
    return None


def time_problem(start_s: float | None, end_s: float | None, recurrence: str, now_s: float) -> str | None:
    """What AWS says of times that it refuses in an action, or None."""
    if start_s is None and not recurrence:
        return "Scheduled start time must be specified for non-recurrent future group action"
    if start_s is not None and start_s < now_s:
        return "Given start time is in the past"
    if end_s is not None and end_s < now_s:
        return "Given end time is in the past"
    if start_s is not None and end_s is not None and end_s < start_s:
        return "Given end time must be after start time"
    return None
