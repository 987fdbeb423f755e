"""The room that the emulated zones have for instances: a setting of the world, changed while the emulator runs."""

from collections.abc import Callable, Mapping

from blackstart.emulator.decisions.ec2_capacity import Limits, Pool, room


class Ec2Capacity:
    """occupied: the instances that take up room, by zone and type."""

    def __init__(self, limits: Limits, occupied: Callable[[], Mapping[tuple[str, str], int]]) -> None:
        self._limits = dict(limits)
        self._occupied = occupied

    @property
    def limits(self) -> Limits:
        return self._limits

    def room(self, zone: str, instance_type: str) -> int | None:
        """How many more instances of a type fit into a zone; None: any number."""
        return room(self._limits, self._occupied(), zone, instance_type) if self._limits else None

    def change(self, limits: Mapping[Pool, int | None]) -> None:
        """Set some limits; None takes one away. What runs goes on running."""
        for pool, number in limits.items():
            if number is None:
                self._limits.pop(pool, None)
            else:
                self._limits[pool] = number
