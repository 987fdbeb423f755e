"""Instance refreshes over the API: calls, statuses, the group's configuration, activities and events."""

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
import rig
import web_stack
from botocore.exceptions import ClientError


class Tier:
    """Instances in service, launched from version 1 of a template that has a version 2; events go to a queue."""

    def __init__(self, desired: int = 3, version: str = "1") -> None:
        self.rig = rig.Rig()
        self.stack = web_stack.WebStack(self.rig.client, desired=desired)
        self.asg = self.stack.asg
        self.image = self.stack.ec2.describe_launch_template_versions(LaunchTemplateId=self.stack.template)[
            "LaunchTemplateVersions"
        ][0]["LaunchTemplateData"]["ImageId"]
        self.version(InstanceType="t3.small")
        self.asg.update_auto_scaling_group(
            AutoScalingGroupName="web", LaunchTemplate={"LaunchTemplateId": self.stack.template, "Version": version}
        )
        self.rig.run(90)
        self.queue = self._queue()

    def version(self, **data: Any) -> None:
        """Another version of the launch template."""
        given = {"ImageId": self.image, "SecurityGroupIds": [self.stack.instances_group], **data}
        self.stack.ec2.create_launch_template_version(LaunchTemplateId=self.stack.template, LaunchTemplateData=given)

    def desired(self, version: str = "2") -> dict[str, Any]:
        return {"LaunchTemplate": {"LaunchTemplateId": self.stack.template, "Version": version}}

    def start(self, desired: dict[str, Any] | None = None, **preferences: Any) -> str:
        given = {"MinHealthyPercentage": 50, "InstanceWarmup": 0, **preferences}
        more = {"DesiredConfiguration": desired} if desired else {}
        answer = self.asg.start_instance_refresh(AutoScalingGroupName="web", Preferences=given, **more)
        return str(answer["InstanceRefreshId"])

    def refresh(self) -> Any:
        return self.asg.describe_instance_refreshes(AutoScalingGroupName="web")["InstanceRefreshes"][0]

    def until(self, status: str, at_most_s: float = 4000) -> Any:
        for _ in range(int(at_most_s)):
            self.rig.run(1)
            if self.refresh()["Status"] == status:
                return self.refresh()
        raise AssertionError(f"{self.refresh()}")

    def types(self) -> Counter[str]:
        """Of the members that are not being terminated."""
        members = self.stack.group()["Instances"]
        return Counter(m["InstanceType"] for m in members if not m["LifecycleState"].startswith("Terminating"))

    def states(self) -> Counter[str]:
        return Counter(member["LifecycleState"] for member in self.stack.group()["Instances"])

    def activities(self) -> Any:
        return self.asg.describe_scaling_activities(AutoScalingGroupName="web")["Activities"]

    def told(self) -> list[tuple[str, dict[str, Any]]]:
        """The refreshes' events so far: what, and the details."""
        found = self.rig.client("sqs").receive_message(QueueUrl=self.queue, MaxNumberOfMessages=10).get("Messages", [])
        events = [json.loads(message["Body"]) for message in found]
        return [
            (event["detail-type"].removeprefix("EC2 Auto Scaling Instance Refresh "), event["detail"])
            for event in events
        ]

    def _queue(self) -> str:
        sqs, events = self.rig.client("sqs"), self.rig.client("events")
        url = sqs.create_queue(QueueName="refreshes")["QueueUrl"]
        arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        pattern = {"source": ["aws.autoscaling"], "detail-type": [{"prefix": "EC2 Auto Scaling Instance Refresh"}]}
        events.put_rule(Name="refreshes", EventPattern=json.dumps(pattern))
        events.put_targets(Rule="refreshes", Targets=[{"Id": "queue", "Arn": arn}])
        return str(url)


@pytest.fixture
def tier() -> Iterator[Tier]:
    made = Tier()
    yield made
    made.rig.close()


def refused(call: Any, *args: Any, **kwargs: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as caught:
        call(*args, **kwargs)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


def test_a_refresh_deploys_the_desired_configuration_and_the_group_adopts_it_when_it_has_succeeded(tier: Tier) -> None:
    identity = tier.start(tier.desired())
    assert tier.refresh()["Status"] == "Pending"
    tier.rig.run(1)
    shown = tier.refresh()
    assert (shown["InstanceRefreshId"], shown["Status"], shown["PercentageComplete"]) == (identity, "InProgress", 0)
    assert shown["DesiredConfiguration"] == tier.desired()
    assert tier.stack.group()["LaunchTemplate"]["Version"] == "1"
    done = tier.until("Successful")
    assert (done["PercentageComplete"], done["InstancesToUpdate"]) == (100, 0)
    assert done["EndTime"] > done["StartTime"]
    assert tier.stack.group()["LaunchTemplate"]["Version"] == "2"
    tier.rig.run(90)
    assert tier.types() == Counter({"t3.small": 3})
    assert {member["LaunchTemplate"]["Version"] for member in tier.stack.group()["Instances"]} == {"2"}
    assert [what for what, _ in tier.told()] == ["Started", "Succeeded"]


def test_activities_say_that_a_refresh_took_instances_out_and_launched_others(tier: Tier) -> None:
    old = tier.stack.members()
    tier.start()
    tier.until("Successful")
    tier.rig.run(120)
    causes = {activity["Description"]: activity["Cause"] for activity in tier.activities()}
    for instance_id in old:
        cause = causes[f"Terminating EC2 instance: {instance_id}"]
        assert "an instance was taken out of service in response to an instance refresh." in cause
        assert f"instance {instance_id} was selected for termination." in cause
    for instance_id in tier.stack.members():
        cause = causes[f"Launching a new EC2 instance: {instance_id}"]
        assert cause.endswith("an instance was launched in response to an instance refresh.")
    assert {activity["StatusCode"] for activity in tier.activities()} == {"Successful"}


def test_a_new_instance_must_be_healthy_for_the_load_balancer_before_the_next_is_replaced(tier: Tier) -> None:
    tier.start(MinHealthyPercentage=90)
    tier.rig.run(12)
    tier.rig.run(3)
    assert tier.refresh()["PercentageComplete"] == 0
    assert tier.refresh()["StatusReason"].startswith("Waiting for remaining instances to be available. For example: i-")
    tier.until("Successful")


def test_launching_first_keeps_the_group_at_its_desired_capacity(tier: Tier) -> None:
    tier.start(MinHealthyPercentage=100, MaxHealthyPercentage=134)
    most = 0
    for _ in range(1000):
        tier.rig.run(1)
        states = tier.states()
        assert states["InService"] >= 3
        most = max(most, states["InService"] + states["Pending"])
        if tier.refresh()["Status"] == "Successful":
            break
    assert tier.refresh()["Status"] == "Successful"
    assert most == 4
    tier.rig.run(120)
    assert tier.states() == Counter({"InService": 3})
    assert tier.stack.group()["DesiredCapacity"] == 3


def test_scaling_out_meanwhile_launches_the_desired_configuration(tier: Tier) -> None:
    tier.start(tier.desired(), MinHealthyPercentage=90, InstanceWarmup=300)
    tier.rig.run(5)
    tier.asg.set_desired_capacity(AutoScalingGroupName="web", DesiredCapacity=5)
    tier.rig.run(15)
    assert tier.types()["t3.small"] == 3
    tier.until("Successful")
    assert tier.types() == Counter({"t3.small": 5})


def test_the_percentage_and_the_reason_follow_the_warm_up(tier: Tier) -> None:
    tier.start(MinHealthyPercentage=60, InstanceWarmup=300)
    tier.rig.run(60)
    shown = tier.refresh()
    assert shown["PercentageComplete"] == 0
    new = next(name for name in tier.stack.members() if name in shown["StatusReason"])
    assert shown["StatusReason"] == (
        f"Waiting for instances to warm up before continuing. For example: {new} is warming up."
    )
    tier.rig.run(300)
    assert tier.refresh()["PercentageComplete"] == 33
    assert tier.refresh()["InstancesToUpdate"] == 2


def test_checkpoints_are_told_with_their_delay(tier: Tier) -> None:
    tier.start(CheckpointPercentages=[30, 100], CheckpointDelay=600)
    tier.rig.run(100)
    assert tier.refresh()["StatusReason"].startswith("Waiting for checkpoint delay")
    tier.until("Successful")
    told = tier.told()
    assert [what for what, _ in told] == ["Started", "Checkpoint Reached", "Succeeded"]
    assert told[1][1]["CheckpointPercentage"] == "30"
    assert told[1][1]["CheckpointDelay"] == "600"


def test_cancelling_ends_what_is_under_way_and_leaves_the_group_as_it_was_configured(tier: Tier) -> None:
    tier.start(tier.desired(), MinHealthyPercentage=60)
    tier.rig.run(5)
    tier.asg.cancel_instance_refresh(AutoScalingGroupName="web")
    assert tier.refresh()["Status"] == "Cancelling"
    tier.until("Cancelled")
    assert tier.stack.group()["LaunchTemplate"]["Version"] == "1"
    tier.rig.run(300)
    assert tier.types() == Counter({"t3.micro": 2, "t3.small": 1})
    assert [what for what, _ in tier.told()] == ["Started", "Cancelled"]


def test_cancelling_without_waiting_is_done_at_once(tier: Tier) -> None:
    tier.start()
    tier.rig.run(5)
    tier.asg.cancel_instance_refresh(AutoScalingGroupName="web", WaitForTransitioningInstances=False)
    assert tier.refresh()["Status"] == "Cancelled"


def test_a_rollback_brings_the_former_configuration_back(tier: Tier) -> None:
    tier.start(tier.desired(), MinHealthyPercentage=60)
    tier.rig.run(60)
    assert tier.types()["t3.small"] > 0
    before = tier.refresh()
    tier.asg.rollback_instance_refresh(AutoScalingGroupName="web")
    shown = tier.refresh()
    assert shown["Status"] == "RollbackInProgress"
    assert shown["RollbackDetails"]["PercentageCompleteOnRollback"] == before["PercentageComplete"]
    done = tier.until("RollbackSuccessful")
    assert done["PercentageComplete"] == 0
    tier.rig.run(120)
    assert tier.types() == Counter({"t3.micro": 3})
    assert tier.stack.group()["LaunchTemplate"]["Version"] == "1"
    assert [what for what, _ in tier.told()] == ["Started", "Rollback Started", "Rollback Succeeded"]


def test_an_alarm_fails_the_refresh_and_rolls_it_back_if_that_was_wished(tier: Tier) -> None:
    cloudwatch = tier.rig.client("cloudwatch")
    cloudwatch.put_metric_alarm(
        AlarmName="errors",
        Namespace="own",
        MetricName="errors",
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=1,
        ComparisonOperator="GreaterThanThreshold",
    )
    alarms = {"AlarmSpecification": {"Alarms": ["errors"]}}
    tier.start(tier.desired(), MinHealthyPercentage=60, AutoRollback=True, **alarms)
    tier.rig.run(45)
    cloudwatch.set_alarm_state(AlarmName="errors", StateValue="ALARM", StateReason="test")
    tier.rig.run(1)
    assert tier.refresh()["Status"] == "RollbackInProgress"
    assert "ALARM" in tier.refresh()["RollbackDetails"]["RollbackReason"]
    tier.until("RollbackSuccessful")
    told = [what for what, _ in tier.told()]
    assert told == ["Started", "Failed", "Rollback Started", "Rollback Succeeded"]


def test_a_version_that_cannot_be_launched_fails_the_refresh_after_an_hour(tier: Tier) -> None:
    tier.start(MinHealthyPercentage=60)
    tier.asg.suspend_processes(AutoScalingGroupName="web", ScalingProcesses=["Launch"])
    tier.rig.run(3700, 20)
    assert tier.refresh()["Status"] == "Failed"
    assert len(tier.stack.members()) == 3


def test_instances_in_standby_are_waited_for_ignored_or_terminated(tier: Tier) -> None:
    away = min(tier.stack.members())
    tier.asg.enter_standby(AutoScalingGroupName="web", InstanceIds=[away], ShouldDecrementDesiredCapacity=True)
    tier.rig.run(60)
    tier.start(StandbyInstances="Ignore")
    tier.until("Successful")
    assert away in tier.stack.members("Standby")
    tier.start(StandbyInstances="Terminate")
    tier.until("Successful")
    tier.rig.run(120)
    assert away not in tier.stack.members("Standby")


def test_a_group_moves_from_a_launch_configuration_to_a_template(tier: Tier) -> None:
    tier.asg.create_launch_configuration(
        LaunchConfigurationName="old", ImageId=tier.image, InstanceType="t3.nano", SecurityGroups=[]
    )
    tier.asg.update_auto_scaling_group(AutoScalingGroupName="web", LaunchConfigurationName="old")
    tier.start(tier.desired())
    tier.until("Successful")
    group = tier.stack.group()
    assert group["LaunchTemplate"]["Version"] == "2"
    assert "LaunchConfigurationName" not in group


def test_skip_matching_replaces_nobody_who_matches(tier: Tier) -> None:
    before = tier.stack.members()
    tier.start(tier.desired("1"), SkipMatching=True)
    tier.until("Successful", 5)
    assert tier.stack.members() == before


def test_a_suspended_instance_refresh_pauses(tier: Tier) -> None:
    before = tier.stack.members()
    tier.asg.suspend_processes(AutoScalingGroupName="web", ScalingProcesses=["InstanceRefresh"])
    tier.start()
    tier.rig.run(600, 5)
    assert tier.stack.members() == before
    assert tier.refresh()["Status"] == "InProgress"
    tier.asg.resume_processes(AutoScalingGroupName="web")
    tier.until("Successful")


def test_an_unhealthy_instance_is_replaced_meanwhile_by_one_of_the_new_configuration(tier: Tier) -> None:
    tier.start(tier.desired(), MinHealthyPercentage=90, InstanceWarmup=120)
    tier.rig.run(40)
    old = next(m["InstanceId"] for m in tier.stack.group()["Instances"] if m["InstanceType"] == "t3.micro")
    tier.stack.ec2.terminate_instances(InstanceIds=[old])
    tier.until("Successful")
    assert tier.types() == Counter({"t3.small": 3})


def test_defaults_are_those_of_the_table(tier: Tier) -> None:
    tier.asg.start_instance_refresh(AutoScalingGroupName="web")
    assert tier.refresh()["Preferences"] == {
        "MinHealthyPercentage": 90,
        "InstanceWarmup": 60,
        "SkipMatching": False,
        "AutoRollback": False,
        "ScaleInProtectedInstances": "Wait",
        "StandbyInstances": "Wait",
    }


def test_the_maintenance_policy_and_the_default_warm_up_are_the_defaults_where_there_are_any(tier: Tier) -> None:
    tier.asg.update_auto_scaling_group(
        AutoScalingGroupName="web",
        InstanceMaintenancePolicy={"MinHealthyPercentage": 100, "MaxHealthyPercentage": 150},
        DefaultInstanceWarmup=45,
    )
    tier.asg.start_instance_refresh(AutoScalingGroupName="web")
    shown = tier.refresh()["Preferences"]
    assert (shown["MinHealthyPercentage"], shown["MaxHealthyPercentage"], shown["InstanceWarmup"]) == (100, 150, 45)


def test_refusals_have_awss_codes(tier: Tier) -> None:
    asg, web = tier.asg, {"AutoScalingGroupName": "web"}
    assert refused(asg.cancel_instance_refresh, **web)[0] == "ActiveInstanceRefreshNotFound"
    assert refused(asg.rollback_instance_refresh, **web)[0] == "ActiveInstanceRefreshNotFound"
    assert refused(asg.start_instance_refresh, AutoScalingGroupName="none")[0] == "ValidationError"
    assert refused(asg.start_instance_refresh, **web, Preferences={"AutoRollback": True})[0] == (
        "IrreversibleInstanceRefresh"
    )
    tier.start()
    assert refused(tier.asg.start_instance_refresh, **web) == (
        "InstanceRefreshInProgress",
        "An Instance Refresh is already in progress and blocks the execution of this Instance Refresh.",
    )
    assert refused(asg.rollback_instance_refresh, **web)[0] == "IrreversibleInstanceRefresh"
    assert refused(asg.put_warm_pool, **web)[0] == "InstanceRefreshInProgress"


@pytest.mark.parametrize(
    "preferences",
    [
        {"MinHealthyPercentage": 101},
        {"MaxHealthyPercentage": 120},
        {"MinHealthyPercentage": 50, "MaxHealthyPercentage": 160},
        {"CheckpointDelay": 10},
        {"CheckpointPercentages": [50, 20]},
        {"CheckpointPercentages": [20, 20]},
        {"CheckpointPercentages": [20], "CheckpointDelay": 172_801},
        {"ScaleInProtectedInstances": "Maybe"},
        {"StandbyInstances": "Refresh"},
        {"BakeTime": 172_801},
        {"AlarmSpecification": {"Alarms": ["unknown"]}},
    ],
)
def test_preferences_that_make_no_sense_are_refused(tier: Tier, preferences: dict[str, Any]) -> None:
    code, _ = refused(tier.asg.start_instance_refresh, AutoScalingGroupName="web", Preferences=preferences)
    assert code == "ValidationError"


def test_a_group_on_the_latest_version_cannot_be_rolled_back() -> None:
    tier = Tier(version="$Latest")
    try:
        tier.version(InstanceType="t3.medium")
        tier.start(tier.desired("3"))
        tier.rig.run(5)
        assert refused(tier.asg.rollback_instance_refresh, AutoScalingGroupName="web")[0] == (
            "IrreversibleInstanceRefresh"
        )
    finally:
        tier.rig.close()


def test_the_configuration_cannot_be_changed_while_a_desired_one_is_deployed(tier: Tier) -> None:
    tier.start(tier.desired())
    code, said = refused(
        tier.asg.update_auto_scaling_group,
        AutoScalingGroupName="web",
        LaunchTemplate={"LaunchTemplateId": tier.stack.template, "Version": "1"},
    )
    assert code == "ValidationError"
    assert said.startswith("An active instance refresh with a desired configuration exists.")
    tier.asg.update_auto_scaling_group(AutoScalingGroupName="web", MaxSize=8)


def test_refreshes_are_listed_newest_first_and_by_pages(tier: Tier) -> None:
    first = tier.start(tier.desired("1"), SkipMatching=True)
    tier.until("Successful", 5)
    second = tier.start(tier.desired("1"), SkipMatching=True)
    tier.until("Successful", 5)
    page = tier.asg.describe_instance_refreshes(AutoScalingGroupName="web", MaxRecords=1)
    assert [each["InstanceRefreshId"] for each in page["InstanceRefreshes"]] == [second]
    rest = tier.asg.describe_instance_refreshes(AutoScalingGroupName="web", NextToken=page["NextToken"])
    assert [each["InstanceRefreshId"] for each in rest["InstanceRefreshes"]] == [first]


def test_instances_older_than_the_maximum_lifetime_are_replaced(tier: Tier) -> None:
    old = tier.stack.members()
    tier.asg.update_auto_scaling_group(AutoScalingGroupName="web", MaxInstanceLifetime=86_400)
    tier.rig.run(86_200, 600)
    assert tier.stack.members() == old
    tier.rig.run(600, 5)
    assert not old & tier.stack.members()
    assert tier.states()["InService"] == 3
    causes = [activity["Cause"] for activity in tier.activities() if "Terminating" in activity["Description"]]
    assert all("maximum instance lifetime" in cause for cause in causes)


def test_a_lifetime_that_is_taken_away_leaves_no_instance_too_many(tier: Tier) -> None:
    policy = {"MinHealthyPercentage": 100, "MaxHealthyPercentage": 150}
    tier.asg.update_auto_scaling_group(
        AutoScalingGroupName="web", MaxInstanceLifetime=86_400, InstanceMaintenancePolicy=policy
    )
    tier.rig.run(86_000, 600)
    for _ in range(600):
        tier.rig.run(2)
        if len(tier.stack.members()) > 3:
            break
    assert len(tier.stack.members()) == 4
    tier.asg.update_auto_scaling_group(AutoScalingGroupName="web", MaxInstanceLifetime=0)
    tier.rig.run(900, 5)
    assert len(tier.stack.members()) == 3
