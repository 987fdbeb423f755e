"""The attributes of moto's target groups and load balancers, read into the snapshot's terms.

Source: elbv2 API reference (TargetGroupAttribute, LoadBalancerAttribute).
"""

from collections.abc import Mapping
from typing import Any, Literal

from blackstart.domain.target_health import HealthCheck
from blackstart.emulator.snapshot import (
    Algorithm,
    DesyncMitigation,
    ForwardedFor,
    HttpSettings,
    MinimumHealthy,
    Stickiness,
    TargetGroupSnapshot,
)

DAY_S = 86_400.0
ROUTING_HTTP = "routing.http."


def target_group_snapshot(group: Any) -> TargetGroupSnapshot:
    """A target group without its targets."""
    attributes = group.attributes
    algorithm = Algorithm(attributes.get("load_balancing.algorithm.type") or Algorithm.ROUND_ROBIN)
    return TargetGroupSnapshot(
        arn=group.arn,
        metric_name=group.arn.rpartition(":")[2],
        health_check=health_check(group),
        protocol=_protocol(group.protocol),
        cross_zone=_text(attributes, "load_balancing.cross_zone.enabled") != "false",
        algorithm=algorithm,
        anomaly_mitigation=_text(attributes, "load_balancing.algorithm.anomaly_mitigation") == "on",
        slow_start_s=float(attributes.get("slow_start.duration_seconds") or 0),
        stickiness=_stickiness(attributes),
        dns_failover=_minimum(attributes, "dns_failover"),
        routing_failover=_minimum(attributes, "unhealthy_state_routing"),
    )


def health_check(group: Any) -> HealthCheck:
    matcher = (getattr(group, "matcher", None) or {}).get("HttpCode") or "200"
    return HealthCheck(
        enabled=group.health_check_enabled,
        protocol=group.health_check_protocol or "HTTP",
        path=group.health_check_path or "/",
        port=str(group.health_check_port or "traffic-port"),
        interval_s=float(group.health_check_interval_seconds),
        timeout_s=float(group.health_check_timeout_seconds),
        healthy_threshold=int(group.healthy_threshold_count),
        unhealthy_threshold=int(group.unhealthy_threshold_count),
        matcher=str(matcher),
    )


def http_settings(attributes: Mapping[str, Any]) -> HttpSettings:
    """A load balancer's attributes under `routing.http`."""
    return HttpSettings(
        forwarded_for=ForwardedFor(attributes.get(ROUTING_HTTP + "xff_header_processing.mode") or ForwardedFor.APPEND),
        client_port_in_forwarded_for=on(attributes, ROUTING_HTTP + "xff_client_port.enabled"),
        preserve_host_header=on(attributes, ROUTING_HTTP + "preserve_host_header.enabled"),
        drop_invalid_header_fields=on(attributes, ROUTING_HTTP + "drop_invalid_header_fields.enabled"),
        tls_version_and_cipher_headers=on(attributes, ROUTING_HTTP + "x_amzn_tls_version_and_cipher_suite.enabled"),
        desync_mitigation=DesyncMitigation(
            attributes.get(ROUTING_HTTP + "desync_mitigation_mode") or DesyncMitigation.DEFENSIVE
        ),
    )


def on(attributes: Mapping[str, Any], key: str) -> bool:
    """Whether an attribute that is true or false is true."""
    return _text(attributes, key) == "true"


def _text(attributes: Mapping[str, Any], key: str) -> str:
    return str(attributes.get(key, "")).lower()


def _protocol(protocol: str | None) -> Literal["HTTP", "HTTPS"]:
    return "HTTPS" if protocol == "HTTPS" else "HTTP"


def _stickiness(attributes: Mapping[str, Any]) -> Stickiness | None:
    if not on(attributes, "stickiness.enabled"):
        return None
    kind = attributes.get("stickiness.type") or "lb_cookie"
    if kind not in ("lb_cookie", "app_cookie"):
        return None
    return Stickiness(
        duration_s=float(attributes.get(f"stickiness.{kind}.duration_seconds") or DAY_S),
        app_cookie=attributes.get("stickiness.app_cookie.cookie_name") if kind == "app_cookie" else None,
    )


def _minimum(attributes: Mapping[str, Any], action: str) -> MinimumHealthy:
    prefix = f"target_group_health.{action}.minimum_healthy_targets."
    count, percentage = _text(attributes, prefix + "count"), _text(attributes, prefix + "percentage")
    return MinimumHealthy(
        count=int(count) if count.isdecimal() else 1,
        ratio=int(percentage) / 100 if percentage.isdecimal() else None,
    )
