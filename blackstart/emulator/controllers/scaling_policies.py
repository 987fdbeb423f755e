"""Scaling policies: alarms and users trigger them, one decision a group and tick changes the desired capacity.

Source: EC2 Auto Scaling user guide, "Dynamic scaling", "Scaling cooldowns", "Suspend and resume processes"
(AlarmNotification); API reference, ExecutePolicy.
"""

from collections.abc import Iterable
from typing import Any, NamedTuple, Protocol

from blackstart.emulator.controllers.alarm_actions import ActionFailedError, AlarmFired
from blackstart.emulator.decisions.cooldown import Hold, hold
from blackstart.emulator.decisions.scaling_group import GroupSnapshot, Process
from blackstart.emulator.decisions.scaling_policy import (
    Outcome,
    PolicyKind,
    Proposal,
    Room,
    ScalingPolicy,
    Verdict,
    settle,
)
from blackstart.emulator.decisions.step_scaling import simple_outcome, step_outcome
from blackstart.emulator.decisions.target_tracking import METRIC_LAG_S, tracking_outcome
from blackstart.emulator.decisions.warm_up import ScaleOut, WarmUp, warm_up


class Waits(NamedTuple):
    """A group's DefaultCooldown, and its DefaultInstanceWarmup, None without one."""

    cooldown_s: float
    warm_up_s: float | None


class PolicyStore(Protocol):
    """Where policies live. A group is the backend's own object."""

    def find(self, arn: str) -> tuple[Any, ScalingPolicy] | None: ...
    def policies(self, group: Any) -> Iterable[ScalingPolicy]: ...
    def waits(self, group: Any) -> Waits: ...
    def in_alarm(self, group: Any, alarm_name: str) -> bool:
        """Whether an alarm of the group's region is in the state ALARM."""


class Groups(Protocol):
    """The Auto Scaling groups, as policies see them."""

    def groups(self) -> Iterable[Any]: ...
    def snapshot(self, group: Any) -> GroupSnapshot: ...
    def change_capacity(self, group: Any, desired: int, words: str, now_s: float) -> None: ...
    def last_activity_end_s(self, group: Any) -> float | None: ...


class ScalingInProgressError(Exception):
    """A policy or user that honours the cooldown has to wait. cooldown: whether for that, else for an activity."""

    def __init__(self, held: Hold) -> None:
        super().__init__(held.value)
        self.cooldown = held is Hold.COOLDOWN


class NoStepError(Exception):
    """No step adjustment is for the metric value that a user gave."""


class _Trigger(NamedTuple):
    policy: ScalingPolicy
    value: float | None
    threshold: float
    words: str


class _Memory:
    """What is remembered of a group. changed_s, changed_to: the last change by a policy; cooldown_s: the cooldown that
    a simple policy set with it; scale_ins: when policies scaled in lately, and from which capacity.
    """

    def __init__(self) -> None:
        self.triggers: list[_Trigger] = []
        self.scale_outs: tuple[ScaleOut, ...] = ()
        self.scale_ins: list[tuple[float, int]] = []
        self.changed_s: float | None = None
        self.changed_to: int | None = None
        self.cooldown_s: float | None = None


class ScalingPoliciesController:
    """Also the AlarmActions of the service "autoscaling". gradual_percent: of the group's capacity, the most that
    target tracking removes at once (Parameters).
    """

    def __init__(self, store: PolicyStore, groups: Groups, gradual_percent: float = 100.0) -> None:
        self._gradual_percent = gradual_percent
        self._store = store
        self._groups = groups
        self._memories: dict[str, _Memory] = {}

    def carry_out(self, fired: AlarmFired, now_s: float) -> None:
        """Note that an alarm triggered a policy; `tick` decides, so that alarms of one moment are decided together.

        A policy that is disabled, or whose group has AlarmNotification suspended, is not invoked. Raises
        ActionFailedError when there is no such policy.
        """
        del now_s
        found = self._store.find(fired.action)
        if found is None:
            raise ActionFailedError(f"No scaling policy found for {fired.action}")
        group, policy = found
        if policy.enabled:
            words = f"a monitor alarm {fired.alarm_name} in state {fired.state.value} triggered policy {policy.name}"
            trigger = _Trigger(policy, fired.value, fired.threshold, words)
            self._memory(group).triggers.append(trigger)

    def execute(
        self,
        group: Any,
        policy: ScalingPolicy,
        now_s: float,
        *,
        honour_cooldown: bool = False,
        value: float | None = None,
        threshold: float = 0.0,
    ) -> None:
        """A user executes a simple or step policy, at once. Raises ScalingInProgressError, NoStepError."""
        if honour_cooldown and policy.kind is PolicyKind.SIMPLE:
            self.check_cooldown(group, now_s)
        trigger = _Trigger(policy, value, threshold, f"a user request executed policy {policy.name}")
        snapshot = self._groups.snapshot(group)
        outcome = self._outcome(trigger, self._room(group, snapshot, now_s))
        if outcome.verdict is Verdict.NO_STEP:
            raise NoStepError
        if outcome.verdict in (Verdict.OUT, Verdict.IN):
            self._change(group, snapshot, Proposal(policy, outcome, trigger.words), now_s)

    def check_cooldown(self, group: Any, now_s: float) -> None:
        """Raises ScalingInProgressError while an activity is in progress or the cooldown lasts."""
        held = self._hold(group, self._groups.snapshot(group), now_s)
        if held is not Hold.NONE:
            raise ScalingInProgressError(held)

    def warm_up_s(self, group: Any) -> float:
        """How long a group's new instances are left out of its aggregated metrics after they came into service: the
        group's default, or what a step or target tracking policy says when it says more.
        """
        given = [policy.warm_up_s or 0.0 for policy in self._store.policies(group)]
        return max([self._store.waits(group).warm_up_s or 0.0, *given])

    def tick(self, now_s: float) -> None:
        """Decide for each group whose policies were triggered since the last tick."""
        if not any(memory.triggers for memory in self._memories.values()):
            return
        groups = {group.arn: group for group in self._groups.groups()}
        for arn in self._memories.keys() - groups.keys():
            del self._memories[arn]
        for arn, memory in self._memories.items():
            triggers, memory.triggers = memory.triggers, []
            if triggers:
                self._decide(groups[arn], triggers, now_s)

    def _decide(self, group: Any, triggers: list[_Trigger], now_s: float) -> None:
        snapshot = self._groups.snapshot(group)
        if Process.ALARM_NOTIFICATION in snapshot.suspended:
            return
        room, held = self._room(group, snapshot, now_s), self._hold(group, snapshot, now_s)
        proposals = [
            Proposal(trigger.policy, self._outcome(trigger, room), trigger.words)
            for trigger in triggers
            if trigger.policy.kind is not PolicyKind.SIMPLE or held is Hold.NONE
        ]
        chosen = settle(proposals, self._all_ready_to_scale_in(group))
        if chosen is not None:
            self._change(group, snapshot, chosen, now_s)

    def _outcome(self, trigger: _Trigger, room: Room) -> Outcome:
        policy = trigger.policy
        if policy.kind is PolicyKind.SIMPLE:
            return simple_outcome(policy, room)
        if policy.kind is PolicyKind.STEP:
            return step_outcome(policy, room, trigger.value, trigger.threshold)
        return tracking_outcome(policy, room, trigger.value, self._gradual_percent)

    def _room(self, group: Any, snapshot: GroupSnapshot, now_s: float) -> Room:
        state = self._warm_up(group, snapshot, now_s)
        held = Verdict.ZONAL_SHIFT if snapshot.shifted_zones else Verdict.WARMING_UP if state.warming else None
        current = max(0, snapshot.desired - len(state.warming) - state.to_come)
        memory = self._memory(group)
        memory.scale_ins = [(at_s, before) for at_s, before in memory.scale_ins if now_s < at_s + METRIC_LAG_S]
        measured = max((before for _, before in memory.scale_ins), default=0)
        return Room(snapshot.desired, snapshot.minimum, snapshot.maximum, current, held, measured)

    def _warm_up(self, group: Any, snapshot: GroupSnapshot, now_s: float) -> WarmUp:
        memory = self._memory(group)
        state = warm_up(snapshot, memory.scale_outs, self._store.waits(group).warm_up_s, now_s)
        memory.scale_outs = state.scale_outs
        return state

    def _hold(self, group: Any, snapshot: GroupSnapshot, now_s: float) -> Hold:
        memory = self._memory(group)
        if memory.changed_s == now_s and memory.changed_to == snapshot.desired:
            return Hold.ACTIVITY  # it begins with the next look at the group
        own = memory.cooldown_s if memory.changed_to == snapshot.desired else None
        cooldown_s = self._store.waits(group).cooldown_s if own is None else own
        ended_s = self._groups.last_activity_end_s(group)
        return hold(snapshot, memory.changed_s if ended_s is None else ended_s, cooldown_s, now_s)

    def _all_ready_to_scale_in(self, group: Any) -> bool:
        return all(
            self._store.in_alarm(group, policy.low_alarm)
            for policy in self._store.policies(group)
            if policy.kind is PolicyKind.TARGET_TRACKING and policy.scales_in and policy.enabled
        )

    def _change(self, group: Any, snapshot: GroupSnapshot, chosen: Proposal, now_s: float) -> None:
        memory, policy, capacity = self._memory(group), chosen.policy, chosen.outcome.capacity
        memory.changed_s, memory.changed_to = now_s, capacity
        memory.cooldown_s = policy.cooldown_s if policy.kind is PolicyKind.SIMPLE else None
        if capacity > snapshot.desired and policy.kind is not PolicyKind.SIMPLE:
            waits = self._store.waits(group)
            default_s = waits.cooldown_s if waits.warm_up_s is None else waits.warm_up_s
            warm_up_s = default_s if policy.warm_up_s is None else policy.warm_up_s
            memory.scale_outs += (ScaleOut(now_s, warm_up_s, capacity - snapshot.desired),)
        elif capacity < snapshot.desired:
            memory.scale_ins.append((now_s, snapshot.desired))
        self._groups.change_capacity(group, capacity, chosen.words, now_s)

    def _memory(self, group: Any) -> _Memory:
        return self._memories.setdefault(group.arn, _Memory())
