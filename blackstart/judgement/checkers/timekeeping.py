"""Whether this machine kept the emulator's time: compressed waits only mean something while real work fits in them.

Headroom is the share of a virtual wait that real work eats at the run's speed. Beyond a limit the run is invalid, and
the finding names the highest speed at which the same machine would have kept it.
"""

from collections.abc import Iterator, Sequence
from math import floor

from blackstart.domain.journal import EmulatorMeasured
from blackstart.domain.judgement import Finding
from blackstart.domain.verdict import Verdict
from blackstart.domain.wording import count, ratio, several
from blackstart.judgement.evidence import Evidence
from blackstart.judgement.figures import latencies_ms
from blackstart.judgement.statistics import percentile

NAME = "timekeeping"
SUBJECT = "the emulator's time"
HEADROOM_ALLOWED = 0.5
LAG_ALLOWED = 0.05


def check(evidence: Evidence) -> Sequence[Finding]:
    """Invalid when the emulator itself failed, a wait was outrun or nothing was measured.

    Inconclusive without one probe that succeeded. A drill keeps real time by itself.
    """
    if evidence.started is not None and evidence.started.mode == "drill":
        return [_finding(Verdict.PASSED, "A drill runs in real time.")]
    measured = evidence.last(EmulatorMeasured)
    if measured is None:
        return [_finding(Verdict.INVALID, "The emulator never said how well it kept its time.")]
    problems = list(_failed(measured))
    if measured.probes_succeeded == 0 and measured.shortest_timeout_s is not None:
        summary = "No health check ever succeeded: how well time was kept is unknown."
        problems.append(_finding(Verdict.INCONCLUSIVE, summary))
    problems += _outrun(evidence, measured)
    return problems or [_kept(evidence, measured)]


def _failed(measured: EmulatorMeasured) -> Iterator[Finding]:
    """What the emulator broke must never be blamed on the system."""
    failures = measured.data_plane_restarts + measured.controller_failures
    if failures:
        summary = f"The emulator itself failed {several(failures, 'time')}; its log says why."
        yield Finding(
            checker=NAME,
            subject="the emulator itself",
            verdict=Verdict.INVALID,
            summary=summary,
            measured=failures,
            limit=0,
            unit="count",
            advice="Look at the emulator's log in the run's folder.",
        )


def highest_speed(share: float, allowed: float, speed: float) -> float | None:
    """The speed at which a share would be what is allowed, rounded down (whole from 2, tenths below); None below 1."""
    most = speed * allowed / share
    if most < 1.0:
        return None
    return float(floor(most)) if most >= 2.0 else floor(most * 10.0) / 10.0


def _shares(evidence: Evidence, measured: EmulatorMeasured) -> Iterator[tuple[str, float, float]]:
    """(what, share of its wait that it took, share allowed) of everything that races against a virtual wait."""
    speed = evidence.speed
    if measured.shortest_timeout_s:
        share = measured.probe_p99_real_s * speed / measured.shortest_timeout_s
        yield "a health check's answer (p99) takes {} of its timeout", share, HEADROOM_ALLOWED
    if measured.shortest_grace_s:
        share = measured.boot_max_real_s * speed / measured.shortest_grace_s
        yield "the slowest start of an instance takes {} of the grace period", share, HEADROOM_ALLOWED
    if measured.shortest_interval_s:
        share = measured.check_lag_p99_real_s * speed / measured.shortest_interval_s
        yield "health checks start late (p99) by {} of their interval", share, LAG_ALLOWED
    good = [row for rows in evidence.requests.values() for row in rows if row.good]
    latency_p99_ms = percentile(latencies_ms(good), 0.99)
    if latency_p99_ms is not None and evidence.experiment is not None:
        share = latency_p99_ms / 1000.0 * speed / evidence.experiment.load.timeout_s
        yield "a good request (p99) takes {} of the client's timeout", share, HEADROOM_ALLOWED


def _outrun(evidence: Evidence, measured: EmulatorMeasured) -> Iterator[Finding]:
    for what, share, allowed in _shares(evidence, measured):
        if share <= allowed:
            continue
        would_do = highest_speed(share, allowed, evidence.speed)
        advice = f"Run again with --speed {would_do:g}." if would_do else "Not even --speed 1 would do on this machine."
        summary = (
            f"At speed {evidence.speed:g} {what.format(ratio(share))}; {ratio(allowed)} is the most that keeps time."
        )
        yield _finding(Verdict.INVALID, summary, share, allowed, advice)


def _kept(evidence: Evidence, measured: EmulatorMeasured) -> Finding:
    closest = max(_shares(evidence, measured), key=lambda each: each[1] / each[2], default=None)
    if closest is None:
        return _finding(Verdict.PASSED, "Nothing raced against the emulator's time.")
    what, share, allowed = closest
    late = f"; {count(measured.probes_timed_out)} of {count(measured.probes)} health checks timed out"
    words = (
        f"Closest: {what.format(ratio(share))}, {ratio(allowed)} allowed{late if measured.probes_timed_out else ''}."
    )
    return _finding(Verdict.PASSED, words, share, allowed)


def _finding(
    verdict: Verdict, summary: str, measured: float | None = None, limit: float | None = None, advice: str = ""
) -> Finding:
    unit = "" if measured is None else "ratio"
    return Finding(
        checker=NAME,
        subject=SUBJECT,
        verdict=verdict,
        summary=summary,
        measured=measured,
        limit=limit,
        unit=unit,
        advice=advice,
    )
