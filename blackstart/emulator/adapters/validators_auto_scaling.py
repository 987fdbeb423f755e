"""What the Auto Scaling API refuses and moto accepts, with AWS's code and words."""

from collections.abc import Callable
from typing import Any

from blackstart.emulator.adapters.auto_scaling_errors import group_named, group_to_change, refusal
from blackstart.emulator.adapters.moto_traffic_sources import check_exist
from blackstart.emulator.adapters.patches import Patches
from blackstart.emulator.adapters.validators_group_settings import TARGET_GROUPS_AT_MOST, check_settings, check_tags


def install(patches: Patches) -> None:
    from moto.autoscaling.models import AutoScalingBackend
    from moto.autoscaling.responses import AutoScalingResponse

    patches.replace(AutoScalingBackend, "create_auto_scaling_group", _checking_new_group)
    patches.replace(AutoScalingBackend, "update_auto_scaling_group", _checking_update)
    patches.replace(AutoScalingBackend, "set_desired_capacity", _checking_capacity)
    patches.replace(AutoScalingBackend, "create_or_update_tags", _checking_tags)
    patches.replace(AutoScalingBackend, "delete_launch_configuration", _checking_configuration_deletion)
    patches.replace(AutoScalingBackend, "create_launch_configuration", _checking_new_configuration)
    patches.replace(AutoScalingResponse, "create_auto_scaling_group", _checking_settings)
    patches.replace(AutoScalingResponse, "update_auto_scaling_group", _checking_settings)
    patches.replace(AutoScalingResponse, "delete_auto_scaling_group", _checking_group_deletion)
    for name in ("detach_load_balancers", "describe_load_balancers"):
        patches.replace(AutoScalingBackend, name, _of_known_group)
    patches.replace(AutoScalingBackend, "attach_load_balancers", _checking_classic)


def check_limits(minimum: int, maximum: int, desired: int | None) -> None:
    """Raise Auto Scaling's ValidationError for limits that contradict each other."""
    if minimum > maximum:
        raise refusal(f"Max bound, {maximum}, must be greater than or equal to min bound, {minimum}")
    if desired is not None and not minimum <= desired <= maximum:
        raise refusal(
            f"Desired capacity:{desired} must be between the specified min size:{minimum} and max size:{maximum}"
        )


def _checking_settings(original: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def checked(response: Any) -> Any:
        given = response._get_params()
        check_settings(given)
        check_tags(given.get("Tags", ()))
        return original(response)

    checked.__name__ = original.__name__
    return checked


def _checking_new_group(original: Callable[..., Any]) -> Callable[..., Any]:
    def create_auto_scaling_group(backend: Any, **wanted: Any) -> Any:
        name, desired = wanted["name"], wanted["desired_capacity"]
        if name in backend.autoscaling_groups:
            raise refusal(
                f"AutoScalingGroup by this name already exists - A group with the name {name} already exists",
                "AlreadyExists",
            )
        check_limits(int(wanted["min_size"]), int(wanted["max_size"]), None if desired is None else int(desired))
        if _source_count(wanted) == 1:  # else moto itself refuses
            _check_launch_source(backend, wanted)
        _check_places(backend, wanted)
        arns = wanted["target_group_arns"] or []
        check_exist(backend, arns)
        _check_classic(backend, wanted["load_balancers"] or [])
        if len(arns) > TARGET_GROUPS_AT_MOST:
            raise refusal(
                f"Trying to update too many Load Balancers/Target Groups at once. The limit is {TARGET_GROUPS_AT_MOST}"
            )
        return original(backend, **wanted)

    return create_auto_scaling_group


def _checking_update(original: Callable[..., Any]) -> Callable[..., Any]:
    """Refuse contradicting limits; a desired capacity outside new limits is moved to the nearer of them."""

    def update_auto_scaling_group(backend: Any, **wanted: Any) -> Any:
        group = group_to_change(backend, wanted["name"])
        given = (wanted["min_size"], wanted["max_size"], wanted["desired_capacity"])
        minimum = int(group.min_size if given[0] is None else given[0])
        maximum = int(group.max_size if given[1] is None else given[1])
        check_limits(minimum, maximum, None if given[2] is None else int(given[2]))
        current = int(group.desired_capacity or 0)
        if given[2] is None and not minimum <= current <= maximum:
            wanted["desired_capacity"] = min(max(current, minimum), maximum)
        _check_one_source(wanted)
        if wanted["mixed_instances_policy"] is None and not wanted["launch_template"]:
            wanted["mixed_instances_policy"] = group.mixed_instances_policy
        _check_launch_source(backend, wanted)
        _check_places(backend, wanted)
        updated = original(backend, **wanted)
        if wanted["desired_capacity"] is None:
            updated.desired_capacity = current  # moto sets it from the number of instances that it sees
        return updated

    return update_auto_scaling_group


def _check_one_source(wanted: dict[str, Any]) -> None:
    if _source_count(wanted) > 1:
        raise refusal(
            "Valid requests must contain either LaunchTemplate, LaunchConfigurationName or MixedInstancesPolicy "
            "parameter."
        )


def _source_count(wanted: dict[str, Any]) -> int:
    return sum(bool(wanted[source]) for source in ("launch_config_name", "launch_template", "mixed_instances_policy"))


def _check_launch_source(backend: Any, wanted: dict[str, Any]) -> None:
    """Refuse a launch configuration or a template, or a version of it, that does not exist."""
    from moto.core.exceptions import ServiceException

    name = wanted["launch_config_name"]
    if name and name not in backend.launch_configurations:
        raise refusal(
            f"Launch configuration name not found - A launch configuration with the name: {name} does not exist"
        )
    policy = wanted["mixed_instances_policy"] or {}
    given = wanted["launch_template"] or policy.get("LaunchTemplate", {}).get("LaunchTemplateSpecification") or {}
    if bool(given.get("LaunchTemplateId")) == bool(given.get("LaunchTemplateName")):
        return  # none, or both or neither of a template's names: moto's own refusal
    try:
        if given.get("LaunchTemplateId"):
            template = backend.ec2_backend.get_launch_template(given["LaunchTemplateId"])
        else:
            template = backend.ec2_backend.get_launch_template_by_name(given["LaunchTemplateName"])
        version = template.get_version(given.get("Version") or "$Default")
    except ServiceException as error:
        raise _unusable_template(str(getattr(error, "message", error))) from error
    except (KeyError, IndexError, ValueError) as error:
        raise _unusable_template(f"Could not find the specified version {given.get('Version')}.") from error
    if version is None:
        raise _unusable_template(f"Could not find the specified version {given.get('Version')}.")
    overrides = policy.get("LaunchTemplate", {}).get("Overrides") or [{}]
    if not version.image_id and not all(
        each.get("ImageId") or each.get("LaunchTemplateSpecification") for each in overrides
    ):
        raise _unusable_template("The request must contain the parameter ImageId")


def _unusable_template(why: str) -> Exception:
    return refusal(f"You must use a valid fully-formed launch template. {why}")


def _check_classic(backend: Any, names: list[str]) -> None:
    """Refuse Classic Load Balancers that do not exist; the names of others are none of theirs."""
    if not set(names) <= backend.elb_backend.load_balancers.keys():
        raise refusal("Provided Load Balancers may not be valid. Please ensure they exist and try again.")


def _checking_classic(original: Callable[..., Any]) -> Callable[..., Any]:
    def attach_load_balancers(backend: Any, group_name: str, load_balancer_names: list[str]) -> Any:
        group_named(backend, group_name)
        _check_classic(backend, load_balancer_names)
        return original(backend, group_name, load_balancer_names)

    return attach_load_balancers


def _check_places(backend: Any, wanted: dict[str, Any]) -> None:
    """Refuse zones and subnets that do not exist, and subnets of several VPCs."""
    known = {zone.name for zone in backend.ec2_backend.describe_availability_zones()}
    strange = sorted(set(wanted["availability_zones"] or ()) - known)
    if strange:
        raise refusal(f"Invalid Availability Zones: [{', '.join(strange)}]")
    vpcs = set()
    for subnet_id in filter(None, (wanted["vpc_zone_identifier"] or "").split(",")):
        found = [zone[subnet_id.strip()] for zone in backend.ec2_backend.subnets.values() if subnet_id.strip() in zone]
        if not found:
            raise refusal(f"The subnet ID '{subnet_id.strip()}' does not exist")
        vpcs.add(found[0].vpc_id)
    if len(vpcs) > 1:
        raise refusal("The specified subnets must belong to the same VPC.")


def _checking_capacity(original: Callable[..., Any]) -> Callable[..., Any]:
    def set_desired_capacity(backend: Any, group_name: str, desired_capacity: int | None) -> Any:
        group = group_to_change(backend, group_name)
        for word, wrong, limit in (
            ("above max", desired_capacity is not None and desired_capacity > group.max_size, group.max_size),
            ("below min", desired_capacity is not None and desired_capacity < group.min_size, group.min_size),
        ):
            if wrong:
                raise refusal(
                    f"New SetDesiredCapacity value {desired_capacity} is {word} value {limit} for the AutoScalingGroup."
                )
        return original(backend, group_name, desired_capacity)

    return set_desired_capacity


def _checking_tags(original: Callable[..., Any]) -> Callable[..., Any]:
    def create_or_update_tags(backend: Any, tags: list[dict[str, str]]) -> Any:
        for name in {tag.get("ResourceId") for tag in tags}:
            check_tags([tag for tag in tags if tag.get("ResourceId") == name])
        return original(backend, tags)

    return create_or_update_tags


def _checking_group_deletion(original: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def delete_auto_scaling_group(response: Any) -> Any:
        group = group_named(response.autoscaling_backend, response._get_param("AutoScalingGroupName"))
        forced = response._get_bool_param("ForceDelete", False)
        protection = getattr(group, "deletion_protection", "none")
        if protection == "prevent-all-deletion" or (forced and protection == "prevent-force-deletion"):
            raise refusal(f"AutoScalingGroup {group.name} is protected from deletion ({protection}).")
        if group.instance_states and not forced:
            raise refusal(
                "You cannot delete an AutoScalingGroup while there are instances or pending Spot instance request(s) "
                "still in the group.",
                "ResourceInUse",
            )
        return original(response)

    return delete_auto_scaling_group


def _checking_new_configuration(original: Callable[..., Any]) -> Callable[..., Any]:
    def create_launch_configuration(backend: Any, **wanted: Any) -> Any:
        name = wanted["name"]
        if name in backend.launch_configurations:
            raise refusal(
                "Launch Configuration by this name already exists - A launch configuration already exists with the "
                f"name {name}",
                "AlreadyExists",
            )
        return original(backend, **wanted)

    return create_launch_configuration


def _checking_configuration_deletion(original: Callable[..., Any]) -> Callable[..., Any]:
    def delete_launch_configuration(backend: Any, launch_configuration_name: str) -> Any:
        name = launch_configuration_name
        if name not in backend.launch_configurations:
            raise refusal(f"Launch configuration name not found - Launch configuration {name} not found")
        groups = backend.autoscaling_groups.values()
        if any(getattr(group, "launch_configuration_name", None) == name for group in groups):
            raise refusal(
                f"Cannot delete launch configuration {name} because it is attached to an AutoScalingGroup",
                "ResourceInUse",
            )
        return original(backend, name)

    return delete_launch_configuration


def _of_known_group(original: Callable[..., Any]) -> Callable[..., Any]:
    def with_group(backend: Any, group_name: str, *args: Any, **kwargs: Any) -> Any:
        group_named(backend, group_name)
        return original(backend, group_name, *args, **kwargs)

    return with_group
