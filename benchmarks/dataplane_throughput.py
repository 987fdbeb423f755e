"""The emulated load balancer beside nginx as a reverse proxy, in one run.

Run `python benchmarks/dataplane_throughput.py`; nginx has to be installed. Closed-loop clients on keep-alive
connections send small requests to one small target: directly, through one nginx worker, and through the data plane, in
turns, so that a busy machine weighs on all of them. The figure that carries over between machines is requests per
second of the proxy's own processor time; its ratio to nginx's is the median over the rounds. Two kinds of load: every
client repeats one request (as load tests mostly do), and every request has a URL of its own. Latency is measured with
one client at a time, so that it is the proxy's and not a queue's; what a proxy adds is its median less the direct one.
Takes under a minute.

Exits with 2 when nginx is missing, with 1 when the data plane is below half of nginx or adds more than twice the
latency.
"""

import asyncio
import itertools
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
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

NODE, TARGET, DNS, NGINX = "127.81.1.1", "127.81.1.2", "127.81.1.3", "127.81.1.4"
TARGET_PORT, DNS_PORT, PORT = 8181, 5399, 8080
CLIENTS = 16
ROUND_REAL_S = 1.0
ROUNDS = 7
LEAST_RATIO, MOST_LATENCY_RATIO = 0.5, 2.0
REQUEST = (
    b"GET /%b HTTP/1.1\r\nHost: bench.example\r\nUser-Agent: bench\r\nAccept: */*\r\nAccept-Encoding: gzip\r\n\r\n"
)
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 13\r\nContent-Type: text/plain\r\n\r\nhello, bench\n"
NGINX_CONFIGURATION = """
daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/error.log;
events {{ worker_connections 1024; }}
http {{
    access_log off; keepalive_requests 1000000000;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
    upstream target {{ server {target}:{target_port}; keepalive 64; keepalive_requests 1000000000; }}
    server {{
        listen {nginx}:{port} backlog=1024;
        location / {{
            proxy_pass http://target; proxy_http_version 1.1; proxy_set_header Connection "";
            proxy_set_header Host $http_host;
            proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
            proxy_set_header X-Forwarded-Proto $scheme; proxy_set_header X-Forwarded-Port $server_port;
            proxy_set_header X-Amzn-Trace-Id Root=$request_id;
        }}
    }}
}}
"""


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

    def __init__(self, until_real_s: float, next_request: Callable[[], bytes]) -> None:
        self.latencies_real_s: list[float] = []
        self.ended = asyncio.get_running_loop().create_future()
        self.until_real_s = until_real_s
        self.next_request = next_request

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.parser = httptools.HttpResponseParser(self)
        self.send()

    def send(self) -> None:
        request = self.next_request()
        self.sent_real_s = time.perf_counter()
        self.transport.write(request)

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
    """cpu_real_s: processor time of the proxy; 0 without one."""

    latencies_real_s: list[float]
    seconds_real_s: float
    cpu_real_s: float

    @property
    def per_cpu_second(self) -> float:
        return len(self.latencies_real_s) / self.cpu_real_s


class Way(NamedTuple):
    """A way to the target. processes: of the proxy."""

    name: str
    address: str
    port: int
    processes: list[psutil.Process]

    def cpu_real_s(self) -> float:
        return sum(times.user + times.system for times in (process.cpu_times() for process in self.processes))


async def load(way: Way, clients: int, next_request: Callable[[], bytes]) -> Round:
    """One round of closed-loop load on an address."""
    loop = asyncio.get_running_loop()
    before_real_s, began_real_s = way.cpu_real_s(), time.perf_counter()
    senders = [Client(began_real_s + ROUND_REAL_S, next_request) for _ in range(clients)]
    for sender in senders:
        await loop.create_connection(lambda sender=sender: sender, way.address, way.port)
    for error in await asyncio.gather(*(sender.ended for sender in senders)):
        if error:
            raise error
    latencies = [latency for sender in senders for latency in sender.latencies_real_s]
    return Round(latencies, time.perf_counter() - began_real_s, way.cpu_real_s() - before_real_s)


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


def start_nginx(program: str, folder: Path) -> subprocess.Popen[bytes]:
    configuration = folder / "nginx.conf"
    text = NGINX_CONFIGURATION.format(folder=folder, target=TARGET, target_port=TARGET_PORT, nginx=NGINX, port=PORT)
    configuration.write_text(text)
    return subprocess.Popen([program, "-p", str(folder), "-c", str(configuration)])


def stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    process.wait(5)


async def wait_until_served(address: str) -> None:
    while True:
        try:
            _, writer = await asyncio.open_connection(address, PORT)
        except OSError:
            await asyncio.sleep(0.05)
        else:
            writer.close()
            return


async def serve_control(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(snapshot().model_dump_json().encode() + b"\n")
    while await reader.readline():
        continue


async def in_turns(ways: list[Way], clients: int, next_request: Callable[[], bytes]) -> dict[str, list[Round]]:
    """All rounds of each way."""
    rounds: dict[str, list[Round]] = {way.name: [] for way in ways}
    for _ in range(ROUNDS):
        for way in ways:
            rounds[way.name].append(await load(way, clients, next_request))
    return rounds


def compare_cost(title: str, rounds: dict[str, list[Round]]) -> float:
    """Prints requests per processor second of both proxies; gives the ratio."""
    ours, theirs = rounds["data plane"], rounds["nginx"]
    for name, each in (("nginx", theirs), ("data plane", ours)):
        rate = statistics.median(len(one.latencies_real_s) / one.seconds_real_s for one in each)
        cost = statistics.median(one.per_cpu_second for one in each)
        print(f"{title:<28} {name:<11} {cost:>8.0f} requests per processor second   ({rate:.0f}/s)")
    ratios = sorted(our.per_cpu_second / their.per_cpu_second for our, their in zip(ours, theirs, strict=True))
    ratio = statistics.median(ratios)
    print(f"{title:<28} ratio       {ratio:>8.2f} (median of {ROUNDS} rounds, {ratios[0]:.2f} to {ratios[-1]:.2f})")
    return ratio


def compare_latency(rounds: dict[str, list[Round]]) -> float:
    """Prints what both proxies add to the median latency of one client; gives the ratio."""
    medians = {
        name: statistics.median(statistics.median(one.latencies_real_s) for one in each)
        for name, each in rounds.items()
    }
    added = {name: medians[name] - medians["direct"] for name in ("nginx", "data plane")}
    print(f"{'median latency':<28} direct      {medians['direct'] * 1e6:>8.0f} us")
    for name, added_real_s in added.items():
        print(f"{'median latency':<28} {name:<11} {medians[name] * 1e6:>8.0f} us, adds {added_real_s * 1e6:.0f} us")
    ratio = added["data plane"] / added["nginx"]
    print(f"{'added latency':<28} ratio       {ratio:>8.2f}")
    return ratio


async def measure(ways: list[Way]) -> bool:
    """Whether the data plane keeps to what is wanted of it."""
    direct, nginx, data_plane = ways
    same = REQUEST % b"same"
    numbers = itertools.count()
    repeated = compare_cost("one request repeated", await in_turns([nginx, data_plane], CLIENTS, lambda: same))
    distinct = compare_cost(
        "a URL for each request", await in_turns([nginx, data_plane], CLIENTS, lambda: REQUEST % b"%d" % next(numbers))
    )
    latency = compare_latency(await in_turns([direct, nginx, data_plane], 1, lambda: same))
    return min(repeated, distinct) >= LEAST_RATIO and latency <= MOST_LATENCY_RATIO


async def main() -> int:
    program = shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")
    if program is None:
        print("nginx is not installed: install it (Debian, Ubuntu: apt install nginx-light) and run this again")
        return 2
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        control = await asyncio.start_unix_server(serve_control, folder / "control.sock")
        stack.callback(control.close)
        target = await asyncio.get_running_loop().create_server(Target, TARGET, TARGET_PORT)
        stack.callback(target.close)
        ours = start_data_plane(folder / "control.sock")
        stack.callback(stop, ours)
        theirs = start_nginx(program, folder)
        stack.callback(stop, theirs)
        async with asyncio.timeout(5):
            await wait_until_served(NODE)
            await wait_until_served(NGINX)
        workers = psutil.Process(theirs.pid).children()
        ways = [
            Way("direct", TARGET, TARGET_PORT, []),
            Way("nginx", NGINX, PORT, workers),
            Way("data plane", NODE, PORT, [psutil.Process(ours.pid)]),
        ]
        return 0 if await measure(ways) else 1


if __name__ == "__main__":
    sys.exit(uvloop.run(main()))
