"""From what is declared, registered and running to the snapshot that the data plane works from."""

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from blackstart.emulator.controllers.ec2_lifecycle import InstanceFact
from blackstart.emulator.controllers.load_balancer_facts import (
    LoadBalancerFacts,
    LoadBalancerStore,
    Network,
    TargetGroupFacts,
)
from blackstart.emulator.controllers.target_book import TargetBook
from blackstart.emulator.decisions.instance_lifecycle import InstanceState
from blackstart.emulator.decisions.target_registration import ENDS, STOPS, Held, Registration, held, reach
from blackstart.emulator.snapshot import LoadBalancerSnapshot, NodeSnapshot, Reach, TargetGroupSnapshot, TargetSnapshot

NO_ADDRESS = "127.0.0.0"
"""Of a target that no instance stands behind; nothing is ever sent there."""


class BuiltTarget(NamedTuple):
    """held: why the health checks do not decide, None when they do. made_of: what both were made from.

    Nothing is worked out again before `good_until_s` while registration, fact and what the network says (`network`) are
    the same.
    """

    snapshot: TargetSnapshot
    held: Held | None
    made_of: tuple[Any, ...]
    registration: Registration
    fact: InstanceFact | None
    network: int
    good_until_s: float


class GroupUse(NamedTuple):
    """The load balancer that routes to a target group, if any, and its zones."""

    load_balancer_arn: str
    zones: tuple[str, ...]


class SnapshotBuilder:
    """Builds the parts of a snapshot, and keeps every target's part until something that it is made of changes.

    node_address: of a load balancer's zone. shifted_zone: what a zonal shift moves a load balancer's traffic away from.
    """

    def __init__(
        self,
        store: LoadBalancerStore,
        book: TargetBook,
        network: Network,
        *,
        node_address: Callable[[str, str], str],
        shifted_zone: Callable[[str], str | None],
        target_state_delay_s: float,
    ) -> None:
        self._store = store
        self._book = book
        self._network = network
        self._node_address = node_address
        self._shifted_zone = shifted_zone
        self._target_state_delay_s = target_state_delay_s
        self._targets: dict[str, dict[tuple[str, int], BuiltTarget]] = {}
        self._made_for: dict[str, tuple[Any, ...]] = {}

    def load_balancers(self, balancers: Iterable[LoadBalancerFacts]) -> tuple[LoadBalancerSnapshot, ...]:
        return tuple(
            balancer.declared.model_copy(
                update={
                    "nodes": tuple(self._node(balancer, zone) for zone in balancer.zones),
                    "shifted_zone": self._shifted_zone(balancer.arn),
                }
            )
            for balancer in balancers
        )

    def target_groups(
        self,
        groups: Iterable[TargetGroupFacts],
        balancers: Iterable[LoadBalancerFacts],
        instances: Mapping[str, InstanceFact],
        now_s: float,
    ) -> tuple[TargetGroupSnapshot, ...]:
        """The groups with their targets, in the order of registration."""
        uses = {arn: GroupUse(balancer.arn, balancer.zones) for balancer in balancers for arn in balancer.uses}
        found = _Instances(instances)
        before, self._targets = self._targets, {}
        return tuple(
            group.declared.model_copy(
                update={"targets": self._group(group, uses.get(group.arn), found, before.get(group.arn, {}), now_s)}
            )
            for group in groups
        )

    def target(self, target_group_arn: str, target_id: str, port: int | None) -> BuiltTarget | None:
        """A registration as it was last built; of several ports the first when none is given."""
        targets = self._targets.get(target_group_arn, {})
        ports = self._book.ports(target_group_arn, target_id) if port is None else (port,)
        return next((targets[(target_id, one)] for one in ports if (target_id, one) in targets), None)

    def _node(self, balancer: LoadBalancerFacts, zone: str) -> NodeSnapshot:
        met = {
            listener.port: self._network.listener_reach(balancer.arn, zone, listener.port)
            for listener in balancer.declared.listeners
        }
        return NodeSnapshot(
            zone=zone,
            address=self._node_address(balancer.arn, zone),
            listeners_cut={port: reached for port, reached in met.items() if reached is not Reach.OPEN},
        )

    def _group(
        self,
        group: TargetGroupFacts,
        use: GroupUse | None,
        instances: "_Instances",
        before: Mapping[tuple[str, int], BuiltTarget],
        now_s: float,
    ) -> tuple[TargetSnapshot, ...]:
        built: dict[tuple[str, int], BuiltTarget] = {}
        made_for = (use, group.by_address, group.health_check.port)
        same = self._made_for.get(group.arn) == made_for
        self._made_for[group.arn] = made_for
        find, changed = instances.by_address if group.by_address else instances.by_id, self._network.changed
        for registration in self._book.registrations(group.arn):
            key = (registration.target_id, registration.port)
            fact, known = find(key[0]), before.get(key)
            if (
                known is None
                or not same
                or known.registration is not registration
                or known.fact is not fact
                or known.network != changed(key[0])
                or now_s >= known.good_until_s
            ):
                known = self._target(group, use, registration, fact, known, now_s)
            built[key] = known
        self._targets[group.arn] = built
        return tuple(target.snapshot for target in built.values())

    def _target(
        self,
        group: TargetGroupFacts,
        use: GroupUse | None,
        registration: Registration,
        fact: InstanceFact | None,
        before: BuiltTarget | None,
        now_s: float,
    ) -> BuiltTarget:
        zone = fact.zone if fact else self._store.zone_of_address(group.arn, registration.target_id) or ""
        decided = held(
            registration,
            in_use=use is not None,
            zone_enabled=use is None or zone in use.zones or not zone,
            by_address=group.by_address,
            instance_state=fact.state if fact else None,
            state_since_s=fact.since_s if fact else 0.0,
            target_state_delay_s=self._target_state_delay_s,
            now_s=now_s,
        )
        reached = self._reached(group, use, registration) if use is not None else ({}, {})
        seen = (fact.private_ip, fact.address, fact.state) if fact else None
        made_of = (registration, seen, zone, decided, reached)
        same = before is not None and before.made_of == made_of
        snapshot = before.snapshot if same and before else _target_snapshot(registration, fact, zone, decided, reached)
        network = self._network.changed(registration.target_id)
        good_until_s = -math.inf if any(reached) else self._good_until_s(fact, now_s)
        return BuiltTarget(snapshot, decided, made_of, registration, fact, network, good_until_s)

    def _good_until_s(self, fact: InstanceFact | None, now_s: float) -> float:
        """A cut is asked about at each look, so that it is explained, and so is a target without an instance: its zone
        is its subnet's. The rest is decided anew only when an instance's end or stop begins to show.
        """
        if fact is None:
            return -math.inf
        shows_s = fact.since_s + self._target_state_delay_s
        return shows_s if fact.state in (*STOPS, *ENDS) and now_s < shows_s else math.inf

    def _reached(
        self, group: TargetGroupFacts, use: GroupUse, registration: Registration
    ) -> tuple[dict[str, Reach], dict[str, Reach]]:
        """How far each node gets: to the target's port, and to its health check's."""
        traffic = self._reached_at(use, registration.target_id, registration.port)
        check_port = group.health_check.port
        if check_port == "traffic-port" or int(check_port) == registration.port:
            return traffic, traffic
        return traffic, self._reached_at(use, registration.target_id, int(check_port))

    def _reached_at(self, use: GroupUse, target_id: str, port: int) -> dict[str, Reach]:
        found = {zone: self._network.target_reach(use.load_balancer_arn, zone, target_id, port) for zone in use.zones}
        return {zone: reached for zone, reached in found.items() if reached is not Reach.OPEN}


class _Instances:
    """Instances by id, and those that still hold their address by it."""

    def __init__(self, facts: Mapping[str, InstanceFact]) -> None:
        self._facts = facts
        self._by_address: dict[str, InstanceFact] | None = None

    def by_id(self, instance_id: str) -> InstanceFact | None:
        return self._facts.get(instance_id)

    def by_address(self, address: str) -> InstanceFact | None:
        if self._by_address is None:
            living = (fact for fact in self._facts.values() if fact.state is not InstanceState.TERMINATED)
            self._by_address = {fact.private_ip: fact for fact in living}
        return self._by_address.get(address)


def _target_snapshot(
    registration: Registration,
    fact: InstanceFact | None,
    zone: str,
    decided: Held | None,
    reached: tuple[dict[str, Reach], dict[str, Reach]],
) -> TargetSnapshot:
    return TargetSnapshot(
        target_id=registration.target_id,
        port=registration.port,
        zone=zone,
        private_ip=fact.private_ip if fact else registration.target_id,
        address=fact.address if fact else NO_ADDRESS,
        registration=registration.number,
        reach=reach(fact.state if fact else None),
        reach_from=reached[0],
        check_reach_from=reached[1],
        held=decided.state if decided else None,
        held_reason=decided.reason if decided else None,
    )
