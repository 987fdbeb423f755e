"""Sticky sessions: what a load balancer's cookies hold, and for how long it keeps to them.

A cookie says since when a client is stuck, in virtual seconds; the node that gets it back judges the duration by
virtual time. The cookie's own `Expires` is seven days of the client's time, whatever the duration, as on AWS.

Source: ELB user guide, "Edit target group attributes" (sticky sessions), "Action types for listener rules" (target
group stickiness). Differs from AWS: the content is only encoded, with a checksum, not encrypted.
"""

import json
from base64 import b64decode, b64encode
from collections.abc import Iterable, Sequence
from functools import lru_cache
from hashlib import blake2b
from typing import NamedTuple

COOKIE_LIFE_REAL_S = 7 * 86_400.0
TARGET_COOKIES = (b"AWSALBCORS", b"AWSALB")
GROUP_COOKIES = (b"AWSALBTGCORS", b"AWSALBTG")
APP_COOKIES = (b"AWSALBAPP-0",)
_CHECKSUM_BYTES = 8
_MOST_STUCK = 12  # keeps AWSALBAPP-0 under the 4 KiB of one cookie


class Stuck(NamedTuple):
    """What a client is stuck to. target_id "": to the target group only. registration: a later one is not meant."""

    since_s: float
    group_arn: str
    target_id: str = ""
    port: int = 0
    registration: int = 0


def encoded(stuck: Sequence[Stuck]) -> bytes:
    """A cookie's value; the last ones when they are too many."""
    return _encoded(tuple(stuck[-_MOST_STUCK:]))


@lru_cache(maxsize=1024)
def _encoded(stuck: tuple[Stuck, ...]) -> bytes:
    text = json.dumps(stuck, separators=(",", ":")).encode()
    return b64encode(_checksum(text) + text)


@lru_cache(maxsize=1024)
def decoded(value: bytes) -> tuple[Stuck, ...]:
    """What a cookie holds; nothing when it is not one of ours, damaged, URL-encoded, or made up."""
    try:
        raw = b64decode(value, validate=True)
        if raw[:_CHECKSUM_BYTES] != _checksum(raw[_CHECKSUM_BYTES:]):
            return ()
        return tuple(
            Stuck(float(since_s), str(group_arn), str(target_id), int(port), int(registration))
            for since_s, group_arn, target_id, port, registration in json.loads(raw[_CHECKSUM_BYTES:])
        )
    except (ValueError, TypeError, OverflowError, RecursionError):
        return ()


def cookie_value(headers: Iterable[tuple[bytes, bytes]], names: Sequence[bytes]) -> bytes:
    """The value of the first of these cookies that a request has, b"" without one."""
    found: dict[bytes, bytes] = {}
    for key, line in headers:
        if key.lower() == b"cookie":
            for part in line.split(b";"):
                name, equals, value = part.partition(b"=")
                if equals:
                    found.setdefault(name.strip(), value.strip())
    return next((found[name] for name in names if name in found), b"")


def still_stuck(value: bytes, group_arns: Iterable[str], duration_s: float, now_s: float) -> Stuck | None:
    """What a cookie's client is stuck to among these target groups, unless the duration is over."""
    wanted = frozenset(group_arns)
    for stuck in decoded(value):
        if stuck.group_arn in wanted and 0 <= now_s - stuck.since_s < duration_s:
            return stuck
    return None


def renewed(earlier: Sequence[Stuck], stuck: Stuck) -> tuple[Stuck, ...]:
    """The entries of an application cookie, one for each target group, with this group's anew."""
    return (*(entry for entry in earlier if entry.group_arn != stuck.group_arn), stuck)


def set_cookies(name: bytes, value: bytes, expires: bytes) -> tuple[bytes, bytes]:
    """The values of Set-Cookie: the cookie, and its double for requests from other origins.

    expires: an HTTP date. Requires a name without "CORS".
    """
    return (
        b"%b=%b; Expires=%b; Path=/" % (name, value, expires),
        b"%bCORS=%b; Expires=%b; Path=/; SameSite=None; Secure" % (name, value, expires),
    )


def set_app_cookie(value: bytes, expires: bytes) -> bytes:
    """The value of Set-Cookie for the load balancer's part of application-based stickiness."""
    return b"%b=%b; Expires=%b; Path=/" % (APP_COOKIES[0], value, expires)


def _checksum(text: bytes) -> bytes:
    return blake2b(text, digest_size=_CHECKSUM_BYTES).digest()
