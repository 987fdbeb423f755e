"""Automatic target weights: targets of which more requests fail than of the others get fewer requests.

Source: ELB user guide, "Edit target group attributes" (Automatic Target Weights): at least three healthy targets;
5xx answers and failed connections are compared with those of the other targets; weights are adjusted every five
seconds. An AWS workshop says that at most half of the targets are relieved. The figures are not published: they are
`AnomalyRules`.
"""

from collections.abc import Hashable, Mapping, Set
from typing import Literal, NamedTuple, TypeVar

from blackstart.emulator.snapshot import AnomalyRules

Key = TypeVar("Key", bound=Hashable)

_LEAST_TARGETS = 3


class Tally(NamedTuple):
    """failures: of the requests, those that ended in 5xx, or in no answer."""

    requests: int
    failures: int


class Anomaly(NamedTuple):
    """What describe_target_health says of one target. in_effect: whether it gets less than its share."""

    result: Literal["anomalous", "normal"]
    in_effect: bool


NO_ANOMALY = Anomaly("normal", in_effect=False)


def anomalous_targets(recent: Mapping[Key, Tally], known: Set[Key], rules: AnomalyRules) -> frozenset[Key]:
    """The targets that fail more than the others, at most half of them, the worst first.

    recent: what the healthy targets did in the window. known: those found anomalous before; they stay so on few
    requests, for they get few.
    """
    if len(recent) < _LEAST_TARGETS:
        return frozenset()
    excess = {key: _excess(key, recent) for key in recent}
    found = [
        key
        for key, tally in recent.items()
        if excess[key] >= rules.excess_ratio and (tally.requests >= rules.minimum_requests or key in known)
    ]
    unseen = [key for key in known if key in recent and recent[key].requests == 0]
    worst = sorted([*found, *unseen], key=lambda key: -excess[key])
    return frozenset(worst[: len(recent) // 2])


def next_weights(weights: Mapping[Key, float], anomalous: Set[Key], rules: AnomalyRules) -> dict[Key, float]:
    """The weights after one more period: the least for anomalous targets, a step more for those that recover."""
    return {
        key: rules.least_weight_ratio if key in anomalous else min(1.0, round(weight + rules.recovery_step_ratio, 9))
        for key, weight in weights.items()
    }


def _excess(key: Key, recent: Mapping[Key, Tally]) -> float:
    others = [tally for other, tally in recent.items() if other != key]
    return _ratio(recent[key].failures, recent[key].requests) - _ratio(
        sum(tally.failures for tally in others), sum(tally.requests for tally in others)
    )


def _ratio(failures: int, requests: int) -> float:
    return failures / requests if requests else 0.0
