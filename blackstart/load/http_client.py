"""One request as one user's client makes it: resolve, connect or reuse, send, read, within one deadline.

A failed connection is the user's experience and is recorded, never retried: not on the same node and not on another.
There is one exception, which every HTTP client makes (RFC 9112, section 9.3.1, "Retrying requests"): a kept-alive
connection that the peer closed while it was idle. If that is seen before sending, a new connection is opened; if the
peer closed it just as the request left, so that not one byte of an answer came, the request is sent once more on a new
connection. Latency goes on counting from the intended time.

Requests stand for many independent users, so they take the name's addresses in turn, and a node that left DNS gets
none once the TTL is over. (A single browser would stay on its open connection for longer.)
"""

import select
import socket as stdlib_socket
from collections.abc import Callable
from pathlib import Path
from ssl import SSLEOFError
from time import monotonic_ns
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import gevent
from gevent import monkey, socket, ssl
from geventhttpclient.response import HTTPParseError, HTTPResponse

from blackstart.domain.recording import Outcome, RequestRow
from blackstart.load.outcome import outcome_of
from blackstart.load.resolver import UnresolvedError

_poll: Any = monkey.get_original("select", "poll")
BLOCK_BYTES = 65536
MOST_IDLE_PER_NODE = 256
"""A stall leaves a connection per request that waited; clients do not keep them all."""


class ClosedUnansweredError(ConnectionResetError):
    """The peer closed the connection before the first byte of an answer."""


class _Answer(NamedTuple):
    status: int
    zone: str
    instance: str


class HttpClient:
    """GETs of one origin over kept-alive connections, one set per load-balancer node.

    url: http://host[:port], or https://. resolve: name to addresses, raises UnresolvedError. timeout_real_s: wall
    seconds for everything between sending and the last byte, a TLS handshake included. host: as in `LoadSettings`;
    the URL's own is what is resolved. ca_bundle: the authorities that may vouch for that host.
    """

    def __init__(
        self,
        url: str,
        resolve: Callable[[str], tuple[str, ...]],
        timeout_real_s: float,
        *,
        host: str | None = None,
        ca_bundle: Path | None = None,
    ) -> None:
        parts = urlsplit(url)
        self._host = parts.hostname or ""
        self._port = parts.port or (443 if parts.scheme == "https" else 80)
        self._authority = host or parts.netloc.rpartition("@")[2]
        self._tls = _verifying(ca_bundle) if parts.scheme == "https" else None
        self._server_name = urlsplit("//" + self._authority).hostname or ""
        self._resolve = resolve
        self._timeout_real_s = timeout_real_s
        self._nodes: tuple[str, ...] = ()
        self._turn = 0
        self._idle: dict[str, list[Any]] = {}

    def get(self, path: str, intended_ns: int) -> RequestRow:
        """Send one request now and return what became of it; never raises for a failed request."""
        start_ns = monotonic_ns()
        node, answer, outcome = "", _Answer(0, "", ""), Outcome.ANSWERED
        try:
            with gevent.Timeout(self._timeout_real_s):
                node = self._next_node()
                answer = self._ask(node, path)
        except (UnresolvedError, OSError, HTTPParseError) as problem:
            outcome = outcome_of(problem)
        except gevent.Timeout:
            outcome = Outcome.TIMEOUT
        return RequestRow(
            intended_ns=intended_ns,
            start_ns=start_ns,
            end_ns=monotonic_ns(),
            outcome=outcome,
            status=answer.status,
            zone=answer.zone,
            instance=answer.instance,
            node=node,
        )

    def _next_node(self) -> str:
        nodes = self._resolve(self._host)
        if nodes != self._nodes:
            self._nodes = nodes
            for gone in self._idle.keys() - set(nodes):
                for connection in self._idle.pop(gone):
                    connection.close()
        self._turn += 1
        return nodes[self._turn % len(nodes)]

    def _ask(self, node: str, path: str) -> _Answer:
        request = f"GET {path} HTTP/1.1\r\nHost: {self._authority}\r\nUser-Agent: blackstart\r\n\r\n".encode()
        reused = self._take_idle(node)
        if reused is not None:
            try:
                return self._exchange(reused, node, request)
            except ClosedUnansweredError:
                pass
        return self._exchange(self._connect(node), node, request)

    def _take_idle(self, node: str) -> Any | None:
        """An open connection on which the peer has said nothing: readable while idle means closed."""
        idle = self._idle.get(node, [])
        while idle:
            connection = idle.pop()
            poll = _poll()
            poll.register(connection.fileno(), select.POLLIN)
            if not poll.poll(0):
                return connection
            connection.close()
        return None

    def _connect(self, node: str) -> Any:
        connection = socket.socket(stdlib_socket.AF_INET, stdlib_socket.SOCK_STREAM)
        try:
            connection.setsockopt(stdlib_socket.IPPROTO_TCP, stdlib_socket.TCP_NODELAY, 1)
            connection.connect((node, self._port))
            if self._tls is not None:
                connection = self._tls.wrap_socket(connection, server_hostname=self._server_name)
        except BaseException:
            connection.close()
            raise
        return connection

    def _exchange(self, connection: Any, node: str, request: bytes) -> _Answer:
        reply = HTTPResponse("GET")
        try:
            _send(connection, request)
            _read(connection, reply)
        except BaseException:
            connection.close()
            raise
        idle = self._idle.setdefault(node, [])
        if reply.should_close() or len(idle) >= MOST_IDLE_PER_NODE:
            connection.close()
        else:
            idle.append(connection)
        return _Answer(reply.get_code(), _header(reply, "x-zone"), _header(reply, "x-instance-id"))


def _send(connection: Any, request: bytes) -> None:
    try:
        connection.sendall(request)
    except (ConnectionResetError, BrokenPipeError, SSLEOFError) as problem:
        raise ClosedUnansweredError(str(problem)) from problem


def _verifying(ca_bundle: Path | None) -> Any:
    """A TLS context that checks the certificate and its host name, as every client in earnest does."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if ca_bundle is None:
        context.load_default_certs()
    else:
        context.load_verify_locations(ca_bundle)
    context.set_alpn_protocols(["http/1.1"])
    return context


def _read(connection: Any, reply: HTTPResponse) -> None:
    """Read one whole answer, interim 1xx answers skipped. Raises ConnectionResetError when it ends early."""
    begun = False
    while not reply.message_complete or reply.get_code() < 200:
        try:
            block = connection.recv(BLOCK_BYTES)
        except ConnectionResetError as problem:
            if begun:
                raise
            raise ClosedUnansweredError(str(problem)) from problem
        if not block:
            _end_of_stream(reply, begun)
            return
        begun = True
        reply.feed(block)


def _end_of_stream(reply: HTTPResponse, begun: bool) -> None:
    """The peer closed: the regular end of a body without a length, a broken answer otherwise."""
    if not begun:
        raise ClosedUnansweredError("closed before an answer")
    try:
        reply.feed(b"")
    except HTTPParseError as problem:
        raise ConnectionResetError("closed within an answer") from problem
    if not reply.message_complete:
        raise ConnectionResetError("closed within an answer")


def _header(reply: HTTPResponse, name: str) -> str:
    value = reply.get(name, "")
    return value if isinstance(value, str) else ",".join(value or ())
