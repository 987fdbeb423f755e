"""The answers of the first screen, in figures and in one sentence."""

from collections.abc import Sequence

from blackstart.domain.journal import Intent
from blackstart.domain.judgement import Finding, Headlines
from blackstart.domain.slo import Sli
from blackstart.domain.verdict import PRECEDENCE, Verdict
from blackstart.domain.wording import count, seconds
from blackstart.judgement.evidence import Evidence
from blackstart.judgement.measures import (
    UNDER_FAULT,
    budget_spent_s,
    describe,
    detection,
    error_window_s,
    recovery,
    replacement_s,
)

OPENINGS = {
    Verdict.DEVIATED: "Did not survive",
    Verdict.REGRESSION: "Worse than before",
    Verdict.INCONCLUSIVE: "Nothing proven",
    Verdict.INVALID: "Not a valid run",
    Verdict.NOT_RESTORED: "NOT RESTORED",
    Verdict.ABORTED: "Aborted",
    Verdict.INTERRUPTED: "Interrupted",
    Verdict.TERMINATED: "Terminated",
    Verdict.ERROR: "Failed",
}
DOING = {"terminate-instances": "losing", "crash-service": "crashing the service of"}


def headlines(evidence: Evidence) -> Headlines:
    """The figures; every one that cannot be told is None."""
    rows = [row for phase in UNDER_FAULT for row in evidence.requests.get(phase, ())]
    alarm, seen, availability = detection(evidence), recovery(evidence), evidence.slo_of(Sli.AVAILABILITY)
    return Headlines(
        requests=len(rows),
        requests_lost=sum(not row.good for row in rows),
        detect_s=evidence.relative_s(alarm.at_s) if alarm else None,
        detected_by=describe(alarm) if alarm else "",
        error_window_s=error_window_s(evidence),
        recover_s=seen.back_s if seen else None,
        budget_spent_s=budget_spent_s(evidence),
        budget_s=availability.budget_s if availability else None,
        healthy_targets=seen.wanted if seen else None,
        replacement_s=replacement_s(evidence),
    )


def headline(evidence: Evidence, verdict: Verdict, findings: Sequence[Finding], figures: Headlines) -> str:
    """One sentence for a person who reads nothing else."""
    if verdict is Verdict.PASSED:
        return f"Survived: {_cost(evidence, figures)}."
    worst = _worst(findings)
    reason = worst.summary.rstrip(".") if worst else "there is no evidence at all"
    others = sum(finding.verdict is verdict for finding in findings) - 1
    more = f" (and {others} more)" if others > 0 else ""
    return f"{OPENINGS[verdict]}: {reason}{more}."


def _worst(findings: Sequence[Finding]) -> Finding | None:
    return min(findings, key=lambda finding: PRECEDENCE.index(finding.verdict), default=None)


def _cost(evidence: Evidence, figures: Headlines) -> str:
    requests = f"{count(figures.requests_lost)} of {count(figures.requests)} requests"
    window = "" if not figures.requests_lost else f" over {seconds(figures.error_window_s or 0.0)}"
    parts = [f"{_what(evidence)} cost {requests}{window}"]
    if figures.recover_s is not None:
        parts.append(f"back at {figures.healthy_targets} healthy targets after {seconds(figures.recover_s)}")
    parts.append(f"first alarm after {seconds(figures.detect_s)}" if figures.detect_s is not None else "no alarm")
    return "; ".join(parts)


def _what(evidence: Evidence) -> str:
    intents = [intent for _, intent in evidence.of(Intent)]
    hit, seen = len(evidence.injected_ids()), recovery(evidence)
    of = f"{hit} of {seen.before} instances" if seen else f"{hit} instances"
    actions = {intent.action for intent in intents}
    return f"{DOING[actions.pop()]} {of}" if len(actions) == 1 and actions <= DOING.keys() else f"the fault on {of}"
