"""One snapshot, indexed the ways the data plane looks things up."""

from collections.abc import Iterator
from typing import NamedTuple

from blackstart.emulator.snapshot import (
    Action,
    Forward,
    LoadBalancerSnapshot,
    NodeSnapshot,
    Snapshot,
    TargetGroupSnapshot,
    TargetSnapshot,
)


class TargetKey(NamedTuple):
    """A registration's identity within its target group, whatever changes about it."""

    group_arn: str
    target_id: str
    port: int


class NodeKey(NamedTuple):
    load_balancer_arn: str
    zone: str


class CheckKey(NamedTuple):
    """Every node checks every target by itself."""

    node: NodeKey
    target: TargetKey


def actions_of(balancer: LoadBalancerSnapshot) -> Iterator[Action]:
    """Every action of a load balancer's listeners and rules."""
    for listener in balancer.listeners:
        yield listener.action
        for rule in listener.rules:
            yield rule.action


class Topology:
    """Read-only after construction."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.version = snapshot.version
        self.groups: dict[str, TargetGroupSnapshot] = {group.arn: group for group in snapshot.target_groups}
        self.targets: dict[TargetKey, TargetSnapshot] = {
            TargetKey(group.arn, target.target_id, target.port): target
            for group in snapshot.target_groups
            for target in group.targets
        }
        self.nodes: dict[NodeKey, tuple[LoadBalancerSnapshot, NodeSnapshot]] = {
            NodeKey(balancer.arn, node.zone): (balancer, node)
            for balancer in snapshot.load_balancers
            for node in balancer.nodes
        }
        self.by_dns_name: dict[str, LoadBalancerSnapshot] = {
            balancer.dns_name.rstrip(".").lower(): balancer for balancer in snapshot.load_balancers
        }

    def groups_of(self, balancer: LoadBalancerSnapshot) -> tuple[TargetGroupSnapshot, ...]:
        """The target groups that a load balancer's listeners forward to, each once."""
        arns = dict.fromkeys(
            group.target_group_arn
            for action in actions_of(balancer)
            if isinstance(action, Forward)
            for group in action.groups
        )
        return tuple(self.groups[arn] for arn in arns if arn in self.groups)

    def checks(self) -> dict[CheckKey, TargetSnapshot]:
        """Every (node, target) that is to be probed: forwarded to, and not held."""
        return {
            CheckKey(node, TargetKey(group.arn, target.target_id, target.port)): target
            for node, (balancer, _) in self.nodes.items()
            for group in self.groups_of(balancer)
            for target in group.targets
            if target.held is None
        }
