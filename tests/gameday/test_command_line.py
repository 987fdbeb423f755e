"""What a new user gets wrong is answered in a line or two, with exit code 2 and no traceback."""

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
