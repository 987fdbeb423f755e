"""CloudWatch alarms that scale a group: metric to alarm to policy to instances, with a manual clock.

Sources: CloudWatch user guide, "Alarm actions" (Auto Scaling actions repeat each minute); EC2 Auto Scaling user guide,
"Target tracking scaling policies", "Suspend and resume processes" (AlarmNotification).
"""

from datetime import UTC, datetime
from typing import Any

import pytest

from blackstart.emulator.protocol import CounterRow, Counters

WARM_UP_S = 60


class Loaded:
    """A group of four whose metric App/Load is a total load, shared by the instances in service."""

    def __init__(self, rig: Any) -> None:
        from web_stack import WebStack

        self.rig, self.stack = rig, WebStack(rig.client, desired=4)
        self.asg, self.cloudwatch = self.stack.asg, rig.client("cloudwatch")
        self.asg.update_auto_scaling_group(
            AutoScalingGroupName="web", MinSize=1, MaxSize=12, DefaultInstanceWarmup=WARM_UP_S
        )
        self.total: float | None = None
        rig.run(300 - rig.now_s % 60, step_s=10)

    def minutes(self, count: int) -> list[int]:
        """Report the load once a minute; the desired capacity after each."""
        seen = []
        for _ in range(count):
            serving = len(self.stack.members())
            if self.total is not None and serving:
                datum = {
                    "MetricName": "Load",
                    "Value": self.total / serving,
                    "Timestamp": datetime.fromtimestamp(self.rig.now_s, UTC),
                }
                self.cloudwatch.put_metric_data(Namespace="App", MetricData=[datum])
            self.rig.run(60, step_s=5)
            seen.append(int(self.stack.group()["DesiredCapacity"]))
        return seen

    def track(self, **wanted: Any) -> None:
        metric = {"MetricName": "Load", "Namespace": "App", "Statistic": "Average"}
        self.asg.put_scaling_policy(
            AutoScalingGroupName="web",
            PolicyName="track",
            PolicyType="TargetTrackingScaling",
            TargetTrackingConfiguration={"CustomizedMetricSpecification": metric, "TargetValue": 50.0, **wanted},
        )

    def alarm_on(self, policy_arn: str) -> None:
        self.cloudwatch.put_metric_alarm(
            AlarmName="busy",
            Namespace="App",
            MetricName="Load",
            Statistic="Average",
            Period=60,
            EvaluationPeriods=1,
            Threshold=50,
            ComparisonOperator="GreaterThanThreshold",
            AlarmActions=[policy_arn],
        )


@pytest.fixture
def loaded(rig: Any) -> Loaded:
    return Loaded(rig)


def test_target_tracking_finds_the_capacity_for_the_load_and_lets_go_of_it(loaded: Loaded) -> None:
    loaded.track()
    loaded.total = 160
    assert loaded.minutes(4) == [4, 4, 4, 4]
    loaded.total = 400
    out = loaded.minutes(5)
    assert out[:2] == [4, 4]  # three minutes above the target first
    assert out[-1] == 8
    assert len(loaded.stack.members()) == 8
    loaded.total = 120
    within = loaded.minutes(20)
    assert within[:13] == [8] * 13  # fifteen minutes below it
    assert within[13:] == [8, 8, 7, 6, 5, 4, 3]
    assert loaded.minutes(5) == [3] * 5
    causes = [activity["Cause"] for activity in loaded.stack.activities()]
    assert any("AlarmHigh" in cause and "triggered policy track changing the desired" in cause for cause in causes)
    assert any("AlarmLow" in cause and "from 8 to 7" in cause for cause in causes)


def test_target_tracking_without_data_leaves_the_group_alone(loaded: Loaded) -> None:
    loaded.track()
    assert set(loaded.minutes(20)) == {4}
    states = {alarm["StateValue"] for alarm in loaded.cloudwatch.describe_alarms()["MetricAlarms"]}
    assert states == {"INSUFFICIENT_DATA"}


def test_an_alarm_that_stays_triggers_its_policy_each_minute(loaded: Loaded) -> None:
    made = loaded.asg.put_scaling_policy(
        AutoScalingGroupName="web",
        PolicyName="one more",
        PolicyType="StepScaling",
        AdjustmentType="ChangeInCapacity",
        StepAdjustments=[{"MetricIntervalLowerBound": 0.0, "ScalingAdjustment": 1}],
        EstimatedInstanceWarmup=0,
    )
    loaded.alarm_on(made["PolicyARN"])
    loaded.total = 4000
    assert loaded.minutes(4)[-1] >= 6


def test_an_alarm_that_still_breaches_on_resume_is_considered_then(loaded: Loaded) -> None:
    made = loaded.asg.put_scaling_policy(
        AutoScalingGroupName="web",
        PolicyName="two more",
        AdjustmentType="ChangeInCapacity",
        ScalingAdjustment=2,
        Cooldown=1000,
    )
    loaded.alarm_on(made["PolicyARN"])
    loaded.asg.update_auto_scaling_group(AutoScalingGroupName="web", DefaultCooldown=0)
    loaded.asg.suspend_processes(AutoScalingGroupName="web", ScalingProcesses=["AlarmNotification"])
    loaded.total = 400
    assert set(loaded.minutes(4)) == {4}
    loaded.asg.resume_processes(AutoScalingGroupName="web", ScalingProcesses=["AlarmNotification"])
    assert loaded.minutes(3) == [6, 6, 6]


def test_set_alarm_state_scales_too(loaded: Loaded) -> None:
    made = loaded.asg.put_scaling_policy(
        AutoScalingGroupName="web", PolicyName="five", AdjustmentType="ExactCapacity", ScalingAdjustment=5
    )
    loaded.asg.update_auto_scaling_group(AutoScalingGroupName="web", DefaultCooldown=0)
    loaded.alarm_on(made["PolicyARN"])
    loaded.cloudwatch.set_alarm_state(AlarmName="busy", StateValue="ALARM", StateReason="rehearsal")
    loaded.rig.run(2)
    assert loaded.stack.group()["DesiredCapacity"] == 5


class Busy:
    """Two instances of two processors, with detailed monitoring, that share what there is to do."""

    def __init__(self, rig: Any) -> None:
        from web_stack import WebStack

        self.rig, self.stack = rig, WebStack(rig.client, desired=0)
        image = self.stack.ec2.describe_launch_template_versions(
            LaunchTemplateId=self.stack.template, Versions=["$Latest"]
        )["LaunchTemplateVersions"][0]["LaunchTemplateData"]
        self.stack.ec2.create_launch_template_version(
            LaunchTemplateId=self.stack.template, LaunchTemplateData={**image, "Monitoring": {"Enabled": True}}
        )
        self.stack.asg.update_auto_scaling_group(
            AutoScalingGroupName="web", MinSize=2, DesiredCapacity=2, DefaultInstanceWarmup=WARM_UP_S
        )
        self.used_real_s: dict[str, float] = {}
        rig.run(300 - rig.now_s % 60, step_s=10)

    def track(self, target: float, **metric: str) -> None:
        self.stack.asg.put_scaling_policy(
            AutoScalingGroupName="web",
            PolicyName="track",
            PolicyType="TargetTrackingScaling",
            TargetTrackingConfiguration={"PredefinedMetricSpecification": metric, "TargetValue": target},
        )

    def work(self, virtual_s: float, processors: float = 0.0, requests: int = 0) -> None:
        """Time passes, in which so many processors are busy and so many requests are answered each 10 s."""
        for _ in range(int(virtual_s / 10)):
            serving = self.stack.members()
            for instance in serving:
                done = self.used_real_s.get(instance, 0.0)
                self.used_real_s[instance] = done + 10 / self.rig_speed * processors / len(serving)
            at_s = self.rig.now_s
            self.rig.run(10, step_s=5)
            self.rig.controllers.instance_metrics.on_usage(dict(self.used_real_s), self.rig.now_s)
            if requests:
                self.rig.controllers.metrics.health_changed()  # as the data plane's news of it would
                row = CounterRow(
                    load_balancer_arn=self.stack.balancer,
                    target_group_arn=self.stack.target_group,
                    zone="us-east-1a",
                    requests=requests,
                    target_2xx=requests,
                )
                self.rig.controllers.apply(Counters(bucket_start_s=at_s, rows=(row,)))

    rig_speed = 10.0


@pytest.fixture
def busy(rig: Any) -> Busy:
    return Busy(rig)


def test_the_group_scales_on_the_processors_of_its_instances(busy: Busy) -> None:
    """Three busy processors are 75 % of two instances, and 50 % of three."""
    busy.track(55.0, PredefinedMetricType="ASGAverageCPUUtilization")
    busy.work(360, processors=3.0)
    assert busy.stack.group()["DesiredCapacity"] == 3
    busy.work(600, processors=3.0)
    assert busy.stack.group()["DesiredCapacity"] == 3


def test_the_group_scales_on_the_requests_that_each_target_gets(busy: Busy) -> None:
    """10 real requests in 10 virtual seconds are 600 a minute at ten times the speed."""
    balancer, group = (
        arn.split(":", 5)[5].removeprefix("loadbalancer/") for arn in (busy.stack.balancer, busy.stack.target_group)
    )
    busy.track(150.0, PredefinedMetricType="ALBRequestCountPerTarget", ResourceLabel=f"{balancer}/{group}")
    busy.work(360, requests=10)
    assert busy.stack.group()["DesiredCapacity"] == 4
    busy.work(400, requests=10)
    assert busy.stack.group()["DesiredCapacity"] == 4
