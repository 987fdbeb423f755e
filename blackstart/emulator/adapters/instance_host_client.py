"""The control plane's side of the instance host: start, signal and kill processes, hear of their ends."""

import contextlib
import itertools
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from blackstart.emulator.adapters.instance_host import kill_all, mark_of
from blackstart.emulator.controllers.service_host import Done

HOST_PROGRAM = Path(__file__).with_name("instance_host.py")


class InstanceHost:
    """The instance host process. on_event: called on the reader's thread with each event but `done`.

    on_end: called once when the host is gone, wanted or not.
    """

    def __init__(
        self, emulator_id: str, log: Path, on_event: Callable[[dict[str, Any]], None], on_end: Callable[[], None]
    ) -> None:
        self._on_event = on_event
        self._on_end = on_end
        self._mark = mark_of(emulator_id)
        self._requests = itertools.count(1)
        self._waiting: dict[int, Done] = {}
        self._writing = threading.Lock()
        with log.open("ab") as errors:
            self._process = subprocess.Popen(
                [sys.executable, "-S", "-E", str(HOST_PROGRAM), emulator_id],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                start_new_session=True,
            )
        self.pid = self._process.pid
        self._reader = threading.Thread(target=self._read, name="instance-host", daemon=True)
        self._reader.start()

    def start(
        self, key: str, argv: Sequence[str], env: Mapping[str, str], log: str, probe: tuple[str, int] | None
    ) -> None:
        self._write(op="start", key=key, argv=list(argv), env=dict(env), log=log, probe=probe)

    def signal(
        self, key: str, number: int, whom: str, done: Done | None = None, kill_after_real_s: float | None = None
    ) -> None:
        self._write(
            op="signal",
            key=key,
            signal=number,
            whom=whom,
            kill_after_real_s=kill_after_real_s,
            request=self._expect(done),
        )

    def kill(self, key: str, done: Done | None = None) -> None:
        self._write(op="kill", key=key, request=self._expect(done))

    def close(self) -> None:
        """Let it kill all it started; returns when it is gone."""
        with contextlib.suppress(OSError), self._writing:
            if self._process.stdin is not None:
                self._process.stdin.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join(5)

    def _expect(self, done: Done | None) -> int:
        request = next(self._requests)
        if done is not None:
            self._waiting[request] = done
        return request

    def _write(self, **command: Any) -> None:
        line = json.dumps(command).encode() + b"\n"
        with self._writing, contextlib.suppress(OSError, ValueError):
            if self._process.stdin is not None:
                self._process.stdin.write(line)
                self._process.stdin.flush()

    def _read(self) -> None:
        output = self._process.stdout
        if output is None:
            raise RuntimeError("the instance host has no output pipe")
        for line in output:
            event: dict[str, Any] = json.loads(line)
            if event["event"] == "done":
                done = self._waiting.pop(event["request"], None)
                if done is not None:
                    done(event["matched"])
            else:
                self._on_event(event)
        kill_all(self._mark, None)  # when the host itself was killed, workers that left its sessions are still there
        self._on_end()


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
