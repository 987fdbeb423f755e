"""What the emulated load balancer costs: requests through the data plane beside the same requests sent directly.

Run `python benchmarks/dataplane_throughput.py`. Closed-loop clients on keep-alive connections, direct and through the
load balancer in turns, so that a busy machine weighs on both. Prints requests a second, the ratio, p50 and p99, and
what the data plane handles in one second of its own processor time (the figure that carries over between machines).
Takes under 20 s.
"""

import asyncio
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import httptools
import psutil
import uvloop

from blackstart.domain.clock import Anchor
from blackstart.domain.target_health import HealthCheck
from blackstart.emulator.snapshot import (
    Forward,
    ListenerSnapshot,
    LoadBalancerSnapshot,
    NodeSnapshot,
    Snapshot,
    TargetGroupSnapshot,
    TargetSnapshot,
)

NODE, TARGET, DNS = "127.81.1.1", "127.81.1.2", "127.81.1.3"
TARGET_PORT, DNS_PORT, NODE_PORT = 8181, 5399, 8080
CLIENTS = 16
ROUND_REAL_S = 1.5
ROUNDS = 4
REQUEST = b"GET / HTTP/1.1\r\nHost: bench\r\nUser-Agent: bench\r\nAccept: */*\r\n\r\n"
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 13\r\nContent-Type: text/plain\r\n\r\nhello, bench\n"


class Target(asyncio.Protocol):
    """Answers every request with the same small page."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.parser = httptools.HttpRequestParser(self)

    def data_received(self, data: bytes) -> None:
        self.parser.feed_data(data)

    def on_message_complete(self) -> None:
        self.transport.write(ANSWER)


class Client(asyncio.Protocol):
    """Sends the next request as soon as an answer is complete."""

    def __init__(self, until_real_s: float) -> None:
        self.latencies_real_s: list[float] = []
        self.ended = asyncio.get_running_loop().create_future()
        self.until_real_s = until_real_s

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.parser = httptools.HttpResponseParser(self)
        self.send()

    def send(self) -> None:
        self.sent_real_s = time.perf_counter()
        self.transport.write(REQUEST)

    def data_received(self, data: bytes) -> None:
        self.parser.feed_data(data)

    def on_message_complete(self) -> None:
        assert self.parser.get_status_code() == 200
        now_real_s = time.perf_counter()
        self.latencies_real_s.append(now_real_s - self.sent_real_s)
        if now_real_s < self.until_real_s:
            self.send()
        else:
            self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self.ended.set_result(exc)


class Round(NamedTuple):
    requests_per_s: float
    latencies_real_s: list[float]


async def load(address: str, port: int) -> Round:
    """One round of closed-loop load on an address."""
    loop = asyncio.get_running_loop()
    began_real_s = time.perf_counter()
    clients = [Client(began_real_s + ROUND_REAL_S) for _ in range(CLIENTS)]
    for client in clients:
        await loop.create_connection(lambda client=client: client, address, port)
    for error in await asyncio.gather(*(client.ended for client in clients)):
        if error:
            raise error
    latencies = [latency for client in clients for latency in client.latencies_real_s]
    return Round(len(latencies) / (time.perf_counter() - began_real_s), latencies)


def snapshot() -> Snapshot:
    """One load balancer with one node and one target."""
    target = TargetSnapshot(
        target_id="i-1", port=TARGET_PORT, zone="a", private_ip="10.0.0.1", address=TARGET, registration=1
    )
    group = TargetGroupSnapshot(arn="g", metric_name="g", health_check=HealthCheck(), targets=(target,))
    balancer = LoadBalancerSnapshot(
        arn="l",
        metric_name="l",
        dns_name="bench.example",
        nodes=(NodeSnapshot(zone="a", address=NODE),),
        listeners=(ListenerSnapshot(arn="x", port=80, action=Forward.to("g")),),
    )
    return Snapshot(version=1, load_balancers=(balancer,), target_groups=(group,))


def start_data_plane(socket: Path) -> subprocess.Popen[bytes]:
    anchor = Anchor(monotonic_ns=time.monotonic_ns(), epoch_s=1_700_000_000.0, speed=10.0)
    arguments = ["--socket", str(socket), "--anchor", anchor.model_dump_json()]
    arguments += ["--dns-address", DNS, "--dns-port", str(DNS_PORT)]
    return subprocess.Popen([sys.executable, "-m", "blackstart.emulator.dataplane", *arguments])


async def wait_until_served() -> None:
    while True:
        try:
            _, writer = await asyncio.open_connection(NODE, NODE_PORT)
        except OSError:
            await asyncio.sleep(0.05)
        else:
            writer.close()
            return


def show(name: str, rounds: list[Round]) -> None:
    latencies = statistics.quantiles([one for each in rounds for one in each.latencies_real_s], n=100)
    rate = statistics.median(each.requests_per_s for each in rounds)
    print(f"{name:<24} {rate:>9.0f}/s   p50 {latencies[49] * 1e3:6.2f} ms   p99 {latencies[98] * 1e3:6.2f} ms")


async def serve_control(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(snapshot().model_dump_json().encode() + b"\n")
    while await reader.readline():
        continue


async def main() -> None:
    loop = asyncio.get_running_loop()
    with tempfile.TemporaryDirectory() as folder:
        socket = Path(folder) / "control.sock"
        control = await asyncio.start_unix_server(serve_control, socket)
        target = await loop.create_server(Target, TARGET, TARGET_PORT)
        process = start_data_plane(socket)
        try:
            async with asyncio.timeout(5):
                await wait_until_served()
            direct, balanced, cpu_real_s = [], [], 0.0
            usage = psutil.Process(process.pid)
            for _ in range(ROUNDS):
                direct.append(await load(TARGET, TARGET_PORT))
                before = usage.cpu_times()
                balanced.append(await load(NODE, NODE_PORT))
                after = usage.cpu_times()
                cpu_real_s += after.user + after.system - before.user - before.system
        finally:
            process.terminate()
            process.wait(5)
            target.close()
            control.close()
    show("direct", direct)
    show("through the data plane", balanced)
    ratio = statistics.median(b.requests_per_s / d.requests_per_s for b, d in zip(balanced, direct, strict=True))
    requests = sum(len(each.latencies_real_s) for each in balanced)
    print(f"ratio {ratio:.2f} (median of rounds); {requests / cpu_real_s:.0f} requests per processor second")


if __name__ == "__main__":
    uvloop.run(main())
