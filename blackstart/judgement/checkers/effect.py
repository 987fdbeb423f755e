"""Whether the fault happened: intended, accepted, seen to work, and felt by somebody. No green on silence."""

from collections.abc import Iterator, Sequence

from blackstart.domain.journal import Applied, ApplyFailed, EffectVerified, Intent
from blackstart.domain.judgement import Finding
from blackstart.domain.verdict import Verdict
from blackstart.domain.wording import count, listed
from blackstart.judgement.evidence import Evidence
from blackstart.judgement.measures import bad_since_intent, left_healthy_s

NAME = "effect"


def check(evidence: Evidence) -> Sequence[Finding]:
    """One finding an injection; inconclusive ones for steps of the method that never came to be."""
    intents = [intent for _, intent in evidence.of(Intent)]
    wanted = len(evidence.experiment.method) if evidence.experiment else 1
    if not intents:
        return [_unseen("the fault", "Nothing was injected: the journal holds no intent.")]
    findings = [_of(evidence, intent) for intent in intents]
    if len(intents) < wanted:
        findings.append(_unseen("the method", f"Only {len(intents)} of the method's {wanted} actions were injected."))
    return findings


def _of(evidence: Evidence, intent: Intent) -> Finding:
    """Inconclusive unless accepted, verified, and borne out by the health of its targets or by bad requests."""
    injection, what = intent.injection, f"{intent.action} on {listed(intent.target_ids) or 'nothing'}"
    refused = next((e.error for _, e in evidence.of(ApplyFailed) if e.injection == injection), None)
    if refused is not None:
        return _unseen(what, f"{what} was refused: {refused}")
    if not any(e.injection == injection for _, e in evidence.of(Applied)):
        return _unseen(what, f"{what} was intended but never applied.")
    effects = [e for _, e in evidence.of(EffectVerified) if e.injection == injection]
    if not effects:
        return _unseen(what, f"Nobody looked whether {what} took effect.")
    if not effects[-1].seen:
        return _unseen(what, f"{what} was accepted but took no effect: {effects[-1].detail}")
    felt = list(_felt(evidence, intent))
    if not felt:
        return _unseen(what, f"{what} is said to have worked, but no target's health changed and no request was bad.")
    detail = f"{what} took effect ({effects[-1].detail}): {listed(felt)}."
    return Finding(checker=NAME, subject=what, verdict=Verdict.PASSED, summary=detail)


def _felt(evidence: Evidence, intent: Intent) -> Iterator[str]:
    since_s = evidence.intent_s or 0.0
    changed = sum(left_healthy_s(evidence, target, since_s) is not None for target in intent.target_ids)
    bad = len(bad_since_intent(evidence))
    if changed:
        yield f"{changed} of {len(intent.target_ids)} targets left the healthy state"
    elif bad:
        yield "no load balancer noticed"
    if bad:
        yield f"{count(bad)} requests were bad"


def _unseen(subject: str, summary: str) -> Finding:
    return Finding(
        checker=NAME,
        subject=subject,
        verdict=Verdict.INCONCLUSIVE,
        summary=summary,
        advice="A fault without effect proves nothing: check its targets and parameters with `blackstart plan`.",
    )
