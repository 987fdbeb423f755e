"""The run on one time axis: traffic in buckets, and bands for phases, faults, targets and alarms."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from blackstart.domain.journal import Applied, Intent, Reversibility, Reverted
from blackstart.domain.judgement import Band, Timeline, TimelineSecond
from blackstart.domain.recording import RequestRow
from blackstart.judgement.evidence import Evidence
from blackstart.judgement.figures import latencies_ms
from blackstart.judgement.measures import describe, recovery
from blackstart.judgement.statistics import percentile

BUCKETS_MOST = 240
BUCKET_LENGTHS_S = (1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0)


@dataclass(frozen=True)
class State:
    """A state entered at a moment, relative to the injection."""

    at_s: float
    state: str | None
    note: str = ""


def timeline(evidence: Evidence) -> Timeline:
    """From the start of the first judged phase to the end of the recovery; empty when no phase took place."""
    if not evidence.windows:
        return Timeline(bucket_s=BUCKET_LENGTHS_S[0])
    start_s = evidence.relative_ns(min(window.start_ns for window in evidence.windows.values()))
    end_s = evidence.relative_s(evidence.end_s)
    bucket_s = bucket_length_s(end_s - start_s)
    bands = [*_phases(evidence), *_faults(evidence), *_targets(evidence), *_alarms(evidence)]
    return Timeline(
        bucket_s=bucket_s,
        traffic=tuple(_traffic(evidence, start_s, end_s, bucket_s)),
        bands=tuple(clipped for band in bands if (clipped := _clip(band, start_s, end_s)) is not None),
        healthy=_healthy(evidence, start_s),
        injected_s=0.0 if evidence.injected_s is not None else None,
        end_s=end_s,
    )


def bucket_length_s(span_s: float) -> float:
    """The shortest round length that cuts a span into at most 240 buckets."""
    return next((length for length in BUCKET_LENGTHS_S if span_s / length <= BUCKETS_MOST), BUCKET_LENGTHS_S[-1])


def _traffic(evidence: Evidence, start_s: float, end_s: float, bucket_s: float) -> Iterator[TimelineSecond]:
    """Buckets aligned to the injection, by the intended send time; a bucket without requests is still there."""
    buckets: dict[int, list[RequestRow]] = {}
    for row in evidence.rows:
        at_s = evidence.relative_ns(row.intended_ns)
        if start_s <= at_s < end_s:
            buckets.setdefault(int(at_s // bucket_s), []).append(row)
    if not buckets:
        return
    for number in range(min(buckets), max(buckets) + 1):
        within = buckets.get(number, [])
        latency_ms = latencies_ms(within)
        yield TimelineSecond(
            at_s=number * bucket_s,
            requests=len(within),
            bad=sum(not row.good for row in within),
            latency_p50_ms=percentile(latency_ms, 0.5),
            latency_p99_ms=percentile(latency_ms, 0.99),
        )


def _phases(evidence: Evidence) -> Iterator[Band]:
    for phase, window in evidence.windows.items():
        start_s, end_s = evidence.relative_ns(window.start_ns), evidence.relative_ns(window.end_ns)
        yield Band(lane="phase", label=phase.value, state=phase.value, start_s=start_s, end_s=end_s)


def _faults(evidence: Evidence) -> Iterator[Band]:
    """From applied to reverted; a fault that cannot be reverted lasts until the group is back at its number."""
    seen = recovery(evidence)
    for _, intent in evidence.of(Intent):
        applied = next((r for r, e in evidence.of(Applied) if e.injection == intent.injection), None)
        if applied is None:
            continue
        reverted = next((r for r, e in evidence.of(Reverted) if e.injection == intent.injection), None)
        end_s = evidence.relative_s(evidence.time_s(reverted)) if reverted is not None else None
        if intent.reversibility is not Reversibility.REVERSIBLE:
            end_s = seen.back_s if seen is not None else None
        start_s = evidence.relative_s(evidence.time_s(applied))
        note = ", ".join(intent.target_ids)
        yield Band(lane="fault", label=intent.action, state="applied", start_s=start_s, end_s=end_s, note=note)


def _targets(evidence: Evidence) -> Iterator[Band]:
    group = evidence.target_group()
    ids = [target for target_group, target, _ in evidence.health if target_group == group]
    for (target_group, target, port), steps in evidence.health.items():
        if target_group == group:
            states = [State(evidence.relative_s(s.at_s), s.state.value if s.state else None, s.note) for s in steps]
            name = f"{target}:{port}" if ids.count(target) > 1 else target
            label = f"{name} {steps[0].zone}" if steps[0].zone else name
            yield from _bands("target", label, states)


def _alarms(evidence: Evidence) -> Iterator[Band]:
    """Lanes of the alarms that are expected or that changed, each with all its states."""
    stack = evidence.stack_before()
    known = {alarm.resource_name: alarm for alarm in stack.alarms} if stack else {}
    expected = {alarm.name for alarm in evidence.experiment.expectations.alarms} if evidence.experiment else set()
    changed = {event.resource_name for event in evidence.alarms}
    names = dict.fromkeys([name for name, alarm in known.items() if alarm.name in expected] + sorted(changed))
    for resource_name in names:
        events = [event for event in evidence.alarms if event.resource_name == resource_name]
        alarm = known.get(resource_name)
        label = describe(alarm or events[0])
        first = events[0].old_state if events else (alarm.state if alarm else None)
        states = [State(float("-inf"), first)] if first else []
        states += [State(evidence.relative_s(event.at_s), event.state, event.reason) for event in events]
        yield from _bands("alarm", label, states)


def _bands(lane: str, label: str, states: Sequence[State]) -> Iterator[Band]:
    for number, entered in enumerate(states):
        if entered.state is None:
            continue
        end_s = states[number + 1].at_s if number + 1 < len(states) else None
        band = {"lane": lane, "label": label, "state": entered.state, "note": entered.note}
        yield Band.model_validate(band | {"start_s": entered.at_s, "end_s": end_s})


def _clip(band: Band, start_s: float, end_s: float) -> Band | None:
    """The part of a band that lies on the axis; None when nothing of it does."""
    ends_s = min(band.end_s, end_s) if band.end_s is not None else None
    begins_s = max(band.start_s, start_s)
    if begins_s >= end_s or (ends_s is not None and ends_s <= begins_s):
        return None
    return band.model_copy(update={"start_s": begins_s, "end_s": ends_s})


def _healthy(evidence: Evidence, start_s: float) -> tuple[tuple[float, int], ...]:
    group = evidence.target_group()
    seen = evidence.healthy_steps(group) if group is not None else ()
    relative = [(evidence.relative_s(at_s), count) for at_s, count in seen]
    before = [(start_s, count) for at_s, count in relative if at_s <= start_s][-1:]
    steps = before + [(at_s, count) for at_s, count in relative if at_s > start_s]
    return tuple(step for n, step in enumerate(steps) if n == 0 or step[1] != steps[n - 1][1])
