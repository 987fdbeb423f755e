"""What a mixed instances group launches next: on demand or spot, and which instance types in which order.

Source: EC2 Auto Scaling user guide, "Auto Scaling groups with multiple instance types and purchase options".
Differs from AWS: there are no prices and no spot capacity data, so every strategy but lowest-price for spot takes the
overrides in their order, and lowest-price spreads over the first `spot_pools` of them. Each instance counts as one.
"""

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from blackstart.emulator.decisions.scaling_group import MemberSnapshot, Mix

LOWEST_PRICE = "lowest-price"


class Pool(NamedTuple):
    """An instance type, on demand or spot. instance_type: "" takes the launch template's."""

    instance_type: str
    spot: bool


def on_demand_target(mix: Mix, total: int) -> int:
    """How many of `total` instances are on demand: the base, and the percentage above it rounded up."""
    base = min(total, mix.on_demand_base)
    return base + -((base - total) * mix.on_demand_percent // 100)


def pools(mix: Mix, members: Iterable[MemberSnapshot], zone: str) -> tuple[Pool, ...]:
    """The pools to try for the next instance in a zone, in their order. members: those that count."""
    counted = list(members)
    on_demand = sum(not member.spot for member in counted)
    spot = on_demand >= on_demand_target(mix, len(counted) + 1)
    types = list(mix.instance_types or ("",))
    if spot and mix.spot_strategy == LOWEST_PRICE:
        first = types[: max(1, mix.spot_pools)]
        used = Counter(member.instance_type for member in counted if member.spot and member.zone == zone)
        types = [*sorted(first, key=lambda one: used[one]), *types[len(first) :]]
    return tuple(Pool(instance_type, spot) for instance_type in types)
