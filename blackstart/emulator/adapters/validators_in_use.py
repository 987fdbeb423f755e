"""What EC2 refuses to delete while something uses it, and moto deletes. Certificates: see `certificate_calls`.

Source: EC2 API reference, error code DependencyViolation. Instances count until they are terminated.
"""

from collections.abc import Callable, Iterator
from typing import Any

from blackstart.emulator.adapters import moto_backends
from blackstart.emulator.adapters.patches import Patches


def install(patches: Patches) -> None:
    from moto.ec2.models import EC2Backend

    patches.replace(EC2Backend, "delete_security_group", _keeping_security_groups)
    patches.replace(EC2Backend, "delete_subnet", _keeping_subnets)


def _balancers() -> Iterator[Any]:
    for backend in moto_backends.existing("elbv2"):
        yield from backend.load_balancers.values()


def _living(backend: Any) -> Iterator[Any]:
    for reservation in backend.reservations.values():
        yield from (instance for instance in reservation.instances if instance.state != "terminated")


def _named_in_rules(backend: Any, but: Any) -> Iterator[str]:
    """The security groups that other groups' rules let in or out. but: the group whose own rules do not count."""
    for groups in backend.groups.values():
        for group in groups.values():
            for rule in [*group.ingress_rules, *group.egress_rules] if group is not but else ():
                if "GroupId" in rule.source_group:
                    yield rule.source_group["GroupId"]


def _keeping_security_groups(original: Callable[..., Any]) -> Callable[..., Any]:
    def delete_security_group(backend: Any, name: str | None = None, group_id: str | None = None) -> Any:
        from moto.ec2.exceptions import DependencyViolationError

        group = backend.get_security_group_from_id(group_id) if group_id else backend.get_security_group_from_name(name)
        if group is not None:
            of_instances = (found.id for instance in _living(backend) for found in instance.security_groups)
            of_balancers = (found for balancer in _balancers() for found in balancer.security_groups)
            if group.id in {*of_instances, *of_balancers, *_named_in_rules(backend, group)}:
                raise DependencyViolationError(f"resource {group.id} has a dependent object")
        return original(backend, name, group_id)

    return delete_security_group


def _keeping_subnets(original: Callable[..., Any]) -> Callable[..., Any]:
    def delete_subnet(backend: Any, subnet_id: str) -> Any:
        from moto.ec2.exceptions import DependencyViolationError

        of_instances = (instance.subnet_id for instance in _living(backend))
        of_balancers = (subnet.id for balancer in _balancers() for subnet in balancer.subnets)
        gateways = (gateway for gateway in backend.nat_gateways.values() if gateway.state != "deleted")
        if subnet_id in {*of_instances, *of_balancers, *(gateway.subnet_id for gateway in gateways)}:
            raise DependencyViolationError(f"The subnet '{subnet_id}' has dependencies and cannot be deleted.")
        return original(backend, subnet_id)

    return delete_subnet
