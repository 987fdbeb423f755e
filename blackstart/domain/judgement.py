"""What judging writes and the reports read: `judgement.json`, one versioned document.

Times inside are virtual seconds since the injection (negative before it) unless a name says otherwise; with no
injection they count from the start of the baseline.
"""

from typing import Literal

from blackstart.domain.experiment import Phase
from blackstart.domain.model import Model
from blackstart.domain.verdict import Restored, Verdict

JUDGEMENT_FILE = "judgement.json"


class Finding(Model):
    """What one checker says. checker: its name. subject: what it looked at ("availability in fault").

    summary: one sentence for a person, with figures. measured, limit: the numbers behind it when it has any; unit
    names theirs ("ratio", "s", "ms", "count"). lower, upper: exact binomial bounds of a measured ratio, each one-sided
    95 %. slo: name of the SLO it is held to, "" for none. advice: one sentence saying what to do about it. usage: an
    error that the user can mend.
    """

    checker: str
    subject: str
    verdict: Verdict
    summary: str
    measured: float | None = None
    limit: float | None = None
    unit: str = ""
    phase: Phase | None = None
    lower: float | None = None
    upper: float | None = None
    slo: str = ""
    advice: str = ""
    usage: bool = False


class PhaseFigures(Model):
    """Traffic of one phase, by all zones or one. Bounds are exact binomial, one-sided 95 %.

    zone: "" = all; "unknown" = requests whose answer named no zone (refused, timed out, answered by the load balancer
    itself). latency_*_ms: wall milliseconds from the intended send time to the end of the answer, over the requests
    that were answered at all; the nearest rank, None without an answer.
    """

    phase: Phase
    zone: str = ""
    requests: int
    bad: int
    availability: float | None
    availability_lower: float | None
    availability_upper: float | None
    latency_p50_ms: float | None
    latency_p99_ms: float | None
    latency_max_ms: float | None


class TimelineSecond(Model):
    """One virtual-time bucket of the timeline. latency in wall milliseconds; None without an answer."""

    at_s: float
    requests: int
    bad: int
    latency_p50_ms: float | None
    latency_p99_ms: float | None


class Band(Model):
    """A span on the timeline: a phase, a fault, a target or an alarm in one state. end_s None: to the end."""

    lane: Literal["phase", "fault", "target", "alarm"]
    label: str
    state: str
    start_s: float
    end_s: float | None
    note: str = ""


class Timeline(Model):
    """bucket_s: length of a traffic bucket. healthy: (from when, healthy targets) at each change. end_s: last moment.

    injected_s: 0.0 when a fault was applied, None otherwise. target lanes carry every state, healthy included.
    """

    bucket_s: float
    traffic: tuple[TimelineSecond, ...] = ()
    bands: tuple[Band, ...] = ()
    healthy: tuple[tuple[float, int], ...] = ()
    injected_s: float | None = None
    end_s: float = 0.0


class Prediction(Model):
    """Predicted against measured, in virtual seconds.

    what: "detection of crash-service by the first node" or "replacement after crash-service". Detection is measured as
    first noticed by the load balancer; shortest_s and longest_s are the bounds of one node's schedule of checks.
    within: measured_s lies between them, None when it was never seen.
    """

    what: str
    shortest_s: float
    longest_s: float
    measured_s: float | None
    within: bool | None


class Headlines(Model):
    """The answers of the first screen. Virtual seconds; None when it never happened.

    requests, requests_lost: of the fault and the recovery phase; lost is every request that was not good.
    detect_s: from the first applied action to the first alarm of any kind in ALARM; detected_by: that alarm.
    error_window_s: from the first to the last bad request since the first action's intent; 0.0 for a single one.
    recover_s: until the target group is back at its healthy targets for good; 0.0 when it never fell below.
    healthy_targets: how many that is. replacement_s: until an instance that is new since the injection answered well.
    budget_spent_s: seconds of complete failure that cost the same: the bad share of each of the two phases times its
    length, summed, taken for a service with even traffic. budget_s: what the availability SLO allows in 30 days.
    """

    requests: int
    requests_lost: int
    detect_s: float | None
    detected_by: str
    error_window_s: float | None
    recover_s: float | None
    budget_spent_s: float | None
    budget_s: float | None
    healthy_targets: int | None = None
    replacement_s: float | None = None


class Judgement(Model):
    """The whole document. started_s: virtual Unix time of the run's first record with a clock.

    exit_code: that of the verdict, and 2 for an error that is nothing but the user's to mend.

    actions, activities: what was done and what the scaling group did, as lines to read. unserved: what the stack
    declares and the emulator does not act on. experiment_path, version, machine: as the journal's first line has them.
    """

    v: Literal[1] = 1
    run: str
    title: str
    mode: Literal["rehearse", "drill"]
    stack: str
    seed: int
    speed: float
    started_s: float
    verdict: Verdict
    exit_code: int
    restored: Restored
    headline: str
    headlines: Headlines
    findings: tuple[Finding, ...]
    figures: tuple[PhaseFigures, ...]
    predictions: tuple[Prediction, ...]
    timeline: Timeline
    actions: tuple[str, ...] = ()
    activities: tuple[str, ...] = ()
    unserved: tuple[str, ...] = ()
    description: str = ""
    experiment_path: str = ""
    version: str = ""
    machine: dict[str, str | int | float] = {}
