"""The life of an EC2 instance: every transition, and nothing else.

    pending -> running -> stopping -> stopped -> pending ...
    pending, running, stopping, stopped -> shutting-down -> terminated

The service inside starts `boot_s` after running and is gone at the moment of stopping or shutting down.
Source: EC2 user guide, "Amazon EC2 instance state changes".
"""

from enum import StrEnum
from typing import NamedTuple

from blackstart.emulator.parameters import Parameters


class InstanceState(StrEnum):
    PENDING = "pending"
    RUNNING = "running"
    SHUTTING_DOWN = "shutting-down"
    TERMINATED = "terminated"
    STOPPING = "stopping"
    STOPPED = "stopped"


STATE_CODES = {
    InstanceState.PENDING: 0,
    InstanceState.RUNNING: 16,
    InstanceState.SHUTTING_DOWN: 32,
    InstanceState.TERMINATED: 48,
    InstanceState.STOPPING: 64,
    InstanceState.STOPPED: 80,
}


class Request(StrEnum):
    """What a caller asks of an instance."""

    START = "start"
    STOP = "stop"
    TERMINATE = "terminate"
    REBOOT = "reboot"


class Change(StrEnum):
    """Why an instance or its service changed."""

    PENDING_OVER = "pending-over"
    BOOT_OVER = "boot-over"
    STOPPING_OVER = "stopping-over"
    SHUTTING_DOWN_OVER = "shutting-down-over"


class InstanceLife(NamedTuple):
    """since_s: when the state began. boot_from_s: when the boot of the service began, None when none is due.

    ran: whether it has ever been running.
    """

    state: InstanceState
    since_s: float
    boot_from_s: float | None = None
    ran: bool = False


class IncorrectStateError(ValueError):
    """The instance is in a state from which the request is refused (EC2: IncorrectInstanceState)."""


def launched(now_s: float) -> InstanceLife:
    return InstanceLife(state=InstanceState.PENDING, since_s=now_s)


def requested(life: InstanceLife, request: Request, now_s: float) -> InstanceLife:
    """The life after a request; the same life when the request changes nothing.

    Raises IncorrectStateError: start of an instance that is stopping or gone, reboot of one that is not running, stop
    of one that is gone or has never been running. Terminating a terminated instance succeeds and changes nothing, as
    on AWS.
    """
    if request is Request.TERMINATE:
        if life.state in (InstanceState.SHUTTING_DOWN, InstanceState.TERMINATED):
            return life
        return life._replace(state=InstanceState.SHUTTING_DOWN, since_s=now_s, boot_from_s=None)
    if request is Request.STOP:
        return _stopped(life, now_s)
    if request is Request.START:
        return _started(life, now_s)
    if life.state is not InstanceState.RUNNING:
        raise IncorrectStateError(life.state)
    return life._replace(boot_from_s=now_s)


def _stopped(life: InstanceLife, now_s: float) -> InstanceLife:
    if life.state in (InstanceState.STOPPING, InstanceState.STOPPED):
        return life
    never_ran = life.state is InstanceState.PENDING and not life.ran
    if never_ran or life.state in (InstanceState.SHUTTING_DOWN, InstanceState.TERMINATED):
        raise IncorrectStateError(life.state)
    return life._replace(state=InstanceState.STOPPING, since_s=now_s, boot_from_s=None)


def _started(life: InstanceLife, now_s: float) -> InstanceLife:
    if life.state in (InstanceState.PENDING, InstanceState.RUNNING):
        return life
    if life.state is not InstanceState.STOPPED:
        raise IncorrectStateError(life.state)
    return life._replace(state=InstanceState.PENDING, since_s=now_s)


def advance(life: InstanceLife, parameters: Parameters, now_s: float) -> tuple[InstanceLife, tuple[Change, ...]]:
    """Let time pass: the life at `now_s` and what happened on the way, oldest first; at most one change of state.

    Differs from AWS: each state lasts exactly its parameter; AWS publishes no durations.
    """
    changes: list[Change] = []
    while (step := _next(life, parameters)) is not None and step[0] <= now_s:
        _, life, change = step
        changes.append(change)
    return life, tuple(changes)


def due_s(life: InstanceLife, parameters: Parameters) -> float | None:
    """When the instance changes next by itself; None: not until somebody asks."""
    step = _next(life, parameters)
    return step[0] if step is not None else None


def _next(life: InstanceLife, parameters: Parameters) -> tuple[float, InstanceLife, Change] | None:
    """The transition that comes next by itself: when, into what, why."""
    state = life.state
    if state is InstanceState.RUNNING:
        if life.boot_from_s is None:
            return None
        return life.boot_from_s + parameters.boot_s, life._replace(boot_from_s=None), Change.BOOT_OVER
    if state is InstanceState.PENDING:
        at_s = life.since_s + parameters.pending_s
        return at_s, InstanceLife(InstanceState.RUNNING, at_s, boot_from_s=at_s, ran=True), Change.PENDING_OVER
    if state is InstanceState.STOPPING:
        at_s = life.since_s + parameters.stopping_s
        return at_s, life._replace(state=InstanceState.STOPPED, since_s=at_s), Change.STOPPING_OVER
    if state is InstanceState.SHUTTING_DOWN:
        at_s = life.since_s + parameters.shutting_down_s
        return at_s, life._replace(state=InstanceState.TERMINATED, since_s=at_s), Change.SHUTTING_DOWN_OVER
    return None
