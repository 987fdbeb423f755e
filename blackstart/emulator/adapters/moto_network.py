"""moto's security groups, network ACLs and subnets, read into facts.

Replaced, because moto leaves them out: a default security group lets in its own members (`create_security_group`);
changing the groups of an instance or of its interface changes both (`modify_instance_security_groups`,
`modify_network_interface_attribute`); a launch template's interface brings its groups (`run_instances`). A subnet for
which no zone is named is not in a random one (`create_subnet`).
"""

from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from typing import Any, NamedTuple

from blackstart.emulator.adapters import moto_backends
from blackstart.emulator.adapters.patches import Patches
from blackstart.emulator.controllers.network import BalancerPlaces, NetworkFacts
from blackstart.emulator.decisions.reachability import (
    ANY_ADDRESS,
    ANY_PORT,
    AclEntry,
    NetworkAcl,
    Place,
    Rule,
    Rulebook,
    SecurityGroup,
    Span,
    inside_client,
    outside_client,
    span_of,
)

_TCP = ("-1", "all", "tcp", "6")
_cached_span = lru_cache(maxsize=4096)(span_of)


class _Settled(NamedTuple):
    """An instance's place and what it was made of. groups: of moto's, or their ids."""

    subnet: Place
    address: str
    groups: list[Any]
    place: Place


class MotoNetwork:
    """The network in moto's EC2 backends, and the load balancers in it. Places that have not changed are not made anew:
    there are thousands of them, and they are asked for at every tick.
    """

    def __init__(self) -> None:
        self._subnets: dict[str, Place] = {}
        self._settled: dict[str, _Settled] = {}
        self._instances: dict[str, Place] = {}
        self._addresses: dict[tuple[str, str], Place] = {}

    def facts(self) -> NetworkFacts:
        """Everything as it is declared now."""
        groups: dict[str, SecurityGroup] = {}
        acls: dict[str, NetworkAcl] = {}
        subnets: dict[str, Place] = {}
        settled: dict[str, _Settled] = {}
        changed = False
        for backend in moto_backends.existing("ec2"):
            for group in _groups(backend):
                complete_default(group)
                groups[group.id] = SecurityGroup(
                    tuple(_rules(backend, group.ingress_rules)), tuple(_rules(backend, group.egress_rules))
                )
            acls.update((acl.id, _acl(acl)) for acl in backend.network_acls.values())
            subnets.update((one, self._unless_known(one, place)) for one, place in _subnets(backend))
            changed = self._settle(backend, subnets, settled) or changed
        if changed or len(settled) != len(self._settled):
            self._instances = {instance_id: one.place for instance_id, one in settled.items()}
            self._addresses = {(one.place.vpc, one.address): one.place for one in settled.values()}
        self._subnets, self._settled = subnets, settled
        return NetworkFacts(dict(_balancers(subnets)), self._instances, self._addresses, Rulebook(groups, acls))

    def _unless_known(self, subnet_id: str, place: Place) -> Place:
        known = self._subnets.get(subnet_id)
        return known if known == place else place

    def _settle(self, backend: Any, subnets: dict[str, Place], settled: dict[str, _Settled]) -> bool:
        """Note where each instance is; a terminated one has no place any more, and its address may be another's.

        Returns whether one of them is somewhere else than before, or is new.
        """
        before, changed = self._settled, False
        for reservation in list(backend.reservations.values()):
            for instance in reservation.instances:
                subnet, address = subnets.get(instance.subnet_id or ""), instance.private_ip
                if subnet is None or not address or instance.state == "terminated":
                    continue
                known, groups = before.get(instance.id), _groups_of(instance)
                if known is None or known.subnet is not subnet or known.address != address or known.groups != groups:
                    ids = frozenset(group if isinstance(group, str) else group.id for group in groups)
                    place = subnet._replace(addresses=(_cached_span(address),), groups=ids)
                    known, changed = _Settled(subnet, address, list(groups), place), True
                settled[instance.id] = known
        return changed

    def install(self, patches: Patches) -> None:
        from moto.ec2.models.elastic_network_interfaces import NetworkInterfaceBackend
        from moto.ec2.models.instances import InstanceBackend
        from moto.ec2.models.security_groups import SecurityGroupBackend
        from moto.ec2.responses.subnets import Subnets

        patches.replace(Subnets, "create_subnet", _in_first_zone)
        patches.replace(SecurityGroupBackend, "create_security_group", _completing)
        patches.replace(InstanceBackend, "modify_instance_security_groups", _changing_instance)
        patches.replace(NetworkInterfaceBackend, "modify_network_interface_attribute", _changing_interface)
        patches.replace(InstanceBackend, "run_instances", _launching)


def _in_first_zone(original: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """A subnet for which no zone is named lies in the region's first one: in a random one, as moto would have it, the
    instance types that a test asks for may not be offered.
    """

    def create_subnet(response: Any) -> Any:
        if not (response._get_param("AvailabilityZone") or response._get_param("AvailabilityZoneId")):
            response.params["AvailabilityZone"] = response.ec2_backend.describe_availability_zones()[0].name
        return original(response)

    return create_subnet


def complete_default(group: Any) -> None:
    """Give a default security group the rule that it is born with: all traffic from its own members."""
    from moto.ec2.models.security_groups import SecurityGroupRule

    if group.is_default and not getattr(group, "blackstart_complete", False):
        group.blackstart_complete = True
        own = {"GroupId": group.id, "OwnerId": group.owner_id, "UserId": group.owner_id}
        group.ingress_rules.append(
            SecurityGroupRule(group.ec2_backend, "-1", group.id, None, None, None, own, is_egress=False)
        )


def _groups(backend: Any) -> Iterator[Any]:
    for by_id in list(backend.groups.values()):
        yield from list(by_id.values())


def _rules(backend: Any, rules: Iterable[Any]) -> Iterator[Rule]:
    for rule in rules:
        if str(rule.ip_protocol).lower() in _TCP:
            groups = frozenset({rule.source_group["GroupId"]} if rule.source_group.get("GroupId") else ())
            yield Rule(_ports(rule.ip_protocol, rule.from_port, rule.to_port), tuple(_addresses(backend, rule)), groups)


def _ports(protocol: str, first: Any, last: Any) -> Span:
    """All ports for every protocol, for no ports, and for -1."""
    every = str(protocol).lower() in ("-1", "all") or first is None or last is None or int(first) < 0
    return ANY_PORT if every else Span(int(first), int(last))


def _addresses(backend: Any, rule: Any) -> Iterator[Span]:
    cidr = rule.ip_range.get("CidrIp") if isinstance(rule.ip_range, dict) else rule.ip_range
    if cidr:
        yield _cached_span(cidr)
    listed = backend.managed_prefix_lists.get(rule.prefix_list_id)
    if listed is not None and listed.address_family != "IPv6" and listed.entries:
        yield from (_cached_span(entry["Cidr"]) for entry in listed.entries[max(listed.entries)])


def _acl(acl: Any) -> NetworkAcl:
    entries = sorted(acl.network_acl_entries, key=lambda entry: int(entry.rule_number))
    fitting = [entry for entry in entries if entry.cidr_block and str(entry.protocol).lower() in _TCP]
    inward = [entry for entry in fitting if str(entry.egress).lower() != "true"]
    outward = [entry for entry in fitting if str(entry.egress).lower() == "true"]
    return NetworkAcl(tuple(map(_entry, inward)), tuple(map(_entry, outward)))


def _entry(entry: Any) -> AclEntry:
    ports = _ports(entry.protocol, entry.port_range_from, entry.port_range_to)
    return AclEntry(str(entry.rule_action).lower() == "allow", _cached_span(entry.cidr_block), ports)


def _subnets(backend: Any) -> Iterator[tuple[str, Place]]:
    """Each subnet as a place without security groups."""
    acl_of = {
        association.subnet_id: acl.id
        for acl in backend.network_acls.values()
        for association in list(acl._associations.values())
    }
    for by_id in list(backend.subnets.values()):
        for subnet in list(by_id.values()):
            addresses = (_cached_span(subnet.cidr_block),) if subnet.cidr_block else (ANY_ADDRESS,)
            yield subnet.id, Place(addresses, vpc=subnet.vpc_id, subnet=subnet.id, acl=acl_of.get(subnet.id, ""))


def _groups_of(instance: Any) -> list[Any]:
    return instance.security_groups or next(iter(instance.nics.values()))._group_set if instance.nics else []


def _balancers(subnets: dict[str, Place]) -> Iterator[tuple[str, BalancerPlaces]]:
    for backend in moto_backends.existing("elbv2"):
        for balancer in [one for one in list(backend.load_balancers.values()) if one.type == "application"]:
            ec2 = backend.ec2_backend
            groups = frozenset(balancer.security_groups or _default_group(ec2, balancer.vpc_id))
            nodes = {
                subnet.availability_zone: subnets[subnet.id]._replace(groups=groups)
                for subnet in balancer.subnets
                if subnet.id in subnets
            }
            yield balancer.arn, BalancerPlaces(balancer.name, nodes, _client_of(balancer, ec2))


def _default_group(ec2: Any, vpc_id: str) -> list[str]:
    group = ec2.get_default_security_group(vpc_id)
    return [group.id] if group is not None else []


def _client_of(balancer: Any, ec2: Any) -> Place:
    vpc = ec2.vpcs.get(balancer.vpc_id)
    if balancer.scheme != "internal" or vpc is None:
        return outside_client()
    blocks = [block["cidr_block"] for block in vpc.get_cidr_block_association_set()]
    return inside_client(vpc.id, tuple(_cached_span(block) for block in blocks))


def _completing(original: Callable[..., Any]) -> Callable[..., Any]:
    def create_security_group(backend: Any, *args: Any, **kwargs: Any) -> Any:
        group = original(backend, *args, **kwargs)
        complete_default(group)
        return group

    return create_security_group


def _changing_instance(original: Callable[..., Any]) -> Callable[..., Any]:
    def modify_instance_security_groups(backend: Any, instance_id: str, new_group_id_list: list[str]) -> Any:
        changed = original(backend, instance_id, new_group_id_list)
        instance = backend.get_instance(instance_id)
        for interface in list(instance.nics.values())[:1]:
            interface._group_set = list(instance.security_groups)
        return changed

    return modify_instance_security_groups


def _changing_interface(original: Callable[..., Any]) -> Callable[..., Any]:
    def modify_network_interface_attribute(backend: Any, eni_id: str, group_ids: list[str], *others: Any) -> None:
        original(backend, eni_id, group_ids, *others)
        interface = backend.get_network_interface(eni_id)
        instance = interface.instance
        if group_ids and instance is not None and interface in list(instance.nics.values())[:1]:
            instance.security_groups = list(interface._group_set)

    return modify_network_interface_attribute


def _launching(original: Callable[..., Any]) -> Callable[..., Any]:
    def run_instances(backend: Any, *args: Any, **kwargs: Any) -> Any:
        reservation = original(backend, *args, **kwargs)
        reference = kwargs.get("launch_template")
        data = backend._get_template_from_args(reference).data if reference else {}
        groups = [group for nic in data.get("NetworkInterfaces", [])[:1] for group in nic.get("Groups", [])]
        for instance in reservation.instances if groups else ():
            if not instance.security_groups:
                instance.security_groups = [backend.get_security_group_from_id(group) for group in groups]
                for interface in list(instance.nics.values())[:1]:
                    interface._group_set = list(instance.security_groups)
        return reservation

    return run_instances
