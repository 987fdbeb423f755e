"""Scaling policies over the API, triggered as alarms do, with a manual clock.

Sources: EC2 Auto Scaling user guide, "Dynamic scaling", "Step and simple scaling policies", "Target tracking scaling
policies", "Scaling cooldowns", "Suspend and resume processes", "Disable a scaling policy"; API reference,
ExecutePolicy, DeletePolicy, DeleteAutoScalingGroup.
"""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from blackstart.emulator.controllers.alarm_actions import ActionFailedError, AlarmFired
from blackstart.emulator.decisions.alarm_state import AlarmState

CPU = {"PredefinedMetricSpecification": {"PredefinedMetricType": "ASGAverageCPUUtilization"}}
LOAD = {"CustomizedMetricSpecification": {"MetricName": "Load", "Namespace": "App", "Statistic": "Average"}}


class Tier:
    """Three instances in service, of at most twelve; cooldowns and warm-ups are shorter than AWS's defaults."""

    def __init__(self, rig: Any) -> None:
        from web_stack import WebStack

        self.rig, self.stack = rig, WebStack(rig.client)
        self.asg, self.cloudwatch = self.stack.asg, rig.client("cloudwatch")
        self.asg.update_auto_scaling_group(AutoScalingGroupName="web", MaxSize=12, DefaultCooldown=100)

    def settled(self) -> "Tier":
        self.rig.run(150, step_s=10)
        return self

    def put(self, name: str = "policy", **wanted: Any) -> str:
        made = self.asg.put_scaling_policy(AutoScalingGroupName="web", PolicyName=name, **wanted)
        return str(made["PolicyARN"])

    def simple(self, change: int = 1, name: str = "simple", **wanted: Any) -> str:
        return self.put(name, AdjustmentType="ChangeInCapacity", ScalingAdjustment=change, **wanted)

    def step(self, steps: list[tuple[float | None, float | None, int]], name: str = "step", **wanted: Any) -> str:
        named = [
            {
                key: value
                for key, value in zip(
                    ("MetricIntervalLowerBound", "MetricIntervalUpperBound", "ScalingAdjustment"), step, strict=True
                )
                if value is not None
            }
            for step in steps
        ]
        wanted = {"AdjustmentType": "ChangeInCapacity", "EstimatedInstanceWarmup": 60, **wanted}
        return self.put(name, PolicyType="StepScaling", StepAdjustments=named, **wanted)

    def tracking(self, name: str = "tracking", metric: Any = CPU, target: float = 50.0, **wanted: Any) -> str:
        configuration = {**metric, "TargetValue": target, "DisableScaleIn": wanted.pop("DisableScaleIn", False)}
        wanted = {"EstimatedInstanceWarmup": 60, **wanted}
        return self.put(name, PolicyType="TargetTrackingScaling", TargetTrackingConfiguration=configuration, **wanted)

    def fire(self, arn: str, value: float | None = None, threshold: float = 50.0, alarm: str = "busy") -> None:
        """As an alarm does; the decision falls with the next tick."""
        self.rig.controllers.policies.carry_out(
            AlarmFired(
                alarm_name=alarm,
                alarm_arn=f"arn:aws:cloudwatch:us-east-1:123456789012:alarm:{alarm}",
                account="123456789012",
                region="us-east-1",
                action=arn,
                state=AlarmState.ALARM,
                value=value,
                threshold=threshold,
                dimensions={},
                repeated=False,
            ),
            self.rig.now_s,
        )

    def fire_and_settle(self, arn: str, value: float | None = None, threshold: float = 50.0) -> int:
        """The desired capacity after the next tick."""
        self.fire(arn, value, threshold)
        self.rig.run(1)
        return self.desired()

    def low_alarm(self, name: str) -> str:
        described = self.described(name)
        return str(next(alarm["AlarmName"] for alarm in described["Alarms"] if "AlarmLow" in alarm["AlarmName"]))

    def described(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = self.asg.describe_policies(PolicyNames=[name])["ScalingPolicies"][0]
        return found

    def desired(self) -> int:
        return int(self.stack.group()["DesiredCapacity"])

    def alarms(self) -> dict[str, dict[str, Any]]:
        return {alarm["AlarmName"]: alarm for alarm in self.cloudwatch.describe_alarms()["MetricAlarms"]}


@pytest.fixture
def tier(rig: Any) -> Tier:
    return Tier(rig).settled()


@pytest.fixture
def new(rig: Any) -> Tier:
    """For the API alone: nothing has been launched yet."""
    return Tier(rig)


def refusal(caught: pytest.ExceptionInfo[ClientError]) -> tuple[str, str]:
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


# --- simple scaling


def test_an_alarm_triggers_a_simple_policy(tier: Tier) -> None:
    assert tier.fire_and_settle(tier.simple(2)) == 5
    tier.rig.run(60)
    assert (
        "a monitor alarm busy in state ALARM triggered policy simple changing the desired capacity from 3 to 5."
        in tier.stack.activities()[0]["Cause"]
    )


def test_a_simple_policy_waits_for_the_activity_and_then_for_the_default_cooldown(tier: Tier) -> None:
    arn = tier.simple()
    assert tier.fire_and_settle(arn) == 4
    assert tier.fire_and_settle(arn) == 4
    while len(tier.stack.members()) < 4:
        tier.rig.run(1)
    ended_s = tier.rig.now_s
    tier.rig.run(90)
    assert tier.fire_and_settle(arn) == 4
    tier.rig.run(ended_s + 101 - tier.rig.now_s)
    assert tier.fire_and_settle(arn) == 5


def test_a_policys_own_cooldown_overrides_the_default(tier: Tier) -> None:
    arn = tier.simple(-1, Cooldown=10)
    assert tier.fire_and_settle(arn) == 2
    while tier.stack.members("Terminating"):
        tier.rig.run(1)
    tier.rig.run(70)
    assert tier.fire_and_settle(arn) == 1


def test_a_users_change_does_not_wait_unless_it_honours_the_cooldown(tier: Tier) -> None:
    tier.fire_and_settle(tier.simple())
    with pytest.raises(ClientError) as caught:
        tier.asg.set_desired_capacity(AutoScalingGroupName="web", DesiredCapacity=7, HonorCooldown=True)
    assert refusal(caught)[0] == "ScalingActivityInProgress"
    assert "is in progress and blocks this action" in refusal(caught)[1]
    tier.asg.set_desired_capacity(AutoScalingGroupName="web", DesiredCapacity=7)
    assert tier.desired() == 7


def test_a_policy_stays_within_the_groups_limits(tier: Tier) -> None:
    before = len(tier.stack.activities())
    assert tier.fire_and_settle(tier.simple(50)) == 12
    tier.rig.run(400, step_s=5)
    launched = len(tier.stack.activities())
    assert launched == before + 9
    assert tier.fire_and_settle(tier.simple(50, name="more")) == 12
    tier.rig.run(30)
    assert len(tier.stack.activities()) == launched


def test_a_default_cooldown_of_zero_is_none_at_all(tier: Tier) -> None:
    tier.asg.update_auto_scaling_group(AutoScalingGroupName="web", DefaultCooldown=0)
    assert tier.stack.group()["DefaultCooldown"] == 0
    arn = tier.simple()
    tier.fire_and_settle(arn)
    while len(tier.stack.members()) < 4:
        tier.rig.run(1)
    assert tier.fire_and_settle(arn) == 5


# --- step scaling


def test_a_step_policy_takes_the_step_of_the_breach(tier: Tier) -> None:
    arn = tier.step([(0, 10, 1), (10, 20, 2), (20, None, 4)])
    assert tier.fire_and_settle(arn, 71) == 7


def test_a_step_policy_goes_on_while_instances_come_and_counts_those(tier: Tier) -> None:
    arn = tier.step([(0, 10, 1), (10, 20, 2), (20, None, 4)])
    assert tier.fire_and_settle(arn, 55) == 4
    assert tier.fire_and_settle(arn, 58) == 4
    assert tier.fire_and_settle(arn, 65) == 5
    tier.rig.run(5)
    assert tier.fire_and_settle(arn, 65) == 5


def test_step_scaling_in_waits_for_the_warm_up(tier: Tier) -> None:
    out, within = tier.step([(0, None, 1)], name="out"), tier.step([(None, 0, -2)], name="in")
    tier.fire_and_settle(out, 60)
    while len(tier.stack.members()) < 4:
        tier.rig.run(1)
    tier.rig.run(50)
    assert tier.fire_and_settle(within, 20, 30) == 4
    tier.rig.run(10)
    assert tier.fire_and_settle(within, 20, 30) == 2


def test_without_a_warm_up_of_its_own_a_policy_has_the_groups(tier: Tier) -> None:
    tier.asg.update_auto_scaling_group(AutoScalingGroupName="web", DefaultInstanceWarmup=20)
    out = tier.put(
        "out",
        PolicyType="StepScaling",
        AdjustmentType="ChangeInCapacity",
        StepAdjustments=[{"MetricIntervalLowerBound": 0.0, "ScalingAdjustment": 1}],
    )
    within = tier.step([(None, 0, -1)], name="in")
    tier.fire_and_settle(out, 60)
    while len(tier.stack.members()) < 4:
        tier.rig.run(1)
    tier.rig.run(15)
    assert tier.fire_and_settle(within, 20, 30) == 4
    tier.rig.run(5)
    assert tier.fire_and_settle(within, 20, 30) == 3


def test_a_step_policy_without_data_or_step_does_nothing(tier: Tier) -> None:
    arn = tier.step([(0, None, 1)])
    assert tier.fire_and_settle(arn, None) == 3
    assert tier.fire_and_settle(arn, 40) == 3


# --- several policies, disabled ones, suspended ones


def test_of_policies_triggered_together_the_largest_capacity_wins(tier: Tier) -> None:
    tier.fire(tier.step([(0, None, 1)]), 60, alarm="one")
    tier.fire(tier.simple(3), alarm="two")
    tier.fire(tier.step([(None, 0, -2)], name="in"), 10, alarm="three")
    tier.rig.run(1)
    assert tier.desired() == 6


def test_a_disabled_policy_does_nothing_until_it_is_enabled(tier: Tier) -> None:
    arn = tier.simple(Enabled=False)
    assert tier.described("simple")["Enabled"] is False
    assert tier.fire_and_settle(arn) == 3
    assert tier.simple(Enabled=True) == arn
    assert tier.fire_and_settle(arn) == 4


def test_policies_are_not_invoked_while_alarm_notification_is_suspended(tier: Tier) -> None:
    arn = tier.simple()
    tier.asg.suspend_processes(AutoScalingGroupName="web", ScalingProcesses=["AlarmNotification"])
    assert tier.fire_and_settle(arn) == 3
    tier.asg.resume_processes(AutoScalingGroupName="web", ScalingProcesses=["AlarmNotification"])
    tier.rig.run(1)
    assert tier.desired() == 3
    assert tier.fire_and_settle(arn) == 4


def test_an_alarm_on_a_policy_that_is_gone_fails(new: Tier) -> None:
    arn = new.simple()
    new.asg.delete_policy(PolicyName=arn)
    with pytest.raises(ActionFailedError):
        new.fire(arn)


# --- target tracking


def test_target_tracking_makes_the_alarms_that_aws_makes(new: Tier) -> None:
    made = new.asg.put_scaling_policy(
        AutoScalingGroupName="web",
        PolicyName="cpu60",
        PolicyType="TargetTrackingScaling",
        TargetTrackingConfiguration={**CPU, "TargetValue": 60.0},
    )
    names = [alarm["AlarmName"] for alarm in made["Alarms"]]
    assert [name.rsplit("-", 5)[0] for name in names] == ["TargetTracking-web-AlarmHigh", "TargetTracking-web-AlarmLow"]
    assert new.described("cpu60")["Alarms"] == made["Alarms"]
    high, low = (new.alarms()[name] for name in names)
    common = {
        "AlarmActions": [made["PolicyARN"]],
        "AlarmDescription": f"DO NOT EDIT OR DELETE. For TargetTrackingScaling policy {made['PolicyARN']}.",
        "Namespace": "AWS/EC2",
        "MetricName": "CPUUtilization",
        "Statistic": "Average",
        "Period": 60,
        "Dimensions": [{"Name": "AutoScalingGroupName", "Value": "web"}],
    }
    for alarm in (high, low):
        assert {name: alarm[name] for name in common} == common
    assert (high["ComparisonOperator"], high["Threshold"], high["EvaluationPeriods"]) == ("GreaterThanThreshold", 60, 3)
    assert (low["ComparisonOperator"], low["Threshold"], low["EvaluationPeriods"]) == ("LessThanThreshold", 54, 15)


def test_request_count_per_target_is_watched_by_target_group(new: Tier) -> None:
    balancer, group = (
        arn.split(":", 5)[5].removeprefix("loadbalancer/") for arn in (new.stack.balancer, new.stack.target_group)
    )
    metric = {"PredefinedMetricType": "ALBRequestCountPerTarget", "ResourceLabel": f"{balancer}/{group}"}
    new.tracking(metric={"PredefinedMetricSpecification": metric}, target=1000.0)
    alarm = next(alarm for name, alarm in new.alarms().items() if "AlarmHigh" in name)
    assert (alarm["Namespace"], alarm["MetricName"], alarm["Statistic"]) == (
        "AWS/ApplicationELB",
        "RequestCountPerTarget",
        "Sum",
    )
    assert {each["Name"]: each["Value"] for each in alarm["Dimensions"]} == {
        "LoadBalancer": balancer,
        "TargetGroup": group,
    }


def test_changing_a_policy_changes_its_alarms_and_keeps_their_names(new: Tier) -> None:
    new.tracking(target=50.0)
    before = new.described("tracking")["Alarms"]
    new.tracking(target=80.0)
    assert new.described("tracking")["Alarms"] == before
    assert sorted(alarm["Threshold"] for alarm in new.alarms().values()) == [72, 80]
    new.tracking(target=80.0, DisableScaleIn=True)
    assert [name for name in new.alarms() if "AlarmLow" in name] == []


def test_deleting_a_tracking_policy_deletes_its_alarms(new: Tier) -> None:
    new.tracking()
    new.asg.delete_policy(AutoScalingGroupName="web", PolicyName="tracking")
    assert new.alarms() == {}
    assert new.asg.describe_policies()["ScalingPolicies"] == []


def test_target_tracking_scales_in_proportion(tier: Tier) -> None:
    arn = tier.tracking()
    assert tier.fire_and_settle(arn, 75) == 5
    assert tier.fire_and_settle(arn, 75) == 5
    assert tier.fire_and_settle(arn, None) == 5


def test_target_tracking_scales_in_when_all_policies_are_ready(tier: Tier) -> None:
    one, other = tier.tracking("one"), tier.tracking("other", metric=LOAD)
    low = {name: tier.low_alarm(name) for name in ("one", "other")}
    tier.cloudwatch.set_alarm_state(AlarmName=low["one"], StateValue="ALARM", StateReason="test")
    assert tier.fire_and_settle(one, 10) == 3
    tier.cloudwatch.set_alarm_state(AlarmName=low["other"], StateValue="ALARM", StateReason="test")
    tier.fire(one, 10)
    tier.fire(other, 30)
    tier.rig.run(1)
    assert tier.desired() == 2


def test_a_policy_that_does_not_scale_in_holds_no_other_back(tier: Tier) -> None:
    one = tier.tracking("one")
    tier.tracking("other", metric=LOAD, DisableScaleIn=True)
    tier.cloudwatch.set_alarm_state(AlarmName=tier.low_alarm("one"), StateValue="ALARM", StateReason="test")
    assert tier.fire_and_settle(one, 10) == 2


def test_any_policy_scales_out_alone(tier: Tier) -> None:
    one = tier.tracking("one")
    tier.tracking("other", metric=LOAD)
    assert tier.fire_and_settle(one, 100) == 6


# --- the API


def test_a_user_executes_a_policy_at_once(tier: Tier) -> None:
    tier.simple(2)
    tier.asg.execute_policy(AutoScalingGroupName="web", PolicyName="simple")
    assert tier.desired() == 5
    tier.rig.run(60)
    assert (
        "a user request executed policy simple changing the desired capacity from 3 to 5."
        in tier.stack.activities()[0]["Cause"]
    )


def test_executing_may_honour_the_cooldown(tier: Tier) -> None:
    tier.simple()
    tier.asg.execute_policy(AutoScalingGroupName="web", PolicyName="simple")
    tier.rig.run(5)
    with pytest.raises(ClientError) as caught:
        tier.asg.execute_policy(AutoScalingGroupName="web", PolicyName="simple", HonorCooldown=True)
    assert refusal(caught)[0] == "ScalingActivityInProgress"
    tier.asg.execute_policy(AutoScalingGroupName="web", PolicyName="simple", HonorCooldown=False)
    assert tier.desired() == 5


def test_a_step_policy_is_executed_with_a_metric_value(tier: Tier) -> None:
    arn = tier.step([(0, 10, 1), (10, None, 3)])
    with pytest.raises(ClientError, match="MetricValue and BreachThreshold must be specified"):
        tier.asg.execute_policy(PolicyName=arn)
    with pytest.raises(ClientError, match="No step adjustment"):
        tier.asg.execute_policy(PolicyName=arn, MetricValue=10, BreachThreshold=50)
    tier.asg.execute_policy(PolicyName=arn, MetricValue=61, BreachThreshold=50)
    assert tier.desired() == 6


def test_policies_are_described_with_all_that_was_declared(new: Tier) -> None:
    arn = new.put(
        "steps",
        PolicyType="StepScaling",
        AdjustmentType="PercentChangeInCapacity",
        MinAdjustmentMagnitude=2,
        StepAdjustments=[{"MetricIntervalLowerBound": 0.0, "ScalingAdjustment": 10}],
        EstimatedInstanceWarmup=90,
    )
    new.cloudwatch.put_metric_alarm(
        AlarmName="busy",
        Namespace="App",
        MetricName="Load",
        Statistic="Average",
        Period=60,
        EvaluationPeriods=1,
        Threshold=50,
        ComparisonOperator="GreaterThanThreshold",
        AlarmActions=[arn],
    )
    assert new.described("steps") == {
        "AutoScalingGroupName": "web",
        "PolicyName": "steps",
        "PolicyARN": arn,
        "PolicyType": "StepScaling",
        "AdjustmentType": "PercentChangeInCapacity",
        "MinAdjustmentMagnitude": 2,
        "StepAdjustments": [{"MetricIntervalLowerBound": 0.0, "ScalingAdjustment": 10}],
        "MetricAggregationType": "Average",
        "EstimatedInstanceWarmup": 90,
        "Alarms": [{"AlarmName": "busy", "AlarmARN": "arn:aws:cloudwatch:us-east-1:123456789012:alarm:busy"}],
        "Enabled": True,
    }
    assert new.described("steps")["PolicyARN"].endswith(":autoScalingGroupName/web:policyName/steps")


def test_policies_are_described_by_type_and_in_pages(new: Tier) -> None:
    for index in range(3):
        new.simple(name=f"s{index}")
    new.tracking()
    chosen = new.asg.describe_policies(PolicyTypes=["TargetTrackingScaling"])["ScalingPolicies"]
    assert [policy["PolicyName"] for policy in chosen] == ["tracking"]
    pages = new.asg.get_paginator("describe_policies").paginate(PaginationConfig={"PageSize": 3})
    assert [len(page["ScalingPolicies"]) for page in pages] == [3, 1]


def test_deleting_a_simple_policy_leaves_the_alarm_without_the_action(new: Tier) -> None:
    arn = new.simple()
    put_alarm(new, "busy", arn)
    new.asg.delete_policy(AutoScalingGroupName="web", PolicyName="simple")
    assert new.alarms()["busy"]["AlarmActions"] == []


def test_deleting_a_group_deletes_its_policies_and_the_alarms_left_without_an_action(new: Tier) -> None:
    arn, topic = new.simple(), "arn:aws:sns:us-east-1:123456789012:people"
    new.tracking()
    put_alarm(new, "only the policy", arn)
    put_alarm(new, "people too", arn, topic)
    new.asg.delete_auto_scaling_group(AutoScalingGroupName="web", ForceDelete=True)
    assert new.asg.describe_policies()["ScalingPolicies"] == []
    assert {name: alarm["AlarmActions"] for name, alarm in new.alarms().items()} == {"people too": [topic]}


def put_alarm(tier: Tier, name: str, *actions: str) -> None:
    tier.cloudwatch.put_metric_alarm(
        AlarmName=name,
        Namespace="App",
        MetricName="Load",
        Statistic="Average",
        Period=60,
        EvaluationPeriods=1,
        Threshold=50,
        ComparisonOperator="GreaterThanThreshold",
        AlarmActions=list(actions),
    )


def test_what_never_scales_is_said(new: Tier) -> None:
    high_resolution = {"PredefinedMetricType": "ASGAverageCPUUtilizationHighResolution"}
    new.tracking("fine", metric={"PredefinedMetricSpecification": high_resolution})
    new.put(
        "forecast",
        PolicyType="PredictiveScaling",
        PredictiveScalingConfiguration={
            "MetricSpecifications": [
                {
                    "TargetValue": 50.0,
                    "PredefinedMetricPairSpecification": {"PredefinedMetricType": "ASGCPUUtilization"},
                }
            ]
        },
    )
    new.simple()
    assert [reason for reason in new.rig.unserved() if "scaling policy" in reason] == [
        "scaling policy fine (ASGAverageCPUUtilizationHighResolution) never scales",
        "scaling policy forecast (PredictiveScaling) never scales",
    ]


CHANGE = {"AdjustmentType": "ChangeInCapacity"}
STEPS = {"PolicyType": "StepScaling", "StepAdjustments": [{"MetricIntervalLowerBound": 0.0, "ScalingAdjustment": 1}]}
TRACKING = {"PolicyType": "TargetTrackingScaling"}
ALB = {"PredefinedMetricType": "ALBRequestCountPerTarget"}


def configured(target: float = 50.0, **metric: Any) -> dict[str, Any]:
    return {**TRACKING, "TargetTrackingConfiguration": {**(metric or CPU), "TargetValue": target}}


def predefined(**metric: Any) -> dict[str, Any]:
    return configured(PredefinedMetricSpecification=metric)


def customized(**metric: Any) -> dict[str, Any]:
    return configured(CustomizedMetricSpecification=metric)


M1 = {"Id": "m1", "MetricStat": {"Metric": {"Namespace": "App", "MetricName": "Load"}, "Stat": "Sum"}}


@pytest.mark.parametrize(
    ("wanted", "says"),
    [
        ({**CHANGE}, "Scaling increment must be specified for a SimpleScaling policy"),
        ({"ScalingAdjustment": 1}, "You must specify an AdjustmentType for policy type: SimpleScaling"),
        ({**STEPS}, "You must specify an AdjustmentType for policy type: StepScaling"),
        (
            {**CHANGE, "PolicyType": "StepScaling"},
            "You should specify at least one StepAdjustment with a StepScaling policy",
        ),
        (
            {**CHANGE, "ScalingAdjustment": 1, "MinAdjustmentMagnitude": 2},
            "MinAdjustmentMagnitude is not supported by the specified adjustment type",
        ),
        (
            {"AdjustmentType": "ExactCapacity", "ScalingAdjustment": -1},
            "The lowest value for ScalingAdjustment parameter is 0 with the specified adjustment type",
        ),
        (
            {**CHANGE, "ScalingAdjustment": 1, "EstimatedInstanceWarmup": 60},
            "EstimatedInstanceWarmup is not supported for a SimpleScaling policy",
        ),
        ({**CHANGE, **STEPS, "ScalingAdjustment": 1}, "ScalingAdjustment is not supported for a StepScaling policy"),
        (
            {**configured(), "ScalingAdjustment": 1},
            "ScalingAdjustment are not supported for a TargetTracking policy",
        ),
        ({**TRACKING}, "You should provide a TargetTrackingConfiguration"),
        (
            configured(CustomizedMetricSpecification=LOAD["CustomizedMetricSpecification"], **CPU),
            "You should provide either a CustomizedMetricSpecification or a PredefinedMetricSpecification",
        ),
        (configured(target=0), "Target value must be between 8.51592E-12 and 1.174271E17"),
        (predefined(**ALB), "Resource label should be specified for predefined metric type ALBRequestCountPerTarget"),
        (
            predefined(PredefinedMetricType="ASGAverageNetworkIn", ResourceLabel="app/a/b/targetgroup/c/d"),
            "Resource label should not be specified for predefined metric type ASGAverageNetworkIn",
        ),
        (
            predefined(**ALB, ResourceLabel="app/a/b/targetgroup/c/d"),
            "Target group not attached to the Auto Scaling group",
        ),
        (
            customized(MetricName="Load", Namespace="App", Statistic="Sum", Period=300),
            "A metric period greater than 60 isn't supported",
        ),
        (
            customized(MetricName="Load", Metrics=[M1]),
            "A customized metric specification with 'Metrics' specified cannot have any of ['Dimensions', "
            "'MetricName', 'Namespace', 'Statistic', 'Unit', 'Period'] specified as well",
        ),
        (
            customized(Metrics=[M1, {"Id": "e1", "Expression": "m1 * 2"}]),
            "Exactly one element of the metrics list should return data",
        ),
        (
            customized(Metrics=[{**M1, "Expression": "m1 * 2"}]),
            "The parameters MetricDataQuery Expression and MetricStat are mutually exclusive and you have specified "
            "both",
        ),
        (
            {**CHANGE, "PolicyType": "PredictiveScaling"},
            "You can't specify AdjustmentType for policy type: PredictiveScaling",
        ),
    ],
)
def test_refused_policies(new: Tier, wanted: dict[str, Any], says: str) -> None:
    with pytest.raises(ClientError) as caught:
        new.put(**wanted)
    assert refusal(caught) == ("ValidationError", says)
    assert new.alarms() == {}


def test_a_metric_type_that_does_not_exist_is_refused(new: Tier) -> None:
    with pytest.raises(ClientError, match="failed to satisfy constraint: Member must satisfy enum value set"):
        new.put(**predefined(PredefinedMetricType="Temperature"))


def test_a_group_has_at_most_50_policies(new: Tier) -> None:
    for index in range(50):
        new.simple(name=f"p{index}")
    with pytest.raises(ClientError) as caught:
        new.simple(name="one too many")
    assert refusal(caught)[0] == "LimitExceeded"


def test_a_policy_of_no_group_and_no_policy_are_refused(new: Tier) -> None:
    with pytest.raises(ClientError, match="Group none not found"):
        new.asg.put_scaling_policy(AutoScalingGroupName="none", PolicyName="p", ScalingAdjustment=1, **CHANGE)
    for call in (new.asg.delete_policy, new.asg.execute_policy):
        with pytest.raises(ClientError, match="not found"):
            call(AutoScalingGroupName="web", PolicyName="none")
