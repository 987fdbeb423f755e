"""What the elbv2 API refuses of listeners and moto accepts."""

from collections.abc import Callable, Sequence
from typing import Any

from blackstart.emulator.adapters.elbv2_action_rules import Where, check_actions
from blackstart.emulator.adapters.elbv2_attribute_rules import (
    LISTENER_ATTRIBUTES,
    LISTENER_DEFAULTS,
    check_attributes,
    check_pairs,
)
from blackstart.emulator.adapters.elbv2_idempotency import changed, made_alike, remember, settings_of
from blackstart.emulator.adapters.elbv2_refusals import by_name, check_range, invalid, refused
from blackstart.emulator.adapters.patches import Patches

MOST_LISTENERS = 50
DEFAULT_TLS_POLICY = "ELBSecurityPolicy-2016-08"
APPLICATION_PROTOCOLS = ("HTTP", "HTTPS")
ARGUMENTS = ("load_balancer_arn", "protocol", "port", "ssl_policy", "certificate", "actions", "alpn_policy", "tags")


def install(patches: Patches) -> None:
    from moto.elbv2.models import ELBv2Backend
    from moto.elbv2.responses import ELBV2Response

    patches.replace(ELBv2Backend, "create_listener", _checking_creation)
    patches.replace(ELBv2Backend, "modify_listener", _checking_modification)
    patches.replace(ELBv2Backend, "modify_listener_attributes", _checking_attributes)
    patches.replace(ELBV2Response, "create_listener", _reading_certificates)
    patches.replace(ELBV2Response, "modify_listener", _reading_certificates)


def check_port(balancer: Any, port: Any, but: Any = None) -> None:
    """Raise elbv2's error for a port that is none, or that another listener has. but: the listener itself."""
    check_range("port", port, 1, 65535)
    if any(str(listener.port) == str(port) and listener is not but for listener in balancer.listeners.values()):
        raise refused(
            "DuplicateListener", f"A listener already exists on this port for this load balancer '{balancer.arn}'"
        )


def check_tls(protocol: str | None, given: list[str], policy: str | None, kept: Sequence[str] = ()) -> None:
    """An HTTPS listener has a certificate, and a policy that exists; an HTTP listener has none.

    given: certificates with the request; which of them can be used: see `certificate_calls`. kept: those it has.
    """
    from moto.elbv2.ssl_policies import SSL_POLICIES

    if protocol == "HTTP" and given:
        raise invalid("A certificate cannot be specified for HTTP listeners")
    if protocol != "HTTPS":
        return
    if not (given or kept):
        raise invalid("A certificate must be specified for HTTPS listeners")
    if policy is not None and policy not in SSL_POLICIES:
        raise refused("SSLPolicyNotFound", f"SSL policy '{policy}' not found")


def _check_protocol(balancer: Any, protocol: str | None) -> None:
    if balancer.type == "application" and protocol is not None and protocol not in APPLICATION_PROTOCOLS:
        raise invalid(f"Listener protocol '{protocol}' must be one of 'HTTPS, HTTP'")


def _checking_creation(original: Callable[..., Any]) -> Callable[..., Any]:
    def create_listener(backend: Any, *given: Any, **named: Any) -> Any:
        wanted = by_name(ARGUMENTS, given, named)
        balancer = backend.load_balancers.get(wanted["load_balancer_arn"])
        settings = settings_of(wanted)
        protocol, port, certificate = wanted["protocol"], wanted["port"], wanted["certificate"]
        if balancer is not None:
            _check_protocol(balancer, protocol)
            known = next((one for one in balancer.listeners.values() if made_alike(one, settings)), None)
            if known is not None:
                return known
            if port is not None:
                check_port(balancer, port)
            if len(balancer.listeners) >= MOST_LISTENERS:
                raise refused(
                    "TooManyListeners", "You've reached the limit on the number of listeners per load balancer"
                )
            check_tls(protocol, [certificate] if certificate else [], wanted["ssl_policy"])
            if protocol in APPLICATION_PROTOCOLS and port is not None:
                check_actions(backend, Where(balancer, protocol, int(port)), wanted["actions"])
        listener = original(backend, **wanted)
        remember(listener, settings)
        if protocol == "HTTP":
            listener.ssl_policy = None
        if protocol in APPLICATION_PROTOCOLS:
            listener.attributes = dict(LISTENER_DEFAULTS)
        return listener

    return create_listener


def _checking_modification(original: Callable[..., Any]) -> Callable[..., Any]:
    def modify_listener(
        backend: Any,
        arn: str,
        port: Any = None,
        protocol: str | None = None,
        ssl_policy: str | None = None,
        certificates: list[dict[str, Any]] | None = None,
        actions: list[dict[str, Any]] | None = None,
    ) -> Any:
        (listener,) = backend.describe_listeners(load_balancer_arn=None, listener_arns=[arn])
        balancer = backend.load_balancers[listener.load_balancer_arn]
        after = protocol or listener.protocol
        _check_protocol(balancer, protocol)
        if port is not None:
            check_port(balancer, port, but=listener)
        given = [certificate["CertificateArn"] for certificate in certificates or []]
        check_tls(after, given, ssl_policy, kept=listener.certificates)
        if actions and after in APPLICATION_PROTOCOLS:
            check_actions(backend, Where(balancer, after, int(port or listener.port)), actions)
        wanted = settings_of({"actions": actions or None})  # moto writes into them
        modified = original(backend, arn, port, protocol, ssl_policy, certificates or [], actions or [])
        default = given[0] if given else None
        changed(modified, port=port, protocol=protocol, ssl_policy=ssl_policy, certificate=default, **wanted)
        if after == "HTTP":
            modified.ssl_policy, modified.certificate, modified.certificates = None, None, []
        elif after == "HTTPS" and modified.ssl_policy is None:
            modified.ssl_policy = DEFAULT_TLS_POLICY
        return modified

    return modify_listener


def _checking_attributes(original: Callable[..., Any]) -> Callable[..., Any]:
    def modify_listener_attributes(backend: Any, listener_arn: str, attrs: list[dict[str, str]]) -> Any:
        (listener,) = backend.describe_listeners(None, [listener_arn])
        check_pairs(attrs)
        if listener.protocol in APPLICATION_PROTOCOLS:
            check_attributes("Listener", LISTENER_ATTRIBUTES, {pair["Key"]: pair["Value"] for pair in attrs})
        return original(backend, listener_arn, attrs)

    return modify_listener_attributes


def _reading_certificates(original: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """moto drops all certificates but the first, where AWS takes one only, and MutualAuthentication, which is described
    and listed as not acted on.
    """

    def answer(response: Any) -> Any:
        given = response._get_params().get("Certificates") or []
        if len(given) > 1:
            raise invalid(f"Up to '1' certificate ARNs can be specified, but '{len(given)}' were specified")
        result = original(response)
        wanted = response._get_params().get("MutualAuthentication")
        if wanted is not None:
            (listener,) = result.result["Listeners"]
            listener.mutual_authentication = wanted
        return result

    return answer
