"""What each behaviour of a server, on real sockets, turns into. gevent is imported here but patches nothing."""

import socket
import struct
import threading
from time import monotonic_ns, sleep
from typing import Protocol

import pytest

from blackstart.domain.recording import Outcome, RequestRow
from blackstart.load.dns_lookup import from_server
from blackstart.load.http_client import HttpClient
from blackstart.load.resolver import UnresolvedError

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nx-zone: us-east-1a\r\nX-Instance-Id: i-1\r\n\r\nok"


class Server(Protocol):
    url: str
    port: int
    connections: int

    def close(self) -> None: ...


class Serve(Protocol):
    def __call__(self, script: object, address: str = ..., port: int = ...) -> Server: ...


def request_on(connection: socket.socket) -> bytes:
    """One whole request; b"" when the client has closed."""
    received = b""
    while not received.endswith(b"\r\n\r\n"):
        block = connection.recv(4096)
        if not block:
            return b""
        received += block
    return received


def answers(*parts: bytes, then_close: bool = False) -> object:
    def script(connection: socket.socket, _: int) -> None:
        while request_on(connection):
            for part in parts:
                connection.sendall(part)
                sleep(0.005)
            if then_close:
                return

    return script


def client_of(url: str, timeout_real_s: float = 2.0) -> HttpClient:
    return HttpClient(url, lambda name: (name,), timeout_real_s)


def get(client: HttpClient) -> RequestRow:
    return client.get("/", monotonic_ns())


def test_an_answer_names_its_zone_instance_and_node(serve: Serve) -> None:
    intended_ns = monotonic_ns()
    row = client_of(serve(answers(OK)).url).get("/", intended_ns)
    assert (row.outcome, row.status) == (Outcome.ANSWERED, 200)
    assert (row.zone, row.instance, row.node) == ("us-east-1a", "i-1", "127.0.0.1")
    assert row.intended_ns == intended_ns <= row.start_ns < row.end_ns


@pytest.mark.parametrize("status", [404, 500, 502, 503, 504])
def test_an_error_status_is_an_answer(serve: Serve, status: int) -> None:
    row = get(client_of(serve(answers(b"HTTP/1.1 %d Oops\r\nContent-Length: 0\r\n\r\n" % status)).url))
    assert (row.outcome, row.status, row.zone) == (Outcome.ANSWERED, status, "")
    assert row.good is (status < 500)


@pytest.mark.parametrize(
    "parts",
    [
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n", b"0\r\n\r\n"),
        (b"HTTP/1.1 103 Early Hints\r\n\r\n", OK),
        (OK[:10], OK[10:50], OK[50:]),
        (b"HTTP/1.1 204 No Content\r\n\r\n",),
    ],
    ids=["chunked", "interim answer first", "in pieces", "no body"],
)
def test_whole_answers_in_every_form_keep_their_connection(serve: Serve, parts: tuple[bytes, ...]) -> None:
    server = serve(answers(*parts))
    client = client_of(server.url)
    assert [get(client).outcome for _ in range(3)] == [Outcome.ANSWERED] * 3
    assert server.connections == 1


def test_a_body_may_end_with_the_connection(serve: Serve) -> None:
    row = get(client_of(serve(answers(b"HTTP/1.1 200 OK\r\n\r\nall of it", then_close=True)).url))
    assert (row.outcome, row.status) == (Outcome.ANSWERED, 200)


def test_a_connection_is_not_kept_when_the_server_says_so(serve: Serve) -> None:
    server = serve(answers(OK.replace(b"\r\n", b"\r\nConnection: close\r\n", 1)))
    client = client_of(server.url)
    assert [get(client).outcome for _ in range(2)] == [Outcome.ANSWERED] * 2
    assert server.connections == 2


def test_nobody_listening_is_refused(free_port: int) -> None:
    row = get(client_of(f"http://127.0.0.1:{free_port}/"))
    assert (row.outcome, row.status, row.node) == (Outcome.REFUSED, 0, "127.0.0.1")


def test_a_new_connection_that_is_closed_unanswered_is_reset_and_not_retried(serve: Serve) -> None:
    server = serve(lambda connection, _: request_on(connection))
    assert get(client_of(server.url)).outcome is Outcome.RESET
    assert server.connections == 1


def test_a_new_connection_that_is_reset_is_not_retried(serve: Serve) -> None:
    def reset(connection: socket.socket, _: int) -> None:
        request_on(connection)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    server = serve(reset)
    assert get(client_of(server.url)).outcome is Outcome.RESET
    assert server.connections == 1


@pytest.mark.parametrize("cut", [20, len(OK) - 1], ids=["within the headers", "within the body"])
def test_an_answer_that_breaks_off_is_reset_and_not_retried(serve: Serve, cut: int) -> None:
    server = serve(answers(OK[:cut], then_close=True))
    row = get(client_of(server.url))
    assert (row.outcome, row.status) == (Outcome.RESET, 0)
    assert server.connections == 1


def test_something_that_is_not_http_is_an_error(serve: Serve) -> None:
    assert get(client_of(serve(answers(b"220 mail.example ESMTP\r\n")).url)).outcome is Outcome.ERROR


def test_silence_is_a_timeout_after_the_clients_patience(serve: Serve) -> None:
    row = get(client_of(serve(lambda connection, _: connection.recv(1) and sleep(1)).url, timeout_real_s=0.2))
    assert row.outcome is Outcome.TIMEOUT
    assert 0.2 <= row.latency_real_s < 0.6


def test_an_answer_that_trickles_does_not_extend_the_patience(serve: Serve) -> None:
    row = get(client_of(serve(answers(*(OK[at : at + 1] for at in range(len(OK))))).url, timeout_real_s=0.1))
    assert row.outcome is Outcome.TIMEOUT
    assert row.latency_real_s < 0.4


def test_a_name_without_address_is_unresolved() -> None:
    def no_address(name: str) -> tuple[str, ...]:
        raise UnresolvedError(name)

    row = HttpClient("http://web.example/", no_address, 1.0).get("/", monotonic_ns())
    assert (row.outcome, row.node) == (Outcome.UNRESOLVED, "")


def test_a_silent_name_server_does_not_extend_the_patience(silent_server: tuple[str, int]) -> None:
    lookup = from_server(silent_server, speed=10.0)
    row = HttpClient("http://web.test/", lambda name: lookup(name).addresses, 0.2).get("/", monotonic_ns())
    assert row.outcome is Outcome.TIMEOUT
    assert row.latency_real_s < 0.4


def test_a_connection_closed_while_idle_is_replaced_unnoticed(serve: Serve) -> None:
    server = serve(answers(OK, then_close=True))
    client = client_of(server.url)
    rows = [get(client)]
    sleep(0.05)
    rows.append(get(client))
    assert [row.outcome for row in rows] == [Outcome.ANSWERED] * 2
    assert server.connections == 2


def test_a_kept_connection_closed_as_the_request_arrives_is_reopened_once(serve: Serve) -> None:
    def answer_once_then_close_on_the_next(connection: socket.socket, number: int) -> None:
        request_on(connection)
        connection.sendall(OK)
        request_on(connection)

    server = serve(answer_once_then_close_on_the_next)
    client = client_of(server.url)
    assert [get(client).outcome for _ in range(2)] == [Outcome.ANSWERED] * 2
    assert server.connections == 2


def test_when_the_reopened_connection_fails_too_the_user_feels_it(serve: Serve) -> None:
    def only_the_first_request_is_answered(connection: socket.socket, number: int) -> None:
        request_on(connection)
        if number == 0:
            connection.sendall(OK)
            request_on(connection)

    server = serve(only_the_first_request_is_answered)
    client = client_of(server.url)
    assert [get(client).outcome for _ in range(2)] == [Outcome.ANSWERED, Outcome.RESET]
    assert server.connections == 2


def test_nodes_are_taken_in_turn_and_a_refused_one_is_not_hidden_by_the_other(serve: Serve) -> None:
    server = serve(answers(OK), address="127.0.0.21")
    client = HttpClient(f"http://web.example:{server.port}/", lambda _: ("127.0.0.21", "127.0.0.22"), 1.0)
    outcomes = {(row.node, row.outcome) for row in (get(client) for _ in range(6))}
    assert outcomes == {("127.0.0.21", Outcome.ANSWERED), ("127.0.0.22", Outcome.REFUSED)}
    assert server.connections == 1


def test_a_node_that_left_dns_loses_its_kept_connections(serve: Serve) -> None:
    closed = threading.Event()

    def script(connection: socket.socket, _: int) -> None:
        while request_on(connection):
            connection.sendall(OK)
        closed.set()

    leaving = serve(script, address="127.0.0.21")
    serve(script, address="127.0.0.22", port=leaving.port)
    nodes = ["127.0.0.21", "127.0.0.22"]
    client = HttpClient(f"http://web.example:{leaving.port}/", lambda _: tuple(nodes), 1.0)
    assert {get(client).node for _ in range(2)} == set(nodes)
    nodes.remove("127.0.0.21")
    assert {get(client).node for _ in range(2)} == {"127.0.0.22"}
    assert closed.wait(1.0)
