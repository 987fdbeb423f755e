"""Whether the traffic was what the experiment asked for. If it was not, the run says nothing about the system."""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from math import ceil, sqrt

from blackstart.domain.experiment import Arrivals, Phase
from blackstart.domain.journal import HypothesisChecked, LoadFinished, LoadStarted
from blackstart.domain.judgement import Finding
from blackstart.domain.recording import LoadCompleted
from blackstart.domain.slo import Sli
from blackstart.domain.verdict import Verdict
from blackstart.domain.wording import count, ratio
from blackstart.judgement.evidence import Evidence, Window

NAME = "load_validity"
SUBJECT = "the load"
SENT_SHARE_NEEDED = 0.99
RATE_SHARE_NEEDED = 0.95
CHANCE = 4.0
"""Standard deviations by which random arrivals may fall short of their mean: once in 30,000 phases."""
SEND_LAG_SHARE_ALLOWED = 0.10
"""Of the latency threshold: beyond it the generator's own lateness would be taken for the system's."""
CPU_RATIO_ALLOWED = 0.80
"""CPU seconds of the generator per wall second; above it its latencies are its own."""
HOLE_REAL_S = 1.0
"""A stretch without one intended request, beyond which a phase is not covered; at least twenty intervals."""


def check(evidence: Evidence) -> Sequence[Finding]:
    """Every reason for which the load is invalid, or one passed finding with the generator's own figures."""
    if _never_began(evidence):
        summary = "The load was never started, since the steady state did not hold."
        return [Finding(checker=NAME, subject=SUBJECT, verdict=Verdict.INCONCLUSIVE, summary=summary)]
    finished = evidence.last(LoadFinished)
    completed = finished.completed if finished else None
    problems = [*_ended_badly(evidence, finished), *_uncovered(evidence), *_too_thin(evidence)]
    if completed is not None:
        problems += [*_too_little(evidence, completed), *_too_late(evidence, completed), *_too_busy(completed)]
    return problems or [_fine(completed)]


def _invalid(
    summary: str, measured: float | None = None, limit: float | None = None, unit: str = "", phase: Phase | None = None
) -> Finding:
    return Finding(
        checker=NAME,
        subject=f"{SUBJECT} in {phase.value}" if phase else SUBJECT,
        verdict=Verdict.INVALID,
        summary=summary,
        measured=measured,
        limit=limit,
        unit=unit,
        phase=phase,
        advice="Mend the load generator or lower `rate_per_s`, then run again; nothing is known about the system.",
    )


def _fine(completed: LoadCompleted | None) -> Finding:
    sent = f"{count(completed.sent)} of {count(completed.planned)} planned requests were sent" if completed else ""
    return Finding(checker=NAME, subject=SUBJECT, verdict=Verdict.PASSED, summary=f"{sent}, in every phase, in time.")


def _never_began(evidence: Evidence) -> bool:
    """The run gave up before any load: that is for the steady state to explain, not a fault of the generator."""
    checked = evidence.last(HypothesisChecked)
    return not evidence.rows and evidence.last(LoadStarted) is None and checked is not None and not checked.held


def _ended_badly(evidence: Evidence, finished: LoadFinished | None) -> Iterator[Finding]:
    if not evidence.rows:
        yield _invalid("No request was recorded.")
    if finished is None:
        yield _invalid("The load generator's end was never recorded.")
        return
    if finished.completed is None:
        yield _invalid("The recording was cut short: the load generator left no completion marker.")
    if finished.exit_code != 0:
        how = "had to be killed" if finished.exit_code is None else f"ended with exit code {finished.exit_code}"
        yield _invalid(f"The load generator {how}.")


def _too_little(evidence: Evidence, completed: LoadCompleted) -> Iterator[Finding]:
    sent_share = completed.sent / completed.planned if completed.planned else 0.0
    if sent_share < SENT_SHARE_NEEDED:
        yield _invalid(
            f"Only {ratio(sent_share)} of the planned requests were sent ({count(completed.sent)} of "
            f"{count(completed.planned)}); {ratio(SENT_SHARE_NEEDED)} are needed.",
            sent_share,
            SENT_SHARE_NEEDED,
            "ratio",
        )
    if len(evidence.rows) != completed.planned:
        yield _invalid(
            f"The recording holds {count(len(evidence.rows))} requests, but {count(completed.planned)} were planned: "
            "those that are missing could be the bad ones.",
            len(evidence.rows),
            completed.planned,
            "count",
        )


def _too_thin(evidence: Evidence) -> Iterator[Finding]:
    """A phase that met less traffic than the experiment asks for, however evenly spread."""
    if evidence.experiment is None or not evidence.rows:
        return
    load = evidence.experiment.load
    for phase, window in evidence.windows.items():
        asked = load.rate_per_s * (window.end_ns - window.start_ns) / 1e9
        needed = RATE_SHARE_NEEDED * asked
        if load.arrivals is Arrivals.POISSON:
            needed = min(needed, asked - CHANCE * sqrt(asked))
        wanted = sum(row.intended_ns in window for row in evidence.rows)
        if wanted < needed:
            yield _invalid(
                f"The {phase.value} phase got {count(wanted)} requests; {load.rate_per_s:g} a wall second are "
                f"{count(round(asked))}, and {count(ceil(needed))} of them are needed.",
                wanted,
                ceil(needed),
                "count",
                phase,
            )


def _too_late(evidence: Evidence, completed: LoadCompleted) -> Iterator[Finding]:
    slo = evidence.slo_of(Sli.LATENCY)
    if slo is None or slo.threshold_ms is None:
        return
    lag_ms, limit_ms = completed.send_lag_p99_real_s * 1000.0, SEND_LAG_SHARE_ALLOWED * slo.threshold_ms
    if lag_ms > limit_ms:
        yield _invalid(
            f"The generator sent its requests up to {lag_ms:.1f} ms late (p99); {limit_ms:.0f} ms are allowed, "
            f"{ratio(SEND_LAG_SHARE_ALLOWED)} of the {slo.threshold_ms:.0f} ms threshold of {slo.name}.",
            lag_ms,
            limit_ms,
            "ms",
        )


def _too_busy(completed: LoadCompleted) -> Iterator[Finding]:
    if completed.cpu_ratio > CPU_RATIO_ALLOWED:
        yield _invalid(
            f"The generator used {ratio(completed.cpu_ratio)} of a core; above {ratio(CPU_RATIO_ALLOWED)} its "
            "latencies are its own.",
            completed.cpu_ratio,
            CPU_RATIO_ALLOWED,
            "ratio",
        )


def _uncovered(evidence: Evidence) -> Iterator[Finding]:
    if not evidence.rows:
        return
    rate_per_s = evidence.experiment.load.rate_per_s if evidence.experiment else 1.0
    allowed_real_s = max(HOLE_REAL_S, 20.0 / rate_per_s)
    for phase, window in evidence.windows.items():
        hole_real_s = _longest_hole_ns(evidence, window) / 1e9
        if hole_real_s > allowed_real_s:
            yield _invalid(
                f"The recording has a hole of {hole_real_s:.1f} wall seconds in the {phase.value} phase; "
                f"{allowed_real_s:.1f} are allowed.",
                hole_real_s,
                allowed_real_s,
                "s",
                phase,
            )


def _longest_hole_ns(evidence: Evidence, window: Window) -> int:
    inside = [row.intended_ns for row in evidence.rows if row.intended_ns in window]
    return max(later - earlier for earlier, later in pairwise([window.start_ns, *inside, window.end_ns]))
