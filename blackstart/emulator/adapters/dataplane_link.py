"""The line to the data plane: its process, one Unix socket, snapshots down, what it has seen up."""

import contextlib
import logging
import socket
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from blackstart.domain.clock import Anchor
from blackstart.emulator.controllers.service_host import ServiceHost
from blackstart.emulator.protocol import UPWARD, Hello, Upward
from blackstart.emulator.snapshot import Snapshot

KEY = "dataplane"
RESTART_PAUSE_REAL_S = 0.5
LOG = logging.getLogger(__name__)


class DataplaneLink:
    """Starts the data plane through the process host, restarts it when it dies, and talks to it.

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
        self._sending = threading.Lock()
        self._connection: socket.socket | None = None
        self._snapshot: Snapshot | None = None
        self._closing = False
        self.connected = threading.Event()
        self.pid: int | None = None
        self.restarts = 0
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(str(socket_path))
        self._listener.listen(1)

    def start(self) -> None:
        threading.Thread(target=self._accept, name="dataplane-link", daemon=True).start()
        self._spawn()

    def send(self, snapshot: Snapshot) -> None:
        """Send a whole snapshot; without a connection it goes out with the next one."""
        with self._sending:
            self._snapshot = snapshot
            self._write(snapshot)

    def on_host_event(self, event: Mapping[str, Any]) -> None:
        """News of the data plane's process; a dead one is started again."""
        if event["event"] == "started":
            self.pid = event["pid"]
        elif event["event"] in ("exited", "start_failed") and not self._closing:
            LOG.error("the data plane ended: %s", event.get("log_tail") or event.get("error"))
            self.pid = None
            self.restarts += 1
            threading.Timer(RESTART_PAUSE_REAL_S, self._spawn).start()

    def close(self) -> None:
        self._closing = True
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with contextlib.suppress(OSError):
            self._socket_path.unlink()

    def _spawn(self) -> None:
        if not self._closing:
            self._host.start(KEY, self._argv, self._environment, str(self._log), None)

    def _accept(self) -> None:
        while not self._closing:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with self._sending:
                self._connection = connection
            self._read(connection)
            self.connected.clear()
            with self._sending:
                self._connection = None
            connection.close()

    def _read(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError), connection.makefile("rb") as lines:
            for line in lines:
                try:
                    message = UPWARD.validate_json(line)
                except ValidationError:
                    LOG.exception("a message of the data plane was not understood")
                    continue
                if isinstance(message, Hello):
                    self._greet()
                self._on_message(message)

    def _greet(self) -> None:
        with self._sending:
            if self._snapshot is not None:
                self._write(self._snapshot)
        self.connected.set()

    def _write(self, snapshot: Snapshot) -> None:
        if self._connection is not None:
            with contextlib.suppress(OSError):
                self._connection.sendall(snapshot.model_dump_json().encode() + b"\n")
