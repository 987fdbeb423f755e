"""Journal and recording, parsed and indexed once, in the shape the checkers ask for.

Cutting. A request belongs to the phase in which the schedule wanted it sent, with one exception: one that was still
open when the fault phase began belongs to the fault, since the fault may have met it under way. What was observed after
the recovery phase (draining, tearing down) is not evidence of how the system behaved and is left out of health and
alarms; a late record about an earlier time counts for that time.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from blackstart.domain.clock import Anchor
from blackstart.domain.experiment import Experiment, Phase
from blackstart.domain.journal import (
    AlarmChanged,
    Applied,
    ClockRead,
    Event,
    Intent,
    PhaseEnded,
    PhaseStarted,
    PlanMade,
    Record,
    RunJudged,
    RunPhase,
    RunStarted,
    StackObserved,
    TargetHealthChanged,
)
from blackstart.domain.recording import RequestRow
from blackstart.domain.slo import Sli, Slo
from blackstart.domain.stack import Stack
from blackstart.domain.target_health import TargetState

AnyEvent = TypeVar("AnyEvent", bound=Event)
TargetKey = tuple[str, str, int]
"""Target group, target id, port: an instance may be registered on several ports."""
JUDGED = {RunPhase(phase.value): phase for phase in Phase}
NO_CLOCK = Anchor(monotonic_ns=0, epoch_s=0.0, speed=1.0)


@dataclass(frozen=True)
class Window:
    """A phase on CLOCK_MONOTONIC, end excluded."""

    start_ns: int
    end_ns: int

    def __contains__(self, monotonic_ns: int) -> bool:
        return self.start_ns <= monotonic_ns < self.end_ns


@dataclass(frozen=True)
class HealthStep:
    """A target's state from a moment on. at_s: virtual Unix seconds. state None: no longer registered."""

    at_s: float
    state: TargetState | None
    zone: str
    note: str


@dataclass(frozen=True)
class Evidence:
    """One run. Times are virtual Unix seconds unless a name says otherwise.

    records: without the verdict of an earlier judging. windows: the judged phases that both began and ended.
    requests: the rows of each of them. health: steps of each target. injected_s: the first applied action; None when
    none was. end_s: end of the recovery phase, or of the journal.
    """

    run: str
    records: tuple[Record, ...]
    rows: tuple[RequestRow, ...]
    started: RunStarted | None
    anchor: Anchor
    has_clock: bool
    windows: Mapping[Phase, Window]
    requests: Mapping[Phase, tuple[RequestRow, ...]]
    health: Mapping[TargetKey, tuple[HealthStep, ...]]
    alarms: tuple[AlarmChanged, ...]
    intent_ns: int | None
    injected_ns: int | None
    injected_s: float | None
    end_s: float

    @property
    def experiment(self) -> Experiment | None:
        return self.started.experiment if self.started else None

    @property
    def slos(self) -> tuple[Slo, ...]:
        return self.started.slos if self.started else ()

    @property
    def intent_s(self) -> float | None:
        """When the first action was about to be applied: nothing that it caused is older."""
        return None if self.intent_ns is None else self.anchor.time_s(self.intent_ns)

    @property
    def speed(self) -> float:
        return self.anchor.speed

    @property
    def zero_s(self) -> float:
        """What relative times count from: the injection, else the start of the baseline, else the first record."""
        if self.injected_s is not None:
            return self.injected_s
        if Phase.BASELINE in self.windows:
            return self.anchor.time_s(self.windows[Phase.BASELINE].start_ns)
        return self.time_s(self.records[0]) if self.records else 0.0

    def time_s(self, record: Record) -> float:
        return self.anchor.time_s(record.monotonic_ns) if self.has_clock else record.time_s

    def relative_s(self, time_s: float) -> float:
        """Relative to `zero_s`, to the millisecond: a double holds a Unix time of today no finer than 0.2 us."""
        return round(time_s - self.zero_s, 3) + 0.0

    def relative_ns(self, monotonic_ns: int) -> float:
        return self.relative_s(self.anchor.time_s(monotonic_ns))

    def length_s(self, phase: Phase) -> float:
        """Virtual seconds a judged phase lasted; 0 when it is incomplete."""
        window = self.windows.get(phase)
        return (window.end_ns - window.start_ns) / 1e9 * self.speed if window else 0.0

    def of(self, kind: type[AnyEvent]) -> Iterator[tuple[Record, AnyEvent]]:
        """Records of one kind of event, in order."""
        return events_of(self.records, kind)

    def last(self, kind: type[AnyEvent]) -> AnyEvent | None:
        return next((event for _, event in reversed(list(self.of(kind)))), None)

    def slo_of(self, sli: Sli) -> Slo | None:
        return next((slo for slo in self.slos if slo.sli is sli), None)

    def plan(self) -> PlanMade | None:
        return self.last(PlanMade)

    def stack_before(self) -> Stack | None:
        """The stack as last observed before the first intent (at all, when nothing was injected)."""
        before = None
        for record, observed in self.of(StackObserved):
            if self.intent_ns is None or record.monotonic_ns < self.intent_ns:
                before = observed.stack
        return before

    def target_group(self) -> str | None:
        """The group whose healthy targets count: the expectation's, else the hypothesis's, else the first seen."""
        if self.experiment is not None:
            if self.experiment.expectations.recovery is not None:
                return self.experiment.expectations.recovery.target_group
            for probe in self.experiment.steady_state_hypothesis.probes:
                if probe.type == "healthy-targets":
                    return probe.target_group
        return next((group for group, _, _ in self.health), None)

    def healthy_steps(self, target_group: str) -> tuple[tuple[float, int], ...]:
        """(from when, healthy targets) of a group, one entry a moment at which anything was seen to change."""
        changes = sorted(
            (step.at_s, number, step.state is TargetState.HEALTHY)
            for number, ((group, _, _), steps) in enumerate(self.health.items())
            if group == target_group
            for step in steps
        )
        healthy: dict[int, bool] = {}
        steps: dict[float, int] = {}
        for at_s, number, is_healthy in changes:
            healthy[number] = is_healthy
            steps[at_s] = sum(healthy.values())
        return tuple(steps.items())

    def injected_ids(self) -> tuple[str, ...]:
        """Ids that were acted on, each once, in order."""
        return tuple(dict.fromkeys(target for _, intent in self.of(Intent) for target in intent.target_ids))


def events_of(records: Sequence[Record], kind: type[AnyEvent]) -> Iterator[tuple[Record, AnyEvent]]:
    """Records of one kind of event, in order."""
    return ((record, record.event) for record in records if isinstance(record.event, kind))


def read(run: str, records: Sequence[Record], rows: Sequence[RequestRow]) -> Evidence:
    """Index a journal and a recording; incomplete ones too, since saying so is the checkers' work."""
    kept = tuple(record for record in records if not isinstance(record.event, RunJudged))
    started = next((event for _, event in events_of(kept, RunStarted)), None)
    clock = next((event.anchor for _, event in events_of(kept, ClockRead)), None)
    anchor = clock or NO_CLOCK
    windows = _windows(kept)
    intent_ns = next((record.monotonic_ns for record, _ in events_of(kept, Intent)), None)
    injected = next((record for record, _ in events_of(kept, Applied)), None)
    end_ns = _end_ns(kept, windows)
    end_s = anchor.time_s(end_ns)
    ordered = tuple(sorted(rows, key=lambda row: row.intended_ns))
    return Evidence(
        run=run,
        records=kept,
        rows=ordered,
        started=started,
        anchor=anchor,
        has_clock=clock is not None,
        windows=windows,
        requests={phase: _rows_of(phase, windows, ordered) for phase in windows},
        health=_health(kept, anchor, end_ns),
        alarms=tuple(sorted((e for _, e in events_of(kept, AlarmChanged) if e.at_s <= end_s), key=lambda e: e.at_s)),
        intent_ns=intent_ns,
        injected_ns=injected.monotonic_ns if injected else None,
        injected_s=anchor.time_s(injected.monotonic_ns) if injected else None,
        end_s=end_s,
    )


def _windows(records: Sequence[Record]) -> dict[Phase, Window]:
    """The judged phases that both began and ended, each by its first beginning."""
    began: dict[RunPhase, int] = {}
    windows: dict[Phase, Window] = {}
    for record in records:
        event = record.event
        if isinstance(event, PhaseStarted):
            began.setdefault(event.phase, record.monotonic_ns)
        elif isinstance(event, PhaseEnded) and event.phase in began and event.phase in JUDGED:
            windows.setdefault(JUDGED[event.phase], Window(began[event.phase], record.monotonic_ns))
    return {phase: windows[phase] for phase in Phase if phase in windows}


def _end_ns(records: Sequence[Record], windows: Mapping[Phase, Window]) -> int:
    if Phase.RECOVERY in windows:
        return windows[Phase.RECOVERY].end_ns
    return max((record.monotonic_ns for record in records), default=0)


def _rows_of(phase: Phase, windows: Mapping[Phase, Window], rows: Sequence[RequestRow]) -> tuple[RequestRow, ...]:
    fault = windows.get(Phase.FAULT)

    def belongs(row: RequestRow) -> bool:
        open_at_the_fault = fault is not None and row.intended_ns < fault.start_ns <= row.end_ns
        if open_at_the_fault:
            return phase is Phase.FAULT
        return row.intended_ns in windows[phase]

    return tuple(row for row in rows if belongs(row))


def _health(records: Sequence[Record], anchor: Anchor, end_ns: int) -> dict[TargetKey, tuple[HealthStep, ...]]:
    steps: dict[TargetKey, list[HealthStep]] = {}
    for record, event in events_of(records, TargetHealthChanged):
        if record.monotonic_ns > end_ns:
            continue
        note = event.description or (event.reason.value if event.reason else "")
        step = HealthStep(anchor.time_s(record.monotonic_ns), event.state, event.zone, note)
        steps.setdefault((event.target_group, event.target_id, event.port), []).append(step)
    return {target: tuple(sorted(seen, key=lambda step: step.at_s)) for target, seen in steps.items()}
