"""Health checks: what a single one meets, and when they begin."""

import asyncio
import contextlib
import ssl
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any, cast

import pytest
import trustme

from blackstart.domain.target_health import HealthCheck, TargetState
from blackstart.emulator.dataplane import checks
from blackstart.emulator.dataplane.checks import Check, Checks, check_phase_s
from blackstart.emulator.dataplane.clock import VirtualClock
from blackstart.emulator.dataplane.opinions import Opinions
from blackstart.emulator.dataplane.probe import probe, request_text
from blackstart.emulator.dataplane.timings import Timings
from blackstart.emulator.dataplane.topology import CheckKey, NodeKey, TargetKey, Topology
from blackstart.emulator.decisions.target_health import ProbeOutcome, ProbeResult
from blackstart.emulator.protocol import HealthChanged
from blackstart.emulator.snapshot import (
    Forward,
    ListenerSnapshot,
    LoadBalancerSnapshot,
    NodeSnapshot,
    Reach,
    Snapshot,
    TargetGroupSnapshot,
    TargetSnapshot,
)

ADDRESS = "127.83.7.9"
ZONE, OTHER_ZONE = "us-east-1a", "us-east-1b"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
PATIENCE_REAL_S = 5.0


def target(port: int, **changes: Any) -> TargetSnapshot:
    fields = {"target_id": "i-1", "port": port, "zone": ZONE, "private_ip": "10.0.0.9", "registration": 1}
    return TargetSnapshot.model_validate({**fields, "address": ADDRESS, **changes})


class Answering:
    """A server on a port of its own. requests: as they came."""

    def __init__(self, answer: bytes) -> None:
        self.requests: list[bytes] = []
        self._answer = answer

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.requests.append(await reader.read(65536))
        writer.write(self._answer)
        await writer.drain()
        writer.close()


def checked(
    check: HealthCheck,
    *,
    answer: bytes = OK,
    tls: ssl.SSLContext | None = None,
    zone: str = ZONE,
    patience_real_s: float = PATIENCE_REAL_S,
    **changes: Any,
) -> tuple[ProbeResult, list[bytes]]:
    """One check's result and what the target was asked; traffic goes to port 1 when the check's port is set to 0."""

    async def run() -> tuple[ProbeResult, list[bytes]]:
        answering = Answering(answer)
        server = await asyncio.start_server(answering.serve, ADDRESS, 0, ssl=tls)
        port = server.sockets[0].getsockname()[1]
        own = check.model_copy(update={"port": str(port)}) if check.port == "0" else check
        async with server:
            asked = target(1 if check.port == "0" else port, **changes)
            return await probe(asked, zone, own, patience_real_s), answering.requests

    return asyncio.run(run())


@pytest.fixture(scope="module")
def self_signed() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("another.example").configure_cert(context)
    return context


def test_a_check_asks_for_its_path_as_the_load_balancer_does() -> None:
    result, (request,) = checked(HealthCheck(path="/healthz"))
    assert (result.outcome, result.status_code) == (ProbeOutcome.ANSWERED, 200)
    assert request.startswith(b"GET /healthz HTTP/1.1\r\nHost: 10.0.0.9:")
    assert b"User-Agent: ELB-HealthChecker/2.0\r\n" in request


@pytest.mark.parametrize(
    ("protocol", "port", "host"),
    [("HTTP", 80, "10.0.0.9"), ("HTTP", 443, "10.0.0.9:443"), ("HTTPS", 443, "10.0.0.9"), ("HTTPS", 80, "10.0.0.9:80")],
)
def test_the_host_header_has_the_port_unless_it_is_the_protocols_own(protocol: str, port: int, host: str) -> None:
    text = request_text("10.0.0.9", port, HealthCheck(protocol=protocol))
    assert f"\r\nHost: {host}\r\n".encode() in text


def test_a_check_may_go_to_another_port_than_the_traffic() -> None:
    result, requests = checked(HealthCheck(port="0"))
    assert (result.status_code, len(requests)) == (200, 1)


def test_a_check_over_https_takes_any_certificate(self_signed: ssl.SSLContext) -> None:
    result, (request,) = checked(HealthCheck(protocol="HTTPS"), tls=self_signed)
    assert result.status_code == 200
    assert request.startswith(b"GET / HTTP/1.1\r\n")


def test_a_check_over_https_of_a_port_that_speaks_plain_http_fails() -> None:
    assert checked(HealthCheck(protocol="HTTPS"), answer=b"HTTP/1.1 400 Bad Request\r\n\r\n")[0] == ProbeResult(
        outcome=ProbeOutcome.FAILED
    )


def test_a_plain_check_of_a_port_that_speaks_tls_fails(self_signed: ssl.SSLContext) -> None:
    assert checked(HealthCheck(), tls=self_signed)[0].outcome is ProbeOutcome.FAILED


def test_an_answer_that_is_not_http_fails_and_one_that_never_comes_times_out() -> None:
    assert checked(HealthCheck(), answer=b"220 mail.example ESMTP\r\n")[0].outcome is ProbeOutcome.FAILED

    async def silent() -> ProbeResult:
        async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read()

        async with await asyncio.start_server(listen, ADDRESS, 0) as server:
            return await probe(target(server.sockets[0].getsockname()[1]), ZONE, HealthCheck(), 0.05)

    assert asyncio.run(silent()).outcome is ProbeOutcome.TIMED_OUT


@pytest.mark.parametrize("reach", [Reach.TRACKED, Reach.SILENT])
def test_a_check_that_is_dropped_on_its_way_times_out_from_that_zone_alone(reach: Reach) -> None:
    """Checks make new connections, so a security group's cut and a network ACL's are alike to them."""
    cut = {"check_reach_from": {OTHER_ZONE: reach}}
    result, requests = checked(HealthCheck(), zone=OTHER_ZONE, patience_real_s=0.02, **cut)
    assert (result.outcome, requests) == (ProbeOutcome.TIMED_OUT, [])
    assert checked(HealthCheck(), zone=ZONE, **cut)[0].status_code == 200


def test_a_cut_of_the_traffics_port_alone_leaves_the_checks_alone() -> None:
    assert checked(HealthCheck(), reach_from={ZONE: Reach.SILENT})[0].status_code == 200


def test_a_head_without_end_fails_before_it_fills_the_memory() -> None:
    async def pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(65536)
        writer.write(b"HTTP/1.1 200 OK\r\nX-Filler: ")
        with contextlib.suppress(OSError, asyncio.CancelledError):
            while True:
                writer.write(b"x" * 65536)
                await writer.drain()

    async def check() -> ProbeResult:
        server = await asyncio.start_server(pour, ADDRESS, 0)
        port = server.sockets[0].getsockname()[1]
        result = await probe(target(port), ZONE, HealthCheck(), PATIENCE_REAL_S)
        server.close()
        return result

    assert asyncio.run(check()) == ProbeResult(outcome=ProbeOutcome.FAILED)


def test_a_silent_host_times_out_from_everywhere() -> None:
    assert checked(HealthCheck(), reach=Reach.SILENT, patience_real_s=0.02)[0].outcome is ProbeOutcome.TIMED_OUT


# --- the schedule


class Leaping:
    """A clock that is always where the next check is due; after `leaps` of them nothing is due for an hour."""

    def __init__(self, leaps: int) -> None:
        self.time_s = 1_000_000_003.0
        self.due: list[float] = []
        self._leaps = leaps

    def now_s(self) -> float:
        return self.time_s

    def real_s(self, virtual_duration_s: float) -> float:
        return virtual_duration_s

    def real_until_s(self, time_s: float) -> float:
        if time_s <= self.time_s:
            return time_s - self.time_s
        if len(self.due) == self._leaps:
            return 3600.0
        self.due.append(time_s)
        self.time_s = time_s
        return 0.0


@contextmanager
def probing(instead: Callable[..., Awaitable[ProbeResult]]) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(checks, "probe", instead)
        yield


async def run_check(clock: Leaping, told: list[HealthChanged], *, until: Callable[[], bool]) -> None:
    key = CheckKey(NodeKey("lb", OTHER_ZONE), TargetKey("group", "i-1", 80))
    opinions = Opinions(clock.now_s, lambda _, message: told.append(message))
    phase_ratio = check_phase_s("i-1", 80, 1, 3, 1.0)
    settings = HealthCheck(interval_s=10, timeout_s=5, unhealthy_threshold=2)
    check = Check(key, target(80), phase_ratio, settings, cast(VirtualClock, clock), opinions, Timings())
    async with asyncio.timeout(PATIENCE_REAL_S):
        while not until():
            await asyncio.sleep(0)
    check.stop()


def test_slow_answers_do_not_shift_the_checks_after_them() -> None:
    begun: list[str] = []

    async def never(_: TargetSnapshot, zone: str, *__: Any) -> ProbeResult:
        begun.append(zone)
        await asyncio.Event().wait()
        raise AssertionError("not reached")

    clock = Leaping(5)
    with probing(never):
        asyncio.run(run_check(clock, [], until=lambda: len(begun) == 5))
    first = clock.due[0]
    assert clock.due == pytest.approx([first + 10 * number for number in range(5)])
    assert first % 10 == pytest.approx(check_phase_s("i-1", 80, 1, 3, 10), abs=1e-4)
    assert set(begun) == {OTHER_ZONE}


def test_an_opinion_changes_at_the_time_of_the_check_that_decided_it() -> None:
    async def refused(*_: Any) -> ProbeResult:
        return ProbeResult(outcome=ProbeOutcome.FAILED)

    clock, told = Leaping(2), list[HealthChanged]()
    with probing(refused):
        asyncio.run(run_check(clock, told, until=lambda: bool(told) and told[-1].state is TargetState.UNHEALTHY))
    assert (told[-1].time_s, told[-1].node_zone) == (clock.due[1], OTHER_ZONE)


def test_the_nodes_stay_evenly_apart_when_a_zone_is_added() -> None:
    zones = ["us-east-1a", "us-east-1b", "us-east-1c"]
    clock = Leaping(0)
    asked: list[float] = []
    clock.real_until_s = lambda time_s: asked.append(time_s) or 3600.0  # type: ignore[method-assign,func-returns-value]

    def topology(*enabled: str) -> Topology:
        group = TargetGroupSnapshot(
            arn="group", metric_name="group", health_check=HealthCheck(interval_s=10), targets=(target(80),)
        )
        balancer = LoadBalancerSnapshot(
            arn="lb",
            metric_name="lb",
            dns_name="web",
            nodes=tuple(NodeSnapshot(zone=zone, address=ADDRESS) for zone in enabled),
            listeners=(ListenerSnapshot(arn="listener", port=80, action=Forward.to("group")),),
        )
        return Topology(Snapshot(version=1, load_balancers=(balancer,), target_groups=(group,)))

    async def run() -> None:
        checking = Checks(cast(VirtualClock, clock), Opinions(clock.now_s, lambda *_: None), Timings())
        checking.apply(topology(*zones[:2]))
        checking.apply(topology(*zones))
        checking.stop()

    asyncio.run(run())
    two = [check_phase_s("i-1", 80, node, 2, 10) for node in range(2)]
    three = [check_phase_s("i-1", 80, node, 3, 10) for node in range(3)]
    # the first node keeps its place, the others move
    assert [due_s % 10 for due_s in asked] == pytest.approx([*two, *three[1:]], abs=1e-4)
