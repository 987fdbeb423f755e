"""The bytes of HTTP/1.1 heads and of the answers that a load balancer makes up itself.

Source: ELB user guide, "How Elastic Load Balancing works" (HTTP headers) and "HTTP headers and Application Load
Balancers" (X-Forwarded headers, append mode).
"""

from email.utils import formatdate
from http import HTTPStatus
from typing import NamedTuple
from urllib.parse import urlsplit

from blackstart.emulator.snapshot import FixedResponse, Redirect

Headers = list[tuple[bytes, bytes]]

HOP_BY_HOP = frozenset(
    {
        b"connection",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
        b"http2-settings",
    }
)
_FORWARDED = frozenset({b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-port"})
_NOT_TO_TARGET = HOP_BY_HOP | _FORWARDED | {b"expect"}
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class RequestHead(NamedTuple):
    """What a client asked for. http_1_1: the client's version allows chunked answers."""

    method: bytes
    url: bytes
    headers: Headers
    http_1_1: bool
    keep_alive: bool

    def value(self, name: bytes) -> bytes:
        """A header's first value, b"" when there is none. name: lower case."""
        return next((value for key, value in self.headers if key.lower() == name), b"")

    @property
    def chunked(self) -> bool:
        return b"chunked" in self.value(b"transfer-encoding").lower()

    @property
    def expects_continue(self) -> bool:
        return self.http_1_1 and self.value(b"expect").lower() == b"100-continue"


def request_to_target(head: RequestHead, client_ip: str, listener_port: int) -> bytes:
    """The head that a target gets: hop-by-hop headers removed, X-Forwarded-* added, body framing kept."""
    connection_names = _named_by_connection(head.headers)
    lines = [b"%b %b HTTP/1.1" % (head.method, head.url)]
    seen_by: list[bytes] = []
    for name, value in head.headers:
        key = name.lower()
        if key == b"x-forwarded-for":
            seen_by.append(value)
        if key not in _NOT_TO_TARGET and key not in connection_names:
            lines.append(b"%b: %b" % (name, value))
    seen_by.append(client_ip.encode())
    lines.append(b"X-Forwarded-For: " + b", ".join(seen_by))
    lines.append(b"X-Forwarded-Proto: http")
    lines.append(b"X-Forwarded-Port: %d" % listener_port)
    if head.chunked:
        lines.append(b"Transfer-Encoding: chunked")
    lines.append(b"\r\n")
    return b"\r\n".join(lines)


def response_to_client(status: int, phrase: bytes, headers: Headers, chunked: bool, keep_alive: bool) -> bytes:
    """A target's head as the client gets it. chunked: this side frames the body itself."""
    connection_names = _named_by_connection(headers)
    lines = [b"HTTP/1.1 %d %b" % (status, phrase)]
    for name, value in headers:
        key = name.lower()
        if key not in HOP_BY_HOP and key not in connection_names:
            lines.append(b"%b: %b" % (name, value))
    if chunked:
        lines.append(b"Transfer-Encoding: chunked")
    lines.append(b"Connection: keep-alive" if keep_alive else b"Connection: close")
    lines.append(b"\r\n")
    return b"\r\n".join(lines)


def made_up_answer(
    status: int,
    head: RequestHead | None,
    body: bytes,
    content_type: str,
    *,
    keep_alive: bool,
    extra: Headers | None = None,
) -> bytes:
    """A whole answer of the load balancer's own. head: the request; None when it could not be read."""
    headers: Headers = [
        (b"Server", b"awselb/2.0"),
        (b"Date", formatdate(usegmt=True).encode()),
        (b"Content-Type", content_type.encode("latin-1", "replace")),
        (b"Content-Length", b"%d" % len(body)),
        *(extra or []),
    ]
    text = response_to_client(status, _phrase(status), headers, chunked=False, keep_alive=keep_alive)
    return text if head is not None and head.method == b"HEAD" else text + body


def error_answer(status: int, head: RequestHead | None, keep_alive: bool) -> bytes:
    """The small HTML page that an ALB answers an error with."""
    title = b"%d %b" % (status, _phrase(status))
    body = (
        b"<html>\r\n<head><title>%b</title></head>\r\n<body>\r\n<center><h1>%b</h1></center>\r\n</body>\r\n</html>\r\n"
    ) % (title, title)
    return made_up_answer(status, head, body, "text/html", keep_alive=keep_alive)


def fixed_answer(action: FixedResponse, head: RequestHead) -> bytes:
    """The answer of a fixed-response action."""
    body = action.body.encode()
    return made_up_answer(action.status_code, head, body, action.content_type, keep_alive=head.keep_alive)


def redirect_answer(action: Redirect, head: RequestHead, served_port: int) -> bytes:
    """The answer of a redirect action. served_port: the one that the client connected to, for #{port}."""
    extra = [(b"Location", redirect_location(action, head, served_port).encode("latin-1", "replace"))]
    return made_up_answer(action.status_code, head, b"", "text/html", keep_alive=head.keep_alive, extra=extra)


def redirect_location(action: Redirect, head: RequestHead, served_port: int) -> str:
    """The Location header with #{protocol}, #{host}, #{port}, #{path} and #{query} filled in.

    Source: elbv2 API, RedirectActionConfig.
    """
    url = urlsplit(head.url.decode("latin-1"))
    values = {
        "#{protocol}": "http",
        "#{host}": urlsplit("//" + head.value(b"host").decode("latin-1")).hostname or "",
        "#{port}": str(served_port),
        "#{path}": url.path.removeprefix("/"),
        "#{query}": url.query,
    }
    parts = [action.protocol.lower(), action.host, action.port, action.path, action.query]
    for name, value in values.items():
        parts = [part.replace(name, value) for part in parts]
    protocol, host, port, path, query = parts
    return f"{protocol}://{host}:{port}{path}" + (f"?{query}" if query else "")


def _named_by_connection(headers: Headers) -> frozenset[bytes]:
    """Headers that the sender declared hop-by-hop itself, but for those that cannot be."""
    for name, value in headers:
        if name.lower() == b"connection":
            named = {part.strip().lower() for part in value.split(b",")}
            return frozenset(named - {b"close", b"keep-alive", b"host", b"content-length"})
    return frozenset()


def _phrase(status: int) -> bytes:
    try:
        return HTTPStatus(status).phrase.encode()
    except ValueError:
        return b""
