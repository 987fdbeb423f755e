"""Requests through a real data-plane process to real targets."""

import http.client
import socket
import threading
import time
from typing import Any

import psutil
import pytest

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


def exchange_raw(address: str, *pieces: bytes, until: bytes = b"", pause_real_s: float = 0.0) -> bytes:
    """Send pieces of bytes and read until `until` was seen, or the end."""
    with socket.create_connection((address, 8080), timeout=5) as connection:
        for piece in pieces:
            connection.sendall(piece)
            time.sleep(pause_real_s)
        received = b""
        while not until or until not in received:
            data = connection.recv(65536)
            if not data:
                break
            received += data
        return received


def raw_target(rig: Any, reply: bytes, close: bool = True) -> Any:
    """A target that answers every connection with the same bytes once a request has come; its snapshot."""
    server = rig.target("raw")
    server.die()
    listener = socket.create_server(server.server_address)
    rig.keep_open.append(listener)

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
                connection.recv(65536)
                connection.sendall(reply)
            except OSError:
                return
            if close:
                connection.close()
            else:
                rig.keep_open.append(connection)

    threading.Thread(target=serve, daemon=True).start()
    return server.snapshot()


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


def test_a_head_request_gets_headers_and_no_body_and_the_connection_lives_on(rig: Any) -> None:
    rig.start()
    address = rig.serve(rig.target("i-1").snapshot())
    rig.wait_for_state("i-1", HEALTHY)
    client = http.client.HTTPConnection(address, 8080, timeout=5)
    for method, body in [("HEAD", b""), ("GET", b"hello from i-1"), ("HEAD", b""), ("GET", b"hello from i-1")]:
        client.request(method, "/")
        response = client.getresponse()
        assert (response.status, response.getheader("Content-Length")) == (200, "14")
        assert response.read() == body
    client.close()


def test_bodies_are_carried_in_both_directions_chunked_or_with_a_length(rig: Any, fetch: Any) -> None:
    rig.start()
    address = rig.serve(rig.target("i-1").snapshot())
    rig.wait_for_state("i-1", HEALTHY)
    large = bytes(range(256)) * 4096
    assert fetch(address, "POST", body=large)[2] == b"echo:" + large
    assert fetch(address, "POST", body=iter([b"one", b"two"]), encode_chunked=True)[2] == b"echo:onetwo"
    status, headers, body = fetch(address, path="/chunked")
    assert (status, body, headers["Transfer-Encoding"]) == (200, b"first second", "chunked")


def test_pipelined_requests_are_answered_in_order(rig: Any) -> None:
    rig.start()
    address = rig.serve(rig.target("i-1").snapshot())
    rig.wait_for_state("i-1", HEALTHY)
    one = b"GET /%d HTTP/1.1\r\nHost: a\r\n\r\n"
    last = b"GET /chunked HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
    answers = exchange_raw(address, b"".join(one % number for number in range(20)) + last)
    assert answers.count(b"HTTP/1.1 200 OK") == 21
    assert answers.endswith(b"second\r\n0\r\n\r\n")


def test_a_client_that_waits_for_100_continue_is_told_to_go_on(rig: Any) -> None:
    rig.start()
    target = rig.target("i-1")
    address = rig.serve(target.snapshot())
    rig.wait_for_state("i-1", HEALTHY)
    head = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n"
    with socket.create_connection((address, 8080), timeout=5) as connection:
        connection.sendall(head)
        assert connection.recv(4096) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(b"ok")
        received = b""
        while b"echo:ok" not in received:
            received += connection.recv(4096)
    assert received.startswith(b"HTTP/1.1 200 OK")
    assert "Expect" not in target.traffic[0][2]


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"NONSENSE\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 17_000 + b"\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
    ],
    ids=["no HTTP", "no Host", "header too large", "two lengths"],
)
def test_a_malformed_request_is_answered_400(rig: Any, request_bytes: bytes) -> None:
    rig.start()
    address = rig.serve()
    assert exchange_raw(address, request_bytes).startswith(b"HTTP/1.1 400 Bad Request")


def test_a_header_below_the_limit_passes(rig: Any, fetch: Any) -> None:
    rig.start()
    target = rig.target("i-1")
    address = rig.serve(target.snapshot())
    rig.wait_for_state("i-1", HEALTHY)
    assert fetch(address, headers={"X-Large": "x" * 15_000})[0] == 200
    assert len(target.traffic[0][2]["X-Large"]) == 15_000


def test_hop_by_hop_headers_stay_on_their_side(rig: Any, fetch: Any) -> None:
    rig.start()
    target = rig.target("i-1")
    address = rig.serve(target.snapshot())
    rig.wait_for_state("i-1", HEALTHY)
    fetch(address, headers={"Connection": "keep-alive, X-Mine", "X-Mine": "1", "TE": "trailers", "X-Kept": "1"})
    seen = target.traffic[0][2]
    assert "X-Kept" in seen
    assert not {"Connection", "X-Mine", "TE"} & set(seen)


def test_a_target_that_refuses_costs_a_502_and_a_connection_error(rig: Any, fetch: Any) -> None:
    rig.start()
    target = rig.target("i-1")
    target.die()
    address = rig.serve(target.snapshot())
    status, headers, body = fetch(address)
    assert (status, headers["Server"]) == (502, "awselb/2.0")
    assert b"502 Bad Gateway" in body
    rig.wait_for(lambda: counted(rig).get("elb_502"))
    got = counted(rig)
    assert (got["requests"], got["elb_502"], got["connection_errors"], got["unhealthy_routing"]) == (1, 1, 1, 1)


@pytest.mark.parametrize("reply", [b"", b"garbage\r\n\r\n", b"HTTP/1.1 200"], ids=["closed", "malformed", "cut off"])
def test_a_target_that_answers_badly_costs_a_502(rig: Any, fetch: Any, reply: bytes) -> None:
    rig.start()
    address = rig.serve(raw_target(rig, reply))
    assert fetch(address)[0] == 502


def test_an_answer_without_a_length_ends_with_the_targets_connection(rig: Any, fetch: Any) -> None:
    rig.start()
    address = rig.serve(raw_target(rig, b"HTTP/1.1 200 OK\r\nX-A: 1\r\n\r\nall of it"))
    status, _, body = fetch(address)
    assert (status, body) == (200, b"all of it")


def test_an_answer_cut_off_midway_cuts_the_client_off(rig: Any, fetch: Any) -> None:
    rig.start()
    address = rig.serve(raw_target(rig, b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this"))
    with pytest.raises((http.client.IncompleteRead, ConnectionError)):
        fetch(address)


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


def test_a_pooled_connection_that_the_target_closed_is_replaced_unnoticed(rig: Any, fetch: Any) -> None:
    rig.start()
    target = rig.target("i-1")
    address = rig.serve(target.snapshot())
    rig.wait_for_state("i-1", HEALTHY)
    for _ in range(5):
        assert fetch(address)[0] == 200
        for connection in target.accepted:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue
    assert len(target.traffic) == 5


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


def test_a_target_that_takes_too_long_to_answer_costs_a_504(rig: Any, fetch: Any) -> None:
    rig.start(speed=50.0)
    address = rig.serve(raw_target(rig, b"", close=False), idle_timeout_s=10)
    began = time.monotonic()
    assert fetch(address)[0] == 504
    assert 0.19 < time.monotonic() - began < 2


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


def test_a_client_that_leaves_before_the_answer_is_counted_and_the_target_let_go(rig: Any, fetch: Any) -> None:
    rig.start()
    address = rig.serve(raw_target(rig, b"", close=False), idle_timeout_s=600)
    with socket.create_connection((address, 8080), timeout=5) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        time.sleep(0.1)
    rig.wait_for(lambda: counted(rig).get("elb_4xx") == 1)
    assert counted(rig)["requests"] == 1


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


def test_a_request_still_running_when_its_target_is_removed_gets_a_502(rig: Any, fetch: Any) -> None:
    rig.start()
    address = rig.serve(raw_target(rig, b"", close=False), idle_timeout_s=600)
    threading.Timer(0.3, rig.register).start()
    assert fetch(address)[0] == 502


def test_a_request_in_flight_to_a_host_that_falls_silent_waits_for_the_idle_timeout(rig: Any, fetch: Any) -> None:
    rig.start()
    target = raw_target(rig, b"", close=False)
    address = rig.serve(target, idle_timeout_s=20)

    def fall_silent() -> None:
        rig.register(target.model_copy(update={"reach": Reach.SILENT}))
        time.sleep(0.2)
        for kept in rig.keep_open:
            kept.close()

    threading.Timer(0.2, fall_silent).start()
    began = time.monotonic()
    assert fetch(address)[0] == 504
    assert time.monotonic() - began > 0.9


def test_an_upgrade_that_is_not_served_is_answered_as_a_plain_request_and_the_connection_lives_on(rig: Any) -> None:
    rig.start()
    target = rig.target("i-1")
    address = rig.serve(target.snapshot())
    rig.wait_for_state("i-1", HEALTHY)
    upgrade = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"
    last = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
    answer = exchange_raw(address, upgrade + last)
    assert answer.count(b"HTTP/1.1 200 OK") == 2
    assert "Upgrade" not in target.traffic[0][2]


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


def test_an_http_1_0_client_gets_a_body_that_ends_with_the_connection(rig: Any) -> None:
    rig.start()
    address = rig.serve(rig.target("i-1").snapshot())
    rig.wait_for_state("i-1", HEALTHY)
    answer = exchange_raw(address, b"GET /chunked HTTP/1.0\r\n\r\n")
    assert answer.endswith(b"Connection: close\r\n\r\nfirst second")
    assert b"chunked" not in answer
    kept = exchange_raw(address, b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", until=b"from i-1")
    assert b"Connection: keep-alive" in kept


def test_bytes_that_arrive_one_by_one_make_the_same_request(rig: Any) -> None:
    rig.start()
    target = rig.target("i-1")
    address = rig.serve(target.snapshot())
    rig.wait_for_state("i-1", HEALTHY)
    text = b"POST /slow HTTP/1.1\r\nHost: a\r\nX-Long: yes\r\nContent-Length: 3\r\n\r\nabc"
    answer = exchange_raw(address, *(bytes([byte]) for byte in text), until=b"echo:abc", pause_real_s=0.001)
    assert answer.startswith(b"HTTP/1.1 200 OK")
    _, path, headers, body, _ = target.traffic[0]
    assert (path, headers["X-Long"], body) == ("/slow", "yes", b"abc")


def test_an_upload_that_stalls_is_answered_408_and_cut_off(rig: Any) -> None:
    rig.start(speed=50.0)
    address = rig.serve(rig.target("i-1").snapshot(), idle_timeout_s=10)
    rig.wait_for_state("i-1", HEALTHY)
    stalled = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc"
    answer = exchange_raw(address, stalled)
    assert answer.startswith(b"HTTP/1.1 408 Request Timeout")
    assert b"Connection: close" in answer
