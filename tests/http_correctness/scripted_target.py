"""A target that does what a case says, and notes what reached it.

Its first connection follows the script; what comes after the script's end, on other connections, and every request for
/probe gets the answer that tells the request back (`echo`).
"""

import contextlib
import select
import socket
import struct
import threading
import time
from typing import Any

from strict_http import CutOffError, MalformedError, Message, StrictReader, shown

PROBE = "GET /probe"
ANSWER = "GET /answer"
PATIENCE_REAL_S = 4.0
_OF_THE_PROXY = frozenset({"connection", "content-length", "transfer-encoding", "via"})


class ScriptEndedError(Exception):
    """The script has closed the connection."""


class ScriptedTarget:
    """script: the steps of a case's `target`. answer: what a request for /answer gets instead of the echo.

    requests: what arrived, one line each; headers: of the same; completed: the requests that arrived whole.
    """

    def __init__(self, script: list[Any]) -> None:
        self.answer = b""
        self.requests: list[str] = []
        self.headers: list[str] = []
        self.completed: list[Message] = []
        self.connections = 0
        self._script = list(script)
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._open: dict[socket.socket, threading.Event] = {}
        self._accepting = threading.Lock()
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def address(self) -> tuple[str, int]:
        host, port = self._listening.getsockname()
        return host, port

    def settle(self) -> bool:
        """Wait until every connection has ended or is between requests; False when one hangs within a request."""
        give_up_at = time.monotonic() + PATIENCE_REAL_S
        while self._waiting() and time.monotonic() < give_up_at:
            time.sleep(0.001)
        for connection, at_rest in list(self._open.items()):
            if not at_rest.wait(max(0.0, give_up_at - time.monotonic())):
                return False
            while at_rest.is_set() and _unread(connection) and time.monotonic() < give_up_at:
                time.sleep(0.001)
        return True

    def forget(self) -> None:
        """What reached it before is not counted any more."""
        for noted in (self.requests, self.headers, self.completed):
            noted.clear()

    def close(self) -> None:
        for one in [self._listening, *self._open]:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def _waiting(self) -> bool:
        """Whether a connection is made that nobody looks after yet: a busy machine may be late with that."""
        with self._accepting:
            return bool(select.select([self._listening], [], [], 0)[0])

    def _accept(self) -> None:
        while True:
            try:
                select.select([self._listening], [], [])
                with self._accepting:
                    connection, _ = self._listening.accept()
                    at_rest = self._open[connection] = threading.Event()
                    at_rest.set()
            except (OSError, ValueError):  # closed
                return
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.connections += 1
            script, self._script = self._script, []
            threading.Thread(target=self._serve, args=(connection, script, at_rest), daemon=True).start()

    def _serve(self, connection: socket.socket, script: list[Any], at_rest: threading.Event) -> None:
        conversation = _Conversation(self, connection, script, at_rest)
        try:
            conversation.run()
        except ScriptEndedError:
            pass
        except MalformedError as error:
            self.requests.append(f"malformed: {error}")
        except CutOffError as error:
            self.requests.append(f"cut off: {_line(error.seen)}" if error.seen else "cut off")
        except OSError:
            conversation.unfinished("reset")
        finally:
            connection.close()
            at_rest.set()


class _Conversation:
    """One connection of the target."""

    def __init__(
        self, target: ScriptedTarget, connection: socket.socket, script: list[Any], at_rest: threading.Event
    ) -> None:
        self._target = target
        self._connection = connection
        self._script = script
        self._at_rest = at_rest
        self._reader = StrictReader(self._receive)
        self._request: Message | None = None
        self._noted = True

    def run(self) -> None:
        while True:
            if self._script and not isinstance(self._script[0], str):
                self._step(self._script.pop(0))
            elif not self._script:
                self._request_and_echo()
            elif self._script[0] in ("request", "head"):
                self._scripted_request()
            else:
                self._step(self._script.pop(0))

    def unfinished(self, how: str) -> None:
        if not self._noted and self._request is not None:
            self._target.requests.append(f"{how}: {_line(self._request)}")

    def _scripted_request(self) -> None:
        head = self._head()
        if head.start == PROBE:
            self._body(head)
            self._echo(head)
        elif self._script.pop(0) == "request":
            self._body(head)

    def _request_and_echo(self) -> None:
        head = self._head()
        self._body(head)
        if head.start == ANSWER:
            self._connection.sendall(self._target.answer)
        else:
            self._echo(head)

    def _step(self, step: Any) -> None:
        if step == "body":
            self._body(self._current())
        elif step == "echo":
            self._echo(self._current())
        elif step == "wait":
            self._wait_for_the_end()
        elif step in ("close", "reset"):
            self._end(step)
        elif "pause" in step:
            time.sleep(step["pause"])
        else:
            send_step(self._connection, step)

    def _current(self) -> Message:
        assert self._request is not None, "a script that answers before it reads"
        return self._request

    def _head(self) -> Message:
        if not self._reader.pending:
            self._at_rest.set()
        head = self._reader.request_head()
        if head is None:
            raise ScriptEndedError
        self._request, self._noted = head, False
        if head.start != PROBE:
            self._target.headers.append(heads_of_interest(head))
        return head

    def _body(self, head: Message) -> None:
        self._reader.body(head)
        self._noted = True
        if head.start != PROBE:
            self._target.requests.append(_line(head))
            self._target.completed.append(head)

    def _echo(self, request: Message) -> None:
        body = _line(request).encode("latin-1")
        start = request.start.encode("latin-1")
        head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nX-Request: %b\r\n\r\n" % (len(body), start)
        self._connection.sendall(head if request.start.startswith("HEAD ") else head + body)

    def _wait_for_the_end(self) -> None:
        while self._reader.pending or self._receive():
            self._reader.pending = b""
        self.unfinished("given up")
        raise ScriptEndedError

    def _end(self, how: str) -> None:
        self.unfinished("partly read")
        if how == "reset":
            self._connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        raise ScriptEndedError

    def _receive(self) -> bytes:
        data = self._connection.recv(65536)
        if data:
            self._at_rest.clear()
        return data


def send_step(connection: socket.socket, step: Any) -> None:
    """Send what a step says: `send` (perhaps `times`), or `bytewise`, each byte in a packet of its own."""
    if "bytewise" in step:
        for byte in step["bytewise"].encode("latin-1"):
            connection.sendall(bytes([byte]))
            time.sleep(0.0005)
    else:
        connection.sendall(step["send"].encode("latin-1") * step.get("times", 1))


def heads_of_interest(message: Message, leave_out: frozenset[str] = frozenset()) -> str:
    """A message's headers in one line, without those that each proxy sets in its own way and those to leave out."""
    kept = sorted(
        f"{name}: {value}"
        for name, value in message.headers
        if name not in _OF_THE_PROXY | leave_out and not name.startswith("x-forwarded-") and name != "x-amzn-trace-id"
    )
    return "; ".join(kept)


def _line(request: Message) -> str:
    trailers = "".join(f" trailer {name}: {value}" for name, value in request.trailers)
    return request.start + ("" if request.framing == "none" else f" {shown(request.body)!r}") + trailers


def _unread(connection: socket.socket) -> bool:
    with contextlib.suppress(OSError, ValueError):
        if select.select([connection], [], [], 0)[0]:
            return bool(connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT))
    return False
