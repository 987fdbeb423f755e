"""Which members scale-in takes, and in which order.

Source: EC2 Auto Scaling user guide, "Configure termination policies for Amazon EC2 Auto Scaling". Balance over the
zones comes before every policy; then the policies are asked in their order, each deciding among those that the ones
before it find equal. What is left equal is taken in the order of the ids, which are random.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from typing import Any

from blackstart.emulator.decisions.purchase import LOWEST_PRICE, on_demand_target
from blackstart.emulator.decisions.scaling_group import GroupSnapshot, MemberSnapshot

BILLING_HOUR_S = 3600.0
DEFAULT = "Default"

_Piles = Mapping[str, list[MemberSnapshot]]
_Key = Callable[[MemberSnapshot], tuple[Any, ...]]


def chosen_for_scale_in(group: GroupSnapshot, members: Sequence[MemberSnapshot], count: int, now_s: float) -> list[str]:
    """At most `count` instance ids, the first to go first; those protected from scale-in are never among them.

    members: those that count towards the capacity. Unhealthy ones bypass the policies and go first.
    """
    key = _sort_key(group, members, now_s)
    crowd = Counter(member.zone for member in members)
    spot_count = sum(member.spot for member in members)
    piles: dict[bool, dict[str, list[MemberSnapshot]]] = {False: defaultdict(list), True: defaultdict(list)}
    for member in sorted((one for one in members if not one.protected), key=key, reverse=True):
        piles[member.spot][member.zone].append(member)
    order: list[str] = []
    while len(order) < count:
        total = len(members) - len(order)
        pile = _next_pile(group, piles, crowd, _spot_goes(group, total, spot_count), key)
        if pile is None:
            break
        member = pile.pop()
        order.append(member.instance_id)
        crowd[member.zone] -= 1
        spot_count -= member.spot
    return order


def _spot_goes(group: GroupSnapshot, total: int, spot_count: int) -> bool | None:
    """Which purchase option of a mixed instances group has too many for one instance less; None without a choice."""
    if group.mix is None or not 0 < spot_count < total:
        return None
    return total - spot_count <= on_demand_target(group.mix, total - 1)


def _next_pile(
    group: GroupSnapshot, piles: Mapping[bool, _Piles], crowd: Mapping[str, int], spot: bool | None, key: _Key
) -> list[MemberSnapshot] | None:
    """The pile, of one zone and purchase option, whose last member goes next: balance first, then the option."""
    filled = [pile for pile in chain.from_iterable(one.values() for one in piles.values()) if pile]

    def urgency(pile: list[MemberSnapshot]) -> tuple[Any, ...]:
        member = pile[-1]
        balance = (member.zone in group.zones, -crowd[member.zone])
        return member.unhealthy is None, *balance, spot is not None and member.spot != spot, key(member)

    return min(filled, key=urgency, default=None)


def _sort_key(group: GroupSnapshot, members: Sequence[MemberSnapshot], now_s: float) -> _Key:
    criteria = [_criterion(name, group, members, now_s) for name in group.termination_policies]

    def key(member: MemberSnapshot) -> tuple[Any, ...]:
        return member.unhealthy is None, *(criterion(member) for criterion in criteria), member.instance_id

    return key


def _criterion(name: str, group: GroupSnapshot, members: Sequence[MemberSnapshot], now_s: float) -> _Key:
    """What a policy prefers to terminate has the smaller value. A policy that is not known prefers nobody."""
    by_configuration = _by_configuration(group, members)

    def by_template(member: MemberSnapshot) -> tuple[Any, ...]:
        return _by_template(group, member)

    criteria: dict[str, _Key] = {
        DEFAULT: lambda member: (
            _by_allocation(group, member),
            *(by_configuration if group.launch_name else by_template)(member),
            _to_next_hour_s(member, now_s),
        ),
        "OldestInstance": lambda member: (member.launched_s,),
        "NewestInstance": lambda member: (-member.launched_s,),
        "OldestLaunchConfiguration": by_configuration,
        "OldestLaunchTemplate": by_template,
        "ClosestToNextInstanceHour": lambda member: (_to_next_hour_s(member, now_s),),
        "AllocationStrategy": lambda member: (_by_allocation(group, member),),
    }
    return criteria.get(name, lambda _: ())


def _by_template(group: GroupSnapshot, member: MemberSnapshot) -> tuple[Any, ...]:
    """From a launch configuration first, then from another template, then the oldest version of the current one."""
    current = member.template_id == group.template_id
    return not member.launch_name, current, member.template_version if current else 0


def _by_configuration(group: GroupSnapshot, members: Sequence[MemberSnapshot]) -> _Key:
    """Not the current one first, then the one that instances were launched from earliest."""
    first: dict[str, float] = {}
    for member in members:
        first[member.launch_name] = min(member.launched_s, first.get(member.launch_name, member.launched_s))
    return lambda member: (
        not member.launch_name,
        member.launch_name == group.launch_name,
        first[member.launch_name] if member.launch_name else 0.0,
    )


def _to_next_hour_s(member: MemberSnapshot, now_s: float) -> float:
    return BILLING_HOUR_S - (now_s - member.launched_s) % BILLING_HOUR_S


def _by_allocation(group: GroupSnapshot, member: MemberSnapshot) -> int:
    """The types of lowest priority first, those that the policy does not name before them."""
    mix = group.mix
    if mix is None or (member.spot and mix.spot_strategy == LOWEST_PRICE):
        return 0
    types = mix.instance_types
    return -types.index(member.instance_type) if member.instance_type in types else -len(types)
