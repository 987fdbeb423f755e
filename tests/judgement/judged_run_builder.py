"""A synthetic run, good by default, that tests bend until it is not.

Times are virtual seconds since the injection. One of six instances is terminated at 0; every sixth request fails until
the load balancer has noticed at 17.4; the replacement is healthy at 76; the alarm of its zone goes off at 63.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

from blackstart.domain.clock import Anchor
from blackstart.domain.experiment import Experiment
from blackstart.domain.journal import (
    AlarmChanged,
    Applied,
    ClockRead,
    EffectVerified,
    EmulatorMeasured,
    Event,
    HypothesisChecked,
    Intent,
    LoadFinished,
    LoadStarted,
    PhaseEnded,
    PhaseStarted,
    PlanMade,
    PlannedAction,
    Record,
    Reversibility,
    Reverted,
    RunPhase,
    RunStarted,
    ScalingActivity,
    StackObserved,
    TargetHealthChanged,
    Watched,
)
from blackstart.domain.judgement import Judgement
from blackstart.domain.recording import LoadCompleted, Outcome, RequestRow
from blackstart.domain.slo import Slo
from blackstart.domain.stack import Alarm, Instance, Stack
from blackstart.domain.target_health import TargetReason, TargetState
from blackstart.domain.verdict import Restored
from blackstart.judgement.judge import judge

SPEED = 10.0
RATE_PER_S = 200.0
START_NS = 50_000_000_000_000
EPOCH_S = 1_760_000_000.0
ZERO_S = 400.0
"""Virtual seconds from the anchor to the injection."""
BASELINE_S, FAULT_S, RECOVERY_S = 180.0, 300.0, 180.0
ZONES = ("us-east-1a", "us-east-1b", "us-east-1c")
INSTANCES = {f"i-0{number}{'abcdef'[number]}4e81c7": ZONES[number % 3] for number in range(6)}
VICTIM = next(iter(INSTANCES))
REPLACEMENT = "i-06f09d52b3"
ANCHOR = Anchor(monotonic_ns=START_NS, epoch_s=EPOCH_S, speed=SPEED)

EXPERIMENT: dict[str, Any] = {
    "title": "Losing one instance goes unnoticed by nearly everyone",
    "description": "One of six instances is terminated; the others carry the load until the group has replaced it.",
    "seed": 20240,
    "stack": "emulator",
    "load": {"load_balancer": "web", "rate_per_s": RATE_PER_S, "slos": ["availability.yaml", "latency.yaml"]},
    "phases": {"baseline_s": BASELINE_S, "fault_s": FAULT_S, "recovery_s": RECOVERY_S},
    "steady_state_hypothesis": {
        "title": "Six targets are healthy",
        "probes": [{"type": "healthy-targets", "target_group": "web", "at_least": 6}],
    },
    "targets": {"one": {"resource_type": "aws:ec2:instance", "name": "web"}},
    "blast_radius": {"max_count": 1, "max_percent": 20, "keep_healthy": 5},
    "method": [{"action": "terminate-instances", "targets": "one"}],
    "tolerances": [{"phase": "fault", "slos": {"availability": 0.975, "latency": 0.97}}],
    "expectations": {
        "alarms": [{"name": "healthy-hosts", "within_s": 180}],
        "recovery": {"target_group": "web", "healthy_targets": 6, "within_s": 240},
    },
}


def an_slo(name: str, sli: str, target: float, threshold_ms: float | None = None) -> Slo:
    annotations: dict[str, Any] = {"blackstart/sli": sli}
    if threshold_ms is not None:
        annotations["blackstart/threshold-ms"] = threshold_ms
    indicator = {"metadata": {"name": name, "annotations": annotations}, "spec": {}}
    return Slo.model_validate(
        {
            "apiVersion": "openslo/v1",
            "kind": "SLO",
            "metadata": {"name": name},
            "spec": {
                "service": "web",
                "indicator": indicator,
                "timeWindow": [{"duration": "30d"}],
                "budgetingMethod": "Occurrences",
                "objectives": [{"target": target}],
            },
        }
    )


SLOS = (an_slo("availability", "availability", 0.999), an_slo("latency", "latency", 0.99, 250.0))


def ns(at_s: float) -> int:
    """CLOCK_MONOTONIC at a moment relative to the injection."""
    return ANCHOR.monotonic_ns_at(EPOCH_S + ZERO_S + at_s)


def virtual(at_s: float) -> float:
    """Virtual Unix seconds of a moment relative to the injection."""
    return EPOCH_S + ZERO_S + at_s


def answered(at_s: float, instance: str, latency_ms: float, status: int = 200, zone: str = "") -> RequestRow:
    intended = ns(at_s)
    return RequestRow(
        intended_ns=intended,
        start_ns=intended + 200_000,
        end_ns=intended + int(latency_ms * 1e6),
        outcome=Outcome.ANSWERED,
        status=status,
        zone=zone,
        instance=instance,
    )


def traffic(
    detected_s: float = 17.4, replaced_s: float = 76.0, instances: dict[str, str] | None = None, seed: int = 7
) -> list[RequestRow]:
    """Round robin over the instances; the victim's share fails with 502 from 0 until it is detected."""
    random = Random(seed)
    fleet = instances or INSTANCES
    rows = []
    step_s = SPEED / RATE_PER_S
    for number in range(int((BASELINE_S + FAULT_S + RECOVERY_S) / step_s)):
        at_s = number * step_s - BASELINE_S + step_s / 2
        alive = [i for i in fleet if i != VICTIM or at_s < detected_s] + ([REPLACEMENT] if at_s > replaced_s else [])
        instance = alive[number % len(alive)]
        latency_ms = 3.0 + random.lognormvariate(0.6, 0.55) + (2.0 if 0 < at_s < replaced_s else 0.0)
        if instance == VICTIM and at_s > 0:
            rows.append(answered(at_s, "", 1.4, status=502))
        else:
            rows.append(answered(at_s, instance, latency_ms, zone=fleet.get(instance, ZONES[0])))
    return rows


def target(at_s: float, target_id: str, state: TargetState | None, reason: TargetReason | None = None) -> Any:
    zone = INSTANCES.get(target_id, ZONES[0])
    event = TargetHealthChanged(
        target_group="web", target_id=target_id, port=8080, zone=zone, state=state, reason=reason
    )
    return at_s, event


def alarm(at_s: float, name: str, old: str, new: str, zone: str | None = None) -> tuple[float, Event]:
    resource_name = f"{name}-{zone}" if zone else name
    reason = "Threshold Crossed: 1 datapoint was less than the threshold (2.0)."
    return at_s + 2.0, AlarmChanged(
        name=name, resource_name=resource_name, zone=zone, old_state=old, state=new, reason=reason, at_s=virtual(at_s)
    )


def the_stack() -> Stack:
    return Stack(
        name="emulator",
        region="us-east-1",
        zones=ZONES,
        instances=tuple(Instance(instance_id=i, name="web", zone=z, state="running") for i, z in INSTANCES.items()),
        alarms=(
            *(
                Alarm(
                    name="healthy-hosts",
                    resource_name=f"healthy-hosts-{z}",
                    state="OK",
                    zone=z,
                    runbook="runbooks/healthy-hosts.md",
                )
                for z in ZONES
            ),
            Alarm(name="target-5xx", resource_name="target-5xx", state="OK"),
            Alarm(name="elb-5xx", resource_name="elb-5xx", state="OK"),
        ),
    )


def completed(planned: int, **changes: Any) -> LoadCompleted:
    start_ns, stop_ns = ns(-BASELINE_S), ns(FAULT_S + RECOVERY_S)
    values = {"planned": planned, "sent": planned, "received": planned, "dropped": 0, "send_lag_p99_real_s": 0.0021}
    values |= {"started_ns": start_ns, "stopped_ns": stop_ns, "cpu_ratio": 0.21}
    return LoadCompleted.model_validate(values | changes)


def good_events() -> list[tuple[float, Event]]:
    end_s = FAULT_S + RECOVERY_S
    experiment = Experiment.model_validate(EXPERIMENT)
    started = RunStarted(
        mode="rehearse",
        version="0.1.0",
        experiment_path="chaos/terminate-instance.yaml",
        experiment=experiment,
        slos=SLOS,
        machine={"cpus": 2, "python": "3.11.9", "system": "Linux"},
    )
    action = PlannedAction(
        index=0,
        action="terminate-instances",
        target_ids=(VICTIM,),
        candidates=6,
        after_s=0,
        reversibility=Reversibility.IRREVERSIBLE,
        detection_s=(10.0, 20.0),
        recovery_s=(40.0, 110.0),
    )
    launch = "Launching a new EC2 instance: " + REPLACEMENT
    cause = "An instance was started in response to a difference between desired and actual capacity."
    activity = {
        "scaling_group": "web",
        "activity_id": "a2",
        "description": launch,
        "cause": cause,
        "started_s": virtual(31),
    }
    return [
        (-ZERO_S, started),
        (-ZERO_S + 1, ClockRead(anchor=ANCHOR)),
        *((-300.0, target(0, i, TargetState.INITIAL, TargetReason.REGISTRATION_IN_PROGRESS)[1]) for i in INSTANCES),
        *(target(-250.0 + 3 * n, i, TargetState.HEALTHY) for n, i in enumerate(INSTANCES)),
        (-200.0, StackObserved(stack=the_stack())),
        (-190.0, LoadStarted(url="http://web.elb.amazonaws.com:8080/", rate_per_s=RATE_PER_S, seed=20240)),
        (-BASELINE_S, PhaseStarted(phase=RunPhase.BASELINE)),
        (-0.4, HypothesisChecked(held=True, details=("web has 6 healthy targets, 6 asked",))),
        (-0.3, PhaseEnded(phase=RunPhase.BASELINE)),
        (-0.2, PlanMade(stack="emulator", region="us-east-1", actions=(action,))),
        (-0.1, PhaseStarted(phase=RunPhase.FAULT)),
        (
            -0.05,
            Intent(
                injection="inj-1",
                action="terminate-instances",
                target_ids=(VICTIM,),
                reversibility=Reversibility.IRREVERSIBLE,
            ),
        ),
        (0.0, Applied(injection="inj-1")),
        (0.6, EffectVerified(injection="inj-1", seen=True, detail=f"{VICTIM} is shutting-down")),
        target(17.4, VICTIM, TargetState.UNHEALTHY, TargetReason.FAILED_HEALTH_CHECKS),
        target(30.2, VICTIM, TargetState.DRAINING, TargetReason.DEREGISTRATION_IN_PROGRESS),
        (31.0, ScalingActivity(**activity, status="InProgress")),
        target(48.0, REPLACEMENT, TargetState.INITIAL, TargetReason.INITIAL_HEALTH_CHECKING),
        alarm(63.0, "healthy-hosts", "OK", "ALARM", ZONES[0]),
        alarm(65.0, "elb-5xx", "OK", "ALARM"),
        target(76.0, REPLACEMENT, TargetState.HEALTHY),
        (80.0, ScalingActivity(**activity, status="Successful", ended_s=virtual(76))),
        alarm(124.0, "elb-5xx", "ALARM", "OK"),
        alarm(183.0, "healthy-hosts", "ALARM", "OK", ZONES[0]),
        target(290.0, VICTIM, None),
        (FAULT_S, PhaseEnded(phase=RunPhase.FAULT)),
        (FAULT_S, PhaseStarted(phase=RunPhase.RECOVERY)),
        (end_s, PhaseEnded(phase=RunPhase.RECOVERY)),
        (end_s + 5, LoadFinished(exit_code=0, completed=completed(int((BASELINE_S + end_s) * RATE_PER_S / SPEED)))),
        (end_s + 6, Reverted(injection="inj-1", restored=Restored.UNKNOWN, detail="nothing to call")),
        (end_s + 6.5, Watched(looks=900, failed=1, longest_gap_s=2.1, gap_began_s=virtual(140.0))),
        (
            end_s + 7,
            EmulatorMeasured(
                probes=1900,
                probes_succeeded=1871,
                probes_timed_out=4,
                probe_p99_real_s=0.021,
                check_lag_p99_real_s=0.0061,
                boot_max_real_s=0.4,
                shortest_timeout_s=5.0,
                shortest_interval_s=10.0,
                shortest_grace_s=60.0,
                unserved=("target tracking policy web-cpu: not acted on",),
            ),
        ),
    ]


@dataclass(frozen=True)
class JudgedRun:
    """Events in the order of their lines, and the recording."""

    events: list[tuple[float, Event]] = field(default_factory=good_events)
    rows: list[RequestRow] = field(default_factory=traffic)

    def records(self) -> list[Record]:
        return [
            Record(seq=number, monotonic_ns=ns(at_s), time_s=virtual(at_s), event=event)
            for number, (at_s, event) in enumerate(self.events)
        ]

    def judged(self) -> Judgement:
        return judge("20251009-terminate-instance", self.records(), self.rows)

    def without(self, *kinds: str) -> "JudgedRun":
        return replace(self, events=[(at_s, event) for at_s, event in self.events if event.kind not in kinds])

    def where(self, keep: Callable[[float, Event], bool]) -> "JudgedRun":
        return replace(self, events=[(at_s, event) for at_s, event in self.events if keep(at_s, event)])

    def changing(self, kind: str, **changes: Any) -> "JudgedRun":
        """Every event of a kind with other fields."""
        events = [(t, e.model_copy(update=changes) if e.kind == kind else e) for t, e in self.events]
        return replace(self, events=events)

    def adding(self, *events: tuple[float, Event]) -> "JudgedRun":
        """At their places in time, and there after what is already written."""
        return replace(self, events=sorted([*self.events, *events], key=lambda each: each[0]))

    def asking(self, **changes: Any) -> "JudgedRun":
        """The same run of another experiment."""
        return self.changing("run_started", experiment=Experiment.model_validate(EXPERIMENT | changes))

    def with_rows(self, rows: list[RequestRow]) -> "JudgedRun":
        return replace(self, rows=rows)
