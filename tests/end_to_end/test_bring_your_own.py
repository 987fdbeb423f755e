"""Somebody else's stacks: deployed by their own means, known by their own tags, judged like ours.

`docs/bring-your-own/` is what is run here, as its README says it.
"""

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from blackstart.aws_clients import AwsClients
from blackstart.gameday.cli import main
from blackstart.gameday.emulator_process import read_status

ROOT = Path(__file__).parents[2]
HERE = Path("docs/bring-your-own")
PYTHON = sys.executable


def blackstart(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [PYTHON, "-m", "blackstart.gameday.cli", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)


def as_the_readme_says(endpoint: str) -> dict[str, str]:
    """The environment of somebody who exports what the README says, and has no AWS settings else."""
    exports = re.findall(r"^export (.+)$", (ROOT / HERE / "README.md").read_text(), re.MULTILINE)
    said = dict(pair.split("=", 1) for line in exports for pair in line.split())
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    return kept | said | {"AWS_ENDPOINT_URL": endpoint, "AWS_CONFIG_FILE": os.devnull}


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """`blackstart emulator up`, and on it both foreign stacks, each deployed by its own script."""
    state = tmp_path_factory.mktemp("emulator")
    up = [PYTHON, "-m", "blackstart.gameday.cli", "emulator", "up", "--port", "0", "--state-dir", str(state)]
    emulator = subprocess.Popen(up, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        assert emulator.stdout is not None
        status = read_status(json.loads(emulator.stdout.readline())["endpoint"])
        for folder in ("cloudformation", "boto3"):
            script, environment = str(HERE / folder / "deploy.py"), as_the_readme_says(status.endpoint)
            subprocess.run([PYTHON, script], cwd=ROOT, env=environment, check=True, timeout=60)
        yield status.endpoint
    finally:
        emulator.send_signal(signal.SIGINT)
        assert emulator.wait(20) == 0


@pytest.fixture
def refusal(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[[Path, str], str]:
    """The words with which `blackstart plan` refuses an experiment at an endpoint; in this process, to be quick."""

    def refused(experiment: Path, endpoint: str) -> str:
        monkeypatch.chdir(ROOT)
        monkeypatch.setattr(sys, "argv", ["blackstart", "plan", str(experiment), "--endpoint", endpoint])
        with pytest.raises(SystemExit) as ended:
            main()
        assert ended.value.code == 2
        return capsys.readouterr().err

    return refused


@pytest.mark.alone
def test_a_boto3_stack_deployed_by_a_command_is_rehearsed_and_passes(rehearse):
    run = rehearse(HERE / "boto3" / "terminate.yaml", "--deploy", f"{PYTHON} {HERE}/boto3/deploy.py").wait()
    assert run.code == 0, run.stderr + run.stdout
    run.assert_nothing_is_left()
    assert "deploy | deployed the shop" in run.stderr
    (effect,) = run.events("effect")
    assert effect["seen"]
    assert "too-few-servers" in {event["name"] for event in run.events("alarm") if event["state"] == "ALARM"}
    stack = run.events("stack")[0]["stack"]
    assert {instance["name"] for instance in stack["instances"]} == {"storefront"}
    assert not any("blackstart:" in key for key in stack["mapping"]["chaos"].values())


@pytest.mark.alone
def test_a_cloudformation_stack_beside_another_is_rehearsed_and_what_it_depends_on_leaves_the_verdict_open(
    endpoint, rehearse
):
    run = rehearse(HERE / "cloudformation" / "terminate-and-tell.yaml", "--endpoint", endpoint).wait()
    assert run.code == 12, run.stderr + run.stdout
    judgement = run.judgement()
    (open_,) = [finding for finding in judgement["findings"] if finding["verdict"] != "passed"]
    assert open_["checker"] == "fidelity"
    assert "TooFewServers (AWS::CloudWatch::Alarm) is not created" in open_["summary"]
    assert any("KeepUp" in thing for thing in judgement["unserved"])
    for shown in (run.stdout, (run.folder / "report.html").read_text(), (run.folder / "junit.xml").read_text()):
        assert "KeepUp (AWS::AutoScaling::ScalingPolicy) is not created" in shown
    (effect,) = run.events("effect")
    assert effect["seen"]
    stack = run.events("stack")[0]["stack"]
    assert [balancer["name"] for balancer in stack["load_balancers"]] == ["Front"]  # not the shop's as well


def test_a_plan_names_only_instances_of_the_stack_that_the_file_describes(endpoint):
    instances = (
        AwsClients("us-east-1", endpoint)
        .client("ec2")
        .describe_instances(Filters=[{"Name": "tag:app", "Values": ["shop"]}])
    )
    of_the_shop = {row["InstanceId"] for found in instances["Reservations"] for row in found["Instances"]}
    planned, deadline = None, time.monotonic() + 30
    while planned is None or (planned.returncode != 0 and time.monotonic() < deadline):  # pending, then booting
        planned = blackstart("plan", str(HERE / "boto3" / "terminate.yaml"), "--endpoint", endpoint, "--json")
    assert planned.returncode == 0, planned.stderr
    (action,) = json.loads(planned.stdout)["actions"]
    assert set(action["target_ids"]) <= of_the_shop


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("stack: shop", "stack: bakery", r"carries the tag app = bakery\s+Stacks with resources here: shop"),
        ("load_balancer: storefront", "load_balancer: front", r"no load balancer named front\s+It has: storefront"),
        ("  rate_per_s: 100", "  rate_per_s: 100\n  port: 8443", r"does not listen on 8443\s+It listens on: 80"),
        (
            "    name: storefront",
            "    name: server",
            r"no instance named server.*\s+Names .*storefront \(by the tag role\)",
        ),
    ],
    ids=["stack", "name", "port", "targets"],
)
def test_a_mistake_in_the_experiment_is_answered_in_the_stacks_own_words(endpoint, refusal, tmp_path, old, new, words):
    text = (ROOT / HERE / "boto3" / "terminate.yaml").read_text()
    assert old in text
    path = tmp_path / "experiment.yaml"
    path.write_text(text.replace(old, new, 1))
    assert re.search(words, refusal(path, endpoint), re.DOTALL)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("value: welcome", "value: unwelcome", "none has the tag chaos = unwelcome"),
        ("tag: app  ", "tag: apps  ", "carries the tag apps = shop"),
        ("value: welcome", "vaule: welcome", "Did you mean value"),
    ],
    ids=["opt-in", "stack-tag", "field"],
)
def test_a_mistake_in_the_stack_file_is_answered_with_the_way_out(endpoint, refusal, tmp_path, old, new, words):
    stack = (ROOT / HERE / "boto3" / "stack.yaml").read_text()
    assert old in stack
    (tmp_path / "stack.yaml").write_text(stack.replace(old, new, 1))
    text = (ROOT / HERE / "boto3" / "terminate.yaml").read_text()
    text = text.replace("docs/bring-your-own/boto3/stack.yaml", str(tmp_path / "stack.yaml"))
    (tmp_path / "experiment.yaml").write_text(text)
    assert words in refusal(tmp_path / "experiment.yaml", endpoint)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGKILL, -signal.SIGKILL)])
def test_a_deployer_that_is_still_working_ends_with_the_run(rehearse, number, code):
    run = rehearse(HERE / "boto3" / "terminate.yaml", "--deploy", "setsid sleep 300 & sleep 300")
    run.wait_for_phase("deploy")
    run.process.send_signal(number)
    assert run.wait().code == code
    run.assert_nothing_is_left()


class SomethingElse(BaseHTTPRequestHandler):
    """As another emulator answers a path that it does not know."""

    def do_GET(self) -> None:
        self.send_response(404)
        self.end_headers()

    def log_message(self, *_: object) -> None: ...


def test_an_endpoint_that_is_not_ours_is_refused_before_there_is_a_run(rehearse):
    server = HTTPServer(("127.0.0.1", 0), SomethingElse)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}"
    try:
        run = rehearse(HERE / "boto3" / "terminate.yaml", "--endpoint", address).wait()
    finally:
        server.shutdown()
        server.server_close()
    assert run.code == 2
    assert f"no Blackstart emulator answers at {address}" in run.stderr
    assert "blackstart emulator up" in run.stderr
    assert not run.out.exists()


def test_the_examples_share_nothing_with_the_reference_project():
    for path in sorted((ROOT / HERE).rglob("*")):
        if path.suffix in (".py", ".yaml"):
            text = path.read_text()
            assert not re.search(
                r"infra/|chaos/|import blackstart|from blackstart|blackstart:(stack|name|chaos)", text
            ), path


def test_every_command_of_the_readme_names_files_that_are_there():
    text = (ROOT / HERE / "README.md").read_text()
    named = re.findall(r"docs/bring-your-own/[\w/.-]+\.(?:py|yaml)", text)
    assert len(named) >= 6
    assert [path for path in named if not (ROOT / path).exists()] == []
