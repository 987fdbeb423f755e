"""The head of a client's request: read strictly, and the same bytes only once.

What breaks the grammar of RFC 9112 is refused and never passed on. `httptools` is not used here: desync mitigation
must see the header fields as they were sent, those included that a parser rejects or merges.

Sources: RFC 9110, RFC 9112; ELB user guide, "Quotas for your Application Load Balancers" (16 KB request line, 64 KB
entire header) and "Troubleshoot your Application Load Balancers" (400, 405, 414, 501, 505).
"""

import re
from dataclasses import dataclass
from functools import lru_cache

from blackstart.emulator.dataplane.header_block import (
    CHUNKED,
    MAX_HEAD_BYTES,
    MAX_LINE_BYTES,
    TOKEN,
    Headers,
    Refusal,
    Refused,
    passed_lines,
    read_header_block,
)
from blackstart.emulator.decisions.desync import COMPLIANT, Classification, Reason, Tier, classify, content_length

_REQUEST_LINE = re.compile(rb"(" + TOKEN + rb"++) ([\x21-\x7e\x80-\xff]++) HTTP/([0-9])\.([0-9])")
_HOST = re.compile(rb"(?:[A-Za-z0-9._~!$&'()*+,;=%-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]*)?")
_ABSOLUTE = re.compile(rb"(?i)https?://([^/?#]*)(.*)")
_REMEMBERED_BYTES = 4096


@dataclass(slots=True, eq=False)
class RequestHead:
    """What a client asked for; shared by all requests of the same bytes, so nobody changes one.

    url: in origin form, or "*". headers: as sent, but for the Host of a request in absolute form. http_1_1: the
    client's version allows chunked answers. length: of the body; CHUNKED when it says so itself. passed: the header
    lines that every target gets, each after a line end. forwarded_for: what X-Forwarded-For said.
    host: that the request is for, in lower case; sent_host: as the Host header had it; host_differs: whether these two
    do, because of capitals or because the URL named the host. trace: X-Amzn-Trace-Id as sent. line: the request line.
    invalid_fields: as in `HeaderBlock`.
    """

    method: bytes
    url: bytes
    headers: Headers
    http_1_1: bool
    keep_alive: bool
    length: int = 0
    host: bytes = b""
    sent_host: bytes = b""
    passed: bytes = b""
    forwarded_for: bytes = b""
    trace: bytes = b""
    expects_continue: bool = False
    host_differs: bool = False
    classification: Classification = COMPLIANT
    line: bytes = b""
    invalid_fields: bool = False

    def value(self, name: bytes) -> bytes:
        """A header's first value, b"" when there is none. name: lower case."""
        for key, value in self.headers:
            if key.lower() == name:
                return value
        return b""

    @property
    def chunked(self) -> bool:
        return self.length == CHUNKED


def read_request_head(text: bytes) -> RequestHead | Refusal:
    """A head without its final empty line. Small ones are remembered, because clients repeat themselves."""
    return _remembered(text) if len(text) <= _REMEMBERED_BYTES else _read(text)


def too_long(unfinished: bytes | bytearray) -> Refusal | None:
    """Whether a head that goes on is over a limit already, or cannot become one."""
    line_end = unfinished.find(b"\r\n")
    if (len(unfinished) if line_end < 0 else line_end) > MAX_LINE_BYTES:
        return Refusal(414)
    if len(unfinished) > MAX_HEAD_BYTES or len(unfinished) - unfinished.rfind(b"\r\n") > MAX_LINE_BYTES + 2:
        return Refusal(400)
    if unfinished.count(b"\n") != unfinished.count(b"\r\n"):
        return Refusal(400)
    return None


def _read(text: bytes) -> RequestHead | Refusal:
    try:
        return _parse(text)
    except Refused as refused:
        return refused.refusal


_remembered = lru_cache(maxsize=1024)(_read)


def _parse(text: bytes) -> RequestHead:
    line_end = text.find(b"\r\n")
    line = text if line_end < 0 else text[:line_end]
    lines = text[len(line) :]
    method, url, minor = _request_line(line)
    if len(text) > MAX_HEAD_BYTES:
        raise Refused(400)
    block = read_header_block(lines)
    connection, headers, passed = block.connection, block.headers, block.passed
    sent_host = block.hosts[0] if block.hosts else b""
    host, url = _authority(url, method, block.hosts, minor)
    if host != sent_host:
        headers = [(b"Host", host), *((name, value) for name, value in headers if name.lower() != b"host")]
        passed = passed_lines(headers, connection, chunked=block.coding == b"chunked")
    length, classification = 0, COMPLIANT
    if block.unusual or minor > 1:
        classification = classify(method, minor, headers)
        length = _length(block.coding, block.lengths, minor, classification)
    http_1_1 = minor >= 1
    keep_alive = b"close" not in connection and (http_1_1 or b"keep-alive" in connection)
    forwarded = b", ".join(block.forwarded)
    expects_continue = http_1_1 and block.expect == b"100-continue"
    return RequestHead(
        method, url, headers, http_1_1, keep_alive, length, host, sent_host, passed, forwarded, block.trace,
        expects_continue, host != sent_host, classification, line, block.invalid,
    )  # fmt: skip


def _request_line(line: bytes) -> tuple[bytes, bytes, int]:
    if len(line) > MAX_LINE_BYTES:
        raise Refused(414)
    found = _REQUEST_LINE.fullmatch(line)
    if found is None:
        raise Refused(400, Tier.SEVERE, _why_not(line))
    method, url, major, minor = found.groups()
    if major != b"1":
        raise Refused(505 if major > b"1" else 400, Tier.SEVERE, Reason.BAD_VERSION)
    if method == b"TRACE":
        raise Refused(405)
    if method == b"CONNECT":
        raise Refused(400)
    return method, url, int(minor)


def _why_not(line: bytes) -> Reason:
    method, _, rest = line.partition(b" ")
    url, _, version = rest.rpartition(b" ")
    if not re.fullmatch(TOKEN + rb"+", method):
        return Reason.BAD_METHOD
    return Reason.BAD_URI if re.fullmatch(rb"HTTP/[0-9]\.[0-9]", version) and url else Reason.BAD_VERSION


def _authority(url: bytes, method: bytes, hosts: list[bytes], minor: int) -> tuple[bytes, bytes]:
    """Host in lower case, and URL in origin form."""
    if len(hosts) > 1 or (not hosts and minor >= 1):
        raise Refused(400)
    host = hosts[0] if hosts else b""
    if hosts and not _HOST.fullmatch(host):
        raise Refused(400)
    if url.startswith(b"/") or (url == b"*" and method == b"OPTIONS"):
        return host.lower(), url
    found = _ABSOLUTE.fullmatch(url)
    if found is None or not _HOST.fullmatch(found[1]):
        raise Refused(400)
    path = found[2] if found[2].startswith(b"/") else b"/" + found[2]
    return found[1].lower(), path


def _length(coding: bytes | None, lengths: list[bytes], minor: int, classification: Classification) -> int:
    """How long the body is; refused when that cannot be said, whatever the mitigation mode."""
    if coding is not None:
        if minor == 0 or classification.tier is Tier.SEVERE:
            raise Refused(400, *classification)
        if coding == b"chunked":
            return CHUNKED
        if coding != b"identity":
            raise Refused(501)
    if not lengths:
        return 0
    number = content_length(lengths[0])
    if number is None or any(content_length(other) != number for other in lengths):
        raise Refused(400, *classification)
    return number
