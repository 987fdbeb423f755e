"""EC2's network: VPCs, subnets, gateways, routes."""

from typing import Any

from blackstart.aws_clients import AwsClients
from blackstart.deploy.fields import Field, block, flag, list_of, tagged_as, text
from blackstart.deploy.registry import Realised, Wanted, realises

ROUTE_TARGETS = {
    "destinationCidrBlock": Field("DestinationCidrBlock", text),
    "destinationIpv6CidrBlock": Field("DestinationIpv6CidrBlock", text),
    "gatewayId": Field("GatewayId", text),
    "natGatewayId": Field("NatGatewayId", text),
    "networkInterfaceId": Field("NetworkInterfaceId", text),
    "vpcPeeringConnectionId": Field("VpcPeeringConnectionId", text),
}


def ec2_arn(aws: AwsClients, kind: str, resource_id: str) -> str:
    """The ARN that most EC2 answers leave out. kind: vpc, subnet, security-group, ..."""
    account = aws.client("sts").get_caller_identity()["Account"]
    return f"arn:aws:ec2:{aws.region}:{account}:{kind}/{resource_id}"


@realises(
    "aws:ec2/vpc:Vpc",
    {
        "cidrBlock": Field("CidrBlock", text, required=True),
        "instanceTenancy": Field("InstanceTenancy", text),
        "enableDnsHostnames": Field(None, flag),
        "enableDnsSupport": Field(None, flag),
        "tags": Field("TagSpecifications", tagged_as("vpc")),
    },
)
def vpc(wanted: Wanted, aws: AwsClients) -> Realised:
    ec2 = aws.client("ec2")
    vpc_id = ec2.create_vpc(**wanted.call)["Vpc"]["VpcId"]
    for key, parameter in (("enableDnsSupport", "EnableDnsSupport"), ("enableDnsHostnames", "EnableDnsHostnames")):
        if key in wanted.given:
            ec2.modify_vpc_attribute(VpcId=vpc_id, **{parameter: {"Value": wanted.given[key]}})
    of_vpc = [{"Name": "vpc-id", "Values": [vpc_id]}]
    table = ec2.describe_route_tables(Filters=[*of_vpc, {"Name": "association.main", "Values": ["true"]}])
    group = ec2.describe_security_groups(Filters=[*of_vpc, {"Name": "group-name", "Values": ["default"]}])
    return Realised(
        vpc_id,
        {
            "arn": ec2_arn(aws, "vpc", vpc_id),
            "mainRouteTableId": table["RouteTables"][0]["RouteTableId"],
            "defaultSecurityGroupId": group["SecurityGroups"][0]["GroupId"],
        },
    )


@realises(
    "aws:ec2/subnet:Subnet",
    {
        "vpcId": Field("VpcId", text, required=True),
        "cidrBlock": Field("CidrBlock", text),
        "availabilityZone": Field("AvailabilityZone", text),
        "availabilityZoneId": Field("AvailabilityZoneId", text),
        "mapPublicIpOnLaunch": Field(None, flag),
        "tags": Field("TagSpecifications", tagged_as("subnet")),
    },
)
def subnet(wanted: Wanted, aws: AwsClients) -> Realised:
    ec2 = aws.client("ec2")
    made = ec2.create_subnet(**wanted.call)["Subnet"]
    if "mapPublicIpOnLaunch" in wanted.given:
        public = wanted.given["mapPublicIpOnLaunch"]
        ec2.modify_subnet_attribute(SubnetId=made["SubnetId"], MapPublicIpOnLaunch={"Value": public})
    return Realised(
        made["SubnetId"],
        {
            "arn": ec2_arn(aws, "subnet", made["SubnetId"]),
            "availabilityZone": made["AvailabilityZone"],
            "availabilityZoneId": made["AvailabilityZoneId"],
        },
    )


@realises(
    "aws:ec2/internetGateway:InternetGateway",
    {"vpcId": Field(None, text), "tags": Field("TagSpecifications", tagged_as("internet-gateway"))},
)
def internet_gateway(wanted: Wanted, aws: AwsClients) -> Realised:
    ec2 = aws.client("ec2")
    gateway_id = ec2.create_internet_gateway(**wanted.call)["InternetGateway"]["InternetGatewayId"]
    if "vpcId" in wanted.given:
        ec2.attach_internet_gateway(InternetGatewayId=gateway_id, VpcId=wanted.given["vpcId"])
    return Realised(gateway_id, {"arn": ec2_arn(aws, "internet-gateway", gateway_id)})


@realises(
    "aws:ec2/eip:Eip",
    {"domain": Field("Domain", text), "tags": Field("TagSpecifications", tagged_as("elastic-ip"))},
)
def elastic_ip(wanted: Wanted, aws: AwsClients) -> Realised:
    made = aws.client("ec2").allocate_address(**wanted.call)
    return Realised(made["AllocationId"], {"allocationId": made["AllocationId"], "publicIp": made["PublicIp"]})


@realises(
    "aws:ec2/natGateway:NatGateway",
    {
        "subnetId": Field("SubnetId", text, required=True),
        "allocationId": Field("AllocationId", text),
        "connectivityType": Field("ConnectivityType", text),
        "tags": Field("TagSpecifications", tagged_as("natgateway")),
    },
)
def nat_gateway(wanted: Wanted, aws: AwsClients) -> Realised:
    made = aws.client("ec2").create_nat_gateway(**wanted.call)["NatGateway"]
    return Realised(made["NatGatewayId"], {})


@realises(
    "aws:ec2/routeTable:RouteTable",
    {
        "vpcId": Field("VpcId", text, required=True),
        "routes": Field(None, list_of(block({**ROUTE_TARGETS, "cidrBlock": Field("DestinationCidrBlock", text)}))),
        "tags": Field("TagSpecifications", tagged_as("route-table")),
    },
)
def route_table(wanted: Wanted, aws: AwsClients) -> Realised:
    ec2 = aws.client("ec2")
    table_id = ec2.create_route_table(**wanted.call)["RouteTable"]["RouteTableId"]
    routes: list[dict[str, Any]] = wanted.given.get("routes", [])
    for each in routes:
        ec2.create_route(RouteTableId=table_id, **each)
    return Realised(table_id, {"arn": ec2_arn(aws, "route-table", table_id)})


@realises("aws:ec2/route:Route", {"routeTableId": Field("RouteTableId", text, required=True), **ROUTE_TARGETS})
def route(wanted: Wanted, aws: AwsClients) -> Realised:
    aws.client("ec2").create_route(**wanted.call)
    destination = wanted.given.get("destinationCidrBlock", wanted.given.get("destinationIpv6CidrBlock", ""))
    return Realised(f"r-{wanted.given['routeTableId']}-{destination}", {"state": "active"})


@realises(
    "aws:ec2/routeTableAssociation:RouteTableAssociation",
    {
        "routeTableId": Field("RouteTableId", text, required=True),
        "subnetId": Field("SubnetId", text),
        "gatewayId": Field("GatewayId", text),
    },
)
def route_table_association(wanted: Wanted, aws: AwsClients) -> Realised:
    return Realised(aws.client("ec2").associate_route_table(**wanted.call)["AssociationId"], {})
