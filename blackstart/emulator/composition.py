"""The emulator's parts joined: the frame, the controllers, moto behind the middleware, the processes around it."""

import os
import random
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from blackstart.domain.clock import Anchor
from blackstart.domain.emulator_status import DnsAddress, EmulatorStatus
from blackstart.domain.journal import EmulatorMeasured
from blackstart.emulator.adapters import moto_backends, moto_time
from blackstart.emulator.adapters.dataplane_link import KEY as DATAPLANE
from blackstart.emulator.adapters.dataplane_link import DataplaneLink
from blackstart.emulator.adapters.instance_host_client import InstanceHost, service_environment
from blackstart.emulator.adapters.loopback import DNS_PORT, LoopbackBlock
from blackstart.emulator.adapters.patches import Patches
from blackstart.emulator.control_plane import ControlPlane
from blackstart.emulator.controllers.alarms import AlarmsController
from blackstart.emulator.controllers.auto_scaling import AutoScalingController
from blackstart.emulator.controllers.ec2_lifecycle import Ec2LifecycleController, ServiceSettings
from blackstart.emulator.controllers.health_registry import HealthRegistry
from blackstart.emulator.controllers.load_balancing import LoadBalancingController
from blackstart.emulator.controllers.measurement import MeasurementController
from blackstart.emulator.controllers.metric_store import MetricStore
from blackstart.emulator.controllers.metrics import MetricsController
from blackstart.emulator.controllers.run_command import RunCommandController
from blackstart.emulator.controllers.target_book import TargetBook
from blackstart.emulator.parameters import Parameters
from blackstart.emulator.protocol import Counters, HealthChanged, Hello, Lag, Upward

if TYPE_CHECKING:
    from blackstart.emulator.adapters.moto_auto_scaling import MotoGroups
    from blackstart.emulator.adapters.moto_elbv2 import MotoLoadBalancers

LONGEST_SOCKET_PATH = 100


class Emulator:
    """One emulator. on_failure: called when it cannot go on; `failure` says why.

    Raises UsageError when the port is taken, EmulatorError when no loopback block is free.
    """

    def __init__(
        self,
        *,
        anchor: Anchor,
        port: int,
        app: tuple[str, ...],
        state: Path,
        parameters: Parameters,
        region: str,
        emulator_id: str,
        random: random.Random,
        on_failure: Callable[[], None],
    ) -> None:
        moto_backends.switch_on()
        moto_time.install(anchor)
        from blackstart.emulator.adapters import moto_server

        self.failure = ""
        self._on_failure = on_failure
        self._closing = False
        self._id = emulator_id
        self._patches = Patches()
        self.plane = ControlPlane(anchor)
        self._parameters = parameters
        self._server = moto_server.Server(port, self._serve)
        self._block = LoopbackBlock()
        self._dns = DnsAddress(address=self._block.dns_address, port=DNS_PORT)
        (state / "instances").mkdir(exist_ok=True)
        environment = service_environment(emulator_id, self._server.endpoint, region)
        self._host = InstanceHost(emulator_id, state / "instance-host.log", self._on_host_event, self._on_host_end)
        self._link = DataplaneLink(
            self._host,
            _socket_path(state, emulator_id),
            state / "dataplane.log",
            anchor,
            (self._dns.address, self._dns.port),
            dict(os.environ),
            self._on_message,
        )
        settings = ServiceSettings(app=app, environment=environment, logs=state / "instances", speed=anchor.speed)
        new_id = partial(_seeded_uuid, random)
        self._compose(settings, new_id)
        self._middleware = self._make_middleware(moto_server)
        moto_backends.seed(random.randrange(2**31))
        moto_backends.preload(region)

    def _compose(self, settings: ServiceSettings, new_id: Callable[[], str]) -> None:
        """Make the controllers and hand moto's reactions to them."""
        from blackstart.emulator.adapters import moto_cloudwatch, moto_ssm, validators
        from blackstart.emulator.adapters.moto_auto_scaling import MotoGroups
        from blackstart.emulator.adapters.moto_cloudwatch_alarms import MotoAlarms
        from blackstart.emulator.adapters.moto_ec2 import MotoInstances
        from blackstart.emulator.adapters.moto_elbv2 import MotoLoadBalancers
        from blackstart.emulator.adapters.moto_ledger import unserved

        plane, parameters = self.plane, self._parameters
        instances, balancers, groups = MotoInstances(), MotoLoadBalancers(parameters), MotoGroups()
        self.registry, book = HealthRegistry(), TargetBook()
        self._ec2 = Ec2LifecycleController(
            instances,
            self._host,
            parameters,
            settings,
            queue=plane.queue,
            address_of=self._block.instance,
            port_of=lambda instance_id: _service_port(groups, balancers, book, instance_id),
        )
        self._balancing = LoadBalancingController(
            balancers,
            book,
            self.registry,
            parameters,
            facts=lambda: self._ec2.facts,
            node_address=self._block.node,
            publish=lambda snapshot: plane.queue(lambda: self._link.send(snapshot)),
        )
        self._scaling = AutoScalingController(
            groups, parameters, facts=lambda: self._ec2.facts, health=self._balancing.health, new_id=new_id
        )
        self._commands = RunCommandController(self._ec2, plane.post)
        store = MetricStore()
        self._metrics = MetricsController(
            store, self.registry, plane.anchor.speed, self._balancing.census, parameters.metric_delay_s
        )
        self._alarms = AlarmsController(store, MotoAlarms(), parameters.alarm_evaluation_range_extra)
        self._measurement = MeasurementController(
            settings=lambda: (balancers.target_groups(), groups.grace_periods_s()),
            unserved=lambda: (*unserved(), *self._alarms.unserved()),
            boot_max_real_s=lambda: self._ec2.boot_max_real_s,
        )
        instances.install(self._patches, self._ec2, plane.now_s)
        balancers.install(self._patches, book, self._balancing, plane.now_s)
        groups.install(self._patches, self._scaling, plane.now_s)
        moto_ssm.install(self._patches, self._commands, plane.now_s)
        validators.install(self._patches)
        self._undo_cloudwatch = moto_cloudwatch.install(store=store, now_s=plane.now_s, wall_s=time.time)

    def _make_middleware(self, moto_server: Any) -> Any:
        from blackstart.emulator.adapters.middleware import Middleware

        return Middleware(
            moto_server.application(),
            self.plane.lock,
            self.plane.mutated,
            lambda: self.status().model_dump_json(),
            self.plane.anchor.speed,
            moto_server.queue_wait_s,
        )

    def _serve(self, *call: Any) -> Any:
        return self._middleware(*call)

    def start(self) -> None:
        self._link.start()
        self.plane.start((self._ec2, self._scaling, self._balancing, self._metrics, self._alarms, self._measurement))
        self._server.start()

    def is_ready(self) -> bool:
        return self._link.connected.is_set()

    def close(self) -> None:
        """End everything that was started; returns when it is gone."""
        self._closing = True
        self._link.close()
        self._server.close()
        self.plane.stop()
        self._host.close()
        self._undo_cloudwatch()
        self._patches.restore()
        moto_time.install(None)
        self._block.close()

    def status(self) -> EmulatorStatus:
        services = tuple(self._ec2.pids.values())
        known = (os.getpid(), self._host.pid, *([self._link.pid] if self._link.pid else []), *services)
        measured: EmulatorMeasured = self._measurement.measured
        return EmulatorStatus(
            ready=self.is_ready(),
            endpoint=self._server.endpoint,
            dns=self._dns,
            speed=self.plane.anchor.speed,
            virtual_time_s=self.plane.now_s(),
            lag_real_s=self.plane.lag_real_s,
            anchor=self.plane.anchor,
            pids=known,
            measured=measured,
            unserved=measured.unserved,
            failed_services=self._ec2.failed_services,
        )

    def _on_host_event(self, event: Mapping[str, Any]) -> None:
        if event["key"] == DATAPLANE:
            self._link.on_host_event(event)
        else:
            self.plane.post(lambda _: self._ec2.on_host_event(event))

    def _on_host_end(self) -> None:
        if not self._closing:
            self.failure = "the process that runs the instances has ended, and all instances with it"
            self._on_failure()

    def _on_message(self, message: Upward) -> None:
        """News from the data plane, applied under the lock."""
        self.plane.post(lambda now_s: self._apply(message, now_s))

    def _apply(self, message: Upward, now_s: float) -> None:
        del now_s
        if isinstance(message, HealthChanged):
            self.registry.apply(message)
            self._metrics.health_changed()
        elif isinstance(message, Hello):
            self.registry.replace(message.health)
            self._metrics.health_changed()
        elif isinstance(message, Counters):
            self._metrics.on_counters(message)
        elif isinstance(message, Lag):
            self._measurement.on_lag(message)


def _service_port(
    groups: "MotoGroups", balancers: "MotoLoadBalancers", book: TargetBook, instance_id: str
) -> int | None:
    """The first target group's port of an instance's group, else the port of a registration, else None."""
    ports = {facts.arn: facts.port for facts in balancers.target_groups()}
    group = groups.group_of(instance_id)
    for arn in groups.target_groups(group) if group is not None else ():
        if arn in ports:
            return ports[arn]
    registered: Iterator[int] = (r.port for arn in ports for r in book.registrations(arn) if r.target_id == instance_id)
    return next(registered, None)


def _socket_path(state: Path, emulator_id: str) -> Path:
    """A Unix socket's path is at most 107 bytes long; a deep state directory needs another place."""
    path = state / "dataplane.sock"
    if len(os.fsencode(path)) <= LONGEST_SOCKET_PATH:
        path.unlink(missing_ok=True)
        return path
    return Path(tempfile.gettempdir()) / f"blackstart-{emulator_id}.sock"


def _seeded_uuid(source: random.Random) -> str:
    return str(uuid.UUID(int=source.getrandbits(128), version=4))
