"""One node's way with one target group: what it remembers from request to request and from snapshot to snapshot."""

from collections.abc import Callable, Mapping, Sequence
from random import Random

from blackstart.emulator.dataplane.pickers import (
    AnomalyMitigating,
    AnomalyWatch,
    Identity,
    LeastOutstanding,
    Plan,
    RoundRobin,
    Routed,
    SlowStarting,
    Turn,
    WeightedRandom,
)
from blackstart.emulator.decisions.slow_start import Full, Phase, Warming, next_phases, share_ratio
from blackstart.emulator.snapshot import Algorithm, TargetGroupSnapshot


class GroupRouting:
    """now_s: reads virtual time. changed: to be called when the way changes by time alone."""

    def __init__(self, now_s: Callable[[], float], random: Random, changed: Callable[[], None]) -> None:
        self._now_s = now_s
        self._random = random
        self._changed = changed
        self._turn = Turn()
        self._watch = AnomalyWatch()
        self._phases: dict[Identity, Phase] | None = None

    def health_changed(self, group: TargetGroupSnapshot, healthy: Callable[[], Mapping[Identity, bool]]) -> None:
        """To be told at once, because slow start depends on when a target became healthy.

        healthy: gives every registration that the node may send to, and whether it finds it healthy.
        """
        if group.slow_start_s > 0 and group.algorithm is Algorithm.ROUND_ROBIN:
            self._phases = next_phases(self._phases, healthy(), self._now_s(), group.slow_start_s)
        else:
            self._phases = None
        if not group.mitigates_anomalies:
            self._watch = AnomalyWatch()

    def plan(self, group: TargetGroupSnapshot, ring: Mapping[Identity, Routed], failing_open: bool) -> Plan:
        """How to pick among these, from now until the next change. ring: in the order of registration, at least one."""
        choices = tuple(ring.values())
        if group.algorithm is Algorithm.LEAST_OUTSTANDING_REQUESTS:
            return LeastOutstanding(choices, self._turn).route
        if group.algorithm is Algorithm.WEIGHTED_RANDOM:
            if group.mitigates_anomalies and not failing_open:
                return AnomalyMitigating(ring, self._watch, group.anomaly_rules, self._random, self._now_s).route
            return WeightedRandom(choices, self._random).route
        phases = self._phases_of(tuple(ring))
        now_s = self._now_s()
        if any(share_ratio(phase, now_s, group.slow_start_s) < 1 for phase in phases if isinstance(phase, Warming)):
            return SlowStarting(choices, phases, group.slow_start_s, self._now_s, self._changed).route
        return RoundRobin(choices, self._turn).route

    def mitigated(self) -> dict[Identity, bool]:
        """As `AnomalyWatch.mitigated`."""
        return self._watch.mitigated()

    def nowhere(self, group_arn: str) -> Plan:
        """The plan of a group that has no target to send to."""
        return RoundRobin((Routed(group_arn, None),), self._turn).route

    def _phases_of(self, identities: Sequence[Identity]) -> list[Phase]:
        phases = self._phases or {}
        return [phases.get(identity, Full()) for identity in identities]
