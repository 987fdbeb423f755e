"""The instance host's measurement of the CPU time that an instance's processes use: real processes, read from /proc."""

import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from blackstart.emulator.adapters.instance_host_client import InstanceHost

BURN = "import time\nend = time.process_time() + {seconds}\nwhile time.process_time() < end: pass\n"
STAY = "import time\ntime.sleep(60)\n"


class Usage:
    """The newest usage event of a host, waited for and never slept for."""

    def __init__(self, tmp_path: Path) -> None:
        self.events: list[dict[str, Any]] = []
        self.host = InstanceHost("usage", tmp_path / "host.log", self.events.append, lambda: None)

    def start(self, key: str, program: str, log: Path) -> None:
        self.host.start(key, [sys.executable, "-S", "-E", "-c", program], {"BLACKSTART": "usage"}, str(log), None)

    def until(self, reached: Callable[[dict[str, float]], bool], patience_real_s: float = 20.0) -> dict[str, float]:
        give_up = time.monotonic() + patience_real_s
        while time.monotonic() < give_up:
            usages = [event["cpu_real_s"] for event in list(self.events) if event["event"] == "usage"]
            if usages and reached(usages[-1]):
                return usages[-1]
            time.sleep(0.05)
        raise AssertionError(f"not reached; the last events were {self.events[-3:]}")


@pytest.fixture
def usage(tmp_path):
    made = Usage(tmp_path)
    yield made
    made.host.close()


def test_the_cpu_time_of_an_instance_is_that_of_its_processes_also_of_those_that_have_ended(usage, tmp_path):
    """A child that burns, one that burns and is waited for, one that loses its parent; and an idle neighbour."""
    burn = BURN.format(seconds=0.4)
    waited = f"import subprocess, sys\nsubprocess.run([sys.executable, '-S', '-c', {burn!r}])\n"
    orphan = f"import subprocess, sys\nsubprocess.Popen([sys.executable, '-S', '-c', {burn + STAY!r}])\n"
    shell = f"import subprocess, sys\nsubprocess.run([sys.executable, '-S', '-c', {orphan!r}])\n"
    usage.start("i-busy", burn + waited + shell + STAY, tmp_path / "busy.log")
    usage.start("i-idle", STAY, tmp_path / "idle.log")
    seen = usage.until(lambda used: used.get("i-busy", 0) >= 1.19)
    assert seen["i-busy"] < 2.5
    assert seen["i-idle"] < 0.4


def test_an_instance_without_processes_is_left_out(usage, tmp_path):
    usage.start("i-short", "pass", tmp_path / "short.log")
    usage.start("i-stays", STAY, tmp_path / "stays.log")
    usage.until(lambda used: "i-stays" in used and "i-short" not in used)


def test_a_main_process_that_a_signal_stops_is_told_of_and_so_is_that_it_goes_on(usage, tmp_path):
    usage.start("i-hangs", STAY, tmp_path / "hangs.log")
    usage.until(lambda used: "i-hangs" in used)
    pid = next(event["pid"] for event in usage.events if event["event"] == "started")
    for number, halted in ((signal.SIGSTOP, [True]), (signal.SIGCONT, [True, False])):
        os.kill(pid, number)
        usage.until(lambda _: [event["halted"] for event in usage.events if event["event"] == "halted"] == halted)  # noqa: B023


def test_a_stopped_process_that_is_killed_is_not_stopped_any_more(usage, tmp_path):
    usage.start("i-hangs", STAY, tmp_path / "hangs.log")
    usage.start("i-stays", STAY, tmp_path / "stays.log")
    usage.until(lambda used: "i-hangs" in used)
    pid = next(event["pid"] for event in usage.events if event["event"] == "started")
    os.kill(pid, signal.SIGSTOP)
    usage.until(lambda _: any(event["event"] == "halted" for event in usage.events))
    os.kill(pid, signal.SIGKILL)
    usage.until(lambda used: "i-hangs" not in used)
    assert [event["halted"] for event in usage.events if event["event"] == "halted"] == [True, False]


def test_samples_carry_the_time_at_which_they_were_taken(usage, tmp_path):
    usage.start("i-stays", STAY, tmp_path / "stays.log")
    usage.until(lambda used: "i-stays" in used)
    taken_ns = [event["monotonic_ns"] for event in usage.events if event["event"] == "usage"]
    assert 0 <= time.monotonic_ns() - taken_ns[-1] < 10e9
