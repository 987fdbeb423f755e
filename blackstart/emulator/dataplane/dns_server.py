"""A DNS server for load-balancer names, over UDP and TCP.

Source: RFC 1035, RFC 6891 (EDNS); ELB user guide, "How Elastic Load Balancing works" (A records of all nodes, TTL 60).
"""

import asyncio
import os
from collections.abc import Callable
from typing import Any, cast

from dnslib import CLASS, EDNS0, OPCODE, QTYPE, RCODE, RR, A, DNSError, DNSRecord

from blackstart.domain.errors import EmulatorError
from blackstart.emulator.decisions.dns_answer import RECORD_TTL_S, DnsNode, rotated_addresses

_EDNS_PAYLOAD_BYTES = 1232
_BAD_VERSION = 1  # BADVERS is 16: the upper bits of the code stand in the OPT record

NodesOf = Callable[[str], tuple[DnsNode, ...] | None]


class Resolver:
    """nodes_of: the nodes in DNS under a name in lower case without final dot; None for an unknown name."""

    def __init__(self, nodes_of: NodesOf) -> None:
        self._nodes_of = nodes_of
        self._turns: dict[str, int] = {}

    def answer(self, packet: bytes) -> bytes | None:
        """The answer to one query; None for what is no query at all."""
        try:
            query = DNSRecord.parse(packet)
        except DNSError:
            return None
        if query.header.qr or not query.questions:
            return None
        reply = query.reply(ra=0)
        version = _edns_version(query)
        if version is not None:
            reply.add_ar(EDNS0(udp_len=_EDNS_PAYLOAD_BYTES, ext_rcode=_BAD_VERSION if version else 0))
        if not version:
            reply.header.rcode = self._fill(query, reply)
        return bytes(reply.pack())

    def _fill(self, query: Any, reply: Any) -> int:
        """Put the records into a reply; returns its code. A name that exists has no records but A."""
        if query.header.opcode != OPCODE.QUERY:
            return int(RCODE.NOTIMP)
        if len(query.questions) > 1:
            return int(RCODE.FORMERR)
        if query.q.qclass != CLASS.IN:
            return int(RCODE.REFUSED)
        name = str(query.q.qname).rstrip(".").lower()
        nodes = self._nodes_of(name)
        if nodes is None:
            return int(RCODE.NXDOMAIN)
        if query.q.qtype in (QTYPE.A, QTYPE.ANY):
            turn = self._turns.get(name, 0)
            self._turns[name] = turn + 1
            for address in rotated_addresses(nodes, turn):
                reply.add_answer(RR(query.q.qname, QTYPE.A, rdata=A(address), ttl=RECORD_TTL_S))
        return int(RCODE.NOERROR)


def _edns_version(query: Any) -> int | None:
    """None for a query without EDNS."""
    return next((record.edns_ver for record in query.ar if record.rtype == QTYPE.OPT), None)


class DnsServer:
    """Serves one address and port; both transports or an error."""

    def __init__(self, resolver: Resolver) -> None:
        self._resolver = resolver
        self._udp: asyncio.DatagramTransport | None = None
        self._tcp: asyncio.Server | None = None

    async def open(self, address: str, port: int) -> None:
        """Raises EmulatorError when the port cannot be bound."""
        loop = asyncio.get_running_loop()
        try:
            self._udp, _ = await loop.create_datagram_endpoint(
                lambda: _Datagrams(self._resolver), local_addr=(address, port)
            )
            self._tcp = await loop.create_server(lambda: _Stream(self._resolver), address, port)
        except OSError as error:
            self.close()
            raise EmulatorError(
                f"the DNS server cannot listen on {address}:{port}: {os.strerror(error.errno or 0)}",
                "Another emulator may be running; stop it or choose another DNS port.",
            ) from error

    def close(self) -> None:
        if self._udp is not None:
            self._udp.close()
        if self._tcp is not None:
            self._tcp.close()


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, resolver: Resolver) -> None:
        self._resolver = resolver
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        answer = self._resolver.answer(data)
        if answer is not None and self._transport is not None:
            self._transport.sendto(answer, addr)


class _Stream(asyncio.Protocol):
    """TCP: each message has its length in two bytes before it."""

    def __init__(self, resolver: Resolver) -> None:
        self._resolver = resolver
        self._transport: asyncio.Transport | None = None
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._received += data
        while len(self._received) >= 2:
            end = 2 + int.from_bytes(self._received[:2], "big")
            if len(self._received) < end:
                return
            packet, self._received = self._received[2:end], self._received[end:]
            self._answer(packet)

    def _answer(self, packet: bytes) -> None:
        if self._transport is None:
            return
        answer = self._resolver.answer(packet)
        if answer is None:
            self._transport.close()
        else:
            self._transport.write(len(answer).to_bytes(2, "big") + answer)
