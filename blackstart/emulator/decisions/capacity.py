"""What an Auto Scaling group does next: whom it terminates, what it launches, and why.

Sources: EC2 Auto Scaling user guide, "Suspend and resume processes" (what still happens while which process is
suspended), and the pages that replacement, rebalancing, placement and termination_policy name.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from blackstart.emulator.decisions.placement import Placement, placements
from blackstart.emulator.decisions.rebalancing import moves
from blackstart.emulator.decisions.replacement import Replacement, Termination, replace
from blackstart.emulator.decisions.scaling_group import (
    COMING,
    COUNTED,
    GroupSnapshot,
    MemberSnapshot,
    Process,
    Why,
)
from blackstart.emulator.decisions.termination_policy import chosen_for_scale_in

_LAUNCHED_AHEAD = frozenset({Why.REBALANCING, Why.CAPACITY_REBALANCING, Why.REFRESH})


class Launch(NamedTuple):
    placement: Placement
    why: Why


class CapacityDecision(NamedTuple):
    """missing: instances that the group lacks, whether or not they can be launched now. held_by_protection: how many
    scale-in leaves because of it.
    """

    terminate: tuple[Termination, ...] = ()
    launch: tuple[Launch, ...] = ()
    missing: int = 0
    held_by_protection: int = 0


def decide_capacity(group: GroupSnapshot, now_s: float) -> CapacityDecision:
    """Replace what is unhealthy, bring the number of members to the desired one, then balance the zones."""
    counted = [member for member in group.members if member.lifecycle in COUNTED]
    replacement = replace(group, counted, now_s)
    leaving = {termination.instance_id for termination in replacement.terminate}
    staying = [member for member in counted if member.instance_id not in leaving]
    missing = group.desired + group.surge + len(replacement.ahead) - len(staying)
    if missing > 0:
        replaced = {termination.instance_id for termination in replacement.ahead}
        crowd = Counter(member.zone for member in staying if member.instance_id not in replaced)
        launch = _launches(group, crowd, _reasons(group, replacement, missing))
        return CapacityDecision(replacement.terminate, launch, missing)
    if missing < 0:
        return _scale_in(group, replacement, staying, -missing, now_s)
    return CapacityDecision(replacement.terminate) if replacement.terminate else _balance(group, staying)


def _reasons(group: GroupSnapshot, replacement: Replacement, missing: int) -> list[Why]:
    """Why each of the missing instances is launched, what replaces others first."""
    replaced = sum(termination.why is Why.UNHEALTHY for termination in replacement.terminate)
    reasons = [
        *([Why.REPLACES_UNHEALTHY] * (replaced + group.unreplaced)),
        *(termination.why for termination in replacement.ahead),
        *([Why.REFRESH] * group.replacements),
    ][:missing]
    return reasons + [Why.SCALE_OUT] * (missing - len(reasons))


def _launches(group: GroupSnapshot, crowd: Mapping[str, int], reasons: Sequence[Why]) -> tuple[Launch, ...]:
    """crowd: instances that stay, by zone."""
    if Process.LAUNCH in group.suspended:
        return ()
    placed = placements(group, crowd, len(reasons))
    return tuple(Launch(placement, why) for placement, why in zip(placed, reasons, strict=False))


def _scale_in(
    group: GroupSnapshot, replacement: Replacement, staying: Sequence[MemberSnapshot], surplus: int, now_s: float
) -> CapacityDecision:
    """Take the surplus, but nobody for an instance that was launched ahead of a termination and is yet to come."""
    ahead = sum(member.lifecycle in COMING and member.launched_for in _LAUNCHED_AHEAD for member in staying)
    surplus -= ahead
    if Process.TERMINATE in group.suspended:
        return _balance(group, staying)
    if surplus <= 0:
        return CapacityDecision(replacement.terminate)
    chosen = chosen_for_scale_in(group, staying, surplus, now_s)
    return CapacityDecision(
        terminate=(*replacement.terminate, *(Termination(instance_id, Why.SCALE_IN) for instance_id in chosen)),
        held_by_protection=surplus - len(chosen),
    )


def _balance(group: GroupSnapshot, staying: Sequence[MemberSnapshot]) -> CapacityDecision:
    count = moves(group, staying)
    placed = placements(group, Counter(member.zone for member in staying), count) if count else ()
    return CapacityDecision(launch=tuple(Launch(placement, Why.REBALANCING) for placement in placed))
