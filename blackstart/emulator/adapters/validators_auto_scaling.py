"""What the Auto Scaling API refuses and moto accepts, with AWS's code and words."""

from collections.abc import Callable
from typing import Any

from blackstart.emulator.adapters.patches import Patches


def install(patches: Patches) -> None:
    from moto.autoscaling.models import AutoScalingBackend
    from moto.autoscaling.responses import AutoScalingResponse

    patches.replace(AutoScalingBackend, "create_auto_scaling_group", _checking_new_group)
    patches.replace(AutoScalingBackend, "update_auto_scaling_group", _checking_update)
    patches.replace(AutoScalingBackend, "set_desired_capacity", _checking_capacity)
    patches.replace(AutoScalingResponse, "delete_auto_scaling_group", _checking_group_deletion)


def check_limits(minimum: int, maximum: int, desired: int | None) -> None:
    """Raise Auto Scaling's ValidationError for limits that contradict each other."""
    from moto.autoscaling.exceptions import ValidationError

    if minimum > maximum:
        raise ValidationError(f"Max bound, {maximum}, must be greater than or equal to min bound, {minimum}")
    if desired is not None and not minimum <= desired <= maximum:
        raise ValidationError(
            f"Desired capacity:{desired} must be between the specified min size:{minimum} and max size:{maximum}"
        )


def _checking_new_group(original: Callable[..., Any]) -> Callable[..., Any]:
    def create_auto_scaling_group(backend: Any, **wanted: Any) -> Any:
        from moto.autoscaling.exceptions import AutoscalingClientError

        name, desired = wanted["name"], wanted["desired_capacity"]
        if name in backend.autoscaling_groups:
            raise AutoscalingClientError(
                "AlreadyExists",
                f"AutoScalingGroup by this name already exists - A group with the name {name} already exists",
            )
        check_limits(int(wanted["min_size"]), int(wanted["max_size"]), None if desired is None else int(desired))
        return original(backend, **wanted)

    return create_auto_scaling_group


def _checking_update(original: Callable[..., Any]) -> Callable[..., Any]:
    """Refuse contradicting limits; a desired capacity outside new limits is moved to the nearer of them."""

    def update_auto_scaling_group(backend: Any, **wanted: Any) -> Any:
        group = backend.autoscaling_groups.get(wanted["name"])
        if group is not None:
            given = (wanted["min_size"], wanted["max_size"], wanted["desired_capacity"])
            minimum = int(group.min_size if given[0] is None else given[0])
            maximum = int(group.max_size if given[1] is None else given[1])
            check_limits(minimum, maximum, None if given[2] is None else int(given[2]))
            current = int(group.desired_capacity or 0)
            if given[2] is None and not minimum <= current <= maximum:
                wanted["desired_capacity"] = min(max(current, minimum), maximum)
            if wanted["mixed_instances_policy"] is None:
                wanted["mixed_instances_policy"] = group.mixed_instances_policy
        before = getattr(group, "desired_capacity", None)
        updated = original(backend, **wanted)
        if wanted["desired_capacity"] is None and before is not None:
            updated.desired_capacity = before  # moto sets it from the number of instances that it sees
        return updated

    return update_auto_scaling_group


def _checking_capacity(original: Callable[..., Any]) -> Callable[..., Any]:
    def set_desired_capacity(backend: Any, group_name: str, desired_capacity: int | None) -> Any:
        from moto.autoscaling.exceptions import ValidationError

        group = backend.autoscaling_groups.get(group_name)
        if group is None:
            raise ValidationError(f"AutoScalingGroup name not found - AutoScalingGroup '{group_name}' not found")
        if desired_capacity is not None and desired_capacity > group.max_size:
            raise ValidationError(
                f"New SetDesiredCapacity value {desired_capacity} is above max value {group.max_size} "
                "for the AutoScalingGroup."
            )
        if desired_capacity is not None and desired_capacity < group.min_size:
            raise ValidationError(
                f"New SetDesiredCapacity value {desired_capacity} is below min value {group.min_size} "
                "for the AutoScalingGroup."
            )
        return original(backend, group_name, desired_capacity)

    return set_desired_capacity


def _checking_group_deletion(original: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def delete_auto_scaling_group(response: Any) -> Any:
        from moto.autoscaling.exceptions import AutoscalingClientError

        group = response.autoscaling_backend.autoscaling_groups.get(response._get_param("AutoScalingGroupName"))
        if group is not None and group.instance_states and not response._get_bool_param("ForceDelete", False):
            raise AutoscalingClientError(
                "ResourceInUse",
                "You cannot delete an AutoScalingGroup while there are instances or pending Spot instance request(s) "
                "still in the group.",
            )
        return original(response)

    return delete_auto_scaling_group
