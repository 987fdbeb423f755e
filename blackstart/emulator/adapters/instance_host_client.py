"""The control plane's side of the instance host: start, signal and kill processes, hear of their ends.

A host that ends, or says nothing for `SILENCE_REAL_S`, takes all it started with it. It is started again with all
that should be running; when it keeps on ending, the client gives up and says so.
"""

import contextlib
import itertools
import json
import logging
import os
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from blackstart.domain.wording import several
from blackstart.emulator.adapters.instance_host import kill_all, mark_of
from blackstart.emulator.controllers.service_host import Done
from blackstart.emulator.decisions.restart import REMEMBERED_REAL_S

WATCH_REAL_S = 0.5
SILENCE_REAL_S = 10.0
ENDS_AT_MOST = 5
"""Within a minute; after more of them something is wrong that a restart does not mend."""
LOG = logging.getLogger(__name__)


class Program(NamedTuple):
    """A program that speaks as a host does. words: its command line, the emulator's id comes after it. has_processes:
    it starts processes, which outlive it when it is killed.
    """

    name: str
    words: tuple[str, ...]
    has_processes: bool


PROCESSES = Program(
    "instance host", (sys.executable, "-S", "-E", str(Path(__file__).with_name("instance_host.py"))), True
)
LIGHT = Program("light instance host", (sys.executable, "-m", "blackstart.emulator.adapters.light_instances"), False)


class InstanceHost:
    """The instance host process. on_event: called on the reader's thread with each event but `done` and `alive`.

    on_end: called once when the host is gone for good, wanted or not. restarts: how often it was started again.
    """

    def __init__(
        self,
        emulator_id: str,
        log: Path,
        on_event: Callable[[dict[str, Any]], None],
        on_end: Callable[[], None],
        program: Program = PROCESSES,
    ) -> None:
        self._program = program
        self._emulator_id = emulator_id
        self._log = log
        self._on_event = on_event
        self._on_end = on_end
        self._mark = mark_of(emulator_id)
        self._requests = itertools.count(1)
        self._waiting: dict[int, Done] = {}
        self._writing = threading.Lock()
        self._wanted: dict[str, dict[str, Any]] = {}
        self._starting: Counter[str] = Counter()
        self._started: set[str] = set()
        self._closing = threading.Event()
        self._heard = threading.Event()
        self._ends_real_s: list[float] = []
        self.restarts = 0
        self._process = self._spawn()
        self._reader = threading.Thread(target=self._run, name=program.name, daemon=True)
        self._reader.start()
        threading.Thread(target=self._watch, name=f"{program.name} watch", daemon=True).start()

    @property
    def name(self) -> str:
        return self._program.name

    @property
    def pid(self) -> int:
        return self._process.pid

    def start(
        self, key: str, argv: Sequence[str], env: Mapping[str, str], log: str, probe: tuple[str, int] | None
    ) -> None:
        command = {"op": "start", "key": key, "argv": list(argv), "env": dict(env), "log": log, "probe": probe}
        with self._writing:
            self._wanted[key] = command
            self._starting[key] += 1
            self._write(command)

    def signal(
        self, key: str, number: int, whom: str, done: Done | None = None, kill_after_real_s: float | None = None
    ) -> None:
        command = {"op": "signal", "key": key, "signal": number, "whom": whom, "kill_after_real_s": kill_after_real_s}
        self._ask(command, done)

    def kill(self, key: str, done: Done | None = None) -> None:
        with self._writing:
            self._wanted.pop(key, None)
        self._ask({"op": "kill", "key": key}, done)

    def failures_in_words(self) -> tuple[str, ...]:
        if not self.restarts:
            return ()
        what = "process" if self._program.has_processes else "instance"
        times = several(self.restarts, "time")
        return (f"the {self._program.name} was started again {times}, and every {what} with it",)

    def close(self) -> None:
        """Let it kill all it started; returns when it is gone."""
        self._closing.set()
        with contextlib.suppress(OSError):  # without the lock, which a writer may hold while the host hangs
            if self._process.stdin is not None:
                self._process.stdin.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join(5)

    def _spawn(self) -> "subprocess.Popen[bytes]":
        with self._log.open("ab") as errors:
            return subprocess.Popen(
                [*self._program.words, self._emulator_id],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                start_new_session=True,
                bufsize=0,
            )

    def _ask(self, command: dict[str, Any], done: Done | None) -> None:
        """Send a command that is answered. done: called with 0 when the host ends before it answers."""
        request = next(self._requests)
        with self._writing:
            if done is not None:
                self._waiting[request] = done
            self._write({**command, "request": request})

    def _write(self, command: Mapping[str, Any]) -> None:
        """Under `_writing`. A host that is gone hears of it when it is started again."""
        line = memoryview(json.dumps(command).encode() + b"\n")
        with contextlib.suppress(OSError, ValueError):
            while line and self._process.stdin is not None:
                line = line[self._process.stdin.write(line) or 0 :]

    def _run(self) -> None:
        while True:
            self._read()
            if self._program.has_processes:
                kill_all(self._mark, None)  # workers that left the host's sessions are still there
            self._process.wait()
            now = time.monotonic()
            self._ends_real_s = [end for end in self._ends_real_s if now - end <= REMEMBERED_REAL_S] + [now]
            if self._closing.is_set() or len(self._ends_real_s) > ENDS_AT_MOST:
                self._on_end()
                return
            LOG.error("the %s ended with code %s", self._program.name, self._process.returncode)
            self._start_again()

    def _read(self) -> None:
        output = self._process.stdout
        if output is None:
            raise RuntimeError("the instance host has no output pipe")
        with open(output.fileno(), "rb", closefd=False) as lines:  # the pipe itself is unbuffered
            for line in lines:
                self._heard.set()
                try:
                    event = json.loads(line)
                except ValueError:  # a line that its death cut short is its last one
                    return
                self._hear(event)

    def _hear(self, event: dict[str, Any]) -> None:
        if event["event"] == "done":
            done = self._waiting.pop(event["request"], None)
            if done is not None:
                done(event["matched"])
        elif event["event"] != "alive":
            with self._writing:
                self._note(event["event"], event["key"])
            try:
                self._on_event(event)
            except Exception:  # whatever one event brought, the next one is heard
                LOG.exception("the news %r of %s failed", event["event"], event["key"])

    def _note(self, event: str, key: str) -> None:
        """Keep book of what runs and what should; the old one of a key that is started anew ends first."""
        if event in ("started", "start_failed"):
            self._starting[key] -= 1
        if event == "started":
            self._started.add(key)
        elif event in ("exited", "start_failed"):
            self._started.discard(key)
            if self._starting[key] <= 0:
                self._wanted.pop(key, None)

    def _start_again(self) -> None:
        """A new host with all that ran; those whose end was asked for while there was none stay away."""
        self.restarts += 1
        with self._writing:
            gone, self._started = self._started, set()
            again = dict(self._wanted)
        ended = {"event": "exited", "exit_code": -9, "log_tail": "", "asked": True}
        for key in sorted(gone):
            self._on_event({**ended, "key": key, "again": key in again})
        with self._writing:
            unanswered, self._waiting = self._waiting, {}
            self._process = self._spawn()
            self._starting = Counter(self._wanted.keys())
            for command in self._wanted.values():
                self._write(command)
        for done in unanswered.values():
            done(0)

    def _watch(self) -> None:
        """Count silence in looks and not by the clock, so that a stop of this process is not taken for theirs."""
        silent = 0
        while not self._closing.wait(WATCH_REAL_S):
            silent = 0 if self._heard.is_set() else silent + 1
            self._heard.clear()
            if silent * WATCH_REAL_S >= SILENCE_REAL_S:
                LOG.error("the %s has said nothing for %.0f s", self._program.name, SILENCE_REAL_S)
                silent = 0
                self._process.kill()


def service_environment(emulator_id: str, endpoint: str, region: str) -> dict[str, str]:
    """What services start from: the caller's environment, with AWS pointed at the emulator and no real credentials."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    return {
        **inherited,
        "BLACKSTART": emulator_id,
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_DEFAULT_REGION": region,
        "AWS_ACCESS_KEY_ID": "offline",
        "AWS_SECRET_ACCESS_KEY": "offline",
    }
