"""Answers of the DNS server, packet by packet, without a socket."""

from typing import Any

import pytest
from dnslib import CLASS, EDNS0, OPCODE, QTYPE, RCODE, DNSHeader, DNSQuestion, DNSRecord
from hypothesis import given
from hypothesis import strategies as st

from blackstart.emulator.dataplane.dns_server import Resolver
from blackstart.emulator.decisions.dns_answer import DnsNode

NODES = (DnsNode(zone="a", address="127.0.0.1"), DnsNode(zone="b", address="127.0.0.2"))
BAD_VERSION = 16


def resolver() -> Resolver:
    return Resolver({"web.example": NODES}.get)


def ask(query: Any) -> Any:
    answer = resolver().answer(query.pack())
    assert answer is not None
    return DNSRecord.parse(answer)


@pytest.mark.parametrize("kind", ["AAAA", "NS", "SOA", "CNAME", "MX", "TXT", "HTTPS"])
def test_a_load_balancers_name_has_no_records_but_addresses(kind: str) -> None:
    answer = ask(DNSRecord.question("web.example", kind))
    assert (answer.header.rcode, answer.rr) == (RCODE.NOERROR, [])
    assert answer.header.aa
    assert not answer.header.ra


@pytest.mark.parametrize("kind", ["A", "ANY"])
def test_addresses_are_answered_in_the_spelling_that_was_asked(kind: str) -> None:
    answer = ask(DNSRecord.question("wEb.ExAmPlE", kind))
    assert [str(record.rdata) for record in answer.rr] == ["127.0.0.1", "127.0.0.2"]
    assert {str(record.rname) for record in answer.rr} == {"wEb.ExAmPlE."} == {str(answer.q.qname)}


def test_an_unknown_name_does_not_exist_whatever_is_asked_of_it() -> None:
    assert {ask(DNSRecord.question("gone.example", kind)).header.rcode for kind in ("A", "AAAA", "NS")} == {
        RCODE.NXDOMAIN
    }


def test_a_query_with_edns_gets_an_answer_with_edns() -> None:
    query = DNSRecord.question("web.example")
    query.add_ar(EDNS0(udp_len=4096))
    answer = ask(query)
    assert [(record.rtype, record.rclass) for record in answer.ar] == [(QTYPE.OPT, 1232)]
    assert len(answer.rr) == 2
    assert ask(DNSRecord.question("web.example")).ar == []


def test_an_unknown_version_of_edns_is_refused_as_such() -> None:
    query = DNSRecord.question("web.example")
    query.add_ar(EDNS0(version=1))
    answer = ask(query)
    assert (answer.ar[0].edns_rcode << 4) + answer.header.rcode == BAD_VERSION
    assert answer.rr == []


def test_what_the_server_does_not_do_is_refused_by_its_code() -> None:
    name = "web.example"
    two = DNSRecord(DNSHeader(), questions=[DNSQuestion(name), DNSQuestion(name)])
    chaos = DNSRecord(DNSHeader(), q=DNSQuestion(name, QTYPE.A, CLASS.CH))
    update = DNSRecord(DNSHeader(opcode=OPCODE.UPDATE), q=DNSQuestion(name))
    assert [ask(query).header.rcode for query in (two, chaos, update)] == [
        RCODE.FORMERR,
        RCODE.REFUSED,
        RCODE.NOTIMP,
    ]


def test_an_answer_sent_as_a_query_is_ignored() -> None:
    assert resolver().answer(DNSRecord.question("web.example").reply().pack()) is None


@given(st.binary(max_size=80), st.dictionaries(st.integers(0, 28), st.integers(0, 255), max_size=4))
def test_no_packet_can_break_the_server(noise: bytes, changes: dict[int, int]) -> None:
    packet = bytearray(DNSRecord.question("web.example").pack())
    for place, value in changes.items():
        packet[place] = value
    for tried in (noise, bytes(packet), bytes(packet) + noise):
        answer = resolver().answer(tried)
        assert answer is None or answer[:2] == tried[:2]
