"""`crash-service`: the instance's service process dies, the instance lives on (SSM Run Command, SIGKILL)."""

from collections.abc import Sequence
from typing import Any

from pydantic import Field

from blackstart.aws_clients import AwsClients
from blackstart.domain import failover
from blackstart.domain.errors import GuardError
from blackstart.domain.failover import Span
from blackstart.domain.journal import Intent, Reversibility
from blackstart.domain.model import Model
from blackstart.domain.stack import Instance, Stack
from blackstart.domain.target_health import HealthCheck, TargetState
from blackstart.faults.before_and_after import group_of, shortfalls, take_snapshot, target_groups_of, target_states
from blackstart.faults.contract import ActionParameters, Look, Snapshot
from blackstart.faults.parameters import parse_parameters

DOCUMENT = "AWS-RunShellScript"
MAX_TARGETS = 50  # SSM API reference, SendCommand, InstanceIds
# From SendCommand to the end of its invocation: the agent polls, usually within seconds. Also SSM's smallest timeout.
COMMAND_WITHIN_S = 30.0
WAITING = ("Pending", "InProgress", "Delayed")


class CrashParameters(Model):
    """service: systemd's name of the unit; nothing in it means anything to a shell."""

    service: str = Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9:_.@-]{0,250}$", description="name of a systemd unit, such as blackstart-demo"
    )


class CrashService:
    """Kills every process of a systemd unit at once; from then on the port refuses.

    A unit with `Restart=` comes back by itself, often before a health check notices: then no effect is seen, and the
    injection says so. Self-healing where every target is in a group with ELB health checks (it is replaced), else
    reversible: `systemctl start`.
    """

    name = "crash-service"
    announced = False

    def check_parameters(self, parameters: ActionParameters) -> None:
        parse_parameters(CrashParameters, self.name, parameters)

    def reversibility(self, stack: Stack, targets: Sequence[Instance]) -> Reversibility:
        if all(_is_replaced(stack, target) for target in targets):
            return Reversibility.SELF_HEALING
        return Reversibility.REVERSIBLE

    def detection(self, check: HealthCheck) -> Span:
        """A dead process refuses, so no check waits for its timeout."""
        return failover.detection(check, silent=False)

    def snapshot(self, stack: Stack, targets: Sequence[Instance]) -> Snapshot:
        """Raises GuardError for more targets than one command reaches, and for a target in no target group.

        effect_within_s: the command's own time, the longest detection as if the target were silent, and one interval
        for a check that was under way.
        """
        if len(targets) > MAX_TARGETS:
            raise GuardError(
                f"{self.name}: {len(targets)} targets, but one command reaches at most {MAX_TARGETS}",
                "Split the action.",
            )
        groups = target_groups_of(stack, targets)
        watched = {target.target_id for group in groups for target in group.targets}
        for target in targets:
            if target.instance_id not in watched:
                raise GuardError(
                    f"{self.name}: {target.instance_id} is registered in no target group, so nothing would show it",
                    "Choose instances behind a load balancer.",
                )
        checks = [group.health_check for group in groups]
        detection_s = max(failover.detection(check, silent=True).longest_s + check.interval_s for check in checks)
        alone = {target.instance_id for target in targets if not _is_replaced(stack, target)}
        return take_snapshot(stack, targets, alone, COMMAND_WITHIN_S + detection_s, detection_s)

    def apply(self, clients: AwsClients, intent: Intent) -> dict[str, Any]:
        """The command's id by instance."""
        command = f"systemctl kill --kill-whom=all --signal=SIGKILL {_service(intent)}"
        return _send(clients, intent.target_ids, command, "blackstart crash-service")

    def verify(self, clients: AwsClients, intent: Intent, answer: dict[str, Any]) -> Look:
        """The command succeeded everywhere, and each target that was healthy is not, or has left its group."""
        for instance_id, command_id in answer.items():
            status, output = _invocation(clients, command_id, instance_id)
            if status in WAITING:
                return Look(seen=False, detail=f"the command on {instance_id} is still {status}")
            if status != "Success":
                detail = f"the command on {instance_id} ended {status}: {output or 'no output'}"
                return Look(seen=False, detail=detail, final=True)
        return _left_healthy(clients, intent)

    def revert(self, clients: AwsClients, intent: Intent) -> None:
        """Start the service again where nothing replaces the instance; a started one stays as it is."""
        alone = Snapshot.of(intent).alone_ids
        if alone:
            _send(clients, alone, f"systemctl start {_service(intent)}", "blackstart revert of crash-service")

    def verify_restored(self, clients: AwsClients, intent: Intent) -> Look:
        """Only true of the crash once its effect has been seen: until a check fails AWS shows nothing amiss."""
        missing = "; ".join(shortfalls(clients, Snapshot.of(intent), gone=()))
        return Look(seen=not missing, detail=missing or "every group is back at its desired capacity and healthy")


def _is_replaced(stack: Stack, target: Instance) -> bool:
    """Whether its group looks at the load balancer's health checks (HealthCheckType ELB, or a list with it)."""
    group = group_of(stack, target)
    return group is not None and "ELB" in group.health_check_type.split(",")


def _service(intent: Intent) -> str:
    return parse_parameters(CrashParameters, intent.action, intent.parameters).service


def _send(clients: AwsClients, ids: Sequence[str], command: str, comment: str) -> dict[str, Any]:
    answer = clients.client("ssm").send_command(
        InstanceIds=list(ids),
        DocumentName=DOCUMENT,
        Parameters={"commands": [command]},
        TimeoutSeconds=int(COMMAND_WITHIN_S),
        Comment=comment,
    )
    return dict.fromkeys(ids, answer["Command"]["CommandId"])


def _invocation(clients: AwsClients, command_id: str, instance_id: str) -> tuple[str, str]:
    """Status and error output; Pending while SSM does not know the invocation yet, as right after SendCommand."""
    ssm = clients.client("ssm")
    try:
        answer = ssm.get_command_invocation(CommandId=command_id, InstanceId=instance_id)
    except ssm.exceptions.InvocationDoesNotExist:
        return "Pending", ""
    output = answer.get("StandardErrorContent") or answer.get("StandardOutputContent") or ""
    return str(answer["Status"]), output.strip()


def _left_healthy(clients: AwsClients, intent: Intent) -> Look:
    """For each target one change in a target group where it had been healthy."""
    changed: dict[str, str] = {}
    for group in Snapshot.of(intent).target_groups:
        states = target_states(clients, group.arn)
        for id_ in group.healthy_ids:
            state = states.get(id_, "no longer registered")
            if state != TargetState.HEALTHY:
                changed[id_] = f"{id_} in target group {group.name}: {state}"
    unchanged = [id_ for id_ in intent.target_ids if id_ not in changed]
    if unchanged:
        return Look(seen=False, detail=f"{', '.join(unchanged)}: no healthy target of it has changed its state")
    return Look(seen=True, detail="; ".join(changed.values()))
