"""What still happens while a process is suspended, and what follows when it is resumed.

Sources: EC2 Auto Scaling user guide, "How suspended processes affect other processes", "Considerations for suspending
processes". AlarmNotification, ScheduledActions and InstanceRefresh are tested with what they suspend.
"""

from collections import Counter
from collections.abc import Iterator

import pytest
import web_stack
from rig import Rig

A, B, C = web_stack.ZONES


class Tier:
    def __init__(self) -> None:
        self.rig = Rig()
        self.stack = web_stack.WebStack(self.rig.client, desired=6)
        self.rig.run(90)

    def suspend(self, *processes: str) -> None:
        self.stack.asg.suspend_processes(AutoScalingGroupName="web", ScalingProcesses=list(processes))

    def resume(self, *processes: str) -> None:
        self.stack.asg.resume_processes(AutoScalingGroupName="web", ScalingProcesses=list(processes))

    def want(self, desired: int) -> None:
        self.stack.asg.set_desired_capacity(AutoScalingGroupName="web", DesiredCapacity=desired)

    def sicken(self, *instance_ids: str) -> None:
        for instance_id in instance_ids:
            self.stack.asg.set_instance_health(
                InstanceId=instance_id, HealthStatus="Unhealthy", ShouldRespectGracePeriod=False
            )

    def leave_zone_a(self) -> None:
        """Unbalance the group: the instances of a zone are detached, their replacements cannot come."""
        in_a = [m["InstanceId"] for m in self.stack.group()["Instances"] if m["AvailabilityZone"] == A]
        self.stack.asg.detach_instances(
            AutoScalingGroupName="web", InstanceIds=in_a, ShouldDecrementDesiredCapacity=True
        )

    def zones(self) -> Counter[str]:
        in_service = ("Pending", "InService")
        return Counter(
            m["AvailabilityZone"] for m in self.stack.group()["Instances"] if m["LifecycleState"] in in_service
        )

    def size(self) -> int:
        return self.zones().total()

    def health(self, instance_id: str) -> str:
        return next(m["HealthStatus"] for m in self.stack.group()["Instances"] if m["InstanceId"] == instance_id)


@pytest.fixture
def tier() -> Iterator[Tier]:
    made = Tier()
    yield made
    made.rig.close()


def test_launch_suspended_no_scale_out_until_resumed(tier: Tier) -> None:
    tier.suspend("Launch")
    tier.want(8)
    tier.rig.run(60)
    assert tier.size() == 6
    tier.resume("Launch")
    tier.rig.run(2)
    assert tier.size() == 8


def test_launch_suspended_scale_in_goes_on(tier: Tier) -> None:
    tier.suspend("Launch")
    tier.want(4)
    tier.rig.run(2)
    assert tier.size() == 4


def test_launch_suspended_nothing_is_rebalanced(tier: Tier) -> None:
    tier.suspend("Launch")
    tier.leave_zone_a()
    tier.rig.run(120)
    assert tier.zones() == {B: 2, C: 2}


def test_launch_suspended_unhealthy_instances_are_terminated_and_replaced_at_once_on_resume(tier: Tier) -> None:
    tier.suspend("Launch")
    sick = sorted(tier.stack.members())[:2]
    tier.sicken(*sick)
    tier.rig.run(90)
    assert tier.size() == 4
    tier.resume("Launch")
    tier.rig.tick()
    assert tier.size() == 6
    newest = tier.stack.activities()[0]
    assert newest["Cause"].endswith(
        "an instance was launched in response to an unhealthy instance needing to be replaced."
    )


def test_terminate_suspended_no_scale_in_until_resumed(tier: Tier) -> None:
    tier.suspend("Terminate")
    tier.want(4)
    tier.rig.run(60)
    assert tier.size() == 6
    tier.resume("Terminate")
    tier.rig.run(2)
    assert tier.size() == 4


def test_terminate_suspended_scale_out_goes_on(tier: Tier) -> None:
    tier.suspend("Terminate")
    tier.want(8)
    tier.rig.run(2)
    assert tier.size() == 8


def test_terminate_suspended_unhealthy_instances_are_marked_and_replaced_on_resume(tier: Tier) -> None:
    tier.suspend("Terminate")
    victim = min(tier.stack.members())
    tier.rig.sick.add(victim)
    tier.rig.run(90)
    assert tier.size() == 6
    assert tier.health(victim) == "Unhealthy"
    tier.resume("Terminate")
    tier.rig.run(2)
    assert victim not in tier.stack.members()


def test_terminate_suspended_rebalancing_grows_the_group_up_to_its_margin_above_the_maximum(tier: Tier) -> None:
    tier.stack.asg.update_auto_scaling_group(AutoScalingGroupName="web", MaxSize=6)
    tier.suspend("Terminate")
    tier.stack.asg.update_auto_scaling_group(
        AutoScalingGroupName="web", VPCZoneIdentifier=",".join(tier.stack.subnets[:2])
    )
    tier.rig.run(300)
    assert tier.size() == 7
    tier.resume("Terminate")
    tier.rig.run(300)
    assert tier.zones() == {A: 3, B: 3}


def test_az_rebalance_suspended_the_group_stays_unbalanced_until_resumed(tier: Tier) -> None:
    tier.suspend("AZRebalance")
    tier.leave_zone_a()
    tier.rig.run(120)
    assert tier.zones() == {B: 2, C: 2}
    tier.resume("AZRebalance")
    tier.rig.run(120)
    assert sorted(tier.zones().values()) == [1, 1, 2]


def test_az_rebalance_suspended_scaling_still_balances(tier: Tier) -> None:
    tier.suspend("AZRebalance")
    tier.leave_zone_a()
    tier.want(6)
    tier.rig.run(15)
    assert tier.zones() == {A: 2, B: 2, C: 2}


def test_health_check_suspended_ec2_and_load_balancer_health_mark_nobody(tier: Tier) -> None:
    tier.suspend("HealthCheck")
    stopped, sick, custom = sorted(tier.stack.members())[:3]
    tier.stack.ec2.stop_instances(InstanceIds=[stopped])
    tier.rig.sick.add(sick)
    tier.rig.run(90)
    assert (tier.health(stopped), tier.health(sick)) == ("Healthy", "Healthy")
    tier.sicken(custom)
    tier.rig.run(2)
    assert custom not in tier.stack.members()
    tier.resume("HealthCheck")
    tier.rig.run(90)
    assert not {stopped, sick} & tier.stack.members()


def test_replace_unhealthy_suspended_instances_are_marked_and_replaced_on_resume(tier: Tier) -> None:
    tier.suspend("ReplaceUnhealthy")
    stopped = min(tier.stack.members())
    tier.stack.ec2.stop_instances(InstanceIds=[stopped])
    tier.rig.run(90)
    assert tier.health(stopped) == "Unhealthy"
    tier.resume("ReplaceUnhealthy")
    tier.rig.tick()
    assert stopped not in tier.stack.members()
    assert tier.size() == 6


def test_replace_unhealthy_suspended_an_instance_found_healthy_again_by_its_user_is_kept(tier: Tier) -> None:
    tier.suspend("ReplaceUnhealthy")
    victim = min(tier.stack.members())
    tier.sicken(victim)
    tier.rig.run(5)
    tier.stack.asg.set_instance_health(InstanceId=victim, HealthStatus="Healthy", ShouldRespectGracePeriod=False)
    tier.resume("ReplaceUnhealthy")
    tier.rig.run(60)
    assert victim in tier.stack.members()


def test_add_to_load_balancer_suspended_new_instances_are_not_registered_later_either(tier: Tier) -> None:
    tier.suspend("AddToLoadBalancer")
    before = set(tier.stack.health())
    tier.want(7)
    tier.rig.run(30)
    tier.resume("AddToLoadBalancer")
    tier.want(8)
    tier.rig.run(40)
    assert tier.size() == 8
    assert len(set(tier.stack.health()) - before) == 1


def test_everything_suspended_nothing_happens(tier: Tier) -> None:
    tier.stack.asg.suspend_processes(AutoScalingGroupName="web")
    assert len(tier.stack.group()["SuspendedProcesses"]) >= 9
    members = tier.stack.members()
    tier.want(8)
    tier.stack.ec2.stop_instances(InstanceIds=[min(members)])
    tier.rig.run(120)
    assert tier.stack.members() == members
    tier.stack.asg.resume_processes(AutoScalingGroupName="web")
    tier.rig.run(120)
    assert tier.size() == 8
    assert min(members) not in tier.stack.members()


def test_force_deletion_terminates_though_terminate_is_suspended(tier: Tier) -> None:
    tier.suspend("Terminate")
    tier.stack.asg.delete_auto_scaling_group(AutoScalingGroupName="web", ForceDelete=True)
    tier.rig.run(90)
    assert tier.stack.asg.describe_auto_scaling_groups()["AutoScalingGroups"] == []
