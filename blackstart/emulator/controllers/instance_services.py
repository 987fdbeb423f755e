"""The real process behind each EC2 instance: started, signalled, ended, and what is heard of it."""

import shlex
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from blackstart.domain.emulator_status import FailedService
from blackstart.domain.model import Model
from blackstart.emulator.controllers.service_host import Done, ServiceHost

RESPONDER = (sys.executable, "-S", "-E", str(Path(__file__).parent.parent / "adapters" / "responder.py"))
STOP_TIMEOUT_S = 90.0
DEFAULT_SERVICE_PORT = 8080


class ServiceSettings(Model):
    """How services are started. app: command line, empty for the minimal responder. environment: without the instance's
    own variables. logs: one file for each instance.
    """

    app: tuple[str, ...] = ()
    environment: dict[str, str] = {}
    logs: Path
    speed: float = 1.0


class InstanceServices:
    """The processes behind instances. queue: runs an effect outside the lock; port_of: where a service listens."""

    def __init__(
        self,
        host: ServiceHost,
        settings: ServiceSettings,
        *,
        queue: Callable[[Callable[[], None]], None],
        port_of: Callable[[str], int | None],
    ) -> None:
        self._host = host
        self._settings = settings
        self._queue = queue
        self._port_of = port_of
        self._failed: dict[str, FailedService] = {}
        self._with_service: set[str] = set()
        self.boot_max_real_s = 0.0
        self.pids: dict[str, int] = {}

    @property
    def failed(self) -> tuple[FailedService, ...]:
        """Services that ended without being told to, or did not start."""
        return tuple(self._failed.values())

    def start(self, instance_id: str, address: str, zone: str) -> None:
        """Start the instance's service, in the place of one that may still run."""
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

    def signal(self, instance_id: str, number: int, whom: str, done: Done | None = None) -> None:
        """Send a signal to the processes of an instance; `done` gets how many were reached."""
        self._queue(lambda: self._host.signal(instance_id, number, whom, done))

    def stop(self, instance_id: str, done: Done) -> None:
        """SIGTERM, and SIGKILL to what is left after systemd's 90 s."""
        patience_real_s = STOP_TIMEOUT_S / self._settings.speed
        self._queue(lambda: self._host.signal(instance_id, 15, "all", done, patience_real_s))

    def runs(self, instance_id: str) -> bool:
        """Whether the instance's service runs, as far as its main process tells."""
        return instance_id in self.pids

    def end(self, instance_id: str) -> None:
        """Kill whatever runs in the instance; nobody asks why it ended."""
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
