"""When a composite alarm with a suppressor alarm takes its actions, and when it waits.

Source: CloudWatch user guide, "Composite alarm action suppression" (WaitPeriod, ExtensionPeriod, examples 1 to 6). The
guide shows an extension period only after a suppressed change of state: without one there is nothing to take up.
"""

from enum import StrEnum
from typing import NamedTuple


class SuppressedBy(StrEnum):
    """AWS's names (ActionsSuppressedBy)."""

    WAIT_PERIOD = "WaitPeriod"
    EXTENSION_PERIOD = "ExtensionPeriod"
    ALARM = "Alarm"


class Suppressor(NamedTuple):
    """wait_s, extension_s: ActionsSuppressorWaitPeriod and ActionsSuppressorExtensionPeriod."""

    in_alarm: bool
    wait_s: float
    extension_s: float


class Suppression(NamedTuple):
    """Actions that are held back. until_s: when they are taken, None as long as the suppressor is in ALARM."""

    by: SuppressedBy
    until_s: float | None

    def is_over(self, now_s: float) -> bool:
        return self.until_s is not None and now_s >= self.until_s


def after_change(suppressor: Suppressor, now_s: float) -> Suppression | None:
    """The composite alarm changed its state: what holds its actions back, None to take them now.

    Whatever held earlier actions back is discarded.
    """
    if suppressor.in_alarm:
        return Suppression(SuppressedBy.ALARM, None)
    return Suppression(SuppressedBy.WAIT_PERIOD, now_s + suppressor.wait_s) if suppressor.wait_s > 0 else None


def after_suppressor(held: Suppression, suppressor: Suppressor, now_s: float) -> Suppression | None:
    """The suppressor changed its state while actions are held back: what holds them now, None to take them."""
    if suppressor.in_alarm:
        return Suppression(SuppressedBy.ALARM, None)
    if held.by is not SuppressedBy.ALARM:
        return held
    if suppressor.extension_s <= 0:
        return None
    return Suppression(SuppressedBy.EXTENSION_PERIOD, now_s + suppressor.extension_s)
