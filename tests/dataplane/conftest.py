"""A control plane and targets made of threads, around a real data-plane process on loopback."""

import http.client
import itertools
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from blackstart.domain.clock import Anchor
from blackstart.domain.target_health import HealthCheck, TargetState
from blackstart.emulator.protocol import UPWARD, HealthChanged, Hello, Upward
from blackstart.emulator.snapshot import (
    Forward,
    ListenerSnapshot,
    LoadBalancerSnapshot,
    NodeSnapshot,
    Snapshot,
    TargetGroupSnapshot,
    TargetSnapshot,
)

PATIENCE_REAL_S = 8.0
SPEED = 20.0
EPOCH_S = 1_700_000_000.0
ZONES = ("us-east-1a", "us-east-1b", "us-east-1c")
QUICK_CHECK = HealthCheck(interval_s=5, timeout_s=4, healthy_threshold=2, unhealthy_threshold=2)
_addresses = (f"127.81.{10 + number // 200}.{1 + number % 200}" for number in itertools.count(os.getpid() % 5000))


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: "TargetServer"

    def do_GET(self) -> None:
        self._reply()

    do_HEAD = do_POST = do_PUT = do_GET  # noqa: N815

    def log_message(self, format: str, *args: Any) -> None:
        return

    def _reply(self) -> None:
        body = self._body()
        probe = self.headers.get("User-Agent", "").startswith("ELB-HealthChecker")
        self.server.requests.append((self.command, self.path, dict(self.headers.items()), body, probe))
        status = self.server.health_status if probe else 200
        if self.path == "/chunked":
            self._chunked()
            return
        content = self._content(body)
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Connection", "keep-alive")
        self.send_header("X-Target", self.server.name)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def _content(self, body: bytes) -> bytes:
        if self.path == "/large":
            return b"x" * 32_000_000
        return b"echo:" + body if body else f"hello from {self.server.name}".encode()

    def _chunked(self) -> None:
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for piece in (b"first ", b"second"):
            self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))
        self.wfile.write(b"0\r\n\r\n")

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body


class TargetServer(ThreadingHTTPServer):
    """requests: (method, path, headers, body, whether a health check) as they came. connections: accepted."""

    daemon_threads = True

    def __init__(self, name: str, address: str) -> None:
        super().__init__((address, 0), _Handler)
        self.name = name
        self.health_status = 200
        self.requests: list[tuple[str, str, dict[str, str], bytes, bool]] = []
        self.accepted: list[socket.socket] = []
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def get_request(self) -> tuple[socket.socket, Any]:
        connection, address = super().get_request()
        self.accepted.append(connection)
        return connection, address

    def handle_error(self, request: Any, client_address: Any) -> None:
        return

    @property
    def traffic(self) -> list[tuple[str, str, dict[str, str], bytes, bool]]:
        return [request for request in self.requests if not request[4]]

    def die(self) -> None:
        """As a killed process: the port refuses, every connection is closed."""
        self.shutdown()
        self.server_close()
        for connection in self.accepted:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue

    def snapshot(self, zone: str = ZONES[0], **changes: Any) -> TargetSnapshot:
        fields: dict[str, Any] = {
            "target_id": self.name,
            "port": self.server_address[1],
            "zone": zone,
            "private_ip": "10.0.0.9",
            "address": str(self.server_address[0]),
            "registration": 1,
        }
        return TargetSnapshot(**{**fields, **changes})


class Rig:
    """The test's control plane: listens on a Unix socket, starts data planes, keeps what they say."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "control.sock"
        self.messages: list[Upward] = []
        self.snapshot = Snapshot(version=0)
        self.dns = (next(_addresses), 0)
        self._changed = threading.Condition()
        self._connections: list[socket.socket] = []
        self._processes: list[subprocess.Popen[bytes]] = []
        self._targets: list[TargetServer] = []
        self.keep_open: list[socket.socket] = []
        self._listening: socket.socket | None = None
        self.listen()

    # --- the control plane's side of the socket

    def listen(self) -> None:
        self.path.unlink(missing_ok=True)
        self._listening = socket.socket(socket.AF_UNIX)
        self._listening.bind(str(self.path))
        self._listening.listen()
        threading.Thread(target=self._accept, args=(self._listening,), daemon=True).start()

    def drop(self, listen_again: bool) -> None:
        """The control plane goes away; perhaps it comes back."""
        if self._listening is not None:
            self._listening.shutdown(socket.SHUT_RDWR)
            self._listening.close()
            self._listening = None
        for connection in self._connections:
            connection.shutdown(socket.SHUT_RDWR)
            connection.close()
        self._connections.clear()
        self.path.unlink(missing_ok=True)
        if listen_again:
            self.listen()

    def send(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        for connection in self._connections:
            connection.sendall(snapshot.model_dump_json().encode() + b"\n")

    def change(self, **changes: Any) -> None:
        """Send the current snapshot with some fields changed, as the next version."""
        self.send(self.snapshot.model_copy(update={"version": self.snapshot.version + 1, **changes}))

    def wait_for(self, seen: Callable[[], Any]) -> Any:
        """Wait until something is true of the messages; returns it."""
        give_up_at = time.monotonic() + PATIENCE_REAL_S
        with self._changed:
            while not (result := seen()):
                assert time.monotonic() < give_up_at, f"never seen; messages: {self.messages[-20:]}"
                self._changed.wait(0.02)
            return result

    def of(self, kind: type[Any]) -> list[Any]:
        return [message for message in self.messages if isinstance(message, kind)]

    def states(self, target_id: str) -> dict[str, TargetState]:
        """The newest state of a target by node zone."""
        return {one.node_zone: one.state for one in self.of(HealthChanged) if one.target_id == target_id}

    def wait_for_state(self, target_id: str, state: TargetState, nodes: int = 1) -> None:
        self.wait_for(lambda: list(self.states(target_id).values()).count(state) == nodes)

    def now_s(self) -> float:
        return self.anchor.time_s(time.monotonic_ns())

    # --- data planes, targets, clients

    def start(self, speed: float = SPEED, command: list[str] | None = None) -> "subprocess.Popen[bytes]":
        anchor = self.anchor = Anchor(monotonic_ns=time.monotonic_ns(), epoch_s=EPOCH_S, speed=speed)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
            free.bind((self.dns[0], 0))
            self.dns = free.getsockname()
        arguments = ["--socket", str(self.path), "--anchor", anchor.model_dump_json()]
        arguments += ["--dns-address", self.dns[0], "--dns-port", str(self.dns[1])]
        start = [sys.executable, *(command or []), "-m", "blackstart.emulator.dataplane", *arguments]
        process = subprocess.Popen(start, start_new_session=True, stderr=subprocess.PIPE)
        self._processes.append(process)
        self.wait_for(lambda: self.of(Hello))
        return process

    def target(self, name: str) -> TargetServer:
        server = TargetServer(name, next(_addresses))
        self._targets.append(server)
        return server

    def serve(
        self,
        *targets: TargetSnapshot,
        zones: int = 1,
        check: HealthCheck = QUICK_CHECK,
        group: dict[str, Any] | None = None,
        **changes: Any,
    ) -> str:
        """Send a snapshot with one load balancer in so many zones; returns the first node's address.

        group: fields of the target group; changes: fields of the load balancer.
        """
        fields: dict[str, Any] = {
            "arn": "lb",
            "metric_name": "app/web/1",
            "dns_name": "Web-1.us-east-1.elb.amazonaws.com",
            "nodes": tuple(NodeSnapshot(zone=zone, address=next(_addresses)) for zone in ZONES[:zones]),
            "listeners": (ListenerSnapshot(arn="l", port=80, action=Forward.to("group")),),
        }
        balancer = LoadBalancerSnapshot(**{**fields, **changes})
        group = TargetGroupSnapshot(
            arn="group",
            metric_name="targetgroup/web/1",
            health_check=check,
            targets=tuple(targets),
            **(group or {}),
        )
        self.change(load_balancers=(balancer,), target_groups=(group,))
        address = balancer.nodes[0].address
        if balancer.listeners:
            self.wait_for(lambda: listening(address, 8080))
        return address

    def register(self, *targets: TargetSnapshot) -> None:
        """Replace the registered targets."""
        self.change(target_groups=(self.snapshot.target_groups[0].model_copy(update={"targets": tuple(targets)}),))

    def close(self) -> None:
        for process in self._processes:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            if process.stderr is not None:
                process.stderr.close()
        for target in self._targets:
            target.die()
        for kept in self.keep_open:
            kept.close()
        self.drop(listen_again=False)

    def _accept(self, listening: socket.socket) -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            self._connections.append(connection)
            if self.snapshot.version:
                connection.sendall(self.snapshot.model_dump_json().encode() + b"\n")
            threading.Thread(target=self._read, args=(connection,), daemon=True).start()

    def _read(self, connection: socket.socket) -> None:
        try:
            with connection.makefile("rb") as lines:
                for line in lines:
                    with self._changed:
                        self.messages.append(UPWARD.validate_json(line))
                        self._changed.notify_all()
        except (OSError, ValueError):
            return


def listening(address: str, port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((address, port)) == 0


def request(
    address: str, method: str = "GET", path: str = "/", port: int = 8080, **options: Any
) -> tuple[int, dict[str, str], bytes]:
    """One request on a connection of its own: status, headers, body."""
    connection = http.client.HTTPConnection(address, port, timeout=PATIENCE_REAL_S)
    try:
        connection.request(method, path, **options)
        response = connection.getresponse()
        return response.status, dict(response.getheaders()), response.read()
    finally:
        connection.close()


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    rig = Rig(tmp_path)
    yield rig
    rig.close()


@pytest.fixture(scope="module")
def shared_rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """One for all tests of a file that replace the whole snapshot and read no sums."""
    rig = Rig(tmp_path_factory.mktemp("shared"))
    yield rig
    rig.close()


@pytest.fixture
def fetch() -> Callable[..., tuple[int, dict[str, str], bytes]]:
    return request
