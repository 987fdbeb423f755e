"""How many instances the emulated zones have room for, and EC2's words when there is no more.

The limits are a setting of the emulator's world, not an API of AWS: `us-east-1a=6` (of any type),
`us-east-1a/m5.large=2`.
Source of the wording: EC2 API reference, InsufficientInstanceCapacity, as users published it.
"""

import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

ANY_TYPE = ""
_SETTING = re.compile(r"([a-z]{2}(?:-[a-z]+)+-\d[a-z])(?:/([a-z0-9-]+\.[a-z0-9-]+))?=(\d+)")


class Pool(NamedTuple):
    """A zone, or one instance type in it. instance_type: ANY_TYPE for all types together."""

    zone: str
    instance_type: str = ANY_TYPE

    def __str__(self) -> str:
        return f"{self.zone}/{self.instance_type}" if self.instance_type else self.zone


Limits = Mapping[Pool, int]


def parsed(setting: str) -> tuple[Pool, int]:
    """`zone=count` or `zone/type=count`. Raises ValueError."""
    found = _SETTING.fullmatch(setting.strip())
    if found is None:
        raise ValueError(f"{setting!r} is not ZONE=COUNT or ZONE/TYPE=COUNT, as us-east-1a=6 or us-east-1a/m5.large=2")
    return Pool(found[1], found[2] or ANY_TYPE), int(found[3])


def room(limits: Limits, occupied: Mapping[tuple[str, str], int], zone: str, instance_type: str) -> int | None:
    """How many more instances of a type fit into a zone; None: any number. Never negative."""
    left = []
    if (limit := limits.get(Pool(zone, instance_type))) is not None:
        left.append(limit - occupied.get((zone, instance_type), 0))
    if (limit := limits.get(Pool(zone))) is not None:
        left.append(limit - sum(number for (where, _), number in occupied.items() if where == zone))
    return max(0, min(left)) if left else None


def excess(limits: Limits, occupied: Mapping[tuple[str, str], int]) -> dict[Pool, int]:
    """Pools that hold more instances than there is room for, by how many."""
    held: dict[Pool, int] = {}
    for (zone, instance_type), number in occupied.items():
        for pool in (Pool(zone), Pool(zone, instance_type)):
            if pool in limits:
                held[pool] = held.get(pool, 0) + number
    return {pool: held[pool] - limits[pool] for pool in sorted(held) if held[pool] > limits[pool]}


def refusal(zone: str, instance_type: str, elsewhere: Iterable[str]) -> str:
    """EC2's message for a zone without capacity. elsewhere: the region's other zones that have some."""
    words = (
        f"We currently do not have sufficient {instance_type} capacity in the Availability Zone you requested "
        f"({zone}). Our system will be working on provisioning additional capacity."
    )
    zones = ", ".join(sorted(elsewhere))
    if zones:
        words += (
            f" You can currently get {instance_type} capacity by not specifying an Availability Zone in your request "
            f"or choosing {zones}."
        )
    return words


def refusal_anywhere(instance_type: str) -> str:
    """EC2's message when no zone was named and none has capacity."""
    return (
        f"We currently do not have sufficient {instance_type} capacity in zones with support for 'gp2' volumes. "
        "Our system will be working on provisioning additional capacity."
    )


SPOT_REFUSAL = "There is no Spot capacity available that matches your request."
START_REFUSAL = "Insufficient capacity."
