"""moto's listeners, rules, conditions and actions, read into the snapshot's terms.

What cannot be acted on becomes `NOT_SERVED` (503) and is listed by `moto_ledger`: authentication, transforms.
Source: elbv2 API reference (Action, RuleCondition).
"""

from collections.abc import Callable
from typing import Any

from blackstart.emulator.snapshot import (
    Action,
    Certificate,
    Condition,
    ConditionField,
    FixedResponse,
    Forward,
    ListenerSnapshot,
    QueryPair,
    Redirect,
    RuleSnapshot,
    WeightedGroup,
)

NOT_SERVED = FixedResponse(
    status_code=503, body="this listener's action is declared but not acted on by the emulator\n"
)
SERVED_LISTENERS = ("HTTP", "HTTPS")
SERVED_ACTIONS = ("forward", "redirect", "fixed-response")
CONFIG_OF_FIELD = {
    ConditionField.HOST_HEADER: "HostHeaderConfig",
    ConditionField.PATH_PATTERN: "PathPatternConfig",
    ConditionField.HTTP_HEADER: "HttpHeaderConfig",
    ConditionField.HTTP_REQUEST_METHOD: "HttpRequestMethodConfig",
    ConditionField.QUERY_STRING: "QueryStringConfig",
    ConditionField.SOURCE_IP: "SourceIpConfig",
}
CertificatesOf = Callable[[Any], tuple[Certificate, ...]]


def listener_snapshot(listener: Any, certificates_of: CertificatesOf) -> ListenerSnapshot:
    """An HTTP or HTTPS listener with its rules in order of priority."""
    tls = listener.protocol == "HTTPS"
    return ListenerSnapshot(
        arn=listener.arn,
        port=int(listener.port),
        protocol="HTTPS" if tls else "HTTP",
        action=action_of([action.data for action in listener.default_actions]),
        rules=rules_of(listener),
        certificates=certificates_of(listener) if tls else (),
        tls_policy=(listener.ssl_policy or "") if tls else "",
    )


def rules_of(listener: Any) -> tuple[RuleSnapshot, ...]:
    rules = (
        RuleSnapshot(
            arn=rule.arn,
            priority=int(rule.priority),
            conditions=tuple(condition_of(condition) for condition in rule.conditions),
            action=NOT_SERVED if transforms_of(rule) else action_of([action.data for action in rule.actions]),
        )
        for rule in listener.rules.values()
        if not rule.is_default
    )
    return tuple(sorted(rules, key=lambda rule: rule.priority))


def transforms_of(rule: Any) -> list[Any]:
    """A rule's transforms; moto keeps none, `validators_rules` puts them there."""
    return list(getattr(rule, "transforms", None) or ())


def action_of(actions: list[dict[str, Any]]) -> Action:
    """The action that ends a rule, in the API's terms; `NOT_SERVED` when any of them cannot be acted on."""
    if any(action["Type"] not in SERVED_ACTIONS for action in actions):
        return NOT_SERVED
    last = max(actions, key=lambda action: int(action.get("Order") or 0))
    if last["Type"] == "forward":
        return _forward(last)
    return _redirect(last["RedirectConfig"]) if last["Type"] == "redirect" else _fixed(last["FixedResponseConfig"])


def target_group_arns_of(action_data: dict[str, Any]) -> list[str]:
    """The target groups that a forward action names."""
    return [arn for arn, _ in _weighted(action_data)]


def target_group_arns_used_by(listener: Any) -> set[str]:
    """The target groups that a listener's default action and rules name."""
    actions = (action for rule in listener.rules.values() for action in rule.actions)
    return {arn for action in actions for arn in target_group_arns_of(action.data)}


def condition_of(condition: dict[str, Any]) -> Condition:
    field = ConditionField(condition["Field"])
    config = condition.get(CONFIG_OF_FIELD[field]) or {}
    values = [*(condition.get("Values") or ()), *(config.get("Values") or ())]
    regexes = [*(condition.get("RegexValues") or ()), *(config.get("RegexValues") or ())]
    if field is ConditionField.QUERY_STRING:
        pairs = tuple(QueryPair(key=pair.get("Key"), value=pair["Value"]) for pair in values)
        return Condition(field=field, pairs=pairs)
    return Condition(
        field=field, values=tuple(values), regexes=tuple(regexes), header=config.get("HttpHeaderName") or ""
    )


def _forward(action: dict[str, Any]) -> Forward:
    stickiness = (action.get("ForwardConfig") or {}).get("TargetGroupStickinessConfig") or {}
    sticky = str(stickiness.get("Enabled", False)).lower() == "true"
    return Forward(
        groups=tuple(WeightedGroup(target_group_arn=arn, weight=weight) for arn, weight in _weighted(action)),
        stickiness_s=float(stickiness["DurationSeconds"]) if sticky and "DurationSeconds" in stickiness else None,
    )


def _weighted(action: dict[str, Any]) -> list[tuple[str, int]]:
    """(target group, weight). Both ways of naming one group may be given together."""
    listed = (action.get("ForwardConfig") or {}).get("TargetGroups") or ()
    if listed:
        return [(group["TargetGroupArn"], int(group.get("Weight", 1))) for group in listed]
    return [(action["TargetGroupArn"], 1)] if action.get("TargetGroupArn") else []


def _fixed(config: dict[str, Any]) -> FixedResponse:
    return FixedResponse(
        status_code=int(config["StatusCode"]),
        content_type=config.get("ContentType") or "text/plain",
        body=config.get("MessageBody") or "",
    )


def _redirect(config: dict[str, Any]) -> Redirect:
    names = ("Protocol", "Host", "Port", "Path", "Query")
    given = {name.lower(): str(config[name]) for name in names if config.get(name) is not None}
    return Redirect(status_code=int(config["StatusCode"].removeprefix("HTTP_")), **given)
