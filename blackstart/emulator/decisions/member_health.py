"""Which members of an Auto Scaling group are found unhealthy at its periodic look.

Sources: EC2 Auto Scaling user guide, "Health checks for instances in an Auto Scaling group", "Set the health check
grace period".
"""

import math
from typing import NamedTuple

from blackstart.emulator.decisions.scaling_group import COUNTED, GroupSnapshot, Lifecycle, Process, Unhealthy

LIVE_STATES = ("pending", "running")


class Mark(NamedTuple):
    instance_id: str
    reason: Unhealthy


def first_look_after(created_s: float, period_s: float, now_s: float) -> float:
    """When a group looks at its instances next: a whole number of periods after its creation, later than `now_s`."""
    return created_s + (math.floor((now_s - created_s) / period_s) + 1) * period_s


def mark_not_running(group: GroupSnapshot) -> tuple[Mark, ...]:
    """Members whose instance is not running, asked at each look; the grace period does not protect them."""
    if Process.HEALTH_CHECK in group.suspended:
        return ()
    return tuple(
        Mark(member.instance_id, Unhealthy.NOT_RUNNING)
        for member in group.members
        if member.lifecycle in COUNTED
        and member.unhealthy is not Unhealthy.NOT_RUNNING
        and member.ec2_state not in LIVE_STATES
    )


def mark_impaired(group: GroupSnapshot, patience_s: float, now_s: float) -> tuple[Mark, ...]:
    """Members whose status checks have failed for longer than AWS gives them to be mended, after the grace period.

    patience_s: the guide's "a few minutes".
    """
    if Process.HEALTH_CHECK in group.suspended:
        return ()
    return tuple(
        Mark(member.instance_id, Unhealthy.IMPAIRED)
        for member in group.members
        if member.impaired_since_s is not None
        and member.lifecycle is Lifecycle.IN_SERVICE
        and member.unhealthy is None
        and now_s >= member.impaired_since_s + patience_s
        and now_s >= (member.in_service_s or 0.0) + group.grace_period_s
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
    return tuple(Mark(member.instance_id, Unhealthy.LOAD_BALANCER) for member in candidates)
