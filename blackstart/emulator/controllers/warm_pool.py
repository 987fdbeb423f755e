"""Warm pools: instances that are launched and kept ready beside their group, and leave the pool when it scales out.

Source: EC2 Auto Scaling user guide, "Decrease latency for applications with long boot times using warm pools", "Use
lifecycle hooks with a warm pool".
"""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from blackstart.emulator.controllers.activity_log import Activity, moment
from blackstart.emulator.controllers.auto_scaling import AutoScalingController
from blackstart.emulator.controllers.ec2_lifecycle import InstanceFact
from blackstart.emulator.controllers.group_memory import GroupMemory, GroupStore, LaunchError, Member
from blackstart.emulator.controllers.lifecycle_hooks import EC2, GROUP, WARM_POOL, LifecycleHooks, Passage
from blackstart.emulator.decisions import activity as words
from blackstart.emulator.decisions import instance_refresh_words, warm_pool_words
from blackstart.emulator.decisions.activity import ActivityKind, ActivityStatus
from blackstart.emulator.decisions.instance_lifecycle import InstanceState
from blackstart.emulator.decisions.launch_failure import LaunchFailure, failed_again
from blackstart.emulator.decisions.lifecycle_hook import Transition
from blackstart.emulator.decisions.scaling_group import COUNTED, LEAVING, GroupSnapshot, Lifecycle, Process, Unhealthy
from blackstart.emulator.decisions.warm_pool import (
    KEPT,
    READY,
    PoolMember,
    PoolSettings,
    PoolState,
    decide_pool,
    first_to_leave,
    pool_size,
)
from blackstart.emulator.parameters import Parameters

INTO_POOL = Passage(Transition.LAUNCHING, EC2, WARM_POOL)
BACK_TO_POOL = Passage(Transition.TERMINATING, GROUP, WARM_POOL)
OUT_OF_POOL = Passage(Transition.TERMINATING, WARM_POOL, EC2)
NONE = PoolSettings(minimum=0, max_prepared=0)


class PoolStore(Protocol):
    """moto's side. A group is moto's own object."""

    def settings(self, group: Any) -> PoolSettings | None:
        """The group's warm pool; None when it has none."""

    def show(self, group: Any, member: Member) -> None:
        """Describe an instance of the warm pool, new or changed."""

    def hide(self, group: Any, instance_id: str) -> None: ...

    def removed(self, group: Any) -> None:
        """A warm pool that was to be deleted is empty: it is no more."""

    def deleting(self, group: Any) -> bool: ...
    def start(self, instance_id: str) -> None: ...
    def stop(self, instance_id: str) -> None: ...


class _Key(NamedTuple):
    """What a pool's decision depends on; nothing is decided while it stays the same."""

    size: int
    lifecycles: tuple[Lifecycle, ...]
    suspended: frozenset[str]
    zones: tuple[str, ...]
    """Those in which a launch may be tried."""


@dataclass
class _Pool:
    """A group that has or had a warm pool. look_s: when its instances' health is looked at next. returning: members
    on their way back from the group. failures: of launches, by zone.
    """

    group: Any
    memory: GroupMemory
    look_s: float
    key: _Key | None = None
    failures: dict[str, LaunchFailure] = field(default_factory=dict)
    returning: set[str] = field(default_factory=set)


class WarmPoolController:
    """Fills, empties and lends out. hooks: what instances wait for on their way into the pool and out of it."""

    def __init__(
        self,
        store: PoolStore,
        groups: GroupStore,
        scaling: AutoScalingController,
        parameters: Parameters,
        *,
        facts: Callable[[], Mapping[str, InstanceFact]],
        hooks: LifecycleHooks,
    ) -> None:
        self._store = store
        self._groups = groups
        self._scaling = scaling
        self._parameters = parameters
        self._facts = facts
        self._hooks = hooks
        self._pools: dict[str, _Pool] = {}

    def tick(self, now_s: float) -> None:
        present = set()
        for group in self._scaling.groups():
            present.add(group.arn)
            settings = self._store.settings(group)
            if settings is not None or group.arn in self._pools:
                self._tick_pool(group, settings, now_s)
        for arn in self._pools.keys() - present:
            self._group_deleted(self._pools.pop(arn), now_s)

    def lend(self, group: Any, memory: GroupMemory, zone: str, cause: str, now_s: float) -> Member | None:
        """A warm instance becomes a member of its group, pending; None when there is none that is ready.

        Its activity is begun; the caller sets how it joins target groups.
        """
        if not memory.pool:
            return None
        crowd = Counter(m.instance.zone for m in memory.members.values() if m.lifecycle in COUNTED)
        chosen = first_to_leave(self._members(memory), zone, crowd)
        if chosen is None:
            return None
        member = memory.pool.pop(chosen)
        stopped = member.lifecycle is not Lifecycle.WARMED_RUNNING
        member.launching = self._begin(
            group, member, warm_pool_words.from_pool_description(chosen), cause, now_s, ActivityKind.LAUNCH
        )
        _progress(member.launching, ActivityStatus.PRE_IN_SERVICE, 30)
        memory.members[chosen], member.from_pool, member.launch_hooks = member, True, True
        self._scaling.members.move(group, memory, member, Lifecycle.PENDING)
        if stopped:
            self._store.start(chosen)
        self._store.hide(group, chosen)
        return member

    def take_back(self, group: Any, memory: GroupMemory, member: Member, cause: str, now_s: float) -> bool:
        """A member that scale-in selected returns to the pool, if its reuse policy says so; whether it does."""
        settings = self._store.settings(group)
        if settings is None or not settings.reuse or self._store.deleting(group):
            return False
        if member.lifecycle is not Lifecycle.IN_SERVICE or member.unhealthy is not None:
            return False
        self._scaling.members.part(group, memory, member, now_s)
        member.lifecycle, member.in_service_s, member.registered = Lifecycle.WARMED_PENDING, None, set()
        member.launching = self._begin(
            group, member, warm_pool_words.return_description(member.instance_id), cause, now_s, ActivityKind.OTHER
        )
        memory.pool[member.instance_id] = member
        self._of(group, memory, now_s).returning.add(member.instance_id)
        self._store.show(group, member)
        return True

    def replace(self, group: Any, instance_ids: frozenset[str], now_s: float) -> None:
        """Terminate instances of the pool in response to an instance refresh; the pool is filled again."""
        memory = self._scaling.memory(group, now_s)
        for instance_id in sorted(instance_ids & memory.pool.keys()):
            if memory.pool[instance_id].lifecycle not in LEAVING:
                cause = instance_refresh_words.taken_out_cause(instance_id, moment(now_s))
                self._begin_termination(group, memory, memory.pool[instance_id], cause, now_s)

    def delete(self, group: Any, now_s: float) -> None:
        """Terminate all instances of the pool without waiting for hooks; the pool is no more at once."""
        memory = self._scaling.memory(group, now_s)
        cause = warm_pool_words.deleted_cause(moment(now_s))
        for member in memory.pool.values():
            if member.lifecycle not in LEAVING:
                self._begin_termination(group, memory, member, cause, now_s, hooks=False)
        self._store.removed(group)

    def group_of(self, instance_id: str) -> Any | None:
        """The group whose warm pool an instance is in, or None."""
        found = (pool.group for pool in self._pools.values() if instance_id in pool.memory.pool)
        return next(found, None)

    def shown(self, group: Any, now_s: float) -> list[tuple[Lifecycle, str]]:
        """The lifecycle state and type of each instance of the pool."""
        members = self._scaling.memory(group, now_s).pool.values()
        return [(member.lifecycle, member.instance.instance_type) for member in members]

    def busy(self, group: Any, now_s: float) -> bool:
        """Whether instances of the pool are on their way in or out."""
        return any(m.lifecycle not in READY for m in self._scaling.memory(group, now_s).pool.values())

    def _of(self, group: Any, memory: GroupMemory, now_s: float) -> _Pool:
        pool = self._pools.get(group.arn)
        if pool is None:
            pool = _Pool(group, memory, now_s + self._parameters.group_health_period_s)
            self._pools[group.arn] = pool
        return pool

    def _tick_pool(self, group: Any, settings: PoolSettings | None, now_s: float) -> None:
        memory = self._scaling.memory(group, now_s)
        pool = self._of(group, memory, now_s)
        wanted = NONE if settings is None or self._store.deleting(group) or memory.deleting else settings
        for member in [m for m in memory.pool.values() if m.lifecycle not in READY]:
            self._advance(pool, wanted, member, now_s)
        snapshot = self._groups.settings(group)
        self._decide(pool, wanted, snapshot, now_s)
        if not memory.pool and self._store.deleting(group):
            self._store.removed(group)
        if not memory.pool and self._store.settings(group) is None:
            del self._pools[group.arn]

    def _decide(self, pool: _Pool, settings: PoolSettings, group: GroupSnapshot, now_s: float) -> None:
        memory = pool.memory
        lifecycles = tuple(m.lifecycle for m in memory.pool.values())
        size = pool_size(settings, group.maximum, group.desired)
        zones = tuple(zone for zone in group.zones if not _paused(pool.failures.get(zone), now_s))
        key = _Key(size, lifecycles, group.suspended, zones)
        if key == pool.key and now_s < pool.look_s:
            return
        pool.key = key
        if now_s >= pool.look_s:
            pool.look_s = now_s + self._parameters.group_health_period_s
        crowd = Counter(m.instance.zone for m in memory.members.values() if m.lifecycle in COUNTED)
        decision = decide_pool(size, self._members(memory), zones, crowd)
        at = moment(now_s)
        for instance_id in decision.broken:
            cause = words.unhealthy_cause(Unhealthy.NOT_RUNNING, at)
            self._begin_termination(pool.group, memory, memory.pool[instance_id], cause, now_s)
        if Process.TERMINATE not in group.suspended:
            for instance_id in decision.terminate:
                cause = warm_pool_words.shrink_cause(instance_id, at)
                self._begin_termination(pool.group, memory, memory.pool[instance_id], cause, now_s)
        if Process.LAUNCH not in group.suspended:
            for zone in decision.launch:
                if not _paused(pool.failures.get(zone), now_s):
                    self._launch(pool, zone, now_s)

    def _launch(self, pool: _Pool, zone: str, now_s: float) -> None:
        group, memory = pool.group, pool.memory
        cause = warm_pool_words.fill_cause(moment(now_s))
        try:
            instance = self._groups.launch(group, zone)
        except LaunchError as error:
            pauses = (self._parameters.launch_retry_s, self._parameters.launch_retry_longest_s)
            pool.failures[zone] = failed_again(pool.failures.get(zone), *pauses, now_s)
            said = words.launch_failed_description(str(error))
            log = self._scaling.log
            failed = log.begin(group.name, group.arn, said, cause, zone, error.subnet, now_s, kind=ActivityKind.LAUNCH)
            failed.finish(ActivityStatus.FAILED, now_s, words.launch_failed_message(str(error)))
            return
        pool.failures.pop(zone, None)
        member = Member(instance, launched_s=now_s, lifecycle=Lifecycle.WARMED_PENDING)
        member.protected = self._groups.protects_new(group)
        description = warm_pool_words.into_pool_description(instance.instance_id)
        member.launching = self._begin(group, member, description, cause, now_s, ActivityKind.LAUNCH)
        memory.pool[instance.instance_id] = member
        self._store.show(group, member)

    def _advance(self, pool: _Pool, settings: PoolSettings, member: Member, now_s: float) -> None:
        """Take an instance on by what is due: into the pool, or out of it for good."""
        state = self._state(member.instance_id)
        if member.lifecycle in LEAVING:
            self._go(pool, member, state, now_s)
        elif state in (InstanceState.SHUTTING_DOWN, InstanceState.TERMINATED):
            return  # the decision takes it for broken
        elif member.lifecycle is Lifecycle.WARMED_PENDING:
            if state is InstanceState.RUNNING and now_s >= member.drained_s:
                back = member.instance_id in pool.returning
                self._wait_or(pool, member, BACK_TO_POOL if back else INTO_POOL, now_s)
        elif member.lifecycle is Lifecycle.WARMED_PENDING_WAIT:
            verdict = self._hooks.verdict(member.instance_id, now_s)
            if verdict.abandoned is not None:
                cause = warm_pool_words.abandoned_cause(member.instance_id, moment(now_s))
                self._begin_termination(pool.group, pool.memory, member, cause, now_s)
            elif not verdict.waits:
                self._to(pool, member, Lifecycle.WARMED_PENDING_PROCEED)
        if member.lifecycle is Lifecycle.WARMED_PENDING_PROCEED:
            self._keep(pool, settings, member, state, now_s)

    def _wait_or(self, pool: _Pool, member: Member, passage: Passage, now_s: float) -> None:
        waits = self._hooks.begin(pool.group, member.instance_id, passage, now_s)
        self._to(pool, member, Lifecycle.WARMED_PENDING_WAIT if waits else Lifecycle.WARMED_PENDING_PROCEED)

    def _keep(self, pool: _Pool, settings: PoolSettings, member: Member, state: InstanceState, now_s: float) -> None:
        """Stop what is to be stopped; then the instance is ready."""
        if settings.state is not PoolState.RUNNING:
            if state is InstanceState.RUNNING:
                self._store.stop(member.instance_id)
            if state is not InstanceState.STOPPED:
                return
        pool.returning.discard(member.instance_id)
        if member.launching is not None:
            member.launching.finish(ActivityStatus.SUCCESSFUL, now_s)
            member.launching = None
        self._to(pool, member, KEPT[settings.state])

    def discard(self, group: Any, memory: GroupMemory, member: Member, cause: str, now_s: float) -> Activity:
        """Terminate an instance of the pool, which is filled again."""
        if member.lifecycle in LEAVING and member.terminating is not None:
            return member.terminating
        return self._begin_termination(group, memory, member, cause, now_s)

    def _begin_termination(
        self, group: Any, memory: GroupMemory, member: Member, cause: str, now_s: float, *, hooks: bool = True
    ) -> Activity:
        self._hooks.forget(member.instance_id)
        if member.launching is not None and member.launching.end_time is None:
            member.launching.finish(ActivityStatus.CANCELLED, now_s)
        pool = self._of(group, memory, now_s)
        pool.returning.discard(member.instance_id)
        description = words.terminate_description(member.instance_id)
        member.terminating = self._begin(group, member, description, cause, now_s, ActivityKind.TERMINATE)
        running = self._state(member.instance_id) is InstanceState.RUNNING
        waits = running and hooks and self._hooks.begin(group, member.instance_id, OUT_OF_POOL, now_s)
        self._to(pool, member, Lifecycle.WARMED_TERMINATING_WAIT if waits else Lifecycle.WARMED_TERMINATING)
        return member.terminating

    def _go(self, pool: _Pool, member: Member, state: InstanceState, now_s: float) -> None:
        if member.lifecycle is Lifecycle.WARMED_TERMINATING_WAIT:
            verdict = self._hooks.verdict(member.instance_id, now_s)
            if verdict.waits:
                return
            self._to(pool, member, Lifecycle.WARMED_TERMINATING_PROCEED)
        if not member.ec2_told:
            member.ec2_told = True
            self._groups.terminate(member.instance_id)
        elif state is InstanceState.TERMINATED:
            if member.terminating is not None:
                member.terminating.finish(ActivityStatus.SUCCESSFUL, now_s)
            self._hooks.forget(member.instance_id)
            pool.memory.pool.pop(member.instance_id, None)
            self._store.hide(pool.group, member.instance_id)

    def _group_deleted(self, pool: _Pool, now_s: float) -> None:
        """The group is gone: so is what is left in its pool."""
        for member in pool.memory.pool.values():
            self._hooks.forget(member.instance_id)
            self._groups.terminate(member.instance_id)
            for activity in (member.launching, member.terminating):
                if activity is not None and activity.end_time is None:
                    activity.finish(ActivityStatus.CANCELLED, now_s)
        pool.memory.pool.clear()

    def _to(self, pool: _Pool, member: Member, lifecycle: Lifecycle) -> None:
        member.lifecycle = lifecycle
        self._store.show(pool.group, member)

    def _state(self, instance_id: str) -> InstanceState:
        fact = self._facts().get(instance_id)
        return fact.state if fact else InstanceState.TERMINATED

    def _members(self, memory: GroupMemory) -> list[PoolMember]:
        return [
            PoolMember(
                member.instance_id,
                member.instance.zone,
                member.lifecycle,
                self._state(member.instance_id),
                member.launched_s,
                member.instance.template_version,
            )
            for member in memory.pool.values()
        ]

    def _begin(
        self, group: Any, member: Member, description: str, cause: str, now_s: float, kind: ActivityKind
    ) -> Activity:
        return self._scaling.log.begin(
            group.name,
            group.arn,
            description,
            cause,
            member.instance.zone,
            member.instance.subnet,
            now_s,
            kind=kind,
            instance_id=member.instance_id,
        )


def _paused(failure: LaunchFailure | None, now_s: float) -> bool:
    return failure is not None and failure.retry_s is not None and now_s < failure.retry_s


def _progress(activity: Activity, status: ActivityStatus, percent: int) -> None:
    activity.status_code, activity.progress = status.value, percent
