"""Listening sockets: opened and closed as snapshots add and remove listeners and nodes."""

import asyncio
import os
from typing import NamedTuple

from blackstart.domain.emulator_status import served_port
from blackstart.emulator.dataplane.client import ClientConnection
from blackstart.emulator.dataplane.http_text import RequestHead
from blackstart.emulator.dataplane.nodes import Fleet, Node
from blackstart.emulator.dataplane.rules import Chosen, ListenerRules
from blackstart.emulator.dataplane.topology import NodeKey, Topology
from blackstart.emulator.snapshot import Action, ListenerSnapshot


class _ListenerKey(NamedTuple):
    node: NodeKey
    address: str
    declared_port: int


class Listener:
    """One listener on one node, on one or two ports, with the connections that it accepted."""

    def __init__(self, node: Node, address: str, snapshot: ListenerSnapshot) -> None:
        self.node = node
        self.declared_port = snapshot.port
        self.problem = ""
        self._address = address
        self._connections: set[ClientConnection] = set()
        self._servers: dict[int, asyncio.Server] = {}
        self._closed = False
        self.update(snapshot)

    def update(self, snapshot: ListenerSnapshot) -> None:
        """Take over changed rules and actions; they decide from the next request on."""
        self.snapshot = snapshot
        self._rules = ListenerRules(snapshot)

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
        for server in self._servers.values():
            server.close()
        self._servers.clear()
        for connection in list(self._connections):
            connection.abort()

    def close_idle(self, before_real_s: float) -> None:
        """Close connections without a request that were last used before a reading of the loop's time."""
        for connection in list(self._connections):
            if connection.idle and connection.active_real_s < before_real_s:
                connection.abort()

    def choose(self, head: RequestHead, client_ip: str) -> Chosen:
        """The action of the rule that a request meets and the rule's priority, or the default action."""
        return self._rules.choose(head, client_ip)

    def choose_action(self, head: RequestHead) -> Action:
        """As `choose`, where the client's address is not at hand: no source-ip condition holds."""
        return self._rules.choose(head, "").action

    def connected(self, connection: ClientConnection) -> None:
        self._connections.add(connection)
        if self._closed:  # accepted in the very moment of closing
            connection.abort()

    def disconnected(self, connection: ClientConnection) -> None:
        self._connections.discard(connection)

    async def _bind(self, port: int) -> str:
        if port in self._servers:
            return ""
        loop = asyncio.get_running_loop()
        try:
            self._servers[port] = await loop.create_server(
                lambda: ClientConnection(self, port), self._address, port, backlog=1024
            )
        except OSError as error:
            reason = os.strerror(error.errno or 0)
            return f"listener {self.declared_port} in {self.node.key.zone}: {self._address}:{port}: {reason}"
        return ""


class Listeners:
    """All listeners of all nodes."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self._open: dict[_ListenerKey, Listener] = {}

    async def apply(self, topology: Topology) -> None:
        """Close what the snapshot no longer has, then open what is new."""
        wanted = {
            _ListenerKey(key, node.address, listener.port): listener
            for key, (balancer, node) in topology.nodes.items()
            for listener in balancer.listeners
        }
        for key in [key for key in self._open if key not in wanted]:
            self._open.pop(key).close()
        for key, listener in wanted.items():
            if key in self._open:
                self._open[key].update(listener)
            else:
                node = self._fleet.nodes[key.node]
                self._open[key] = Listener(node, key.address, listener)
                await self._open[key].open(self._rival(key))

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

    def close_idle(self, idle_timeout_real_s: float) -> None:
        before_real_s = asyncio.get_running_loop().time() - idle_timeout_real_s
        for listener in self._open.values():
            listener.close_idle(before_real_s)

    def problems(self) -> tuple[str, ...]:
        """One line for each listener that is not served, sorted."""
        return tuple(sorted(listener.problem for listener in self._open.values() if listener.problem))

    def close(self) -> None:
        for listener in self._open.values():
            listener.close()
        self._open.clear()
