"""What a new user gets wrong ends soon, in a line or two with the way out, and leaves nothing behind."""

import socket

import pytest

SHORT = (60, 60, 40)


def said(run) -> str:
    assert "Traceback" not in run.stderr
    (line,) = [i for i, text in enumerate(run.stderr.splitlines()) if text.startswith("error:")]
    words = run.stderr.splitlines()[line:]
    assert len(words) <= 3, words
    return " ".join(words)


@pytest.mark.parametrize(
    ("change", "arguments", "words"),
    [
        (lambda d: d.update(stack="production"), (), ("production", "Stacks of this project: emulator")),
        (lambda d: d["load"].update(rate=5), (), ("load.rate", "rate_per_s")),
        (
            lambda d: d["load"].update(slos=["loadtests/slos/nothing.yaml"]),
            (),
            ("loadtests/slos/nothing.yaml", "no such file"),
        ),
        (
            lambda d: d["method"][0].update(action="terminate-instnaces"),
            (),
            ("terminate-instnaces", "terminate-instances"),
        ),
        (
            lambda d: d["load"].update(load_balancer="wep"),
            (),
            ("load.load_balancer", "no load balancer named wep", "web"),
        ),
        (None, ("--config", "chaosAllowed=false"), ("blackstart:chaos", "allowed")),
        (None, ("--config", "minSize=7", "--config", "maxSize=6"), ("minSize", "maxSize")),
        (None, ("--config", "minSiz=7"), ("minSiz", "minSize")),
        (None, ("--parameter", "boot_s=9999"), ("boot_s", "600")),
        (None, ("--deploy", "echo no such region >&2; false"), ("no such region", "deploy.log")),
    ],
    ids=[
        "stack",
        "field",
        "slo",
        "action",
        "load-balancer",
        "opt-in",
        "min-above-max",
        "config-key",
        "parameter",
        "deploy-command",
    ],
)
def test_an_error_says_what_and_how_to_mend_it(rehearse, variant, change, arguments, words):
    run = rehearse(variant("terminate-instance", SHORT, change), *arguments).wait()
    assert run.code == 2, run.stderr + run.stdout
    assert all(word in said(run) for word in words), run.stderr
    assert not run.started()


def test_a_port_in_use_is_named(rehearse, variant):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        run = rehearse(variant("terminate-instance", SHORT), "--port", str(port)).wait()
    assert run.code == 2
    assert str(port) in said(run)


def test_a_service_that_does_not_start_is_inconclusive_and_shows_its_last_words(rehearse, variant):
    run = rehearse(
        variant("terminate-instance", SHORT), "--app", "python3 -c 'raise SystemExit(\"no database\")'"
    ).wait()
    assert run.code == 12, run.stderr + run.stdout
    assert "no database" in run.stderr + run.stdout
    assert not run.events("intent")
    run.assert_nothing_is_left()
