"""The way to a target that no pooled connection leads to: a new one, or the wait for a host that never answers."""

import asyncio
import ssl
from functools import partial
from typing import Protocol

from blackstart.emulator.dataplane.nodes import Node
from blackstart.emulator.dataplane.target_connections import TargetConnections
from blackstart.emulator.dataplane.upstream import UpstreamConnection
from blackstart.emulator.snapshot import Reach


class Approaching(Protocol):
    """Who wants the connection; exactly one of the three is called."""

    def connected(self, upstream: UpstreamConnection, reused: bool) -> None: ...
    def not_connected(self, status: int) -> None: ...
    def target_lost(self, heard: bool) -> None: ...


class Approach:
    """One request's new connection. Its node's connect timeout bounds it: 504 after that; 502 at once when the target
    refuses, and when a TLS handshake fails or takes as long again. group_arn: the target group that it was routed to.
    """

    def __init__(self, wanted_by: Approaching, node: Node, group_arn: str, target: TargetConnections) -> None:
        self._wanted_by = wanted_by
        self._node = node
        self._group_arn = group_arn
        self._target = target
        self._loop = asyncio.get_running_loop()
        self._connecting: asyncio.Task[None] | None = None
        self._silence: asyncio.TimerHandle | None = None
        target.approaches.add(self)

    def begin(self) -> None:
        if self._target.reach_from(self._node.key.zone) is Reach.OPEN:
            self._connecting = self._loop.create_task(self._connect())
        else:
            self._silence = self._loop.call_later(self._node.connect_timeout_real_s, self._failed, 504)

    def break_off(self) -> None:
        """The target is deregistered."""
        self.cancel()
        self._wanted_by.target_lost(heard=True)

    def cancel(self) -> None:
        """The connection is not wanted any more."""
        self._target.approaches.discard(self)
        if self._connecting is not None:
            self._connecting.cancel()
        if self._silence is not None:
            self._silence.cancel()

    async def _connect(self) -> None:
        node, counting = self._node, self._node.counting
        opened, closed = partial(counting.connection_opened, node.key), partial(counting.connection_closed, node.key)
        upstream = UpstreamConnection(self._target, node.key.zone, opened, closed)
        address, port = self._target.snapshot.address, self._target.snapshot.port
        limit_real_s = node.connect_timeout_real_s
        try:
            if self._target.tls:
                async with asyncio.timeout(2 * limit_real_s):
                    await self._loop.create_connection(
                        lambda: upstream, address, port, ssl=_ANY_CERTIFICATE, ssl_handshake_timeout=limit_real_s
                    )
            else:
                async with asyncio.timeout(limit_real_s):
                    await self._loop.create_connection(lambda: upstream, address, port)
        except asyncio.CancelledError:
            upstream.abandon()
            raise
        except TimeoutError:
            upstream.abandon()
            self._failed(504)
        except (ssl.SSLError, ConnectionAbortedError):
            counting.target_tls_failed(node.key, self._group_arn)
            self._failed(502)
        except OSError:
            self._failed(502)
        else:
            self._ended()
            self._target.opened(upstream)
            self._wanted_by.connected(upstream, reused=False)

    def _failed(self, status: int) -> None:
        self._ended()
        self._wanted_by.not_connected(status)

    def _ended(self) -> None:
        self._connecting = None  # it is this task that ends; the exchange must not cancel it
        self._target.approaches.discard(self)


def _any_certificate() -> ssl.SSLContext:
    """An ALB does not validate the certificates of its targets (ELB user guide, "Target groups")."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


_ANY_CERTIFICATE = _any_certificate()
