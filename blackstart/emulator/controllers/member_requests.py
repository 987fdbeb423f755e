"""What callers of the Auto Scaling API ask of single members: terminate, detach, attach, stand by, protect, set health.

Source: EC2 Auto Scaling API reference.
"""

from collections.abc import Sequence
from typing import Any

from blackstart.emulator.controllers.activity_log import Activity, moment
from blackstart.emulator.controllers.auto_scaling import AutoScalingController
from blackstart.emulator.controllers.group_memory import GroupStore
from blackstart.emulator.decisions import activity as words
from blackstart.emulator.decisions.scaling_group import Lifecycle, Unhealthy


class UnknownMemberError(LookupError):
    """The instance belongs to no group; the text is its id."""


class MemberRequests:
    """Each acts at once and returns the activities that the caller is shown."""

    def __init__(self, store: GroupStore, scaling: AutoScalingController) -> None:
        self._store = store
        self._scaling = scaling

    def terminate(self, instance_id: str, decrement: bool, now_s: float) -> Activity:
        """Raises UnknownMemberError."""
        group, memory, member = self._member(instance_id)
        if decrement:
            settings = self._store.settings(group)
            self._store.set_desired(group, max(settings.desired - 1, settings.minimum))
        cause = words.user_termination_cause(instance_id, moment(now_s))
        return self._scaling.members.begin_termination(group, memory, member, cause, now_s)

    def set_health(self, instance_id: str, healthy: bool, respect_grace: bool, now_s: float) -> None:
        """Raises UnknownMemberError. Inside the grace period nothing changes, unless told to ignore it."""
        group, memory, member = self._member(instance_id)
        grace_s = self._store.settings(group).grace_period_s
        if respect_grace and member.in_service_s is not None and now_s < member.in_service_s + grace_s:
            return
        if healthy and member.unhealthy is Unhealthy.CUSTOM:
            member.unhealthy = None
        elif not healthy and member.unhealthy is None:
            member.unhealthy = Unhealthy.CUSTOM
        self._scaling.members.mark(group, memory, member)

    def protect(self, instance_ids: Sequence[str], protected: bool) -> None:
        """Raises UnknownMemberError."""
        for instance_id in instance_ids:
            group, memory, member = self._member(instance_id)
            member.protected = protected
            self._scaling.members.mark(group, memory, member)

    def attach(self, group: Any, instance_ids: Sequence[str], now_s: float) -> None:
        memory = self._scaling.memory(group, now_s)
        for instance_id in instance_ids:
            self._scaling.members.join(group, memory, self._store.existing(group, instance_id), now_s)
        self._store.set_desired(group, self._store.settings(group).desired + len(instance_ids))

    def detach(self, instance_ids: Sequence[str], decrement: bool) -> None:
        """Raises UnknownMemberError."""
        for instance_id in instance_ids:
            group, memory, member = self._member(instance_id)
            self._scaling.members.leave(group, memory, member)
            if decrement:
                self._store.set_desired(group, self._store.settings(group).desired - 1)

    def enter_standby(self, instance_ids: Sequence[str], decrement: bool) -> None:
        """Raises UnknownMemberError."""
        for instance_id in instance_ids:
            group, memory, member = self._member(instance_id)
            self._scaling.members.deregister(member)
            self._scaling.members.move(group, memory, member, Lifecycle.STANDBY)
            if decrement:
                self._store.set_desired(group, self._store.settings(group).desired - 1)

    def exit_standby(self, instance_ids: Sequence[str]) -> None:
        """Raises UnknownMemberError."""
        for instance_id in instance_ids:
            group, memory, member = self._member(instance_id)
            self._scaling.members.move(group, memory, member, Lifecycle.PENDING)
            self._store.set_desired(group, self._store.settings(group).desired + 1)

    def _member(self, instance_id: str) -> Any:
        found = self._scaling.member(instance_id)
        if found is None:
            raise UnknownMemberError(instance_id)
        return found
