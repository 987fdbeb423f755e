"""`terminate-instances`: EC2 TerminateInstances, as in FIS `aws:ec2:terminate-instances`."""

from collections.abc import Sequence
from typing import Any

from blackstart.aws_clients import AwsClients
from blackstart.domain import failover
from blackstart.domain.failover import Span
from blackstart.domain.journal import Intent, Reversibility
from blackstart.domain.stack import Instance, Stack
from blackstart.domain.target_health import HealthCheck
from blackstart.faults.before_and_after import group_of, shortfalls, take_snapshot, target_groups_of
from blackstart.faults.contract import ActionParameters, Look, Snapshot
from blackstart.faults.parameters import NoParameters, parse_parameters

# EC2 answers with shutting-down at once; a minute is room for a describe call that lags behind (eventual consistency).
EFFECT_WITHIN_S = 60.0
ENDING = ("shutting-down", "terminated")


class TerminateInstances:
    """Terminates instances for good.

    A member of an Auto Scaling group is replaced (self-healing); anything else is lost (irreversible). An instance
    with termination protection is refused by EC2 and the injection counts as failed.
    """

    name = "terminate-instances"
    announced = True

    def check_parameters(self, parameters: ActionParameters) -> None:
        parse_parameters(NoParameters, self.name, parameters)

    def reversibility(self, stack: Stack, targets: Sequence[Instance]) -> Reversibility:
        if all(group_of(stack, target) for target in targets):
            return Reversibility.SELF_HEALING
        return Reversibility.IRREVERSIBLE

    def detection(self, check: HealthCheck) -> Span:
        """The process is gone at once, so a check is refused and none waits for its timeout.

        No lower bound: EC2's state change may reach the target (Target.InvalidState) before the checks have failed
        often enough, and AWS does not publish how soon.
        """
        return Span(shortest_s=0.0, longest_s=failover.detection(check, silent=False).longest_s)

    def snapshot(self, stack: Stack, targets: Sequence[Instance]) -> Snapshot:
        alone = {target.instance_id for target in targets if group_of(stack, target) is None}
        checks = [group.health_check for group in target_groups_of(stack, targets)]
        detection_s = max((self.detection(check).longest_s for check in checks), default=0.0)
        return take_snapshot(stack, targets, alone, EFFECT_WITHIN_S, detection_s)

    def apply(self, clients: AwsClients, intent: Intent) -> dict[str, Any]:
        answer = clients.client("ec2").terminate_instances(InstanceIds=list(intent.target_ids))
        return {row["InstanceId"]: row["CurrentState"]["Name"] for row in answer["TerminatingInstances"]}

    def verify(self, clients: AwsClients, intent: Intent, answer: dict[str, Any]) -> Look:  # noqa: ARG002
        """Every instance is shutting down, terminated or already forgotten by EC2, whatever the call answered."""
        states = _states(clients, intent.target_ids)
        alive = [f"{id_} is {state}" for id_, state in states.items() if state not in ENDING]
        if alive:
            return Look(seen=False, detail=", ".join(alive))
        seen = ", ".join(f"{id_} is {states.get(id_, 'gone')}" for id_ in intent.target_ids)
        return Look(seen=True, detail=seen)

    def revert(self, clients: AwsClients, intent: Intent) -> None:
        """Nothing to call: the group replaces its members, and nothing brings back any other instance."""

    def verify_restored(self, clients: AwsClients, intent: Intent) -> Look:
        before = Snapshot.of(intent)
        states = _states(clients, intent.target_ids)
        gone = {id_ for id_ in intent.target_ids if states.get(id_, "gone") not in ("pending", "running")}
        lost = gone & set(before.alone_ids)
        if lost:
            detail = f"{', '.join(sorted(lost))}: terminated and in no Auto Scaling group, so nothing replaces it"
            return Look(seen=False, detail=detail, final=True)
        missing = "; ".join(shortfalls(clients, before, gone))
        return Look(seen=not missing, detail=missing or "every group is back at its desired capacity and healthy")


def _states(clients: AwsClients, ids: Sequence[str]) -> dict[str, str]:
    """EC2's state by id; an id that EC2 no longer knows is absent (a filter finds nothing where an id would fail)."""
    filters = [{"Name": "instance-id", "Values": list(ids)}]
    pages = clients.client("ec2").get_paginator("describe_instances").paginate(Filters=filters)
    rows = (row for page in pages for reservation in page["Reservations"] for row in reservation["Instances"])
    return {row["InstanceId"]: row["State"]["Name"] for row in rows}
