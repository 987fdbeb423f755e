"""What a failover cost and how long it took, measured. Virtual seconds; relative ones count from the injection."""

from collections.abc import Sequence
from dataclasses import dataclass

from blackstart.domain.experiment import Phase
from blackstart.domain.journal import AlarmChanged, Applied, Intent
from blackstart.domain.recording import RequestRow
from blackstart.domain.slo import Slo
from blackstart.domain.stack import Alarm
from blackstart.domain.target_health import TargetState
from blackstart.judgement.evidence import Evidence

ALARM = "ALARM"
NO_DATA = "INSUFFICIENT_DATA"
UNDER_FAULT = (Phase.FAULT, Phase.RECOVERY)


def is_good(row: RequestRow, slo: Slo) -> bool:
    """Whether a request is good for an SLO: available and, for a latency SLO, within its threshold (wall time)."""
    return row.good and (slo.threshold_ms is None or row.latency_real_s * 1000.0 <= slo.threshold_ms)


def describe(alarm: AlarmChanged | Alarm) -> str:
    """An alarm as a person calls it: logical name, and the zone if it watches one."""
    return f"{alarm.name} {alarm.zone}" if alarm.zone else alarm.name


def injected_zones(evidence: Evidence) -> frozenset[str]:
    """Zones of the instances that were acted on, as AWS described them before, else as their targets' health has it."""
    stack, ids = evidence.stack_before(), set(evidence.injected_ids())
    described = {each.instance_id: each.zone for each in stack.instances} if stack else {}
    targets = {target: steps[0].zone for (_, target, _), steps in evidence.health.items()}
    return frozenset(zone for target, zone in (targets | described).items() if target in ids and zone)


def concerned(evidence: Evidence, alarm: AlarmChanged | Alarm) -> bool:
    """Whether an alarm can tell of what was injected: one that watches a zone tells of that zone only."""
    return alarm.zone is None or alarm.zone in injected_zones(evidence)


def states_at_injection(evidence: Evidence, name: str) -> dict[str, str]:
    """State right before the injection, by AWS's name, of each alarm of a logical name that it concerns."""
    if evidence.injected_s is None:
        return {}
    stack = evidence.stack_before()
    alarms = [alarm for alarm in stack.alarms if alarm.name == name] if stack else []
    states = {alarm.resource_name: alarm.state for alarm in alarms if concerned(evidence, alarm)}
    before = (e for e in evidence.alarms if e.name == name and e.at_s < evidence.injected_s and concerned(evidence, e))
    return states | {event.resource_name: event.state for event in before}


def runbook(evidence: Evidence, alarm: AlarmChanged) -> str:
    """Path of the runbook that an alarm names; "" when it names none."""
    stack = evidence.stack_before()
    return next((a.runbook or "" for a in stack.alarms if a.resource_name == alarm.resource_name), "") if stack else ""


def raised(evidence: Evidence, name: str | None = None) -> tuple[AlarmChanged, ...]:
    """Changes to ALARM since the injection, oldest first; of one logical name, or of all."""
    injected_s = evidence.injected_s
    if injected_s is None:
        return ()
    return tuple(
        event
        for event in evidence.alarms
        if event.state == ALARM and event.old_state != ALARM and event.at_s >= injected_s and name in (None, event.name)
    )


def detection(evidence: Evidence) -> AlarmChanged | None:
    """The first alarm that went to ALARM since the injection, expected or not: whichever it was, somebody was told."""
    return next(iter(raised(evidence)), None)


def bad_since_intent(evidence: Evidence) -> tuple[RequestRow, ...]:
    """Bad requests of the fault and recovery phases that ended after the first intent, by intended time."""
    if evidence.intent_ns is None:
        return ()
    phases = (evidence.requests.get(phase, ()) for phase in UNDER_FAULT)
    return tuple(row for rows in phases for row in rows if not row.good and row.end_ns >= evidence.intent_ns)


def error_window_s(evidence: Evidence) -> float | None:
    """From the first to the last bad request's intended time; 0.0 for a single one, None for none."""
    bad = bad_since_intent(evidence)
    if not bad:
        return None
    span_ns = max(row.intended_ns for row in bad) - min(row.intended_ns for row in bad)
    return round(span_ns / 1e9 * evidence.speed, 3)


@dataclass(frozen=True)
class Recovery:
    """noticed: a target that was acted on left the healthy state. back_s: relative, None while it is not back."""

    wanted: int
    before: int
    lowest: int
    at_end: int
    noticed: bool
    back_s: float | None


def left_healthy_s(evidence: Evidence, target_id: str, since_s: float) -> float | None:
    """When a target, healthy at `since_s`, was first seen in any other state afterwards (virtual Unix seconds).

    On whichever of its ports came first. `describe_target_health` gives one answer for all nodes of a load balancer, so
    this is the first node's notice.
    """
    times = []
    for (_, target, _), steps in evidence.health.items():
        before = [step for step in steps if step.at_s <= since_s]
        if target != target_id or not before or before[-1].state is not TargetState.HEALTHY:
            continue
        times += [step.at_s for step in steps if step.at_s > since_s and step.state is not TargetState.HEALTHY][:1]
    return min(times, default=None)


def recovery(evidence: Evidence) -> Recovery | None:
    """How the target group came back: None without an injection or without any view of the group.

    Back means: as many healthy targets as wanted (the expectation's number, else as many as before), and never fewer
    again. It is 0.0 when the count never fell below, and None when no target was seen to fail: a group that still
    counts a dead instance as healthy has not recovered.
    """
    group, injected_s, intent_s = evidence.target_group(), evidence.injected_s, evidence.intent_s
    steps = evidence.healthy_steps(group) if group is not None else ()
    if injected_s is None or intent_s is None or not steps:
        return None
    before = _count_at(steps, intent_s)
    experiment = evidence.experiment
    expected = experiment.expectations.recovery if experiment else None
    wanted = expected.healthy_targets if expected else before
    after = [(at_s, count) for at_s, count in steps if at_s > intent_s]
    noticed = any(left_healthy_s(evidence, target, intent_s) is not None for target in evidence.injected_ids())
    return Recovery(
        wanted=wanted,
        before=before,
        lowest=min([before, *(count for _, count in after)]),
        at_end=after[-1][1] if after else before,
        noticed=noticed,
        back_s=_back_s(before, after, wanted, injected_s) if noticed else None,
    )


def _count_at(steps: Sequence[tuple[float, int]], at_s: float) -> int:
    return next((count for since_s, count in reversed(steps) if since_s <= at_s), 0)


def _back_s(before: int, after: Sequence[tuple[float, int]], wanted: int, injected_s: float) -> float | None:
    back_s: float | None = 0.0 if before >= wanted else None
    for at_s, count in after:
        if count < wanted:
            back_s = None
        elif back_s is None:
            back_s = max(0.0, round(at_s - injected_s, 3))
    return back_s


def instances_before(evidence: Evidence) -> frozenset[str]:
    """Ids that existed before the injection, by what AWS described and by who answered."""
    stack = evidence.stack_before()
    described = {instance.instance_id for instance in stack.instances} if stack else set()
    answered = {row.instance for row in evidence.rows if evidence.intent_ns and row.end_ns < evidence.intent_ns}
    return frozenset(described | answered)


def replacement_s(evidence: Evidence) -> float | None:
    """When an instance that did not exist before the injection first answered well, relative to it."""
    if evidence.injected_ns is None:
        return None
    known = instances_before(evidence)
    ends = (
        row.end_ns
        for phase in UNDER_FAULT
        for row in evidence.requests.get(phase, ())
        if row.good and row.instance and row.instance not in known and row.end_ns >= evidence.injected_ns
    )
    first_ns = min(ends, default=None)
    return evidence.relative_ns(first_ns) if first_ns is not None else None


def applied_s(evidence: Evidence, action: str, target_ids: Sequence[str]) -> float | None:
    """When an action on exactly these targets was applied (virtual Unix seconds)."""
    matching = {e.injection for _, e in evidence.of(Intent) if e.action == action and e.target_ids == tuple(target_ids)}
    return next((evidence.time_s(record) for record, e in evidence.of(Applied) if e.injection in matching), None)


def budget_spent_s(evidence: Evidence) -> float | None:
    """Seconds of complete failure that cost as much as the fault and the recovery: bad share times length, summed."""
    phases = [phase for phase in UNDER_FAULT if evidence.requests.get(phase)]
    if not phases:
        return None
    return sum(
        sum(not row.good for row in evidence.requests[phase]) / len(evidence.requests[phase]) * evidence.length_s(phase)
        for phase in phases
    )
