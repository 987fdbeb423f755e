"""What the elbv2 API refuses to describe, and moto passes over or stumbles on.

Source: elbv2 API reference (errors of the actions). Code and words for a marker that is none are ours.
"""

from collections.abc import Callable
from typing import Any

from blackstart.emulator.adapters.elbv2_refusals import invalid, refused
from blackstart.emulator.adapters.patches import Patches


def install(patches: Patches) -> None:
    from moto.elbv2.models import ELBv2Backend
    from moto.elbv2.responses import ELBV2Response

    patches.replace(ELBv2Backend, "describe_load_balancers", _noticing_unknown_balancers)
    patches.replace(ELBv2Backend, "describe_listeners", _noticing_unknown_listeners)
    patches.replace(ELBV2Response, "describe_load_balancers", _refusing_unknown_markers)
    patches.replace(ELBV2Response, "describe_rules", _refusing_unknown_markers)
    patches.replace(ELBV2Response, "describe_ssl_policies", _noticing_unknown_policies)


def _noticing_unknown_balancers(original: Callable[..., Any]) -> Callable[..., Any]:
    """moto notices an unknown load balancer only when it is named first."""

    def describe_load_balancers(backend: Any, arns: list[str] | None, names: list[str] | None) -> Any:
        known = {balancer.name for balancer in backend.load_balancers.values()}
        if not (set(arns or ()) <= set(backend.load_balancers) and set(names or ()) <= known):
            raise refused("LoadBalancerNotFound", "One or more load balancers not found")
        return original(backend, arns, names)

    return describe_load_balancers


def _noticing_unknown_listeners(original: Callable[..., Any]) -> Callable[..., Any]:
    """moto notices an unknown listener only when it knows none of those that are named."""

    def describe_listeners(backend: Any, load_balancer_arn: str | None, listener_arns: list[str]) -> Any:
        found = original(backend, load_balancer_arn, listener_arns)
        if not load_balancer_arn and len(found) < len(set(listener_arns)):
            raise refused("ListenerNotFound", "One or more listeners not found")
        return found

    return describe_listeners


def _refusing_unknown_markers(original: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """moto looks a marker up in a list, and answers 500 when it is not there."""

    def describe(response: Any) -> Any:
        try:
            return original(response)
        except ValueError:
            raise invalid(f"'{response._get_param('Marker')}' is not a valid marker") from None

    return describe


def _noticing_unknown_policies(original: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def describe_ssl_policies(response: Any) -> Any:
        from moto.elbv2.ssl_policies import SSL_POLICIES

        unknown = [name for name in response._get_param("Names", []) if name not in SSL_POLICIES]
        if unknown:
            raise refused("SSLPolicyNotFound", f"SSL policy '{unknown[0]}' not found")
        return original(response)

    return describe_ssl_policies
