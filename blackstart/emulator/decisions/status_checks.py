"""EC2's status checks of one instance: of the instance and of the system below it, looked at every minute.

After a start both are `initializing` for `status_check_s`; then each look finds them ok or impaired. What is wrong is a
fact of the emulator's world: `Trouble`.
Source: EC2 user guide, "Status checks for Amazon EC2 instances".
"""

import math
from enum import StrEnum
from typing import NamedTuple

LOOK_PERIOD_S = 60.0
"""The guide: "Status checks are performed every minute"."""


class CheckStatus(StrEnum):
    """A check's status. not-applicable: the instance is not running."""

    OK = "ok"
    IMPAIRED = "impaired"
    INITIALIZING = "initializing"
    NOT_APPLICABLE = "not-applicable"


class StatusCheck(NamedTuple):
    """One check. since_s: when it got this status."""

    status: CheckStatus
    since_s: float


class Trouble(NamedTuple):
    """What is wrong with a running instance. hung: its processes are stopped; hardware: the host below it failed."""

    hung: bool = False
    hardware: bool = False


class Checks(NamedTuple):
    """Both checks. first_look_s: when the first look since the start is; None: the instance does not run."""

    instance: StatusCheck
    system: StatusCheck
    first_look_s: float | None


def not_applicable(now_s: float) -> Checks:
    """Of an instance that is not running."""
    check = StatusCheck(CheckStatus.NOT_APPLICABLE, now_s)
    return Checks(check, check, None)


def started(now_s: float, status_check_s: float) -> Checks:
    """Of an instance that has just come to run."""
    check = StatusCheck(CheckStatus.INITIALIZING, now_s)
    return Checks(check, check, now_s + status_check_s)


def next_look_s(checks: Checks, now_s: float) -> float | None:
    """The look at or after a moment; None when there is none."""
    if checks.first_look_s is None:
        return None
    periods = math.ceil((now_s - checks.first_look_s) / LOOK_PERIOD_S)
    return checks.first_look_s + max(0, periods) * LOOK_PERIOD_S


def looked(checks: Checks, trouble: Trouble, now_s: float) -> Checks:
    """What a look finds: failed hardware fails both checks, a hung instance its own."""
    if checks.first_look_s is None:
        return checks
    return Checks(
        _found(checks.instance, trouble.hung or trouble.hardware, now_s),
        _found(checks.system, trouble.hardware, now_s),
        checks.first_look_s,
    )


def _found(check: StatusCheck, failed: bool, now_s: float) -> StatusCheck:
    status = CheckStatus.IMPAIRED if failed else CheckStatus.OK
    return check if status is check.status else StatusCheck(status, now_s)
