"""moto's load balancers and target groups as the controllers see them, and their birth and life as ours.

Replaced: `FakeLoadBalancer.activate` and `create_load_balancer` (active at the first look, few attributes, the DNS name
of the last one of the name), `describe_target_groups` (load balancers remembered for ever). Registrations and health
are `moto_elbv2_targets`', refusals the `validators_*`'.
"""

import ipaddress
from collections.abc import Callable, Iterator
from typing import Any

from blackstart.emulator.adapters import moto_backends
from blackstart.emulator.adapters.elbv2_attribute_rules import BALANCER_DEFAULTS
from blackstart.emulator.adapters.moto_elbv2_actions import (
    SERVED_LISTENERS,
    CertificatesOf,
    listener_snapshot,
    target_group_arns_used_by,
)
from blackstart.emulator.adapters.moto_elbv2_attributes import http_settings, on, target_group_snapshot
from blackstart.emulator.adapters.patches import Patches
from blackstart.emulator.controllers.load_balancer_facts import LoadBalancerFacts, TargetGroupFacts
from blackstart.emulator.parameters import Parameters
from blackstart.emulator.snapshot import LoadBalancerSnapshot


class MotoLoadBalancers:
    """The load balancers and target groups in moto's backends. certificates_of: those of a moto listener."""

    def __init__(self, parameters: Parameters, certificates_of: CertificatesOf) -> None:
        self._provisioning_s = parameters.load_balancer_provisioning_s
        self._certificates_of = certificates_of

    def load_balancers(self) -> tuple[LoadBalancerFacts, ...]:
        """Active Application Load Balancers, made active here when their provisioning is over."""
        found = []
        for backend in moto_backends.existing("elbv2"):
            for balancer in list(backend.load_balancers.values()):
                balancer.activate()
                if balancer.state == "active" and balancer.type == "application":
                    found.append(_balancer_facts(balancer, self._certificates_of))
        return tuple(found)

    def target_groups(self) -> tuple[TargetGroupFacts, ...]:
        return tuple(
            TargetGroupFacts(
                port=int(group.port), by_address=group.target_type == "ip", declared=target_group_snapshot(group)
            )
            for group in target_groups()
        )

    def ports(self) -> dict[str, int]:
        """The target groups' own ports, by ARN."""
        return {group.arn: int(group.port) for group in target_groups()}

    def zone_of_address(self, target_group_arn: str, address: str) -> str | None:
        """The zone of the subnet that an address of a target group's network lies in; None outside of it."""
        for group in target_groups():
            if group.arn == target_group_arn:
                return _zone_in(group.ec2_backend, group.vpc_id, address)
        return None

    def install(self, patches: Patches, now_s: Callable[[], float]) -> None:
        from moto.elbv2.models import ELBv2Backend, FakeLoadBalancer

        patches.replace(FakeLoadBalancer, "activate", lambda _: _activating(self._provisioning_s, now_s))
        patches.replace(ELBv2Backend, "create_load_balancer", lambda original: _creating(original, now_s))
        patches.replace(ELBv2Backend, "describe_target_groups", _describing_groups)


def target_groups() -> Iterator[Any]:
    """moto's target group objects that take instances or addresses."""
    for backend in moto_backends.existing("elbv2"):
        for group in list(backend.target_groups.values()):
            if group.target_type in ("instance", "ip") and group.port is not None:
                yield group


def target_groups_used_by(balancer: Any) -> set[str]:
    """The target groups that a moto load balancer's listeners name."""
    return {arn for listener in balancer.listeners.values() for arn in target_group_arns_used_by(listener)}


def _balancer_facts(balancer: Any, certificates_of: CertificatesOf) -> LoadBalancerFacts:
    attributes = balancer.attrs
    return LoadBalancerFacts(
        zones=tuple(subnet.availability_zone for subnet in balancer.subnets),
        uses=frozenset(target_groups_used_by(balancer)),
        declared=LoadBalancerSnapshot(
            arn=balancer.arn,
            metric_name=balancer.arn.partition(":loadbalancer/")[2],
            dns_name=balancer.dns_name,
            nodes=(),
            listeners=tuple(
                listener_snapshot(listener, certificates_of)
                for listener in balancer.listeners.values()
                if listener.protocol in SERVED_LISTENERS
            ),
            http=http_settings(attributes),
            idle_timeout_s=float(attributes.get("idle_timeout.timeout_seconds") or 60),
            client_keep_alive_s=float(attributes.get("client_keep_alive.seconds") or 3600),
            access_log=on(attributes, "access_logs.s3.enabled"),
        ),
    )


def _zone_in(ec2_backend: Any, vpc_id: str, address: str) -> str | None:
    try:
        wanted = ipaddress.ip_address(address)
    except ValueError:
        return None
    for by_zone in ec2_backend.subnets.values():
        for subnet in by_zone.values():
            if subnet.vpc_id == vpc_id and wanted in ipaddress.ip_network(subnet.cidr_block):
                return str(subnet.availability_zone)
    return None


def _activating(provisioning_s: float, now_s: Callable[[], float]) -> Callable[[Any], None]:
    def activate(balancer: Any) -> None:
        if balancer.state == "provisioning" and now_s() >= balancer.blackstart_created_s + provisioning_s:
            balancer.state = "active"

    return activate


def _creating(original: Callable[..., Any], now_s: Callable[[], float]) -> Callable[..., Any]:
    def create_load_balancer(backend: Any, *args: Any, **kwargs: Any) -> Any:
        balancer = original(backend, *args, **kwargs)
        balancer.blackstart_created_s = now_s()
        balancer.dns_name = dns_name(balancer, backend.region_name)
        if balancer.type == "application":
            balancer.attrs = dict(BALANCER_DEFAULTS)
        return balancer

    return create_load_balancer


def dns_name(balancer: Any, region: str) -> str:
    """A new one for each load balancer, also when the name was used before; moto gives the same again."""
    number = int(balancer.arn.rpartition("/")[2], 16) % 10**10
    prefix = "internal-" if balancer.scheme == "internal" else ""
    return f"{prefix}{balancer.name}-{number}.{region}.elb.amazonaws.com"


def _describing_groups(original: Callable[..., Any]) -> Callable[..., Any]:
    """With the load balancers that use a group now; moto remembers each that ever did."""

    def describe_target_groups(backend: Any, *args: Any, **kwargs: Any) -> Any:
        for group in backend.target_groups.values():
            group.load_balancer_arns = []
        for balancer in backend.load_balancers.values():
            for arn in target_groups_used_by(balancer):
                if arn in backend.target_groups:
                    backend.target_groups[arn].load_balancer_arns.append(balancer.arn)
        return original(backend, *args, **kwargs)

    return describe_target_groups
