"""The error table: 502, 503, 504 and 460, and what does not become an error.

Source: ELB user guide, "Troubleshoot your Application Load Balancers".
"""

import asyncio
import ssl
import time
from typing import Any

import pytest
import trustme

from blackstart.domain.target_health import TargetReason, TargetState
from blackstart.emulator.snapshot import Reach

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
ZONE = "us-east-1a"
DRAINING = {"held": TargetState.DRAINING, "held_reason": TargetReason.DEREGISTRATION_IN_PROGRESS}


def test_a_target_that_refuses_costs_a_502_at_once(run: Any, balanced: Any, target: Any) -> None:
    async def scenario() -> None:
        one = target()
        async with balanced(one) as place:
            await one.stop()
            status, head, _ = await place.fetch()
            assert (status, b"Server: awselb/2.0" in head) == (502, True)
            counted = place.counted()
            assert (counted["requests"], counted["elb_502"], counted["connection_errors"]) == (1, 1, 1)

    run(scenario())


@pytest.mark.parametrize(
    "reply",
    [
        b"",
        b"garbage\r\n\r\n",
        b"HTTP/1.1 200",
        b"HTTP/1.1 200 OK\r\nBad Name: x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 40_000,
    ],
)
def test_a_target_that_answers_badly_or_hangs_up_costs_a_502(
    run: Any, balanced: Any, target: Any, reply: bytes
) -> None:
    async def scenario() -> None:
        one = target()
        one.replying(reply, close=True)
        async with balanced(one) as place:
            client = await place.client()
            assert (await client.ask(GET))[0] == 502
            assert (await client.ask(GET))[0] == 502
            assert place.counted()["elb_502"] == 2

    run(scenario())


@pytest.mark.parametrize(
    "reply",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n",
    ],
)
def test_an_answer_that_breaks_off_cuts_the_client_off(run: Any, balanced: Any, target: Any, reply: bytes) -> None:
    async def scenario() -> None:
        one = target()
        one.replying(reply, close=True)
        async with balanced(one) as place:
            with pytest.raises((asyncio.IncompleteReadError, ConnectionError, ValueError)):
                await place.fetch()

    run(scenario())


def test_a_silent_host_costs_a_504_after_the_connect_timeout(run: Any, balanced: Any, target: Any) -> None:
    async def scenario() -> None:
        one = target()
        async with balanced(one, connect_timeout_s=4) as place:
            place.apply(one.snapshot(reach=Reach.SILENT))
            began = time.monotonic()
            assert (await place.fetch())[0] == 504
            assert time.monotonic() - began == pytest.approx(0.2, abs=0.08)
            assert place.counted()["connection_errors"] == 1

    run(scenario())


@pytest.mark.parametrize("reply", [(), (b"HTTP/1.1 200 OK\r\nContent-",)], ids=["nothing", "half a head"])
def test_a_target_that_does_not_answer_costs_a_504_after_the_idle_timeout(
    run: Any, balanced: Any, target: Any, reply: tuple[bytes, ...]
) -> None:
    async def scenario() -> None:
        one = target()
        one.replying(*reply)
        async with balanced(one, idle_timeout_s=6) as place:
            began = time.monotonic()
            assert (await place.fetch())[0] == 504
            assert time.monotonic() - began == pytest.approx(0.3, abs=0.08)

    run(scenario())


def test_an_answer_that_keeps_moving_is_not_timed_out(run: Any, balanced: Any, target: Any) -> None:
    async def scenario() -> None:
        one = target()
        one.replying(
            b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", *(piece for _ in range(5) for piece in (0.1, b"x"))
        )
        async with balanced(one, idle_timeout_s=4) as place:
            assert (await place.fetch())[2] == b"xxxxx"

    run(scenario())


def test_a_stale_pooled_connection_is_replaced_unnoticed(run: Any, balanced: Any, target: Any) -> None:
    async def scenario() -> None:
        one = target()
        one.replying(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na", close=True)
        async with balanced(one) as place:
            client = await place.client()
            for method in (b"GET", b"POST", b"PUT", b"POST"):
                assert (await client.ask(method + b" / HTTP/1.1\r\nHost: a\r\n\r\n"))[0] == 200
            assert len(one.heard) == 4

    run(scenario())


def test_an_early_answer_reaches_the_client_and_the_rest_of_the_upload_is_thrown_away(
    run: Any, balanced: Any, target: Any
) -> None:
    async def early(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno")
        await writer.drain()

    async def scenario() -> None:
        async with balanced(target(early)) as place:
            client = await place.client()
            client.writer.write(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4000000\r\n\r\n")
            for _ in range(40):
                client.writer.write(b"x" * 100_000)
                await client.writer.drain()
            status, head, body = await client.answer()
            assert (status, body) == (413, b"no")
            assert b"Connection: keep-alive" in head
            assert (await client.ask(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"))[0] == 413

    run(scenario())


def test_a_connection_that_was_answered_before_its_body_was_read_serves_no_other_request(
    run: Any, balanced: Any, target: Any
) -> None:
    async def early(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n")
            await writer.drain()

    async def scenario() -> None:
        one = target(early)
        async with balanced(one) as place:
            client = await place.client()
            client.writer.write(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 30\r\n\r\n")
            await asyncio.sleep(0.02)
            client.writer.write(b"GET /smuggled HTTP/1.1\r\n\r\nabcd")
            assert (await client.answer())[0] == 403
            assert (await client.ask(GET))[0] == 403
            assert one.connections == 2

    run(scenario())


def test_a_slow_target_holds_the_client_back(run: Any, balanced: Any, target: Any) -> None:
    async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        await asyncio.sleep(0.4)
        await reader.readexactly(60_000_000)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    async def scenario() -> None:
        async with balanced(target(slow), idle_timeout_s=600) as place:
            client = await place.client()
            client.writer.transport.set_write_buffer_limits(0)
            client.writer.write(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 60000000\r\n\r\n" + b"x" * 60_000_000)
            await asyncio.sleep(0.2)
            assert client.writer.transport.get_write_buffer_size() > 20_000_000, "most is still with the client"
            assert (await client.answer())[0] == 200

    run(scenario())


def test_a_client_that_leaves_is_a_460_and_the_target_is_let_go(run: Any, balanced: Any, target: Any) -> None:
    async def scenario() -> None:
        one = target()
        one.replying()
        async with balanced(one) as place:
            client = await place.client()
            client.writer.write(GET)
            await asyncio.sleep(0.05)
            (connections,) = place.fleet.connections.values()
            assert connections.in_flight == 1
            client.writer.close()
            await asyncio.sleep(0.05)
            assert connections.in_flight == 0
            assert place.counted()["elb_4xx"] == 1

    run(scenario())


def test_requests_in_flight_finish_while_a_target_drains_and_get_a_502_at_its_end(
    run: Any, balanced: Any, target: Any
) -> None:
    async def scenario() -> None:
        one = target()
        one.replying(0.1, b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na")
        async with balanced(one) as place:
            finishing = asyncio.ensure_future(place.fetch())
            await asyncio.sleep(0.03)
            place.apply(one.snapshot(**DRAINING))
            assert (await place.fetch())[0] == 503
            assert (await finishing)[0] == 200
            one.replying()
            place.apply(one.snapshot(registration=2))
            running = asyncio.ensure_future(place.fetch())
            await asyncio.sleep(0.05)
            place.apply(one.snapshot(registration=2, **DRAINING))
            await asyncio.sleep(0.05)
            assert not running.done()
            place.apply()
            assert (await running)[0] == 502

    run(scenario())


def test_a_tracked_cut_leaves_open_connections_alone_and_silences_new_ones(
    run: Any, balanced: Any, target: Any
) -> None:
    async def scenario() -> None:
        one = target()
        async with balanced(one, connect_timeout_s=2) as place:
            client = await place.client()
            assert (await client.ask(GET))[0] == 200
            place.apply(one.snapshot(reach_from={ZONE: Reach.TRACKED}))
            assert (await client.ask(GET))[0] == 200
            place.apply(one.snapshot(reach_from={"us-east-1b": Reach.SILENT}))
            assert (await client.ask(GET))[0] == 200
            place.apply(one.snapshot(reach_from={ZONE: Reach.SILENT}))
            assert (await client.ask(GET))[0] == 504
            place.apply(one.snapshot(reach_from={ZONE: Reach.TRACKED}))
            assert (await client.ask(GET))[0] == 504
            place.apply(one.snapshot())
            assert (await client.ask(GET))[0] == 200

    run(scenario())


def test_an_outage_shorter_than_the_idle_timeout_only_delays_an_answer(run: Any, balanced: Any, target: Any) -> None:
    async def scenario() -> None:
        one = target()
        one.replying(0.1, b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na")
        async with balanced(one) as place:
            running = asyncio.ensure_future(place.fetch())
            await asyncio.sleep(0.05)
            place.apply(one.snapshot(reach=Reach.SILENT))
            await asyncio.sleep(0.15)
            assert not running.done()
            place.apply(one.snapshot())
            assert (await running)[0] == 200

    run(scenario())


def test_a_target_that_dies_behind_an_outage_is_a_504_after_the_idle_timeout(
    run: Any, balanced: Any, target: Any
) -> None:
    async def scenario() -> None:
        one = target()
        one.replying(0.1, close=True)
        async with balanced(one, idle_timeout_s=6) as place:
            began = time.monotonic()
            running = asyncio.ensure_future(place.fetch())
            await asyncio.sleep(0.05)
            place.apply(one.snapshot(reach=Reach.SILENT))
            assert (await running)[0] == 504
            assert time.monotonic() - began == pytest.approx(0.3, abs=0.08)

    run(scenario())


def test_answers_and_failures_of_each_target_are_counted(run: Any, balanced: Any, target: Any) -> None:
    async def scenario() -> None:
        one = target()
        one.replying(b"HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n")
        async with balanced(one) as place:
            (connections,) = place.fleet.connections.values()
            for _ in range(2):
                await place.fetch()
            one.replying(b"")
            await one.stop()
            await place.fetch(b"POST / HTTP/1.1\r\nHost: a\r\n\r\n")
            assert (connections.answered, connections.failed, connections.unanswered) == (2, 3, 1)

    run(scenario())


@pytest.mark.parametrize("speaks_tls", [True, False])
def test_a_target_of_an_https_group_is_spoken_to_in_tls_whatever_its_certificate(
    run: Any, balanced: Any, target: Any, speaks_tls: bool
) -> None:
    async def scenario() -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        trustme.CA().issue_cert("someone.else").configure_cert(context)
        one = target()
        start = one.start
        one.start = lambda: start(ssl=context if speaks_tls else None)
        async with balanced(one, group={"protocol": "HTTPS"}, connect_timeout_s=5) as place:
            client = await place.client()
            if speaks_tls:
                assert (await client.ask(GET))[2] == b"i-1:"
                assert (await client.ask(GET))[2] == b"i-1:"
                assert one.connections == 1
            else:
                assert (await client.ask(GET))[0] == 502

    run(scenario())
