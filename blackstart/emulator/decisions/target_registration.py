"""What the control plane itself says of a registered target, before any health check is asked.

Sources: ELB user guide "Target groups for your Application Load Balancers" (deregistration delay, registered targets)
and the table of target states; `docs/fidelity.md` for what is a parameter.
"""

from blackstart.domain.model import Model
from blackstart.domain.target_health import TargetReason, TargetState
from blackstart.emulator.decisions.instance_lifecycle import InstanceState
from blackstart.emulator.snapshot import Reach

NOT_SERVING = (InstanceState.STOPPING, InstanceState.STOPPED, InstanceState.SHUTTING_DOWN, InstanceState.TERMINATED)
DESCRIPTIONS = {
    TargetReason.DEREGISTRATION_IN_PROGRESS: "Target deregistration is in progress",
    TargetReason.NOT_IN_USE: "Target group is not configured to receive traffic from the load balancer",
    TargetReason.INVALID_STATE: "Target is in the stopped state",
    TargetReason.NOT_REGISTERED: "Target is not registered to the target group",
    TargetReason.IP_UNUSABLE: "Target is not usable",
    TargetReason.REGISTRATION_IN_PROGRESS: "Target registration is in progress",
}


class Registration(Model):
    """number: new at each registration of the same target. draining_until_s: when the deregistration delay ends."""

    target_id: str
    port: int
    number: int
    since_s: float
    draining_until_s: float | None = None


class Held(Model):
    """A state that health checks do not decide."""

    state: TargetState
    reason: TargetReason

    @property
    def description(self) -> str:
        return DESCRIPTIONS[self.reason]


def held(
    registration: Registration,
    *,
    in_use: bool,
    zone_enabled: bool,
    instance_state: InstanceState | None,
    state_since_s: float,
    target_state_delay_s: float,
    now_s: float,
) -> Held | None:
    """Draining or unused, or None when the health checks decide.

    in_use: a listener routes to the group. zone_enabled: the load balancer has a node in the target's zone.
    instance_state: None when no instance stands behind the target.
    """
    if registration.draining_until_s is not None:
        return Held(state=TargetState.DRAINING, reason=TargetReason.DEREGISTRATION_IN_PROGRESS)
    if instance_state is None:
        return Held(state=TargetState.UNUSED, reason=TargetReason.IP_UNUSABLE)
    if instance_state in NOT_SERVING and now_s >= state_since_s + target_state_delay_s:
        return Held(state=TargetState.UNUSED, reason=TargetReason.INVALID_STATE)
    if instance_state in (InstanceState.STOPPED, InstanceState.TERMINATED):
        return Held(state=TargetState.UNUSED, reason=TargetReason.INVALID_STATE)
    if not in_use or not zone_enabled:
        return Held(state=TargetState.UNUSED, reason=TargetReason.NOT_IN_USE)
    return None


def reach(instance_state: InstanceState | None) -> Reach:
    """A dead process on a live host refuses; a host that is gone is silent."""
    gone = instance_state in (None, InstanceState.STOPPED, InstanceState.TERMINATED)
    return Reach.SILENT if gone else Reach.OPEN
