"""A member's way through its Auto Scaling group: into service, into the target groups, out of them, and away."""

from collections.abc import Callable, Mapping
from typing import Any

from blackstart.domain.target_health import TargetState
from blackstart.emulator.controllers.activity_log import Activity, ActivityLog
from blackstart.emulator.controllers.ec2_lifecycle import InstanceFact
from blackstart.emulator.controllers.group_memory import GroupMemory, GroupStore, Launched, Member
from blackstart.emulator.decisions import activity as words
from blackstart.emulator.decisions.activity import ActivityKind, ActivityStatus
from blackstart.emulator.decisions.instance_lifecycle import InstanceState
from blackstart.emulator.decisions.scaling_group import (
    COMING,
    LEAVING,
    GroupSnapshot,
    Lifecycle,
    MemberSnapshot,
    Process,
)
from blackstart.emulator.decisions.target_health import TargetHealth


class GroupMembers:
    """facts: the instances; health: what the load balancers say of a target; log: gets the activities."""

    def __init__(
        self,
        store: GroupStore,
        facts: Callable[[], Mapping[str, InstanceFact]],
        health: Callable[[str, str, int | None], TargetHealth],
        log: ActivityLog,
    ) -> None:
        self._store = store
        self._facts = facts
        self._health = health
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
        facts = self._facts()
        members = [
            MemberSnapshot(
                instance_id=member.instance_id,
                zone=member.instance.zone,
                lifecycle=member.lifecycle,
                ec2_state=_state(facts, member.instance_id).value,
                launched_s=member.launched_s,
                in_service_s=member.in_service_s,
                elb_unhealthy=with_health and self._elb_unhealthy(memory, member),
                unhealthy=member.unhealthy,
                protected=member.protected,
                template_version=member.instance.template_version,
                template_id=member.instance.template_id,
                launch_name=member.instance.launch_name,
                instance_type=member.instance.instance_type,
            )
            for member in memory.members.values()
        ]
        return settings._replace(members=tuple(members))

    def move(self, group: Any, memory: GroupMemory, member: Member, lifecycle: Lifecycle) -> None:
        """A member is in another lifecycle state from now on."""
        member.lifecycle = lifecycle
        self._changed(group, memory, member)

    def mark(self, group: Any, memory: GroupMemory, member: Member) -> None:
        """A member's health or protection changed."""
        memory.stale = True
        self._store.show(group, member)

    def leave(self, group: Any, memory: GroupMemory, member: Member) -> None:
        """A member is none any more."""
        self.deregister(member)
        memory.members.pop(member.instance_id, None)
        memory.moving.discard(member.instance_id)
        memory.stale = True
        self._store.hide(group, member.instance_id)

    def begin_termination(self, group: Any, memory: GroupMemory, member: Member, cause: str, now_s: float) -> Activity:
        """Take a member out of its target groups; it is terminated when it has drained."""
        running = _state(self._facts(), member.instance_id) is InstanceState.RUNNING
        delay_s = self.deregister(member)
        if member.launching is not None and member.launching.end_time is None:
            member.launching.finish(ActivityStatus.CANCELLED, now_s)
        description = words.terminate_description(member.instance_id)
        activity = self._log.begin(
            group.name,
            group.arn,
            description,
            cause,
            member.instance.zone,
            member.instance.subnet,
            now_s,
            kind=ActivityKind.TERMINATE,
            instance_id=member.instance_id,
        )
        member.terminating = activity
        member.terminate_at_s = now_s + (delay_s if running else 0.0)
        if running and delay_s > 0:
            activity.status_code, activity.progress = ActivityStatus.DRAINING.value, 50
        self.move(group, memory, member, Lifecycle.TERMINATING)
        return activity

    def deregister(self, member: Member) -> float:
        """Take a member out of the target groups that it joined; the longest deregistration delay."""
        delays = [self._store.deregister(arn, member.instance_id) for arn in sorted(member.registered)]
        member.registered.clear()
        return max(delays, default=0.0)

    def _changed(self, group: Any, memory: GroupMemory, member: Member) -> None:
        memory.stale = True
        memory.moving.add(member.instance_id)
        self._store.show(group, member)

    def _settled(self, group: Any, settings: GroupSnapshot, memory: GroupMemory, member: Member, now_s: float) -> bool:
        """Take a member on by what is due; whether nothing more is to come by itself."""
        state = _state(self._facts(), member.instance_id)
        if member.lifecycle in LEAVING:
            self._advance_termination(group, memory, member, state, now_s)
            return False
        if member.lifecycle in COMING and state is InstanceState.RUNNING:
            self._enter_service(group, memory, member, now_s)
        if member.lifecycle is Lifecycle.IN_SERVICE:
            return self._registered(settings, memory, member, state)
        return member.lifecycle not in COMING

    def _enter_service(self, group: Any, memory: GroupMemory, member: Member, now_s: float) -> None:
        member.in_service_s = now_s
        self.move(group, memory, member, Lifecycle.IN_SERVICE)
        if member.launching is not None:
            member.launching.finish(ActivityStatus.SUCCESSFUL, now_s)

    def _registered(self, settings: GroupSnapshot, memory: GroupMemory, member: Member, state: InstanceState) -> bool:
        """Register once with each of the group's target groups; what a user takes out again stays out."""
        if Process.ADD_TO_LOAD_BALANCER in settings.suspended and not member.registered:
            member.register = False
        arns = set(memory.target_groups)
        for arn in sorted(member.registered - arns):
            self._store.deregister(arn, member.instance_id)
        member.registered &= arns
        if not member.register:
            return True
        if state is InstanceState.RUNNING:
            missing = sorted(arns - member.registered)
            member.registered.update(arn for arn in missing if self._store.register(arn, member.instance_id))
        return member.registered == arns

    def _elb_unhealthy(self, memory: GroupMemory, member: Member) -> bool:
        return any(
            self._health(arn, member.instance_id, None).state is TargetState.UNHEALTHY
            for arn in memory.target_groups
            if arn in member.registered
        )

    def _advance_termination(
        self, group: Any, memory: GroupMemory, member: Member, state: InstanceState, now_s: float
    ) -> None:
        activity = member.terminating
        if activity is None or member.terminate_at_s is None:
            return
        if not member.ec2_told and now_s >= member.terminate_at_s:
            member.ec2_told = True
            activity.status_code, activity.progress = ActivityStatus.IN_PROGRESS.value, 60
            self._store.terminate(member.instance_id)
        elif state is InstanceState.TERMINATED:
            activity.finish(ActivityStatus.SUCCESSFUL, now_s)
            self.leave(group, memory, member)


def _state(facts: Mapping[str, InstanceFact], instance_id: str) -> InstanceState:
    fact = facts.get(instance_id)
    return fact.state if fact else InstanceState.TERMINATED
