"""Where every node stands: in DNS or not, failing open or not, sparing a target or not. For the control plane to show;
routing and DNS ask for themselves.
"""

from typing import NamedTuple

from blackstart.emulator.dataplane.nodes import Fleet
from blackstart.emulator.dataplane.topology import NodeKey, TargetKey
from blackstart.emulator.decisions.routing import RouteReason
from blackstart.emulator.protocol import Mitigated


class Standing(NamedTuple):
    """As in `protocol.Lag`."""

    in_dns: dict[str, tuple[str, ...]]
    failing_open: dict[str, tuple[str, ...]]


def standing(fleet: Fleet) -> Standing:
    """What the fleet would answer and route right now."""
    in_dns, failing_open = {}, {}
    for name, balancer in fleet.topology.by_dns_name.items():
        in_dns[balancer.arn] = tuple(node.zone for node in fleet.dns_nodes(name) or ())
        for group in fleet.topology.groups_of(balancer):
            pools = {n.zone: fleet.routing_pool(NodeKey(balancer.arn, n.zone), group.arn) for n in balancer.nodes}
            open_ = tuple(zone for zone, pool in pools.items() if pool.reason is RouteReason.FAIL_OPEN)
            if open_:
                failing_open[group.arn] = open_
    return Standing(in_dns, failing_open)


def mitigated(fleet: Fleet) -> tuple[Mitigated, ...]:
    """The targets that any node gives less than their share right now; anomalous where one of these nodes says so."""
    found: dict[TargetKey, bool] = {}
    for node in fleet.nodes.values():
        for key, anomalous in node.mitigated().items():
            found[key] = found.get(key, False) or anomalous
    return tuple(
        Mitigated(target_group_arn=key.group_arn, target_id=key.target_id, port=key.port, anomalous=anomalous)
        for key, anomalous in found.items()
    )
