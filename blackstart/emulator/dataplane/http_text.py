"""A client's request as a target gets it.

Sources: ELB user guide, "HTTP headers and Application Load Balancers" (X-Forwarded-*, append, preserve and remove,
client port, host header preservation, TLS headers, dropped header fields) and "Request tracing" (X-Amzn-Trace-Id).
"""

import re
from random import Random
from typing import NamedTuple

from blackstart.emulator.dataplane.header_block import CHUNKED
from blackstart.emulator.dataplane.request_head import RequestHead as RequestHead  # noqa: PLC0414
from blackstart.emulator.snapshot import ForwardedFor, HttpSettings

_HOST_LINE = re.compile(rb"(?i)\r\nhost:[^\r]*")
_INVALID_FIELD = re.compile(rb"\r\n(?=[^:]*[^-A-Za-z0-9:])[^:]+:[^\r]*")
_TLS_FIELD = re.compile(rb"(?i)\r\nx-amzn-tls-(?:version|cipher-suite):[^\r]*")
_DEFAULT_PORTS = frozenset({80, 443})


class TlsFacts(NamedTuple):
    """What was agreed with a client, as OpenSSL names it: TLSv1.2, ECDHE-RSA-AES128-GCM-SHA256."""

    protocol: str
    cipher: str


class Origin:
    """Where a connection's requests come from, with the lines that all of them get worked out once.

    listener_port: as declared. dns_name: the load balancer's; stands in for a Host that HTTP/1.0 left out.
    """

    __slots__ = ("_client_ip", "_client_port", "_dns_name", "_own", "_port", "_settings", "_tls", "_usual")

    def __init__(
        self, client_ip: str, client_port: int, listener_port: int, dns_name: str, tls: TlsFacts | None
    ) -> None:
        self._client_ip = client_ip.encode()
        self._client_port = client_port
        self._port = listener_port
        self._dns_name = dns_name.encode()
        self._tls = tls
        self._settings: HttpSettings | None = None
        self._own = b""
        self._usual = False

    def request(self, head: RequestHead, settings: HttpSettings, trace: bytes) -> bytes:
        """The whole head that a target gets. trace: the value of X-Amzn-Trace-Id."""
        if settings is not self._settings:
            self._settle(settings)
        passed = head.passed
        if not self._usual or head.host_differs or not head.host:
            passed = self._adapted(head, settings)
        own = self._own if not head.forwarded_for else self._forwarded(head.forwarded_for, settings)
        ending = b"\r\nTransfer-Encoding: chunked\r\n\r\n" if head.length == CHUNKED else b"\r\n\r\n"
        return b"%b %b HTTP/1.1%b%b%b%b" % (head.method, head.url, passed, own, trace, ending)

    def _settle(self, settings: HttpSettings) -> None:
        self._settings = settings
        self._own = self._forwarded(b"", settings)
        self._usual = not (settings.drop_invalid_header_fields or self._tls_lines(settings)) and (
            settings.preserve_host_header or self._port in _DEFAULT_PORTS
        )

    def _forwarded(self, before: bytes, settings: HttpSettings) -> bytes:
        client = self._client_ip
        if settings.client_port_in_forwarded_for:
            client += b":%d" % self._client_port
        if settings.forwarded_for is ForwardedFor.APPEND:
            value = before + b", " + client if before else client
        else:
            value = before if settings.forwarded_for is ForwardedFor.PRESERVE else b""
        protocol = b"https" if self._tls is not None else b"http"
        lines = b"\r\nX-Forwarded-Proto: %b\r\nX-Forwarded-Port: %d\r\nX-Amzn-Trace-Id: " % (protocol, self._port)
        return b"\r\nX-Forwarded-For: " + value + lines if value else lines

    def _adapted(self, head: RequestHead, settings: HttpSettings) -> bytes:
        """The passed lines where attributes of the load balancer or an unusual request ask for changes."""
        passed = head.passed
        tls_lines = self._tls_lines(settings)
        if tls_lines:
            passed = _TLS_FIELD.sub(b"", passed) + tls_lines
        if settings.drop_invalid_header_fields:
            passed = _INVALID_FIELD.sub(b"", passed)
        return b"\r\nHost: " + self._host(head, settings) + _HOST_LINE.sub(b"", passed)

    def _host(self, head: RequestHead, settings: HttpSettings) -> bytes:
        if not head.host:
            return self._dns_name
        if settings.preserve_host_header:
            return head.sent_host
        if self._port in _DEFAULT_PORTS or re.search(rb":[0-9]+\Z", head.host):
            return head.host
        return head.host + b":%d" % self._port

    def _tls_lines(self, settings: HttpSettings) -> bytes:
        if self._tls is None or not settings.tls_version_and_cipher_headers:
            return b""
        protocol, cipher = self._tls.protocol.encode(), self._tls.cipher.encode()
        return b"\r\nx-amzn-tls-version: %b\r\nx-amzn-tls-cipher-suite: %b" % (protocol, cipher)


class Tracing:
    """X-Amzn-Trace-Id: identifiers that are unique within a run; their time is virtual."""

    def __init__(self, random: Random) -> None:
        self._random = random

    def value(self, sent: bytes, now_s: float) -> bytes:
        """The header for the target. sent: what the client's request carried, b"" without one."""
        own = b"1-%08x-%024x" % (int(now_s), self._random.getrandbits(96))
        if not sent:
            return b"Root=" + own
        fields = [field.strip() for field in sent.split(b";") if field.strip()]
        others = [field for field in fields if not field.lower().startswith(b"self=")]
        if not any(field.lower().startswith(b"root=") for field in others):
            return b";".join([b"Root=" + own, *others])
        return b";".join([b"Self=" + own, *others])
