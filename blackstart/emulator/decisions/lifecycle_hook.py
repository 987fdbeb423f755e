"""What becomes of an instance that waits for its lifecycle hooks.

Sources: EC2 Auto Scaling user guide, "Amazon EC2 Auto Scaling lifecycle hooks", "How lifecycle hooks work in Auto
Scaling groups"; API reference, PutLifecycleHook, CompleteLifecycleAction, RecordLifecycleActionHeartbeat.
"""

from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple

DEFAULT_HEARTBEAT_S = 3600
SHORTEST_HEARTBEAT_S, LONGEST_HEARTBEAT_S = 30, 7200
HEARTBEATS_AT_MOST = 100
LONGEST_WAIT_S = 48 * 3600


class Transition(StrEnum):
    LAUNCHING = "autoscaling:EC2_INSTANCE_LAUNCHING"
    TERMINATING = "autoscaling:EC2_INSTANCE_TERMINATING"


class Result(StrEnum):
    CONTINUE = "CONTINUE"
    ABANDON = "ABANDON"


class Ending(StrEnum):
    """How a lifecycle action ended, as AWS's status messages say it."""

    COMPLETED = "Lifecycle Action Completed with ABANDON Result"
    TIMED_OUT = "Heartbeat Timeout"


class Hook(NamedTuple):
    """A lifecycle hook of a group. target_arn, role_arn, metadata: of its notifications, empty for none."""

    name: str
    transition: Transition
    heartbeat_timeout_s: int = DEFAULT_HEARTBEAT_S
    default_result: Result = Result.ABANDON
    target_arn: str = ""
    role_arn: str = ""
    metadata: str = ""

    @property
    def global_timeout_s(self) -> int:
        """How long an instance can wait for it at most, whatever the heartbeats."""
        return min(HEARTBEATS_AT_MOST * self.heartbeat_timeout_s, LONGEST_WAIT_S)


class LifecycleAction(NamedTuple):
    """One instance's wait for one hook. heard_s: its begin or the last heartbeat; result: None until completed."""

    token: str
    hook: Hook
    begun_s: float
    heard_s: float
    result: Result | None = None

    @property
    def ends_s(self) -> float:
        """When it times out."""
        return min(self.heard_s + self.hook.heartbeat_timeout_s, self.begun_s + self.hook.global_timeout_s)


class Abandoned(NamedTuple):
    token: str
    ending: Ending


class Verdict(NamedTuple):
    """waits: the instance stays in its wait state. abandoned: which action put an end to all of them, or None."""

    waits: bool
    abandoned: Abandoned | None = None


PROCEED = Verdict(waits=False)
WAIT = Verdict(waits=True)


def decide(actions: Sequence[LifecycleAction], now_s: float) -> Verdict:
    """Whether an instance goes on. ABANDON ends the other actions too; a hook that times out has its default result."""
    waits = False
    for action in actions:
        result, ending = action.result, Ending.COMPLETED
        if result is None and now_s >= action.ends_s:
            result, ending = action.hook.default_result, Ending.TIMED_OUT
        if result is Result.ABANDON:
            return Verdict(waits=False, abandoned=Abandoned(action.token, ending))
        waits = waits or result is None
    return WAIT if waits else PROCEED
