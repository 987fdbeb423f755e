"""Members of an Auto Scaling group in its target groups."""

from blackstart.emulator.controllers.group_memory import GroupMemory, GroupStore, Member
from blackstart.emulator.decisions.instance_lifecycle import InstanceState
from blackstart.emulator.decisions.scaling_group import GroupSnapshot, Process


class GroupRegistrations:
    """Registers each member once with each of its group's target groups; what a user takes out again stays out."""

    def __init__(self, store: GroupStore) -> None:
        self._store = store

    def complete(
        self, settings: GroupSnapshot, memory: GroupMemory, member: Member, state: InstanceState, now_s: float
    ) -> bool:
        """Join what the group has and leave what it no longer has; whether nothing is left to do."""
        if Process.ADD_TO_LOAD_BALANCER in settings.suspended and not member.registered:
            member.register = False
        arns = set(memory.target_groups)
        for arn in sorted(member.registered - arns):
            drained_s = now_s + self._store.deregister(arn, member.instance_id)
            memory.leaving_target_groups[arn] = max(drained_s, memory.leaving_target_groups.get(arn, 0.0))
        member.registered &= arns
        if not member.register:
            return True
        if state is InstanceState.RUNNING:
            missing = sorted(arns - member.registered)
            member.registered.update(arn for arn in missing if self._store.register(arn, member.instance_id))
        return member.registered == arns

    def end(self, member: Member) -> float:
        """Take a member out of the target groups that it joined; the longest deregistration delay."""
        delays = [self._store.deregister(arn, member.instance_id) for arn in sorted(member.registered)]
        member.registered.clear()
        return max(delays, default=0.0)
