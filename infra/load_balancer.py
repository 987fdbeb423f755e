"""The application load balancer, its target group and its listener."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
from pulumi_aws import lb
from tags import named

from blackstart.domain.target_health import HealthCheck


@dataclass(frozen=True)
class LoadBalancerArgs:
    """health_check and deletion_protection are plain: the first is checked as a whole, the second sets `protect` too.

    deregistration_delay_s: how long a leaving target may finish its requests.
    """

    vpc_id: pulumi.Input[str]
    subnet_ids: Sequence[pulumi.Input[str]]
    security_group_id: pulumi.Input[str]
    listener_port: pulumi.Input[int]
    service_port: pulumi.Input[int]
    health_check: HealthCheck
    deregistration_delay_s: pulumi.Input[int]
    deletion_protection: bool


class LoadBalancer(pulumi.ComponentResource):
    """dns_name; arn_suffix and target_group_arn_suffix as CloudWatch's dimensions want them; target_group_arn."""

    dns_name: pulumi.Output[str]
    arn_suffix: pulumi.Output[str]
    target_group_arn: pulumi.Output[str]
    target_group_arn_suffix: pulumi.Output[str]

    def __init__(self, name: str, args: LoadBalancerArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("blackstart:web:LoadBalancer", name, None, opts)
        # AWS's own protection and Pulumi's are switched together: one alone only moves the surprise.
        balancer = lb.LoadBalancer(
            name,
            load_balancer_type="application",
            internal=False,
            subnets=args.subnet_ids,
            security_groups=[args.security_group_id],
            enable_deletion_protection=args.deletion_protection,
            drop_invalid_header_fields=True,
            tags=named(name),
            opts=pulumi.ResourceOptions(parent=self, protect=args.deletion_protection),
        )
        group = self._target_group(name, args)
        lb.Listener(
            name,
            load_balancer_arn=balancer.arn,
            port=args.listener_port,
            protocol="HTTP",
            default_actions=[lb.ListenerDefaultActionArgs(type="forward", target_group_arn=group.arn)],
            tags=named(name),
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.dns_name = balancer.dns_name
        self.arn_suffix = balancer.arn_suffix
        self.target_group_arn = group.arn
        self.target_group_arn_suffix = group.arn_suffix
        self.register_outputs({"dns_name": self.dns_name, "target_group_arn": self.target_group_arn})

    def _target_group(self, name: str, args: LoadBalancerArgs) -> lb.TargetGroup:
        check = args.health_check
        return lb.TargetGroup(
            name,
            vpc_id=args.vpc_id,
            target_type="instance",
            protocol="HTTP",
            port=args.service_port,
            deregistration_delay=args.deregistration_delay_s,
            health_check=lb.TargetGroupHealthCheckArgs(
                enabled=check.enabled,
                protocol=check.protocol,
                path=check.path,
                port=check.port,
                matcher=check.matcher,
                interval=int(check.interval_s),
                timeout=int(check.timeout_s),
                healthy_threshold=check.healthy_threshold,
                unhealthy_threshold=check.unhealthy_threshold,
            ),
            tags=named(name),
            opts=pulumi.ResourceOptions(parent=self),
        )
