"""Auto Scaling groups: launch, place, register, notice, replace, and log what was done."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from blackstart.emulator.controllers.activity_log import Activity, ActivityLog, moment
from blackstart.emulator.controllers.ec2_lifecycle import InstanceFact
from blackstart.emulator.controllers.event_bus import Event, EventBus, no_one
from blackstart.emulator.controllers.group_capacity import GroupCapacity, Reserve
from blackstart.emulator.controllers.group_members import GroupMembers
from blackstart.emulator.controllers.group_memory import GroupMemory, GroupStore, Member
from blackstart.emulator.controllers.lifecycle_hooks import LifecycleHooks
from blackstart.emulator.controllers.scaling_events import event_of
from blackstart.emulator.decisions import activity as words
from blackstart.emulator.decisions.activity import CapacityChange
from blackstart.emulator.decisions.member_health import (
    Mark,
    first_look_after,
    mark_elb_unhealthy,
    mark_impaired,
    mark_not_running,
)
from blackstart.emulator.decisions.scaling_group import COUNTED, LEAVING, GroupSnapshot
from blackstart.emulator.decisions.target_health import TargetHealth
from blackstart.emulator.parameters import Parameters

REBALANCE_RECOMMENDATION = "EC2 Instance Rebalance Recommendation"


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
        hooks: LifecycleHooks,
        events: EventBus = no_one,
    ) -> None:
        self._store = store
        self._parameters = parameters
        self._events = events
        self.log = ActivityLog(new_id)
        self.log.on_end(self._publish)
        pauses_s = (parameters.launch_retry_s, parameters.launch_retry_longest_s)
        self.members = GroupMembers(store, facts, health, self.log, hooks, pauses_s)
        self._capacity = GroupCapacity(store, self.members, self.log, parameters)
        self._memories: dict[str, GroupMemory] = {}

    def tick(self, now_s: float) -> None:
        groups = list(self._store.groups())
        arns = {group.arn for group in groups}
        for gone in self._memories.keys() - arns:
            del self._memories[gone]
        for group in groups:
            self._tick_group(group, self.memory(group, now_s), now_s)

    def keep_reserve(self, reserve: Reserve) -> None:
        """Where launches are taken from before EC2 is asked."""
        self._capacity.reserve = reserve

    def groups(self) -> Iterable[Any]:
        return self._store.groups()

    def memory(self, group: Any, now_s: float) -> GroupMemory:
        """What is remembered of a group, from now on if it is new."""
        memory = self._memories.get(group.arn)
        if memory is None:
            memory = GroupMemory(created_s=now_s, look_s=now_s + self._parameters.group_health_period_s)
            self._memories[group.arn] = memory
        return memory

    def warm(self, group: Any) -> Iterable[Member]:
        """Instances of the group's warm pool."""
        memory = self._memories.get(group.arn)
        return () if memory is None else memory.pool.values()

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

    def discard_warm(self, instance_id: str, cause: str, now_s: float) -> Activity | None:
        """Terminate an instance of a warm pool; None when it is in none."""
        for group in self._store.groups():
            memory = self._memories.get(group.arn)
            if memory is not None and instance_id in memory.pool and self._capacity.reserve is not None:
                return self._capacity.reserve.discard(group, memory, memory.pool[instance_id], cause, now_s)
        return None

    def group_of(self, instance_id: str) -> Any | None:
        """The group that an instance is a member of, or None."""
        found = self.member(instance_id)
        return found[0] if found else None

    def change_capacity(self, group: Any, desired: int, words: str, now_s: float) -> None:
        """Set the desired capacity; the words say who does, as AWS's causes have it."""
        self.memory(group, now_s).next_words = words
        self._store.set_desired(group, desired)

    def hear(self, event: Event) -> None:
        """EC2's rebalance recommendations are acted on at once; everything else is found at the next look."""
        if event.detail_type == REBALANCE_RECOMMENDATION:
            found = self.member(event.detail["instance-id"])
            if found is not None:
                found[1].stale = True

    def last_activity_end_s(self, group: Any) -> float | None:
        """When the group's last scaling activity ended, None while one is in progress or when there was none.

        A termination counts as over when it only waits for lifecycle hooks: cooldowns do not wait for those.
        """
        return self.log.settled_s(group.arn)

    def activities(self, name: str | None, ids: Iterable[str] = ()) -> list[Activity]:
        """The log of one group or of all: those in progress first, each part newest first."""
        return self.log.find(name, ids)

    def delete(self, group: Any, now_s: float) -> None:
        """Terminate a group's members, whatever protects them; the group is gone when the last of them is."""
        memory = self.memory(group, now_s)
        if not memory.members:
            self._gone(group)
            return
        desired, at = self._store.settings(group).desired, moment(now_s)
        change = CapacityChange(words=words.FORCE_DELETED, before=desired, after=0, at=at).sentence()
        memory.deleting = True
        self._store.begin_deletion(group)
        counted = [member.instance_id for member in memory.members.values() if member.lifecycle in COUNTED]
        cause = words.scale_in_cause(change, at, len(counted), 0, counted)
        for member in list(memory.members.values()):
            self.members.hooks.forget(member.instance_id)
            member.termination_hooks = False
            if member.lifecycle not in LEAVING:
                self.members.begin_termination(group, memory, member, cause, now_s, hooks=False)

    def _gone(self, group: Any) -> None:
        self._memories.pop(group.arn, None)
        self._store.remove(group)

    def _publish(self, activity: Activity, now_s: float) -> None:
        event = event_of(activity, now_s)
        if event is not None:
            self._events(event)

    def _tick_group(self, group: Any, memory: GroupMemory, now_s: float) -> None:
        settings = self._store.settings(group)
        if memory.deleting:
            self.members.advance(group, settings, memory, now_s)
            if not memory.members:
                self._gone(group)
            return
        if settings != memory.settings:
            self._note_change(settings, memory, now_s)
        memory.next_words = None
        self.members.advance(group, settings, memory, now_s)
        self._capacity.retry(memory, now_s)
        looking = now_s >= memory.look_s
        if not (looking or memory.stale):
            return
        memory.stale = False
        snapshot = self.members.snapshot(settings, memory, with_health=looking and settings.elb_checks)
        if looking:
            snapshot = self._looked(group, settings, memory, snapshot, now_s)
        self._capacity.settle(group, settings, memory, snapshot, now_s)

    def _looked(
        self, group: Any, settings: GroupSnapshot, memory: GroupMemory, snapshot: GroupSnapshot, now_s: float
    ) -> GroupSnapshot:
        """Mark whom the group finds unhealthy at its periodic look."""
        memory.look_s = first_look_after(memory.created_s, self._parameters.group_health_period_s, now_s)
        marks = list(self._marks(snapshot, now_s))
        for mark in marks:
            member = memory.members[mark.instance_id]
            member.unhealthy = mark.reason
            self.members.mark(group, memory, member)
        return self.members.snapshot(settings, memory, with_health=False) if marks else snapshot

    def _marks(self, snapshot: GroupSnapshot, now_s: float) -> Iterator[Mark]:
        yield from mark_not_running(snapshot)
        yield from mark_impaired(snapshot, self._parameters.impaired_patience_s, now_s)
        yield from mark_elb_unhealthy(snapshot, now_s)

    def _note_change(self, settings: GroupSnapshot, memory: GroupMemory, now_s: float) -> None:
        before, memory.settings, memory.stale = memory.settings, settings, True
        given = memory.next_words
        if before is not None and _without_sizes(before) != _without_sizes(settings):
            memory.failures.clear()
            memory.failure = None
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
        memory.balance = ""


def _without_sizes(settings: GroupSnapshot) -> GroupSnapshot:
    return settings._replace(desired=0, minimum=0, maximum=0)
