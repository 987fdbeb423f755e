"""The connections to one target: a small pool of idle ones, and those in use."""

from blackstart.emulator.dataplane.upstream import UpstreamConnection
from blackstart.emulator.snapshot import Reach, TargetSnapshot

_MAX_IDLE = 32


class TargetConnections:
    """A registration as requests reach it: where it is, idle connections to reuse, and those in use.

    tls: speak TLS to it, whatever certificate it shows, as an ALB does. in_flight: requests now. answered, failed: since
    it was registered: answers that began, and among them 5xx answers plus requests that it never answered.
    unanswered: those last ones alone.
    """

    def __init__(self, snapshot: TargetSnapshot, tls: bool = False) -> None:
        self.snapshot = snapshot
        self.tls = tls
        self.in_flight = 0
        self.answered = 0
        self.failed = 0
        self.unanswered = 0
        self._idle: list[UpstreamConnection] = []
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
        self.failed += 1
        self.unanswered += 1

    @property
    def silent(self) -> bool:
        return self.snapshot.reach is Reach.SILENT

    def update(self, snapshot: TargetSnapshot) -> None:
        """Take over a changed snapshot: a target that is held, silent or moved gets no new request on old sockets."""
        moved = snapshot.address != self.snapshot.address
        self.snapshot = snapshot
        if self.silent:
            for connection in self._active:
                connection.deafen()
        if self.silent or moved or snapshot.held is not None:
            self.close_idle()

    def take(self, now_real_s: float, idle_timeout_real_s: float) -> UpstreamConnection | None:
        """The most recently used idle connection that the target has not closed meanwhile.

        idle_timeout_real_s: a connection is not reused after this long.
        """
        while self._idle:
            connection = self._idle.pop()
            if connection.reusable(now_real_s, idle_timeout_real_s):
                self._active.add(connection)
                return connection
            connection.close()
        return None

    def opened(self, connection: UpstreamConnection) -> None:
        self._active.add(connection)

    def put(self, connection: UpstreamConnection) -> None:
        """Keep a connection for the next request, or close it when there is no use for it."""
        self._active.discard(connection)
        if self.silent or self.snapshot.held is not None or len(self._idle) >= _MAX_IDLE:
            connection.close()
        else:
            self._idle.append(connection)

    def forget(self, connection: UpstreamConnection) -> None:
        self._active.discard(connection)
        if connection in self._idle:
            self._idle.remove(connection)

    def close_idle(self) -> None:
        idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def deregister(self) -> None:
        """The registration is gone: what is still running gets a 502, as after an expired deregistration delay."""
        self.close_idle()
        for connection in list(self._active):
            connection.break_off()
