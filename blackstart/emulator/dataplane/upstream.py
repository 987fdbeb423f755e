"""One connection to a target: sends requests, reads answers, and tells when it can serve the next one."""

import asyncio
import select
from typing import Any, Protocol, cast

import httptools

from blackstart.emulator.dataplane.http_text import Headers

_HUNG_UP = select.POLLIN | select.POLLRDHUP | select.POLLHUP | select.POLLERR
_NO_BODY = frozenset({204, 304})


class ResponseSink(Protocol):
    """What a request in flight wants to hear from its target."""

    @property
    def request_sent(self) -> bool: ...
    def response_head(self, status: int, phrase: bytes, headers: Headers, has_body: bool) -> None: ...
    def response_body(self, data: bytes) -> None: ...
    def response_complete(self) -> None: ...
    def target_lost(self, heard: bool) -> None: ...
    def target_heard(self) -> None: ...
    def target_congested(self, congested: bool) -> None: ...


class Pool(Protocol):
    """Where a connection belongs."""

    def put(self, connection: "UpstreamConnection") -> None: ...
    def forget(self, connection: "UpstreamConnection") -> None: ...


class UpstreamConnection(asyncio.Protocol):
    """One connection to a target; serves one request at a time."""

    _complete: bool
    _clean: bool
    _headers: Headers

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._transport: asyncio.Transport | None = None
        self._sink: ResponseSink | None = None
        self._poller = select.poll()
        self._parser: Any = httptools.HttpResponseParser(self)
        self._idle_since_real_s = 0.0
        self._deaf = False
        self._reset()

    # --- for the exchange

    def begin(self, sink: ResponseSink, head_only: bool) -> None:
        """Send the next request on this connection. head_only: a HEAD request, whose answer has no body."""
        self._reset()
        self._sink = sink
        self._head_only = head_only

    def write(self, data: bytes) -> None:
        if self._transport is not None:
            self._transport.write(data)

    def read(self, wanted: bool) -> None:
        """Take the answer as it comes, or leave it with the target for now."""
        if self._transport is None or self._transport.is_closing():
            return
        if wanted:
            self._transport.resume_reading()
        else:
            self._transport.pause_reading()

    def drop(self) -> None:
        """Let go of the request and close: nobody waits for the answer any more."""
        self._sink = None
        self.close()

    # --- for the pool

    def reusable(self, now_real_s: float, idle_timeout_real_s: float) -> bool:
        """Whether nothing has happened on this idle connection: a target that closed it shows as readable."""
        if self._transport is None or self._transport.is_closing() or self._poller.poll(0):
            return False
        return now_real_s - self._idle_since_real_s < idle_timeout_real_s

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def deafen(self) -> None:
        """From now on nothing of the target arrives; the request runs into its timeout."""
        self._deaf = True

    def break_off(self) -> None:
        sink, self._sink = self._sink, None
        self.close()
        if sink is not None:
            sink.target_lost(heard=True)

    # --- asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._poller.register(transport.get_extra_info("socket").fileno(), _HUNG_UP)

    def data_received(self, data: bytes) -> None:
        if self._deaf:
            return
        if self._sink is None:
            self.close()
            return
        self._heard = True
        self._sink.target_heard()
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            if not self._complete:
                self._malformed()
                return
            self._clean = False
        if self._complete:
            self._finish()

    def connection_lost(self, exc: Exception | None) -> None:
        self._pool.forget(self)
        if self._deaf:
            return
        sink, self._sink = self._sink, None
        if sink is None:
            return
        if self._until_close and exc is None:
            sink.response_complete()
        else:
            sink.target_lost(heard=self._heard)

    def pause_writing(self) -> None:
        if self._sink is not None:
            self._sink.target_congested(True)

    def resume_writing(self) -> None:
        if self._sink is not None:
            self._sink.target_congested(False)

    # --- httptools callbacks

    def on_message_begin(self) -> None:
        if self._complete:
            self._clean = False
        self._phrase = b""
        self._headers = []

    def on_status(self, phrase: bytes) -> None:
        self._phrase += phrase

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers.append((name, value))

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        self._interim = status < 200
        if self._interim or self._sink is None or self._complete:
            return
        framed = {name.lower() for name, _ in self._headers} & {b"content-length", b"transfer-encoding"}
        has_body = not self._head_only and status not in _NO_BODY
        self._until_close = has_body and not framed
        self._sink.response_head(status, self._phrase, self._headers, has_body)
        if self._head_only:
            self._keep_alive = self._parser.should_keep_alive()
            self._complete = True

    def on_body(self, data: bytes) -> None:
        if self._complete:
            self._clean = False
        elif self._sink is not None:
            self._sink.response_body(data)

    def on_message_complete(self) -> None:
        if not self._interim and not self._complete:
            self._keep_alive = self._parser.should_keep_alive()
            self._complete = True

    # --- inner workings

    def _reset(self) -> None:
        self._heard = False
        self._head_only = False
        self._interim = False
        self._until_close = False
        self._complete = False
        self._clean = True
        self._keep_alive = False

    def _malformed(self) -> None:
        sink, self._sink = self._sink, None
        self.close()
        if sink is not None:
            sink.target_lost(heard=True)

    def _finish(self) -> None:
        """Give the connection back before telling the exchange, so that the client's next request finds it."""
        sink, self._sink = self._sink, None
        if self._head_only:
            self._parser = httptools.HttpResponseParser(self)  # the old one would wait for the body of a HEAD
        if sink is not None and self._keep_alive and self._clean and sink.request_sent:
            self.read(True)
            self._idle_since_real_s = asyncio.get_running_loop().time()
            self._pool.put(self)
        else:
            self._pool.forget(self)
            self.close()
        if sink is not None:
            sink.response_complete()
