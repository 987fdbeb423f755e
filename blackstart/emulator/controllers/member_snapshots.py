"""A group with its members as they are now, for the decisions."""

from collections.abc import Callable, Mapping

from blackstart.domain.target_health import TargetState
from blackstart.emulator.controllers.group_memory import GroupMemory, Member
from blackstart.emulator.controllers.instance_facts import InstanceFact
from blackstart.emulator.decisions.instance_lifecycle import InstanceState
from blackstart.emulator.decisions.launch_failure import waits
from blackstart.emulator.decisions.scaling_group import GroupSnapshot, MemberSnapshot
from blackstart.emulator.decisions.status_checks import CheckStatus
from blackstart.emulator.decisions.target_health import TargetHealth


class MemberSnapshots:
    """facts: the instances; health: what the load balancers say of a target."""

    def __init__(
        self,
        facts: Callable[[], Mapping[str, InstanceFact]],
        health: Callable[[str, str, int | None], TargetHealth],
    ) -> None:
        self._facts = facts
        self._health = health

    def take(self, settings: GroupSnapshot, memory: GroupMemory, *, with_health: bool = True) -> GroupSnapshot:
        """The group's settings with its members, to decide from. with_health: ask the load balancers too."""
        facts = self._facts()
        members = []
        for member in memory.members.values():
            fact, instance = facts.get(member.instance_id), member.instance
            members.append(
                MemberSnapshot(
                    instance_id=instance.instance_id,
                    zone=instance.zone,
                    lifecycle=member.lifecycle,
                    ec2_state=fact.state.value if fact else InstanceState.TERMINATED.value,
                    launched_s=member.launched_s,
                    in_service_s=member.in_service_s,
                    elb_unhealthy=with_health and self._elb_unhealthy(memory, member),
                    impaired_since_s=_impaired_since_s(fact) if fact else None,
                    unhealthy=member.unhealthy,
                    protected=member.protected,
                    template_version=instance.template_version,
                    template_id=instance.template_id,
                    launch_name=instance.launch_name,
                    instance_type=instance.instance_type,
                    spot=instance.spot,
                    at_risk=fact is not None and fact.rebalance_recommended,
                    launched_for=member.launched_for,
                )
            )
        failed = frozenset(zone for zone, failure in memory.failures.items() if waits(failure))
        return settings._replace(
            members=tuple(members),
            failed_zones=failed,
            unreplaced=memory.unreplaced,
            surge=memory.surge,
            replacements=memory.replacements,
        )

    def _elb_unhealthy(self, memory: GroupMemory, member: Member) -> bool:
        return any(
            self._health(arn, member.instance_id, None).state is TargetState.UNHEALTHY
            for arn in memory.target_groups
            if arn in member.registered
        )


def _impaired_since_s(fact: InstanceFact) -> float | None:
    """When the first of the status checks that fail now began to."""
    checks = (fact.instance_check, fact.system_check)
    return min((check.since_s for check in checks if check.status is CheckStatus.IMPAIRED), default=None)
