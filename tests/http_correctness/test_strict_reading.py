"""The judge of what reaches a target: it takes what RFC 9112 allows, and nothing else."""

from collections.abc import Iterator

import pytest
from strict_http import CutOffError, MalformedError, Message, StrictReader

HEAD = b"POST /a HTTP/1.1\r\nHost: a\r\n"


def reader(data: bytes, size: int = 65536) -> StrictReader:
    pieces: Iterator[bytes] = iter([data[at : at + size] for at in range(0, len(data), size)])
    return StrictReader(lambda: next(pieces, b""))


def request(data: bytes, size: int = 65536) -> Message:
    reading = reader(data, size)
    message = reading.request_head()
    assert message is not None
    reading.body(message)
    return message


@pytest.mark.parametrize("size", [1, 2, 65536])
def test_bodies_are_read_by_length_and_in_chunks(size: int) -> None:
    assert request(HEAD + b"Content-Length: 3\r\n\r\nabc", size).body == b"abc"
    chunked = request(HEAD + b"Transfer-Encoding: chunked\r\n\r\n2;x=y\r\nab\r\n1\r\nc\r\n0\r\nX-Sum: 1\r\n\r\n", size)
    assert (chunked.body, chunked.trailers) == (b"abc", [("x-sum", "1")])


@pytest.mark.parametrize(
    "data",
    [
        b"GET  / HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET / HTTP/1.0\r\nHost: a\r\n\r\n",
        b"GET / HTTP/1.1\nHost: a\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        HEAD + b"Host: a\r\n\r\n",
        HEAD + b"X-A : b\r\n\r\n",
        HEAD + b"X-A: b\r\n c\r\n\r\n",
        HEAD + b"X-A: b\nX-B: c\r\n\r\n",
        HEAD + b"X-A: b\x00\r\n\r\n",
        HEAD + b"Content-Length: +3\r\n\r\nabc",
        HEAD + b"Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc",
        HEAD + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        HEAD + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n0x1\r\na\r\n0\r\n\r\n",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n1\na\r\n0\r\n\r\n",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n1\r\nab\r\n0\r\n\r\n",
    ],
)
def test_what_two_readers_might_read_in_two_ways_is_refused(data: bytes) -> None:
    with pytest.raises(MalformedError):
        request(data)


@pytest.mark.parametrize("data", [b"GET / HTT", HEAD + b"Content-Length: 3\r\n\r\nab"])
def test_what_has_no_end_is_cut_off(data: bytes) -> None:
    with pytest.raises(CutOffError):
        request(data)


def test_a_connection_without_another_request_is_at_its_end() -> None:
    assert reader(b"").request_head() is None
