"""The frame around the controllers: ticks, reports, opinions, what a request is and how an error is worded."""

import io
import json
from pathlib import Path
from typing import Any

import pytest

from blackstart.domain.clock import Anchor
from blackstart.domain.target_health import HealthCheck, TargetReason, TargetState
from blackstart.emulator.adapters.aws_errors import error_response
from blackstart.emulator.adapters.loopback import LoopbackBlock
from blackstart.emulator.adapters.middleware import Middleware, action_of, queue_name, without_wait
from blackstart.emulator.adapters.patches import Patches
from blackstart.emulator.control_plane import ControlPlane
from blackstart.emulator.controllers.health_registry import HealthRegistry
from blackstart.emulator.controllers.target_book import TargetBook
from blackstart.emulator.decisions.instance_lifecycle import InstanceState
from blackstart.emulator.decisions.target_registration import Registration, held, reach
from blackstart.emulator.protocol import HealthChanged
from blackstart.emulator.snapshot import (
    LoadBalancerSnapshot,
    NodeSnapshot,
    Reach,
    Snapshot,
    TargetGroupSnapshot,
    TargetSnapshot,
)


class Failing:
    def tick(self, now_s: float) -> None:
        raise RuntimeError("broken")


class Counting:
    def __init__(self) -> None:
        self.times: list[float] = []

    def tick(self, now_s: float) -> None:
        self.times.append(now_s)


def plane() -> ControlPlane:
    return ControlPlane(Anchor(monotonic_ns=0, epoch_s=1000.0, speed=10.0))


def test_a_controller_that_fails_does_not_keep_the_others_from_their_tick(caplog: pytest.LogCaptureFixture) -> None:
    frame, counting = plane(), Counting()
    frame._controllers = (Failing(), counting)
    frame.tick_once()
    assert len(counting.times) == 1
    assert "controller Failing failed" in caplog.text


def test_every_failure_of_the_emulators_own_code_is_counted(caplog: pytest.LogCaptureFixture) -> None:
    frame = plane()
    assert frame.failures == 0
    frame._controllers = (Failing(), Counting())
    frame.post(Failing().tick)
    frame.tick_once()
    assert frame.failures == 2, "a report and a controller"
    frame.start([])
    frame.queue(lambda: Failing().tick(0.0))
    frame.stop()
    assert frame.failures == 3
    assert caplog.text.count("failed") == 3


def test_reports_are_applied_before_the_controllers_and_effects_run_in_order() -> None:
    frame, counting = plane(), Counting()
    seen: list[str] = []
    frame.post(lambda now_s: seen.append(f"report after {len(counting.times)} ticks"))
    frame.start([counting])
    frame.queue(lambda: seen.append("first effect"))
    frame.queue(lambda: seen.append("second effect"))
    frame.stop()
    assert seen.index("first effect") < seen.index("second effect")
    assert "report after 0 ticks" in seen


def opinion(zone: str, registration: int, state: TargetState = TargetState.HEALTHY) -> HealthChanged:
    return HealthChanged(
        time_s=0.0,
        load_balancer_arn="lb",
        node_zone=zone,
        target_group_arn="tg",
        target_id="i-1",
        port=80,
        registration=registration,
        state=state,
    )


def test_opinions_on_an_older_registration_are_dropped() -> None:
    registry = HealthRegistry()
    registry.apply(opinion("a", 1))
    registry.apply(opinion("a", 2, TargetState.UNHEALTHY))
    registry.apply(opinion("b", 1))
    assert {zone: o.state for zone, o in registry.opinions("tg")[("i-1", 80)].items()} == {"a": TargetState.UNHEALTHY}


def test_a_reconnected_data_plane_brings_every_opinion_anew() -> None:
    registry = HealthRegistry()
    registry.apply(opinion("a", 1))
    registry.replace([opinion("b", 1)])
    assert set(registry.opinions("tg")[("i-1", 80)]) == {"b"}


def test_opinions_on_what_the_snapshot_no_longer_has_are_forgotten() -> None:
    registry = HealthRegistry()
    registry.apply(opinion("a", 1))
    registry.keep_only(Snapshot(version=1))
    assert registry.opinions("tg") == {}


def snapshot_of(balancer: str, *zones: str) -> Snapshot:
    """One load balancer with nodes in some zones, and the target that `opinion` is about."""
    target = TargetSnapshot(
        target_id="i-1", port=80, zone="a", private_ip="10.0.0.1", address="127.99.16.1", registration=1
    )
    nodes = tuple(NodeSnapshot(zone=zone, address="127.99.1.1") for zone in zones)
    group = TargetGroupSnapshot(arn="tg", metric_name="tg", health_check=HealthCheck(), targets=(target,))
    return Snapshot(
        version=1,
        load_balancers=(LoadBalancerSnapshot(arn=balancer, metric_name=balancer, dns_name=balancer, nodes=nodes),),
        target_groups=(group,),
    )


@pytest.mark.parametrize(
    ("snapshot", "zones"),
    [
        (snapshot_of("lb", "a", "b"), {"a", "b"}),
        (snapshot_of("lb", "a"), {"a"}),
        (snapshot_of("another", "a", "b"), set()),
    ],
    ids=["unchanged", "a zone is gone", "the load balancer was made anew"],
)
def test_opinions_of_nodes_that_are_gone_are_forgotten_and_no_longer_taken(snapshot: Snapshot, zones: set[str]) -> None:
    registry = HealthRegistry()
    for _ in range(2):
        for zone in ("a", "b"):
            registry.apply(opinion(zone, 1))
        registry.keep_only(snapshot)
        assert set(registry.opinions("tg").get(("i-1", 80), {})) == zones
    registry.apply(opinion("b", 1, TargetState.UNHEALTHY))
    assert set(registry.opinions("tg").get(("i-1", 80), {})) == zones


def test_registering_twice_changes_nothing_and_registering_while_draining_starts_over() -> None:
    book = TargetBook()
    book.register("tg", "i-1", 80, 0)
    book.register("tg", "i-1", 80, 5)
    (first,) = book.registrations("tg")
    assert (first.number, first.since_s) == (1, 0)
    assert book.deregister("tg", "i-1", None, 30, 10)
    assert not book.deregister("tg", "i-2", None, 30, 10)
    book.register("tg", "i-1", 80, 20)
    (second,) = book.registrations("tg")
    assert (second.number, second.draining_until_s) == (2, None)


def test_a_drained_target_is_gone_when_its_delay_is_over() -> None:
    book = TargetBook()
    book.register("tg", "i-1", 80, 0)
    book.deregister("tg", "i-1", 80, 30, 10)
    book.expire(39.9)
    assert len(book.registrations("tg")) == 1
    book.expire(40)
    assert book.registrations("tg") == ()


REGISTERED = Registration(target_id="i-1", port=80, number=1, since_s=0)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({}, None),
        ({"in_use": False}, TargetReason.NOT_IN_USE),
        ({"zone_enabled": False}, TargetReason.NOT_IN_USE),
        ({"instance_state": None}, TargetReason.INVALID_STATE),
        ({"instance_state": None, "by_address": True}, None),
        ({"instance_state": InstanceState.SHUTTING_DOWN, "now_s": 104.9}, None),
        ({"instance_state": InstanceState.SHUTTING_DOWN, "now_s": 105.0}, TargetReason.INVALID_STATE),
        ({"instance_state": InstanceState.STOPPED}, TargetReason.INVALID_STATE),
        ({"registration": REGISTERED.model_copy(update={"draining_until_s": 200})}, None),
    ],
)
def test_what_the_control_plane_decides_about_a_target(changes: dict[str, Any], reason: TargetReason | None) -> None:
    given: dict[str, Any] = {
        "registration": REGISTERED,
        "in_use": True,
        "zone_enabled": True,
        "instance_state": InstanceState.RUNNING,
        "state_since_s": 100.0,
        "target_state_delay_s": 5.0,
        "now_s": 101.0,
        **changes,
    }
    decided = held(given.pop("registration"), **given)
    if "registration" in changes:
        assert decided is not None
        assert decided.state is TargetState.DRAINING
    else:
        assert (decided.reason if decided else None) == reason


def test_only_a_host_that_is_gone_is_silent() -> None:
    silent = {state for state in InstanceState if reach(state) is Reach.SILENT}
    assert silent == {InstanceState.STOPPED, InstanceState.TERMINATED}


def environ(**given: str) -> dict[str, Any]:
    return {"PATH_INFO": "/", "REQUEST_METHOD": "POST", **given}


def test_the_action_of_a_request_is_found_in_every_protocol() -> None:
    assert action_of(environ(HTTP_X_AMZ_TARGET="AmazonSSM.SendCommand"), b"{}") == "SendCommand"
    assert action_of(environ(), b"Version=2016-11-15&Action=DescribeInstances") == "DescribeInstances"
    path = "/service/GraniteServiceVersion20100801/operation/PutMetricData"
    assert action_of(environ(PATH_INFO=path), b"") == "PutMetricData"
    assert action_of(environ(REQUEST_METHOD="GET", QUERY_STRING=""), b"") == "Get"


def test_a_long_poll_becomes_a_question_that_does_not_wait() -> None:
    wait, body = without_wait(b'{"QueueUrl": "http://q/1/alarms", "WaitTimeSeconds": 20}')
    assert wait == 20
    assert json.loads(body)["WaitTimeSeconds"] == 0
    assert queue_name(body) == "alarms"
    wait, body = without_wait(b"Action=ReceiveMessage&QueueUrl=http%3A%2F%2Fq%2F1%2Falarms")
    assert wait is None
    assert b"WaitTimeSeconds=0" in body
    assert queue_name(body) == "alarms"


@pytest.mark.parametrize(
    ("request_", "begins"),
    [
        ({"HTTP_X_AMZ_TARGET": "AmazonSSM.X"}, b'{"__type": "InvalidAction"'),
        (
            {"HTTP_AUTHORIZATION": "Credential=x/20260101/us-east-1/ec2/aws4_request"},
            b"<Response><Errors><Error><Code>",
        ),
        ({}, b"<ErrorResponse><Error><Type>Sender</Type><Code>InvalidAction"),
        ({"HTTP_SMITHY_PROTOCOL": "rpc-v2-cbor"}, b"\xa2\x79\x00\x06__type\x79\x00\x0dInvalidAction"),
    ],
)
def test_an_error_is_worded_in_the_protocol_of_its_request(request_: dict[str, str], begins: bytes) -> None:
    status, _, body = error_response(environ(**request_), 400, "InvalidAction", "no <such> thing")
    assert status == "400 Bad Request"
    assert body.startswith(begins)


def called(application: Any, body: bytes, frame: ControlPlane) -> tuple[str, bytes]:
    middleware = Middleware(application, frame.lock, frame.mutated, lambda: "{}", 10.0, lambda _: 0.0)
    answered: list[str] = []
    request = environ(CONTENT_LENGTH=str(len(body)), CONTENT_TYPE="application/x-www-form-urlencoded")
    request["wsgi.input"] = io.BytesIO(body)
    chunks = middleware(request, lambda status, headers: answered.append(status))
    return answered[0], b"".join(chunks)


def test_what_moto_lacks_is_an_invalid_action_and_a_fault_is_an_internal_failure() -> None:
    def lacking(_environ: Any, _start: Any) -> Any:
        raise NotImplementedError("The start_instance_refresh action has not been implemented")

    def faulty(_environ: Any, _start: Any) -> Any:
        raise KeyError("x")

    status, body = called(lacking, b"Action=StartInstanceRefresh", plane())
    assert (status, b"InvalidAction" in body) == ("400 Bad Request", True)
    status, body = called(faulty, b"Action=CreateThing", plane())
    assert (status, b"InternalFailure" in body) == ("500 Internal Server Error", True)


def test_a_body_that_comes_in_chunks_reaches_moto_whole() -> None:
    seen: list[bytes] = []

    def application(environ_: dict[str, Any], start_response: Any) -> list[bytes]:
        seen.append(environ_["wsgi.input"].read(int(environ_["CONTENT_LENGTH"])))
        start_response("200 OK", [])
        return [b""]

    frame = plane()
    middleware = Middleware(application, frame.lock, frame.mutated, lambda: "{}", 10.0, lambda _: 0.0)
    request = environ(REQUEST_METHOD="PUT", PATH_INFO="/bucket/key", HTTP_TRANSFER_ENCODING="chunked")
    request |= {"wsgi.input": io.BytesIO(b"all of it"), "wsgi.input_terminated": True}
    middleware(request, lambda *_: None)
    assert seen == [b"all of it"]


@pytest.mark.parametrize(("action", "wakes"), [("DescribeInstances", False), ("TerminateInstances", True)])
def test_only_a_request_that_may_change_something_wakes_the_controllers(action: str, wakes: bool) -> None:
    def answering(_environ: Any, start: Any) -> Any:
        start("200 OK", [])
        return [b"done"]

    frame = plane()
    assert called(answering, f"Action={action}".encode(), frame) == ("200 OK", b"done")
    assert frame.mutated.is_set() is wakes
    assert not frame.lock.locked()


def test_patches_can_be_put_back_in_any_number() -> None:
    class Owner:
        value = 1

    patches = Patches()
    patches.replace(Owner, "value", lambda original: original + 1)
    patches.replace(Owner, "value", lambda original: original + 1)
    assert Owner.value == 3
    patches.restore()
    assert Owner.value == 1
    with pytest.raises(AttributeError):
        patches.replace(Owner, "missing", lambda original: original)


def test_addresses_are_stable_and_distinct_within_a_block() -> None:
    block, other = LoopbackBlock(), LoopbackBlock()
    try:
        assert block.number != other.number
        assert block.instance("i-1") == block.instance("i-1") != block.instance("i-2")
        assert block.node("lb", "a") != block.node("lb", "b")
        assert block.dns_address == f"127.{block.number}.0.2"
    finally:
        block.close()
        other.close()


def test_the_instance_host_needs_nothing_but_the_standard_library() -> None:
    source = (Path(__file__).parents[2] / "blackstart" / "emulator" / "adapters" / "instance_host.py").read_text()
    assert "blackstart." not in source
