"""Zonal shifts: which may be started, changed and cancelled, when they end, and whether they take effect.

      start -> ACTIVE -> (expiry time) EXPIRED
                  \\--> (cancel) CANCELED

Sources: ARC zonal shift API reference (patterns, exceptions and their reasons); ARC developer guide, "Supported
resources" (a load balancer that fails open: the shift has no effect), "Application Load Balancers" (one zone at a time,
to be enabled by attribute, no use for target groups in a single zone), "Zonal shift" (at most 72 hours at a time).
"""

import re
from collections.abc import Iterable
from enum import StrEnum

from blackstart.domain.model import Model

LONGEST_S = 72 * 3600.0
LONGEST_COMMENT = 128
_EXPIRES_IN = re.compile(r"([1-9][0-9]*)(m|h)")


class ShiftStatus(StrEnum):
    ACTIVE = "ACTIVE"
    EXPIRED = "EXPIRED"
    CANCELED = "CANCELED"


class ShiftEffect(StrEnum):
    """Whether traffic moves, and why not."""

    APPLIED = "traffic is moved away from the zone"
    OVER = "the shift is not active"
    FAILING_OPEN = "no effect while the load balancer fails open"
    SINGLE_ZONE = "no effect on a target group with targets in that zone only"
    NOT_MANAGED = "zonal shift is no longer enabled for the resource"


class ManagedResource(Model):
    """A load balancer or group that zonal shift is enabled for. zones: zone name -> zone id, where it is deployed."""

    arn: str
    name: str
    zones: dict[str, str]


class ZonalShift(Model):
    """away_from: the zone's id; zone: its name. cancelled: before it expired."""

    shift_id: str
    resource: str
    away_from: str
    zone: str
    start_s: float
    expiry_s: float
    comment: str
    cancelled: bool = False

    def status(self, now_s: float) -> ShiftStatus:
        if self.cancelled:
            return ShiftStatus.CANCELED
        return ShiftStatus.ACTIVE if now_s < self.expiry_s else ShiftStatus.EXPIRED

    def is_active(self, now_s: float) -> bool:
        return self.status(now_s) is ShiftStatus.ACTIVE


class RefusedShiftError(Exception):
    """code: the API's exception; reason: its reason field, "" for one without; shift_id: of the shift in the way."""

    def __init__(self, code: str, message: str, reason: str = "", shift_id: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.shift_id = shift_id


def invalid(reason: str, message: str) -> RefusedShiftError:
    return RefusedShiftError("ValidationException", message, reason)


def not_found(what: str) -> RefusedShiftError:
    return RefusedShiftError("ResourceNotFoundException", what)


def duration_s(expires_in: str) -> float:
    """Seconds of an `expiresIn` such as 10m or 72h. Raises RefusedShiftError."""
    found = _EXPIRES_IN.fullmatch(expires_in)
    if found is None:
        raise invalid("InvalidExpiresIn", f"expiresIn {expires_in!r}: write a whole number and m or h, such as 20h")
    seconds = float(found[1]) * (60.0 if found[2] == "m" else 3600.0)
    if seconds > LONGEST_S:
        raise invalid("InvalidExpiresIn", f"expiresIn {expires_in!r}: a zonal shift lasts at most three days (72h)")
    return seconds


def started(
    shifts: Iterable[ZonalShift],
    resource: ManagedResource,
    *,
    away_from: str,
    expires_in: str,
    comment: str,
    shift_id: str,
    now_s: float,
) -> ZonalShift:
    """A new shift. Raises RefusedShiftError: for a zone, duration or comment that will not do, or a second shift."""
    lasts_s = duration_s(expires_in)
    _check_comment(comment)
    zone = next((name for name, zone_id in resource.zones.items() if zone_id == away_from), None)
    if zone is None:
        deployed = ", ".join(f"{zone_id} ({name})" for name, zone_id in sorted(resource.zones.items()))
        raise invalid("InvalidAz", f"{away_from!r} is no id of a zone that the resource is deployed in: {deployed}")
    active = next((one for one in shifts if one.resource == resource.arn and one.is_active(now_s)), None)
    if active is not None:
        message = f"a zonal shift away from {active.away_from} is already active for this resource"
        raise RefusedShiftError("ConflictException", message, "ZonalShiftAlreadyExists", active.shift_id)
    return ZonalShift(
        shift_id=shift_id,
        resource=resource.arn,
        away_from=away_from,
        zone=zone,
        start_s=now_s,
        expiry_s=now_s + lasts_s,
        comment=comment,
    )


def updated(shift: ZonalShift, expires_in: str | None, comment: str | None, now_s: float) -> ZonalShift:
    """The shift with a new expiry, counted from now, or comment. Raises RefusedShiftError, also once it is over."""
    _check_active(shift, now_s)
    expiry_s = now_s + duration_s(expires_in) if expires_in is not None else shift.expiry_s
    if comment is not None:
        _check_comment(comment)
    return shift.model_copy(update={"expiry_s": expiry_s, "comment": shift.comment if comment is None else comment})


def cancelled(shift: ZonalShift, now_s: float) -> ZonalShift:
    """The shift, ended. Raises RefusedShiftError once it is over."""
    _check_active(shift, now_s)
    return shift.model_copy(update={"cancelled": True})


def effect(
    shift: ZonalShift,
    resource: ManagedResource | None,
    *,
    failing_open: bool,
    group_zones: Iterable[frozenset[str]],
    now_s: float,
) -> ShiftEffect:
    """Whether the shift moves traffic now.

    group_zones: for each target group in use, the zones of its targets.
    """
    if not shift.is_active(now_s):
        return ShiftEffect.OVER
    if resource is None:
        return ShiftEffect.NOT_MANAGED
    if failing_open:
        return ShiftEffect.FAILING_OPEN
    if any(zones == {shift.zone} for zones in group_zones):
        return ShiftEffect.SINGLE_ZONE
    return ShiftEffect.APPLIED


def _check_active(shift: ZonalShift, now_s: float) -> None:
    status = shift.status(now_s)
    if status is not ShiftStatus.ACTIVE:
        message = f"zonal shift {shift.shift_id} is {status.value}"
        raise RefusedShiftError("ConflictException", message, "ZonalShiftStatusNotActive", shift.shift_id)


def _check_comment(comment: str) -> None:
    if len(comment) > LONGEST_COMMENT:
        raise RefusedShiftError("ValidationException", f"comment: at most {LONGEST_COMMENT} characters")
