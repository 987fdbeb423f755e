"""Warm pools over the API: what fills them, what leaves them, what comes back."""

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
import rig
import web_stack
from botocore.exceptions import ClientError

from blackstart.emulator.decisions.ec2_capacity import Pool


class Tier:
    """Three instances in service; at most six, so that the pool holds three by default."""

    def __init__(self) -> None:
        self.rig = rig.Rig()
        self.stack = web_stack.WebStack(self.rig.client, desired=3)
        self.asg = self.stack.asg
        self.asg.update_auto_scaling_group(AutoScalingGroupName="web", MaxSize=6)
        self.rig.run(90)

    def put(self, **settings: Any) -> None:
        self.asg.put_warm_pool(AutoScalingGroupName="web", **settings)

    def pool(self) -> Any:
        return self.asg.describe_warm_pool(AutoScalingGroupName="web")

    def warm(self) -> Counter[str]:
        return Counter(member["LifecycleState"] for member in self.pool()["Instances"])

    def warm_ids(self) -> set[str]:
        return {member["InstanceId"] for member in self.pool()["Instances"]}

    def states(self) -> Counter[str]:
        return Counter(member["LifecycleState"] for member in self.stack.group()["Instances"])

    def ec2_states(self, instance_ids: set[str]) -> Counter[str]:
        reservations = self.stack.ec2.describe_instances(InstanceIds=sorted(instance_ids))["Reservations"]
        return Counter(each["State"]["Name"] for found in reservations for each in found["Instances"])

    def want(self, desired: int) -> None:
        self.asg.set_desired_capacity(AutoScalingGroupName="web", DesiredCapacity=desired)

    def descriptions(self) -> list[str]:
        found = self.asg.describe_scaling_activities(AutoScalingGroupName="web")["Activities"]
        return [activity["Description"] for activity in found]

    def targets(self) -> set[str]:
        found = self.stack.elb.describe_target_health(TargetGroupArn=self.stack.target_group)
        return {each["Target"]["Id"] for each in found["TargetHealthDescriptions"]}


@pytest.fixture
def tier() -> Iterator[Tier]:
    made = Tier()
    yield made
    made.rig.close()


def refused(call: Any, **kwargs: Any) -> str:
    with pytest.raises(ClientError) as caught:
        call(**kwargs)
    return str(caught.value.response["Error"]["Code"])


def test_the_pool_holds_the_difference_between_maximum_and_desired_capacity_stopped(tier: Tier) -> None:
    tier.put()
    tier.rig.run(2)
    assert tier.warm() == Counter({"Warmed:Pending": 3})
    tier.rig.run(60)
    assert tier.warm() == Counter({"Warmed:Stopped": 3})
    assert tier.ec2_states(tier.warm_ids()) == Counter({"stopped": 3})
    assert Counter(m["AvailabilityZone"] for m in tier.pool()["Instances"]) == Counter(web_stack.ZONES)


def test_pool_instances_are_no_members_no_targets_and_run_no_service(tier: Tier) -> None:
    before = tier.stack.members()
    tier.put()
    tier.rig.run(90)
    assert tier.stack.members() == before
    assert tier.stack.group()["DesiredCapacity"] == 3
    assert not tier.warm_ids() & tier.targets()
    assert not tier.warm_ids() & tier.rig.services.running.keys()


def test_the_group_shows_its_pools_configuration_and_size(tier: Tier) -> None:
    tier.put(MinSize=1)
    tier.rig.run(90)
    group = tier.stack.group()
    assert group["WarmPoolSize"] == 3
    assert group["WarmPoolConfiguration"]["PoolState"] == "Stopped"
    assert group["WarmPoolConfiguration"]["MinSize"] == 1


@pytest.mark.parametrize(
    ("settings", "size"),
    [
        ({}, 3),
        ({"MaxGroupPreparedCapacity": 5}, 2),
        ({"MaxGroupPreparedCapacity": 2}, 0),  # the desired capacity is higher
        ({"MaxGroupPreparedCapacity": 2, "MinSize": 1}, 1),
        ({"MinSize": 4}, 4),
    ],
)
def test_the_size_follows_prepared_capacity_and_minimum(tier: Tier, settings: dict[str, int], size: int) -> None:
    tier.put(**settings)
    tier.rig.run(90)
    assert len(tier.warm_ids()) == size


def test_an_update_keeps_what_it_leaves_out_and_minus_one_takes_the_prepared_capacity_away(tier: Tier) -> None:
    tier.put(MaxGroupPreparedCapacity=4, PoolState="Running")
    tier.put(MinSize=1)
    shown = tier.pool()["WarmPoolConfiguration"]
    assert (shown["MaxGroupPreparedCapacity"], shown["PoolState"], shown["MinSize"]) == (4, "Running", 1)
    tier.put(MaxGroupPreparedCapacity=-1)
    assert "MaxGroupPreparedCapacity" not in tier.pool()["WarmPoolConfiguration"]


def test_scaling_out_starts_a_warm_instance_instead_of_launching_one(tier: Tier) -> None:
    tier.put()
    tier.rig.run(90)
    warm = tier.warm_ids()
    tier.want(4)
    tier.rig.run(2)
    taken = tier.stack.members("Pending") & warm
    assert len(taken) == 1
    assert tier.states() == Counter({"InService": 3, "Pending": 1})
    assert f"Launching a new EC2 instance from warm pool: {min(taken)}" in tier.descriptions()
    tier.rig.run(60)
    assert tier.states() == Counter({"InService": 4})
    assert taken <= tier.targets()
    assert taken <= tier.rig.services.running.keys()
    assert len(tier.warm_ids()) == 2  # the maximum minus the new desired capacity


def test_a_running_pool_gives_instances_that_are_in_service_at_once(tier: Tier) -> None:
    tier.put(PoolState="Running")
    tier.rig.run(90)
    assert tier.warm() == Counter({"Warmed:Running": 3})
    tier.want(4)
    tier.rig.run(3)
    assert tier.states() == Counter({"InService": 4})


def test_what_the_pool_cannot_give_is_launched(tier: Tier) -> None:
    tier.put(MaxGroupPreparedCapacity=4)
    tier.rig.run(90)
    tier.want(6)
    tier.rig.run(60)
    assert tier.states() == Counter({"InService": 6})
    assert sum(text.startswith("Launching a new EC2 instance from warm pool") for text in tier.descriptions()) == 1
    assert tier.warm() == Counter()


def test_scaling_in_terminates_and_fills_the_pool_by_default(tier: Tier) -> None:
    tier.put(MaxGroupPreparedCapacity=4)
    tier.rig.run(90)
    before = tier.stack.members()
    tier.want(2)
    tier.rig.run(200)
    gone = before - tier.stack.members()
    assert tier.ec2_states(gone) == Counter({"terminated": 1})
    assert len(tier.warm_ids()) == 2


def test_with_a_reuse_policy_scaling_in_returns_instances_to_the_pool(tier: Tier) -> None:
    tier.put(InstanceReusePolicy={"ReuseOnScaleIn": True}, MaxGroupPreparedCapacity=4)
    tier.rig.run(90)
    before = tier.stack.members()
    tier.want(2)
    tier.rig.run(5)
    (back,) = before - tier.stack.members()
    assert {m["LifecycleState"] for m in tier.pool()["Instances"] if m["InstanceId"] == back} == {"Warmed:Pending"}
    tier.rig.run(120)
    assert tier.warm() == Counter({"Warmed:Stopped": 2})
    assert tier.ec2_states({back}) == Counter({"stopped": 1})
    assert back not in tier.targets()
    tier.want(3)
    tier.rig.run(60)
    assert tier.states() == Counter({"InService": 3})


def test_a_returning_instance_drains_before_it_is_stopped(tier: Tier) -> None:
    tier.put(InstanceReusePolicy={"ReuseOnScaleIn": True})
    tier.rig.run(90)
    before = tier.stack.members()
    tier.want(2)
    tier.rig.run(20)  # the deregistration delay is 30 s
    (back,) = before - tier.stack.members()
    assert tier.ec2_states({back}) == Counter({"running": 1})
    tier.rig.run(15)
    assert tier.ec2_states({back}) == Counter({"stopping": 1})


def test_a_pool_that_is_too_large_is_reduced(tier: Tier) -> None:
    tier.put()
    tier.rig.run(90)
    tier.put(MaxGroupPreparedCapacity=4)
    tier.rig.run(90)
    assert tier.warm() == Counter({"Warmed:Stopped": 1})


def test_a_lost_instance_of_the_pool_is_replaced(tier: Tier) -> None:
    tier.put()
    tier.rig.run(90)
    lost = min(tier.warm_ids())
    tier.stack.ec2.terminate_instances(InstanceIds=[lost])
    tier.rig.run(120)
    assert lost not in tier.warm_ids()
    assert tier.warm() == Counter({"Warmed:Stopped": 3})
    assert f"Terminating EC2 instance: {lost}" in tier.descriptions()


def test_an_instance_that_a_user_stops_before_it_is_ready_is_replaced(tier: Tier) -> None:
    tier.put(MaxGroupPreparedCapacity=4, PoolState="Running")
    tier.rig.run(30)
    (stopped,) = tier.warm_ids()
    tier.stack.ec2.stop_instances(InstanceIds=[stopped])
    tier.rig.run(150)
    assert stopped not in tier.warm_ids()
    assert tier.warm() == Counter({"Warmed:Running": 1})


def test_a_warm_instance_that_a_user_starts_and_stops_does_not_disturb_scaling_out(tier: Tier) -> None:
    tier.put(MaxGroupPreparedCapacity=4)
    tier.rig.run(90)
    (warm,) = tier.warm_ids()
    tier.stack.ec2.start_instances(InstanceIds=[warm])
    tier.rig.run(20)
    tier.stack.ec2.stop_instances(InstanceIds=[warm])
    tier.want(4)
    tier.rig.run(60)
    assert tier.states() == Counter({"InService": 4})


def test_hooks_are_told_where_an_instance_comes_from_and_goes_to(tier: Tier) -> None:
    events = tier.rig.client("events")
    sqs = tier.rig.client("sqs")
    url = sqs.create_queue(QueueName="hooks")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    events.put_rule(Name="hooks", EventPattern=json.dumps({"detail-type": [{"prefix": "EC2 Instance-"}]}))
    events.put_targets(Rule="hooks", Targets=[{"Id": "queue", "Arn": arn}])
    for hook in ("LAUNCHING", "TERMINATING"):
        tier.asg.put_lifecycle_hook(
            AutoScalingGroupName="web",
            LifecycleHookName=hook,
            LifecycleTransition=f"autoscaling:EC2_INSTANCE_{hook}",
            HeartbeatTimeout=30,
            DefaultResult="CONTINUE",
        )
    tier.put(MaxGroupPreparedCapacity=4, InstanceReusePolicy={"ReuseOnScaleIn": True})
    tier.rig.run(120)
    tier.want(4)
    tier.rig.run(120)
    tier.want(3)
    tier.rig.run(120)
    messages = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]
    details = [json.loads(message["Body"])["detail"] for message in messages]
    assert [(each["Origin"], each["Destination"]) for each in details if "Origin" in each] == [
        ("EC2", "WarmPool"),
        ("WarmPool", "AutoScalingGroup"),
        ("AutoScalingGroup", "WarmPool"),
    ]


def test_launch_hooks_hold_instances_back_on_the_way_into_the_pool_and_again_out_of_it(tier: Tier) -> None:
    tier.asg.put_lifecycle_hook(
        AutoScalingGroupName="web",
        LifecycleHookName="ready",
        LifecycleTransition="autoscaling:EC2_INSTANCE_LAUNCHING",
        HeartbeatTimeout=300,
        DefaultResult="CONTINUE",
    )
    tier.put(MaxGroupPreparedCapacity=4)
    tier.rig.run(30)
    assert tier.warm() == Counter({"Warmed:Pending:Wait": 1})
    (warm,) = tier.warm_ids()
    done = {"AutoScalingGroupName": "web", "LifecycleHookName": "ready", "LifecycleActionResult": "CONTINUE"}
    tier.asg.complete_lifecycle_action(**done, InstanceId=warm)
    tier.rig.run(60)
    assert tier.warm() == Counter({"Warmed:Stopped": 1})
    tier.want(4)
    tier.rig.run(30)
    assert tier.states() == Counter({"InService": 3, "Pending:Wait": 1})
    tier.asg.complete_lifecycle_action(**done, InstanceId=warm)
    tier.rig.run(5)
    assert tier.states() == Counter({"InService": 4})


def test_deleting_the_pool_waits_until_its_instances_are_terminated(tier: Tier) -> None:
    tier.put()
    tier.rig.run(90)
    warm = tier.warm_ids()
    tier.asg.delete_warm_pool(AutoScalingGroupName="web")
    assert tier.pool()["WarmPoolConfiguration"]["Status"] == "PendingDelete"
    tier.rig.run(60)
    assert "WarmPoolConfiguration" not in tier.pool()
    assert tier.ec2_states(warm) == Counter({"terminated": 3})
    assert tier.states() == Counter({"InService": 3})


def test_deleting_by_force_does_not_wait(tier: Tier) -> None:
    tier.put()
    tier.rig.run(5)
    assert refused(tier.asg.delete_warm_pool, AutoScalingGroupName="web") == "ScalingActivityInProgress"
    tier.asg.delete_warm_pool(AutoScalingGroupName="web", ForceDelete=True)
    assert "WarmPoolConfiguration" not in tier.pool()
    tier.rig.run(90)
    assert tier.warm() == Counter()
    assert "WarmPoolConfiguration" not in tier.stack.group()


def test_deleting_the_group_terminates_its_pool(tier: Tier) -> None:
    tier.put()
    tier.rig.run(90)
    warm = tier.warm_ids()
    tier.asg.delete_auto_scaling_group(AutoScalingGroupName="web", ForceDelete=True)
    tier.rig.run(200)
    assert tier.ec2_states(warm) == Counter({"terminated": 3})


def test_suspending_launch_leaves_the_pool_unfilled(tier: Tier) -> None:
    tier.asg.suspend_processes(AutoScalingGroupName="web", ScalingProcesses=["Launch"])
    tier.put()
    tier.rig.run(90)
    assert tier.warm() == Counter()
    tier.asg.resume_processes(AutoScalingGroupName="web")
    tier.rig.run(90)
    assert tier.warm() == Counter({"Warmed:Stopped": 3})


def test_a_zone_without_capacity_leaves_the_pool_to_the_others(tier: Tier) -> None:
    tier.rig.controllers.capacity.change({Pool("us-east-1b"): 0})
    tier.put()
    tier.rig.run(90)
    assert tier.warm() == Counter({"Warmed:Stopped": 3})
    assert {member["AvailabilityZone"] for member in tier.pool()["Instances"]} == {"us-east-1a", "us-east-1c"}
    assert sum("Launching EC2 instance failed" in text for text in tier.descriptions()) <= 2


def test_a_deleted_group_fills_no_pool(tier: Tier) -> None:
    tier.put(MinSize=2)
    tier.rig.run(90)
    tier.asg.delete_auto_scaling_group(AutoScalingGroupName="web", ForceDelete=True)
    tier.rig.run(300)
    reservations = tier.stack.ec2.describe_instances()["Reservations"]
    states = {each["State"]["Name"] for found in reservations for each in found["Instances"]}
    assert states == {"terminated"}


def test_a_refresh_replaces_the_pool_after_the_members(tier: Tier) -> None:
    tier.put(MaxGroupPreparedCapacity=4)
    tier.rig.run(90)
    members, warm = tier.stack.members(), tier.warm_ids()
    preferences = {"MinHealthyPercentage": 0, "InstanceWarmup": 0}
    tier.asg.start_instance_refresh(AutoScalingGroupName="web", Preferences=preferences)
    tier.rig.run(300)
    (shown,) = tier.asg.describe_instance_refreshes(AutoScalingGroupName="web")["InstanceRefreshes"]
    assert shown["Status"] == "Successful"
    assert shown["ProgressDetails"]["WarmPoolProgress"] == {"PercentageComplete": 100, "InstancesToUpdate": 0}
    assert not members & tier.stack.members()
    assert not warm & tier.warm_ids()
    assert tier.warm() == Counter({"Warmed:Stopped": 1})


def test_an_instance_that_is_terminated_as_a_member_of_the_pool_leaves_it(tier: Tier) -> None:
    tier.put()
    tier.rig.run(90)
    warm = min(tier.warm_ids())
    tier.asg.terminate_instance_in_auto_scaling_group(InstanceId=warm, ShouldDecrementDesiredCapacity=False)
    tier.rig.run(120)
    assert warm not in tier.warm_ids()
    assert tier.warm() == Counter({"Warmed:Stopped": 3})
    assert tier.stack.group()["DesiredCapacity"] == 3


def test_instances_of_the_pool_are_described_among_auto_scaling_instances(tier: Tier) -> None:
    tier.put()
    tier.rig.run(90)
    found = tier.asg.describe_auto_scaling_instances(InstanceIds=sorted(tier.warm_ids()))["AutoScalingInstances"]
    assert {(each["AutoScalingGroupName"], each["LifecycleState"]) for each in found} == {("web", "Warmed:Stopped")}


def test_an_unknown_pool_state_is_refused(tier: Tier) -> None:
    assert refused(tier.asg.put_warm_pool, AutoScalingGroupName="web", PoolState="Sleeping") == "ValidationError"


def test_spot_instances_have_no_warm_pool(tier: Tier) -> None:
    tier.stack.ec2.create_launch_template_version(
        LaunchTemplateId=tier.stack.template,
        SourceVersion="1",
        LaunchTemplateData={"InstanceMarketOptions": {"MarketType": "spot"}},
    )
    assert refused(tier.asg.put_warm_pool, AutoScalingGroupName="web") == "ValidationError"


def test_deleting_a_pool_that_is_none_is_refused(tier: Tier) -> None:
    assert refused(tier.asg.delete_warm_pool, AutoScalingGroupName="web") == "ValidationError"


def test_no_activity_stays_in_progress(tier: Tier) -> None:
    tier.put(InstanceReusePolicy={"ReuseOnScaleIn": True})
    for desired in (5, 2, 6, 3):
        tier.want(desired)
        tier.rig.run(45)
    tier.rig.run(300)
    found = tier.asg.describe_scaling_activities(AutoScalingGroupName="web")["Activities"]
    assert {activity["StatusCode"] for activity in found} <= {"Successful", "Cancelled"}
    assert tier.states() == Counter({"InService": 3})
    assert tier.warm() == Counter({"Warmed:Stopped": 3})
