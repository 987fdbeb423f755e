"""What the emulator answers for itself, under `/_emulator/` on its endpoint; all of it is for reading."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from blackstart.emulator.adapters.aws_errors import Response

OWN_PATHS = "/_emulator"
PLAIN = "text/plain; charset=utf-8"


class Page(NamedTuple):
    """make: the text, or None when there is none at the moment."""

    content_type: str
    make: Callable[[], str | None]


def is_own(path: str) -> bool:
    return path == OWN_PATHS or path.startswith(OWN_PATHS + "/")


def answer(pages: Mapping[str, Page], environ: dict[str, Any]) -> Response:
    """The page of a request's path; 404 with a list of what there is, 405 for anything but GET and HEAD."""
    path = environ["PATH_INFO"]
    page = pages.get(OWN_PATHS + "/" if path == OWN_PATHS else path)
    if page is None:
        there = "\n".join(f"  {known}" for known in sorted(pages))
        return "404 Not Found", [("Content-Type", PLAIN)], f"there is no {path}; there is\n{there}\n".encode()
    if environ["REQUEST_METHOD"] not in ("GET", "HEAD"):
        return "405 Method Not Allowed", [("Content-Type", PLAIN), ("Allow", "GET, HEAD")], b"read it with GET\n"
    text = page.make()
    if text is None:
        return "404 Not Found", [("Content-Type", PLAIN)], f"{path} is empty so far\n".encode()
    return "200 OK", [("Content-Type", page.content_type), ("Cache-Control", "no-store")], text.encode()
