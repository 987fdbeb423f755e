"""Why a group launches or terminates an instance, in the words of its activities."""

from collections import Counter
from collections.abc import Iterable

from blackstart.emulator.controllers.activity_log import moment
from blackstart.emulator.controllers.group_memory import GroupMemory
from blackstart.emulator.decisions import activity as words
from blackstart.emulator.decisions.capacity import Launch
from blackstart.emulator.decisions.replacement import Termination
from blackstart.emulator.decisions.scaling_group import COUNTED, GroupSnapshot, MemberSnapshot, Unhealthy, Why


def launch_cause(
    memory: GroupMemory,
    snapshot: GroupSnapshot,
    launch: Launch,
    sizes: tuple[int, int],
    staying: Iterable[MemberSnapshot],
    now_s: float,
) -> str:
    """sizes: of the group before and after all launches of this decision. staying: members that count now."""
    at = moment(now_s)
    if launch.why is Why.REPLACES_UNHEALTHY:
        return words.replacement_cause(at)
    if launch.why in (Why.CAPACITY_REBALANCING, Why.REFRESH):
        return words.launched_ahead_cause(launch.why, at)
    if launch.why is Why.REBALANCING:
        crowd = Counter(member.zone for member in staying)
        return words.balancing_cause(at, {zone: crowd[zone] for zone in dict.fromkeys((*snapshot.zones, *crowd))})
    return words.scale_out_cause(memory.change.sentence() if memory.change else "", at, *sizes)


def termination_cause(memory: GroupMemory, termination: Termination, scale_in: str, now_s: float) -> str:
    """scale_in: the cause of all that are taken because there are too many."""
    if termination.why is Why.UNHEALTHY:
        member = memory.members[termination.instance_id]
        return words.unhealthy_cause(member.unhealthy or Unhealthy.NOT_RUNNING, moment(now_s))
    if termination.why is Why.CAPACITY_REBALANCING:
        return words.rebalance_recommendation_cause(moment(now_s))
    return scale_in


def scale_in_cause(
    memory: GroupMemory, snapshot: GroupSnapshot, terminations: Iterable[Termination], now_s: float
) -> str:
    reason = memory.balance or (memory.change.sentence() if memory.change else "")
    before = sum(member.lifecycle in COUNTED for member in snapshot.members)
    chosen = (termination.instance_id for termination in terminations if termination.why is Why.SCALE_IN)
    return words.scale_in_cause(reason, moment(now_s), before, snapshot.desired, chosen)
