"""Every alarm has a runbook, every runbook its sections, and every command in them exists with these parameters."""

import ast
import re
import shlex
from functools import cache
from pathlib import Path

import botocore.session
import pytest
import typer
from botocore import xform_name

from blackstart.gameday.cli import app

PROJECT = Path(__file__).parents[2]
RUNBOOKS = sorted((PROJECT / "runbooks").glob("*.md"))
ALARM_SECTIONS = ["Meaning", "Impact", "Diagnosis", "Mitigation"]
DRILL_SECTIONS = ["Purpose", "Before", "Run", "What to expect", "Abort"]
# Options of the AWS CLI itself: global ones, and those of its paginators.
CLI_OPTIONS = {"query", "output", "region", "profile", "max-items", "page-size", "starting-token"}
FENCE = re.compile(r"^```bash\n(.*?)^```", re.MULTILINE | re.DOTALL)
ASSIGNED = re.compile(r"^\w+=\$\((.*)\)$")


def declared_alarms():
    """The names that infra/alarms.py gives to its alarms, read from its source."""
    tree = ast.parse((PROJECT / "infra" / "alarms.py").read_text())
    names = {
        call.args[0].value
        for call in ast.walk(tree)
        if isinstance(call, ast.Call)
        and isinstance(call.func, ast.Attribute)
        and call.func.attr in ("_alarm", "_errors")
        and isinstance(call.args[0], ast.Constant)
    }
    assert len(names) >= 5
    return names


def commands(program):
    """(runbook, command line) of every fenced command of one program."""
    found = []
    for runbook in RUNBOOKS:
        for block in FENCE.findall(runbook.read_text()):
            for line in block.splitlines():
                assigned = ASSIGNED.match(line)
                command = assigned.group(1) if assigned else line
                if command.split(" ")[0] == program:
                    found.append(pytest.param(command, id=f"{runbook.stem}:{command[:60]}"))
    return found


@cache
def service_model(service):
    return botocore.session.get_session().get_service_model(service)


def given_options(words):
    return {word.removeprefix("--").split("=")[0] for word in words if word.startswith("--")}


def test_every_alarm_has_a_runbook_and_every_runbook_an_alarm_or_a_drill():
    alarms = {runbook.stem for runbook in RUNBOOKS if not runbook.stem.startswith("drill-")}
    assert alarms == declared_alarms()


def test_every_experiment_has_a_drill():
    drills = {runbook.stem.removeprefix("drill-") for runbook in RUNBOOKS if runbook.stem.startswith("drill-")}
    assert drills == {"terminate-instance", "crash-service"}


@pytest.mark.parametrize("runbook", RUNBOOKS, ids=lambda path: path.stem)
def test_a_runbook_has_its_sections_in_order_and_none_is_empty(runbook):
    wanted = DRILL_SECTIONS if runbook.stem.startswith("drill-") else ALARM_SECTIONS
    parts = re.split(r"^## (.+)$", runbook.read_text(), flags=re.MULTILINE)
    assert parts[1::2] == wanted
    assert all(len(text.split()) > 5 for text in parts[2::2])


@pytest.mark.parametrize("runbook", RUNBOOKS, ids=lambda path: path.stem)
def test_a_runbook_consists_of_commands_only_where_it_shows_commands(runbook):
    for block in FENCE.findall(runbook.read_text()):
        for line in block.splitlines():
            assigned = ASSIGNED.match(line)
            first = (assigned.group(1) if assigned else line).split(" ")[0]
            assert first in ("aws", "blackstart") or re.fullmatch(r"\w+=\w+", line), line


@pytest.mark.parametrize("command", commands("aws"))
def test_an_aws_command_is_an_operation_with_these_parameters(command):
    _, service, operation, *words = shlex.split(command)
    operations = {xform_name(name, "-"): name for name in service_model(service).operation_names}
    assert operation in operations
    shape = service_model(service).operation_model(operations[operation]).input_shape
    parameters = {xform_name(name, "-"): member for name, member in shape.members.items()}
    switches = {f"no-{name}" for name, member in parameters.items() if member.type_name == "boolean"}
    given = given_options(words)
    assert given <= set(parameters) | switches | CLI_OPTIONS
    required = {xform_name(name, "-") for name in shape.required_members}
    assert required <= given | {name.removeprefix("no-") for name in given}


@pytest.mark.parametrize("command", commands("blackstart"))
def test_a_blackstart_command_is_one_of_the_command_line(command):
    parsed = typer.main.get_command(app)
    words = shlex.split(command)[1:]
    while hasattr(parsed, "commands"):
        assert words[0] in parsed.commands
        parsed = parsed.commands[words.pop(0)]
    known = {option.removeprefix("--") for parameter in parsed.params for option in parameter.opts}
    assert given_options(words) <= known
    for word in words:
        if word.startswith("chaos/"):
            assert (PROJECT / word).is_file()


def test_there_are_commands_to_check():
    assert len(commands("aws")) > 30
    assert len(commands("blackstart")) >= 9
