"""What Auto Scaling groups report to CloudWatch about themselves, once somebody has asked for it.

Source: EC2 Auto Scaling user guide, "Amazon CloudWatch metrics for Amazon EC2 Auto Scaling".
"""

from collections.abc import Callable, Iterable
from typing import Any, Protocol

from blackstart.emulator.controllers.metric_store import MetricKey, MetricStore
from blackstart.emulator.controllers.minutes import Minutes
from blackstart.emulator.decisions.group_metrics import GroupSizes, WarmPool, group_values
from blackstart.emulator.decisions.metric_statistics import of_value
from blackstart.emulator.decisions.scaling_group import GroupSnapshot, Lifecycle

NAMESPACE = "AWS/AutoScaling"


class Groups(Protocol):
    """The Auto Scaling controller, as far as it is needed. A group is moto's own object."""

    def groups(self) -> Iterable[Any]: ...
    def snapshot(self, group: Any) -> GroupSnapshot: ...


class GroupMetricSettings(Protocol):
    """moto's side. weights: capacity units by instance type, empty when the group does not use weights."""

    def enabled(self, group: Any) -> frozenset[str]:
        """The metrics whose collection is enabled."""

    def weights(self, group: Any) -> dict[str, int]: ...
    def warm_pool(self, group: Any) -> WarmPool | None: ...
    def scope(self, group: Any) -> tuple[str, str]:
        """Account and region."""


class GroupMetricsController:
    """warm: the lifecycle states of a group's instances in its warm pool, with their types."""

    def __init__(
        self,
        store: MetricStore,
        groups: Groups,
        settings: GroupMetricSettings,
        warm: Callable[[Any], Iterable[tuple[Lifecycle, str]]] = lambda _: (),
    ) -> None:
        self._store = store
        self._groups = groups
        self._settings = settings
        self._warm = warm
        self._minutes = Minutes()

    def tick(self, now_s: float) -> None:
        """One sample for each minute that has ended, of the moment at which that is noticed."""
        for minute_s in self._minutes.ended(now_s):
            for group in self._groups.groups():
                enabled = self._settings.enabled(group)
                if enabled:
                    self._report(group, enabled, minute_s)

    def _report(self, group: Any, enabled: frozenset[str], minute_s: float) -> None:
        snapshot = self._groups.snapshot(group)
        pool = self._settings.warm_pool(group)
        sizes = GroupSizes(
            minimum=snapshot.minimum,
            maximum=snapshot.maximum,
            desired=snapshot.desired,
            members=tuple((member.lifecycle, member.instance_type) for member in snapshot.members),
            warm=tuple(self._warm(group)) if pool is not None else (),
            weights=self._settings.weights(group),
        )
        scope = self._settings.scope(group)
        for name, value in group_values(sizes, pool):
            if name in enabled:
                key = MetricKey.of(scope, NAMESPACE, name, {"AutoScalingGroupName": snapshot.name})
                self._store.add(key, minute_s, of_value(float(value)))
