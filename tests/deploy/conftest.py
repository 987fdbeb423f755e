"""Plain moto in a process of its own: an endpoint to deploy on."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from blackstart.deploy.deployment import Deployed, deploy

SERVE = """
import sys
from moto.server import ThreadedMotoServer
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
print(server.get_host_and_port()[1], flush=True)
sys.stdin.read()
server.stop()
"""


@pytest.fixture(scope="session")
def endpoint() -> Iterator[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", SERVE],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "MOTO_ACM_VALIDATION_WAIT": "0"},
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
    finally:
        process.stdin.close()
        process.stdout.close()
        process.kill()
        process.wait()


@pytest.fixture
def run(endpoint: str, tmp_path: Path) -> Callable[..., tuple[Deployed, list[str]]]:
    """run(program text, **config): deploys a small project and returns the end and what was told on the way."""

    def deploy_program(program: str, **config: str) -> tuple[Deployed, list[str]]:
        (tmp_path / "Pulumi.yaml").write_text("name: small\nruntime: python\nmain: app/\n")
        (tmp_path / "Pulumi.test.yaml").write_text("config: {}\n")
        (tmp_path / "app").mkdir(exist_ok=True)
        (tmp_path / "app" / "__main__.py").write_text(program)
        told: list[str] = []
        return deploy(tmp_path, "test", endpoint, "us-east-1", config, told.append), told

    return deploy_program


@pytest.fixture(scope="session")
def aws(endpoint: str) -> Any:
    from blackstart.aws_clients import AwsClients

    return AwsClients("us-east-1", endpoint)
