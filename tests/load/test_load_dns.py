"""The lookups, against a DNS server of dnslib on loopback."""

from collections.abc import Iterator
from contextlib import nullcontext
from time import monotonic

import pytest
from dnslib import CNAME, QTYPE, RCODE, RR, A, DNSRecord
from dnslib.server import BaseResolver, DNSServer

from blackstart.load.dns_lookup import ATTEMPT_TIMEOUT_S, ATTEMPTS, fixed_address, from_server, from_system
from blackstart.load.resolver import Answer, CachingResolver, UnresolvedError

NAME = "web.elb.test"


class Zone(BaseResolver):  # type: ignore[misc]
    """Answers with the records of the moment and counts the questions."""

    def __init__(self) -> None:
        self.records: list[RR] = []
        self.asked = 0

    def resolve(self, request: DNSRecord, handler: object) -> DNSRecord:
        self.asked += 1
        reply = request.reply()
        reply.add_answer(*self.records)
        if not self.records:
            reply.header.rcode = RCODE.NXDOMAIN
        return reply


def address(of: str, ttl_s: int, name: str = NAME) -> RR:
    return RR(name, QTYPE.A, rdata=A(of), ttl=ttl_s)


@pytest.fixture
def zone() -> Zone:
    return Zone()


@pytest.fixture
def server(zone: Zone) -> Iterator[tuple[str, int]]:
    dns = DNSServer(zone, address="127.0.0.1", port=0, logger=None)
    dns.server.logger = type("Silent", (), {"__getattr__": lambda self, name: lambda *_: None})()
    dns.start_thread()
    yield dns.server.server_address
    dns.stop()
    dns.server.server_close()


def test_addresses_come_in_the_servers_order_with_their_ttl(zone: Zone, server: tuple[str, int]) -> None:
    zone.records = [address("127.0.0.12", 60), address("127.0.0.11", 60)]
    assert from_server(server, 10.0)(NAME) == Answer(("127.0.0.12", "127.0.0.11"), 60.0)


def test_an_alias_shortens_the_ttl(zone: Zone, server: tuple[str, int]) -> None:
    zone.records = [
        RR(NAME, QTYPE.CNAME, rdata=CNAME("a.test"), ttl=5),
        address("127.0.0.12", 60, name="a.test"),
    ]
    assert from_server(server, 10.0)(NAME) == Answer(("127.0.0.12",), 5.0)


def test_a_name_the_server_does_not_know_is_unresolved(server: tuple[str, int]) -> None:
    with pytest.raises(UnresolvedError, match="knows no address"):
        from_server(server, 10.0)(NAME)


def test_a_server_that_is_not_there_is_unresolved(free_port: int) -> None:
    with pytest.raises(UnresolvedError):
        from_server(("127.0.0.1", free_port), 10.0)(NAME)


def test_a_silent_server_is_asked_twice_and_then_unresolved(silent_server: tuple[str, int]) -> None:
    speed = 50.0
    began = monotonic()
    with pytest.raises(UnresolvedError, match="no answer"):
        from_server(silent_server, speed)(NAME)
    assert monotonic() - began == pytest.approx(ATTEMPTS * ATTEMPT_TIMEOUT_S / speed, abs=0.15)


def test_the_ttl_is_honoured_against_a_real_server(zone: Zone, server: tuple[str, int]) -> None:
    now_real_s = [0.0]
    resolver = CachingResolver(from_server(server, 10.0), lambda: now_real_s[0], 10.0, nullcontext())
    zone.records = [address("127.0.0.11", 60)]
    assert resolver.resolve(NAME) == ("127.0.0.11",)
    zone.records = [address("127.0.0.12", 60)]
    now_real_s[0] = 5.9
    assert resolver.resolve(NAME) == ("127.0.0.11",)
    now_real_s[0] = 6.0
    assert resolver.resolve(NAME) == ("127.0.0.12",)
    assert zone.asked == 2


def test_an_address_needs_no_lookup() -> None:
    lookup = fixed_address("127.0.0.7")
    assert lookup is not None
    assert lookup("127.0.0.7") == Answer(("127.0.0.7",), float("inf"))
    assert fixed_address("web.test") is None


def test_the_systems_resolver_knows_localhost_and_not_an_invalid_name() -> None:
    assert "127.0.0.1" in from_system("localhost").addresses
    with pytest.raises(UnresolvedError):
        from_system("no-such-name.invalid")
