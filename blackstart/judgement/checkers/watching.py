"""Whether the stack was watched closely enough: health and alarms that nobody asked for did not stay the same."""

from collections.abc import Iterator, Sequence

from blackstart.domain.experiment import Phase
from blackstart.domain.journal import Watched
from blackstart.domain.judgement import Finding
from blackstart.domain.verdict import Verdict
from blackstart.domain.wording import count, listed, seconds
from blackstart.judgement.evidence import Evidence

NAME = "watching"
GAP_ALLOWED_S = 10.0
"""Target health is asked each virtual second; what began and ended within so long may have been missed."""

LESS_TO_DO = "Run again on a machine with less to do, a rehearsal also at a lower --speed."


def check(evidence: Evidence) -> Sequence[Finding]:
    """Inconclusive without a word on the watching, without one answered look, or with a long gap in a judged phase."""
    told = [watched for _, watched in evidence.of(Watched)]
    if not told:
        if evidence.intent_ns is None:
            return []
        words = "The journal does not say how closely the stack was watched: no change on record means nothing then."
        return [_finding(Verdict.INCONCLUSIVE, words)]
    return [finding for watched in told for finding in _of(evidence, watched)]


def _of(evidence: Evidence, watched: Watched) -> Iterator[Finding]:
    unanswered = f", {count(watched.failed)} more were not answered" if watched.failed else ""
    longest_s = watched.longest_gap_s
    if watched.looks == 0:
        yield _finding(Verdict.INCONCLUSIVE, f"No look at the targets was ever answered{unanswered}.")
        return
    blind = list(_phases_within(evidence, watched)) if longest_s > GAP_ALLOWED_S else []
    if blind:
        began_s = evidence.relative_s(watched.gap_began_s)
        words = f"Nobody saw the targets for {seconds(longest_s)} from {began_s:+.0f} s on, in {listed(blind)}"
        yield _finding(Verdict.INCONCLUSIVE, f"{words}; {seconds(GAP_ALLOWED_S)} are allowed.", longest_s)
        return
    words = f"{count(watched.looks)} looks at the targets were answered{unanswered}"
    yield _finding(Verdict.PASSED, f"{words}; the longest gap was {seconds(longest_s)}.", longest_s)


def _phases_within(evidence: Evidence, watched: Watched) -> Iterator[str]:
    """Judged phases that the longest gap overlaps."""
    gap_end_s = watched.gap_began_s + watched.longest_gap_s
    for phase in Phase:
        window = evidence.windows.get(phase)
        if window is None:
            continue
        start_s, end_s = evidence.anchor.time_s(window.start_ns), evidence.anchor.time_s(window.end_ns)
        if watched.gap_began_s < end_s and gap_end_s > start_s:
            yield f"the {phase.value} phase"


def _finding(verdict: Verdict, summary: str, gap_s: float | None = None) -> Finding:
    return Finding(
        checker=NAME,
        subject="how closely the stack was watched",
        verdict=verdict,
        summary=summary,
        measured=gap_s,
        limit=None if gap_s is None else GAP_ALLOWED_S,
        unit="" if gap_s is None else "s",
        advice=""
        if verdict is Verdict.PASSED
        else "Run again on a machine with less to do, a rehearsal also at a lower --speed.",
    )
