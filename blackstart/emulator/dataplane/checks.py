"""The health-check schedule: every node checks every target at fixed times, however slow the last answer was."""

import asyncio
import math
from hashlib import blake2b

from blackstart.domain.target_health import HealthCheck
from blackstart.emulator.dataplane.clock import VirtualClock
from blackstart.emulator.dataplane.opinions import Opinions
from blackstart.emulator.dataplane.probe import probe
from blackstart.emulator.dataplane.timings import Timings
from blackstart.emulator.dataplane.topology import CheckKey, Topology
from blackstart.emulator.decisions.target_health import ProbeOutcome, succeeded
from blackstart.emulator.snapshot import TargetSnapshot


def check_phase_s(target_id: str, port: int, node_index: int, nodes: int, interval_s: float) -> float:
    """Where in the interval a node checks a target: fixed by the target's name, nodes evenly apart from each other.

    node_index: 0 to nodes - 1, the node's place among its load balancer's zones. There is no jitter: with
    `next_check_s`, anyone who knows the registrations can tell when each check begins.
    Differs from AWS: when in the interval a node checks is unpublished, and the interval is called approximate.
    """
    digest = blake2b(f"{target_id}:{port}".encode(), digest_size=8).digest()
    target_ratio = int.from_bytes(digest, "big") / 2**64
    return (target_ratio + node_index / nodes) % 1.0 * interval_s


def next_check_s(now_s: float, phase_s: float, interval_s: float) -> float:
    """The first time after `now_s` that is `phase_s` past a multiple of the interval; never the present moment."""
    ticks = math.floor((now_s - phase_s) / interval_s) + 1
    return phase_s + ticks * interval_s


class Check:
    """One node's repeated check of one registration."""

    def __init__(
        self,
        key: CheckKey,
        target: TargetSnapshot,
        phase_ratio: float,
        health_check: HealthCheck,
        clock: VirtualClock,
        opinions: Opinions,
        timings: Timings,
    ) -> None:
        self.target = target
        self.health_check = health_check
        self._key = key
        self._phase_ratio = phase_ratio
        self._clock = clock
        self._opinions = opinions
        self._timings = timings
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._running: set[asyncio.Task[None]] = set()
        opinions.begin(key, target.registration, health_check)
        self._schedule(clock.now_s())

    def update(self, target: TargetSnapshot, phase_ratio: float, health_check: HealthCheck) -> None:
        """Take changed settings; a new interval or phase counts from now on, running checks keep theirs."""
        before = (self._phase_ratio, self.health_check.interval_s)
        self.target = target
        self.health_check = health_check
        self._phase_ratio = phase_ratio
        if before != (phase_ratio, health_check.interval_s):
            self._unschedule()
            self._schedule(self._clock.now_s())

    def stop(self) -> None:
        """No further check; the answer of a running one no longer counts."""
        self._unschedule()
        for task in self._running:
            task.cancel()
        self._opinions.forget(self._key)

    def _schedule(self, after_s: float) -> None:
        if not self.health_check.enabled:
            return
        interval_s = self.health_check.interval_s
        due_s = next_check_s(after_s, self._phase_ratio * interval_s, interval_s)
        self._timer = self._loop.call_later(max(0.0, self._clock.real_until_s(due_s)), self._start, due_s)

    def _unschedule(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _start(self, due_s: float) -> None:
        self._timings.started(max(0.0, -self._clock.real_until_s(due_s)))
        # half an interval on, so that rounding neither repeats this check nor skips one
        self._schedule(max(due_s + self.health_check.interval_s / 2, self._clock.now_s()))
        task = self._loop.create_task(self._run(self.health_check))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _run(self, health_check: HealthCheck) -> None:
        begun_s = self._clock.now_s()
        timeout_real_s = self._clock.real_s(health_check.timeout_s)
        result = await probe(self.target, self._key.node.zone, health_check, timeout_real_s)
        if succeeded(result, health_check):
            self._timings.succeeded(self._clock.real_s(self._clock.now_s() - begun_s))
        elif result.outcome is ProbeOutcome.TIMED_OUT:
            self._timings.timed_out()
        self._opinions.decide(self._key, result, health_check)


class Checks:
    """All checks of all nodes."""

    def __init__(self, clock: VirtualClock, opinions: Opinions, timings: Timings) -> None:
        self._clock = clock
        self._opinions = opinions
        self._timings = timings
        self._checks: dict[CheckKey, Check] = {}

    def apply(self, topology: Topology) -> None:
        """Start, change and stop checks so that they match the snapshot; a new registration starts over."""
        wanted = topology.checks()
        for key in list(self._checks):
            target = wanted.get(key)
            if target is None or self._starts_over(key, target, topology):
                self._checks.pop(key).stop()
        for key, target in wanted.items():
            health_check = topology.groups[key.target.group_arn].health_check
            phase_ratio = _phase_ratio(key, topology)
            if key in self._checks:
                self._checks[key].update(target, phase_ratio, health_check)
            else:
                self._checks[key] = Check(
                    key, target, phase_ratio, health_check, self._clock, self._opinions, self._timings
                )

    def stop(self) -> None:
        for check in self._checks.values():
            check.stop()
        self._checks.clear()

    def _starts_over(self, key: CheckKey, target: TargetSnapshot, topology: Topology) -> bool:
        check = self._checks[key]
        enabled = topology.groups[key.target.group_arn].health_check.enabled
        return target.registration != check.target.registration or enabled != check.health_check.enabled


def _phase_ratio(key: CheckKey, topology: Topology) -> float:
    """The share of the interval that has passed when a node's check begins."""
    balancer, _ = topology.nodes[key.node]
    zones = [node.zone for node in balancer.nodes]
    return check_phase_s(key.target.target_id, key.target.port, zones.index(key.node.zone), len(zones), 1.0)
