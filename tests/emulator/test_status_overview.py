"""The stack at a glance: what the status says is what the AWS calls say, cheaply, and the page escapes every name."""

import time
from typing import Any

import pytest
import rig as rig_module
import web_stack

from blackstart.domain.clock import Anchor
from blackstart.domain.emulator_overview import (
    AlarmStatus,
    LoadBalancerStatus,
    NodeStatus,
    Overview,
    ScalingGroupStatus,
    TargetGroupStatus,
    TargetStatus,
    Traffic,
)
from blackstart.domain.emulator_status import DnsAddress, EmulatorStatus, FailedService
from blackstart.domain.headroom import emulated_waits
from blackstart.domain.journal import EmulatorMeasured
from blackstart.emulator.adapters.status_page import status_page
from blackstart.emulator.composition import look
from blackstart.emulator.controllers.overview import Declared, RecentTraffic, Sight, action_in_words, overview
from blackstart.emulator.protocol import CounterRow, Counters, Lag
from blackstart.emulator.snapshot import FixedResponse, Forward, Redirect, Snapshot, WeightedGroup


def seen(rig: Any, **traffic: Any) -> Overview:
    return overview(look(rig.controllers, **traffic))


def test_a_healthy_stack_is_shown_with_its_balancer_targets_group_and_instances(rig: Any) -> None:
    stack = web_stack.WebStack(rig.client, desired=3)
    rig.run(120)
    shown = seen(rig)
    (balancer,), (group,), (scaling,) = shown.load_balancers, shown.target_groups, shown.scaling_groups
    assert (balancer.name, balancer.state, balancer.dns_name) == ("web", "active", balancer.dns_name)
    assert [node.zone for node in balancer.nodes] == list(web_stack.ZONES)
    assert [(each.port, each.served_port, each.action) for each in balancer.listeners] == [(80, 8080, "forward to web")]
    assert (group.name, group.load_balancer, group.healthy) == ("web", "web", 3)
    assert set(group.by_zone()) == set(web_stack.ZONES)
    assert {target.target_id: target.state for target in group.targets} == stack.health()
    assert all(set(target.opinions) == set(web_stack.ZONES) for target in group.targets)
    assert (scaling.min, scaling.desired, scaling.max, scaling.in_service) == (0, 3, 9, 3)
    assert {each.instance_id for each in shown.instances} == stack.members()


def test_a_target_that_fails_its_checks_or_drains_reads_as_in_describe_target_health(rig: Any) -> None:
    stack = web_stack.WebStack(rig.client, desired=3)
    rig.run(120)
    first, second, _ = sorted(stack.healthy())
    rig.sick.add(first)
    stack.elb.deregister_targets(TargetGroupArn=stack.target_group, Targets=[{"Id": second}])
    rig.tick()
    (group,) = seen(rig).target_groups
    described = stack.elb.describe_target_health(TargetGroupArn=stack.target_group)["TargetHealthDescriptions"]
    told = {each["Target"]["Id"]: each["TargetHealth"] for each in described}
    assert {told[first]["State"], told[second]["State"]} == {"unhealthy", "draining"}
    for target in group.targets:
        health = told[target.target_id]
        assert (target.state, target.reason) == (health["State"], health.get("Reason"))
        assert target.description == health.get("Description", "")


def test_which_nodes_are_in_dns_and_fail_open_is_what_the_data_plane_said_last(rig: Any) -> None:
    stack = web_stack.WebStack(rig.client, desired=3)
    rig.run(60)
    zones = ("us-east-1a", "us-east-1b")
    said = {"in_dns": {stack.balancer: zones}, "failing_open": {stack.target_group: ("us-east-1c",)}}
    rig.controllers.apply(Lag(probes=1, probe_p99_real_s=0, check_lag_p99_real_s=0, **said))
    shown = seen(rig)
    assert [node.zone for node in shown.load_balancers[0].nodes if node.in_dns] == list(zones)
    assert shown.target_groups[0].failing_open == ("us-east-1c",)


def test_an_alarm_is_shown_with_its_state_and_since_when(rig: Any) -> None:
    rig.client("cloudwatch").put_metric_alarm(
        AlarmName="late",
        Namespace="Shop",
        MetricName="Orders",
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=1,
        ComparisonOperator="LessThanThreshold",
        TreatMissingData="breaching",
    )
    rig.run(180)
    (alarm,) = seen(rig).alarms
    assert (alarm.name, alarm.state) == ("late", "ALARM")
    assert alarm.since_s is not None
    assert rig_module.START_S < alarm.since_s <= rig.now_s
    assert alarm.reason.startswith("Threshold Crossed")


def test_a_group_tells_its_newest_activities_what_is_in_progress_first_and_what_is_suspended(rig: Any) -> None:
    stack = web_stack.WebStack(rig.client, desired=3)
    rig.run(120)
    stack.asg.suspend_processes(AutoScalingGroupName="web", ScalingProcesses=["AZRebalance"])
    leaving = min(stack.members())
    stack.asg.terminate_instance_in_auto_scaling_group(InstanceId=leaving, ShouldDecrementDesiredCapacity=True)
    rig.tick()
    (group,) = seen(rig).scaling_groups
    assert group.suspended == ("AZRebalance",)
    assert group.activities[0].description == f"Terminating EC2 instance: {leaving}"
    assert group.activities[0].started_s == pytest.approx(rig.now_s, abs=2)
    assert [activity.status for activity in group.activities[1:]] == ["Successful"] * 3


def test_requests_of_the_last_minute_are_counted_and_older_ones_forgotten() -> None:
    recent = RecentTraffic()
    row = CounterRow(load_balancer_arn="lb", target_group_arn="tg", zone="a", requests=10, target_5xx=1, elb_502=2)
    for start_s in (0.0, 50.0, 60.0):
        recent.on_counters(Counters(bucket_start_s=start_s, rows=(row,)))
    declared = Declared(load_balancers=(("lb", "web", "active", "web.example"),))
    shown = overview(Sight(snapshot=Snapshot(version=1), declared=declared, traffic=recent.rows(70.0)))
    (traffic,) = (balancer.traffic for balancer in shown.load_balancers)
    assert (traffic.requests, traffic.target_5xx, traffic.elb_5xx) == (20, 2, 4)


def test_traffic_that_nobody_asks_about_is_forgotten_too() -> None:
    recent = RecentTraffic()
    for start_s in range(0, 5000, 10):
        recent.on_counters(Counters(bucket_start_s=float(start_s), rows=()))
    assert len(recent._buckets) <= 8


def test_an_action_is_told_in_words() -> None:
    arn = "arn:aws:elasticloadbalancing:us-east-1:1:targetgroup/{}/0123"
    shares = Forward(
        groups=tuple(WeightedGroup(target_group_arn=arn.format(n), weight=w) for n, w in (("a", 9), ("b", 1)))
    )
    assert action_in_words(Forward.to(arn.format("web"))) == "forward to web"
    assert action_in_words(shares) == "forward to a (9) and b (1)"
    assert action_in_words(Redirect(status_code=301)) == "redirect 301"
    assert action_in_words(FixedResponse(status_code=503)) == "fixed 503"


def test_looking_at_three_hundred_targets_holds_the_lock_for_less_than_five_milliseconds(rig: Any) -> None:
    stack = web_stack.WebStack(rig.client, desired=3)
    targets = [{"Id": f"10.0.{block}.{host}"} for block in (0, 1, 2) for host in range(10, 110)]
    created = {"Name": "many", "Protocol": "HTTP", "Port": 80, "TargetType": "ip"}
    vpc = stack.elb.describe_load_balancers()["LoadBalancers"][0]["VpcId"]
    many = stack.elb.create_target_group(**created, VpcId=vpc)["TargetGroups"][0]["TargetGroupArn"]
    stack.elb.register_targets(TargetGroupArn=many, Targets=targets)
    rig.run(30)
    took = []
    for _ in range(9):
        began = time.perf_counter()
        sight = look(rig.controllers)
        took.append(time.perf_counter() - began)
    assert sum(len(group.targets) for group in overview(sight).target_groups) >= 300
    assert min(took) < 0.005


HOSTILE = '<script>alert("x")</script>'


def status(**given: Any) -> EmulatorStatus:
    measured = EmulatorMeasured(
        probes=10,
        probes_succeeded=10,
        probe_p99_real_s=0.4,
        check_lag_p99_real_s=0.001,
        boot_max_real_s=0.8,
        shortest_timeout_s=5.0,
        shortest_interval_s=10.0,
        shortest_grace_s=60.0,
    )
    base: dict[str, Any] = {
        "ready": True,
        "endpoint": "http://127.0.0.1:5005",
        "dns": DnsAddress(address="127.9.0.2", port=5353),
        "speed": 10.0,
        "virtual_time_s": 1_800_000_000.0,
        "lag_real_s": 0.001,
        "anchor": Anchor(monotonic_ns=0, epoch_s=0.0, speed=10.0),
        "pids": (1,),
        "measured": measured,
    }
    return EmulatorStatus(**{**base, **given})


def test_whatever_a_user_calls_things_the_page_stays_text() -> None:
    traffic = Traffic(window_s=60.0, requests=5, elb_5xx=1)
    target = TargetStatus(target_id=HOSTILE, port=80, zone=HOSTILE, state="unhealthy", reason="r", description=HOSTILE)
    hostile = Overview(
        load_balancers=(
            LoadBalancerStatus(
                name=HOSTILE,
                arn="a",
                state="active",
                dns_name=HOSTILE,
                nodes=(NodeStatus(zone=HOSTILE, address="127.0.0.1", in_dns=False),),
                traffic=traffic,
            ),
        ),
        target_groups=(
            TargetGroupStatus(
                name=HOSTILE,
                arn="a",
                load_balancer=HOSTILE,
                algorithm="round_robin",
                targets=(target,),
                failing_open=(HOSTILE,),
                traffic=traffic,
            ),
        ),
        scaling_groups=(ScalingGroupStatus(name=HOSTILE, min=0, desired=1, max=2),),
        alarms=(AlarmStatus(name=HOSTILE, state="ALARM", since_s=None, reason=HOSTILE),),
    )
    failed = FailedService(instance_id="i-1", exit_code=1, log_tail=HOSTILE)
    page = status_page(
        status(
            overview=hostile, failed_services=(failed,), problems=(HOSTILE,), failures=(HOSTILE,), unserved=(HOSTILE,)
        )
    )
    assert HOSTILE not in page
    assert page.count("&lt;script&gt;") >= 14
    assert page.count("<script>") == 1, "its own"


def test_the_page_loads_nothing_from_elsewhere_and_says_when_the_emulator_is_gone() -> None:
    page = status_page(status(overview=Overview()))
    assert "Nothing is deployed here yet" in page
    assert "The emulator does not answer" in page
    assert 'src="' not in page
    assert "@import" not in page
    assert page.count('href="') == page.count('href="data:,"') + page.count('href="/_emulator/')


def test_the_page_answers_while_the_stack_cannot_be_looked_at() -> None:
    page = status_page(status(overview=None, problems=("controller Alarms has not come back for 4 s",)))
    assert "It cannot be looked at right now" in page
    assert "controller Alarms has not come back for 4 s" in page


def test_the_highest_speed_that_would_do_is_shown_for_each_wait() -> None:
    answer, boot, late = emulated_waits(status().measured, 10.0)
    assert (answer.kept, answer.highest_speed) == (False, 6.0)
    assert (boot.kept, boot.highest_speed) == (True, 37.0)
    assert (late.kept, late.highest_speed) == (True, 5000 // 10)
    assert "up to speed 6<" in status_page(status())
