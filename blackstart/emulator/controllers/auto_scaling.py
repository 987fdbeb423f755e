"""Auto Scaling groups: launch, place, register, notice, replace, and log what was done."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from blackstart.domain.target_health import TargetState
from blackstart.emulator.controllers.activity_log import Activity, ActivityLog, moment
from blackstart.emulator.controllers.ec2_lifecycle import InstanceFact
from blackstart.emulator.decisions import activity as words
from blackstart.emulator.decisions.activity import ActivityStatus, CapacityChange
from blackstart.emulator.decisions.capacity import (
    GroupSnapshot,
    Launch,
    Lifecycle,
    Mark,
    MemberSnapshot,
    Process,
    Termination,
    Unhealthy,
    Why,
    decide_capacity,
    first_look_after,
    mark_elb_unhealthy,
    mark_not_running,
)
from blackstart.emulator.decisions.instance_lifecycle import InstanceState
from blackstart.emulator.decisions.target_health import TargetHealth
from blackstart.emulator.parameters import Parameters


class LaunchError(Exception):
    """EC2 refused to run the instance; the text is EC2's."""


class GroupStore(Protocol):
    """moto's side. A group is moto's own object; only the store looks into it."""

    def groups(self) -> Iterable[Any]: ...
    def snapshot(self, group: Any) -> GroupSnapshot:
        """The group's settings without members."""

    def limits(self, group: Any) -> tuple[int, int]: ...
    def members(self, group: Any) -> tuple["StoredMember", ...]: ...
    def target_groups(self, group: Any) -> tuple[str, ...]: ...
    def launch(self, group: Any, zone: str) -> tuple[str, str]:
        """Run one instance; its id and subnet. Raises LaunchError."""

    def write(self, group: Any, instance_id: str, lifecycle: str, health: str) -> None: ...
    def remove(self, group: Any, instance_id: str) -> None: ...
    def terminate(self, instance_id: str) -> None: ...
    def register(self, target_group_arn: str, instance_id: str) -> bool: ...
    def deregister(self, target_group_arn: str, instance_id: str) -> float:
        """Begin draining; the deregistration delay, or 0 when the instance was not registered."""


@dataclass(frozen=True)
class StoredMember:
    """A member as moto shows it."""

    instance_id: str
    zone: str
    lifecycle: str
    health: str
    protected: bool
    template_version: int


@dataclass
class Member:
    """What the controller remembers of an instance of a group."""

    launched_s: float
    register: bool = True
    in_service_s: float | None = None
    unhealthy: Unhealthy | None = None
    terminate_at_s: float | None = None
    ec2_told: bool = False
    registered: set[str] = field(default_factory=set)
    launching: Activity | None = None
    terminating: Activity | None = None


@dataclass
class GroupMemory:
    """What the controller remembers of a group. `change` explains the next launches and terminations.

    look_s: when it looks at its instances next; whole periods after its creation.
    """

    created_s: float
    look_s: float

    desired: int = 0
    limits: tuple[int, int] = (0, 0)
    change: CapacityChange | None = None
    retry_launch_s: float = 0.0
    known: bool = False
    members: dict[str, Member] = field(default_factory=dict)


class AutoScalingController:
    """Owns every group's members. health: what the load balancers say of a target; new_id: for activities."""

    def __init__(
        self,
        store: GroupStore,
        parameters: Parameters,
        *,
        facts: Callable[[], Mapping[str, InstanceFact]],
        health: Callable[[str, str, int | None], TargetHealth],
        new_id: Callable[[], str],
    ) -> None:
        self._store = store
        self._parameters = parameters
        self._facts = facts
        self._health = health
        self._log = ActivityLog(new_id)
        self._memories: dict[str, GroupMemory] = {}

    def tick(self, now_s: float) -> None:
        groups = list(self._store.groups())
        arns = {group.arn for group in groups}
        self._memories = {arn: memory for arn, memory in self._memories.items() if arn in arns}
        for group in groups:
            self._tick_group(group, self._memory(group, now_s), now_s)

    def activities(self, name: str | None, ids: Iterable[str] = ()) -> list[Activity]:
        """The log, newest first, of one group or of all."""
        return self._log.find(name, ids)

    def in_grace(self, instance_id: str, grace_period_s: float, now_s: float) -> bool:
        """Whether an instance in service is still inside the grace period."""
        member = self._member(instance_id)
        started_s = member.in_service_s if member else None
        return started_s is not None and now_s < started_s + grace_period_s

    def user_terminates(self, group: Any, instance_id: str, now_s: float) -> Activity:
        """TerminateInstanceInAutoScalingGroup: begin at once, with the activity that the caller is shown."""
        memory = self._memory(group, now_s)
        member = memory.members.setdefault(instance_id, Member(launched_s=now_s))
        cause = words.user_termination_cause(instance_id, moment(now_s))
        return self._begin_termination(group, member, instance_id, cause, now_s)

    def deleted(self, group: Any, now_s: float) -> None:
        """The group is deleted with its instances."""
        for stored in self._store.members(group):
            for arn in self._store.target_groups(group):
                self._store.deregister(arn, stored.instance_id)
            self._store.terminate(stored.instance_id)
        self._memories.pop(group.arn, None)
        del now_s

    def _memory(self, group: Any, now_s: float) -> GroupMemory:
        fresh = GroupMemory(created_s=now_s, look_s=now_s + self._parameters.group_health_period_s)
        return self._memories.setdefault(group.arn, fresh)

    def _member(self, instance_id: str) -> Member | None:
        return next((m.members[instance_id] for m in self._memories.values() if instance_id in m.members), None)

    def _tick_group(self, group: Any, memory: GroupMemory, now_s: float) -> None:
        settings = self._store.snapshot(group)
        self._note_change(group, settings, memory, now_s)
        self._follow_members(group, memory, now_s)
        self._advance_members(group, settings, memory, now_s)
        snapshot = self._full_snapshot(group, settings, memory)
        marks = self._look(snapshot, memory, now_s)
        for mark in marks:
            memory.members[mark.instance_id].unhealthy = mark.reason
        decision = decide_capacity(self._full_snapshot(group, settings, memory) if marks else snapshot)
        for termination in decision.terminate:
            self._terminate(group, settings, memory, termination, now_s)
        if now_s >= memory.retry_launch_s:
            for launch in decision.launch:
                self._launch(group, settings, memory, launch, now_s)
        self._write(group, memory)

    def _look(self, snapshot: GroupSnapshot, memory: GroupMemory, now_s: float) -> tuple[Mark, ...]:
        """Whom the group finds unhealthy, when it is time to look."""
        if now_s < memory.look_s:
            return ()
        memory.look_s = first_look_after(memory.created_s, self._parameters.group_health_period_s, now_s)
        return mark_not_running(snapshot) + mark_elb_unhealthy(snapshot, now_s)

    def _note_change(self, group: Any, settings: GroupSnapshot, memory: GroupMemory, now_s: float) -> None:
        limits = self._store.limits(group)
        if memory.known and memory.desired == settings.desired:
            memory.limits = limits
            return
        request = words.EXPLICIT if memory.limits == limits else words.updated(*limits, settings.desired)
        memory.change = CapacityChange(
            request=request if memory.known else words.CREATED,
            before=memory.desired,
            after=settings.desired,
            at=moment(now_s),
        )
        memory.desired, memory.limits, memory.known = settings.desired, limits, True

    def _follow_members(self, group: Any, memory: GroupMemory, now_s: float) -> None:
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

    def _advance_members(self, group: Any, settings: GroupSnapshot, memory: GroupMemory, now_s: float) -> None:
        for stored in self._store.members(group):
            member = memory.members[stored.instance_id]
            fact = self._facts().get(stored.instance_id)
            state = fact.state if fact else InstanceState.TERMINATED
            if member.terminating is not None:
                self._advance_termination(group, stored.instance_id, member, state, now_s)
            elif stored.lifecycle == Lifecycle.PENDING and state is InstanceState.RUNNING:
                self._enter_service(group, stored.instance_id, member, now_s)
            elif stored.lifecycle == Lifecycle.IN_SERVICE and member.in_service_s is None:
                member.in_service_s = now_s
            if stored.instance_id in memory.members and member.terminating is None and member.in_service_s is not None:
                self._register(group, settings, stored, member, state)

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
        self, group: Any, instance_id: str, member: Member, state: InstanceState, now_s: float
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
            self._memories[group.arn].members.pop(instance_id, None)

    def _full_snapshot(self, group: Any, settings: GroupSnapshot, memory: GroupMemory) -> GroupSnapshot:
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

    def _launch(self, group: Any, settings: GroupSnapshot, memory: GroupMemory, launch: Launch, now_s: float) -> None:
        at, before = moment(now_s), self._live(memory)
        if launch.why is Why.REPLACES_UNHEALTHY:
            cause = words.replacement_cause(at)
        else:
            cause = words.scale_out_cause(
                memory.change, at, memory.change.before if memory.change else before, settings.desired
            )
        zone = launch.placement.zone
        try:
            instance_id, subnet = self._store.launch(group, zone)
        except LaunchError as error:
            memory.retry_launch_s = now_s + self._parameters.group_health_period_s
            failed = self._log.begin(
                group.name, group.arn, words.launch_failed_description(str(error)), cause, zone, "", now_s
            )
            failed.finish(ActivityStatus.FAILED, now_s, str(error))
            return
        activity = self._log.begin(
            group.name, group.arn, words.launch_description(instance_id), cause, zone, subnet, now_s
        )
        activity.status_code, activity.progress = ActivityStatus.PRE_IN_SERVICE.value, 30
        memory.members[instance_id] = Member(
            launched_s=now_s,
            register=Process.ADD_TO_LOAD_BALANCER not in settings.suspended,
            launching=activity,
        )

    def _terminate(
        self, group: Any, settings: GroupSnapshot, memory: GroupMemory, termination: Termination, now_s: float
    ) -> None:
        instance_id = termination.instance_id
        member = memory.members[instance_id]
        if termination.why is Why.UNHEALTHY and member.unhealthy is not None:
            cause = words.unhealthy_cause(member.unhealthy, moment(now_s))
        else:
            before = memory.change.before if memory.change else self._live(memory)
            cause = words.scale_in_cause(memory.change, moment(now_s), before, settings.desired, instance_id)
        self._begin_termination(group, member, instance_id, cause, now_s)

    def _begin_termination(self, group: Any, member: Member, instance_id: str, cause: str, now_s: float) -> Activity:
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

    def _live(self, memory: GroupMemory) -> int:
        return sum(member.terminating is None for member in memory.members.values())

    def _write(self, group: Any, memory: GroupMemory) -> None:
        for stored in self._store.members(group):
            member = memory.members.get(stored.instance_id)
            if member is None:
                continue
            lifecycle = Lifecycle.TERMINATING.value if member.terminating else stored.lifecycle
            health = "Unhealthy" if member.unhealthy else "Healthy"
            if (lifecycle, health) != (stored.lifecycle, stored.health):
                self._store.write(group, stored.instance_id, lifecycle, health)
