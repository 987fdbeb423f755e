"""An HTTP/1.1 server for a WSGI application, on loopback only: a thread for each connection, which stays open.

werkzeug's own closes each connection after one request and starts a thread for the next; a call then costs more than
its answer. llhttp (httptools) reads the requests; those that come together are answered in their order.
"""

import contextlib
import io
import logging
import socket
import sys
import threading
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any
from urllib.parse import unquote

import httptools
from werkzeug.http import http_date

from blackstart.domain.errors import UsageError
from blackstart.emulator.adapters.priority import give_way

LOG = logging.getLogger(__name__)
ADDRESS = "127.0.0.1"
BACKLOG = 512
CHUNK = 1 << 18
PAUSE_REAL_S = 0.05
WITHOUT_BODY = ("204", "304")
REFUSED = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
Wsgi = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class Server:
    """Serves an application. now: for the Date header. Raises UsageError when the port is taken."""

    def __init__(self, port: int, app: Wsgi, now: Callable[[], datetime]) -> None:
        try:
            self._listener = socket.create_server((ADDRESS, port), backlog=BACKLOG)
        except OSError as error:
            raise UsageError(
                f"port {port} on {ADDRESS} is in use ({error.strerror})",
                "Stop what listens there, or choose another with --port (0 takes a free one)",
            ) from error
        self.port: int = self._listener.getsockname()[1]
        self._app = app
        self._now = now
        self._open: set[socket.socket] = set()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._accept, name="server", daemon=True)

    @property
    def endpoint(self) -> str:
        return f"http://{ADDRESS}:{self.port}"

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        """Accept nothing more and close what is open; a request that is being answered loses its connection."""
        self._closing.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in list(self._open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        if self._thread.is_alive():
            self._thread.join(5)

    def _accept(self) -> None:
        """Each connection gets a thread that this one starts."""
        give_way()
        while not self._closing.is_set():
            try:
                connection, client = self._listener.accept()
            except OSError:
                if not self._closing.is_set():
                    LOG.exception("a connection could not be accepted")
                    self._closing.wait(PAUSE_REAL_S)  # out of file descriptors, perhaps
                continue
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._open.add(connection)
            threading.Thread(target=self._serve, args=(connection, client), name="api", daemon=True).start()

    def _serve(self, connection: socket.socket, client: tuple[str, int]) -> None:
        with contextlib.suppress(OSError), connection:  # a client that goes away is no news
            try:
                _Requests(connection, client, self.port, self._app, self._now).answer_all()
            finally:
                self._open.discard(connection)


class _Requests:
    """The requests of one connection. The methods named on_... are httptools'."""

    def __init__(
        self,
        connection: socket.socket,
        client: tuple[str, int],
        port: int,
        app: Wsgi,
        now: Callable[[], datetime],
    ) -> None:
        self._connection = connection
        self._client = client
        self._port = port
        self._app = app
        self._now = now
        self._parser = httptools.HttpRequestParser(self)
        self._url = b""
        self._headers: list[tuple[str, str]] = []
        self._body: list[bytes] = []
        self._complete: list[tuple[dict[str, Any], bool]] = []

    def answer_all(self) -> None:
        """Until the client closes, says that it does, or sends what is no HTTP."""
        while data := self._connection.recv(CHUNK):
            readable = True
            try:
                self._parser.feed_data(data)
            except (httptools.HttpParserError, httptools.HttpParserUpgrade):
                readable = False
            complete, self._complete = self._complete, []
            for environ, keeps_open in complete:
                self._answer(environ, keeps_open)
                if not keeps_open:
                    return
            if not readable:
                self._connection.sendall(REFUSED)
                return

    def on_message_begin(self) -> None:
        self._url, self._headers, self._body = b"", [], []

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers.append((name.decode("latin-1"), value.decode("latin-1")))

    def on_headers_complete(self) -> None:
        if any(name.lower() == "expect" and value.lower() == "100-continue" for name, value in self._headers):
            self._connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, body: bytes) -> None:
        self._body.append(body)

    def on_message_complete(self) -> None:
        self._complete.append((self._environ(), self._parser.should_keep_alive()))

    def _environ(self) -> dict[str, Any]:
        """As PEP 3333 wants it; RAW_URI and REQUEST_URI as moto looks for them."""
        url = httptools.parse_url(self._url)
        raw = self._url.decode("latin-1")
        environ = {
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "http",
            "wsgi.input": io.BytesIO(b"".join(self._body)),
            "wsgi.errors": sys.stderr,
            "wsgi.multithread": True,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
            "SERVER_SOFTWARE": "blackstart",
            "REQUEST_METHOD": self._parser.get_method().decode("ascii"),
            "SCRIPT_NAME": "",
            "PATH_INFO": unquote((url.path or b"/").decode("latin-1")).encode().decode("latin-1"),
            "QUERY_STRING": (url.query or b"").decode("latin-1"),
            "REQUEST_URI": raw,
            "RAW_URI": raw,
            "REMOTE_ADDR": self._client[0],
            "REMOTE_PORT": self._client[1],
            "SERVER_NAME": ADDRESS,
            "SERVER_PORT": str(self._port),
            "SERVER_PROTOCOL": f"HTTP/{self._parser.get_http_version()}",
        }
        for name, value in self._headers:
            if "_" not in name:  # it could be taken for one with a dash
                key = name.upper().replace("-", "_")
                if key not in ("CONTENT_TYPE", "CONTENT_LENGTH"):
                    key = f"HTTP_{key}"
                    value = f"{environ[key]},{value}" if key in environ else value  # noqa: PLW2901
                environ[key] = value
        if "chunked" in environ.get("HTTP_TRANSFER_ENCODING", "").lower():
            environ["wsgi.input_terminated"] = True
        if url.host:
            environ["HTTP_HOST"] = url.host.decode("latin-1") + (f":{url.port}" if url.port else "")
        return environ

    def _answer(self, environ: dict[str, Any], keeps_open: bool) -> None:
        status, headers, body = self._asked(environ)
        LOG.debug("%s %s: %s, %s bytes", environ["REQUEST_METHOD"], environ["RAW_URI"], status, len(body))
        lines = [f"HTTP/1.1 {status}", f"Date: {http_date(self._now())}"]
        lines += [f"{name}: {value}" for name, value in headers]
        if not any(name.lower() == "content-length" for name, _ in headers):
            lines.append(f"Content-Length: {len(body)}")
        lines += ["Connection: keep-alive" if keeps_open else "Connection: close", "", ""]
        head = "\r\n".join(lines).encode("latin-1")
        bare = environ["REQUEST_METHOD"] == "HEAD" or status.startswith(WITHOUT_BODY)
        self._connection.sendall(head if bare else head + body)

    def _asked(self, environ: dict[str, Any]) -> tuple[str, list[tuple[str, str]], bytes]:
        started: list[Any] = []
        try:
            body = b"".join(self._app(environ, lambda status, headers, *_: started.extend((status, headers))))
        except Exception:  # a fault of ours costs one answer, not the connection
            LOG.exception("the request for %s failed", environ["RAW_URI"])
            return "500 Internal Server Error", [], b""
        return str(started[0]), started[1], body
