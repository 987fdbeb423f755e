"""One request of one client, from its head to the end of its answer.

The request is streamed to the target while it arrives, the answer to the client while it arrives. A pooled connection
that the target had already given up is replaced once by a new one, when the request can be repeated without harm and
not a byte of an answer had come; everything else that breaks is a 502 or 504, as on an ALB.
"""

import asyncio
import time
from typing import Protocol

from blackstart.emulator.dataplane.approach import Approach
from blackstart.emulator.dataplane.http_text import (
    CONTINUE,
    Headers,
    RequestHead,
    error_answer,
    fixed_answer,
    redirect_answer,
    request_to_target,
    response_to_client,
)
from blackstart.emulator.dataplane.nodes import Node
from blackstart.emulator.dataplane.target_connections import TargetConnections
from blackstart.emulator.dataplane.upstream import UpstreamConnection
from blackstart.emulator.snapshot import Action, FixedResponse, Forward, Redirect

_BUFFER_BYTES = 64 * 1024
_REPEATABLE = frozenset({b"GET", b"HEAD", b"OPTIONS", b"PUT", b"DELETE", b"TRACE"})  # RFC 9110, 9.2.2
CLIENT_GAVE_UP = 460


class ClientSide(Protocol):
    """The connection that a request came on, and the listener behind it."""

    node: Node
    declared_port: int
    served_port: int
    client_ip: str
    congested: bool

    def choose_action(self, head: RequestHead) -> Action: ...
    def write(self, data: bytes) -> None: ...
    def abort(self) -> None: ...
    def exchange_finished(self) -> None: ...
    def update_reading(self) -> None: ...


class Exchange:
    """head: None for a request that could not be read, which is answered 400."""

    def __init__(self, client: ClientSide, head: RequestHead | None) -> None:
        self.head = head
        self.keep_alive = head is not None and head.keep_alive
        self.request_sent = head is None
        self._client = client
        self._node = client.node
        self._loop = asyncio.get_running_loop()
        self._group_arn = ""
        self._target: TargetConnections | None = None
        self._upstream: UpstreamConnection | None = None
        self._approach: Approach | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._outgoing: bytearray | None = bytearray()
        self.started = False
        self._reused = False
        self._head_sent = False
        self._responded = False
        self._congested = False
        self._chunk_answer = False
        self._sent_real_s = 0.0
        self._active_real_s = 0.0

    # --- from the client

    def start(self) -> None:
        """The request's turn on its connection has come."""
        self.started = True
        if self.head is None:
            self._fail(400)
            return
        if self.head.expects_continue and not self.request_sent:
            self._client.write(CONTINUE)
        action = self._client.choose_action(self.head)
        if isinstance(action, FixedResponse):
            self._answer(action.status_code, fixed_answer(action, self.head))
        elif isinstance(action, Redirect):
            self._answer(action.status_code, redirect_answer(action, self.head, self._client.served_port))
        else:
            self._forward(self.head, action)

    def request_body(self, data: bytes) -> None:
        if self.head is not None and self.head.chunked:
            data = b"%x\r\n%b\r\n" % (len(data), data)
        self._send(data)

    def request_complete(self) -> None:
        if self.head is not None and self.head.chunked:
            self._send(b"0\r\n\r\n")
        self.request_sent = True
        if self._responded:
            self._client.exchange_finished()

    @property
    def blocked(self) -> bool:
        """Whether the client should be kept from sending more of the body for now."""
        if self._responded:
            return False
        waiting = self._upstream is None and self._outgoing is not None and len(self._outgoing) > _BUFFER_BYTES
        return waiting or self._congested

    @property
    def answered(self) -> bool:
        """Whether only the rest of the request is missing, to be read and thrown away."""
        return self._responded

    def client_congested(self) -> None:
        """The client reads more slowly than the target sends, or has caught up."""
        if self._upstream is not None:
            self._upstream.read(not self._client.congested)

    def client_lost(self) -> None:
        """The client went away: nobody gets the answer, the target's connection is closed."""
        if self.started and not self._responded and not self._head_sent:
            self._node.counting.balancer_answered(self._node.key, self._group_arn, CLIENT_GAVE_UP)
        self._responded = True
        self._let_go()

    # --- from the approach

    def connected(self, upstream: UpstreamConnection, reused: bool) -> None:
        if self.head is None or self._outgoing is None:
            return
        self._upstream = upstream
        self._reused = reused
        self._congested = False
        upstream.begin(self, head_only=self.head.method == b"HEAD")
        self.client_congested()
        upstream.write(bytes(self._outgoing))
        self._sent_real_s = time.monotonic()
        self._active_real_s = self._loop.time()
        self._timer = self._loop.call_later(self._node.idle_timeout_real_s, self._look_at_idle)
        if not (reused and self.head.method in _REPEATABLE):
            self._outgoing = None
        self._client.update_reading()

    def not_connected(self, status: int) -> None:
        self._node.counting.connection_failed(self._node.key, self._group_arn)
        self._fail(status)

    # --- from the target (upstream.ResponseSink)

    def response_head(self, status: int, phrase: bytes, headers: Headers, has_body: bool) -> None:
        if self.head is None:
            return
        self._outgoing = None
        self._head_sent = True
        latency_real_s = time.monotonic() - self._sent_real_s
        self._node.counting.target_answered(self._node.key, self._group_arn, status, latency_real_s)
        if self._target is not None:
            self._target.target_answered(status)
        sized = any(name.lower() == b"content-length" for name, _ in headers)
        self._chunk_answer = has_body and not sized and self.head.http_1_1
        self.keep_alive = self.keep_alive and (sized or self._chunk_answer or not has_body)
        self._client.write(response_to_client(status, phrase, headers, self._chunk_answer, self.keep_alive))

    def response_body(self, data: bytes) -> None:
        self._client.write(b"%x\r\n%b\r\n" % (len(data), data) if self._chunk_answer else data)

    def response_complete(self) -> None:
        if self._chunk_answer:
            self._client.write(b"0\r\n\r\n")
        self._upstream = None
        self._done()

    def target_lost(self, heard: bool) -> None:
        self._upstream = None
        if self._approach is not None and self._reused and not heard and self._outgoing is not None:
            self._stop_waiting()
            self._approach.begin_anew()
        else:
            self._fail(502)

    def target_heard(self) -> None:
        self._active_real_s = self._loop.time()

    def target_congested(self, congested: bool) -> None:
        self._congested = congested
        self._client.update_reading()

    # --- inner workings

    def _forward(self, head: RequestHead, action: Forward) -> None:
        routed = self._node.route(action, head)
        self._group_arn = routed.group_arn
        if routed.target is None:
            self._fail(503)
            return
        self._target = routed.target
        self._target.request_began()
        if routed.failing_open:
            self._node.counting.routed_failing_open(self._node.key, routed.group_arn)
        body = self._outgoing or b""
        self._outgoing = bytearray(request_to_target(head, self._client.client_ip, self._client.declared_port))
        self._outgoing += body
        self._approach = Approach(self, self._node, routed.target)
        self._approach.begin()

    def _send(self, data: bytes) -> None:
        """To the target, or kept until there is a connection; kept too while the request may have to be repeated."""
        if self._responded:
            return
        if self._outgoing is not None:
            self._outgoing += data
        if self._upstream is None:
            self._client.update_reading()
            return
        if self._outgoing is not None and len(self._outgoing) > _BUFFER_BYTES:
            self._outgoing = None
        self._upstream.write(data)
        self._sent_real_s = time.monotonic()
        self._active_real_s = self._loop.time()

    def _look_at_idle(self) -> None:
        left_real_s = self._active_real_s + self._node.idle_timeout_real_s - self._loop.time()
        if left_real_s > 0.001:
            self._timer = self._loop.call_later(left_real_s, self._look_at_idle)
        else:
            self._time_out()

    def _time_out(self) -> None:
        """504 for a target that is silent; 408 and the end of the connection for a client that is."""
        if self.request_sent:
            self._fail(504)
            return
        self.request_sent = True
        self.keep_alive = False
        self._fail(408)

    def _fail(self, status: int) -> None:
        """Answer with an error; when the answer had begun, the client can only be cut off."""
        if self._target is not None and status in (502, 504) and not self._head_sent:
            self._target.target_failed()
        self._let_go()
        if self._head_sent:
            self._client.abort()
        else:
            self._answer(status, error_answer(status, self.head, self.keep_alive))

    def _answer(self, status: int, text: bytes) -> None:
        self._head_sent = True
        self._node.counting.balancer_answered(self._node.key, self._group_arn, status)
        self._client.write(text)
        self._done()

    def _done(self) -> None:
        self._stop_waiting()
        self._leave_target()
        self._responded = True
        self._outgoing = None
        if self.request_sent:
            self._client.exchange_finished()
        else:
            self._client.update_reading()  # the rest of the request is read and thrown away

    def _leave_target(self) -> None:
        """The target has nothing more to do with this request."""
        target, self._target = self._target, None
        if target is not None:
            target.request_ended()

    def _let_go(self) -> None:
        self._stop_waiting()
        self._leave_target()
        if self._approach is not None:
            self._approach.cancel()
        upstream, self._upstream = self._upstream, None
        if upstream is not None:
            upstream.drop()

    def _stop_waiting(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
