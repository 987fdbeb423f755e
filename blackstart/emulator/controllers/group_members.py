"""A member's way through its Auto Scaling group: into service, into the target groups, out of them, and away."""

from collections.abc import Callable, Mapping
from typing import Any

from blackstart.domain.target_health import TargetState
from blackstart.emulator.controllers.activity_log import Activity, ActivityLog
from blackstart.emulator.controllers.ec2_lifecycle import InstanceFact
from blackstart.emulator.controllers.group_memory import GroupMemory, GroupStore, Member, StoredMember
from blackstart.emulator.decisions import activity as words
from blackstart.emulator.decisions.activity import ActivityStatus
from blackstart.emulator.decisions.capacity import GroupSnapshot, Lifecycle, MemberSnapshot, Process, Unhealthy
from blackstart.emulator.decisions.instance_lifecycle import InstanceState
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

    def follow(self, group: Any, memory: GroupMemory, now_s: float) -> None:
        """Members that others attached or detached, and health that others set."""
        stored = {member.instance_id: member for member in self._store.members(group)}
        for instance_id in [known for known in memory.members if known not in stored]:
            gone = memory.members.pop(instance_id)
            for arn in gone.registered:
                self._store.deregister(arn, instance_id)
        for instance_id, shown in stored.items():
            member = memory.members.setdefault(instance_id, Member(launched_s=now_s))
            if shown.lifecycle == Lifecycle.STANDBY and member.registered:
                self._deregister(member, instance_id)
            if shown.health == "Unhealthy" and member.unhealthy is None:
                member.unhealthy = Unhealthy.CUSTOM
            elif shown.health == "Healthy" and member.unhealthy is Unhealthy.CUSTOM:
                member.unhealthy = None

    def advance(self, group: Any, settings: GroupSnapshot, memory: GroupMemory, now_s: float) -> None:
        """Bring members into service, register them, and carry on with their terminations."""
        for stored in self._store.members(group):
            member = memory.members[stored.instance_id]
            fact = self._facts().get(stored.instance_id)
            state = fact.state if fact else InstanceState.TERMINATED
            if member.terminating is not None:
                self._advance_termination(group, memory, stored.instance_id, member, state, now_s)
            elif stored.lifecycle == Lifecycle.PENDING and state is InstanceState.RUNNING:
                self._enter_service(group, stored.instance_id, member, now_s)
            elif stored.lifecycle == Lifecycle.IN_SERVICE and member.in_service_s is None:
                member.in_service_s = now_s
            if stored.instance_id in memory.members and member.terminating is None and member.in_service_s is not None:
                self._register(group, settings, stored, member, state)

    def snapshot(self, group: Any, settings: GroupSnapshot, memory: GroupMemory) -> GroupSnapshot:
        """The group's settings with its members, to decide from."""
        arns = self._store.target_groups(group)
        members = []
        for stored in self._store.members(group):
            member = memory.members[stored.instance_id]
            fact = self._facts().get(stored.instance_id)
            states = [self._health(arn, stored.instance_id, None).state for arn in arns if arn in member.registered]
            members.append(
                MemberSnapshot(
                    instance_id=stored.instance_id,
                    zone=stored.zone,
                    lifecycle=Lifecycle.TERMINATING if member.terminating else Lifecycle(stored.lifecycle),
                    ec2_state=(fact.state if fact else InstanceState.TERMINATED).value,
                    launched_s=member.launched_s,
                    in_service_s=member.in_service_s,
                    elb_unhealthy=TargetState.UNHEALTHY in states,
                    unhealthy=member.unhealthy,
                    protected=stored.protected,
                    template_version=stored.template_version,
                )
            )
        return settings.model_copy(update={"members": tuple(members)})

    def begin_termination(self, group: Any, member: Member, instance_id: str, cause: str, now_s: float) -> Activity:
        """Take a member out of its target groups; it is terminated when it has drained."""
        fact = self._facts().get(instance_id)
        running = fact is not None and fact.state is InstanceState.RUNNING
        delay_s = self._deregister(member, instance_id)
        if member.launching is not None and member.launching.end_time is None:
            member.launching.finish(ActivityStatus.CANCELLED, now_s)
        zone = fact.zone if fact else ""
        activity = self._log.begin(
            group.name, group.arn, words.terminate_description(instance_id), cause, zone, "", now_s
        )
        member.terminating = activity
        member.terminate_at_s = now_s + (delay_s if running else 0.0)
        if running and delay_s > 0:
            activity.status_code, activity.progress = ActivityStatus.DRAINING.value, 50
        self._store.write(group, instance_id, Lifecycle.TERMINATING, "Unhealthy" if member.unhealthy else "Healthy")
        return activity

    def write(self, group: Any, memory: GroupMemory) -> None:
        """Show lifecycle and health of every member."""
        for stored in self._store.members(group):
            member = memory.members.get(stored.instance_id)
            if member is None:
                continue
            lifecycle = Lifecycle.TERMINATING.value if member.terminating else stored.lifecycle
            health = "Unhealthy" if member.unhealthy else "Healthy"
            if (lifecycle, health) != (stored.lifecycle, stored.health):
                self._store.write(group, stored.instance_id, lifecycle, health)

    def _enter_service(self, group: Any, instance_id: str, member: Member, now_s: float) -> None:
        member.in_service_s = now_s
        self._store.write(group, instance_id, Lifecycle.IN_SERVICE, "Healthy")
        if member.launching is not None:
            member.launching.finish(ActivityStatus.SUCCESSFUL, now_s)

    def _register(
        self, group: Any, settings: GroupSnapshot, stored: StoredMember, member: Member, state: InstanceState
    ) -> None:
        """Register once with each of the group's target groups; what a user takes out again stays out."""
        if stored.lifecycle == Lifecycle.STANDBY or state is not InstanceState.RUNNING:
            return
        if Process.ADD_TO_LOAD_BALANCER in settings.suspended and not member.registered:
            member.register = False
        arns = set(self._store.target_groups(group))
        member.registered &= arns
        if member.register:
            for arn in sorted(arns - member.registered):
                if self._store.register(arn, stored.instance_id):
                    member.registered.add(arn)

    def _deregister(self, member: Member, instance_id: str) -> float:
        delays = [self._store.deregister(arn, instance_id) for arn in sorted(member.registered)]
        member.registered.clear()
        return max(delays, default=0.0)

    def _advance_termination(
        self, group: Any, memory: GroupMemory, instance_id: str, member: Member, state: InstanceState, now_s: float
    ) -> None:
        activity = member.terminating
        if activity is None or member.terminate_at_s is None:
            return
        if not member.ec2_told and now_s >= member.terminate_at_s:
            member.ec2_told = True
            activity.status_code, activity.progress = ActivityStatus.IN_PROGRESS.value, 60
            self._store.terminate(instance_id)
        elif state is InstanceState.TERMINATED:
            activity.finish(ActivityStatus.SUCCESSFUL, now_s)
            self._store.remove(group, instance_id)
            memory.members.pop(instance_id, None)
