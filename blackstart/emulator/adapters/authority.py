"""The emulator's own certificate authority: made anew for each emulator, so nothing that it signed outlives it.

A client trusts it by its bundle, a PEM file in the state directory. Keys are elliptic: an RSA key would take a tenth
of a second under the control plane's lock, one of these takes less than a millisecond.
"""

from pathlib import Path
from typing import NamedTuple

import trustme

BUNDLE_NAME = "ca.pem"


class Leaf(NamedTuple):
    """A signed certificate. names: those that it stands for. chain_pem: the leaf first."""

    names: tuple[str, ...]
    chain_pem: str
    key_pem: str


class Authority:
    """Signs certificates for names, each set of names once."""

    def __init__(self) -> None:
        self._ca = trustme.CA(organization_name="Blackstart", organization_unit_name="Emulator's ephemeral authority")
        self._leaves: dict[tuple[str, ...], Leaf] = {}

    @property
    def bundle_pem(self) -> str:
        """What a client has to trust."""
        return self._ca.cert_pem.bytes().decode()

    def write_bundle(self, directory: Path) -> Path:
        """Write the bundle into a directory and return its path."""
        path = directory / BUNDLE_NAME
        path.write_text(self.bundle_pem)
        return path

    def leaf(self, names: tuple[str, ...]) -> Leaf:
        """A certificate for these names, wildcards included. Raises ValueError for what cannot stand in one."""
        if names not in self._leaves:
            signed = self._ca.issue_cert(*names, organization_name="Blackstart")
            chain = "".join(pem.bytes().decode() for pem in signed.cert_chain_pems)
            self._leaves[names] = Leaf(names, chain, signed.private_key_pem.bytes().decode())
        return self._leaves[names]
