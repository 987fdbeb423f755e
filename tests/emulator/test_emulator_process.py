"""The whole emulator in its processes: few tests, bounded to seconds."""

import json
import os
import signal
import socket
import subprocess
import sys
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import running_emulator as support
import web_stack

from blackstart.domain.emulator_status import EmulatorStatus

until, alive, processes_with = support.until, support.alive, support.processes_with
Start = Callable[..., Any]

PREFORKING = """
import os, socket, sys, time
listener = socket.create_server((os.environ["HOST"], int(os.environ["PORT"])), backlog=64)
for worker in range(3):
    if os.fork() == 0:
        os.setsid()
        while True:
            connection, _ = listener.accept()
            connection.recv(65536)
            connection.sendall(b"HTTP/1.1 200 OK\\r\\ncontent-length: 0\\r\\nconnection: close\\r\\n\\r\\n")
            connection.close()
while True:
    time.sleep(60)
"""


@pytest.fixture(scope="module")
def preforking(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A service whose workers leave its session and survive their parent."""
    program = tmp_path_factory.mktemp("service") / "preforking.py"
    program.write_text(PREFORKING)
    return f"{sys.executable} {program}"


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory, preforking: str) -> Iterator[Any]:
    """One emulator for the tests that leave it as they found it. Its seed keeps its instance ids from the others'."""
    with support.emulators(tmp_path_factory.mktemp("shared")) as start:
        yield start("--app", preforking, "--seed", "1")


@pytest.fixture(scope="module")
def slow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A second one without a stack, at the default speed. Its service does not start."""
    folder = tmp_path_factory.mktemp("slow")
    broken = folder / "broken.py"
    broken.write_text("raise SystemExit('the settings file is missing')\n")
    with support.emulators(folder) as start:
        yield start("--app", f"{sys.executable} {broken}", speed=10)


@pytest.fixture(scope="module")
def stack(shared: Any) -> Any:
    """Three instances; each test leaves as many healthy ones."""
    return web_stack.WebStack(shared.client, desired=3)


def read(running: Any) -> EmulatorStatus:
    with urllib.request.urlopen(running.status.endpoint + "/_emulator/status", timeout=5) as answer:
        return EmulatorStatus.model_validate_json(answer.read())


def process(status: EmulatorStatus, name: str) -> int:
    found = next(each.pid for each in status.processes if each.name == name)
    assert found is not None, f"the {name} is down"
    return found


def test_it_prints_one_line_of_status_when_ready_answers_the_same_over_http_and_ends_whole(emulator: Start) -> None:
    running = emulator()
    assert running.status.ready
    web_stack.WebStack(running.client, desired=1)
    until(lambda: read(running).measured.boot_max_real_s)
    status = read(running)
    assert len(status.pids) == 4
    assert status.anchor == running.status.anchor
    assert status.virtual_time_s > running.status.virtual_time_s
    assert running.end() == 0
    assert running.process.stdout.read() == b""
    assert not any(alive(pid) for pid in status.pids)


def test_a_group_of_three_launches_real_services_in_three_zones_and_replaces_one_that_is_terminated(
    shared: Any, stack: Any
) -> None:
    until(lambda: len(stack.healthy()) == 3)
    zones = Counter(member["AvailabilityZone"] for member in stack.group()["Instances"])
    assert zones == Counter(web_stack.ZONES)
    victim = sorted(stack.members())[0]
    stack.ec2.terminate_instances(InstanceIds=[victim])
    until(lambda: len(stack.healthy() - {victim}) == 3)
    causes = [activity["Cause"] for activity in stack.activities()]
    assert any("EC2 health check indicating it has been terminated or stopped" in cause for cause in causes)
    assert any("in response to an unhealthy instance needing to be replaced" in cause for cause in causes)
    status = read(shared)
    assert status.failed_services == ()
    assert status.measured.boot_max_real_s > 0
    assert status.measured.shortest_grace_s == 60


def test_a_service_killed_through_ssm_is_found_unhealthy_and_replaced(shared: Any, stack: Any) -> None:
    until(lambda: len(stack.healthy()) == 3)
    victim = sorted(stack.healthy())[0]
    ssm = shared.client("ssm")
    command = ssm.send_command(
        InstanceIds=[victim],
        DocumentName="AWS-RunShellScript",
        Parameters={"commands": ["systemctl kill --signal=SIGKILL --kill-whom=all blackstart-demo"]},
    )["Command"]["CommandId"]
    until(lambda: ssm.get_command_invocation(CommandId=command, InstanceId=victim)["Status"] == "Success")
    assert processes_with(f"INSTANCE_ID={victim}", f"AWS_ENDPOINT_URL={shared.status.endpoint}") == []
    # the group may look before this test does: what it saw is in its activities
    until(lambda: len(stack.healthy() - {victim}) == 3)
    assert any("ELB system health check failure" in activity["Cause"] for activity in stack.activities())
    assert read(shared).failed_services == ()


@pytest.mark.parametrize("how", ["emulator killed", "lifeline closed", "emulator killed while its host is stopped"])
def test_nothing_is_left_of_a_preforking_service_whoever_dies(emulator: Start, preforking: str, how: str) -> None:
    running = emulator("--app", preforking)
    stack = web_stack.WebStack(running.client, desired=2)
    until(lambda: len(stack.healthy()) == 2)
    status = read(running)
    members = stack.members()
    mine = f"AWS_ENDPOINT_URL={status.endpoint}"  # ids repeat over emulators
    workers = [pid for member in members for pid in processes_with(f"INSTANCE_ID={member}", mine)]
    assert len(workers) == 8
    if how == "lifeline closed":
        running.process.stdin.close()
    else:
        if how == "emulator killed while its host is stopped":
            os.kill(process(status, "instance host"), signal.SIGSTOP)
        running.process.kill()
    running.process.wait(15)
    until(lambda: not any(alive(pid) for pid in (*status.pids, *workers)), 10)


def test_a_service_that_does_not_start_is_reported_with_its_words(slow: Any) -> None:
    image = slow.client("ec2").describe_images(Owners=["amazon"])["Images"][0]["ImageId"]
    made = slow.client("ec2").run_instances(ImageId=image, MinCount=1, MaxCount=1)
    failed = until(lambda: read(slow).failed_services)
    slow.client("ec2").terminate_instances(InstanceIds=[made["Instances"][0]["InstanceId"]])
    assert failed[0].exit_code == 1
    assert "the settings file is missing" in failed[0].log_tail


def test_a_data_plane_that_dies_is_started_again_and_finds_the_targets_healthy(shared: Any, stack: Any) -> None:
    until(lambda: len(stack.healthy()) == 3)
    before = until(lambda: (status := read(shared)).measured.probes_succeeded and status)
    os.kill(process(before, "data plane"), signal.SIGKILL)
    down = until(lambda: not (status := read(shared)).ready and status)
    assert any("the data plane is down" in problem for problem in down.problems)
    until(lambda: read(shared).ready)
    until(lambda: len(stack.healthy()) == 3)
    after = read(shared)
    assert process(after, "data plane") != process(before, "data plane")
    assert after.measured.data_plane_restarts == before.measured.data_plane_restarts + 1
    assert after.measured.probes >= before.measured.probes
    assert after.measured.probes_succeeded >= before.measured.probes_succeeded
    assert after.measured.controller_failures == 0
    assert any("killed by signal 9" in failure for failure in after.failures)


def test_two_emulators_run_beside_each_other_on_different_loopback_blocks(shared: Any, slow: Any) -> None:
    assert shared.status.dns.address != slow.status.dns.address


def test_two_emulators_may_keep_their_logs_in_one_directory_and_a_stale_profile_troubles_none(
    slow: Any, emulator: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "a-profile-that-does-not-exist")
    second = emulator("--state-dir", str(Path(slow.status.ca_bundle).parent), "--seed", "6")
    assert second.status.ready
    assert second.end() == 0
    os.kill(process(read(slow), "data plane"), signal.SIGKILL)
    until(lambda: read(slow).measured.data_plane_restarts == 1 and read(slow).ready)


def run(*options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "blackstart.emulator", *options], capture_output=True, text=True, timeout=20, check=False
    )


def test_a_port_in_use_is_an_error_with_the_way_out() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = run("--port", str(port))
    assert ended.returncode == 2
    assert ended.stdout == ""
    problem, way_out = ended.stderr.splitlines()
    assert problem.startswith(f"error: port {port} on 127.0.0.1 is in use")
    assert way_out.startswith("  Stop what listens there")
    assert "--port" in way_out


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--parameter", "pending_s=1"), "greater than or equal to 5"),
        (("--parameter", "pending=6"), "no such parameter"),
        (("--capacity", "us-east-1a:3"), "'us-east-1a:3' is not ZONE=COUNT or ZONE/TYPE=COUNT"),
        (("--capacity", "us-east-1z=3"), "'us-east-1z': the zones of us-east-1 are us-east-1a, us-east-1b"),
        (("--capacity", "us-esat-1a=3"), "'us-esat-1a': there is no region us-esat-1"),
        (("--capacity", "us-east-1a/t3.mirco=3"), "'us-east-1a/t3.mirco': there is no instance type t3.mirco"),
        (("--speed", "0"), "time must go forward"),
        (("--app", "serve 'it"), "--app serve 'it: No closing quotation"),
    ],
)
def test_bad_options_are_refused_with_the_way_out_on_a_second_line(options: tuple[str, ...], words: str) -> None:
    ended = run(*options)
    assert ended.returncode == 2
    problem, way_out = ended.stderr.splitlines()
    assert problem.startswith("error: ")
    assert words in problem
    assert way_out.startswith("  ")
    assert way_out.strip()


def test_a_long_poll_blocks_no_other_call(slow: Any) -> None:
    sqs, ec2 = slow.client("sqs"), slow.client("ec2")
    url = sqs.create_queue(QueueName="alarms")["QueueUrl"]
    reader = subprocess.Popen(
        [sys.executable, "-c", POLL, slow.status.endpoint, url], stdout=subprocess.PIPE, text=True
    )
    assert reader.stdout is not None
    assert reader.stdout.readline() == "asking\n"
    ec2.describe_vpcs()
    sqs.send_message(QueueUrl=url, MessageBody="late")
    assert json.loads(reader.communicate(timeout=10)[0]) == ["late"]


POLL = """
import boto3, json, sys
client = boto3.Session("x", "x", region_name="us-east-1").client("sqs", endpoint_url=sys.argv[1])
print("asking", flush=True)
found = client.receive_message(QueueUrl=sys.argv[2], WaitTimeSeconds=20)
print(json.dumps([message["Body"] for message in found.get("Messages", [])]))
"""
