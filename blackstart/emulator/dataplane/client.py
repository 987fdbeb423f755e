"""A client's connection to a listener: reads requests, keeps their order, writes the answers."""

import asyncio
import re
import time
from collections.abc import Callable
from typing import Protocol, cast

from blackstart.emulator.dataplane.body import BodyReader, ChunkedBody, MalformedBody, SizedBody
from blackstart.emulator.dataplane.exchange import Exchange
from blackstart.emulator.dataplane.header_block import Refusal
from blackstart.emulator.dataplane.http_text import Origin, TlsFacts
from blackstart.emulator.dataplane.nodes import Node
from blackstart.emulator.dataplane.request_head import RequestHead, read_request_head, too_long
from blackstart.emulator.dataplane.request_log import RequestLog
from blackstart.emulator.dataplane.rules import Chosen

_CARRIAGE_RETURN = 13
_EMPTY_LINES = re.compile(rb"(?:\r\n)*+")
_WAITING_BYTES = 64 * 1024
_LINGER_REAL_S = 2.0
_GONE = ("0.0.0.0", 0)  # stands for a client that reset its connection before it was looked at
_monotonic = time.monotonic


class ListenerSide(Protocol):
    """The listener that accepted the connection."""

    node: Node
    declared_port: int

    def choose(self, head: RequestHead, client_ip: str) -> Chosen: ...
    def connected(self, connection: "ClientConnection") -> None: ...
    def disconnected(self, connection: "ClientConnection") -> None: ...


class ClientConnection(asyncio.Protocol):
    """served_port: the port that the client connected to, which may be the declared one moved up. sni,
    certificate_arn: what the listener knows of the TLS handshake. received_bytes: of the request now being read.
    """

    __slots__ = (
        "__weakref__", "_body", "_close_at_s", "_exchange", "_feeding", "_held", "_held_back", "_linger", "_listener",
        "_loop", "_reading_ended", "_reading_paused", "_timer", "_unread_size", "_waiting", "active_real_s",
        "certificate_arn", "client_ip", "client_port", "congested", "declared_port", "node", "origin", "received_bytes",
        "served_port", "sni", "tls", "tls_facts", "transport", "write",
    )  # fmt: skip

    write: Callable[[bytes], None]

    def __init__(self, listener: ListenerSide, served_port: int) -> None:
        self.node = listener.node
        self.declared_port = listener.declared_port
        self.served_port = served_port
        self.client_ip = self.sni = self.certificate_arn = ""
        self.client_port = self.received_bytes = 0
        self.congested = self.tls = False
        self.tls_facts: TlsFacts | None = None
        self.active_real_s = 0.0
        self.transport: asyncio.Transport | None = None
        self.origin = Origin("", 0, 0, "", None)
        self.write = _nowhere
        self._listener = listener
        self._loop = asyncio.get_running_loop()
        self._exchange: Exchange | None = None
        self._body: BodyReader | None = None
        self._waiting = bytearray()
        self._held: bytearray | None = None
        self._held_back = False
        self._timer: asyncio.TimerHandle | None = None
        self._linger: asyncio.TimerHandle | None = None
        self._close_at_s = 0.0
        self._unread_size = 0
        self._reading_ended = False
        self._reading_paused = False
        self._feeding = False

    # --- for the exchange

    def choose_action(self, head: RequestHead) -> Chosen:
        """What the listener does with a request at the moment."""
        return self._listener.choose(head, self.client_ip)

    def request_log(self, head: RequestHead | None) -> RequestLog | None:
        return RequestLog(self, head)

    def abort(self) -> None:
        if self.transport is not None:
            self.transport.abort()

    def exchange_finished(self) -> None:
        """The request is answered to its end: on with the next, or close when this was the last."""
        exchange = self._exchange
        body, self._exchange, self._body = self._body, None, None
        self.received_bytes = 0
        if exchange is not None and not exchange.keep_alive:
            self._close(unread=exchange.head is None or body is not None)
        elif self._waiting and not self._feeding:
            waiting = bytes(self._waiting)
            self._waiting.clear()
            self._feed(waiting)
            self.update_reading()
        elif self._reading_paused:
            self.update_reading()

    def update_reading(self) -> None:
        """Read only while there is room for what arrives."""
        if self.transport is None or self.transport.is_closing():
            return
        exchange = self._exchange
        pause = len(self._waiting) > _WAITING_BYTES if exchange is None or exchange.request_sent else exchange.blocked
        if pause != self._reading_paused:
            self._reading_paused = pause
            (self.transport.pause_reading if pause else self.transport.resume_reading)()

    # --- for the listener

    @property
    def idle(self) -> bool:
        """Whether nothing is missing but the client's own bytes."""
        return self._exchange is None or self._exchange.answered

    def hold(self, held: bool) -> None:
        """While held nothing gets to the client; what is written, and closing, wait in order."""
        if held == (self._held is not None) or self.transport is None:
            return
        if held:
            self._held = bytearray()
            self.write = self._keep_back
            return
        waiting, self._held = bytes(self._held or b""), None
        self.write = self.transport.write
        if self._held_back:
            self._held_back = False
            self._congest(False)
        if waiting:
            self.write(waiting)
        if self._reading_ended:
            self._close(unread=False)

    # --- asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.client_ip, self.client_port = (transport.get_extra_info("peername") or _GONE)[:2]
        cipher = transport.get_extra_info("cipher")
        if cipher is not None:
            self.tls = True
            self.tls_facts = TlsFacts(cipher[1], cipher[0])
        names = (self.client_ip, self.client_port, self.declared_port, self.node.dns_name)
        self.origin = Origin(*names, self.tls_facts)
        self.write = self.transport.write
        self.active_real_s = _monotonic()
        self._close_at_s = self.node.now_s() + self.node.client_keep_alive_s
        self.node.counting.connection_opened(self.node.key)
        self._listener.connected(self)

    def data_received(self, data: bytes) -> None:
        if self._reading_ended:
            return
        self.active_real_s = _monotonic()
        if self._exchange is None and not self._waiting and data[-4:] == b"\r\n\r\n":
            head = read_request_head(data[:-4])
            if isinstance(head, RequestHead) and not head.length:  # a whole request and nothing else, as most are
                self.received_bytes = len(data)
                self._begin(head, None)
                return
        if self._exchange is None and self._waiting:
            self._waiting += data
            if data.find(b"\n") < 0 and len(self._waiting) <= _WAITING_BYTES:
                return
            data = bytes(self._waiting)
            self._waiting.clear()
        self._feed(data)

    def connection_lost(self, _: Exception | None) -> None:
        self._reading_ended = True
        self.write = _nowhere
        for timer in (self._timer, self._linger):
            if timer is not None:
                timer.cancel()
        self.node.counting.connection_closed(self.node.key)
        self._listener.disconnected(self)
        exchange, self._exchange = self._exchange, None
        if exchange is not None:
            exchange.client_lost()

    def pause_writing(self) -> None:
        self._congest(True)

    def resume_writing(self) -> None:
        self._congest(False)

    # --- inner workings

    def _feed(self, data: bytes) -> None:
        """Make requests of what has arrived, until one has to be waited for."""
        self._feeding = True
        while data and not self._reading_ended:
            exchange = self._exchange
            if exchange is None:
                data = self._head(data)
            elif exchange.request_sent:
                self._waiting += data
                self.update_reading()
                break
            else:
                data = self._content(exchange, data)
        self._feeding = False

    def _head(self, data: bytes) -> bytes:
        """Take a head, start its exchange, and give what follows it. An unfinished head waits; empty lines before a
        head are ignored (RFC 9112, section 2.2).
        """
        if data[0] == _CARRIAGE_RETURN:
            data = _EMPTY_LINES.sub(b"", data, count=1)
        end = data.find(b"\r\n\r\n")
        if end < 0:
            refusal = too_long(data)
            if refusal is not None:
                self._begin(None, refusal)
            elif data:
                self._waiting += data
                self._watch()
            return b""
        self.received_bytes = end + 4
        head = read_request_head(data[:end])
        if isinstance(head, Refusal):
            self._waiting += data[end + 4 :]
            self._begin(None, head)
            return b""
        if head.length:
            self._body = ChunkedBody() if head.chunked else SizedBody(head.length)
        self._begin(head, None)
        return data[end + 4 :]

    def _begin(self, head: RequestHead | None, refusal: Refusal | None) -> None:
        now_s = self.node.now_s()
        exchange = self._exchange = Exchange(self, head, refusal, now_s)
        if now_s >= self._close_at_s:
            exchange.keep_alive = False
        if self._timer is None:
            self._watch()
        exchange.start()

    def _content(self, exchange: Exchange, data: bytes) -> bytes:
        """Take a piece of a body, and give what follows its end."""
        if self._body is None:
            return b""
        self.received_bytes += len(data)
        try:
            content, rest = self._body.feed(data)
        except MalformedBody:
            exchange.broken_request()
            return b""
        if content:
            exchange.request_body(content)
        if rest is None:
            return b""
        self.received_bytes -= len(rest)
        self._body = None
        if self._exchange is exchange:
            exchange.request_complete()
        return rest

    def _watch(self) -> None:
        """One timer for all requests of the connection: it finds out how long nothing has moved."""
        if self._timer is None:
            self._timer = self._loop.call_later(self.node.idle_timeout_real_s, self._look_at_idle)

    def _look_at_idle(self) -> None:
        self._timer = None
        exchange = self._exchange
        if (exchange is None and not self._waiting) or self._reading_ended:
            return
        if self.congested and self.transport is not None:
            size = self.transport.get_write_buffer_size()
            if size != self._unread_size and exchange is not None:
                exchange.active_real_s = _monotonic()
            self._unread_size = size
        active_real_s = self.active_real_s if exchange is None else exchange.active_real_s
        if exchange is not None and not exchange.request_sent:
            active_real_s = max(active_real_s, self.active_real_s)
        left_real_s = active_real_s + self.node.idle_timeout_real_s - _monotonic()
        if left_real_s > 0.0005:
            self._timer = self._loop.call_later(left_real_s, self._look_at_idle)
        elif exchange is not None:
            exchange.time_out()
        else:
            self._waiting.clear()
            self._begin(None, Refusal(408))

    def _keep_back(self, data: bytes) -> None:
        """What is written while held; when it is much, the rest is left with the target."""
        if self._held is not None:
            self._held += data
            if len(self._held) > _WAITING_BYTES and not self.congested:
                self._held_back = True
                self._congest(True)

    def _congest(self, congested: bool) -> None:
        self.congested = congested
        if self._exchange is not None:
            self._exchange.active_real_s = _monotonic()
            self._exchange.client_congested()

    def _close(self, unread: bool) -> None:
        """Close once everything is written. A client that is still sending is heard out for a while: closing on unread
        bytes would reset the connection, and the answer with it.
        """
        self._reading_ended = True
        if self.transport is None or self._held is not None:
            return
        if unread or self._waiting or self._reading_paused:
            self._waiting.clear()
            if self._reading_paused:
                self._reading_paused = False
                self.transport.resume_reading()
            if self.transport.can_write_eof():
                self.transport.write_eof()
            self._linger = self._loop.call_later(_LINGER_REAL_S, self.transport.close)
        else:
            self.transport.close()


def _nowhere(_: bytes) -> None:
    """Where bytes go that nobody will get."""
