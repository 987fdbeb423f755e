"""The program as it registers itself, recorded once for each configuration."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from blackstart.deploy.project import load_program

PROJECT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Recording:
    """What one run of the program registered."""

    requests: list[dict[str, Any]]
    exports: dict[str, Any]
    lookups: list[dict[str, Any]]

    def of(self, token: str) -> list[dict[str, Any]]:
        """The resources of one type, by the last part of its token."""
        return [request for request in self.requests if request["type"].rsplit(":", 1)[-1] == token]

    def one(self, token: str, name: str | None = None) -> dict[str, Any]:
        found = [request for request in self.of(token) if name is None or request["name"] == name]
        assert len(found) == 1, f"{token} {name}: {len(found)} found"
        return found[0]


@cache
def _record(preview: bool, config: tuple[tuple[str, str], ...]) -> Recording:
    program = load_program(PROJECT, "emulator", "http://127.0.0.1:1", "us-east-1", dict(config))
    asked = {"directory": program.directory, "preview": preview, "config": program.config}
    run = subprocess.run(
        [sys.executable, str(Path(__file__).parent / "record_program.py")],
        input=json.dumps(asked),
        capture_output=True,
        text=True,
        cwd=program.directory,
        env={**os.environ, "PULUMI_ERROR_OUTPUT_STRING": "1"},
        timeout=60,
        check=False,
    )
    assert run.returncode == 0, run.stderr[-3000:]
    return Recording(**json.loads(run.stdout))


@pytest.fixture(scope="session")
def record() -> Callable[..., Recording]:
    """record(preview=False, key="value", ...): the program of stack `emulator` with these settings changed."""

    def run(preview: bool = False, **config: str) -> Recording:
        return _record(preview, tuple(sorted(config.items())))

    return run


@pytest.fixture(params=[False, True], ids=["up", "preview"])
def recording(request: pytest.FixtureRequest, record: Callable[..., Recording]) -> Recording:
    """The program of stack `emulator`, deployed and previewed."""
    return record(preview=request.param)
