"""The connections to one target: for each node a small pool of idle ones, and those in use."""

from typing import Protocol

from blackstart.emulator.dataplane.upstream import UpstreamConnection
from blackstart.emulator.snapshot import Reach, TargetSnapshot

_MAX_IDLE = 64
_SEVERITY = (Reach.OPEN, Reach.TRACKED, Reach.SILENT)


class Approaching(Protocol):
    """A new connection on its way."""

    def break_off(self) -> None: ...


class TargetConnections:
    """A registration as requests reach it: where it is, idle connections to reuse, and those in use.

    tls: speak TLS to it, whatever certificate it shows, as an ALB does. in_flight: requests now. Since it was
    registered: answered, answers that began; unanswered, requests that failed before one did; failed, those and the
    answers with 5xx. approaches: connections that requests wait for. sent_bytes, received_bytes: of requests to the
    target and of its answers, health checks not among them, since they were last taken.
    """

    def __init__(self, snapshot: TargetSnapshot, tls: bool = False) -> None:
        self.snapshot = snapshot
        self.tls = tls
        self.in_flight = 0
        self.answered = 0
        self.unanswered = 0
        self.failed = 0
        self.sent_bytes = 0
        self.received_bytes = 0
        self.approaches: set[Approaching] = set()
        self._open = _is_open(snapshot)
        self._idle: dict[str, list[UpstreamConnection]] = {}
        self._active: set[UpstreamConnection] = set()

    def request_began(self) -> None:
        """A request was routed here; it counts until `request_ended`."""
        self.in_flight += 1

    def request_ended(self) -> None:
        self.in_flight -= 1

    def target_answered(self, status: int) -> None:
        """The head of an answer came."""
        self.answered += 1
        if status >= 500:
            self.failed += 1

    def target_failed(self) -> None:
        """No connection, or one that broke or went quiet before an answer began."""
        self.unanswered += 1
        self.failed += 1

    def take_bytes(self) -> tuple[int, int]:
        """Bytes to and from the target since the last time."""
        taken = self.sent_bytes, self.received_bytes
        self.sent_bytes = self.received_bytes = 0
        return taken

    def reach_from(self, zone: str) -> Reach:
        """What a new connection of the node in a zone meets: of the host's reach and the network's, the worse."""
        snapshot = self.snapshot
        return max(snapshot.reach, snapshot.reach_from.get(zone, Reach.OPEN), key=_SEVERITY.index)

    def update(self, snapshot: TargetSnapshot) -> None:
        """Take over a changed snapshot: a target that is held or moved gets no new request on old connections; one
        that went silent is not heard on any.
        """
        moved = snapshot.address != self.snapshot.address
        self.snapshot = snapshot
        self._open = _is_open(snapshot)
        for connection in self._active:
            connection.deafen(self.reach_from(connection.zone) is Reach.SILENT)
            if moved:
                connection.close_after()
        for zone in list(self._idle):
            if moved or snapshot.held is not None or self.reach_from(zone) is Reach.SILENT:
                self._close_idle(zone)

    def take(self, zone: str, now_real_s: float, idle_timeout_real_s: float, sure: bool) -> UpstreamConnection | None:
        """The most recently used idle connection of a node that the target has not closed meanwhile.

        idle_timeout_real_s: a connection is not reused after this long. sure: look at the socket as well, for a request
        that cannot be sent twice.
        """
        idle = self._idle.get(zone)
        while idle:
            connection = idle.pop()
            if connection.reusable(now_real_s, idle_timeout_real_s, sure):
                self._active.add(connection)
                return connection
            connection.close()
        return None

    def opened(self, connection: UpstreamConnection) -> None:
        self._active.add(connection)
        if not self._open:
            connection.deafen(not self._heard(connection))

    def put(self, connection: UpstreamConnection) -> None:
        """Keep a connection for the next request, or close it when there is no use for it."""
        self._active.discard(connection)
        idle = self._idle.get(connection.zone)
        if idle is None:
            idle = self._idle[connection.zone] = []
        useless = self.snapshot.held is not None or not (self._open or self._heard(connection))
        if useless or len(idle) >= _MAX_IDLE:
            connection.close()
        else:
            idle.append(connection)

    def forget(self, connection: UpstreamConnection) -> None:
        self._active.discard(connection)
        idle = self._idle.get(connection.zone)
        if idle and connection in idle:
            idle.remove(connection)

    def deregister(self) -> None:
        """The registration is gone: what is still running gets a 502, as after an expired deregistration delay."""
        for zone in list(self._idle):
            self._close_idle(zone)
        for one in (*self.approaches, *self._active):
            one.break_off()

    def _heard(self, connection: UpstreamConnection) -> bool:
        return self.reach_from(connection.zone) is not Reach.SILENT

    def _close_idle(self, zone: str) -> None:
        for connection in self._idle.pop(zone, ()):
            connection.close()


def _is_open(snapshot: TargetSnapshot) -> bool:
    return snapshot.reach is Reach.OPEN and not snapshot.reach_from
