"""moto's SSM commands: truthful invocations instead of "Success" for a command that nothing ran.

Replaced: `SimpleSystemManagerBackend.send_command`, `Command.response_object`, `Command._get_instance_ids_from_targets`
and the response of `get_command_invocation`; added: `list_command_invocations`.
"""

import datetime
from collections.abc import Callable, Iterable
from typing import Any, Protocol

from blackstart.emulator.adapters import moto_backends
from blackstart.emulator.adapters.moto_time import datetime_at
from blackstart.emulator.adapters.patches import Patches
from blackstart.emulator.controllers.run_command import Invocation, InvocationStatus, RunCommand

PLUGIN = "aws:runShellScript"


class Commands(Protocol):
    """Who carries commands out."""

    def send(self, document: str, lines: tuple[str, ...], instance_ids: Iterable[str], now_s: float) -> RunCommand: ...


def install(patches: Patches, commands: Commands, now_s: Callable[[], float]) -> None:
    """Hand moto's Run Command to a controller."""
    from moto.ssm.models import Command, SimpleSystemManagerBackend
    from moto.ssm.responses import SimpleSystemManagerResponse

    patches.replace(Command, "_get_instance_ids_from_targets", lambda _: _targeted)
    patches.replace(Command, "response_object", _truthful_command)
    patches.replace(SimpleSystemManagerBackend, "send_command", lambda original: _sending(original, commands, now_s))
    patches.replace(SimpleSystemManagerResponse, "get_command_invocation", lambda _: _get_invocation)
    SimpleSystemManagerResponse.list_command_invocations = _list_invocations


def _targeted(command: Any) -> list[str]:
    """Instances that meet all targets: `InstanceIds`, or `tag:Key` filters. moto takes all when asked for some."""
    if not command.targets:
        return []
    found = []
    for backend in moto_backends.existing("ec2"):
        if (backend.account_id, backend.region_name) != (command.account_id, command.backend_region):
            continue
        for instance in backend.all_instances():
            tags = {tag["key"]: tag["value"] for tag in instance.get_tags()}
            if instance.state == "running" and all(_meets(instance.id, tags, target) for target in command.targets):
                found.append(instance.id)
    return found


def _meets(instance_id: str, tags: dict[str, str], target: dict[str, Any]) -> bool:
    key, values = target["Key"], target["Values"]
    if key == "InstanceIds":
        return instance_id in values
    return tags.get(key.removeprefix("tag:")) in values


def _sending(original: Callable[..., Any], commands: Commands, now_s: Callable[[], float]) -> Callable[..., Any]:
    def send_command(backend: Any, *args: Any, **kwargs: Any) -> Any:
        from moto.ssm.exceptions import ValidationException

        if not kwargs.get("instance_ids") and not kwargs.get("targets"):
            raise ValidationException("Either InstanceIds or Targets must be specified")
        known = {i.id for ec2 in moto_backends.existing("ec2") for i in ec2.all_instances()}
        unknown = [i for i in kwargs.get("instance_ids") or [] if i not in known]
        if unknown:
            raise _invalid_instance(unknown)
        command = original(backend, *args, **kwargs)
        lines = tuple((command.parameters or {}).get("commands", ()))
        command.blackstart = commands.send(command.document_name or "", lines, command.instance_ids, now_s())
        return command

    return send_command


def _invalid_instance(unknown: list[str]) -> Exception:
    from moto.ssm.exceptions import SSMException

    error: Exception = SSMException(
        "InvalidInstanceId", f"Instances [{', '.join(unknown)}] not in a valid state for account"
    )
    return error


def _truthful_command(original: Callable[[Any], dict[str, Any]]) -> Callable[[Any], dict[str, Any]]:
    def response_object(command: Any) -> dict[str, Any]:
        answer = original(command)
        run: RunCommand | None = getattr(command, "blackstart", None)
        if run is None:
            return answer
        invocations = list(run.invocations.values())
        return {
            **answer,
            "Status": run.status,
            "StatusDetails": run.status,
            "TargetCount": len(invocations),
            "CompletedCount": sum(i.ended_s is not None for i in invocations),
            "ErrorCount": sum(i.shown_status == InvocationStatus.FAILED for i in invocations),
        }

    return response_object


def _get_invocation(response: Any) -> Any:
    from moto.core.responses import ActionResult

    command = response.ssm_backend.get_command_by_id(response._get_param("CommandId"))
    invocation = command.blackstart.invocations.get(response._get_param("InstanceId"))
    plugin = response._get_param("PluginName")
    if invocation is None or plugin not in (None, PLUGIN):
        from moto.ssm.exceptions import SSMException

        raise SSMException("InvocationDoesNotExist", "The command ID and managed node ID do not match.")
    return ActionResult(
        {
            "CommandId": command.command_id,
            "InstanceId": invocation.instance_id,
            "Comment": command.comment,
            "DocumentName": command.document_name,
            "PluginName": PLUGIN,
            "ResponseCode": invocation.response_code,
            "ExecutionStartDateTime": _text(invocation.started_s),
            "ExecutionEndDateTime": _text(invocation.ended_s),
            "Status": invocation.shown_status,
            "StatusDetails": invocation.status.value,
            "StandardOutputContent": invocation.stdout,
            "StandardErrorContent": invocation.stderr,
        }
    )


def _list_invocations(response: Any) -> Any:
    """ListCommandInvocations, by command or instance; newest first."""
    from moto.core.responses import ActionResult

    found = response.ssm_backend.list_commands(response._get_param("CommandId"), response._get_param("InstanceId"))
    instance_id = response._get_param("InstanceId")
    return ActionResult(
        {
            "CommandInvocations": [
                _listed(command, invocation)
                for command in reversed(found)
                for invocation in command.blackstart.invocations.values()
                if instance_id in (None, invocation.instance_id)
            ]
        }
    )


def _listed(command: Any, invocation: Invocation) -> dict[str, Any]:
    requested: datetime.datetime = command.requested_date_time
    plugin = {
        "Name": PLUGIN,
        "Status": invocation.shown_status,
        "StatusDetails": invocation.status.value,
        "ResponseCode": invocation.response_code,
        "Output": invocation.stdout + invocation.stderr,
    }
    return {
        "CommandId": command.command_id,
        "InstanceId": invocation.instance_id,
        "Comment": command.comment,
        "DocumentName": command.document_name,
        "RequestedDateTime": requested,
        "Status": invocation.shown_status,
        "StatusDetails": invocation.status.value,
        "CommandPlugins": [plugin],
    }


def _text(time_s: float | None) -> str:
    return "" if time_s is None else datetime_at(time_s).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
