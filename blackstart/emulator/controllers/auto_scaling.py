"""Auto Scaling groups: launch, place, register, notice, replace, and log what was done."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from blackstart.emulator.controllers.activity_log import Activity, ActivityLog, moment
from blackstart.emulator.controllers.ec2_lifecycle import InstanceFact
from blackstart.emulator.controllers.group_members import GroupMembers
from blackstart.emulator.controllers.group_memory import GroupMemory, GroupStore, LaunchError, Member
from blackstart.emulator.decisions import activity as words
from blackstart.emulator.decisions.activity import ActivityStatus, CapacityChange
from blackstart.emulator.decisions.capacity import (
    GroupSnapshot,
    Launch,
    Mark,
    Process,
    Termination,
    Why,
    decide_capacity,
    first_look_after,
    mark_elb_unhealthy,
    mark_not_running,
)
from blackstart.emulator.decisions.target_health import TargetHealth
from blackstart.emulator.parameters import Parameters


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
        self._log = ActivityLog(new_id)
        self._members = GroupMembers(store, facts, health, self._log)
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
        return self._members.begin_termination(group, member, instance_id, cause, now_s)

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
        self._members.follow(group, memory, now_s)
        self._members.advance(group, settings, memory, now_s)
        snapshot = self._members.snapshot(group, settings, memory)
        marks = self._look(snapshot, memory, now_s)
        for mark in marks:
            memory.members[mark.instance_id].unhealthy = mark.reason
        decision = decide_capacity(self._members.snapshot(group, settings, memory) if marks else snapshot)
        for termination in decision.terminate:
            self._terminate(group, settings, memory, termination, now_s)
        if now_s >= memory.retry_launch_s:
            for launch in decision.launch:
                self._launch(group, settings, memory, launch, now_s)
        self._members.write(group, memory)

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
        self._members.begin_termination(group, member, instance_id, cause, now_s)

    def _live(self, memory: GroupMemory) -> int:
        return sum(member.terminating is None for member in memory.members.values())
