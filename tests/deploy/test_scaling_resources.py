"""What makes a group scale and alarms act, deployed on the emulator: plain moto lacks most of these calls."""

import json
import subprocess
import sys
from collections.abc import Iterator

import pytest

from blackstart.aws_clients import AwsClients

PROGRAM = """
import json

import pulumi
from pulumi_aws import autoscaling, cloudwatch, ec2, sns, sqs

network = ec2.Vpc("near", cidr_block="10.9.0.0/16")
subnet = ec2.Subnet("a", vpc_id=network.id, cidr_block="10.9.1.0/24", availability_zone="us-east-1a")
template = ec2.LaunchTemplate("near", image_id="ami-12c6146b", instance_type="t3.micro")
group = autoscaling.Group(
    "near",
    min_size=0,
    max_size=4,
    vpc_zone_identifiers=[subnet.id],
    mixed_instances_policy={
        "launch_template": {
            "launch_template_specification": {"launch_template_id": template.id, "version": "$Latest"},
            "overrides": [{"instance_type": "t3.small"}],
        }
    },
    availability_zone_distribution={"capacity_distribution_strategy": "balanced-only"},
    initial_lifecycle_hooks=[
        {"name": "warm-caches", "lifecycle_transition": "autoscaling:EC2_INSTANCE_LAUNCHING", "heartbeat_timeout": 60}
    ],
    warm_pool={"pool_state": "Stopped", "min_size": 0, "instance_reuse_policy": {"reuse_on_scale_in": True}},
    force_delete=True,
)
pulumi.export("group", group.name)
autoscaling.LifecycleHook(
    "drain",
    name="drain",
    autoscaling_group_name=group.name,
    lifecycle_transition="autoscaling:EC2_INSTANCE_TERMINATING",
    default_result="CONTINUE",
)
topic, queue = sns.Topic("near"), sqs.Queue("near")
autoscaling.Notification(
    "near", group_names=[group.name], notifications=["autoscaling:EC2_INSTANCE_LAUNCH"], topic_arn=topic.arn
)
autoscaling.Schedule(
    "morning",
    scheduled_action_name="morning",
    autoscaling_group_name=group.name,
    recurrence="0 6 * * *",
    min_size=2,
    max_size=-1,
    desired_capacity=2,
)
autoscaling.Policy(
    "backlog",
    autoscaling_group_name=group.name,
    policy_type="TargetTrackingScaling",
    target_tracking_configuration={
        "target_value": 100,
        "customized_metric_specification": {
            "metrics": [
                {
                    "id": "backlog",
                    "return_data": False,
                    "metric_stat": {"metric": {"metric_name": "Backlog", "namespace": "Shop"}, "stat": "Sum"},
                },
                {"id": "each", "expression": "backlog / 2", "return_data": True},
            ]
        },
    },
)
step = autoscaling.Policy(
    "step",
    autoscaling_group_name=group.name,
    policy_type="StepScaling",
    adjustment_type="ChangeInCapacity",
    step_adjustments=[{"metric_interval_lower_bound": "0", "scaling_adjustment": 1}],
)
burn = cloudwatch.MetricAlarm(
    "burn",
    comparison_operator="GreaterThanThreshold",
    evaluation_periods=2,
    threshold=14.4,
    metric_queries=[
        {"id": "bad", "metric": {"namespace": "Shop", "metric_name": "Bad", "period": 60, "stat": "Sum"}},
        {"id": "all", "metric": {"namespace": "Shop", "metric_name": "All", "period": 60, "stat": "Sum"}},
        {"id": "rate", "expression": "100 * bad / all", "label": "burn rate", "return_data": True},
    ],
    alarm_actions=[step.arn],
)
maintenance = cloudwatch.MetricAlarm(
    "maintenance",
    comparison_operator="GreaterThanThreshold",
    evaluation_periods=1,
    threshold=0,
    namespace="Shop",
    metric_name="Maintenance",
    period=60,
    statistic="Maximum",
)
composite = cloudwatch.CompositeAlarm(
    "page",
    alarm_name="page",
    alarm_rule=burn.name.apply(lambda name: f'ALARM("{name}")'),
    alarm_actions=[topic.arn],
    actions_suppressor={"alarm": maintenance.name, "wait_period": 60, "extension_period": 120},
)
pulumi.export("composite", composite.arn)
rule = cloudwatch.EventRule("near", event_pattern=json.dumps({"source": ["aws.autoscaling"]}))
cloudwatch.EventTarget("near", rule=rule.name, arn=queue.arn)
pulumi.export("rule", rule.name)
"""


@pytest.fixture
def endpoint(tmp_path) -> Iterator[str]:
    """An emulator in the place of plain moto."""
    command = [sys.executable, "-m", "blackstart.emulator", "--port", "0", "--speed", "10", "--lifeline"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    with subprocess.Popen([*command, "--state-dir", str(tmp_path / "state")], text=True, **pipes) as process:
        assert process.stdout is not None
        yield json.loads(process.stdout.readline())["endpoint"]
        process.terminate()


def test_each_is_created_with_what_was_asked_for(run, endpoint):
    outputs = run(PROGRAM)[0].outputs
    aws = AwsClients("us-east-1", endpoint)
    autoscaling, cloudwatch, events = aws.client("autoscaling"), aws.client("cloudwatch"), aws.client("events")
    of_group = {"AutoScalingGroupName": outputs["group"]}
    group = autoscaling.describe_auto_scaling_groups(AutoScalingGroupNames=[outputs["group"]])["AutoScalingGroups"][0]
    assert group["AvailabilityZoneDistribution"] == {"CapacityDistributionStrategy": "balanced-only"}
    assert [o["InstanceType"] for o in group["MixedInstancesPolicy"]["LaunchTemplate"]["Overrides"]] == ["t3.small"]
    hooks = autoscaling.describe_lifecycle_hooks(**of_group)["LifecycleHooks"]
    assert {hook["LifecycleHookName"]: hook["HeartbeatTimeout"] for hook in hooks} == {"warm-caches": 60, "drain": 3600}
    pool = autoscaling.describe_warm_pool(**of_group)["WarmPoolConfiguration"]
    assert (pool["PoolState"], pool["InstanceReusePolicy"]) == ("Stopped", {"ReuseOnScaleIn": True})
    told = autoscaling.describe_notification_configurations(AutoScalingGroupNames=[outputs["group"]])
    assert [n["NotificationType"] for n in told["NotificationConfigurations"]] == ["autoscaling:EC2_INSTANCE_LAUNCH"]
    action = autoscaling.describe_scheduled_actions(**of_group)["ScheduledUpdateGroupActions"][0]
    assert (action["MinSize"], action["DesiredCapacity"], "MaxSize" in action) == (2, 2, False)
    policies = autoscaling.describe_policies(**of_group)["ScalingPolicies"]
    assert sorted(policy["PolicyType"] for policy in policies) == ["StepScaling", "TargetTrackingScaling"]
    composite = cloudwatch.describe_alarms(AlarmTypes=["CompositeAlarm"])["CompositeAlarms"][0]
    assert (composite["AlarmArn"], composite["ActionsSuppressorWaitPeriod"]) == (outputs["composite"], 60)
    alarms = cloudwatch.describe_alarms(AlarmNamePrefix="burn")["MetricAlarms"]
    assert {query["Id"]: query["ReturnData"] for query in alarms[0]["Metrics"]} == {
        "bad": False,
        "all": False,
        "rate": True,
    }
    assert len(events.list_targets_by_rule(Rule=outputs["rule"])["Targets"]) == 1
