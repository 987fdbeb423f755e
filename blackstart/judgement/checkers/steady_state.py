"""Whether the steady-state hypothesis held before anything was broken; without it nothing after it means anything.

The runner's word is not enough: the healthy targets are counted again from the health that the journal holds.
"""

from collections.abc import Iterator, Sequence

from blackstart.domain.experiment import HealthyTargetsProbe, Phase
from blackstart.domain.journal import HypothesisChecked
from blackstart.domain.judgement import Finding
from blackstart.domain.verdict import Verdict
from blackstart.judgement.evidence import Evidence

NAME = "steady_state"


def check(evidence: Evidence) -> Sequence[Finding]:
    """Inconclusive when the hypothesis was not checked, did not hold, or the journal's health contradicts it."""
    checked = evidence.last(HypothesisChecked)
    if checked is None:
        return [_finding(Verdict.INCONCLUSIVE, "The steady-state hypothesis was never checked.")]
    if not checked.held:
        return [_finding(Verdict.INCONCLUSIVE, "The steady state did not hold: " + "; ".join(checked.details) + ".")]
    contradicted = list(_contradictions(evidence))
    if contradicted:
        return contradicted
    details = ": " + "; ".join(checked.details) if checked.details else ""
    return [_finding(Verdict.PASSED, f"The steady state held{details}.")]


def _contradictions(evidence: Evidence) -> Iterator[Finding]:
    if evidence.experiment is None or Phase.BASELINE not in evidence.windows:
        return
    for probe in evidence.experiment.steady_state_hypothesis.probes:
        if not isinstance(probe, HealthyTargetsProbe):
            continue
        lowest = _lowest_in_baseline(evidence, probe.target_group)
        if lowest < probe.at_least:
            yield _finding(
                Verdict.INCONCLUSIVE,
                f"{probe.target_group} had only {lowest} healthy targets at some moment of the baseline, "
                f"{probe.at_least} are its steady state.",
                lowest,
                probe.at_least,
            )


def _lowest_in_baseline(evidence: Evidence, target_group: str) -> int:
    window = evidence.windows[Phase.BASELINE]
    start_s, end_s = evidence.anchor.time_s(window.start_ns), evidence.anchor.time_s(window.end_ns)
    steps = evidence.healthy_steps(target_group)
    at_start = [count for at_s, count in steps if at_s <= start_s][-1:]
    return min([*at_start, *(count for at_s, count in steps if start_s < at_s < end_s)], default=0)


def _finding(verdict: Verdict, summary: str, measured: float | None = None, limit: float | None = None) -> Finding:
    return Finding(
        checker=NAME,
        subject="the steady state",
        verdict=verdict,
        summary=summary,
        measured=measured,
        limit=limit,
        unit="" if measured is None else "count",
        phase=Phase.BASELINE,
        advice="" if verdict is Verdict.PASSED else "Bring the system to its steady state before breaking it.",
    )
