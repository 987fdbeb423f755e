"""Members of a group under requests of every kind in any order, against the arrows of AWS's lifecycle diagram.

Source: EC2 Auto Scaling user guide, "Amazon EC2 Auto Scaling instance lifecycle".
"""

from collections import Counter
from typing import Any

from botocore.exceptions import ClientError
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from rig import Rig
from web_stack import WebStack

WEB = {"AutoScalingGroupName": "web"}
MINIMUM, MAXIMUM = 1, 5
ARROWS = {
    "Pending": {"Pending:Wait", "InService", "Terminating"},
    "Pending:Wait": {"Pending:Proceed", "Terminating"},
    "Pending:Proceed": {"InService", "Terminating"},
    "InService": {"EnteringStandby", "Detaching", "Terminating"},
    "EnteringStandby": {"Standby", "Terminating"},
    "Standby": {"Pending", "Detaching", "Terminating"},
    "Detaching": set(),
    "Terminating": {"Terminating:Wait"},
    "Terminating:Wait": {"Terminating:Proceed"},
    "Terminating:Proceed": set(),
}
EXPECTED_REFUSALS = {"ValidationError", "ScalingActivityInProgress", "IncorrectInstanceState", "IncorrectState"}
LAUNCHING, TERMINATING = "autoscaling:EC2_INSTANCE_LAUNCHING", "autoscaling:EC2_INSTANCE_TERMINATING"
PROCESSES = ["Launch", "Terminate", "ReplaceUnhealthy", "HealthCheck", "AZRebalance"]
which = st.integers(0, 5)


class MemberLifecycle(RuleBasedStateMachine):
    """One group with a load balancer; refusals are fine, contradictions are not."""

    @initialize()
    def begin(self) -> None:
        self.rig = Rig()
        self.stack = WebStack(self.rig.client, desired=2, deregistration_delay_s=20)
        self.stack.asg.update_auto_scaling_group(MinSize=MINIMUM, MaxSize=MAXIMUM, HealthCheckGracePeriod=20, **WEB)
        self.detached: list[str] = []
        self.moves: list[tuple[str, str, str]] = []
        members = self.rig.controllers.scaling.members
        original = members.move

        def move(group: Any, memory: Any, member: Any, lifecycle: Any) -> None:
            self.moves.append((member.instance_id, member.lifecycle.value, lifecycle.value))
            original(group, memory, member, lifecycle)

        members.move = move
        self.rig.run(60, step_s=5)

    def ask(self, call: str, **parameters: Any) -> bool:
        try:
            getattr(self.stack.asg if hasattr(self.stack.asg, call) else self.stack.ec2, call)(**parameters)
        except ClientError as refused:
            if refused.response["Error"]["Code"] not in EXPECTED_REFUSALS:
                raise
            return False
        return True

    def member(self, index: int) -> str:
        found = sorted(member["InstanceId"] for member in self.stack.group()["Instances"])
        return found[index % len(found)] if found else "i-00000000000000000"

    @rule(seconds=st.sampled_from([1, 1, 5, 30]))
    def time_passes(self, seconds: int) -> None:
        self.rig.run(seconds, step_s=min(seconds, 3))

    @rule(count=st.integers(0, 6))
    def set_desired(self, count: int) -> None:
        self.ask("set_desired_capacity", DesiredCapacity=count, **WEB)

    @rule(index=which, decrement=st.booleans())
    def enter_standby(self, index: int, decrement: bool) -> None:
        self.ask("enter_standby", InstanceIds=[self.member(index)], ShouldDecrementDesiredCapacity=decrement, **WEB)

    @rule(index=which)
    def exit_standby(self, index: int) -> None:
        self.ask("exit_standby", InstanceIds=[self.member(index)], **WEB)

    @rule(index=which, decrement=st.booleans())
    def detach(self, index: int, decrement: bool) -> None:
        member = self.member(index)
        if self.ask("detach_instances", InstanceIds=[member], ShouldDecrementDesiredCapacity=decrement, **WEB):
            self.detached.append(member)

    @rule()
    def attach(self) -> None:
        if self.detached and self.ask("attach_instances", InstanceIds=[self.detached[-1]], **WEB):
            self.detached.pop()

    @rule(index=which, decrement=st.booleans())
    def terminate(self, index: int, decrement: bool) -> None:
        self.ask(
            "terminate_instance_in_auto_scaling_group",
            InstanceId=self.member(index),
            ShouldDecrementDesiredCapacity=decrement,
        )

    @rule(index=which, call=st.sampled_from(["terminate_instances", "stop_instances"]))
    def lose(self, index: int, call: str) -> None:
        self.ask(call, InstanceIds=[self.member(index)])

    @rule(index=which, status=st.sampled_from(["Healthy", "Unhealthy"]))
    def set_health(self, index: int, status: str) -> None:
        self.ask("set_instance_health", InstanceId=self.member(index), HealthStatus=status)

    @rule(index=which, protected=st.booleans())
    def protect(self, index: int, protected: bool) -> None:
        self.ask("set_instance_protection", InstanceIds=[self.member(index)], ProtectedFromScaleIn=protected, **WEB)

    @rule(transition=st.sampled_from([LAUNCHING, TERMINATING]), result=st.sampled_from(["CONTINUE", "ABANDON"]))
    def put_hook(self, transition: str, result: str) -> None:
        self.ask(
            "put_lifecycle_hook",
            LifecycleHookName=transition[-9:],
            LifecycleTransition=transition,
            HeartbeatTimeout=30,
            DefaultResult=result,
            **WEB,
        )

    @rule(transition=st.sampled_from([LAUNCHING, TERMINATING]))
    def delete_hook(self, transition: str) -> None:
        self.ask("delete_lifecycle_hook", LifecycleHookName=transition[-9:], **WEB)

    @rule(
        index=which,
        transition=st.sampled_from([LAUNCHING, TERMINATING]),
        result=st.sampled_from(["CONTINUE", "ABANDON"]),
    )
    def complete(self, index: int, transition: str, result: str) -> None:
        self.ask(
            "complete_lifecycle_action",
            LifecycleHookName=transition[-9:],
            InstanceId=self.member(index),
            LifecycleActionResult=result,
            **WEB,
        )

    @rule(process=st.sampled_from(PROCESSES))
    def suspend(self, process: str) -> None:
        self.ask("suspend_processes", ScalingProcesses=[process], **WEB)

    @rule()
    def resume(self) -> None:
        self.ask("resume_processes", **WEB)

    @invariant()
    def members_move_along_the_arrows(self) -> None:
        for instance_id, before, after in getattr(self, "moves", ()):
            assert after in ARROWS[before], f"{instance_id}: {before} to {after}"

    @invariant()
    def capacity_is_within_its_bounds(self) -> None:
        if hasattr(self, "stack"):
            assert MINIMUM <= self.stack.group()["DesiredCapacity"] <= MAXIMUM

    @invariant()
    def nobody_who_leaves_or_stands_by_gets_requests(self) -> None:
        if not hasattr(self, "stack"):
            return
        health = self.stack.health()
        for member in self.stack.group()["Instances"]:
            if member["LifecycleState"].startswith(("Terminating", "Standby", "EnteringStandby", "Detaching")):
                assert health.get(member["InstanceId"]) in (None, "draining", "unused"), (member, health)

    def teardown(self) -> None:
        if not hasattr(self, "rig"):
            return
        try:
            if hasattr(self, "moves"):
                self.settle()
        finally:
            self.rig.close()

    def settle(self) -> None:
        """Once nobody asks for anything any more, everything has ended and adds up."""
        self.stack.asg.resume_processes(**WEB)
        for hook in self.stack.asg.describe_lifecycle_hooks(**WEB)["LifecycleHooks"]:
            self.stack.asg.delete_lifecycle_hook(LifecycleHookName=hook["LifecycleHookName"], **WEB)
        self.rig.run(600, step_s=5)
        self.members_move_along_the_arrows()
        group = self.stack.group()
        lifecycles = Counter(member["LifecycleState"] for member in group["Instances"])
        assert set(lifecycles) <= {"InService", "Standby"}, lifecycles
        protected = sum(member["ProtectedFromScaleIn"] for member in group["Instances"])
        serving = lifecycles["InService"]
        assert group["DesiredCapacity"] <= serving <= max(group["DesiredCapacity"], protected), (group, lifecycles)
        in_progress = [
            a for a in self.stack.activities() if a["StatusCode"] not in ("Successful", "Failed", "Cancelled")
        ]
        assert not in_progress
        targets = self.stack.elb.describe_target_health(TargetGroupArn=self.stack.target_group)
        registered = Counter(target["Target"]["Id"] for target in targets["TargetHealthDescriptions"])
        in_service = [m["InstanceId"] for m in group["Instances"] if m["LifecycleState"] == "InService"]
        assert registered == Counter(in_service)
        for reservation in self.stack.ec2.describe_instances()["Reservations"]:
            for instance in reservation["Instances"]:
                if instance["State"]["Name"] in ("shutting-down", "terminated"):
                    standing_by = {m["InstanceId"] for m in group["Instances"] if m["LifecycleState"] == "Standby"}
                    members = {m["InstanceId"] for m in group["Instances"]} - standing_by
                    assert instance["InstanceId"] not in members


MemberLifecycle.TestCase.settings = settings(
    max_examples=8,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
test_members_move_as_aws_says_whatever_is_asked = MemberLifecycle.TestCase
