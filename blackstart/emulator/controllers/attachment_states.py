"""How far a target group's attachment to an Auto Scaling group, or its detachment, has come.

Source: EC2 Auto Scaling API reference, LoadBalancerTargetGroupState. A target group that is Removed is not shown any
more; AWS shows it for a while.
"""

from collections.abc import Callable
from typing import Any

from blackstart.domain.target_health import TargetState
from blackstart.emulator.controllers.auto_scaling import AutoScalingController
from blackstart.emulator.decisions.scaling_group import Lifecycle


class AttachmentStates:
    def __init__(self, scaling: AutoScalingController, now_s: Callable[[], float]) -> None:
        self._scaling = scaling
        self._now_s = now_s

    def target_group_state(self, group: Any, arn: str) -> str:
        """Adding until every instance in service is registered, Added, InService once one of them is healthy."""
        members = self._scaling.memory(group, self._now_s()).members.values()
        serving = [m for m in members if m.lifecycle is Lifecycle.IN_SERVICE and m.register]
        if any(arn not in member.registered for member in serving):
            return "Adding"
        states = (self._scaling.members.target_state(arn, member.instance_id) for member in serving)
        return "InService" if TargetState.HEALTHY in states else "Added"

    def leaving_target_groups(self, group: Any) -> tuple[str, ...]:
        """Detached ones whose targets are still draining."""
        now_s = self._now_s()
        leaving = self._scaling.memory(group, now_s).leaving_target_groups
        for arn in [arn for arn, drained_s in leaving.items() if now_s >= drained_s]:
            del leaving[arn]
        return tuple(arn for arn in leaving if arn not in group.target_group_arns)
