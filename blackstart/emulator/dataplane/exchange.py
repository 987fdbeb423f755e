"""One request of one client, from its head to the end of its answer.

The request is streamed to the target while it arrives, the answer to the client while it arrives. A pooled connection
that the target had already given up is replaced once by a new one, when the request can be repeated without harm and
not a byte of an answer had come; everything else that breaks is a 502 or 504, as on an ALB.
"""

import time
from random import Random
from typing import Protocol

from blackstart.emulator.dataplane.answers import (
    CONTINUE,
    error_answer,
    fixed_answer,
    redirect_answer,
    redirect_location,
)
from blackstart.emulator.dataplane.approach import Approach
from blackstart.emulator.dataplane.counting import Row
from blackstart.emulator.dataplane.header_block import CHUNKED, Refusal
from blackstart.emulator.dataplane.http_text import Origin, Tracing
from blackstart.emulator.dataplane.nodes import Node
from blackstart.emulator.dataplane.request_head import RequestHead
from blackstart.emulator.dataplane.request_log import RequestLog
from blackstart.emulator.dataplane.response_head import ResponseHead
from blackstart.emulator.dataplane.response_text import OwnCookies, answer_to_client
from blackstart.emulator.dataplane.rules import Chosen
from blackstart.emulator.dataplane.target_connections import TargetConnections
from blackstart.emulator.dataplane.upload import Upload
from blackstart.emulator.dataplane.upstream import UpstreamConnection
from blackstart.emulator.decisions.desync import COMPLIANT, Handling, handling
from blackstart.emulator.snapshot import FixedResponse, Forward, Redirect

_REPEATABLE = frozenset({b"GET", b"HEAD", b"OPTIONS", b"PUT", b"DELETE"})  # RFC 9110, 9.2.2
CLIENT_GAVE_UP = 460
_monotonic = time.monotonic
_tracing = Tracing(Random())  # identifiers only: nothing that happens in a run depends on them


class ClientSide(Protocol):
    """The connection that a request came on, and the listener behind it."""

    node: Node
    origin: Origin
    served_port: int
    tls: bool
    congested: bool
    received_bytes: int

    def choose_action(self, head: RequestHead) -> Chosen: ...
    def request_log(self, head: RequestHead | None) -> RequestLog | None: ...
    def write(self, data: bytes) -> None: ...
    def abort(self) -> None: ...
    def exchange_finished(self) -> None: ...
    def update_reading(self) -> None: ...


class Exchange:
    """head: None for a request that is refused. now_s: virtual time at which it came. request_sent: nothing of it is
    still to come.

    active_real_s: when something last moved between here and the target.
    """

    __slots__ = (
        "_approach", "_chunk_answer", "_client", "_close_target", "_cookies", "_group_arn", "_head_sent", "_log",
        "_node", "_now_s", "_refusal", "_responded", "_reused", "_row", "_sent_real_s", "_target", "_text", "_upload",
        "_upstream", "active_real_s", "head", "keep_alive", "request_sent",
    )  # fmt: skip

    def __init__(self, client: ClientSide, head: RequestHead | None, refusal: Refusal | None, now_s: float) -> None:
        self.head = head
        self.request_sent = head is None or head.length == 0
        self.keep_alive = head is not None and head.keep_alive
        self.active_real_s = self._sent_real_s = _monotonic()
        self._client = client
        self._now_s = now_s
        self._refusal = refusal
        self._node = client.node
        self._group_arn = ""
        self._target: TargetConnections | None = None
        self._upstream: UpstreamConnection | None = None
        self._approach: Approach | None = None
        self._text = b""
        self._upload = Upload(self, head.length == CHUNKED) if head is not None and head.length else None
        self._row: Row | None = None
        self._log = client.request_log(head) if self._node.access_log is not None else None
        self._cookies: OwnCookies | None = None
        self._reused = False
        self._head_sent = False
        self._responded = False
        self._chunk_answer = False
        self._close_target = False

    # --- from the client

    def start(self) -> None:
        """The request's turn on its connection has come."""
        head = self.head
        if head is None:
            self._refuse()
            return
        if head.classification is not COMPLIANT and not self._mitigated(head):
            return
        if head.expects_continue:
            self._client.write(CONTINUE)
        chosen = self._client.choose_action(head)
        action = chosen.action
        if self._log is not None:
            self._log.chosen(chosen)
        if isinstance(action, Forward):
            self._forward(head, action)
        elif isinstance(action, FixedResponse):
            self._node.counting.fixed_response(self._node.key)
            self._answer(action.status_code, fixed_answer(action, head, self.keep_alive))
        else:
            self._redirect(head, action)

    def request_body(self, data: bytes) -> None:
        """The next piece of the body, without the client's chunking."""
        if not self._responded and self._upload is not None:
            self._upload.take(data)

    def request_complete(self) -> None:
        if not self._responded and self._upload is not None:
            self._upload.end()
        self.request_sent = True
        if self._responded:
            self._client.exchange_finished()

    @property
    def blocked(self) -> bool:
        """Whether the client should be kept from sending more of the body for now."""
        return not self._responded and self._upload is not None and self._upload.blocked

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
        if not self._responded:
            if not self._head_sent:
                self._node.counting.balancer_answered(self._node.key, self._group_arn, CLIENT_GAVE_UP)
            self._conclude(None if self._head_sent else CLIENT_GAVE_UP)
        self._responded = True
        self._let_go()

    def time_out(self) -> None:
        """Nothing has moved for the idle timeout: 504 when the target is to blame, 408 when the client is."""
        if self._responded:
            self._client.abort()
        elif self.request_sent or (self._upload is not None and self._upload.blocked):
            self._fail(504)
        else:
            self._fail(408)

    def broken_request(self) -> None:
        """The body breaks the grammar: the target's connection is given up, the client hears 400."""
        self.request_sent = True
        self.keep_alive = False
        if self._responded:
            self._client.exchange_finished()
        else:
            self._fail(400)

    # --- from the upload

    def upload_moved(self) -> None:
        self._sent_real_s = self.active_real_s = _monotonic()

    def upload_blocked(self) -> None:
        if not self._responded:
            self._client.update_reading()

    # --- from the approach

    def connected(self, upstream: UpstreamConnection, reused: bool) -> None:
        self._send_on(upstream, reused)
        if not self.request_sent:
            self._client.update_reading()

    def not_connected(self, status: int) -> None:
        self._node.counting.connection_failed(self._node.key, self._group_arn)
        self._fail(status)

    # --- from the target (upstream.ResponseSink)

    def whole_response(self, head: ResponseHead, body: bytes) -> None:
        """All of an answer at once, to a request that was sent to its end."""
        if self._cookies is not None or self._log is not None or not self.keep_alive:
            self.response_head(head, head.has_body)
            if body:
                self.response_body(body)
            self.response_complete()
            return
        target = self._target
        if target is not None:
            target.request_ended()
            target.target_answered(head.status)
            self._target = None
        node = self._node
        row = node.counting.target_answered(node.key, self._group_arn, head.status, _monotonic() - self._sent_real_s)
        text = head.kept + body
        row.processed_bytes += len(text) + self._client.received_bytes
        self._upstream = None
        self._responded = True
        self._client.write(text)
        self._client.exchange_finished()

    def response_head(self, head: ResponseHead, has_body: bool) -> None:
        request = self.head
        if request is None:
            return
        if self._upload is not None:
            self._upload.answered()
        self._head_sent = True
        latency_real_s = _monotonic() - self._sent_real_s
        self._row = self._node.counting.target_answered(self._node.key, self._group_arn, head.status, latency_real_s)
        if self._target is not None:
            self._target.target_answered(head.status)
        if self._log is not None:
            self._log.target_began(head.status)
        passed = answer_to_client(request, head, has_body, self.keep_alive, self._cookies)
        self._chunk_answer, self.keep_alive = passed.chunked, passed.keep_alive
        self._write(passed.text)

    def response_body(self, data: bytes) -> None:
        self._write(b"%x\r\n%b\r\n" % (len(data), data) if self._chunk_answer else data)

    def response_complete(self) -> None:
        self._upstream = None  # first: it may serve another client, whatever becomes of this one
        if self._chunk_answer:
            self._write(b"0\r\n\r\n")
        self._done(None)

    def target_lost(self, heard: bool) -> None:
        upstream, self._upstream = self._upstream, None
        complete = self._upload is None or self._upload.repeatable
        again = self._reused and not heard and not self._head_sent and upstream is not None and complete
        if again and self._target is not None and self.head is not None and self.head.method in _REPEATABLE:
            if self._upload is not None:
                self._upload.leave()
            self._come_near(self._target)
        else:
            self._fail(502)

    def target_congested(self, congested: bool) -> None:
        self.active_real_s = _monotonic()
        if self._upload is not None:
            self._upload.congested = congested

    # --- inner workings

    def _refuse(self) -> None:
        refusal = self._refusal or Refusal(400)
        if refusal.classification is not COMPLIANT:
            self._node.counting.desync(self._node.key)
        if self._log is not None:
            self._log.classified(refusal.classification)
        self._fail(refusal.status)

    def _mitigated(self, head: RequestHead) -> bool:
        """Whether a request that does not comply with RFC 7230 may go on, perhaps as the last of its connections."""
        self._node.counting.desync(self._node.key)
        if self._log is not None:
            self._log.classified(head.classification)
        handled = handling(self._node.http.desync_mitigation, head.classification.tier)
        if handled is Handling.PASS:
            return True
        self.keep_alive = False
        if handled is Handling.BLOCK:
            self.request_sent = True
            self._fail(400)
            return False
        self._close_target = True
        return True

    def _redirect(self, head: RequestHead, action: Redirect) -> None:
        protocol = "https" if self._client.tls else "http"
        location = redirect_location(action, head, self._client.served_port, protocol)
        self._node.counting.redirected(self._node.key)
        if self._log is not None:
            self._log.redirected(location)
        self._answer(action.status_code, redirect_answer(action.status_code, location, head, self.keep_alive))

    def _forward(self, head: RequestHead, action: Forward) -> None:
        node = self._node
        routed = node.route(action, head)
        self._group_arn = routed.group_arn
        target = routed.target
        if target is None:
            self._fail(503)
            return
        if routed.cookies or routed.app_cookie:
            self._cookies = OwnCookies(routed.cookies, routed.app_cookie, routed.app_cookies)
        self._target = target
        target.request_began()
        if head.invalid_fields:
            node.counting.invalid_header(node.key, node.http.drop_invalid_header_fields)
        if routed.failing_open:
            node.counting.routed_failing_open(node.key, routed.group_arn)
        trace = _tracing.value(head.trace, self._now_s)
        self._text = self._client.origin.request(head, node.http, trace)
        if self._log is not None:
            self._log.routed(routed.group_arn, target.snapshot, trace)
        sure = head.method not in _REPEATABLE
        upstream = target.take(node.key.zone, self._sent_real_s, node.idle_timeout_real_s, sure)
        if upstream is None:
            self._come_near(target)
        else:
            self._send_on(upstream, reused=True)

    def _come_near(self, target: TargetConnections) -> None:
        self._approach = Approach(self, self._node, self._group_arn, target)
        self._approach.begin()

    def _send_on(self, upstream: UpstreamConnection, reused: bool) -> None:
        head, text = self.head, self._text
        if head is None:
            return
        self._upstream = upstream
        self._reused = reused
        if self._client.congested:
            upstream.read(False)
        if self._upload is not None:
            text += self._upload.begin_on(upstream, keep=reused and head.method in _REPEATABLE)
        if self._log is not None:
            self._log.sent()
        if self._close_target:
            upstream.close_after()
        self._sent_real_s = self.active_real_s = _monotonic()
        upstream.begin(self, text, head.method == b"HEAD")

    def _fail(self, status: int) -> None:
        """Answer with an error; when the answer had begun, the client can only be cut off."""
        if self._target is not None and status in (502, 504) and not self._head_sent:
            self._target.target_failed()
        self._let_go()
        if self._head_sent:
            self._conclude(None)
            self._responded = True
            self._client.abort()
            return
        if not self.request_sent:
            self.keep_alive = self.keep_alive and status != 408
            self.request_sent = status == 408
        self._answer(status, error_answer(status, self.head, self.keep_alive))

    def _answer(self, status: int, text: bytes) -> None:
        self._head_sent = True
        self._row = self._node.counting.balancer_answered(self._node.key, self._group_arn, status)
        self._write(text)
        self._done(status)

    def _write(self, data: bytes) -> None:
        if self._row is not None:
            self._row.processed_bytes += len(data)
        if self._log is not None:
            self._log.wrote(len(data))
        self._client.write(data)

    def _done(self, own_status: int | None) -> None:
        self._leave_target()
        self._responded = True
        if self._row is not None:
            self._row.processed_bytes += self._client.received_bytes
        self._conclude(own_status)
        if self.request_sent:
            self._client.exchange_finished()
        else:
            self._client.update_reading()  # the rest of the request is read and thrown away

    def _conclude(self, own_status: int | None) -> None:
        """The record for the access log. own_status: of an answer that the load balancer made up."""
        log, self._log = self._log, None
        if log is not None:
            log.finish(own_status)

    def _leave_target(self) -> None:
        """The target has nothing more to do with this request."""
        target, self._target = self._target, None
        if target is not None:
            target.request_ended()
        if self._upload is not None:
            self._upload.leave()

    def _let_go(self) -> None:
        self._leave_target()
        if self._approach is not None:
            self._approach.cancel()
        upstream, self._upstream = self._upstream, None
        if upstream is not None:
            upstream.drop()
