"""Heads of requests and answers: what is read, what is refused, what is passed on."""

import re
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blackstart.emulator.dataplane.answers import error_answer, redirect_location
from blackstart.emulator.dataplane.header_block import CHUNKED, Refusal
from blackstart.emulator.dataplane.http_text import Origin, TlsFacts, Tracing
from blackstart.emulator.dataplane.request_head import RequestHead, read_request_head, too_long
from blackstart.emulator.dataplane.response_head import UNTIL_CLOSE, MalformedAnswer, read_response_head
from blackstart.emulator.decisions.desync import Reason, Tier
from blackstart.emulator.snapshot import ForwardedFor, HttpSettings, Redirect

TLS = TlsFacts("TLSv1.2", "ECDHE-RSA-AES128-GCM-SHA256")


def read(*lines: str, line: str = "GET /a/b?c=d HTTP/1.1", host: str = "shop.example") -> RequestHead:
    head = read_request_head("\r\n".join([line, f"Host: {host}", *lines]).encode("latin-1"))
    assert isinstance(head, RequestHead), head
    return head


def refusal(text: str | bytes) -> Refusal:
    refused = read_request_head(text.encode("latin-1") if isinstance(text, str) else text)
    assert isinstance(refused, Refusal), refused
    return refused


def forwarded(head: RequestHead, port: int = 80, tls: TlsFacts | None = None, **settings: object) -> list[str]:
    """The lines of the head that the target gets."""
    origin = Origin("2.2.2.2", 4711, port, "127.0.0.9", tls)
    text = origin.request(head, HttpSettings.model_validate(settings), b"Root=1-0-1").decode("latin-1")
    assert text.endswith("\r\n\r\n")
    return text[:-4].split("\r\n")


# --- requests


def test_a_head_is_read_with_its_values_trimmed_and_its_names_as_sent() -> None:
    head = read("X-A:  b c \t", "x-a:", line="GET http://other.example:81/p?q HTTP/1.1")
    assert head.headers == [(b"Host", b"other.example:81"), (b"X-A", b"b c"), (b"x-a", b"")]
    assert (head.url, head.host, head.sent_host) == (b"/p?q", b"other.example:81", b"shop.example")
    assert head.value(b"x-a") == b"b c"


@pytest.mark.parametrize(
    ("line", "lines", "keeps"),
    [
        ("GET / HTTP/1.1", (), True),
        ("GET / HTTP/1.1", ("Connection: Close",), False),
        ("GET / HTTP/1.1", ("Connection: x", "Connection: y, close"), False),
        ("GET / HTTP/1.0", (), False),
        ("GET / HTTP/1.0", ("Connection: Keep-Alive",), True),
    ],
)
def test_a_connection_is_kept_as_its_version_and_header_say(line: str, lines: tuple[str, ...], keeps: bool) -> None:
    assert read(*lines, line=line).keep_alive is keeps


@pytest.mark.parametrize(
    "text",
    [
        "GET / HTTP/1.1",
        "GET / HTTP/1.1\r\nHost: a\r\nHost: a",
        "GET / HTTP/1.1\r\nHost:",
        "GET / HTTP/1.1\r\nHost: a b",
        "GET / HTTP/1.1\r\nHost: a/b",
        "GET / HTTP/1.1\r\nHost: u@a",
        "GET / HTTP/1.1\r\nHost: a:x",
        "GET / HTTP/1.1\r\nHost: a\r\nX : b",
        "GET / HTTP/1.1\r\nHost: a\r\n folded",
        "GET / HTTP/1.1\r\nHost: a\r\n: b",
        "GET / HTTP/1.1\r\nHost: a\r\nno colon",
        "GET / HTTP/1.1\r\nHost: a\r\nX: b\nY: c",
        "GET / HTTP/1.1\r\nHost: a\r\nX: b\rY: c",
        "GET / HTTP/1.1\r\nHost: a\r\nX: b\0c",
        "GET / HTTP/1.1\r\nHost: a\r\nX: b\x01c",
        "GET / HTTP/1.1\r\nHost: a\r\nX: b\x7fc",
        "GET  / HTTP/1.1\r\nHost: a",
        "GET / x HTTP/1.1\r\nHost: a",
        "GET /\x01 HTTP/1.1\r\nHost: a",
        "GET relative HTTP/1.1\r\nHost: a",
        "GET ftp://a/ HTTP/1.1\r\nHost: a",
        "GET http://u@a/ HTTP/1.1\r\nHost: a",
        "GET * HTTP/1.1\r\nHost: a",
        "G(T / HTTP/1.1\r\nHost: a",
        "GET /",
        "GET / HTTP/1",
        "GET / http/1.1\r\nHost: a",
        "GET / HTTP/0.9\r\nHost: a",
        "CONNECT a:1 HTTP/1.1\r\nHost: a",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1, 1",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +1",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x1",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length:",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: \x0bchunked",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: x\r\nTransfer-Encoding: chunked",
        "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked",
    ],
)
def test_a_malformed_request_is_refused(text: str) -> None:
    assert refusal(text).status == 400


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("TRACE / HTTP/1.1\r\nHost: a", 405),
        ("GET / HTTP/2.0\r\nHost: a", 505),
        ("PRI * HTTP/2.0", 505),
        ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip", 501),
        ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked", 501),
        ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, identity", 501),
        ("GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: " + ", ".join(["1.1.1.1"] * 31), 463),
        ("GET /" + "x" * 16_400 + " HTTP/1.1\r\nHost: a", 414),
        ("GET / HTTP/1.1\r\nHost: a\r\nX: " + "x" * 16_400, 400),
        ("GET / HTTP/1.1\r\nHost: a" + ("\r\nX: " + "x" * 8_000) * 9, 400),
    ],
)
def test_what_the_guide_gives_a_code_of_its_own_gets_it(text: str, status: int) -> None:
    assert refusal(text).status == status


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("G\x01T / HTTP/1.1", Reason.BAD_METHOD),
        ("GET /\x00 HTTP/1.1", Reason.BAD_URI),
        ("GET / HTTP/x", Reason.BAD_VERSION),
        ("GET / HTTP/1.1\r\nX: \0", Reason.BAD_HEADER),
        ("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: x", Reason.BAD_CONTENT_LENGTH),
    ],
)
def test_a_refusal_says_why_as_the_access_log_does(text: str, reason: Reason) -> None:
    assert refusal(text).classification == (Tier.SEVERE, reason)


@pytest.mark.parametrize(
    ("lines", "length", "passed"),
    [
        ((), 0, []),
        (("Content-Length: 5",), 5, ["Content-Length: 5"]),
        (("Content-Length: 5", "content-length: 5"), 5, ["Content-Length: 5"]),
        (("Transfer-Encoding: Chunked",), CHUNKED, ["Transfer-Encoding: chunked"]),
        (("Content-Length: 5", "Transfer-Encoding: chunked"), CHUNKED, ["Transfer-Encoding: chunked"]),
        (("Transfer-Encoding: identity", "Content-Length: 5"), 5, ["Content-Length: 5"]),
    ],
)
def test_a_target_gets_one_framing_of_the_body_at_most(lines: tuple[str, ...], length: int, passed: list[str]) -> None:
    head = read(*lines, line="POST / HTTP/1.1")
    assert head.length == length
    framing = [line for line in forwarded(head) if re.match("(?i)content-length|transfer-encoding", line)]
    assert framing == passed


@pytest.mark.parametrize("ending", ["", "\r\n", "\r\nHost: a", "\r\nHost: a\r\nX: y"])
def test_a_head_that_goes_on_is_waited_for(ending: str) -> None:
    assert too_long(f"GET / HTTP/1.1{ending}".encode()) is None


@pytest.mark.parametrize(
    ("unfinished", "status"),
    [
        (b"GET /" + b"x" * 17_000, 414),
        (b"GET / HTTP/1.1\r\nX: " + b"x" * 17_000, 400),
        (b"GET / HTTP/1.1" + b"\r\nX: y" * 12_000, 400),
        (b"GET / HTTP/1.1\nHost: a\n\n", 400),
    ],
)
def test_a_head_that_cannot_become_one_is_refused_before_its_end(unfinished: bytes, status: int) -> None:
    refused = too_long(unfinished)
    assert refused is not None
    assert refused.status == status


@given(st.binary(max_size=200))
def test_no_bytes_make_the_reader_fail(text: bytes) -> None:
    assert isinstance(read_request_head(b"GET / HTTP/1.1\r\nHost: a\r\n" + text), RequestHead | Refusal)
    assert isinstance(read_request_head(text), RequestHead | Refusal)


# --- what targets get


def test_a_target_gets_the_request_with_the_clients_address_appended() -> None:
    head = read(
        "X-Forwarded-For: 1.1.1.1", "x-forwarded-proto: https", "Te: trailers", "Connection: x-mine", "X-Mine: 1"
    )
    assert forwarded(head) == [
        "GET /a/b?c=d HTTP/1.1",
        "Host: shop.example",
        "X-Forwarded-For: 1.1.1.1, 2.2.2.2",
        "X-Forwarded-Proto: http",
        "X-Forwarded-Port: 80",
        "X-Amzn-Trace-Id: Root=1-0-1",
    ]


@pytest.mark.parametrize(
    ("mode", "sent", "got"),
    [
        (ForwardedFor.APPEND, "1.1.1.1", "1.1.1.1, 2.2.2.2:4711"),
        (ForwardedFor.APPEND, "", "2.2.2.2:4711"),
        (ForwardedFor.PRESERVE, "1.1.1.1", "1.1.1.1"),
        (ForwardedFor.PRESERVE, "", None),
        (ForwardedFor.REMOVE, "1.1.1.1", None),
    ],
)
def test_x_forwarded_for_is_appended_to_preserved_or_removed(mode: ForwardedFor, sent: str, got: str | None) -> None:
    head = read(*([f"X-Forwarded-For: {sent}"] if sent else []))
    lines = forwarded(head, forwarded_for=mode, client_port_in_forwarded_for=True)
    assert [line for line in lines if line.startswith("X-Forwarded-For")] == (
        [f"X-Forwarded-For: {got}"] if got else []
    )


@pytest.mark.parametrize(
    ("line", "host", "port", "modified", "preserved"),
    [
        ("GET / HTTP/1.1", "example.com", 80, "example.com", "example.com"),
        ("GET / HTTP/1.1", "Example.COM", 80, "example.com", "Example.COM"),
        ("GET / HTTP/1.1", "example.com:80", 80, "example.com:80", "example.com:80"),
        ("GET https://dns_name/ HTTP/1.1", "example.com", 80, "dns_name", "example.com"),
        ("GET / HTTP/1.1", "example.com", 8080, "example.com:8080", "example.com"),
        ("GET / HTTP/1.1", "example.com:8080", 8080, "example.com:8080", "example.com:8080"),
    ],
)
def test_the_host_header_is_modified_unless_it_is_to_be_preserved(
    line: str, host: str, port: int, modified: str, preserved: str
) -> None:
    """ELB user guide, attribute routing.http.preserve_host_header: "without any change"; by default the listener's
    port is appended where it is not a default one (announcement of the attribute). That a URL's own host wins stands in
    RFC 9112, section 3.2.2.
    """
    head = read(line=line, host=host)
    assert f"Host: {modified}" in forwarded(head, port)
    assert f"Host: {preserved}" in forwarded(head, port, preserve_host_header=True)


def test_invalid_header_fields_are_dropped_only_when_that_is_wanted() -> None:
    head = read("X_Under: 1", "X-Fine: 2")
    assert "X_Under: 1" in forwarded(head)
    assert {"X_Under: 1", "X-Fine: 2"} & set(forwarded(head, drop_invalid_header_fields=True)) == {"X-Fine: 2"}


def test_a_target_hears_of_tls_when_that_is_wanted_and_never_from_the_client_itself() -> None:
    head = read("X-Amzn-Tls-Version: forged")
    lines = forwarded(head, 443, TLS, tls_version_and_cipher_headers=True)
    assert [line for line in lines if "tls" in line.lower()] == [
        "x-amzn-tls-version: TLSv1.2",
        "x-amzn-tls-cipher-suite: ECDHE-RSA-AES128-GCM-SHA256",
    ]
    assert "X-Forwarded-Proto: https" in lines
    assert not [line for line in forwarded(read(), 443, TLS) if "tls" in line.lower()]


def test_a_client_without_a_host_still_makes_a_valid_request() -> None:
    head = read_request_head(b"GET / HTTP/1.0")
    assert isinstance(head, RequestHead)
    assert forwarded(head)[:2] == ["GET / HTTP/1.1", "Host: 127.0.0.9"]


@pytest.mark.parametrize(
    ("sent", "pattern"),
    [
        (b"", rb"Root=1-00000010-[0-9a-f]{24}"),
        (b"Root=1-67891233-abc;CalledFrom=app", rb"Self=1-00000010-[0-9a-f]{24};Root=1-67891233-abc;CalledFrom=app"),
        (b"Self=1-2-3;Root=1-67891233-abc", rb"Self=1-00000010-[0-9a-f]{24};Root=1-67891233-abc"),
        (b"CalledFrom=app", rb"Root=1-00000010-[0-9a-f]{24};CalledFrom=app"),
    ],
)
def test_a_request_is_traced_as_the_guide_says(sent: bytes, pattern: bytes) -> None:
    """ELB user guide, "Request tracing for your Application Load Balancer"."""
    assert re.fullmatch(pattern, Tracing(Random(1)).value(sent, 16.9))


# --- answers


def test_an_answer_loses_the_targets_hop_by_hop_headers() -> None:
    head = read_response_head(
        b"HTTP/1.1 200 OK\r\nConnection: close, X-Own\r\nX-Own: 1\r\nKeep-Alive: t=5\r\nX-A: 2\r\nContent-Length: 3"
    )
    assert head.text == b"HTTP/1.1 200 OK\r\nX-A: 2\r\nContent-Length: 3"
    assert head.kept == head.text + b"\r\nConnection: keep-alive\r\n\r\n"
    assert (head.status, head.length, head.keep_alive) == (200, 3, False)


@pytest.mark.parametrize(
    ("text", "length", "keeps"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 3", 3, True),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 3", 3, True),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 3", 3, False),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 3\r\nConnection: keep-alive", 3, True),
        (b"HTTP/1.1 200\r\nTransfer-Encoding: Chunked", CHUNKED, True),
        (b"HTTP/1.1 200 ", UNTIL_CLOSE, False),
        (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 3", 0, True),
        (b"HTTP/1.1 204 No Content", 0, True),
    ],
)
def test_the_end_of_an_answer_is_known_from_its_head(text: bytes, length: int, keeps: bool) -> None:
    head = read_response_head(text)
    assert (head.length, head.keep_alive) == (length, keeps)


@pytest.mark.parametrize(
    "text",
    [
        b"garbage",
        b"HTTP/2.0 200 OK",
        b"HTTP/1.1 20 OK",
        b"HTTP/1.1 2000 OK",
        b"HTTP/1.1 200 OK\r\nX : y",
        b"HTTP/1.1 200 OK\r\n folded",
        b"HTTP/1.1 200 OK\r\nX: a\nb",
        b"HTTP/1.1 200 OK\r\nX: a\0b",
        b"HTTP/1.1 200 OK\r\nX: a\x01b",
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4",
        b"HTTP/1.1 200 OK\r\nContent-Length: -3",
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 33_000,
    ],
)
def test_a_malformed_answer_is_not_passed_on(text: bytes) -> None:
    with pytest.raises(MalformedAnswer):
        read_response_head(text)


def test_an_error_answer_has_a_body_except_for_head() -> None:
    whole = error_answer(503, read(), keep_alive=True)
    bare = error_answer(503, read(line="HEAD / HTTP/1.1"), keep_alive=True)
    assert whole.startswith(bare)
    assert b"503 Service Unavailable" in whole.removeprefix(bare)
    assert b"Connection: keep-alive\r\n" in bare
    assert b"Connection: close" in error_answer(400, None, keep_alive=False)


@pytest.mark.parametrize(
    ("action", "location"),
    [
        (Redirect(status_code=301, protocol="HTTPS", port="443"), "https://shop.example:443/a/b?c=d"),
        (Redirect(status_code=302, host="www.#{host}"), "http://www.shop.example:8080/a/b?c=d"),
        (Redirect(status_code=302, path="/new/#{path}", query=""), "http://shop.example:8080/new/a/b"),
        (Redirect(status_code=302, query="#{query}&from=#{port}"), "http://shop.example:8080/a/b?c=d&from=8080"),
    ],
)
def test_a_redirect_fills_in_the_parts_of_the_request(action: Redirect, location: str) -> None:
    assert redirect_location(action, read(host="shop.example:8080"), 8080, "http") == location
