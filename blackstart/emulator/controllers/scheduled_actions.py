"""Scheduled actions: each is run when its time has come, in virtual time.

Source: EC2 Auto Scaling user guide, "Scheduled scaling for Amazon EC2 Auto Scaling", "Suspend and resume processes"
(ScheduledActions: what is missed while suspended is not run later).
"""

import logging
from collections.abc import Sequence
from typing import Any, Protocol

from blackstart.emulator.decisions.scaling_group import GroupSnapshot, Process
from blackstart.emulator.decisions.scheduled_action import ScheduledAction, Sizes, sizes_after

LOG = logging.getLogger(__name__)


class ActionStore(Protocol):
    """Where actions live. A group is the backend's own object."""

    def due(self, now_s: float) -> Sequence[tuple[Any, ScheduledAction]]:
        """Groups and their actions whose time has come, earliest first."""

    def advance(self, group: Any, action: ScheduledAction, now_s: float) -> None:
        """The action is due again at its next recurrence after `now_s`, or gone when there is none."""

    def resize(self, group: Any, minimum: int, maximum: int) -> None: ...


class Groups(Protocol):
    """The Auto Scaling groups, as scheduled actions see them."""

    def snapshot(self, group: Any) -> GroupSnapshot: ...
    def change_capacity(self, group: Any, desired: int, words: str, now_s: float) -> None: ...


class ScheduledActionsController:
    """An action that is late, because time jumped, runs once however many recurrences it missed."""

    def __init__(self, store: ActionStore, groups: Groups) -> None:
        self._store = store
        self._groups = groups

    def tick(self, now_s: float) -> None:
        for group, action in self._store.due(now_s):
            self._store.advance(group, action, now_s)
            self._run(group, action, now_s)

    def _run(self, group: Any, action: ScheduledAction, now_s: float) -> None:
        before = self._groups.snapshot(group)
        if Process.SCHEDULED_ACTIONS in before.suspended:
            return
        sizes = sizes_after(action, Sizes(before.minimum, before.maximum, before.desired))
        if sizes is None:
            LOG.warning("scheduled action %s of %s contradicts the group's sizes: not run", action.name, before.name)
            return
        self._store.resize(group, sizes.minimum, sizes.maximum)
        if sizes.desired != before.desired:
            words = (
                f"a scheduled action update of AutoScalingGroup constraints to min: {sizes.minimum}, "
                f"max: {sizes.maximum}, desired: {sizes.desired}"
            )
            self._groups.change_capacity(group, sizes.desired, words, now_s)
