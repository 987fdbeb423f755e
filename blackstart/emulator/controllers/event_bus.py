"""What services tell EventBridge: the events that AWS sends to the default event bus of an account and region."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple


class Event(NamedTuple):
    """One event, with the names of AWS's envelope. resources: ARNs. detail: JSON values. time_s: virtual."""

    source: str
    detail_type: str
    account: str
    region: str
    resources: tuple[str, ...]
    detail: Mapping[str, Any]
    time_s: float


EventBus = Callable[[Event], None]
"""Delivers an event to the rules that match it. Called under the lock; does no I/O."""


def no_one(event: Event) -> None:
    """An event bus without rules."""
