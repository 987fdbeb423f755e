"""Large bodies go through in bounded memory, however slow the reader."""

import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import psutil
import pytest

IDLE_REAL_S = 10.0
SIZE = 200 * 1024 * 1024
PIECE = bytes(256 * 1024)
GROWTH = 20 * 1024 * 1024
HELD_BACK_REAL_S = 0.3


class LargeTarget:
    """Answers one POST whose body it reads slowly at first, or one GET with a large body."""

    def __init__(self) -> None:
        self.received = 0
        self._listening = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self._serve, daemon=True).start()

    @property
    def address(self) -> tuple[str, int]:
        host, port = self._listening.getsockname()
        return host, port

    def close(self) -> None:
        self._listening.close()

    def _serve(self) -> None:
        connection, _ = self._listening.accept()
        with connection:
            head, _, body = connection.recv(65536).partition(b"\r\n\r\n")
            if head.startswith(b"POST"):
                time.sleep(HELD_BACK_REAL_S)
                self.received = len(body) + drain(connection, SIZE - len(body))
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            else:
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % SIZE)
                send_all_of_it(connection)


class Growth:
    """The largest resident memory of a process over what it had at first, bytes. Looked at each 20 ms."""

    def __init__(self, pid: int) -> None:
        self._process = psutil.Process(pid)
        self._first = self._process.memory_info().rss
        self._most = self._first
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> "Growth":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    @property
    def most(self) -> int:
        return self._most - self._first

    def _look(self) -> None:
        while not self._stop.wait(0.02):
            self._most = max(self._most, self._process.memory_info().rss)


def drain(connection: socket.socket, size: int) -> int:
    buffer = bytearray(1024 * 1024)
    received = 0
    while received < size and (count := connection.recv_into(buffer)):
        received += count
    return received


def send_all_of_it(connection: socket.socket) -> None:
    for _ in range(SIZE // len(PIECE)):
        connection.sendall(PIECE)


@pytest.fixture
def large_front(data_plane: Any, request: pytest.FixtureRequest) -> Iterator[Any]:
    target = LargeTarget()
    yield target, data_plane.serve({request.node.name: target.address}, IDLE_REAL_S)[0]
    target.close()


def test_a_large_upload_to_a_slow_target_is_not_kept_in_memory(data_plane: Any, large_front: Any) -> None:
    target, front = large_front
    with socket.create_connection(front, timeout=20) as client, Growth(data_plane.pid) as growth:
        client.sendall(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % SIZE)
        send_all_of_it(client)
        assert client.recv(4096).startswith(b"HTTP/1.1 200 OK")
    assert target.received == SIZE
    assert growth.most < GROWTH


def test_a_large_answer_to_a_slow_client_is_not_kept_in_memory(data_plane: Any, large_front: Any) -> None:
    _, front = large_front
    with socket.create_connection(front, timeout=20) as client, Growth(data_plane.pid) as growth:
        client.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        time.sleep(HELD_BACK_REAL_S)
        head, _, body = client.recv(4096).partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 OK")
        assert len(body) + drain(client, SIZE - len(body)) == SIZE
    assert growth.most < GROWTH
