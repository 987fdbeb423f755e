"""ModifyInstanceAttribute: what only a stopped instance lets change, and the shutdown behaviour, which moto leaves out.

Source: EC2 API reference, ModifyInstanceAttribute ("To modify some attributes, the instance must be stopped").
"""

from collections.abc import Callable
from typing import Any

from blackstart.emulator.adapters.ec2_refusals import refused
from blackstart.emulator.adapters.patches import Patches

OF_STOPPED = ("InstanceType", "UserData", "Kernel", "Ramdisk", "EbsOptimized")
BEHAVIOUR = "InstanceInitiatedShutdownBehavior"


def install(patches: Patches) -> None:
    from moto.ec2.responses.instances import InstanceResponse

    patches.replace(InstanceResponse, "modify_instance_attribute", _modifying)


def _modifying(original: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def modify_instance_attribute(response: Any) -> Any:
        from moto.core.responses import EmptyResult

        instance = response.ec2_backend.get_instance(response._get_param("InstanceId"))
        named = response._get_param("Attribute") or ""
        given = {name for name in (*OF_STOPPED, BEHAVIOUR) if response._get_param(f"{name}.Value") is not None}
        given |= {name for name in (*OF_STOPPED, BEHAVIOUR) if named.lower() == name.lower()}
        if given & set(OF_STOPPED) and instance.state != "stopped":
            raise refused("IncorrectInstanceState", f"The instance '{instance.id}' is not in the 'stopped' state.")
        if BEHAVIOUR not in given:
            return original(response)
        value = response._get_param(f"{BEHAVIOUR}.Value") or response._get_param("Value")
        if value not in ("stop", "terminate"):
            raise refused("InvalidParameterValue", f"Invalid value '{value}' for {BEHAVIOUR}")
        response.error_on_dryrun()
        instance.instance_initiated_shutdown_behavior = value
        return EmptyResult()

    return modify_instance_attribute
