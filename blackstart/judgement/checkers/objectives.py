"""Every SLO in every phase: the good share of its requests against what the phase asks.

How the decision is made. A phase asks an SLO's tolerance from the experiment, or else the SLO's own objective.

1. Observed good share below what is asked: broken, by how much. What users of this phase got is a count, not an
   estimate, so no bound can excuse it; the upper bound says whether chance may have had a hand in it.
2. Otherwise, fewer requests than ln(0.05) / ln(asked): inconclusive. Even without one failure so few could not support
   the claim at 95 %. (No number supports 100 %: there the objective sets it.)
3. Otherwise it passes. The bounds are printed beside it: with failures in the sample the lower bound may lie below what
   is asked, which says how far one run carries, not that the objective broke.

In the baseline a broken objective is inconclusive: the system was not well before the fault.
"""

from collections.abc import Sequence

from blackstart.domain.experiment import Phase
from blackstart.domain.judgement import Finding
from blackstart.domain.slo import Sli, Slo
from blackstart.domain.verdict import Verdict
from blackstart.domain.wording import count, points, ratio
from blackstart.judgement.evidence import Evidence
from blackstart.judgement.measures import is_good
from blackstart.judgement.statistics import lower_bound, requests_needed, upper_bound

NAME = "objectives"
ROUNDING = 1e-9
"""Of a request: 0.999 of 10,000 asks for 9,990, whatever the floating point says."""


def check(evidence: Evidence) -> Sequence[Finding]:
    """One finding for each SLO in each phase that took place; inconclusive when the run names no SLO."""
    if not evidence.slos:
        return [_nothing_to_hold()]
    return [_held(evidence, phase, slo) for phase in evidence.windows for slo in evidence.slos]


def _nothing_to_hold() -> Finding:
    summary = "The run names no objective, so nothing was held to anything."
    return Finding(checker=NAME, subject="objectives", verdict=Verdict.INCONCLUSIVE, summary=summary)


def asked_of(evidence: Evidence, phase: Phase, slo: Slo) -> float:
    """The good share that a phase asks of an SLO."""
    tolerance = evidence.experiment.tolerance(phase, slo.name) if evidence.experiment else None
    return slo.target_ratio if tolerance is None else tolerance


def _held(evidence: Evidence, phase: Phase, slo: Slo) -> Finding:
    rows = evidence.requests[phase]
    requests, good = len(rows), sum(is_good(row, slo) for row in rows)
    asked = asked_of(evidence, phase, slo)
    verdict, summary, advice = _decide(phase, slo, requests, good, asked)
    return Finding(
        checker=NAME,
        subject=f"{_named(slo)} in {phase.value}",
        verdict=verdict,
        summary=summary,
        measured=good / requests if requests else None,
        limit=asked,
        unit="ratio",
        phase=phase,
        lower=lower_bound(good, requests) if requests else None,
        upper=upper_bound(good, requests) if requests else None,
        slo=slo.name,
        advice=advice,
    )


def _decide(phase: Phase, slo: Slo, requests: int, good: int, asked: float) -> tuple[Verdict, str, str]:
    """Verdict, sentence and advice."""
    if requests == 0:
        return Verdict.INCONCLUSIVE, f"No request fell into the {phase.value} phase.", "Send load through every phase."
    if requests - good > requests * (1.0 - asked) + ROUNDING:
        return _broken(phase, slo, requests, good, asked)
    what = f"{_share(slo, phase)} was {ratio(good / requests)} ({_bad(requests, good)}), {ratio(asked)} asked"
    needed = requests_needed(asked if asked < 1.0 else slo.target_ratio)
    if requests < needed:
        summary = f"{what}; but {count(requests)} requests cannot support it, {count(needed)} are needed."
        return Verdict.INCONCLUSIVE, summary, f"Lengthen the {phase.value} phase or raise the load's rate."
    return Verdict.PASSED, f"{what}; at 95 % at least {ratio(lower_bound(good, requests))}.", ""


def _broken(phase: Phase, slo: Slo, requests: int, good: int, asked: float) -> tuple[Verdict, str, str]:
    allowed = int(requests * (1.0 - asked) + ROUNDING)
    sure = upper_bound(good, requests) < asked
    summary = (
        f"{_share(slo, phase)} was {ratio(good / requests)}, {ratio(asked)} asked: "
        f"{points(asked - good / requests)} too low "
        f"({_bad(requests, good)}, {count(allowed)} allowed); "
        + ("more than chance explains." if sure else "chance alone could explain it, so run it again.")
    )
    if phase is Phase.BASELINE:
        return Verdict.INCONCLUSIVE, f"The baseline was not met: {summary}", "Mend the system before breaking it."
    return Verdict.DEVIATED, summary, ""


def _named(slo: Slo) -> str:
    return slo.name if slo.sli is Sli.AVAILABILITY else f"{slo.name} (within {slo.threshold_ms:g} ms)"


def _share(slo: Slo, phase: Phase) -> str:
    what = "Availability" if slo.sli is Sli.AVAILABILITY else f"The share within {slo.threshold_ms:g} ms"
    return f"{what} in the {phase.value} phase"


def _bad(requests: int, good: int) -> str:
    return f"{count(requests - good)} bad of {count(requests)}"
