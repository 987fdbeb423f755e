"""What an Auto Scaling group does next: whom it calls unhealthy, whom it terminates, what it launches.

Sources: EC2 Auto Scaling user guide, "Health checks for instances in an Auto Scaling group", "Instance maintenance
policies", "Suspend and resume processes", "Termination policies".
"""

import math
from collections import Counter
from collections.abc import Sequence

from blackstart.domain.model import Model
from blackstart.emulator.decisions.placement import Placement, place
from blackstart.emulator.decisions.scaling_group import (
    COMING,
    COUNTED,
    LEAVING,
    GroupSnapshot,
    Lifecycle,
    MemberSnapshot,
    Process,
    Unhealthy,
    Why,
)

LIVE_STATES = ("pending", "running")
REPLACED_AT_ONCE_PERCENT = 10


class Mark(Model):
    instance_id: str
    reason: Unhealthy


class Termination(Model):
    instance_id: str
    why: Why


class Launch(Model):
    placement: Placement
    why: Why


class CapacityDecision(Model):
    terminate: tuple[Termination, ...] = ()
    launch: tuple[Launch, ...] = ()


def first_look_after(created_s: float, period_s: float, now_s: float) -> float:
    """When a group looks at its instances next: a whole number of periods after its creation, later than `now_s`."""
    return created_s + (math.floor((now_s - created_s) / period_s) + 1) * period_s


def mark_not_running(group: GroupSnapshot) -> tuple[Mark, ...]:
    """Members whose instance is not running, asked at each look; the grace period does not protect them."""
    if Process.HEALTH_CHECK in group.suspended:
        return ()
    return tuple(
        Mark(instance_id=member.instance_id, reason=Unhealthy.NOT_RUNNING)
        for member in group.members
        if member.lifecycle in COUNTED
        and member.unhealthy is not Unhealthy.NOT_RUNNING
        and member.ec2_state not in LIVE_STATES
    )


def mark_elb_unhealthy(group: GroupSnapshot, now_s: float) -> tuple[Mark, ...]:
    """Members that a load balancer finds unhealthy once their grace period is over; asked at each look.

    When every instance in service is found unhealthy, one is marked at a time, so that the group is not killed whole.
    Differs from AWS: how AWS throttles is not published.
    """
    if Process.HEALTH_CHECK in group.suspended or not group.elb_checks:
        return ()
    in_service = [member for member in group.members if member.lifecycle is Lifecycle.IN_SERVICE]
    candidates = [
        member
        for member in in_service
        if member.elb_unhealthy
        and member.unhealthy is None
        and member.in_service_s is not None
        and now_s >= member.in_service_s + group.grace_period_s
    ]
    if len(in_service) > 1 and all(member.elb_unhealthy or member.unhealthy for member in in_service):
        already = any(member.unhealthy is Unhealthy.LOAD_BALANCER for member in in_service)
        candidates = [] if already else sorted(candidates, key=lambda member: member.launched_s)[:1]
    return tuple(Mark(instance_id=member.instance_id, reason=Unhealthy.LOAD_BALANCER) for member in candidates)


def decide_capacity(group: GroupSnapshot) -> CapacityDecision:
    """Replace what is unhealthy, then bring the number of members to the desired one.

    Members marked unhealthy are terminated and replaced at the same time: those that are not running always, others
    at most 10 % of the desired capacity (at least one) at once, or after their replacement is in service when the
    maintenance policy keeps 100 % healthy.
    """
    counted = [m for m in group.members if m.lifecycle in COUNTED]
    leaving = _unhealthy_to_terminate(group, counted)
    leaving_ids = {member.instance_id for member in leaving}
    staying = [member for member in counted if member.instance_id not in leaving_ids]
    waiting = _waiting_for_replacement(group, staying)
    missing = group.desired - (len(staying) - len(waiting))
    launch: tuple[Launch, ...] = ()
    surplus: list[MemberSnapshot] = []
    if missing > 0 and Process.LAUNCH not in group.suspended:
        crowd = Counter(member.zone for member in staying)
        replacing = len(leaving) + len(waiting)
        placements = place(group.zones, crowd, missing)
        launch = tuple(
            Launch(placement=placement, why=Why.REPLACES_UNHEALTHY if index < replacing else Why.SCALE_OUT)
            for index, placement in enumerate(placements)
        )
    elif missing < 0 and Process.TERMINATE not in group.suspended:
        candidates = [member for member in staying if member not in waiting]
        surplus = termination_order(candidates)[:-missing]
    return CapacityDecision(
        terminate=(
            *(Termination(instance_id=member.instance_id, why=Why.UNHEALTHY) for member in leaving),
            *(Termination(instance_id=member.instance_id, why=Why.SCALE_IN) for member in surplus),
        ),
        launch=launch,
    )


def termination_order(members: Sequence[MemberSnapshot]) -> list[MemberSnapshot]:
    """Unprotected members in the order in which scale-in takes them, by the default termination policy.

    Unhealthy first; then from the zone with most instances: oldest launch template version, oldest launch.
    Differs from AWS: "closest to the next billing hour" and "random" become the oldest launch.
    """
    left = [member for member in members if not member.protected]
    crowd = Counter(member.zone for member in members)
    order: list[MemberSnapshot] = []
    while left:
        chosen = min(
            left,
            key=lambda m: (m.unhealthy is None, -crowd[m.zone], m.template_version, m.launched_s, m.instance_id),
        )
        order.append(chosen)
        left.remove(chosen)
        crowd[chosen.zone] -= 1
    return order


def _may_replace(group: GroupSnapshot) -> bool:
    return not {Process.REPLACE_UNHEALTHY, Process.TERMINATE} & group.suspended


def _unhealthy_to_terminate(group: GroupSnapshot, counted: Sequence[MemberSnapshot]) -> list[MemberSnapshot]:
    if not _may_replace(group):
        return []
    gone = [member for member in counted if member.unhealthy is Unhealthy.NOT_RUNNING]
    running = [member for member in counted if member.unhealthy not in (None, Unhealthy.NOT_RUNNING)]
    return [*gone, *termination_order_of_unhealthy(running)[: _room_to_replace(group, counted)]]


def termination_order_of_unhealthy(members: Sequence[MemberSnapshot]) -> list[MemberSnapshot]:
    """Oldest first. Scale-in protection does not save an unhealthy instance from being replaced."""
    return sorted(members, key=lambda member: (member.launched_s, member.instance_id))


def _room_to_replace(group: GroupSnapshot, counted: Sequence[MemberSnapshot]) -> int:
    """How many running but unhealthy members may be terminated now."""
    healthy = sum(m.lifecycle is Lifecycle.IN_SERVICE and m.unhealthy is None for m in counted)
    if _launches_first(group):
        return max(0, healthy + _unhealthy_count(counted) - group.desired)
    percent = REPLACED_AT_ONCE_PERCENT if group.min_healthy_percent is None else 100 - group.min_healthy_percent
    terminating = sum(m.lifecycle in LEAVING for m in group.members)
    pending = sum(m.lifecycle in COMING and m.unhealthy is None for m in counted)
    return max(0, max(1, group.desired * percent // 100) - max(terminating, pending))


def _unhealthy_count(counted: Sequence[MemberSnapshot]) -> int:
    return sum(m.unhealthy not in (None, Unhealthy.NOT_RUNNING) for m in counted)


def _launches_first(group: GroupSnapshot) -> bool:
    return group.min_healthy_percent is not None and group.min_healthy_percent >= 100


def _waiting_for_replacement(group: GroupSnapshot, staying: Sequence[MemberSnapshot]) -> list[MemberSnapshot]:
    """Unhealthy members that stay until a replacement is in service, as many as the maximum leaves room for."""
    if not _launches_first(group) or not _may_replace(group):
        return []
    over = max(1, group.desired * ((group.max_healthy_percent or 110) - 100) // 100)
    return [member for member in staying if member.unhealthy is not None][:over]
