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
    names theirs ("ratio", "s", "ms", "count").
    """

    checker: str
    subject: str
    verdict: Verdict
    summary: str
    measured: float | None = None
    limit: float | None = None
    unit: str = ""
    phase: Phase | None = None


class PhaseFigures(Model):
    """Traffic of one phase, by all zones or one (zone "" = all). Bounds are exact binomial, one-sided 95 %."""

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
    bucket_s: float
    traffic: tuple[TimelineSecond, ...] = ()
    bands: tuple[Band, ...] = ()
    healthy: tuple[tuple[float, int], ...] = ()
    injected_s: float | None = None
    end_s: float = 0.0


class Prediction(Model):
    """Predicted against measured, in virtual seconds."""

    what: str
    shortest_s: float
    longest_s: float
    measured_s: float | None
    within: bool | None


class Headlines(Model):
    """The answers of the first screen. Virtual seconds; None when it never happened."""

    requests: int
    requests_lost: int
    detect_s: float | None
    detected_by: str
    error_window_s: float | None
    recover_s: float | None
    budget_spent_s: float | None
    budget_s: float | None


class Judgement(Model):
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
