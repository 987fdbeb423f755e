"""Tags by which people and tools find a resource: its stack and its logical name, never its id."""

import pulumi

from blackstart.domain.tags import CHAOS_ALLOWED, CHAOS_TAG, NAME_TAG, STACK_TAG, ZONE_TAG


def named(name: str, zone: str | None = None, chaos_allowed: bool = False) -> dict[str, str]:
    """The tags of a resource. name: logical name within the stack. zone: for what stands for one zone.

    `Name` is what the AWS console shows.
    """
    stack = pulumi.get_stack()
    tags = {STACK_TAG: stack, NAME_TAG: name, "Name": f"{pulumi.get_project()}-{stack}-{name}"}
    if zone is not None:
        tags |= {ZONE_TAG: zone, "Name": f"{tags['Name']}-{zone}"}
    if chaos_allowed:
        tags[CHAOS_TAG] = CHAOS_ALLOWED
    return tags
