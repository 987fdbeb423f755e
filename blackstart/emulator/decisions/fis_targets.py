"""Which of the resources that an AWS FIS target describes an experiment acts on.

Source: FIS user guide, "Targets for AWS FIS" (filters, selection mode).
"""

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

_MODE = re.compile(r"(COUNT|PERCENT)\((\d+)\)")
_DURATION = re.compile(r"PT(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?")


class Resource(NamedTuple):
    """attributes: as the resource's describe call names them, nested."""

    arn: str
    tags: Mapping[str, str]
    attributes: Mapping[str, Any]


def resolved(target: Mapping[str, Any], resources: Sequence[Resource]) -> tuple[Resource, ...]:
    """The resources that a target means, in the order given.

    Differs from AWS: COUNT and PERCENT take the first ones where AWS takes any.
    """
    arns, tags = target.get("resourceArns") or (), target.get("resourceTags") or {}
    filters = target.get("filters") or ()
    found = [
        resource
        for resource in resources
        if (not arns or resource.arn in arns)
        and all(resource.tags.get(key) == value for key, value in tags.items())
        and all(_at(each["path"], resource.attributes) in each["values"] for each in filters)
    ]
    return tuple(found[: _number(target.get("selectionMode") or "ALL", len(found))])


def _number(mode: str, found: int) -> int:
    """How many of those found a selection mode takes; a percentage is rounded down."""
    match = _MODE.fullmatch(mode)
    if match is None:
        return found
    number = int(match[2])
    return number if match[1] == "COUNT" else math.floor(found * number / 100)


def _at(path: str, attributes: Mapping[str, Any]) -> Any:
    value: Any = attributes
    for name in path.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def duration_s(text: str) -> float:
    """An ISO 8601 duration as FIS takes it (PT2M). Raises ValueError."""
    found = _DURATION.fullmatch(text)
    if found is None or not any(found.groups()):
        raise ValueError(f"{text!r} is no duration like PT2M")
    hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return hours * 3600.0 + minutes * 60.0 + seconds
