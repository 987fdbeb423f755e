"""Whether a busy control plane shows up in the traffic: requests through the load balancer while clients describe.

Run `python benchmarks/isolation.py`. An open-loop client sends a fixed rate through one load balancer to six instances;
in turns it is quiet, and four processes call describe_instances without a pause. Prints p50 and p99 of both, their
ratio (the aim is at most 1.5 at p99), how many calls were answered meanwhile, and how many of the nodes' opinions of
targets changed (none should). Takes about a minute.

Six busy processes on two cores keep each other waiting, whatever they do. What is measured is the load balancer, so
the instruments (this process and the targets) take real-time priority where they may; the first line says whether.
"""

import argparse
import asyncio
import os
import statistics
import subprocess
import sys
import time
from typing import cast

import httptools
import uvloop
from emulator_under_test import Emulator, Tier, emulator

CHECK = {"HealthCheckIntervalSeconds": 10, "HealthCheckTimeoutSeconds": 5, "UnhealthyThresholdCount": 2}
REQUEST = b"GET / HTTP/1.1\r\nHost: bench\r\n\r\n"
CONNECTIONS = 16
DESCRIBERS = 4


class Sender(asyncio.Protocol):
    """One keep-alive connection; one request at a time. answered: the latency of each, wall seconds."""

    def __init__(self, free: "asyncio.Queue[Sender]") -> None:
        self._free = free
        self._intended_real_s = 0.0
        self._parser = httptools.HttpResponseParser(self)
        self.latencies_real_s: list[float] = []
        self.failed = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._free.put_nowait(self)

    def send(self, intended_real_s: float) -> None:
        self._intended_real_s = intended_real_s
        self._transport.write(REQUEST)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_message_complete(self) -> None:
        if self._parser.get_status_code() != 200:
            self.failed += 1
        self.latencies_real_s.append(time.monotonic() - self._intended_real_s)
        self._free.put_nowait(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self.failed += exc is not None

    def close(self) -> None:
        self._transport.abort()


async def load(address: str, port: int, rate_per_s: float, duration_real_s: float) -> tuple[list[float], int]:
    """Send at fixed intended times; latency counts from there. Returns latencies in wall seconds, and failures."""
    loop = asyncio.get_running_loop()
    free: asyncio.Queue[Sender] = asyncio.Queue()
    senders = []
    for _ in range(CONNECTIONS):
        _, sender = await loop.create_connection(lambda: Sender(free), address, port)
        senders.append(sender)
    began_real_s = time.monotonic()
    for number in range(int(rate_per_s * duration_real_s)):
        intended_real_s = began_real_s + number / rate_per_s
        await asyncio.sleep(max(0.0, intended_real_s - time.monotonic()))
        (await free.get()).send(intended_real_s)
    await asyncio.sleep(0.2)
    failed = sum(sender.failed for sender in senders)
    for sender in senders:
        sender.close()
    return [one for sender in senders for one in sender.latencies_real_s], failed


DESCRIBE = """
import sys, time
from blackstart.aws_clients import AwsClients
ec2 = AwsClients("us-east-1", sys.argv[1]).client("ec2")
ec2.describe_instances()
print("ready", flush=True)
until, calls = time.monotonic() + float(sys.argv[2]), 0
sys.stdin.readline()
until = time.monotonic() + float(sys.argv[2])
while time.monotonic() < until:
    ec2.describe_instances()
    calls += 1
print(calls, flush=True)
"""


class Describers:
    """Four client processes that call describe_instances for a while without a pause."""

    def __init__(self, endpoint: str, duration_real_s: float) -> None:
        self._processes = [
            subprocess.Popen(
                [sys.executable, "-c", DESCRIBE, endpoint, str(duration_real_s)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                start_new_session=True,
            )
            for _ in range(DESCRIBERS)
        ]
        for process in self._processes:
            assert process.stdout is not None
            process.stdout.readline()

    def go(self) -> None:
        for process in self._processes:
            assert process.stdin is not None
            process.stdin.write("\n")
            process.stdin.flush()

    def calls(self) -> int:
        """How many calls were answered, once they are done."""
        return sum(int(process.communicate()[0]) for process in self._processes)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--speed", type=float, default=10.0)
    options.add_argument("--rate-per-s", type=float, default=200.0)
    options.add_argument("--round-real-s", type=float, default=6.0)
    options.add_argument("--rounds", type=int, default=4)
    wanted = options.parse_args()
    with emulator(wanted.speed, {"pending_s": 5, "boot_s": 5}) as running:
        tier = Tier(running, 6, {"web": CHECK})
        tier.register("web", tier.ids)
        tier.wait_until_healthy("web", 6)
        measure(running, tier, wanted)


def steady_instruments(running: Emulator) -> bool:
    """Give this process and the targets real-time priority; whether that was allowed.

    What this process starts (the describers) must not inherit it, the threads of a target that answer must.
    """
    groups = running.status()["overview"]["target_groups"]
    pids = [target["pid"] for group in groups for target in group["targets"]]
    try:
        os.sched_setscheduler(0, os.SCHED_RR | os.SCHED_RESET_ON_FORK, os.sched_param(1))
        for pid in pids:
            os.sched_setscheduler(pid, os.SCHED_RR, os.sched_param(1))
    except PermissionError:
        return False
    return True


def measure(running: Emulator, tier: Tier, wanted: argparse.Namespace) -> None:
    instruments = "real-time" if steady_instruments(running) else "normal"
    print(f"priority of instruments: {instruments}; of the data plane: {running.status()['data_plane_priority']}")
    address = node_address(running, tier)
    before = opinions(running)
    quiet: list[float] = []
    loud: list[float] = []
    calls = failed = 0
    for _ in range(wanted.rounds):
        latencies, failures = uvloop.run(load(address, 8080, wanted.rate_per_s, wanted.round_real_s))
        quiet += latencies
        failed += failures
        describers = Describers(running.started.endpoint, wanted.round_real_s + 0.5)
        describers.go()
        latencies, failures = uvloop.run(load(address, 8080, wanted.rate_per_s, wanted.round_real_s))
        loud += latencies
        failed += failures
        calls += describers.calls()
    ratios = [show("quiet", quiet), show(f"{DESCRIBERS} describing", loud)]
    print(f"p99 ratio {ratios[1] / ratios[0]:.2f} (aim: at most 1.5); {calls} calls of describe_instances answered")
    changed = len(opinions(running) - before)
    print(f"{failed} requests failed; opinions of nodes that changed meanwhile: {changed} (aim: 0)")


def opinions(running: Emulator) -> set[tuple[str, str, str, float]]:
    """(target, node's zone, state, since when) of every node's opinion; an unhealthy moment leaves a trace."""
    return {
        (target["target_id"], zone, opinion["state"], opinion["since_s"])
        for group in running.status()["overview"]["target_groups"]
        for target in group["targets"]
        for zone, opinion in target["opinions"].items()
    }


def show(name: str, latencies_real_s: list[float]) -> float:
    """Print a line; returns p99."""
    cuts = statistics.quantiles(latencies_real_s, n=1000)
    p50, p99, p999 = (cuts[at] * 1e3 for at in (499, 989, 998))
    print(
        f"{name:<14} {len(latencies_real_s):>6} requests   p50 {p50:6.2f} ms   p99 {p99:6.2f} ms   p99.9 {p999:6.2f} ms"
    )
    return cuts[989]


def node_address(running: Emulator, tier: Tier) -> str:
    """The first address that the emulator's DNS gives for the load balancer."""
    from dnslib import DNSRecord

    name = tier.elb.describe_load_balancers()["LoadBalancers"][0]["DNSName"]
    dns = running.started.dns
    answer = DNSRecord.parse(DNSRecord.question(name).send(dns.address, dns.port))
    return str(answer.rr[0].rdata)


if __name__ == "__main__":
    main()
