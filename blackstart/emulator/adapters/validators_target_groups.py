"""What the elbv2 API refuses of target groups and moto accepts."""

import inspect
import re
from collections.abc import Callable
from typing import Any

from blackstart.emulator.adapters.elbv2_attribute_rules import (
    HTTP_GROUP_DEFAULTS,
    TARGET_GROUP_ATTRIBUTES,
    check_attributes,
    check_pairs,
)
from blackstart.emulator.adapters.elbv2_idempotency import changed, made_alike, remember, settings_of
from blackstart.emulator.adapters.elbv2_refusals import check_enum, check_name, check_range, invalid, refused
from blackstart.emulator.adapters.moto_elbv2 import target_groups_used_by
from blackstart.emulator.adapters.moto_elbv2_attributes import on
from blackstart.emulator.adapters.patches import Patches

HTTP_PROTOCOLS = ("HTTP", "HTTPS")
LONGEST, COOKIE = "deregistration_delay.timeout_seconds", "stickiness.app_cookie.cookie_name"
TARGET_TYPES = ("instance", "ip", "lambda", "alb")
PROTOCOL_VERSIONS = ("HTTP1", "HTTP2", "GRPC")
RANGES = {
    "healthCheckIntervalSeconds": ("interval", 5, 300),
    "healthCheckTimeoutSeconds": ("timeout", 2, 120),
    "healthyThresholdCount": ("healthy", 2, 10),
    "unhealthyThresholdCount": ("unhealthy", 2, 10),
}
CREATE_NAMES = {
    "interval": "healthcheck_interval_seconds",
    "timeout": "healthcheck_timeout_seconds",
    "healthy": "healthy_threshold_count",
    "unhealthy": "unhealthy_threshold_count",
}
CREATED_AS = {
    "health_check_proto": "healthcheck_protocol",
    "health_check_port": "healthcheck_port",
    "health_check_path": "healthcheck_path",
    "health_check_interval": "healthcheck_interval_seconds",
    "health_check_timeout": "healthcheck_timeout_seconds",
    "health_check_enabled": "healthcheck_enabled",
    "healthy_threshold_count": "healthy_threshold_count",
    "unhealthy_threshold_count": "unhealthy_threshold_count",
}
"""How a modification's settings are called at creation."""
MODIFY_NAMES = {
    "interval": "health_check_interval",
    "timeout": "health_check_timeout",
    "healthy": "healthy_threshold_count",
    "unhealthy": "unhealthy_threshold_count",
}


def install(patches: Patches) -> None:
    from moto.elbv2.models import ELBv2Backend
    from moto.elbv2.responses import ELBV2Response

    patches.replace(ELBv2Backend, "create_target_group", _checking_creation)
    patches.replace(ELBv2Backend, "modify_target_group", _checking_modification)
    patches.replace(ELBv2Backend, "modify_target_group_attributes", _checking_attributes)
    patches.replace(ELBv2Backend, "delete_target_group", _checking_deletion)
    patches.replace(ELBV2Response, "modify_target_group_attributes", _answering_all_attributes)


def check_health_check(matcher: str | None, port: str | None) -> None:
    """Raise elbv2's ValidationError for a matcher or a health-check port that means nothing; None: not given."""
    if matcher is not None and not _is_matcher(matcher):
        raise invalid(
            f"Health check matcher HTTP code '{matcher}' must be a code, a list such as '200,202' or a range such as "
            "'200-299', within '200-499' inclusive",
        )
    if port is not None and port != "traffic-port" and not (port.isdecimal() and 1 <= int(port) <= 65535):
        raise invalid(f"Health check port '{port}' must be 'traffic-port' or in the range 1-65535")


def check_path(path: str | None) -> None:
    if path is not None and (not path.startswith("/") or len(path) > 1024):
        raise invalid(f"Health check path '{path}' must begin with '/' and can be up to 1024 characters long")


def check_interval(timeout_s: Any, interval_s: Any) -> None:
    """The timeout is shorter than the interval."""
    if int(timeout_s) >= int(interval_s):
        raise invalid(f"Health check timeout '{timeout_s}' must be smaller than the interval '{interval_s}'")


def _is_matcher(matcher: str) -> bool:
    """Whether it is a list of codes and rising ranges between 200 and 499."""
    ranges = [re.fullmatch(r"([234]\d\d)(?:-([234]\d\d))?", part.strip(), re.ASCII) for part in matcher.split(",")]
    return all(found is not None and found[1] <= (found[2] or found[1]) for found in ranges)


def _check_ranges(given: dict[str, Any], names: dict[str, str]) -> None:
    for shown, (name, low, high) in RANGES.items():
        check_range(shown, given.get(names[name]), low, high)


def _check_enabled(enabled: Any, target_type: str) -> None:
    if str(enabled).lower() == "false" and target_type != "lambda":
        raise invalid(f"Health check enabled must be true for target groups with target type '{target_type}'")


def _check_check_protocol(protocol: str | None, check_protocol: str | None) -> None:
    if protocol in HTTP_PROTOCOLS and check_protocol is not None and check_protocol not in HTTP_PROTOCOLS:
        raise refused(
            "InvalidConfigurationRequest",
            f"Health check protocol '{check_protocol}' is not supported for target groups with the {protocol} protocol",
        )


def _check_new(wanted: dict[str, Any]) -> None:
    protocol, target_type = wanted.get("protocol"), wanted.get("target_type") or "instance"
    if target_type != "lambda":
        check_range("port", wanted.get("port"), 1, 65535)
    check_enum("targetType", target_type, TARGET_TYPES)
    check_enum("protocolVersion", wanted.get("protocol_version"), PROTOCOL_VERSIONS)
    _check_ranges(wanted, CREATE_NAMES)
    _check_enabled(wanted.get("healthcheck_enabled"), target_type)
    _check_check_protocol(protocol, wanted.get("healthcheck_protocol"))
    check_health_check(None, wanted.get("healthcheck_port"))
    if protocol in HTTP_PROTOCOLS:
        check_path(wanted.get("healthcheck_path"))
        check_health_check((wanted.get("matcher") or {}).get("HttpCode"), None)
        timeout_s, interval_s = wanted.get("healthcheck_timeout_seconds"), wanted.get("healthcheck_interval_seconds")
        check_interval(timeout_s or 5, interval_s or 30)


def _checking_creation(original: Callable[..., Any]) -> Callable[..., Any]:
    def create_target_group(backend: Any, name: str, **wanted: Any) -> Any:
        check_name("Target group", name)
        settings = settings_of(wanted)
        known = next((group for group in backend.target_groups.values() if group.name == name), None)
        if known is not None and made_alike(known, settings):
            return known
        if known is not None:
            raise refused(
                "DuplicateTargetGroupName",
                f"A target group with the same name '{name}' exists, but with different settings",
            )
        _check_new(wanted)
        group = original(backend, name, **wanted)
        remember(group, settings)
        if group.protocol in HTTP_PROTOCOLS:
            group.attributes = {**HTTP_GROUP_DEFAULTS, **group.attributes}
        return group

    return create_target_group


def _checking_modification(original: Callable[..., Any]) -> Callable[..., Any]:
    def modify_target_group(backend: Any, arn: str, *wanted: Any, **named: Any) -> Any:
        given = inspect.signature(original).bind(backend, arn, *wanted, **named).arguments
        group = backend.target_groups.get(arn)
        if group is not None:
            _check_ranges(given, MODIFY_NAMES)
            _check_enabled(given.get("health_check_enabled"), group.target_type)
            _check_check_protocol(group.protocol, given.get("health_check_proto"))
            check_health_check(
                given.get("http_codes") if group.protocol in HTTP_PROTOCOLS else None, given.get("health_check_port")
            )
            if group.protocol in HTTP_PROTOCOLS:
                check_path(given.get("health_check_path"))
                check_interval(
                    given.get("health_check_timeout") or group.health_check_timeout_seconds,
                    given.get("health_check_interval") or group.health_check_interval_seconds,
                )
        modified = original(backend, arn, *wanted, **named)
        codes = given.get("http_codes")
        renamed = {created: given.get(name) for name, created in CREATED_AS.items()}
        changed(modified, matcher={"HttpCode": codes} if codes else None, **renamed)
        return modified

    return modify_target_group


def _checking_attributes(original: Callable[..., Any]) -> Callable[..., Any]:
    def modify_target_group_attributes(backend: Any, target_group_arn: str, attributes: dict[str, Any]) -> None:
        group = backend.target_groups.get(target_group_arn)
        if group is not None:
            check_attributes("Target group", TARGET_GROUP_ATTRIBUTES, attributes)
            _check_together(group, attributes)
        shown = {key: value for key, value in attributes.items() if key != LONGEST}  # moto refuses 3600, AWS takes it
        if group is not None and attributes.get("stickiness.type") == "app_cookie":
            shown = {COOKIE: group.attributes.get(COOKIE), **shown}  # moto wants it anew each time
        original(backend, target_group_arn, shown)
        group.attributes.update(attributes)

    return modify_target_group_attributes


def _check_together(group: Any, attributes: dict[str, Any]) -> None:
    after = {**group.attributes, **attributes}
    algorithm = after.get("load_balancing.algorithm.type", "round_robin")
    slow_start = int(after.get("slow_start.duration_seconds") or 0) > 0
    if slow_start and algorithm != "round_robin":
        raise refused(
            "InvalidConfigurationRequest",
            f"You cannot enable both slow start and {algorithm} algorithm on a target group",
        )
    if after.get("load_balancing.algorithm.anomaly_mitigation") == "on" and algorithm != "weighted_random":
        raise refused(
            "InvalidConfigurationRequest",
            "You can enable anomaly mitigation only on a target group with the weighted_random algorithm",
        )
    if after.get("stickiness.type") == "app_cookie" and not after.get("stickiness.app_cookie.cookie_name"):
        raise refused(
            "InvalidConfigurationRequest",
            "You must set an application cookie name to enable stickiness of type 'app_cookie'",
        )
    if on(after, "stickiness.enabled") and str(after.get("load_balancing.cross_zone.enabled")) == "false":
        raise refused(
            "InvalidConfigurationRequest",
            "Target stickiness is not supported when cross-zone load balancing is off",
        )


def _answering_all_attributes(original: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """AWS answers with every attribute of the group, moto with those that were given."""

    def modify_target_group_attributes(response: Any) -> Any:
        check_pairs(response._get_param("Attributes", []))
        original(response)
        return response.describe_target_group_attributes()

    return modify_target_group_attributes


def _checking_deletion(original: Callable[..., Any]) -> Callable[..., Any]:
    def delete_target_group(backend: Any, target_group_arn: str) -> Any:
        if any(target_group_arn in target_groups_used_by(balancer) for balancer in backend.load_balancers.values()):
            raise refused(
                "ResourceInUse", f"Target group '{target_group_arn}' is currently in use by a listener or a rule"
            )
        return original(backend, target_group_arn)

    return delete_target_group
