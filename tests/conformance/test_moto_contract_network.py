"""moto's security groups as the emulator completes them: an upgrade that changes one of these must fail here."""

import importlib
import inspect
from typing import Any

import boto3
import pytest
from moto import mock_aws

PATCHED = {
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
