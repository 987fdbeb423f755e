"""What an instance refresh says of itself: status reasons, causes of activities, names of events.

Sources: EC2 Auto Scaling user guide, "Check the status of an instance refresh", "Instance refresh example events and
patterns"; answers that users published. Where nobody published AWS's words, these are the emulator's own.
"""

from blackstart.emulator.decisions.refresh_state import RefreshState, RefreshStatus, Waiting

EVENTS = {
    RefreshStatus.IN_PROGRESS: "EC2 Auto Scaling Instance Refresh Started",
    RefreshStatus.SUCCESSFUL: "EC2 Auto Scaling Instance Refresh Succeeded",
    RefreshStatus.FAILED: "EC2 Auto Scaling Instance Refresh Failed",
    RefreshStatus.CANCELLED: "EC2 Auto Scaling Instance Refresh Cancelled",
    RefreshStatus.ROLLBACK_IN_PROGRESS: "EC2 Auto Scaling Instance Refresh Rollback Started",
    RefreshStatus.ROLLBACK_SUCCESSFUL: "EC2 Auto Scaling Instance Refresh Rollback Succeeded",
    RefreshStatus.ROLLBACK_FAILED: "EC2 Auto Scaling Instance Refresh Rollback Failed",
}
CHECKPOINT_EVENT = "EC2 Auto Scaling Instance Refresh Checkpoint Reached"
BY_USER = "A user initiated the rollback."

_REMAINING = "Waiting for remaining instances to be available."
_EXAMPLES = {
    Waiting.WARMING_UP: (
        "Waiting for instances to warm up before continuing.",
        "{} is warming up.",
    ),
    Waiting.UNAVAILABLE: (_REMAINING, "{} has insufficient data to evaluate its health with Amazon EC2."),
    Waiting.UNHEALTHY: (_REMAINING, "{} is not healthy."),
    Waiting.PROTECTED: (_REMAINING, "{} is protected. Remove instance scale-in protection to continue."),
    Waiting.STANDBY: (_REMAINING, "{} is in standby. Return the instance to service to continue."),
    Waiting.SUSPENDED: ("The instance refresh is paused because the InstanceRefresh process is suspended.", ""),
    Waiting.BLOCKED: ("Waiting for the Launch and Terminate processes to be resumed.", ""),
    Waiting.ALARM: ("An alarm of the alarm specification went into the ALARM state.", ""),
}


def status_reason(state: RefreshState, now_s: float) -> str | None:
    """Why the refresh stands where it stands; None when there is nothing to say."""
    if state.waiting is None:
        return None
    if state.waiting in (Waiting.CHECKPOINT, Waiting.BAKING):
        left_s = max(0, round((state.until_s or now_s) - now_s))
        what = "bake time" if state.waiting is Waiting.BAKING else "checkpoint delay"
        return f"Waiting for {what} to finish before continuing. There are {left_s} seconds left."
    sentence, example = _EXAMPLES[state.waiting]
    return f"{sentence} For example: {example.format(state.example)}" if example and state.example else sentence


def taken_out_cause(instance_id: str, at: str) -> str:
    return (
        f"At {at} an instance was taken out of service in response to an instance refresh.  "
        f"At {at} instance {instance_id} was selected for termination."
    )


def outlived_cause(instance_id: str, at: str) -> str:
    return (
        f"At {at} an instance was taken out of service in response to the maximum instance lifetime.  "
        f"At {at} instance {instance_id} was selected for termination."
    )
