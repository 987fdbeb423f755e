"""Zonal shifts of load balancers and Auto Scaling groups: those that were started, and the zone that is left now."""

from collections.abc import Callable, Iterator
from typing import Protocol

from blackstart.emulator.decisions.zonal_shift import (
    ManagedResource,
    ShiftEffect,
    ZonalShift,
    cancelled,
    effect,
    not_found,
    started,
    updated,
)
from blackstart.emulator.snapshot import Forward, LoadBalancerSnapshot, Snapshot


class ManagedResources(Protocol):
    """moto's side: the active load balancers and the groups that zonal shift is enabled for, by ARN."""

    def managed(self) -> dict[str, ManagedResource]: ...


class ZonalShiftsController:
    """failing_open: whether a load balancer is; snapshot: the current one; new_id: of shifts.

    Nothing here needs a tick: a shift's end is read from the clock.
    """

    def __init__(
        self,
        resources: ManagedResources,
        *,
        now_s: Callable[[], float],
        failing_open: Callable[[str], bool],
        snapshot: Callable[[], Snapshot],
        new_id: Callable[[], str],
    ) -> None:
        self._resources = resources
        self._now_s = now_s
        self._failing_open = failing_open
        self._snapshot = snapshot
        self._new_id = new_id
        self._shifts: dict[str, ZonalShift] = {}

    def start(self, resource_arn: str, away_from: str, expires_in: str, comment: str) -> ZonalShift:
        """Start a shift. Raises RefusedShiftError."""
        resource = self.managed_resource(resource_arn)
        return self._keep(
            started(
                self._shifts.values(),
                resource,
                away_from=away_from,
                expires_in=expires_in,
                comment=comment,
                shift_id=self._new_id(),
                now_s=self._now_s(),
            )
        )

    def cancel(self, shift_id: str) -> ZonalShift:
        """End a shift before it expires. Raises RefusedShiftError."""
        return self._keep(cancelled(self._shift(shift_id), self._now_s()))

    def update(self, shift_id: str, expires_in: str | None, comment: str | None) -> ZonalShift:
        """Give a shift a new expiry or comment. Raises RefusedShiftError."""
        return self._keep(updated(self._shift(shift_id), expires_in, comment, self._now_s()))

    def shifts(self) -> tuple[ZonalShift, ...]:
        """All shifts of this emulator's life, the newest first."""
        return tuple(reversed(self._shifts.values()))

    def managed(self) -> tuple[ManagedResource, ...]:
        """The resources that a shift can be started for, in the order of their ARNs."""
        return tuple(resource for _, resource in sorted(self._resources.managed().items()))

    def managed_resource(self, arn: str) -> ManagedResource:
        """Raises RefusedShiftError for a resource that is not there or not enabled."""
        resource = self._resources.managed().get(arn)
        if resource is None:
            raise not_found(
                f"{arn} is no active Application Load Balancer with the attribute zonal_shift.config.enabled = true, "
                "and no Auto Scaling group with ZonalShiftEnabled in its AvailabilityZoneImpairmentPolicy"
            )
        return resource

    def active_shift(self, resource_arn: str) -> tuple[ZonalShift, ShiftEffect] | None:
        """A resource's active shift, and whether it takes effect."""
        now_s = self._now_s()
        shift = next(
            (one for one in self._shifts.values() if one.resource == resource_arn and one.is_active(now_s)), None
        )
        if shift is None:
            return None
        return shift, effect(
            shift,
            self._resources.managed().get(resource_arn),
            failing_open=self._failing_open(resource_arn),
            group_zones=self._group_zones(resource_arn),
            now_s=now_s,
        )

    def shifted_zone(self, resource_arn: str) -> str | None:
        """The zone that a load balancer's traffic, or a group's new capacity, is kept away from now."""
        active = self.active_shift(resource_arn)
        return active[0].zone if active is not None and active[1] is ShiftEffect.APPLIED else None

    def explanations(self) -> tuple[str, ...]:
        """One line for each active shift without effect."""
        return tuple(self._without_effect())

    def _without_effect(self) -> Iterator[str]:
        for arn in dict.fromkeys(shift.resource for shift in self._shifts.values()):
            active = self.active_shift(arn)
            if active is not None and active[1] is not ShiftEffect.APPLIED:
                yield f"zonal shift {active[0].shift_id} away from {active[0].zone} ({arn}): {active[1].value}"

    def _group_zones(self, load_balancer_arn: str) -> list[frozenset[str]]:
        snapshot = self._snapshot()
        balancer = next((one for one in snapshot.load_balancers if one.arn == load_balancer_arn), None)
        uses = routed_groups(balancer) if balancer is not None else set()
        return [
            frozenset(target.zone for target in group.targets if target.held is None)
            for group in snapshot.target_groups
            if group.arn in uses
        ]

    def _shift(self, shift_id: str) -> ZonalShift:
        if shift_id not in self._shifts:
            raise not_found(f"there is no zonal shift {shift_id}")
        return self._shifts[shift_id]

    def _keep(self, shift: ZonalShift) -> ZonalShift:
        self._shifts[shift.shift_id] = shift
        return shift


def routed_groups(balancer: LoadBalancerSnapshot) -> set[str]:
    """The target groups that the load balancer's listeners and rules forward to."""
    actions = [action for one in balancer.listeners for action in (one.action, *(rule.action for rule in one.rules))]
    return {group.target_group_arn for action in actions if isinstance(action, Forward) for group in action.groups}
