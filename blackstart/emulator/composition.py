"""The emulator's parts joined: the frame, the controllers, moto behind the middleware, the processes around it."""

import gc
import os
import random
import tempfile
import uuid
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from blackstart.domain.clock import Anchor
from blackstart.domain.emulator_status import CA_PATH, PAGE_PATH, DnsAddress, EmulatorStatus, ProcessStatus
from blackstart.emulator.adapters import moto_backends, moto_time
from blackstart.emulator.adapters.authority import Authority
from blackstart.emulator.adapters.dataplane_link import KEY as DATAPLANE
from blackstart.emulator.adapters.dataplane_link import DataplaneLink
from blackstart.emulator.adapters.http_server import Server
from blackstart.emulator.adapters.instance_host_client import LIGHT, InstanceHost, service_environment
from blackstart.emulator.adapters.loopback import DNS_PORT, LoopbackBlock
from blackstart.emulator.adapters.moto_overview import declared
from blackstart.emulator.adapters.own_pages import Page
from blackstart.emulator.adapters.status_page import status_page
from blackstart.emulator.adapters.world_pages import WorldPages
from blackstart.emulator.assembly import Controllers, Frame, assemble
from blackstart.emulator.control_plane import ControlPlane
from blackstart.emulator.controllers.ec2_lifecycle import ServiceSettings
from blackstart.emulator.controllers.measurement import OwnFailures
from blackstart.emulator.controllers.overview import (
    RecentTraffic,
    Sight,
    newest_activities,
    overview,
    refresh_in_words,
    warm_members,
)
from blackstart.emulator.decisions.ec2_capacity import Limits
from blackstart.emulator.parameters import Parameters
from blackstart.emulator.protocol import CounterRow, Counters, Upward
from blackstart.emulator.snapshot import Snapshot

LONGEST_SOCKET_PATH = 100
LOCK_PATIENCE_REAL_S = 1.0


class Emulator:
    """One emulator. on_failure: called when it cannot go on; `failure` says why. light: one process for all instances.

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
        capacity: Limits | None = None,
        light: bool = False,
    ) -> None:
        moto_backends.switch_on()
        moto_time.install(anchor)
        from blackstart.emulator.adapters import moto_server

        self.failure = ""
        self._on_failure = on_failure
        self._closing = False
        self._traffic = RecentTraffic()
        self.plane = ControlPlane(anchor)
        self._server = Server(port, self._serve, moto_time.utcnow)
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
        self._authority = Authority()
        self._ca_bundle = self._authority.write_bundle(state)
        self._light: InstanceHost | None = None
        if light:
            environment = {}  # of no process
            self._light = InstanceHost(
                emulator_id, state / "light-instances.log", self._on_host_event, self._on_host_end, LIGHT
            )
        settings = ServiceSettings(app=app, environment=environment, logs=state / "instances", speed=anchor.speed)
        self._controllers = assemble(
            Frame(
                now_s=self.plane.now_s,
                speed=anchor.speed,
                queue=self.plane.queue,
                post=self.plane.post,
                own_failures=self._own_failures,
            ),
            self._light or self._host,
            self._block,
            parameters,
            settings,
            self._publish,
            partial(_seeded_uuid, random),
            self._authority,
            capacity,
        )
        self._middleware = self._make_middleware(moto_server)
        moto_backends.seed(random.randrange(2**31))
        moto_backends.preload(region)

    def _make_middleware(self, moto_server: Any) -> Any:
        from blackstart.emulator.adapters.middleware import Middleware

        return Middleware(
            moto_server.application(),
            self.plane.lock,
            self.plane.mutated,
            lambda: self.status().model_dump_json(),
            self.plane.anchor.speed,
            moto_server.queue_wait_s,
            pages=self._pages(),
            own_services=self._controllers.own_services,
        )

    def _pages(self) -> dict[str, Page]:
        plane, parts = self.plane, self._controllers
        world = WorldPages(plane.lock, plane.mutated, plane.now_s, parts.ec2, parts.capacity, parts.spot)
        return {
            PAGE_PATH: Page("text/html; charset=utf-8", lambda: status_page(self.status(), links=(CA_PATH,))),
            CA_PATH: Page("application/x-pem-file", lambda: self._authority.bundle_pem),
            **world.pages(),
        }

    def _serve(self, *call: Any) -> Any:
        return self._middleware(*call)

    def start(self) -> None:
        gc.freeze()  # moto's million objects stay: to look through them again and again would stop everything for 0.3 s
        self._link.start()
        self.plane.start(self._controllers.in_order())
        self._server.start()

    def is_ready(self) -> bool:
        return self._link.connected.is_set()

    def close(self) -> None:
        """End everything that was started; returns when it is gone."""
        self._closing = True
        self._link.close()
        self._server.close()
        self.plane.stop()
        for host in self._hosts():
            host.close()
        self._controllers.undo()
        moto_time.install(None)
        self._block.close()

    def status(self) -> EmulatorStatus:
        """How it is. Holds the lock only while it copies; answers without an overview while the lock cannot be had."""
        services = dict.fromkeys(self._controllers.ec2.pids.values())
        hosts = self._hosts()
        own = (os.getpid(), *(host.pid for host in hosts), *([self._link.pid] if self._link.pid else []))
        known = (*own, *(pid for pid in services if pid not in own))
        measurement = self._controllers.measurement
        sight, blocked = self._sight()
        return EmulatorStatus(
            ready=self.is_ready(),
            endpoint=self._server.endpoint,
            dns=self._dns,
            speed=self.plane.anchor.speed,
            virtual_time_s=self.plane.now_s(),
            lag_real_s=self.plane.lag_real_s,
            anchor=self.plane.anchor,
            pids=known,
            measured=measurement.measured,
            unserved=measurement.measured.unserved,
            problems=(*measurement.problems, *self._link.problems(), *self.plane.problems(), *blocked),
            failed_services=self._controllers.ec2.failed_services,
            ca_bundle=str(self._ca_bundle),
            processes=(
                ProcessStatus(name="control plane", pid=os.getpid()),
                *(ProcessStatus(name=host.name, pid=host.pid, restarts=host.restarts) for host in hosts),
                ProcessStatus(name="data plane", pid=self._link.pid, restarts=self._link.restarts),
            ),
            failures=(
                *(words for host in hosts for words in host.failures_in_words()),
                *self._link.failures_in_words(),
                *self.plane.failures_in_words(),
            ),
            data_plane_priority="real-time" if self._link.real_time else "normal",
            capacity={str(pool): number for pool, number in sorted(self._controllers.capacity.limits.items())},
            overview=overview(sight) if sight is not None else None,
        )

    def _hosts(self) -> tuple[InstanceHost, ...]:
        return (self._host, self._light) if self._light else (self._host,)

    def _sight(self) -> tuple[Sight | None, tuple[str, ...]]:
        """A copy of what the controllers know, or why there is none."""
        if not self.plane.lock.acquire(timeout=LOCK_PATIENCE_REAL_S):
            return None, (
                "what the stack looks like cannot be told: a request or a controller does not come to its end",
            )
        try:
            return look(self._controllers, self._traffic.rows(self.plane.now_s())), ()
        finally:
            self.plane.lock.release()

    def _own_failures(self) -> OwnFailures:
        return OwnFailures(data_plane_restarts=self._link.restarts, controller_failures=self.plane.failures)

    def _on_host_event(self, event: Mapping[str, Any]) -> None:
        if event["key"] == DATAPLANE:
            self._link.on_host_event(event)
        elif event["event"] == "usage":
            self.plane.post(partial(self._on_usage, event))
        else:
            self.plane.post(partial(self._controllers.ec2.on_host_event, event))

    def _on_usage(self, event: Mapping[str, Any], heard_s: float) -> None:
        """How much CPU the instances have used. Under the lock."""
        at_ns = event.get("monotonic_ns")
        measured_s = heard_s if at_ns is None else self.plane.anchor.time_s(at_ns)
        self._controllers.instance_metrics.on_usage(event["cpu_real_s"], measured_s)

    def _on_host_end(self) -> None:
        if not self._closing:
            self.failure = "the process that runs the instances keeps on ending, and all instances with it"
            self._on_failure()

    def _on_message(self, message: Upward) -> None:
        """News from the data plane, applied under the lock."""
        self.plane.post(lambda _: self._controllers.apply(message))
        if isinstance(message, Counters):
            self.plane.post(lambda _: self._traffic.on_counters(message))

    def _publish(self, snapshot: Snapshot) -> None:
        self.plane.queue(lambda: self._link.send(snapshot))


def look(controllers: Controllers, traffic: tuple[CounterRow, ...] = ()) -> Sight:
    """Copy what the controllers know. Under the lock, so it makes nothing of it yet."""
    snapshot, balancing, groups = (
        controllers.balancing.snapshot,
        controllers.balancing,
        list(controllers.scaling.groups()),
    )
    targets = [(group.arn, target) for group in snapshot.target_groups for target in group.targets]
    return Sight(
        snapshot=snapshot,
        declared=declared(),
        opinions={
            group.arn: {target: dict(by_zone) for target, by_zone in controllers.registry.opinions(group.arn).items()}
            for group in snapshot.target_groups
        },
        held={
            (arn, target.target_id, target.port): balancing.health(arn, target.target_id, target.port)
            for arn, target in targets
            if target.held is not None
        },
        instances=dict(controllers.ec2.facts),
        pids=dict(controllers.ec2.pids),
        activities={group.arn: newest_activities(controllers.scaling.log, group.arn) for group in groups},
        warm={group.arn: warm_members(controllers.scaling.warm(group)) for group in groups},
        refreshes={
            group.arn: refresh_in_words(refresh.state)
            for group in groups
            if (refresh := controllers.refreshes.active(group)) is not None
        },
        in_dns=controllers.measurement.in_dns,
        failing_open=controllers.measurement.failing_open,
        traffic=traffic,
        network=(*controllers.network.explanations(), *controllers.shifts.explanations()),
    )


def _socket_path(state: Path, emulator_id: str) -> Path:
    """A socket of this emulator's own: another one may keep its logs in the same directory.

    A Unix socket's path is at most 107 bytes long; a deep state directory needs another place.
    """
    path = state / f"dataplane-{emulator_id}.sock"
    if len(os.fsencode(path)) <= LONGEST_SOCKET_PATH:
        return path
    return Path(tempfile.gettempdir()) / f"blackstart-{emulator_id}.sock"


def _seeded_uuid(source: random.Random) -> str:
    return str(uuid.UUID(int=source.getrandbits(128), version=4))
