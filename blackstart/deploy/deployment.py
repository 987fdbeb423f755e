"""Deploying, as the other rooms see it: Pulumi stays in a process of its own."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from pydantic import ValidationError

from blackstart.aws_clients import is_loopback
from blackstart.deploy.messages import MESSAGE, Deployed, Failed, Program, Progress
from blackstart.deploy.project import load_program
from blackstart.domain.errors import DeployError, UsageError

__all__ = ["Deployed", "deploy"]


def deploy(
    project_dir: Path,
    stack: str,
    endpoint: str,
    region: str,
    config: Mapping[str, str],
    on_progress: Callable[[str], None],
) -> Deployed:
    """Run the Pulumi program of a project against an endpoint on loopback, and create what it declares.

    region: where neither the stack file nor config sets aws:region. config: values that override the stack file's; a
    key without a namespace is the project's. on_progress: told in a few words of each resource created and each
    warning. Blocks until all is created; the resources may still be starting. Raises UsageError, DocumentError
    (project or stack file) and DeployError (program or resource).
    """
    if not is_loopback(endpoint):
        raise UsageError(
            f"endpoint {endpoint} is not on loopback", "Deploy to AWS with `pulumi up`; this is for an emulator."
        )
    program = load_program(project_dir, stack, endpoint, region, config)
    with _process(program) as (process, errors):
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(program.model_dump_json() + "\n")
        process.stdin.flush()
        ended = _follow(process.stdout, on_progress)
        if isinstance(ended, Deployed):
            return ended
        if isinstance(ended, Failed):
            raise DeployError(ended.message, ended.way_out)
        status = process.wait()
        errors.seek(0)
        last = errors.read().decode(errors="replace").strip().splitlines()[-1:]
        raise DeployError(
            f"the deploying process ended with status {status}: {''.join(last) or 'it said nothing'}",
            "Run the program's own tests; this is not a resource that was refused.",
        )


def _follow(answers: IO[str], on_progress: Callable[[str], None]) -> Deployed | Failed | None:
    """Pass progress on until the end is told; None when the process ends without a word."""
    for line in answers:
        try:
            message = MESSAGE.validate_json(line)
        except ValidationError:
            return None
        if not isinstance(message, Progress):
            return message
        on_progress(message.text)
    return None


@contextmanager
def _process(program: Program) -> Iterator[tuple[subprocess.Popen[str], IO[bytes]]]:
    """The deploying process, in a session of its own, gone when the block is left."""
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "blackstart.deploy"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            env=_environment(program),
            start_new_session=True,
        )
        try:
            yield process, errors
        finally:
            if process.poll() is None:
                process.kill()
            process.communicate()


def _environment(program: Program) -> dict[str, str]:
    """The caller's, but any AWS client that the program makes by itself lands on the endpoint too."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("AWS_", "PULUMI_"))}
    return {
        **kept,
        "AWS_ENDPOINT_URL": program.endpoint,
        "AWS_ACCESS_KEY_ID": "offline",
        "AWS_SECRET_ACCESS_KEY": "offline",
        "AWS_REGION": program.region,
        "AWS_DEFAULT_REGION": program.region,
        "AWS_EC2_METADATA_DISABLED": "true",
        "NO_PROXY": "127.0.0.1,localhost",
        "no_proxy": "127.0.0.1,localhost",
    }
