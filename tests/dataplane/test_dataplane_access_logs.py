"""Lines of the access log from a real data plane, and what becomes of them while the control plane is away."""

import shlex
import socket
import ssl
from typing import Any

import pytest

from blackstart.domain.target_health import TargetState
from blackstart.emulator.adapters.authority import Authority
from blackstart.emulator.dataplane.access_logs import stamp
from blackstart.emulator.decisions.access_log import FIELDS
from blackstart.emulator.protocol import AccessLogged, Hello
from blackstart.emulator.snapshot import Certificate, FixedResponse, ListenerSnapshot


def entries(rig: Any, after: int = 0) -> list[dict[str, str]]:
    """What was logged. after: so many entries of tests before."""
    lines = [line for message in rig.of(AccessLogged) for line in message.lines]
    return [dict(zip(FIELDS, shlex.split(line), strict=True)) for line in lines[after:]]


@pytest.fixture
def running(shared_rig: Any) -> Any:
    """A data plane that is up."""
    if not shared_rig.of(Hello):
        shared_rig.start()
    return shared_rig


def test_each_request_leaves_a_line_and_health_checks_leave_none(running: Any, fetch: Any) -> None:
    rig, before = running, len(entries(running))
    target = rig.target("i-1")
    address = rig.serve(target.snapshot(), access_log=True)
    rig.wait_for_state("i-1", TargetState.HEALTHY)
    began_s = rig.now_s()
    for path in ("/first", "/second?x=1"):
        fetch(address, path=path, headers={"Host": "web.example:8080"})
    rig.wait_for(lambda: len(entries(rig, before)) == 2)
    first, second = entries(rig, before)
    assert [one["request"] for one in (first, second)] == [
        "GET http://web.example:80/first HTTP/1.1",
        "GET http://web.example:80/second?x=1 HTTP/1.1",
    ]
    assert first["target:port"] == f"10.0.0.9:{target.server_address[1]}"
    assert (first["elb_status_code"], first["target_status_code"]) == ("200", "200")
    assert (first["actions_executed"], first["matched_rule_priority"]) == ("forward", "0")
    assert first["target_group_arn"] == "group"
    assert first["trace_id"].startswith("Root=1-")
    assert stamp(began_s) <= first["request_creation_time"] <= first["time"] <= second["time"]
    durations = [float(first[f"{part}_processing_time"]) for part in ("request", "target", "response")]
    assert all(0 <= duration < 1 for duration in durations)
    assert rig.of(AccessLogged)[-1].node_address == address


def test_without_the_attribute_nothing_is_sent(running: Any, fetch: Any) -> None:
    rig, before = running, len(entries(running))
    address = rig.serve()
    fetch(address, path="/unlogged")
    rig.change(load_balancers=(rig.snapshot.load_balancers[0].model_copy(update={"access_log": True}),))
    rig.wait_for(lambda: fetch(address) and entries(rig, before))
    logged = entries(rig, before)
    assert not any("/unlogged" in one["request"] for one in logged)
    assert {one["elb_status_code"] for one in logged} == {"503"}
    assert all(one["target_processing_time"] == "-1" for one in logged)


def test_lines_wait_for_a_control_plane_that_is_away(rig: Any, fetch: Any) -> None:
    rig.start()
    address = rig.serve(access_log=True)
    fetch(address, path="/before")
    rig.wait_for(lambda: entries(rig))
    rig.drop(listen_again=False)
    fetch(address, path="/while-away")
    rig.listen()
    rig.wait_for(lambda: len(rig.of(Hello)) == 2)
    assert rig.wait_for(lambda: any("/while-away" in one["request"] for one in entries(rig)))


def test_a_resumed_tls_session_is_shown_no_certificate(running: Any) -> None:
    """ "This value is set to session-reused if the session is reused." """
    authority = Authority()
    leaf = authority.leaf(("shop.example.com",))
    shown = Certificate(arn="arn:shop", names=leaf.names, chain_pem=leaf.chain_pem, key_pem=leaf.key_pem)
    https = {
        "arn": "s",
        "port": 443,
        "protocol": "HTTPS",
        "certificates": (shown,),
        "action": FixedResponse(status_code=200),
    }
    plain = ListenerSnapshot(arn="l", port=80, action=FixedResponse(status_code=200))
    rig = running
    rig.serve(listeners=())
    # opened in this order, and the rig waits for the plain one
    address = rig.serve(access_log=True, listeners=(ListenerSnapshot.model_validate(https), plain))
    context = ssl.create_default_context(cadata=authority.bundle_pem)
    session = None
    for _ in range(2):
        with (
            socket.create_connection((address, 8443), timeout=5) as connection,
            context.wrap_socket(connection, server_hostname="shop.example.com", session=session) as secured,
        ):
            secured.sendall(b"GET / HTTP/1.1\r\nHost: shop.example.com\r\n\r\n")
            assert secured.recv(4096).startswith(b"HTTP/1.1 200")
            session = secured.session

    def asked() -> list[dict[str, str]]:
        return [one for one in entries(rig) if one["domain_name"] == "shop.example.com"]

    rig.wait_for(lambda: len(asked()) == 2)
    assert [one["chosen_cert_arn"] for one in asked()] == ["arn:shop", "session-reused"]


@pytest.mark.parametrize(
    ("time_s", "text"),
    [
        (0.0, "1970-01-01T00:00:00.000000Z"),
        (1530570180.25, "2018-07-02T22:23:00.250000Z"),
        (1_800_000_000.5, "2027-01-15T08:00:00.500000Z"),
    ],
)
def test_times_have_microseconds(time_s: float, text: str) -> None:
    assert stamp(time_s) == text
