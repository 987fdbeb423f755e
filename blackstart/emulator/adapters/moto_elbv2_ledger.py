"""What load balancers, listeners, rules and target groups declare and the emulator does not act on."""

from collections.abc import Iterator
from typing import Any

from blackstart.domain.unserved import Unserved, UnservedKind
from blackstart.emulator.adapters import moto_backends
from blackstart.emulator.adapters.elbv2_attribute_rules import LISTENER_DEFAULTS
from blackstart.emulator.adapters.moto_elbv2 import target_groups_used_by
from blackstart.emulator.adapters.moto_elbv2_actions import (
    SERVED_ACTIONS,
    SERVED_LISTENERS,
    target_group_arns_of,
    transforms_of,
)
from blackstart.emulator.adapters.moto_elbv2_attributes import on

UNSERVED_SWITCHES = {
    "connection_logs.s3.enabled": "connection logs are not written",
    "health_check_logs.s3.enabled": "health check logs are not written",
    "waf.fail_open.enabled": "no web application firewall stands in front of it, so failing open has no effect",
}
MINOR_SWITCHES = ("connection_logs.s3.enabled", "health_check_logs.s3.enabled")


def unserved_load_balancing() -> Iterator[Unserved]:
    for backend in moto_backends.existing("elbv2"):
        users: dict[str, tuple[str, ...]] = {}
        for balancer in backend.load_balancers.values():
            users |= dict.fromkeys(target_groups_used_by(balancer), (balancer.arn, balancer.name))
            yield from _balancer(balancer)
        for group in backend.target_groups.values():
            yield from _target_group(group, users.get(group.arn, ()))


def _balancer(balancer: Any) -> Iterator[Unserved]:
    name, kind = balancer.name, UnservedKind.LOAD_BALANCER
    if balancer.type != "application":
        yield Unserved(
            kind=kind, resource=balancer.arn, of=(name,), reason=f"load balancer {name} ({balancer.type}) is not served"
        )
        return
    for key, effect in UNSERVED_SWITCHES.items():
        if on(balancer.attrs, key):
            reason = f"load balancer {name}: {key} is set, but {effect}"
            yield Unserved(kind=kind, resource=balancer.arn, of=(name,), reason=reason, minor=key in MINOR_SWITCHES)
    if balancer.ip_address_type != "ipv4":
        reason = f"load balancer {name} ({balancer.ip_address_type}) has no IPv6 addresses"
        yield Unserved(kind=kind, resource=balancer.arn, of=(name,), reason=reason, minor=True)
    for listener in balancer.listeners.values():
        yield from _listener(balancer, listener)


def _listener(balancer: Any, listener: Any) -> Iterator[Unserved]:
    name = f"{balancer.name}:{listener.port}"
    of = (balancer.arn, balancer.name, listener.arn)
    if listener.protocol not in SERVED_LISTENERS:
        reason = f"listener {name} ({listener.protocol}) is not served"
        yield Unserved(kind=UnservedKind.LISTENER, resource=name, of=of, reason=reason)
    for kind in _unserved_actions(listener.default_actions):
        reason = f"listener {name} answers 503: its default action {kind} is not served"
        yield Unserved(kind=UnservedKind.LISTENER, resource=name, of=of, reason=reason)
    if (getattr(listener, "mutual_authentication", None) or {}).get("Mode", "off") != "off":
        reason = f"listener {name} asks no client for a certificate (mutual authentication)"
        yield Unserved(kind=UnservedKind.LISTENER, resource=name, of=of, reason=reason)
    for key, value in sorted(listener.attributes.items()):
        if key.startswith("routing.http.") and value != LISTENER_DEFAULTS.get(key, ""):
            reason = f"listener {name}: {key} is set, but headers are as without it"
            yield Unserved(kind=UnservedKind.LISTENER, resource=name, of=of, reason=reason, minor=True)
    for rule in listener.rules.values():
        if not rule.is_default:
            yield from _rule(name, (*of, name), rule)


def _rule(listener: str, of: tuple[str, ...], rule: Any) -> Iterator[Unserved]:
    missing = [*_unserved_actions(rule.actions), *(f"transform {part['Type']}" for part in transforms_of(rule))]
    for kind in missing:
        reason = f"listener {listener}: rule {rule.priority}{_whither(rule)} answers 503: its {kind} is not served"
        yield Unserved(kind=UnservedKind.LISTENER_RULE, resource=rule.arn, of=of, reason=reason)


def _unserved_actions(actions: list[Any]) -> list[str]:
    return [action.type for action in actions if action.type not in SERVED_ACTIONS]


def _whither(rule: Any) -> str:
    """The target groups that a rule forwards to, in words."""
    arns = [arn for action in rule.actions if action.type == "forward" for arn in target_group_arns_of(action.data)]
    names = [arn.partition(":targetgroup/")[2].partition("/")[0] for arn in arns]
    return f" (to target group {', '.join(names)})" if names else ""


def _target_group(group: Any, users: tuple[str, ...]) -> Iterator[Unserved]:
    def found(reason: str) -> Unserved:
        return Unserved(
            kind=UnservedKind.TARGET_GROUP,
            resource=group.arn,
            of=(group.name, *users),
            reason=f"target group {group.name}{reason}",
        )

    if group.target_type not in ("instance", "ip"):
        yield found(f": {group.target_type} targets get no requests")
    if group.protocol in ("HTTP", "HTTPS") and group.protocol_version not in (None, "HTTP1"):
        yield found(f": targets get HTTP/1.1 instead of {group.protocol_version}")
