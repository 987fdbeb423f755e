"""The API of ARC zonal shift, which moto lacks: REST and JSON at the emulator's endpoint.

Zonal autoshift and practice runs are refused with InvalidAction; that there are none is answered where it is asked.
Source: ARC zonal shift API reference.
"""

import json
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple
from urllib.parse import parse_qs

from blackstart.emulator.adapters import moto_backends
from blackstart.emulator.adapters.aws_errors import Response
from blackstart.emulator.controllers.zonal_shifts import ZonalShiftsController
from blackstart.emulator.decisions.zonal_shift import (
    ManagedResource,
    RefusedShiftError,
    ShiftEffect,
    ShiftStatus,
    ZonalShift,
    invalid,
)

SIGNING_NAME = "arc-zonal-shift"
ENABLED = "zonal_shift.config.enabled"
_STATUS_LINES = {
    200: "200 OK",
    201: "201 Created",
    "ValidationException": "400 Bad Request",
    "ResourceNotFoundException": "404 Not Found",
    "ConflictException": "409 Conflict",
}
_PAGE = 100


class _Call(NamedTuple):
    """One request. rest: what follows the collection in the path."""

    rest: str
    query: dict[str, str]
    body: dict[str, Any]


class MotoManagedResources:
    """The Application Load Balancers and Auto Scaling groups in moto that zonal shift is enabled for."""

    def managed(self) -> dict[str, ManagedResource]:
        return _load_balancers() | _groups()


class ArcZonalShift:
    """Answers the service's requests; called under the control plane's lock."""

    def __init__(self, controller: ZonalShiftsController, now_s: Callable[[], float]) -> None:
        self._controller = controller
        self._now_s = now_s
        self._operations: dict[tuple[str, str], tuple[int, Callable[[_Call], dict[str, Any]]]] = {
            ("POST", "zonalshifts"): (201, self._start),
            ("PATCH", "zonalshifts"): (200, self._update),
            ("DELETE", "zonalshifts"): (200, self._cancel),
            ("GET", "zonalshifts"): (200, self._list_shifts),
            ("GET", "managedresources"): (200, self._managed),
            ("GET", "autoshifts"): (200, lambda _: {"items": []}),
        }

    def __call__(self, environ: dict[str, Any], body: bytes) -> Response:
        """Raises NotImplementedError for what the emulator does not do."""
        collection, _, rest = environ["PATH_INFO"].lstrip("/").partition("/")
        operation = self._operations.get((environ["REQUEST_METHOD"], collection))
        if operation is None:
            raise NotImplementedError("the emulator does not do zonal autoshift and practice runs")
        query = {name: values[0] for name, values in parse_qs(environ.get("QUERY_STRING", "")).items()}
        try:
            return _response(operation[0], operation[1](_Call(rest, query, _parsed(body))))
        except RefusedShiftError as refused:
            return _refusal(refused)

    def _start(self, call: _Call) -> dict[str, Any]:
        names = ("resourceIdentifier", "awayFrom", "expiresIn", "comment")
        wanted = [_text(call.body, name) or "" for name in names]
        return self._shown(self._controller.start(*wanted))

    def _update(self, call: _Call) -> dict[str, Any]:
        expires_in, comment = (_text(call.body, name, required=False) for name in ("expiresIn", "comment"))
        return self._shown(self._controller.update(call.rest, expires_in, comment))

    def _cancel(self, call: _Call) -> dict[str, Any]:
        return self._shown(self._controller.cancel(call.rest))

    def _list_shifts(self, call: _Call) -> dict[str, Any]:
        status = call.query.get("status")
        if status is not None and status not in set(ShiftStatus):
            raise invalid("InvalidStatus", f"status {status!r}: one of {', '.join(ShiftStatus)}")
        resource = call.query.get("resourceIdentifier")
        shown = [self._shown(shift) for shift in self._controller.shifts() if resource in (None, shift.resource)]
        fitting = [{**shift, "shiftType": "ZONAL_SHIFT"} for shift in shown if status in (None, shift["status"])]
        return _page(fitting, call.query)

    def _managed(self, call: _Call) -> dict[str, Any]:
        if call.rest:
            resource = self._controller.managed_resource(call.rest)
            return {"arn": resource.arn, "name": resource.name, **self._standing(resource)}
        return _page([self._summary(resource) for resource in self._controller.managed()], call.query)

    def _summary(self, resource: ManagedResource) -> dict[str, Any]:
        return {
            "arn": resource.arn,
            "name": resource.name,
            "availabilityZones": sorted(resource.zones.values()),
            "practiceRunStatus": "DISABLED",
            **self._standing(resource),
        }

    def _standing(self, resource: ManagedResource) -> dict[str, Any]:
        active = self._controller.active_shift(resource.arn)
        applied = active is not None and active[1] is ShiftEffect.APPLIED
        away_from = active[0].away_from if active is not None and applied else None
        shown = [] if active is None else [{**self._shown(active[0]), "shiftType": "ZONAL_SHIFT"}]
        for shift in shown:
            del shift["status"]
            shift["appliedStatus"] = "APPLIED" if applied else "NOT_APPLIED"
        return {
            "appliedWeights": {zone: 0.0 if zone == away_from else 1.0 for zone in sorted(resource.zones.values())},
            "zonalShifts": shown,
            "autoshifts": [],
            "zonalAutoshiftStatus": "DISABLED",
        }

    def _shown(self, shift: ZonalShift) -> dict[str, Any]:
        return {
            "zonalShiftId": shift.shift_id,
            "resourceIdentifier": shift.resource,
            "awayFrom": shift.away_from,
            "startTime": shift.start_s,
            "expiryTime": shift.expiry_s,
            "status": shift.status(self._now_s()).value,
            "comment": shift.comment,
        }


def _load_balancers() -> dict[str, ManagedResource]:
    return {
        balancer.arn: ManagedResource(arn=balancer.arn, name=balancer.name, zones=_zones(balancer))
        for backend in moto_backends.existing("elbv2")
        for balancer in list(backend.load_balancers.values())
        if balancer.type == "application"
        and balancer.state == "active"
        and str(balancer.attrs.get(ENABLED)).lower() == "true"
    }


def _zones(balancer: Any) -> dict[str, str]:
    return {subnet.availability_zone: subnet.availability_zone_id for subnet in balancer.subnets}


def _groups() -> dict[str, ManagedResource]:
    return {
        group.arn: ManagedResource(arn=group.arn, name=group.name, zones=_zones_of_group(group))
        for backend in moto_backends.existing("autoscaling")
        for group in backend.autoscaling_groups.values()
        if _is_true((getattr(group, "availability_zone_impairment_policy", None) or {}).get("ZonalShiftEnabled"))
    }


def _zones_of_group(group: Any) -> dict[str, str]:
    known = {zone.name: zone.zone_id for zone in group.ec2_backend.describe_availability_zones()}
    return {zone: known.get(zone, "") for zone in group.availability_zones}


def _is_true(value: Any) -> bool:
    return str(value).lower() == "true"


def _parsed(body: bytes) -> dict[str, Any]:
    try:
        parsed = json.loads(body or b"{}")
    except ValueError:
        parsed = None
    if not isinstance(parsed, dict):
        raise RefusedShiftError("ValidationException", "the body is not a JSON object")
    return parsed


def _text(body: dict[str, Any], name: str, required: bool = True) -> str | None:
    """A member of the request; None when it is left out and may be."""
    value = body.get(name)
    if value is None and not required:
        return None
    if not isinstance(value, str):
        raise invalid("MissingValue", f"{name} is required, as text")
    return value


def _page(items: Sequence[dict[str, Any]], query: dict[str, str]) -> dict[str, Any]:
    """At most `maxResults` items from `nextToken` on; the token is the number of items before."""
    token, most = query.get("nextToken", "0"), query.get("maxResults", str(_PAGE))
    if not token.isdecimal() or int(token) > len(items):
        raise invalid("InvalidToken", f"nextToken {token!r} is none of this list")
    if not most.isdecimal() or not 1 <= int(most) <= _PAGE:
        raise RefusedShiftError("ValidationException", f"maxResults {most!r}: 1 to {_PAGE}")
    end = int(token) + int(most)
    return {"items": list(items[int(token) : end]), **({"nextToken": str(end)} if end < len(items) else {})}


def _refusal(refused: RefusedShiftError) -> Response:
    fields = {"message": str(refused), "reason": refused.reason, "zonalShiftId": refused.shift_id}
    return _response(refused.code, {name: value for name, value in fields.items() if value})


def _response(outcome: int | str, fields: dict[str, Any]) -> Response:
    """outcome: the status code, or the name of the API's exception."""
    headers = [("Content-Type", "application/json")]
    if isinstance(outcome, str):
        headers.append(("x-amzn-ErrorType", outcome))
    return _STATUS_LINES[outcome], headers, json.dumps(fields).encode()
