"""The head of a target's answer as the client gets it, where it cannot be passed on as it is."""

from typing import NamedTuple

from blackstart.emulator.dataplane.header_block import CHUNKED
from blackstart.emulator.dataplane.request_head import RequestHead
from blackstart.emulator.dataplane.response_head import ResponseHead


class OwnCookies(NamedTuple):
    """Set-Cookie values of the load balancer. always: added to every answer; beside: only to one that sets the
    application's cookie, `name`.
    """

    always: tuple[bytes, ...]
    name: bytes
    beside: tuple[bytes, ...]


class PassedOn(NamedTuple):
    """text: the whole head. chunked: its body is to be sent in chunks. keep_alive: the client's connection lives on."""

    text: bytes
    chunked: bool
    keep_alive: bool


def answer_to_client(
    request: RequestHead, head: ResponseHead, has_body: bool, keep_alive: bool, cookies: OwnCookies | None
) -> PassedOn:
    """keep_alive: as far as the client's side is concerned; a body whose end HTTP/1.0 cannot see ends it as well."""
    sized = head.length >= 0
    chunked = has_body and not sized and request.http_1_1
    keep_alive = keep_alive and (sized or chunked or not has_body)
    lines = [head.text]
    if cookies is not None:
        lines += [b"Set-Cookie: " + cookie for cookie in _of_answer(cookies, head)]
    if chunked or (head.length == CHUNKED and request.method == b"HEAD" and request.http_1_1):
        lines.append(b"Transfer-Encoding: chunked")
    lines.append(b"Connection: keep-alive\r\n\r\n" if keep_alive else b"Connection: close\r\n\r\n")
    return PassedOn(b"\r\n".join(lines), chunked, keep_alive)


def _of_answer(cookies: OwnCookies, head: ResponseHead) -> tuple[bytes, ...]:
    if not cookies.name:
        return cookies.always
    values = (value for key, value in head.headers if key.lower() == b"set-cookie")
    set_by_application = any(value.split(b"=", 1)[0].strip() == cookies.name for value in values)
    return cookies.always + cookies.beside if set_by_application else cookies.always
