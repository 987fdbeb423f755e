"""Requests that two HTTP implementations could read differently, and what each mitigation mode does with them.

Only requests that can be read at all come here: a request line or header line that breaks the grammar of RFC 9112 is
answered 400 in every mode before it is classified.

Sources: ELB user guide, "Access logs for your Application Load Balancer" (classification reasons) and "Application Load
Balancers" (desync mitigation mode); the classifier that AWS publishes as github.com/aws/http-desync-guardian.
"""

import re
from collections.abc import Sequence
from enum import IntEnum, StrEnum
from typing import NamedTuple

from blackstart.emulator.snapshot import DesyncMitigation


class Tier(IntEnum):
    """How dangerous a request is; the higher, the worse."""

    COMPLIANT = 0
    ACCEPTABLE = 1
    AMBIGUOUS = 2
    SEVERE = 3


class Reason(StrEnum):
    """Why, as the access log writes it."""

    COMPLIANT = ""
    AMBIGUOUS_URI = "AmbiguousUri"
    BAD_CONTENT_LENGTH = "BadContentLength"
    BAD_HEADER = "BadHeader"
    BAD_METHOD = "BadMethod"
    BAD_TRANSFER_ENCODING = "BadTransferEncoding"
    BAD_URI = "BadUri"
    BAD_VERSION = "BadVersion"
    BOTH_TE_CL_PRESENT = "BothTeClPresent"
    DUPLICATE_CONTENT_LENGTH = "DuplicateContentLength"
    EMPTY_HEADER = "EmptyHeader"
    GET_HEAD_ZERO_CONTENT_LENGTH = "GetHeadZeroContentLength"
    MULTIPLE_CONTENT_LENGTH = "MultipleContentLength"
    MULTIPLE_TRANSFER_ENCODING_CHUNKED = "MultipleTransferEncodingChunked"
    NON_COMPLIANT_HEADER = "NonCompliantHeader"
    NON_COMPLIANT_VERSION = "NonCompliantVersion"
    SPACE_IN_URI = "SpaceInUri"
    SUSPICIOUS_HEADER = "SuspiciousHeader"
    UNDEFINED_CONTENT_LENGTH_SEMANTICS = "UndefinedContentLengthSemantics"
    UNDEFINED_TRANSFER_ENCODING_SEMANTICS = "UndefinedTransferEncodingSemantics"


class Classification(NamedTuple):
    tier: Tier
    reason: Reason


class Handling(StrEnum):
    """pass_and_close: route the request, then close the client's and the target's connection."""

    PASS = "pass"
    PASS_AND_CLOSE = "pass_and_close"
    BLOCK = "block"


COMPLIANT = Classification(Tier.COMPLIANT, Reason.COMPLIANT)
_DIGITS = re.compile(rb"[0-9]{1,19}")
_LARGEST_LENGTH = 2**63 - 1
_CONTROL = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
_NOT_ALPHANUMERIC = bytes(byte for byte in range(256) if not chr(byte).isascii() or not chr(byte).isalnum())
_SUSPECTS = {b"transferencoding": b"transfer-encoding", b"contentlength": b"content-length"}
_CODINGS = frozenset({b"chunked", b"compress", b"deflate", b"gzip", b"identity"})
_WITHOUT_BODY = frozenset({b"GET", b"HEAD"})


def handling(mode: DesyncMitigation, tier: Tier) -> Handling:
    """The table of the user guide: monitor lets everything pass, strictest only what complies."""
    if mode is DesyncMitigation.MONITOR or tier is Tier.COMPLIANT:
        return Handling.PASS
    if mode is DesyncMitigation.STRICTEST or tier is Tier.SEVERE:
        return Handling.BLOCK
    return Handling.PASS_AND_CLOSE if tier is Tier.AMBIGUOUS else Handling.PASS


def classify(method: bytes, http_minor: int, headers: Sequence[tuple[bytes, bytes]]) -> Classification:
    """The worst thing about a request; of several equally bad ones the first. http_minor: 1 of HTTP/1.1."""
    found = [*_of_header_texts(headers), *_of_framing(method, http_minor, headers)]
    if http_minor > 1:
        found.append(Classification(Tier.ACCEPTABLE, Reason.NON_COMPLIANT_VERSION))
    return max(found, key=lambda one: one.tier, default=COMPLIANT)


def content_length(value: bytes) -> int | None:
    """A Content-Length as a number; None for anything but plain digits, and for more than 63 bits."""
    if not _DIGITS.fullmatch(value):
        return None
    number = int(value)
    return number if number <= _LARGEST_LENGTH else None


def concerns_framing(name: bytes) -> bool:
    """Whether a header field is one of the two that frame a body, or looks like one."""
    return name.lower().translate(None, _NOT_ALPHANUMERIC) in _SUSPECTS


def _of_header_texts(headers: Sequence[tuple[bytes, bytes]]) -> list[Classification]:
    found = []
    for name, value in headers:
        key = name.lower()
        if _SUSPECTS.get(key.translate(None, _NOT_ALPHANUMERIC), key) != key:
            found.append(Classification(Tier.AMBIGUOUS, Reason.SUSPICIOUS_HEADER))
        if _CONTROL.search(value):
            bad = b"\0" in value or b"\r" in value or b"\n" in value
            tier, reason = (Tier.SEVERE, Reason.BAD_HEADER) if bad else (Tier.ACCEPTABLE, Reason.NON_COMPLIANT_HEADER)
            found.append(Classification(tier, reason))
    return found


def _of_framing(method: bytes, http_minor: int, headers: Sequence[tuple[bytes, bytes]]) -> list[Classification]:
    codings = [value for name, value in headers if name.lower() == b"transfer-encoding"]
    lengths = [value for name, value in headers if name.lower() == b"content-length"]
    if codings and http_minor == 0:
        return [Classification(Tier.AMBIGUOUS, Reason.UNDEFINED_TRANSFER_ENCODING_SEMANTICS)]
    found = [*_of_codings(codings), *_of_lengths(lengths)]
    if method in _WITHOUT_BODY and codings:
        found.append(Classification(Tier.AMBIGUOUS, Reason.UNDEFINED_TRANSFER_ENCODING_SEMANTICS))
    if method in _WITHOUT_BODY and lengths:
        found.append(
            Classification(Tier.AMBIGUOUS, Reason.UNDEFINED_CONTENT_LENGTH_SEMANTICS)
            if content_length(lengths[0])
            else Classification(Tier.ACCEPTABLE, Reason.GET_HEAD_ZERO_CONTENT_LENGTH)
        )
    if codings and lengths:
        found.append(Classification(Tier.AMBIGUOUS, Reason.BOTH_TE_CL_PRESENT))
    return found


def _of_codings(values: Sequence[bytes]) -> list[Classification]:
    codings = [coding.split(b";")[0].strip(b" \t").lower() for value in values for coding in value.split(b",")]
    found = []
    if any(coding not in _CODINGS for coding in codings):
        found.append(Classification(Tier.SEVERE, Reason.BAD_TRANSFER_ENCODING))
    if codings.count(b"chunked") > 1:
        found.append(Classification(Tier.SEVERE, Reason.MULTIPLE_TRANSFER_ENCODING_CHUNKED))
    return found


def _of_lengths(values: Sequence[bytes]) -> list[Classification]:
    numbers = [content_length(value) for value in values]
    if None in numbers:
        return [Classification(Tier.SEVERE, Reason.BAD_CONTENT_LENGTH)]
    if len(set(numbers)) > 1:
        return [Classification(Tier.SEVERE, Reason.MULTIPLE_CONTENT_LENGTH)]
    if len(numbers) > 1:
        return [Classification(Tier.AMBIGUOUS, Reason.DUPLICATE_CONTENT_LENGTH)]
    return []
