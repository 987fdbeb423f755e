"""The way to a target: a pooled connection, a new one, or the wait for a host that never answers."""

import asyncio
from typing import Protocol

from blackstart.emulator.dataplane.nodes import Node
from blackstart.emulator.dataplane.target_connections import TargetConnections
from blackstart.emulator.dataplane.upstream import UpstreamConnection


class Approaching(Protocol):
    """Who wants the connection; exactly one of the two is called."""

    def connected(self, upstream: UpstreamConnection, reused: bool) -> None: ...
    def not_connected(self, status: int) -> None: ...


class Approach:
    """One request's attempt to reach its target. Its node's connect timeout bounds it: 504 after that, 502 at once."""

    def __init__(self, wanted_by: Approaching, node: Node, target: TargetConnections) -> None:
        self._wanted_by = wanted_by
        self._node = node
        self._target = target
        self._loop = asyncio.get_running_loop()
        self._connecting: asyncio.Task[None] | None = None
        self._silence: asyncio.TimerHandle | None = None

    def begin(self) -> None:
        """By a pooled connection when there is one: then `connected` is called before this returns."""
        if self._target.silent:
            self._silence = self._loop.call_later(self._node.connect_timeout_real_s, self._wanted_by.not_connected, 504)
            return
        pooled = self._target.take(self._loop.time(), self._node.idle_timeout_real_s)
        if pooled is not None:
            self._wanted_by.connected(pooled, reused=True)
        else:
            self.begin_anew()

    def begin_anew(self) -> None:
        """By a new connection, whatever the pool has."""
        self._connecting = self._loop.create_task(self._connect())

    def cancel(self) -> None:
        """The connection is not wanted any more."""
        if self._connecting is not None:
            self._connecting.cancel()
        if self._silence is not None:
            self._silence.cancel()

    async def _connect(self) -> None:
        upstream = UpstreamConnection(self._target)
        address, port = self._target.snapshot.address, self._target.snapshot.port
        try:
            async with asyncio.timeout(self._node.connect_timeout_real_s):
                await self._loop.create_connection(lambda: upstream, address, port)
        except asyncio.CancelledError:
            upstream.close()
            raise
        except TimeoutError:
            upstream.close()
            self._failed(504)
        except OSError:
            self._failed(502)
        else:
            self._connecting = None
            self._target.opened(upstream)
            self._wanted_by.connected(upstream, reused=False)

    def _failed(self, status: int) -> None:
        self._connecting = None  # it is this task that fails; the exchange must not cancel it
        self._wanted_by.not_connected(status)
