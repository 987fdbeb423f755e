"""What AWS refuses to delete while something uses it, and moto deletes.

Source: EC2 user guide (DependencyViolation), ACM API reference DeleteCertificate, IAM API reference
DeleteServerCertificate. Instances count until they are terminated.
"""

from collections.abc import Callable, Iterator
from typing import Any

from blackstart.emulator.adapters import moto_backends
from blackstart.emulator.adapters.patches import Patches


def install(patches: Patches) -> None:
    from moto.acm.models import AWSCertificateManagerBackend
    from moto.ec2.models import EC2Backend
    from moto.iam.models import IAMBackend

    patches.replace(EC2Backend, "delete_security_group", _keeping_security_groups)
    patches.replace(EC2Backend, "delete_subnet", _keeping_subnets)
    patches.replace(AWSCertificateManagerBackend, "delete_certificate", _keeping_certificates)
    patches.replace(IAMBackend, "delete_server_certificate", _keeping_server_certificates)


def _balancers() -> Iterator[Any]:
    for backend in moto_backends.existing("elbv2"):
        yield from backend.load_balancers.values()


def _living(backend: Any) -> Iterator[Any]:
    for reservation in backend.reservations.values():
        yield from (instance for instance in reservation.instances if instance.state != "terminated")


def _users_of_certificate(arn: str) -> list[str]:
    """The listeners that show a certificate."""
    listeners = (listener for balancer in _balancers() for listener in balancer.listeners.values())
    return [listener.arn for listener in listeners if arn in (listener.certificate, *listener.certificates)]


def _keeping_security_groups(original: Callable[..., Any]) -> Callable[..., Any]:
    def delete_security_group(backend: Any, name: str | None = None, group_id: str | None = None) -> Any:
        from moto.ec2.exceptions import DependencyViolationError

        group = backend.get_security_group_from_id(group_id) if group_id else backend.get_security_group_from_name(name)
        if group is not None:
            of_instances = (found.id for instance in _living(backend) for found in instance.security_groups)
            of_balancers = (found for balancer in _balancers() for found in balancer.security_groups)
            if group.id in {*of_instances, *of_balancers}:
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


def _keeping_certificates(original: Callable[..., Any]) -> Callable[..., Any]:
    def delete_certificate(backend: Any, arn: str) -> Any:
        from moto.core.exceptions import JsonRESTError

        if _users_of_certificate(arn):
            raise JsonRESTError(
                "ResourceInUseException", f"Certificate {arn} in account {backend.account_id} is in use."
            )
        return original(backend, arn)

    return delete_certificate


def _keeping_server_certificates(original: Callable[..., Any]) -> Callable[..., Any]:
    def delete_server_certificate(backend: Any, name: str) -> Any:
        from moto.iam.exceptions import IAMConflictException

        for certificate in backend.certificates.values():
            users = _users_of_certificate(certificate.arn) if certificate.cert_name == name else []
            if users:
                raise IAMConflictException(
                    "DeleteConflict", f"Certificate: {certificate.arn} is currently in use by {users[0]}"
                )
        return original(backend, name)

    return delete_server_certificate
