"""Puts the emulator together and runs it until it is told to end."""

import argparse
import logging
import os
import platform
import random
import shlex
import shutil
import signal
import sys
import tempfile
import threading
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from blackstart.domain.clock import Anchor
from blackstart.domain.emulator_status import PAGE_PATH, EmulatorStatus
from blackstart.domain.errors import BlackstartError, EmulatorError, UsageError
from blackstart.emulator.decisions.ec2_capacity import Limits, parsed
from blackstart.emulator.parameters import Parameters

if TYPE_CHECKING:
    from blackstart.emulator.composition import Emulator

READY_WITHIN_REAL_S = 30.0
LOG = logging.getLogger(__name__)


def _forget_the_users_aws_configuration() -> None:
    """moto makes botocore sessions when it is imported, and these would read the user's profile, which may be stale."""
    for name in ("AWS_PROFILE", "AWS_DEFAULT_PROFILE"):
        os.environ.pop(name, None)
    os.environ |= {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}


def parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m blackstart.emulator",
        description="An AWS endpoint on loopback with real instances, real traffic and compressed time.",
    )
    parser.add_argument("--port", type=int, default=5005, help="port of the endpoint on 127.0.0.1; 0 takes a free one")
    parser.add_argument("--speed", type=float, default=10.0, help="virtual seconds in one wall second (default 10)")
    parser.add_argument("--app", default="", help="command line of the service that instances run")
    parser.add_argument(
        "--instances",
        choices=("process", "light"),
        default="process",
        help="a process for each, or the minimal responder for all of them in one (default process)",
    )
    parser.add_argument("--state-dir", type=Path, help="where logs go (default: a temporary directory)")
    parser.add_argument("--lifeline", action="store_true", help="end when standard input closes")
    parser.add_argument("--parameter", action="append", default=[], metavar="NAME=VALUE", help="see docs/fidelity.md")
    parser.add_argument(
        "--capacity",
        action="append",
        default=[],
        metavar="ZONE[/TYPE]=COUNT",
        help="how many instances fit; any number by default",
    )
    parser.add_argument("--seed", type=int, default=0, help="seed of the ids that moto draws")
    parser.add_argument("--json", action="store_true", help="say on a terminal, too, what is up as one line of JSON")
    parser.add_argument("--region", default="us-east-1", help="region whose backends are made ready ahead")
    return parser.parse_args(arguments)


def parameters_from(settings: list[str]) -> Parameters:
    """`name=value` settings as Parameters. Raises UsageError for an unknown name, no number, or one out of range."""
    given: dict[str, str] = {}
    for setting in settings:
        name, equals, value = setting.partition("=")
        if not equals or name not in Parameters.model_fields:
            known = ", ".join(Parameters.model_fields)
            raise UsageError(f"--parameter {setting}: no such parameter", f"Write name=value with one of {known}.")
        given[name] = value
    try:
        return Parameters.model_validate(given)
    except ValidationError as error:
        first = error.errors()[0]
        raise UsageError(
            f"--parameter {first['loc'][0]}={first['input']}: {first['msg']}", "docs/fidelity.md lists the ranges."
        ) from error


def capacity_from(settings: list[str]) -> Limits:
    """`ZONE=COUNT` and `ZONE/TYPE=COUNT` settings. Raises UsageError for one that is neither."""
    try:
        return dict(parsed(setting) for setting in settings)
    except ValueError as error:
        raise UsageError(f"--capacity {error}", "For example --capacity us-east-1a=6.") from None


def _check_pools(capacity: Limits) -> None:
    """A limit of a place that does not exist would never be felt. moto knows the places, and takes long to load."""
    from blackstart.emulator.adapters.ec2_offerings import check_pools

    try:
        check_pools(capacity)
    except ValueError as error:
        raise UsageError(f"--capacity {error}", "For example --capacity us-east-1a=6.") from None


def main(arguments: list[str] | None = None) -> int:
    """Run the emulator. Exit code 0 when it was told to end, 2 for what the user can mend, 1 for the rest."""
    options = parse(arguments)
    try:
        return _run(options)
    except BlackstartError as error:
        sys.stderr.write(f"error: {error}\n")
        return 2


def _run(options: argparse.Namespace) -> int:
    if platform.system() != "Linux":
        raise UsageError(
            f"the emulator runs on Linux only, this is {platform.system()}",
            "It needs one loopback address per instance and a process that adopts orphans; use Linux or a container.",
        )
    if not options.speed > 0:
        raise UsageError(f"--speed {options.speed}: time must go forward", "Give a number above 0; 1 is wall time.")
    parameters, app = parameters_from(options.parameter), _words_of(options.app)
    capacity = capacity_from(options.capacity)
    if app and options.instances == "light":
        raise UsageError(
            "--app and --instances light exclude each other",
            "Light instances run no service, neither this nor the experiment's; leave one of the two out.",
        )
    _forget_the_users_aws_configuration()
    stop = _stop_event(options.lifeline)
    with _StateDirectory(options.state_dir) as state:
        logging.basicConfig(filename=state / "control-plane.log", level=logging.INFO, format=_LOG_FORMAT, force=True)
        from blackstart.emulator.composition import Emulator

        _check_pools(capacity)
        anchor = Anchor(monotonic_ns=time.monotonic_ns(), epoch_s=time.time(), speed=options.speed)
        emulator = Emulator(
            anchor=anchor,
            port=options.port,
            app=app,
            state=state,
            parameters=parameters,
            region=options.region,
            emulator_id=uuid.uuid4().hex[:12],
            random=random.Random(options.seed),
            on_failure=stop.set,
            capacity=capacity,
            light=options.instances == "light",
        )
        try:
            emulator.start()
            _wait_until_ready(emulator, stop, state)
            if not stop.is_set():
                _announce(emulator.status(), state, as_json=options.json or not sys.stdout.isatty())
            stop.wait()
        finally:
            emulator.close()
        if emulator.failure:
            raise EmulatorError(emulator.failure, f"See the logs in {state}.")
    return 0


def _words_of(app: str) -> tuple[str, ...]:
    """A command line as its words. Raises UsageError when it is none."""
    try:
        return tuple(shlex.split(app))
    except ValueError as error:
        raise UsageError(f"--app {app}: {error}", "Write it as a shell's command line, quotes in pairs.") from None


def _announce(status: EmulatorStatus, state: Path, as_json: bool) -> None:
    sys.stdout.write(status.model_dump_json() + "\n" if as_json else in_words(status, state))
    sys.stdout.flush()


def in_words(status: EmulatorStatus, state: Path) -> str:
    """What a person at a terminal needs to use an emulator that is up."""
    lines = [
        f"Blackstart emulator, up at speed {status.speed:g}; Ctrl-C ends it.",
        "",
        f"  endpoint   {status.endpoint}",
        f"  page       {status.endpoint}{PAGE_PATH}",
        f"  DNS        {status.dns.address}:{status.dns.port}",
        *([f"  CA bundle  {status.ca_bundle}"] if status.ca_bundle else []),
        f"  logs       {state}",
        "",
        "In another terminal:",
        f"  export AWS_ENDPOINT_URL={status.endpoint} AWS_ACCESS_KEY_ID=offline AWS_SECRET_ACCESS_KEY=offline",
        "  export AWS_DEFAULT_REGION=us-east-1",
        f"  blackstart emulator status --watch --endpoint {status.endpoint}",
    ]
    return "\n".join(lines) + "\n"


_LOG_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


def _stop_event(lifeline: bool) -> threading.Event:
    """Set by SIGTERM, SIGINT, or the end of standard input when it is the lifeline."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    if lifeline:
        threading.Thread(target=_watch_lifeline, args=(stop,), name="lifeline", daemon=True).start()
    return stop


def _watch_lifeline(stop: threading.Event) -> None:
    while os.read(0, 4096):
        pass
    stop.set()


def _wait_until_ready(emulator: "Emulator", stop: threading.Event, state: Path) -> None:
    deadline = time.monotonic() + READY_WITHIN_REAL_S
    while not emulator.is_ready() and not stop.wait(0.02):
        if time.monotonic() > deadline:
            why = "; ".join(emulator.status().problems)
            raise EmulatorError(
                f"it was not ready within {READY_WITHIN_REAL_S:.0f} s: {why}", f"See {state / 'dataplane.log'}."
            )


class _StateDirectory:
    """The directory for logs: the given one, or a temporary one that is removed at a good end."""

    def __init__(self, given: Path | None) -> None:
        self._given = given
        self._path = Path()

    def __enter__(self) -> Path:
        if self._given is None:
            self._path = Path(tempfile.mkdtemp(prefix="blackstart-"))
        else:
            self._path = self._given.absolute()
            try:
                self._path.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise UsageError(
                    f"--state-dir {self._given} cannot be made: {error.strerror}", "Give a directory you may write to."
                ) from error
        return self._path

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self._given is None and kind is None:
            shutil.rmtree(self._path, ignore_errors=True)
