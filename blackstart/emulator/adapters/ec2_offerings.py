"""Which instance types each zone offers, from moto's copy of DescribeInstanceTypeOfferings; asked once a region."""

from collections.abc import Iterable
from functools import cache

from blackstart.emulator.adapters.ec2_refusals import refused
from blackstart.emulator.decisions.ec2_capacity import Pool


def check_pools(pools: Iterable[Pool]) -> None:
    """Raise ValueError for a zone that no region has, and for an unknown instance type."""
    from moto.ec2.models.availability_zones_and_regions import RegionsAndZonesBackend
    from moto.ec2.models.instance_types import INSTANCE_TYPES

    for pool in pools:
        region = pool.zone[:-1]
        zones = [zone.name for zone in RegionsAndZonesBackend.zones.get(region, ())]
        if not zones:
            raise ValueError(f"{str(pool)!r}: there is no region {region}")
        if pool.zone not in zones:
            raise ValueError(f"{str(pool)!r}: the zones of {region} are {', '.join(zones)}")
        if pool.instance_type and pool.instance_type not in INSTANCE_TYPES:
            raise ValueError(f"{str(pool)!r}: there is no instance type {pool.instance_type}")


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
