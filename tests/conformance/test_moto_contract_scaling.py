"""moto 5.2.x where the emulator replaces scaling policies and scheduled actions, or makes alarms through its backend:
an upgrade that changes one of these must fail here, loudly.
"""

import importlib
import inspect
from typing import Any

import boto3
import pytest
from moto import mock_aws

PATCHED = {
    "moto.autoscaling.responses:AutoScalingResponse.put_scaling_policy": ("self",),
    "moto.autoscaling.responses:AutoScalingResponse.put_scheduled_update_group_action": ("self",),
    "moto.autoscaling.responses:AutoScalingResponse.batch_put_scheduled_update_group_action": ("self",),
    "moto.autoscaling.responses:AutoScalingResponse.put_lifecycle_hook": ("self",),
    "moto.autoscaling.responses:AutoScalingResponse.suspend_processes": ("self",),
    "moto.autoscaling.responses:AutoScalingResponse.describe_policies": ("self",),
    "moto.autoscaling.responses:AutoScalingResponse.delete_policy": ("self",),
    "moto.autoscaling.responses:AutoScalingResponse.execute_policy": ("self",),
    "moto.autoscaling.responses:AutoScalingResponse.set_desired_capacity": ("self",),
    "moto.autoscaling.responses:AutoScalingResponse.create_auto_scaling_group": ("self",),
    "moto.autoscaling.responses:AutoScalingResponse.update_auto_scaling_group": ("self",),
    "moto.autoscaling.responses:AutoScalingResponse.describe_scheduled_actions": ("self",),
    "moto.autoscaling.models:AutoScalingBackend.delete_auto_scaling_group": ("self", "group_name"),
    "moto.autoscaling.models:AutoScalingBackend.delete_scheduled_action": (
        *("self", "auto_scaling_group_name", "scheduled_action_name"),
    ),
    "moto.autoscaling.models:AutoScalingBackend.put_scheduled_update_group_action": (
        *("self", "name", "desired_capacity", "max_size", "min_size", "scheduled_action_name", "start_time"),
        *("end_time", "recurrence", "timezone"),
    ),
}
USED = {
    "moto.cloudwatch.models:CloudWatchBackend.put_metric_alarm": {
        *("name", "namespace", "metric_name", "comparison_operator", "evaluation_periods", "period", "threshold"),
        *("statistic", "description", "dimensions", "alarm_actions", "metric_data_queries", "unit"),
    },
    "moto.cloudwatch.models:CloudWatchBackend.delete_alarms": {"alarm_names"},
    "moto.cloudwatch.models:MetricDataQuery.__init__": {
        *("query_id", "label", "period", "return_data", "expression", "metric_stat"),
    },
    "moto.cloudwatch.models:MetricStat.__init__": {"metric", "period", "stat", "unit"},
}
GROUP = {"AutoScalingGroupName": "web", "MinSize": 0, "MaxSize": 2, "AvailabilityZones": ["us-east-1a"]}


def symbol(path: str) -> Any:
    module, _, names = path.partition(":")
    found: Any = importlib.import_module(module)
    for name in names.split("."):
        found = getattr(found, name)
    return found


@pytest.mark.parametrize("path", PATCHED)
def test_what_is_replaced_has_the_signature_that_the_replacement_has(path: str) -> None:
    assert tuple(inspect.signature(symbol(path)).parameters) == PATCHED[path]


@pytest.mark.parametrize("path", USED)
def test_what_is_called_takes_what_it_is_given(path: str) -> None:
    assert set(inspect.signature(symbol(path)).parameters) >= USED[path]


def plain_moto() -> Any:
    asg = boto3.Session("offline", "offline", region_name="us-east-1").client("autoscaling")
    asg.create_launch_configuration(LaunchConfigurationName="l", ImageId="ami-1", InstanceType="t3.micro")
    asg.create_auto_scaling_group(LaunchConfigurationName="l", **GROUP)
    return asg


@mock_aws
def test_moto_makes_no_alarms_for_target_tracking() -> None:
    asg = plain_moto()
    configuration = {
        "PredefinedMetricSpecification": {"PredefinedMetricType": "ASGAverageCPUUtilization"},
        "TargetValue": 50.0,
    }
    made = asg.put_scaling_policy(
        AutoScalingGroupName="web",
        PolicyName="p",
        PolicyType="TargetTrackingScaling",
        TargetTrackingConfiguration=configuration,
    )
    assert not made.get("Alarms")


@mock_aws
def test_moto_keeps_policies_by_their_name_alone() -> None:
    asg = plain_moto()
    asg.create_auto_scaling_group(LaunchConfigurationName="l", **{**GROUP, "AutoScalingGroupName": "other"})
    for group in ("web", "other"):
        asg.put_scaling_policy(
            AutoScalingGroupName=group, PolicyName="p", AdjustmentType="ChangeInCapacity", ScalingAdjustment=1
        )
    assert len(asg.describe_policies()["ScalingPolicies"]) == 1


@mock_aws
def test_moto_accepts_any_scheduled_action() -> None:
    asg = plain_moto()
    asg.put_scheduled_update_group_action(
        AutoScalingGroupName="none", ScheduledActionName="a", Recurrence="whenever", MinSize=9, MaxSize=1
    )
    assert len(asg.describe_scheduled_actions()["ScheduledUpdateGroupActions"]) == 1


@mock_aws
def test_moto_reads_a_cooldown_of_zero_as_its_default() -> None:
    asg = plain_moto()
    asg.create_auto_scaling_group(
        LaunchConfigurationName="l", DefaultCooldown=0, **{**GROUP, "AutoScalingGroupName": "hasty"}
    )
    described = asg.describe_auto_scaling_groups(AutoScalingGroupNames=["hasty"])["AutoScalingGroups"][0]
    assert described["DefaultCooldown"] == 300
