"""What the load balancer does not pass on, and how it says so."""

import asyncio
from typing import Any

import pytest

from blackstart.emulator.snapshot import DesyncMitigation, HttpSettings

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


@pytest.mark.parametrize(
    ("text", "status"),
    [
        (b"NONSENSE\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX: y\nEvil: 1\r\n\r\n", 400),
        (b"GET / HTTP/1.1\nHost: a\n\n", 400),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", 400),
        (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n", 501),
        (b"TRACE / HTTP/1.1\r\nHost: a\r\n\r\n", 405),
        (b"GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505),
        (b"GET /" + b"x" * 20_000, 414),
        (b"GET / HTTP/1.1\r\nX: " + b"x" * 20_000, 400),
    ],
)
def test_a_refused_request_reaches_no_target_and_ends_the_connection(
    run: Any, balanced: Any, target: Any, text: bytes, status: int
) -> None:
    async def scenario() -> None:
        one = target()
        async with balanced(one) as place:
            client = await place.client()
            got, head, body = await client.ask(text + GET)
            assert got == status
            assert b"Connection: close" in head
            assert b"%d" % status in body
            assert await client.ended() == b""
            assert one.heard == []

    run(scenario())


def test_requests_before_a_malformed_one_are_answered_first(run: Any, balanced: Any, target: Any) -> None:
    async def scenario() -> None:
        one = target()
        one.replying(0.02, b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na")
        async with balanced(one) as place:
            client = await place.client()
            assert (await client.ask(GET + b"BAD\r\n\r\n" + GET))[0] == 200
            assert (await client.answer())[0] == 400
            assert await client.ended() == b""
            assert len(one.heard) == 1

    run(scenario())


@pytest.mark.parametrize("bad", [b"x\r\n", b"3\r\nabcd\r\n", b"3\nabc\r\n", b"0\r\nbad trailer\r\n\r\n"])
def test_a_malformed_chunk_is_answered_400_and_the_target_is_let_go(
    run: Any, balanced: Any, target: Any, bad: bytes
) -> None:
    async def scenario() -> None:
        one = target()
        async with balanced(one) as place:
            client = await place.client()
            start = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"
            client.writer.write(start)
            await asyncio.sleep(0.02)
            assert (await client.ask(bad + GET))[0] == 400
            assert await client.ended() == b""
            assert one.heard == []

    run(scenario())


def test_a_client_that_still_sends_reads_the_error_before_the_connection_ends(
    run: Any, balanced: Any, target: Any
) -> None:
    async def scenario() -> None:
        async with balanced(target()) as place:
            client = await place.client()
            client.writer.write(b"BAD\r\n\r\n")
            client.writer.write(b"x" * 3_000_000)
            await asyncio.sleep(0.05)
            assert (await client.answer())[0] == 400

    run(scenario())


AMBIGUOUS = (
    b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
)


def test_an_ambiguous_request_is_passed_on_once_with_one_framing_and_both_connections_end(
    run: Any, balanced: Any, target: Any
) -> None:
    """ELB user guide, "Desync mitigation mode": defensive routes it and closes both connections."""

    async def scenario() -> None:
        one = target()
        async with balanced(one) as place:
            client = await place.client()
            status, head, body = await client.ask(AMBIGUOUS + GET)
            assert (status, body) == (200, b"i-1:abc")
            assert b"Connection: close" in head
            assert await client.ended() == b""
            assert b"Content-Length" not in one.heard[0][0]
            await place.fetch()
            assert one.connections == 2
            assert place.counted()["desync_non_compliant_requests"] == 1

    run(scenario())


@pytest.mark.parametrize(
    ("mode", "status", "kept"), [(DesyncMitigation.MONITOR, 200, True), (DesyncMitigation.STRICTEST, 400, False)]
)
def test_the_mitigation_mode_decides_about_ambiguous_requests(
    run: Any, balanced: Any, target: Any, mode: DesyncMitigation, status: int, kept: bool
) -> None:
    async def scenario() -> None:
        async with balanced(target(), http=HttpSettings(desync_mitigation=mode)) as place:
            got, head, _ = await place.fetch(AMBIGUOUS)
            assert (got, b"Connection: keep-alive" in head) == (status, kept)

    run(scenario())


def test_a_head_that_stalls_is_answered_408(run: Any, balanced: Any, target: Any) -> None:
    async def scenario() -> None:
        async with balanced(target(), idle_timeout_s=2) as place:
            client = await place.client()
            assert (await client.ask(b"GET / HTTP/1.1\r\nHo"))[0] == 408
            assert await client.ended() == b""

    run(scenario())


def test_a_body_that_stalls_is_answered_408(run: Any, balanced: Any, target: Any) -> None:
    async def scenario() -> None:
        async with balanced(target(), idle_timeout_s=2) as place:
            client = await place.client()
            assert (await client.ask(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc"))[0] == 408
            assert await client.ended() == b""

    run(scenario())
