"""The zonal shift API as boto3 calls it, through the middleware, on a manual clock."""

import io
import json
import threading
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any, cast
from urllib.parse import unquote, urlsplit

import boto3
import pytest
import web_stack
from botocore.awsrequest import AWSResponse
from botocore.exceptions import ClientError
from rig import Rig

from blackstart.emulator.adapters.arc_zonal_shift import ArcZonalShift
from blackstart.emulator.adapters.middleware import Middleware
from blackstart.emulator.controllers.zonal_shifts import ZonalShiftsController

AWAY_FROM = "use1-az1"  # us-east-1b in moto


class _Raw:
    """The body of an answer as botocore reads it."""

    def __init__(self, body: bytes) -> None:
        self._body = io.BytesIO(body)

    def stream(self, **_: Any) -> Iterator[bytes]:
        yield self._body.read()


@cache
def zonal_shift_client() -> Any:
    return boto3.Session("offline", "offline", region_name="us-east-1").client(
        "arc-zonal-shift", endpoint_url="http://127.0.0.1:1"
    )


def answering(middleware: Middleware) -> Callable[..., AWSResponse]:
    """Give a request to the middleware instead of a socket."""

    def answer(request: Any, **_: Any) -> AWSResponse:
        body = request.body or b""
        body = body.encode() if isinstance(body, str) else body
        parts = urlsplit(request.url)
        headers = {name.lower(): v.decode() if isinstance(v, bytes) else v for name, v in request.headers.items()}
        environ = {
            "REQUEST_METHOD": request.method,
            "PATH_INFO": unquote(parts.path),
            "QUERY_STRING": parts.query,
            "CONTENT_TYPE": headers.get("content-type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "wsgi.input": io.BytesIO(body),
            **{f"HTTP_{name.upper().replace('-', '_')}": value for name, value in headers.items()},
        }
        got: list[Any] = []
        chunks = b"".join(middleware(environ, lambda status, headers, *_: got.extend((status, headers))))
        return AWSResponse(request.url, int(got[0].split()[0]), dict(got[1]), _Raw(chunks))

    return answer


class Shifts:
    """A web stack in a rig, and clients for it."""

    def __init__(self, rig: Any) -> None:
        self.rig = rig
        self.mutated = threading.Event()
        self.stack = web_stack.WebStack(rig.client, desired=3)
        self.arc = zonal_shift_client()
        rig.run(40, step_s=5)

    def enable(self, value: str = "true") -> None:
        attribute = {"Key": "zonal_shift.config.enabled", "Value": value}
        self.stack.elb.modify_load_balancer_attributes(LoadBalancerArn=self.stack.balancer, Attributes=[attribute])

    def start(self, **changes: Any) -> Any:
        asked = {"resourceIdentifier": self.stack.balancer, "awayFrom": AWAY_FROM, "expiresIn": "10m", "comment": "x"}
        return self.arc.start_zonal_shift(**{**asked, **changes})

    def refused(self, call: Callable[[], Any]) -> Any:
        with pytest.raises(ClientError) as refused:
            call()
        return refused.value.response

    @property
    def shifted_zone(self) -> str | None:
        self.rig.tick()
        zone: str | None = self.rig.snapshots[-1].load_balancers[0].shifted_zone
        return zone

    @property
    def weights(self) -> dict[str, float]:
        weights: dict[str, float] = self.arc.get_managed_resource(resourceIdentifier=self.stack.balancer)[
            "appliedWeights"
        ]
        return weights


@pytest.fixture
def shifts() -> Iterator[Shifts]:
    rig = Rig()
    try:
        mutated = threading.Event()
        middleware = Middleware(
            lambda *_: [b""],
            threading.Lock(),
            mutated,
            lambda: "",
            1.0,
            lambda _: 0.0,
            own_services=rig.controllers.own_services,
        )
        events = zonal_shift_client().meta.events
        events.register_first("before-send.*", answering(middleware), "in-process")
        made = Shifts(rig)
        made.mutated = mutated
        yield made
        events.unregister("before-send.*", unique_id="in-process")
    finally:
        rig.close()


def test_a_shift_moves_traffic_away_from_a_zone_until_it_expires(shifts: Shifts) -> None:
    shifts.enable()
    begun_s = shifts.rig.now_s
    shift = shifts.start()
    assert shifts.mutated.is_set()
    assert (shift["ResponseMetadata"]["HTTPStatusCode"], shift["status"], shift["comment"]) == (201, "ACTIVE", "x")
    assert shift["startTime"].timestamp() == pytest.approx(begun_s)
    assert shift["expiryTime"].timestamp() == pytest.approx(begun_s + 600)
    assert shifts.shifted_zone == "us-east-1b"
    assert shifts.weights == {"use1-az6": 1.0, "use1-az1": 0.0, "use1-az2": 1.0}
    shifts.rig.now_s = begun_s + 599
    assert shifts.shifted_zone == "us-east-1b"
    shifts.rig.now_s = begun_s + 600
    assert shifts.shifted_zone is None
    (listed,) = shifts.arc.list_zonal_shifts()["items"]
    assert (listed["status"], listed["shiftType"]) == ("EXPIRED", "ZONAL_SHIFT")
    assert set(shifts.weights.values()) == {1.0}


def test_a_cancelled_shift_and_one_whose_load_balancer_is_disabled_bring_the_zone_back_at_once(shifts: Shifts) -> None:
    shifts.enable()
    shift_id = shifts.start()["zonalShiftId"]
    assert shifts.shifted_zone == "us-east-1b"
    assert shifts.arc.cancel_zonal_shift(zonalShiftId=shift_id)["status"] == "CANCELED"
    assert shifts.shifted_zone is None
    shifts.start()
    assert shifts.shifted_zone == "us-east-1b"
    shifts.enable("false")
    assert shifts.shifted_zone is None
    again = shifts.refused(lambda: shifts.arc.cancel_zonal_shift(zonalShiftId=shift_id))
    assert (again["Error"]["Code"], again["reason"]) == ("ConflictException", "ZonalShiftStatusNotActive")


def test_an_update_prolongs_a_shift(shifts: Shifts) -> None:
    shifts.enable()
    shift_id = shifts.start()["zonalShiftId"]
    shifts.rig.now_s += 300
    longer = shifts.arc.update_zonal_shift(zonalShiftId=shift_id, expiresIn="1h")
    assert longer["expiryTime"].timestamp() == pytest.approx(shifts.rig.now_s + 3600)
    shifts.rig.now_s += 3000
    assert shifts.shifted_zone == "us-east-1b"


def test_a_shift_without_effect_says_so_and_takes_effect_when_the_load_balancer_recovers(shifts: Shifts) -> None:
    shifts.enable()
    instances = set(shifts.stack.health())
    shifts.rig.sick |= instances
    shifts.rig.tick()
    assert shifts.start()["status"] == "ACTIVE"
    assert shifts.shifted_zone is None
    (shown,) = shifts.arc.get_managed_resource(resourceIdentifier=shifts.stack.balancer)["zonalShifts"]
    assert (shown["appliedStatus"], shown["awayFrom"]) == ("NOT_APPLIED", AWAY_FROM)
    assert set(shifts.weights.values()) == {1.0}
    assert "no effect while the load balancer fails open" in shifts.rig.controllers.shifts.explanations()[0]
    shifts.rig.sick -= instances
    shifts.rig.tick()
    assert shifts.shifted_zone == "us-east-1b"


def test_a_load_balancer_must_be_enabled_for_zonal_shift(shifts: Shifts) -> None:
    assert shifts.arc.list_managed_resources()["items"] == []
    for call in (
        shifts.start,
        lambda: shifts.arc.get_managed_resource(resourceIdentifier=shifts.stack.balancer),
        lambda: shifts.arc.cancel_zonal_shift(zonalShiftId="no-such-shift"),
    ):
        answer = shifts.refused(call)
        assert answer["Error"]["Code"] == "ResourceNotFoundException"
        assert answer["ResponseMetadata"]["HTTPStatusCode"] == 404
    shifts.enable()
    (resource,) = shifts.arc.list_managed_resources()["items"]
    assert (resource["arn"], resource["name"]) == (shifts.stack.balancer, "web")
    assert resource["availabilityZones"] == ["use1-az1", "use1-az2", "use1-az6"]
    assert (resource["zonalAutoshiftStatus"], resource["practiceRunStatus"]) == ("DISABLED", "DISABLED")


def test_a_second_shift_of_a_resource_is_a_conflict_that_names_the_first(shifts: Shifts) -> None:
    shifts.enable()
    first = shifts.start()["zonalShiftId"]
    answer = shifts.refused(lambda: shifts.start(awayFrom="use1-az6"))
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 409
    assert (answer["reason"], answer["zonalShiftId"]) == ("ZonalShiftAlreadyExists", first)


def test_what_makes_no_sense_is_a_validation_exception_with_its_reason(shifts: Shifts) -> None:
    shifts.enable()
    for changes, reason in (
        ({"awayFrom": "us-east-1b"}, "InvalidAz"),
        ({"awayFrom": "use1-az4"}, "InvalidAz"),
        ({"expiresIn": "73h"}, "InvalidExpiresIn"),
        ({"expiresIn": "30s"}, "InvalidExpiresIn"),
    ):
        answer = shifts.refused(lambda asked=changes: shifts.start(**asked))
        assert (answer["Error"]["Code"], answer["reason"]) == ("ValidationException", reason)
    assert shifts.shifted_zone is None


def test_shifts_are_listed_newest_first_by_status_and_in_pages(shifts: Shifts) -> None:
    shifts.enable()
    made = []
    for _ in range(3):
        made.insert(0, shifts.start(expiresIn="1m")["zonalShiftId"])
        shifts.rig.now_s += 61
    shifts.arc.cancel_zonal_shift(zonalShiftId=shifts.start()["zonalShiftId"])
    expired = shifts.arc.list_zonal_shifts(status="EXPIRED", maxResults=2)
    rest = shifts.arc.list_zonal_shifts(status="EXPIRED", maxResults=2, nextToken=expired["nextToken"])
    assert [item["zonalShiftId"] for item in (*expired["items"], *rest["items"])] == made
    assert "nextToken" not in rest
    assert len(shifts.arc.list_zonal_shifts(status="CANCELED")["items"]) == 1
    assert shifts.arc.list_zonal_shifts(resourceIdentifier="arn:aws:another")["items"] == []
    bad = shifts.refused(lambda: shifts.arc.list_zonal_shifts(nextToken="x"))
    assert bad["reason"] == "InvalidToken"


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/zonalshifts", b"nonsense"),
        ("POST", "/zonalshifts", b"[]"),
        ("POST", "/zonalshifts", b'{"resourceIdentifier": "arn:aws:x"}'),
        ("PATCH", "/zonalshifts/shift-1", b'{"expiresIn": 5}'),
    ],
)
def test_a_body_that_is_no_request_is_a_validation_exception(method: str, path: str, body: bytes) -> None:
    service = ArcZonalShift(cast(ZonalShiftsController, None), now_s=lambda: 0.0)
    status, headers, answer = service({"REQUEST_METHOD": method, "PATH_INFO": path}, body)
    assert status == "400 Bad Request"
    assert ("x-amzn-ErrorType", "ValidationException") in headers
    assert json.loads(answer)["message"]


def test_autoshift_and_practice_runs_are_refused(shifts: Shifts) -> None:
    shifts.enable()
    arn = shifts.stack.balancer
    answer = shifts.refused(
        lambda: shifts.arc.update_zonal_autoshift_configuration(resourceIdentifier=arn, zonalAutoshiftStatus="ENABLED")
    )
    assert answer["Error"]["Code"] == "InvalidAction"
    assert shifts.arc.list_autoshifts()["items"] == []


def test_an_auto_scaling_group_with_zonal_shift_enabled_is_a_managed_resource(shifts: Shifts) -> None:
    arn = shifts.stack.group()["AutoScalingGroupARN"]
    assert "ResourceNotFoundException" in str(shifts.refused(lambda: shifts.start(resourceIdentifier=arn)))
    shifts.stack.asg.update_auto_scaling_group(
        AutoScalingGroupName="web",
        AvailabilityZoneImpairmentPolicy={
            "ZonalShiftEnabled": True,
            "ImpairedZoneHealthCheckBehavior": "IgnoreUnhealthy",
        },
    )
    (listed,) = shifts.arc.list_managed_resources()["items"]
    assert (listed["arn"], listed["name"], len(listed["availabilityZones"])) == (arn, "web", 3)
    shifts.start(resourceIdentifier=arn)
    weights = shifts.arc.get_managed_resource(resourceIdentifier=arn)["appliedWeights"]
    assert {zone for zone, weight in weights.items() if weight == 0.0} == {AWAY_FROM}
    assert shifts.shifted_zone is None
    shifts.stack.asg.set_desired_capacity(AutoScalingGroupName="web", DesiredCapacity=9)
    shifts.rig.run(15)
    away = [m for m in shifts.stack.group()["Instances"] if m["AvailabilityZone"] == web_stack.ZONES[1]]
    assert len(away) == 1
