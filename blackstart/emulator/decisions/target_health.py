"""What one load-balancer node thinks of one target, probe by probe, and what all nodes together report.

                one success (whatever the threshold)
      initial ----------------------------------------> healthy
         |                                              |     ^
         | unhealthy threshold      unhealthy threshold |     | healthy threshold
         v                                              v     |
      unhealthy <---------------------------------------  unhealthy

Source: ELB user guide, "Health checks for Application Load Balancer target groups".
"""

from collections.abc import Iterable
from enum import StrEnum
from functools import lru_cache
from typing import Protocol

from pydantic import Field

from blackstart.domain.model import Model
from blackstart.domain.target_health import HealthCheck, TargetReason, TargetState


class ProbeOutcome(StrEnum):
    """answered: with a status code. timed_out: no answer in time. failed: refused, reset or malformed."""

    ANSWERED = "answered"
    TIMED_OUT = "timed_out"
    FAILED = "failed"


class ProbeResult(Model):
    """One health check's end. status_code: only when answered."""

    outcome: ProbeOutcome
    status_code: int | None = None


class TargetHealth(Model):
    """State, reason and description in AWS's words. successes, failures: consecutive, towards the next change."""

    state: TargetState
    reason: TargetReason | None = None
    description: str = ""
    successes: int = Field(default=0, ge=0)
    failures: int = Field(default=0, ge=0)


class HealthCause(StrEnum):
    """Why a transition went as it did."""

    FIRST_SUCCESS = "first success after registration"
    HEALTHY_THRESHOLD = "healthy threshold reached"
    UNHEALTHY_THRESHOLD = "unhealthy threshold reached"
    STILL_COUNTING = "threshold not reached"
    NO_CHANGE = "same as before"
    CHECK_DISABLED = "health check disabled"


class HealthTransition(Model):
    """before, after: the node's opinion around one probe."""

    before: TargetHealth
    after: TargetHealth
    cause: HealthCause

    @property
    def reportable(self) -> bool:
        """Whether `describe_target_health` would read differently."""
        return _reported(self.before) != _reported(self.after)


class Opinion(Protocol):
    """Anything that carries a state as AWS words it (`TargetHealth`, the protocol's `HealthChanged`)."""

    @property
    def state(self) -> TargetState: ...
    @property
    def reason(self) -> TargetReason | None: ...
    @property
    def description(self) -> str: ...


_REGISTERING = TargetHealth(
    state=TargetState.INITIAL,
    reason=TargetReason.REGISTRATION_IN_PROGRESS,
    description="Target registration is in progress",
)
_HEALTHY = TargetHealth(state=TargetState.HEALTHY)
_DISABLED = TargetHealth(
    state=TargetState.UNAVAILABLE,
    reason=TargetReason.HEALTH_CHECK_DISABLED,
    description="Health checks are not enabled for this target",
)


def first_health(check: HealthCheck) -> TargetHealth:
    """The opinion of a target that was just registered and not probed yet."""
    return _REGISTERING if check.enabled else _DISABLED


def next_health(state: TargetHealth, probe: ProbeResult, check: HealthCheck) -> HealthTransition:
    """Return a node's opinion after one more probe, and why.

    A newly registered target is healthy after one success; the healthy threshold counts from unhealthy only. Failures
    of different kinds add up; the reason is the last one's (which of them AWS shows is not published).
    Raises ValueError for a matcher that is not a list of codes and ranges.
    """
    if not check.enabled:
        return HealthTransition(before=state, after=_DISABLED, cause=HealthCause.CHECK_DISABLED)
    if succeeded(probe, check):
        return _after_success(state, check)
    return _after_failure(state, probe, check)


def succeeded(probe: ProbeResult, check: HealthCheck) -> bool:
    """Whether the probe was answered with a code that the matcher takes."""
    return (
        probe.outcome is ProbeOutcome.ANSWERED
        and probe.status_code is not None
        and probe.status_code in matching_codes(check.matcher)
    )


@lru_cache(maxsize=256)
def matching_codes(matcher: str) -> frozenset[int]:
    """The status codes of a matcher: "200", "200,202", "200-299", or a mixture.

    Raises ValueError for anything else.
    """
    codes: set[int] = set()
    for part in matcher.split(","):
        low, dash, high = part.strip().partition("-")
        if not low.isdecimal() or (dash and not high.isdecimal()):
            raise ValueError(f"matcher {matcher!r}: write codes and ranges as in 200,204-299")
        codes.update(range(int(low), int(high if dash else low) + 1))
    return frozenset(codes)


def combined_health(opinions: Iterable[Opinion]) -> TargetHealth:
    """What `describe_target_health` reports for one target from all nodes' opinions.

    AWS does not publish how nodes are put together. Here: unhealthy as soon as any node says so (with that node's
    reason), healthy when every node does, else initial; without any opinion the registration is in progress.
    """
    known = list(opinions)
    for state in (TargetState.UNHEALTHY, TargetState.UNAVAILABLE):
        for opinion in known:
            if opinion.state is state:
                return TargetHealth(state=state, reason=opinion.reason, description=opinion.description)
    waiting = [opinion for opinion in known if opinion.state is not TargetState.HEALTHY]
    if known and not waiting:
        return _HEALTHY
    if not known or all(opinion.reason is TargetReason.REGISTRATION_IN_PROGRESS for opinion in known):
        return _REGISTERING
    return _checking(0)


def _after_success(state: TargetHealth, check: HealthCheck) -> HealthTransition:
    if state.state is TargetState.HEALTHY:
        return HealthTransition(before=state, after=_HEALTHY, cause=HealthCause.NO_CHANGE)
    if state.state is not TargetState.UNHEALTHY:
        return HealthTransition(before=state, after=_HEALTHY, cause=HealthCause.FIRST_SUCCESS)
    successes = state.successes + 1
    if successes >= check.healthy_threshold:
        return HealthTransition(before=state, after=_HEALTHY, cause=HealthCause.HEALTHY_THRESHOLD)
    after = state.model_copy(update={"successes": successes, "failures": 0})
    return HealthTransition(before=state, after=after, cause=HealthCause.STILL_COUNTING)


def _after_failure(state: TargetHealth, probe: ProbeResult, check: HealthCheck) -> HealthTransition:
    reason, description = _failure(probe)
    unhealthy = TargetHealth(state=TargetState.UNHEALTHY, reason=reason, description=description)
    if state.state is TargetState.UNHEALTHY:
        return HealthTransition(before=state, after=unhealthy, cause=HealthCause.NO_CHANGE)
    failures = state.failures + 1
    if failures >= check.unhealthy_threshold:
        return HealthTransition(before=state, after=unhealthy, cause=HealthCause.UNHEALTHY_THRESHOLD)
    healthy = state.state is TargetState.HEALTHY
    after = _HEALTHY.model_copy(update={"failures": failures}) if healthy else _checking(failures)
    return HealthTransition(before=state, after=after, cause=HealthCause.STILL_COUNTING)


def _checking(failures: int) -> TargetHealth:
    return TargetHealth(
        state=TargetState.INITIAL,
        reason=TargetReason.INITIAL_HEALTH_CHECKING,
        description="Initial health checks in progress",
        failures=failures,
    )


def _failure(probe: ProbeResult) -> tuple[TargetReason, str]:
    if probe.outcome is ProbeOutcome.TIMED_OUT:
        return TargetReason.TIMEOUT, "Request timed out"
    if probe.outcome is ProbeOutcome.ANSWERED and probe.status_code is not None:
        return TargetReason.RESPONSE_CODE_MISMATCH, f"Health checks failed with these codes: [{probe.status_code}]"
    return TargetReason.FAILED_HEALTH_CHECKS, "Health checks failed"


def _reported(health: TargetHealth) -> tuple[TargetState, TargetReason | None, str]:
    return health.state, health.reason, health.description
