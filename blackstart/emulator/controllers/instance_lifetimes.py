"""Members that reach their group's maximum instance lifetime are replaced.

Source: see decisions/instance_lifetime.py.
"""

from collections.abc import Callable
from typing import Any

from blackstart.emulator.controllers.activity_log import moment
from blackstart.emulator.controllers.auto_scaling import AutoScalingController
from blackstart.emulator.decisions import instance_refresh_words as words
from blackstart.emulator.decisions.instance_lifetime import outlived
from blackstart.emulator.decisions.scaling_group import Process


class InstanceLifetimesController:
    """lifetime_s: a group's maximum instance lifetime, 0 for none; refreshing: whether an instance refresh replaces its
    members anyway.
    """

    def __init__(
        self, scaling: AutoScalingController, lifetime_s: Callable[[Any], float], refreshing: Callable[[Any], bool]
    ) -> None:
        self._scaling = scaling
        self._lifetime_s = lifetime_s
        self._refreshing = refreshing

    def tick(self, now_s: float) -> None:
        for group in self._scaling.groups():
            if not self._refreshing(group):
                self._end_lifetimes(group, now_s)

    def _end_lifetimes(self, group: Any, now_s: float) -> None:
        lifetime_s = self._lifetime_s(group)
        memory = self._scaling.memory(group, now_s)
        if lifetime_s <= 0:
            if memory.surge:  # left by a replacement that was ahead when the limit was taken away
                memory.surge, memory.stale = 0, True
            return
        oldest_s = min((m.in_service_s for m in memory.members.values() if m.in_service_s is not None), default=now_s)
        if not memory.surge and now_s < oldest_s + lifetime_s:
            return
        snapshot = self._scaling.snapshot(group)
        if {Process.LAUNCH, Process.TERMINATE} & snapshot.suspended:
            return
        gone, next_ = outlived(snapshot, lifetime_s, now_s)
        if next_.surge != memory.surge:
            memory.surge, memory.stale = next_.surge, True
        for instance_id in gone:
            cause = words.outlived_cause(instance_id, moment(now_s))
            self._scaling.members.begin_termination(group, memory, memory.members[instance_id], cause, now_s)
