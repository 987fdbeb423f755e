"""What the emulator answers for itself beside moto: its pages, and services that moto lacks."""

import io
from typing import Any

import pytest

from blackstart.domain.clock import Anchor
from blackstart.emulator.adapters.middleware import Middleware, signing_name
from blackstart.emulator.adapters.own_pages import Page
from blackstart.emulator.control_plane import ControlPlane

SIGNED = "AWS4-HMAC-SHA256 Credential=offline/20260101/us-east-1/arc-zonal-shift/aws4_request, SignedHeaders=host"


def plane() -> ControlPlane:
    return ControlPlane(Anchor(monotonic_ns=0, epoch_s=1000.0, speed=10.0))


def moto(_environ: Any, start: Any) -> Any:
    start("200 OK", [])
    return [b"moto"]


def called(frame: ControlPlane, given: dict[str, Any], **options: Any) -> tuple[str, dict[str, str], bytes]:
    body = given.pop("body", b"")
    middleware = Middleware(moto, frame.lock, frame.mutated, lambda: '{"ready": true}', 10.0, lambda _: 0.0, **options)
    environ = {"PATH_INFO": "/", "REQUEST_METHOD": "GET", "CONTENT_LENGTH": str(len(body)), **given}
    environ["wsgi.input"] = io.BytesIO(body)
    answered: list[Any] = []
    chunks = middleware(environ, lambda status, headers: answered.extend((status, dict(headers))))
    return answered[0], answered[1], b"".join(chunks)


def test_a_service_is_known_by_the_name_that_its_requests_are_signed_for() -> None:
    assert signing_name({"HTTP_AUTHORIZATION": SIGNED}) == "arc-zonal-shift"
    assert signing_name({"HTTP_AUTHORIZATION": "Basic abc"}) == ""
    assert signing_name({}) == ""


@pytest.mark.parametrize(("method", "wakes"), [("GET", False), ("POST", True), ("DELETE", True)])
def test_a_service_of_our_own_is_asked_under_the_lock_and_wakes_the_controllers_unless_it_only_reads(
    method: str, wakes: bool
) -> None:
    frame = plane()
    seen: list[Any] = []

    def shifts(environ: dict[str, Any], body: bytes) -> Any:
        seen.append((environ["PATH_INFO"], body, frame.lock.locked()))
        return "201 Created", [("Content-Type", "application/json")], b"{}"

    request = {"PATH_INFO": "/zonalshifts", "REQUEST_METHOD": method, "HTTP_AUTHORIZATION": SIGNED, "body": b"{1}"}
    status, _, answer = called(frame, request, own_services={"arc-zonal-shift": shifts})
    assert (status, answer) == ("201 Created", b"{}")
    assert seen == [("/zonalshifts", b"{1}", True)]
    assert frame.mutated.is_set() is wakes
    assert not frame.lock.locked()


def test_requests_for_other_services_go_to_moto() -> None:
    signed = SIGNED.replace("arc-zonal-shift", "ec2")
    assert called(plane(), {"HTTP_AUTHORIZATION": signed}, own_services={"arc-zonal-shift": moto})[2] == b"moto"


def test_the_emulators_own_pages_stand_beside_its_status() -> None:
    pages = {"/_emulator/ca.pem": Page("application/x-pem-file", lambda: "PEM"), "/_emulator/": Page("text/html", str)}
    status, headers, answer = called(plane(), {"PATH_INFO": "/_emulator/ca.pem"}, pages=pages)
    assert (status, headers["Content-Type"], answer) == ("200 OK", "application/x-pem-file", b"PEM")
    assert called(plane(), {"PATH_INFO": "/_emulator/status"}, pages=pages)[2] == b'{"ready": true}'
    assert called(plane(), {"PATH_INFO": "/_emulator"}, pages=pages)[0] == "200 OK"


def test_an_unknown_path_of_the_emulators_own_is_answered_with_what_there_is() -> None:
    status, _, answer = called(plane(), {"PATH_INFO": "/_emulator/statsu"})
    assert status == "404 Not Found"
    assert b"/_emulator/status\n" in answer
    assert called(plane(), {"PATH_INFO": "/_emulatory"})[2] == b"moto"


def test_a_page_without_content_is_not_found_and_nothing_can_be_written_there() -> None:
    pages = {"/_emulator/ca.pem": Page("application/x-pem-file", lambda: None)}
    assert called(plane(), {"PATH_INFO": "/_emulator/ca.pem"}, pages=pages)[0] == "404 Not Found"
    request = {"PATH_INFO": "/_emulator/status", "REQUEST_METHOD": "POST"}
    assert called(plane(), request)[0] == "405 Method Not Allowed"
