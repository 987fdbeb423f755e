"""Whether probes hold and stop conditions are met, from what the observer has seen last."""

from collections.abc import Callable, Mapping
from typing import Protocol

from blackstart.domain.experiment import AlarmStop, HealthyTargetsProbe, HealthyTargetsStop, Probe, StopCondition
from blackstart.domain.target_health import TargetReason

QUESTIONS: Mapping[TargetReason, str] = {
    TargetReason.TIMEOUT: "do security groups, network ACLs and routes let the load balancer reach the targets' port,"
    " and does the service answer within the check's timeout?",
    TargetReason.FAILED_HEALTH_CHECKS: "does the service listen on the target group's port?",
    TargetReason.RESPONSE_CODE_MISMATCH: "does the service answer the check's path with a code that its matcher takes?",
    TargetReason.NOT_IN_USE: "does a listener forward to this target group, and is the targets' zone one of the load"
    " balancer's?",
}
"""What to look at when a target is not healthy, by AWS's reason for it."""


class Seen(Protocol):
    """The last look at the stack. target_group: logical name. in_alarm: logical names of alarms in ALARM.

    ailing: the targets that are registered and not healthy, counted by reason.
    """

    def healthy(self, target_group: str) -> int: ...
    def ailing(self, target_group: str) -> Mapping[TargetReason | None, int]: ...
    def in_alarm(self) -> tuple[str, ...]: ...


def probe_holds(probe: Probe, seen: Seen) -> tuple[bool, str]:
    """Whether a probe holds right now, and what it saw, in words."""
    if isinstance(probe, HealthyTargetsProbe):
        healthy = seen.healthy(probe.target_group)
        holds = healthy >= probe.at_least
        text = f"{probe.target_group}: {healthy} healthy targets, at least {probe.at_least} wanted"
        return holds, text if holds else text + _why(healthy, seen.ailing(probe.target_group))
    wrong = [name for name in seen.in_alarm() if not probe.alarms or name in probe.alarms]
    return not wrong, f"in ALARM: {', '.join(wrong)}" if wrong else "no alarm in ALARM"


def _why(healthy: int, ailing: Mapping[TargetReason | None, int]) -> str:
    if not healthy and not ailing:
        return " (none is registered: does the Auto Scaling group name the target group, and does it launch anything?)"
    told = [
        f"{count} {reason}: {QUESTIONS[reason]}" for reason, count in ailing.items() if reason and reason in QUESTIONS
    ]
    return f" ({'; '.join(told)})" if told else ""


def stop_reason(condition: StopCondition, seen: Seen, exists: Callable[[str], bool]) -> str | None:
    """Why the run must stop now, or None. exists: whether a stop file is there."""
    if isinstance(condition, AlarmStop):
        return f"alarm {condition.name} is in ALARM" if condition.name in seen.in_alarm() else None
    if isinstance(condition, HealthyTargetsStop):
        healthy = seen.healthy(condition.target_group)
        below = f"{condition.target_group} has {healthy} healthy targets, below {condition.count}"
        return below if healthy < condition.count else None
    return f"stop file {condition.path} exists" if exists(condition.path) else None
