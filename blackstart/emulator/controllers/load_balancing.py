"""Load balancers: the snapshot that the data plane works from, and the truth about target health."""

from collections.abc import Callable, Mapping
from typing import Protocol

from blackstart.domain.model import Model
from blackstart.domain.target_health import HealthCheck, TargetReason, TargetState
from blackstart.emulator.controllers.ec2_lifecycle import InstanceFact
from blackstart.emulator.controllers.health_registry import HealthRegistry
from blackstart.emulator.controllers.metrics import CountedTarget, HostCensus
from blackstart.emulator.controllers.target_book import TargetBook
from blackstart.emulator.decisions.instance_lifecycle import InstanceState
from blackstart.emulator.decisions.target_health import TargetHealth, combined_health
from blackstart.emulator.decisions.target_registration import DESCRIPTIONS, Held, Registration, held, reach
from blackstart.emulator.parameters import Parameters
from blackstart.emulator.snapshot import (
    ListenerSnapshot,
    LoadBalancerSnapshot,
    NodeSnapshot,
    Snapshot,
    TargetGroupSnapshot,
    TargetSnapshot,
)


class LoadBalancerFacts(Model):
    """A load balancer as declared. uses: the target groups that it routes to, those of its default forward actions."""

    arn: str
    dns_name: str
    zones: tuple[str, ...]
    listeners: tuple[ListenerSnapshot, ...] = ()
    uses: frozenset[str] = frozenset()
    cross_zone: bool = True
    idle_timeout_s: float = 60.0


class TargetGroupFacts(Model):
    """A target group as declared."""

    arn: str
    port: int
    health_check: HealthCheck


class LoadBalancerStore(Protocol):
    """moto's side. load_balancers: those that are active."""

    def load_balancers(self) -> tuple[LoadBalancerFacts, ...]: ...
    def target_groups(self) -> tuple[TargetGroupFacts, ...]: ...


class LoadBalancingController:
    """Builds the snapshot and answers what a target's health is.

    facts: the instances; publish: does no I/O; deregisters_itself: whether an instance has an Auto Scaling group, which
    takes it out of its target groups.
    """

    def __init__(
        self,
        store: LoadBalancerStore,
        book: TargetBook,
        registry: HealthRegistry,
        parameters: Parameters,
        *,
        facts: Callable[[], Mapping[str, InstanceFact]],
        node_address: Callable[[str, str], str],
        publish: Callable[[Snapshot], None],
        deregisters_itself: Callable[[str], bool] = lambda _: False,
    ) -> None:
        self._store = store
        self._book = book
        self._registry = registry
        self._parameters = parameters
        self._facts = facts
        self._node_address = node_address
        self._publish = publish
        self._deregisters_itself = deregisters_itself
        self.snapshot = Snapshot(version=0)

    def tick(self, now_s: float) -> None:
        self._book.expire(now_s)
        groups = self._store.target_groups()
        self._book.keep_only({group.arn for group in groups})
        self._drop_terminated(groups)
        self._refresh(groups, now_s)

    def _refresh(self, groups: tuple[TargetGroupFacts, ...], now_s: float) -> None:
        balancers = self._store.load_balancers()
        snapshot = Snapshot(
            version=self.snapshot.version,
            load_balancers=tuple(self._balancer(balancer) for balancer in balancers),
            target_groups=tuple(self._group(group, balancers, now_s) for group in groups),
        )
        if snapshot != self.snapshot:
            self.snapshot = snapshot.model_copy(update={"version": self.snapshot.version + 1})
            self._registry.keep_only(self.snapshot)
            self._publish(self.snapshot)

    def health(self, target_group_arn: str, target_id: str, port: int | None) -> TargetHealth:
        """What describe_target_health says of a target; unused and not registered when it is not."""
        target = self._target(target_group_arn, target_id, port)
        if target is None:
            reason = TargetReason.NOT_REGISTERED
            return TargetHealth(state=TargetState.UNUSED, reason=reason, description=DESCRIPTIONS[reason])
        if target.held is not None and target.held_reason is not None:
            return TargetHealth(
                state=target.held, reason=target.held_reason, description=DESCRIPTIONS[target.held_reason]
            )
        opinions = self._registry.opinions(target_group_arn).get((target_id, target.port), {})
        return combined_health(o for o in opinions.values() if o.registration == target.registration)

    def registered(self, target_group_arn: str) -> tuple[tuple[str, int], ...]:
        """(target id, port) of every registration, draining ones included."""
        return tuple((r.target_id, r.port) for r in self._book.registrations(target_group_arn))

    def census(self) -> tuple[HostCensus, ...]:
        """The target groups in use with the targets that HealthyHostCount counts."""
        return tuple(
            HostCensus(
                load_balancer_arn=balancer.arn,
                target_group_arn=group.arn,
                node_zones=balancer.zones,
                targets=tuple(
                    CountedTarget(target_id=target.target_id, port=target.port, zone=target.zone)
                    for target in group.targets
                    if target.held is None
                ),
            )
            for balancer in self._store.load_balancers()
            for group in self.snapshot.target_groups
            if group.arn in balancer.uses
        )

    def refresh(self, now_s: float) -> None:
        """Bring the snapshot up to date after a change that a request must see at once."""
        self._refresh(self._store.target_groups(), now_s)

    def _target(self, target_group_arn: str, target_id: str, port: int | None) -> TargetSnapshot | None:
        for group in self.snapshot.target_groups:
            if group.arn == target_group_arn:
                matching = (t for t in group.targets if t.target_id == target_id and port in (None, t.port))
                return next(matching, None)
        return None

    def _drop_terminated(self, groups: tuple[TargetGroupFacts, ...]) -> None:
        """A terminated instance leaves its target groups, unless its Auto Scaling group has yet to notice."""
        for group in groups:
            for registration in self._book.registrations(group.arn):
                fact = self._facts().get(registration.target_id)
                if (
                    fact is not None
                    and fact.state is InstanceState.TERMINATED
                    and registration.draining_until_s is None
                    and not self._deregisters_itself(registration.target_id)
                ):
                    self._book.remove(group.arn, registration.target_id)

    def _balancer(self, facts: LoadBalancerFacts) -> LoadBalancerSnapshot:
        return LoadBalancerSnapshot(
            arn=facts.arn,
            metric_name=facts.arn.partition(":loadbalancer/")[2],
            dns_name=facts.dns_name,
            nodes=tuple(NodeSnapshot(zone=zone, address=self._node_address(facts.arn, zone)) for zone in facts.zones),
            listeners=facts.listeners,
            idle_timeout_s=facts.idle_timeout_s,
        )

    def _group(
        self, facts: TargetGroupFacts, balancers: tuple[LoadBalancerFacts, ...], now_s: float
    ) -> TargetGroupSnapshot:
        using = [balancer for balancer in balancers if facts.arn in balancer.uses]
        zones = {zone for balancer in using for zone in balancer.zones}
        targets = (self._snapshot_of(r, bool(using), zones, now_s) for r in self._book.registrations(facts.arn))
        return TargetGroupSnapshot(
            arn=facts.arn,
            metric_name=facts.arn.rpartition(":")[2],
            health_check=facts.health_check,
            targets=tuple(targets),
            cross_zone=all(balancer.cross_zone for balancer in using),
        )

    def _snapshot_of(self, registration: Registration, in_use: bool, zones: set[str], now_s: float) -> TargetSnapshot:
        fact = self._fact_of(registration.target_id)
        state = fact.state if fact else None
        decided: Held | None = held(
            registration,
            in_use=in_use,
            zone_enabled=fact is not None and fact.zone in zones,
            instance_state=state,
            state_since_s=fact.since_s if fact else 0.0,
            target_state_delay_s=self._parameters.target_state_delay_s,
            now_s=now_s,
        )
        return TargetSnapshot(
            target_id=registration.target_id,
            port=registration.port,
            zone=fact.zone if fact else "",
            private_ip=fact.private_ip if fact else registration.target_id,
            address=fact.address if fact else "127.0.0.0",
            registration=registration.number,
            reach=reach(state),
            held=decided.state if decided else None,
            held_reason=decided.reason if decided else None,
        )

    def _fact_of(self, target_id: str) -> InstanceFact | None:
        facts = self._facts()
        if target_id in facts:
            return facts[target_id]
        return next((fact for fact in facts.values() if fact.private_ip == target_id), None)
