"""What a stack declares and the emulator does not act on: listed in the status, never silently ignored."""

from collections.abc import Iterator
from typing import Any

from blackstart.emulator.adapters import moto_backends
from blackstart.emulator.adapters.moto_elbv2 import NOT_SERVED, default_action, target_group_arns_of, target_groups


def unserved() -> tuple[str, ...]:
    """One line for each declared thing without effect, sorted."""
    return tuple(sorted({*_scaling(), *_balancers(), *_target_groups(), *_network(), *_names()}))


def _scaling() -> Iterator[str]:
    for backend in moto_backends.existing("autoscaling"):
        for policy in backend.policies.values():
            yield f"scaling policy {policy.name} ({policy.policy_type or 'SimpleScaling'}) never scales"
        for hook in backend.lifecycle_hooks.values():
            yield f"lifecycle hook {hook.name} is not waited for"
        for action in backend.scheduled_actions.values():
            yield f"scheduled action {action.scheduled_action_name} never runs"
        for group in backend.autoscaling_groups.values():
            if group.warm_pool is not None:
                yield f"the warm pool of {group.name} is empty"
            if group.mixed_instances_policy:
                yield f"the mixed instances policy of {group.name}: only its launch template is used"
            if group.load_balancer_names:
                yield f"the classic load balancers of {group.name} are not served"


def _balancers() -> Iterator[str]:
    for backend in moto_backends.existing("elbv2"):
        for balancer in backend.load_balancers.values():
            if balancer.type != "application":
                yield f"load balancer {balancer.name} ({balancer.type}) is not served"
                continue
            for listener in balancer.listeners.values():
                yield from _listener(f"listener {balancer.name}:{listener.port}", listener)


def _listener(name: str, listener: Any) -> Iterator[str]:
    if listener.protocol != "HTTP":
        yield f"{name} ({listener.protocol}) is not served: no TLS"
    elif default_action(listener) is NOT_SERVED:
        yield f"{name} answers 503: its default action is not served"
    for rule in listener.rules.values():
        if not rule.is_default:
            yield f"{name}: listener rule {rule.priority}{_whither(rule)} is not evaluated, the default action answers"


def _whither(rule: Any) -> str:
    """The target groups that a rule forwards to, in words. Unless a default action names them they are not in use."""
    arns = [arn for action in rule.actions if action.type == "forward" for arn in target_group_arns_of(action.data)]
    names = [arn.partition(":targetgroup/")[2].partition("/")[0] for arn in arns]
    return f" (to target group {', '.join(names)})" if names else ""


def _target_groups() -> Iterator[str]:
    for group in target_groups():
        attributes = group.attributes
        if attributes.get("stickiness.enabled") == "true":
            yield f"target group {group.name}: stickiness"
        if int(attributes.get("slow_start.duration_seconds") or 0):
            yield f"target group {group.name}: slow start"
        if attributes.get("load_balancing.algorithm.type", "round_robin") != "round_robin":
            yield f"target group {group.name}: {attributes['load_balancing.algorithm.type']} (round robin is used)"


def _network() -> Iterator[str]:
    for backend in moto_backends.existing("ec2"):
        if any(group.name != "default" for groups in backend.groups.values() for group in groups.values()):
            yield "security groups do not filter traffic"
        for acl in backend.network_acls.values():
            if str(acl.default).lower() != "true":
                yield f"network ACL {acl.id} does not filter traffic"


def _names() -> Iterator[str]:
    for backend in moto_backends.existing("route53"):
        for zone in backend.zones.values():
            declared = [record for record in zone.rrsets if record.type_ not in ("NS", "SOA")]
            if declared:
                yield f"Route 53 zone {zone.name}: {len(declared)} record set(s) are not answered by the emulator's DNS"
