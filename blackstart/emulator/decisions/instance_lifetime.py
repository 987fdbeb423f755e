"""Which members have lived longer than their group's maximum instance lifetime, and how many are replaced now.

Source: EC2 Auto Scaling user guide, "Replace Auto Scaling instances based on maximum instance lifetime".
"""

from blackstart.emulator.decisions.rolling_replacement import LEGACY_MIN_HEALTHY_PERCENT, Rolling, replace_next
from blackstart.emulator.decisions.scaling_group import COUNTED, GroupSnapshot, Lifecycle, MemberSnapshot


def outlived(group: GroupSnapshot, lifetime_s: float, now_s: float) -> tuple[tuple[str, ...], Rolling]:
    """The members to terminate now, oldest first, and how many to keep beyond the desired capacity meanwhile.

    Up to 10 % of the desired capacity at once (at least one), or what the instance maintenance policy says; protected
    members stay until their protection is taken away. Differs from AWS: it begins earlier where many instances would
    reach the limit together, in an unpublished way; here each is replaced when it has reached it.
    """
    counted = [m for m in group.members if m.lifecycle in COUNTED]
    due = sorted((m for m in counted if _due(m, lifetime_s, now_s)), key=lambda m: (m.launched_s, m.instance_id))
    ready = sum(m.lifecycle is Lifecycle.IN_SERVICE and m.unhealthy is None for m in counted)
    minimum = LEGACY_MIN_HEALTHY_PERCENT if group.min_healthy_percent is None else group.min_healthy_percent
    next_ = replace_next(group.desired, minimum, group.max_healthy_percent, ready, len(due))
    return tuple(m.instance_id for m in due[: next_.terminate]), next_


def _due(member: MemberSnapshot, lifetime_s: float, now_s: float) -> bool:
    if member.lifecycle is not Lifecycle.IN_SERVICE or member.protected or member.in_service_s is None:
        return False
    return now_s >= member.in_service_s + lifetime_s
