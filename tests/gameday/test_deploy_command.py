"""`--deploy`: what the command gets, what is said of it, and that nothing of it is left. Real processes and signals."""

import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from blackstart.domain.clock import Anchor
from blackstart.domain.emulator_status import DnsAddress, EmulatorStatus
from blackstart.domain.errors import DeployError
from blackstart.domain.journal import EmulatorMeasured
from blackstart.gameday.deploy_command import deploy_by_command, environment_of

MEASURED = EmulatorMeasured(
    probes=0,
    probe_p99_real_s=0,
    check_lag_p99_real_s=0,
    boot_max_real_s=0,
    shortest_timeout_s=None,
    shortest_interval_s=None,
    shortest_grace_s=None,
)
STATUS = EmulatorStatus(
    ready=True,
    endpoint="http://127.0.0.1:5005",
    dns=DnsAddress(address="127.0.0.2", port=5353),
    speed=10,
    virtual_time_s=0,
    lag_real_s=0,
    anchor=Anchor(monotonic_ns=0, epoch_s=0, speed=10),
    pids=(),
    measured=MEASURED,
)


def gone(pid: int, within_real_s: float = 10.0) -> bool:
    deadline = time.monotonic() + within_real_s
    while time.monotonic() < deadline:
        if not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
            return True
        time.sleep(0.05)
    return False


def pid_in(path: Path, within_real_s: float = 10.0) -> int:
    deadline = time.monotonic() + within_real_s
    while time.monotonic() < deadline:
        if path.exists() and path.read_text().strip():
            return int(path.read_text())
        time.sleep(0.02)
    raise AssertionError(f"{path} was not written")


def test_the_command_gets_the_endpoint_and_nothing_of_the_users_aws_settings() -> None:
    inherited = {
        "PATH": "/bin",
        "AWS_PROFILE": "production",
        "AWS_ENDPOINT_URL_ELASTIC_LOAD_BALANCING_V2": "https://elsewhere.example",
        "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true",
        "AWS_SESSION_TOKEN": "secret",
    }
    environment = environment_of(STATUS, "eu-west-1", "shop", inherited)
    assert environment["AWS_ENDPOINT_URL"] == "http://127.0.0.1:5005"
    assert environment["AWS_REGION"] == environment["AWS_DEFAULT_REGION"] == "eu-west-1"
    assert environment["BLACKSTART_STACK"] == "shop"
    assert environment["AWS_CONFIG_FILE"] == environment["AWS_SHARED_CREDENTIALS_FILE"] == os.devnull
    assert environment["PATH"] == "/bin"
    assert not set(inherited) & set(environment) - {"PATH"}


def test_each_line_is_shown_and_kept_while_the_command_works(tmp_path: Path) -> None:
    said: list[str] = []
    deploy_by_command("echo one; echo two >&2", os.environ, tmp_path / "deploy.log", said.append)
    assert said == ["deploy | one", "deploy | two"]
    assert (tmp_path / "deploy.log").read_text() == "one\ntwo\n"


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("echo first; echo no such region >&2; exit 3", r"ended with code 3: no such region"),
        ("false", r"ended with code 1, without a word"),
        ("kill -9 $$", r"ended with code 137"),
        ("no-such-deployer --now", r"ended with code 127: .*no-such-deployer"),
    ],
)
def test_a_command_that_fails_is_named_with_its_code_and_last_words(tmp_path: Path, command: str, words: str) -> None:
    log = tmp_path / "deploy.log"
    with pytest.raises(DeployError, match=words) as error:
        deploy_by_command(command, os.environ, log, lambda _: None)
    assert str(log) in error.value.way_out


def test_what_the_command_leaves_in_the_background_ends_with_it(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    deploy_by_command(f"setsid sleep 60 & echo $! > {pid}", os.environ, tmp_path / "deploy.log", lambda _: None)
    assert gone(pid_in(pid))


def test_a_command_that_hangs_is_given_up(tmp_path: Path) -> None:
    pid, log = tmp_path / "pid", tmp_path / "deploy.log"
    with pytest.raises(DeployError, match=r"not done after 1 s: waiting for ever"):
        deploy_by_command(f"echo $$ > {pid}; echo waiting for ever; sleep 60", os.environ, log, lambda _: None, 0.7)
    assert gone(pid_in(pid))


def test_nothing_outlives_a_runner_that_is_killed(tmp_path: Path) -> None:
    pid, log = tmp_path / "pid", tmp_path / "deploy.log"
    command = f"setsid sh -c 'echo $$ > {pid}; sleep 60' & wait"
    call = f"deploy_by_command({command!r}, os.environ, Path({str(log)!r}), print)"
    program = f"import os; from pathlib import Path; from blackstart.gameday.deploy_command import *; {call}"
    with subprocess.Popen([sys.executable, "-c", program]) as runner:
        left_behind = pid_in(pid)
        runner.kill()
    assert gone(left_behind)
