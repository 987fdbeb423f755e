"""The runner's handle on the load: Locust in a process of its own.

In the runner's process Locust's patching of the standard library would deadlock gRPC and asyncio, so nothing here
imports it.
"""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO

from pydantic import ValidationError

from blackstart.domain.errors import UsageError
from blackstart.domain.journal import LoadFinished
from blackstart.domain.recording import LoadProgress
from blackstart.load.locust_process import PARENT_VARIABLE
from blackstart.load.recording_file import read_marker
from blackstart.load.settings import LoadSettings

__all__ = ["LOG_FILE", "LoadGenerator", "LoadSettings"]

LOG_FILE = "load.log"
LOCUST_ARGUMENTS = ("--headless", "--users", "1", "--only-summary", "--exit-code-on-error", "0", "--locustfile")
START_TIMEOUT_REAL_S = 20.0
KILLED_WITHIN_REAL_S = 5.0


class LoadGenerator:
    """Starts, watches and stops one load.

    The child leads a session of its own, so that Ctrl-C reaches the runner alone, and dies with the thread that called
    `start`: call it from a thread that lives as long as the run. What it prints is in `out_dir/load.log`.
    """

    def __init__(self, settings: LoadSettings) -> None:
        self._settings = settings
        self._process: subprocess.Popen[bytes] | None = None
        self._progress: LoadProgress | None = None
        self._heard = threading.Event()
        self._reader: threading.Thread | None = None

    @property
    def pid(self) -> int | None:
        """The child's process id, which is also its process group; None before `start`."""
        return self._process.pid if self._process else None

    def start(self) -> None:
        """Return once requests are being sent.

        Raises UsageError when the locustfile is missing or does not load, or when out_dir cannot be written.
        """
        if not self._settings.locustfile.is_file():
            raise UsageError(
                f"the locustfile {self._settings.locustfile} does not exist",
                "Name an existing one in the experiment's load.locustfile.",
            )
        with _open_log(self._settings.out_dir) as log:
            self._process = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "blackstart.load.locust_process",
                    *LOCUST_ARGUMENTS,
                    str(self._settings.locustfile.absolute()),
                ],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env=_child_environment(os.environ, self._settings),
                start_new_session=True,
            )
        assert self._process.stdout is not None
        self._reader = threading.Thread(target=self._read, args=(self._process.stdout,), daemon=True)
        self._reader.start()
        if not self._heard.wait(START_TIMEOUT_REAL_S) or self._progress is None:
            self.kill()
            raise UsageError(
                f"the load of {self._settings.locustfile} did not start: {self._last_words()}",
                f"See {self._settings.out_dir / LOG_FILE}; the locustfile needs one subclass of "
                "blackstart.load.open_loop_user.OpenLoopUser.",
            )

    def progress(self) -> LoadProgress | None:
        """The newest line of progress, at most about a second old; None before the first."""
        return self._progress

    def exit_code(self) -> int | None:
        """None while it runs; negative for a signal that ended it."""
        return self._process.poll() if self._process else None

    def stop(self, timeout_real_s: float) -> LoadFinished:
        """Let it drain, and kill it if it has not ended after so many wall seconds. Safe to call again.

        timeout_real_s: the request timeout and a few seconds. exit_code is None when it had to be killed; completed is
        None whenever it left no marker.
        """
        if self._process is None:
            return LoadFinished(exit_code=None, completed=None)
        _close(self._process.stdin)
        try:
            exit_code: int | None = self._process.wait(timeout_real_s)
        except subprocess.TimeoutExpired:
            exit_code = None
        self.kill()
        return LoadFinished(exit_code=exit_code, completed=read_marker(self._settings.out_dir))

    def kill(self) -> None:
        """End it at once, with everything it started; what it has flushed stays."""
        if self._process is None:
            return
        if self._process.poll() is None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(KILLED_WITHIN_REAL_S)
        _close(self._process.stdin)
        if self._reader is not None:
            self._reader.join(KILLED_WITHIN_REAL_S)

    def _read(self, lines: IO[bytes]) -> None:
        with lines:
            for line in lines:
                with suppress(ValidationError):
                    self._progress = LoadProgress.model_validate_json(line)
                    self._heard.set()
        self._heard.set()

    def _last_words(self) -> str:
        text = (self._settings.out_dir / LOG_FILE).read_text(errors="replace")
        words = [line.strip() for line in text.splitlines() if line.strip() and "/INFO/" not in line]
        return " / ".join(words[-3:]) or "it printed nothing"


def _open_log(out_dir: Path) -> IO[bytes]:
    try:
        out_dir.mkdir(parents=True, exist_ok=True)
        return (out_dir / LOG_FILE).open("wb")
    except OSError as problem:
        raise UsageError(
            f"{out_dir} cannot be written ({problem.strerror})", "Give --out a directory that you can write to."
        ) from problem


def _child_environment(own: Mapping[str, str], settings: LoadSettings) -> dict[str, str]:
    """Ours without LOCUST_*, which would change how long or how much Locust runs, and with the settings."""
    kept = {name: value for name, value in own.items() if not name.startswith(("LOCUST_", "BLACKSTART_"))}
    return kept | settings.to_environment() | {PARENT_VARIABLE: str(os.getpid())}


def _close(pipe: IO[bytes] | None) -> None:
    if pipe is not None:
        with suppress(BrokenPipeError):
            pipe.close()
