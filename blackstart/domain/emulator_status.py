"""What the emulator says of itself on GET /_emulator/status."""

from typing import Literal

from blackstart.domain.clock import Anchor
from blackstart.domain.emulator_overview import Overview
from blackstart.domain.journal import EmulatorMeasured
from blackstart.domain.model import Model

STATUS_PATH = "/_emulator/status"
PAGE_PATH = "/_emulator/"
CA_PATH = "/_emulator/ca.pem"
CAPACITY_PATH = "/_emulator/capacity"
HARDWARE_PATH = "/_emulator/hardware"
LISTENER_PORT_OFFSET = 8000
SEE_THE_LOG = "control-plane.log says why: in the run's emulator/, or where the one that was up keeps its logs."


def served_port(listener_port: int) -> int:
    """The port on which the emulator always serves a listener: privileged ones are moved up by 8000."""
    return listener_port + LISTENER_PORT_OFFSET if listener_port < 1024 else listener_port


class DnsAddress(Model):
    address: str
    port: int


class FailedService(Model):
    """An instance whose service ended without being told to. exit_code: negative for a signal."""

    instance_id: str
    exit_code: int
    log_tail: str


class ProcessStatus(Model):
    """One process of the emulator itself. pid: None while it is down. restarts: how often it was started again because
    it had ended, hung, or could not be started.
    """

    name: str
    pid: int | None
    restarts: int = 0


class EmulatorStatus(Model):
    """unserved: what the stack declares and the emulator does not act on. problems: what keeps it from serving the
    rest, a listener's port that is taken for one; they may pass. failures: what went wrong in the emulator itself since
    its start, one line each, healed or not. data_plane_priority: real-time where the kernel
    allows it. capacity: how many instances fit, by zone (`us-east-1a`) or zone and type (`us-east-1a/m5.large`), where
    that is limited. overview: None from an emulator that could not look at its stack just now.
    """

    ready: bool
    endpoint: str
    dns: DnsAddress
    speed: float
    virtual_time_s: float
    lag_real_s: float
    anchor: Anchor
    pids: tuple[int, ...]
    measured: EmulatorMeasured
    unserved: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    failed_services: tuple[FailedService, ...] = ()
    processes: tuple[ProcessStatus, ...] = ()
    failures: tuple[str, ...] = ()
    ca_bundle: str | None = None
    data_plane_priority: Literal["real-time", "normal"] = "normal"
    capacity: dict[str, int] = {}
    overview: Overview | None = None

    @property
    def sound(self) -> bool:
        """Whether the emulator serves what it should. What the stack's own alarms and targets say is another matter."""
        return self.ready and not self.problems and not self.failed_services
