"""How a node picks the next target of one target group: one class for each way.

Each is made anew whenever the targets to choose from change, and hands out `Routed` objects made beforehand.
"""

from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import NamedTuple

from blackstart.emulator.dataplane.http_text import RequestHead
from blackstart.emulator.dataplane.target_connections import TargetConnections
from blackstart.emulator.decisions.algorithms import least_outstanding, spread_evenly, weighted_index
from blackstart.emulator.decisions.anomaly import Tally, anomalous_targets, next_weights
from blackstart.emulator.decisions.slow_start import Phase, share_ratio
from blackstart.emulator.snapshot import AnomalyRules


class Routed(NamedTuple):
    """Where one request goes. group_arn: the target group chosen, "" when every weight is 0. target: None when the
    group has no target to send to. failing_open: too few targets were healthy.

    cookies: Set-Cookie values for the answer. app_cookie: the name of the application's cookie; when the answer sets
    it, `app_cookies` are set as well.
    """

    group_arn: str
    target: TargetConnections | None
    failing_open: bool = False
    cookies: tuple[bytes, ...] = ()
    app_cookie: bytes = b""
    app_cookies: tuple[bytes, ...] = ()


Plan = Callable[[RequestHead], Routed]
Identity = tuple[str, int, int]
"""A registration within its target group: target id, port, registration."""


class Turn:
    """A count of requests that outlives the pickers which count with it."""

    __slots__ = ("number",)

    def __init__(self) -> None:
        self.number = 0


class RoundRobin:
    """ring: at least one; the one without a target stands for an empty group."""

    __slots__ = ("_ring", "_size", "_turn")

    def __init__(self, ring: Sequence[Routed], turn: Turn) -> None:
        self._ring = tuple(ring)
        self._size = len(ring)
        self._turn = turn

    def route(self, _: RequestHead) -> Routed:
        turn = self._turn
        number = turn.number
        turn.number = number + 1
        return self._ring[number % self._size]


class LeastOutstanding:
    """By the requests in progress at each target, of all nodes together."""

    def __init__(self, ring: Sequence[Routed], turn: Turn) -> None:
        self._choices = [(one, one.target) for one in ring if one.target is not None]
        self._turn = turn

    def route(self, _: RequestHead) -> Routed:
        number = self._turn.number
        self._turn.number = number + 1
        return self._choices[least_outstanding([target.in_flight for _, target in self._choices], number)][0]


class SlowStarting:
    """Round robin while some targets get less than their full share. finished: called once none does any more."""

    def __init__(
        self,
        ring: Sequence[Routed],
        phases: Sequence[Phase],
        duration_s: float,
        now_s: Callable[[], float],
        finished: Callable[[], None],
    ) -> None:
        self._ring = ring
        self._phases = phases
        self._duration_s = duration_s
        self._now_s = now_s
        self._finished = finished
        self._credits: tuple[float, ...] = (0.0,) * len(ring)

    def route(self, _: RequestHead) -> Routed:
        now_s = self._now_s()
        shares = [share_ratio(phase, now_s, self._duration_s) for phase in self._phases]
        spread = spread_evenly(shares, self._credits)
        self._credits = spread.credits
        if min(shares) >= 1.0:
            self._finished()
        return self._ring[spread.chosen or 0]


class WeightedRandom:
    """Evenly, in random order."""

    def __init__(self, ring: Sequence[Routed], random: Random) -> None:
        self._ring = ring
        self._random = random

    def route(self, _: RequestHead) -> Routed:
        return self._ring[int(self._random.random() * len(self._ring))]


class AnomalyWatch:
    """What one node knows of its targets' failures, and the weights that follow; outlives the pickers."""

    def __init__(self) -> None:
        self._weights: dict[Identity, float] = {}
        self._anomalous: frozenset[Identity] = frozenset()
        self._history: list[tuple[float, dict[Identity, Tally]]] = []

    def weights(
        self, targets: Mapping[Identity, TargetConnections], rules: AnomalyRules, now_s: float
    ) -> Mapping[Identity, float]:
        """The targets' weights, adjusted once a period. targets: those that are healthy."""
        if not self._history or now_s - self._history[-1][0] >= rules.period_s:
            self._adjust(targets, rules, now_s)
        return {key: self._weights.get(key, 1.0) for key in targets}

    def mitigated(self) -> dict[Identity, bool]:
        """The targets that got less than their share when last looked at, and whether they were anomalous then."""
        return {key: key in self._anomalous for key, weight in self._weights.items() if weight < 1}

    def _adjust(self, targets: Mapping[Identity, TargetConnections], rules: AnomalyRules, now_s: float) -> None:
        totals = {key: Tally(one.answered + one.unanswered, one.failed) for key, one in targets.items()}
        self._history = [past for past in self._history if now_s - past[0] <= rules.window_s]
        self._history.append((now_s, totals))
        earlier: dict[Identity, Tally] = {}
        for _, past in self._history:
            earlier = past | earlier  # what a target did before it was first seen here does not count
        recent = {key: _since(tally, earlier[key]) for key, tally in totals.items()}
        self._anomalous = anomalous_targets(recent, self._anomalous, rules)
        before = {key: self._weights.get(key, 1.0) for key in totals}
        self._weights = next_weights(before, self._anomalous, rules)


class AnomalyMitigating:
    """Weighted random, with weights that follow the targets' failures."""

    def __init__(
        self,
        ring: Mapping[Identity, Routed],
        watch: AnomalyWatch,
        rules: AnomalyRules,
        random: Random,
        now_s: Callable[[], float],
    ) -> None:
        self._ring = tuple(ring.values())
        self._targets = {key: routed.target for key, routed in ring.items() if routed.target is not None}
        self._watch = watch
        self._rules = rules
        self._random = random
        self._now_s = now_s

    def route(self, _: RequestHead) -> Routed:
        weights = self._watch.weights(self._targets, self._rules, self._now_s())
        return self._ring[weighted_index(tuple(weights.values()), self._random.random())]


def _since(now: Tally, earlier: Tally) -> Tally:
    return Tally(now.requests - earlier.requests, now.failures - earlier.failures)
