"""The parts of a rehearsal as commands of their own, on one emulator that stays up."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from blackstart.aws_clients import AwsClients
from blackstart.injection.stack_view import describe_stack

ROOT = Path(__file__).parents[2]
SERVICE = "python3 infra/service/app.py"


def blackstart(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "blackstart.gameday.cli", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """`blackstart emulator up` with the stack deployed; Ctrl-C at the end."""
    state = tmp_path_factory.mktemp("emulator")
    up = [sys.executable, "-m", "blackstart.gameday.cli", "emulator", "up", "--port", "0", "--speed", "30"]
    emulator = subprocess.Popen(
        [*up, "--app", SERVICE, "--state-dir", str(state)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    try:
        assert emulator.stdout is not None
        status = json.loads(emulator.stdout.readline())
        deployed = blackstart("deploy", "--stack", "emulator", "--endpoint", status["endpoint"], "--json")
        assert deployed.returncode == 0, deployed.stderr
        assert json.loads(deployed.stdout)["resources"] > 40
        yield status["endpoint"]
    finally:
        emulator.send_signal(signal.SIGINT)
        assert emulator.wait(20) == 0
        # A killed child may still wait to be reaped by init for a moment.
        psutil.wait_procs([psutil.Process(pid) for pid in status["pids"] if psutil.pid_exists(pid)], timeout=5)
        assert not [pid for pid in status["pids"] if psutil.pid_exists(pid)]


@pytest.fixture(scope="module")
def rehearsed(endpoint: str, tmp_path_factory: pytest.TempPathFactory) -> subprocess.CompletedProcess[str]:
    """A rehearsal on what is there already, interrupted by nothing."""
    out = tmp_path_factory.mktemp("runs")
    return blackstart("rehearse", "chaos/terminate-instance.yaml", "--endpoint", endpoint, "--out", str(out), "--json")


def test_a_rehearsal_can_use_an_emulator_and_a_stack_that_are_there(endpoint, rehearsed):
    judgement = json.loads(rehearsed.stdout)
    assert judgement["exit_code"] == rehearsed.returncode
    assert judgement["speed"] == 30
    assert judgement["restored"] == "yes"
    # At this speed the phases are too short for 99.9 %: the run may not be green, and says so.
    assert rehearsed.returncode in (12, 13)
    assert all(json.loads(line) for line in rehearsed.stderr.splitlines())


def test_a_plan_names_exact_ids_and_changes_nothing(endpoint, rehearsed):
    clients = AwsClients("us-east-1", endpoint)
    before = describe_stack(clients, "emulator")
    planned = blackstart("plan", "chaos/terminate-instance.yaml", "--endpoint", endpoint, "--json")
    assert planned.returncode == 0, planned.stderr
    (action,) = json.loads(planned.stdout)["actions"]
    assert set(action["target_ids"]) <= {instance.instance_id for instance in before.live_instances()}
    assert sum(zone["before"] - zone["during"] for zone in json.loads(planned.stdout)["capacity"]) == 1
    after = describe_stack(clients, "emulator")
    assert [(i.instance_id, i.state) for i in after.instances] == [(i.instance_id, i.state) for i in before.instances]

    text = blackstart("plan", "chaos/terminate-instance.yaml", "--endpoint", endpoint).stdout
    assert action["target_ids"][0] in text
    assert "Nothing was changed." in text


def test_the_wrong_stack_is_answered_with_the_ones_that_are_there(endpoint, rehearsed, variant):
    path = variant("terminate-instance", (60, 60, 40), lambda document: document.update(stack="production"))
    planned = blackstart("plan", str(path), "--endpoint", endpoint)
    assert planned.returncode == 2
    assert "Stacks with resources here: emulator" in planned.stderr


def test_a_kept_emulator_outlives_the_run_and_ends_by_the_command_it_prints(rehearse, variant):
    run = rehearse(variant("terminate-instance", (60, 60, 40)), "--keep", "--speed", "30").wait()
    (hint,) = [line for line in run.stderr.splitlines() if "kept: the emulator" in line]
    pid = int(hint.split("`kill ")[1].rstrip("`"))
    assert run.started()
    os.kill(pid, signal.SIGTERM)
    run.assert_nothing_is_left()


def test_an_emulator_kept_after_a_failure_is_named_too(rehearse, variant):
    run = rehearse(variant("terminate-instance", (60, 60, 40)), "--keep", "--config", "minSiz=7").wait()
    assert run.code == 2
    (hint,) = [line for line in run.stderr.splitlines() if "kept: the emulator" in line]
    os.kill(int(hint.split("`kill ")[1].rstrip("`")), signal.SIGTERM)
    run.assert_nothing_is_left()
