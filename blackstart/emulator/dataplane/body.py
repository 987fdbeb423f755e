"""Where a body ends, and what of the bytes that arrive belongs to it. Nothing is kept: bodies are streamed.

Source: RFC 9112, section 7.1 (chunked transfer coding). Chunk extensions and trailers are read and dropped, as section
7.1.1 and 6.5.1 of RFC 9110 allow.
"""

import re
from enum import Enum, auto
from typing import Protocol

_SIZE_LINE = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(?:;[\t\x20-\x7e\x80-\xff]*)?")
_TRAILER = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+:[^\x00\r\n]*")
_MAX_LINE_BYTES = 16 * 1024
_MAX_TRAILERS_BYTES = 64 * 1024


class MalformedBody(Exception):  # noqa: N818
    """A chunked body that breaks the grammar."""


class BodyReader(Protocol):
    """feed: takes what has arrived; gives the content in it and, once the body has ended, what came after it (None
    before that). Raises MalformedBody.
    """

    def feed(self, data: bytes) -> tuple[bytes, bytes | None]: ...


class SizedBody:
    """A body of a known length."""

    __slots__ = ("_left",)

    def __init__(self, length: int) -> None:
        self._left = length

    def feed(self, data: bytes) -> tuple[bytes, bytes | None]:
        left = self._left
        if len(data) < left:
            self._left = left - len(data)
            return data, None
        self._left = 0
        return data[:left], data[left:]


class UnboundedBody:
    """A body that ends with the connection."""

    __slots__ = ()

    def feed(self, data: bytes) -> tuple[bytes, bytes | None]:
        return data, None


class _Expect(Enum):
    SIZE = auto()
    DATA = auto()
    DATA_END = auto()
    TRAILER = auto()


class ChunkedBody:
    """A body in chunks."""

    __slots__ = ("_expect", "_left", "_line", "_trailers_bytes")

    def __init__(self) -> None:
        self._expect = _Expect.SIZE
        self._left = 0
        self._line = b""
        self._trailers_bytes = 0

    def feed(self, data: bytes) -> tuple[bytes, bytes | None]:
        content: list[bytes] = []
        if self._line:
            data, self._line = self._line + data, b""
        position = 0
        while position < len(data):
            if self._expect is _Expect.DATA:
                piece = data[position : position + self._left]
                content.append(piece)
                self._left -= len(piece)
                position += len(piece)
                if self._left == 0:
                    self._expect = _Expect.DATA_END
                continue
            line_end = data.find(b"\n", position)
            if line_end < 0:
                self._keep(data[position:])
                break
            line = data[position:line_end]
            position = line_end + 1
            if self._ended(line):
                return b"".join(content), data[position:]
        return b"".join(content), None

    def _keep(self, unfinished: bytes) -> None:
        """Part of a line; one that cannot become right is refused at once."""
        too_long = len(unfinished) > _MAX_LINE_BYTES
        wrong_end = self._expect is _Expect.DATA_END and unfinished != b"\r"
        wrong_size = self._expect is _Expect.SIZE and not _SIZE_LINE.fullmatch(unfinished.removesuffix(b"\r"))
        if too_long or wrong_end or wrong_size:
            raise MalformedBody
        self._line = unfinished

    def _ended(self, line: bytes) -> bool:
        """Take one line without its LF; True for the empty one after the last chunk."""
        if not line.endswith(b"\r"):
            raise MalformedBody
        line = line[:-1]
        if self._expect is _Expect.SIZE:
            self._size(line)
        elif self._expect is _Expect.DATA_END:
            if line:
                raise MalformedBody
            self._expect = _Expect.SIZE
        elif not line:
            return True
        else:
            self._trailers_bytes += len(line)
            if not _TRAILER.fullmatch(line) or self._trailers_bytes > _MAX_TRAILERS_BYTES:
                raise MalformedBody
        return False

    def _size(self, line: bytes) -> None:
        found = _SIZE_LINE.fullmatch(line)
        if found is None or len(line) > _MAX_LINE_BYTES:
            raise MalformedBody
        self._left = int(found[1], 16)
        self._expect = _Expect.DATA if self._left else _Expect.TRAILER
