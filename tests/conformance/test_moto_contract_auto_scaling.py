"""moto's Auto Scaling groups, members and hooks as the emulator replaces or relies on them."""

import importlib
import inspect
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws

RESPONSES, MODELS = "moto.autoscaling.responses:AutoScalingResponse", "moto.autoscaling.models:AutoScalingBackend"
PATCHED = {
    **{
        f"{RESPONSES}.{name}": ("self",)
        for name in (
            "attach_instances",
            "delete_lifecycle_hook",
            "describe_auto_scaling_groups",
            "describe_auto_scaling_instances",
            "describe_lifecycle_hooks",
            "describe_load_balancer_target_groups",
            "detach_instances",
            "enter_standby",
            "exit_standby",
            "put_lifecycle_hook",
            "set_desired_capacity",
            "set_instance_protection",
            "terminate_instance_in_auto_scaling_group",
        )
    },
    f"{MODELS}.attach_load_balancer_target_groups": ("self", "group_name", "target_group_arns"),
    f"{MODELS}.detach_load_balancer_target_groups": ("self", "group_name", "target_group_arns"),
    f"{MODELS}.attach_load_balancers": ("self", "group_name", "load_balancer_names"),
    f"{MODELS}.detach_load_balancers": ("self", "group_name", "load_balancer_names"),
    f"{MODELS}.describe_load_balancers": ("self", "group_name"),
    f"{MODELS}.suspend_processes": ("self", "group_name", "scaling_processes"),
    f"{MODELS}.resume_processes": ("self", "group_name", "scaling_processes"),
    f"{MODELS}.create_or_update_tags": ("self", "tags"),
    f"{MODELS}.delete_tags": ("self", "tags"),
    f"{MODELS}.delete_launch_configuration": ("self", "launch_configuration_name"),
    f"{MODELS}.create_launch_configuration": (
        *("self", "name", "image_id", "key_name", "kernel_id", "ramdisk_id", "security_groups", "user_data"),
        *("instance_type", "instance_monitoring", "instance_profile_name", "spot_price", "ebs_optimized"),
        *("associate_public_ip_address", "block_device_mappings", "instance_id", "metadata_options"),
        *("classic_link_vpc_id", "classic_link_vpc_security_groups"),
    ),
    "moto.autoscaling.models:FakeAutoScalingGroup.create_from_cloudformation_json": (
        *("resource_name", "cloudformation_json", "account_id", "region_name", "kwargs"),
    ),
    "moto.autoscaling.models:FakeAutoScalingGroup.update_from_cloudformation_json": (
        *("original_resource", "new_resource_name", "cloudformation_json", "account_id", "region_name"),
    ),
    "moto.autoscaling.models:InstanceState.launch_configuration_name.fget": ("self",),
    "moto.autoscaling.models:FakeAutoScalingGroup.suspended_processes.fget": ("self",),
    "moto.autoscaling.models:FakeAutoScalingGroup.suspended_processes.fset": ("self", "processes"),
}
ADDED = (
    "attach_traffic_sources",
    "complete_lifecycle_action",
    "delete_notification_configuration",
    "describe_account_limits",
    "describe_adjustment_types",
    "describe_auto_scaling_notification_types",
    "describe_lifecycle_hook_types",
    "describe_notification_configurations",
    "describe_scaling_process_types",
    "describe_termination_policy_types",
    "describe_traffic_sources",
    "detach_traffic_sources",
    "put_notification_configuration",
    "record_lifecycle_action_heartbeat",
)


@pytest.mark.parametrize("symbol", sorted(PATCHED))
def test_a_replaced_symbol_of_auto_scaling_still_has_its_signature(symbol: str) -> None:
    module, _, path = symbol.partition(":")
    found: Any = importlib.import_module(module)
    for name in path.split("."):
        found = getattr(found, name)
    assert tuple(inspect.signature(inspect.unwrap(found)).parameters) == PATCHED[symbol]


@pytest.mark.parametrize("name", ADDED)
def test_moto_lacks_what_is_added_to_auto_scaling(name: str) -> None:
    from moto.autoscaling.models import FakeAutoScalingGroup
    from moto.autoscaling.responses import AutoScalingResponse

    assert not hasattr(AutoScalingResponse, name)
    assert not hasattr(FakeAutoScalingGroup, "traffic_sources")


@pytest.fixture
def scaling() -> Iterator[Any]:
    with mock_aws():
        client = boto3.client("autoscaling", region_name="us-east-1")
        client.create_launch_configuration(
            LaunchConfigurationName="web", ImageId="ami-12c6146b", InstanceType="t3.micro"
        )
        client.create_auto_scaling_group(
            AutoScalingGroupName="web",
            LaunchConfigurationName="web",
            MinSize=0,
            MaxSize=1,
            AvailabilityZones=["us-east-1a"],
            HealthCheckGracePeriod=0,
            MaxInstanceLifetime=86_400,
        )
        yield client


def test_moto_drops_settings_and_turns_a_grace_period_of_0_into_300(scaling: Any) -> None:
    (group,) = scaling.describe_auto_scaling_groups()["AutoScalingGroups"]
    assert group["HealthCheckGracePeriod"] == 300
    assert "MaxInstanceLifetime" not in group


def test_moto_makes_up_the_notification_target_of_a_hook_and_keys_hooks_by_group_and_name(scaling: Any) -> None:
    from moto.autoscaling.models import autoscaling_backends

    scaling.put_lifecycle_hook(
        LifecycleHookName="hook",
        AutoScalingGroupName="web",
        LifecycleTransition="autoscaling:EC2_INSTANCE_LAUNCHING",
    )
    (hook,) = scaling.describe_lifecycle_hooks(AutoScalingGroupName="web")["LifecycleHooks"]
    assert hook["NotificationTargetARN"]
    assert list(autoscaling_backends["123456789012"]["us-east-1"].lifecycle_hooks) == ["web_hook"]


def test_moto_says_of_suspended_processes_neither_when_nor_whether_they_exist(scaling: Any) -> None:
    scaling.suspend_processes(AutoScalingGroupName="web", ScalingProcesses=["Sleep"])
    (group,) = scaling.describe_auto_scaling_groups()["AutoScalingGroups"]
    assert group["SuspendedProcesses"] == [{"ProcessName": "Sleep", "SuspensionReason": ""}]
