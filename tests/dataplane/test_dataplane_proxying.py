"""Requests through a real data-plane process to real targets; `requests/` has the rest, within the test's process."""

import http.client
import time
from typing import Any

import psutil

from blackstart.domain.target_health import TargetReason, TargetState
from blackstart.emulator.protocol import Counters
from blackstart.emulator.snapshot import FixedResponse, ListenerSnapshot, Reach, Redirect

HEALTHY = TargetState.HEALTHY
LARGE = 32_000_000  # what the targets answer on /large


def counted(rig: Any) -> dict[str, int]:
    """The sums of all counters sent so far."""
    total: dict[str, int] = {}
    for counters in rig.of(Counters):
        for row in counters.rows:
            for name, value in row.model_dump().items():
                if isinstance(value, int):
                    total[name] = total.get(name, 0) + value
    return total


def test_a_request_reaches_a_healthy_target_and_is_counted(rig: Any, fetch: Any) -> None:
    rig.start()
    target = rig.target("i-1")
    address = rig.serve(target.snapshot())
    rig.wait_for_state("i-1", HEALTHY)
    status, headers, body = fetch(address, headers={"Host": "shop.example", "X-Forwarded-For": "9.9.9.9"})
    assert (status, headers["X-Target"], body) == (200, "i-1", b"hello from i-1")
    seen = target.traffic[0][2]
    assert seen["Host"] == "shop.example"
    assert seen["X-Forwarded-For"] == "9.9.9.9, 127.0.0.1"
    assert (seen["X-Forwarded-Proto"], seen["X-Forwarded-Port"]) == ("http", "80")
    rig.wait_for(lambda: counted(rig).get("requests"))
    assert (counted(rig)["requests"], counted(rig)["target_2xx"]) == (1, 1)
    row = next(row for counters in rig.of(Counters) for row in counters.rows if row.requests)
    assert (row.load_balancer_arn, row.target_group_arn, row.zone) == ("lb", "group", "us-east-1a")
    assert 0 < row.latency_sum_real_s < 5
    assert sum(row.latency_buckets.values()) == 1


def test_health_checks_present_themselves_as_the_load_balancers(rig: Any) -> None:
    rig.start()
    target = rig.target("i-1")
    rig.serve(target.snapshot())
    rig.wait_for_state("i-1", HEALTHY)
    method, path, headers, _, _ = target.requests[0]
    assert (method, path, headers["User-Agent"]) == ("GET", "/", "ELB-HealthChecker/2.0")
    assert headers["Host"] == f"10.0.0.9:{target.server_address[1]}"
    assert counted(rig).get("requests", 0) == 0


def test_requests_go_round_robin_and_connections_are_kept(rig: Any) -> None:
    rig.start()
    targets = [rig.target(f"i-{number}") for number in range(3)]
    address = rig.serve(*(target.snapshot() for target in targets))
    for target in targets:
        rig.wait_for_state(target.name, HEALTHY)
    client = http.client.HTTPConnection(address, 8080, timeout=5)
    served = []
    for _ in range(9):
        client.request("GET", "/")
        response = client.getresponse()
        response.read()
        served.append(response.getheader("X-Target"))
    client.close()
    assert [served.count(target.name) for target in targets] == [3, 3, 3]
    for target in targets:
        checks = sum(1 for request in target.requests if request[4])
        assert len(target.accepted) <= checks + 2, "one connection for traffic, one for each check"


def test_a_target_that_dies_is_a_502_until_it_is_noticed_and_then_avoided(rig: Any, fetch: Any) -> None:
    rig.start()
    dead, alive = rig.target("i-1"), rig.target("i-2")
    address = rig.serve(dead.snapshot(), alive.snapshot())
    rig.wait_for_state("i-1", HEALTHY)
    rig.wait_for_state("i-2", HEALTHY)
    assert {fetch(address)[0] for _ in range(4)} == {200}, "connections to both are pooled now"
    dead.die()
    statuses = [fetch(address)[0] for _ in range(4)]
    assert sorted(statuses) == [200, 200, 502, 502]
    rig.wait_for_state("i-1", TargetState.UNHEALTHY)
    assert {fetch(address)[0] for _ in range(6)} == {200}


def test_without_registered_targets_the_answer_is_503(rig: Any, fetch: Any) -> None:
    rig.start()
    address = rig.serve()
    assert fetch(address)[0] == 503
    stopped = rig.target("i-1").snapshot(held=TargetState.UNUSED, held_reason=TargetReason.INVALID_STATE)
    rig.register(stopped)
    assert fetch(address)[0] == 503
    rig.wait_for(lambda: counted(rig).get("elb_503") == 2)


def test_a_silent_target_costs_a_504_after_the_virtual_connect_timeout(rig: Any, fetch: Any) -> None:
    rig.start(speed=50.0)
    address = rig.serve(rig.target("i-1").snapshot(reach=Reach.SILENT))
    began = time.monotonic()
    assert fetch(address)[0] == 504
    assert 0.19 < time.monotonic() - began < 2
    rig.wait_for_state("i-1", TargetState.UNHEALTHY)
    reasons = {message.reason for message in rig.messages if getattr(message, "state", None) == "unhealthy"}
    assert reasons == {TargetReason.TIMEOUT}


def test_when_no_target_is_healthy_the_node_fails_open_to_all(rig: Any, fetch: Any) -> None:
    rig.start()
    targets = [rig.target("i-1"), rig.target("i-2")]
    for target in targets:
        target.health_status = 503
    address = rig.serve(*(target.snapshot() for target in targets))
    for target in targets:
        rig.wait_for_state(target.name, TargetState.UNHEALTHY)
    description = [message.description for message in rig.messages if getattr(message, "state", "") == "unhealthy"]
    assert set(description) == {"Health checks failed with these codes: [503]"}
    assert {fetch(address)[1]["X-Target"] for _ in range(4)} == {"i-1", "i-2"}
    rig.wait_for(lambda: counted(rig).get("unhealthy_routing") == 4)
    targets[0].health_status = 200
    rig.wait_for_state("i-1", HEALTHY)
    assert {fetch(address)[1]["X-Target"] for _ in range(4)} == {"i-1"}


def test_a_held_target_gets_no_new_requests(rig: Any, fetch: Any) -> None:
    rig.start()
    first, second = rig.target("i-1"), rig.target("i-2")
    address = rig.serve(first.snapshot(), second.snapshot())
    rig.wait_for_state("i-1", HEALTHY)
    rig.wait_for_state("i-2", HEALTHY)
    rig.register(
        first.snapshot(held=TargetState.DRAINING, held_reason=TargetReason.DEREGISTRATION_IN_PROGRESS),
        second.snapshot(),
    )
    time.sleep(0.2)
    assert {fetch(address)[1]["X-Target"] for _ in range(4)} == {"i-2"}


def test_fixed_responses_and_redirects_are_answered_by_the_node(rig: Any, fetch: Any) -> None:
    rig.start()
    listeners = (
        ListenerSnapshot(arn="f", port=81, action=FixedResponse(status_code=418, body="tea")),
        ListenerSnapshot(arn="r", port=82, action=Redirect(status_code=301, protocol="HTTPS", port="443")),
    )
    address = rig.serve(listeners=(*listeners, ListenerSnapshot(arn="l", port=80, action=listeners[0].action)))
    status, headers, body = fetch(address, port=8081)
    assert (status, headers["Content-Type"], body) == (418, "text/plain", b"tea")
    status, headers, _ = fetch(address, path="/a/b?c=d", port=8082, headers={"Host": "shop.example:8082"})
    assert (status, headers["Location"]) == (301, "https://shop.example:443/a/b?c=d")


def test_a_slow_reader_holds_the_target_back_and_the_connection_serves_on(rig: Any) -> None:
    process = rig.start()
    target = rig.target("i-1")
    address = rig.serve(target.snapshot())
    rig.wait_for_state("i-1", HEALTHY)
    memory_before = psutil.Process(process.pid).memory_info().rss
    client = http.client.HTTPConnection(address, 8080, timeout=5)
    for _ in range(3):
        client.request("GET", "/large")
        response = client.getresponse()
        time.sleep(0.3)
        assert psutil.Process(process.pid).memory_info().rss - memory_before < LARGE / 4
        assert len(response.read()) == LARGE
    client.close()
    assert len(target.accepted) <= sum(1 for request in target.requests if request[4]) + 1


def test_an_error_in_the_middle_of_an_upload_leaves_the_connection_usable(rig: Any) -> None:
    rig.start()
    address = rig.serve()
    client = http.client.HTTPConnection(address, 8080, timeout=5)
    for _ in range(3):
        client.request("POST", "/", body=b"x" * 300_000)
        response = client.getresponse()
        assert response.status == 503
        response.read()
    client.close()
