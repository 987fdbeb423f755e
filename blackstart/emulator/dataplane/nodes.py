"""Load-balancer nodes at work: their settings, their opinion of each target, and whose turn it is."""

from collections.abc import Callable, Iterable
from typing import NamedTuple

from blackstart.domain.target_health import TargetState
from blackstart.emulator.dataplane.clock import VirtualClock
from blackstart.emulator.dataplane.counting import Counting
from blackstart.emulator.dataplane.http_text import RequestHead
from blackstart.emulator.dataplane.opinions import Opinions
from blackstart.emulator.dataplane.target_connections import TargetConnections
from blackstart.emulator.dataplane.topology import CheckKey, NodeKey, TargetKey, Topology
from blackstart.emulator.decisions.access_log import RequestRecord
from blackstart.emulator.decisions.dns_answer import DnsNode, nodes_in_dns
from blackstart.emulator.decisions.routing import RoutableTarget, RouteReason, RoutingPool, route, routing_pool
from blackstart.emulator.decisions.target_health import combined_health
from blackstart.emulator.snapshot import Forward, HttpSettings, LoadBalancerSnapshot, Snapshot, TargetGroupSnapshot


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


class Node:
    """One node: routes by its own opinions. Its timeouts are wall seconds, scaled from the load balancer's.

    access_log: takes what each request leaves for the log; None when the load balancer keeps none. now_s: virtual time.
    """

    def __init__(self, key: NodeKey, fleet: "Fleet", counting: Counting, clock: VirtualClock) -> None:
        self.key = key
        self.counting = counting
        self.connect_timeout_real_s = 0.0
        self.idle_timeout_real_s = 0.0
        self.client_keep_alive_s = 0.0
        self.http = HttpSettings()
        self.access_log: Callable[[RequestRecord], None] | None = None
        self.now_s = clock.now_s
        self._fleet = fleet
        self._clock = clock
        self._pools: dict[str, RoutingPool] = {}
        self._turns: dict[str, int] = {}

    def update(self, balancer: LoadBalancerSnapshot) -> None:
        self.connect_timeout_real_s = self._clock.real_s(balancer.connect_timeout_s)
        self.idle_timeout_real_s = self._clock.real_s(balancer.idle_timeout_s)
        self.client_keep_alive_s = balancer.client_keep_alive_s
        self.http = balancer.http
        self.opinions_changed()

    def opinions_changed(self) -> None:
        """The pools are worked out anew at the next request."""
        self._pools.clear()

    def route(self, action: Forward, head: RequestHead) -> Routed:
        """The next target of this node for a request of this head."""
        del head
        group_arn = action.groups[0].target_group_arn
        pool = self._pools.get(group_arn)
        if pool is None:
            pool = self._pools[group_arn] = self._fleet.routing_pool(self.key, group_arn)
        turn = self._turns.get(group_arn, 0)
        self._turns[group_arn] = turn + 1
        chosen = route(pool, turn)
        if chosen.target is None:
            return Routed(group_arn, None)
        key = TargetKey(group_arn, chosen.target.target_id, chosen.target.port)
        return Routed(group_arn, self._fleet.connections[key], chosen.reason is RouteReason.FAIL_OPEN)


class Fleet:
    """Everything the current snapshot describes, kept over snapshots: nodes, connections, opinions."""

    def __init__(self, opinions: Opinions, counting: Counting, clock: VirtualClock) -> None:
        self.topology = Topology(Snapshot(version=0))
        self.nodes: dict[NodeKey, Node] = {}
        self.connections: dict[TargetKey, TargetConnections] = {}
        self._opinions = opinions
        self._counting = counting
        self._clock = clock

    def apply(self, topology: Topology) -> None:
        """Take a new snapshot. A target registered anew keeps nothing of its earlier registration."""
        self.topology = topology
        for key in [key for key in self.nodes if key not in topology.nodes]:
            del self.nodes[key]
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
        targets = self._routable(node, group) if group is not None else ()
        return routing_pool(tuple(targets), node.zone, group.cross_zone if group is not None else True)

    def dns_nodes(self, name: str) -> tuple[DnsNode, ...] | None:
        """The nodes in DNS under a load balancer's name (lower case, no final dot); None for an unknown name."""
        balancer = self.topology.by_dns_name.get(name)
        if balancer is None:
            return None
        nodes = [DnsNode(zone=node.zone, address=node.address) for node in balancer.nodes]
        healthy = [self._healthy_by_zone(balancer, group) for group in self.topology.groups_of(balancer)]
        cross_zone = all(group.cross_zone for group in self.topology.groups_of(balancer))
        return nodes_in_dns(nodes, healthy, cross_zone)

    def _routable(self, node: NodeKey, group: TargetGroupSnapshot) -> Iterable[RoutableTarget]:
        for target in group.targets:
            key = TargetKey(group.arn, target.target_id, target.port)
            state = target.held or self._opinions.state(CheckKey(node, key))
            yield RoutableTarget(target_id=target.target_id, port=target.port, zone=target.zone, state=state)

    def _healthy_by_zone(self, balancer: LoadBalancerSnapshot, group: TargetGroupSnapshot) -> dict[str, int]:
        healthy: dict[str, int] = {}
        for target in group.targets:
            key = TargetKey(group.arn, target.target_id, target.port)
            checks = [CheckKey(NodeKey(balancer.arn, node.zone), key) for node in balancer.nodes]
            known = [opinion for check in checks if (opinion := self._opinions.health(check)) is not None]
            if target.held is None and combined_health(known).state is TargetState.HEALTHY:
                healthy[target.zone] = healthy.get(target.zone, 0) + 1
        return healthy

    def _apply_targets(self, topology: Topology) -> None:
        for key, connections in list(self.connections.items()):
            target = topology.targets.get(key)
            if target is None or target.registration != connections.snapshot.registration:
                del self.connections[key]
                connections.deregister()
        for key, target in topology.targets.items():
            if key in self.connections:
                self.connections[key].update(target)
            else:
                tls = topology.groups[key.group_arn].protocol == "HTTPS"
                self.connections[key] = TargetConnections(target, tls=tls)
