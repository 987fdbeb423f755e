"""EC2 instances: their states over time, their addresses, and the real process behind each."""

import shlex
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from blackstart.domain.emulator_status import FailedService
from blackstart.domain.model import Model
from blackstart.emulator.controllers.service_host import Done, ServiceHost
from blackstart.emulator.decisions.instance_lifecycle import (
    Change,
    InstanceLife,
    InstanceState,
    Request,
    advance,
    launched,
    requested,
)
from blackstart.emulator.parameters import Parameters

RESPONDER = (sys.executable, "-S", "-E", str(Path(__file__).parent.parent / "adapters" / "responder.py"))
STOP_TIMEOUT_S = 90.0
DEFAULT_SERVICE_PORT = 8080


class InstanceFact(Model):
    """What other controllers know of an instance. since_s: when its state began. address: its loopback address."""

    instance_id: str
    state: InstanceState
    since_s: float
    zone: str
    private_ip: str
    address: str


class InstanceStore(Protocol):
    """moto's side: which instances exist, and the state that describe_instances shows."""

    def instances(self) -> Iterable[tuple[str, str, str]]:
        """(instance id, zone, private IP) of every instance."""

    def write(self, instance_id: str, state: InstanceState) -> None: ...


class ServiceSettings(Model):
    """How services are started. app: command line, empty for the minimal responder. environment: without the instance's
    own variables. logs: one file for each instance.
    """

    app: tuple[str, ...] = ()
    environment: dict[str, str] = {}
    logs: Path
    speed: float = 1.0


class Ec2LifecycleController:
    """Owns the life of every instance. port_of: the port its service listens on. address_of: its loopback address.

    queue: runs an effect outside the lock.
    """

    def __init__(
        self,
        store: InstanceStore,
        host: ServiceHost,
        parameters: Parameters,
        settings: ServiceSettings,
        *,
        queue: Callable[[Callable[[], None]], None],
        address_of: Callable[[str], str],
        port_of: Callable[[str], int | None],
    ) -> None:
        self._store = store
        self._host = host
        self._parameters = parameters
        self._settings = settings
        self._queue = queue
        self._address_of = address_of
        self._port_of = port_of
        self._lives: dict[str, InstanceLife] = {}
        self._failed: dict[str, FailedService] = {}
        self._with_service: set[str] = set()
        self.facts: Mapping[str, InstanceFact] = {}
        self.boot_max_real_s = 0.0
        self.pids: dict[str, int] = {}

    @property
    def failed_services(self) -> tuple[FailedService, ...]:
        """Services that ended without being told to, or did not start."""
        return tuple(self._failed.values())

    def launched(self, instance_id: str, now_s: float) -> None:
        """An instance was run: it is pending from now on."""
        self._set(instance_id, launched(now_s))
        self.refresh()

    def requested(self, instance_id: str, request: Request, now_s: float) -> None:
        """A caller starts, stops, terminates or reboots an instance. Raises IncorrectStateError."""
        life = self._lives.get(instance_id) or launched(now_s)
        after = requested(life, request, now_s)
        if after == life:
            return
        if request is not Request.START:
            self._end_service(instance_id)
        self._set(instance_id, after)
        self.refresh()

    def check(self, instance_id: str, request: Request, now_s: float) -> None:
        """Raise IncorrectStateError when a request would be refused; changes nothing."""
        life = self._lives.get(instance_id)
        if life is not None:
            requested(life, request, now_s)

    def tick(self, now_s: float) -> None:
        present = {instance_id for instance_id, _, _ in self._store.instances()}
        for instance_id in [known for known in self._lives if known not in present]:
            self._end_service(instance_id)
            del self._lives[instance_id]
        for instance_id in present:
            self._tick_instance(instance_id, now_s)
        self.refresh()

    def refresh(self) -> None:
        """Bring `facts` up to date with the lives."""
        self.facts = {
            instance_id: InstanceFact(
                instance_id=instance_id,
                state=life.state,
                since_s=life.since_s,
                zone=zone,
                private_ip=private_ip,
                address=self._address_of(instance_id),
            )
            for instance_id, zone, private_ip in self._store.instances()
            if (life := self._lives.get(instance_id)) is not None
        }

    def _tick_instance(self, instance_id: str, now_s: float) -> None:
        before = self._lives.get(instance_id) or launched(now_s)
        life, changes = advance(before, self._parameters, now_s)
        self._set(instance_id, life)
        if Change.BOOT_OVER in changes:
            self.start_service(instance_id)

    def _set(self, instance_id: str, life: InstanceLife) -> None:
        old = self._lives.get(instance_id)
        self._lives[instance_id] = life
        if old is None or old.state is not life.state:
            self._store.write(instance_id, life.state)

    def start_service(self, instance_id: str) -> None:
        """Start the instance's service, in the place of one that may still run."""
        zone = next((zone for known, zone, _ in self._store.instances() if known == instance_id), "")
        address = self._address_of(instance_id)
        port = self._port_of(instance_id) or DEFAULT_SERVICE_PORT
        environment = {
            **self._settings.environment,
            "HOST": address,
            "PORT": str(port),
            "INSTANCE_ID": instance_id,
            "ZONE": zone,
        }
        argv: Sequence[str] = self._settings.app or RESPONDER
        log = str(self._settings.logs / f"{instance_id}.log")
        self._with_service.add(instance_id)
        self._failed.pop(instance_id, None)
        self._queue(lambda: self._host.start(instance_id, argv, environment, log, (address, port)))

    def signal_service(self, instance_id: str, number: int, whom: str, done: Done) -> None:
        """Send a signal to the processes of an instance; `done` gets how many were reached."""
        self._queue(lambda: self._host.signal(instance_id, number, whom, done))

    def stop_service(self, instance_id: str, done: Done) -> None:
        """SIGTERM, and SIGKILL to what is left after systemd's 90 s."""
        patience_real_s = STOP_TIMEOUT_S / self._settings.speed
        self._queue(lambda: self._host.signal(instance_id, 15, "all", done, patience_real_s))

    def serves(self, instance_id: str) -> bool:
        """Whether the instance's service runs, as far as its main process tells."""
        return instance_id in self.pids

    def _end_service(self, instance_id: str) -> None:
        if instance_id in self._with_service:
            self._with_service.discard(instance_id)
            self._queue(lambda: self._host.kill(instance_id))
        self._failed.pop(instance_id, None)

    def on_host_event(self, event: Mapping[str, Any]) -> None:
        """News of a service from the instance host: its start, its first answer, its end."""
        instance_id = event["key"]
        if event["event"] == "started":
            self.pids[instance_id] = event["pid"]
        elif event["event"] == "ready":
            self.boot_max_real_s = max(self.boot_max_real_s, event["boot_real_s"])
        elif event["event"] == "start_failed":
            command = shlex.join(self._settings.app or RESPONDER)
            self._fail(instance_id, 127, f"{command}: {event['error']}")
        elif event["event"] == "exited":
            self.pids.pop(instance_id, None)
            if not event["asked"]:
                self._fail(instance_id, event["exit_code"], event["log_tail"])

    def _fail(self, instance_id: str, exit_code: int, log_tail: str) -> None:
        if instance_id in self._with_service:
            self._failed[instance_id] = FailedService(instance_id=instance_id, exit_code=exit_code, log_tail=log_tail)
