"""Scaling that cannot be carried out at once: what explains it later, and what policies make of what is still missing.

Source: EC2 Auto Scaling user guide, "Verify a scaling activity", "Suspend and resume processes" (Terminate), "Set the
default instance warmup for an Auto Scaling group".
"""

from typing import Any

import pytest
from web_stack import ZONES, WebStack

from blackstart.emulator.decisions.activity import scale_in_cause
from blackstart.emulator.decisions.ec2_capacity import Pool

WEB = {"AutoScalingGroupName": "web"}


@pytest.fixture
def stack(rig: Any) -> WebStack:
    made = WebStack(rig.client, desired=3)
    made.asg.update_auto_scaling_group(**WEB, DefaultCooldown=0)
    rig.run(30)
    return made


def put_simple(stack: WebStack, change: int) -> None:
    stack.asg.put_scaling_policy(
        **WEB, PolicyName="simple", AdjustmentType="ChangeInCapacity", ScalingAdjustment=change
    )


def test_terminations_that_waited_for_the_process_are_explained_by_the_change(rig: Any, stack: WebStack) -> None:
    stack.asg.suspend_processes(**WEB, ScalingProcesses=["Terminate"])
    stack.asg.set_desired_capacity(**WEB, DesiredCapacity=1)
    rig.run(60)
    assert len(stack.members()) == 3
    stack.asg.resume_processes(**WEB, ScalingProcesses=["Terminate"])
    rig.run(60)
    assert len(stack.members()) == 1
    assert (
        "explicitly set group desired capacity changing the desired capacity from 3 to 1"
        in (stack.activities()[0]["Cause"])
    )


def test_a_change_that_is_taken_back_at_once_does_not_explain_a_later_one(rig: Any, stack: WebStack) -> None:
    put_simple(stack, 1)
    stack.asg.execute_policy(**WEB, PolicyName="simple")
    stack.asg.set_desired_capacity(**WEB, DesiredCapacity=3)
    rig.run(5)
    stack.asg.set_desired_capacity(**WEB, DesiredCapacity=4)
    rig.run(15)
    assert "a user request explicitly set group desired capacity" in stack.activities()[0]["Cause"]


def test_instances_that_are_no_longer_wanted_are_not_waited_for(rig: Any, stack: WebStack) -> None:
    """Three for a policy and none to be had; a user settles for one: the next step counts on three and that one."""
    stack.asg.put_scaling_policy(
        **WEB,
        PolicyName="step",
        PolicyType="StepScaling",
        AdjustmentType="ChangeInCapacity",
        StepAdjustments=[
            {"MetricIntervalLowerBound": 0, "MetricIntervalUpperBound": 10, "ScalingAdjustment": 3},
            {"MetricIntervalLowerBound": 10, "ScalingAdjustment": 2},
        ],
    )
    rig.controllers.capacity.change({Pool(zone): 0 for zone in ZONES})
    stack.asg.execute_policy(**WEB, PolicyName="step", MetricValue=55, BreachThreshold=50)
    rig.run(5)
    assert stack.group()["DesiredCapacity"] == 6
    stack.asg.set_desired_capacity(**WEB, DesiredCapacity=4)
    rig.run(5)
    stack.asg.execute_policy(**WEB, PolicyName="step", MetricValue=65, BreachThreshold=50)
    assert stack.group()["DesiredCapacity"] == 5


def test_terminations_that_were_selected_together_name_each_other(rig: Any, stack: WebStack) -> None:
    """As users published it: each activity of a scale-in by two names both instances."""
    before = stack.members()
    stack.asg.set_desired_capacity(**WEB, DesiredCapacity=1)
    rig.run(1)
    gone = before - stack.members()
    causes = {activity["Cause"] for activity in stack.activities()[:2]}
    assert len(causes) == 1
    assert all(f"instance {instance_id} was selected for termination." in next(iter(causes)) for instance_id in gone)


def test_a_cause_is_never_longer_than_auto_scalings_model_allows() -> None:
    names = [f"i-{number:017x}" for number in range(500)]
    assert len(scale_in_cause("", "2027-01-15T08:00:00Z", 500, 0, names)) == 1023
