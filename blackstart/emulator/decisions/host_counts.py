"""How many of a target group's targets the nodes of a load balancer find healthy, and what follows for the zones.

Source: ELB user guide, "CloudWatch metrics for your Application Load Balancer" (target metrics, target group health
metrics; Minimum and Maximum are over the nodes), "Target group health".
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from blackstart.domain.target_health import TargetReason, TargetState
from blackstart.emulator.decisions.group_health import below_minimum
from blackstart.emulator.protocol import HealthChanged, Mitigated
from blackstart.emulator.snapshot import TargetGroupSnapshot, TargetSnapshot

Opinions = Mapping[tuple[str, int], Mapping[str, HealthChanged]]
"""By (target id, port): by node zone, the newest opinion."""


class HostCensus(NamedTuple):
    """One target group behind one load balancer. node_zones: the balancer's enabled zones, one node each.

    shifted_zone: the zone that a zonal shift moves the balancer's traffic away from.
    """

    load_balancer_arn: str
    node_zones: tuple[str, ...]
    shifted_zone: str | None
    group: TargetGroupSnapshot

    def same_as(self, other: "HostCensus") -> bool:
        """Whether a count is as good for the other; groups are compared by identity, for that is quick."""
        return self[:3] == other[:3] and self.group is other.group


@dataclass
class HostCounts:
    """healthy, unhealthy: by node zone, by the target's zone.

    agreed: by the target's zone, targets that every node which has judged them finds healthy. registered: by the
    target's zone, without draining targets and those of zones that are not enabled.
    """

    census: HostCensus
    healthy: dict[str, dict[str, int]] = field(default_factory=dict)
    unhealthy: dict[str, dict[str, int]] = field(default_factory=dict)
    agreed: dict[str, int] = field(default_factory=dict)
    registered: dict[str, int] = field(default_factory=dict)

    def divisor(self, zone: str = "") -> int:
        """What RequestCountPerTarget divides by: the healthy targets, those registered when none is. zone: of the
        targets, "" for all.
        """
        found = [sum(counts.values()) if not zone else counts.get(zone, 0) for counts in self.healthy.values()]
        registered = sum(self.registered.values()) if not zone else self.registered.get(zone, 0)
        return max(found, default=0) or registered


def count_hosts(census: HostCensus, opinions: Opinions) -> HostCounts:
    """Ask every node about every target, once. A target that a node has not judged yet counts in neither.

    With cross-zone load balancing off a node counts the targets of its own zone only.
    """
    group, nodes = census.group, census.node_zones
    counts = HostCounts(census)
    zones = dict.fromkeys([*nodes, *(target.zone for target in group.targets)], 0)
    for node in nodes:
        own = zones if group.cross_zone else {node: 0}
        counts.healthy[node], counts.unhealthy[node] = dict(own), dict(own)
    counts.agreed, counts.registered = dict(zones), dict(zones)
    for target in group.targets:
        if target.held is None:
            _judge(counts, target, opinions.get((target.target_id, target.port), {}))
        if target.held is not TargetState.DRAINING and target.held_reason is not TargetReason.NOT_IN_USE:
            counts.registered[target.zone] += 1
    return counts


def _judge(counts: HostCounts, target: TargetSnapshot, by_node: Mapping[str, HealthChanged]) -> None:
    zone, disagreed = target.zone, not by_node
    for node, opinion in by_node.items():
        if opinion.state is TargetState.HEALTHY:
            into = counts.healthy.get(node)
        else:
            disagreed = True
            into = counts.unhealthy.get(node) if opinion.state is TargetState.UNHEALTHY else None
        if into is not None and zone in into:
            into[zone] += 1
    if not disagreed:
        counts.agreed[zone] += 1


class HostSample(NamedTuple):
    """One value of one metric. zone: "" for all zones."""

    name: str
    zone: str
    value: float


def host_samples(counts: HostCounts, mitigated: tuple[Mitigated, ...] = ()) -> Iterator[HostSample]:
    """What is reported of the hosts, each node's counts by themselves."""
    for name, by_node in (("HealthyHostCount", counts.healthy), ("UnHealthyHostCount", counts.unhealthy)):
        for by_zone in by_node.values():
            yield from _by_zone(name, by_zone)
    yield from _zone_states("Routing", {zone: routes_to_healthy(counts, zone) for zone in counts.census.node_zones})
    yield from _zone_states("DNS", {zone: serves_in_dns(counts, zone) for zone in counts.census.node_zones})
    if counts.census.group.mitigates_anomalies:
        yield from _anomalies(counts, mitigated)
    shifted = counts.registered.get(counts.census.shifted_zone or "", 0)
    if shifted:
        yield from _by_zone("ZonalShiftedHostCount", {counts.census.shifted_zone or "": shifted})


def routes_to_healthy(counts: HostCounts, node_zone: str) -> bool:
    """Whether the node of a zone has enough healthy targets, so that it need not route to all (routing failover)."""
    group, shifted = counts.census.group, counts.census.shifted_zone
    healthy = counts.healthy[node_zone]
    zones = set(counts.registered) if group.cross_zone else {node_zone}
    if group.cross_zone and any(healthy[zone] for zone in zones - {shifted}):
        zones -= {shifted or ""}
    registered = sum(counts.registered[zone] for zone in zones)
    return not below_minimum(sum(healthy[zone] for zone in zones), registered, group.routing_failover)


def serves_in_dns(counts: HostCounts, node_zone: str) -> bool:
    """Whether a zone has enough healthy targets to stay in DNS; one without any target does."""
    group = counts.census.group
    zones = counts.registered if group.cross_zone else {node_zone: 0}
    registered = sum(counts.registered[zone] for zone in zones)
    healthy = sum(counts.agreed[zone] for zone in zones)
    return registered == 0 or not below_minimum(healthy, registered, group.dns_failover)


def _zone_states(of: str, healthy: Mapping[str, bool]) -> Iterator[HostSample]:
    yield from _by_zone(f"HealthyState{of}", {zone: int(one) for zone, one in healthy.items()})
    yield from _by_zone(f"UnhealthyState{of}", {zone: int(not one) for zone, one in healthy.items()})


def _anomalies(counts: HostCounts, mitigated: tuple[Mitigated, ...]) -> Iterator[HostSample]:
    group = counts.census.group
    zones = {(target.target_id, target.port): target.zone for target in group.targets}
    mine = [one for one in mitigated if one.target_group_arn == group.arn and (one.target_id, one.port) in zones]
    for name, found in (
        ("AnomalousHostCount", [one for one in mine if one.anomalous]),
        ("MitigatedHostCount", mine),
    ):
        by_zone = dict.fromkeys(counts.registered, 0)
        for one in found:
            by_zone[zones[one.target_id, one.port]] += 1
        yield from _by_zone(name, by_zone)


def _by_zone(name: str, by_zone: Mapping[str, int]) -> Iterator[HostSample]:
    yield HostSample(name, "", float(sum(by_zone.values())))
    for zone, value in by_zone.items():
        yield HostSample(name, zone, float(value))
