"""Where a group's instances are, also when a zone has no capacity; controllers on moto, with a manual clock.

Sources: EC2 Auto Scaling user guide: "Instance distribution", "Rebalancing activities", "Auto Scaling group
Availability Zone distribution", "Auto Scaling group zonal shift", "Troubleshoot: EC2 instance launch failures".
"""

from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest
import web_stack
from rig import Rig

from blackstart.emulator.decisions.ec2_capacity import Pool

A, B, C = web_stack.ZONES


class Tier:
    def __init__(self, desired: int = 6, **parameters: float) -> None:
        self.rig = Rig(**parameters)
        self.stack = web_stack.WebStack(self.rig.client, desired=desired)

    def capacity(self, **limits: int) -> None:
        """Limit zones by their letters; the others have no limit."""
        room = {Pool(f"us-east-1{letter}"): limits.get(letter) for letter in "abc"}
        self.rig.controllers.capacity.change(room)

    def zones(self) -> Counter[str]:
        counted = ("Pending", "InService")
        return Counter(m["AvailabilityZone"] for m in self.stack.group()["Instances"] if m["LifecycleState"] in counted)

    def update(self, **settings: Any) -> None:
        self.stack.asg.update_auto_scaling_group(AutoScalingGroupName="web", **settings)

    def failures(self) -> list[dict[str, Any]]:
        return [activity for activity in self.stack.activities() if activity["StatusCode"] == "Failed"]

    def want(self, desired: int) -> None:
        self.stack.asg.set_desired_capacity(AutoScalingGroupName="web", DesiredCapacity=desired)


@pytest.fixture
def tier() -> Iterator[Tier]:
    made = Tier()
    yield made
    made.rig.close()


def distribute(tier: Tier, strategy: str) -> None:
    tier.update(AvailabilityZoneDistribution={"CapacityDistributionStrategy": strategy})


def test_a_launch_that_fails_in_one_zone_goes_to_another_at_once(tier: Tier) -> None:
    tier.capacity(a=0)
    tier.rig.run(15)
    assert tier.zones() == {B: 3, C: 3}


def test_a_failed_launch_is_an_activity_in_the_words_of_ec2(tier: Tier) -> None:
    tier.capacity(a=0)
    tier.rig.tick()
    (failed,) = tier.failures()
    reason = failed["StatusMessage"]
    assert reason.startswith(
        f"We currently do not have sufficient t3.micro capacity in the Availability Zone you requested ({A})."
    )
    assert reason.endswith("Launching EC2 instance failed.")
    assert failed["Description"] == f"Launching a new EC2 instance.  Status Reason: {reason}"
    assert failed["Progress"] == 100
    assert failed["Cause"].endswith(
        "an instance was started in response to a difference between desired and actual capacity, increasing the "
        "capacity from 0 to 6."
    )


def test_balanced_only_keeps_trying_in_the_zone_that_fails(tier: Tier) -> None:
    distribute(tier, "balanced-only")
    tier.capacity(a=0)
    tier.rig.run(60)
    assert tier.zones() == {B: 2, C: 2}
    assert {A in activity["Details"] for activity in tier.failures()} == {True}
    assert len(tier.failures()) > 1
    tier.capacity()
    tier.rig.run(90)
    assert tier.zones() == {A: 2, B: 2, C: 2}


def test_failed_launches_are_tried_again_after_pauses_that_double_up_to_the_longest() -> None:
    tier = Tier(launch_retry_s=30, launch_retry_longest_s=120)
    try:
        tier.capacity(a=0, b=0, c=0)
        tier.rig.run(600)
        times = sorted(activity["StartTime"] for activity in tier.failures() if A in activity["Details"])
        pauses = [(later - earlier).total_seconds() for earlier, later in pairwise(times)]
        assert pauses == pytest.approx([30, 60, 120, 120, 120, 120], abs=2)
        assert len(times) * 3 == len(tier.failures())
    finally:
        tier.rig.close()


def test_a_launch_that_no_zone_would_help_fails_once_and_not_in_every_zone(tier: Tier) -> None:
    tier.stack.ec2.delete_launch_template(LaunchTemplateId=tier.stack.template)
    tier.rig.run(20)
    (failed,) = tier.failures()
    assert tier.stack.template in failed["StatusMessage"]
    assert tier.zones() == {}


def test_new_settings_are_tried_at_once(tier: Tier) -> None:
    tier.capacity(a=0, b=0, c=0)
    tier.rig.run(5)
    before = len(tier.failures())
    tier.update(HealthCheckGracePeriod=61)
    tier.rig.run(1)
    assert len(tier.failures()) == before + 3


def test_a_zone_that_recovers_is_balanced_by_launching_before_terminating(tier: Tier) -> None:
    tier.capacity(a=0)
    tier.rig.run(45)
    tier.capacity()
    smallest = 6
    for _ in range(300):
        tier.rig.run(1)
        smallest = min(smallest, len(tier.stack.members()))
    assert tier.zones() == {A: 2, B: 2, C: 2}
    assert smallest == 6
    causes = {
        activity["Description"].split(":")[0]: activity["Cause"] for activity in reversed(tier.stack.activities())
    }
    assert "An instance was launched to aid in balancing the group's zones." in causes["Launching a new EC2 instance"]
    assert (
        f"instances were launched to balance instances in zones {A} with other zones resulting in more than desired "
        "number of instances in the group."
    ) in causes["Terminating EC2 instance"]


def test_rebalancing_may_exceed_the_maximum_by_one_in_a_small_group(tier: Tier) -> None:
    tier.update(MaxSize=6)
    tier.capacity(a=0)
    tier.rig.run(45)
    tier.capacity()
    largest = 0
    for _ in range(300):
        tier.rig.run(1)
        largest = max(largest, sum(tier.zones().values()))
    assert (largest, tier.zones()) == (7, {A: 2, B: 2, C: 2})


def test_a_zone_that_stays_without_capacity_costs_no_instance(tier: Tier) -> None:
    tier.capacity(a=0)
    tier.rig.run(30)
    members = tier.stack.members()
    tier.rig.run(300)
    assert tier.stack.members() == members


def test_a_group_leaves_a_zone_that_it_no_longer_has(tier: Tier) -> None:
    tier.rig.run(60)
    tier.update(VPCZoneIdentifier=",".join(tier.stack.subnets[:2]))
    tier.rig.run(300)
    assert tier.zones() == {A: 3, B: 3}


def test_a_group_spreads_over_a_zone_that_is_new(tier: Tier) -> None:
    tier.update(VPCZoneIdentifier=tier.stack.subnets[0])
    tier.rig.run(60)
    assert tier.zones() == {A: 6}
    tier.update(VPCZoneIdentifier=",".join(tier.stack.subnets))
    tier.rig.run(400)
    assert tier.zones() == {A: 2, B: 2, C: 2}


def test_detaching_and_standby_that_unbalance_a_group_are_balanced_out(tier: Tier) -> None:
    tier.rig.run(60)
    in_a = [m["InstanceId"] for m in tier.stack.group()["Instances"] if m["AvailabilityZone"] == A]
    tier.stack.asg.enter_standby(AutoScalingGroupName="web", InstanceIds=in_a, ShouldDecrementDesiredCapacity=True)
    tier.rig.run(200)
    assert sorted(tier.zones().values()) == [1, 1, 2]


def test_the_subnets_of_a_zone_take_turns(tier: Tier) -> None:
    vpc = tier.stack.ec2.describe_subnets(SubnetIds=tier.stack.subnets)["Subnets"][0]["VpcId"]
    second = tier.stack.ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.9.0/24", AvailabilityZone=A)["Subnet"]["SubnetId"]
    tier.update(VPCZoneIdentifier=f"{tier.stack.subnets[0]},{second}")
    tier.rig.run(30)
    described = tier.stack.ec2.describe_instances(InstanceIds=sorted(tier.stack.members()))["Reservations"]
    subnets = Counter(instance["SubnetId"] for reservation in described for instance in reservation["Instances"])
    assert subnets == {tier.stack.subnets[0]: 3, second: 3}


def shift_away(tier: Tier, behaviour: str = "ReplaceUnhealthy") -> None:
    tier.update(
        AvailabilityZoneImpairmentPolicy={"ZonalShiftEnabled": True, "ImpairedZoneHealthCheckBehavior": behaviour}
    )
    group = tier.stack.group()["AutoScalingGroupARN"]
    zones = tier.stack.ec2.describe_availability_zones(ZoneNames=[A])["AvailabilityZones"]
    tier.rig.controllers.shifts.start(group, zones[0]["ZoneId"], "1h", "power")


def test_during_a_zonal_shift_new_instances_go_to_the_other_zones(tier: Tier) -> None:
    tier.rig.run(30)
    shift_away(tier)
    tier.want(9)
    tier.rig.run(30)
    assert tier.zones() == {A: 2, B: 4, C: 3}


def test_after_a_zonal_shift_the_group_is_balanced_again(tier: Tier) -> None:
    tier.rig.run(30)
    shift_away(tier)
    tier.want(9)
    tier.rig.run(30)
    (shift,) = tier.rig.controllers.shifts.shifts()
    tier.rig.controllers.shifts.cancel(shift.shift_id)
    tier.rig.run(200)
    assert tier.zones() == {A: 3, B: 3, C: 3}


@pytest.mark.parametrize(("behaviour", "replaced"), [("ReplaceUnhealthy", True), ("IgnoreUnhealthy", False)])
def test_unhealthy_instances_of_the_shifted_zone_are_replaced_elsewhere_or_ignored(
    tier: Tier, behaviour: str, replaced: bool
) -> None:
    tier.rig.run(30)
    shift_away(tier, behaviour)
    in_a = {m["InstanceId"] for m in tier.stack.group()["Instances"] if m["AvailabilityZone"] == A}
    in_b = {m["InstanceId"] for m in tier.stack.group()["Instances"] if m["AvailabilityZone"] == B}
    for instance_id in (min(in_a), min(in_b)):
        tier.stack.asg.set_instance_health(
            InstanceId=instance_id, HealthStatus="Unhealthy", ShouldRespectGracePeriod=False
        )
    tier.rig.run(90)
    assert (min(in_a) in tier.stack.members()) is not replaced
    assert min(in_b) not in tier.stack.members()
    assert tier.zones()[A] == (1 if replaced else 2)


def test_another_template_version_is_tried_at_once(tier: Tier) -> None:
    tier.capacity(a=0, b=0, c=0)
    tier.rig.run(5)
    before = len(tier.failures())
    template = {"LaunchTemplateId": tier.stack.template, "Version": "1"}
    tier.update(LaunchTemplate=template)
    tier.rig.run(1)
    assert len(tier.failures()) == before + 3
