"""Which instance types each zone offers, from moto's copy of DescribeInstanceTypeOfferings; asked once a region."""

from functools import cache

from blackstart.emulator.adapters.ec2_refusals import refused


def check_offered(region: str, zone: str, instance_type: str) -> None:
    """Raise what EC2 says of an unknown instance type, or of one that the zone does not have."""
    from moto import settings

    zones = zones_offering(region).get(instance_type)
    if zones is None:
        if settings.EC2_ENABLE_INSTANCE_TYPE_VALIDATION:
            raise refused("InvalidParameterValue", f"Invalid value '{instance_type}' for InstanceType.")
    elif zone not in zones:
        raise refused(
            "Unsupported",
            f"Your requested instance type ({instance_type}) is not supported in your requested Availability Zone "
            f"({zone}). Please retry your request by not specifying an Availability Zone or choosing "
            f"{', '.join(sorted(zones))}.",
        )


@cache
def zones_offering(region: str) -> dict[str, frozenset[str]]:
    """The zones of a region by the instance types that they offer."""
    from moto.ec2.models.instance_types import INSTANCE_TYPE_OFFERINGS

    found: dict[str, set[str]] = {}
    for offering in INSTANCE_TYPE_OFFERINGS["availability-zone"].get(region, ()):
        found.setdefault(offering["InstanceType"], set()).add(offering["Location"])
    return {instance_type: frozenset(zones) for instance_type, zones in found.items()}
