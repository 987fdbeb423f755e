"""What AWS does about certificates of listeners, and moto does not.

A certificate that is unknown or not issued yet is refused, so is deleting one that is in use; changing a listener's
default certificate leaves the others, and no listener has a certificate twice.

Replaced: `create_listener`, `modify_listener`, `add_listener_certificates` and `remove_listener_certificates` of
`ELBv2Backend`, `delete_certificate` and `describe_certificate` of `AWSCertificateManagerBackend`,
`IAMBackend.delete_server_certificate`.

Sources: elbv2, ACM and IAM API references (errors of these actions); ALB user guide, "Update an HTTPS listener".
"""

from collections.abc import Callable, Iterator
from typing import Any

from blackstart.emulator.adapters import moto_backends
from blackstart.emulator.adapters.certificates import stored
from blackstart.emulator.adapters.patches import Patches


def install(patches: Patches) -> None:
    from moto.acm.models import AWSCertificateManagerBackend
    from moto.elbv2.models import ELBv2Backend
    from moto.iam.models import IAMBackend

    patches.replace(ELBv2Backend, "create_listener", _checking_new)
    patches.replace(ELBv2Backend, "modify_listener", _keeping_the_others)
    patches.replace(ELBv2Backend, "add_listener_certificates", _adding_once)
    patches.replace(ELBv2Backend, "remove_listener_certificates", _keeping_the_default)
    patches.replace(AWSCertificateManagerBackend, "delete_certificate", _checking_acm_deletion)
    patches.replace(AWSCertificateManagerBackend, "describe_certificate", _describing_its_use)
    patches.replace(IAMBackend, "delete_server_certificate", _checking_iam_deletion)


def check_usable(arn: str) -> None:
    """Raise elbv2's error for a certificate that does not exist or has not been issued."""
    from moto.elbv2.exceptions import ELBClientError

    certificate = stored(arn)
    if certificate is None:
        raise ELBClientError("CertificateNotFound", f"Certificate '{arn}' not found")
    if ":server-certificate/" in arn:
        return
    certificate.check()
    if certificate.status != "ISSUED":
        raise ELBClientError(
            "UnsupportedCertificate",
            f"The certificate '{arn}' must have a fully-qualified domain name, a supported signature, and a supported "
            "key size.",
        )


def _checking_new(original: Callable[..., Any]) -> Callable[..., Any]:
    def create_listener(
        backend: Any,
        load_balancer_arn: str,
        protocol: str,
        port: Any,
        ssl_policy: str | None,
        certificate: str | None,
        *others: Any,
        **named: Any,
    ) -> Any:
        if certificate:
            check_usable(certificate)
        return original(backend, load_balancer_arn, protocol, port, ssl_policy, certificate, *others, **named)

    return create_listener


def _keeping_the_others(original: Callable[..., Any]) -> Callable[..., Any]:
    def modify_listener(
        backend: Any,
        arn: str,
        port: str | None = None,
        protocol: str | None = None,
        ssl_policy: str | None = None,
        certificates: list[dict[str, Any]] | None = None,
        actions: list[dict[str, Any]] | None = None,
    ) -> Any:
        for certificate in certificates or []:
            check_usable(certificate["CertificateArn"])
        listener = backend.describe_listeners(load_balancer_arn=None, listener_arns=[arn])[0]
        others = listener.certificates[1:]
        changed = original(backend, arn, port, protocol, ssl_policy, certificates, actions)
        if certificates:
            changed.certificates = [changed.certificate, *(other for other in others if other != changed.certificate)]
        return changed

    return modify_listener


def _adding_once(original: Callable[..., Any]) -> Callable[..., Any]:
    def add_listener_certificates(backend: Any, arn: str, certificates: list[dict[str, Any]]) -> Any:
        from moto.elbv2.exceptions import ELBClientError

        for certificate in certificates:
            check_usable(certificate["CertificateArn"])
        listener = backend.describe_listeners(load_balancer_arn=None, listener_arns=[arn])[0]
        if listener.protocol == "HTTP":
            raise ELBClientError("ValidationError", "A certificate cannot be specified for HTTP listeners")
        new = [one for one in certificates if one["CertificateArn"] not in listener.certificates]
        return original(backend, arn, new)

    return add_listener_certificates


def _keeping_the_default(original: Callable[..., Any]) -> Callable[..., Any]:
    def remove_listener_certificates(backend: Any, arn: str, certificates: list[dict[str, Any]]) -> Any:
        from moto.elbv2.exceptions import ELBClientError

        listener = backend.describe_listeners(load_balancer_arn=None, listener_arns=[arn])[0]
        if any(one["CertificateArn"] == listener.certificate for one in certificates):
            raise ELBClientError(
                "OperationNotPermitted",
                f"Certificate '{listener.certificate}' is the default certificate of the listener",
            )
        return original(backend, arn, certificates)

    return remove_listener_certificates


def _checking_acm_deletion(original: Callable[..., Any]) -> Callable[..., Any]:
    def delete_certificate(backend: Any, arn: str) -> Any:
        from moto.core.exceptions import JsonRESTError

        if arn in _in_use():
            raise JsonRESTError(
                "ResourceInUseException", f"Certificate {arn} in account {backend.account_id} is in use."
            )
        return original(backend, arn)

    return delete_certificate


def _checking_iam_deletion(original: Callable[..., Any]) -> Callable[..., Any]:
    def delete_server_certificate(backend: Any, name: str) -> Any:
        from moto.iam.exceptions import DeleteConflictException

        arn = next((one.arn for one in backend.certificates.values() if one.cert_name == name), None)
        users = [listener.arn for listener in _listeners() if arn is not None and arn in listener.certificates]
        if users:
            raise DeleteConflictException(
                f"Certificate: {name} is currently in use by {users[0]}. Please remove it first before deleting it."
            )
        return original(backend, name)

    return delete_server_certificate


def _describing_its_use(original: Callable[..., Any]) -> Callable[..., Any]:
    """InUseBy as it is: moto adds every listener, and takes none off."""

    def describe_certificate(backend: Any, arn: str) -> Any:
        described = original(backend, arn)
        users = [listener.load_balancer_arn for listener in _listeners() if arn in listener.certificates]
        described.in_use_by = list(dict.fromkeys(users))
        return described

    return describe_certificate


def _in_use() -> set[str]:
    return {arn for listener in _listeners() for arn in (listener.certificate, *listener.certificates) if arn}


def _listeners() -> Iterator[Any]:
    for backend in moto_backends.existing("elbv2"):
        for balancer in backend.load_balancers.values():
            yield from balancer.listeners.values()
