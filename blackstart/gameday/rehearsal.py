"""Rehearse: emulator up, deploy, conduct, judge, report; and nothing left behind."""

import os
import platform
import shlex
import traceback
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from blackstart import __version__
from blackstart.aws_clients import AwsClients
from blackstart.domain.emulator_status import EmulatorStatus, served_port
from blackstart.domain.errors import BlackstartError, EmulatorError
from blackstart.domain.experiment import Experiment
from blackstart.domain.journal import (
    ClockRead,
    PhaseEnded,
    PhaseStarted,
    RunFailed,
    RunJudged,
    RunPhase,
    RunStarted,
    StopRequested,
)
from blackstart.domain.judgement import Judgement
from blackstart.domain.slo import Slo
from blackstart.domain.stack_mapping import StackMapping
from blackstart.gameday.conductor import Conductor
from blackstart.gameday.deploy_command import deploy_by_command, environment_of
from blackstart.gameday.emulator_process import EmulatorProcess, read_status, wait_ready
from blackstart.gameday.interruption import Interruption, RunStopped
from blackstart.gameday.journal_file import JournalFile
from blackstart.gameday.judging import judge_run
from blackstart.gameday.place import Place
from blackstart.gameday.progress import Moment, Progress
from blackstart.gameday.run_folder import RunFolder


@dataclass(frozen=True)
class RehearsalOptions:
    """What the command line can change. endpoint: an emulator that is up already, with a stack deployed.

    deploy: a command that deploys instead of our realiser. app: the service's command line. mapping: how the stack's
    resources are known, from the experiment's stack file. capacity: how many instances fit, as `us-east-1a=6`.
    instances: `process`, or `light` for one process for all of them.
    """

    speed: float = 10.0
    out: Path = Path("runs")
    port: int = 0
    region: str = "us-east-1"
    keep: bool = False
    deploy: str | None = None
    endpoint: str | None = None
    app: str | None = None
    config: Mapping[str, str] = field(default_factory=dict)
    parameters: Mapping[str, str] = field(default_factory=dict)
    capacity: tuple[str, ...] = ()
    instances: str = "process"
    mapping: StackMapping = field(default_factory=StackMapping)


def rehearse(
    path: Path, experiment: Experiment, slos: tuple[Slo, ...], options: RehearsalOptions, progress: Progress
) -> tuple[RunFolder, Judgement]:
    """Run one experiment offline and judge it.

    Raises BlackstartError for what the user can mend; by then the journal says so and nothing is left running. A crash
    is on the journal too and judged as an error.
    """
    if options.endpoint is not None:
        wait_ready(options.endpoint)  # before there is a run, so that a wrong address leaves none
    folder = RunFolder.make(options.out, path)
    interruption = Interruption()
    with JournalFile(folder.journal) as journal:
        journal.append(
            RunStarted(
                mode="rehearse",
                version=__version__,
                experiment_path=str(path),
                experiment=experiment,
                slos=slos,
                machine={
                    "python": platform.python_version(),
                    "system": platform.system(),
                    "cores": os.cpu_count() or 0,
                },
            )
        )
        with interruption.handled():
            try:
                _run(experiment, options, folder, journal, interruption, progress)
            except RunStopped as stop:
                journal.append(StopRequested(cause=stop.cause, detail=stop.detail))
            except EmulatorError as error:
                journal.append(RunFailed(error=error.message, way_out=error.way_out))
            except BlackstartError as error:
                journal.append(RunFailed(error=error.message, way_out=error.way_out, usage=True))
                raise
            except Exception as error:  # noqa: BLE001  whatever crashed must be on the journal, and never green
                (folder.path / "crash.txt").write_text(traceback.format_exc())
                journal.append(
                    RunFailed(error=f"{type(error).__name__}: {error}", way_out=f"See {folder.path}/crash.txt.")
                )
            progress.show(Moment(phase="judge"))
            judgement = judge_run(folder)
            journal.append(
                RunJudged(verdict=judgement.verdict, exit_code=judgement.exit_code, restored=judgement.restored)
            )
    return folder, judgement


def _run(
    experiment: Experiment,
    options: RehearsalOptions,
    folder: RunFolder,
    journal: JournalFile,
    interruption: Interruption,
    progress: Progress,
) -> None:
    with ExitStack() as stack:
        with _phase(RunPhase.START, journal, progress), interruption.interruptible():
            status = _emulator(experiment, options, folder, stack)
        if options.keep and options.endpoint is None:
            kept = f"kept: the emulator at {status.endpoint}; end it with `kill {status.pids[0]}`"
            stack.callback(lambda: progress.say(kept))
        journal.keep_time_by(status.anchor)
        began = journal.append(ClockRead(anchor=status.anchor))
        progress.say(f"emulator at {status.endpoint}, DNS at {status.dns.address}:{status.dns.port}")
        if options.endpoint is None:
            with _phase(RunPhase.DEPLOY, journal, progress), interruption.interruptible():
                _deploy(experiment.stack, options, status, folder, progress)
        place = Place(
            make_clients=partial(AwsClients, options.region, status.endpoint),
            anchor=status.anchor,
            since_s=began.time_s,
            served_port=served_port,
            dns=status.dns,
            status=partial(read_status, status.endpoint),
            ca_bundle=Path(status.ca_bundle) if status.ca_bundle else None,
            mapping=options.mapping,
        )
        for thing in read_status(status.endpoint).unserved:
            progress.say(f"no effect offline: {thing}")
        Conductor(experiment, place, folder.path, journal, interruption, progress).conduct()


def _emulator(experiment: Experiment, options: RehearsalOptions, folder: RunFolder, stack: ExitStack) -> EmulatorStatus:
    if options.endpoint is not None:
        return read_status(options.endpoint)
    app = options.app or (shlex.join(experiment.rehearsal.app) if experiment.rehearsal.app else None)
    emulator = EmulatorProcess(
        port=options.port,
        speed=options.speed,
        seed=experiment.seed,
        app=app,
        state_dir=folder.emulator,
        parameters=options.parameters,
        keep=options.keep,
        capacity=options.capacity,
        instances=options.instances,
    )
    stack.enter_context(emulator)
    return emulator.start()


def _deploy(
    name: str, options: RehearsalOptions, status: EmulatorStatus, folder: RunFolder, progress: Progress
) -> None:
    if options.deploy is not None:
        environment = environment_of(status, options.region, name, os.environ)
        deploy_by_command(options.deploy, environment, folder.path / "deploy.log", progress.say)
        return
    from blackstart.deploy.deployment import deploy

    deployed = deploy(Path.cwd(), name, status.endpoint, options.region, options.config, _quiet)
    progress.say(f"deployed {deployed.resources} resources of stack {name}")


def _quiet(_text: str) -> None:
    """The progress panel says enough."""


@contextmanager
def _phase(phase: RunPhase, journal: JournalFile, progress: Progress) -> Iterator[None]:
    journal.append(PhaseStarted(phase=phase))
    progress.show(Moment(phase=phase.value))
    yield
    journal.append(PhaseEnded(phase=phase))
