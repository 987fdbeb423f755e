"""Which unhealthy members are terminated now, and for which a replacement comes first.

Sources: EC2 Auto Scaling user guide, "How Amazon EC2 Auto Scaling minimizes downtime" (without an instance maintenance
policy), "Instance maintenance policies", "Use Capacity Rebalancing to handle Amazon EC2 Spot interruptions", "Auto
Scaling group zonal shift" (unhealthy instances of the impaired zone).
"""

from collections.abc import Sequence
from typing import NamedTuple

from blackstart.emulator.decisions.scaling_group import (
    COMING,
    LEAVING,
    GroupSnapshot,
    Lifecycle,
    MemberSnapshot,
    Process,
    Unhealthy,
    Why,
)

AT_ONCE_PERCENT = 10
MARGIN_PERCENT = 10


class Termination(NamedTuple):
    instance_id: str
    why: Why


class Replacement(NamedTuple):
    """terminate: now. ahead: members that go when others, launched beyond the desired capacity, are in service."""

    terminate: tuple[Termination, ...]
    ahead: tuple[Termination, ...]


def replace(group: GroupSnapshot, counted: Sequence[MemberSnapshot], now_s: float) -> Replacement:
    """Decide for all members that count towards the capacity.

    Without a maintenance policy the unhealthy are terminated and replaced at the same time, at most 10 % of the desired
    capacity (at least one) at once, until their replacements have warmed up. With one, as many as leave its minimum in
    service; launches may go ahead up to its maximum. Members that are not running go at once, and without a policy
    those that a user called unhealthy.
    """
    if Process.TERMINATE in group.suspended:
        return Replacement((), _at_risk_ahead(group, _at_risk(group, counted), ()))
    gone, waiting = _unhealthy(group, counted)
    going = waiting[: _room(group, counted, now_s)]
    waiting = waiting[len(going) :]
    at_risk = _at_risk(group, counted)
    ready = sum(_ready(group, member, now_s) for member in counted) - len(gone) - len(going)
    relieved = at_risk[: max(0, ready - group.desired)]
    unhealthy_ahead = tuple(
        Termination(member.instance_id, Why.REPLACES_UNHEALTHY) for member in waiting[: most_ahead(group)]
    )
    return Replacement(
        terminate=(
            *(Termination(member.instance_id, Why.UNHEALTHY) for member in (*gone, *going)),
            *(Termination(member.instance_id, Why.CAPACITY_REBALANCING) for member in relieved),
        ),
        ahead=(*unhealthy_ahead, *_at_risk_ahead(group, at_risk[len(relieved) :], unhealthy_ahead)),
    )


def most_ahead(group: GroupSnapshot) -> int:
    """How far a maintenance policy lets a group exceed its desired capacity, at least by one if all stay healthy."""
    if group.min_healthy_percent is None or group.max_healthy_percent is None:
        return 0
    over = group.desired * (group.max_healthy_percent - 100) // 100
    return max(over, 1 if group.min_healthy_percent >= 100 else 0)


def most_below(group: GroupSnapshot) -> int:
    """How far replacing may fall below the desired capacity; at least one, unless all are to stay healthy."""
    percent = AT_ONCE_PERCENT if group.min_healthy_percent is None else 100 - group.min_healthy_percent
    return max(1, group.desired * percent // 100) if percent > 0 else 0


def margin(group: GroupSnapshot) -> int:
    """By how many a group may exceed its maximum while it rebalances: 10 percent of it or one."""
    return max(1, group.maximum * MARGIN_PERCENT // 100)


def _unhealthy(
    group: GroupSnapshot, counted: Sequence[MemberSnapshot]
) -> tuple[list[MemberSnapshot], list[MemberSnapshot]]:
    """Those that go at once, and the others, oldest first. Scale-in protection does not save them."""
    if Process.REPLACE_UNHEALTHY in group.suspended:
        return [], []
    at_once = {Unhealthy.NOT_RUNNING} if group.min_healthy_percent is not None else _WITHOUT_POLICY
    unhealthy = [member for member in counted if member.unhealthy is not None and not _ignored(group, member)]
    waiting = [member for member in unhealthy if member.unhealthy not in at_once]
    waiting.sort(key=lambda member: (member.launched_s, member.instance_id))
    return [member for member in unhealthy if member.unhealthy in at_once], waiting


_WITHOUT_POLICY = {Unhealthy.NOT_RUNNING, Unhealthy.CUSTOM}


def _ignored(group: GroupSnapshot, member: MemberSnapshot) -> bool:
    return group.ignores_impaired and member.zone in group.shifted_zones


def _room(group: GroupSnapshot, counted: Sequence[MemberSnapshot], now_s: float) -> int:
    """How many running but unhealthy members may be terminated now."""
    if group.min_healthy_percent is not None:
        running = sum(
            _ready(group, member, now_s) and member.unhealthy is not Unhealthy.NOT_RUNNING for member in counted
        )
        return max(0, running - (group.desired - most_below(group)))
    terminating = sum(member.lifecycle in LEAVING for member in group.members)
    coming = sum(member.unhealthy is None and not _ready(group, member, now_s) for member in counted)
    return max(0, most_below(group) - max(terminating, coming))


def _ready(group: GroupSnapshot, member: MemberSnapshot, now_s: float) -> bool:
    """In service and warmed up. An unhealthy one counts as long as it is there."""
    if member.lifecycle in COMING:
        return False
    return member.in_service_s is None or now_s >= member.in_service_s + group.warm_up_s


def _at_risk(group: GroupSnapshot, counted: Sequence[MemberSnapshot]) -> list[MemberSnapshot]:
    if not group.capacity_rebalance:
        return []
    return [
        member
        for member in counted
        if member.at_risk and member.unhealthy is None and member.lifecycle is Lifecycle.IN_SERVICE
    ]


def _at_risk_ahead(
    group: GroupSnapshot, at_risk: Sequence[MemberSnapshot], others: Sequence[Termination]
) -> tuple[Termination, ...]:
    """As many as the maximum with its margin leaves room for beside other launches ahead."""
    room = max(0, group.maximum + margin(group) - group.desired - len(others))
    return tuple(Termination(member.instance_id, Why.CAPACITY_REBALANCING) for member in at_risk[:room])
