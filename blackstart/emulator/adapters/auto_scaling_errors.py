"""Auto Scaling's refusals in moto's exceptions, and the groups they are about."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from blackstart.emulator.controllers.lifecycle_hooks import NoActiveActionError
from blackstart.emulator.controllers.member_requests import RefusedError

PENDING_DELETE = "The AutoScaling group may not be modified while it is pending delete"


def refusal(message: str, code: str = "ValidationError") -> Exception:
    from moto.autoscaling.exceptions import AutoscalingClientError

    error: Exception = AutoscalingClientError(code, message)
    return error


def constraint(value: Any, member: str, must: str) -> Exception:
    """What AWS's query services say of a parameter that its model does not allow. must: what the member must do."""
    return refusal(
        f"1 validation error detected: Value '{value}' at '{member}' failed to satisfy constraint: Member must {must}"
    )


def between(value: int | None, member: str, least: int, most: int | None = None) -> None:
    """Refuse a number out of range."""
    if value is not None and value < least:
        raise constraint(value, member, f"have value greater than or equal to {least}")
    if value is not None and most is not None and value > most:
        raise constraint(value, member, f"have value less than or equal to {most}")


def one_of(value: str | None, member: str, allowed: tuple[str, ...]) -> None:
    """Refuse an unknown word."""
    if value is not None and value not in allowed:
        raise constraint(value, member, f"satisfy enum value set: [{', '.join(allowed)}]")


def group_named(backend: Any, name: str | None) -> Any:
    """moto's group. Raises Auto Scaling's ValidationError when there is none."""
    group = backend.autoscaling_groups.get(name)
    if group is None:
        raise refusal(f"AutoScalingGroup name not found - AutoScalingGroup {name} not found")
    return group


def group_to_change(backend: Any, name: str | None) -> Any:
    """moto's group, unless it is being deleted."""
    group = group_named(backend, name)
    if getattr(group, "status", None):
        raise refusal(PENDING_DELETE)
    return group


def answering_refusals(method: Callable[..., Any]) -> Callable[..., Any]:
    """A method whose refusals reach the caller as AWS's errors."""

    @wraps(method)
    def answered(*args: Any, **kwargs: Any) -> Any:
        try:
            return method(*args, **kwargs)
        except RefusedError as error:
            raise refusal(str(error), error.code) from error
        except NoActiveActionError as error:
            raise refusal(str(error)) from error

    return answered
