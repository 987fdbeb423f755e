"""The answers that a load balancer makes up itself: errors, fixed responses, redirects.

Source: elbv2 API, FixedResponseActionConfig and RedirectActionConfig.
"""

import re
from email.utils import formatdate
from http import HTTPStatus

from blackstart.emulator.dataplane.header_block import Headers
from blackstart.emulator.dataplane.request_head import RequestHead
from blackstart.emulator.snapshot import FixedResponse, Redirect

_PORT = re.compile(rb":[0-9]*\Z")
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


def error_answer(status: int, head: RequestHead | None, keep_alive: bool) -> bytes:
    """The small HTML page that an ALB answers an error with. head: None when the request could not be read."""
    title = b"%d %b" % (status, _phrase(status))
    body = (
        b"<html>\r\n<head><title>%b</title></head>\r\n<body>\r\n<center><h1>%b</h1></center>\r\n</body>\r\n</html>\r\n"
    ) % (title, title)
    return _answer(status, head, body, b"text/html", keep_alive)


def fixed_answer(action: FixedResponse, head: RequestHead, keep_alive: bool) -> bytes:
    """The answer of a fixed-response action."""
    content_type = action.content_type.encode("latin-1", "replace")
    return _answer(action.status_code, head, action.body.encode(), content_type, keep_alive)


def redirect_answer(status: int, location: str, head: RequestHead, keep_alive: bool) -> bytes:
    """The answer of a redirect action."""
    extra = [(b"Location", location.encode("latin-1", "replace"))]
    return _answer(status, head, b"", b"text/html", keep_alive, extra)


def redirect_location(action: Redirect, head: RequestHead, served_port: int, protocol: str) -> str:
    """The Location header with #{protocol}, #{host}, #{port}, #{path} and #{query} filled in.

    protocol: of the listener, "http" or "https".
    """
    path, _, query = head.url.partition(b"#")[0].partition(b"?")
    values = {
        "#{protocol}": protocol,
        "#{host}": _PORT.sub(b"", head.host).decode("latin-1"),
        "#{port}": str(served_port),
        "#{path}": path.decode("latin-1").removeprefix("/"),
        "#{query}": query.decode("latin-1"),
    }
    parts = [action.protocol.lower(), action.host, action.port, action.path, action.query]
    for name, value in values.items():
        parts = [part.replace(name, value) for part in parts]
    return "{}://{}:{}{}".format(*parts) + (f"?{parts[4]}" if parts[4] else "")


def _answer(
    status: int,
    head: RequestHead | None,
    body: bytes,
    content_type: bytes,
    keep_alive: bool,
    extra: Headers | None = None,
) -> bytes:
    headers: Headers = [
        (b"Server", b"awselb/2.0"),
        (b"Date", formatdate(usegmt=True).encode()),
        (b"Content-Type", content_type),
        (b"Content-Length", b"%d" % len(body)),
        (b"Connection", b"keep-alive" if keep_alive else b"close"),
        *(extra or []),
    ]
    lines = b"".join(b"%b: %b\r\n" % (name, value) for name, value in headers)
    text = b"HTTP/1.1 %d %b\r\n%b\r\n" % (status, _phrase(status), lines)
    return text if head is not None and head.method == b"HEAD" else text + body


def _phrase(status: int) -> bytes:
    try:
        return HTTPStatus(status).phrase.encode()
    except ValueError:
        return b""
