"""The command line. Heavy imports stay inside the commands: help answers in under 0.3 s."""

import json
import os
import sys
from contextlib import suppress
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn, TextIO

import typer

from blackstart.domain.errors import BlackstartError, UsageError
from blackstart.domain.verdict import USAGE_EXIT_CODE
from blackstart.gameday.command_options import given, pairs, refuse_without_effect

if TYPE_CHECKING:
    from blackstart.domain.judgement import Judgement

app = typer.Typer(
    name="blackstart",
    help="Rehearse an AWS outage offline: the same Pulumi program, experiment and load test as on game day.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
emulator_app = typer.Typer(help="The offline place to deploy.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(emulator_app, name="emulator")

ExperimentPath = Annotated[Path, typer.Argument(metavar="EXPERIMENT", help="An experiment file, as in chaos/.")]
Endpoint = Annotated[str, typer.Option(help="Of an emulator that is up: http://127.0.0.1:5005.")]
Region = Annotated[str, typer.Option(help="AWS region.")]
Config = Annotated[list[str] | None, typer.Option(metavar="KEY=VALUE", help="Pulumi config; may be repeated.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object on standard output, for machines.")]
Speed = Annotated[float, typer.Option(min=0.1, max=200, help="Virtual seconds in one wall second.")]
App = Annotated[str | None, typer.Option(help="The service's command line; offline, user data is not run.")]
Parameters = Annotated[
    list[str] | None, typer.Option("--parameter", metavar="NAME=VALUE", help="See docs/fidelity.md; may be repeated.")
]
Capacity = Annotated[
    list[str] | None,
    typer.Option(metavar="ZONE[/TYPE]=COUNT", help="How many instances fit, as us-east-1a=6; may be repeated."),
]


class Kind(StrEnum):
    """Of instances."""

    PROCESS = "process"
    LIGHT = "light"


Instances = Annotated[
    Kind, typer.Option(help="A process for each, or a minimal answer from one process for all: for hundreds.")
]


@app.command()
def rehearse(
    context: typer.Context,
    experiment: ExperimentPath,
    speed: Speed = 10.0,
    out: Annotated[Path, typer.Option(help="Where runs are kept.")] = Path("runs"),
    port: Annotated[int, typer.Option(min=0, max=65535, help="The emulator's port; 0 takes a free one.")] = 0,
    keep: Annotated[bool, typer.Option("--keep", help="Leave the emulator up afterwards.")] = False,
    deploy: Annotated[
        str | None, typer.Option(metavar="CMD", help="Deploy by this command; the endpoint is in its environment.")
    ] = None,
    endpoint: Annotated[str | None, typer.Option(help="Use this emulator and the stack that is on it.")] = None,
    app: App = None,
    region: Region = "us-east-1",
    config: Config = None,
    parameter: Parameters = None,
    capacity: Capacity = None,
    instances: Instances = Kind.PROCESS,
    as_json: AsJson = False,
) -> None:
    """Rehearse offline: deploy, load, inject, judge, report.

    Starts the emulator first and exits with the verdict's code (see README).
    """
    from blackstart.gameday.documents import load_experiment
    from blackstart.gameday.progress import choose_progress

    refuse_without_effect(given(context))
    if deploy is not None and not deploy.strip():
        raise UsageError("--deploy is empty", "Give the command that deploys your stack, or leave it out.")
    pulumi_config, parameters = pairs(config, "--config"), pairs(parameter, "--parameter")
    document, slos = load_experiment(experiment)
    from blackstart.gameday import rehearsal
    from blackstart.gameday.stack_file import load_stack_mapping

    options = rehearsal.RehearsalOptions(
        speed=speed,
        out=out,
        port=port,
        region=region,
        keep=keep,
        deploy=deploy,
        endpoint=endpoint,
        app=app,
        config=pulumi_config,
        parameters=parameters,
        capacity=tuple(capacity or ()),
        instances=instances.value,
        mapping=load_stack_mapping(experiment, document),
    )
    with choose_progress(as_json) as progress:
        folder, judgement = rehearsal.rehearse(experiment, document, slos, options, progress)
    _show(judgement, folder.path, as_json)
    raise typer.Exit(judgement.exit_code)


@app.command()
def deploy(
    stack: Annotated[str, typer.Option(help="Pulumi stack: Pulumi.<stack>.yaml.")],
    endpoint: Endpoint,
    region: Region = "us-east-1",
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Realise the Pulumi program on an emulator. Create-only; not a Pulumi engine."""
    from blackstart.gameday.emulator_process import read_status

    read_status(endpoint)
    from blackstart.deploy.deployment import deploy as realise

    deployed = realise(Path.cwd(), stack, endpoint, region, pairs(config, "--config"), _say)
    if as_json:
        print(json.dumps({"stack": stack, "resources": deployed.resources, "outputs": deployed.outputs}))
    else:
        print(f"deployed {deployed.resources} resources of stack {stack}")
        for name, value in deployed.outputs.items():
            print(f"  {name}: {value}")


@app.command()
def plan(experiment: ExperimentPath, endpoint: Endpoint, region: Region = "us-east-1", as_json: AsJson = False) -> None:
    """Show the exact ids that an experiment would touch.

    And what capacity would be left, and how long failover should take. Changes nothing.
    """
    from blackstart.gameday.documents import load_experiment

    document, _ = load_experiment(experiment)
    from blackstart.aws_clients import AwsClients
    from blackstart.gameday.emulator_process import read_status
    from blackstart.gameday.plan_text import describe_plan
    from blackstart.gameday.references import check_references
    from blackstart.gameday.stack_file import load_stack_mapping
    from blackstart.injection.planning import make_plan
    from blackstart.injection.stack_view import describe_stack

    read_status(endpoint)
    mapping = load_stack_mapping(experiment, document)
    described = describe_stack(AwsClients(region, endpoint), document.stack, mapping)
    check_references(document, described)
    made = make_plan(document, described)
    print(made.model_dump_json() if as_json else describe_plan(document, made))


@app.command()
def judge(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A folder under runs/.")], as_json: AsJson = False
) -> None:
    """Judge an old run again, and write its reports anew."""
    from blackstart.gameday.journal_file import refuse_while_written
    from blackstart.gameday.judging import judge_run
    from blackstart.gameday.run_folder import RunFolder

    folder = RunFolder.existing(run)
    refuse_while_written(folder.journal)
    judgement = judge_run(folder)
    _show(judgement, folder.path, as_json)
    raise typer.Exit(judgement.exit_code)


@emulator_app.command("up")
def emulator_up(
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 5005,
    speed: Speed = 10.0,
    app: App = None,
    state_dir: Annotated[
        Path | None, typer.Option(help="Where it keeps its logs; runs/emulator-<port> if unset.")
    ] = None,
    parameter: Parameters = None,
    capacity: Capacity = None,
    instances: Instances = Kind.PROCESS,
    as_json: AsJson = False,
) -> None:
    """Stay up until Ctrl-C. Prints endpoint, page, DNS address and CA bundle when it is ready.

    As its whole status in one line of JSON when standard output is not a terminal.
    """
    from blackstart.gameday.emulator_up import become_emulator

    become_emulator(
        port,
        speed,
        app,
        state_dir or Path("runs") / f"emulator-{port or os.getpid()}",
        pairs(parameter, "--parameter"),
        tuple(capacity or ()),
        instances.value,
        as_json,
    )


@emulator_app.command("status")
def emulator_status(
    endpoint: Endpoint = "http://127.0.0.1:5005",
    as_json: AsJson = False,
    watch: Annotated[bool, typer.Option("--watch", help="Show it anew each second until Ctrl-C.")] = False,
) -> None:
    """Show load balancers, targets, groups, alarms, DNS and time at a glance.

    Exit code 0: ready, and nothing failed. 1: not ready, a problem, or a service that failed. 2: no emulator there.
    """
    from functools import partial

    from blackstart.gameday import emulator_status as shown
    from blackstart.gameday.emulator_process import read_status

    status = read_status(endpoint)
    try:
        if watch:
            (shown.watch_json if as_json else shown.watch)(partial(read_status, endpoint))
        elif as_json:
            print(status.model_dump_json())
        else:
            shown.show_status(status)
    except KeyboardInterrupt:
        return
    raise typer.Exit(0 if status.sound else 1)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _show(judgement: "Judgement", folder: Path, as_json: bool) -> None:
    from blackstart.report.console import show

    with suppress(OSError):  # nobody reads any more; the verdict is in the exit code and in the run's folder
        if as_json:
            print(judgement.model_dump_json(), flush=True)
        else:
            show(judgement, folder)
            sys.stdout.flush()


def _let_go(stream: TextIO) -> None:
    """Drop what nobody reads any more: written at Python's own end, it would turn the exit code into 120."""
    try:
        stream.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def main() -> None:
    """Entry point: errors that a user can mend are one or two lines on standard error."""
    try:
        app()
    except BlackstartError as error:
        _fail(str(error))
    except Exception as error:
        if not type(error).__module__.startswith("botocore"):  # not imported here: help must stay quick
            raise
        _fail(f"AWS could not be asked: {error}\n  Check --region and --endpoint.")
    finally:
        _let_go(sys.stdout)
        _let_go(sys.stderr)


def _fail(text: str) -> NoReturn:
    print(f"error: {text}", file=sys.stderr)
    sys.exit(USAGE_EXIT_CODE)


if __name__ == "__main__":
    main()
