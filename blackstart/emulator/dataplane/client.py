"""A client's connection to a listener: reads requests, keeps their order, writes the answers."""

import asyncio
from collections import deque
from typing import Any, Protocol, cast

import httptools

from blackstart.emulator.dataplane.exchange import Exchange
from blackstart.emulator.dataplane.http_text import Headers, RequestHead
from blackstart.emulator.dataplane.nodes import Node
from blackstart.emulator.snapshot import Action

_MAX_LINE_BYTES = 16 * 1024
_MAX_HEAD_BYTES = 64 * 1024
_MAX_WAITING = 2


class ListenerSide(Protocol):
    """The listener that accepted the connection."""

    node: Node
    declared_port: int

    def choose_action(self, head: RequestHead) -> Action: ...
    def connected(self, connection: "ClientConnection") -> None: ...
    def disconnected(self, connection: "ClientConnection") -> None: ...


class ClientConnection(asyncio.Protocol):
    """served_port: the port that the client connected to, which may be the declared one moved up."""

    def __init__(self, listener: ListenerSide, served_port: int) -> None:
        self.node = listener.node
        self.declared_port = listener.declared_port
        self.served_port = served_port
        self.client_ip = ""
        self.congested = False
        self.active_real_s = 0.0
        self.sni = ""
        self.certificate_arn = ""
        self._held: list[bytes] | None = None
        self._listener = listener
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._parser: Any = httptools.HttpRequestParser(self)
        self._exchanges: deque[Exchange] = deque()
        self._reading_ended = False
        self._reading_paused = False
        self._advancing = False
        self._begin_head()

    # --- for the exchange

    def choose_action(self, head: RequestHead) -> Action:
        """What the listener does with a request at the moment."""
        return self._listener.choose_action(head)

    def write(self, data: bytes) -> None:
        if self._held is not None:
            self._held.append(data)
        elif self._transport is not None:
            self._transport.write(data)

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def exchange_finished(self) -> None:
        """The first request is answered to its end: on with the next, or close when this was the last."""
        finished = self._exchanges.popleft()
        if not finished.keep_alive:
            self._reading_ended = True
            self._exchanges.clear()
            self._close()
            return
        self._advance()

    def update_reading(self) -> None:
        """Read only while there is room for what arrives."""
        if self._transport is None or self._transport.is_closing():
            return
        pause = len(self._exchanges) > _MAX_WAITING or any(exchange.blocked for exchange in self._exchanges)
        if pause != self._reading_paused:
            self._reading_paused = pause
            (self._transport.pause_reading if pause else self._transport.resume_reading)()

    # --- for the listener

    @property
    def transport(self) -> asyncio.Transport | None:
        return self._transport

    def hold(self, held: bool) -> None:
        """Keep back what is written to the client, or send what was kept: the network between them is cut."""
        if held:
            self._held = [] if self._held is None else self._held
            return
        waiting, self._held = self._held or [], None
        for data in waiting:
            self.write(data)

    @property
    def idle(self) -> bool:
        """Whether nothing is missing but the client's own bytes."""
        return all(exchange.answered for exchange in self._exchanges)

    # --- asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self.client_ip = str(transport.get_extra_info("peername")[0])
        self.active_real_s = self._loop.time()
        self._listener.connected(self)

    def data_received(self, data: bytes) -> None:
        if self._reading_ended:
            return
        self.active_real_s = self._loop.time()
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._reading_ended = True  # served as a plain request; what follows it cannot be read as HTTP
        except httptools.HttpParserError:
            self._bad_request()
        self.update_reading()

    def connection_lost(self, _: Exception | None) -> None:
        self._reading_ended = True
        self._listener.disconnected(self)
        exchanges, self._exchanges = self._exchanges, deque()
        for exchange in exchanges:
            exchange.client_lost()

    def pause_writing(self) -> None:
        self._congest(True)

    def resume_writing(self) -> None:
        self._congest(False)

    # --- httptools callbacks

    def on_message_begin(self) -> None:
        self._begin_head()

    def on_url(self, url: bytes) -> None:
        self._url += url
        self._measure(len(self._url), len(url))

    def on_header(self, name: bytes, value: bytes) -> None:
        self._measure(len(name) + len(value), len(name) + len(value))
        self._headers.append((name, value))

    def on_headers_complete(self) -> None:
        head = RequestHead(
            method=self._parser.get_method(),
            url=self._url,
            headers=self._headers,
            http_1_1=self._parser.get_http_version() == "1.1",
            keep_alive=self._parser.should_keep_alive() and not self._parser.should_upgrade(),
        )
        if head.method == b"CONNECT" or (head.http_1_1 and not head.value(b"host")):
            raise ValueError("not a request that a load balancer serves")
        self._reading_body = True
        if self._reading_ended:
            return
        self._exchanges.append(Exchange(self, head))
        self._advance()

    def on_body(self, data: bytes) -> None:
        if self._exchanges:
            self._exchanges[-1].request_body(data)

    def on_message_complete(self) -> None:
        self._reading_body = False
        if self._exchanges:
            self._exchanges[-1].request_complete()

    # --- inner workings

    def _congest(self, congested: bool) -> None:
        self.congested = congested
        if self._exchanges:
            self._exchanges[0].client_congested()

    def _begin_head(self) -> None:
        self._url = b""
        self._headers: Headers = []
        self._head_bytes = 0
        self._reading_body = False

    def _measure(self, line_bytes: int, new_bytes: int) -> None:
        self._head_bytes += new_bytes
        if line_bytes > _MAX_LINE_BYTES or self._head_bytes > _MAX_HEAD_BYTES:
            raise ValueError("a request head over the load balancer's limits")

    def _advance(self) -> None:
        """Start the first exchange unless it runs; a loop, so that many short ones do not nest."""
        if self._advancing:
            return
        self._advancing = True
        try:
            while self._exchanges and not self._exchanges[0].started:
                self._exchanges[0].start()
        finally:
            self._advancing = False
        self.update_reading()

    def _bad_request(self) -> None:
        """400 in its turn, then close. A body that breaks off midway leaves nobody to answer."""
        if self._reading_ended:
            return
        self._reading_ended = True
        if self._reading_body:
            self.abort()
            return
        self._exchanges.append(Exchange(self, None))
        self._advance()

    def _close(self) -> None:
        if self._transport is not None:
            self._transport.close()
