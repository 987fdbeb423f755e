"""A server on loopback whose every connection follows a script of the test."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, suppress
from itertools import count

import pytest

Script = Callable[[socket.socket, int], None]
"""Handles one connection; gets it and its number, counted from 0."""


class ScriptedServer:
    """Accepts on an address of its own port; each connection runs the script in a thread."""

    def __init__(self, script: Script, address: str = "127.0.0.1", port: int = 0) -> None:
        self.connections = 0
        self._script = script
        self._listener = socket.create_server((address, port), backlog=512)
        self.port: int = self._listener.getsockname()[1]
        self.url = f"http://{address}:{self.port}/"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        for number in count():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(connection, number), daemon=True).start()

    def _serve(self, connection: socket.socket, number: int) -> None:
        with connection, suppress(OSError):
            self._script(connection, number)

    def close(self) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


Serve = Callable[..., ScriptedServer]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Start scripted servers that are closed after the test."""
    with ExitStack() as servers:

        def start(script: Script, address: str = "127.0.0.1", port: int = 0) -> ScriptedServer:
            return servers.enter_context(closing(ScriptedServer(script, address, port)))

        yield start


@pytest.fixture
def free_port() -> int:
    """A loopback port on which nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


@pytest.fixture
def silent_server() -> Iterator[tuple[str, int]]:
    """A UDP address that takes questions and never answers."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.bind(("127.0.0.1", 0))
        yield udp.getsockname()
