"""Listening sockets: opened and closed as snapshots add and remove listeners and nodes."""

import asyncio
import os
import weakref
from collections.abc import Callable
from typing import Any, NamedTuple

from blackstart.domain.emulator_status import served_port
from blackstart.emulator.dataplane.client import ClientConnection
from blackstart.emulator.dataplane.http_text import RequestHead
from blackstart.emulator.dataplane.nodes import Fleet, Node
from blackstart.emulator.dataplane.rules import Chosen, ListenerRules
from blackstart.emulator.dataplane.silence import silence, unsilence
from blackstart.emulator.dataplane.tls import ListenerTls
from blackstart.emulator.dataplane.topology import NodeKey, Topology
from blackstart.emulator.snapshot import ListenerSnapshot, Reach

_TLS_CLOSE_REAL_S = 120.0  # a client may take so long over the rest of an answer after which its connection is closed


class _ListenerKey(NamedTuple):
    node: NodeKey
    address: str
    declared_port: int


class Listener:
    """One listener on one node, on one or two ports, with the connections that it accepted.

    problem: why its served port could not be bound, "" when it is.
    """

    def __init__(self, node: Node, address: str, snapshot: ListenerSnapshot) -> None:
        self.node = node
        self.declared_port = snapshot.port
        self.problem = ""
        self._address = address
        self._tls: ListenerTls | None = None
        self._connections: set[ClientConnection] = set()
        self._servers: dict[int, asyncio.Server] = {}
        self._cut: Reach | None = None
        self._closed = False
        self.update(snapshot)

    @property
    def bound(self) -> bool:
        return bool(self._servers)

    def update(self, snapshot: ListenerSnapshot) -> None:
        """Take over changes without touching open connections: rules and actions decide from the next request on,
        certificates and TLS policy from the next handshake on. A changed protocol has to be bound anew with `open`.
        """
        self.snapshot = snapshot
        self._rules = ListenerRules(snapshot)
        if (snapshot.protocol == "HTTPS") != (self._tls is not None):
            self._tls = ListenerTls() if snapshot.protocol == "HTTPS" else None
            self._stop_listening()
        if self._tls is not None:
            self._tls.update(snapshot)

    def cut(self, reach: Reach | None) -> None:
        """What clients meet from now on when the network keeps them out; None when it does not.

        tracked: no new connection gets an answer. silent: those that are open hear nothing more, and are not heard.
        """
        if reach is self._cut:
            return
        self._cut = reach
        for server in self._servers.values():
            self._filter(server)
        for connection in list(self._connections):
            _hold(connection, reach is Reach.SILENT)

    async def open(self, rival: int | None) -> None:
        """Bind what is not bound yet. Only the served port matters: `problem` says why it could not be bound.

        rival: the declared port of another listener that has the served port already.
        """
        served = served_port(self.declared_port)
        if rival is None:
            self.problem = await self._bind(served)
        else:
            self.problem = (
                f"listener {self.declared_port} in {self.node.key.zone} is not served: listener {rival} has its port "
                f"{served}, because ports below 1024 are served 8000 higher; declare one of the two on another port"
            )
        if self.declared_port not in self._servers:
            await self._bind(self.declared_port)

    def close(self) -> None:
        """Stop listening and cut every client off, as a deleted load balancer does."""
        self._closed = True
        self._stop_listening()
        for connection in list(self._connections):
            connection.abort()

    def close_idle(self, now_real_s: float) -> None:
        """Close connections without a request for as long as the load balancer's idle timeout, in the clients' own
        time: their pools live in wall time. now_real_s: the loop's time.
        """
        before_real_s = now_real_s - self.node.client_idle_timeout_real_s
        for connection in list(self._connections):
            if connection.idle and connection.active_real_s < before_real_s:
                connection.abort()

    def choose(self, head: RequestHead, client_ip: str) -> Chosen:
        """The action of the rule that a request meets and the rule's priority, or the default action."""
        return self._rules.choose(head, client_ip)

    def connected(self, connection: ClientConnection) -> None:
        self._connections.add(connection)
        if self._cut is Reach.SILENT:
            _hold(connection, True)
        if self._closed:  # accepted in the very moment of closing
            connection.abort()

    def disconnected(self, connection: ClientConnection) -> None:
        self._connections.discard(connection)

    def problems(self) -> tuple[str, ...]:
        """What keeps it from being served, one line each."""
        certificates = self._tls.problems if self._tls is not None else ()
        described = (f"listener {self.declared_port} in {self.node.key.zone}: {problem}" for problem in certificates)
        return (*((self.problem,) if self.problem else ()), *described)

    async def _bind(self, port: int) -> str:
        if port in self._servers:
            return ""
        loop = asyncio.get_running_loop()
        try:
            server = await loop.create_server(
                lambda: self._accepted(port), self._address, port, backlog=1024, **self._tls_options()
            )
        except OSError as error:
            reason = os.strerror(error.errno or 0)
            return f"listener {self.declared_port} in {self.node.key.zone}: {self._address}:{port}: {reason}"
        self._servers[port] = server
        if self._cut is not None:
            self._filter(server)
        return ""

    def _stop_listening(self) -> None:
        for server in self._servers.values():
            server.close()
        self._servers.clear()

    def _filter(self, server: asyncio.Server) -> None:
        for listening in server.sockets:
            (unsilence if self._cut is None else silence)(listening.fileno())

    def _tls_options(self) -> dict[str, Any]:
        return {} if self._tls is None else {"ssl": self._tls.context, "ssl_shutdown_timeout": _TLS_CLOSE_REAL_S}

    def _accepted(self, port: int) -> asyncio.Protocol:
        if self._tls is None:
            return ClientConnection(self, port)
        return _Handshake(self._tls, lambda: ClientConnection(self, port), self._handshake_failed)

    def _handshake_failed(self) -> None:
        if not self._closed:
            self.node.counting.client_tls_failed(self.node.key)


class _Handshake(asyncio.Protocol):
    """Stands in for a client's connection until its TLS handshake has succeeded.

    asyncio lets go of a connection whose handshake fails without a word; that nobody has it any more is how `failed`
    comes to be called.
    """

    def __init__(self, tls: ListenerTls, connect: Callable[[], ClientConnection], failed: Callable[[], None]) -> None:
        self._tls = tls
        self._connect = connect
        self._failed = weakref.finalize(self, failed)
        self._failed.atexit = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._failed.detach()
        connection = self._connect()
        connection.sni, connection.certificate_arn = self._tls.shown_to(transport)
        transport.set_protocol(connection)
        connection.connection_made(transport)


def _hold(connection: ClientConnection, held: bool) -> None:
    """Let nothing through between a connection and its client, or let it through again."""
    connection.hold(held)
    if connection.transport is not None and not connection.transport.is_closing():
        (silence if held else unsilence)(connection.transport.get_extra_info("socket").fileno())


class Listeners:
    """All listeners of all nodes."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self._open: dict[_ListenerKey, Listener] = {}

    async def apply(self, topology: Topology) -> None:
        """Close what the snapshot no longer has, change what is different, then open what is new."""
        wanted = {
            _ListenerKey(key, node.address, snapshot.port): snapshot
            for key, (balancer, node) in topology.nodes.items()
            for snapshot in balancer.listeners
        }
        for key in [key for key in self._open if key not in wanted]:
            self._open.pop(key).close()
        for key, snapshot in wanted.items():
            listener = self._open.get(key)
            if listener is None:
                listener = self._open[key] = Listener(self._fleet.nodes[key.node], key.address, snapshot)
            else:
                listener.update(snapshot)
            listener.cut(topology.nodes[key.node][1].listeners_cut.get(key.declared_port))
            if not listener.bound:
                await listener.open(self._rival(key))

    async def retry(self) -> None:
        """Try again to bind what could not be bound."""
        for key, listener in list(self._open.items()):
            if listener.problem:
                await listener.open(self._rival(key))

    def _rival(self, key: _ListenerKey) -> int | None:
        """The declared port of the listener before this one, if any, that is served on the same port of the node."""
        for other in self._open:
            if other == key:
                return None
            if other.node == key.node and served_port(other.declared_port) == served_port(key.declared_port):
                return other.declared_port
        return None

    def close_idle(self) -> None:
        now_real_s = asyncio.get_running_loop().time()
        for listener in self._open.values():
            listener.close_idle(now_real_s)

    def problems(self) -> tuple[str, ...]:
        """One line for each listener that is not served, sorted."""
        return tuple(sorted(problem for listener in self._open.values() for problem in listener.problems()))

    def close(self) -> None:
        for listener in self._open.values():
            listener.close()
        self._open.clear()
