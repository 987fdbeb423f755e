"""Every target state with AWS's reason code and description, as describe_target_health would say it.

Sources: ELB user guide "Health checks for Application Load Balancer target groups" (target health status, reason
codes), "Target groups for your Application Load Balancers" (deregistration delay), "Zonal shift for your Application
Load Balancer" (administrative override); elbv2 API reference, TargetHealth. The load balancer's nodes are played.
"""

from typing import Any

import pytest

from blackstart.domain.target_health import HealthCheck, TargetReason, TargetState
from blackstart.emulator.controllers.ec2_lifecycle import InstanceFact
from blackstart.emulator.controllers.health_registry import HealthRegistry
from blackstart.emulator.controllers.load_balancer_facts import LoadBalancerFacts, TargetGroupFacts
from blackstart.emulator.controllers.load_balancing import LoadBalancingController
from blackstart.emulator.controllers.target_book import TargetBook
from blackstart.emulator.decisions.instance_lifecycle import InstanceState
from blackstart.emulator.decisions.target_health import (
    ProbeOutcome,
    ProbeResult,
    TargetHealth,
    first_health,
    next_health,
)
from blackstart.emulator.parameters import Parameters
from blackstart.emulator.protocol import HealthChanged
from blackstart.emulator.snapshot import (
    Forward,
    ListenerSnapshot,
    LoadBalancerSnapshot,
    MinimumHealthy,
    Reach,
    Snapshot,
    TargetGroupSnapshot,
)

ZONES = ("us-east-1a", "us-east-1b")
BALANCER, GROUP = "arn:lb", "arn:tg"
CHECK = HealthCheck(unhealthy_threshold=2)


class Declared:
    """A load balancer over two zones and one target group, instead of moto."""

    def __init__(self) -> None:
        self.zones = ZONES
        self.uses = frozenset({GROUP})
        self.by_address = False
        self.group = TargetGroupSnapshot(arn=GROUP, metric_name="tg", health_check=CHECK)

    def load_balancers(self) -> tuple[LoadBalancerFacts, ...]:
        listener = ListenerSnapshot(arn="arn:l", port=80, action=Forward.to(GROUP))
        declared = LoadBalancerSnapshot(arn=BALANCER, metric_name="lb", dns_name="lb", nodes=(), listeners=(listener,))
        return (LoadBalancerFacts(declared=declared, zones=self.zones, uses=self.uses),)

    def target_groups(self) -> tuple[TargetGroupFacts, ...]:
        return (TargetGroupFacts(declared=self.group, port=80, by_address=self.by_address),)

    def zone_of_address(self, target_group_arn: str, address: str) -> str | None:
        del target_group_arn
        return {"10.0.0.9": ZONES[0], "10.0.2.9": "us-east-1c"}.get(address)


class Wall:
    """A network that stops what it is told to."""

    def __init__(self) -> None:
        self.targets: dict[tuple[str, int], Reach] = {}
        self.listeners: dict[str, Reach] = {}

    def changed(self, target: str) -> int:
        return hash(frozenset(self.targets.items()))

    def target_reach(self, load_balancer_arn: str, node_zone: str, target: str, port: int) -> Reach:
        del load_balancer_arn, target
        return self.targets.get((node_zone, port), Reach.OPEN)

    def listener_reach(self, load_balancer_arn: str, zone: str, port: int) -> Reach:
        del load_balancer_arn, port
        return self.listeners.get(zone, Reach.OPEN)


class House:
    """The controller with everything around it played."""

    def __init__(self) -> None:
        self.declared, self.book, self.registry, self.wall = Declared(), TargetBook(), HealthRegistry(), Wall()
        self.instances: dict[str, InstanceFact] = {}
        self.shifted: str | None = None
        self.in_scaling_group = False
        self.now_s = 100.0
        self.published: list[Snapshot] = []
        self.balancing = LoadBalancingController(
            self.declared,
            self.book,
            self.registry,
            Parameters(),
            facts=lambda: self.instances,
            node_address=lambda _, zone: f"127.0.1.{ZONES.index(zone) + 1}",
            publish=self.published.append,
            deregisters_itself=lambda _: self.in_scaling_group,
            network=self.wall,
            shifted_zone=lambda _: self.shifted,
        )

    def instance(self, instance_id: str, zone: str = ZONES[0], state: InstanceState = InstanceState.RUNNING) -> None:
        private_ip = f"10.0.0.{len(self.instances) + 4}"
        known = self.instances.get(instance_id)
        self.instances[instance_id] = InstanceFact(
            instance_id=instance_id,
            state=state,
            since_s=self.now_s,
            zone=zone,
            private_ip=known.private_ip if known else private_ip,
            address="127.0.16.1",
        )

    def register(self, target: str) -> None:
        self.book.register(GROUP, target, 80, self.now_s)
        self.tick()

    def tick(self, later_s: float = 0.0) -> None:
        self.now_s += later_s
        self.balancing.tick(self.now_s)

    def thinks(self, target: str, *probes: ProbeResult, zone: str = ZONES[0]) -> None:
        """A node's opinion after these probes."""
        health = first_health(self.declared.group.health_check)
        for probe in probes:
            health = next_health(health, probe, self.declared.group.health_check).after
        snapshot = self.balancing.snapshot.target_groups[0]
        number = next(known.registration for known in snapshot.targets if known.target_id == target)
        self.registry.apply(
            HealthChanged(
                time_s=self.now_s,
                load_balancer_arn=BALANCER,
                node_zone=zone,
                target_group_arn=GROUP,
                target_id=target,
                port=80,
                registration=number,
                state=health.state,
                reason=health.reason,
                description=health.description,
            )
        )

    def says(self, target: str) -> tuple[str, str | None, str]:
        health: TargetHealth = self.balancing.health(GROUP, target, 80)
        return health.state.value, health.reason.value if health.reason else None, health.description

    def told(self, target: str) -> Any:
        return next(known for known in self.published[-1].target_groups[0].targets if known.target_id == target)


@pytest.fixture
def house() -> House:
    made = House()
    made.instance("i-1")
    made.register("i-1")
    return made


OK = ProbeResult(outcome=ProbeOutcome.ANSWERED, status_code=200)
BROKEN = ProbeResult(outcome=ProbeOutcome.ANSWERED, status_code=503)
LATE = ProbeResult(outcome=ProbeOutcome.TIMED_OUT)
REFUSED = ProbeResult(outcome=ProbeOutcome.FAILED)


@pytest.mark.parametrize(
    ("probes", "said"),
    [
        ([], ("initial", "Elb.RegistrationInProgress", "Target registration is in progress")),
        ([BROKEN], ("initial", "Elb.InitialHealthChecking", "Initial health checks in progress")),
        ([OK], ("healthy", None, "")),
        (
            [BROKEN, BROKEN],
            ("unhealthy", "Target.ResponseCodeMismatch", "Health checks failed with these codes: [503]"),
        ),
        ([LATE, LATE], ("unhealthy", "Target.Timeout", "Request timed out")),
        ([REFUSED, REFUSED], ("unhealthy", "Target.FailedHealthChecks", "Health checks failed")),
    ],
)
def test_the_states_that_health_checks_decide(
    house: House, probes: list[ProbeResult], said: tuple[str, str | None, str]
) -> None:
    house.thinks("i-1", *probes)
    house.thinks("i-1", *probes, zone=ZONES[1])
    assert house.says("i-1") == said


def test_a_target_that_is_not_registered_is_unused(house: House) -> None:
    assert house.says("i-2") == ("unused", "Target.NotRegistered", "Target is not registered to the target group")


def test_a_target_of_a_group_that_nothing_routes_to_is_unused(house: House) -> None:
    house.declared.uses = frozenset()
    house.tick()
    assert house.says("i-1") == (
        "unused",
        "Target.NotInUse",
        "Target group is not configured to receive traffic from the load balancer",
    )


def test_a_target_in_a_zone_that_is_not_enabled_is_unused(house: House) -> None:
    house.instance("i-3", zone="us-east-1c")
    house.register("i-3")
    assert house.says("i-3") == (
        "unused",
        "Target.NotInUse",
        "Target is in an Availability Zone that is not enabled for the load balancer",
    )


@pytest.mark.parametrize(
    ("state", "description"),
    [
        (InstanceState.STOPPED, "Target is in the stopped state"),
        (InstanceState.TERMINATED, "Target is in the terminated state"),
    ],
)
def test_a_stopped_or_terminated_instance_is_an_unused_target(
    house: House, state: InstanceState, description: str
) -> None:
    house.in_scaling_group = True
    house.instance("i-1", state=state)
    house.tick()
    assert house.says("i-1") == ("unused", "Target.InvalidState", description)


def test_a_terminated_instance_that_no_group_looks_after_leaves_its_target_group(house: House) -> None:
    house.instance("i-1", state=InstanceState.TERMINATED)
    house.tick()
    assert house.says("i-1")[1] == "Target.NotRegistered"
    assert house.balancing.registered(GROUP) == ()


def test_an_instance_that_stops_is_unused_after_the_delay_of_the_parameter(house: House) -> None:
    house.thinks("i-1", OK)
    house.thinks("i-1", OK, zone=ZONES[1])
    house.instance("i-1", state=InstanceState.STOPPING)
    house.tick(4.9)
    assert house.says("i-1")[0] == "healthy"
    house.tick(0.1)
    assert house.says("i-1") == ("unused", "Target.InvalidState", "Target is in the stopped state")


def test_a_deregistered_target_is_draining_until_its_delay_ends_and_then_not_registered(house: House) -> None:
    house.thinks("i-1", OK)
    house.book.deregister(GROUP, "i-1", None, 300.0, house.now_s)
    house.tick(299.9)
    assert house.says("i-1") == ("draining", "Target.DeregistrationInProgress", "Target deregistration is in progress")
    house.tick(0.1)
    assert house.says("i-1")[:2] == ("unused", "Target.NotRegistered")


def test_without_health_checks_a_target_is_unavailable(house: House) -> None:
    house.declared.group = house.declared.group.model_copy(update={"health_check": HealthCheck(enabled=False)})
    house.tick()
    house.thinks("i-1")
    assert house.says("i-1")[:2] == ("unavailable", "Target.HealthCheckDisabled")


def test_an_address_behind_which_nothing_stands_is_silent_and_left_to_the_health_checks(house: House) -> None:
    house.declared.by_address = True
    house.book.remove(GROUP, "i-1")
    house.register("10.0.0.9")
    house.register("10.0.2.9")
    told = house.told("10.0.0.9")
    assert (told.zone, told.reach, told.held) == (ZONES[0], Reach.SILENT, None)
    assert house.says("10.0.0.9")[:2] == ("initial", "Elb.RegistrationInProgress")
    assert house.says("10.0.2.9")[:2] == ("unused", "Target.NotInUse")


def test_a_target_by_address_follows_its_instance_but_knows_no_invalid_state(house: House) -> None:
    house.declared.by_address = True
    house.book.remove(GROUP, "i-1")
    address = house.instances["i-1"].private_ip
    house.register(address)
    assert house.told(address).reach is Reach.OPEN
    house.instance("i-1", state=InstanceState.STOPPED)
    house.tick(60)
    assert (house.told(address).reach, house.told(address).held) == (Reach.SILENT, None)


def test_a_zonal_shift_overrides_the_targets_of_its_zone_and_leaves_their_health(house: House) -> None:
    house.instance("i-2", zone=ZONES[1])
    house.register("i-2")
    for target in ("i-1", "i-2"):
        for zone in ZONES:
            house.thinks(target, OK, zone=zone)
    house.shifted = ZONES[0]
    house.tick()
    first, second = (house.balancing.override(GROUP, target, 80) for target in ("i-1", "i-2"))
    assert first is not None
    assert second is not None
    assert (first.state, first.reason, first.description) == (
        "zonal_shift_active",
        "AdministrativeOverride.ZonalShiftActive",
        "Zonal shift is active in target Availability Zone",
    )
    assert (second.state, second.description) == ("no_override", "No override is currently active on target")
    assert house.says("i-1")[0] == "healthy"
    assert house.published[-1].load_balancers[0].shifted_zone == ZONES[0]


def test_what_the_network_keeps_from_a_node_is_told_for_traffic_and_checks(house: House) -> None:
    check = CHECK.model_copy(update={"port": "8081"})
    house.declared.group = house.declared.group.model_copy(update={"health_check": check})
    house.wall.targets = {(ZONES[1], 80): Reach.TRACKED, (ZONES[0], 8081): Reach.SILENT}
    house.wall.listeners = {ZONES[1]: Reach.SILENT}
    house.tick()
    told = house.told("i-1")
    assert (told.reach_from, told.check_reach_from) == ({ZONES[1]: Reach.TRACKED}, {ZONES[0]: Reach.SILENT})
    nodes = {node.zone: node.listeners_cut for node in house.published[-1].load_balancers[0].nodes}
    assert nodes == {ZONES[0]: {}, ZONES[1]: {80: Reach.SILENT}}


def test_a_tick_in_which_nothing_changes_publishes_nothing(house: House) -> None:
    published = len(house.published)
    house.tick(1.0)
    assert len(house.published) == published


def test_what_did_not_change_of_three_hundred_targets_is_not_built_anew(house: House) -> None:
    for number in range(300):
        house.instance(f"i-{number}", zone=ZONES[number % 2])
        house.book.register(GROUP, f"i-{number}", 80, house.now_s)
    house.tick()
    before = {target.target_id: target for target in house.published[-1].target_groups[0].targets}
    house.instance("i-7", state=InstanceState.STOPPED)
    house.tick(1.0)
    after = house.published[-1].target_groups[0].targets
    assert [target.target_id for target in after if target is not before[target.target_id]] == ["i-7"]


@pytest.mark.parametrize("cross_zone", [True, False])
def test_a_load_balancer_fails_open_when_too_few_targets_are_healthy_in_every_scope(
    house: House, cross_zone: bool
) -> None:
    house.declared.group = house.declared.group.model_copy(update={"cross_zone": cross_zone})
    house.instance("i-2", zone=ZONES[1])
    house.register("i-2")
    for zone in ZONES:
        house.thinks("i-1", BROKEN, BROKEN, zone=zone)
        house.thinks("i-2", OK, zone=zone)
    assert not house.balancing.failing_open(BALANCER)
    for zone in ZONES:
        house.thinks("i-2", BROKEN, BROKEN, zone=zone)
    assert house.balancing.failing_open(BALANCER)


def test_a_load_balancer_fails_open_below_its_own_threshold(house: House) -> None:
    for zone in ZONES:
        house.thinks("i-1", OK, zone=zone)
    assert not house.balancing.failing_open(BALANCER)
    house.declared.group = house.declared.group.model_copy(update={"routing_failover": MinimumHealthy(count=2)})
    house.tick()
    assert house.balancing.failing_open(BALANCER)


def test_a_stopped_target_counts_as_registered_where_a_share_has_to_be_healthy(house: House) -> None:
    """As the nodes count when they route."""
    house.declared.group = house.declared.group.model_copy(update={"routing_failover": MinimumHealthy(ratio=0.6)})
    house.instance("i-2", zone=ZONES[0])
    house.register("i-2")
    for zone in ZONES:
        for one in ("i-1", "i-2"):
            house.thinks(one, OK, zone=zone)
    house.tick()
    assert not house.balancing.failing_open(BALANCER)
    house.instance("i-2", zone=ZONES[0], state=InstanceState.STOPPED)
    house.tick(60)
    assert house.balancing.failing_open(BALANCER)
    house.instance("i-1", state=InstanceState.STOPPED)
    house.tick(60)
    assert not house.balancing.failing_open(BALANCER)  # there is none left to send to: a 503, and no failing open


def test_a_load_balancer_without_targets_does_not_fail_open(house: House) -> None:
    house.book.remove(GROUP, "i-1")
    house.tick()
    assert not house.balancing.failing_open(BALANCER)
    assert not house.balancing.failing_open("arn:unknown")


def test_every_reason_of_the_api_is_known() -> None:
    from botocore.session import get_session

    model = get_session().get_service_model("elbv2")
    assert {reason.value for reason in TargetReason} == set(model.shape_for("TargetHealthReasonEnum").enum)
    of_other_balancers = {"unhealthy.draining"}
    states = set(model.shape_for("TargetHealthStateEnum").enum)
    assert {state.value for state in TargetState} == states - of_other_balancers
