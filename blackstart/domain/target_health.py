"""Target health in AWS's own words.

Source: ELB user guide "Health checks for Application Load Balancer target groups"; elbv2 API TargetHealth.
"""

from enum import StrEnum

from pydantic import Field

from blackstart.domain.model import Model


class TargetState(StrEnum):
    INITIAL = "initial"
    HEALTHY = "healthy"
    UNHEALTHY = "unhealthy"
    UNUSED = "unused"
    DRAINING = "draining"
    UNAVAILABLE = "unavailable"


class TargetReason(StrEnum):
    REGISTRATION_IN_PROGRESS = "Elb.RegistrationInProgress"
    INITIAL_HEALTH_CHECKING = "Elb.InitialHealthChecking"
    RESPONSE_CODE_MISMATCH = "Target.ResponseCodeMismatch"
    TIMEOUT = "Target.Timeout"
    FAILED_HEALTH_CHECKS = "Target.FailedHealthChecks"
    INTERNAL_ERROR = "Elb.InternalError"
    NOT_REGISTERED = "Target.NotRegistered"
    NOT_IN_USE = "Target.NotInUse"
    INVALID_STATE = "Target.InvalidState"
    IP_UNUSABLE = "Target.IpUnusable"
    DEREGISTRATION_IN_PROGRESS = "Target.DeregistrationInProgress"
    HEALTH_CHECK_DISABLED = "Target.HealthCheckDisabled"


class HealthCheck(Model):
    """A target group's health check; the defaults are the ALB's."""

    enabled: bool = True
    protocol: str = "HTTP"
    path: str = "/"
    port: str = "traffic-port"
    interval_s: float = Field(default=30.0, gt=0)
    timeout_s: float = Field(default=5.0, gt=0)
    healthy_threshold: int = Field(default=5, ge=1)
    unhealthy_threshold: int = Field(default=2, ge=1)
    matcher: str = "200"
