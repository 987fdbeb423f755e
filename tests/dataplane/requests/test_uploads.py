"""A body on its way to a target that may answer, hang up or stall before it has heard everything."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from blackstart.emulator.dataplane.upload import Upload


class Upstream:
    """Stands in for a connection to a target. speaking: an answer waits to be read."""

    def __init__(self, speaking: bool = False) -> None:
        self.speaking = speaking
        self.written = b""
        self.last = False

    def has_answer(self) -> bool:
        return self.speaking

    def write(self, data: bytes) -> None:
        self.written += data

    def close_after(self) -> None:
        self.last = True


class Owner:
    """The exchange: only listens."""

    def upload_moved(self) -> None:
        pass

    def upload_blocked(self) -> None:
        pass


@pytest.fixture
def upload() -> Callable[..., Any]:
    return lambda chunked=False: Upload(Owner(), chunked)


def test_a_body_is_kept_until_there_is_a_connection_and_the_client_held_back_when_it_is_much(upload: Any) -> None:
    body = upload()
    body.take(b"abc")
    assert not body.blocked
    body.take(b"x" * 70_000)
    assert body.blocked
    assert body.begin_on(Upstream(), keep=False) == b"abc" + b"x" * 70_000
    assert (body.blocked, body.repeatable) == (False, False)


def test_a_body_can_be_sent_again_while_it_is_small_and_unanswered(upload: Any) -> None:
    body, first, second = upload(chunked=True), Upstream(), Upstream()
    body.take(b"abc")
    assert body.begin_on(first, keep=True) == b"3\r\nabc\r\n"
    body.take(b"d")
    assert first.written == b"1\r\nd\r\n"
    body.leave()
    body.end()
    assert body.begin_on(second, keep=False) == b"3\r\nabc\r\n1\r\nd\r\n0\r\n\r\n"


@pytest.mark.parametrize("what", ["much", "answered"])
def test_a_body_that_was_large_or_answered_is_not_sent_again(upload: Any, what: str) -> None:
    body = upload()
    body.begin_on(Upstream(), keep=True)
    body.take(b"x" * (70_000 if what == "much" else 10))
    if what == "answered":
        body.answered()
    assert not body.repeatable


def test_a_target_that_speaks_early_is_heard_first_and_serves_no_further_request(run: Any, upload: Any) -> None:
    async def scenario() -> None:
        body, upstream = upload(), Upstream(speaking=True)
        body.begin_on(upstream, keep=False)
        body.take(b"abc")
        body.take(b"def")
        assert (upstream.written, body.blocked, upstream.last) == (b"", True, True)
        await asyncio.sleep(0.02)
        assert (upstream.written, body.blocked) == (b"abcdef", False)

    run(scenario())


def test_what_waits_for_an_early_answer_is_dropped_when_the_target_is_left(run: Any, upload: Any) -> None:
    async def scenario() -> None:
        body, upstream = upload(), Upstream(speaking=True)
        body.begin_on(upstream, keep=False)
        body.take(b"abc")
        body.answered()
        body.leave()
        await asyncio.sleep(0.02)
        assert upstream.written == b""

    run(scenario())


def test_a_target_that_takes_no_more_holds_the_client_back(upload: Any) -> None:
    body = upload()
    body.begin_on(Upstream(), keep=False)
    body.congested = True
    assert body.blocked
    body.congested = False
    assert not body.blocked
