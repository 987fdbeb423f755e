"""Load balancers: the snapshot that the data plane works from, and the truth about target health."""

from collections.abc import Callable, Mapping

from blackstart.domain.target_health import TargetReason
from blackstart.emulator.controllers.ec2_lifecycle import InstanceFact
from blackstart.emulator.controllers.health_registry import HealthRegistry
from blackstart.emulator.controllers.load_balancer_facts import (
    LoadBalancerFacts,
    LoadBalancerStore,
    Network,
    OpenNetwork,
    TargetGroupFacts,
)
from blackstart.emulator.controllers.snapshot_building import SnapshotBuilder
from blackstart.emulator.controllers.target_book import TargetBook
from blackstart.emulator.decisions.anomaly import NO_ANOMALY, Anomaly
from blackstart.emulator.decisions.host_counts import HostCensus
from blackstart.emulator.decisions.instance_lifecycle import InstanceState
from blackstart.emulator.decisions.routing import RoutableTarget, RouteReason, routing_pool
from blackstart.emulator.decisions.target_health import TargetHealth, combined_health
from blackstart.emulator.decisions.target_registration import (
    NOT_REGISTERED,
    AdministrativeOverride,
    Held,
    override,
)
from blackstart.emulator.parameters import Parameters
from blackstart.emulator.protocol import Mitigated
from blackstart.emulator.snapshot import Snapshot, TargetGroupSnapshot


class LoadBalancingController:
    """Builds the snapshot and answers what a target's health is.

    facts: the instances; publish: does no I/O; deregisters_itself: whether an instance has an Auto Scaling group, which
    takes it out of its target groups; shifted_zone: the zone that a zonal shift moves a load balancer's traffic out of;
    mitigated: the targets that get less than their share because more of their requests fail.
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
        network: Network | None = None,
        shifted_zone: Callable[[str], str | None] = lambda _: None,
        mitigated: Callable[[], tuple[Mitigated, ...]] = tuple,
    ) -> None:
        self._store = store
        self._book = book
        self._registry = registry
        self._facts = facts
        self._publish = publish
        self._deregisters_itself = deregisters_itself
        self._shifted_zone = shifted_zone
        self._mitigated = mitigated
        self._builder = SnapshotBuilder(
            store,
            book,
            network or OpenNetwork(),
            node_address=node_address,
            shifted_zone=shifted_zone,
            target_state_delay_s=parameters.target_state_delay_s,
        )
        self._balancers: tuple[LoadBalancerFacts, ...] = ()
        self._mitigating: set[str] = set()
        self.snapshot = Snapshot(version=0)

    def tick(self, now_s: float) -> None:
        self._book.expire(now_s)
        groups = self._store.target_groups()
        self._book.keep_only({group.arn for group in groups})
        self._drop_terminated(groups)
        self._refresh(groups, now_s)

    def refresh(self, now_s: float) -> None:
        """Bring the snapshot up to date after a change that a request must see at once."""
        self._refresh(self._store.target_groups(), now_s)

    def health(self, target_group_arn: str, target_id: str, port: int | None) -> TargetHealth:
        """What describe_target_health says of a target; unused and not registered when it is not."""
        target = self._builder.target(target_group_arn, target_id, port)
        if target is None:
            return _as_health(NOT_REGISTERED)
        if target.held is not None:
            return _as_health(target.held)
        opinions = self._registry.opinions(target_group_arn).get((target_id, target.snapshot.port), {})
        return combined_health(o for o in opinions.values() if o.registration == target.snapshot.registration)

    def override(self, target_group_arn: str, target_id: str, port: int | None) -> AdministrativeOverride | None:
        """Whether a zonal shift keeps requests from a target; None when no load balancer uses its group."""
        target = self._builder.target(target_group_arn, target_id, port)
        using = next((balancer for balancer in self._balancers if target_group_arn in balancer.uses), None)
        if target is None or using is None:
            return None
        return override(target.snapshot.zone, self._shifted_zone(using.arn))

    def anomaly(self, target_group_arn: str, target_id: str, port: int | None) -> Anomaly | None:
        """What anomaly detection says of a registered target; None for a group that does not mitigate anomalies."""
        if target_group_arn not in self._mitigating:
            return None
        target = self._builder.target(target_group_arn, target_id, port)
        if target is None:
            return None
        key = (target_group_arn, target_id, target.snapshot.port)
        for one in self._mitigated():
            if (one.target_group_arn, one.target_id, one.port) == key:
                return Anomaly("anomalous" if one.anomalous else "normal", in_effect=True)
        return NO_ANOMALY

    def registered(self, target_group_arn: str) -> tuple[tuple[str, int], ...]:
        """(target id, port) of every registration, draining ones included."""
        return tuple((r.target_id, r.port) for r in self._book.registrations(target_group_arn))

    def census(self) -> tuple[HostCensus, ...]:
        """The target groups in use, whose hosts are counted."""
        return tuple(
            HostCensus(balancer.arn, balancer.zones, self._shifted_zone(balancer.arn), group)
            for balancer in self._balancers
            for group in self.snapshot.target_groups
            if group.arn in balancer.uses
        )

    def failing_open(self, load_balancer_arn: str) -> bool:
        """Whether a target group of the load balancer has too few healthy targets everywhere (routing failover).

        With cross-zone load balancing targets count over all zones, else each zone for itself, as the nodes count.
        """
        uses = next((balancer.uses for balancer in self._balancers if balancer.arn == load_balancer_arn), frozenset())
        return any(self._fails_open(group) for group in self.snapshot.target_groups if group.arn in uses)

    def _fails_open(self, group: TargetGroupSnapshot) -> bool:
        targets = [
            RoutableTarget(
                target_id=target.target_id,
                port=target.port,
                zone=target.zone,
                state=target.held or self.health(group.arn, target.target_id, target.port).state,
            )
            for target in group.targets
            if target.held_reason is not TargetReason.NOT_IN_USE
        ]
        pools = (
            routing_pool(targets, zone, group.cross_zone, group.routing_failover)
            for zone in {target.zone for target in targets}
        )
        return {pool.reason for pool in pools} - {RouteReason.NO_TARGET} == {RouteReason.FAIL_OPEN}

    def _refresh(self, groups: tuple[TargetGroupFacts, ...], now_s: float) -> None:
        self._balancers = self._store.load_balancers()
        snapshot = Snapshot.model_construct(
            version=self.snapshot.version,
            load_balancers=self._builder.load_balancers(self._balancers),
            target_groups=self._builder.target_groups(groups, self._balancers, self._facts(), now_s),
        )
        if snapshot != self.snapshot:
            self.snapshot = snapshot.model_copy(update={"version": self.snapshot.version + 1})
            self._mitigating = {group.arn for group in snapshot.target_groups if group.mitigates_anomalies}
            self._registry.keep_only(self.snapshot)
            self._publish(self.snapshot)

    def _drop_terminated(self, groups: tuple[TargetGroupFacts, ...]) -> None:
        """A terminated instance leaves its target groups, unless its Auto Scaling group has yet to notice."""
        facts = self._facts()
        terminated = {fact.instance_id for fact in facts.values() if fact.state is InstanceState.TERMINATED}
        for group in groups if terminated else ():
            for registration in self._book.registrations(group.arn):
                if (
                    registration.target_id in terminated
                    and registration.draining_until_s is None
                    and not self._deregisters_itself(registration.target_id)
                ):
                    self._book.remove(group.arn, registration.target_id)


def _as_health(said: Held) -> TargetHealth:
    return TargetHealth(state=said.state, reason=said.reason, description=said.description)
