"""Errors of the elbv2 API for requests that AWS refuses."""

from collections.abc import Iterable
from typing import Any


def refused(code: str, message: str) -> Exception:
    """An error that moto answers a request with."""
    from moto.elbv2.exceptions import ELBClientError

    error: Exception = ELBClientError(code, message)
    return error


def invalid(message: str) -> Exception:
    """elbv2's ValidationError."""
    return refused("ValidationError", message)


def check_range(name: str, value: Any, low: int, high: int) -> None:
    """Raise the ValidationError of a number that the API's model does not allow; None: not given."""
    if value is None:
        return
    bound = f"greater than or equal to {low}" if int(value) < low else f"less than or equal to {high}"
    if not low <= int(value) <= high:
        raise invalid(
            f"1 validation error detected: Value '{value}' at '{name}' failed to satisfy constraint: "
            f"Member must have value {bound}"
        )


def check_enum(name: str, value: str | None, values: Iterable[str]) -> None:
    """Raise the ValidationError of a word that the API's model does not have; None: not given."""
    known = list(values)
    if value is not None and value not in known:
        raise invalid(
            f"1 validation error detected: Value '{value}' at '{name}' failed to satisfy constraint: Member must "
            f"satisfy enum value set: [{', '.join(known)}]"
        )


def check_name(kind: str, name: str) -> None:
    """Raise the ValidationError of a load balancer's or target group's name. kind: as AWS begins the message."""
    if len(name) > 32:
        raise invalid(f"{kind} name '{name}' cannot be longer than '32' characters")
    if not all(letter.isascii() and (letter.isalnum() or letter == "-") for letter in name) or not name:
        raise invalid(
            f"{kind} name '{name}' can only contain characters that are alphanumeric characters or hyphens(-)"
        )
    if name.startswith("-") or name.endswith("-"):
        raise invalid(f"{kind} name '{name}' cannot begin or end with '-'")


def listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))


def by_name(names: Iterable[str], given: tuple[Any, ...], named: dict[str, Any]) -> dict[str, Any]:
    """A call's arguments by name; moto's CloudFormation gives the first ones by position."""
    return {**dict(zip(names, given, strict=False)), **named}
