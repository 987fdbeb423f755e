"""Everything that callers can ask of groups, and zones that run out of capacity, in any order on a manual clock: the
groups keep their bounds all the time, and once nothing is asked of them any more they come to rest in order.
"""

import random
from typing import Any

import group_invariants as invariants
from botocore.exceptions import ClientError
from group_storm import HOOKS, Caller
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from moto.moto_api._internal import mock_random
from rig import Rig
from web_stack import ZONES, WebStack

from blackstart.emulator.decisions.ec2_capacity import Pool

WEB = {"AutoScalingGroupName": "web"}
WANTED = 4
CALLS = sorted(
    name
    for name in vars(Caller)
    if not name.startswith("_") and name not in ("call_once", "members", "one", "coin", "look", "tag")
)


class Groups(RuleBasedStateMachine):
    """One group behind a load balancer, its callers, its zones, and time."""

    @initialize()
    def begin(self) -> None:
        mock_random.seed(0)  # ids of instances decide between equals, so they must not change from run to run
        self.rig = Rig()
        self.stack = WebStack(self.rig.client, desired=3, deregistration_delay_s=20)
        self.stack.asg.update_auto_scaling_group(MinSize=1, MaxSize=6, HealthCheckGracePeriod=20, **WEB)
        for policy, change in (("out", 2), ("in", -1)):
            self.stack.asg.put_scaling_policy(
                PolicyName=policy, AdjustmentType="ChangeInCapacity", ScalingAdjustment=change, Cooldown=0, **WEB
            )
        foreign = self.stack.ec2.run_instances(
            LaunchTemplate={"LaunchTemplateId": self.stack.template},
            MinCount=1,
            MaxCount=1,
            SubnetId=self.stack.subnets[0],
        )["Instances"][0]["InstanceId"]
        self.caller = Caller(0, self.rig.client, ["web"], self.stack.target_group, foreign)
        self.rig.run(60, step_s=5)

    @rule(call=st.sampled_from(CALLS), seed=st.integers(0, 50))
    def something_is_asked(self, call: str, seed: int) -> None:
        self.caller.random = random.Random(seed)
        self.caller.calls = [getattr(self.caller, call)]
        self.caller.call_once()
        self.rig.tick()

    @rule(seconds=st.sampled_from([1, 5, 5, 20, 60]))
    def time_passes(self, seconds: int) -> None:
        self.rig.run(seconds, step_s=min(seconds, 4))

    @rule(zone=st.sampled_from(ZONES), room=st.integers(0, 2))
    def a_zone_has_little_capacity(self, zone: str, room: int) -> None:
        self.rig.controllers.capacity.change({Pool(zone): room})

    @rule()
    def all_zones_have_capacity(self) -> None:
        self.rig.controllers.capacity.change(dict.fromkeys(map(Pool, ZONES)))

    @invariant()
    def only_refusals_answer_what_cannot_be(self) -> None:
        if hasattr(self, "caller"):
            assert self.caller.wrong == []

    @invariant()
    def groups_are_in_order_at_any_moment(self) -> None:
        if hasattr(self, "stack"):
            assert invariants.always(invariants.groups(self.stack.asg)) == []
            assert invariants.targets_always(self.stack.elb, [self.stack.target_group]) == []

    @invariant()
    def a_group_exceeds_its_maximum_by_its_margin_only(self) -> None:
        if not hasattr(self, "stack"):
            return
        group = self.stack.group()
        members = group["Instances"]
        if group["SuspendedProcesses"] or any(member["ProtectedFromScaleIn"] for member in members):
            return
        counted = sum(member["LifecycleState"] in invariants.COUNTED for member in members)
        assert counted <= group["MaxSize"] + max(1, group["MaxSize"] // 10), group

    def teardown(self) -> None:
        if not hasattr(self, "rig"):
            return
        try:
            if hasattr(self, "caller"):
                self.come_to_rest()
        finally:
            self.rig.close()

    def come_to_rest(self) -> None:
        """Take back what keeps the group from it, and want four instances."""
        asg = self.stack.asg
        self.rig.controllers.capacity.change(dict.fromkeys(map(Pool, ZONES)))
        for hook in HOOKS:
            self._forgiven(asg.delete_lifecycle_hook, LifecycleHookName=hook, **WEB)
        asg.resume_processes(**WEB)
        self._forgiven(asg.cancel_instance_refresh, WaitForTransitioningInstances=False, **WEB)
        self._forgiven(asg.delete_warm_pool, ForceDelete=True, **WEB)
        asg.update_auto_scaling_group(MinSize=0, MaxSize=12, **WEB)
        self.rig.run(300, step_s=5)
        for member in self.stack.group()["Instances"]:
            named = {"InstanceIds": [member["InstanceId"]], **WEB}
            if member["LifecycleState"] == "Standby":
                self._forgiven(asg.exit_standby, **named)
            else:
                self._forgiven(asg.set_instance_protection, ProtectedFromScaleIn=False, **named)
        if self.caller.unregistered:
            asg.update_auto_scaling_group(DesiredCapacity=0, **WEB)
            self.rig.run(300, step_s=5)
        asg.update_auto_scaling_group(DesiredCapacity=WANTED, **WEB)
        self.rig.run(1200, step_s=5)
        assert invariants.quiet(asg), [
            self.stack.group(),
            [activity for activity in self.stack.activities() if activity["StatusCode"] not in invariants.ENDED],
        ]
        known = {"foreign": {self.caller.foreign}, "detached": self.caller.detached}
        assert invariants.when_quiet(asg, self.stack.elb, self.stack.ec2, **known) == []

    def _forgiven(self, call: Any, **parameters: Any) -> None:
        try:
            call(**parameters)
        except ClientError as error:
            assert error.response["ResponseMetadata"]["HTTPStatusCode"] < 500  # noqa: PT017 - not what is expected


Groups.TestCase.settings = settings(
    max_examples=8,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
test_groups_stay_in_order_whatever_is_asked = Groups.TestCase
