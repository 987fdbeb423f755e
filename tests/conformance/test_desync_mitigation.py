"""AWS's classification of requests and what each desync mitigation mode does with them.

Sources: ELB user guide, "Access logs for your Application Load Balancer" (classification reasons) and "Application Load
Balancers" (desync mitigation mode); cases after those of github.com/aws/http-desync-guardian.
"""

import pytest

from blackstart.emulator.decisions.desync import Handling, Reason, Tier, classify, handling
from blackstart.emulator.snapshot import DesyncMitigation

TE, CL = "Transfer-Encoding", "Content-Length"


@pytest.mark.parametrize(
    ("request_line", "headers", "tier", "reason"),
    [
        ("POST 1", {}, Tier.COMPLIANT, Reason.COMPLIANT),
        ("POST 1", {CL: "10"}, Tier.COMPLIANT, Reason.COMPLIANT),
        ("POST 1", {TE: "chunked"}, Tier.COMPLIANT, Reason.COMPLIANT),
        ("POST 1", {TE: "gzip"}, Tier.COMPLIANT, Reason.COMPLIANT),
        ("POST 1", {"X": "\x80\xff"}, Tier.COMPLIANT, Reason.COMPLIANT),
        ("GET 1", {CL: "0"}, Tier.ACCEPTABLE, Reason.GET_HEAD_ZERO_CONTENT_LENGTH),
        ("HEAD 1", {CL: "0"}, Tier.ACCEPTABLE, Reason.GET_HEAD_ZERO_CONTENT_LENGTH),
        ("GET 2", {}, Tier.ACCEPTABLE, Reason.NON_COMPLIANT_VERSION),
        ("GET 1", {"X": "a\x01"}, Tier.ACCEPTABLE, Reason.NON_COMPLIANT_HEADER),
        ("GET 1", {CL: "1000"}, Tier.AMBIGUOUS, Reason.UNDEFINED_CONTENT_LENGTH_SEMANTICS),
        ("HEAD 1", {CL: "1000"}, Tier.AMBIGUOUS, Reason.UNDEFINED_CONTENT_LENGTH_SEMANTICS),
        ("GET 1", {TE: "chunked"}, Tier.AMBIGUOUS, Reason.UNDEFINED_TRANSFER_ENCODING_SEMANTICS),
        ("HEAD 1", {TE: "chunked"}, Tier.AMBIGUOUS, Reason.UNDEFINED_TRANSFER_ENCODING_SEMANTICS),
        ("POST 0", {TE: "chunked"}, Tier.AMBIGUOUS, Reason.UNDEFINED_TRANSFER_ENCODING_SEMANTICS),
        ("POST 1", {TE: "chunked", CL: "100"}, Tier.AMBIGUOUS, Reason.BOTH_TE_CL_PRESENT),
        ("POST 1", {TE: "gzip", CL: "100"}, Tier.AMBIGUOUS, Reason.BOTH_TE_CL_PRESENT),
        ("PUT 1", {CL: "1000", "content-length": "1000"}, Tier.AMBIGUOUS, Reason.DUPLICATE_CONTENT_LENGTH),
        ("POST 1", {"Transfer_Encoding": "chunked"}, Tier.AMBIGUOUS, Reason.SUSPICIOUS_HEADER),
        ("POST 1", {"Transfer---Encoding": "chunked"}, Tier.AMBIGUOUS, Reason.SUSPICIOUS_HEADER),
        ("POST 1", {"Content_Length": "1000"}, Tier.AMBIGUOUS, Reason.SUSPICIOUS_HEADER),
        ("POST 1", {CL: "1000", "content-length": "100"}, Tier.SEVERE, Reason.MULTIPLE_CONTENT_LENGTH),
        ("POST 1", {CL: "1000,1000"}, Tier.SEVERE, Reason.BAD_CONTENT_LENGTH),
        ("POST 1", {CL: "1000 1000"}, Tier.SEVERE, Reason.BAD_CONTENT_LENGTH),
        ("POST 1", {CL: "1000.1000"}, Tier.SEVERE, Reason.BAD_CONTENT_LENGTH),
        ("POST 1", {CL: "18446744073709551616"}, Tier.SEVERE, Reason.BAD_CONTENT_LENGTH),
        ("POST 1", {CL: "1000\x11"}, Tier.SEVERE, Reason.BAD_CONTENT_LENGTH),
        ("POST 1", {TE: "xchunked"}, Tier.SEVERE, Reason.BAD_TRANSFER_ENCODING),
        ("POST 1", {TE: "chunked\x11"}, Tier.SEVERE, Reason.BAD_TRANSFER_ENCODING),
        ("POST 1", {TE: "chunked,chunked"}, Tier.SEVERE, Reason.MULTIPLE_TRANSFER_ENCODING_CHUNKED),
        (
            "POST 1",
            {TE: "chunked", "transfer-encoding": "chunked"},
            Tier.SEVERE,
            Reason.MULTIPLE_TRANSFER_ENCODING_CHUNKED,
        ),
        ("POST 1", {"X": "a\rb"}, Tier.SEVERE, Reason.BAD_HEADER),
        ("POST 1", {"X": "a\nb"}, Tier.SEVERE, Reason.BAD_HEADER),
        ("POST 1", {"X": "a\0b"}, Tier.SEVERE, Reason.BAD_HEADER),
    ],
)
def test_a_request_is_classified_as_aws_does(
    request_line: str, headers: dict[str, str], tier: Tier, reason: Reason
) -> None:
    method, minor = request_line.split()
    fields = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
    assert classify(method.encode(), int(minor), fields) == (tier, reason)


@pytest.mark.parametrize(
    ("tier", "monitor", "defensive", "strictest"),
    [
        (Tier.COMPLIANT, Handling.PASS, Handling.PASS, Handling.PASS),
        (Tier.ACCEPTABLE, Handling.PASS, Handling.PASS, Handling.BLOCK),
        (Tier.AMBIGUOUS, Handling.PASS, Handling.PASS_AND_CLOSE, Handling.BLOCK),
        (Tier.SEVERE, Handling.PASS, Handling.BLOCK, Handling.BLOCK),
    ],
)
def test_the_modes_let_pass_what_the_guides_table_says(
    tier: Tier, monitor: Handling, defensive: Handling, strictest: Handling
) -> None:
    modes = (DesyncMitigation.MONITOR, DesyncMitigation.DEFENSIVE, DesyncMitigation.STRICTEST)
    assert tuple(handling(mode, tier) for mode in modes) == (monitor, defensive, strictest)
