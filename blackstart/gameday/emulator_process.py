"""The emulator as a child of the runner: started, asked for its status, ended with everything it started."""

import http.client
import json
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from blackstart.aws_clients import is_loopback
from blackstart.domain.emulator_status import STATUS_PATH, EmulatorStatus
from blackstart.domain.errors import EmulatorError, UsageError

START_REAL_S = 30.0
STOP_REAL_S = 15.0
EXAMPLE = "127.0.0.1:5005"
WITHOUT_PROXY = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # a proxy is not loopback


def read_status(endpoint: str) -> EmulatorStatus:
    """Ask an emulator how it is. Raises EmulatorError when nothing, or something else, answers there."""
    scheme, separator, _ = endpoint.partition("://")
    if not separator:
        raise UsageError(f"endpoint {endpoint} has no scheme", f"Give --endpoint http://{endpoint or EXAMPLE}.")
    if scheme != "http":
        raise UsageError(f"{endpoint}: the emulator speaks plain http", f"Give --endpoint http://{EXAMPLE}.")
    if not is_loopback(endpoint):
        raise UsageError(f"{endpoint}: the emulator is always on loopback", f"Give --endpoint http://{EXAMPLE}.")
    try:
        urlsplit(endpoint).port  # noqa: B018  raises ValueError for one that is none
    except ValueError as error:
        raise UsageError(f"{endpoint}: {error}", f"Give --endpoint http://{EXAMPLE}.") from None
    try:
        with WITHOUT_PROXY.open(endpoint.rstrip("/") + STATUS_PATH, timeout=5) as answer:
            return EmulatorStatus.model_validate_json(answer.read())
    except (urllib.error.HTTPError, http.client.HTTPException, ValueError) as error:
        raise _no_emulator(f"{endpoint}: something else does ({_first_line(error)})") from None
    except urllib.error.URLError as error:
        raise _no_emulator(f"{endpoint} ({getattr(error.reason, 'strerror', None) or error.reason})") from None
    except OSError as error:
        raise _no_emulator(f"{endpoint} ({_first_line(error)})") from None


def _no_emulator(where_and_why: str) -> EmulatorError:
    return EmulatorError(
        f"no Blackstart emulator answers at {where_and_why}",
        "Start one with `blackstart emulator up`, and give the endpoint that it prints.",
    )


class EmulatorProcess:
    """One emulator. state_dir: where it keeps its logs. keep: let it outlive the runner."""

    def __init__(
        self,
        port: int,
        speed: float,
        seed: int,
        app: str | None,
        state_dir: Path,
        parameters: Mapping[str, str],
        keep: bool = False,
        capacity: Sequence[str] = (),
        instances: str = "process",
    ) -> None:
        self._command = [sys.executable, "-m", "blackstart.emulator", "--port", str(port), "--speed", str(speed)]
        self._command += ["--seed", str(seed), "--state-dir", str(state_dir)]
        self._command += ["--app", app] if app else []
        self._command += ["--instances", instances]
        self._command += [] if keep else ["--lifeline"]
        for name, value in parameters.items():
            self._command += ["--parameter", f"{name}={value}"]
        for setting in capacity:
            self._command += ["--capacity", setting]
        self._keep = keep
        self._log = state_dir / "emulator.log"
        state_dir.mkdir(parents=True, exist_ok=True)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> EmulatorStatus:
        """Start it and wait until it is ready.

        Its own session keeps the terminal's Ctrl-C from it; its stdin is the lifeline, so that it ends when the runner
        is killed. Raises UsageError with its own words when it refuses to start, EmulatorError when it crashes.
        """
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, start_new_session=True
            )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            code = self._process.wait(START_REAL_S)
            said = self._log.read_text(errors="replace").strip().splitlines()
            if code == 2:
                message, _, way_out = "\n".join(said[-2:]).partition("\n")
                raise UsageError(message.removeprefix("error: "), way_out.strip())
            raise EmulatorError(
                f"the emulator ended with code {code}: {said[-1] if said else 'it said nothing'}",
                f"Its log is {self._log}.",
            )
        return EmulatorStatus.model_validate(json.loads(line))

    def stop(self) -> None:
        """End it and everything it started; kills it if it takes too long."""
        if self._process is None or self._keep:
            return
        if self._process.stdin:
            self._process.stdin.close()
        try:
            self._process.wait(STOP_REAL_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def wait_ready(endpoint: str, limit_real_s: float = START_REAL_S) -> EmulatorStatus:
    """Wait until an emulator that is already there says it is ready."""
    deadline = time.monotonic() + limit_real_s
    while not (status := read_status(endpoint)).ready:
        if time.monotonic() > deadline:
            raise EmulatorError(f"the emulator at {endpoint} is not ready after {limit_real_s:.0f} s", "See its log.")
        time.sleep(0.1)
    return status


def _first_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]
