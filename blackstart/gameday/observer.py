"""Watches a stack through AWS APIs alone, so that rehearsal and drill leave the same records.

Target health is asked each virtual second; instances, alarms and scaling activities, which keep their own times, each
five. Nothing is asked more often than ten times a wall second.
"""

import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Protocol, TypeVar

from blackstart.domain.clock import Anchor
from blackstart.domain.journal import (
    AlarmChanged,
    InstanceChanged,
    Journal,
    ScalingActivity,
    TargetHealthChanged,
    Watched,
)
from blackstart.domain.stack import Stack
from blackstart.domain.target_health import TargetReason, TargetState

K = TypeVar("K")
E = TypeVar("E", TargetHealthChanged, InstanceChanged, ScalingActivity)

TARGETS_EVERY_S = 1.0
OTHERS_EVERY_S = 5.0
SHORTEST_POLL_REAL_S = 0.1
FAILURES_ALLOWED = 10


class StackReader(Protocol):
    """The describe calls that the observer makes; `injection.stack_view.StackReader` is the real one."""

    def targets(self) -> list[TargetHealthChanged]: ...
    def instances(self) -> list[InstanceChanged]: ...
    def alarms(self) -> list[AlarmChanged]: ...
    def activities(self) -> list[ScalingActivity]: ...


class Observer:
    """Journals every change it sees. Start it once the stack is deployed; `finish` takes a last look and stops it."""

    def __init__(self, reader: StackReader, stack: Stack, journal: Journal, anchor: Anchor) -> None:
        self._reader = reader
        self._journal = journal
        self._anchor = anchor
        self._targets: dict[tuple[str, str, int], TargetHealthChanged] = {}
        self._instances: dict[str, InstanceChanged] = {}
        self._activities: dict[str, ScalingActivity] = {}
        self._alarms_seen: set[tuple[str, float, str]] = set()
        self._alarm_states = {alarm.resource_name: (alarm.name, alarm.state) for alarm in stack.alarms}
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="observer", daemon=True)
        self._looks = 0
        self._failed = 0
        self._answered_at_s = self._now_s()
        self._longest_gap_s = 0.0
        self._gap_began_s = self._answered_at_s
        self.failure: Exception | None = None

    def start(self) -> None:
        self._thread.start()

    def judged_from_here(self) -> None:
        """The baseline begins: a gap from before must not hide one that counts."""
        self._longest_gap_s = 0.0

    def finish(self) -> None:
        """Stop, and look once more at everything so that late changes are on record."""
        self._ending.set()
        if self._thread.is_alive():
            self._thread.join(10)
        try:
            if self.failure is None:
                self._look_at_targets()
                self._look_at_the_rest()
        finally:
            self._end_gap()
            self._journal.append(
                Watched(
                    looks=self._looks,
                    failed=self._failed,
                    longest_gap_s=self._longest_gap_s,
                    gap_began_s=self._gap_began_s,
                )
            )

    def healthy(self, target_group: str) -> int:
        """Healthy targets of a group (logical name) at the last look."""
        return sum(t.state is TargetState.HEALTHY for t in self._registered(target_group))

    def ailing(self, target_group: str) -> Counter[TargetReason | None]:
        """Targets of a group that are registered and not healthy at the last look, counted by reason."""
        return Counter(t.reason for t in self._registered(target_group) if t.state is not TargetState.HEALTHY)

    def registered(self, target_group: str) -> int:
        """Targets of a group that should take traffic: healthy, initial or unhealthy, not those that leave."""
        leaving = (TargetState.DRAINING, TargetState.UNUSED)
        return sum(t.state not in leaving for t in self._registered(target_group))

    def in_alarm(self) -> tuple[str, ...]:
        """Logical names of the alarms that are in ALARM."""
        return tuple(sorted({name for name, state in dict(self._alarm_states).values() if state == "ALARM"}))

    def _registered(self, target_group: str) -> list[TargetHealthChanged]:
        return [t for (group, _, _), t in dict(self._targets).items() if group == target_group]

    def _run(self) -> None:
        failures = 0
        next_others_real_s = 0.0
        pause_real_s = max(self._anchor.real_s(TARGETS_EVERY_S), SHORTEST_POLL_REAL_S)
        while not self._ending.wait(pause_real_s):
            try:
                self._look_at_targets()
                if time.monotonic() >= next_others_real_s:
                    self._look_at_the_rest()
                    next_others_real_s = time.monotonic() + self._anchor.real_s(OTHERS_EVERY_S)
                failures = 0
            except Exception as error:  # noqa: BLE001  whatever it is, the runner must learn that nobody watches
                failures += 1
                self._failed += 1
                if failures >= FAILURES_ALLOWED:
                    self.failure = error
                    return

    def _look_at_targets(self) -> None:
        now = {(t.target_group, t.target_id, t.port): t for t in self._reader.targets()}
        self._looks += 1
        self._end_gap()
        for key, target in now.items():
            self._journal_change(self._targets, key, target)
        for key in self._targets.keys() - now.keys():
            gone = self._targets.pop(key)
            self._journal.append(gone.model_copy(update={"state": None, "reason": None, "description": ""}))

    def _end_gap(self) -> None:
        now_s = self._now_s()
        if now_s - self._answered_at_s > self._longest_gap_s:
            self._longest_gap_s, self._gap_began_s = now_s - self._answered_at_s, self._answered_at_s
        self._answered_at_s = now_s

    def _now_s(self) -> float:
        return self._anchor.time_s(time.monotonic_ns())

    def _look_at_the_rest(self) -> None:
        for instance in self._reader.instances():
            self._journal_change(self._instances, instance.instance_id, instance)
        for activity in self._reader.activities():
            self._journal_change(self._activities, activity.activity_id, activity)
        for alarm in sorted(self._reader.alarms(), key=lambda change: change.at_s):
            key = (alarm.resource_name, alarm.at_s, alarm.state)
            if key not in self._alarms_seen:
                self._alarms_seen.add(key)
                self._alarm_states[alarm.resource_name] = (alarm.name, alarm.state)
                self._journal.append(alarm)

    def _journal_change(self, known: dict[K, E], key: K, event: E) -> None:
        if known.get(key) != event:
            known[key] = event
            self._journal.append(event)


def wait_until(condition: Callable[[], bool], limit_real_s: float, wait_real_s: Callable[[float], None]) -> bool:
    """Wait for a condition, looking ten times a wall second; False when the time is up."""
    deadline = time.monotonic() + limit_real_s
    while not condition():
        if time.monotonic() > deadline:
            return False
        wait_real_s(SHORTEST_POLL_REAL_S)
    return True
