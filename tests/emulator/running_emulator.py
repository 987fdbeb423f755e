"""An emulator in a process of its own, and what tests ask of processes. Imported by name, as `rig` and `web_stack`."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from blackstart.domain.emulator_status import EmulatorStatus

SESSION = boto3.Session("offline", "offline", region_name="us-east-1")
"""One for all tests: it keeps the descriptions of the services, which take long to read."""


class RunningEmulator:
    """An emulator in a process of its own, and the calls that the tests make of it."""

    def __init__(self, state: Path, *options: str, speed: float = 60.0) -> None:
        self.state = state
        self.process = subprocess.Popen(
            [
                *(sys.executable, "-m", "blackstart.emulator", "--port", "0", "--speed", str(speed), "--lifeline"),
                *("--state-dir", str(state), *options),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        assert self.process.stdout is not None
        self.first_line = self.process.stdout.readline()
        self.status = EmulatorStatus.model_validate(json.loads(self.first_line))
        self._clients: dict[str, Any] = {}

    def client(self, service: str) -> Any:
        if service not in self._clients:
            config = Config(retries={"total_max_attempts": 1})
            self._clients[service] = SESSION.client(service, endpoint_url=self.status.endpoint, config=config)
        return self._clients[service]

    def end(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(15)


@contextmanager
def emulators(folder: Path) -> Iterator[Callable[..., RunningEmulator]]:
    """Starts emulators, and ends them in the end."""
    started: list[RunningEmulator] = []

    def start(*options: str, speed: float = 60.0) -> RunningEmulator:
        started.append(RunningEmulator(folder / f"state-{len(started)}", *options, speed=speed))
        return started[-1]

    yield start
    for running in started:
        if running.process.poll() is None:
            running.process.kill()
        running.process.wait(10)
        for pipe in (running.process.stdin, running.process.stdout, running.process.stderr):
            if pipe is not None:
                pipe.close()


def until(holds: Callable[[], Any], within_real_s: float = 15.0) -> Any:
    """Wait for something to hold; returns what it returned."""
    deadline = time.monotonic() + within_real_s
    while not (found := holds()):
        assert time.monotonic() < deadline, "did not happen in time"
        time.sleep(0.03)
    return found


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def processes_with(*entries: str) -> list[int]:
    """Processes that carry all these entries in their environment."""
    found = []
    for environ in Path("/proc").glob("[0-9]*/environ"):
        try:
            present = environ.read_bytes().split(b"\0")
            if all(entry.encode() in present for entry in entries) and alive(int(environ.parent.name)):
                found.append(int(environ.parent.name))
        except OSError:
            continue
    return [pid for pid in found if pid != os.getpid()]
