"""Which of a load balancer's nodes are in DNS, and in which order an answer lists them.

Source: ELB user guide, "Target groups for your Application Load Balancers" (target group health: DNS failover) with
the default `minimum_healthy_targets.count` of 1.
"""

from collections.abc import Mapping, Sequence

from blackstart.domain.model import Model

RECORD_TTL_S = 60


class DnsNode(Model):
    """One load-balancer node: its zone and the address that a client connects to."""

    zone: str
    address: str


def nodes_in_dns(
    nodes: Sequence[DnsNode], healthy_by_group: Sequence[Mapping[str, int]], cross_zone: bool
) -> tuple[DnsNode, ...]:
    """The nodes that DNS answers with.

    healthy_by_group: for each target group that the load balancer forwards to, healthy targets by zone.
    Cross-zone off: a zone without a healthy target in every group leaves DNS. On: targets count over all zones, so a
    zone stays while any zone has one. When no zone would be left, all stay (fail open).
    """
    in_service = tuple(
        node for node in nodes if all(_serves(healthy, node.zone, cross_zone) for healthy in healthy_by_group)
    )
    return in_service or tuple(nodes)


def rotated_addresses(nodes: Sequence[DnsNode], turn: int) -> tuple[str, ...]:
    """All addresses, starting one further with each answer (turn counts answers from 0)."""
    addresses = tuple(node.address for node in nodes)
    if not addresses:
        return ()
    start = turn % len(addresses)
    return addresses[start:] + addresses[:start]


def _serves(healthy: Mapping[str, int], zone: str, cross_zone: bool) -> bool:
    return (sum(healthy.values()) if cross_zone else healthy.get(zone, 0)) > 0
