"""What EC2 instances report to CloudWatch: CPU time of their real processes, traffic of the load balancers, checks.

Source: EC2 user guide, "CloudWatch metrics that are available for your instances"; CloudWatch user guide, "Amazon EC2
Metrics and Dimensions" (five samples in a basic point, published as they are taken).
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Protocol

from blackstart.emulator.controllers.instance_facts import InstanceFact
from blackstart.emulator.controllers.metric_store import MetricKey, MetricStore
from blackstart.emulator.controllers.minutes import Minutes
from blackstart.emulator.decisions.cpu_time import CpuTime
from blackstart.emulator.decisions.instance_lifecycle import InstanceState
from blackstart.emulator.decisions.metric_statistics import Aggregate, of_value
from blackstart.emulator.decisions.scaling_group import GroupSnapshot, Lifecycle
from blackstart.emulator.decisions.status_checks import CheckStatus
from blackstart.emulator.protocol import COUNTER_BUCKET_S, TargetTraffic

NAMESPACE = "AWS/EC2"
BASIC_PERIOD_S = 300
_JUDGED = frozenset({CheckStatus.OK, CheckStatus.IMPAIRED})

Scope = tuple[str, str]
"""Account and region."""


class Groups(Protocol):
    """The Auto Scaling controller, as far as it is needed. A group is moto's own object."""

    def groups(self) -> Iterable[Any]: ...
    def snapshot(self, group: Any) -> GroupSnapshot: ...


class InstanceMetricsController:
    """speed: what bytes are multiplied by; a CPU's utilisation is a gauge and is not. vcpus: of an instance type.
    warm_up_s: how long a group's new instances stay out of its aggregated metrics, beside DefaultInstanceWarmup.
    """

    def __init__(
        self,
        store: MetricStore,
        facts: Callable[[], Mapping[str, InstanceFact]],
        groups: Groups,
        speed: float,
        vcpus: Callable[[str], int],
        warm_up_s: Callable[[Any], float] = lambda _: 0.0,
    ) -> None:
        self._store = store
        self._facts = facts
        self._groups = groups
        self._speed = speed
        self._vcpus = vcpus
        self._warm_up_s = warm_up_s
        self._minutes = Minutes()
        self._cpu = CpuTime()
        self._bytes: dict[float, dict[str, tuple[int, int]]] = {}
        self._unfiled: list[float] = []
        self._latest_s = max(COUNTER_BUCKET_S / 2, speed / 2)  # half a wall second, when that is longer
        self._keys: dict[tuple[str, str], MetricKey] = {}
        self._named_s = -1.0
        self._named: dict[str, str] = {}

    def on_usage(self, cpu_real_s: Mapping[str, float], at_s: float) -> None:
        """The instances' CPU seconds so far, by instance id, measured at a virtual time. One without any is left out.

        A minute's utilisation is filed at the first measurement after its end.
        """
        for end_s, used_real_s in self._cpu.measured(cpu_real_s, at_s):
            percent = {}
            for fact in self._running(end_s):
                lasted_s = min(60.0, end_s - fact.since_s, end_s - self._cpu.began_s)
                if lasted_s > 0:
                    of_all = used_real_s.get(fact.instance_id, 0.0) * self._speed / lasted_s
                    percent[fact.instance_id] = min(100.0, 100 * of_all / self._vcpus(fact.instance_type))
            self._file("CPUUtilization", "Percent", percent, end_s - 60)

    def on_target_traffic(self, message: TargetTraffic) -> None:
        """Bytes between the load balancers and their targets, reported when a bucket has closed."""
        minute_s = (message.time_s - COUNTER_BUCKET_S / 2) // 60 * 60
        of_minute = self._bytes.setdefault(minute_s, {})
        for target in message.targets:
            received, sent = of_minute.get(target.target_id, (0, 0))
            of_minute[target.target_id] = (received + target.sent, sent + target.received)

    def tick(self, now_s: float) -> None:
        for minute_s in self._minutes.ended(now_s):
            self._unfiled.append(minute_s)
            self._file_checks(minute_s)
            self._forget_terminated()
        while self._unfiled and now_s >= self._unfiled[0] + 60 + self._latest_s:
            self._file_network(self._unfiled.pop(0))

    def _running(self, before_s: float) -> Iterator[InstanceFact]:
        for fact in self._facts().values():
            if fact.state is InstanceState.RUNNING and fact.since_s < before_s:
                yield fact

    def _file_network(self, minute_s: float) -> None:
        """On AWS a sample is the count of its minute, so the value itself is multiplied, and not how often it came."""
        carried = self._bytes.pop(minute_s, {})
        for late in [start_s for start_s in self._bytes if start_s < minute_s]:
            del self._bytes[late]
        received, sent = {}, {}
        for fact in self._running(minute_s + 60):
            by_id, by_address = carried.get(fact.instance_id, (0, 0)), carried.get(fact.private_ip, (0, 0))
            received[fact.instance_id] = (by_id[0] + by_address[0]) * self._speed
            sent[fact.instance_id] = (by_id[1] + by_address[1]) * self._speed
        self._file("NetworkIn", "Bytes", received, minute_s)
        self._file("NetworkOut", "Bytes", sent, minute_s)

    def _file_checks(self, minute_s: float) -> None:
        """Each minute whatever the monitoring, once a check has come to a result."""
        failed: dict[str, dict[str, float]] = {"": {}, "_Instance": {}, "_System": {}}
        for fact in self._running(minute_s + 60):
            if fact.instance_check.status in _JUDGED and fact.system_check.status in _JUDGED:
                instance = float(fact.instance_check.status is CheckStatus.IMPAIRED)
                system = float(fact.system_check.status is CheckStatus.IMPAIRED)
                failed["_Instance"][fact.instance_id] = instance
                failed["_System"][fact.instance_id] = system
                failed[""][fact.instance_id] = max(instance, system)
        for which, values in failed.items():
            self._file(f"StatusCheckFailed{which}", "Count", values, minute_s, each_minute=True)

    def _file(
        self, name: str, unit: str, values: Mapping[str, float], minute_s: float, each_minute: bool = False
    ) -> None:
        """One sample of each instance, by itself and together with others under the dimensions that they share.

        each_minute: a point each minute, which is not aggregated by image and type, whatever the monitoring.
        """
        if not values:
            return
        if self._named_s != minute_s:
            self._named_s, self._named = minute_s, self._group_names(minute_s + 60)
        facts, groups = self._facts(), self._named
        shared: dict[tuple[Scope, str, str, float], list[float]] = {}
        for instance_id, value in values.items():
            fact = facts[instance_id]
            scope: Scope = (fact.account, fact.region)
            time_s = (
                minute_s if each_minute or fact.detailed_monitoring else minute_s // BASIC_PERIOD_S * BASIC_PERIOD_S
            )
            self._store.add(self._key(scope, instance_id, name), time_s, of_value(value), unit)
            if instance_id in groups:
                shared.setdefault((scope, "AutoScalingGroupName", groups[instance_id], time_s), []).append(value)
            if fact.detailed_monitoring and not each_minute:
                for dimension, of in (("ImageId", fact.image_id), ("InstanceType", fact.instance_type), ("", "")):
                    shared.setdefault((scope, dimension, of, time_s), []).append(value)
        for (scope, dimension, of, time_s), together in shared.items():
            key = MetricKey.of(scope, NAMESPACE, name, {dimension: of} if dimension else {})
            self._store.add(key, time_s, _of_values(together), unit)

    def _group_names(self, now_s: float) -> dict[str, str]:
        """By instance id, the group whose aggregated metrics it counts in: it is in service and has warmed up."""
        found = {}
        for group in self._groups.groups():
            snapshot = self._groups.snapshot(group)
            warm_up_s = max(snapshot.warm_up_s, self._warm_up_s(group))
            for member in snapshot.members:
                in_service_s = member.in_service_s
                warm = in_service_s is not None and now_s >= in_service_s + warm_up_s
                if warm and member.lifecycle is Lifecycle.IN_SERVICE:
                    found[member.instance_id] = snapshot.name
        return found

    def _key(self, scope: Scope, instance_id: str, name: str) -> MetricKey:
        key = self._keys.get((instance_id, name))
        if key is None:
            key = self._keys[instance_id, name] = MetricKey.of(scope, NAMESPACE, name, {"InstanceId": instance_id})
        return key

    def _forget_terminated(self) -> None:
        facts = self._facts()
        for known in [key for key in self._keys if key[0] not in facts]:
            del self._keys[known]


def _of_values(values: list[float]) -> Aggregate:
    """At least one value, each seen once or more."""
    lowest, highest, count = min(values), max(values), float(len(values))
    return Aggregate(count, sum(values), lowest, highest, count, Counter(values) if lowest != highest else None)
