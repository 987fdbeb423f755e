"""Auto Scaling groups: launch, place, register, notice, replace, and log what was done."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from blackstart.emulator.controllers.activity_log import Activity, ActivityLog, moment
from blackstart.emulator.controllers.ec2_lifecycle import InstanceFact
from blackstart.emulator.controllers.group_members import GroupMembers
from blackstart.emulator.controllers.group_memory import GroupMemory, GroupStore, LaunchError, Member
from blackstart.emulator.decisions import activity as words
from blackstart.emulator.decisions.activity import ActivityKind, ActivityStatus, CapacityChange
from blackstart.emulator.decisions.capacity import (
    Launch,
    Mark,
    Termination,
    decide_capacity,
    first_look_after,
    mark_elb_unhealthy,
    mark_not_running,
)
from blackstart.emulator.decisions.scaling_group import LEAVING, GroupSnapshot, Process, Why
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
        self.log = ActivityLog(new_id)
        self.members = GroupMembers(store, facts, health, self.log)
        self._memories: dict[str, GroupMemory] = {}

    def tick(self, now_s: float) -> None:
        groups = list(self._store.groups())
        arns = {group.arn for group in groups}
        for gone in self._memories.keys() - arns:
            del self._memories[gone]
        for group in groups:
            self._tick_group(group, self.memory(group, now_s), now_s)

    def groups(self) -> Iterable[Any]:
        return self._store.groups()

    def memory(self, group: Any, now_s: float) -> GroupMemory:
        """What is remembered of a group, from now on if it is new."""
        memory = self._memories.get(group.arn)
        if memory is None:
            memory = GroupMemory(created_s=now_s, look_s=now_s + self._parameters.group_health_period_s)
            self._memories[group.arn] = memory
        return memory

    def snapshot(self, group: Any) -> GroupSnapshot:
        """A group with its members as of now, without the load balancers' opinions."""
        settings = self._store.settings(group)
        memory = self._memories.get(group.arn)
        return self.members.snapshot(settings, memory, with_health=False) if memory else settings

    def member(self, instance_id: str) -> tuple[Any, GroupMemory, Member] | None:
        """The group that an instance belongs to, and what is remembered of both."""
        for group in self._store.groups():
            memory = self._memories.get(group.arn)
            if memory is not None and instance_id in memory.members:
                return group, memory, memory.members[instance_id]
        return None

    def group_of(self, instance_id: str) -> Any | None:
        """The group that an instance is a member of, or None."""
        found = self.member(instance_id)
        return found[0] if found else None

    def change_capacity(self, group: Any, desired: int, words: str, now_s: float) -> None:
        """Set the desired capacity; the words say who does, as AWS's causes have it."""
        self.memory(group, now_s).next_words = words
        self._store.set_desired(group, desired)

    def last_activity_end_s(self, group: Any) -> float | None:
        """When the group's last scaling activity ended, None while one is in progress or when there was none."""
        return self.log.last_end_s(group.name)

    def activities(self, name: str | None, ids: Iterable[str] = ()) -> list[Activity]:
        """The log, newest first, of one group or of all."""
        return self.log.find(name, ids)

    def deleted(self, group: Any) -> None:
        """The group is deleted with its instances."""
        memory = self._memories.pop(group.arn, None)
        if memory is None:
            return
        for member in list(memory.members.values()):
            self.members.leave(group, memory, member)
            self._store.terminate(member.instance_id)

    def _tick_group(self, group: Any, memory: GroupMemory, now_s: float) -> None:
        settings = self._store.settings(group)
        if settings != memory.settings:
            self._note_change(settings, memory, now_s)
        self.members.advance(group, settings, memory, now_s)
        looking = now_s >= memory.look_s
        retrying = memory.retry_launch_s is not None and now_s >= memory.retry_launch_s
        if not (looking or retrying or memory.stale):
            return
        memory.stale = False
        snapshot = self.members.snapshot(settings, memory, with_health=looking and settings.elb_checks)
        marks = tuple(self._look(snapshot, memory, now_s)) if looking else ()
        for mark in marks:
            member = memory.members[mark.instance_id]
            member.unhealthy = mark.reason
            self.members.mark(group, memory, member)
        decision = decide_capacity(self.members.snapshot(settings, memory, with_health=False) if marks else snapshot)
        for termination in decision.terminate:
            self._terminate(group, settings, memory, termination, now_s)
        if memory.retry_launch_s is None or retrying:
            memory.retry_launch_s = None
            for launch in decision.launch:
                self._launch(group, settings, memory, launch, now_s)

    def _look(self, snapshot: GroupSnapshot, memory: GroupMemory, now_s: float) -> Iterator[Mark]:
        """Whom the group finds unhealthy at its periodic look."""
        memory.look_s = first_look_after(memory.created_s, self._parameters.group_health_period_s, now_s)
        yield from mark_not_running(snapshot)
        yield from mark_elb_unhealthy(snapshot, now_s)

    def _note_change(self, settings: GroupSnapshot, memory: GroupMemory, now_s: float) -> None:
        before, memory.settings, memory.stale = memory.settings, settings, True
        given, memory.next_words = memory.next_words, None
        if before is not None and before.desired == settings.desired:
            return
        if before is None:
            said = words.CREATED
        elif given is not None:
            said = given
        elif (before.minimum, before.maximum) == (settings.minimum, settings.maximum):
            said = words.EXPLICIT
        else:
            said = words.updated(settings.minimum, settings.maximum, settings.desired)
        was = before.desired if before is not None else 0
        memory.change = CapacityChange(words=said, before=was, after=settings.desired, at=moment(now_s))

    def _launch(self, group: Any, settings: GroupSnapshot, memory: GroupMemory, launch: Launch, now_s: float) -> None:
        at, before = moment(now_s), _live(memory)
        if launch.why is Why.REPLACES_UNHEALTHY:
            cause = words.replacement_cause(at)
        else:
            cause = words.scale_out_cause(
                memory.change, at, memory.change.before if memory.change else before, settings.desired
            )
        zone = launch.placement.zone
        try:
            instance = self._store.launch(group, zone)
        except LaunchError as error:
            memory.retry_launch_s = now_s + self._parameters.group_health_period_s
            description = words.launch_failed_description(str(error))
            failed = self.log.begin(
                group.name, group.arn, description, cause, zone, "", now_s, kind=ActivityKind.LAUNCH
            )
            failed.finish(ActivityStatus.FAILED, now_s, str(error))
            return
        description = words.launch_description(instance.instance_id)
        activity = self.log.begin(
            group.name,
            group.arn,
            description,
            cause,
            zone,
            instance.subnet,
            now_s,
            kind=ActivityKind.LAUNCH,
            instance_id=instance.instance_id,
        )
        activity.status_code, activity.progress = ActivityStatus.PRE_IN_SERVICE.value, 30
        member = self.members.join(group, memory, instance, now_s)
        member.register = Process.ADD_TO_LOAD_BALANCER not in settings.suspended
        member.launching = activity

    def _terminate(
        self, group: Any, settings: GroupSnapshot, memory: GroupMemory, termination: Termination, now_s: float
    ) -> None:
        member, at = memory.members[termination.instance_id], moment(now_s)
        if termination.why is Why.UNHEALTHY and member.unhealthy is not None:
            cause = words.unhealthy_cause(member.unhealthy, at)
        else:
            before = memory.change.before if memory.change else _live(memory)
            cause = words.scale_in_cause(memory.change, at, before, settings.desired, member.instance_id)
        self.members.begin_termination(group, memory, member, cause, now_s)


def _live(memory: GroupMemory) -> int:
    return sum(member.lifecycle not in LEAVING for member in memory.members.values())
