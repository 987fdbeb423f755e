"""What a new user gets wrong is answered in a line or two, with exit code 2 and no traceback."""

import os
import subprocess
import sys

import pytest

from blackstart.gameday.cli import main


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("rehearse", "nowhere.yaml"), "no such file"),
        (("judge", "runs/nothing"), "not a run"),
        (("plan", "chaos/terminate-instance.yaml", "--endpoint", "http://127.0.0.1:9"), "blackstart emulator up"),
        (("rehearse", "chaos/terminate-instance.yaml", "--endpoint", "http://127.0.0.1:9"), "blackstart emulator up"),
        (("deploy", "--stack", "emulator", "--endpoint", "http://example.com"), "loopback"),
        (("rehearse", "chaos/terminate-instance.yaml", "--config", "peak"), "NAME=VALUE"),
        (("rehearse", "chaos/terminate-instance.yaml", "--speed", "0"), "--speed"),
        (
            ("rehearse", "chaos/terminate-instance.yaml", "--deploy", "true", "--endpoint", "http://127.0.0.1:9"),
            "--deploy and --endpoint exclude each other",
        ),
        (
            ("rehearse", "chaos/terminate-instance.yaml", "--endpoint", "http://127.0.0.1:9", "--speed", "20"),
            "--speed and --endpoint exclude each other",
        ),
        (("rehearse", "chaos/terminate-instance.yaml", "--deploy", ""), "--deploy is empty"),
    ],
)
def test_an_error_names_the_way_out(arguments, words, pytestconfig, monkeypatch, capsys):
    monkeypatch.chdir(pytestconfig.rootpath)
    monkeypatch.setattr(sys, "argv", ["blackstart", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert words in said
    assert len(said.strip().splitlines()) <= 5


def test_help_does_not_load_what_only_commands_need():
    code = "import sys, blackstart.gameday.cli; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert not loaded & {"boto3", "moto", "pulumi", "locust", "gevent", "plotly", "scipy", "jinja2", "yaml"}


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_what_nobody_reads_any_more_does_not_change_the_exit_code(stream: str) -> None:
    """Python's own would be 120, unless it is told not to buffer."""
    program = (
        "import sys; from blackstart.gameday import cli; sys.stdin.read(); "
        f"cli.app = lambda: sys.{stream}.write('x'); cli.main()"
    )
    buffered = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", program], env=buffered, **pipes) as process:
        for pipe in (process.stdout, process.stderr, process.stdin):
            assert pipe is not None
            pipe.close()
        assert process.wait(20) == 0
