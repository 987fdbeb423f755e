"""What a new TCP connection meets on its way through security groups and network ACLs.

Security groups are stateful: a rule that goes away stops new connections, and those that were tracked live on.
Network ACLs are stateless: the answers need a rule too, and open connections break as well. Within a VPC the local
route is always there, so routes decide nothing here; between VPCs there is none (peering is not modelled).

An end whose address is not known (a load balancer's node in its subnet, a client) is a range of addresses: a rule
counts only when it covers the whole range.

Sources: VPC user guide, "Control traffic to your AWS resources using security groups", "Network ACL rules" (rule order,
traffic within a subnet is not filtered, ephemeral ports of the custom ACL example); EC2 user guide, "Security group
connection tracking" (untracked flows are interrupted at once); ELB user guides, "Security groups for your Application
Load Balancer", "Configure network ACLs" (ephemeral ports 1024-65535 between load balancer and instances).
"""

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from ipaddress import IPv4Network
from typing import NamedTuple

from blackstart.emulator.snapshot import Reach


class Span(NamedTuple):
    """Addresses (as numbers) or ports, both ends included."""

    first: int
    last: int


ANY_ADDRESS = Span(0, 2**32 - 1)
ANY_PORT = Span(0, 65535)
EPHEMERAL = Span(1024, 65535)
CLIENTS_EPHEMERAL = Span(32768, 65535)
PORTS_OPEN_RATIO = 0.9
"""The share of the ephemeral ports that an ACL must allow: denying a single high port breaks hardly anything."""


class Rule(NamedTuple):
    """A security group's rule for TCP: peers by address or by the groups they belong to."""

    ports: Span
    addresses: tuple[Span, ...] = ()
    groups: frozenset[str] = frozenset()


class SecurityGroup(NamedTuple):
    ingress: tuple[Rule, ...]
    egress: tuple[Rule, ...]


class AclEntry(NamedTuple):
    """An ACL's rule for TCP."""

    allows: bool
    addresses: Span
    ports: Span = ANY_PORT


class NetworkAcl(NamedTuple):
    """Entries in the order of their numbers; what no entry decides is denied."""

    ingress: tuple[AclEntry, ...]
    egress: tuple[AclEntry, ...]


class Place(NamedTuple):
    """One end of a connection. addresses: where it may be. groups: its security groups, None when it has none to ask.

    vpc, subnet, acl: ids, "" outside every VPC. of_any_group: counts as a member of whichever group a rule names.
    ephemeral: the ports that it opens connections from.
    """

    addresses: tuple[Span, ...]
    groups: frozenset[str] | None = None
    vpc: str = ""
    subnet: str = ""
    acl: str = ""
    of_any_group: bool = False
    ephemeral: Span = EPHEMERAL


class Rulebook(NamedTuple):
    """Security groups and network ACLs by id."""

    groups: Mapping[str, SecurityGroup]
    acls: Mapping[str, NetworkAcl]


class Obstacle(StrEnum):
    """What is in the way, as seen from the two ends."""

    NONE = "nothing is in the way"
    NO_ROUTE = "there is no route between their VPCs"
    SOURCE_GROUPS = "the security groups of the source do not let it out"
    TARGET_GROUPS = "the security groups of the destination do not let it in"
    SOURCE_ACL = "the network ACL of the source's subnet denies it"
    TARGET_ACL = "the network ACL of the destination's subnet denies it"


class Passage(NamedTuple):
    """What a connection meets. untracked: the ends whose security groups do not track such a connection when they
    allow it (`Obstacle.SOURCE_GROUPS`, `Obstacle.TARGET_GROUPS`), kept while it is cut.
    """

    reach: Reach
    obstacle: Obstacle
    untracked: frozenset[Obstacle] = frozenset()


def span_of(cidr: str) -> Span:
    """The addresses of an IPv4 block. Raises ValueError for anything else."""
    network = IPv4Network(cidr, strict=False)
    return Span(int(network.network_address), int(network.broadcast_address))


def outside_client() -> Place:
    """A client of an internet-facing load balancer: it may be anywhere, so only rules for every address surely let
    it in.
    """
    return Place(addresses=(ANY_ADDRESS,), ephemeral=CLIENTS_EPHEMERAL)


def inside_client(vpc: str, addresses: tuple[Span, ...]) -> Place:
    """A client of an internal load balancer: anywhere in its VPC, a member of whichever group a rule names."""
    return Place(addresses=addresses, vpc=vpc, of_any_group=True, ephemeral=CLIENTS_EPHEMERAL)


def passage(source: Place, target: Place, port: int, rules: Rulebook, before: Passage | None = None) -> Passage:
    """What a connection from `source` to a port of `target` meets.

    before: the last passage between the two, so that a cut interrupts what was not tracked.
    """
    ports = Span(port, port)
    if source.vpc and source.vpc != target.vpc:
        return Passage(Reach.SILENT, Obstacle.NO_ROUTE)
    denying = _denying_acl(source, target, ports, rules.acls)
    obstacle = denying if denying is not Obstacle.NONE else _refusing_groups(source, target, ports, rules.groups)
    if obstacle is Obstacle.NONE:
        return Passage(Reach.OPEN, obstacle, _untracked(source, target, ports, rules.groups))
    untracked = before.untracked if before is not None else frozenset()
    tracked = denying is Obstacle.NONE and obstacle not in untracked
    return Passage(Reach.TRACKED if tracked else Reach.SILENT, obstacle, untracked)


def _refusing_groups(source: Place, target: Place, ports: Span, groups: Mapping[str, SecurityGroup]) -> Obstacle:
    if source.groups is not None:
        egress = [rule for group in _of(source, groups) for rule in group.egress]
        if not _permits(egress, target, ports):
            return Obstacle.SOURCE_GROUPS
    if target.groups is not None:
        ingress = [rule for group in _of(target, groups) for rule in group.ingress]
        if not _permits(ingress, source, ports):
            return Obstacle.TARGET_GROUPS
    return Obstacle.NONE


def _denying_acl(source: Place, target: Place, ports: Span, acls: Mapping[str, NetworkAcl]) -> Obstacle:
    """Both ways through both subnets' ACLs; traffic within a subnet meets none."""
    if source.subnet and source.subnet == target.subnet:
        return Obstacle.NONE
    there, back = acls.get(source.acl), acls.get(target.acl)
    if there is not None and not (
        _admits(there.egress, target.addresses, ports) and _admits(there.ingress, target.addresses, source.ephemeral)
    ):
        return Obstacle.SOURCE_ACL
    if back is not None and not (
        _admits(back.ingress, source.addresses, ports) and _admits(back.egress, source.addresses, source.ephemeral)
    ):
        return Obstacle.TARGET_ACL
    return Obstacle.NONE


def _of(place: Place, groups: Mapping[str, SecurityGroup]) -> list[SecurityGroup]:
    return [groups[group] for group in place.groups or () if group in groups]


def _permits(rules: Iterable[Rule], peer: Place, ports: Span) -> bool:
    """Whether the rules together let all of the peer's addresses through, or one of them lets its group through."""
    fitting = [rule for rule in rules if _covers((rule.ports,), ports)]
    by_group = any(
        rule.groups and (peer.of_any_group or rule.groups & (peer.groups or frozenset())) for rule in fitting
    )
    spans = [span for rule in fitting for span in rule.addresses]
    return by_group or all(_covers(spans, address) for address in peer.addresses)


def _admits(entries: Sequence[AclEntry], addresses: tuple[Span, ...], ports: Span) -> bool:
    """Whether the ports are allowed by the first entry that matches them, for each range of addresses."""
    return all(_allowed_ports(entries, address, ports) >= PORTS_OPEN_RATIO * _size(ports) for address in addresses)


def _allowed_ports(entries: Sequence[AclEntry], address: Span, ports: Span) -> int:
    undecided, allowed = [ports], 0
    for entry in entries:
        if _covers((entry.addresses,), address):
            before = sum(map(_size, undecided))
            undecided = [rest for span in undecided for rest in _without(span, entry.ports)]
            allowed += before - sum(map(_size, undecided)) if entry.allows else 0
    return allowed


def _size(span: Span) -> int:
    return span.last - span.first + 1


def _without(span: Span, taken: Span) -> list[Span]:
    rests = (Span(span.first, min(span.last, taken.first - 1)), Span(max(span.first, taken.last + 1), span.last))
    return [rest for rest in rests if rest.first <= rest.last]


def _covers(spans: Iterable[Span], wanted: Span) -> bool:
    """Whether the spans together hold all of `wanted`."""
    first = wanted.first
    for span in sorted(spans):
        if span.first > first:
            break
        first = max(first, span.last + 1)
    return first > wanted.last


def _untracked(source: Place, target: Place, ports: Span, groups: Mapping[str, SecurityGroup]) -> frozenset[Obstacle]:
    """The ends at which every address may connect and every answer may leave, so that nothing needs to be tracked."""
    ends = set()
    if source.groups is not None and _all_open(_of(source, groups), out=ports, into=ANY_PORT):
        ends.add(Obstacle.SOURCE_GROUPS)
    if target.groups is not None and _all_open(_of(target, groups), out=ANY_PORT, into=ports):
        ends.add(Obstacle.TARGET_GROUPS)
    return frozenset(ends)


def _all_open(groups: list[SecurityGroup], *, out: Span, into: Span) -> bool:
    everyone = Place(addresses=(ANY_ADDRESS,))
    return _permits([rule for group in groups for rule in group.egress], everyone, out) and _permits(
        [rule for group in groups for rule in group.ingress], everyone, into
    )
