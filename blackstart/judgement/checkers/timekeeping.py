"""Whether this machine kept the emulator's time: compressed waits only mean something while real work fits in them.

Headroom is the share of a virtual wait that real work eats at the run's speed. Beyond a limit the run is invalid, and
the finding names the highest speed at which the same machine would have kept it.
"""

from collections.abc import Iterator, Sequence

from blackstart.domain.emulator_status import SEE_THE_LOG
from blackstart.domain.headroom import HEADROOM_ALLOWED, Wait, emulated_waits, raced
from blackstart.domain.journal import EmulatorMeasured
from blackstart.domain.judgement import Finding
from blackstart.domain.verdict import Verdict
from blackstart.domain.wording import count, listed, ratio, several
from blackstart.judgement.evidence import Evidence
from blackstart.judgement.figures import latencies_ms
from blackstart.judgement.statistics import percentile

NAME = "timekeeping"
SUBJECT = "the emulator's time"


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
    ends, faults = measured.data_plane_restarts, measured.controller_failures
    if failures := ends + faults:
        told = ((ends, "its data plane ended"), (faults, "a controller raised"))
        parts = listed([f"{what} {several(times, 'time')}" for times, what in told if times])
        summary = f"The emulator itself failed: {parts}."
        yield Finding(
            checker=NAME,
            subject="the emulator itself",
            verdict=Verdict.INVALID,
            summary=summary,
            measured=failures,
            limit=0,
            unit="count",
            advice=SEE_THE_LOG,
        )


def _waits(evidence: Evidence, measured: EmulatorMeasured) -> Iterator[Wait]:
    """Everything that races against a virtual wait: the emulator's own, and the load generator's requests."""
    yield from emulated_waits(measured, evidence.speed)
    good = [row for rows in evidence.requests.values() for row in rows if row.good]
    p99_ms = percentile(latencies_ms(good), 0.99)
    if p99_ms is not None and evidence.experiment is not None:
        what = "a good request (p99) takes {} of the client's timeout"
        timeout_s = evidence.experiment.load.timeout_s
        yield raced("good request (p99)", what, p99_ms / 1000.0, timeout_s, HEADROOM_ALLOWED, evidence.speed)


def _outrun(evidence: Evidence, measured: EmulatorMeasured) -> Iterator[Finding]:
    for wait in _waits(evidence, measured):
        if not wait.kept:
            most = wait.highest_speed
            advice = f"Run again with --speed {most:g}." if most else "Not even --speed 1 would do on this machine."
            took, allowed = ratio(wait.share_ratio), ratio(wait.allowed_ratio)
            summary = f"At speed {evidence.speed:g} {wait.what.format(took)}; {allowed} is the most that keeps time."
            yield _finding(Verdict.INVALID, summary, wait.share_ratio, wait.allowed_ratio, advice)


def _kept(evidence: Evidence, measured: EmulatorMeasured) -> Finding:
    waits = _waits(evidence, measured)
    closest = max(waits, key=lambda wait: wait.share_ratio / wait.allowed_ratio, default=None)
    if closest is None:
        return _finding(Verdict.PASSED, "Nothing raced against the emulator's time.")
    late = f"; {count(measured.probes_timed_out)} of {count(measured.probes)} health checks timed out"
    took, allowed = ratio(closest.share_ratio), ratio(closest.allowed_ratio)
    words = f"Closest: {closest.what.format(took)}, {allowed} allowed{late if measured.probes_timed_out else ''}."
    return _finding(Verdict.PASSED, words, closest.share_ratio, closest.allowed_ratio)


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
