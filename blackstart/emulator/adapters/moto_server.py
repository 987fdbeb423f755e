"""moto's WSGI application on a threaded server bound to 127.0.0.1."""

import logging
import socket
import threading
from collections.abc import Callable, Iterable
from typing import Any

from blackstart.domain.errors import UsageError
from blackstart.emulator.adapters import moto_backends
from blackstart.emulator.adapters.priority import give_way

LOG = logging.getLogger(__name__)
ADDRESS = "127.0.0.1"
STOP_POLL_REAL_S = 0.05


def application() -> Any:
    """moto's dispatching application. Import moto's clock replacement and set its switches first."""
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

    return DomainDispatcherApplication(create_backend_app)


def queue_wait_s(name: str) -> float:
    """ReceiveMessageWaitTimeSeconds of a queue, 0 when there is no such queue."""
    for backend in moto_backends.existing("sqs"):
        queue = backend.queues.get(name)
        if queue is not None:
            return float(queue.receive_message_wait_time_seconds or 0)
    return 0.0


class Server:
    """An HTTP/1.1 server on loopback only. Raises UsageError when the port is taken."""

    def __init__(self, port: int, app: Callable[..., Iterable[bytes]]) -> None:
        from werkzeug.serving import ThreadedWSGIServer, WSGIRequestHandler

        class Handler(WSGIRequestHandler):  # type: ignore[misc]
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
                LOG.debug("%s %s %s", self.requestline, code, size)

            def log(self, type: str, message: str, *args: Any) -> None:
                LOG.info(f"{type}: {message}", *args)

        try:
            listener = socket.create_server((ADDRESS, port), backlog=128)
        except OSError as error:
            raise UsageError(
                f"port {port} on {ADDRESS} is in use ({error.strerror})",
                "Stop what listens there, or choose another with --port (0 takes a free one)",
            ) from error
        with listener:  # bound here, because werkzeug ends the process with words of its own when a port is taken
            self.port: int = listener.getsockname()[1]
            self._server = ThreadedWSGIServer(ADDRESS, self.port, app, Handler, fd=listener.fileno())
        self._thread = threading.Thread(target=self._serve, name="server", daemon=True)

    @property
    def endpoint(self) -> str:
        return f"http://{ADDRESS}:{self.port}"

    def start(self) -> None:
        self._thread.start()

    def _serve(self) -> None:
        """Each request gets a thread that this one starts."""
        give_way()
        self._server.serve_forever(STOP_POLL_REAL_S)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
