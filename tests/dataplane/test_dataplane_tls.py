"""TLS listeners and listeners that the network cuts off, of a real data-plane process."""

import http.client
import socket
import ssl
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import trustme

from blackstart.emulator.adapters.authority import Authority
from blackstart.emulator.protocol import Counters, Hello, Lag
from blackstart.emulator.snapshot import Certificate, FixedResponse, ListenerSnapshot, NodeSnapshot, Reach

FIXED = FixedResponse(status_code=200, body="fixed")
AUTHORITY = Authority()


def certificate(*names: str) -> Certificate:
    leaf = AUTHORITY.leaf(tuple(names))
    return Certificate(arn=f"arn:{names[0]}", names=leaf.names, chain_pem=leaf.chain_pem, key_pem=leaf.key_pem)


def rsa_certificate(*names: str) -> Certificate:
    leaf = trustme.CA().issue_cert(*names, key_type=trustme.KeyType.RSA)
    chain, key = leaf.cert_chain_pems[0].bytes().decode(), leaf.private_key_pem.bytes().decode()
    return Certificate(arn=f"arn:rsa:{names[0]}", names=names, chain_pem=chain, key_pem=key)


def https(*certificates: Certificate, policy: str = "ELBSecurityPolicy-TLS13-1-2-2021-06", **changes: Any) -> Any:
    fields = {"arn": "l", "port": 443, "protocol": "HTTPS", "action": FIXED, "tls_policy": policy}
    return ListenerSnapshot(**{**fields, "certificates": certificates, **changes})


def served(rig: Any, listener: ListenerSnapshot) -> str:
    """A data plane with this one listener; its address, once it listens."""
    if not rig.of(Hello):
        rig.start()
    rig.serve(listeners=())
    change(rig, listeners=(listener,))
    address: str = rig.snapshot.load_balancers[0].nodes[0].address
    rig.wait_for(lambda: accepts(address, 8443) or accepts(address, 8080))
    return address


def change(rig: Any, **changes: Any) -> None:
    """Change the load balancer and wait until the data plane has the new snapshot: messages are handled in order."""
    rig.change(load_balancers=(rig.snapshot.load_balancers[0].model_copy(update=changes),))


def accepts(address: str, port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((address, port)) == 0


def trusting(**settings: Any) -> ssl.SSLContext:
    context = ssl.create_default_context(cadata=AUTHORITY.bundle_pem)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        for name, value in settings.items():
            setattr(context, name, value)
    return context


@contextmanager
def session(
    address: str, name: str | None, context: ssl.SSLContext | None = None, **options: Any
) -> Iterator[ssl.SSLSocket]:
    with (
        socket.create_connection((address, 8443), timeout=5) as plain,
        (context or trusting()).wrap_socket(plain, server_hostname=name, **options) as secured,
    ):
        yield secured


def ask(secured: socket.socket) -> bytes:
    """The body of GET / on a connection that stays open."""
    secured.sendall(b"GET / HTTP/1.1\r\nHost: any\r\n\r\n")
    response = http.client.HTTPResponse(secured)
    response.begin()
    return response.read()


def shown(address: str, name: str, **options: Any) -> tuple[str, ...]:
    """The names of the certificate that a client which asks for a name, and checks none, is shown."""
    context = trusting(check_hostname=False)
    with session(address, name, context, **options) as secured:
        return tuple(value for _, value in secured.getpeercert()["subjectAltName"])  # type: ignore[index,union-attr,misc]


def test_a_client_that_trusts_the_bundle_is_served_over_tls_and_its_connection_is_kept(shared_rig: Any) -> None:
    address = served(shared_rig, https(certificate("shop.example.com")))
    with session(address, "shop.example.com") as secured:
        assert (ask(secured), ask(secured)) == (b"fixed", b"fixed")
        assert secured.version() == "TLSv1.3"


def test_http_1_1_is_all_that_is_negotiated(shared_rig: Any) -> None:
    address = served(shared_rig, https(certificate("shop.example.com")))
    context = trusting()
    context.set_alpn_protocols(["h2", "http/1.1"])
    with session(address, "shop.example.com", context) as secured:
        assert secured.selected_alpn_protocol() == "http/1.1"


def test_the_certificate_is_chosen_by_the_name_that_the_client_asks_for(shared_rig: Any) -> None:
    listener = https(
        certificate("default.example.com"), certificate("*.shop.example.com"), certificate("a.example.org")
    )
    address = served(shared_rig, listener)
    assert shown(address, "www.shop.example.com") == ("*.shop.example.com",)
    assert shown(address, "A.Example.org") == ("a.example.org",)
    assert shown(address, "unknown.example.net") == ("default.example.com",)


def test_a_client_that_names_no_host_is_shown_the_default_certificate(shared_rig: Any) -> None:
    address = served(shared_rig, https(certificate("default.example.com"), certificate("a.example.org")))
    with session(address, None, trusting(check_hostname=False)) as secured:
        peer = secured.getpeercert()
    assert peer is not None
    assert peer["subjectAltName"] == (("DNS", "default.example.com"),)


def test_new_certificates_and_rules_reach_new_connections_and_leave_the_open_ones(shared_rig: Any) -> None:
    address = served(shared_rig, https(certificate("old.example.com")))
    with session(address, "old.example.com") as secured:
        ask(secured)
        change(
            shared_rig,
            listeners=(https(certificate("new.example.com"), action=FixedResponse(status_code=200, body="2")),),
        )
        shared_rig.wait_for(lambda: shown(address, "any.example.com") == ("new.example.com",))
        assert ask(secured) == b"2"


def test_handshakes_that_fail_are_counted_and_no_request(rig: Any) -> None:
    address = served(rig, https(certificate("shop.example.com")))
    with (
        pytest.raises(ssl.SSLCertVerificationError),
        session(address, "shop.example.com", ssl.create_default_context()),
    ):
        pass
    with socket.create_connection((address, 8443), timeout=5) as plain:
        plain.sendall(b"GET / HTTP/1.1\r\nHost: any\r\n\r\n")
        assert plain.recv(100) == b""

    def errors() -> int:
        return sum(row.tls_errors for counters in rig.of(Counters) for row in counters.rows)

    opened_and_closed_by_this_test = 1  # to see whether the port listens
    rig.wait_for(lambda: errors() == 2 + opened_and_closed_by_this_test)
    assert sum(row.requests for counters in rig.of(Counters) for row in counters.rows) == 0


@pytest.mark.parametrize(
    ("policy", "highest", "spoken"),
    [
        ("ELBSecurityPolicy-2016-08", ssl.TLSVersion.TLSv1_3, "TLSv1.2"),
        ("ELBSecurityPolicy-TLS13-1-3-2021-06", ssl.TLSVersion.TLSv1_2, None),
        ("ELBSecurityPolicy-2016-08", ssl.TLSVersion.TLSv1_1, "TLSv1.1"),
    ],
)
def test_a_security_policy_decides_which_versions_are_spoken(
    shared_rig: Any, policy: str, highest: ssl.TLSVersion, spoken: str | None
) -> None:
    address = served(shared_rig, https(certificate("shop.example.com"), policy=policy))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context = trusting(minimum_version=ssl.TLSVersion.TLSv1, maximum_version=highest)
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    if spoken is None:
        with pytest.raises(ssl.SSLError), session(address, "shop.example.com", context):
            pass
    else:
        with session(address, "shop.example.com", context) as secured:
            assert secured.version() == spoken


def test_of_certificates_with_the_name_the_elliptic_one_is_shown(shared_rig: Any) -> None:
    address = served(shared_rig, https(rsa_certificate("shop.example.com"), certificate("shop.example.com")))
    assert shown(address, "shop.example.com") == ("shop.example.com",)  # the other is of an authority not trusted


def test_a_listener_without_a_usable_certificate_is_a_problem_and_heals(shared_rig: Any) -> None:
    broken = Certificate(arn="arn:broken", names=("shop.example.com",), chain_pem="no PEM", key_pem="none")
    address = served(shared_rig, https(broken))

    def problems() -> str:
        lags = shared_rig.of(Lag)
        return "\n".join(lags[-1].listener_problems) if lags else "-"

    assert "certificate arn:broken cannot be used" in shared_rig.wait_for(lambda: "broken" in problems() and problems())
    change(shared_rig, listeners=(https(certificate("shop.example.com")),))
    shared_rig.wait_for(lambda: problems() == "")
    assert shown(address, "shop.example.com") == ("shop.example.com",)


def test_a_listener_that_changes_to_https_keeps_its_port_and_its_open_connections(shared_rig: Any) -> None:
    plain = ListenerSnapshot(arn="l", port=8443, action=FIXED)
    address = served(shared_rig, plain)
    with socket.create_connection((address, 8443), timeout=5) as kept:
        assert ask(kept) == b"fixed"
        change(shared_rig, listeners=(https(certificate("shop.example.com"), port=8443),))

        def secured() -> bool:
            try:
                return shown(address, "shop.example.com") == ("shop.example.com",)
            except (ssl.SSLError, OSError):
                return False

        shared_rig.wait_for(secured)
        assert ask(kept) == b"fixed"


def test_a_deleted_load_balancer_cuts_its_tls_clients_off(shared_rig: Any) -> None:
    address = served(shared_rig, https(certificate("shop.example.com")))
    with session(address, "shop.example.com") as secured:
        ask(secured)
        shared_rig.change(load_balancers=())
        assert secured.recv(10) == b""
        shared_rig.wait_for(lambda: not accepts(address, 8443))


def cut(rig: Any, reach: Reach | None) -> None:
    node = rig.snapshot.load_balancers[0].nodes[0]
    cuts = {} if reach is None else {80: reach}
    change(rig, nodes=(NodeSnapshot(zone=node.zone, address=node.address, listeners_cut=cuts),))


def answers(address: str) -> bool:
    """Whether a new connection is accepted at once: on loopback that takes no time when anybody listens."""
    with socket.socket() as probe:
        probe.settimeout(0.15)
        return probe.connect_ex((address, 8080)) == 0


def test_a_security_group_that_shuts_clients_out_drops_new_connections_and_leaves_open_ones(shared_rig: Any) -> None:
    address = served(shared_rig, ListenerSnapshot(arn="l", port=80, action=FIXED))
    with socket.create_connection((address, 8080), timeout=5) as kept:
        assert ask(kept) == b"fixed"
        cut(shared_rig, Reach.TRACKED)
        shared_rig.wait_for(lambda: not answers(address))
        assert ask(kept) == b"fixed"
        cut(shared_rig, None)
        shared_rig.wait_for(lambda: answers(address))
        assert ask(kept) == b"fixed"


def test_a_network_that_is_cut_silences_open_connections_too_and_they_go_on_when_it_is_back(shared_rig: Any) -> None:
    address = served(shared_rig, ListenerSnapshot(arn="l", port=80, action=FIXED))
    with socket.create_connection((address, 8080), timeout=5) as kept:
        assert ask(kept) == b"fixed"
        cut(shared_rig, Reach.SILENT)
        shared_rig.wait_for(lambda: not answers(address))
        kept.sendall(b"GET / HTTP/1.1\r\nHost: any\r\n\r\n")
        kept.settimeout(0.3)
        with pytest.raises(TimeoutError):
            kept.recv(10)
        cut(shared_rig, None)
        shared_rig.wait_for(lambda: answers(address))
        kept.settimeout(5)
        response = http.client.HTTPResponse(kept)
        response.begin()
        assert response.read() == b"fixed"


def test_a_cut_refuses_nobody(shared_rig: Any) -> None:
    address = served(shared_rig, ListenerSnapshot(arn="l", port=80, action=FIXED))
    cut(shared_rig, Reach.TRACKED)
    shared_rig.wait_for(lambda: not answers(address))
    with socket.socket() as client:
        client.settimeout(0.3)
        started = time.monotonic()
        with pytest.raises(TimeoutError):
            client.connect((address, 8080))
        assert time.monotonic() - started >= 0.3
