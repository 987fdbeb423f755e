"""When an Auto Scaling group moves instances from one zone to another, and how many at once.

Source: EC2 Auto Scaling user guide, "Rebalancing activities", "Suspend and resume processes" (AZRebalance). Launches
come before terminations; the group may exceed its maximum by 10 percent or one instance, whichever is greater. Differs
from AWS: how many are moved at once is not published; here it is 10 percent of the desired capacity, at least one.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from blackstart.emulator.decisions.replacement import MARGIN_PERCENT, margin, most_ahead, most_below
from blackstart.emulator.decisions.scaling_group import GroupSnapshot, Lifecycle, MemberSnapshot, Process


class Moves(NamedTuple):
    """launches: how many to launch for balance. terminate_first: whom a maintenance policy that allows no more than
    the desired capacity takes at the same time.
    """

    launches: int = 0
    terminate_first: tuple[MemberSnapshot, ...] = ()


def rebalance(group: GroupSnapshot, counted: Sequence[MemberSnapshot]) -> Moves:
    """What to move in a group that has otherwise nothing to do. counted: members that count towards the capacity."""
    if not _may_begin(group, counted):
        return Moves()
    surplus = _movable_surplus(group, counted)
    policy_ends_at_desired = group.max_healthy_percent is not None and most_ahead(group) == 0
    if policy_ends_at_desired and Process.TERMINATE not in group.suspended:
        first = tuple(surplus[: most_below(group)])
        return Moves(len(first), first)
    return Moves(max(0, min(len(surplus), _at_once(group), _ceiling(group) - len(counted))))


def _may_begin(group: GroupSnapshot, counted: Sequence[MemberSnapshot]) -> bool:
    if {Process.AZ_REBALANCE, Process.LAUNCH} & group.suspended or group.surge or group.shifted_zones:
        return False
    grows = Process.TERMINATE in group.suspended and len(counted) >= group.desired
    if not grows and len(counted) != group.desired:
        return False
    return all(member.lifecycle is Lifecycle.IN_SERVICE and member.unhealthy is None for member in counted)


def _at_once(group: GroupSnapshot) -> int:
    return max(1, group.desired * MARGIN_PERCENT // 100)


def _ceiling(group: GroupSnapshot) -> int:
    if group.max_healthy_percent is not None:
        return group.desired + most_ahead(group)
    return group.maximum + margin(group)


def _movable_surplus(group: GroupSnapshot, counted: Iterable[MemberSnapshot]) -> list[MemberSnapshot]:
    """Members that are too many in their zone, the unprotected ones, while another zone lacks as many."""
    members = sorted(counted, key=lambda member: (member.launched_s, member.instance_id))
    crowd = Counter(member.zone for member in members)
    quotas = _quotas(group, crowd, len(members))
    if quotas is None:
        return []
    lacking = sum(max(0, quota - crowd[zone]) for zone, quota in quotas.items())
    over = {zone: count - quotas.get(zone, 0) for zone, count in crowd.items()}
    surplus = []
    for member in members:
        if over[member.zone] > 0 and not member.protected:
            over[member.zone] -= 1
            surplus.append(member)
    return surplus[:lacking]


def _quotas(group: GroupSnapshot, crowd: Mapping[str, int], total: int) -> dict[str, int] | None:
    """How many instances belong in each zone; one in which launches fail keeps what it has. None: no zone is able."""
    stuck = {zone: crowd.get(zone, 0) for zone in group.zones if zone in group.failed_zones}
    able = sorted((zone for zone in group.zones if zone not in stuck), key=lambda zone: -crowd.get(zone, 0))
    if not able:
        return None
    each, more = divmod(max(0, total - sum(stuck.values())), len(able))
    return stuck | {zone: each + (index < more) for index, zone in enumerate(able)}
