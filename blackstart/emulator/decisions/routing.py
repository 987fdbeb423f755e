"""Which targets a load-balancer node sends requests to, and whose turn it is.

Source: ELB user guide, "Target groups for your Application Load Balancers" (cross-zone load balancing, target group
health: routing failover) with the default `minimum_healthy_targets.count` of 1.
"""

from collections.abc import Sequence
from enum import StrEnum

from blackstart.domain.model import Model
from blackstart.domain.target_health import TargetState

_NEVER_ROUTED = frozenset({TargetState.UNUSED, TargetState.DRAINING})
_SERVING = frozenset({TargetState.HEALTHY, TargetState.UNAVAILABLE})


class RouteReason(StrEnum):
    """healthy: to targets that pass their checks. fail_open: none does, so to all. no_target: none registered (503)."""

    HEALTHY = "healthy"
    FAIL_OPEN = "fail_open"
    NO_TARGET = "no_target"


class RoutableTarget(Model):
    """A registration as one node sees it. state: that node's opinion, or what holds the target (unused, draining)."""

    target_id: str
    port: int
    zone: str
    state: TargetState


class RoutingPool(Model):
    """Where a node's requests for one target group go at the moment, in the order of registration."""

    targets: tuple[RoutableTarget, ...]
    reason: RouteReason


class Route(Model):
    """One request's target; None with reason no_target."""

    target: RoutableTarget | None
    reason: RouteReason


def routing_pool(targets: Sequence[RoutableTarget], node_zone: str, cross_zone: bool) -> RoutingPool:
    """The targets that a node of `node_zone` spreads requests over, and why these.

    cross_zone: over the targets of all zones (the ALB's default), else of the node's own zone only. When none of them
    is healthy the node fails open to all that are registered; unused and draining ones never get new requests. A
    target without health checks (unavailable) counts as healthy.
    """
    eligible = [
        target for target in targets if target.state not in _NEVER_ROUTED and (cross_zone or target.zone == node_zone)
    ]
    if not eligible:
        return RoutingPool(targets=(), reason=RouteReason.NO_TARGET)
    healthy = tuple(target for target in eligible if target.state in _SERVING)
    if healthy:
        return RoutingPool(targets=healthy, reason=RouteReason.HEALTHY)
    return RoutingPool(targets=tuple(eligible), reason=RouteReason.FAIL_OPEN)


def route(pool: RoutingPool, turn: int) -> Route:
    """The target of a node's `turn`-th request (from 0) for this pool: round robin."""
    if not pool.targets:
        return Route(target=None, reason=pool.reason)
    return Route(target=pool.targets[turn % len(pool.targets)], reason=pool.reason)
