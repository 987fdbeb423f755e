"""What the emulator answers for itself, under `/_emulator/` on its endpoint: to read it, and to set its world."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from blackstart.emulator.adapters.aws_errors import Response

OWN_PATHS = "/_emulator"
PLAIN = "text/plain; charset=utf-8"


class Page(NamedTuple):
    """make: the text, or None when there is none at the moment. take: sets what the page shows, by PUT; raises
    ValueError for what it cannot be set to.
    """

    content_type: str
    make: Callable[[], str | None]
    take: Callable[[bytes], None] | None = None


def is_own(path: str) -> bool:
    return path == OWN_PATHS or path.startswith(OWN_PATHS + "/")


def answer(pages: Mapping[str, Page], environ: dict[str, Any], body: bytes = b"") -> Response:
    """The page of a request's path; 404 with a list of what there is, 405 for a method that it does not have."""
    path, method = environ["PATH_INFO"], environ["REQUEST_METHOD"]
    page = pages.get(OWN_PATHS + "/" if path == OWN_PATHS else path)
    if page is None:
        there = "\n".join(f"  {known}" for known in sorted(pages))
        return "404 Not Found", [("Content-Type", PLAIN)], f"there is no {path}; there is\n{there}\n".encode()
    if method == "PUT" and page.take is not None:
        try:
            page.take(body)
        except ValueError as error:
            return "400 Bad Request", [("Content-Type", PLAIN)], f"{error}\n".encode()
    elif method not in ("GET", "HEAD"):
        allowed, words = ("GET, HEAD", "read it with GET\n")
        if page.take is not None:
            allowed, words = ("GET, HEAD, PUT", "read it with GET, set it with PUT\n")
        return "405 Method Not Allowed", [("Content-Type", PLAIN), ("Allow", allowed)], words.encode()
    text = page.make()
    if text is None:
        return "404 Not Found", [("Content-Type", PLAIN)], f"{path} is empty so far\n".encode()
    return "200 OK", [("Content-Type", page.content_type), ("Cache-Control", "no-store")], text.encode()
