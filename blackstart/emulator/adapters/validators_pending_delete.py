"""What Auto Scaling refuses of a group that is being deleted, so that nothing new outlives it.

Source: the words that clients met; those of the calls not named in WORDS are not published.
"""

from collections.abc import Callable
from typing import Any

from blackstart.emulator.adapters.auto_scaling_errors import PENDING_DELETE, refusal
from blackstart.emulator.adapters.patches import Patches

CALLS = (
    "create_auto_scaling_group",
    "suspend_processes",
    "put_scaling_policy",
    "put_scheduled_update_group_action",
    "batch_put_scheduled_update_group_action",
    "put_lifecycle_hook",
    "put_warm_pool",
    "start_instance_refresh",
)
WORDS = {"suspend_processes": "Processes may not be suspended while the AutoScaling group is pending delete"}


def install(patches: Patches) -> None:
    """After all that replaces one of the calls."""
    from moto.autoscaling.responses import AutoScalingResponse

    for name in CALLS:
        patches.replace(AutoScalingResponse, name, _refusing(name))


def _refusing(call: str) -> Callable[[Any], Any]:
    def wrapped(original: Callable[[Any], Any]) -> Callable[[Any], Any]:
        def refusing(response: Any) -> Any:
            name = response._get_param("AutoScalingGroupName")
            group = response.autoscaling_backend.autoscaling_groups.get(name)
            if getattr(group, "status", None):
                raise _refusal(call, name)
            return original(response)

        refusing.__name__ = call
        return refusing

    return wrapped


def _refusal(call: str, group: str) -> Exception:
    if call != "create_auto_scaling_group":
        return refusal(WORDS.get(call, PENDING_DELETE))
    return refusal(
        f"AutoScalingGroup by this name already exists - A group with the name {group} already exists and is pending "
        "delete.  Please wait until Autoscaling completes the deletion process before creating another group with the "
        "same name.",
        "AlreadyExists",
    )
