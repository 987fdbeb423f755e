"""Whether probes hold and stop conditions are met, from what the observer has seen last."""

from collections.abc import Callable
from typing import Protocol

from blackstart.domain.experiment import AlarmStop, HealthyTargetsProbe, HealthyTargetsStop, Probe, StopCondition


class Seen(Protocol):
    """The last look at the stack. target_group: logical name. in_alarm: logical names of alarms in ALARM."""

    def healthy(self, target_group: str) -> int: ...
    def in_alarm(self) -> tuple[str, ...]: ...


def probe_holds(probe: Probe, seen: Seen) -> tuple[bool, str]:
    """Whether a probe holds right now, and what it saw, in words."""
    if isinstance(probe, HealthyTargetsProbe):
        healthy = seen.healthy(probe.target_group)
        text = f"{probe.target_group}: {healthy} healthy targets, at least {probe.at_least} wanted"
        return healthy >= probe.at_least, text
    wrong = [name for name in seen.in_alarm() if not probe.alarms or name in probe.alarms]
    return not wrong, f"in ALARM: {', '.join(wrong)}" if wrong else "no alarm in ALARM"


def stop_reason(condition: StopCondition, seen: Seen, exists: Callable[[str], bool]) -> str | None:
    """Why the run must stop now, or None. exists: whether a stop file is there."""
    if isinstance(condition, AlarmStop):
        return f"alarm {condition.name} is in ALARM" if condition.name in seen.in_alarm() else None
    if isinstance(condition, HealthyTargetsStop):
        healthy = seen.healthy(condition.target_group)
        below = f"{condition.target_group} has {healthy} healthy targets, below {condition.count}"
        return below if healthy < condition.count else None
    return f"stop file {condition.path} exists" if exists(condition.path) else None
