"""Whether what was broken is whole again.

A reversible fault is restored when its revert was verified. A self-healing or irreversible one has nothing to revert:
there the judge goes by what was observed, the healthy targets being back at their number.
"""

from collections.abc import Sequence

from blackstart.domain.journal import Applied, ApplyFailed, EffectVerified, Intent, Reversibility, Reverted
from blackstart.domain.judgement import Finding
from blackstart.domain.verdict import Restored, Verdict
from blackstart.judgement.evidence import Evidence
from blackstart.judgement.measures import recovery

NAME = "restoration"
WORST_FIRST = (Restored.NO, Restored.UNKNOWN, Restored.YES)


def check(evidence: Evidence) -> Sequence[Finding]:
    """One finding an injection; not restored only when that is known, else the state stands beside the verdict."""
    return [_finding(evidence, intent) for _, intent in evidence.of(Intent)]


def restored(evidence: Evidence) -> Restored:
    """The worst of all injections; yes when nothing was ever intended, unknown when the journal itself is missing."""
    if evidence.started is None:
        return Restored.UNKNOWN
    states = {_state(evidence, intent)[0] for _, intent in evidence.of(Intent)} or {Restored.YES}
    return next(state for state in WORST_FIRST if state in states)


def _finding(evidence: Evidence, intent: Intent) -> Finding:
    state, detail = _state(evidence, intent)
    words = {
        Restored.YES: "is restored",
        Restored.NO: "is NOT restored",
        Restored.UNKNOWN: "may not be restored",
    }
    return Finding(
        checker=NAME,
        subject=f"restoration of {intent.action}",
        verdict=Verdict.NOT_RESTORED if state is Restored.NO else Verdict.PASSED,
        summary=f"What {intent.action} broke {words[state]}: {detail}.",
        advice="" if state is Restored.YES else "Look at the targets, then run `blackstart recover`.",
    )


def _state(evidence: Evidence, intent: Intent) -> tuple[Restored, str]:
    reverted = next((e for _, e in reversed(list(evidence.of(Reverted))) if e.injection == intent.injection), None)
    if reverted is not None and reverted.restored is Restored.YES:
        return Restored.YES, reverted.detail.rstrip(".")
    if _never_happened(evidence, intent.injection):
        return Restored.YES, "it was never applied"
    if intent.reversibility is not Reversibility.REVERSIBLE:
        seen = recovery(evidence)
        if seen is not None and seen.noticed and seen.at_end >= seen.before:
            return Restored.YES, f"{seen.at_end} targets were healthy at the end, {seen.before} before"
    if reverted is not None:
        return reverted.restored, reverted.detail.rstrip(".")
    return Restored.UNKNOWN, "the journal says nothing of it"


def _never_happened(evidence: Evidence, injection: str) -> bool:
    """The API refused the call, and nothing was seen to change."""
    applied = any(e.injection == injection for _, e in evidence.of(Applied))
    effect = any(e.injection == injection and e.seen for _, e in evidence.of(EffectVerified))
    return not applied and not effect and any(e.injection == injection for _, e in evidence.of(ApplyFailed))
