"""The one way in: every request passes here on its way to moto, one at a time under the control plane's lock.

The lock is never held while something waits: an SQS long poll becomes repeated calls that do not wait. A request that
may have changed something wakes the controllers. What moto has not implemented is answered InvalidAction, not with
HTML. Services that moto lacks altogether are the emulator's own, known by the signing name of the request.
"""

import io
import json
import logging
import re
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any
from urllib.parse import parse_qs, urlencode

from blackstart.domain.emulator_status import STATUS_PATH
from blackstart.emulator.adapters import own_pages
from blackstart.emulator.adapters.aws_errors import Response, error_response
from blackstart.emulator.adapters.own_pages import Page

LOG = logging.getLogger(__name__)
READING = re.compile(r"(Describe|Get|List|Lookup|Search|ReceiveMessage)")
SIGNING_NAME = re.compile(r"Credential=[^,]*/([^/,]+)/aws4_request")
POLL_REAL_S = 0.05
Wsgi = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]
OwnService = Callable[[dict[str, Any], bytes], Response]
"""Answers one request of a service that moto lacks, its refusals included. Called under the lock; does no I/O."""


class Middleware:
    """A WSGI application around moto's. status: the JSON of GET /_emulator/status; queue_wait_s: a queue's own wait.

    pages: by path, what else there is under /_emulator/. own_services: by signing name, as `arc-zonal-shift`.
    """

    def __init__(
        self,
        application: Wsgi,
        lock: threading.Lock,
        mutated: threading.Event,
        status: Callable[[], str],
        speed: float,
        queue_wait_s: Callable[[str], float],
        pages: Mapping[str, Page] | None = None,
        own_services: Mapping[str, OwnService] | None = None,
    ) -> None:
        self._application = application
        self._lock = lock
        self._mutated = mutated
        self._pages = {STATUS_PATH: Page("application/json", status), **(pages or {})}
        self._own_services = dict(own_services or {})
        self._speed = speed
        self._queue_wait_s = queue_wait_s

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        body = environ["wsgi.input"].read(length_of(environ))
        if own_pages.is_own(environ["PATH_INFO"]):
            status, headers, answer = own_pages.answer(self._pages, environ, body)
        elif action_of(environ, body) == "ReceiveMessage":
            status, headers, answer = self._receive(environ, body)
        else:
            status, headers, answer = self._call(environ, body)
        kept = [(name, value) for name, value in headers if name.lower() != "content-length"]
        given = dict(headers).get("Content-Length") if environ["REQUEST_METHOD"] == "HEAD" else None
        start_response(status, [*kept, ("Content-Length", given or str(len(answer)))])
        return [answer]

    def _call(self, environ: dict[str, Any], body: bytes) -> Response:
        """One call of moto, or of a service of our own, under the lock."""
        own = self._own_services.get(signing_name(environ))
        if own:
            environ = {**environ, "CONTENT_TYPE": "application/json"}  # of errors: all are REST and JSON
        answering = partial(own, environ, body) if own else partial(self._moto, environ, body)
        try:
            with self._lock:
                response = answering()
        except NotImplementedError as error:
            message = str(error) or f"{action_of(environ, body)} is not implemented by the emulator"
            return error_response(environ, 400, "InvalidAction", message)
        except Exception as error:  # a fault in moto or in us; the caller gets AWS's word for it, the log the rest
            LOG.exception("the request %s failed", action_of(environ, body) or environ["PATH_INFO"])
            return error_response(environ, 500, "InternalFailure", f"{type(error).__name__}: {error}")
        if not READING.match(action_of(environ, body)):
            self._mutated.set()
        return response

    def _moto(self, environ: dict[str, Any], body: bytes) -> Response:
        call = {**environ, "wsgi.input": io.BytesIO(body), "CONTENT_LENGTH": str(len(body))}
        captured: list[Any] = []
        chunks = self._application(call, lambda status, headers, *_: captured.extend((status, headers)))
        answer = b"".join(chunks)
        return str(captured[0]), list(captured[1]), answer

    def _receive(self, environ: dict[str, Any], body: bytes) -> Response:
        """Ask without waiting until there is a message or the wait (virtual seconds) is over."""
        asked_s, body = without_wait(body)
        with self._lock:
            wait_s = self._queue_wait_s(queue_name(body)) if asked_s is None else asked_s
        deadline = time.monotonic() + wait_s / self._speed
        while True:
            response = self._call(environ, body)
            found = b'"Messages"' in response[2] or b"<Message>" in response[2]
            if found or not response[0].startswith("200") or time.monotonic() >= deadline:
                return response
            time.sleep(min(POLL_REAL_S, max(0.0, deadline - time.monotonic())))


def length_of(environ: Mapping[str, Any]) -> int:
    """The bytes of a request's body; -1 (all there are) of one in chunks, which says no length."""
    return -1 if environ.get("wsgi.input_terminated") else int(environ.get("CONTENT_LENGTH") or 0)


def signing_name(environ: dict[str, Any]) -> str:
    """The service that a request is signed for, "" for an unsigned one."""
    found = SIGNING_NAME.search(environ.get("HTTP_AUTHORIZATION", ""))
    return found[1] if found else ""


def action_of(environ: dict[str, Any], body: bytes) -> str:
    """The API action of a request, "" for the REST services."""
    target = environ.get("HTTP_X_AMZ_TARGET")
    if target:
        return str(target).rpartition(".")[2]
    operation = re.search(r"/operation/(\w+)", environ["PATH_INFO"])
    if operation:
        return operation[1]
    found = re.search(rb"(?:^|&)Action=(\w+)", body) or re.search(
        rb"(?:^|&)Action=(\w+)", environ.get("QUERY_STRING", "").encode()
    )
    if found:
        return found[1].decode()
    return "" if environ["REQUEST_METHOD"] != "GET" else "Get"


def without_wait(body: bytes) -> tuple[float | None, bytes]:
    """The wait that a ReceiveMessage asks for (None: the queue's own) and the same request with a wait of 0."""
    if body.startswith(b"{"):
        request = json.loads(body)
        wait = request.get("WaitTimeSeconds")
        return wait, json.dumps({**request, "WaitTimeSeconds": 0}).encode()
    form = parse_qs(body.decode())
    waits = form.get("WaitTimeSeconds")
    return (float(waits[0]) if waits else None), urlencode({**form, "WaitTimeSeconds": ["0"]}, doseq=True).encode()


def queue_name(body: bytes) -> str:
    """The queue that a ReceiveMessage names."""
    url = (
        json.loads(body).get("QueueUrl", "")
        if body.startswith(b"{")
        else parse_qs(body.decode()).get("QueueUrl", [""])[0]
    )
    return str(url).rpartition("/")[2]
