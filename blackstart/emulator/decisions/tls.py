"""Which certificate a TLS client is shown, and which versions of TLS a security policy lets it speak.

Sources: Application Load Balancer user guide, "SSL certificates" (certificate selection) and "Security policies".
"""

import re
from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple


class ShownCertificate(NamedTuple):
    """What selection looks at. names: of the hosts it stands for. rank: higher is better, as AWS orders certificates
    that match alike: elliptic before RSA, then the longer hash, the longer key, the longer validity.
    """

    names: tuple[str, ...]
    rank: tuple[int, ...] = ()


class CertificateReason(StrEnum):
    NO_NAME = "the client named no host: the default certificate"
    NO_MATCH = "no certificate has the name: the default certificate"
    MATCH = "the best of those with the name"


class ChosenCertificate(NamedTuple):
    """position: in the listener's certificates."""

    position: int
    reason: CertificateReason


def choose_certificate(certificates: Sequence[ShownCertificate], server_name: str | None) -> ChosenCertificate:
    """The certificate for a host that a client names by SNI; the first one is the listener's default.

    Differs from AWS: of certificates that are alike in everything that AWS names, the one with the exact name wins
    over a wildcard, then the one that was added first; AWS publishes no order for these. Whether the client supports
    a certificate and whether it has expired is not looked at.
    """
    if not server_name:
        return ChosenCertificate(0, CertificateReason.NO_NAME)
    host = server_name.rstrip(".").lower()
    matching = [
        (certificate.rank, host in (name.lower() for name in certificate.names), -index)
        for index, certificate in enumerate(certificates)
        if any(covers(name, host) for name in certificate.names)
    ]
    if not matching:
        return ChosenCertificate(0, CertificateReason.NO_MATCH)
    return ChosenCertificate(-max(matching)[2], CertificateReason.MATCH)


def covers(name: str, host: str) -> bool:
    """Whether a certificate's name stands for a host (lower case); a wildcard is one whole label, the first."""
    name = name.lower()
    if not name.startswith("*."):
        return name == host
    return name[1:] == "." + host.partition(".")[2] and not host.startswith(".")


class TlsVersions(NamedTuple):
    """Minor versions of TLS 1, both included."""

    lowest: int
    highest: int


_WITH_13 = re.compile(r"-TLS13-1-(\d)-")
_UP_TO_12 = re.compile(r"-(?:TLS|FS)-1-(\d)-")


def versions_of(policy: str) -> TlsVersions:
    """The versions that a security policy allows, read from its name as AWS forms them; its ciphers are not.

    ELBSecurityPolicy-2016-08, -FS-2018-06 and names that follow no pattern allow TLS 1.0 to 1.2.
    """
    if with_13 := _WITH_13.search(policy):
        return TlsVersions(int(with_13[1]), 3)
    if up_to_12 := _UP_TO_12.search(policy):
        return TlsVersions(int(up_to_12[1]), 2)
    return TlsVersions(0, 2)
