"""Address planning over plain values: which CIDR block each subnet of a VPC gets."""

from collections.abc import Sequence
from ipaddress import IPv4Network

from blackstart.domain.model import Model


class ZoneSubnets(Model):
    """The blocks of one zone."""

    zone: str
    public_cidr: str
    private_cidr: str


def plan_subnets(vpc_cidr: str, zones: Sequence[str]) -> tuple[ZoneSubnets, ...]:
    """Give each zone a public and a private block, with room for a fourth zone.

    The VPC is cut into quarters, one per zone; a zone's private block is the first half of its quarter and its public
    block the first eighth of the second half: in 10.0.0.0/16 a private /19 and a public /21.
    Raises ValueError for a CIDR with host bits, a block outside /16 to /24, or more than four zones.
    """
    network = IPv4Network(vpc_cidr)
    if not 16 <= network.prefixlen <= 24:
        raise ValueError(f"{vpc_cidr}: a VPC of this program is between /16 and /24")
    if not 1 <= len(zones) <= 4:
        raise ValueError(f"{len(zones)} zones: between 1 and 4 are possible")
    planned = []
    for zone, quarter in zip(zones, network.subnets(prefixlen_diff=2), strict=False):
        private, rest = quarter.subnets(prefixlen_diff=1)
        public = next(rest.subnets(prefixlen_diff=2))
        planned.append(ZoneSubnets(zone=zone, public_cidr=str(public), private_cidr=str(private)))
    return tuple(planned)
