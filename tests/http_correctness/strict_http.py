"""HTTP/1.1 messages read as strictly as RFC 9112 allows: what a careful target, or a careful client, would accept.

Independent of the data plane's own parser on purpose, for it is the judge of what the data plane passes on.
"""

import re
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field

_TOKEN = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_REQUEST_LINE = re.compile(rb"(" + _TOKEN + rb") ([\x21-\x7e\x80-\xff]+) HTTP/1\.1")
_STATUS_LINE = re.compile(rb"HTTP/1\.1 ([1-9][0-9]{2}) [\t\x20-\x7e\x80-\xff]*")
_HEADER_LINE = re.compile(
    rb"(" + _TOKEN + rb"):[ \t]*((?:[\x21-\x7e\x80-\xff](?:[\t\x20-\x7e\x80-\xff]*"
    rb"[\x21-\x7e\x80-\xff])?)?)[ \t]*"
)
_CHUNK_LINE = re.compile(rb"([0-9A-Fa-f]{1,15})(?:;[\t\x20-\x7e\x80-\xff]*)?")
_BODILESS = frozenset({204, 304})


class MalformedError(Exception):
    """The bytes are no HTTP/1.1 message; the text says why."""


class CutOffError(Exception):
    """The bytes end within a message. seen: what was read of it, if its head was."""

    def __init__(self, seen: "Message | None" = None) -> None:
        super().__init__("cut off")
        self.seen = seen


@dataclass
class Message:
    """start: method and path, or the status as text. framing: none, length, chunked or close (until the end)."""

    start: str
    headers: list[tuple[str, str]]
    framing: str = "none"
    length: int = 0
    body: bytes = b""
    trailers: list[tuple[str, str]] = field(default_factory=list)

    def value(self, name: str, default: str = "") -> str:
        """A header's first value. name: lower case."""
        return next((value for key, value in self.headers if key == name), default)


class StrictReader:
    """Reads messages off a connection. receive: the next bytes, b"" at their end; TimeoutError passes through."""

    def __init__(self, receive: Callable[[], bytes]) -> None:
        self.pending = b""
        self._receive = receive

    def request_head(self) -> Message | None:
        """None when the connection ends before a request begins."""
        lines = self._head()
        if lines is None:
            return None
        line = _REQUEST_LINE.fullmatch(lines[0])
        if line is None:
            raise MalformedError(f"request line {lines[0][:60]!r}")
        message = _message(f"{line[1].decode()} {shown(line[2])}", lines[1:])
        hosts = [value for name, value in message.headers if name == "host"]
        if len(hosts) != 1:
            raise MalformedError(f"{len(hosts)} Host headers")
        return message

    def response_head(self, bodiless: bool) -> Message | None:
        """bodiless: the answer is to a HEAD request."""
        lines = self._head()
        if lines is None:
            return None
        line = _STATUS_LINE.fullmatch(lines[0])
        if line is None:
            raise MalformedError(f"status line {lines[0][:60]!r}")
        message = _message(line[1].decode(), lines[1:])
        status = int(message.start)
        if status < 200 or status in _BODILESS or bodiless or message.value("x-request").startswith("HEAD "):
            message.framing = "none"
        elif message.framing == "none":
            message.framing = "close"
        return message

    def body(self, message: Message) -> None:
        """Read the body that the head announces; `message.body` grows while it comes."""
        try:
            if message.framing == "length":
                self._take(message, message.length)
            elif message.framing == "chunked":
                self._chunks(message)
            elif message.framing == "close":
                while self._more():
                    continue
                message.body, self.pending = self.pending, b""
        except CutOffError:
            raise CutOffError(message) from None

    def _head(self) -> list[bytes] | None:
        while b"\r\n\r\n" not in self.pending:
            if not self._more():
                if self.pending:
                    raise CutOffError
                return None
        head, _, self.pending = self.pending.partition(b"\r\n\r\n")
        return head.split(b"\r\n")

    def _chunks(self, message: Message) -> None:
        while True:
            line = _CHUNK_LINE.fullmatch(raw := self._line())
            if line is None:
                raise MalformedError(f"chunk size {raw[:60]!r}")
            if not (size := int(line[1], 16)):
                break
            self._take(message, size)
            if ending := self._line():
                raise MalformedError(f"chunk data followed by {ending[:60]!r}")
        while line_after := self._line():
            message.trailers += _headers([line_after])

    def _take(self, message: Message, size: int) -> None:
        while size:
            if not self.pending and not self._more():
                raise CutOffError
            piece, self.pending = self.pending[:size], self.pending[size:]
            message.body += piece
            size -= len(piece)

    def _line(self) -> bytes:
        while b"\r\n" not in self.pending:
            if not self._more():
                raise CutOffError
        line, _, self.pending = self.pending.partition(b"\r\n")
        return line

    def _more(self) -> bool:
        data = self._receive()
        self.pending += data
        return bool(data)


def shown(data: bytes) -> str:
    """Bytes as text for a recording: as they are when short, else their number and checksum."""
    if len(data) > 120:
        return f"<{len(data)} bytes, {zlib.crc32(data):08x}>"
    return data.decode("latin-1")


def _message(start: str, lines: list[bytes]) -> Message:
    headers = _headers(lines)
    lengths = [value for name, value in headers if name == "content-length"]
    encodings = [value for name, value in headers if name == "transfer-encoding"]
    if len(lengths) + len(encodings) > 1:
        raise MalformedError(f"framed more than once: {lengths + encodings}")
    if encodings and encodings[0].lower() != "chunked":
        raise MalformedError(f"Transfer-Encoding {encodings[0]!r}")
    if lengths and not re.fullmatch("[0-9]{1,18}", lengths[0]):
        raise MalformedError(f"Content-Length {lengths[0]!r}")
    framing = "chunked" if encodings else "length" if lengths else "none"
    return Message(start, headers, framing, int(lengths[0]) if lengths else 0)


def _headers(lines: list[bytes]) -> list[tuple[str, str]]:
    headers = []
    for line in lines:
        match = _HEADER_LINE.fullmatch(line)
        if match is None:
            raise MalformedError(f"header line {line[:60]!r}")
        headers.append((match[1].decode().lower(), shown(match[2])))
    return headers
