"""What AWS's describe calls say of one stack: the picture that plan, observer and judge share.

Which resources belong to a stack, and what they are called in it, is the mapping's business (`stack_mapping.py`).
"""

from pydantic import Field

from blackstart.domain.model import Model
from blackstart.domain.stack_mapping import StackMapping
from blackstart.domain.target_health import HealthCheck, TargetReason, TargetState


class Instance(Model):
    """An EC2 instance. state: EC2's own word (pending, running, shutting-down, ...). name: its logical name."""

    instance_id: str
    name: str
    zone: str
    state: str
    private_ip: str | None = None
    scaling_group: str | None = None
    chaos_allowed: bool = False


class RegisteredTarget(Model):
    """One registration in a target group, with what the load balancer says of it."""

    target_id: str
    port: int
    zone: str
    state: TargetState
    reason: TargetReason | None = None
    description: str = ""


class TargetGroup(Model):
    name: str
    arn: str
    resource_name: str
    load_balancer_arns: tuple[str, ...] = ()
    health_check: HealthCheck
    deregistration_delay_s: float = 300.0
    targets: tuple[RegisteredTarget, ...] = ()


class LoadBalancer(Model):
    """name: logical name. resource_name: AWS's name. listener_ports: as declared (80, 443), before any offset.

    https_ports: those of them that speak HTTPS.
    """

    name: str
    arn: str
    resource_name: str
    dns_name: str
    zones: tuple[str, ...]
    listener_ports: tuple[int, ...] = ()
    https_ports: tuple[int, ...] = ()


class ScalingGroup(Model):
    name: str
    resource_name: str
    min_size: int
    max_size: int
    desired_capacity: int
    zones: tuple[str, ...]
    health_check_type: str
    grace_period_s: float
    instance_ids: tuple[str, ...] = ()
    target_group_arns: tuple[str, ...] = ()


class Alarm(Model):
    """name: logical name, shared by the alarms of one kind (one per zone, say). state: OK, ALARM, INSUFFICIENT_DATA.

    children: AWS's names of the alarms that a composite alarm's rule names.
    """

    name: str
    resource_name: str
    state: str
    zone: str | None = None
    period_s: float | None = None
    evaluation_periods: int = 1
    runbook: str | None = None
    children: tuple[str, ...] = ()


class Stack(Model):
    """Everything of one stack that an experiment can act on or be judged by. mapping: how it was told from others."""

    name: str
    region: str
    instances: tuple[Instance, ...] = ()
    target_groups: tuple[TargetGroup, ...] = ()
    load_balancers: tuple[LoadBalancer, ...] = ()
    scaling_groups: tuple[ScalingGroup, ...] = ()
    alarms: tuple[Alarm, ...] = ()
    zones: tuple[str, ...] = Field(default=())
    mapping: StackMapping = StackMapping()

    def live_instances(self) -> tuple[Instance, ...]:
        """Instances that still count: pending or running."""
        return tuple(instance for instance in self.instances if instance.state in ("pending", "running"))
