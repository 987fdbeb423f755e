"""The certificates that listeners show, read from moto's ACM and IAM.

A certificate that was requested from ACM is signed by the emulator's authority for its domain name and alternative
names; one that was imported into ACM or uploaded to IAM is used as it is, with its own chain.
"""

from typing import Any, NamedTuple

from cryptography import x509
from cryptography.x509.oid import NameOID

from blackstart.emulator.adapters import moto_backends
from blackstart.emulator.adapters.authority import Authority
from blackstart.emulator.snapshot import Certificate


class _Stored(NamedTuple):
    """What moto holds under an ARN. source: the moto object, whose identity changes when it is imported anew."""

    source: Any
    certificate: Certificate | None


class Certificates:
    """Certificates by ARN, each made once; cheap to ask at every tick."""

    def __init__(self, authority: Authority) -> None:
        self._authority = authority
        self._known: dict[str, _Stored] = {}

    def certificates_of(self, listener: Any) -> tuple[Certificate, ...]:
        """Those of a moto listener, the default one first; one that no longer exists or names no host is left out."""
        arns = dict.fromkeys(arn for arn in (listener.certificate, *listener.certificates) if arn)
        found = (self.certificate(arn) for arn in arns)
        return tuple(certificate for certificate in found if certificate is not None)

    def certificate(self, arn: str) -> Certificate | None:
        source = stored(arn)
        known = self._known.get(arn)
        if known is None or known.source is not source:
            known = self._known[arn] = _Stored(source, self._made(arn, source) if source is not None else None)
        return known.certificate

    def _made(self, arn: str, source: Any) -> Certificate | None:
        if ":server-certificate/" in arn:
            chain = "\n".join(part.strip() for part in (source.cert_body, source.cert_chain) if part)
            return _as_given(arn, chain, source.private_key)
        if source.type == "IMPORTED":
            own_chain = source.chain.decode().rpartition("-----BEGIN CERTIFICATE-----")[0]  # moto adds Amazon's root
            return _as_given(arn, f"{source.cert.decode().strip()}\n{own_chain}", source.key.decode())
        try:
            leaf = self._authority.leaf(tuple(sorted({source.common_name, *source.sans})))
        except ValueError:
            return None
        return Certificate(arn=arn, names=leaf.names, chain_pem=leaf.chain_pem, key_pem=leaf.key_pem)


def stored(arn: str) -> Any | None:
    """moto's object of a certificate's ARN, None when there is none."""
    if ":server-certificate/" in arn:
        found = (backend.get_certificate_by_arn(arn) for backend in moto_backends.existing("iam"))
        return next((certificate for certificate in found if certificate is not None), None)
    bundles = (backend._certificates.get(arn) for backend in moto_backends.existing("acm"))
    return next((bundle for bundle in bundles if bundle is not None), None)


def _as_given(arn: str, chain_pem: str, key_pem: str) -> Certificate | None:
    try:
        names = names_in(chain_pem)
    except ValueError:  # moto takes any text for a certificate of IAM's
        return None
    return Certificate(arn=arn, names=names, chain_pem=chain_pem.strip() + "\n", key_pem=key_pem)


def names_in(pem: str) -> tuple[str, ...]:
    """The host names of the first certificate: its alternative names, else its common name. Raises ValueError."""
    leaf = x509.load_pem_x509_certificate(pem.encode())
    try:
        names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        common = leaf.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        return tuple(str(attribute.value) for attribute in common)
    return tuple(names.get_values_for_type(x509.DNSName))
