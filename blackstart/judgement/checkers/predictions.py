"""Predicted against measured: for information. A prediction that misses is a lesson about the model, not a failure.

Detection is when the load balancer first noticed: `describe_target_health` tells of a target as soon as one node has,
not of each node. The range beside it is that of one node's schedule of checks, so the first of several nodes tends to
its shorter end; other nodes may go on sending requests to the target until its longer one.
"""

from collections.abc import Iterator, Sequence

from blackstart.domain.journal import PlannedAction
from blackstart.domain.judgement import Finding, Prediction
from blackstart.domain.verdict import Verdict
from blackstart.domain.wording import seconds
from blackstart.judgement.evidence import Evidence
from blackstart.judgement.measures import applied_s, left_healthy_s, replacement_s

NAME = "predictions"
RESOLUTION_S = 1.0
"""Health is observed once in a virtual second, so a measured span may be that much longer than the true one."""


def check(evidence: Evidence) -> Sequence[Finding]:
    """One passed finding for each span that the plan predicted for an action that was applied."""
    return [
        Finding(
            checker=NAME,
            subject=prediction.what,
            verdict=Verdict.PASSED,
            summary=_summary(prediction),
            measured=prediction.measured_s,
            limit=prediction.longest_s,
            unit="s",
        )
        for prediction in predictions(evidence)
    ]


def predictions(evidence: Evidence) -> tuple[Prediction, ...]:
    """Every predicted span of the plan, beside what the targets' health and the answers show."""
    plan = evidence.plan()
    return tuple(span for action in plan.actions for span in _spans(evidence, action)) if plan else ()


def _spans(evidence: Evidence, action: PlannedAction) -> Iterator[Prediction]:
    start_s = applied_s(evidence, action.action, action.target_ids)
    if start_s is None:
        return
    if action.detection_s is not None:
        # Of several targets the last one counts, each by the first node that noticed it.
        noticed = [left_healthy_s(evidence, target, evidence.intent_s or start_s) for target in action.target_ids]
        seen = [at_s for at_s in noticed if at_s is not None]
        last_s = max(0.0, round(max(seen) - start_s, 3)) if seen and len(seen) == len(noticed) else None
        yield _compared(f"detection of {action.action} by the first node", action.detection_s, last_s)
    if action.recovery_s is not None:
        served_s = replacement_s(evidence)
        after_s = None if served_s is None else round(served_s + evidence.zero_s - start_s, 3)
        yield _compared(f"replacement after {action.action}", action.recovery_s, after_s)


def _compared(what: str, predicted_s: tuple[float, float], measured_s: float | None) -> Prediction:
    shortest_s, longest_s = predicted_s
    within = None if measured_s is None else shortest_s - RESOLUTION_S <= measured_s <= longest_s + RESOLUTION_S
    return Prediction(what=what, shortest_s=shortest_s, longest_s=longest_s, measured_s=measured_s, within=within)


def _summary(prediction: Prediction) -> str:
    predicted = f"predicted {seconds(prediction.shortest_s)} to {seconds(prediction.longest_s)}"
    if prediction.measured_s is None:
        return f"The {prediction.what} was never seen, {predicted}."
    as_predicted = "as predicted" if prediction.within else "outside the prediction"
    return f"The {prediction.what} took {seconds(prediction.measured_s)}, {predicted}: {as_predicted}."
