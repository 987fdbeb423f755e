"""The load generator's requests over TLS: verified, kept alive, told apart when they fail."""

import socket
import ssl
from collections.abc import Callable
from pathlib import Path
from time import monotonic_ns
from typing import Any

import pytest
import trustme

from blackstart.domain.recording import Outcome, RequestRow
from blackstart.load.http_client import HttpClient

AUTHORITY, STRANGER = trustme.CA(), trustme.CA()
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Zone: us-east-1a\r\n\r\nok"
Serve = Callable[..., Any]


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    path = tmp_path / "ca.pem"
    AUTHORITY.cert_pem.write_to_path(path)
    return path


class Shop:
    """Answers every request over TLS. requests: as they came; names: those that clients asked for by SNI."""

    def __init__(self, *names: str, authority: trustme.CA = AUTHORITY) -> None:
        self.requests: list[bytes] = []
        self.names: list[str | None] = []
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert(*names).configure_cert(self._context)
        self._context.sni_callback = lambda _, name, __: self.names.append(name)

    def __call__(self, connection: socket.socket, number: int) -> None:
        with self._context.wrap_socket(connection, server_side=True) as secured:
            while asked := secured.recv(65536):
                self.requests.append(asked)
                secured.sendall(OK)


def client_of(server: Any, host: str | None, bundle: Path | None) -> HttpClient:
    url = f"https://web-1.elb.amazonaws.com:{server.port}"
    return HttpClient(url, lambda _: ("127.0.0.1",), 2.0, host=host, ca_bundle=bundle)


def get(client: HttpClient) -> RequestRow:
    return client.get("/", monotonic_ns())


def test_a_request_names_the_host_to_the_handshake_and_to_the_server(serve: Serve, bundle: Path) -> None:
    shop = Shop("shop.example.com")
    row = get(client_of(serve(shop), "shop.example.com", bundle))
    assert (row.outcome, row.status, row.zone) == (Outcome.ANSWERED, 200, "us-east-1a")
    assert shop.names == ["shop.example.com"]
    assert b"\r\nHost: shop.example.com\r\n" in shop.requests[0]


def test_a_connection_is_kept_although_session_tickets_arrive_on_it(serve: Serve, bundle: Path) -> None:
    server = serve(Shop("shop.example.com"))
    client = client_of(server, "shop.example.com", bundle)
    assert [get(client).status for _ in range(5)] == [200] * 5
    assert server.connections == 1


def test_without_a_host_the_certificate_must_be_for_the_urls_own_name(serve: Serve, bundle: Path) -> None:
    """As on AWS: nobody gets a certificate for a load balancer's own name."""
    row = get(client_of(serve(Shop("shop.example.com")), None, bundle))
    assert (row.outcome, row.status) == (Outcome.ERROR, 0)


def test_a_certificate_of_a_stranger_is_an_error(serve: Serve, bundle: Path) -> None:
    server = serve(Shop("shop.example.com", authority=STRANGER))
    assert get(client_of(server, "shop.example.com", bundle)).outcome is Outcome.ERROR


def test_the_systems_authorities_do_not_vouch_for_the_emulator(serve: Serve) -> None:
    assert get(client_of(serve(Shop("shop.example.com")), "shop.example.com", None)).outcome is Outcome.ERROR


def test_a_peer_that_closes_during_the_handshake_is_a_reset(serve: Serve, bundle: Path) -> None:
    server = serve(lambda connection, _: connection.recv(10))
    assert get(client_of(server, "shop.example.com", bundle)).outcome is Outcome.RESET


def test_a_peer_that_says_nothing_in_the_handshake_is_a_timeout(serve: Serve, bundle: Path) -> None:
    held: list[socket.socket] = []

    def keep(connection: socket.socket, _: int) -> None:
        held.append(connection.dup())

    url = f"https://web-1.elb.amazonaws.com:{serve(keep).port}"
    client = HttpClient(url, lambda _: ("127.0.0.1",), 0.2, host="shop.example.com", ca_bundle=bundle)
    assert get(client).outcome is Outcome.TIMEOUT
    for connection in held:
        connection.close()
