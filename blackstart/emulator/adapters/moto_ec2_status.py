"""DescribeInstanceStatus from the status checks, and what moto describes of instances without having it.

Replaced: `Instance.instance_status`, `Instance.system_status` (always ok), `InstanceBackend.describe_instance_status`
(knows two filters) and the answers around it (no pages; every instance has standard CPU credits).
Source: EC2 API reference, DescribeInstanceStatus.
"""

import fnmatch
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from blackstart.emulator.adapters.ec2_refusals import refused
from blackstart.emulator.adapters.patches import Patches
from blackstart.emulator.controllers.instance_facts import InstanceFact
from blackstart.emulator.decisions.status_checks import CheckStatus, StatusCheck

REACHABILITY = {CheckStatus.OK: "passed", CheckStatus.IMPAIRED: "failed", CheckStatus.INITIALIZING: "initializing"}
BURSTABLE = ("t2.", "t3.", "t3a.", "t4g.")


def install(patches: Patches, facts: Callable[[], Mapping[str, InstanceFact]]) -> None:
    from moto.ec2.models.instances import Instance, InstanceBackend
    from moto.ec2.responses.instances import InstanceResponse

    def check_of(instance: Any, name: str) -> dict[str, Any]:
        fact = facts().get(instance.id)
        return described(getattr(fact, name) if fact else StatusCheck(CheckStatus.NOT_APPLICABLE, 0.0))

    patches.replace(Instance, "instance_status", lambda _: property(lambda each: check_of(each, "instance_check")))
    patches.replace(Instance, "system_status", lambda _: property(lambda each: check_of(each, "system_check")))
    patches.replace(InstanceBackend, "describe_instance_status", lambda _: _filtered)
    patches.replace(InstanceResponse, "describe_instance_status", lambda _: _in_pages)
    patches.replace(InstanceResponse, "describe_instance_credit_specifications", lambda _: _credits)


def described(check: StatusCheck) -> dict[str, Any]:
    """A check as DescribeInstanceStatus shows it."""
    if check.status is CheckStatus.NOT_APPLICABLE:
        return {"Status": check.status.value}
    detail: dict[str, Any] = {"Name": "reachability", "Status": REACHABILITY[check.status]}
    if check.status is CheckStatus.IMPAIRED:
        detail["ImpairedSince"] = datetime.fromtimestamp(check.since_s, UTC)
    return {"Status": check.status.value, "Details": [detail]}


def _filtered(backend: Any, instance_ids: list[str], include_all_instances: bool, filters: Any) -> list[Any]:
    among = backend.get_multi_instances_by_id(instance_ids) if instance_ids else backend.all_instances()
    shown = [instance for instance in among if include_all_instances or instance.state == "running"]
    for each in filters or ():
        shown = [instance for instance in shown if _matches(instance, each["name"], each["values"])]
    return shown


def _matches(instance: Any, name: str, patterns: list[str]) -> bool:
    value = _filter_value(instance, name)
    return value is not None and any(fnmatch.fnmatchcase(value, pattern) for pattern in patterns)


def _filter_value(instance: Any, name: str) -> str | None:
    kind, _, part = name.partition(".")
    if kind in ("instance-status", "system-status"):
        check = instance.instance_status if kind == "instance-status" else instance.system_status
        if part == "status":
            return str(check["Status"])
        if part == "reachability":
            return str(check["Details"][0]["Status"]) if "Details" in check else None
    elif kind == "event":
        return None  # nothing is ever scheduled
    elif name in (known := {"availability-zone": instance.placement.zone, "instance-state-name": instance.state}):
        return str(known[name])
    elif name == "instance-state-code":
        return str(instance.state_code)
    raise refused("InvalidParameterValue", f"The filter '{name}' is invalid")


def _in_pages(response: Any) -> Any:
    from moto.core.responses import ActionResult

    ids, size = response._get_param("InstanceIds", []), response._get_int_param("MaxResults")
    if ids and size:
        raise refused(
            "InvalidParameterCombination",
            "The parameter instancesSet cannot be used with the parameter maxResults",
        )
    filters = [{"name": name, "values": values} for name, values in response._filters_from_querystring().items()]
    include_all = response._get_bool_param("IncludeAllInstances", False)
    found = response.ec2_backend.describe_instance_status(ids, include_all, filters)
    start = int(response._get_param("NextToken") or 0)
    end = len(found) if not size else start + size
    return ActionResult(
        {"InstanceStatuses": found[start:end], "NextToken": str(end) if size and end < len(found) else None}
    )


def _credits(response: Any) -> Any:
    """The credit option of burstable instances: as launched, else T2's standard and the newer ones' unlimited."""
    from moto.core.responses import ActionResult

    ids = response._get_param("InstanceIds", [])
    instances = response.ec2_backend.describe_instance_credit_specifications(ids)
    return ActionResult(
        {
            "InstanceCreditSpecifications": [
                {"InstanceId": instance.id, "CpuCredits": _credit(instance)}
                for instance in instances
                if instance.instance_type.startswith(BURSTABLE)
            ]
        }
    )


def _credit(instance: Any) -> str:
    asked = getattr(instance, "blackstart_cpu_credits", None)
    return str(asked) if asked else "standard" if instance.instance_type.startswith("t2.") else "unlimited"
