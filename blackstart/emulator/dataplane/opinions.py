"""Every node's opinion of every target that it checks."""

from collections.abc import Callable
from typing import NamedTuple

from blackstart.domain.target_health import HealthCheck, TargetState
from blackstart.emulator.dataplane.topology import CheckKey
from blackstart.emulator.decisions.target_health import ProbeResult, TargetHealth, first_health, next_health
from blackstart.emulator.protocol import HealthChanged


class _Held(NamedTuple):
    health: TargetHealth
    registration: int
    time_s: float


class Opinions:
    """now_s: reads virtual time. changed: called with the message for each opinion that reads differently."""

    def __init__(self, now_s: Callable[[], float], changed: Callable[[CheckKey, HealthChanged], None]) -> None:
        self._now_s = now_s
        self._changed = changed
        self._held: dict[CheckKey, _Held] = {}

    def begin(self, key: CheckKey, registration: int, check: HealthCheck) -> None:
        """A registration that this node has not probed yet."""
        self._store(key, _Held(first_health(check), registration, self._now_s()), reportable=True)

    def forget(self, key: CheckKey) -> None:
        self._held.pop(key, None)

    def decide(self, key: CheckKey, probe: ProbeResult, check: HealthCheck) -> None:
        """Move an opinion on by one probe; the change is stamped now."""
        held = self._held[key]
        transition = next_health(held.health, probe, check)
        time_s = self._now_s() if transition.reportable else held.time_s
        self._store(key, _Held(transition.after, held.registration, time_s), transition.reportable)

    def state(self, key: CheckKey) -> TargetState:
        """A node's opinion for routing; initial when it does not check this target."""
        held = self._held.get(key)
        return held.health.state if held is not None else TargetState.INITIAL

    def health(self, key: CheckKey) -> TargetHealth | None:
        held = self._held.get(key)
        return held.health if held is not None else None

    def messages(self) -> tuple[HealthChanged, ...]:
        """All opinions, for `Hello`; each with the time of its last change."""
        return tuple(_message(key, held) for key, held in self._held.items())

    def _store(self, key: CheckKey, held: _Held, reportable: bool) -> None:
        self._held[key] = held
        if reportable:
            self._changed(key, _message(key, held))


def _message(key: CheckKey, held: _Held) -> HealthChanged:
    return HealthChanged(
        time_s=held.time_s,
        load_balancer_arn=key.node.load_balancer_arn,
        node_zone=key.node.zone,
        target_group_arn=key.target.group_arn,
        target_id=key.target.target_id,
        port=key.target.port,
        registration=held.registration,
        state=held.health.state,
        reason=held.health.reason,
        description=held.health.description,
    )
