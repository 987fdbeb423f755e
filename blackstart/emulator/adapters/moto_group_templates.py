"""Auto Scaling groups of CloudFormation templates: created with all of their settings, and updated in place.

Replaced: `create_from_cloudformation_json` (drops what the API's calls drop, too), `update_from_cloudformation_json`
(deletes the group and makes another).

Source: CloudFormation template reference, AWS::AutoScaling::AutoScalingGroup; a new name alone means replacement.
"""

from collections.abc import Callable, Mapping
from typing import Any

from blackstart.emulator.adapters import moto_group_settings, moto_lifecycle_hooks
from blackstart.emulator.adapters.moto_group_notifications import topics_of
from blackstart.emulator.adapters.moto_group_settings import TestTeller
from blackstart.emulator.adapters.moto_lifecycle_hooks import MotoHooks
from blackstart.emulator.adapters.patches import Patches


def install(patches: Patches, hooks: MotoHooks, now_s: Callable[[], float]) -> None:
    from moto.autoscaling.models import FakeAutoScalingGroup

    tell_test = moto_lifecycle_hooks.test_teller(hooks, now_s)
    for name, make in (
        ("create_from_cloudformation_json", _creating),
        ("update_from_cloudformation_json", _updating),
    ):
        patches.replace(FakeAutoScalingGroup, name, _telling(make, tell_test))


def _telling(make: Callable[[Any, TestTeller], Any], tell_test: TestTeller) -> Callable[[Any], Any]:
    return lambda original: make(original, tell_test)


def _creating(original: Any, tell_test: TestTeller) -> Any:
    def create_from_cloudformation_json(
        kind: type[Any], /, resource_name: str, cloudformation_json: Any, account_id: str, region_name: str, **more: Any
    ) -> Any:
        group = original.__func__(kind, resource_name, cloudformation_json, account_id, region_name, **more)
        _complete(group, cloudformation_json["Properties"], tell_test)
        return group

    return classmethod(create_from_cloudformation_json)


def _updating(original: Any, tell_test: TestTeller) -> Any:
    def update_from_cloudformation_json(
        kind: type[Any],
        /,
        original_resource: Any,
        new_resource_name: str,
        cloudformation_json: Any,
        account_id: str,
        region_name: str,
    ) -> Any:
        group, properties = original_resource, cloudformation_json["Properties"]
        if properties.get("AutoScalingGroupName") not in (None, group.name):
            return original.__func__(kind, group, new_resource_name, cloudformation_json, account_id, region_name)
        group.autoscaling_backend.update_auto_scaling_group(
            name=group.name,
            availability_zones=properties.get("AvailabilityZones", []),
            desired_capacity=_number(properties.get("DesiredCapacity")),
            max_size=_number(properties.get("MaxSize")),
            min_size=_number(properties.get("MinSize")),
            launch_config_name=properties.get("LaunchConfigurationName"),
            launch_template=properties.get("LaunchTemplate", {}),
            vpc_zone_identifier=",".join(properties.get("VPCZoneIdentifier", [])) or None,
            health_check_period=_number(properties.get("HealthCheckGracePeriod")),
            health_check_type=properties.get("HealthCheckType"),
            new_instances_protected_from_scale_in=properties.get("NewInstancesProtectedFromScaleIn"),
            mixed_instances_policy=properties.get("MixedInstancesPolicy"),
        )
        group.target_group_arns = list(properties.get("TargetGroupARNs", ()))
        moto_group_settings.keep_one_launch_source(group, properties)
        _complete(group, properties, tell_test)
        return group

    return classmethod(update_from_cloudformation_json)


def _complete(group: Any, properties: Mapping[str, Any], tell_test: TestTeller) -> None:
    moto_group_settings.complete(group, properties, tell_test)
    if "Cooldown" in properties:
        group.default_cooldown = int(properties["Cooldown"])
    wanted = properties.get("NotificationConfigurations", ())
    topics = {str(each["TopicARN"]): list(each.get("NotificationTypes", ())) for each in wanted}
    topics_of(group).clear()
    topics_of(group).update(topics)


def _number(given: Any) -> int | None:
    return None if given is None else int(given)
