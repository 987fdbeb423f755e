"""A forward action to several target groups, or to one that keeps clients where they are."""

import time
from collections.abc import Callable, Mapping, Sequence
from email.utils import formatdate
from functools import lru_cache
from typing import NamedTuple

from blackstart.emulator.dataplane.http_text import RequestHead
from blackstart.emulator.dataplane.pickers import Identity, Plan, Routed
from blackstart.emulator.decisions.algorithms import spread_evenly
from blackstart.emulator.decisions.stickiness import (
    APP_COOKIES,
    COOKIE_LIFE_REAL_S,
    GROUP_COOKIES,
    TARGET_COOKIES,
    Stuck,
    cookie_value,
    decoded,
    encoded,
    renewed,
    set_app_cookie,
    set_cookies,
    still_stuck,
)
from blackstart.emulator.snapshot import Stickiness, WeightedGroup


class GroupPlan(NamedTuple):
    """One target group of an action. targets: those that requests may go to. stickiness: None when it does not hold."""

    arn: str
    pick: Plan
    targets: Mapping[Identity, Routed]
    stickiness: Stickiness | None


class Weights:
    """Spreads an action's requests over its target groups; outlives the plans."""

    def __init__(self, groups: Sequence[WeightedGroup]) -> None:
        self._arns = [group.target_group_arn for group in groups]
        self._weights = [group.weight for group in groups]
        self._credits: tuple[float, ...] = (0.0,) * len(groups)

    def next(self) -> str | None:
        """The ARN of the next group; None when every weight is 0."""
        if len(self._arns) == 1:
            return self._arns[0] if self._weights[0] else None
        spread = spread_evenly(self._weights, self._credits)
        self._credits = spread.credits
        return None if spread.chosen is None else self._arns[spread.chosen]


class Forwarding:
    """groups: by ARN. stickiness_s: of the action, for the target group; None is off. now_s: reads virtual time."""

    def __init__(
        self,
        groups: Mapping[str, GroupPlan],
        weights: Weights,
        stickiness_s: float | None,
        now_s: Callable[[], float],
    ) -> None:
        self._groups = groups
        self._weights = weights
        self._stickiness_s = stickiness_s
        self._now_s = now_s

    def route(self, head: RequestHead) -> Routed:
        """A client that is stuck to a group or target stays there; every answer renews its cookies."""
        now_s = float(int(self._now_s()))  # whole seconds, so that clients of one second share a cookie
        arn = self._stuck_group(head, now_s) or self._weights.next()
        if arn is None:
            return Routed("", None)
        group = self._groups[arn]
        routed = self._target(group, head, now_s)
        if self._stickiness_s is None or routed.target is None:
            return routed
        kept = set_cookies(b"AWSALBTG", encoded([Stuck(now_s, arn)]), _expires())
        return routed._replace(cookies=kept + routed.cookies)

    def _stuck_group(self, head: RequestHead, now_s: float) -> str | None:
        if self._stickiness_s is None:
            return None
        stuck = still_stuck(cookie_value(head.headers, GROUP_COOKIES), self._groups, self._stickiness_s, now_s)
        return stuck.group_arn if stuck is not None else None

    def _target(self, group: GroupPlan, head: RequestHead, now_s: float) -> Routed:
        if group.stickiness is None:
            return group.pick(head)
        if group.stickiness.app_cookie is None:
            return _by_duration(group, group.stickiness, head, now_s)
        return _by_application(group, group.stickiness, group.stickiness.app_cookie.encode(), head, now_s)


def _by_duration(group: GroupPlan, stickiness: Stickiness, head: RequestHead, now_s: float) -> Routed:
    value = cookie_value(head.headers, TARGET_COOKIES)
    routed = _stuck_target(group, value, stickiness, now_s) or group.pick(head)
    if routed.target is None:
        return routed
    return routed._replace(cookies=set_cookies(b"AWSALB", encoded([_stuck(group, routed, now_s)]), _expires()))


def _by_application(group: GroupPlan, stickiness: Stickiness, name: bytes, head: RequestHead, now_s: float) -> Routed:
    """The client has to send both cookies, the application's and ours. Who is not stuck yet gets ours together with
    the application's; who is gets it renewed.
    """
    value = cookie_value(head.headers, APP_COOKIES)
    begun = bool(cookie_value(head.headers, (name,))) and _valid(group, value, stickiness, now_s)
    stuck = _stuck_target(group, value, stickiness, now_s) if begun else None
    routed = stuck or group.pick(head)
    if routed.target is None:
        return routed
    entries = renewed(decoded(value), _stuck(group, routed, now_s))
    cookie = (set_app_cookie(encoded(entries), _expires()),)
    return routed._replace(cookies=cookie) if begun else routed._replace(app_cookie=name, app_cookies=cookie)


def _valid(group: GroupPlan, value: bytes, stickiness: Stickiness, now_s: float) -> bool:
    return still_stuck(value, (group.arn,), stickiness.duration_s, now_s) is not None


def _stuck_target(group: GroupPlan, value: bytes, stickiness: Stickiness, now_s: float) -> Routed | None:
    """None when there is no such target any more, or none that requests may go to."""
    stuck = still_stuck(value, (group.arn,), stickiness.duration_s, now_s)
    return group.targets.get((stuck.target_id, stuck.port, stuck.registration)) if stuck is not None else None


def _stuck(group: GroupPlan, routed: Routed, now_s: float) -> Stuck:
    target = routed.target
    if target is None:
        return Stuck(now_s, group.arn)
    return Stuck(now_s, group.arn, target.snapshot.target_id, target.snapshot.port, target.snapshot.registration)


def _expires() -> bytes:
    return _http_date(int(time.time() + COOKIE_LIFE_REAL_S))


@lru_cache(maxsize=4)
def _http_date(time_real_s: int) -> bytes:
    return formatdate(time_real_s, usegmt=True).encode()
