"""Whether the journal tells the whole story: no line missing, every phase as long as asked, the clock known.

A run that was stopped lacks phases too; its own verdict comes first.
"""

from collections.abc import Iterator, Sequence

from blackstart.domain.experiment import Phase
from blackstart.domain.judgement import Finding
from blackstart.domain.verdict import Verdict
from blackstart.domain.wording import listed, seconds
from blackstart.judgement.evidence import Evidence

NAME = "completeness"
LENGTH_SHARE_NEEDED = 0.95


def check(evidence: Evidence) -> Sequence[Finding]:
    """Inconclusive, naming what is missing; a journal with everything in it passes."""
    missing = list(_missing(evidence))
    summary = f"The journal lacks {listed(missing)}." if missing else "The journal is whole: every phase, every line."
    return [
        Finding(
            checker=NAME,
            subject="the journal",
            verdict=Verdict.INCONCLUSIVE if missing else Verdict.PASSED,
            summary=summary,
            advice="Run the experiment again: what was not recorded cannot be judged." if missing else "",
        )
    ]


def _missing(evidence: Evidence) -> Iterator[str]:
    if evidence.started is None:
        yield "its first line (which experiment this was)"
    if not evidence.has_clock:
        yield "the clock (what virtual time it was)"
    for phase in Phase:
        if phase not in evidence.windows:
            yield f"a whole {phase.value} phase"
        elif (asked_s := _asked_s(evidence, phase)) * LENGTH_SHARE_NEEDED > evidence.length_s(phase):
            yield f"{seconds(asked_s - evidence.length_s(phase))} of the {seconds(asked_s)} of the {phase.value} phase"
    sequence = sorted(record.seq for record in evidence.records)
    gaps = [number for number, seq in enumerate(sequence) if number != seq]
    if gaps:
        yield f"line {gaps[0]} (lines are numbered without gaps)"


def _asked_s(evidence: Evidence, phase: Phase) -> float:
    return evidence.experiment.phases.length_s(phase) if evidence.experiment else 0.0
