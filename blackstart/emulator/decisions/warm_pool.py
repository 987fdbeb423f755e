"""How large a group's warm pool is, what is launched into it and taken out of it, and which instance leaves it first.

Source: EC2 Auto Scaling user guide, "Decrease latency for applications with long boot times using warm pools"; API
reference, PutWarmPool.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple

from blackstart.emulator.decisions.instance_lifecycle import InstanceState
from blackstart.emulator.decisions.scaling_group import LEAVING, Lifecycle


class PoolState(StrEnum):
    STOPPED = "Stopped"
    RUNNING = "Running"
    HIBERNATED = "Hibernated"


class PoolSettings(NamedTuple):
    """max_prepared: MaxGroupPreparedCapacity, None for the group's maximum size. reuse: ReuseOnScaleIn."""

    minimum: int = 0
    max_prepared: int | None = None
    state: PoolState = PoolState.STOPPED
    reuse: bool = False


class PoolMember(NamedTuple):
    """An instance of the warm pool. template_version: as it was launched."""

    instance_id: str
    zone: str
    lifecycle: Lifecycle
    ec2_state: InstanceState
    launched_s: float
    template_version: int = 1


class PoolDecision(NamedTuple):
    """launch: a zone for each new instance; terminate: surplus; broken: those that are to be replaced."""

    launch: tuple[str, ...] = ()
    terminate: tuple[str, ...] = ()
    broken: tuple[str, ...] = ()


KEPT = {
    PoolState.STOPPED: Lifecycle.WARMED_STOPPED,
    PoolState.RUNNING: Lifecycle.WARMED_RUNNING,
    PoolState.HIBERNATED: Lifecycle.WARMED_HIBERNATED,
}
READY = frozenset(KEPT.values())
LOST = frozenset({InstanceState.SHUTTING_DOWN, InstanceState.TERMINATED})
UNSTARTABLE = LOST | {InstanceState.STOPPING}
RUNNING_ONLY = frozenset({Lifecycle.WARMED_RUNNING, Lifecycle.WARMED_PENDING, Lifecycle.WARMED_PENDING_WAIT})
"""States of the pool in which nobody but a user stops an instance."""


def pool_size(settings: PoolSettings, maximum: int, desired: int) -> int:
    """How many instances the pool holds: what is prepared beyond the desired capacity, at least its minimum size."""
    prepared = maximum if settings.max_prepared is None else settings.max_prepared
    return max(settings.minimum, prepared - desired, 0)


def decide_pool(
    size: int, members: Sequence[PoolMember], zones: Sequence[str], crowd: Mapping[str, int]
) -> PoolDecision:
    """Replace what is lost, fill the pool up to its size or empty it down to it.

    crowd: the group's own instances by zone; launches keep group and pool together balanced. Surplus goes by the
    default termination policy: the zone with most first, there the oldest template version, the oldest launch.
    """
    staying = [m for m in members if m.lifecycle not in LEAVING]
    broken = tuple(m.instance_id for m in staying if _broken(m))
    whole = [m for m in staying if m.instance_id not in broken]
    if len(whole) > size:
        return PoolDecision(terminate=tuple(_surplus(whole, len(whole) - size)), broken=broken)
    if not zones:
        return PoolDecision(broken=broken)
    count = Counter({zone: crowd.get(zone, 0) for zone in zones})
    count.update(m.zone for m in whole if m.zone in count)
    launch = []
    for _ in range(size - len(whole)):
        zone = min(zones, key=lambda name: count[name])
        count[zone] += 1
        launch.append(zone)
    return PoolDecision(launch=tuple(launch), broken=broken)


def first_to_leave(members: Iterable[PoolMember], zone: str, crowd: Mapping[str, int]) -> str | None:
    """The instance that a scale-out takes: of the wanted zone, else of the zone where the group has fewest.

    Differs from AWS: which instance leaves the pool first is not published; here the one launched first.
    """
    ready = [m for m in members if m.lifecycle in READY and m.ec2_state not in UNSTARTABLE]
    if not ready:
        return None
    chosen = min(ready, key=lambda m: (m.zone != zone, crowd.get(m.zone, 0), m.launched_s, m.instance_id))
    return chosen.instance_id


def _broken(member: PoolMember) -> bool:
    """Gone, or stopped by somebody else than the pool."""
    stopped = member.ec2_state in (InstanceState.STOPPING, InstanceState.STOPPED)
    return member.ec2_state in LOST or (stopped and member.lifecycle in RUNNING_ONLY)


def _surplus(members: Sequence[PoolMember], count: int) -> list[str]:
    left, crowd, chosen = list(members), Counter(m.zone for m in members), []
    for _ in range(count):
        member = min(left, key=lambda m: (-crowd[m.zone], m.template_version, m.launched_s, m.instance_id))
        left.remove(member)
        crowd[member.zone] -= 1
        chosen.append(member.instance_id)
    return chosen
