"""Runs the real command line as a user does, and looks for what it leaves behind."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
import yaml

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
MARK = "MARK_OF_THE_TEST_RUN"  # not BLACKSTART_*: the load generator is started without those


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in Path(str(item.fspath)).parents:
            item.add_marker(pytest.mark.end_to_end)


@dataclass
class Run:
    """One `blackstart rehearse`. Everything it starts inherits a mark in its environment, by which it is found."""

    out: Path
    process: subprocess.Popen[str]
    mark: str
    stdout: str = ""
    stderr: str = ""

    @property
    def folder(self) -> Path:
        (folder,) = self.out.iterdir()
        return folder

    @property
    def code(self) -> int:
        return self.process.returncode

    def wait(self, limit_real_s: float = 150) -> "Run":
        self.stdout, self.stderr = self.process.communicate(timeout=limit_real_s)
        return self

    def judgement(self) -> dict:
        return json.loads((self.folder / "judgement.json").read_text())

    def events(self, kind: str) -> list[dict]:
        lines = (self.folder / "journal.ndjson").read_text().splitlines()
        return [event for event in (json.loads(line)["event"] for line in lines) if event["kind"] == kind]

    def wait_for_phase(self, phase: str, limit_real_s: float = 90) -> None:
        """Until the journal says that the phase has begun."""
        deadline = time.monotonic() + limit_real_s
        while time.monotonic() < deadline:
            assert self.process.poll() is None, self.process.communicate()
            journals = list(self.out.glob("*/journal.ndjson"))
            if journals and f'"kind":"phase_started","phase":"{phase}"' in journals[0].read_text():
                return
            time.sleep(0.05)
        raise AssertionError(f"phase {phase} did not begin")

    def started(self) -> list[psutil.Process]:
        """Every living process that carries the mark, the runner aside."""
        found = []
        for process in psutil.process_iter():
            try:
                if process.environ().get(MARK) == self.mark and process.pid != self.process.pid:
                    found.append(process)
            except psutil.Error:
                continue
        return [p for p in found if p.is_running() and p.status() != psutil.STATUS_ZOMBIE]

    def assert_nothing_is_left(self, limit_real_s: float = 10) -> None:
        deadline = time.monotonic() + limit_real_s
        while (left := self.started()) and time.monotonic() < deadline:
            time.sleep(0.1)
        assert not left, [(p.pid, p.cmdline()) for p in left]
        for port in re.findall(r"emulator at http://127\.0\.0\.1:(\d+)", self.stderr):
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection(("127.0.0.1", int(port)), timeout=1)
        journal = (self.folder / "journal.ndjson").read_text()
        assert journal.endswith("\n")


@pytest.fixture
def rehearse(tmp_path: Path) -> Iterator[Callable[..., Run]]:
    """Start `blackstart rehearse EXPERIMENT ARGUMENTS...` in the project's root; afterwards all of it is ended."""
    runs: list[Run] = []

    def start(experiment: Path | str, *arguments: str) -> Run:
        out = tmp_path / f"runs-{len(runs)}"
        mark = uuid.uuid4().hex
        command = [sys.executable, "-m", "blackstart.gameday.cli", "rehearse", str(experiment), "--out", str(out)]
        process = subprocess.Popen(
            [*command, *arguments],
            cwd=ROOT,
            env=os.environ | {MARK: mark},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        runs.append(Run(out, process, mark))
        return runs[-1]

    yield start
    for run in runs:
        if run.process.poll() is None:
            run.process.kill()
            run.process.communicate()
        for left in run.started():
            left.send_signal(signal.SIGKILL)


@pytest.fixture
def variant(tmp_path: Path) -> Callable[..., Path]:
    """A shipped experiment with other phases and whatever else a test changes; written beside the test's runs.

    The SLO files keep their names but ask for 99 %, so that a phase of a few wall seconds has requests enough.
    """
    slos = []
    for name in ("availability", "latency"):
        document = yaml.safe_load((ROOT / "loadtests" / "slos" / f"{name}.yaml").read_text())
        document["spec"]["objectives"][0]["target"] = 0.99
        path = tmp_path / f"{name}.yaml"
        path.write_text(yaml.safe_dump(document))
        slos.append(str(path))

    def write(name: str, phases: tuple[float, float, float], change: Callable[[dict], None] | None = None) -> Path:
        document = yaml.safe_load((ROOT / "chaos" / f"{name}.yaml").read_text())
        document["phases"] = dict(zip(("baseline_s", "fault_s", "recovery_s"), phases, strict=True))
        document["load"]["slos"] = slos
        if change is not None:
            change(document)
        path = tmp_path / f"{name}.yaml"
        path.write_text(yaml.safe_dump(document))
        return path

    return write
