"""Who may talk to whom: everyone to the load balancer, and only the load balancer to the instances."""

from dataclasses import dataclass

import pulumi
from pulumi_aws import ec2, vpc
from tags import named

ANYWHERE = "0.0.0.0/0"


@dataclass(frozen=True)
class SecurityGroupsArgs:
    vpc_id: pulumi.Input[str]
    listener_port: pulumi.Input[int]
    service_port: pulumi.Input[int]


class SecurityGroups(pulumi.ComponentResource):
    """load_balancer_id and instances_id: the two groups."""

    load_balancer_id: pulumi.Output[str]
    instances_id: pulumi.Output[str]

    def __init__(self, name: str, args: SecurityGroupsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("blackstart:web:SecurityGroups", name, None, opts)
        self._child = pulumi.ResourceOptions(parent=self)
        self.load_balancer_id = self._group(f"{name}-load-balancer", "The load balancer", args.vpc_id)
        self.instances_id = self._group(f"{name}-instances", "The instances behind the load balancer", args.vpc_id)
        self._from_anywhere_to_load_balancer(f"{name}-clients", args.listener_port)
        self._from_load_balancer_to_instances(f"{name}-service", args.service_port)
        self._from_instances_to_aws(f"{name}-outbound")
        self.register_outputs({"load_balancer_id": self.load_balancer_id, "instances_id": self.instances_id})

    def _group(self, name: str, description: str, vpc_id: pulumi.Input[str]) -> pulumi.Output[str]:
        group = ec2.SecurityGroup(name, vpc_id=vpc_id, description=description, tags=named(name), opts=self._child)
        group_id: pulumi.Output[str] = group.id
        return group_id

    def _from_anywhere_to_load_balancer(self, name: str, port: pulumi.Input[int]) -> None:
        vpc.SecurityGroupIngressRule(
            name,
            security_group_id=self.load_balancer_id,
            description="Clients",
            cidr_ipv4=ANYWHERE,
            ip_protocol="tcp",
            from_port=port,
            to_port=port,
            tags=named(name),
            opts=self._child,
        )

    def _from_load_balancer_to_instances(self, name: str, port: pulumi.Input[int]) -> None:
        vpc.SecurityGroupEgressRule(
            name,
            security_group_id=self.load_balancer_id,
            description="Requests and health checks",
            referenced_security_group_id=self.instances_id,
            ip_protocol="tcp",
            from_port=port,
            to_port=port,
            tags=named(name),
            opts=self._child,
        )
        vpc.SecurityGroupIngressRule(
            name,
            security_group_id=self.instances_id,
            description="Requests and health checks",
            referenced_security_group_id=self.load_balancer_id,
            ip_protocol="tcp",
            from_port=port,
            to_port=port,
            tags=named(name),
            opts=self._child,
        )

    def _from_instances_to_aws(self, name: str) -> None:
        """Systems Manager and the package repositories are reached by HTTPS; nothing else is needed."""
        vpc.SecurityGroupEgressRule(
            name,
            security_group_id=self.instances_id,
            description="AWS APIs and package repositories",
            cidr_ipv4=ANYWHERE,
            ip_protocol="tcp",
            from_port=443,
            to_port=443,
            tags=named(name),
            opts=self._child,
        )
