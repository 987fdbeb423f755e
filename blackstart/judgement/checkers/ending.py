"""How the run ended: by itself, by a crash, by a signal or by a stop condition."""

from collections.abc import Sequence

from blackstart.domain.journal import RunFailed, StopRequested
from blackstart.domain.judgement import Finding
from blackstart.domain.verdict import Verdict
from blackstart.domain.wording import listed
from blackstart.judgement.evidence import Evidence

NAME = "ending"
STOPPED = {
    "interrupted": (Verdict.INTERRUPTED, "The run was interrupted"),
    "terminated": (Verdict.TERMINATED, "The run was told to terminate"),
    "stop-condition": (Verdict.ABORTED, "A stop condition ended the run"),
}


def check(evidence: Evidence) -> Sequence[Finding]:
    """One finding for every crash and every stop; a passed one when there was none."""
    crashes = [_crash(event) for _, event in evidence.of(RunFailed)]
    stops = [_stop(evidence, event) for _, event in evidence.of(StopRequested)]
    return [*crashes, *stops] or [
        Finding(checker=NAME, subject="the run", verdict=Verdict.PASSED, summary="The run went to its end by itself.")
    ]


def _crash(event: RunFailed) -> Finding:
    return Finding(
        checker=NAME,
        subject="the run",
        verdict=Verdict.ERROR,
        summary=f"The run failed: {event.error}",
        advice=event.way_out,
        usage=event.usage,
    )


def _stop(evidence: Evidence, event: StopRequested) -> Finding:
    verdict, words = STOPPED[event.cause]
    return Finding(
        checker=NAME,
        subject="the run",
        verdict=verdict,
        summary=f"{words}: {event.detail}",
        advice=_left(evidence),
    )


def _left(evidence: Evidence) -> str:
    """What a stop leaves behind, in so far as anything was done."""
    if evidence.intent_ns is None:
        return "Nothing was injected, so there is nothing to put back."
    if evidence.started is not None and evidence.started.mode == "rehearse":
        return "There is nothing to put back: the emulator took everything with it (unless it was kept)."
    return f"Look at {listed(evidence.injected_ids())}, then run the experiment again."
