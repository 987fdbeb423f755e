"""What EC2 instances report to CloudWatch, from given facts, measurements and traffic."""

from types import SimpleNamespace
from typing import Any

import pytest

from blackstart.emulator.controllers.instance_facts import InstanceFact
from blackstart.emulator.controllers.instance_metrics import InstanceMetricsController
from blackstart.emulator.controllers.metric_store import MetricKey, MetricStore
from blackstart.emulator.decisions.instance_lifecycle import InstanceState
from blackstart.emulator.decisions.metric_statistics import Aggregate
from blackstart.emulator.decisions.scaling_group import GroupSnapshot, Lifecycle, MemberSnapshot
from blackstart.emulator.decisions.status_checks import CheckStatus, StatusCheck
from blackstart.emulator.protocol import TargetBytes, TargetTraffic

NOW_S = 1_800_000_000.0
"""A whole minute, and the beginning of five of them."""
SPEED = 10.0


class World:
    """Instances of two vCPUs; a wall second is ten virtual ones."""

    def __init__(self) -> None:
        self.store = MetricStore()
        self.facts: dict[str, InstanceFact] = {}
        self.group = GroupSnapshot(name="web", desired=1, zones=("us-east-1a",))
        self.metrics = InstanceMetricsController(
            self.store, lambda: self.facts, self, SPEED, lambda kind: {"t3.micro": 2, "t3.xlarge": 4}[kind]
        )
        self.metrics.tick(NOW_S)

    def groups(self) -> list[Any]:
        return [SimpleNamespace(name="web")]

    def snapshot(self, _group: Any) -> GroupSnapshot:
        return self.group

    def launch(self, name: str, detailed: bool = True, **changes: Any) -> None:
        fact = InstanceFact(
            instance_id=name,
            state=InstanceState.RUNNING,
            since_s=NOW_S - 3600,
            zone="us-east-1a",
            private_ip=f"10.0.0.{len(self.facts) + 1}",
            address="127.0.0.9",
            image_id="ami-1",
            instance_type="t3.micro",
            account="123456789012",
            region="us-east-1",
            detailed_monitoring=detailed,
            instance_check=StatusCheck(CheckStatus.OK, NOW_S),
            system_check=StatusCheck(CheckStatus.OK, NOW_S),
        )
        self.facts[name] = fact._replace(**changes)

    def join(self, name: str, lifecycle: Lifecycle = Lifecycle.IN_SERVICE, in_service_s: float | None = 0.0) -> None:
        member = MemberSnapshot(name, "us-east-1a", lifecycle, "running", in_service_s=in_service_s)
        self.group = self.group._replace(members=(*self.group.members, member))

    def use(self, *measurements: tuple[float, dict[str, float]]) -> None:
        for after_s, so_far in measurements:
            self.metrics.on_usage(so_far, NOW_S + after_s)

    def minute(self, name: str, start_s: float = NOW_S, **dimensions: str) -> Aggregate | None:
        key = MetricKey.of(("123456789012", "us-east-1"), "AWS/EC2", name, dimensions)
        return self.store.aggregate(key, start_s, start_s + 60)

    def names(self) -> set[str]:
        return {key.name for key in self.store.keys("123456789012", "us-east-1")}


@pytest.fixture
def world() -> World:
    return World()


def test_cpu_utilisation_is_the_share_of_the_types_vcpus_in_wall_time_and_not_multiplied_by_the_speed(world):
    """A virtual minute lasts 6 s, in which two vCPUs give 12 CPU seconds."""
    world.launch("i-1")
    world.use((0, {"i-1": 5.0}), (60, {"i-1": 8.0}))
    assert world.minute("CPUUtilization", InstanceId="i-1") == (1.0, 25.0, 25.0, 25.0, 1.0, None)


def test_a_type_with_more_vcpus_is_utilised_less(world):
    world.launch("i-1", instance_type="t3.xlarge")
    world.use((0, {"i-1": 5.0}), (60, {"i-1": 8.0}))
    assert world.minute("CPUUtilization", InstanceId="i-1").total == 12.5


def test_utilisation_is_never_more_than_all_of_it(world):
    world.launch("i-1")
    world.use((0, {}), (60, {"i-1": 99.0}))
    assert world.minute("CPUUtilization", InstanceId="i-1").maximum == 100.0


def test_a_running_instance_without_processes_is_idle_and_others_are_silent(world):
    world.launch("i-idle")
    for state in (InstanceState.PENDING, InstanceState.STOPPED, InstanceState.STOPPING, InstanceState.TERMINATED):
        world.launch(f"i-{state}", state=state)
    world.use((0, {}), (60, {"i-stopped": 3.0}))
    world.metrics.tick(NOW_S + 70)
    assert world.minute("CPUUtilization", InstanceId="i-idle").total == 0.0
    assert {dict(key.dimensions).get("InstanceId") for key in world.store.keys("123456789012", "us-east-1")} <= {
        "i-idle",
        None,
    }


def test_without_measurements_there_is_no_utilisation(world):
    world.launch("i-1")
    world.metrics.tick(NOW_S + 600)
    assert "CPUUtilization" not in world.names()


def test_a_started_instances_first_minute_is_the_part_of_it_that_it_ran(world):
    world.launch("i-1", since_s=NOW_S + 30)
    world.use((0, {}), (60, {"i-1": 3.0}))
    assert world.minute("CPUUtilization", InstanceId="i-1").total == pytest.approx(50.0)


def test_basic_monitoring_gives_a_point_each_five_minutes_that_grows_with_each_sample(world):
    """CloudWatch guide: the statistic set of five samples, its time stamp the beginning of the interval."""
    world.launch("i-1", detailed=False)
    world.use((0, {"i-1": 0.0}))
    for minute in range(1, 6):
        world.use((60 * minute, {"i-1": 1.2 * minute * minute}))
        assert world.minute("CPUUtilization", InstanceId="i-1").count == minute
    point = world.minute("CPUUtilization", InstanceId="i-1")
    assert (point.minimum, point.maximum) == (pytest.approx(10.0), pytest.approx(90.0))
    assert point.total / point.count == pytest.approx(50.0)
    for minute in range(1, 5):
        assert world.minute("CPUUtilization", NOW_S + 60 * minute, InstanceId="i-1") is None


def test_detailed_monitoring_gives_a_point_each_minute_and_aggregates(world):
    world.launch("i-1")
    world.launch("i-2")
    world.launch("i-basic", detailed=False)
    world.use((0, {}), (60, {"i-1": 1.2, "i-2": 3.6, "i-basic": 12.0}))
    for dimensions in ({"ImageId": "ami-1"}, {"InstanceType": "t3.micro"}, {}):
        together = world.minute("CPUUtilization", **dimensions)
        assert (together.count, together.minimum, together.maximum) == (2.0, pytest.approx(10.0), pytest.approx(30.0))


def test_a_groups_metric_is_over_its_members_in_service_whatever_their_monitoring(world):
    for name, lifecycle in (
        ("i-1", Lifecycle.IN_SERVICE),
        ("i-2", Lifecycle.IN_SERVICE),
        ("i-standby", Lifecycle.STANDBY),
        ("i-leaving", Lifecycle.TERMINATING_WAIT),
    ):
        world.launch(name, detailed=False)
        world.join(name, lifecycle)
    world.launch("i-stranger")
    world.launch("i-coming")
    world.join("i-coming", Lifecycle.PENDING_WAIT, None)
    world.use((0, {}), (60, {"i-1": 1.2, "i-2": 3.6, "i-standby": 12.0, "i-leaving": 12.0, "i-stranger": 12.0}))
    together = world.minute("CPUUtilization", AutoScalingGroupName="web")
    assert (together.count, together.total) == (2.0, pytest.approx(40.0))


def test_a_member_that_warms_up_does_not_count_in_its_groups_metric(world):
    world.launch("i-old")
    world.launch("i-new")
    world.group = world.group._replace(warm_up_s=300.0)
    world.join("i-old", in_service_s=NOW_S - 300)
    world.join("i-new", in_service_s=NOW_S - 200)
    world.use((0, {}), (60, {"i-old": 6.0, "i-new": 12.0}))
    assert world.minute("CPUUtilization", AutoScalingGroupName="web").count == 1.0
    world.use((120, {"i-old": 12.0, "i-new": 24.0}))
    assert world.minute("CPUUtilization", NOW_S + 60, AutoScalingGroupName="web").count == 2.0
    assert world.minute("CPUUtilization", InstanceId="i-new").total == 100.0


# --- status checks


@pytest.mark.parametrize(
    ("instance", "system", "failed"),
    [("ok", "ok", (0, 0, 0)), ("impaired", "ok", (1, 1, 0)), ("impaired", "impaired", (1, 1, 1))],
)
def test_status_checks_are_reported_each_minute_with_basic_monitoring_too(world, instance, system, failed):
    world.launch(
        "i-1",
        detailed=False,
        instance_check=StatusCheck(CheckStatus(instance), NOW_S),
        system_check=StatusCheck(CheckStatus(system), NOW_S),
    )
    world.join("i-1")
    world.metrics.tick(NOW_S + 60)
    world.metrics.tick(NOW_S + 120)
    for start_s in (NOW_S, NOW_S + 60):
        found = [
            world.minute(f"StatusCheckFailed{which}", start_s, InstanceId="i-1").total
            for which in ("", "_Instance", "_System")
        ]
        assert found == list(failed)
    assert world.minute("StatusCheckFailed", AutoScalingGroupName="web").total == failed[0]


def test_an_instance_whose_checks_initialise_reports_none(world):
    checking = StatusCheck(CheckStatus.INITIALIZING, NOW_S)
    world.launch("i-1", instance_check=checking, system_check=checking)
    world.metrics.tick(NOW_S + 600)
    assert not any(name.startswith("StatusCheck") for name in world.names())


def test_a_stopped_instance_reports_no_checks(world):
    world.launch("i-1", state=InstanceState.STOPPED)
    world.metrics.tick(NOW_S + 600)
    assert world.names() == set()


# --- network


def carried(at_s: float, **targets: tuple[int, int]) -> TargetTraffic:
    return TargetTraffic(
        time_s=NOW_S + at_s,
        targets=tuple(TargetBytes("tg", name.replace("_", "-"), *sizes) for name, sizes in targets.items()),
    )


def test_bytes_of_a_minute_are_one_sample_multiplied_by_the_speed(world):
    world.launch("i-1")
    world.metrics.on_target_traffic(carried(10.1, i_1=(100, 1000)))
    world.metrics.on_target_traffic(carried(60.2, i_1=(20, 200)))
    world.metrics.on_target_traffic(carried(70.2, i_1=(7, 7)))
    world.metrics.tick(NOW_S + 64)
    assert world.minute("NetworkIn", InstanceId="i-1") is None, "the minute's last bucket may be on its way"
    world.metrics.tick(NOW_S + 66)
    assert world.minute("NetworkIn", InstanceId="i-1") == (1.0, 1200.0, 1200.0, 1200.0, 1.0, None)
    assert world.minute("NetworkOut", InstanceId="i-1").maximum == 12000.0


def test_targets_registered_by_address_count_for_the_instance_that_has_it(world):
    world.launch("i-1")
    world.metrics.on_target_traffic(
        TargetTraffic(time_s=NOW_S + 10, targets=(TargetBytes("tg", "10.0.0.1", 5, 6), TargetBytes("tg", "i-1", 1, 1)))
    )
    world.metrics.tick(NOW_S + 66)
    assert world.minute("NetworkIn", InstanceId="i-1").total == 60.0


def test_a_running_instance_that_gets_nothing_reports_zero_bytes_and_a_stopped_one_nothing(world):
    world.launch("i-1")
    world.launch("i-2", state=InstanceState.STOPPED)
    world.metrics.on_target_traffic(carried(10, i_2=(5, 5)))
    world.metrics.tick(NOW_S + 66)
    assert world.minute("NetworkIn", InstanceId="i-1").total == 0.0
    assert world.minute("NetworkIn", InstanceId="i-2") is None


def test_a_late_tick_reports_every_minute_once(world):
    world.launch("i-1")
    world.metrics.tick(NOW_S + 300)
    counts = [world.minute("NetworkIn", NOW_S + 60 * minute, InstanceId="i-1") for minute in range(5)]
    assert [None if found is None else found.count for found in counts] == [1.0, 1.0, 1.0, 1.0, None]
