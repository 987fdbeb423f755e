"""The stack on an emulator as it is right now: load balancers, targets, Auto Scaling groups, alarms, instances.

Strings of AWS's own where AWS has them. Times are virtual Unix seconds.
"""

from blackstart.domain.model import Model


class NodeStatus(Model):
    """A load balancer's node. address: loopback. in_dns: whether the load balancer's name resolves to it;
    None while nobody said so.
    """

    zone: str
    address: str
    in_dns: bool | None = None


class ListenerStatus(Model):
    """port: as declared; served_port: where the emulator always serves it. action: the default one, in words."""

    protocol: str
    port: int
    served_port: int
    action: str
    rules: int = 0


class Traffic(Model):
    """Real requests of the last `window_s` virtual seconds. target_5xx: answered so by targets; elb_5xx: by the load
    balancer itself.
    """

    window_s: float
    requests: int = 0
    target_5xx: int = 0
    elb_5xx: int = 0


class LoadBalancerStatus(Model):
    """state: provisioning, active. shifted_zone: the zone that a zonal shift moves traffic away from."""

    name: str
    arn: str
    state: str
    dns_name: str
    nodes: tuple[NodeStatus, ...] = ()
    listeners: tuple[ListenerStatus, ...] = ()
    shifted_zone: str | None = None
    traffic: Traffic


class Opinion(Model):
    """What one node thinks of a target. since_s: the probe that decided it."""

    state: str
    reason: str | None = None
    since_s: float


class TargetStatus(Model):
    """A registration. zone: the target's own. state, reason, description: as describe-target-health tells them.

    address: loopback; pid: of its instance's service, None when that does not run. opinions: by the node's zone.
    """

    target_id: str
    port: int
    zone: str
    state: str
    reason: str | None = None
    description: str = ""
    address: str = ""
    pid: int | None = None
    opinions: dict[str, Opinion] = {}


class TargetGroupStatus(Model):
    """load_balancer: the name of the one that forwards to it, "" for none. failing_open: zones of the nodes that route
    to all targets because too few are healthy.
    """

    name: str
    arn: str
    load_balancer: str
    algorithm: str
    cross_zone: bool = True
    targets: tuple[TargetStatus, ...] = ()
    failing_open: tuple[str, ...] = ()
    traffic: Traffic

    @property
    def healthy(self) -> int:
        return sum(target.state == "healthy" for target in self.targets)

    def by_zone(self) -> dict[str, tuple[TargetStatus, ...]]:
        """Targets by their zone, in the order of zones and target ids."""
        ordered = sorted(self.targets, key=lambda target: (target.zone, target.target_id, target.port))
        return {zone: tuple(t for t in ordered if t.zone == zone) for zone in dict.fromkeys(t.zone for t in ordered)}


class MemberStatus(Model):
    instance_id: str
    zone: str
    lifecycle: str
    health: str


class ScalingActivity(Model):
    """What a group does or did last. status: AWS's code, as InProgress. message: AWS's status message, where the
    description does not have it already.
    """

    description: str
    status: str
    started_s: float
    message: str = ""


class ScalingGroupStatus(Model):
    """suspended: processes, as AZRebalance. activities: the newest ones, those in progress first.

    warm: instances of the warm pool. refresh: the instance refresh that is under way, in words; "" for none.
    """

    name: str
    min: int
    desired: int
    max: int
    members: tuple[MemberStatus, ...] = ()
    suspended: tuple[str, ...] = ()
    activities: tuple[ScalingActivity, ...] = ()
    warm: tuple[MemberStatus, ...] = ()
    refresh: str = ""

    @property
    def in_service(self) -> int:
        return sum(member.lifecycle == "InService" for member in self.members)


class AlarmStatus(Model):
    """since_s: of its state; None when it never changed. reason: AWS's sentence."""

    name: str
    state: str
    since_s: float | None = None
    reason: str = ""


class InstanceStatus(Model):
    """address: loopback. pid: of its service, None when that does not run."""

    instance_id: str
    state: str
    zone: str
    private_ip: str
    address: str
    pid: int | None = None


class Overview(Model):
    """Everything of a stack that can be seen at a glance; gone things are left out.

    network: one line for each listener, and each load balancer's targets, that the network cuts off or a zonal shift
    cannot spare: as declared, so no problem of the emulator.
    """

    load_balancers: tuple[LoadBalancerStatus, ...] = ()
    target_groups: tuple[TargetGroupStatus, ...] = ()
    scaling_groups: tuple[ScalingGroupStatus, ...] = ()
    alarms: tuple[AlarmStatus, ...] = ()
    instances: tuple[InstanceStatus, ...] = ()
    network: tuple[str, ...] = ()

    def loose_instances(self) -> tuple[InstanceStatus, ...]:
        """Instances of no Auto Scaling group; the others stand with theirs."""
        members = {each.instance_id for group in self.scaling_groups for each in (*group.members, *group.warm)}
        return tuple(each for each in self.instances if each.instance_id not in members)
