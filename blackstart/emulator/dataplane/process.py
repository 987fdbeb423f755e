"""The data plane's parts joined, and their life from the first connection to the end."""

import asyncio
import os
import sys
from pathlib import Path

from blackstart.domain.clock import Anchor
from blackstart.emulator.dataplane.access_logs import AccessLogs
from blackstart.emulator.dataplane.checks import Checks
from blackstart.emulator.dataplane.clock import VirtualClock
from blackstart.emulator.dataplane.control_link import ControlLink
from blackstart.emulator.dataplane.counting import Counting
from blackstart.emulator.dataplane.dns_server import DnsServer, Resolver
from blackstart.emulator.dataplane.listeners import Listeners
from blackstart.emulator.dataplane.nodes import Fleet
from blackstart.emulator.dataplane.opinions import Opinions
from blackstart.emulator.dataplane.standing import Standing, mitigated, standing
from blackstart.emulator.dataplane.timings import Timings
from blackstart.emulator.dataplane.topology import CheckKey, Topology
from blackstart.emulator.protocol import HealthChanged, Hello, TargetTraffic
from blackstart.emulator.snapshot import Snapshot

_LAG_PERIOD_REAL_S = 1.0


class DataPlane:
    """socket: the control plane's Unix socket. real_time: for `Hello`."""

    def __init__(self, socket: Path, anchor: Anchor, real_time: bool = False) -> None:
        self._real_time = real_time
        self._clock = VirtualClock(anchor)
        self._counting = Counting(self._clock.now_s)
        self._timings = Timings()
        self._opinions = Opinions(self._clock.now_s, self._opinion_changed)
        self._fleet = Fleet(self._opinions, self._counting, self._clock)
        self._logs = AccessLogs(self._fleet)
        self._fleet.access_log_sink = self._logs.add
        self._listeners = Listeners(self._fleet)
        self._checks = Checks(self._clock, self._opinions, self._timings)
        self._dns = DnsServer(Resolver(self._fleet.dns_nodes))
        self._link = ControlLink(socket, self._hello)
        self._reported: tuple[str, ...] = ()
        self._stand: Standing | None = None

    async def run(self, dns_address: str, dns_port: int) -> None:
        """Serve until the control plane stays away or this task is cancelled; then everything is closed.

        Raises EmulatorError when the DNS port cannot be bound or the control plane talks nonsense.
        """
        background: list[asyncio.Task[None]] = []
        try:
            await self._dns.open(dns_address, dns_port)
            background = [asyncio.create_task(self._report_lag()), asyncio.create_task(self._report_counters())]
            async for snapshot in self._link.snapshots():
                await self._apply(snapshot)
        finally:
            for task in background:
                task.cancel()
            self._checks.stop()
            self._listeners.close()
            self._dns.close()
            self._link.close()

    async def _apply(self, snapshot: Snapshot) -> None:
        topology = Topology(snapshot)
        self._fleet.apply(topology)
        self._stand = None
        self._checks.apply(topology)
        await self._listeners.apply(topology)
        self._report_problems()

    def _hello(self) -> Hello:
        return Hello(
            pid=os.getpid(),
            version=self._fleet.topology.version,
            health=self._opinions.messages(),
            real_time=self._real_time,
        )

    def _opinion_changed(self, key: CheckKey, message: HealthChanged) -> None:
        self._fleet.opinion_changed(key.node)
        self._stand = None
        self._link.send(message)

    async def _report_lag(self) -> None:
        while True:
            await asyncio.sleep(_LAG_PERIOD_REAL_S)
            await self._listeners.retry()
            self._listeners.close_idle()
            self._send_logs()
            self._report_problems()
            self._stand = self._stand or standing(self._fleet)
            self._link.send(self._timings.lag(self._listeners.problems(), self._stand, mitigated(self._fleet)))

    async def _report_counters(self) -> None:
        while True:
            await asyncio.sleep(max(0.001, self._clock.real_until_s(self._counting.next_close_s())))
            if self._link.connected:
                for counters in self._counting.take_closed():
                    self._link.send(counters)
                carried = self._fleet.take_target_bytes()
                if carried:
                    self._link.send(TargetTraffic(time_s=self._clock.now_s(), targets=carried))

    def _send_logs(self) -> None:
        if self._link.connected:
            for logged in self._logs.take():
                self._link.send(logged)

    def _report_problems(self) -> None:
        problems = self._listeners.problems()
        for problem in problems:
            if problem not in self._reported:
                print(f"data plane: {problem}", file=sys.stderr, flush=True)
        self._reported = problems
