"""What a request leaves behind: the record for the access log, the counters, headers for the target."""

import asyncio
from typing import Any

import pytest

from blackstart.emulator.decisions.access_log import RequestRecord
from blackstart.emulator.snapshot import (
    Condition,
    ConditionField,
    FixedResponse,
    Forward,
    ListenerSnapshot,
    Redirect,
    RuleSnapshot,
)

GET = b"GET /a?b HTTP/1.1\r\nHost: shop.example\r\nUser-Agent: test/1\r\n\r\n"


def rule(priority: int, path: str, action: Any) -> RuleSnapshot:
    condition = Condition(field=ConditionField.PATH_PATTERN, values=(path,))
    return RuleSnapshot(arn=f"rule-{priority}", priority=priority, conditions=(condition,), action=action)


LISTENER = ListenerSnapshot(
    arn="listener",
    port=80,
    action=Forward.to("group"),
    rules=(
        rule(5, "/fixed", FixedResponse(status_code=418, body="tea")),
        rule(7, "/moved", Redirect(status_code=301, protocol="HTTPS", port="443")),
    ),
)


def records_of(run: Any, balanced: Any, target: Any, *texts: bytes, **settings: Any) -> list[RequestRecord]:
    """The records of requests on one connection, each with its answer awaited."""

    async def scenario() -> list[RequestRecord]:
        one = target()
        one.replying(0.02, b"HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\nok")
        async with balanced(one, access_log=True, listeners=(LISTENER,), **settings) as place:
            client = await place.client()
            for text in texts:
                await client.ask(text)
            return list(place.records)

    return run(scenario())


def test_a_forwarded_request_is_recorded_with_its_times_and_sizes(run: Any, balanced: Any, target: Any) -> None:
    posting = b"POST /a HTTP/1.1\r\nHost: shop.example\r\nContent-Length: 3\r\n\r\nabc"
    record, second = records_of(run, balanced, target, GET, posting)
    assert (record.method, record.url, record.version, record.host) == ("GET", "/a?b", "HTTP/1.1", "shop.example")
    assert (record.elb_status, record.target_status, record.target_ip) == (201, 201, "10.0.0.9")
    assert (record.user_agent, record.rule_priority, record.actions) == ("test/1", 0, ("forward",))
    assert record.trace_id.startswith("Root=1-")
    assert record.received_bytes == len(GET)
    assert second.received_bytes == len(posting)
    assert record.sent_bytes == len(b"HTTP/1.1 201 Created\r\nContent-Length: 2\r\nConnection: keep-alive\r\n\r\nok")
    assert record.target_processing_real_s == pytest.approx(0.02, abs=0.02)
    assert record.request_processing_real_s == pytest.approx(0, abs=0.02)
    assert 1.7e9 <= record.created_s < record.answered_s
    assert (record.tls, record.classification, record.target_group_arn) == (False, "", "group")


def test_answers_of_the_load_balancer_are_recorded_with_their_rule(run: Any, balanced: Any, target: Any) -> None:
    fixed, moved = records_of(run, balanced, target, GET.replace(b"/a?b", b"/fixed"), GET.replace(b"/a?b", b"/moved"))
    assert (fixed.elb_status, fixed.rule_priority, fixed.actions) == (418, 5, ("fixed-response",))
    assert (moved.elb_status, moved.rule_priority, moved.actions) == (301, 7, ("redirect",))
    assert moved.redirect_url == "https://shop.example:443/moved"
    assert (fixed.target_ip, fixed.target_status, fixed.target_processing_real_s) == ("", None, None)


def test_a_refused_request_is_recorded_with_the_reason(run: Any, balanced: Any, target: Any) -> None:
    (record,) = records_of(run, balanced, target, b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n")
    assert (record.elb_status, record.method, record.rule_priority, record.actions) == (400, "", None, ())
    assert (record.classification, record.classification_reason) == ("Severe", "BadContentLength")


def test_an_ambiguous_request_is_recorded_as_such(run: Any, balanced: Any, target: Any) -> None:
    (record,) = records_of(run, balanced, target, GET.replace(b"\r\n\r\n", b"\r\nContent-Length: 1\r\n\r\nx"))
    assert (record.elb_status, record.classification) == (201, "Ambiguous")
    assert record.classification_reason == "UndefinedContentLengthSemantics"


def test_a_client_that_leaves_and_a_target_that_fails_are_recorded(run: Any, balanced: Any, target: Any) -> None:
    async def scenario() -> None:
        one = target()
        one.replying()
        async with balanced(one, access_log=True) as place:
            client = await place.client()
            client.writer.write(GET)
            await asyncio.sleep(0.03)
            client.writer.close()
            await asyncio.sleep(0.03)
            await one.stop()
            await place.fetch()
            left, refused = place.records
            assert (left.elb_status, left.target_status, left.target_ip) == (460, None, "10.0.0.9")
            assert (refused.elb_status, refused.target_ip, refused.target_processing_real_s) == (502, "", None)

    run(scenario())


def test_actions_and_connections_are_counted(run: Any, balanced: Any, target: Any) -> None:
    async def scenario() -> None:
        async with balanced(target(), listeners=(LISTENER,)) as place:
            client = await place.client()
            for path in (b"/a?b", b"/fixed", b"/moved"):
                await client.ask(GET.replace(b"/a?b", path))
            counted = place.counted()
            assert (counted["requests"], counted["target_2xx"]) == (3, 1)
            assert (counted["http_fixed_responses"], counted["http_redirects"]) == (1, 1)
            assert (counted["elb_3xx"], counted["elb_4xx"]) == (1, 1)
            assert (counted["new_connections"], counted["active_connections"]) == (2, 2)

    run(scenario())


def test_nothing_reaches_a_held_client_until_it_is_let_go(run: Any, balanced: Any, target: Any) -> None:
    async def scenario() -> None:
        async with balanced(target()) as place:
            client = await place.client()
            await client.ask(GET)
            (connection,) = place.connections()
            connection.hold(True)
            client.writer.write(GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
            await asyncio.sleep(0.05)
            held = asyncio.ensure_future(client.answer())
            await asyncio.sleep(0.05)
            assert not held.done()
            connection.hold(False)
            assert (await held)[0] == 200
            assert await client.ended() == b""

    run(scenario())
