"""moto as instance refreshes and warm pools replace it and rely on it."""

import importlib
import inspect

import boto3
import pytest
from moto import mock_aws

RESPONSES, BACKEND = "moto.autoscaling.responses:AutoScalingResponse", "moto.autoscaling.models:AutoScalingBackend"
PATCHED = {
    f"{RESPONSES}.put_warm_pool": ("self",),
    f"{RESPONSES}.describe_warm_pool": ("self",),
    f"{RESPONSES}.delete_warm_pool": ("self",),
    f"{RESPONSES}.update_auto_scaling_group": ("self",),
    f"{BACKEND}.describe_auto_scaling_instances": ("self", "instance_ids"),
    "moto.autoscaling.models:FakeAutoScalingGroup._set_launch_configuration": (
        *("self", "launch_config_name", "launch_template", "mixed_instances_policy"),
    ),
    "moto.autoscaling.models:FakeAutoScalingGroup.put_warm_pool": (
        *("self", "max_group_prepared_capacity", "min_size", "pool_state", "instance_reuse_policy"),
    ),
}
ADDED = (
    "start_instance_refresh",
    "cancel_instance_refresh",
    "rollback_instance_refresh",
    "describe_instance_refreshes",
)


@pytest.mark.parametrize("symbol", PATCHED)
def test_what_is_replaced_or_called_is_there_with_these_parameters(symbol: str) -> None:
    module, path = symbol.split(":")
    found = importlib.import_module(module)
    for name in path.split("."):
        found = getattr(found, name)
    assert tuple(inspect.signature(found).parameters) == PATCHED[symbol]


@pytest.mark.parametrize("name", ADDED)
def test_moto_has_no_instance_refresh(name: str) -> None:
    from moto.autoscaling.responses import AutoScalingResponse

    assert not hasattr(AutoScalingResponse, name)


@mock_aws
def test_moto_keeps_a_warm_pools_settings_shows_them_and_lists_no_instance() -> None:
    asg = boto3.Session("offline", "offline", region_name="us-east-1").client("autoscaling")
    asg.create_launch_configuration(LaunchConfigurationName="web", ImageId="ami-12c6146b", InstanceType="t3.micro")
    asg.create_auto_scaling_group(
        AutoScalingGroupName="web",
        LaunchConfigurationName="web",
        MinSize=0,
        MaxSize=3,
        DesiredCapacity=1,
        AvailabilityZones=["us-east-1a"],
    )
    asg.put_warm_pool(AutoScalingGroupName="web", MaxGroupPreparedCapacity=2, MinSize=1)
    asg.put_warm_pool(AutoScalingGroupName="web", PoolState="Running")
    found = asg.describe_warm_pool(AutoScalingGroupName="web")
    assert found["WarmPoolConfiguration"] == {"MinSize": 0, "PoolState": "Running"}
    assert found["Instances"] == []
    (group,) = asg.describe_auto_scaling_groups()["AutoScalingGroups"]
    assert group["WarmPoolConfiguration"]["PoolState"] == "Running"


def test_what_a_group_launches_from_are_these_attributes() -> None:
    from moto.autoscaling.models import FakeAutoScalingGroup

    from blackstart.emulator.adapters.moto_instance_refresh import CONFIGURATION

    source = inspect.getsource(FakeAutoScalingGroup)
    assert all(f"self.{name} = " in source or f"self.{name}:" in source for name in CONFIGURATION)
