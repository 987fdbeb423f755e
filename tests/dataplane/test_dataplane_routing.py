"""Routing through a real data plane on loopback; what it decides is tested without sockets in
test_dataplane_forwarding.py and tests/conformance."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from dnslib import DNSRecord

from blackstart.domain.target_health import HealthCheck, TargetState
from blackstart.emulator.protocol import Hello
from blackstart.emulator.snapshot import (
    Condition,
    ConditionField,
    FixedResponse,
    Forward,
    ListenerSnapshot,
    RuleSnapshot,
    Stickiness,
    TargetGroupSnapshot,
    WeightedGroup,
)

Fetch = Callable[..., tuple[int, dict[str, str], bytes]]
NAME = "web-1.us-east-1.elb.amazonaws.com"


@pytest.fixture
def rig(shared_rig: Any) -> Any:
    """One data plane for all: each test replaces the whole snapshot and gives its targets names of their own."""
    if not shared_rig.of(Hello):
        shared_rig.start()
    return shared_rig


def path_rule(pattern: str, action: Any, priority: int, *more: Condition) -> RuleSnapshot:
    path = Condition(field=ConditionField.PATH_PATTERN, values=(pattern,))
    return RuleSnapshot(arn=f"rule/{priority}", priority=priority, conditions=(path, *more), action=action)


def served_by(fetch: Fetch, address: str, requests: int, **options: Any) -> Counter[str]:
    """How many of so many requests each target answered."""
    return Counter(fetch(address, **options)[1].get("X-Target", "") for _ in range(requests))


def test_rules_send_requests_to_their_own_groups(rig: Any, fetch: Fetch) -> None:
    blue, green = rig.target("blue"), rig.target("green")
    local = Condition(field=ConditionField.SOURCE_IP, values=("127.0.0.0/8",))
    elsewhere = Condition(field=ConditionField.SOURCE_IP, values=("10.0.0.0/8",))
    rules = (
        path_rule("/api/*", FixedResponse(status_code=418), 1, elsewhere),
        path_rule("/api/*", Forward.to("other"), 2, local),
        path_rule("/teapot", FixedResponse(status_code=418), 3),
    )
    listener = ListenerSnapshot(arn="l", port=80, action=Forward.to("group"), rules=rules)
    address = rig.serve(blue.snapshot(), listeners=(listener,))
    other = TargetGroupSnapshot(
        arn="other", metric_name="targetgroup/other/1", health_check=HealthCheck(), targets=(green.snapshot(),)
    )
    rig.change(target_groups=(*rig.snapshot.target_groups, other))
    rig.wait_for_state("blue", TargetState.HEALTHY)
    rig.wait_for(lambda: "green" in served_by(fetch, address, 1, path="/api/x"))
    assert served_by(fetch, address, 4, path="/api/x?y") == {"green": 4}
    assert served_by(fetch, address, 4, path="/") == {"blue": 4}
    assert fetch(address, path="/teapot")[0] == 418


def test_weighted_groups_share_the_requests_and_a_cookie_keeps_a_client_with_one(rig: Any, fetch: Fetch) -> None:
    navy, olive = rig.target("navy"), rig.target("olive")
    address = rig.serve(navy.snapshot())
    other = TargetGroupSnapshot(
        arn="other", metric_name="targetgroup/other/1", health_check=HealthCheck(), targets=(olive.snapshot(),)
    )
    weights = (WeightedGroup(target_group_arn="group", weight=1), WeightedGroup(target_group_arn="other", weight=3))
    action = Forward(groups=weights, stickiness_s=1000)
    balancer = rig.snapshot.load_balancers[0].model_copy(
        update={"listeners": (ListenerSnapshot(arn="l", port=80, action=action),)}
    )
    rig.change(load_balancers=(balancer,), target_groups=(*rig.snapshot.target_groups, other))
    rig.wait_for(lambda: rig.states("olive"))
    served_by(fetch, address, 8)
    assert served_by(fetch, address, 8) == {"navy": 2, "olive": 6}
    _, headers, _ = fetch(address)
    assert headers["Set-Cookie"].startswith("AWSALBTG")
    cookie = headers["Set-Cookie"].partition(";")[0]
    assert served_by(fetch, address, 4, headers={"Cookie": cookie}) == {headers["X-Target"]: 4}


def test_a_sticky_client_moves_on_when_its_target_drains(rig: Any, fetch: Fetch) -> None:
    targets = {name: rig.target(name) for name in ("i-1", "i-2")}
    sticky = Stickiness(duration_s=3600)
    address = rig.serve(*(one.snapshot() for one in targets.values()), group={"stickiness": sticky})
    for name in targets:
        rig.wait_for_state(name, TargetState.HEALTHY)
    _, headers, _ = fetch(address)
    first = headers["X-Target"]
    cookie = {"Cookie": headers["Set-Cookie"].partition(";")[0]}
    assert served_by(fetch, address, 5, headers=cookie) == {first: 5}
    rig.register(*(one.snapshot(held="draining" if name == first else None) for name, one in targets.items()))
    rig.wait_for(lambda: first not in served_by(fetch, address, 1, headers=cookie))
    other = next(name for name in targets if name != first)
    assert served_by(fetch, address, 5, headers=cookie) == {other: 5}


def sets_a_cookie_at_login(target: Any) -> None:
    """From now on the target's answers to /login carry an application's cookie."""
    plain = target.RequestHandlerClass

    class Application(plain):  # type: ignore[misc,valid-type]
        def end_headers(self) -> None:
            if self.path == "/login":
                self.send_header("Set-Cookie", "SESSION=abc; HttpOnly")
            super().end_headers()

    target.RequestHandlerClass = Application


def test_a_session_of_the_application_stays_with_its_target(rig: Any, fetch: Fetch) -> None:
    targets = [rig.target(name) for name in ("i-3", "i-4", "i-5")]
    for one in targets:
        sets_a_cookie_at_login(one)
    sticky = Stickiness(duration_s=3600, app_cookie="SESSION")
    address = rig.serve(*(one.snapshot() for one in targets), group={"stickiness": sticky})
    for one in targets:
        rig.wait_for_state(one.name, TargetState.HEALTHY)
    assert "Set-Cookie" not in fetch(address)[1]
    _, headers, _ = fetch(address, path="/login")
    ours = headers["Set-Cookie"].partition(";")[0]
    assert ours.startswith("AWSALBAPP-0=")
    session = {"Cookie": f"SESSION=abc; {ours}"}
    assert served_by(fetch, address, 6, headers=session) == {headers["X-Target"]: 6}
    assert fetch(address, headers=session)[1]["Set-Cookie"].startswith("AWSALBAPP-0=")
    assert len(served_by(fetch, address, 6, headers={"Cookie": "SESSION=abc"})) == 3


def test_a_zonal_shift_moves_traffic_and_dns_away_and_back(rig: Any, fetch: Fetch) -> None:
    a, b = rig.target("i-a"), rig.target("i-b")
    address = rig.serve(a.snapshot("us-east-1a"), b.snapshot("us-east-1b"), zones=2)
    nodes = [node.address for node in rig.snapshot.load_balancers[0].nodes]
    for name in ("i-a", "i-b"):
        rig.wait_for_state(name, TargetState.HEALTHY, nodes=2)
    balancer = rig.snapshot.load_balancers[0]
    rig.change(load_balancers=(balancer.model_copy(update={"shifted_zone": "us-east-1a"}),))
    rig.wait_for(lambda: addresses(rig) == [nodes[1]])
    assert served_by(fetch, address, 6) == {"i-b": 6}, "the shifted zone's node still answers, from elsewhere"
    rig.change(load_balancers=(balancer,))
    rig.wait_for(lambda: sorted(addresses(rig)) == sorted(nodes))
    assert served_by(fetch, address, 6) == {"i-a": 3, "i-b": 3}


def addresses(rig: Any) -> list[str]:
    query = DNSRecord.question(NAME)
    answer = DNSRecord.parse(query.send(rig.dns[0], rig.dns[1], timeout=3))
    return [str(record.rdata) for record in answer.rr]
