"""TLS towards clients: one context for each certificate, chosen by the name that the client asks for.

A listener's server keeps one context for as long as it listens; certificates and policy change inside it, so that a
change concerns handshakes from then on and no open connection.
"""

import asyncio
import os
import ssl
import warnings
import weakref
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from blackstart.emulator.decisions.tls import ShownCertificate, choose_certificate, versions_of
from blackstart.emulator.snapshot import Certificate, ListenerSnapshot

_VERSIONS = (ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1, ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3)
_OLD_CIPHERS = "DEFAULT:@SECLEVEL=0"  # without it OpenSSL has no signature for TLS 1.0 and 1.1
SESSION_REUSED = "session-reused"


class _Shown(NamedTuple):
    certificate: Certificate
    context: ssl.SSLContext
    facts: ShownCertificate


class ListenerTls:
    """What a listener shows its clients. context: to be given to its server. problems: of certificates, in words."""

    def __init__(self) -> None:
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.sni_callback = self._choose  # called without a name too
        self.problems: tuple[str, ...] = ()
        self._shown: list[_Shown] = []
        self._asked: weakref.WeakKeyDictionary[ssl.SSLObject, tuple[str, str]] = weakref.WeakKeyDictionary()

    def update(self, snapshot: ListenerSnapshot) -> None:
        """Take the certificates and the policy of a snapshot, for handshakes that begin from now on."""
        known = {shown.certificate: shown for shown in self._shown}
        problems: list[str] = []
        self._shown = []
        for certificate in snapshot.certificates:
            try:
                self._shown.append(known.get(certificate) or _shown(certificate))
            except (ssl.SSLError, ValueError) as error:
                problems.append(f"certificate {certificate.arn} cannot be used: {error}")
        for context in (self.context, *(shown.context for shown in self._shown)):
            _allow_versions(context, snapshot.tls_policy)
        if not self._shown:
            problems.append("it has no certificate to show, so that no client can connect")
        self.problems = tuple(problems)

    def shown_to(self, transport: asyncio.BaseTransport) -> tuple[str, str]:
        """Of a connection whose handshake is over: the name that the client asked for ("" for none), and the ARN of
        the certificate that it was shown, `SESSION_REUSED` when it came back with a session and was shown none.
        """
        session: ssl.SSLObject = transport.get_extra_info("ssl_object")
        server_name, arn = self._asked.get(session, ("", ""))
        return server_name, SESSION_REUSED if session.session_reused else arn

    def _choose(self, session: ssl.SSLObject, server_name: str | None, _: ssl.SSLContext) -> None:
        if not self._shown:
            return
        chosen = self._shown[choose_certificate([shown.facts for shown in self._shown], server_name).position]
        session.context = chosen.context
        self._asked[session] = (server_name or "", chosen.certificate.arn)


def _allow_versions(context: ssl.SSLContext, policy: str) -> None:
    versions = versions_of(policy)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # a listener may still allow what Python advises against
        context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED  # or the other could not be set below it
        context.maximum_version = _VERSIONS[versions.highest]
        context.minimum_version = _VERSIONS[versions.lowest]
    context.set_ciphers(_OLD_CIPHERS if versions.lowest < 2 else "DEFAULT")


def _shown(certificate: Certificate) -> _Shown:
    """Raises ssl.SSLError or ValueError for a certificate or key that OpenSSL does not take."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_alpn_protocols(["http/1.1"])
    descriptor = os.memfd_create("certificate")  # ssl reads files only, and a key does not belong on a disk
    try:
        os.write(descriptor, f"{certificate.key_pem.strip()}\n{certificate.chain_pem}".encode())
        context.load_cert_chain(f"/proc/self/fd/{descriptor}")
    finally:
        os.close(descriptor)
    return _Shown(certificate, context, ShownCertificate(certificate.names, _rank(certificate.chain_pem)))


def _rank(chain_pem: str) -> tuple[int, ...]:
    """The order of AWS's certificate selection, as far as it is a property of the certificate."""
    leaf = x509.load_pem_x509_certificate(chain_pem.encode())
    key = leaf.public_key()
    size = key.key_size if isinstance(key, ec.EllipticCurvePublicKey | rsa.RSAPublicKey) else 0
    digest = leaf.signature_hash_algorithm.digest_size if leaf.signature_hash_algorithm else 0
    validity = leaf.not_valid_after_utc - leaf.not_valid_before_utc
    return (int(isinstance(key, ec.EllipticCurvePublicKey)), digest, size, int(validity.total_seconds()))
