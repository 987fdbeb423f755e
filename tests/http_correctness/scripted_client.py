"""A client that does what a case says, and notes what it was answered."""

import contextlib
import socket
import struct
import time
from dataclasses import dataclass, field
from typing import Any

from scripted_target import PROBE, heads_of_interest, send_step
from strict_http import CutOffError, MalformedError, Message, StrictReader, shown

_PROBE_BYTES = b"GET /probe HTTP/1.1\r\nHost: probe\r\n\r\n"
_ORDINARY = frozenset({"date", "server", "content-type", "x-request", "keep-alive"})
_QUIET_REAL_S = 2.0


@dataclass
class Seen:
    """What a client was answered, interim answers included, and what became of its connection.

    bodies: None for a page that the proxy made up. told: the requests that the answers say they answer.
    connection: open (a further request was answered), closed, silent (open, but nothing comes), or left by the client.
    """

    statuses: list[int] = field(default_factory=list)
    bodies: list[str | None] = field(default_factory=list)
    framings: list[str] = field(default_factory=list)
    headers: list[str] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    connection: str = "open"


class ScriptedClient:
    """answers: how many final answers the case's requests should get; head: whether they answer HEAD requests."""

    def __init__(self, address: tuple[str, int], answers: int, head: bool) -> None:
        self.seen = Seen()
        self._socket = socket.create_connection(address, timeout=_QUIET_REAL_S)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._reader = StrictReader(self._receive)
        self._missing = answers
        self._head = head

    def run(self, steps: list[Any], probe: bool) -> Seen:
        """Do the steps, read the answers; probe: ask once more on the same connection."""
        with self._socket:
            try:
                for step in steps:
                    self._step(step)
                while self.seen.connection == "open" and self._missing > 0:
                    self._read_one()
                if self.seen.connection == "open":
                    self._ask_once_more(probe)
            except (BrokenPipeError, ConnectionResetError):
                self._drain()
                self.seen.connection = "closed"
        return self.seen

    def _step(self, step: Any) -> None:
        if self.seen.connection != "open":
            return
        if isinstance(step, str):
            self._socket.sendall(step.encode("latin-1"))
        elif "read" in step:
            for _ in range(step["read"]):
                self._read_one()
        elif "pause" in step:
            time.sleep(step["pause"])
        elif "leave" in step:
            self._leave(step["leave"])
        elif "shut" in step:
            self._socket.shutdown(socket.SHUT_WR)
        else:
            send_step(self._socket, step)

    def _leave(self, how: str) -> None:
        self.seen.connection = "left"
        if how == "reset":
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._socket.close()

    def _ask_once_more(self, probe: bool) -> None:
        """Every answer before the probe's is one too many, and is noted like the others."""
        self._head = False
        if probe:
            self._socket.sendall(_PROBE_BYTES)
        while self.seen.connection == "open":
            if self._read_one() == PROBE:
                return

    def _drain(self) -> None:
        """What had been answered before the connection was found closed."""
        with contextlib.suppress(OSError):
            self.seen.connection = "open"
            while self.seen.connection == "open" and self._read_one() != PROBE:
                continue

    def _read_one(self) -> str:
        """Read one answer and note it, but not the probe's. Returns the request that it says it answers."""
        message: Message | None = None
        try:
            message = self._reader.response_head(self._head)
            if message is None:
                self.seen.connection = "closed"
                return ""
            self._reader.body(message)
        except TimeoutError:
            self.seen.connection = "silent"
        except MalformedError as error:
            self.seen.connection = f"malformed answer: {error}"
        except (CutOffError, ConnectionResetError):
            within = message is not None or self._reader.pending
            self.seen.connection = "closed within an answer" if within else "closed"
        return self._note(message) if message is not None else ""

    def _note(self, message: Message) -> str:
        told = message.value("x-request")
        if told == PROBE:
            return told
        status = int(message.start)
        self._missing -= status >= 200
        made_up = status >= 300 and message.body.lstrip().startswith((b"<html", b"<!DOCTYPE"))
        self.seen.statuses.append(status)
        self.seen.bodies.append(None if made_up else shown(message.body))
        self.seen.framings.append(message.framing)
        headers = heads_of_interest(message, leave_out=_ORDINARY)
        self.seen.headers.append("" if made_up else shown(headers.encode("latin-1")))
        if told:
            self.seen.told.append(told)
        if message.framing == "close" and self.seen.connection == "open":
            self.seen.connection = "closed"
        return told

    def _receive(self) -> bytes:
        return self._socket.recv(65536)
