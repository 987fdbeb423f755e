"""One connection to a target: sends requests, reads answers, and tells when it can serve the next one."""

import asyncio
import select
import time
from collections.abc import Callable
from typing import Protocol, cast

from blackstart.emulator.dataplane.body import BodyReader, ChunkedBody, MalformedBody, SizedBody, UnboundedBody
from blackstart.emulator.dataplane.header_block import CHUNKED
from blackstart.emulator.dataplane.response_head import (
    MAX_RESPONSE_HEAD_BYTES,
    UNTIL_CLOSE,
    MalformedAnswer,
    ResponseHead,
    read_response_head,
)

_MOST_HELD_BACK_BYTES = 64 * 1024
_HUNG_UP = select.POLLIN | select.POLLRDHUP | select.POLLHUP | select.POLLERR


class ResponseSink(Protocol):
    """What a request in flight wants to hear from its target."""

    request_sent: bool
    active_real_s: float

    def whole_response(self, head: ResponseHead, body: bytes) -> None: ...
    def response_head(self, head: ResponseHead, has_body: bool) -> None: ...
    def response_body(self, data: bytes) -> None: ...
    def response_complete(self) -> None: ...
    def target_lost(self, heard: bool) -> None: ...
    def target_congested(self, congested: bool) -> None: ...


class Pool(Protocol):
    """Where a connection belongs, and where its bytes are counted."""

    sent_bytes: int
    received_bytes: int

    def put(self, connection: "UpstreamConnection") -> None: ...
    def forget(self, connection: "UpstreamConnection") -> None: ...


class UpstreamConnection(asyncio.Protocol):
    """One connection to a target; serves one request at a time. zone: of the node that opened it. opened, closed:
    called as it comes and goes.
    """

    __slots__ = (
        "_closed", "_deaf", "_head_only", "_heard", "_held_back", "_idle_since_real_s", "_keep_alive", "_last",
        "_opened", "_partial", "_poller", "_pool", "_reader", "_sink", "_transport", "_until_close", "_wanted",
        "zone",
    )  # fmt: skip

    def __init__(self, pool: Pool, zone: str, opened: Callable[[], None], closed: Callable[[], None]) -> None:
        self.zone = zone
        self._pool = pool
        self._opened = opened
        self._closed = closed
        self._transport: asyncio.Transport | None = None
        self._sink: ResponseSink | None = None
        self._poller: select.poll | None = None
        self._idle_since_real_s = 0.0
        self._deaf = False
        self._held_back = bytearray()
        self._wanted = True
        self._partial = b""
        self._reader: BodyReader | None = None
        self._head_only = False
        self._heard = False
        self._keep_alive = False
        self._last = False
        self._until_close = False

    # --- for the exchange

    def begin(self, sink: ResponseSink, text: bytes, head_only: bool) -> None:
        """Send the next request on this connection. head_only: a HEAD request, whose answer has no body."""
        self._sink = sink
        self._head_only = head_only
        self._heard = False
        self.write(text)

    def write(self, data: bytes) -> None:
        self._pool.sent_bytes += len(data)
        if self._deaf:
            self._held_back += data
            if len(self._held_back) > _MOST_HELD_BACK_BYTES:
                self.pause_writing()
        elif self._transport is not None:
            self._transport.write(data)

    def read(self, wanted: bool) -> None:
        """Take the answer as it comes, or leave it with the target for now."""
        self._wanted = wanted
        if self._transport is None or self._transport.is_closing():
            return
        if wanted and not self._deaf:
            self._transport.resume_reading()
        else:
            self._transport.pause_reading()

    def close_after(self) -> None:
        """Serve no request after this one."""
        self._last = True

    def has_answer(self) -> bool:
        """Whether the target has something to say, or has hung up, before the request is complete."""
        return self._poller is not None and bool(self._poller.poll(0))

    def drop(self) -> None:
        """Let go of the request and close: nobody waits for the answer any more."""
        self._sink = None
        self.close()

    def abandon(self) -> None:
        """Close what is being connected. A loop whose connecting is cancelled does not say that a connection is lost,
        not even one that it has announced.
        """
        self.close()
        self.connection_lost(None)

    # --- for the pool

    def reusable(self, now_real_s: float, idle_timeout_real_s: float, sure: bool) -> bool:
        """Whether nothing has happened on this idle connection: a target that closed it shows as readable."""
        if self._transport is None or self._transport.is_closing():
            return False
        if sure and self.has_answer():
            return False
        return now_real_s - self._idle_since_real_s < idle_timeout_real_s

    def close(self) -> None:
        """Close at once: nobody waits until a target has read what is left of a request."""
        if self._transport is None:
            return
        if self._transport.get_write_buffer_size():
            self._transport.abort()
        else:
            self._transport.close()

    def deafen(self, deaf: bool) -> None:
        """From now on nothing gets through in either direction; what was sent meanwhile waits for the end of that."""
        if deaf == self._deaf or self._transport is None or self._transport.is_closing():
            return
        self._deaf = deaf
        if deaf:
            self._transport.pause_reading()
            return
        self.read(self._wanted)
        waiting, self._held_back = bytes(self._held_back), bytearray()
        if len(waiting) > _MOST_HELD_BACK_BYTES:
            self.resume_writing()
        if waiting:
            self._transport.write(waiting)

    def break_off(self) -> None:
        sink, self._sink = self._sink, None
        self.close()
        if sink is not None:
            sink.target_lost(heard=True)

    # --- asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._poller = select.poll()
        self._poller.register(transport.get_extra_info("socket").fileno(), _HUNG_UP)
        self._opened()

    def data_received(self, data: bytes) -> None:
        self._pool.received_bytes += len(data)
        sink = self._sink
        if sink is None or self._transport is None:
            self.close()
            return
        if self._reader is None and not self._partial:
            end = data.find(b"\r\n\r\n")
            if end >= 0 and sink.request_sent and not self._head_only:
                try:
                    head = read_response_head(data[:end])
                except MalformedAnswer:
                    self._malformed()
                    return
                if head.length == len(data) - end - 4 and head.status >= 200:
                    self._whole(sink, head, data[end + 4 :])
                    return
        self._heard = True
        sink.active_real_s = time.monotonic()
        try:
            self._take(sink, data)
        except (MalformedAnswer, MalformedBody):
            self._malformed()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._poller is None:
            return
        self._poller = None
        self._pool.forget(self)
        self._closed()
        sink, self._sink = self._sink, None
        if sink is None or self._deaf:
            return
        if self._until_close and exc is None:
            sink.response_complete()
        else:
            sink.target_lost(heard=self._heard or bool(self._partial))

    def pause_writing(self) -> None:
        if self._sink is not None:
            self._sink.target_congested(True)

    def resume_writing(self) -> None:
        if self._sink is not None:
            self._sink.target_congested(False)

    # --- inner workings

    def _whole(self, sink: ResponseSink, head: ResponseHead, body: bytes) -> None:
        """A whole answer at once, as most are: given back first, so that the client's next request finds it."""
        self._sink = None
        if head.keep_alive and not self._last:
            self._idle_since_real_s = time.monotonic()
            self._pool.put(self)
        else:
            self._give_up()
        sink.whole_response(head, body)

    def _take(self, sink: ResponseSink, data: bytes) -> None:
        while self._reader is None:
            data = self._partial + data
            end = data.find(b"\r\n\r\n")
            if end < 0:
                if len(data) > MAX_RESPONSE_HEAD_BYTES:
                    raise MalformedAnswer
                self._partial = data
                return
            self._partial = b""
            head = read_response_head(data[:end])
            data = data[end + 4 :]
            if head.status == 101:
                raise MalformedAnswer  # nobody asked for another protocol
            if head.status >= 200:
                self._begin_body(sink, head)
        content, rest = self._reader.feed(data)
        if content:
            sink.response_body(content)
        if rest is not None:
            self._finish(clean=not rest)

    def _begin_body(self, sink: ResponseSink, head: ResponseHead) -> None:
        has_body = head.has_body and not self._head_only
        self._keep_alive = head.keep_alive or (self._head_only and head.length == UNTIL_CLOSE and head.persistent)
        self._until_close = has_body and head.length == UNTIL_CLOSE
        if not has_body:
            self._reader = SizedBody(0)
        elif head.length == CHUNKED:
            self._reader = ChunkedBody()
        else:
            self._reader = UnboundedBody() if self._until_close else SizedBody(head.length)
        sink.response_head(head, has_body)

    def _malformed(self) -> None:
        sink, self._sink = self._sink, None
        self.close()
        if sink is not None:
            sink.target_lost(heard=True)

    def _finish(self, clean: bool) -> None:
        sink, self._sink = self._sink, None
        self._reader = None
        self._until_close = False
        reusable = self._keep_alive and clean and not self._last
        if sink is not None and reusable and sink.request_sent:
            self.read(True)
            self._idle_since_real_s = time.monotonic()
            self._pool.put(self)
        else:
            self._give_up()
        if sink is not None:
            sink.response_complete()

    def _give_up(self) -> None:
        self._pool.forget(self)
        self.close()
