"""What an Auto Scaling group does, against the tables of the user guide; controllers on moto, with a manual clock.

Sources: EC2 Auto Scaling user guide: "Health checks for instances in an Auto Scaling group", "Set the health check
grace period", "Suspend and resume processes", "Instance maintenance policies", "Verify a scaling activity".
"""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
import rig
import web_stack


class Tier:
    """Three instances in service, and time."""

    def __init__(self, desired: int = 3, **parameters: float) -> None:
        self.rig = rig.Rig(**parameters)
        self.stack = web_stack.WebStack(self.rig.client, desired=desired)

    def settle(self) -> None:
        self.rig.run(120)


@pytest.fixture
def tier() -> Iterator[Tier]:
    made = Tier()
    yield made
    made.rig.close()


def states(tier: Tier) -> Counter[str]:
    return Counter(member["LifecycleState"] for member in tier.stack.group()["Instances"])


def suspend(tier: Tier, *processes: str) -> None:
    tier.stack.asg.suspend_processes(AutoScalingGroupName="web", ScalingProcesses=list(processes))


def resume(tier: Tier) -> None:
    tier.stack.asg.resume_processes(AutoScalingGroupName="web")


def terminate_one(tier: Tier) -> str:
    victim = min(tier.stack.members())
    tier.stack.ec2.terminate_instances(InstanceIds=[victim])
    return victim


def test_instances_are_pending_until_ec2_says_running_and_spread_over_the_zones(tier: Tier) -> None:
    tier.rig.tick()
    assert states(tier) == Counter({"Pending": 3})
    tier.rig.run(11)
    assert states(tier) == Counter({"InService": 3})
    zones = Counter(member["AvailabilityZone"] for member in tier.stack.group()["Instances"])
    assert zones == Counter(web_stack.ZONES)


def test_an_instance_in_service_is_registered_and_serves_after_its_boot(tier: Tier) -> None:
    tier.rig.run(12)
    assert set(tier.stack.health()) == tier.stack.members()
    assert tier.rig.services.running == {}
    tier.rig.run(15)
    assert len(tier.stack.healthy()) == 3
    environment = next(iter(tier.rig.services.running.values()))
    assert environment["PORT"] == "8080"
    assert environment["ZONE"] in web_stack.ZONES


def test_a_terminated_instance_is_replaced_at_the_groups_next_look_even_inside_the_grace_period(tier: Tier) -> None:
    tier.rig.tick()
    tier.rig.run(15)
    victim = terminate_one(tier)
    tier.rig.run(14)
    assert states(tier) == Counter({"InService": 3})
    tier.rig.run(1)
    assert states(tier) == Counter({"InService": 2, "Terminating": 1, "Pending": 1})
    member = next(m for m in tier.stack.group()["Instances"] if m["InstanceId"] == victim)
    assert member["HealthStatus"] == "Unhealthy"
    tier.rig.run(60)
    assert states(tier) == Counter({"InService": 3})
    assert len(tier.stack.healthy()) == 3
    zones = Counter(member["AvailabilityZone"] for member in tier.stack.group()["Instances"])
    assert zones == Counter(web_stack.ZONES)


@pytest.mark.parametrize("call", ["stop_instances", "terminate_instances"])
def test_until_the_group_looks_the_target_of_an_instance_that_is_gone_is_unused(call: str) -> None:
    tier = Tier(group_health_period_s=60)
    try:
        tier.rig.tick()
        tier.rig.run(65)
        victim = min(tier.stack.members())
        getattr(tier.stack.ec2, call)(InstanceIds=[victim])
        tier.rig.run(4)
        assert tier.stack.health()[victim] != "unused"
        tier.rig.run(2)
        assert tier.stack.health()[victim] == "unused"
        tier.rig.run(48)
        assert tier.stack.health()[victim] == "unused"
        assert states(tier) == Counter({"InService": 3})
        tier.rig.run(1)
        assert tier.stack.health()[victim] == "draining"
        assert states(tier) == Counter({"InService": 2, "Pending": 1, "Terminating": 1})
    finally:
        tier.rig.close()


def test_a_stopped_instance_is_replaced_too(tier: Tier) -> None:
    tier.settle()
    victim = min(tier.stack.members())
    tier.stack.ec2.stop_instances(InstanceIds=[victim])
    tier.rig.run(90)
    assert victim not in tier.stack.members()
    assert len(tier.stack.healthy()) == 3


def test_an_elb_failure_is_left_alone_inside_the_grace_period_and_replaced_after_it(tier: Tier) -> None:
    tier.rig.run(30)
    victim = min(tier.stack.members())
    tier.rig.sick.add(victim)
    tier.rig.run(35)
    assert victim in tier.stack.members()
    tier.rig.run(40)
    assert victim not in tier.stack.members()
    causes = [activity["Cause"] for activity in tier.stack.activities()]
    assert any(cause.endswith("in response to an ELB system health check failure.") for cause in causes)


def test_an_unhealthy_instance_drains_before_it_is_terminated(tier: Tier) -> None:
    tier.settle()
    victim = min(tier.stack.members())
    tier.rig.sick.add(victim)
    tier.rig.run(31)
    assert tier.stack.health()[victim] == "draining"
    described = tier.stack.ec2.describe_instances(InstanceIds=[victim])["Reservations"][0]["Instances"][0]
    assert described["State"]["Name"] == "running"
    activity = next(a for a in tier.stack.activities() if victim in a["Description"] and a["Progress"] < 100)
    assert activity["StatusCode"] == "WaitingForELBConnectionDraining"
    tier.rig.run(32)
    described = tier.stack.ec2.describe_instances(InstanceIds=[victim])["Reservations"][0]["Instances"][0]
    assert described["State"]["Name"] == "shutting-down"
    assert victim not in tier.stack.health()


def test_a_custom_health_report_is_acted_on(tier: Tier) -> None:
    tier.settle()
    victim = min(tier.stack.members())
    tier.stack.asg.set_instance_health(InstanceId=victim, HealthStatus="Unhealthy")
    tier.rig.run(80)
    assert victim not in tier.stack.members()
    assert any("in response to a user health-check." in activity["Cause"] for activity in tier.stack.activities())


def test_a_custom_health_report_respects_the_grace_period_unless_told_otherwise(tier: Tier) -> None:
    tier.rig.run(20)
    victim = min(tier.stack.members())
    tier.stack.asg.set_instance_health(InstanceId=victim, HealthStatus="Unhealthy")
    tier.rig.tick()
    assert victim in tier.stack.members()
    tier.stack.asg.set_instance_health(InstanceId=victim, HealthStatus="Unhealthy", ShouldRespectGracePeriod=False)
    tier.rig.tick()
    assert victim not in tier.stack.members()


def test_desired_capacity_launches_and_terminates_evenly(tier: Tier) -> None:
    tier.settle()
    tier.stack.asg.set_desired_capacity(AutoScalingGroupName="web", DesiredCapacity=6)
    tier.rig.run(60)
    zones = Counter(member["AvailabilityZone"] for member in tier.stack.group()["Instances"])
    assert zones == Counter(dict.fromkeys(web_stack.ZONES, 2))
    tier.stack.asg.set_desired_capacity(AutoScalingGroupName="web", DesiredCapacity=3)
    tier.rig.tick()
    assert states(tier) == Counter({"InService": 3, "Terminating": 3})
    assert Counter(tier.stack.health().values())["draining"] == 3
    tier.rig.run(60)
    assert len(tier.stack.healthy()) == len(tier.stack.group()["Instances"]) == 3


def test_suspended_launch_terminates_but_does_not_replace_until_resumed(tier: Tier) -> None:
    tier.settle()
    suspend(tier, "Launch")
    victim = terminate_one(tier)
    tier.rig.run(60)
    assert states(tier) == Counter({"InService": 2})
    assert victim not in tier.stack.health()
    resume(tier)
    tier.rig.run(60)
    assert states(tier) == Counter({"InService": 3})


@pytest.mark.parametrize("process", ["ReplaceUnhealthy", "Terminate"])
def test_suspended_replacement_marks_and_replaces_on_resume(tier: Tier, process: str) -> None:
    tier.settle()
    suspend(tier, process)
    victim = min(tier.stack.members())
    tier.rig.sick.add(victim)
    tier.rig.run(60)
    member = next(m for m in tier.stack.group()["Instances"] if m["InstanceId"] == victim)
    assert (member["LifecycleState"], member["HealthStatus"]) == ("InService", "Unhealthy")
    resume(tier)
    tier.rig.run(2)
    assert victim not in tier.stack.members()


def test_suspended_health_check_marks_nothing_but_custom_health_still_works(tier: Tier) -> None:
    tier.settle()
    suspend(tier, "HealthCheck")
    first, second = sorted(tier.stack.members())[:2]
    tier.rig.sick.add(first)
    tier.rig.run(60)
    assert first in tier.stack.members()
    tier.stack.asg.set_instance_health(InstanceId=second, HealthStatus="Unhealthy")
    tier.rig.run(2)
    assert second not in tier.stack.members()


def test_instances_launched_while_add_to_load_balancer_is_suspended_are_never_registered(tier: Tier) -> None:
    tier.settle()
    suspend(tier, "AddToLoadBalancer")
    tier.stack.asg.set_desired_capacity(AutoScalingGroupName="web", DesiredCapacity=4)
    tier.rig.run(30)
    resume(tier)
    tier.rig.run(60)
    assert len(tier.stack.members()) == 4
    assert len(tier.stack.health()) == 3


def test_a_maintenance_policy_of_100_percent_launches_before_it_terminates(tier: Tier) -> None:
    tier.stack.asg.update_auto_scaling_group(
        AutoScalingGroupName="web",
        InstanceMaintenancePolicy={"MinHealthyPercentage": 100, "MaxHealthyPercentage": 133},
    )
    tier.settle()
    victim = min(tier.stack.members())
    tier.rig.sick.add(victim)
    tier.rig.run(31)
    assert states(tier) == Counter({"InService": 3, "Pending": 1})
    tier.rig.run(12)
    assert states(tier) == Counter({"InService": 3, "Terminating": 1})


def test_the_activity_log_uses_the_words_of_aws(tier: Tier) -> None:
    tier.settle()
    launched = tier.stack.activities()[-1]
    assert launched["Description"].startswith("Launching a new EC2 instance: i-")
    assert "a user request created an AutoScalingGroup changing the desired capacity from 0 to 3." in launched["Cause"]
    assert launched["StatusCode"] == "Successful"
    assert launched["Progress"] == 100
    assert (launched["EndTime"] - launched["StartTime"]).total_seconds() == pytest.approx(10, abs=1.5)
    victim = terminate_one(tier)
    tier.rig.run(1)
    by_description = {activity["Description"]: activity for activity in tier.stack.activities()}
    terminating = by_description[f"Terminating EC2 instance: {victim}"]
    assert terminating["Cause"].endswith(
        "an instance was taken out of service in response to an EC2 health check indicating it has been terminated "
        "or stopped."
    )
    assert terminating["StatusCode"] == "InProgress"
    replacing = next(a for a in tier.stack.activities() if a["StatusCode"] == "PreInService")
    assert replacing["Cause"].endswith(
        "an instance was launched in response to an unhealthy instance needing to be replaced."
    )


def test_terminate_in_group_can_shrink_it(tier: Tier) -> None:
    tier.settle()
    victim = min(tier.stack.members())
    answer = tier.stack.asg.terminate_instance_in_auto_scaling_group(
        InstanceId=victim, ShouldDecrementDesiredCapacity=True
    )
    assert answer["Activity"]["Description"] == f"Terminating EC2 instance: {victim}"
    tier.rig.run(80)
    assert len(tier.stack.group()["Instances"]) == 2


def test_a_detached_instance_drains_and_is_replaced_and_lives_on(tier: Tier) -> None:
    tier.settle()
    detached = min(tier.stack.members())
    tier.stack.asg.detach_instances(
        AutoScalingGroupName="web", InstanceIds=[detached], ShouldDecrementDesiredCapacity=False
    )
    tier.rig.tick()
    assert tier.stack.health()[detached] == "draining"
    tier.rig.run(60)
    assert len(tier.stack.members()) == 3
    assert detached in tier.rig.services.running


def test_standby_takes_an_instance_out_of_the_load_balancer_and_back(tier: Tier) -> None:
    tier.settle()
    chosen = min(tier.stack.members())
    tier.stack.asg.enter_standby(AutoScalingGroupName="web", InstanceIds=[chosen], ShouldDecrementDesiredCapacity=True)
    tier.rig.run(40)
    assert chosen not in tier.stack.health()
    assert states(tier) == Counter({"InService": 2, "Standby": 1})
    tier.stack.asg.exit_standby(AutoScalingGroupName="web", InstanceIds=[chosen])
    tier.rig.run(5)
    assert chosen in tier.stack.healthy()


def test_a_deleted_group_takes_its_instances_along_when_forced(tier: Tier) -> None:
    tier.settle()
    members = sorted(tier.stack.members())
    with pytest.raises(tier.stack.asg.exceptions.ResourceInUseFault):
        tier.stack.asg.delete_auto_scaling_group(AutoScalingGroupName="web")
    tier.stack.asg.delete_auto_scaling_group(AutoScalingGroupName="web", ForceDelete=True)
    tier.rig.run(60)
    described: Any = tier.stack.ec2.describe_instances(InstanceIds=members)["Reservations"]
    assert {i["State"]["Name"] for r in described for i in r["Instances"]} == {"terminated"}
    assert tier.rig.services.running == {}


def test_tags_that_propagate_are_on_the_instances(tier: Tier) -> None:
    tier.rig.tick()
    reservations = tier.stack.ec2.describe_instances(Filters=[{"Name": "tag:blackstart:name", "Values": ["web"]}])
    assert sum(len(reservation["Instances"]) for reservation in reservations["Reservations"]) == 3


def test_the_default_grace_period_of_the_api_is_none(tier: Tier) -> None:
    tier.stack.asg.create_auto_scaling_group(
        AutoScalingGroupName="bare",
        LaunchTemplate={"LaunchTemplateId": tier.stack.template},
        MinSize=0,
        MaxSize=1,
        VPCZoneIdentifier=tier.stack.subnets[0],
    )
    group = tier.stack.asg.describe_auto_scaling_groups(AutoScalingGroupNames=["bare"])["AutoScalingGroups"][0]
    assert group["HealthCheckGracePeriod"] == 0
