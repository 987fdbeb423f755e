"""A member's way through its Auto Scaling group: into service, into the target groups, out of them, and away."""

from collections.abc import Callable, Mapping
from typing import Any

from blackstart.domain.target_health import TargetState
from blackstart.emulator.controllers.activity_log import Activity, ActivityLog, moment
from blackstart.emulator.controllers.ec2_lifecycle import InstanceFact
from blackstart.emulator.controllers.group_memory import GroupMemory, GroupStore, Launched, Member
from blackstart.emulator.controllers.group_registrations import GroupRegistrations
from blackstart.emulator.controllers.lifecycle_hooks import ENTERING, FROM_POOL, LEAVING_GROUP, LifecycleHooks
from blackstart.emulator.controllers.member_snapshots import MemberSnapshots
from blackstart.emulator.decisions import activity as words
from blackstart.emulator.decisions import member_activity
from blackstart.emulator.decisions.activity import ActivityKind, ActivityStatus
from blackstart.emulator.decisions.instance_lifecycle import InstanceState
from blackstart.emulator.decisions.launch_failure import LaunchFailure, failed_again, waits
from blackstart.emulator.decisions.lifecycle_hook import Abandoned
from blackstart.emulator.decisions.scaling_group import (
    COMING,
    LEAVING,
    GroupSnapshot,
    Lifecycle,
)
from blackstart.emulator.decisions.target_health import TargetHealth

STEPPING_OUT = frozenset({Lifecycle.ENTERING_STANDBY, Lifecycle.DETACHING})


class GroupMembers:
    """facts: the instances; health: what the load balancers say of a target; log: gets the activities; hooks: what
    members wait for on their way in and out; pauses_s: between launches while they fail, the first and the longest.
    """

    def __init__(
        self,
        store: GroupStore,
        facts: Callable[[], Mapping[str, InstanceFact]],
        health: Callable[[str, str, int | None], TargetHealth],
        log: ActivityLog,
        hooks: LifecycleHooks,
        pauses_s: tuple[float, float],
    ) -> None:
        self.hooks = hooks
        self._pauses_s = pauses_s
        self._registrations = GroupRegistrations(store)
        self._store = store
        self._facts = facts
        self._health = health
        self._snapshots = MemberSnapshots(facts, health)
        self._log = log

    def join(self, group: Any, memory: GroupMemory, instance: Launched, now_s: float) -> Member:
        """A launched or attached instance becomes a member, pending at first."""
        member = Member(instance, launched_s=now_s, protected=self._store.protects_new(group))
        memory.members[instance.instance_id] = member
        self._changed(group, memory, member)
        return member

    def advance(self, group: Any, settings: GroupSnapshot, memory: GroupMemory, now_s: float) -> None:
        """Bring members into service, register them, and carry on with their terminations."""
        arns = self._store.target_groups(group)
        if arns != memory.target_groups:
            memory.target_groups = arns
            memory.moving.update(memory.members)
        for instance_id in list(memory.moving):
            member = memory.members.get(instance_id)
            if member is None or self._settled(group, settings, memory, member, now_s):
                memory.moving.discard(instance_id)

    def snapshot(self, settings: GroupSnapshot, memory: GroupMemory, *, with_health: bool = True) -> GroupSnapshot:
        """The group's settings with its members, to decide from. with_health: ask the load balancers too."""
        return self._snapshots.take(settings, memory, with_health=with_health)

    def fact(self, instance_id: str) -> InstanceFact | None:
        """What is known of any instance of EC2."""
        return self._facts().get(instance_id)

    def move(self, group: Any, memory: GroupMemory, member: Member, lifecycle: Lifecycle) -> None:
        """A member is in another lifecycle state from now on."""
        member.lifecycle = lifecycle
        self._changed(group, memory, member)

    def mark(self, group: Any, memory: GroupMemory, member: Member) -> None:
        """A member's health or protection changed."""
        memory.changed()
        self._store.show(group, member)

    def leave(self, group: Any, memory: GroupMemory, member: Member) -> None:
        """A member is none any more."""
        self._registrations.end(member)
        self.hooks.forget(member.instance_id)
        memory.members.pop(member.instance_id, None)
        memory.moving.discard(member.instance_id)
        memory.changed()
        self._store.hide(group, member.instance_id)

    def part(self, group: Any, memory: GroupMemory, member: Member, now_s: float) -> None:
        """A member leaves for the warm pool, where it drains."""
        self._drain(member, now_s)
        self.leave(group, memory, member)

    def begin_termination(
        self, group: Any, memory: GroupMemory, member: Member, cause: str, now_s: float, *, hooks: bool = True
    ) -> Activity:
        """Take a member out of its target groups; when it has drained, termination hooks and its termination follow.

        hooks: whether it waits for lifecycle hooks.
        """
        self._drain(member, now_s)
        for activity in (member.launching, member.stepping_out):
            if activity is not None and activity.end_time is None:
                activity.finish(ActivityStatus.CANCELLED, now_s)
        self.hooks.forget(member.instance_id)
        member.termination_hooks = hooks
        member.terminating = self._log.begin(
            group.name,
            group.arn,
            words.terminate_description(member.instance_id),
            cause,
            member.instance.zone,
            member.instance.subnet,
            now_s,
            kind=ActivityKind.TERMINATE,
            instance_id=member.instance_id,
        )
        if now_s < member.drained_s:
            _progress(member.terminating, ActivityStatus.DRAINING, 50)
        self.move(group, memory, member, Lifecycle.TERMINATING)
        return member.terminating

    def begin_stepping_out(
        self, group: Any, memory: GroupMemory, member: Member, to: Lifecycle, activity: Activity, now_s: float
    ) -> None:
        """Take a member out of its target groups, to stand by or be detached when it has drained."""
        self._drain(member, now_s)
        member.stepping_out = activity
        _progress(activity, ActivityStatus.IN_PROGRESS, 50)
        self.move(group, memory, member, to)

    def _changed(self, group: Any, memory: GroupMemory, member: Member) -> None:
        memory.changed()
        memory.moving.add(member.instance_id)
        self._store.show(group, member)

    def _drain(self, member: Member, now_s: float) -> None:
        delay_s = self._registrations.end(member)
        running = _state(self._facts(), member.instance_id) is InstanceState.RUNNING
        member.drained_s = max(member.drained_s, now_s + delay_s) if running else now_s

    def _settled(self, group: Any, settings: GroupSnapshot, memory: GroupMemory, member: Member, now_s: float) -> bool:
        """Take a member on by what is due; whether nothing more is to come by itself."""
        state = _state(self._facts(), member.instance_id)
        if member.lifecycle in COMING:
            self._come(group, memory, member, state, now_s)
        elif member.lifecycle in LEAVING:
            self._go(group, memory, member, state, now_s)
        elif member.lifecycle in STEPPING_OUT and now_s >= member.drained_s:
            self._step_out(group, memory, member, now_s)
        if member.lifecycle is Lifecycle.IN_SERVICE:
            return self._registrations.complete(settings, memory, member, state, now_s)
        return member.lifecycle not in COMING | LEAVING | STEPPING_OUT

    def _come(self, group: Any, memory: GroupMemory, member: Member, state: InstanceState, now_s: float) -> None:
        """Pending, as long as launch hooks want Pending:Wait, Pending:Proceed, in service."""
        if member.lifecycle is Lifecycle.PENDING_WAIT:
            verdict = self.hooks.verdict(member.instance_id, now_s)
            if verdict.abandoned is not None:
                self._abandon(group, memory, member, verdict.abandoned, now_s)
            elif not verdict.waits:
                self.move(group, memory, member, Lifecycle.PENDING_PROCEED)
        elif state is not InstanceState.RUNNING:
            return
        elif (
            member.lifecycle is Lifecycle.PENDING
            and member.launch_hooks
            and self.hooks.begin(group, member.instance_id, FROM_POOL if member.from_pool else ENTERING, now_s)
        ):
            _progress(member.launching, ActivityStatus.MID_LIFECYCLE, 50)
            self.move(group, memory, member, Lifecycle.PENDING_WAIT)
        else:
            member.in_service_s = now_s
            memory.abandoned = None
            self.move(group, memory, member, Lifecycle.IN_SERVICE)
            if member.launching is not None:
                member.launching.finish(ActivityStatus.SUCCESSFUL, now_s)

    def _abandon(self, group: Any, memory: GroupMemory, member: Member, abandoned: Abandoned, now_s: float) -> None:
        """A launch hook gave the instance up."""
        if member.launching is not None:
            message = member_activity.abandoned_message(abandoned)
            member.launching.description = member_activity.abandoned_description(member.launching.description, message)
            member.launching.finish(ActivityStatus.CANCELLED, now_s, message)
        self._hold_back(memory, now_s)
        cause = member_activity.abandoned_cause(member.instance_id, moment(now_s))
        self.begin_termination(group, memory, member, cause, now_s)

    def _hold_back(self, memory: GroupMemory, now_s: float) -> None:
        """Launch less often when hooks keep failing: at once after the first abandoned launch, then with pauses.

        Differs from AWS: that it does so is documented, how often is not.
        """
        before = memory.abandoned
        if before is None:
            memory.abandoned = LaunchFailure(0.0, None)
        elif not waits(memory.failure):
            memory.failure = failed_again(before if before.pause_s else None, *self._pauses_s, now_s)
            memory.abandoned = memory.failure

    def _step_out(self, group: Any, memory: GroupMemory, member: Member, now_s: float) -> None:
        if member.lifecycle is Lifecycle.ENTERING_STANDBY:
            self.move(group, memory, member, Lifecycle.STANDBY)
        else:
            self.leave(group, memory, member)
            self._store.release(group, member.instance_id)
        if member.stepping_out is not None:
            member.stepping_out.finish(ActivityStatus.SUCCESSFUL, now_s)

    def _go(self, group: Any, memory: GroupMemory, member: Member, state: InstanceState, now_s: float) -> None:
        """Terminating while it drains, Terminating:Wait while termination hooks want it, Terminating:Proceed, gone."""
        if member.ec2_told:
            if state is InstanceState.TERMINATED:
                self.leave(group, memory, member)
                if member.terminating is not None:
                    member.terminating.finish(ActivityStatus.SUCCESSFUL, now_s)
        elif member.lifecycle is Lifecycle.TERMINATING_WAIT:
            if not self.hooks.verdict(member.instance_id, now_s).waits:
                self.move(group, memory, member, Lifecycle.TERMINATING_PROCEED)
        elif now_s < member.drained_s:
            return
        elif (
            member.lifecycle is Lifecycle.TERMINATING
            and member.termination_hooks
            and self.hooks.begin(group, member.instance_id, LEAVING_GROUP, now_s)
        ):
            _progress(member.terminating, ActivityStatus.MID_LIFECYCLE, 60)
            if member.terminating is not None:
                member.terminating.settle(now_s)
            self.move(group, memory, member, Lifecycle.TERMINATING_WAIT)
        else:
            member.ec2_told = True
            _progress(member.terminating, ActivityStatus.IN_PROGRESS, 60)
            self._store.terminate(member.instance_id)

    def target_state(self, target_group_arn: str, instance_id: str) -> TargetState:
        """What the load balancers say of a member as a target."""
        return self._health(target_group_arn, instance_id, None).state


def _progress(activity: Activity | None, status: ActivityStatus, percent: int) -> None:
    if activity is not None:
        activity.status_code, activity.progress = status.value, percent


def _state(facts: Mapping[str, InstanceFact], instance_id: str) -> InstanceState:
    fact = facts.get(instance_id)
    return fact.state if fact else InstanceState.TERMINATED
