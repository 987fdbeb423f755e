"""The CPU of a real service, seen in CloudWatch: it rises with requests and falls without them."""

import json
import sys
import time
import urllib.request
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import running_emulator as support
import web_stack

BURNING = """
import os, socket, time
listener = socket.create_server((os.environ["HOST"], int(os.environ["PORT"])), backlog=64)
while True:
    connection, _ = listener.accept()
    request = connection.recv(65536)
    if b"/healthz" not in request:
        end = time.process_time() + 0.05
        while time.process_time() < end:
            pass
    connection.sendall(b"HTTP/1.1 200 OK\\r\\ncontent-length: 2\\r\\nconnection: close\\r\\n\\r\\nok")
    connection.close()
"""
SPEED = 60.0
"""A wall second is a minute."""
BUSY_REAL_S = 5.0


def test_cpu_utilisation_of_a_group_follows_what_its_services_compute(tmp_path: Path) -> None:
    program = tmp_path / "burning.py"
    program.write_text(BURNING)
    with support.emulators(tmp_path) as start:
        running = start("--app", f"{sys.executable} {program}", "--parameter", "boot_s=5", speed=SPEED)
        stack = web_stack.WebStack(running.client, desired=2)
        support.until(lambda: healthy(stack) == 2)
        members = stack.asg.describe_auto_scaling_groups()["AutoScalingGroups"][0]["Instances"]
        stack.ec2.monitor_instances(InstanceIds=[member["InstanceId"] for member in members])
        address = node_address(running)
        began_s, until_real_s = now_s(running), time.monotonic() + BUSY_REAL_S
        while time.monotonic() < until_real_s:
            with urllib.request.urlopen(f"http://{address}/", timeout=5) as answer:
                assert answer.read() == b"ok"
        ended_s = now_s(running)

        def seen(name: str, from_s: float, to_s: float) -> list[float]:
            """The group's Average of each minute that lies in between."""
            return [value for at_s, value in points(running, name) if from_s <= at_s and at_s + 60 <= to_s]

        quiet = support.until(lambda: seen("CPUUtilization", ended_s + 120, ended_s + 3600))
        busy = seen("CPUUtilization", began_s + 60, ended_s - 60)
        # one request after the other keeps one of the four vCPUs busy, as far as this machine has time for it
        assert 2.0 < max(busy) <= 30.0
        assert min(quiet) < max(busy) / 3
        assert max(seen("NetworkIn", began_s, ended_s)) > 1000
        assert max(seen("NetworkOut", began_s, ended_s)) > 1000


def healthy(stack: Any) -> int:
    health = stack.elb.describe_target_health(TargetGroupArn=stack.target_group)["TargetHealthDescriptions"]
    return sum(one["TargetHealth"]["State"] == "healthy" for one in health)


def now_s(running: Any) -> float:
    moment: float = running.status.anchor.time_s(time.monotonic_ns())
    return moment


def node_address(running: Any) -> str:
    with urllib.request.urlopen(f"{running.status.endpoint}/_emulator/status", timeout=5) as answer:
        balancer = json.load(answer)["overview"]["load_balancers"][0]
    return f"{balancer['nodes'][0]['address']}:{balancer['listeners'][0]['served_port']}"


def points(running: Any, name: str) -> list[tuple[float, float]]:
    """(time, Average) of the group's metric by minute, oldest first."""
    at_s = now_s(running)
    found = running.client("cloudwatch").get_metric_statistics(
        Namespace="AWS/EC2",
        MetricName=name,
        Dimensions=[{"Name": "AutoScalingGroupName", "Value": "web"}],
        StartTime=datetime.fromtimestamp(at_s - 3600, UTC),
        EndTime=datetime.fromtimestamp(at_s + 60, UTC),
        Period=60,
        Statistics=["Average"],
    )["Datapoints"]
    return sorted((point["Timestamp"].timestamp(), point["Average"]) for point in found)
