"""moto as the metrics of instances, groups and NAT gateways rely on it, or replace it."""

import importlib
import inspect
from typing import Any

import boto3
import pytest
from moto import mock_aws

PATCHED = {
    "moto.autoscaling.responses:AutoScalingResponse.enable_metrics_collection": ("self",),
    "moto.autoscaling.responses:AutoScalingResponse.create_launch_configuration": ("self",),
    "moto.ec2.responses.monitoring:Monitoring.monitor_instances": ("self",),
    "moto.ec2.responses.monitoring:Monitoring.unmonitor_instances": ("self",),
}
ADDED = ("disable_metrics_collection", "describe_metric_collection_types")


@pytest.mark.parametrize("symbol", sorted(PATCHED))
def test_a_replaced_symbol_of_the_metrics_still_has_its_signature(symbol: str) -> None:
    module, _, path = symbol.partition(":")
    found: Any = importlib.import_module(module)
    for name in path.split("."):
        found = getattr(found, name)
    assert tuple(inspect.signature(inspect.unwrap(found)).parameters) == PATCHED[symbol]


@pytest.mark.parametrize("name", ADDED)
def test_moto_lacks_the_actions_that_are_added_to_it(name: str) -> None:
    from moto.autoscaling.responses import AutoScalingResponse

    assert not hasattr(AutoScalingResponse, name)


@mock_aws
def test_moto_keeps_the_metrics_that_are_enabled_as_a_list_of_names() -> None:
    from moto.autoscaling.models import FakeAutoScalingGroup

    fields: dict[str, property] = {
        name: value for name, value in vars(FakeAutoScalingGroup).items() if isinstance(value, property)
    }
    group = FakeAutoScalingGroup.__new__(FakeAutoScalingGroup)
    group.metrics = ["GroupMinSize"]
    assert fields["enabled_metrics"].fget(group) == [{"Metric": "GroupMinSize", "Granularity": "1Minute"}]


@mock_aws
def test_moto_has_nat_gateways_with_a_state_and_vcpus_by_instance_type() -> None:
    from moto.ec2.models import ec2_backends
    from moto.ec2.models.instance_types import INSTANCE_TYPES

    client = boto3.Session("offline", "offline", region_name="us-east-1").client("ec2")
    vpc = client.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnet = client.create_subnet(VpcId=vpc, CidrBlock="10.0.0.0/24")["Subnet"]["SubnetId"]
    made = client.create_nat_gateway(SubnetId=subnet, ConnectivityType="private")["NatGateway"]["NatGatewayId"]
    backend = ec2_backends["123456789012"]["us-east-1"]
    assert backend.nat_gateways[made].state == "available"
    client.delete_nat_gateway(NatGatewayId=made)
    assert backend.nat_gateways[made].state == "deleted"
    assert INSTANCE_TYPES["t3.micro"]["VCpuInfo"]["DefaultVCpus"] == 2
