"""What the data plane counts for CloudWatch beyond answers: bytes by target, invalid header fields, connections."""

from typing import Any

import pytest

from blackstart.emulator.dataplane.counting import Counting
from blackstart.emulator.dataplane.topology import NodeKey
from blackstart.emulator.protocol import TargetBytes
from blackstart.emulator.snapshot import HttpSettings

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def test_bytes_to_and_from_each_target_are_counted_once(run: Any, balanced: Any, target: Any) -> None:
    """As they are on the wire to the target: with the lines that the load balancer adds."""

    async def scenario() -> None:
        one = target()
        one.replying(0, ANSWER)
        async with balanced(one) as place:
            await place.fetch(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            await place.fetch(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 500\r\n\r\n" + b"x" * 500)
            sent = sum(len(head) + len(body) for head, body in one.heard)
            (taken,) = place.fleet.take_target_bytes()
            assert taken == TargetBytes("group", "i-1", taken.sent, 2 * len(ANSWER))
            assert sent <= taken.sent <= sent + 2 * len(b"\r\n\r\n")
            assert place.fleet.take_target_bytes() == ()

    run(scenario())


def test_bytes_of_a_target_that_is_deregistered_are_not_lost(run: Any, balanced: Any, target: Any) -> None:
    async def scenario() -> None:
        one = target()
        one.replying(0, ANSWER)
        async with balanced(one) as place:
            await place.fetch()
            place.apply()
            (taken,) = place.fleet.take_target_bytes()
            assert (taken.target_id, taken.received) == ("i-1", len(ANSWER))

    run(scenario())


@pytest.mark.parametrize(
    ("field", "drop", "counted"),
    [
        (b"X-Valid: 1", True, {}),
        (b"x_invalid: 1", True, {"dropped_invalid_headers": 1}),
        (b"x_invalid: 1\r\nx_second: 2", False, {"forwarded_invalid_headers": 1}),
    ],
)
def test_requests_with_invalid_header_fields_are_counted_by_what_becomes_of_them(
    run: Any, balanced: Any, target: Any, field: bytes, drop: bool, counted: dict[str, int]
) -> None:
    async def scenario() -> None:
        one = target()
        one.replying(0, ANSWER)
        async with balanced(one, http=HttpSettings(drop_invalid_header_fields=drop)) as place:
            await place.fetch(b"GET / HTTP/1.1\r\nHost: a\r\n" + field + b"\r\n\r\n")
            assert {name: times for name, times in place.counted().items() if name.endswith("_headers")} == counted
            assert (b"x_invalid" in one.heard[0][0]) is ("forwarded_invalid_headers" in counted)

    run(scenario())


def test_connections_that_stay_open_without_a_request_count_in_every_bucket() -> None:
    now = [1_000_000_000.0]
    counting, node = Counting(lambda: now[0]), NodeKey("lb", "us-east-1a")
    counting.connection_opened(node)
    counting.connection_opened(node)
    now[0] += 10
    assert counting.take_closed()[0].rows[0].active_connections == 2
    now[0] += 10
    (idle,) = counting.take_closed()
    assert (idle.rows[0].active_connections, idle.rows[0].new_connections) == (2, 0)
    assert counting.take_closed() == []
    counting.connection_closed(node)
    counting.connection_closed(node)
    now[0] += 10
    assert counting.take_closed() == []


def test_a_failed_handshake_with_a_target_names_its_target_group(run: Any, balanced: Any, target: Any) -> None:
    async def scenario() -> None:
        one = target()
        one.replying(0, ANSWER)  # speaks no TLS
        async with balanced(one, group={"protocol": "HTTPS"}, connect_timeout_s=5) as place:
            assert (await place.fetch())[0] == 502
            (rows,) = place.counting._buckets.values()
            failed = {group for (_, group), row in rows.items() if row.counts.get("target_tls_errors")}
            assert failed == {"group"}

    run(scenario())
