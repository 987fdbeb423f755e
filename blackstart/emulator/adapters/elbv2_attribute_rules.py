"""Which attributes load balancers, listeners and target groups have, and what each of them takes.

Source: elbv2 API reference (LoadBalancerAttribute, ListenerAttribute, TargetGroupAttribute). The wording for an unknown
key is AWS's, as users published it; that for values is ours.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from blackstart.emulator.adapters.elbv2_refusals import invalid

Check = Callable[[str], str | None]
"""What is wrong with a value, None when nothing is."""
DAYS_7_S = 604_800


def _one_of(*values: str) -> Check:
    return lambda given: None if given in values else f"must be one of [{', '.join(values)}]"


def _between(low: int, high: int, *others: str) -> Check:
    also = f" or one of [{', '.join(others)}]" if others else ""

    def wrong(given: str) -> str | None:
        if given in others or (given.isascii() and given.isdecimal() and low <= int(given) <= high):
            return None
        return f"must be between '{low}-{high}' inclusive{also}"

    return wrong


def _anything(given: str) -> str | None:
    del given
    return None


def _cookie_name(given: str) -> str | None:
    return "cannot begin with 'AWSALB'" if given.startswith("AWSALB") else None


FLAG = _one_of("true", "false")
LOAD_BALANCER_ATTRIBUTES: dict[str, Check] = {
    **{
        f"{logs}.s3.{part}": FLAG if part == "enabled" else _anything
        for logs in ("access_logs", "connection_logs", "health_check_logs")
        for part in ("enabled", "bucket", "prefix")
    },
    "client_keep_alive.seconds": _between(60, DAYS_7_S),
    "deletion_protection.enabled": FLAG,
    "dns_record.client_routing_policy": _one_of(
        "availability_zone_affinity", "partial_availability_zone_affinity", "any_availability_zone"
    ),
    "idle_timeout.timeout_seconds": _between(1, 4000),
    "ipv6.deny_all_igw_traffic": FLAG,
    "load_balancing.cross_zone.enabled": FLAG,
    "routing.http.desync_mitigation_mode": _one_of("monitor", "defensive", "strictest"),
    "routing.http.drop_invalid_header_fields.enabled": FLAG,
    "routing.http.preserve_host_header.enabled": FLAG,
    "routing.http.x_amzn_tls_version_and_cipher_suite.enabled": FLAG,
    "routing.http.xff_client_port.enabled": FLAG,
    "routing.http.xff_header_processing.mode": _one_of("append", "preserve", "remove"),
    "routing.http2.enabled": FLAG,
    "secondary_ips.auto_assigned.per_subnet": _between(0, 7),
    "waf.fail_open.enabled": FLAG,
    "zonal_shift.config.enabled": FLAG,
}
TARGET_GROUP_ATTRIBUTES: dict[str, Check] = {
    "deregistration_delay.connection_termination.enabled": FLAG,
    "deregistration_delay.timeout_seconds": _between(0, 3600),
    "lambda.multi_value_headers.enabled": FLAG,
    "load_balancing.algorithm.anomaly_mitigation": _one_of("on", "off"),
    "load_balancing.algorithm.type": _one_of("round_robin", "least_outstanding_requests", "weighted_random"),
    "load_balancing.cross_zone.enabled": _one_of("true", "false", "use_load_balancer_configuration"),
    "preserve_client_ip.enabled": FLAG,
    "proxy_protocol_v2.enabled": FLAG,
    "slow_start.duration_seconds": lambda given: None if given == "0" else _between(30, 900, "0")(given),
    "stickiness.app_cookie.cookie_name": _cookie_name,
    "stickiness.app_cookie.duration_seconds": _between(1, DAYS_7_S),
    "stickiness.enabled": FLAG,
    "stickiness.lb_cookie.duration_seconds": _between(1, DAYS_7_S),
    "stickiness.type": _one_of("lb_cookie", "app_cookie", "source_ip", "source_ip_dest_ip", "source_ip_dest_ip_proto"),
    "target_failover.on_deregistration": _one_of("rebalance", "no_rebalance"),
    "target_failover.on_unhealthy": _one_of("rebalance", "no_rebalance"),
    "target_group_health.dns_failover.minimum_healthy_targets.count": _between(1, 1000, "off"),
    "target_group_health.dns_failover.minimum_healthy_targets.percentage": _between(1, 100, "off"),
    "target_group_health.unhealthy_state_routing.minimum_healthy_targets.count": _between(1, 1000),
    "target_group_health.unhealthy_state_routing.minimum_healthy_targets.percentage": _between(1, 100, "off"),
    "target_health_state.unhealthy.connection_termination.enabled": FLAG,
    "target_health_state.unhealthy.draining_interval_seconds": _between(0, 360_000),
    "waf.fail_open.enabled": FLAG,
}
HEADERS_OF_REQUESTS = (
    *("x_amzn_mtls_clientcert_serial_number", "x_amzn_mtls_clientcert_issuer", "x_amzn_mtls_clientcert_subject"),
    *("x_amzn_mtls_clientcert_validity", "x_amzn_mtls_clientcert_leaf", "x_amzn_mtls_clientcert"),
    *("x_amzn_tls_version", "x_amzn_tls_cipher_suite"),
)
HEADERS_OF_ANSWERS = (
    *("strict_transport_security", "access_control_allow_origin", "access_control_allow_methods"),
    *("access_control_allow_headers", "access_control_allow_credentials", "access_control_expose_headers"),
    *("access_control_max_age", "content_security_policy", "x_content_type_options", "x_frame_options"),
)
LISTENER_ATTRIBUTES: dict[str, Check] = {
    "routing.http.response.server.enabled": FLAG,
    **{f"routing.http.request.{header}.header_name": _anything for header in HEADERS_OF_REQUESTS},
    **{f"routing.http.response.{header}.header_value": _anything for header in HEADERS_OF_ANSWERS},
}
"""Of HTTP and HTTPS listeners."""
LISTENER_DEFAULTS = {"routing.http.response.server.enabled": "true"}
"""The others are empty."""
BALANCER_DEFAULTS: dict[str, str] = {
    **{
        f"{logs}.s3.{part}": "false" if part == "enabled" else ""
        for logs in ("access_logs", "connection_logs")
        for part in ("enabled", "bucket", "prefix")
    },
    "client_keep_alive.seconds": "3600",
    "deletion_protection.enabled": "false",
    "idle_timeout.timeout_seconds": "60",
    "load_balancing.cross_zone.enabled": "true",
    "routing.http.desync_mitigation_mode": "defensive",
    "routing.http.drop_invalid_header_fields.enabled": "false",
    "routing.http.preserve_host_header.enabled": "false",
    "routing.http.x_amzn_tls_version_and_cipher_suite.enabled": "false",
    "routing.http.xff_client_port.enabled": "false",
    "routing.http.xff_header_processing.mode": "append",
    "routing.http2.enabled": "true",
    "waf.fail_open.enabled": "false",
    "zonal_shift.config.enabled": "false",
}
"""What AWS describes of an Application Load Balancer that nobody has changed; moto has a few of them."""
HTTP_GROUP_DEFAULTS: dict[str, Any] = {
    "load_balancing.algorithm.anomaly_mitigation": "off",
    "stickiness.app_cookie.cookie_name": "",
    "stickiness.app_cookie.duration_seconds": "86400",
    "stickiness.lb_cookie.duration_seconds": "86400",
    "target_group_health.dns_failover.minimum_healthy_targets.count": "1",
    "target_group_health.dns_failover.minimum_healthy_targets.percentage": "off",
    "target_group_health.unhealthy_state_routing.minimum_healthy_targets.count": "1",
    "target_group_health.unhealthy_state_routing.minimum_healthy_targets.percentage": "off",
}
"""What AWS describes of an HTTP target group beyond moto's own."""


def check_pairs(pairs: Iterable[Mapping[str, Any]]) -> None:
    """Raise elbv2's ValidationError for an attribute without its value, at which moto breaks off."""
    for pair in pairs:
        if not {"Key", "Value"} <= pair.keys():
            raise invalid(f"A value must be specified for attribute key '{pair.get('Key')}'")


def check_attributes(kind: str, known: Mapping[str, Check], given: Mapping[str, Any]) -> None:
    """Raise elbv2's ValidationError for a key that does not exist or a value that it does not take.

    kind: as AWS begins the message.
    """
    for key, value in given.items():
        if key not in known:
            raise invalid(f"{kind} attribute key '{key}' is not recognized")
        wrong = known[key](str(value))
        if wrong is not None:
            raise invalid(f"{kind} attribute '{key}' value '{value}' {wrong}")
