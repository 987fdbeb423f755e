"""Runs a Pulumi program under the realising monitor, in a process of its own."""

import asyncio
import logging
import runpy
import sys
import time
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import blackstart
from blackstart.aws_clients import AwsClients
from blackstart.deploy.messages import Deployed, Program
from blackstart.domain.errors import BlackstartError, DeployError


def run_program(program: Program, on_progress: Callable[[str], None]) -> Deployed:
    """Run the program once and create what it declares.

    Only once in a process, and with the program's directory as working directory: Pulumi keeps its state globally and
    programs are found by path. Raises DeployError for a resource that cannot be created and for an exception of the
    program, which then names the program's file and line.
    """
    from pulumi.runtime import set_all_config, set_mocks, stack

    from blackstart.deploy.monitor import RealisingMonitor
    from blackstart.deploy.registry import load_resources

    load_resources()
    began = time.monotonic()
    monitor = RealisingMonitor(
        AwsClients(program.region, program.endpoint), lambda token, name: on_progress(f"created {token} {name}")
    )
    set_all_config(program.config)
    logger = _logger_to(on_progress)
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    # One resource after the other: boto3 clients are made on first use, and the order of creation stays the same.
    loop.set_default_executor(ThreadPoolExecutor(max_workers=1))
    set_mocks(monitor.mocks, program.project, program.stack, preview=False, logger=logger, monitor=monitor)
    _forget_the_placeholder_stack()
    try:
        loop.run_until_complete(stack.run_in_stack(lambda: _execute(Path(program.directory))))
    except BlackstartError as failure:
        raise monitor.failure or failure from None
    except (Exception, SystemExit) as problem:  # noqa: BLE001 (a program may raise anything)
        raise monitor.failure or _program_error(problem, Path(program.project_dir)) from None
    return Deployed(
        outputs=monitor.outputs,
        resources=monitor.created,
        region=program.region,
        seconds=round(time.monotonic() - began, 3),
    )


def _forget_the_placeholder_stack() -> None:
    """`set_mocks` makes a root stack for tests that have none; the program's own run makes the real one."""
    from pulumi.runtime.settings import set_root_resource

    set_root_resource(None)  # type: ignore[arg-type]


def _execute(directory: Path) -> None:
    """As Pulumi's language host does it."""
    sys.path.insert(0, str(directory))
    sys.argv = [str(directory)]
    runpy.run_path(str(directory), run_name="__main__")


def _logger_to(on_progress: Callable[[str], None]) -> logging.Logger:
    """What the program logs through Pulumi, from warnings up."""

    class ToProgress(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            on_progress(f"{record.levelname.lower()}: {record.getMessage()}")

    logger = logging.getLogger("blackstart.deploy.program")
    logger.propagate = False
    logger.setLevel(logging.WARNING)
    logger.addHandler(ToProgress())
    return logger


def _is_program(file: Path, project_dir: Path) -> bool:
    inside = file.is_relative_to(project_dir) and "site-packages" not in file.parts
    return inside and not file.is_relative_to(Path(blackstart.__file__).parent)


def _program_error(problem: BaseException, project_dir: Path) -> DeployError:
    """An exception of the program in one line, with the last place in the program that it passed."""
    from pulumi import RunError

    if isinstance(problem, RunError):
        return DeployError(str(problem))
    frames = [
        frame for frame in traceback.extract_tb(problem.__traceback__) if _is_program(Path(frame.filename), project_dir)
    ]
    said = traceback.format_exception_only(problem)[-1].strip()
    if isinstance(problem, SyntaxError) and problem.filename:
        place = f"{problem.filename}:{problem.lineno}"
    elif frames:
        place = f"{frames[-1].filename}:{frames[-1].lineno}"
    else:
        place = "the Pulumi program"
    return DeployError(f"{place.removeprefix(f'{project_dir}/')}: {said}", "Mend the program at that line.")
