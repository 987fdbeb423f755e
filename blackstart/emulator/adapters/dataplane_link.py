"""The line to the data plane: its process, one Unix socket, snapshots down, what it has seen up.

A data plane that ends is started again, ever more slowly when it keeps on ending; one that says nothing for
`SILENCE_REAL_S` (it sends a `Lag` each second) hangs, and is killed. Either side sends its whole state on a connection.
"""

import contextlib
import errno
import logging
import socket
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from blackstart.domain.clock import Anchor
from blackstart.domain.wording import ending, several
from blackstart.emulator.controllers.service_host import ServiceHost
from blackstart.emulator.decisions.restart import restart_pause_real_s
from blackstart.emulator.protocol import UPWARD, Hello, Upward
from blackstart.emulator.snapshot import Snapshot

KEY = "dataplane"
WATCH_REAL_S = 0.5
SILENCE_REAL_S = 5.0
FIRST_WORD_REAL_S = 20.0
"""Until its first line; it has libraries to import, perhaps on a machine that is busy with others starting."""
YOUNG_REAL_S = 60.0
LOG = logging.getLogger(__name__)


class DataplaneLink:
    """Starts the data plane through the process host, keeps it alive, and talks to it.

    on_message: called on the link's thread with each message, the `Hello` of a connection included. restarts: how often
    it ended, or could not be started, and was started again.
    """

    def __init__(
        self,
        host: ServiceHost,
        socket_path: Path,
        log: Path,
        anchor: Anchor,
        dns: tuple[str, int],
        environment: Mapping[str, str],
        on_message: Callable[[Upward], None],
    ) -> None:
        self._host = host
        self._socket_path = socket_path
        self._log = log
        self._on_message = on_message
        self._environment = dict(environment)
        self._argv = [
            *(sys.executable, "-m", "blackstart.emulator.dataplane"),
            *("--socket", str(socket_path), "--anchor", anchor.model_dump_json()),
            *("--dns-address", dns[0], "--dns-port", str(dns[1])),
        ]
        self._latest = threading.Lock()
        self._unsent = threading.Event()
        self._connection: socket.socket | None = None
        self._snapshot: Snapshot | None = None
        self._closing = threading.Event()
        self._heard = threading.Event()
        self._ends_real_s: list[float] = []
        self._last_end = ""
        self._hangs = False
        self._next_start: threading.Timer | None = None
        self.connected = threading.Event()
        self.pid: int | None = None
        self.restarts = 0
        self.real_time = False
        remove_dead_sockets(socket_path)
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(str(socket_path))
        self._listener.listen(1)

    def start(self) -> None:
        for target, name in ((self._accept, "link"), (self._run_sender, "sender"), (self._watch, "watch")):
            threading.Thread(target=target, name=f"dataplane-{name}", daemon=True).start()
        self._spawn()

    def send(self, snapshot: Snapshot) -> None:
        """Have a whole snapshot sent, the newest one only; without a connection it goes out with the next one."""
        with self._latest:
            self._snapshot = snapshot
        self._unsent.set()

    def problems(self) -> tuple[str, ...]:
        """Why nothing is served at the moment, if so."""
        if self._hangs:
            return ("the data plane hangs and is being killed",)
        if self.connected.is_set():
            return ()
        return (f"the data plane is down{': ' if self._last_end else ''}{self._last_end}; it is being started",)

    def failures_in_words(self) -> tuple[str, ...]:
        if not self.restarts:
            return ()
        return (f"the data plane was started again {several(self.restarts, 'time')}, last: {self._last_end}",)

    def on_host_event(self, event: Mapping[str, Any]) -> None:
        """News of the data plane's process; a dead one is started again, here or (`again`) by the host's restart."""
        if event["event"] == "started":
            self.pid = event["pid"]
            self._heard.set()
        elif event["event"] in ("exited", "start_failed") and not self._closing.is_set():
            self._ended(event)

    def _ended(self, event: Mapping[str, Any]) -> None:
        self._last_end = "it hung and was killed" if self._hangs else _words(event)
        LOG.error("the data plane ended: %s", event.get("log_tail") or self._last_end)
        now = time.monotonic()
        self.pid, self._hangs = None, False
        self.restarts += 1
        self._ends_real_s.append(now)
        if not event.get("again"):
            pause_real_s = restart_pause_real_s(self._ends_real_s, now)
            self._next_start = threading.Timer(pause_real_s, self._spawn)
            self._next_start.daemon = True
            self._next_start.start()

    def close(self) -> None:
        self._closing.set()
        self._unsent.set()
        if self._next_start is not None:
            self._next_start.cancel()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with contextlib.suppress(OSError):
            self._socket_path.unlink()

    def _spawn(self) -> None:
        if not self._closing.is_set():
            self._host.start(KEY, self._argv, self._environment, str(self._log), None)

    def _watch(self) -> None:
        """Count silence in looks and not by the clock, so that a stop of this process is not taken for theirs."""
        silent = 0
        while not self._closing.wait(WATCH_REAL_S):
            silent = 0 if self._heard.is_set() or self.pid is None else silent + 1
            self._heard.clear()
            patience_real_s = SILENCE_REAL_S if self.connected.is_set() else FIRST_WORD_REAL_S
            if silent * WATCH_REAL_S >= patience_real_s:
                LOG.error("the data plane has said nothing for %.0f s", patience_real_s)
                self._hangs, silent = True, 0
                self._host.kill(KEY)

    def _accept(self) -> None:
        while not self._closing.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with self._latest:
                self._connection = connection
            try:
                self._read(connection)
            except Exception:  # whatever one connection brought, the next one is taken
                LOG.exception("the connection to the data plane failed")
            self.connected.clear()
            with self._latest:
                self._connection = None
            connection.close()

    def _read(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError), connection.makefile("rb") as lines:
            for line in lines:
                self._heard.set()
                try:
                    message = UPWARD.validate_json(line)
                except ValidationError:
                    LOG.exception("a message of the data plane was not understood")
                    continue
                self._on_message(message)
                if isinstance(message, Hello):
                    self.real_time = message.real_time
                    self.connected.set()
                    self._unsent.set()

    def _run_sender(self) -> None:
        """On a thread of its own: a data plane that does not read must not hold up anything else."""
        while self._unsent.wait() and not self._closing.is_set():
            self._unsent.clear()
            with self._latest:
                snapshot, connection = self._snapshot, self._connection
            if snapshot is not None and connection is not None:
                with contextlib.suppress(OSError):
                    connection.sendall(snapshot.model_dump_json().encode() + b"\n")


def remove_dead_sockets(own: Path) -> None:
    """Those of emulators that were killed: nobody listens there. A young one may be about to be listened at."""
    for path in own.parent.glob(f"{own.stem.rpartition('-')[0]}-*.sock"):
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as asking:
            asking.setblocking(False)  # one that lives may have no room for another connection
            old = time.time() - path.lstat().st_mtime > YOUNG_REAL_S
            if old and asking.connect_ex(str(path)) == errno.ECONNREFUSED:
                path.unlink()


def _words(event: Mapping[str, Any]) -> str:
    """The end of a process in one line: its own last words, or its code."""
    if event["event"] == "start_failed":
        return f"it could not be started ({event['error']})"
    said = [line for line in event.get("log_tail", "").splitlines() if line.strip()]
    code = event["exit_code"]
    return f"it {ending(code)}{f' ({said[-1]})' if said and code >= 0 else ''}"
