"""Which of a load balancer's nodes are in DNS, and in which order an answer lists them.

Source: ELB user guide, "Target group health" (DNS failover), "Edit target group attributes" (cross-zone load
balancing), "Zonal shift for your Application Load Balancer"; ARC developer guide, "How a zonal shift works".
"""

from collections.abc import Mapping, Sequence

from blackstart.domain.model import Model
from blackstart.emulator.decisions.group_health import below_minimum
from blackstart.emulator.snapshot import MinimumHealthy

RECORD_TTL_S = 60


class DnsNode(Model):
    """One load-balancer node: its zone and the address that a client connects to."""

    zone: str
    address: str


class GroupInZones(Model):
    """One target group that a load balancer forwards to: its targets by zone, without draining ones."""

    healthy: Mapping[str, int]
    registered: Mapping[str, int]
    cross_zone: bool = True
    minimum: MinimumHealthy = MinimumHealthy()


def nodes_in_dns(
    nodes: Sequence[DnsNode], groups: Sequence[GroupInZones], shifted_zone: str | None = None
) -> tuple[DnsNode, ...]:
    """The nodes that DNS answers with.

    A zone leaves DNS when any target group has too few healthy targets there: counted over all zones with cross-zone
    load balancing, else in the zone alone. A zone in which a group has no target at all stays (its node answers 503).
    shifted_zone: leaves as well. When no zone would be left, all stay (fail open).
    """
    in_service = tuple(
        node for node in nodes if node.zone != shifted_zone and all(_serves(group, node.zone) for group in groups)
    )
    return in_service or tuple(nodes)


def rotated_addresses(nodes: Sequence[DnsNode], turn: int) -> tuple[str, ...]:
    """All addresses, starting one further with each answer (turn counts answers from 0)."""
    addresses = tuple(node.address for node in nodes)
    if not addresses:
        return ()
    start = turn % len(addresses)
    return addresses[start:] + addresses[:start]


def _serves(group: GroupInZones, zone: str) -> bool:
    healthy = sum(group.healthy.values()) if group.cross_zone else group.healthy.get(zone, 0)
    registered = sum(group.registered.values()) if group.cross_zone else group.registered.get(zone, 0)
    return registered == 0 or not below_minimum(healthy, registered, group.minimum)
