"""Which zone a new instance of an Auto Scaling group goes to.

Source: EC2 Auto Scaling user guide, "Benefits of Auto Scaling" (balancing over zones).
"""

from collections.abc import Mapping, Sequence
from enum import StrEnum

from blackstart.domain.model import Model


class PlacementReason(StrEnum):
    FEWEST_INSTANCES = "fewest-instances"
    FIRST_OF_EQUALS = "first-of-equals"


class Placement(Model):
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
        placed.append(Placement(zone=candidates[0], reason=reason))
    return tuple(placed)
