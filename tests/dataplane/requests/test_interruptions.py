"""Requests that are interrupted, and parts of the load balancer that must stay unmoved by it."""

import asyncio
import socket
import struct
import time
from typing import Any

import pytest

from blackstart.emulator.snapshot import Reach

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
A = b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na"


async def until(seen: Any) -> None:
    async with asyncio.timeout(5):
        while not seen():
            await asyncio.sleep(0.005)


def test_a_pipelined_request_behind_one_of_a_deregistered_target_goes_to_the_new_registration(
    run: Any, balanced: Any, target: Any
) -> None:
    async def scenario() -> None:
        one = target()
        one.replying(0.3, A)
        async with balanced(one) as place:
            client = await place.client()
            client.writer.write(GET + GET)
            await until(lambda: len(one.heard) == 1)
            place.apply(one.snapshot(registration=2))
            assert (await client.answer())[0] == 502
            assert (await client.answer())[0] == 200
            assert [one.in_flight for one in place.fleet.connections.values()] == [0]

    run(scenario())


def test_a_target_that_resets_an_upload_leaves_nothing_behind(run: Any, balanced: Any, target: Any) -> None:
    async def resetting(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        linger = struct.pack("ii", 1, 0)
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        writer.transport.abort()

    async def scenario() -> None:
        one = target(resetting)
        async with balanced(one) as place:
            for _ in range(50):
                client = await place.client()
                client.writer.write(b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 400\r\n\r\n")
                for _ in range(40):
                    client.writer.write(b"x" * 10)
                    await asyncio.sleep(0)
                assert (await client.answer())[0] == 502
                client.writer.close()
            await asyncio.sleep(0.05)
            assert [one.in_flight for one in place.fleet.connections.values()] == [0]

    run(scenario())


def test_a_target_may_answer_a_body_piece_by_piece(run: Any, balanced: Any, target: Any) -> None:
    async def echoing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 26000\r\n\r\n")
        left = 26000
        while left:
            data = await reader.read(1000)
            if not data:
                return
            left -= len(data)
            writer.write(data)

    async def scenario() -> None:
        one = target(echoing)
        body = b"".join(b"%c" % letter * 1000 for letter in range(97, 123))
        async with balanced(one, idle_timeout_s=20) as place:
            client = await place.client()
            client.writer.write(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 26000\r\n\r\n")
            for at in range(0, 26000, 1000):
                client.writer.write(body[at : at + 1000])
                await asyncio.sleep(0.0005)
            assert (await client.answer())[2] == body

    run(scenario())


def test_clients_that_reset_at_once_do_no_harm(run: Any, balanced: Any, target: Any) -> None:
    async def scenario() -> None:
        async with balanced(target()) as place:
            for _ in range(100):
                with socket.socket() as one:
                    one.connect((place._address, 8080))
                    one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            await asyncio.sleep(0.1)
            assert place.counting._connections.get(place.node.key, 0) == 0
            assert (await place.fetch())[0] == 200

    run(scenario())


def test_what_a_client_pipelines_does_not_postpone_a_timeout(run: Any, balanced: Any, target: Any) -> None:
    async def scenario() -> None:
        one = target()
        one.replying()
        async with balanced(one, idle_timeout_s=6) as place:
            client = await place.client()
            began = time.monotonic()

            async def chatter() -> None:
                while True:
                    client.writer.write(GET)
                    await asyncio.sleep(0.05)

            client.writer.write(GET)
            chattering = asyncio.ensure_future(chatter())
            assert (await client.answer())[0] == 504
            chattering.cancel()
            assert time.monotonic() - began == pytest.approx(0.3, abs=0.08)

    run(scenario())


def test_an_upload_to_a_silent_target_holds_the_client_back(run: Any, balanced: Any, target: Any) -> None:
    async def scenario() -> None:
        one = target()
        async with balanced(one, idle_timeout_s=8) as place:
            client = await place.client()
            client.writer.transport.set_write_buffer_limits(0)
            client.writer.write(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 60000000\r\n\r\n" + b"x" * 100_000)
            await until(lambda: one.connections)
            await asyncio.sleep(0.05)
            place.apply(one.snapshot(reach=Reach.SILENT))
            client.writer.write(b"x" * 50_000_000)
            await asyncio.sleep(0.2)
            assert client.writer.transport.get_write_buffer_size() > 20_000_000
            assert (await client.answer())[0] == 504

    run(scenario())


def test_a_download_to_a_client_that_hears_nothing_stays_with_the_target(run: Any, balanced: Any, target: Any) -> None:
    async def large(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 60000000\r\n\r\n")
        for _ in range(600):
            writer.write(b"x" * 100_000)
            await writer.drain()
        done.append(True)

    done = []

    async def scenario() -> None:
        one = target(large)
        async with balanced(one, idle_timeout_s=60) as place:
            client = await place.client()
            client.writer.write(GET)
            await asyncio.sleep(0.01)
            place._listeners[0].cut(Reach.SILENT)
            await asyncio.sleep(0.5)
            assert not done
            place._listeners[0].cut(None)
            assert len((await client.answer())[2]) == 60_000_000
            assert done

    run(scenario())


def test_a_request_that_waits_for_a_connection_gets_a_502_when_the_target_is_deregistered(
    run: Any, balanced: Any, target: Any
) -> None:
    async def scenario() -> None:
        one = target()
        async with balanced(one, connect_timeout_s=20) as place:
            place.apply(one.snapshot(reach=Reach.SILENT))
            running = asyncio.ensure_future(place.fetch())
            await asyncio.sleep(0.05)
            place.apply()
            began = time.monotonic()
            assert (await running)[0] == 502
            assert time.monotonic() - began < 0.3

    run(scenario())


def test_clients_that_leave_while_their_target_is_connected_to_leave_no_connection_behind(
    run: Any, balanced: Any, target: Any
) -> None:
    async def scenario() -> None:
        async with balanced(target()) as place:
            for turns in range(60):
                client = await place.client()
                client.writer.write(GET)
                for _ in range(turns % 8):
                    await asyncio.sleep(0)
                client.writer.transport.abort()
            (connections,) = place.fleet.connections.values()
            await until(lambda: not place.connections())
            await asyncio.sleep(0.02)
            idle = sum(len(pooled) for pooled in connections._idle.values())
            assert place.counting._connections[place.node.key] == idle
            assert (connections.in_flight, connections._active, connections.approaches) == (0, set(), set())

    run(scenario())


def test_a_target_that_does_not_read_on_is_let_go_at_the_timeout(run: Any, balanced: Any, target: Any) -> None:
    async def stuck(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.transport.pause_reading()
        await asyncio.sleep(10)

    async def scenario() -> None:
        async with balanced(target(stuck), idle_timeout_s=4) as place:
            client = await place.client()
            client.writer.write(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 20000000\r\n\r\n" + b"x" * 20_000_000)
            assert (await client.answer())[0] == 504
            client.writer.transport.abort()
            await until(lambda: place.counting._connections[place.node.key] == 0)

    run(scenario())


def test_a_client_may_hear_nothing_while_its_connection_is_being_closed(run: Any, balanced: Any, target: Any) -> None:
    async def scenario() -> None:
        async with balanced(target()) as place:
            client = await place.client()
            assert (await client.ask(b"nonsense\r\n\r\n"))[0] == 400
            place._listeners[0].cut(Reach.SILENT)
            place._listeners[0].cut(None)
            assert await client.ended() == b""

    run(scenario())
