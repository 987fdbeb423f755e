"""What the control plane knows of load balancers and target groups before it looks at instances and health."""

from typing import Protocol

from blackstart.domain.model import Model
from blackstart.domain.target_health import HealthCheck
from blackstart.emulator.snapshot import LoadBalancerSnapshot, Reach, TargetGroupSnapshot


class LoadBalancerFacts(Model):
    """A load balancer. declared: as it goes to the data plane, its nodes left out. zones: those that are enabled.
    uses: the target groups that its listeners and rules route to.
    """

    declared: LoadBalancerSnapshot
    zones: tuple[str, ...]
    uses: frozenset[str] = frozenset()

    @property
    def arn(self) -> str:
        return self.declared.arn


class TargetGroupFacts(Model):
    """A target group. declared: as it goes to the data plane, its targets left out."""

    declared: TargetGroupSnapshot
    port: int
    by_address: bool = False

    @property
    def arn(self) -> str:
        return self.declared.arn

    @property
    def health_check(self) -> HealthCheck:
        return self.declared.health_check


class LoadBalancerStore(Protocol):
    """moto's side. load_balancers: those that are active."""

    def load_balancers(self) -> tuple[LoadBalancerFacts, ...]: ...
    def target_groups(self) -> tuple[TargetGroupFacts, ...]: ...
    def zone_of_address(self, target_group_arn: str, address: str) -> str | None: ...


class Network(Protocol):
    """What the network does to new connections. target: an instance id or an IP address.

    changed: another number than before when what reaches a target may have changed.
    """

    def changed(self, target: str) -> int: ...
    def target_reach(self, load_balancer_arn: str, node_zone: str, target: str, port: int) -> Reach: ...
    def listener_reach(self, load_balancer_arn: str, zone: str, port: int) -> Reach: ...


class OpenNetwork:
    """A network that lets everything pass."""

    def changed(self, target: str) -> int:
        del target
        return 0

    def target_reach(self, load_balancer_arn: str, node_zone: str, target: str, port: int) -> Reach:
        del load_balancer_arn, node_zone, target, port
        return Reach.OPEN

    def listener_reach(self, load_balancer_arn: str, zone: str, port: int) -> Reach:
        del load_balancer_arn, zone, port
        return Reach.OPEN
