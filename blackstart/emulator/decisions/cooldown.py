"""Whether a group still waits before a simple scaling policy, or a user who honours the cooldown, may scale it.

Source: EC2 Auto Scaling user guide, "Scaling cooldowns for Amazon EC2 Auto Scaling".
"""

from enum import StrEnum

from blackstart.emulator.decisions.scaling_group import COMING, GroupSnapshot, Lifecycle

IN_PROGRESS = COMING | {Lifecycle.TERMINATING}
"""Terminating until it has drained: a termination hook is not waited for."""


class Hold(StrEnum):
    """Why a simple policy has to wait."""

    NONE = "none"
    ACTIVITY = "an activity is in progress"
    COOLDOWN = "cooldown"


def hold(group: GroupSnapshot, ended_s: float | None, cooldown_s: float, now_s: float) -> Hold:
    """ended_s: when the last launch or termination ended, None when there was none yet."""
    if any(member.lifecycle in IN_PROGRESS for member in group.members):
        return Hold.ACTIVITY
    if ended_s is not None and now_s < ended_s + cooldown_s:
        return Hold.COOLDOWN
    return Hold.NONE
