"""The program's configuration: read once, checked for meaning, and plain values from there on."""

from dataclasses import dataclass
from ipaddress import IPv4Network

import pulumi

from blackstart.domain.static_stability import Capacity, static_stability
from blackstart.domain.target_health import HealthCheck

ZONE_COUNT = 3


class SettingsError(pulumi.RunError):
    """A configuration that cannot work; shown by Pulumi as a message, without a traceback."""


@dataclass(frozen=True)
class Settings:
    """Every key of Pulumi.yaml with its own type. min_size is resolved: never 0. Durations are seconds."""

    vpc_cidr: str
    nat_per_zone: bool
    capacity: Capacity
    min_size: int
    max_size: int
    instance_type: str
    service_port: int
    health_check: HealthCheck
    deregistration_delay_s: int
    grace_period_s: int
    cpu_target_percent: int
    requests_per_target_per_minute: int
    errors_5xx_alarm_count: int
    latency_p99_alarm_ms: int
    deletion_protection: bool
    chaos_allowed: bool

    @property
    def statically_stable(self) -> bool:
        """Whether two of three zones carry the peak."""
        return self.min_size >= self.capacity.total


def load_settings(config: pulumi.Config) -> Settings:
    """Read and check the configuration. Raises SettingsError that names each wrong key and what to change."""
    problems = _problems(config)
    if problems:
        raise SettingsError("configuration that cannot work:\n" + "\n".join(f"  {problem}" for problem in problems))
    capacity = static_stability(config.require_int("peakInstances"), ZONE_COUNT)
    return Settings(
        vpc_cidr=config.require("vpcCidr"),
        nat_per_zone=config.require_bool("natPerZone"),
        capacity=capacity,
        min_size=config.require_int("minSize") or capacity.total,
        max_size=config.require_int("maxSize"),
        instance_type=config.require("instanceType"),
        service_port=config.require_int("servicePort"),
        health_check=HealthCheck(
            path="/healthz",
            interval_s=config.require_int("healthCheckIntervalS"),
            timeout_s=config.require_int("healthCheckTimeoutS"),
            healthy_threshold=config.require_int("healthyThreshold"),
            unhealthy_threshold=config.require_int("unhealthyThreshold"),
        ),
        deregistration_delay_s=config.require_int("deregistrationDelayS"),
        grace_period_s=config.require_int("gracePeriodS"),
        cpu_target_percent=config.require_int("cpuTargetPercent"),
        requests_per_target_per_minute=config.require_int("requestsPerTargetPerMinute"),
        errors_5xx_alarm_count=config.require_int("errors5xxAlarmCount"),
        latency_p99_alarm_ms=config.require_int("latencyP99AlarmMs"),
        deletion_protection=config.require_bool("deletionProtection"),
        chaos_allowed=config.require_bool("chaosAllowed"),
    )


# The limits of the AWS APIs where there are any: elbv2 CreateTargetGroup, autoscaling CreateAutoScalingGroup.
LIMITS = {
    "peakInstances": (1, 1000),
    "minSize": (0, 3000),
    "maxSize": (1, 3000),
    "servicePort": (1024, 65535),
    "healthCheckIntervalS": (5, 300),
    "healthCheckTimeoutS": (2, 120),
    "healthyThreshold": (2, 10),
    "unhealthyThreshold": (2, 10),
    "deregistrationDelayS": (0, 3600),
    "gracePeriodS": (0, 7200),
    "cpuTargetPercent": (1, 100),
    "requestsPerTargetPerMinute": (1, 10_000_000),
    "errors5xxAlarmCount": (0, 1_000_000),
    "latencyP99AlarmMs": (1, 60_000),
}


def _problems(config: pulumi.Config) -> list[str]:
    outside = [
        f"{key} is {value}: set it between {lowest} and {highest}"
        for key, (lowest, highest) in LIMITS.items()
        if not lowest <= (value := config.require_int(key)) <= highest
    ]
    return outside or [*_network_problems(config), *_capacity_problems(config), *_health_check_problems(config)]


def _network_problems(config: pulumi.Config) -> list[str]:
    cidr = config.require("vpcCidr")
    try:
        network = IPv4Network(cidr)
    except ValueError as problem:
        return [f"vpcCidr is {cidr}: {problem}; write a block such as 10.0.0.0/16"]
    if not 16 <= network.prefixlen <= 24:
        return [f"vpcCidr is {cidr}: set a block between /16 and /24"]
    return []


def _capacity_problems(config: pulumi.Config) -> list[str]:
    minimum, maximum = config.require_int("minSize"), config.require_int("maxSize")
    if minimum > maximum:
        return [f"minSize {minimum} is above maxSize {maximum}: raise maxSize to at least {minimum} or lower minSize"]
    peak = config.require_int("peakInstances")
    needed = static_stability(peak, ZONE_COUNT).total
    if not minimum and needed > maximum:
        return [
            f"maxSize {maximum} is below the {needed} instances that peakInstances {peak} needs to survive the loss "
            f"of a zone: raise maxSize to at least {needed}, or set minSize to run with fewer"
        ]
    return []


def _health_check_problems(config: pulumi.Config) -> list[str]:
    timeout_s, interval_s = config.require_int("healthCheckTimeoutS"), config.require_int("healthCheckIntervalS")
    if timeout_s < interval_s:
        return []
    return [
        f"healthCheckTimeoutS {timeout_s} is not below healthCheckIntervalS {interval_s}: "
        "lower the timeout or raise the interval"
    ]
