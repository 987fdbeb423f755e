"""Whether what was broken is whole again.

A reversible fault is restored when its revert was verified. A self-healing or irreversible one has nothing to revert:
there the healthy targets, back at their number, speak for themselves where nobody looked or the look gave no answer.
A look that found it broken stands, whatever the health says.
"""

from collections.abc import Sequence

from blackstart.domain.journal import Applied, ApplyFailed, EffectVerified, Intent, Reversibility, Reverted
from blackstart.domain.judgement import Finding
from blackstart.domain.verdict import Restored, Verdict
from blackstart.domain.wording import listed
from blackstart.judgement.evidence import Evidence
from blackstart.judgement.measures import recovery

NAME = "restoration"
WORST_FIRST = (Restored.NO, Restored.UNKNOWN, Restored.YES)


def check(evidence: Evidence) -> Sequence[Finding]:
    """One finding an injection; only what is known to be whole passes."""
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
        verdict=_verdict(evidence, intent, state),
        summary=f"What {intent.action} broke {words[state]}: {detail}.",
        advice="" if state is Restored.YES else _advice(evidence, intent),
    )


def _verdict(evidence: Evidence, intent: Intent, state: Restored) -> Verdict:
    """Unknown is inconclusive, unless the experiment expected the group back in time and it did not come back."""
    if state is not Restored.UNKNOWN:
        return Verdict.PASSED if state is Restored.YES else Verdict.NOT_RESTORED
    expected = evidence.experiment is not None and evidence.experiment.expectations.recovery is not None
    seen = recovery(evidence)
    looked = _reverted(evidence, intent.injection) is not None
    if intent.reversibility is not Reversibility.REVERSIBLE and expected and looked and seen and seen.back_s is None:
        return Verdict.DEVIATED
    return Verdict.INCONCLUSIVE


def _advice(evidence: Evidence, intent: Intent) -> str:
    if evidence.started is not None and evidence.started.mode == "rehearse":
        return "There is nothing to put back: the emulator took everything with it (unless it was kept)."
    return f"Look at {listed(intent.target_ids)}, and at what the journal's intent says was there before."


def _state(evidence: Evidence, intent: Intent) -> tuple[Restored, str]:
    reverted = _reverted(evidence, intent.injection)
    if reverted is not None and reverted.restored is not Restored.UNKNOWN:
        return reverted.restored, reverted.detail.rstrip(".")
    if _never_happened(evidence, intent.injection):
        return Restored.YES, "it was never applied"
    if intent.reversibility is not Reversibility.REVERSIBLE:
        seen = recovery(evidence)
        if seen is not None and seen.noticed and seen.at_end >= seen.before:
            return Restored.YES, f"{seen.at_end} targets were healthy at the end, {seen.before} before"
    if reverted is not None:
        return Restored.UNKNOWN, reverted.detail.rstrip(".")
    return Restored.UNKNOWN, "the journal says nothing of it"


def _reverted(evidence: Evidence, injection: str) -> Reverted | None:
    """The last word on it."""
    return next((e for _, e in reversed(list(evidence.of(Reverted))) if e.injection == injection), None)


def _never_happened(evidence: Evidence, injection: str) -> bool:
    """The API refused the call, and nothing was seen to change."""
    applied = any(e.injection == injection for _, e in evidence.of(Applied))
    effect = any(e.injection == injection and e.seen for _, e in evidence.of(EffectVerified))
    return not applied and not effect and any(e.injection == injection for _, e in evidence.of(ApplyFailed))
