"""Instance refreshes: old instances out, new ones in.

Source: EC2 Auto Scaling API reference, StartInstanceRefresh and its siblings; see decisions/instance_refresh.py.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from blackstart.domain.target_health import TargetState
from blackstart.emulator.controllers.activity_log import moment
from blackstart.emulator.controllers.auto_scaling import AutoScalingController
from blackstart.emulator.controllers.event_bus import Event, EventBus
from blackstart.emulator.controllers.group_memory import GroupMemory
from blackstart.emulator.decisions import instance_refresh as decisions
from blackstart.emulator.decisions import instance_refresh_words as words
from blackstart.emulator.decisions.refresh_state import (
    ACTIVE,
    Pool,
    Preferences,
    RefreshState,
    RefreshStatus,
    RefreshStep,
)
from blackstart.emulator.decisions.scaling_group import LEAVING, GroupSnapshot, Lifecycle
from blackstart.emulator.decisions.target_health import TargetHealth
from blackstart.emulator.decisions.warm_pool import READY

LOOK_S = 5.0
"""A refresh looks at the load balancers' opinions, and at what else nobody tells it, this often."""
NOT_YET = frozenset({TargetState.INITIAL, TargetState.UNHEALTHY, TargetState.DRAINING})


class AlreadyRefreshingError(Exception):
    """The group has an active refresh."""


class NotRefreshingError(Exception):
    """The group has no active refresh."""


class IrreversibleError(Exception):
    """There is nothing that the refresh can be rolled back to."""


@dataclass
class Rollback:
    """A rollback's beginning. percent, to_update: of the refresh at that moment."""

    reason: str
    start_s: float
    percent: int
    to_update: int


@dataclass
class Refresh:
    """One instance refresh. desired: the configuration that it deploys, as it was given, or None. shown: the
    preferences as they are described. pool_old: instances of the warm pool that are to be replaced, of pool_original.
    look_s: when it looks again though nothing has changed.
    """

    refresh_id: str
    preferences: Preferences
    shown: Mapping[str, Any]
    desired: Mapping[str, Any] | None
    state: RefreshState
    pool_old: frozenset[str] = frozenset()
    pool_original: frozenset[str] = frozenset()
    end_s: float | None = None
    rollback: Rollback | None = None
    seen: tuple[int, GroupSnapshot | None] | None = None
    """What the last step was decided from: changes of members so far, the group's settings."""
    look_s: float = 0.0


class Configurations(Protocol):
    """moto's side: what a group launches from. A group is moto's own object."""

    def launch_from(self, group: Any, desired: Mapping[str, Any] | None) -> None:
        """Launch from another configuration than the group shows, or from its own again."""

    def adopt(self, group: Any, desired: Mapping[str, Any]) -> None:
        """Make a configuration the group's own."""

    def template(self, group: Any, desired: Mapping[str, Any] | None) -> tuple[str, int]:
        """The launch template and version that launches use at the moment, ("", 0) for a launch configuration."""

    def reversible(self, group: Any) -> bool:
        """Whether the group's own configuration is one that a rollback can return to."""


class InstanceRefreshController:
    """Advances every refresh. health: what the load balancers say; alarming: whether one of the named alarms is in
    ALARM; replace_pool: takes instances out of the warm pool, which is then filled again.
    """

    def __init__(
        self,
        scaling: AutoScalingController,
        configurations: Configurations,
        *,
        health: Callable[[str, str, int | None], TargetHealth],
        alarming: Callable[[Any, Iterable[str]], bool],
        replace_pool: Callable[[Any, frozenset[str], float], None],
        events: EventBus,
        new_id: Callable[[], str],
    ) -> None:
        self._replace_pool = replace_pool
        self._scaling = scaling
        self._configurations = configurations
        self._health = health
        self._alarming = alarming
        self._events = events
        self._new_id = new_id
        self._refreshes: dict[str, list[Refresh]] = {}

    def start(
        self,
        group: Any,
        preferences: Preferences,
        shown: Mapping[str, Any],
        desired: Mapping[str, Any] | None,
        now_s: float,
    ) -> str:
        """Begin a refresh; its id. Raises AlreadyRefreshingError, IrreversibleError."""
        if self.active(group) is not None:
            raise AlreadyRefreshingError(group.name)
        if preferences.auto_rollback and (desired is None or not self._configurations.reversible(group)):
            raise IrreversibleError(group.name)
        memory, snapshot = self._scaling.memory(group, now_s), self._scaling.snapshot(group)
        unmatched = self._unmatched(group, snapshot, desired) if preferences.skip_matching else None
        pool_old = frozenset(memory.pool)
        if preferences.skip_matching:
            pool_old = self._unmatched_pool(group, memory, desired)
        refresh = Refresh(
            refresh_id=self._new_id(),
            preferences=preferences,
            shown=shown,
            desired=desired,
            state=decisions.begun(snapshot.members, preferences, unmatched, now_s),
            pool_old=pool_old,
            pool_original=frozenset(memory.pool),
        )
        self._refreshes.setdefault(group.arn, []).append(refresh)
        return refresh.refresh_id

    def cancel(self, group: Any, wait: bool, now_s: float) -> str:
        """Stop replacing; nothing is undone. wait: launches and terminations under way end first.

        Raises NotRefreshingError.
        """
        refresh = self._active_or_raise(group)
        if refresh.state.status is RefreshStatus.CANCELLING:
            raise NotRefreshingError(group.name)
        status = RefreshStatus.CANCELLING if wait else RefreshStatus.CANCELLED
        self._into(group, refresh, refresh.state._replace(status=status, waiting=None, until_s=None), now_s)
        self._let_go(group, self._scaling.memory(group, now_s))
        return refresh.refresh_id

    def roll_back(self, group: Any, now_s: float) -> str:
        """Turn a refresh round. Raises NotRefreshingError, IrreversibleError."""
        refresh = self._active_or_raise(group)
        if refresh.state.status in (RefreshStatus.CANCELLING, RefreshStatus.ROLLBACK_IN_PROGRESS):
            raise NotRefreshingError(group.name)
        if refresh.desired is None or not self._configurations.reversible(group):
            raise IrreversibleError(group.name)
        self._roll_back(group, refresh, words.BY_USER, now_s)
        return refresh.refresh_id

    def of(self, group: Any) -> list[Refresh]:
        """A group's refreshes, newest first."""
        return list(reversed(self._refreshes.get(group.arn, [])))

    def active(self, group: Any) -> Refresh | None:
        """The refresh or rollback that is under way."""
        refreshes = self._refreshes.get(group.arn)
        return refreshes[-1] if refreshes and refreshes[-1].state.status in ACTIVE else None

    def progress(self, group: Any, refresh: Refresh, now_s: float) -> Pool:
        """How many instances of the warm pool are old or on their way."""
        pool = self._scaling.memory(group, now_s).pool.values()
        left = sum(m.instance_id in refresh.pool_old and m.lifecycle not in LEAVING for m in pool)
        return Pool(left, sum(m.lifecycle not in READY for m in pool))

    def tick(self, now_s: float) -> None:
        groups = list(self._scaling.groups())
        for gone in self._refreshes.keys() - {group.arn for group in groups}:
            del self._refreshes[gone]
        for group in groups:
            refresh = self.active(group)
            if refresh is not None:
                self._advance(group, refresh, now_s)

    def _advance(self, group: Any, refresh: Refresh, now_s: float) -> None:
        memory = self._scaling.memory(group, now_s)
        alarming = self._alarming(group, refresh.preferences.alarms)
        seen = (memory.changes, memory.settings)
        if seen == refresh.seen and now_s < refresh.look_s and not alarming:
            return
        refresh.seen = seen
        if refresh.state.status is RefreshStatus.PENDING and refresh.desired is not None:
            self._configurations.launch_from(group, refresh.desired)
        snapshot = self._scaling.snapshot(group)
        going_forward = refresh.state.status in (RefreshStatus.PENDING, RefreshStatus.IN_PROGRESS)
        skipping = refresh.preferences.skip_matching and going_forward
        step = decisions.advance(
            refresh.state,
            refresh.preferences,
            snapshot,
            now_s,
            not_serving=self._not_serving(snapshot, memory),
            unmatched=self._unmatched(group, snapshot, refresh.desired) if skipping else None,
            alarming=alarming,
            surge=memory.surge,
            pool=self.progress(group, refresh, now_s),
        )
        if step.checkpoint is not None:
            delay_s = refresh.preferences.checkpoint_delay_s
            detail = {"CheckpointPercentage": str(step.checkpoint), "CheckpointDelay": f"{delay_s:g}"}
            self._tell(group, refresh, words.CHECKPOINT_EVENT, now_s, detail)
        self._replace(group, memory, step, now_s)
        if step.replace_pool:
            self._replace_pool(group, refresh.pool_old, now_s)
        self._into(group, refresh, step.state, now_s)
        refresh.look_s = _next_look_s(step.state, refresh.preferences, snapshot, now_s)
        if step.state.status is RefreshStatus.FAILED and refresh.preferences.auto_rollback:
            self._roll_back(group, refresh, words.status_reason(step.state, now_s) or "", now_s)
        elif step.state.status not in ACTIVE:
            if step.state.status is RefreshStatus.SUCCESSFUL and refresh.desired is not None:
                self._configurations.adopt(group, refresh.desired)
            self._let_go(group, memory)

    def _replace(self, group: Any, memory: GroupMemory, step: RefreshStep, now_s: float) -> None:
        if step.surge != memory.surge:
            memory.replacements += max(0, step.surge - memory.surge)
            memory.surge, memory.stale = step.surge, True
        for instance_id in step.terminate:
            member = memory.members[instance_id]
            if member.lifecycle is not Lifecycle.STANDBY:
                memory.replacements += 1
            cause = words.taken_out_cause(instance_id, moment(now_s))
            self._scaling.members.begin_termination(group, memory, member, cause, now_s)

    def _roll_back(self, group: Any, refresh: Refresh, reason: str, now_s: float) -> None:
        memory = self._scaling.memory(group, now_s)
        state = refresh.state
        refresh.rollback = Rollback(reason, now_s, state.percent, state.to_update)
        refresh.end_s = None
        self._configurations.launch_from(group, None)
        refresh.pool_old = frozenset(memory.pool) - refresh.pool_original - state.original
        members = self._scaling.snapshot(group).members
        self._into(group, refresh, decisions.rolled_back(state, members, now_s), now_s)

    def _let_go(self, group: Any, memory: GroupMemory) -> None:
        """The refresh replaces nothing any more."""
        self._configurations.launch_from(group, None)
        if memory.surge:
            memory.surge, memory.stale = 0, True
        memory.replacements = 0

    def _into(self, group: Any, refresh: Refresh, state: RefreshState, now_s: float) -> None:
        before, refresh.state = refresh.state.status, state
        if state.status not in ACTIVE:
            refresh.end_s = now_s
        if state.status is not before:
            refresh.look_s = now_s
        if state.status is not before and state.status in words.EVENTS:
            self._tell(group, refresh, words.EVENTS[state.status], now_s, {})

    def _tell(self, group: Any, refresh: Refresh, detail_type: str, now_s: float, detail: Mapping[str, str]) -> None:
        self._events(
            Event(
                source="aws.autoscaling",
                detail_type=detail_type,
                account=group.account_id,
                region=group.region,
                resources=(group.arn,),
                detail={"InstanceRefreshId": refresh.refresh_id, "AutoScalingGroupName": group.name, **detail},
                time_s=now_s,
            )
        )

    def _active_or_raise(self, group: Any) -> Refresh:
        refresh = self.active(group)
        if refresh is None:
            raise NotRefreshingError(group.name)
        return refresh

    def _unmatched(self, group: Any, snapshot: GroupSnapshot, desired: Mapping[str, Any] | None) -> frozenset[str]:
        wanted = self._configurations.template(group, desired)
        return frozenset(
            m.instance_id
            for m in snapshot.members
            if m.lifecycle not in LEAVING and (m.template_id, m.template_version) != wanted
        )

    def _unmatched_pool(self, group: Any, memory: GroupMemory, desired: Mapping[str, Any] | None) -> frozenset[str]:
        wanted = self._configurations.template(group, desired)
        return frozenset(
            m.instance_id
            for m in memory.pool.values()
            if (m.instance.template_id, m.instance.template_version) != wanted
        )

    def _not_serving(self, snapshot: GroupSnapshot, memory: GroupMemory) -> frozenset[str]:
        """Members that a load balancer of a group with ELB health checks does not find healthy."""
        if not snapshot.elb_checks:
            return frozenset()
        return frozenset(
            member.instance_id
            for member in memory.members.values()
            if any(self._health(arn, member.instance_id, None).state in NOT_YET for arn in member.registered)
        )


def _next_look_s(state: RefreshState, preferences: Preferences, group: GroupSnapshot, now_s: float) -> float:
    """When a refresh looks again though no member changed: a warm-up, a delay or a time limit ends, or its period."""
    moments = [now_s + LOOK_S, state.progress_s + decisions.TIMEOUT_S]
    if state.until_s is not None:
        moments.append(state.until_s)
    moments += [m.in_service_s + preferences.warm_up_s for m in group.members if m.in_service_s is not None]
    return min(moment for moment in moments if moment > now_s)
