"""What AWS refuses and moto accepts, as far as a web tier can run into it. Each answers with AWS's code and words.

Unknown images and instance types are refused by moto's own switches (`moto_backends.SWITCHES`).
"""

import inspect
import re
from collections.abc import Callable
from typing import Any

from blackstart.emulator.adapters.moto_elbv2_actions import target_group_arns_of
from blackstart.emulator.adapters.patches import Patches

SERVED_PROTOCOLS = ("HTTP", "HTTPS")


def install(patches: Patches) -> None:
    from moto.autoscaling.models import AutoScalingBackend
    from moto.autoscaling.responses import AutoScalingResponse
    from moto.elbv2.models import ELBv2Backend

    patches.replace(AutoScalingBackend, "create_auto_scaling_group", _checking_new_group)
    patches.replace(AutoScalingBackend, "update_auto_scaling_group", _checking_update)
    patches.replace(AutoScalingBackend, "set_desired_capacity", _checking_capacity)
    patches.replace(AutoScalingResponse, "delete_auto_scaling_group", _checking_group_deletion)
    patches.replace(ELBv2Backend, "create_load_balancer", _checking_load_balancer)
    patches.replace(ELBv2Backend, "delete_load_balancer", _checking_deletion)
    patches.replace(ELBv2Backend, "set_subnets", _checking_subnets)
    patches.replace(ELBv2Backend, "create_listener", _checking_listener)
    patches.replace(ELBv2Backend, "create_target_group", _checking_target_group)
    patches.replace(ELBv2Backend, "modify_target_group", _checking_health_check)


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


def check_zones(backend: Any, balancer_type: str | None, subnet_ids: list[str]) -> None:
    """Raise elbv2's errors for too few zones or two subnets in one."""
    from moto.elbv2.exceptions import ELBClientError

    zones = [backend.ec2_backend.get_subnet(subnet_id).availability_zone for subnet_id in subnet_ids]
    if len(zones) != len(set(zones)):
        raise ELBClientError(
            "InvalidConfigurationRequest",
            "A load balancer cannot be attached to multiple subnets in the same Availability Zone",
        )
    if balancer_type in (None, "application") and len(zones) < 2:
        raise ELBClientError(
            "ValidationError", "At least two subnets in two different Availability Zones must be specified"
        )


def _subnet_ids(subnet_ids: list[str] | None, mappings: list[dict[str, str]] | None) -> list[str]:
    return [*(subnet_ids or []), *(mapping["SubnetId"] for mapping in mappings or [])]


def _checking_load_balancer(original: Callable[..., Any]) -> Callable[..., Any]:
    def create_load_balancer(backend: Any, **wanted: Any) -> Any:
        from moto.elbv2.exceptions import DuplicateLoadBalancerName

        ids = _subnet_ids(wanted.get("subnet_ids"), wanted.get("subnet_mappings"))
        if ids:
            check_zones(backend, wanted.get("loadbalancer_type"), ids)
        if any(balancer.name == wanted["name"] for balancer in backend.load_balancers.values()):
            raise DuplicateLoadBalancerName
        return original(backend, **wanted)

    return create_load_balancer


def _checking_subnets(original: Callable[..., Any]) -> Callable[..., Any]:
    def set_subnets(backend: Any, arn: str, subnets: list[str], subnet_mappings: list[dict[str, Any]]) -> Any:
        balancer = backend.load_balancers.get(arn)
        ids = _subnet_ids(subnets, subnet_mappings)
        if balancer is not None and ids:
            check_zones(backend, balancer.type, ids)
        return original(backend, arn, subnets, subnet_mappings)

    return set_subnets


def _checking_deletion(original: Callable[..., Any]) -> Callable[..., Any]:
    def delete_load_balancer(backend: Any, arn: str) -> Any:
        from moto.elbv2.exceptions import ELBClientError

        balancer = backend.load_balancers.get(arn)
        if balancer is not None and balancer.attrs.get("deletion_protection.enabled") == "true":
            raise ELBClientError(
                "OperationNotPermitted",
                f"Load balancer '{arn}' cannot be deleted because deletion protection is enabled",
            )
        return original(backend, arn)

    return delete_load_balancer


def _checking_listener(original: Callable[..., Any]) -> Callable[..., Any]:
    def create_listener(backend: Any, **wanted: Any) -> Any:
        from moto.elbv2.exceptions import DuplicateListenerError, ELBClientError

        balancer = backend.load_balancers.get(wanted["load_balancer_arn"])
        if balancer is not None:
            if any(str(listener.port) == str(wanted["port"]) for listener in balancer.listeners.values()):
                raise DuplicateListenerError
            if wanted["protocol"] == "HTTPS" and not wanted["certificate"]:
                raise ELBClientError("CertificateNotFound", "A certificate must be specified for HTTPS listeners")
            for action in wanted["actions"]:
                _check_association(backend, balancer, target_group_arns_of(action))
        return original(backend, **wanted)

    return create_listener


def check_health_check(matcher: str | None, port: str | None) -> None:
    """Raise elbv2's ValidationError for a matcher or a health-check port that means nothing; None: not given."""
    from moto.elbv2.exceptions import ELBClientError

    if matcher is not None and not _is_matcher(matcher):
        raise ELBClientError(
            "ValidationError",
            f"Health check matcher HTTP code '{matcher}' must be a code, a list such as '200,202' or a range such as "
            "'200-299', within '200-499' inclusive",
        )
    if port is not None and port != "traffic-port" and not (port.isdecimal() and 1 <= int(port) <= 65535):
        raise ELBClientError(
            "ValidationError", f"Health check port '{port}' must be 'traffic-port' or in the range 1-65535"
        )


def _is_matcher(matcher: str) -> bool:
    """Whether it is a list of codes and rising ranges between 200 and 499."""
    ranges = [re.fullmatch(r"([234]\d\d)(?:-([234]\d\d))?", part.strip()) for part in matcher.split(",")]
    return all(found is not None and found[1] <= (found[2] or found[1]) for found in ranges)


def _checking_target_group(original: Callable[..., Any]) -> Callable[..., Any]:
    def create_target_group(backend: Any, name: str, **wanted: Any) -> Any:
        matcher = (wanted.get("matcher") or {}).get("HttpCode") if wanted.get("protocol") in SERVED_PROTOCOLS else None
        check_health_check(matcher, wanted.get("healthcheck_port"))
        return original(backend, name, **wanted)

    return create_target_group


def _checking_health_check(original: Callable[..., Any]) -> Callable[..., Any]:
    def modify_target_group(backend: Any, arn: str, *wanted: Any, **named: Any) -> Any:
        given = inspect.signature(original).bind(backend, arn, *wanted, **named).arguments
        group = backend.target_groups.get(arn)
        matcher = given.get("http_codes") if group is not None and group.protocol in SERVED_PROTOCOLS else None
        check_health_check(matcher, given.get("health_check_port"))
        return original(backend, arn, *wanted, **named)

    return modify_target_group


def _check_association(backend: Any, balancer: Any, arns: list[str]) -> None:
    """One target group belongs to one load balancer."""
    from moto.elbv2.exceptions import ELBClientError

    for other in backend.load_balancers.values():
        if other is balancer:
            continue
        for listener in other.listeners.values():
            for rule in listener.rules.values():
                for action in rule.actions:
                    taken = set(target_group_arns_of(action.data)) & set(arns)
                    if taken:
                        raise ELBClientError(
                            "TargetGroupAssociationLimit",
                            "The following target groups cannot be associated with more than one load balancer: "
                            f"{', '.join(sorted(taken))}",
                        )
