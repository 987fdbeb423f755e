"""A load balancer within the test's own process: one node, its listeners on loopback, and scripted targets."""

import asyncio
import itertools
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
import uvloop

from blackstart.domain.clock import Anchor
from blackstart.domain.target_health import HealthCheck
from blackstart.emulator.dataplane.client import ClientConnection
from blackstart.emulator.dataplane.clock import VirtualClock
from blackstart.emulator.dataplane.counting import Counting
from blackstart.emulator.dataplane.listeners import Listener
from blackstart.emulator.dataplane.nodes import Fleet
from blackstart.emulator.dataplane.opinions import Opinions
from blackstart.emulator.dataplane.topology import CheckKey, NodeKey, TargetKey, Topology
from blackstart.emulator.decisions.access_log import RequestRecord
from blackstart.emulator.decisions.target_health import ProbeOutcome, ProbeResult
from blackstart.emulator.snapshot import (
    Forward,
    ListenerSnapshot,
    LoadBalancerSnapshot,
    NodeSnapshot,
    Snapshot,
    TargetGroupSnapshot,
    TargetSnapshot,
)

PATIENCE_REAL_S = 5.0
SPEED = 20.0
ZONE = "us-east-1a"
_addresses = (
    f"127.83.{number // 200 % 250}.{1 + number % 200}" for number in itertools.count(os.getpid() * 7 % 40_000)
)

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class ScriptedTarget:
    """A target whose every connection is served by one coroutine. heard: all requests that were read whole, as
    (head, body); connections: accepted so far.
    """

    def __init__(self, serve: Serve | None = None, name: str = "i-1") -> None:
        self.name = name
        self.heard: list[tuple[bytes, bytes]] = []
        self.connections = 0
        self.address = next(_addresses)
        self.port = 0
        self._serve = serve or self.echo
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()

    async def start(self, **options: Any) -> None:
        self._server = await asyncio.start_server(self._accept, self.address, self.port, **options)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """As a killed process: the port refuses, every connection is closed."""
        if self._server is not None:
            self._server.close()
        for writer in self._writers:
            writer.close()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._writers.add(writer)
        try:
            await self._serve(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError, ValueError):
            pass
        finally:
            writer.close()

    async def request(self, reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
        """Read one whole request."""
        head = await reader.readuntil(b"\r\n\r\n")
        fields = dict(line.lower().split(b": ", 1) for line in head[:-4].split(b"\r\n")[1:])
        body = b""
        if fields.get(b"transfer-encoding") == b"chunked":
            while size := int(await reader.readline(), 16):
                body += (await reader.readexactly(size + 2))[:-2]
            await reader.readexactly(2)
        else:
            body = await reader.readexactly(int(fields.get(b"content-length", b"0")))
        self.heard.append((head, body))
        return head, body

    async def echo(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            head, body = await self.request(reader)
            content = b"%b:%b" % (self.name.encode(), body)
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nX-A: 1\r\n\r\n" % len(content))
            if not head.startswith(b"HEAD"):
                writer.write(content)
            await writer.drain()

    def replying(self, *pieces: bytes | float, close: bool = False) -> "ScriptedTarget":
        """Answer each request with pieces of bytes and pauses (wall seconds); then perhaps close."""

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while True:
                await self.request(reader)
                for piece in pieces:
                    if isinstance(piece, bytes):
                        writer.write(piece)
                        await writer.drain()
                    else:
                        await asyncio.sleep(piece)
                if close:
                    return

        self._serve = serve
        return self

    def snapshot(self, **changes: Any) -> TargetSnapshot:
        fields: dict[str, Any] = {
            "target_id": self.name,
            "port": self.port,
            "zone": ZONE,
            "private_ip": "10.0.0.9",
            "address": self.address,
            "registration": 1,
        }
        return TargetSnapshot(**{**fields, **changes})


class Client:
    """One connection of a client."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def ask(self, text: bytes, head_only: bool = False) -> tuple[int, bytes, bytes]:
        """Send a request; its answer as (status, head, body)."""
        self.writer.write(text)
        return await self.answer(head_only)

    async def answer(self, head_only: bool = False) -> tuple[int, bytes, bytes]:
        async with asyncio.timeout(PATIENCE_REAL_S):
            head = await self.reader.readuntil(b"\r\n\r\n")
            fields = dict(line.lower().split(b": ", 1) for line in head[:-4].split(b"\r\n")[1:])
            body = b""
            if b"chunked" in fields.get(b"transfer-encoding", b"") and not head_only:
                while size := int(await self.reader.readline(), 16):
                    body += (await self.reader.readexactly(size + 2))[:-2]
                await self.reader.readexactly(2)
            elif b"content-length" in fields and not head_only:
                body = await self.reader.readexactly(int(fields[b"content-length"]))
            elif not head_only and head[9:10] != b"1":
                body = await self.reader.read()
            return int(head[9:12]), head, body

    async def ended(self) -> bytes:
        """What still comes until the load balancer closes."""
        async with asyncio.timeout(PATIENCE_REAL_S):
            return await self.reader.read()


class Balancer:
    """group, balancer: fields of the target group's and the load balancer's snapshot. records: the access log."""

    def __init__(self, *targets: ScriptedTarget, group: dict[str, Any], balancer: dict[str, Any], speed: float) -> None:
        self.targets = targets
        self.records: list[RequestRecord] = []
        self.clock = VirtualClock(Anchor(monotonic_ns=time.monotonic_ns(), epoch_s=1.7e9, speed=speed))
        self.counting = Counting(self.clock.now_s)
        self._opinions = Opinions(self.clock.now_s, lambda key, _: self.fleet.opinion_changed(key.node))
        self.fleet = Fleet(self._opinions, self.counting, self.clock)
        self.fleet.access_log_sink = lambda _, record: self.records.append(record)
        self._group = group
        self._balancer = balancer
        self._clients: list[Client] = []
        self._address = next(_addresses)
        self._listeners: list[Listener] = []

    async def start(self, listeners: tuple[ListenerSnapshot, ...]) -> None:
        for target in self.targets:
            await target.start()
        self.apply(*(target.snapshot() for target in self.targets), listeners=listeners)
        self.node = self.fleet.nodes[NodeKey("lb", ZONE)]
        for listener in listeners:
            self._listeners.append(Listener(self.node, self._address, listener))
            await self._listeners[-1].open(None)

    def apply(self, *targets: TargetSnapshot, listeners: tuple[ListenerSnapshot, ...] | None = None) -> None:
        """A new snapshot; every registration is taken for healthy."""
        self._declared = listeners or self._declared
        group = TargetGroupSnapshot(
            arn="group", metric_name="group", health_check=HealthCheck(), targets=targets, **self._group
        )
        balancer = LoadBalancerSnapshot(
            arn="lb",
            metric_name="lb",
            dns_name="web.example",
            nodes=(NodeSnapshot(zone=ZONE, address=self._address),),
            listeners=self._declared,
            **self._balancer,
        )
        self.fleet.apply(Topology(Snapshot(version=1, load_balancers=(balancer,), target_groups=(group,))))
        for target in targets:
            key = CheckKey(NodeKey("lb", ZONE), TargetKey("group", target.target_id, target.port))
            self._opinions.begin(key, target.registration, group.health_check)
            answered = ProbeResult(outcome=ProbeOutcome.ANSWERED, status_code=200)
            self._opinions.decide(key, answered, group.health_check)

    async def client(self, port: int = 8080, **options: Any) -> Client:
        reader, writer = await asyncio.open_connection(self._address, port, limit=2**24, **options)
        self._clients.append(Client(reader, writer))
        return self._clients[-1]

    async def fetch(self, text: bytes = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n") -> tuple[int, bytes, bytes]:
        """One request on a connection of its own."""
        return await (await self.client()).ask(text)

    def counted(self) -> dict[str, int]:
        """The sums of the counters so far."""
        total: dict[str, int] = {}
        for rows in self.counting._buckets.values():
            for row in rows.values():
                found = {"requests": row.requests, "target_2xx": row.target_2xx, **row.counts}
                for name, value in found.items():
                    total[name] = total.get(name, 0) + value
        return {name: value for name, value in total.items() if value}

    def connections(self) -> list[ClientConnection]:
        """The load balancer's side of the clients' connections."""
        return [connection for listener in self._listeners for connection in listener._connections]

    async def stop(self) -> None:
        for client in self._clients:
            client.writer.close()
        for listener in self._listeners:
            listener.close()
        for target in self.targets:
            await target.stop()
        await asyncio.sleep(0.01)


HTTP = ListenerSnapshot(arn="listener", port=80, action=Forward.to("group"))


@asynccontextmanager
async def balancing(
    *targets: ScriptedTarget,
    listeners: tuple[ListenerSnapshot, ...] = (HTTP,),
    group: dict[str, Any] | None = None,
    speed: float = SPEED,
    **balancer: Any,
) -> AsyncIterator[Balancer]:
    place = Balancer(*targets, group=group or {}, balancer=balancer, speed=speed)
    unhandled: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: unhandled.append(context))
    await place.start(listeners)
    try:
        yield place
    finally:
        await place.stop()
    assert not unhandled, "no error ever reaches the event loop"


@pytest.fixture
def balanced() -> Any:
    """`balancing` as a context: a load balancer in front of targets."""
    return balancing


@pytest.fixture
def target() -> type[ScriptedTarget]:
    return ScriptedTarget


@pytest.fixture
def run() -> Callable[[Any], Any]:
    """Runs a coroutine on the event loop that the data plane uses."""
    return uvloop.run
