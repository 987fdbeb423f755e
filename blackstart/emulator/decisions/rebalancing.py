"""When an Auto Scaling group moves instances from one zone to another, and how many at once.

Source: EC2 Auto Scaling user guide, "Rebalancing activities", "Suspend and resume processes" (AZRebalance). Launches
come before terminations; the group may exceed its maximum by 10 percent or one instance, whichever is greater. Differs
from AWS: how many are moved at once is not published; here it is 10 percent of the desired capacity, at least one. A
maintenance policy that terminates first does not turn the order round.
"""

from collections import Counter
from collections.abc import Mapping, Sequence

from blackstart.emulator.decisions.replacement import MARGIN_PERCENT, margin, most_ahead
from blackstart.emulator.decisions.scaling_group import GroupSnapshot, Lifecycle, MemberSnapshot, Process


def moves(group: GroupSnapshot, counted: Sequence[MemberSnapshot]) -> int:
    """How many instances to launch for balance in a group that has otherwise nothing to do.

    counted: members that count towards the capacity. Their surplus is taken when the new ones are in service.
    """
    if not _may_begin(group, counted):
        return 0
    return max(0, min(_movable_surplus(group, counted), _at_once(group), _ceiling(group) - len(counted)))


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
    """A maintenance policy that lets the group grow is the bound, else the maximum with its margin."""
    ahead = most_ahead(group)
    return group.desired + ahead if ahead else group.maximum + margin(group)


def _movable_surplus(group: GroupSnapshot, counted: Sequence[MemberSnapshot]) -> int:
    """How many unprotected members are too many in their zone while another zone lacks them."""
    crowd = Counter(member.zone for member in counted)
    movable = Counter(member.zone for member in counted if not member.protected)
    quotas = _quotas(group, crowd, len(counted))
    if quotas is None:
        return 0
    lacking = sum(max(0, quota - crowd[zone]) for zone, quota in quotas.items())
    return min(lacking, sum(min(movable[zone], max(0, crowd[zone] - quotas.get(zone, 0))) for zone in crowd))


def _quotas(group: GroupSnapshot, crowd: Mapping[str, int], total: int) -> dict[str, int] | None:
    """How many instances belong in each zone; one in which launches fail keeps what it has. None: no zone is able."""
    stuck = {zone: crowd.get(zone, 0) for zone in group.zones if zone in group.failed_zones}
    able = sorted((zone for zone in group.zones if zone not in stuck), key=lambda zone: -crowd.get(zone, 0))
    if not able:
        return None
    each, more = divmod(max(0, total - sum(stuck.values())), len(able))
    return stuck | {zone: each + (index < more) for index, zone in enumerate(able)}
