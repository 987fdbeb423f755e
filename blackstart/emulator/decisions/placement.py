"""Which zone a new instance of an Auto Scaling group goes to.

Sources: EC2 Auto Scaling user guide, "Instance distribution", "Auto Scaling group Availability Zone distribution" (the
two strategies), "Auto Scaling group zonal shift" (new capacity goes to the healthy zones).
"""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple

from blackstart.emulator.decisions.scaling_group import Distribution, GroupSnapshot


class PlacementReason(StrEnum):
    FEWEST_INSTANCES = "fewest-instances"
    FIRST_OF_EQUALS = "first-of-equals"


class Placement(NamedTuple):
    zone: str
    reason: PlacementReason


def place(zones: Sequence[str], instances: Mapping[str, int], count: int) -> tuple[Placement, ...]:
    """Zones for `count` new instances, each into the zone that has the fewest then.

    zones: as the group lists them; equals are taken in this order. instances: live ones by zone, absent means none.
    Raises ValueError when there is no zone. Differs from AWS: the choice among equal zones is not published.
    """
    if not zones:
        raise ValueError("a group needs at least one zone")
    crowd = {zone: instances.get(zone, 0) for zone in zones}
    placed = []
    for _ in range(count):
        fewest = min(crowd.values())
        candidates = [zone for zone in crowd if crowd[zone] == fewest]
        reason = PlacementReason.FEWEST_INSTANCES if len(candidates) == 1 else PlacementReason.FIRST_OF_EQUALS
        crowd[candidates[0]] += 1
        placed.append(Placement(candidates[0], reason))
    return tuple(placed)


def placements(group: GroupSnapshot, instances: Mapping[str, int], count: int) -> tuple[Placement, ...]:
    """Zones for the launches that can be tried now, at most `count`.

    Balanced best effort leaves out the zones in which launches fail; balanced only keeps their share for them, so that
    fewer than `count` are tried. No launch goes to a zone that traffic is shifted away from.
    """
    healthy = [zone for zone in group.zones if zone not in group.shifted_zones]
    able = [zone for zone in healthy if zone not in group.failed_zones]
    if not able:
        return ()
    if group.distribution is Distribution.BEST_EFFORT:
        return place(able, instances, count)
    return tuple(one for one in place(healthy, instances, count) if one.zone not in group.failed_zones)
