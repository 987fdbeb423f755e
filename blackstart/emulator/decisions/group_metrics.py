"""The metrics of an Auto Scaling group, from its settings and the lifecycle states of its instances.

Source: EC2 Auto Scaling user guide, "Amazon CloudWatch metrics for Amazon EC2 Auto Scaling"; the names that can be
enabled: API reference, EnableMetricsCollection.
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from blackstart.emulator.decisions.scaling_group import COMING, LEAVING, OUT_FOR_A_WHILE, Lifecycle

METRICS = (
    "GroupMinSize",
    "GroupMaxSize",
    "GroupDesiredCapacity",
    "GroupInServiceInstances",
    "GroupPendingInstances",
    "GroupStandbyInstances",
    "GroupTerminatingInstances",
    "GroupTotalInstances",
    "GroupInServiceCapacity",
    "GroupPendingCapacity",
    "GroupStandbyCapacity",
    "GroupTerminatingCapacity",
    "GroupTotalCapacity",
    "WarmPoolDesiredCapacity",
    "WarmPoolWarmedCapacity",
    "WarmPoolPendingCapacity",
    "WarmPoolTerminatingCapacity",
    "WarmPoolTotalCapacity",
    "GroupAndWarmPoolDesiredCapacity",
    "GroupAndWarmPoolTotalCapacity",
)
_WARM_PENDING = frozenset({Lifecycle.WARMED_PENDING, Lifecycle.WARMED_PENDING_WAIT, Lifecycle.WARMED_PENDING_PROCEED})
_WARM_READY = frozenset({Lifecycle.WARMED_RUNNING, Lifecycle.WARMED_STOPPED, Lifecycle.WARMED_HIBERNATED})


class GroupSizes(NamedTuple):
    """members, warm: the lifecycle state and type of each instance in the group, and in its warm pool. weights:
    capacity units by instance type; a type that is not in it counts one.
    """

    minimum: int
    maximum: int
    desired: int
    members: tuple[tuple[Lifecycle, str], ...] = ()
    warm: tuple[tuple[Lifecycle, str], ...] = ()
    weights: Mapping[str, int] = {}


class WarmPool(NamedTuple):
    """A warm pool's settings. max_prepared: MaxGroupPreparedCapacity, None when it is not set."""

    minimum: int
    max_prepared: int | None


def group_values(sizes: GroupSizes, pool: WarmPool | None) -> Iterator[tuple[str, int]]:
    """Every metric and its value; those of the warm pool only where there is one.

    The total is what is in service, pending and terminating, in the guide's words: not what is in standby.
    """
    yield "GroupMinSize", sizes.minimum
    yield "GroupMaxSize", sizes.maximum
    yield "GroupDesiredCapacity", sizes.desired
    counted = (
        ("InService", frozenset({Lifecycle.IN_SERVICE})),
        ("Pending", COMING),
        ("Standby", OUT_FOR_A_WHILE),
        ("Terminating", LEAVING),
        ("Total", frozenset({Lifecycle.IN_SERVICE}) | COMING | LEAVING),
    )
    total = 0
    for name, states in counted:
        found = [instance_type for lifecycle, instance_type in sizes.members if lifecycle in states]
        total = sum(sizes.weights.get(instance_type, 1) for instance_type in found)
        yield f"Group{name}Instances", len(found)
        yield f"Group{name}Capacity", total
    if pool is not None:
        yield from _of_warm_pool(sizes, pool, total)


def _of_warm_pool(sizes: GroupSizes, pool: WarmPool, group_total: int) -> Iterator[tuple[str, int]]:
    prepared = sizes.maximum if pool.max_prepared is None else pool.max_prepared
    desired = max(pool.minimum, prepared - sizes.desired)
    total = _capacity(sizes, frozenset(Lifecycle))
    yield "WarmPoolDesiredCapacity", desired
    yield "WarmPoolPendingCapacity", _capacity(sizes, _WARM_PENDING)
    yield "WarmPoolTerminatingCapacity", _capacity(sizes, LEAVING)
    yield "WarmPoolWarmedCapacity", _capacity(sizes, _WARM_READY)
    yield "WarmPoolTotalCapacity", total
    yield "GroupAndWarmPoolDesiredCapacity", sizes.desired + desired
    yield "GroupAndWarmPoolTotalCapacity", group_total + total


def _capacity(sizes: GroupSizes, states: frozenset[Lifecycle]) -> int:
    return sum(sizes.weights.get(instance_type, 1) for lifecycle, instance_type in sizes.warm if lifecycle in states)
