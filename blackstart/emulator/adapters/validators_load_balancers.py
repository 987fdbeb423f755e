"""What the elbv2 API refuses of load balancers and moto accepts."""

from collections.abc import Callable
from typing import Any

from blackstart.emulator.adapters.elbv2_attribute_rules import LOAD_BALANCER_ATTRIBUTES, check_attributes, check_pairs
from blackstart.emulator.adapters.elbv2_idempotency import changed, made_alike, remember, settings_of
from blackstart.emulator.adapters.elbv2_refusals import by_name, check_enum, check_name, invalid, refused
from blackstart.emulator.adapters.moto_elbv2_attributes import on
from blackstart.emulator.adapters.patches import Patches
from blackstart.emulator.adapters.validators_tags import check_tags

ARGUMENTS = ("name", "security_groups", "subnet_ids", "subnet_mappings", "scheme", "loadbalancer_type")
SCHEMES = ("internet-facing", "internal")
TYPES = ("application", "network", "gateway")


def install(patches: Patches) -> None:
    from moto.elbv2.models import ELBv2Backend
    from moto.elbv2.responses import ELBV2Response

    patches.replace(ELBv2Backend, "create_load_balancer", _checking_creation)
    patches.replace(ELBv2Backend, "delete_load_balancer", _checking_deletion)
    patches.replace(ELBv2Backend, "set_subnets", _checking_subnets)
    patches.replace(ELBv2Backend, "set_security_groups", _checking_security_groups)
    patches.replace(ELBv2Backend, "modify_load_balancer_attributes", _checking_attributes)
    patches.replace(ELBV2Response, "modify_load_balancer_attributes", _checking_pairs)


def check_zones(backend: Any, balancer_type: str | None, subnet_ids: list[str], vpc_id: str | None = None) -> None:
    """Raise elbv2's errors for unknown subnets, too few zones, two subnets in one, or subnets of two networks.

    vpc_id: the network of a load balancer that exists.
    """
    found = [_subnet(backend, subnet_id) for subnet_id in subnet_ids]
    zones = [subnet.availability_zone for subnet in found]
    if len(zones) != len(set(zones)):
        raise refused(
            "InvalidConfigurationRequest",
            "A load balancer cannot be attached to multiple subnets in the same Availability Zone",
        )
    if len({subnet.vpc_id for subnet in found} | ({vpc_id} if vpc_id else set())) > 1:
        raise refused("InvalidConfigurationRequest", "All subnets must belong to the same VPC")
    if balancer_type in (None, "application") and len(zones) < 2:
        raise invalid("At least two subnets in two different Availability Zones must be specified")


def _subnet(backend: Any, subnet_id: str) -> Any:
    from moto.ec2.exceptions import InvalidSubnetIdError

    try:
        return backend.ec2_backend.get_subnet(subnet_id)
    except InvalidSubnetIdError:
        raise refused("SubnetNotFound", f"The subnet ID '{subnet_id}' does not exist") from None


def check_security_groups(backend: Any, vpc_id: str, group_ids: list[str]) -> None:
    """Raise elbv2's errors for security groups that do not exist or belong to another network."""
    for group_id in group_ids:
        group = backend.ec2_backend.get_security_group_from_id(group_id)
        if group is None:
            raise refused("InvalidSecurityGroup", f"Security group '{group_id}' does not exist")
        if group.vpc_id not in (None, vpc_id):
            raise refused("InvalidConfigurationRequest", "One or more security groups are invalid")


def _subnet_ids(subnet_ids: list[str] | None, mappings: list[dict[str, str]] | None) -> list[str]:
    return [*(subnet_ids or []), *(mapping["SubnetId"] for mapping in mappings or [])]


def _checking_creation(original: Callable[..., Any]) -> Callable[..., Any]:
    def create_load_balancer(backend: Any, *given: Any, **named: Any) -> Any:
        wanted = by_name(ARGUMENTS, given, named)
        name = wanted["name"]
        check_name("Load balancer", name)
        if name.startswith("internal-"):
            raise invalid(f"Load balancer name '{name}' cannot begin with 'internal-'")
        check_enum("type", wanted.get("loadbalancer_type"), TYPES)
        if wanted.get("scheme") not in (None, *SCHEMES):
            raise refused("InvalidScheme", f"Load balancer scheme '{wanted['scheme']}' must be one of {list(SCHEMES)}")
        check_tags(wanted.get("tags") or ())
        settings = settings_of(wanted)
        known = next((balancer for balancer in backend.load_balancers.values() if balancer.name == name), None)
        if known is not None and made_alike(known, settings):
            return known
        if known is not None:
            raise refused(
                "DuplicateLoadBalancerName",
                f"A load balancer with the same name '{name}' exists, but with different settings",
            )
        ids = _subnet_ids(wanted.get("subnet_ids"), wanted.get("subnet_mappings"))
        if ids:
            check_zones(backend, wanted.get("loadbalancer_type"), ids)
            vpc_id = backend.ec2_backend.get_subnet(ids[0]).vpc_id
            check_security_groups(backend, vpc_id, wanted.get("security_groups") or [])
        made = original(backend, **{**wanted, "scheme": wanted.get("scheme") or "internet-facing"})
        remember(made, settings)
        return made

    return create_load_balancer


def _checking_subnets(original: Callable[..., Any]) -> Callable[..., Any]:
    def set_subnets(backend: Any, arn: str, subnets: list[str], subnet_mappings: list[dict[str, Any]]) -> Any:
        balancer = backend.load_balancers.get(arn)
        ids = _subnet_ids(subnets, subnet_mappings)
        if balancer is not None and ids:
            check_zones(backend, balancer.type, ids, balancer.vpc_id)
        zones = original(backend, arn, subnets, subnet_mappings)
        changed(balancer, subnet_ids=subnets, subnet_mappings=subnet_mappings)
        return zones

    return set_subnets


def _checking_security_groups(original: Callable[..., Any]) -> Callable[..., Any]:
    def set_security_groups(backend: Any, arn: str, sec_groups: list[str]) -> None:
        balancer = backend.load_balancers.get(arn)
        if balancer is not None:
            check_security_groups(backend, balancer.vpc_id, sec_groups)
        original(backend, arn, sec_groups)
        changed(balancer, security_groups=sec_groups)

    return set_security_groups


def _checking_attributes(original: Callable[..., Any]) -> Callable[..., Any]:
    def modify_load_balancer_attributes(backend: Any, arn: str, attrs: dict[str, Any]) -> Any:
        balancer = backend.load_balancers.get(arn)
        if balancer is not None:
            check_attributes("Load balancer", LOAD_BALANCER_ATTRIBUTES, attrs)
            _check_together(balancer, attrs)
        return original(backend, arn, attrs)

    return modify_load_balancer_attributes


def _checking_pairs(original: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def modify_load_balancer_attributes(response: Any) -> Any:
        check_pairs(response._get_param("Attributes", []))
        return original(response)

    return modify_load_balancer_attributes


def _check_together(balancer: Any, attrs: dict[str, Any]) -> None:
    after = {**balancer.attrs, **attrs}
    for logs in ("access_logs", "connection_logs", "health_check_logs"):
        if on(after, f"{logs}.s3.enabled") and not after.get(f"{logs}.s3.bucket"):
            raise refused("InvalidConfigurationRequest", f"'{logs}.s3.bucket' must be specified when logs are enabled")
    if balancer.type == "application" and str(attrs.get("load_balancing.cross_zone.enabled", "true")) != "true":
        raise refused(
            "InvalidConfigurationRequest",
            "Load balancer attribute key 'load_balancing.cross_zone.enabled' cannot be changed on load balancers with "
            "type 'application'",
        )


def _checking_deletion(original: Callable[..., Any]) -> Callable[..., Any]:
    def delete_load_balancer(backend: Any, arn: str) -> Any:
        balancer = backend.load_balancers.get(arn)
        if balancer is not None and on(balancer.attrs, "deletion_protection.enabled"):
            raise refused(
                "OperationNotPermitted",
                f"Load balancer '{arn}' cannot be deleted because deletion protection is enabled",
            )
        return original(backend, arn)

    return delete_load_balancer
