"""Load-balancer nodes at work: their settings, their opinion of each target, and where their requests go."""

from collections.abc import Callable
from functools import partial
from random import Random

from blackstart.domain.target_health import TargetReason, TargetState
from blackstart.emulator.dataplane.clock import VirtualClock
from blackstart.emulator.dataplane.counting import Counting
from blackstart.emulator.dataplane.forwarding import Forwarding, GroupPlan, Weights
from blackstart.emulator.dataplane.group_routing import GroupRouting
from blackstart.emulator.dataplane.http_text import RequestHead
from blackstart.emulator.dataplane.opinions import Opinions
from blackstart.emulator.dataplane.pickers import Identity, Plan, Routed
from blackstart.emulator.dataplane.target_connections import TargetConnections
from blackstart.emulator.dataplane.topology import CheckKey, NodeKey, TargetKey, Topology, actions_of
from blackstart.emulator.decisions.access_log import RequestRecord
from blackstart.emulator.decisions.dns_answer import DnsNode, GroupInZones, nodes_in_dns
from blackstart.emulator.decisions.routing import RoutableTarget, RouteReason, RoutingPool, routing_pool
from blackstart.emulator.decisions.target_health import combined_health
from blackstart.emulator.protocol import TargetBytes
from blackstart.emulator.snapshot import (
    Forward,
    HttpSettings,
    LoadBalancerSnapshot,
    Snapshot,
    Stickiness,
    TargetGroupSnapshot,
    TargetSnapshot,
    WeightedGroup,
)


class Node:
    """One node: routes by its own opinions. Its timeouts are wall seconds, scaled from the load balancer's; but that of
    idle clients is as declared, for their connection pools live in wall time.

    access_log: takes what each request leaves for the log; None when the load balancer keeps none. now_s: virtual time.
    """

    def __init__(self, key: NodeKey, fleet: "Fleet", counting: Counting, clock: VirtualClock) -> None:
        self.key = key
        self.dns_name = ""
        self.counting = counting
        self.connect_timeout_real_s = 0.0
        self.idle_timeout_real_s = 0.0
        self.client_idle_timeout_real_s = 0.0
        self.client_keep_alive_s = 0.0
        self.http = HttpSettings()
        self.access_log: Callable[[RequestRecord], None] | None = None
        self.now_s = clock.now_s
        self._fleet = fleet
        self._clock = clock
        self._random = Random(f"{key.load_balancer_arn} {key.zone}")
        self._groups: dict[str, GroupRouting] = {}
        self._weights: dict[tuple[WeightedGroup, ...], Weights] = {}
        self._plans: dict[int, Plan] = {}
        self._planned: list[Forward] = []

    def update(self, balancer: LoadBalancerSnapshot) -> None:
        """Take over a changed snapshot of the load balancer; the fleet has the new topology already."""
        self.dns_name = balancer.dns_name
        self.connect_timeout_real_s = self._clock.real_s(balancer.connect_timeout_s)
        self.idle_timeout_real_s = self._clock.real_s(balancer.idle_timeout_s)
        self.client_idle_timeout_real_s = balancer.idle_timeout_s
        self.client_keep_alive_s = balancer.client_keep_alive_s
        self.http = balancer.http
        sink = self._fleet.access_log_sink if balancer.access_log else None
        self.access_log = partial(sink, self.key) if sink is not None else None
        arns = [group.arn for group in self._fleet.topology.groups_of(balancer)]
        self._groups = {arn: self._groups.get(arn) or self._new_group() for arn in arns}
        forwards = {action.groups for action in actions_of(balancer) if isinstance(action, Forward)}
        self._weights = {groups: weights for groups, weights in self._weights.items() if groups in forwards}
        self.opinions_changed()

    def opinions_changed(self) -> None:
        """Where requests go is worked out anew at the next one."""
        self._forget_plans()
        for arn, routing in self._groups.items():
            group = self._fleet.topology.groups.get(arn)
            if group is not None:
                routing.health_changed(group, partial(self._healthy, group))

    def route(self, action: Forward, head: RequestHead) -> Routed:
        """The next target of this node for a request of this head."""
        plan = self._plans.get(id(action))
        if plan is None:
            plan = self._plan(action)
        return plan(head)

    def mitigated(self) -> dict[TargetKey, bool]:
        """The targets that this node gives less than their share, and whether they were anomalous at its last look."""
        found: dict[TargetKey, bool] = {}
        for arn, routing in self._groups.items():
            spared = routing.mitigated()
            pool = self._fleet.routing_pool(self.key, arn) if spared else None
            if pool is not None and pool.reason is RouteReason.HEALTHY:
                keys = [TargetKey(arn, one.target_id, one.port) for one in pool.targets]
                identities = {_identity(self._fleet.connections[key].snapshot): key for key in keys}
                found.update({identities[one]: anomalous for one, anomalous in spared.items() if one in identities})
        return found

    def _plan(self, action: Forward) -> Plan:
        """Work an action out; kept, with the action, until something changes."""
        groups = {one.target_group_arn: self._group_plan(one.target_group_arn, action) for one in action.groups}
        only = next(iter(groups.values())) if len(groups) == 1 and action.groups[0].weight else None
        if only is not None and only.stickiness is None and action.stickiness_s is None:
            plan = only.pick
        else:
            weights = self._weights.setdefault(action.groups, Weights(action.groups))
            plan = Forwarding(groups, weights, action.stickiness_s, self.now_s).route
        self._planned.append(action)
        self._plans[id(action)] = plan
        return plan

    def _group_plan(self, arn: str, action: Forward) -> GroupPlan:
        routing = self._groups.get(arn)
        if routing is None:  # an action of a listener that is about to be replaced
            routing = self._groups[arn] = self._new_group()
        group = self._fleet.topology.groups.get(arn)
        pool = self._fleet.routing_pool(self.key, arn)
        if group is None or not pool.targets:
            return GroupPlan(arn, routing.nowhere(arn), {}, None)
        failing_open = pool.reason is RouteReason.FAIL_OPEN
        keys = [TargetKey(arn, one.target_id, one.port) for one in pool.targets]
        connections = [self._fleet.connections[key] for key in keys]
        ring = {_identity(one.snapshot): Routed(arn, one, failing_open) for one in connections}
        return GroupPlan(arn, routing.plan(group, ring, failing_open), ring, _stickiness(group, action))

    def _healthy(self, group: TargetGroupSnapshot) -> dict[Identity, bool]:
        return {
            _identity(target): seen.serving
            for target, seen in self._fleet.routable(self.key, group)
            if group.cross_zone or target.zone == self.key.zone
        }

    def _new_group(self) -> GroupRouting:
        return GroupRouting(self.now_s, self._random, self._forget_plans)

    def _forget_plans(self) -> None:
        self._plans.clear()
        self._planned.clear()


def _identity(target: TargetSnapshot) -> Identity:
    return target.target_id, target.port, target.registration


def _in_use(group: TargetGroupSnapshot) -> list[TargetSnapshot]:
    return [target for target in group.targets if target.held_reason is not TargetReason.NOT_IN_USE]


def _stickiness(group: TargetGroupSnapshot, action: Forward) -> Stickiness | None:
    """None where AWS does not keep to it: cross-zone off, an application's cookie with several target groups."""
    if group.stickiness is None or not group.cross_zone:
        return None
    return None if group.stickiness.app_cookie is not None and len(action.groups) > 1 else group.stickiness


class Fleet:
    """Everything the current snapshot describes, kept over snapshots: nodes, connections, opinions.

    access_log_sink: takes what requests leave for the logs that are on.
    """

    def __init__(self, opinions: Opinions, counting: Counting, clock: VirtualClock) -> None:
        self.topology = Topology(Snapshot(version=0))
        self.nodes: dict[NodeKey, Node] = {}
        self.connections: dict[TargetKey, TargetConnections] = {}
        self.access_log_sink: Callable[[NodeKey, RequestRecord], None] | None = None
        self._opinions = opinions
        self._counting = counting
        self._clock = clock
        self._departed: list[tuple[TargetKey, TargetConnections]] = []

    def apply(self, topology: Topology) -> None:
        """Take a new snapshot. A target registered anew keeps nothing of its earlier registration."""
        self.topology = topology
        for key in [key for key in self.nodes if key not in topology.nodes]:
            self.nodes.pop(key).opinions_changed()  # clients that are about to be cut off get nowhere
        for key, (balancer, _) in topology.nodes.items():
            if key not in self.nodes:
                self.nodes[key] = Node(key, self, self._counting, self._clock)
            self.nodes[key].update(balancer)
        self._apply_targets(topology)

    def opinion_changed(self, node: NodeKey) -> None:
        if node in self.nodes:
            self.nodes[node].opinions_changed()

    def routing_pool(self, node: NodeKey, group_arn: str) -> RoutingPool:
        """Where a node's requests for one group go at the moment."""
        group = self.topology.groups.get(group_arn)
        if group is None or node not in self.topology.nodes:
            return RoutingPool(targets=(), reason=RouteReason.NO_TARGET)
        balancer, _ = self.topology.nodes[node]
        targets = [one for _, one in self.routable(node, group)]
        return routing_pool(targets, node.zone, group.cross_zone, group.routing_failover, balancer.shifted_zone)

    def routable(self, node: NodeKey, group: TargetGroupSnapshot) -> list[tuple[TargetSnapshot, RoutableTarget]]:
        """A group's registrations in the load balancer's zones, and how a node sees them."""
        return [(target, self._routable(node, group.arn, target)) for target in _in_use(group)]

    def dns_nodes(self, name: str) -> tuple[DnsNode, ...] | None:
        """The nodes in DNS under a load balancer's name (lower case, no final dot); None for an unknown name."""
        balancer = self.topology.by_dns_name.get(name)
        if balancer is None:
            return None
        nodes = [DnsNode(zone=node.zone, address=node.address) for node in balancer.nodes]
        groups = [self._in_zones(balancer, group) for group in self.topology.groups_of(balancer)]
        return nodes_in_dns(nodes, groups, balancer.shifted_zone)

    def take_target_bytes(self) -> tuple[TargetBytes, ...]:
        """What went to and came from targets since the last time, of those where something did."""
        departed, self._departed = self._departed, []
        found = []
        for key, connections in (*departed, *self.connections.items()):
            sent, received = connections.take_bytes()
            if sent or received:
                found.append(TargetBytes(key.group_arn, key.target_id, sent, received))
        return tuple(found)

    def _routable(self, node: NodeKey, group_arn: str, target: TargetSnapshot) -> RoutableTarget:
        key = TargetKey(group_arn, target.target_id, target.port)
        state = target.held or self._opinions.state(CheckKey(node, key))
        return RoutableTarget(target_id=target.target_id, port=target.port, zone=target.zone, state=state)

    def _in_zones(self, balancer: LoadBalancerSnapshot, group: TargetGroupSnapshot) -> GroupInZones:
        healthy: dict[str, int] = {}
        registered: dict[str, int] = {}
        for target in _in_use(group):
            if target.held is not TargetState.DRAINING:
                registered[target.zone] = registered.get(target.zone, 0) + 1
                healthy[target.zone] = healthy.get(target.zone, 0) + self._healthy(balancer, group, target)
        return GroupInZones(
            healthy=healthy, registered=registered, cross_zone=group.cross_zone, minimum=group.dns_failover
        )

    def _healthy(self, balancer: LoadBalancerSnapshot, group: TargetGroupSnapshot, target: TargetSnapshot) -> bool:
        """What all nodes together think."""
        if target.held is not None:
            return False
        key = TargetKey(group.arn, target.target_id, target.port)
        checks = [CheckKey(NodeKey(balancer.arn, node.zone), key) for node in balancer.nodes]
        known = [opinion for check in checks if (opinion := self._opinions.health(check)) is not None]
        return combined_health(known).state in (TargetState.HEALTHY, TargetState.UNAVAILABLE)

    def _apply_targets(self, topology: Topology) -> None:
        gone = []
        for key, connections in list(self.connections.items()):
            target = topology.targets.get(key)
            if target is None or target.registration != connections.snapshot.registration:
                gone.append(self.connections.pop(key))
                self._departed.append((key, gone[-1]))
        for key, target in topology.targets.items():
            if key in self.connections:
                self.connections[key].update(target)
            else:
                tls = topology.groups[key.group_arn].protocol == "HTTPS"
                self.connections[key] = TargetConnections(target, tls=tls)
        for connections in gone:  # last: a client whose request ends here may have sent the next one already
            connections.deregister()
