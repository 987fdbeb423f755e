"""`blackstart emulator up`: become an emulator in the foreground."""

import os
import platform
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NoReturn

from blackstart.domain.errors import EmulatorError, UsageError


def become_emulator(
    port: int,
    speed: float,
    app: str | None,
    state_dir: Path,
    parameters: Mapping[str, str],
    capacity: Sequence[str],
    instances: str,
    as_json: bool,
) -> NoReturn:
    """Stay in the foreground as an emulator until a signal.

    Replaces this process, so that the emulator itself gets the terminal's signals.
    """
    if platform.system() != "Linux":
        raise UsageError("the emulator runs on Linux only", "Use a Linux machine, a VM or a container.")
    command = [sys.executable, "-m", "blackstart.emulator", "--port", str(port), "--speed", str(speed)]
    command += ["--state-dir", str(state_dir), *(["--app", app] if app else []), *(["--json"] if as_json else [])]
    for name, value in parameters.items():
        command += ["--parameter", f"{name}={value}"]
    command += ["--instances", instances]
    for setting in capacity:
        command += ["--capacity", setting]
    try:
        os.execv(sys.executable, command)
    except OSError as error:
        raise EmulatorError(f"the emulator cannot be started: {error.strerror}", "Is the installation whole?") from None
