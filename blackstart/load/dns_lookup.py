"""Two ways to look a name up from a greenlet: a given DNS server over UDP, or the system's resolver."""

import socket as stdlib_socket
from ipaddress import IPv4Address

from dnslib import QTYPE, DNSError, DNSRecord
from gevent import socket

from blackstart.load.resolver import Answer, Lookup, UnresolvedError

ATTEMPTS = 2
ATTEMPT_TIMEOUT_S = 5.0
"""Virtual seconds, as in resolv.conf: `timeout:5 attempts:2`."""
SYSTEM_TTL_S = 1.0
"""getaddrinfo tells no TTL. The system's stub counts it; this only spares a call per request."""


def fixed_address(host: str) -> Lookup | None:
    """The lookup of a host that is an IPv4 address already; None for a name."""
    try:
        address = str(IPv4Address(host))
    except ValueError:
        return None
    return lambda _: Answer((address,), float("inf"))


def from_system(name: str) -> Answer:
    """IPv4 addresses of the system's resolver. Raises UnresolvedError."""
    try:
        found = socket.getaddrinfo(name, None, stdlib_socket.AF_INET, stdlib_socket.SOCK_STREAM)
    except stdlib_socket.gaierror as problem:
        raise UnresolvedError(name) from problem
    return Answer(tuple(dict.fromkeys(info[4][0] for info in found)), SYSTEM_TTL_S)


def from_server(server: tuple[str, int], speed: float) -> Lookup:
    """A lookup that asks one server for A records. speed: virtual seconds in one wall second, for its timeouts."""
    timeout_real_s = ATTEMPT_TIMEOUT_S / speed

    def lookup(name: str) -> Answer:
        question = DNSRecord.question(name)
        with socket.socket(stdlib_socket.AF_INET, stdlib_socket.SOCK_DGRAM) as udp:
            udp.connect(server)
            udp.settimeout(timeout_real_s)
            for _ in range(ATTEMPTS):
                try:
                    udp.send(question.pack())
                    return _addresses(name, udp.recv(4096), question.header.id)
                except TimeoutError:
                    continue
                except (OSError, DNSError) as problem:
                    raise UnresolvedError(f"{name}: {problem}") from problem
        raise UnresolvedError(f"{name}: no answer from {server[0]}:{server[1]}")

    return lookup


def _addresses(name: str, packet: bytes, question_id: int) -> Answer:
    """The answer lives as long as its shortest-lived record, aliases included."""
    reply = DNSRecord.parse(packet)
    records = [record for record in reply.rr if record.rtype in (QTYPE.A, QTYPE.CNAME)]
    addresses = tuple(str(record.rdata) for record in records if record.rtype == QTYPE.A)
    if reply.header.id != question_id or not addresses:
        raise UnresolvedError(f"{name}: the server knows no address")
    return Answer(addresses, float(min(record.ttl for record in records)))
