"""`blackstart emulator status`: what it prints where, and its exit code."""

import http.server
import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from blackstart.domain.clock import Anchor
from blackstart.domain.emulator_overview import (
    AlarmStatus,
    ListenerStatus,
    LoadBalancerStatus,
    MemberStatus,
    NodeStatus,
    Opinion,
    Overview,
    ScalingGroupStatus,
    TargetGroupStatus,
    TargetStatus,
    Traffic,
)
from blackstart.domain.emulator_status import DnsAddress, EmulatorStatus, FailedService, ProcessStatus
from blackstart.domain.journal import EmulatorMeasured
from blackstart.gameday import cli
from blackstart.gameday.emulator_status import WIDEST, describe

NOW_S = 1_800_000_000.0
TRAFFIC = Traffic(window_s=60.0, requests=1200, target_5xx=0, elb_5xx=3)
TARGETS = (
    TargetStatus(
        target_id="i-0123456789abcdef0",
        port=8080,
        zone="us-east-1b",
        state="unhealthy",
        reason="Target.FailedHealthChecks",
        description="Health checks failed",
        opinions={
            "us-east-1a": Opinion(state="unhealthy", reason="Target.FailedHealthChecks", since_s=NOW_S - 40),
            "us-east-1b": Opinion(state="healthy", since_s=NOW_S - 400),
        },
    ),
    TargetStatus(target_id="i-0fedcba9876543210", port=8080, zone="us-east-1a", state="healthy"),
)
STACK = Overview(
    load_balancers=(
        LoadBalancerStatus(
            name="shop",
            arn="arn",
            state="active",
            dns_name="shop-1.us-east-1.elb.amazonaws.com",
            nodes=(
                NodeStatus(zone="us-east-1a", address="127.9.1.1", in_dns=True),
                NodeStatus(zone="us-east-1b", address="127.9.1.2", in_dns=False),
            ),
            listeners=(ListenerStatus(protocol="HTTP", port=80, served_port=8080, action="forward to shop", rules=2),),
            shifted_zone="us-east-1b",
            traffic=TRAFFIC,
        ),
    ),
    target_groups=(
        TargetGroupStatus(
            name="shop", arn="arn", load_balancer="shop", algorithm="round_robin", targets=TARGETS, traffic=TRAFFIC
        ),
    ),
    scaling_groups=(
        ScalingGroupStatus(
            name="shop",
            min=2,
            desired=2,
            max=6,
            members=(
                MemberStatus(instance_id="i-1", zone="us-east-1a", lifecycle="InService", health="Healthy"),
                MemberStatus(instance_id="i-2", zone="[bold]us-east-1b", lifecycle="Terminating", health="Unhealthy"),
            ),
        ),
    ),
    alarms=(
        AlarmStatus(name="[red]calm[/red]", state="OK", since_s=NOW_S - 7500),
        AlarmStatus(name="unhealthy-hosts", state="ALARM", since_s=NOW_S - 40, reason="x " * 200),
    ),
)


def status(**given: Any) -> EmulatorStatus:
    measured = EmulatorMeasured(
        probes=1,
        probe_p99_real_s=0.4,
        check_lag_p99_real_s=0.0,
        boot_max_real_s=0.0,
        shortest_timeout_s=5.0,
        shortest_interval_s=None,
        shortest_grace_s=None,
    )
    base: dict[str, Any] = {
        "ready": True,
        "endpoint": "http://127.0.0.1:5005",
        "dns": DnsAddress(address="127.9.0.2", port=5353),
        "speed": 10.0,
        "virtual_time_s": NOW_S,
        "lag_real_s": 0.001,
        "anchor": Anchor(monotonic_ns=0, epoch_s=0.0, speed=10.0),
        "pids": (1,),
        "measured": measured,
        "processes": (ProcessStatus(name="data plane", pid=None, restarts=3),),
        "overview": STACK,
    }
    return EmulatorStatus(**{**base, **given})


@pytest.fixture
def served() -> Iterator[dict[str, Any]]:
    """A stand-in endpoint: `status` is what it answers."""
    held: dict[str, Any] = {"status": status()}

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = held["status"].model_dump_json().encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            return None

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        held["endpoint"] = f"http://127.0.0.1:{server.server_address[1]}"
        yield held
        server.shutdown()


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr("sys.argv", ["blackstart", "emulator", "status", *arguments])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    code = ended.value.code
    assert isinstance(code, int)
    return code


def test_without_a_terminal_it_prints_unbroken_lines_without_colours(
    served: dict[str, Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "--endpoint", served["endpoint"]) == 0
    out = capsys.readouterr().out
    assert "\x1b" not in out
    lines = [" ".join(line.split()) for line in out.splitlines()]
    for expected in (
        "emulator http://127.0.0.1:5005 ready 2027-01-15 08:00:00 UTC, speed 10",
        "DNS 127.9.0.2:5353",
        "load balancer shop active 1,200 requests in the last 60 s, 3 ELB 5xx, 0 target 5xx",
        "zonal shift away from us-east-1b",
        "node us-east-1b 127.9.1.2 not in DNS",
        "listener HTTP 80 on 8080 forward to shop, 2 rules",
        "target group shop 1 of 2 healthy behind shop, round_robin",
        "us-east-1b i-0123456789abcdef0:8080 unhealthy Target.FailedHealthChecks Health checks failed for 40 s"
        " nodes: us-east-1a unhealthy, us-east-1b healthy",
        "Auto Scaling group shop 1 of 2 in service min 2, max 6",
        "[bold]us-east-1b i-2 Terminating Unhealthy",
        "ALARM unhealthy-hosts for 40 s",
        "OK [red]calm[/red] for 2 h 05 min",
        "answer of a health check (p99) 80 % of 50 % allowed up to speed 6",
        "processes data plane at normal priority data plane is down (3 restarts), 0 services",
    ):
        assert expected in lines, expected


def test_on_a_terminal_it_fits_a_hundred_columns() -> None:
    from io import StringIO

    from rich.console import Console

    screen = StringIO()
    console = Console(file=screen, width=WIDEST, force_terminal=True, highlight=False, color_system=None)
    for part in describe(status(problems=("p " * 120,))):
        console.print(part)
    assert max(len(line) for line in screen.getvalue().splitlines()) <= WIDEST


def test_for_machines_it_is_the_status_itself(
    served: dict[str, Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "--json", "--endpoint", served["endpoint"]) == 0
    assert EmulatorStatus.model_validate(json.loads(capsys.readouterr().out)) == served["status"]


@pytest.mark.parametrize(
    ("trouble", "told"),
    [
        ({"ready": False}, "not ready"),
        ({"problems": ("port 80 is taken",)}, "problem: port 80 is taken"),
        (
            {"failed_services": (FailedService(instance_id="i-9", exit_code=3, log_tail="no settings\n"),)},
            "failed service: i-9 ended with code 3",
        ),
        (
            {"failed_services": (FailedService(instance_id="i-9", exit_code=-15, log_tail=""),)},
            "failed service: i-9 was killed by signal 15",
        ),
    ],
)
def test_it_exits_with_1_when_something_keeps_the_emulator_from_serving(
    served: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    trouble: dict[str, Any],
    told: str,
) -> None:
    served["status"] = status(**trouble)
    assert run(monkeypatch, "--endpoint", served["endpoint"]) == 1
    assert told in capsys.readouterr().out


def test_unhealthy_targets_and_healed_failures_are_shown_and_are_no_failure_of_the_emulator(
    served: dict[str, Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    served["status"] = status(failures=("the data plane was started again 3 times",))
    assert run(monkeypatch, "--endpoint", served["endpoint"]) == 0
    assert "of the emulator itself: the data plane was started again 3 times" in capsys.readouterr().out


def test_limited_capacity_is_shown(
    served: dict[str, Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    served["status"] = status(capacity={"us-east-1a": 6, "us-east-1a/m5.large": 2})
    assert run(monkeypatch, "--endpoint", served["endpoint"]) == 0
    assert "us-east-1a 6, us-east-1a/m5.large 2" in capsys.readouterr().out


def test_without_an_emulator_it_exits_with_2_and_says_how_to_start_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "--endpoint", "http://127.0.0.1:1") == 2
    said = capsys.readouterr().err
    assert "no Blackstart emulator answers at http://127.0.0.1:1" in said
    assert "blackstart emulator up" in said


@pytest.mark.parametrize(
    ("endpoint", "words"),
    [
        ("127.0.0.1:5105", "Give --endpoint http://127.0.0.1:5105."),
        ("", "Give --endpoint http://127.0.0.1:5005."),
        ("https://127.0.0.1:5005", "speaks plain http"),
        ("ftp://127.0.0.1:5005", "speaks plain http"),
        ("http://127.0.0.1:web", "Port could not be cast to integer value as 'web'"),
        ("http://127.0.0.1:99999", "Port out of range"),
        ("http://127.0.0.1:1", "http://127.0.0.1:1 (Connection refused)"),
        ("http://10.0.0.1:5005", "always on loopback"),
    ],
)
def test_an_endpoint_that_cannot_be_one_is_refused_for_its_own_reason(
    endpoint: str, words: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "--endpoint", endpoint) == 2
    said = capsys.readouterr().err
    assert words in said
    assert "urlopen" not in said


def test_an_empty_emulator_says_that_nothing_is_deployed(
    served: dict[str, Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    served["status"] = status(overview=Overview())
    assert run(monkeypatch, "--endpoint", served["endpoint"]) == 0
    assert "nothing is deployed here yet" in capsys.readouterr().out


def test_something_else_that_answers_there_is_told_apart_from_nothing(
    served: dict[str, Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    served["status"] = Traffic(window_s=1.0)
    assert run(monkeypatch, "--endpoint", served["endpoint"]) == 2
    assert f"no Blackstart emulator answers at {served['endpoint']}: something else does" in capsys.readouterr().err
