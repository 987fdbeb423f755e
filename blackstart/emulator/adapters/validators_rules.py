"""What the elbv2 API refuses of listener rules and moto accepts."""

from collections.abc import Callable
from typing import Any

from blackstart.emulator.adapters.elbv2_action_rules import Where, check_actions
from blackstart.emulator.adapters.elbv2_condition_rules import check_conditions
from blackstart.emulator.adapters.elbv2_refusals import check_range, invalid, refused
from blackstart.emulator.adapters.patches import Patches

MOST_RULES = 100
MOST_PRIORITY = 50_000


def install(patches: Patches) -> None:
    from moto.elbv2.models import ELBv2Backend
    from moto.elbv2.responses import ELBV2Response

    patches.replace(ELBv2Backend, "_validate_conditions", lambda _: lambda _backend, found: check_conditions(found))
    patches.replace(ELBv2Backend, "create_rule", _checking_creation)
    patches.replace(ELBv2Backend, "modify_rule", _checking_modification)
    patches.replace(ELBv2Backend, "delete_rule", _checking_deletion)
    patches.replace(ELBv2Backend, "set_rule_priorities", lambda _: _set_rule_priorities)
    patches.replace(ELBV2Response, "create_rule", _keeping_transforms)
    patches.replace(ELBV2Response, "modify_rule", _keeping_transforms)


def _where(backend: Any, listener: Any) -> Where:
    return Where(backend.load_balancers[listener.load_balancer_arn], listener.protocol, int(listener.port))


def _in_use(priority: int) -> Exception:
    return refused("PriorityInUse", f"Priority '{priority}' is currently in use")


def _checking_creation(original: Callable[..., Any]) -> Callable[..., Any]:
    def create_rule(
        backend: Any,
        listener_arn: str,
        conditions: list[dict[str, Any]],
        priority: Any,
        actions: list[dict[str, Any]],
        *others: Any,
        **named: Any,
    ) -> Any:
        (listener,) = backend.describe_listeners(None, [listener_arn])
        where = _where(backend, listener)
        check_range("priority", priority, 1, MOST_PRIORITY)
        if not conditions:
            raise invalid("A condition must be specified")
        check_conditions(conditions)
        if any(not rule.is_default and int(rule.priority) == int(priority) for rule in listener.rules.values()):
            raise _in_use(priority)
        if _rules_of(where.balancer) >= MOST_RULES:
            raise refused("TooManyRules", "You've reached the limit on the number of rules per load balancer")
        check_actions(backend, where, actions)
        return original(backend, listener_arn, conditions, int(priority), actions, *others, **named)

    return create_rule


def _rules_of(balancer: Any) -> int:
    return sum(len(listener.rules) - 1 for listener in balancer.listeners.values())


def _checking_modification(original: Callable[..., Any]) -> Callable[..., Any]:
    def modify_rule(
        backend: Any, rule_arn: str, conditions: list[dict[str, Any]], actions: list[dict[str, Any]]
    ) -> Any:
        (rule,) = backend.describe_rules(None, [rule_arn])
        if rule.is_default:
            raise refused("OperationNotPermitted", f"Default rule '{rule_arn}' cannot be modified")
        if actions:
            (listener,) = backend.describe_listeners(None, [rule.listener_arn])
            check_actions(backend, _where(backend, listener), actions)
        return original(backend, rule_arn, conditions, actions)

    return modify_rule


def _checking_deletion(original: Callable[..., Any]) -> Callable[..., Any]:
    def delete_rule(backend: Any, arn: str) -> Any:
        (rule,) = backend.describe_rules(None, [arn])
        if rule.is_default:
            raise refused("OperationNotPermitted", f"Default rule '{arn}' cannot be deleted")
        return original(backend, arn)

    return delete_rule


def _set_rule_priorities(backend: Any, rule_priorities: list[dict[str, Any]]) -> list[Any]:
    """All at once, so that two rules can swap their priorities; moto refuses that."""
    if not all({"RuleArn", "Priority"} <= pair.keys() for pair in rule_priorities):
        raise invalid("A rule ARN and a priority must be specified")
    wanted = {pair["RuleArn"]: int(pair["Priority"]) for pair in rule_priorities}
    for priority in wanted.values():
        check_range("priority", priority, 1, MOST_PRIORITY)
        if list(wanted.values()).count(priority) > 1:
            raise invalid(f"Priority '{priority}' was provided multiple times")
    rules = backend.describe_rules(None, list(wanted))
    for rule in rules:
        if rule.is_default:
            raise refused("OperationNotPermitted", f"Default rule '{rule.arn}' cannot be modified")
        (listener,) = backend.describe_listeners(None, [rule.listener_arn])
        staying = (other for other in listener.rules.values() if not other.is_default and other.arn not in wanted)
        if any(int(other.priority) == wanted[rule.arn] for other in staying):
            raise _in_use(wanted[rule.arn])
    for rule in rules:
        rule.priority = wanted[rule.arn]
    return list(rules)


def _keeping_transforms(original: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """moto drops a rule's transforms; kept, they are described and listed as not acted on."""

    def answer(response: Any) -> Any:
        result = original(response)
        params = response._get_params()
        (rule,) = result.result["Rules"]
        if params.get("ResetTransforms"):
            rule.transforms = []
        if params.get("Transforms"):
            rule.transforms = params["Transforms"]
        return result

    return answer
