"""Which instances of a group warm up, and so do not count yet for scaling policies.

Source: EC2 Auto Scaling user guide, "Set the default instance warmup for an Auto Scaling group", "Step and simple
scaling policies" (instance warm-up). A group's default instance warmup is for every new instance; without one, only
instances launched for a step or target tracking policy warm up.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from blackstart.emulator.decisions.scaling_group import COUNTED, GroupSnapshot, Lifecycle, MemberSnapshot


class ScaleOut(NamedTuple):
    """A scale-out by a policy. wanted: how many instances it is to launch; instances: those launched for it so far."""

    at_s: float
    warm_up_s: float
    wanted: int
    instances: frozenset[str] = frozenset()

    @property
    def to_come(self) -> int:
        return max(0, self.wanted - len(self.instances))


class WarmUp(NamedTuple):
    """scale_outs: those that matter still. warming: instances that warm up; to_come: how many are yet to launch."""

    scale_outs: tuple[ScaleOut, ...]
    warming: frozenset[str]
    to_come: int


def warm_up(
    group: GroupSnapshot, scale_outs: Sequence[ScaleOut], default_warm_up_s: float | None, now_s: float
) -> WarmUp:
    """default_warm_up_s: the group's default instance warmup, None without one."""
    members = sorted((m for m in group.members if m.lifecycle in COUNTED), key=lambda member: member.launched_s)
    missing = max(0, group.desired - len(members))
    assigned = _assigned(members, scale_outs, complete=not missing)
    periods = {instance: scale_out.warm_up_s for scale_out in assigned for instance in scale_out.instances}
    warming = frozenset(member.instance_id for member in members if _warms(member, periods, default_warm_up_s, now_s))
    open_ones = tuple(one for one in assigned if one.to_come or one.instances & warming)
    return WarmUp(open_ones, warming, min(missing, sum(one.to_come for one in open_ones)))


def _assigned(members: Iterable[MemberSnapshot], scale_outs: Sequence[ScaleOut], complete: bool) -> list[ScaleOut]:
    """The instances launched since each scale-out, until it has as many as it wanted; oldest first.

    complete: the group has all its instances, so what is missing from a scale-out will not come any more.
    """
    taken = {instance for scale_out in scale_outs for instance in scale_out.instances}
    free = [member for member in members if member.instance_id not in taken]
    found = []
    for scale_out in scale_outs:
        since = [member.instance_id for member in free if member.launched_s >= scale_out.at_s]
        launched = frozenset(since[: scale_out.to_come])
        free = [member for member in free if member.instance_id not in launched]
        instances = scale_out.instances | launched
        wanted = len(instances) if complete else scale_out.wanted
        found.append(scale_out._replace(instances=instances, wanted=wanted))
    return found


def _warms(member: MemberSnapshot, periods: dict[str, float], default_warm_up_s: float | None, now_s: float) -> bool:
    period_s = periods.get(member.instance_id, default_warm_up_s)
    if period_s is None:
        return False
    if member.lifecycle is not Lifecycle.IN_SERVICE or member.in_service_s is None:
        return True
    return now_s < member.in_service_s + period_s
