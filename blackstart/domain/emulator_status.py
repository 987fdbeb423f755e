"""What the emulator says of itself on GET /_emulator/status."""

from blackstart.domain.clock import Anchor
from blackstart.domain.journal import EmulatorMeasured
from blackstart.domain.model import Model

STATUS_PATH = "/_emulator/status"
LISTENER_PORT_OFFSET = 8000


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


class EmulatorStatus(Model):
    """unserved: what the stack declares and the emulator does not act on. problems: what keeps it from serving the
    rest, a listener's port that is taken for one; they may pass.
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
