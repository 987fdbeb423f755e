"""What the elbv2 API refuses of actions: of a listener's default and of its rules.

Source: elbv2 API reference (Action and what it holds), ELB user guide "Listener rules for your Application Load
Balancer". Codes and words are AWS's where users have published them; the rest is ours.
"""

from typing import Any, NamedTuple

from blackstart.emulator.adapters.elbv2_refusals import invalid, listed, refused
from blackstart.emulator.adapters.moto_elbv2 import target_groups_used_by
from blackstart.emulator.adapters.moto_elbv2_actions import SERVED_ACTIONS, target_group_arns_of

MOST_GROUPS = 5
MOST_WEIGHT = 999
LONGEST_STICKINESS_S = 604_800
LONGEST_BODY = 1024
CONTENT_TYPES = ("text/plain", "text/css", "text/html", "application/javascript", "application/json")
HTTP_PROTOCOLS = ("HTTP", "HTTPS")


class Where(NamedTuple):
    """The load balancer (moto's) and the listener that the actions belong to."""

    balancer: Any
    protocol: str
    port: int


def check_actions(backend: Any, where: Where, actions: list[dict[str, Any]]) -> None:
    """Raise elbv2's error for actions that a listener or a rule cannot have."""
    ends = [action for action in actions if action["Type"] in SERVED_ACTIONS]
    if len(ends) != 1:
        raise refused(
            "InvalidLoadBalancerAction", "Exactly one 'forward', 'redirect' or 'fixed-response' action is required"
        )
    for action in actions:
        if action["Type"] == "forward":
            _check_forward(backend, where, action)
        elif action["Type"] == "redirect":
            check_redirect(where, action.get("RedirectConfig") or {})
        elif action["Type"] == "fixed-response":
            check_fixed_response(action.get("FixedResponseConfig") or {})
        elif where.protocol != "HTTPS":
            raise refused(
                "InvalidLoadBalancerAction",
                f"Actions of type '{action['Type']}' are supported only on HTTPS listeners",
            )


def _check_forward(backend: Any, where: Where, action: dict[str, Any]) -> None:
    named = (action.get("ForwardConfig") or {}).get("TargetGroups") or ()
    arns = target_group_arns_of(action) if all(group.get("TargetGroupArn") for group in named) else []
    if not arns:
        raise invalid("A target group ARN must be specified")
    if action.get("TargetGroupArn") and arns != [action["TargetGroupArn"]]:
        raise refused(
            "InvalidLoadBalancerAction",
            "You must specify the same target group in both 'TargetGroupArn' and 'ForwardConfig'",
        )
    unknown = [arn for arn in arns if arn not in backend.target_groups]
    if unknown:
        raise refused("TargetGroupNotFound", f"Target group '{unknown[0]}' not found")
    check_weights(action.get("ForwardConfig") or {})
    _check_groups(where, [backend.target_groups[arn] for arn in arns])
    _check_association(backend, where.balancer, set(arns))


def check_weights(config: dict[str, Any]) -> None:
    """Up to five groups, each with a weight of 0 to 999; stickiness of a second to a week."""
    groups = config.get("TargetGroups") or []
    if len(groups) > MOST_GROUPS:
        raise refused("InvalidLoadBalancerAction", f"A forward action can have up to {MOST_GROUPS} target groups")
    for group in groups:
        if not 0 <= int(group.get("Weight", 1)) <= MOST_WEIGHT:
            raise invalid(f"Target group weight '{group['Weight']}' must be between '0-{MOST_WEIGHT}' inclusive")
    stickiness = config.get("TargetGroupStickinessConfig") or {}
    if str(stickiness.get("Enabled", False)).lower() == "true":
        duration_s = stickiness.get("DurationSeconds")
        if duration_s is None or not 1 <= int(duration_s) <= LONGEST_STICKINESS_S:
            raise invalid(
                f"Target group stickiness duration '{duration_s}' must be between '1-{LONGEST_STICKINESS_S}' inclusive"
            )


def _check_groups(where: Where, groups: list[Any]) -> None:
    """A group speaks HTTP or HTTPS, and its targets are in the load balancer's network. Functions have neither."""
    with_protocol = [group for group in groups if group.target_type != "lambda"]
    strangers = [group.arn for group in with_protocol if (group.protocol in HTTP_PROTOCOLS) != _speaks_http(where)]
    if strangers:
        raise refused(
            "IncompatibleProtocols",
            f"The listener and the following target groups have incompatible protocols: {listed(strangers)}",
        )
    elsewhere = [group.arn for group in with_protocol if group.vpc_id != where.balancer.vpc_id]
    if elsewhere:
        raise refused(
            "InvalidConfigurationRequest",
            f"The following target groups are in a different VPC than the load balancer: {listed(elsewhere)}",
        )


def _speaks_http(where: Where) -> bool:
    return where.protocol in HTTP_PROTOCOLS


def _check_association(backend: Any, balancer: Any, arns: set[str]) -> None:
    """One target group belongs to one load balancer."""
    others = (other for other in backend.load_balancers.values() if other is not balancer)
    taken = {arn for other in others for arn in target_groups_used_by(other)} & arns
    if taken:
        raise refused(
            "TargetGroupAssociationLimit",
            f"The following target groups cannot be associated with more than one load balancer: {listed(taken)}",
        )


def check_redirect(where: Where, config: dict[str, Any]) -> None:
    """A redirect leads somewhere else, and never from HTTPS to HTTP."""
    protocol, host, port, path = (
        config.get(name) or default
        for name, default in (
            ("Protocol", "#{protocol}"),
            ("Host", "#{host}"),
            ("Port", "#{port}"),
            ("Path", "/#{path}"),
        )
    )
    if protocol not in (*HTTP_PROTOCOLS, "#{protocol}"):
        raise invalid(f"Redirect protocol '{protocol}' must be one of 'HTTP, HTTPS, #{{protocol}}'")
    if where.protocol == "HTTPS" and protocol == "HTTP":
        raise refused("InvalidLoadBalancerAction", "You cannot redirect from HTTPS to HTTP")
    if port != "#{port}" and not (str(port).isdecimal() and 1 <= int(port) <= 65535):
        raise invalid(f"Redirect port '{port}' must be in the range 1-65535 or '#{{port}}'")
    if not path.startswith("/"):
        raise invalid(f"Redirect path '{path}' must begin with '/'")
    if config.get("StatusCode") not in ("HTTP_301", "HTTP_302"):
        raise invalid(f"Redirect status code '{config.get('StatusCode')}' must be one of 'HTTP_301, HTTP_302'")
    same_place = host == "#{host}" and path == "/#{path}" and str(port) in ("#{port}", str(where.port))
    if same_place and protocol in ("#{protocol}", where.protocol):
        raise refused("InvalidLoadBalancerAction", "The redirect configuration is not valid because it creates a loop")


def check_fixed_response(config: dict[str, Any]) -> None:
    status_code, body = str(config.get("StatusCode")), config.get("MessageBody") or ""
    if not (len(status_code) == 3 and status_code.isdecimal() and status_code[0] in "245"):
        raise invalid(
            f"1 validation error detected: Value '{status_code}' at 'fixedResponseConfig.statusCode' failed to satisfy "
            r"constraint: Member must satisfy regular expression pattern: ^(2|4|5)\d\d$"
        )
    content_type = config.get("ContentType")
    if content_type and content_type not in CONTENT_TYPES:
        raise refused("InvalidLoadBalancerAction", f"The ContentType must be one of: {', '.join(CONTENT_TYPES)}")
    if len(body) > LONGEST_BODY:
        raise invalid(f"The fixed response's message body can be up to {LONGEST_BODY} characters long")
