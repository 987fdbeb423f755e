"""The network: a VPC over several zones, each with a public subnet for the load balancer and a private one."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
from pulumi_aws import ec2
from tags import named

from blackstart.domain.addressing import ZoneSubnets, plan_subnets

ANYWHERE = "0.0.0.0/0"


@dataclass(frozen=True)
class NetworkArgs:
    """cidr and zones are plain values, because they decide which resources there are.

    nat_per_zone: a NAT gateway in each zone, so that no zone's way out depends on another zone; else one in the first.
    """

    cidr: str
    zones: Sequence[str]
    nat_per_zone: bool


class Network(pulumi.ComponentResource):
    """vpc_id; public_subnet_ids and private_subnet_ids in the order of the zones."""

    vpc_id: pulumi.Output[str]
    public_subnet_ids: list[pulumi.Output[str]]
    private_subnet_ids: list[pulumi.Output[str]]

    def __init__(self, name: str, args: NetworkArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("blackstart:web:Network", name, None, opts)
        self._name = name
        self._child = pulumi.ResourceOptions(parent=self)
        vpc = ec2.Vpc(
            name,
            cidr_block=args.cidr,
            enable_dns_hostnames=True,
            enable_dns_support=True,
            tags=named(name),
            opts=self._child,
        )
        self.vpc_id = vpc.id
        plan = plan_subnets(args.cidr, args.zones)
        gateway = ec2.InternetGateway(name, vpc_id=vpc.id, tags=named(name), opts=self._child)
        public = self._public_subnets(plan, gateway)
        gateways = self._nat_gateways(plan if args.nat_per_zone else plan[:1], public, gateway)
        private = self._private_subnets(plan, gateways)
        self.public_subnet_ids = [subnet.id for subnet in public]
        self.private_subnet_ids = [subnet.id for subnet in private]
        self.register_outputs(
            {
                "vpc_id": self.vpc_id,
                "public_subnet_ids": self.public_subnet_ids,
                "private_subnet_ids": self.private_subnet_ids,
            }
        )

    def _public_subnets(self, plan: Sequence[ZoneSubnets], gateway: ec2.InternetGateway) -> list[ec2.Subnet]:
        table = self._route_table(f"{self._name}-public")
        ec2.Route(
            f"{self._name}-public",
            route_table_id=table.id,
            destination_cidr_block=ANYWHERE,
            gateway_id=gateway.id,
            opts=self._child,
        )
        return [self._subnet(f"{self._name}-public", zone.zone, zone.public_cidr, table) for zone in plan]

    def _nat_gateways(
        self, plan: Sequence[ZoneSubnets], public: Sequence[ec2.Subnet], gateway: ec2.InternetGateway
    ) -> list[ec2.NatGateway]:
        made = []
        for zone, subnet in zip(plan, public, strict=False):
            name = f"{self._name}-nat-{zone.zone}"
            # AWS: the VPC must have its internet gateway before an address in it is of use.
            after_gateway = pulumi.ResourceOptions(parent=self, depends_on=[gateway])
            tags = named(f"{self._name}-nat", zone.zone)
            address = ec2.Eip(name, domain="vpc", tags=tags, opts=after_gateway)
            made.append(
                ec2.NatGateway(name, allocation_id=address.id, subnet_id=subnet.id, tags=tags, opts=after_gateway)
            )
        return made

    def _private_subnets(self, plan: Sequence[ZoneSubnets], gateways: Sequence[ec2.NatGateway]) -> list[ec2.Subnet]:
        """A route table for each zone, so that each can have a way out of its own."""
        subnets = []
        for number, zone in enumerate(plan):
            name = f"{self._name}-private-{zone.zone}"
            table = self._route_table(f"{self._name}-private", zone.zone)
            ec2.Route(
                name,
                route_table_id=table.id,
                destination_cidr_block=ANYWHERE,
                nat_gateway_id=gateways[min(number, len(gateways) - 1)].id,
                opts=self._child,
            )
            subnets.append(self._subnet(f"{self._name}-private", zone.zone, zone.private_cidr, table))
        return subnets

    def _route_table(self, kind: str, zone: str | None = None) -> ec2.RouteTable:
        name = f"{kind}-{zone}" if zone else kind
        return ec2.RouteTable(name, vpc_id=self.vpc_id, tags=named(kind, zone), opts=self._child)

    def _subnet(self, kind: str, zone: str, cidr: str, table: ec2.RouteTable) -> ec2.Subnet:
        """Nothing gets a public address by itself; the load balancer and the NAT gateways bring their own."""
        name = f"{kind}-{zone}"
        subnet = ec2.Subnet(
            name,
            vpc_id=self.vpc_id,
            availability_zone=zone,
            cidr_block=cidr,
            map_public_ip_on_launch=False,
            tags=named(kind, zone),
            opts=self._child,
        )
        ec2.RouteTableAssociation(name, subnet_id=subnet.id, route_table_id=table.id, opts=self._child)
        return subnet
