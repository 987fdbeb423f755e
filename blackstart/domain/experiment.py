"""The experiment file: what holds, what is broken, what may break with it, and what must be seen.

One file for both modes. Times are virtual seconds (the seconds AWS counts), rates are requests per wall second.
Words follow Chaos Toolkit (hypothesis, probe, tolerance, method, action) and AWS FIS (targets, selection mode, stop
conditions).
"""

import re
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from blackstart.domain.model import Model


class Phase(StrEnum):
    """The three phases that are judged, in order."""

    BASELINE = "baseline"
    FAULT = "fault"
    RECOVERY = "recovery"


class Arrivals(StrEnum):
    FIXED = "fixed"
    POISSON = "poisson"


class Load(Model):
    """Open-loop traffic. rate_per_s: requests per wall second. load_balancer: logical name of the one asked.

    slos: OpenSLO files, relative to the project. timeout_s: virtual seconds after which the client gives up. host: the
    Host header and, where the listener speaks HTTPS, the name that its certificate must be for; by default the load
    balancer's own DNS name, for which nobody gets a certificate.
    """

    load_balancer: str
    port: int = Field(default=80, ge=1, le=65535)
    host: str | None = Field(default=None, pattern=r"^[A-Za-z0-9.-]+$")
    path: str = "/"
    rate_per_s: float = Field(gt=0, le=2000)
    arrivals: Arrivals = Arrivals.FIXED
    timeout_s: float = Field(default=60.0, gt=0)
    locustfile: str = "loadtests/locustfile.py"
    slos: tuple[str, ...] = Field(min_length=1)


class Phases(Model):
    """Length of each judged phase in virtual seconds. The fault phase begins with the first action."""

    baseline_s: float = Field(gt=0, le=7200)
    fault_s: float = Field(gt=0, le=7200)
    recovery_s: float = Field(gt=0, le=7200)

    def length_s(self, phase: Phase) -> float:
        return float(getattr(self, f"{phase.value}_s"))


class HealthyTargetsProbe(Model):
    """Every moment of the baseline has at least this many healthy targets in the group."""

    type: Literal["healthy-targets"]
    target_group: str
    at_least: int = Field(ge=1)


class AlarmsOkProbe(Model):
    """No alarm of these logical names is in ALARM when the baseline ends; none named: no alarm of the stack."""

    type: Literal["no-alarm"]
    alarms: tuple[str, ...] = ()


Probe = Annotated[HealthyTargetsProbe | AlarmsOkProbe, Field(discriminator="type")]


class SteadyStateHypothesis(Model):
    title: str
    probes: tuple[Probe, ...] = Field(min_length=1)


SELECTION_MODE = re.compile(r"ALL|COUNT\((\d+)\)|PERCENT\((\d+)\)")


class TargetSelection(Model):
    """Which resources a fault may choose from, and how many of them it takes.

    name: logical name (`blackstart:name`). zone: only this zone. selection_mode: ALL, COUNT(n) or PERCENT(n); the
    percentage rounds down, as in FIS.
    """

    resource_type: Literal["aws:ec2:instance"]
    name: str
    zone: str | None = None
    selection_mode: str = "COUNT(1)"

    @field_validator("selection_mode")
    @classmethod
    def _known_mode(cls, mode: str) -> str:
        matched = SELECTION_MODE.fullmatch(mode)
        if matched is None:
            raise ValueError("write ALL, COUNT(n) or PERCENT(n)")
        number = next((int(group) for group in matched.groups() if group), None)
        if number is not None and (number < 1 or (mode.startswith("PERCENT") and number > 100)):
            raise ValueError("COUNT takes at least 1, PERCENT 1 to 100")
        return mode


class BlastRadius(Model):
    """The most that may be affected; a plan beyond any of these is refused and nothing is touched.

    max_percent: of the live instances of any one scaling group. max_percent_per_zone: of its instances in one zone.
    keep_healthy: healthy targets that must remain in every target group of a chosen instance.
    """

    max_count: int = Field(ge=1)
    max_percent: float = Field(gt=0, le=100)
    max_percent_per_zone: float = Field(default=100.0, gt=0, le=100)
    max_zones: int = Field(default=1, ge=1)
    keep_healthy: int = Field(ge=0)


class Action(Model):
    """One step of the method. after_s: virtual seconds after the fault phase began. targets: a key of `targets`."""

    action: str
    targets: str
    after_s: float = Field(default=0.0, ge=0)
    parameters: dict[str, str | float | int | bool] = {}


class PhaseTolerance(Model):
    """The smallest good share by SLO name. An SLO that is not named here is held to its own objective."""

    phase: Phase
    slos: dict[str, Annotated[float, Field(ge=0, le=1)]]


class AlarmExpectation(Model):
    """At least one alarm of this logical name goes to ALARM within so many virtual seconds of the first action."""

    name: str
    within_s: float = Field(gt=0)


class RecoveryExpectation(Model):
    """The target group is back at this many healthy targets, and stays so, within so many virtual seconds.

    replacement_serves: a request must have been answered by an instance that did not exist at the injection.
    """

    target_group: str
    healthy_targets: int = Field(ge=1)
    within_s: float = Field(gt=0)
    replacement_serves: bool = True


class Expectations(Model):
    alarms: tuple[AlarmExpectation, ...] = ()
    recovery: RecoveryExpectation | None = None


class AlarmStop(Model):
    """Abort when an alarm of this logical name goes to ALARM."""

    type: Literal["alarm"]
    name: str


class HealthyTargetsStop(Model):
    """Abort when the target group has fewer healthy targets."""

    type: Literal["healthy-targets-below"]
    target_group: str
    count: int = Field(ge=1)


class StopFile(Model):
    """Abort when this file exists: anyone can stop a game day with `touch`."""

    type: Literal["stop-file"]
    path: str


StopCondition = Annotated[AlarmStop | HealthyTargetsStop | StopFile, Field(discriminator="type")]


class Rehearsal(Model):
    """What only the offline mode needs: the service's command line (the emulator does not run user data)."""

    app: tuple[str, ...] = ()


class Experiment(Model):
    """A whole experiment. seed: every random choice comes from it. stack: the Pulumi stack (and the tag's value).

    stack_file: how somebody else's stack maps to logical names (`stack_mapping.py`), relative to the project; None for
    this engine's own tags.
    """

    title: str = Field(min_length=1)
    description: str = ""
    seed: int
    stack: str
    stack_file: str | None = None
    load: Load
    phases: Phases
    steady_state_hypothesis: SteadyStateHypothesis
    targets: dict[str, TargetSelection] = Field(min_length=1)
    blast_radius: BlastRadius
    method: tuple[Action, ...] = Field(min_length=1)
    tolerances: tuple[PhaseTolerance, ...] = ()
    expectations: Expectations = Expectations()
    stop_conditions: tuple[StopCondition, ...] = ()
    rehearsal: Rehearsal = Rehearsal()

    @model_validator(mode="after")
    def _method_names_targets(self) -> "Experiment":
        for action in self.method:
            if action.targets not in self.targets:
                known = ", ".join(self.targets)
                raise ValueError(f"method uses targets {action.targets!r}, but `targets` defines only {known}")
            if action.after_s >= self.phases.fault_s:
                raise ValueError(f"{action.action} starts after {action.after_s} s, when the fault phase is over")
        return self

    def tolerance(self, phase: Phase, slo: str) -> float | None:
        """The good share this phase asks of an SLO, or None for the SLO's own objective."""
        return next((t.slos[slo] for t in self.tolerances if t.phase is phase and slo in t.slos), None)
