"""Detailed monitoring, the sizes of instance types and the NAT gateways, as moto has them: what metrics depend on.

Replaced: MonitorInstances and UnmonitorInstances, which moto has not implemented, and `create_launch_configuration`,
whose instances AWS monitors in detail unless it is told otherwise.
"""

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

from blackstart.emulator.adapters import moto_backends
from blackstart.emulator.adapters.patches import Patches
from blackstart.emulator.controllers.nat_metrics import NatGateway

Changed = Callable[[str], None]


def install(patches: Patches, changed: Changed) -> None:
    """changed: is told of an instance whose monitoring is another one now."""
    from moto.autoscaling.responses import AutoScalingResponse
    from moto.ec2.responses.monitoring import Monitoring

    patches.replace(Monitoring, "monitor_instances", lambda _: _switching("enabled", "pending", changed))
    patches.replace(Monitoring, "unmonitor_instances", lambda _: _switching("disabled", "disabling", changed))
    patches.replace(AutoScalingResponse, "create_launch_configuration", _monitored_by_default)


@cache
def vcpus(instance_type: str) -> int:
    """The default vCPUs of an instance type, 1 for one that moto does not know."""
    from moto.ec2.models.instance_types import INSTANCE_TYPES

    known: dict[str, Any] = INSTANCE_TYPES.get(instance_type) or {}
    return int(known.get("VCpuInfo", {}).get("DefaultVCpus", 1))


def available_nat_gateways() -> Iterator[NatGateway]:
    for backend in moto_backends.existing("ec2"):
        for gateway in backend.nat_gateways.values():
            if gateway.state == "available":
                yield NatGateway(backend.account_id, backend.region_name, gateway.id)


def _switching(state: str, answered: str, changed: Changed) -> Callable[[Any], Any]:
    def switch(response: Any) -> Any:
        from moto.core.responses import ActionResult

        response.error_on_dryrun()
        instances = response.ec2_backend.get_multi_instances_by_id(response._get_param("InstanceIds", []))
        monitorings = []
        for instance in instances:
            shown = state if instance.monitoring_state == state else answered
            instance.monitoring_state = state
            changed(instance.id)
            monitorings.append({"InstanceId": instance.id, "Monitoring": {"State": shown}})
        return ActionResult({"InstanceMonitorings": monitorings})

    return switch


def _monitored_by_default(original: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def create_launch_configuration(response: Any) -> Any:
        answer = original(response)
        if response._get_param("InstanceMonitoring.Enabled") is None:
            name = response._get_param("LaunchConfigurationName")
            response.autoscaling_backend.launch_configurations[name].instance_monitoring_enabled = True
        return answer

    return create_launch_configuration
