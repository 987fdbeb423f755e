"""Whether the target group came back in time, for good, and with an instance that really serves."""

from collections.abc import Sequence

from blackstart.domain.experiment import RecoveryExpectation
from blackstart.domain.judgement import Finding
from blackstart.domain.verdict import Verdict
from blackstart.domain.wording import count, seconds, several
from blackstart.judgement.evidence import Evidence
from blackstart.judgement.measures import (
    UNDER_FAULT,
    Recovery,
    bad_since_intent,
    error_window_s,
    recovery,
    replacement_s,
)

NAME = "recovery"


def check(evidence: Evidence) -> Sequence[Finding]:
    """Findings on healthy targets, on the replacement, and (for information) on the error window."""
    if evidence.injected_s is None:
        return []
    expected = evidence.experiment.expectations.recovery if evidence.experiment else None
    findings = [_error_window(evidence)]
    if expected is not None:
        findings.append(_healthy_again(evidence, expected))
        if expected.replacement_serves:
            findings.append(_replacement(evidence))
    return findings


def _error_window(evidence: Evidence) -> Finding:
    bad, window_s = len(bad_since_intent(evidence)), error_window_s(evidence)
    if window_s is None:
        return _finding("the error window", Verdict.PASSED, "No request was bad after the injection.")
    summary = f"{several(bad, 'bad request')} within {seconds(window_s)}, from the first to the last."
    return _finding("the error window", Verdict.PASSED, summary, window_s)


def _healthy_again(evidence: Evidence, expected: RecoveryExpectation) -> Finding:
    subject = f"healthy targets of {expected.target_group}"
    seen = recovery(evidence)
    if seen is None:
        return _finding(subject, Verdict.INCONCLUSIVE, f"The health of {expected.target_group} was never seen.")
    if seen.back_s is None:
        return _finding(subject, Verdict.DEVIATED, _never_back(evidence, seen), None, expected.within_s)
    words = f"Back at {expected.healthy_targets} healthy targets after {seconds(seen.back_s)}"
    if seen.back_s > expected.within_s:
        summary = f"{words}, {seconds(seen.back_s - expected.within_s)} too late."
        return _finding(subject, Verdict.DEVIATED, summary, seen.back_s, expected.within_s)
    if seen.lowest >= expected.healthy_targets:
        words = f"Never below {expected.healthy_targets} healthy targets"
    summary = f"{words}, {seconds(expected.within_s)} allowed."
    return _finding(subject, Verdict.PASSED, summary, seen.back_s, expected.within_s)


def _never_back(evidence: Evidence, seen: Recovery) -> str:
    watched_s = evidence.relative_s(evidence.end_s)
    if not seen.noticed:
        return f"The failed target was still counted as healthy {seconds(watched_s)} after the injection."
    return f"Only {seen.at_end} of {seen.wanted} targets were healthy {seconds(watched_s)} after the injection."


def _replacement(evidence: Evidence) -> Finding:
    subject = "the replacement"
    first_s = replacement_s(evidence)
    if first_s is not None:
        summary = f"An instance launched since the injection first answered well after {seconds(first_s)}."
        return _finding(subject, Verdict.PASSED, summary, first_s)
    answers = [row for phase in UNDER_FAULT for row in evidence.requests.get(phase, ()) if row.good]
    if answers and not any(row.instance for row in answers):
        summary = f"None of {count(len(answers))} good answers names its instance, so a replacement cannot be told."
        advice = "Let the service answer with the header x-instance-id."
        return _finding(subject, Verdict.INCONCLUSIVE, summary, advice=advice)
    return _finding(subject, Verdict.DEVIATED, "No instance launched since the injection ever answered a good request.")


def _finding(
    subject: str,
    verdict: Verdict,
    summary: str,
    measured_s: float | None = None,
    limit_s: float | None = None,
    advice: str = "",
) -> Finding:
    return Finding(
        checker=NAME,
        subject=subject,
        verdict=verdict,
        summary=summary,
        measured=measured_s,
        limit=limit_s,
        unit="" if measured_s is None and limit_s is None else "s",
        advice=advice,
    )
