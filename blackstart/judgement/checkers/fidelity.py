"""Whether the verdict rests on something that the stack declares and the emulator does not act on.

What nothing in the experiment depends on is only told; what it depends on leaves the verdict open, however the run
went. `judgement/dependence.py` says what depends on what.
"""

from collections.abc import Sequence

from blackstart.domain.judgement import Finding
from blackstart.domain.unserved import Unserved
from blackstart.domain.verdict import Verdict
from blackstart.domain.wording import listed, several
from blackstart.judgement.dependence import depended_on, matters, unserved
from blackstart.judgement.evidence import Evidence

NAME = "fidelity"


def check(evidence: Evidence) -> Sequence[Finding]:
    """One inconclusive finding for each thing that the experiment depends on; one that passed for all the others."""
    things, names = unserved(evidence), depended_on(evidence)
    needed = [thing for thing in things if matters(thing, names)]
    others = [thing for thing in things if not matters(thing, names)]
    return [*(_needed(thing) for thing in needed), *([_others(others)] if others else [])]


def _needed(thing: Unserved) -> Finding:
    return Finding(
        checker=NAME,
        subject=f"{thing.kind.value.replace('-', ' ')} {thing.resource}",
        verdict=Verdict.INCONCLUSIVE,
        summary=f"The experiment depends on what has no effect offline: {thing.reason}.",
        advice="Only AWS can tell: rehearse an experiment that does without it, or declare what the emulator acts on.",
    )


def _others(things: Sequence[Unserved]) -> Finding:
    counted = several(len(things), "declared thing")
    return Finding(
        checker=NAME,
        subject="what has no effect offline",
        verdict=Verdict.PASSED,
        summary=f"The experiment does not depend on {counted} without effect: {listed([t.reason for t in things])}.",
    )
