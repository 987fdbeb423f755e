"""The controllers, made for each other and joined to moto. Knows no processes and no threads, so tests can use it."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from blackstart.emulator.adapters.authority import Authority
from blackstart.emulator.adapters.certificates import Certificates
from blackstart.emulator.adapters.patches import Patches
from blackstart.emulator.cloudwatch_assembly import assemble_cloudwatch
from blackstart.emulator.control_plane import Controller, Effect, Report
from blackstart.emulator.controllers.access_logs import AccessLogController
from blackstart.emulator.controllers.alarms import AlarmsController
from blackstart.emulator.controllers.auto_scaling import AutoScalingController
from blackstart.emulator.controllers.ec2_capacity import Ec2Capacity
from blackstart.emulator.controllers.ec2_lifecycle import Ec2LifecycleController, ServiceSettings
from blackstart.emulator.controllers.event_bus import Event
from blackstart.emulator.controllers.group_metrics import GroupMetricsController
from blackstart.emulator.controllers.health_registry import HealthRegistry
from blackstart.emulator.controllers.instance_alarm_actions import InstanceAlarmActions
from blackstart.emulator.controllers.instance_lifetimes import InstanceLifetimesController
from blackstart.emulator.controllers.instance_metrics import InstanceMetricsController
from blackstart.emulator.controllers.instance_refresh import InstanceRefreshController
from blackstart.emulator.controllers.load_balancer_metrics import LoadBalancerMetricsController
from blackstart.emulator.controllers.load_balancing import LoadBalancingController
from blackstart.emulator.controllers.measurement import MeasurementController, OwnFailures
from blackstart.emulator.controllers.metric_store import MetricStore
from blackstart.emulator.controllers.nat_metrics import NatMetricsController
from blackstart.emulator.controllers.network import NetworkView
from blackstart.emulator.controllers.run_command import RunCommandController
from blackstart.emulator.controllers.scaling_policies import ScalingPoliciesController
from blackstart.emulator.controllers.scheduled_actions import ScheduledActionsController
from blackstart.emulator.controllers.service_host import ServiceHost
from blackstart.emulator.controllers.spot_interruptions import SpotInterruptions
from blackstart.emulator.controllers.target_book import TargetBook
from blackstart.emulator.controllers.warm_pool import WarmPoolController
from blackstart.emulator.controllers.zonal_shifts import ZonalShiftsController
from blackstart.emulator.decisions.ec2_capacity import Limits
from blackstart.emulator.parameters import Parameters
from blackstart.emulator.protocol import AccessLogged, Counters, HealthChanged, Hello, Lag, TargetTraffic, Upward
from blackstart.emulator.scaling_assembly import assemble_scaling
from blackstart.emulator.snapshot import Snapshot

if TYPE_CHECKING:
    from blackstart.emulator.adapters.middleware import OwnService
    from blackstart.emulator.adapters.moto_elbv2 import MotoLoadBalancers


class Addresses(Protocol):
    """Who gives out loopback addresses."""

    def instance(self, instance_id: str) -> str: ...
    def node(self, load_balancer_arn: str, zone: str) -> str: ...


@dataclass(frozen=True)
class Frame:
    """What controllers run in. queue: an effect outside the lock; post: a report under it, before the next tick;
    own_failures: the emulator's, so far.
    """

    now_s: Callable[[], float]
    speed: float
    queue: Callable[[Effect], None]
    post: Callable[[Report], None]
    own_failures: Callable[[], OwnFailures]


@dataclass(frozen=True)
class Controllers:
    """All controllers of one emulator. own_services: services that moto lacks, by the signing name of their requests.
    undo: gives moto its own behaviour back.
    """

    registry: HealthRegistry
    ec2: Ec2LifecycleController
    capacity: Ec2Capacity
    spot: SpotInterruptions
    policies: ScalingPoliciesController
    schedules: ScheduledActionsController
    refreshes: InstanceRefreshController
    lifetimes: InstanceLifetimesController
    scaling: AutoScalingController
    pools: WarmPoolController
    network: NetworkView
    balancing: LoadBalancingController
    shifts: ZonalShiftsController
    commands: RunCommandController
    metrics: LoadBalancerMetricsController
    instance_metrics: InstanceMetricsController
    group_metrics: GroupMetricsController
    nat_metrics: NatMetricsController
    alarms: AlarmsController
    measurement: MeasurementController
    access_logs: AccessLogController
    own_services: "Mapping[str, OwnService]"
    undo: Callable[[], None]

    def in_order(self) -> tuple[Controller, ...]:
        """The order of a tick: causes before effects."""
        return (
            self.ec2,
            self.spot,
            self.schedules,
            self.policies,
            self.refreshes,
            self.lifetimes,
            self.scaling,
            self.pools,
            self.network,
            self.balancing,
            self.commands,
            self.metrics,
            self.instance_metrics,
            self.group_metrics,
            self.nat_metrics,
            self.alarms,
            self.measurement,
            self.access_logs,
        )

    def apply(self, message: Upward) -> None:
        """News from the data plane. Called under the lock."""
        if isinstance(message, HealthChanged):
            self.registry.apply(message)
            self.metrics.health_changed(message.target_group_arn)
        elif isinstance(message, Hello):
            self.measurement.on_hello(message.pid)
            self.registry.replace(message.health)
            self.metrics.health_changed()
        elif isinstance(message, Counters):
            self.metrics.on_counters(message)
        elif isinstance(message, TargetTraffic):
            self.instance_metrics.on_target_traffic(message)
        elif isinstance(message, Lag):
            self.measurement.on_lag(message)
        elif isinstance(message, AccessLogged):
            self.access_logs.on_lines(message)


def assemble(
    frame: Frame,
    host: ServiceHost,
    addresses: Addresses,
    parameters: Parameters,
    settings: ServiceSettings,
    publish: Callable[[Snapshot], None],
    new_id: Callable[[], str],
    authority: Authority | None = None,
    capacity: Limits | None = None,
) -> Controllers:
    """Make the controllers and hand moto's reactions to them. publish: does no I/O; new_id: of activities; authority:
    signs the certificates that are requested, by default one of its own; capacity: how many instances fit, by default
    any number.
    """
    from blackstart.emulator.adapters import (
        arc_zonal_shift,
        certificate_calls,
        moto_answers,
        moto_cloudformation,
        moto_ec2_calls,
        moto_elbv2_targets,
        moto_lookups,
        moto_ssm,
        validators,
    )
    from blackstart.emulator.adapters.access_log_store import AccessLogStore
    from blackstart.emulator.adapters.moto_ec2 import MotoInstances
    from blackstart.emulator.adapters.moto_elbv2 import MotoLoadBalancers
    from blackstart.emulator.adapters.moto_events import MotoEvents
    from blackstart.emulator.adapters.moto_instance_refresh import RefreshedGroups
    from blackstart.emulator.adapters.moto_ledger import unserved
    from blackstart.emulator.adapters.moto_network import MotoNetwork

    def tell_of_spot(event: Event) -> None:
        events(event)
        scaled.scaling.hear(event)

    def zone_away(arn: str) -> str | None:
        return shifts.shifted_zone(arn)

    def publish_and_count(snapshot: Snapshot) -> None:
        publish(snapshot)
        watched.metrics.declaration_changed()

    def failing_open(load_balancer_arn: str) -> bool:
        return balancing.failing_open(load_balancer_arn)

    def target_groups_of(instance_id: str) -> tuple[str, ...]:
        group = scaled.scaling.group_of(instance_id) or scaled.pools.group_of(instance_id)
        return groups.target_groups(group) if group is not None else ()

    certificates = Certificates(authority or Authority())
    instances, groups = MotoInstances(), RefreshedGroups(zone_away)
    declared_network, events = MotoNetwork(), MotoEvents()
    balancers = MotoLoadBalancers(parameters, certificates.certificates_of)
    registry, book, patches = HealthRegistry(), TargetBook(), Patches()
    ec2 = Ec2LifecycleController(
        instances,
        host,
        parameters,
        settings,
        queue=frame.queue,
        address_of=addresses.instance,
        port_of=lambda instance_id: service_port(target_groups_of(instance_id), balancers, book, instance_id),
        events=events,
    )
    room = Ec2Capacity(capacity or {}, lambda: ec2.occupied)
    spot = SpotInterruptions(ec2, tell_of_spot, instances.interruption_behaviour)
    network = NetworkView(declared_network)
    shifts = ZonalShiftsController(
        arc_zonal_shift.MotoManagedResources(),
        now_s=frame.now_s,
        failing_open=failing_open,
        snapshot=lambda: balancing.snapshot,
        new_id=new_id,
    )
    balancing = LoadBalancingController(
        balancers,
        book,
        registry,
        parameters,
        facts=lambda: ec2.facts,
        node_address=addresses.node,
        publish=publish_and_count,
        deregisters_itself=lambda instance_id: scaled.scaling.group_of(instance_id) is not None,
        network=network,
        shifted_zone=shifts.shifted_zone,
        mitigated=lambda: measurement.mitigated,
    )
    moto_cloudformation.install(patches)
    moto_ec2_calls.install(patches, instances, ec2, room.room, spot, frame.now_s)
    declared_network.install(patches)
    balancers.install(patches, frame.now_s)
    moto_elbv2_targets.install(patches, book, balancing, frame.now_s)
    scaled = assemble_scaling(
        patches,
        groups,
        parameters,
        facts=lambda: ec2.facts,
        health=balancing.health,
        events=events,
        new_id=new_id,
        now_s=frame.now_s,
    )

    def of_balancers(store: MetricStore) -> LoadBalancerMetricsController:
        return LoadBalancerMetricsController(
            store,
            registry,
            frame.speed,
            balancing.census,
            mitigated=lambda: measurement.mitigated,
            delay_s=parameters.metric_delay_s,
        )

    watched = assemble_cloudwatch(
        patches,
        parameters,
        of_balancers,
        ec2,
        scaled,
        InstanceAlarmActions(ec2, instances.protection),
        events,
        speed=frame.speed,
        now_s=frame.now_s,
    )
    measurement = MeasurementController(
        settings=lambda: (balancers.target_groups(), groups.grace_periods_s()),
        unserved=lambda: (*unserved(), *watched.alarms.unserved_resources()),
        boot_max_real_s=lambda: ec2.boot_max_real_s,
        own_failures=frame.own_failures,
    )
    commands, logs = RunCommandController(ec2, frame.post, instances.units), AccessLogStore()
    moto_ssm.install(patches, commands, frame.now_s)
    for calls in (events, logs, certificate_calls, validators, moto_answers, moto_lookups):
        calls.install(patches)

    def undo() -> None:
        watched.undo()
        patches.restore()

    return Controllers(
        registry=registry,
        ec2=ec2,
        capacity=room,
        spot=spot,
        policies=scaled.policies,
        schedules=scaled.schedules,
        refreshes=scaled.refreshes,
        lifetimes=scaled.lifetimes,
        scaling=scaled.scaling,
        pools=scaled.pools,
        network=network,
        balancing=balancing,
        shifts=shifts,
        own_services={arc_zonal_shift.SIGNING_NAME: arc_zonal_shift.ArcZonalShift(shifts, frame.now_s)},
        commands=commands,
        metrics=watched.metrics,
        instance_metrics=watched.instance_metrics,
        group_metrics=watched.group_metrics,
        nat_metrics=watched.nat_metrics,
        alarms=watched.alarms,
        measurement=measurement,
        access_logs=AccessLogController(logs, frame.speed, frame.queue, frame.post),
        undo=undo,
    )


def service_port(
    target_groups: tuple[str, ...], balancers: "MotoLoadBalancers", book: TargetBook, instance_id: str
) -> int | None:
    """The port of the first of the target groups of an instance's group, else of a registration, else None."""
    ports = balancers.ports()
    for arn in target_groups:
        if arn in ports:
            return ports[arn]
    registered: Iterator[int] = (port for arn in ports for port in book.ports(arn, instance_id))
    return next(registered, None)
