import pytest
from hypothesis import given
from hypothesis import strategies as st

from blackstart.emulator.decisions.run_command import RefusedError, ServiceCommand, Verb, parse, units_named_in

WEB = "web.service"


@pytest.mark.parametrize(
    ("line", "command"),
    [
        ("systemctl kill blackstart-demo", ServiceCommand(verb=Verb.KILL, unit="blackstart-demo.service")),
        ("sudo systemctl kill -s SIGKILL web.service", ServiceCommand(verb=Verb.KILL, unit=WEB, signal=9)),
        (
            "systemctl kill --signal=KILL --kill-whom=main web",
            ServiceCommand(verb=Verb.KILL, unit=WEB, signal=9, whom="main"),
        ),
        ("systemctl kill --kill-whom=all --signal=9 web", ServiceCommand(verb=Verb.KILL, unit=WEB, signal=9)),
        ("systemctl stop web", ServiceCommand(verb=Verb.STOP, unit=WEB)),
        ("systemctl start web", ServiceCommand(verb=Verb.START, unit=WEB)),
        ("systemctl restart web", ServiceCommand(verb=Verb.RESTART, unit=WEB)),
        ("systemctl is-active web.service", ServiceCommand(verb=Verb.IS_ACTIVE, unit=WEB)),
        ("pkill -9 python", ServiceCommand(verb=Verb.KILL, signal=9, must_match=True)),
        ("pkill -KILL -f app.py", ServiceCommand(verb=Verb.KILL, signal=9, must_match=True)),
        ("pkill --signal SIGTERM nginx", ServiceCommand(verb=Verb.KILL, signal=15, must_match=True)),
    ],
)
def test_the_commands_of_the_restricted_interpreter(line: str, command: ServiceCommand) -> None:
    assert parse((line,)) == (command,)


def test_a_script_may_have_comments_and_strict_mode() -> None:
    script = "#!/bin/sh\nset -eu\n\n# crash it\nsystemctl stop web\n"
    assert parse((script, "systemctl start web")) == (
        ServiceCommand(verb=Verb.STOP, unit=WEB),
        ServiceCommand(verb=Verb.START, unit=WEB),
    )


@pytest.mark.parametrize(
    "line",
    [
        "rm -rf /",
        "systemctl stop web; reboot",
        "systemctl stop $(hostname)",
        "pkill -9 web | cat",
        "systemctl stop",
        "systemctl stop one two",
        "systemctl daemon-reload web",
        "systemctl kill --signal=NOPE web",
        "pkill",
        "pkill -u root web",
        "sudo",
        "'unfinished",
    ],
)
def test_anything_else_is_refused_by_name(line: str) -> None:
    with pytest.raises(RefusedError) as refused:
        parse((line,))
    assert repr(line) in str(refused.value)


@pytest.mark.parametrize(
    ("user_data", "units"),
    [
        ("", set()),
        ("#!/bin/sh\nyum install nginx\n", set()),
        ("cat > /etc/systemd/system/web.service\nsystemctl enable --now web.service\n", {WEB}),
        (
            "After=network.target docker.service\nExecStart=/opt/my-app@2.service.sh",
            {"docker.service", "my-app@2.service"},
        ),
    ],
)
def test_the_units_of_an_instance_are_those_that_its_user_data_names(user_data: str, units: set[str]) -> None:
    assert units_named_in(user_data) == units


@given(st.text(max_size=60))
def test_no_text_gets_past_the_interpreter_but_its_own_commands(line: str) -> None:
    try:
        commands = parse((line,))
    except RefusedError:
        return
    first = [word for word in line.split() if word != "sudo"][:1]
    assert commands == () or first[0] in ("systemctl", "pkill", "shutdown", "poweroff", "halt", "reboot")
