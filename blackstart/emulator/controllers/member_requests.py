"""What callers of the Auto Scaling API ask of single members: terminate, detach, attach, stand by, protect, set health,
complete lifecycle actions.

Sources: EC2 Auto Scaling API reference; user guide, "Detach or attach instances", "Temporarily remove instances",
"Set up a custom health check". Refusals in AWS's words as clients met them.
"""

from collections.abc import Callable, Collection, Sequence
from typing import Any, NamedTuple

from blackstart.emulator.controllers.activity_log import Activity, moment
from blackstart.emulator.controllers.auto_scaling import AutoScalingController
from blackstart.emulator.controllers.group_memory import GroupMemory, GroupStore, Member
from blackstart.emulator.decisions import member_activity as words
from blackstart.emulator.decisions.activity import ActivityKind, ActivityStatus
from blackstart.emulator.decisions.lifecycle_hook import Result
from blackstart.emulator.decisions.scaling_group import LEAVING, OUT_FOR_A_WHILE, GroupSnapshot, Lifecycle, Unhealthy

AT_MOST, PROTECTED_AT_MOST = 20, 50
"""Instances in one call."""
BY_REQUEST = "a user request"
PROTECTABLE = OUT_FOR_A_WHILE | {Lifecycle.IN_SERVICE}


class RefusedError(Exception):
    """A call that AWS refuses; the text is AWS's. code: AWS's."""

    def __init__(self, message: str, code: str = "ValidationError") -> None:
        super().__init__(message)
        self.code = code


class _Found(NamedTuple):
    group: Any
    memory: GroupMemory
    member: Member


class MemberRequests:
    """Each acts at once and returns the activities that the caller is shown. All raise RefusedError."""

    def __init__(self, store: GroupStore, scaling: AutoScalingController) -> None:
        self._store = store
        self._scaling = scaling

    def terminate(self, instance_id: str, decrement: bool, now_s: float) -> Activity:
        """An instance of a warm pool does not count towards the desired capacity."""
        cause = words.termination_cause(instance_id, moment(now_s), 0, 0)
        warm = self._scaling.discard_warm(instance_id, cause, now_s)
        if warm is not None:
            return warm
        group, memory, member = self._managed(instance_id)
        running = member.terminating if member.lifecycle in LEAVING else member.stepping_out
        if running is not None and running.end_time is None:
            raise RefusedError(
                f"Scaling activity {running.activity_id} is in progress and blocks this action",
                "ScalingActivityInProgress",
            )
        settings = self._store.settings(group)
        if decrement and settings.desired <= settings.minimum:
            raise RefusedError(
                f"Currently, desiredSize equals minSize ({settings.minimum}). Terminating instance without replacement "
                "will violate group's min size constraint. Either set shouldDecrementDesiredCapacity flag to false or "
                "lower group's min size."
            )
        before, after = self._change_by(group, -1 if decrement else 0, now_s)
        cause = words.termination_cause(instance_id, moment(now_s), before, after)
        return self._scaling.members.begin_termination(group, memory, member, cause, now_s)

    def set_health(self, instance_id: str, healthy: bool, respect_grace: bool, now_s: float) -> None:
        """Inside the grace period an instance is not called unhealthy, unless told to ignore it.

        Healthy takes back what health checks found, as long as the instance is not leaving.
        """
        group, memory, member = self._managed(instance_id)
        if member.lifecycle in LEAVING:
            raise RefusedError(f"The instance {instance_id} is not in InService or Standby.")
        if healthy:
            member.unhealthy = None
        elif member.unhealthy is None and not (respect_grace and self._in_grace(group, member, now_s)):
            member.unhealthy = Unhealthy.CUSTOM
        self._scaling.members.mark(group, memory, member)

    def protect(self, group: Any, instance_ids: Sequence[str], protected: bool, now_s: float) -> None:
        found = self._of_group(group, instance_ids, PROTECTABLE, "InService or EnteringStandby or Standby", now_s)
        _check_count(instance_ids, PROTECTED_AT_MOST)
        for _, memory, member in found:
            member.protected = protected
            self._scaling.members.mark(group, memory, member)

    def attach(self, group: Any, instance_ids: Sequence[str], now_s: float) -> None:
        _check_count(instance_ids, AT_MOST)
        settings = self._store.settings(group)
        for instance_id in instance_ids:
            self._check_attachable(settings, instance_id)
        if settings.desired + len(instance_ids) > settings.maximum:
            raise _sizes(settings, f"attach {len(instance_ids)} more instance{'s' if len(instance_ids) > 1 else ''}")
        memory = self._scaling.memory(group, now_s)
        for instance_id in instance_ids:
            _, after = self._change_by(group, 1, now_s)
            instance = self._store.existing(group, instance_id)
            member = self._scaling.members.join(group, memory, instance, now_s)
            member.launch_hooks = False
            description, cause = words.attach_description(instance_id), words.attach_cause(moment(now_s), after)
            member.launching = self._begin(group, member, description, cause, now_s, ActivityKind.LAUNCH)
            _show(member.launching, ActivityStatus.PRE_IN_SERVICE, 30)

    def detach(self, group: Any, instance_ids: Sequence[str], decrement: bool, now_s: float) -> list[Activity]:
        states = (Lifecycle.IN_SERVICE, Lifecycle.STANDBY)
        found = self._of_group(group, instance_ids, states, "InService or Standby", now_s)
        self._check_shrinking(group, instance_ids, decrement, "detach")
        description, cause = words.detach_description, words.detach_cause
        return self._step_out(found, Lifecycle.DETACHING, decrement, description, cause, now_s)

    def enter_standby(self, group: Any, instance_ids: Sequence[str], decrement: bool, now_s: float) -> list[Activity]:
        found = self._of_group(group, instance_ids, (Lifecycle.IN_SERVICE,), "InService", now_s)
        self._check_shrinking(group, instance_ids, decrement, "place into standby")
        description, cause = words.standby_description, words.standby_cause
        return self._step_out(found, Lifecycle.ENTERING_STANDBY, decrement, description, cause, now_s)

    def exit_standby(self, group: Any, instance_ids: Sequence[str], now_s: float) -> list[Activity]:
        found = self._of_group(group, instance_ids, (Lifecycle.STANDBY,), "Standby", now_s)
        _check_count(instance_ids, AT_MOST)
        settings = self._store.settings(group)
        if settings.desired + len(found) > settings.maximum:
            raise _sizes(settings, f"move out of standby {_instances(len(found))}")
        activities = []
        for _, memory, member in found:
            before, after = self._change_by(group, 1, now_s)
            description = words.service_description(member.instance_id)
            cause = words.service_cause(member.instance_id, moment(now_s), before, after)
            member.launching = self._begin(group, member, description, cause, now_s)
            _show(member.launching, ActivityStatus.PRE_IN_SERVICE, 30)
            member.launch_hooks = False
            self._scaling.members.move(group, memory, member, Lifecycle.PENDING)
            activities.append(member.launching)
        return activities

    def complete_action(self, group: Any, hook: str, token: str, instance_id: str, result: Result) -> None:
        """Raises NoActiveActionError."""
        self._scaling.members.hooks.complete(group.arn, hook, token, instance_id, result)

    def heartbeat(self, group: Any, hook: str, token: str, instance_id: str, now_s: float) -> None:
        """Raises NoActiveActionError."""
        self._scaling.members.hooks.heartbeat(group.arn, hook, token, instance_id, now_s)

    def hook_deleted(self, group: Any, hook: str) -> None:
        self._scaling.members.hooks.hook_deleted(group.arn, hook)

    def _step_out(
        self,
        found: Sequence[_Found],
        to: Lifecycle,
        decrement: bool,
        description: Callable[[str], str],
        cause: Callable[[str, str, int, int], str],
        now_s: float,
    ) -> list[Activity]:
        activities = []
        for group, memory, member in found:
            before, after = self._change_by(group, -1 if decrement else 0, now_s)
            instance_id = member.instance_id
            kind = ActivityKind.TERMINATE if to is Lifecycle.DETACHING else ActivityKind.OTHER
            said = cause(instance_id, moment(now_s), before, after)
            activity = self._begin(group, member, description(instance_id), said, now_s, kind)
            self._scaling.members.begin_stepping_out(group, memory, member, to, activity, now_s)
            activities.append(activity)
        return activities

    def _begin(
        self,
        group: Any,
        member: Member,
        description: str,
        cause: str,
        now_s: float,
        kind: ActivityKind = ActivityKind.OTHER,
    ) -> Activity:
        zone, subnet = member.instance.zone, member.instance.subnet
        return self._scaling.log.begin(
            group.name, group.arn, description, cause, zone, subnet, now_s, kind=kind, instance_id=member.instance_id
        )

    def _change_by(self, group: Any, count: int, now_s: float) -> tuple[int, int]:
        """Change the desired capacity; what it was and is."""
        before = self._store.settings(group).desired
        if count:
            self._scaling.change_capacity(group, before + count, BY_REQUEST, now_s)
        return before, before + count

    def _check_shrinking(self, group: Any, instance_ids: Sequence[str], decrement: bool, verb: str) -> None:
        _check_count(instance_ids, AT_MOST)
        settings = self._store.settings(group)
        if decrement and settings.desired - len(instance_ids) < settings.minimum:
            raise _sizes(settings, f"{verb} {_instances(len(instance_ids))}")

    def _check_attachable(self, settings: GroupSnapshot, instance_id: str) -> None:
        known = self._scaling.member(instance_id)
        if known is not None:
            raise RefusedError(f"The Instance: {instance_id} is already part of AutoScalingGroup:{known[0].name}")
        fact = self._scaling.members.fact(instance_id)
        if fact is None:
            raise RefusedError(f"Invalid Instance ID(s): [{instance_id}] specified")
        if fact.state != "running":
            raise RefusedError(
                f"Instance {instance_id} [{fact.state.value}] is not in correct state. Instance(s) must be in "
                "'running' state."
            )
        if fact.zone not in settings.zones:
            raise RefusedError(
                f"Instance {instance_id} is in Availability Zone {fact.zone}, which the AutoScalingGroup "
                f"{settings.name} does not use."
            )

    def _in_grace(self, group: Any, member: Member, now_s: float) -> bool:
        """Before it is in service the grace period has not begun."""
        grace_s = self._store.settings(group).grace_period_s
        return member.in_service_s is None or now_s < member.in_service_s + grace_s

    def _managed(self, instance_id: str) -> _Found:
        found = self._scaling.member(instance_id)
        if found is None:
            raise RefusedError(f"Instance Id not found - No managed instance found for instance ID {instance_id}")
        return _Found(*found)

    def _of_group(
        self, group: Any, instance_ids: Sequence[str], states: Collection[Lifecycle], said: str, now_s: float
    ) -> list[_Found]:
        """Members of the group in one of the states. said: the states as AWS names them."""
        memory, found = self._scaling.memory(group, now_s), []
        for instance_id in dict.fromkeys(instance_ids):
            member = memory.members.get(instance_id)
            if member is None:
                raise RefusedError(f"The instance {instance_id} is not part of Auto Scaling group {group.name}.")
            if member.lifecycle not in states:
                raise RefusedError(f"The instance {instance_id} is not in {said}.")
            found.append(_Found(group, memory, member))
        return found


def _check_count(instance_ids: Sequence[str], at_most: int) -> None:
    if not 1 <= len(instance_ids) <= at_most:
        raise RefusedError(f"The number of instance ids must be between 1 and {at_most}.")


def _instances(count: int) -> str:
    return f"{count} instance{'s' if count > 1 else ''}"


def _sizes(settings: GroupSnapshot, what: str) -> RefusedError:
    return RefusedError(
        f"AutoScalingGroup {settings.name} has min-size={settings.minimum}, max-size={settings.maximum}, and "
        f"desired-size={settings.desired}. To {what}, please update the AutoScalingGroup sizes appropriately."
    )


def _show(activity: Activity, status: ActivityStatus, percent: int) -> None:
    activity.status_code, activity.progress = status.value, percent
