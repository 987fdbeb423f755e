"""What RunInstances is asked for: a launch template's data and the request's own parameters, put together; how many.

Sources: EC2 API reference, RunInstances (MinCount, MaxCount, LaunchTemplate: "any parameters that you specify override
the same parameters in the launch template"); EC2 user guide, "Launch instances using a launch template".
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

MERGED = ("Placement", "MetadataOptions", "Monitoring", "IamInstanceProfile")
"""Structures of which the request may give some fields and the template others."""


class TooFew(NamedTuple):
    """Why fewer than wanted can be launched: what there is room for, and EC2's error when that is not enough."""

    room: int
    code: str
    message: str


def completed(template: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters of a launch: the request's, and the template's where the request says nothing.

    Block devices are merged by their names and tags by resource type and key, the request's first.
    """
    whole = {**template, **{name: value for name, value in given.items() if value not in (None, [], {})}}
    for name in MERGED:
        if isinstance(template.get(name), Mapping) and isinstance(given.get(name), Mapping):
            whole[name] = {**template[name], **given[name]}
    if template.get("BlockDeviceMappings") and given.get("BlockDeviceMappings"):
        devices = {each.get("DeviceName"): each for each in template["BlockDeviceMappings"]}
        devices |= {each.get("DeviceName"): each for each in given["BlockDeviceMappings"]}
        whole["BlockDeviceMappings"] = list(devices.values())
    tags = tags_by_type(template.get("TagSpecifications") or [])
    for kind, own in tags_by_type(given.get("TagSpecifications") or []).items():
        tags[kind] = {**tags.get(kind, {}), **own}
    if tags:
        whole["TagSpecifications"] = [
            {"ResourceType": kind, "Tags": [{"Key": key, "Value": value} for key, value in own.items()]}
            for kind, own in tags.items()
        ]
    return whole


def tags_by_type(specifications: list[Mapping[str, Any]]) -> dict[str, dict[str, str]]:
    """Tag specifications as {resource type: {key: value}}."""
    found: dict[str, dict[str, str]] = {}
    for each in specifications:
        own = {tag["Key"]: tag.get("Value", "") for tag in each.get("Tags", [])}
        found.setdefault(each.get("ResourceType", ""), {}).update(own)
    return found


def count(minimum: int, maximum: int, limits: list[TooFew]) -> int | TooFew:
    """How many to launch: as many as there is room for, up to the maximum; what is in the way of the minimum."""
    tightest = min(limits, key=lambda limit: limit.room, default=None)
    if tightest is None or tightest.room >= maximum:
        return maximum
    return tightest if tightest.room < minimum else tightest.room
