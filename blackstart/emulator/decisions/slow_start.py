"""Slow start: a target that has just become healthy gets a share that grows with time.

                     healthy, and another target serves in full
     waiting -------------------------------------------------> warming ----> full
        |                                                          |  (time)   |
        |  healthy, but not entitled or nobody serves in full      |           |
        +------------------------------------------------------------------->  |
        ^                                                          |           |
        +------------------------- unhealthy ----------------------+-----------+

Source: ELB user guide, "Edit target group attributes" (slow start mode).
"""

from collections.abc import Hashable, Mapping
from typing import NamedTuple, TypeVar

Key = TypeVar("Key", bound=Hashable)

FIRST_SHARE_RATIO = 0.01


class Waiting(NamedTuple):
    """Not healthy yet. entitled: whether it is to warm up: it was registered while another served in full."""

    entitled: bool


class Warming(NamedTuple):
    since_s: float


class Full(NamedTuple):
    """Gets its full share."""


Phase = Waiting | Warming | Full


def next_phases(
    before: Mapping[Key, Phase] | None, healthy: Mapping[Key, bool], now_s: float, duration_s: float
) -> dict[Key, Phase]:
    """Where each registered target stands.

    before: of the last time; None when slow start has just been switched on, so that healthy targets serve in full.
    healthy: every registration, and whether a node finds it healthy. Call it at every change of these.
    """
    aged = {key: _aged(phase, now_s, duration_s) for key, phase in (before or {}).items()}
    served = any(isinstance(aged.get(key), Full) and well for key, well in healthy.items())
    if before is None:
        served = any(healthy.values())
        aged = {key: Full() if well else Waiting(entitled=served) for key, well in healthy.items()}
    return {key: _next(aged.get(key), well, served, now_s) for key, well in healthy.items()}


def share_ratio(phase: Phase, now_s: float, duration_s: float) -> float:
    """A target's share against one that serves in full: it grows linearly from next to nothing (how far from nothing
    it starts is not published)."""
    if not isinstance(phase, Warming):
        return 1.0
    return min(1.0, max(FIRST_SHARE_RATIO, (now_s - phase.since_s) / duration_s))


def _next(phase: Phase | None, healthy: bool, served: bool, now_s: float) -> Phase:
    if phase is None:
        phase = Waiting(entitled=served)
    if not healthy:
        return phase if isinstance(phase, Waiting) else Waiting(entitled=True)
    if isinstance(phase, Waiting):
        return Warming(now_s) if phase.entitled and served else Full()
    return phase


def _aged(phase: Phase, now_s: float, duration_s: float) -> Phase:
    return Full() if isinstance(phase, Warming) and now_s - phase.since_s >= duration_s else phase
