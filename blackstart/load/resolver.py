"""Name resolution as an HTTP client sees it: answers are kept for their TTL, and not a moment longer.

This decides how long users keep going to a load-balancer node that has left DNS. TTLs are virtual seconds, so a cache
entry lives ttl / speed wall seconds. An expired answer is never served again: if the server does not answer then, the
request is unresolved (glibc, Go and the JVM do the same; only some caching stubs "serve stale", RFC 8767).
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, NamedTuple

FAILURE_TTL_S = 1.0


class UnresolvedError(Exception):
    """The name has no address: the server said so, or did not answer."""


class Answer(NamedTuple):
    """IPv4 addresses in the server's order, and how many virtual seconds they hold."""

    addresses: tuple[str, ...]
    ttl_s: float


Lookup = Callable[[str], Answer]


class _Entry(NamedTuple):
    answer: Answer | None
    expires_real_s: float


class CachingResolver:
    """Answers from its cache until the TTL is over, then looks up again.

    lookup: asks the server; raises UnresolvedError. now_real_s: a monotonic clock. speed: virtual seconds in one wall
    second. one_at_a_time: held during a lookup, so that at expiry one request asks and the others wait for its answer.
    A failure is kept for FAILURE_TTL_S virtual seconds: a dead server is asked now and then, not at every request.
    """

    def __init__(
        self,
        lookup: Lookup,
        now_real_s: Callable[[], float],
        speed: float,
        one_at_a_time: AbstractContextManager[Any],
    ) -> None:
        self._lookup = lookup
        self._now_real_s = now_real_s
        self._speed = speed
        self._one_at_a_time = one_at_a_time
        self._entries: dict[str, _Entry] = {}

    def resolve(self, name: str) -> tuple[str, ...]:
        """At least one address. Raises UnresolvedError."""
        entry = self._fresh(name)
        if entry is None:
            with self._one_at_a_time:
                entry = self._fresh(name) or self._look_up(name)
        if entry.answer is None:
            raise UnresolvedError(name)
        return entry.answer.addresses

    def _fresh(self, name: str) -> _Entry | None:
        entry = self._entries.get(name)
        return entry if entry is not None and self._now_real_s() < entry.expires_real_s else None

    def _look_up(self, name: str) -> _Entry:
        try:
            answer: Answer | None = self._lookup(name)
        except UnresolvedError:
            answer = None
        ttl_s = FAILURE_TTL_S if answer is None else answer.ttl_s
        entry = self._entries[name] = _Entry(answer, self._now_real_s() + ttl_s / self._speed)
        return entry
