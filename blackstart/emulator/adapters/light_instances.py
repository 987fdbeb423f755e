"""Instances of the light kind: the minimal responder for all of them, in one process.

Speaks as `instance_host.py` does, newline JSON in on stdin and out on stdout, with the same commands and events. Each
instance has its own listening socket, so what is done to one looks as it would with a process: killed, its port refuses
and its connections are closed; stopped (SIGSTOP), the kernel still accepts and nobody answers; continued, it answers
what has come in meanwhile. What an instance lacks here is a pid, memory and a CPU of its own: `usage` shares this
process's CPU time out by the requests that each answered.
"""

import contextlib
import ctypes
import json
import os
import resource
import selectors
import signal
import socket
import sys
import time
from typing import Any

from blackstart.emulator.adapters.instance_host import PR_SET_PDEATHSIG, emit
from blackstart.emulator.adapters.responder import answer_of, content_length

ALIVE_REAL_S = 1.0
BACKLOG = 512
IGNORED = {
    *(0, signal.SIGCHLD, signal.SIGURG, signal.SIGWINCH, signal.SIGPIPE, signal.SIGXFSZ, signal.SIGINT),
    *(signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU),
}
"""What does nothing to a responder with a session of its own, started by a host that ignores SIGINT."""


class Instance:
    """One instance. held: signals that came while it was stopped."""

    def __init__(self, key: str, listener: socket.socket, answer: bytes) -> None:
        self.key = key
        self.listener = listener
        self.answer = answer
        self.connections: set[Connection] = set()
        self.stopped = False
        self.held: list[int] = []
        self.answered = 0
        self.cpu_real_s = 0.0


class Connection:
    """A client's connection: requests are answered as they come; while the client does not read, it is not heard."""

    __slots__ = ("instance", "sock", "unread", "unsent")

    def __init__(self, sock: socket.socket, instance: Instance) -> None:
        self.sock = sock
        self.instance = instance
        self.unread = b""
        self.unsent = b""

    def read(self) -> bool:
        """Take what has come; False at the connection's end."""
        chunk = self.sock.recv(65536)
        if not chunk:
            return False
        self.unread += chunk
        while (end := self.unread.find(b"\r\n\r\n")) >= 0:
            head = self.unread[:end]
            whole = end + 4 + content_length(head)
            if len(self.unread) < whole:
                break
            self.unread = self.unread[whole:]
            self.instance.answered += 1
            self.unsent += self.instance.answer
            if b"connection: close" in head.lower():
                self.write()
                return False
        return self.write()

    def write(self) -> bool:
        """Send what is left to send, as far as the client takes it."""
        if self.unsent:
            with contextlib.suppress(BlockingIOError):
                self.unsent = self.unsent[self.sock.send(self.unsent) :]
        return True


class LightHost:
    """The loop: commands, clients, and each second a sign of life."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._instances: dict[str, Instance] = {}
        self._unread = b""
        self._alive_at_real_s = 0.0
        self._cpu_seen_real_s = time.process_time()
        self._stopping = False

    def run(self) -> None:
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        self._selector.register(0, selectors.EVENT_READ)
        while not self._stopping:
            for ready, mask in self._selector.select(max(0.0, self._alive_at_real_s - time.monotonic())):
                if ready.data is None:
                    self._read_commands()
                elif isinstance(ready.data, Instance):
                    self._accept(ready.data)
                else:
                    self._serve(ready.data, mask)
            self._say_alive()

    def _read_commands(self) -> None:
        chunk = os.read(0, 1 << 20)
        if not chunk:
            self._stopping = True
            return
        *lines, self._unread = (self._unread + chunk).split(b"\n")
        for line in lines:
            command: dict[str, Any] = json.loads(line)
            {"start": self._start, "signal": self._signal, "kill": self._kill}[command["op"]](command)

    def _start(self, command: dict[str, Any]) -> None:
        key, env = command["key"], command["env"]
        began = time.monotonic()
        self._end(key, signal.SIGKILL)
        try:
            listener = socket.create_server((env["HOST"], int(env["PORT"])), backlog=BACKLOG)
        except OSError as error:
            emit(event="start_failed", key=key, error=str(error))
            return
        listener.setblocking(False)
        instance = self._instances[key] = Instance(key, listener, answer_of(env["INSTANCE_ID"], env["ZONE"]))
        self._selector.register(listener, selectors.EVENT_READ, instance)
        emit(event="started", key=key, pid=os.getpid())
        emit(event="ready", key=key, boot_real_s=time.monotonic() - began)

    def _signal(self, command: dict[str, Any]) -> None:
        """An instance is one process here: `whom` makes no difference, and what is told to end ends at once."""
        instance = self._instances.get(command["key"])
        if instance is not None:
            self._act(instance, command["signal"])
        emit(event="done", request=command["request"], matched=int(instance is not None))

    def _kill(self, command: dict[str, Any]) -> None:
        matched = self._end(command["key"], signal.SIGKILL)
        emit(event="done", request=command["request"], matched=matched)

    def _act(self, instance: Instance, number: int) -> None:
        if number == signal.SIGCONT:
            self._continue(instance)
        elif number == signal.SIGSTOP:
            self._stop(instance)
        elif number in IGNORED:
            return
        elif instance.stopped and number != signal.SIGKILL:
            instance.held.append(number)
        else:
            self._end(instance.key, number)

    def _stop(self, instance: Instance) -> None:
        """Look at none of its sockets any more; the kernel goes on accepting and keeping for it."""
        if not instance.stopped:
            instance.stopped = True
            for sock in (instance.listener, *(one.sock for one in instance.connections)):
                self._selector.unregister(sock)
            emit(event="halted", key=instance.key, halted=True)

    def _continue(self, instance: Instance) -> None:
        if instance.stopped:
            instance.stopped = False
            self._selector.register(instance.listener, selectors.EVENT_READ, instance)
            for one in instance.connections:
                self._selector.register(one.sock, _wanted(one), one)
            emit(event="halted", key=instance.key, halted=False)
        held, instance.held = instance.held, []
        for number in held[:1]:  # the first one ends it
            self._end(instance.key, number)

    def _end(self, key: str, number: int) -> int:
        """As the kernel does when a process dies: its sockets are closed. Returns how many instances ended."""
        instance = self._instances.pop(key, None)
        if instance is None:
            return 0
        for one in list(instance.connections):
            self._close(one)
        if not instance.stopped:
            self._selector.unregister(instance.listener)
        instance.listener.close()
        emit(event="exited", key=key, exit_code=-number, log_tail="", asked=True)
        return 1

    def _accept(self, instance: Instance) -> None:
        if instance.stopped:
            return  # stopped since the selector looked; its listener waits for it
        try:
            sock, _ = instance.listener.accept()
        except OSError:  # the client went away, or no file descriptor is left for it
            return
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection = Connection(sock, instance)
        instance.connections.add(connection)
        self._selector.register(sock, selectors.EVENT_READ, connection)
        self._serve(connection, selectors.EVENT_READ)  # its request has mostly come with it

    def _serve(self, connection: Connection, mask: int) -> None:
        if connection not in connection.instance.connections or connection.instance.stopped:
            return  # ended or stopped since the selector looked
        waited = _wanted(connection)
        try:
            goes_on = connection.read() if mask & selectors.EVENT_READ else connection.write()
        except BlockingIOError:
            return
        except (OSError, ValueError):
            goes_on = False
        if not goes_on:
            self._close(connection)
        elif _wanted(connection) != waited:
            self._selector.modify(connection.sock, _wanted(connection), connection)

    def _close(self, connection: Connection) -> None:
        connection.instance.connections.discard(connection)
        if not connection.instance.stopped:
            self._selector.unregister(connection.sock)
        connection.sock.close()

    def _say_alive(self) -> None:
        now = time.monotonic()
        if now >= self._alive_at_real_s:
            self._alive_at_real_s = now + ALIVE_REAL_S
            emit(event="alive")
            if self._instances:
                self._say_usage()

    def _say_usage(self) -> None:
        """Share out what this process used since the latest look, by requests answered since then."""
        used_real_s = time.process_time() - self._cpu_seen_real_s
        self._cpu_seen_real_s += used_real_s
        answered = sum(instance.answered for instance in self._instances.values())
        for instance in self._instances.values():
            if instance.answered:
                instance.cpu_real_s += used_real_s * instance.answered / answered
                instance.answered = 0
        shares = {key: round(instance.cpu_real_s, 4) for key, instance in self._instances.items()}
        emit(event="usage", key="usage", monotonic_ns=time.monotonic_ns(), cpu_real_s=shares)


def _wanted(connection: Connection) -> int:
    """What to wait for: a client that does not read is not heard either."""
    return selectors.EVENT_WRITE if connection.unsent else selectors.EVENT_READ


if __name__ == "__main__":
    LightHost().run()
    sys.exit(0)
