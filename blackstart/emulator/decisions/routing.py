"""Which targets a load-balancer node sends requests to.

Source: ELB user guide, "Target group health" (routing failover), "Edit target group attributes" (cross-zone load
balancing) and "Zonal shift for your Application Load Balancer".
"""

from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple

from blackstart.domain.target_health import TargetState
from blackstart.emulator.decisions.group_health import below_minimum
from blackstart.emulator.snapshot import MinimumHealthy

_SERVING = frozenset({TargetState.HEALTHY, TargetState.UNAVAILABLE})
_ONE_HEALTHY = MinimumHealthy()


class RouteReason(StrEnum):
    """healthy: to those that pass their checks. fail_open: too few do, so to all. no_target: none registered (503)."""

    HEALTHY = "healthy"
    FAIL_OPEN = "fail_open"
    NO_TARGET = "no_target"


class RoutableTarget(NamedTuple):
    """A registration as one node sees it. state: that node's opinion, or what holds the target (unused, draining)."""

    target_id: str
    port: int
    zone: str
    state: TargetState

    @property
    def registered(self) -> bool:
        return self.state is not TargetState.DRAINING

    @property
    def serving(self) -> bool:
        """Whether it counts as healthy: a target without health checks (unavailable) does."""
        return self.state in _SERVING


class RoutingPool(NamedTuple):
    """Where a node's requests for one target group go at the moment, in the order of registration."""

    targets: tuple[RoutableTarget, ...]
    reason: RouteReason


def routing_pool(
    targets: Sequence[RoutableTarget],
    node_zone: str,
    cross_zone: bool,
    minimum: MinimumHealthy = _ONE_HEALTHY,
    shifted_zone: str | None = None,
) -> RoutingPool:
    """The targets that a node of `node_zone` spreads requests over, and why these.

    cross_zone: over the targets of all zones (the ALB's default), else of the node's own zone only. minimum: with fewer
    healthy ones the node fails open to all that are registered. Draining targets count for nothing; unused ones (a
    stopped instance) count as registered, but never get requests either.
    shifted_zone: with cross-zone load balancing no node sends to its targets, unless none is healthy elsewhere. Without
    it, a node of that zone goes on serving the clients that still find it.
    """
    registered = [one for one in targets if one.registered and (cross_zone or one.zone == node_zone)]
    if cross_zone and shifted_zone is not None:
        registered = _shifted(registered, shifted_zone)
    eligible = tuple(one for one in registered if one.state is not TargetState.UNUSED)
    healthy = tuple(one for one in eligible if one.serving)
    if not eligible:
        return RoutingPool(targets=(), reason=RouteReason.NO_TARGET)
    if below_minimum(len(healthy), len(registered), minimum):
        return RoutingPool(targets=eligible, reason=RouteReason.FAIL_OPEN)
    return RoutingPool(targets=healthy, reason=RouteReason.HEALTHY)


def _shifted(targets: list[RoutableTarget], zone: str) -> list[RoutableTarget]:
    """Without the targets of a zone; a load balancer that fails open does not shift."""
    elsewhere = [one for one in targets if one.zone != zone]
    return elsewhere if any(one.serving for one in elsewhere) else targets
