"""The head of a target's answer: read strictly, and the same bytes only once. What cannot be read is a 502.

Sources: RFC 9112; ELB user guide, "Quotas for your Application Load Balancers" (32 KB response header) and
"Troubleshoot your Application Load Balancers" (502: malformed answer or headers that are not valid).
"""

import re
from dataclasses import dataclass
from functools import lru_cache

from blackstart.emulator.dataplane.header_block import CHUNKED, FIELD_TEXT, HOP_BY_HOP, Headers
from blackstart.emulator.decisions.desync import content_length

MAX_RESPONSE_HEAD_BYTES = 32 * 1024
UNTIL_CLOSE = -2
_REMEMBERED_BYTES = 2048
_STATUS_LINE = re.compile(rb"HTTP/1\.([0-9]) ([1-9][0-9]{2})(?: (" + FIELD_TEXT + rb"*))?")
_HEADER_LINES = re.compile(rb"(?:\r\n[!#$%&'*+.^_`|~0-9A-Za-z-]++:" + FIELD_TEXT + rb"*+)*+")
_HEADER = re.compile(rb"\r\n([^:]+):[ \t]*([^\r]*)")
_NO_BODY = frozenset({204, 304})


class MalformedAnswer(Exception):  # noqa: N818
    """A target's answer that a load balancer does not pass on."""


@dataclass(slots=True, eq=False)
class ResponseHead:
    """length: of the body, CHUNKED or UNTIL_CLOSE; what a HEAD request leaves out is counted. text: what the client
    gets, without Connection, Transfer-Encoding and the final empty line; kept: the same with "Connection: keep-alive",
    whole. persistent: the target did not say that it closes; keep_alive: and the answer's end does not need that.
    """

    status: int
    length: int
    persistent: bool
    keep_alive: bool
    headers: Headers
    text: bytes
    kept: bytes

    @property
    def has_body(self) -> bool:
        return self.status not in _NO_BODY


def read_response_head(text: bytes) -> ResponseHead:
    """A head without its final empty line. Raises MalformedAnswer."""
    return _remembered(text) if len(text) <= _REMEMBERED_BYTES else _read(text)


def _read(text: bytes) -> ResponseHead:
    line_end = text.find(b"\r\n")
    line = text if line_end < 0 else text[:line_end]
    block = text[len(line) :]
    found = _STATUS_LINE.fullmatch(line)
    if found is None or not _HEADER_LINES.fullmatch(block) or len(text) > MAX_RESPONSE_HEAD_BYTES:
        raise MalformedAnswer
    headers: Headers = [(name, value.rstrip(b" \t")) for name, value in _HEADER.findall(block)]
    connection: set[bytes] = set()
    codings: list[bytes] = []
    lengths: set[bytes] = set()
    for name, value in headers:
        key = name.lower()
        if key == b"connection":
            connection.update(part.strip(b" \t") for part in value.lower().split(b","))
        elif key == b"transfer-encoding":
            codings.append(value.lower())
        elif key == b"content-length":
            lengths.add(value)
    status = int(found[2])
    length = _length(status, codings, lengths)
    persistent = b"close" not in connection and (found[1] >= b"1" or b"keep-alive" in connection)
    phrase = found[3] if found[3] is not None else b""
    passed = _passed(headers, connection - {b"close", b"keep-alive", b"content-length"}, chunked=bool(codings))
    started = b"HTTP/1.1 %d %b%b" % (status, phrase, passed)
    kept = started + b"\r\nConnection: keep-alive\r\n\r\n"
    return ResponseHead(status, length, persistent, persistent and length != UNTIL_CLOSE, headers, started, kept)


_remembered = lru_cache(maxsize=512)(_read)


def _length(status: int, codings: list[bytes], lengths: set[bytes]) -> int:
    number = content_length(next(iter(lengths))) if lengths else UNTIL_CLOSE
    if number is None or len(lengths) > 1:
        raise MalformedAnswer
    if status in _NO_BODY or status < 200:
        return 0
    if codings:
        if codings != [b"chunked"] or lengths:
            raise MalformedAnswer
        return CHUNKED
    return number


def _passed(headers: Headers, named: set[bytes], chunked: bool) -> bytes:
    lines = [b""]
    sized = chunked
    for name, value in headers:
        key = name.lower()
        if key in HOP_BY_HOP or key in named:
            continue
        if key == b"content-length":
            if sized:
                continue
            sized = True
        lines.append(name + b": " + value)
    return b"\r\n".join(lines)
