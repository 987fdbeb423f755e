"""The server of the API, over real sockets."""

import http.client
import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import Any

import pytest

from blackstart.domain.errors import UsageError
from blackstart.emulator.adapters.http_server import Server

NOW = datetime(2031, 2, 3, 4, 5, 6)


def echo(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """What of a request reaches the application."""
    if environ["PATH_INFO"] == "/fails":
        raise ValueError("on purpose")
    body = environ["wsgi.input"].read()
    said = f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']} {environ['RAW_URI']} {environ['QUERY_STRING']} "
    said += f"{environ.get('HTTP_X_GIVEN')} {environ['HTTP_HOST']} {len(body)} {body[:20].decode()}"
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(said)))])
    return [said.encode()]


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server(0, echo, lambda: NOW)
    made.start()
    yield made
    made.close()


def read_answer(connection: socket.socket) -> bytes:
    answer = b""
    while b"\r\n\r\n" not in answer:
        answer += connection.recv(65536)
    return answer


def test_a_connection_stays_open_for_the_next_request(server: Server) -> None:
    client = http.client.HTTPConnection("127.0.0.1", server.port, timeout=5)
    client.request("GET", "/one")
    client.getresponse().read()
    own_port = client.sock.getsockname()[1]
    client.request("GET", "/two")
    assert client.getresponse().read().startswith(b"GET /two")
    assert client.sock.getsockname()[1] == own_port
    client.close()


def test_what_a_request_carries_reaches_the_application(server: Server) -> None:
    client = http.client.HTTPConnection("127.0.0.1", server.port, timeout=5)
    client.request("PUT", "/a%20b%2Fc?x=1&y=%20", b"z" * 1_000_000, {"x-given": "yes", "x_given": "no"})
    answer = client.getresponse()
    host = f"127.0.0.1:{server.port}"
    assert answer.read().decode() == f"PUT /a b/c /a%20b%2Fc?x=1&y=%20 x=1&y=%20 yes {host} 1000000 {'z' * 20}"
    assert answer.headers["Date"] == "Mon, 03 Feb 2031 04:05:06 GMT"
    client.close()


def test_a_body_in_chunks_arrives_whole(server: Server) -> None:
    client = http.client.HTTPConnection("127.0.0.1", server.port, timeout=5)
    client.request("POST", "/", iter([b"abc", b"def"]), {"Transfer-Encoding": "chunked"}, encode_chunked=True)
    assert client.getresponse().read().endswith(b" 6 abcdef")
    client.close()


def test_requests_that_come_together_are_answered_in_their_order(server: Server) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as connection:
        one = b"GET /%d HTTP/1.1\r\nHost: h\r\n\r\n"
        connection.sendall(one % 1 + one % 2 + b"GET /3 HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
        answer = b""
        while chunk := connection.recv(65536):
            answer += chunk
    assert [answer.find(b"GET /%d " % number) > 0 for number in (1, 2, 3)] == [True, True, True]
    assert answer.find(b"GET /1 ") < answer.find(b"GET /2 ") < answer.find(b"GET /3 ")


def test_a_client_that_waits_for_100_continue_gets_it(server: Server) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as connection:
        connection.sendall(b"PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n")
        assert read_answer(connection) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(b"ok")
        assert b"200 OK" in read_answer(connection)


def test_an_answer_to_head_has_no_body(server: Server) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as connection:
        connection.sendall(b"HEAD / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
        answer = b""
        while chunk := connection.recv(65536):
            answer += chunk
    assert answer.startswith(b"HTTP/1.1 200 OK")
    assert answer.endswith(b"\r\n\r\n")


def test_what_is_no_http_is_refused_and_the_connection_closed(server: Server) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as connection:
        connection.sendall(b"nothing of the kind\r\n\r\n")
        assert connection.recv(65536).startswith(b"HTTP/1.1 400")
        assert connection.recv(65536) == b""


def test_an_old_client_gets_its_answer_and_the_end_of_the_connection(server: Server) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as connection:
        connection.sendall(b"GET /old HTTP/1.0\r\nHost: h\r\n\r\n")
        answer = b""
        while chunk := connection.recv(65536):
            answer += chunk
    assert b"GET /old" in answer


def test_an_application_that_fails_is_answered_500_and_the_next_request_is_served(server: Server) -> None:
    client = http.client.HTTPConnection("127.0.0.1", server.port, timeout=5)
    client.request("GET", "/fails")
    answer = client.getresponse()
    answer.read()
    assert answer.status == 500
    client.request("GET", "/after")
    assert client.getresponse().read().startswith(b"GET /after")
    client.close()


def test_closing_ends_open_connections_and_threads() -> None:
    server = Server(0, echo, lambda: NOW)
    server.start()
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
        read_answer(connection)
        server.close()
        assert connection.recv(65536) == b""
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", server.port), timeout=5)
    for thread in [thread for thread in threading.enumerate() if thread.name == "api"]:
        thread.join(5)
        assert not thread.is_alive()


def test_a_port_that_is_taken_is_a_usage_error(server: Server) -> None:
    with pytest.raises(UsageError, match=f"port {server.port} on 127.0.0.1 is in use"):
        Server(server.port, echo, lambda: NOW)
