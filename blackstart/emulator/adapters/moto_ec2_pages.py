"""DescribeInstances in pages of instances, and in one answer when no pages are asked for.

Replaced: `InstanceResponse.describe_instances`, which answers with a hundred reservations, asked for or not.
Source: EC2 API reference, DescribeInstances (MaxResults: 5 to 1000 instances).
"""

import copy
from collections.abc import Iterable
from typing import Any

from blackstart.emulator.adapters.ec2_refusals import refused
from blackstart.emulator.adapters.patches import Patches

FEWEST, MOST = 5, 1000


def install(patches: Patches) -> None:
    from moto.ec2.responses.instances import InstanceResponse

    patches.replace(InstanceResponse, "describe_instances", lambda _: _in_pages)


def _in_pages(response: Any) -> Any:
    from moto.core.responses import ActionResult

    response.error_on_dryrun()
    ids, size = response._get_param("InstanceIds", []), response._get_int_param("MaxResults")
    if ids and size:
        raise refused(
            "InvalidParameterCombination", "The parameter instancesSet cannot be used with the parameter maxResults"
        )
    if size is not None and size < FEWEST:
        raise refused(
            "InvalidParameterValue",
            f"Value ( {size} ) for parameter maxResults is invalid. Expecting a value greater than {FEWEST}.",
        )
    filters = response._filters_from_querystring()
    backend = response.ec2_backend
    if ids:
        found = backend.get_reservations_by_instance_ids(ids, filters=filters)
    else:
        found = backend.describe_instances(filters=filters)
    start = _start(response._get_param("NextToken"))
    end = start + min(size, MOST) if size else None
    more = end is not None and end < sum(len(reservation.instances) for reservation in found)
    return ActionResult({"Reservations": list(part(found, start, end)), "NextToken": str(end) if more else None})


def _start(token: str | None) -> int:
    if not (token or "0").isdigit():
        raise refused("InvalidNextToken", "The token is invalid.")
    return int(token or 0)


def part(reservations: Iterable[Any], start: int, end: int | None) -> Iterable[Any]:
    """The reservations that hold the instances from `start` up to but without `end`, cut where a page ends."""
    first = 0
    for reservation in reservations:
        last = first + len(reservation.instances)
        if last > start and (end is None or first < end):
            whole = first >= start and (end is None or last <= end)
            yield reservation if whole else _cut(reservation, max(0, start - first), end and end - first)
        first = last


def _cut(reservation: Any, start: int, end: int | None) -> Any:
    cut = copy.copy(reservation)
    cut.instances = reservation.instances[start:end]
    return cut
