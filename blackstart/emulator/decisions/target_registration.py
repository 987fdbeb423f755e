"""What the control plane itself says of a registered target, before any health check is asked.

Sources: ELB user guide "Target groups for your Application Load Balancers" (deregistration delay, registered targets),
"Health checks for Application Load Balancer target groups" (the table of target states), "Zonal shift for your
Application Load Balancer" (administrative override); `docs/fidelity.md` for what is a parameter.
"""

from blackstart.domain.model import Model
from blackstart.domain.target_health import TargetReason, TargetState
from blackstart.emulator.decisions.instance_lifecycle import InstanceState
from blackstart.emulator.snapshot import Reach

STOPS = (InstanceState.STOPPING, InstanceState.STOPPED)
ENDS = (InstanceState.SHUTTING_DOWN, InstanceState.TERMINATED)


class Registration(Model):
    """number: new at each registration of the same target. draining_until_s: when the deregistration delay ends."""

    target_id: str
    port: int
    number: int
    since_s: float
    draining_until_s: float | None = None


class Held(Model):
    """A state that health checks do not decide, in AWS's words."""

    state: TargetState
    reason: TargetReason
    description: str


class AdministrativeOverride(Model):
    """Whether a zonal shift keeps new requests from a target, in AWS's words."""

    state: str
    reason: str
    description: str


NOT_REGISTERED = Held(
    state=TargetState.UNUSED,
    reason=TargetReason.NOT_REGISTERED,
    description="Target is not registered to the target group",
)
DRAINING = Held(
    state=TargetState.DRAINING,
    reason=TargetReason.DEREGISTRATION_IN_PROGRESS,
    description="Target deregistration is in progress",
)
GROUP_NOT_IN_USE = Held(
    state=TargetState.UNUSED,
    reason=TargetReason.NOT_IN_USE,
    description="Target group is not configured to receive traffic from the load balancer",
)
ZONE_NOT_ENABLED = Held(
    state=TargetState.UNUSED,
    reason=TargetReason.NOT_IN_USE,
    description="Target is in an Availability Zone that is not enabled for the load balancer",
)
STOPPED = Held(
    state=TargetState.UNUSED, reason=TargetReason.INVALID_STATE, description="Target is in the stopped state"
)
TERMINATED = Held(
    state=TargetState.UNUSED, reason=TargetReason.INVALID_STATE, description="Target is in the terminated state"
)
NO_OVERRIDE = AdministrativeOverride(
    state="no_override",
    reason="AdministrativeOverride.NoOverride",
    description="No override is currently active on target",
)
ZONAL_SHIFT_ACTIVE = AdministrativeOverride(
    state="zonal_shift_active",
    reason="AdministrativeOverride.ZonalShiftActive",
    description="Zonal shift is active in target Availability Zone",
)


def held(
    registration: Registration,
    *,
    in_use: bool,
    zone_enabled: bool,
    by_address: bool = False,
    instance_state: InstanceState | None,
    state_since_s: float,
    target_state_delay_s: float,
    now_s: float,
) -> Held | None:
    """Draining or unused, or None when the health checks decide.

    in_use: a listener or a rule routes to the group. zone_enabled: the load balancer has a node in the target's zone.
    by_address: registered by its IP address, so that the load balancer does not know of an instance.
    instance_state: None when no instance stands behind the target.
    """
    if registration.draining_until_s is not None:
        return DRAINING
    if not by_address:
        settled = now_s >= state_since_s + target_state_delay_s
        if instance_state is None or instance_state is InstanceState.TERMINATED or (instance_state in ENDS and settled):
            return TERMINATED
        if instance_state is InstanceState.STOPPED or (instance_state in STOPS and settled):
            return STOPPED
    if not in_use:
        return GROUP_NOT_IN_USE
    return None if zone_enabled else ZONE_NOT_ENABLED


def override(target_zone: str, shifted_zone: str | None) -> AdministrativeOverride:
    """A zonal shift overrides the targets of the zone that it moves traffic away from."""
    return ZONAL_SHIFT_ACTIVE if shifted_zone is not None and target_zone == shifted_zone else NO_OVERRIDE


def reach(instance_state: InstanceState | None) -> Reach:
    """A dead process on a live host refuses; a host that is gone is silent."""
    gone = instance_state in (None, InstanceState.STOPPED, InstanceState.TERMINATED)
    return Reach.SILENT if gone else Reach.OPEN
