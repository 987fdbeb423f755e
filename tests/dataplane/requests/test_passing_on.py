"""Requests and answers on their way through the load balancer."""

import asyncio
from typing import Any

import pytest

from blackstart.emulator.snapshot import ListenerSnapshot, Redirect

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


def test_requests_share_connections_on_both_sides(run: Any, balanced: Any, target: Any) -> None:
    async def scenario() -> None:
        one = target()
        async with balanced(one) as place:
            client = await place.client()
            for _ in range(5):
                status, head, body = await client.ask(GET)
                assert (status, body) == (200, b"i-1:")
                assert b"\r\nConnection: keep-alive\r\n" in head
            assert one.connections == 1

    run(scenario())


def test_a_head_request_gets_headers_and_no_body_and_the_connection_lives_on(
    run: Any, balanced: Any, target: Any
) -> None:
    async def scenario() -> None:
        one = target()
        async with balanced(one) as place:
            client = await place.client()
            for _ in range(2):
                status, head, _ = await client.ask(b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n", head_only=True)
                assert (status, b"Content-Length: 4" in head) == (200, True)
                assert (await client.ask(GET))[2] == b"i-1:"
            assert one.connections == 1

    run(scenario())


def test_bodies_go_up_chunked_or_with_a_length(run: Any, balanced: Any, target: Any) -> None:
    async def scenario() -> None:
        one = target()
        async with balanced(one) as place:
            client = await place.client()
            sized = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 300000\r\n\r\n" + b"x" * 300_000
            assert (await client.ask(sized))[2] == b"i-1:" + b"x" * 300_000
            head = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
            chunked = b"3;e=1\r\none\r\n3\r\ntwo\r\n0\r\nT: 1\r\n\r\n"
            assert (await client.ask(head + chunked))[2] == b"i-1:onetwo"
            assert (await client.ask(GET))[2] == b"i-1:"
            assert one.connections == 1
            assert b"T: 1" not in one.heard[1][0]

    run(scenario())


def test_bytes_that_arrive_one_by_one_make_the_same_request(run: Any, balanced: Any, target: Any) -> None:
    async def scenario() -> None:
        one = target()
        async with balanced(one) as place:
            client = await place.client()
            head = b"\r\nPOST /slow HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
            for byte in head + b"2\r\nab\r\n1\r\nc\r\n0\r\n\r\n":
                client.writer.write(bytes([byte]))
                await asyncio.sleep(0.0005)
            assert (await client.answer())[2] == b"i-1:abc"
            assert one.heard[0][0].startswith(b"POST /slow HTTP/1.1\r\n")

    run(scenario())


@pytest.mark.parametrize(
    ("answer", "framing", "close"),
    [
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nT: 1\r\n\r\n", b"chunked", False),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", b"Content-Length: 3", False),
        (b"HTTP/1.1 200 OK\r\n\r\nabc", b"chunked", True),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\nabc", b"Content-Length: 3", True),
    ],
    ids=["chunked", "sized", "until close", "HTTP/1.0"],
)
@pytest.mark.parametrize("pieces", ["whole", "cut"])
def test_answers_come_down_however_they_end_and_the_client_stays(
    run: Any, balanced: Any, target: Any, answer: bytes, framing: bytes, close: bool, pieces: str
) -> None:
    async def scenario() -> None:
        parts = [answer] if pieces == "whole" else [answer[:20], 0.005, answer[20:-2], 0.005, answer[-2:]]
        one = target()
        one.replying(*parts, close=close)
        async with balanced(one) as place:
            client = await place.client()
            for _ in range(2):
                status, head, body = await client.ask(GET)
                assert (status, body) == (200, b"abc")
                assert framing in head
                await asyncio.sleep(0.01)
            assert one.connections == (2 if close else 1)

    run(scenario())


def test_an_http_1_0_client_gets_a_body_that_ends_with_the_connection(run: Any, balanced: Any, target: Any) -> None:
    async def scenario() -> None:
        one = target()
        one.replying(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n")
        async with balanced(one) as place:
            status, head, body = await place.fetch(b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
            assert (status, body) == (200, b"abc")
            assert b"chunked" not in head
            assert b"Connection: close" in head
            assert b"\r\nHost: web.example\r\n" in one.heard[0][0]

    run(scenario())


@pytest.mark.parametrize("status", [204, 304])
def test_answers_without_a_body_have_none(run: Any, balanced: Any, target: Any, status: int) -> None:
    async def scenario() -> None:
        one = target()
        one.replying(b"HTTP/1.1 %d X\r\nContent-Length: 0\r\n\r\n" % status)
        async with balanced(one) as place:
            client = await place.client()
            for _ in range(3):
                assert (await client.ask(GET, head_only=True))[0] == status
            assert one.connections == 1

    run(scenario())


def test_a_target_may_say_something_before_its_answer(run: Any, balanced: Any, target: Any) -> None:
    async def scenario() -> None:
        one = target()
        one.replying(
            b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n", 0.01, b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na"
        )
        async with balanced(one) as place:
            status, head, body = await place.fetch()
            assert (status, body) == (200, b"a")
            assert b"Link" not in head

    run(scenario())


def test_pipelined_requests_are_answered_in_order(run: Any, balanced: Any, target: Any) -> None:
    async def scenario() -> None:
        one = target()
        async with balanced(one) as place:
            client = await place.client()
            text = b"POST /%d HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n%02d"
            client.writer.write(b"".join(text % (number, number) for number in range(40)))
            assert [(await client.answer())[2] for _ in range(40)] == [b"i-1:%02d" % number for number in range(40)]

    run(scenario())


def test_a_client_that_waits_for_100_continue_is_told_to_go_on(run: Any, balanced: Any, target: Any) -> None:
    async def scenario() -> None:
        one = target()
        async with balanced(one) as place:
            client = await place.client()
            head = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n"
            assert (await client.ask(head, head_only=True))[0] == 100
            assert (await client.ask(b"ok"))[2] == b"i-1:ok"
            assert b"Expect" not in one.heard[0][0]

    run(scenario())


def test_what_cannot_be_upgraded_is_a_plain_request(run: Any, balanced: Any, target: Any) -> None:
    async def scenario() -> None:
        one = target()
        async with balanced(one) as place:
            client = await place.client()
            upgrade = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"
            assert (await client.ask(upgrade))[0] == 200
            assert (await client.ask(GET))[0] == 200
            assert b"pgrade" not in one.heard[0][0]

    run(scenario())


def test_cookies_of_the_load_balancer_are_added_to_the_answer(run: Any, balanced: Any, target: Any) -> None:
    async def scenario() -> None:
        one = target()
        one.replying(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nSet-Cookie: own=1\r\n\r\na")
        async with balanced(one, group={"stickiness": {"duration_s": 60}}) as place:
            _, head, _ = await place.fetch()
            cookies = [line for line in head.split(b"\r\n") if line.startswith(b"Set-Cookie: ")]
            names = [cookie.removeprefix(b"Set-Cookie: ").split(b"=")[0] for cookie in cookies]
            assert names == [b"own", b"AWSALB", b"AWSALBCORS"]

    run(scenario())


def test_a_connection_is_closed_after_its_keep_alive_duration_with_one_more_answer(
    run: Any, balanced: Any, target: Any
) -> None:
    """ELB user guide, attribute client_keep_alive.seconds: a duration of virtual time here."""

    async def scenario() -> None:
        one = target()
        async with balanced(one, speed=600.0, client_keep_alive_s=60) as place:
            client = await place.client()
            assert b"Connection: keep-alive" in (await client.ask(GET))[1]
            await asyncio.sleep(0.12)
            assert b"Connection: close" in (await client.ask(GET))[1]
            assert await client.ended() == b""

    run(scenario())


@pytest.mark.parametrize(
    "request_text",
    [
        b"GET /\xff HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: [::::]\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: [1.2]:80\r\n\r\n",
        b"GET //[x HTTP/1.1\r\nHost: a\r\n\r\n",
        b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET / HTTP/1.0\r\n\r\n",
    ],
)
def test_any_request_can_be_redirected(run: Any, balanced: Any, target: Any, request_text: bytes) -> None:
    async def scenario() -> None:
        listener = ListenerSnapshot(arn="l", port=80, action=Redirect(status_code=301))
        async with balanced(target(), listeners=(listener,)) as place:
            assert (await place.fetch(request_text))[0] == 301

    run(scenario())
