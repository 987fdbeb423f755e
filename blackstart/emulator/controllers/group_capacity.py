"""Carries out what a group decides: launches, retries and terminations, each with its activity."""

from typing import Any, Protocol

from blackstart.emulator.controllers.activity_log import Activity, ActivityLog, moment
from blackstart.emulator.controllers.capacity_causes import launch_cause, scale_in_cause, termination_cause
from blackstart.emulator.controllers.group_members import GroupMembers
from blackstart.emulator.controllers.group_memory import GroupMemory, GroupStore, Launched, LaunchError, Member
from blackstart.emulator.decisions import activity as words
from blackstart.emulator.decisions.activity import ActivityKind, ActivityStatus
from blackstart.emulator.decisions.capacity import CapacityDecision, Launch, decide_capacity
from blackstart.emulator.decisions.launch_failure import ZONAL_CODES, failed_again, waits
from blackstart.emulator.decisions.purchase import pools
from blackstart.emulator.decisions.scaling_group import (
    COMING,
    COUNTED,
    GroupSnapshot,
    MemberSnapshot,
    Process,
    Why,
)
from blackstart.emulator.parameters import Parameters


class Reserve(Protocol):
    """Where instances can come from and go to instead of EC2: a warm pool."""

    def lend(self, group: Any, memory: GroupMemory, zone: str, cause: str, now_s: float) -> Member | None:
        """A ready instance becomes a member, its launching activity begun; None when there is none."""

    def take_back(self, group: Any, memory: GroupMemory, member: Member, cause: str, now_s: float) -> bool:
        """A member that scale-in selected goes back instead of being terminated; whether it does."""

    def discard(self, group: Any, memory: GroupMemory, member: Member, cause: str, now_s: float) -> Activity:
        """Terminate an instance of the reserve."""


LAUNCHES_A_TICK = 100
"""So that a group of thousands does not hold up everything else; the others follow at the next tick."""


class GroupCapacity:
    """Brings groups to the capacity that is decided for them."""

    def __init__(self, store: GroupStore, members: GroupMembers, log: ActivityLog, parameters: Parameters) -> None:
        self.reserve: Reserve | None = None
        self._store = store
        self._members = members
        self._log = log
        self._parameters = parameters

    def settle(
        self, group: Any, settings: GroupSnapshot, memory: GroupMemory, snapshot: GroupSnapshot, now_s: float
    ) -> None:
        """Decide, carry out, and decide again each time that a zone turns out to be without capacity."""
        for _ in range(len(settings.zones) + 1):
            decision = decide_capacity(snapshot, now_s)
            self._terminate_all(group, memory, snapshot, decision, now_s)
            again = self._launch_all(group, memory, snapshot, decision, now_s)
            _forget_what_is_done(memory, snapshot, decision)
            if not again:
                break
            snapshot = self._members.snapshot(settings, memory, with_health=False)

    def retry(self, memory: GroupMemory, now_s: float) -> None:
        """End the pauses after failed launches that are over."""
        if memory.failure is not None and waits(memory.failure) and now_s >= (memory.failure.retry_s or 0.0):
            memory.failure, memory.stale = memory.failure._replace(retry_s=None), True
        for zone, failure in memory.failures.items():
            if failure.retry_s is not None and now_s >= failure.retry_s:
                memory.failures[zone], memory.stale = failure._replace(retry_s=None), True

    def _terminate_all(
        self, group: Any, memory: GroupMemory, snapshot: GroupSnapshot, decision: CapacityDecision, now_s: float
    ) -> None:
        scale_in = scale_in_cause(memory, snapshot, decision.terminate, now_s) if decision.terminate else ""
        for termination in decision.terminate:
            cause = termination_cause(memory, termination, scale_in, now_s)
            member = memory.members[termination.instance_id]
            if termination.why is Why.SCALE_IN and self._taken_back(group, memory, member, cause, now_s):
                continue
            self._members.begin_termination(group, memory, member, cause, now_s)
            memory.unreplaced += termination.why is Why.UNHEALTHY
        self._tell_of_protection(group, memory, snapshot, decision.held_by_protection, now_s)

    def _taken_back(self, group: Any, memory: GroupMemory, member: Member, cause: str, now_s: float) -> bool:
        return self.reserve is not None and self.reserve.take_back(group, memory, member, cause, now_s)

    def _tell_of_protection(
        self, group: Any, memory: GroupMemory, snapshot: GroupSnapshot, held: int, now_s: float
    ) -> None:
        """One activity for each desired capacity that protection from scale-in keeps the group from."""
        if not held:
            memory.protection_told = None
        elif memory.protection_told != snapshot.desired:
            memory.protection_told = snapshot.desired
            cause = memory.change.sentence() if memory.change else f"At {moment(now_s)} {words.PROTECTED}"
            activity = self._log.begin(group.name, group.arn, words.PROTECTED, cause, "", "", now_s)
            activity.finish(ActivityStatus.CANCELLED, now_s)

    def _launch_all(
        self, group: Any, memory: GroupMemory, snapshot: GroupSnapshot, decision: CapacityDecision, now_s: float
    ) -> bool:
        """Launch; whether a zone refused and the others are to be asked."""
        leaving = {termination.instance_id for termination in decision.terminate}
        staying = [m for m in snapshot.members if m.lifecycle in COUNTED and m.instance_id not in leaving]
        if decision.launch and decision.launch[0].why is Why.REBALANCING:
            zones = dict.fromkeys(launch.placement.zone for launch in decision.launch)
            memory.balance = words.balanced_sentence(moment(now_s), zones)
        refused = False
        before, after = len(staying), len(staying) + decision.missing
        memory.stale |= len(decision.launch) > LAUNCHES_A_TICK
        for launch in decision.launch[:LAUNCHES_A_TICK]:
            if waits(memory.failure):
                return False
            if waits(memory.failures.get(launch.placement.zone)):
                continue
            cause = launch_cause(memory, snapshot, launch, (before, after), staying, now_s)
            launched = self._launch(group, memory, snapshot, launch, cause, staying, now_s)
            if launched is None:
                refused = True
            else:
                staying.append(launched)
        return refused and not waits(memory.failure)

    def _launch(
        self,
        group: Any,
        memory: GroupMemory,
        settings: GroupSnapshot,
        launch: Launch,
        cause: str,
        staying: list[MemberSnapshot],
        now_s: float,
    ) -> MemberSnapshot | None:
        zone = launch.placement.zone
        member = self.reserve.lend(group, memory, zone, cause, now_s) if self.reserve is not None else None
        if member is None:
            try:
                instance = self._run(group, settings, staying, zone)
            except LaunchError as error:
                self._refused(group, memory, error, cause, zone, now_s)
                return None
            memory.failures.pop(zone, None)
            memory.failure = None
            member = self._members.join(group, memory, instance, now_s)
            member.launching = self._begin(group, instance, cause, now_s)
        instance = member.instance
        member.register = Process.ADD_TO_LOAD_BALANCER not in settings.suspended
        member.launched_for = launch.why
        memory.unreplaced -= launch.why is Why.REPLACES_UNHEALTHY and memory.unreplaced > 0
        memory.replacements -= launch.why is Why.REFRESH and memory.replacements > 0
        return MemberSnapshot(
            instance_id=instance.instance_id,
            zone=instance.zone,
            lifecycle=member.lifecycle,
            ec2_state="pending",
            instance_type=instance.instance_type,
            spot=instance.spot,
        )

    def _begin(self, group: Any, instance: Launched, cause: str, now_s: float) -> Activity:
        activity = self._log.begin(
            group.name,
            group.arn,
            words.launch_description(instance.instance_id),
            cause,
            instance.zone,
            instance.subnet,
            now_s,
            kind=ActivityKind.LAUNCH,
            instance_id=instance.instance_id,
        )
        activity.status_code, activity.progress = ActivityStatus.PRE_IN_SERVICE.value, 30
        return activity

    def _run(self, group: Any, settings: GroupSnapshot, staying: list[MemberSnapshot], zone: str) -> Launched:
        """Run one instance, in a mixed group from the first pool that has capacity. Raises LaunchError."""
        if settings.mix is None:
            return self._store.launch(group, zone)
        first: LaunchError | None = None
        for pool in pools(settings.mix, staying, zone):
            try:
                return self._store.launch(group, zone, pool)
            except LaunchError as error:
                first = first or error
                if error.code not in ZONAL_CODES:
                    break
        raise first or LaunchError("the mixed instances policy names no instance type")

    def _refused(
        self, group: Any, memory: GroupMemory, error: LaunchError, cause: str, zone: str, now_s: float
    ) -> None:
        problem, parameters = str(error), self._parameters
        pauses = (parameters.launch_retry_s, parameters.launch_retry_longest_s)
        if error.code in ZONAL_CODES:
            memory.failures[zone] = failed_again(memory.failures.get(zone), *pauses, now_s)
        else:
            memory.failure = failed_again(memory.failure, *pauses, now_s)
        failed = self._log.begin(
            group.name,
            group.arn,
            words.launch_failed_description(problem),
            cause,
            zone,
            error.subnet,
            now_s,
            kind=ActivityKind.LAUNCH,
        )
        failed.finish(ActivityStatus.FAILED, now_s, words.launch_failed_message(problem))


def _forget_what_is_done(memory: GroupMemory, snapshot: GroupSnapshot, decision: CapacityDecision) -> None:
    """Explanations serve until the group is as it was to be."""
    if decision.missing:
        return
    memory.unreplaced = memory.replacements = 0
    if decision.terminate or decision.launch or decision.held_by_protection:
        return
    if sum(member.lifecycle in COUNTED for member in snapshot.members) > snapshot.desired:
        return  # Terminate is suspended, or members come that others will leave for
    memory.change = None
    if not any(member.lifecycle in COMING for member in snapshot.members):
        memory.balance = ""
