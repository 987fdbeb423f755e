"""Whether enough of a target group's targets are healthy.

Source: ELB user guide, "Target group health".
"""

from blackstart.emulator.snapshot import MinimumHealthy

_ROUNDING = 1e-9


def below_minimum(healthy: int, registered: int, minimum: MinimumHealthy) -> bool:
    """Whether either threshold, count or share, is missed.

    healthy, registered: targets that the decision is about: of all zones with cross-zone load balancing, else of one.
    """
    if healthy < minimum.count:
        return True
    return minimum.ratio is not None and healthy < minimum.ratio * registered - _ROUNDING
