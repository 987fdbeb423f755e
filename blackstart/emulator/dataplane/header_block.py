"""The header lines of a client's request, read strictly: the same lines only once.

Sources: RFC 9110, RFC 9112; ELB user guide, "Quotas for your Application Load Balancers" (16 KB single header) and
"Troubleshoot your Application Load Balancers" (400, 463).
"""

import re
from functools import lru_cache
from typing import NamedTuple

from blackstart.emulator.decisions.desync import COMPLIANT, Classification, Reason, Tier, concerns_framing

Headers = list[tuple[bytes, bytes]]

MAX_LINE_BYTES = 16 * 1024
MAX_HEAD_BYTES = 64 * 1024
MAX_FORWARDED_FOR = 30
CHUNKED = -1

HOP_BY_HOP = frozenset(
    {
        b"connection",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
        b"http2-settings",
    }
)
_OWN = frozenset({b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-port", b"x-amzn-trace-id", b"expect"})
TOKEN = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]"
FIELD_TEXT = rb"[\t\x20-\x7e\x80-\xff]"
_HEADER_LINES = re.compile(rb"(?:\r\n" + TOKEN + rb"++:" + FIELD_TEXT + rb"*+)*+")
_CONTROLLED = re.compile(rb"(?:\r\n" + TOKEN + rb"++:[^\x00\r\n]*+)*+")
_VALID_NAME = re.compile(rb"[-A-Za-z0-9]+")
_HEADER = re.compile(rb"\r\n([^:]+):[ \t]*([^\r]*)")
_COLLECTED = {
    b"host": "hosts",
    b"content-length": "lengths",
    b"transfer-encoding": "codings",
    b"x-forwarded-for": "forwarded",
}
_REMEMBERED_BYTES = 4096


class Refusal(NamedTuple):
    """A request that is answered with an error and goes no further; its connection is closed."""

    status: int
    classification: Classification = COMPLIANT


class Refused(Exception):  # noqa: N818  (it is an answer, not an error of ours)
    """Raised with the Refusal while a head is read."""

    def __init__(self, status: int, tier: Tier = Tier.COMPLIANT, reason: Reason = Reason.COMPLIANT) -> None:
        super().__init__(status)
        self.refusal = Refusal(status, Classification(tier, reason))


class HeaderBlock:
    """The header lines of a head, read; clients send the same ones with one URL after the other.

    invalid: whether a name has more in it than letters, digits and hyphens, which an ALB can be told to drop.
    """

    __slots__ = (
        "coding", "codings", "connection", "expect", "forwarded", "headers", "hosts", "invalid", "lengths", "passed",
        "rewritten", "trace", "unusual",
    )  # fmt: skip

    def __init__(self, block: bytes) -> None:
        if not _HEADER_LINES.fullmatch(block):
            if _CONTROLLED.fullmatch(block):
                raise Refused(400, Tier.ACCEPTABLE, Reason.NON_COMPLIANT_HEADER)
            raise Refused(400, Tier.SEVERE, Reason.BAD_HEADER)
        self.headers = _headers(block)
        self.connection: set[bytes] = set()
        self.codings: list[bytes] = []
        self.lengths: list[bytes] = []
        self.hosts: list[bytes] = []
        self.forwarded: list[bytes] = []
        self.trace = b""
        self.expect = b""
        self.rewritten = False
        self.unusual = False
        self.invalid = not all(_VALID_NAME.fullmatch(name) for name, _ in self.headers)
        for name, value in self.headers:
            self._take(name.lower(), value)
        self.connection -= {b"host", b"content-length"}
        self.rewritten = self.rewritten or len(self.lengths) > 1
        self.coding = b",".join(self.codings).strip(b" \t").lower() if self.codings else None
        self.passed = (
            passed_lines(self.headers, self.connection, chunked=self.coding == b"chunked") if self.rewritten else block
        )
        if sum(value.count(b",") + 1 for value in self.forwarded) > MAX_FORWARDED_FOR:
            raise Refused(463)

    def _take(self, key: bytes, value: bytes) -> None:
        if key in _COLLECTED:
            getattr(self, _COLLECTED[key]).append(value)
        elif key == b"connection":
            self.connection.update(part.strip(b" \t") for part in value.lower().split(b","))
        elif key == b"x-amzn-trace-id":
            self.trace = value
        elif key == b"expect":
            self.expect = value.lower()
        self.rewritten = self.rewritten or key in HOP_BY_HOP or key in _OWN
        self.unusual = self.unusual or concerns_framing(key)


def read_header_block(lines: bytes) -> HeaderBlock:
    """Header lines, each after a line end. Small blocks are remembered. Raises Refused."""
    return _remembered(lines) if len(lines) <= _REMEMBERED_BYTES else HeaderBlock(lines)


_remembered = lru_cache(maxsize=1024)(HeaderBlock)


def _headers(block: bytes) -> Headers:
    headers: Headers = _HEADER.findall(block)
    for index, (name, value) in enumerate(headers):
        if value[-1:] in (b" ", b"\t"):
            headers[index] = (name, value.rstrip(b" \t"))
        if len(name) + len(value) > MAX_LINE_BYTES - 2:
            raise Refused(400)
    return headers


def passed_lines(headers: Headers, named: set[bytes], chunked: bool) -> bytes:
    """The lines for the target: one Content-Length at most, none beside chunks, nothing hop-by-hop."""
    lines = [b""]
    sized = chunked
    for name, value in headers:
        key = name.lower()
        if key in HOP_BY_HOP or key in _OWN or key in named:
            continue
        if key == b"content-length":
            if sized:
                continue
            sized = True
        lines.append(name + b": " + value)
    return b"\r\n".join(lines)
