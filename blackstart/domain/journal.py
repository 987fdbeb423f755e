"""The journal: everything that happened in a run, in order, one JSON object a line.

A line is a `Record`: a stamp (`v`, `seq`, `monotonic_ns`, `time_s`) and an `event`, told apart by `kind`. Only the
runner's process writes it (`gameday/journal_file.py`); rooms that must write get the `Journal` protocol. The checkers
read only this and the recording, so an old run can be judged again and must give the same verdict.
"""

from enum import StrEnum
from typing import Annotated, Any, Literal, Protocol

from pydantic import Field, TypeAdapter

from blackstart.domain.clock import Anchor
from blackstart.domain.experiment import Experiment
from blackstart.domain.model import Model
from blackstart.domain.recording import LoadCompleted
from blackstart.domain.slo import Slo
from blackstart.domain.stack import Stack
from blackstart.domain.target_health import TargetReason, TargetState
from blackstart.domain.unserved import Unserved
from blackstart.domain.verdict import Restored, Verdict

JOURNAL_FILE = "journal.ndjson"


class Reversibility(StrEnum):
    REVERSIBLE = "reversible"
    SELF_HEALING = "self-healing"
    IRREVERSIBLE = "irreversible"


class RunStarted(Model):
    """First line. mode: rehearse or drill. experiment and slos are carried whole, so that the run explains itself."""

    kind: Literal["run_started"] = "run_started"
    mode: Literal["rehearse", "drill"]
    version: str
    experiment_path: str
    experiment: Experiment
    slos: tuple[Slo, ...]
    machine: dict[str, str | int | float] = {}


class ClockRead(Model):
    kind: Literal["clock"] = "clock"
    anchor: Anchor


class RunPhase(StrEnum):
    """Every phase of a run; baseline, fault and recovery are judged."""

    START = "start"
    DEPLOY = "deploy"
    SETTLE = "settle"
    BASELINE = "baseline"
    FAULT = "fault"
    RECOVERY = "recovery"
    DRAIN = "drain"
    RESTORE = "restore"


class PhaseStarted(Model):
    kind: Literal["phase_started"] = "phase_started"
    phase: RunPhase


class PhaseEnded(Model):
    kind: Literal["phase_ended"] = "phase_ended"
    phase: RunPhase


class StackObserved(Model):
    """The whole stack as described, at the end of settling and again at the end of the run."""

    kind: Literal["stack"] = "stack"
    stack: Stack


class PlannedAction(Model):
    """One action with its exact ids. index: its place in the method. detection_s: predicted time until every node has
    noticed, as (shortest, longest); recovery_s: until the replacement serves, None when nothing replaces it.
    """

    index: int
    action: str
    target_ids: tuple[str, ...]
    candidates: int
    after_s: float
    parameters: dict[str, str | float | int | bool] = {}
    reversibility: Reversibility
    detection_s: tuple[float, float] | None = None
    recovery_s: tuple[float, float] | None = None


class ZoneCapacity(Model):
    """Healthy targets in one zone before the plan and while it is in effect."""

    zone: str
    before: int
    during: int


class PlanMade(Model):
    kind: Literal["plan"] = "plan"
    stack: str
    region: str
    actions: tuple[PlannedAction, ...]
    capacity: tuple[ZoneCapacity, ...] = ()


class Intent(Model):
    """On disk before the call, with all that undoing it needs. injection: unique within the run."""

    kind: Literal["intent"] = "intent"
    injection: str
    action: str
    target_ids: tuple[str, ...]
    parameters: dict[str, str | float | int | bool] = {}
    reversibility: Reversibility
    snapshot: dict[str, Any] = {}


class Applied(Model):
    """The API accepted the call."""

    kind: Literal["applied"] = "applied"
    injection: str
    answer: dict[str, Any] = {}


class ApplyFailed(Model):
    kind: Literal["apply_failed"] = "apply_failed"
    injection: str
    error: str


class EffectVerified(Model):
    """Whether the world changed as the fault says (not only that the call was accepted)."""

    kind: Literal["effect"] = "effect"
    injection: str
    seen: bool
    detail: str


class Reverted(Model):
    """After the revert and its verification. A self-healing fault has nothing to call and says what AWS put back."""

    kind: Literal["reverted"] = "reverted"
    injection: str
    restored: Restored
    detail: str


class TargetHealthChanged(Model):
    """A target's state as `describe_target_health` gave it, at first sight and at each change; state None: gone."""

    kind: Literal["target_health"] = "target_health"
    target_group: str
    target_id: str
    port: int
    zone: str
    state: TargetState | None
    reason: TargetReason | None = None
    description: str = ""


class InstanceChanged(Model):
    kind: Literal["instance"] = "instance"
    instance_id: str
    name: str
    zone: str
    state: str


class AlarmChanged(Model):
    """at_s: the alarm history's own time. name: logical name. resource_name: AWS's name."""

    kind: Literal["alarm"] = "alarm"
    name: str
    resource_name: str
    zone: str | None = None
    old_state: str | None
    state: str
    reason: str
    at_s: float


class ScalingActivity(Model):
    """One entry of the Auto Scaling group's activity log, at first sight and at each change of its status."""

    kind: Literal["activity"] = "activity"
    scaling_group: str
    activity_id: str
    description: str
    cause: str
    status: str
    started_s: float
    ended_s: float | None = None


class Watched(Model):
    """How closely the stack was watched, when the observer ends: no change on record means nothing without it.

    looks: at target health, answered. failed: not answered. longest_gap_s: between two answered looks, or between the
    last one and the end; gap_began_s: when that gap began.
    """

    kind: Literal["watched"] = "watched"
    looks: int
    failed: int
    longest_gap_s: float
    gap_began_s: float


class LoadStarted(Model):
    kind: Literal["load_started"] = "load_started"
    url: str
    rate_per_s: float
    seed: int


class LoadFinished(Model):
    """completed: the marker, None when the generator left none. exit_code: None when it had to be killed."""

    kind: Literal["load_finished"] = "load_finished"
    exit_code: int | None
    completed: LoadCompleted | None


class EmulatorMeasured(Model):
    """How well this machine kept the emulator's time, over the whole run. Wall seconds.

    probes: health checks begun; probes_succeeded and probes_timed_out: how they ended (the rest were refused or
    answered wrongly). probe_p99_real_s: answer time of those that succeeded. check_lag_p99_real_s: how late checks
    started. boot_max_real_s: slowest start of an instance's process until its port answered. shortest_*_s: the virtual
    waits that these race against (None: no such wait). data_plane_restarts, controller_failures: the emulator's own
    failures, which must never be blamed on the system. unserved: what the stack declares and the emulator does not act
    on, as lines to read; unserved_resources: the same by resource.
    """

    kind: Literal["emulator_measured"] = "emulator_measured"
    probes: int
    probes_succeeded: int = 0
    probes_timed_out: int = 0
    probe_p99_real_s: float
    check_lag_p99_real_s: float
    boot_max_real_s: float
    shortest_timeout_s: float | None
    shortest_interval_s: float | None
    shortest_grace_s: float | None
    data_plane_restarts: int = 0
    controller_failures: int = 0
    unserved: tuple[str, ...] = ()
    unserved_resources: tuple[Unserved, ...] = ()


class StopRequested(Model):
    """The run ends early. cause: signal INT/TERM, or a stop condition of the experiment."""

    kind: Literal["stop"] = "stop"
    cause: Literal["interrupted", "terminated", "stop-condition"]
    detail: str


class HypothesisChecked(Model):
    """The steady-state hypothesis at the end of the baseline, probe by probe."""

    kind: Literal["hypothesis"] = "hypothesis"
    held: bool
    details: tuple[str, ...]


class RunFailed(Model):
    """Something crashed. usage: the user can mend it (exit 2) or not (exit 1)."""

    kind: Literal["run_failed"] = "run_failed"
    error: str
    way_out: str = ""
    usage: bool = False


class RunJudged(Model):
    """Last line. Judging again ignores it."""

    kind: Literal["verdict"] = "verdict"
    verdict: Verdict
    exit_code: int
    restored: Restored


Event = Annotated[
    RunStarted
    | ClockRead
    | PhaseStarted
    | PhaseEnded
    | StackObserved
    | PlanMade
    | Intent
    | Applied
    | ApplyFailed
    | EffectVerified
    | Reverted
    | TargetHealthChanged
    | InstanceChanged
    | AlarmChanged
    | ScalingActivity
    | Watched
    | LoadStarted
    | LoadFinished
    | EmulatorMeasured
    | StopRequested
    | HypothesisChecked
    | RunFailed
    | RunJudged,
    Field(discriminator="kind"),
]


class Record(Model):
    """One line. seq: from 0 without gaps. time_s: virtual Unix seconds (0 before the clock is known)."""

    v: Literal[1] = 1
    seq: int = Field(ge=0)
    monotonic_ns: int
    time_s: float
    event: Event


RECORD: TypeAdapter[Record] = TypeAdapter(Record)


class Journal(Protocol):
    """What a room that writes gets: append returns once the line is on disk."""

    def append(self, event: Event) -> Record: ...
