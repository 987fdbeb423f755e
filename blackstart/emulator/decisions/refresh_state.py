"""What is known of an instance refresh: its status and preferences, how far it is, what it waits for.

Source: EC2 Auto Scaling API reference, InstanceRefresh, RefreshPreferences.
"""

from enum import StrEnum
from typing import NamedTuple


class RefreshStatus(StrEnum):
    PENDING = "Pending"
    IN_PROGRESS = "InProgress"
    SUCCESSFUL = "Successful"
    FAILED = "Failed"
    CANCELLING = "Cancelling"
    CANCELLED = "Cancelled"
    ROLLBACK_IN_PROGRESS = "RollbackInProgress"
    ROLLBACK_FAILED = "RollbackFailed"
    ROLLBACK_SUCCESSFUL = "RollbackSuccessful"
    BAKING = "Baking"


ACTIVE = frozenset(
    {
        RefreshStatus.PENDING,
        RefreshStatus.IN_PROGRESS,
        RefreshStatus.CANCELLING,
        RefreshStatus.ROLLBACK_IN_PROGRESS,
        RefreshStatus.BAKING,
    }
)


class Waiting(StrEnum):
    """Why nothing is replaced at the moment."""

    WARMING_UP = "warming-up"
    UNAVAILABLE = "unavailable"
    UNHEALTHY = "unhealthy"
    PROTECTED = "protected"
    STANDBY = "standby"
    CHECKPOINT = "checkpoint"
    BAKING = "baking"
    SUSPENDED = "suspended"
    BLOCKED = "launch-or-terminate-suspended"
    ALARM = "alarm"


PATIENT = frozenset({Waiting.WARMING_UP, Waiting.CHECKPOINT, Waiting.BAKING, Waiting.SUSPENDED})
"""Waits that do not count towards the timeout."""


class Preferences(NamedTuple):
    """RefreshPreferences with the defaults filled in. max_healthy_percent: None when it was left out."""

    min_healthy_percent: int = 90
    max_healthy_percent: int | None = None
    warm_up_s: float = 0.0
    checkpoints: tuple[int, ...] = ()
    checkpoint_delay_s: float = 3600.0
    skip_matching: bool = False
    auto_rollback: bool = False
    protected: str = "Wait"
    standby: str = "Wait"
    alarms: tuple[str, ...] = ()
    bake_s: float = 0.0


class Pool(NamedTuple):
    """The warm pool. left: of its instances, those that are to be replaced; unready: launches that are under way."""

    left: int = 0
    unready: int = 0


NO_POOL = Pool()


class RefreshState(NamedTuple):
    """old: who is to be replaced. original: everybody who was there at the start. reached: the highest checkpoint.

    progress_s: when something last went on. until_s: when a checkpoint's delay or the baking ends. example: the
    instance that is waited for.
    """

    status: RefreshStatus
    started_s: float
    progress_s: float
    old: frozenset[str] = frozenset()
    original: frozenset[str] = frozenset()
    reached: int = 0
    until_s: float | None = None
    percent: int = 0
    to_update: int = 0
    waiting: Waiting | None = None
    example: str = ""


class RefreshStep(NamedTuple):
    """What to do: terminate old members, keep `surge` beyond the desired capacity, tell of a checkpoint, replace the
    old instances of the warm pool.
    """

    state: RefreshState
    terminate: tuple[str, ...] = ()
    surge: int = 0
    checkpoint: int | None = None
    replace_pool: bool = False
