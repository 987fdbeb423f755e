"""What choosing a rule and a target costs a node, in nanoseconds. Run `python benchmarks/routing_cost.py`.

Each figure is the least of seven rounds, so that whatever else the machine does counts little.
"""

import time
import timeit
from collections.abc import Callable
from typing import Any

from blackstart.domain.clock import Anchor
from blackstart.domain.target_health import HealthCheck
from blackstart.emulator.dataplane.clock import VirtualClock
from blackstart.emulator.dataplane.counting import Counting
from blackstart.emulator.dataplane.http_text import RequestHead
from blackstart.emulator.dataplane.nodes import Fleet, Node
from blackstart.emulator.dataplane.opinions import Opinions
from blackstart.emulator.dataplane.rules import ListenerRules
from blackstart.emulator.dataplane.topology import NodeKey, Topology
from blackstart.emulator.decisions.target_health import ProbeOutcome, ProbeResult
from blackstart.emulator.snapshot import (
    Algorithm,
    Condition,
    ConditionField,
    Forward,
    ListenerSnapshot,
    LoadBalancerSnapshot,
    NodeSnapshot,
    RuleSnapshot,
    Snapshot,
    Stickiness,
    TargetGroupSnapshot,
    TargetSnapshot,
    WeightedGroup,
)

ZONE = "us-east-1a"
CHECK = HealthCheck()
ONE = Forward.to("blue")
TWO = Forward(
    groups=(WeightedGroup(target_group_arn="blue", weight=1), WeightedGroup(target_group_arn="green", weight=2))
)
HEAD = RequestHead(
    method=b"GET", url=b"/cart?id=1", headers=[(b"Host", b"shop.example")], http_1_1=True, keep_alive=True
)
WELL = ProbeResult(outcome=ProbeOutcome.ANSWERED, status_code=200)


def node(action: Forward, **group: Any) -> Node:
    """A node whose two target groups have six healthy targets each."""
    clock = VirtualClock(Anchor(monotonic_ns=time.monotonic_ns(), epoch_s=0.0, speed=10.0))
    opinions = Opinions(clock.now_s, lambda key, _: fleet.opinion_changed(key.node))
    fleet = Fleet(opinions, Counting(clock.now_s), clock)
    targets = tuple(
        TargetSnapshot(
            target_id=f"i-{n}", port=80, zone=ZONE, private_ip="10.0.0.1", address="127.0.0.9", registration=1
        )
        for n in range(6)
    )
    balancer = LoadBalancerSnapshot(
        arn="lb",
        metric_name="lb",
        dns_name="web.example",
        nodes=(NodeSnapshot(zone=ZONE, address="127.0.1.1"),),
        listeners=(ListenerSnapshot(arn="l", port=80, action=action),),
    )
    groups = tuple(
        TargetGroupSnapshot(arn=arn, metric_name=arn, health_check=CHECK, targets=targets, **group)
        for arn in ("blue", "green")
    )
    topology = Topology(Snapshot(version=1, load_balancers=(balancer,), target_groups=groups))
    fleet.apply(topology)
    for key in topology.checks():
        opinions.begin(key, 1, CHECK)
        opinions.decide(key, WELL, CHECK)
    return fleet.nodes[NodeKey("lb", ZONE)]


def ten_rules() -> ListenerRules:
    """None of them is met by `HEAD`."""
    conditions = (
        Condition(field=ConditionField.PATH_PATTERN, values=("/img/*",)),
        Condition(field=ConditionField.HOST_HEADER, values=("*.example.com",)),
    )
    rules = tuple(RuleSnapshot(arn=str(n), priority=n, conditions=conditions, action=ONE) for n in range(1, 11))
    return ListenerRules(ListenerSnapshot(arn="l", port=80, action=ONE, rules=rules))


def report(what: str, call: Callable[[], object], number: int = 20_000) -> None:
    print(f"{what:42} {min(timeit.repeat(call, number=number, repeat=7)) / number * 1e9:8.0f} ns")


def main() -> None:
    plain = ListenerRules(ListenerSnapshot(arn="l", port=80, action=ONE))
    rules = ten_rules()
    report("an empty call, part of every figure", lambda: None)
    report("a listener without rules", lambda: plain.choose(HEAD, "127.0.0.1"))
    report("ten rules of two conditions, none met", lambda: rules.choose(HEAD, "127.0.0.1"))
    for algorithm in Algorithm:
        one = node(ONE, algorithm=algorithm)
        report(algorithm, lambda one=one: one.route(ONE, HEAD))  # type: ignore[misc]
    two, sticky = node(TWO), node(ONE, stickiness=Stickiness(duration_s=3600))
    report("two weighted target groups", lambda: two.route(TWO, HEAD))
    report("sticky, a new client", lambda: sticky.route(ONE, HEAD))


if __name__ == "__main__":
    main()
