"""A plan as text: what would be touched, what would be left, and how long failover should take."""

from blackstart.domain.experiment import Experiment
from blackstart.domain.journal import PlanMade


def describe_plan(experiment: Experiment, plan: PlanMade) -> str:
    """Several lines, ending without a newline."""
    lines = [f"{experiment.title}", f"stack {plan.stack} in {plan.region}, seed {experiment.seed}", ""]
    for action in plan.actions:
        lines.append(f"{action.index + 1}. {action.action} after {action.after_s:.0f} s ({action.reversibility.value})")
        lines.append(f"   {', '.join(action.target_ids)}, chosen from {action.candidates} that opted in")
        if action.detection_s:
            lines.append(f"   noticed by every node after {action.detection_s[0]:.0f} to {action.detection_s[1]:.0f} s")
        if action.recovery_s:
            lines.append(f"   replacement serves after {action.recovery_s[0]:.0f} to {action.recovery_s[1]:.0f} s")
    if plan.capacity:
        lines += ["", "healthy targets by zone", *(f"   {c.zone}  {c.before} -> {c.during}" for c in plan.capacity)]
    lines += ["", "Nothing was changed."]
    return "\n".join(lines)
