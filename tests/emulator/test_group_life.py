"""The story of a group: each launch and termination has its activity and event; what a deletion does; who is spared."""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import web_stack
from rig import Rig

from blackstart.emulator.controllers.event_bus import Event
from blackstart.emulator.decisions.ec2_capacity import Pool


class Tier:
    """A group, and the events that Auto Scaling sends."""

    def __init__(self, desired: int = 3, **parameters: float) -> None:
        self.rig = Rig(**parameters)
        self.events: list[Event] = []
        self.rig.controllers.scaling._events = self.events.append
        self.stack = web_stack.WebStack(self.rig.client, desired=desired)

    def group(self) -> Any | None:
        found = self.stack.asg.describe_auto_scaling_groups(AutoScalingGroupNames=["web"])["AutoScalingGroups"]
        return found[0] if found else None

    def want(self, desired: int) -> None:
        self.stack.asg.set_desired_capacity(AutoScalingGroupName="web", DesiredCapacity=desired)

    def states(self) -> Counter[str]:
        return Counter(member["LifecycleState"] for member in self.stack.group()["Instances"])


@pytest.fixture
def tier() -> Iterator[Tier]:
    made = Tier()
    yield made
    made.rig.close()


def test_a_launch_is_told_to_eventbridge_with_the_fields_of_the_guide(tier: Tier) -> None:
    tier.rig.run(15)
    assert {event.detail_type for event in tier.events} == {"EC2 Instance Launch Successful"}
    assert len(tier.events) == 3
    event = tier.events[0]
    assert (event.source, event.account, event.region) == ("aws.autoscaling", "123456789012", "us-east-1")
    arn = tier.stack.group()["AutoScalingGroupARN"]
    instance_id = event.detail["EC2InstanceId"]
    assert event.resources == (arn, f"arn:aws:ec2:us-east-1:123456789012:instance/{instance_id}")
    assert event.detail["Description"] == f"Launching a new EC2 instance: {instance_id}"
    assert event.detail["StatusCode"] == "InProgress"
    assert event.detail["AutoScalingGroupName"] == "web"
    assert event.detail["Details"]["Availability Zone"] in web_stack.ZONES
    activity = next(a for a in tier.stack.activities() if instance_id in a["Description"])
    assert event.detail["ActivityId"] == activity["ActivityId"]
    assert event.detail["Cause"] == activity["Cause"]
    assert json.loads(activity["Details"]) == event.detail["Details"]


def test_a_termination_and_a_failed_launch_are_told_too(tier: Tier) -> None:
    tier.rig.run(15)
    tier.events.clear()
    tier.want(2)
    tier.rig.run(80)
    assert [event.detail_type for event in tier.events] == ["EC2 Instance Terminate Successful"]
    tier.rig.controllers.capacity.change({Pool(zone): 0 for zone in web_stack.ZONES})
    tier.want(3)
    tier.rig.tick()
    failed = tier.events[1:]
    assert {event.detail_type for event in failed} == {"EC2 Instance Launch Unsuccessful"}
    assert {event.detail["StatusCode"] for event in failed} == {"Failed"}
    assert all("Launching EC2 instance failed." in event.detail["StatusMessage"] for event in failed)
    assert len(failed[0].resources) == 1


def test_every_launch_and_termination_has_exactly_one_activity_that_ends(tier: Tier) -> None:
    tier.rig.run(60)
    for step in range(6):
        tier.want(2 + step % 4)
        tier.rig.run(17)
        tier.stack.ec2.terminate_instances(InstanceIds=[min(tier.stack.members())])
        tier.rig.run(17)
    tier.rig.run(200)
    activities = tier.stack.activities()
    assert {activity["StatusCode"] for activity in activities} <= {"Successful", "Cancelled"}
    described = [activity["Description"] for activity in activities]
    seen = {
        instance["InstanceId"]
        for reservation in tier.stack.ec2.describe_instances()["Reservations"]
        for instance in reservation["Instances"]
    }
    for instance_id in seen:
        gone = instance_id not in tier.stack.members()
        assert described.count(f"Launching a new EC2 instance: {instance_id}") == 1
        assert described.count(f"Terminating EC2 instance: {instance_id}") == int(gone)
    assert all(" in response to " in activity["Cause"] for activity in activities)


def test_scaling_in_names_the_change_the_sizes_and_the_chosen_instance(tier: Tier) -> None:
    tier.rig.run(60)
    tier.want(2)
    tier.rig.tick()
    newest = tier.stack.activities()[0]
    chosen = newest["Description"].removeprefix("Terminating EC2 instance: ")
    assert (
        "a user request explicitly set group desired capacity changing the desired capacity from 3 to 2.  At "
        in (newest["Cause"])
    )
    assert "shrinking the capacity from 3 to 2.  At " in newest["Cause"]
    assert newest["Cause"].endswith(f"instance {chosen} was selected for termination.")


def test_an_old_change_does_not_explain_a_later_launch(tier: Tier) -> None:
    tier.rig.run(90)
    detached = min(tier.stack.members())
    tier.stack.asg.detach_instances(
        AutoScalingGroupName="web", InstanceIds=[detached], ShouldDecrementDesiredCapacity=False
    )
    tier.rig.run(40)
    newest = next(a for a in tier.stack.activities() if a["Description"].startswith("Launching"))
    assert "created an AutoScalingGroup" not in newest["Cause"]
    assert newest["Cause"].endswith("increasing the capacity from 2 to 3.")


def test_protection_from_scale_in_keeps_all_and_the_log_says_so_once(tier: Tier) -> None:
    tier.rig.run(60)
    members = sorted(tier.stack.members())
    protect(tier, members, True)
    tier.want(1)
    tier.rig.run(120)
    assert tier.states() == {"InService": 3}
    said = [activity for activity in tier.stack.activities() if "protected from scale-in" in activity["Description"]]
    assert [activity["Description"] for activity in said] == [
        "Could not scale to desired capacity because all remaining instances are protected from scale-in."
    ]
    protect(tier, members[:1], False)
    tier.rig.run(2)
    assert tier.stack.members() == set(members[1:])


def test_a_protected_instance_that_is_unhealthy_is_replaced(tier: Tier) -> None:
    tier.rig.run(90)
    members = sorted(tier.stack.members())
    protect(tier, members, True)
    tier.rig.sick.add(members[0])
    tier.rig.run(60)
    assert members[0] not in tier.stack.members()


def protect(tier: Tier, members: list[str], protected: bool) -> None:
    tier.stack.asg.set_instance_protection(
        AutoScalingGroupName="web", InstanceIds=members, ProtectedFromScaleIn=protected
    )


def test_a_group_is_being_deleted_until_its_last_instance_is_gone(tier: Tier) -> None:
    tier.rig.run(60)
    members = tier.stack.members()
    tier.stack.asg.delete_auto_scaling_group(AutoScalingGroupName="web", ForceDelete=True)
    tier.rig.tick()
    group = tier.group()
    assert group is not None
    assert (group["Status"], group["DesiredCapacity"]) == ("Delete in progress", 0)
    assert tier.states() == {"Terminating": 3}
    tier.rig.run(90)
    assert tier.group() is None
    causes = [
        event.detail["Cause"] for event in tier.events if event.detail_type == "EC2 Instance Terminate Successful"
    ]
    assert len(causes) == len(members)
    assert all(
        "a user request force deleted AutoScalingGroup changing the desired capacity from 3 to 0." in cause
        for cause in causes
    )


def test_an_empty_group_is_gone_at_once(tier: Tier) -> None:
    tier.want(0)
    tier.rig.run(60)
    tier.stack.asg.delete_auto_scaling_group(AutoScalingGroupName="web")
    assert tier.group() is None


def test_an_instance_with_impaired_status_checks_is_replaced_after_some_patience() -> None:
    tier = Tier(impaired_patience_s=120)
    try:
        tier.rig.run(300)
        victim = min(tier.stack.members())
        tier.rig.controllers.ec2.on_host_event({"event": "halted", "key": victim, "halted": True}, tier.rig.now_s)
        tier.rig.run(120)
        assert victim in tier.stack.members()
        tier.rig.run(180)
        assert victim not in tier.stack.members()
        assert any(
            a["Cause"].endswith("in response to an EC2 instance status checks failure.")
            for a in tier.stack.activities()
        )
    finally:
        tier.rig.close()


def test_without_a_policy_ten_percent_are_replaced_at_once_until_the_new_ones_have_warmed_up() -> None:
    tier = Tier(desired=3)
    try:
        tier.stack.asg.update_auto_scaling_group(AutoScalingGroupName="web", DefaultInstanceWarmup=120)
        tier.rig.run(200)
        first, second = sorted(tier.stack.members())[:2]
        tier.rig.sick.update((first, second))
        tier.rig.run(100)
        assert len({first, second} & tier.stack.members()) == 1
        tier.rig.run(120)
        assert not {first, second} & tier.stack.members()
    finally:
        tier.rig.close()


def test_a_mixed_instances_group_launches_its_types_on_demand_and_spot(tier: Tier) -> None:
    types = ("t3.micro", "t3.small", "t3.medium")
    tier.stack.asg.create_auto_scaling_group(
        AutoScalingGroupName="mixed",
        MixedInstancesPolicy={
            "LaunchTemplate": {
                "LaunchTemplateSpecification": {"LaunchTemplateId": tier.stack.template, "Version": "$Latest"},
                "Overrides": [{"InstanceType": each} for each in types],
            },
            "InstancesDistribution": {
                "OnDemandBaseCapacity": 2,
                "OnDemandPercentageAboveBaseCapacity": 0,
                "SpotInstancePools": 2,
            },
        },
        MinSize=0,
        MaxSize=9,
        DesiredCapacity=6,
        VPCZoneIdentifier=tier.stack.subnets[0],
    )
    tier.rig.run(15)
    assert kinds(tier) == {("t3.micro", "on-demand"): 2, ("t3.micro", "spot"): 2, ("t3.small", "spot"): 2}
    tier.rig.controllers.capacity.change({Pool(web_stack.ZONES[0], "t3.micro"): 0})
    tier.stack.asg.set_desired_capacity(AutoScalingGroupName="mixed", DesiredCapacity=8)
    tier.rig.run(15)
    assert kinds(tier)[("t3.small", "spot")] == 4


def kinds(tier: Tier, name: str = "mixed") -> Counter[tuple[str, str]]:
    described = tier.stack.ec2.describe_instances(
        Filters=[{"Name": "tag:aws:autoscaling:groupName", "Values": [name]}]
    )["Reservations"]
    instances = [instance for reservation in described for instance in reservation["Instances"]]
    return Counter((each["InstanceType"], each.get("InstanceLifecycle", "on-demand")) for each in instances)


def test_capacity_rebalancing_launches_before_the_spot_instance_at_risk_goes(tier: Tier) -> None:
    tier.stack.asg.update_auto_scaling_group(
        AutoScalingGroupName="web",
        CapacityRebalance=True,
        MixedInstancesPolicy={
            "LaunchTemplate": {"LaunchTemplateSpecification": {"LaunchTemplateId": tier.stack.template}},
            "InstancesDistribution": {"OnDemandPercentageAboveBaseCapacity": 0},
        },
    )
    tier.want(0)
    tier.rig.run(60)
    tier.want(3)
    tier.rig.run(40)
    at_risk = min(tier.stack.members())
    tier.rig.controllers.spot.interrupt(at_risk, tier.rig.now_s)
    tier.rig.run(2)
    assert tier.states() == {"InService": 3, "Pending": 1}
    tier.rig.run(12)
    assert at_risk not in tier.stack.members()
    assert len(tier.stack.members()) == 3
    causes = [a["Cause"] for a in tier.stack.activities() if a["Description"].endswith(at_risk)]
    assert causes[0].endswith("in response to an EC2 instance rebalance recommendation.")


def test_a_quiet_group_of_hundreds_decides_nothing_between_its_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    from blackstart.emulator.controllers import group_capacity

    tier = Tier(desired=0, group_health_period_s=60)
    try:
        tier.stack.asg.update_auto_scaling_group(
            AutoScalingGroupName="web", MaxSize=300, VPCZoneIdentifier=",".join(wide_subnets(tier))
        )
        tier.want(250)
        tier.rig.run(100, step_s=5)
        assert len(tier.stack.members()) == 250
        decisions: list[float] = []
        decide: Callable[..., Any] = group_capacity.decide_capacity

        def counting(snapshot: Any, now_s: float) -> Any:
            decisions.append(now_s)
            return decide(snapshot, now_s)

        monkeypatch.setattr(group_capacity, "decide_capacity", counting)
        for _ in range(120):
            tier.rig.now_s += 1
            tier.rig.controllers.scaling.tick(tier.rig.now_s)
        assert len(decisions) == 2
    finally:
        tier.rig.close()


def wide_subnets(tier: Tier) -> list[str]:
    vpc = tier.stack.ec2.describe_subnets(SubnetIds=tier.stack.subnets)["Subnets"][0]["VpcId"]
    return [
        tier.stack.ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.0.{16 * (index + 1)}.0/20", AvailabilityZone=zone)[
            "Subnet"
        ]["SubnetId"]
        for index, zone in enumerate(web_stack.ZONES)
    ]


def test_what_has_no_effect_on_a_groups_instances_is_said(tier: Tier) -> None:
    tier.stack.asg.create_auto_scaling_group(
        AutoScalingGroupName="mixed",
        MixedInstancesPolicy={
            "LaunchTemplate": {
                "LaunchTemplateSpecification": {"LaunchTemplateId": tier.stack.template},
                "Overrides": [{"InstanceType": "t3.micro", "WeightedCapacity": "2"}],
            }
        },
        TerminationPolicies=["arn:aws:lambda:us-east-1:123456789012:function:choose:1"],
        MinSize=0,
        MaxSize=1,
        VPCZoneIdentifier=tier.stack.subnets[0],
    )
    said = tier.rig.unserved()
    assert "the instance weights of mixed: each instance counts as one" in said
    assert "the custom termination policy of mixed is not asked" in said
    assert not any("web" in reason for reason in said)
