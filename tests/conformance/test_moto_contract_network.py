"""moto's security groups as the emulator completes them: an upgrade that changes one of these must fail here."""

import importlib
import inspect
from typing import Any

import boto3
import pytest
from moto import mock_aws

from blackstart.emulator.adapters import moto_backends

PATCHED = {
    "moto.ec2.responses.subnets:Subnets.create_subnet": ("self",),
    "moto.ec2.models.security_groups:SecurityGroupBackend.create_security_group": (
        *("self", "name", "description", "vpc_id", "tags", "force", "is_default"),
    ),
    "moto.ec2.models.instances:InstanceBackend.modify_instance_security_groups": (
        *("self", "instance_id", "new_group_id_list"),
    ),
    "moto.ec2.models.elastic_network_interfaces:NetworkInterfaceBackend.modify_network_interface_attribute": (
        *("self", "eni_id", "group_ids", "source_dest_check", "description"),
    ),
}


@pytest.mark.parametrize("symbol", sorted(PATCHED))
def test_a_replaced_symbol_of_the_network_still_has_its_signature(symbol: str) -> None:
    module, _, path = symbol.partition(":")
    found: Any = importlib.import_module(module)
    for name in path.split("."):
        found = getattr(found, name)
    assert tuple(inspect.signature(inspect.unwrap(found)).parameters) == PATCHED[symbol]


@mock_aws
def test_moto_puts_a_subnet_without_a_zone_into_a_random_one() -> None:
    ec2 = boto3.Session("offline", "offline", region_name="us-east-1").client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    made = [ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.0.{number}.0/24")["Subnet"] for number in range(40)]
    assert len({subnet["AvailabilityZone"] for subnet in made}) > 1


@mock_aws
def test_moto_gives_a_default_group_no_rule_and_leaves_an_interfaces_old_groups_in_place() -> None:
    ec2 = boto3.Session("offline", "offline", region_name="us-east-1").client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    (default,) = ec2.describe_security_groups(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["SecurityGroups"]
    assert default["IpPermissions"] == []
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.0.0/24")["Subnet"]["SubnetId"]
    group = ec2.create_security_group(GroupName="x", Description="x", VpcId=vpc)["GroupId"]
    ran = ec2.run_instances(ImageId="ami-12c6146b", MinCount=1, MaxCount=1, SubnetId=subnet)["Instances"][0]
    ec2.modify_instance_attribute(InstanceId=ran["InstanceId"], Groups=[group])
    shown = ec2.describe_instances()["Reservations"][0]["Instances"][0]["NetworkInterfaces"][0]["Groups"]
    assert len(shown) == 2


@mock_aws
def test_the_attributes_that_the_network_and_zonal_shift_read_exist() -> None:
    session = boto3.Session("offline", "offline", region_name="us-east-1")
    ec2, elb = session.client("ec2"), session.client("elbv2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    zones = ("us-east-1a", "us-east-1b")
    subnets = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.0.{n}.0/24", AvailabilityZone=zone)["Subnet"]["SubnetId"]
        for n, zone in enumerate(zones)
    ]
    arn = elb.create_load_balancer(Name="web", Subnets=subnets)["LoadBalancers"][0]["LoadBalancerArn"]
    enabled = {"Key": "zonal_shift.config.enabled", "Value": "true"}
    elb.modify_load_balancer_attributes(LoadBalancerArn=arn, Attributes=[enabled])
    (backend,) = moto_backends.existing("elbv2")
    balancer = backend.load_balancers[arn]
    assert balancer.attrs["zonal_shift.config.enabled"] == "true"
    assert {subnet.availability_zone: subnet.availability_zone_id for subnet in balancer.subnets} == {
        "us-east-1a": "use1-az6",
        "us-east-1b": "use1-az1",
    }
    (network,) = moto_backends.existing("ec2")
    assert [block["cidr_block"] for block in network.vpcs[vpc].get_cidr_block_association_set()] == ["10.0.0.0/16"]
    (acl,) = [acl for acl in network.network_acls.values() if acl.vpc_id == vpc]
    assert sorted(held.subnet_id for held in acl._associations.values()) == sorted(subnets)
    assert {(entry.rule_number, entry.rule_action, entry.egress) for entry in acl.network_acl_entries} == {
        (100, "allow", True),
        (32767, "deny", True),
        (100, "allow", False),
        (32767, "deny", False),
    }
