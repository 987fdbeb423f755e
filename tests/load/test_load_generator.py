"""Locust for real, in its own process, against a scripted server on loopback. Each test takes a few seconds."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from random import Random
from time import monotonic, sleep
from typing import Any

import psutil
import pytest
from dnslib import QTYPE, RR, A, DNSRecord
from dnslib.server import BaseResolver, DNSServer

from blackstart.domain.errors import UsageError
from blackstart.domain.experiment import Arrivals
from blackstart.domain.recording import MARKER_FILE, LoadProgress, Outcome, RequestRow
from blackstart.load.generator import LOG_FILE, LoadGenerator, LoadSettings
from blackstart.load.locust_process import PARENT_VARIABLE
from blackstart.load.recording_file import read_rows
from blackstart.load.schedule import constant, offsets_s

LOCUSTFILE = Path(__file__).parents[2] / "loadtests" / "locustfile.py"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nx-zone: us-east-1a\r\nx-instance-id: i-1\r\n\r\nok"
NOBODY = "http://127.0.0.1:9/"
Make = Callable[..., LoadGenerator]


def prompt(connection: socket.socket, _: int) -> None:
    while connection.recv(4096):
        connection.sendall(OK)


def silent(connection: socket.socket, _: int) -> None:
    while connection.recv(4096):
        pass


def settings(out_dir: Path, **given: Any) -> LoadSettings:
    defaults: dict[str, Any] = {
        "rate_per_s": 100.0,
        "seed": 7,
        "timeout_real_s": 1.5,
        "speed": 10.0,
        "out_dir": out_dir,
        "locustfile": LOCUSTFILE,
    }
    return LoadSettings(**(defaults | given))


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    """Make generators that are gone after the test, whatever happened in it."""
    made: list[LoadGenerator] = []

    def one(**given: Any) -> LoadGenerator:
        made.append(LoadGenerator(settings(tmp_path / "out", **given)))
        return made[-1]

    yield one
    for generator in made:
        generator.kill()


def locustfile(tmp_path: Path, body: str) -> Path:
    path = tmp_path / "locustfile.py"
    path.write_text(f"from blackstart.load.open_loop_user import OpenLoopUser\n{body}\n")
    return path


def rows_of(tmp_path: Path) -> list[RequestRow]:
    return list(read_rows(tmp_path / "out"))


def gone(pid: int, within_real_s: float) -> bool:
    deadline = monotonic() + within_real_s
    while monotonic() < deadline:
        if not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
            return True
        sleep(0.02)
    return False


def test_every_intended_request_is_sent_and_recorded_at_little_cost(make: Make, serve: Any, tmp_path: Path) -> None:
    generator = make(url=serve(prompt).url, rate_per_s=200.0)
    generator.start()
    sleep(2.0)
    finished = generator.stop(5.0)
    rows = rows_of(tmp_path)
    completed = finished.completed
    assert finished.exit_code == 0
    assert completed is not None
    assert completed.planned == completed.sent == completed.received == len(rows)
    assert completed.planned == pytest.approx(200 * (completed.stopped_ns - completed.started_ns) / 1e9, abs=2)
    assert completed.dropped == 0
    assert {(row.outcome, row.status, row.zone, row.node) for row in rows} == {
        (Outcome.ANSWERED, 200, "us-east-1a", "127.0.0.1")
    }
    assert completed.cpu_ratio < 0.35


def test_the_intended_times_are_the_schedules(make: Make, serve: Any, tmp_path: Path) -> None:
    generator = make(url=serve(prompt).url, arrivals=Arrivals.POISSON)
    generator.start()
    sleep(1.0)
    completed = generator.stop(5.0).completed
    assert completed is not None
    schedule = offsets_s(Arrivals.POISSON, constant(100.0), Random(7))
    expected = [completed.started_ns + round(offset * 1e9) for offset in islice(schedule, completed.planned)]
    assert sorted(row.intended_ns for row in rows_of(tmp_path)) == expected


def test_a_stall_of_the_server_shows_in_full(make: Make, serve: Any, tmp_path: Path) -> None:
    flowing = threading.Event()
    flowing.set()

    def script(connection: socket.socket, _: int) -> None:
        while connection.recv(4096):
            flowing.wait()
            connection.sendall(OK)

    generator = make(url=serve(script).url, rate_per_s=100.0)
    generator.start()
    sleep(0.8)
    flowing.clear()
    sleep(1.0)
    flowing.set()
    sleep(0.7)
    assert generator.stop(5.0).exit_code == 0
    latencies_real_s = sorted(row.latency_real_s for row in rows_of(tmp_path))
    assert latencies_real_s[-1] == pytest.approx(1.0, abs=0.15)
    assert latencies_real_s[int(len(latencies_real_s) * 0.99)] > 0.85
    slow = sum(latency > 0.5 for latency in latencies_real_s)
    assert 40 <= slow <= 65, "half of the hundred requests that were due during the stall waited over half of it"


def test_beyond_the_cap_requests_are_dropped_and_count_as_bad(make: Make, serve: Any, tmp_path: Path) -> None:
    few = locustfile(tmp_path, "class Few(OpenLoopUser):\n    max_in_flight = 5")
    generator = make(url=serve(silent).url, locustfile=few, timeout_real_s=0.5)
    generator.start()
    sleep(1.2)
    completed = generator.stop(5.0).completed
    rows = rows_of(tmp_path)
    outcomes = Counter(row.outcome for row in rows)
    assert completed is not None
    assert completed.planned == len(rows) == outcomes[Outcome.DROPPED] + outcomes[Outcome.TIMEOUT]
    assert completed.dropped == outcomes[Outcome.DROPPED] > 50
    assert completed.sent == outcomes[Outcome.TIMEOUT] <= 20
    assert not any(row.good for row in rows)


def test_the_default_cap_holds_what_a_silent_server_accumulates(make: Make, serve: Any, tmp_path: Path) -> None:
    generator = make(url=serve(silent).url, rate_per_s=200.0, timeout_real_s=1.0)
    generator.start()
    sleep(1.5)
    began = monotonic()
    completed = generator.stop(5.0).completed
    assert monotonic() - began < 2.5, "the drain lasts no longer than the request timeout"
    assert completed is not None
    assert (completed.dropped, completed.received) == (0, 0)
    assert {row.outcome for row in rows_of(tmp_path)} == {Outcome.TIMEOUT}


def test_a_wrong_port_is_recorded_request_by_request(make: Make, free_port: int, tmp_path: Path) -> None:
    generator = make(url=f"http://127.0.0.1:{free_port}/")
    generator.start()
    sleep(0.5)
    completed = generator.stop(5.0).completed
    rows = rows_of(tmp_path)
    assert completed is not None
    assert (completed.sent, completed.received) == (len(rows), 0)
    assert {row.outcome for row in rows} == {Outcome.REFUSED}


def test_a_name_that_nobody_knows_is_recorded_as_unresolved(make: Make, free_port: int, tmp_path: Path) -> None:
    generator = make(url="http://web.test/", dns=f"127.0.0.1:{free_port}")
    generator.start()
    sleep(0.5)
    assert generator.stop(5.0).exit_code == 0
    assert {(row.outcome, row.node) for row in rows_of(tmp_path)} == {(Outcome.UNRESOLVED, "")}


def test_the_name_is_asked_of_the_given_server_once_per_ttl(make: Make, serve: Any, tmp_path: Path) -> None:
    server = serve(prompt, address="127.0.0.31")
    serve(prompt, address="127.0.0.32", port=server.port)

    class Zone(BaseResolver):  # type: ignore[misc]
        address = "127.0.0.31"
        asked = 0

        def resolve(self, request: DNSRecord, handler: object) -> DNSRecord:
            self.asked += 1
            reply = request.reply()
            reply.add_answer(RR(request.q.qname, QTYPE.A, rdata=A(self.address), ttl=5))
            return reply

    zone = Zone()
    dns = DNSServer(zone, address="127.0.0.1", port=0)
    dns.server.logger.logf = lambda *_: None
    dns.start_thread()
    try:
        generator = make(url=f"http://web.test:{server.port}/", dns=f"127.0.0.1:{dns.server.server_address[1]}")
        generator.start()
        sleep(0.25)
        zone.address = "127.0.0.32"
        sleep(1.25)
        generator.stop(5.0)
    finally:
        dns.stop()
        dns.server.server_close()
    rows = sorted(rows_of(tmp_path), key=lambda row: row.intended_ns)
    nodes = [row.node for row in rows]
    switch = nodes.index("127.0.0.32")
    assert set(nodes[:switch]) == {"127.0.0.31"}
    assert set(nodes[switch:]) == {"127.0.0.32"}
    assert (rows[switch].start_ns - rows[0].start_ns) / 1e9 == pytest.approx(5 / 10.0, abs=0.15)
    assert 3 <= zone.asked <= 5


def test_a_killed_generator_leaves_no_marker_and_the_rows_it_had_flushed(
    make: Make, serve: Any, tmp_path: Path
) -> None:
    generator = make(url=serve(prompt).url)
    generator.start()
    sleep(1.5)
    assert generator.pid is not None
    os.kill(generator.pid, signal.SIGKILL)
    finished = generator.stop(5.0)
    assert (finished.exit_code, finished.completed) == (-signal.SIGKILL, None)
    assert len(rows_of(tmp_path)) >= 50


def test_a_generator_that_does_not_end_is_killed(make: Make, serve: Any) -> None:
    generator = make(url=serve(prompt).url)
    generator.start()
    assert generator.pid is not None
    os.kill(generator.pid, signal.SIGSTOP)
    finished = generator.stop(0.3)
    assert (finished.exit_code, finished.completed) == (None, None)
    assert gone(generator.pid, 1.0)


def test_stopping_twice_gives_the_same_marker(make: Make, serve: Any) -> None:
    generator = make(url=serve(prompt).url)
    assert generator.exit_code() is None
    generator.start()
    assert generator.exit_code() is None
    first = generator.stop(5.0)
    assert first.completed is not None
    assert generator.stop(5.0) == first


def test_progress_is_reported_while_it_runs(make: Make, serve: Any) -> None:
    generator = make(url=serve(prompt).url)
    assert generator.progress() is None
    generator.start()
    sleep(1.4)
    progress = generator.progress()
    assert progress is not None
    assert 80 <= progress.sent <= 120
    assert progress.bad == 0


def test_ctrl_c_in_the_runners_terminal_does_not_reach_it(make: Make, serve: Any) -> None:
    generator = make(url=serve(prompt).url)
    generator.start()
    assert generator.pid is not None
    assert os.getsid(generator.pid) == os.getpgid(generator.pid) == generator.pid


def test_it_ends_at_once_with_a_runner_that_was_killed(serve: Any, tmp_path: Path) -> None:
    draining_would_take_longer = settings(tmp_path / "out", url=serve(silent).url, timeout_real_s=10.0)
    runner = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys, time; from blackstart.load.generator import *\n"
            "generator = LoadGenerator(LoadSettings.model_validate_json(sys.argv[1])); generator.start()\n"
            "print(generator.pid, flush=True); time.sleep(60)",
            draining_would_take_longer.model_dump_json(),
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert runner.stdout is not None
    with runner:
        pid = int(runner.stdout.readline())
        runner.kill()
        assert gone(pid, 1.0)


def test_standard_output_carries_progress_lines_and_nothing_else(serve: Any, tmp_path: Path) -> None:
    chatty = locustfile(tmp_path, "print('hello')\nclass Chatty(OpenLoopUser):\n    pass")
    given = settings(tmp_path / "out", url=serve(prompt).url, locustfile=chatty)
    locust = subprocess.Popen(
        [sys.executable, "-m", "blackstart.load.locust_process", "--headless", "-u", "1", "-f", str(chatty)],
        env=os.environ | given.to_environment() | {PARENT_VARIABLE: str(os.getpid())},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    sleep(2.0)
    output, errors = locust.communicate(timeout=5)
    progress = [LoadProgress.model_validate_json(line) for line in output.splitlines()]
    assert 2 <= len(progress) <= 4
    assert progress[-1].received == len(rows_of(tmp_path))
    assert "hello" in errors


def test_a_terminated_generator_still_drains_and_completes(make: Make, serve: Any) -> None:
    generator = make(url=serve(prompt).url)
    generator.start()
    assert generator.pid is not None
    os.kill(generator.pid, signal.SIGTERM)
    finished = generator.stop(5.0)
    assert finished.exit_code is not None
    assert finished.completed is not None


def test_a_bug_in_the_locustfile_costs_bad_rows_and_hides_none(make: Make, serve: Any, tmp_path: Path) -> None:
    buggy = locustfile(tmp_path, "class Buggy(OpenLoopUser):\n    def next_path(self): return [][0]")
    generator = make(url=serve(prompt).url, locustfile=buggy)
    generator.start()
    sleep(0.3)
    completed = generator.stop(5.0).completed
    rows = rows_of(tmp_path)
    assert completed is not None
    assert completed.planned == len(rows) > 10
    assert {row.outcome for row in rows} == {Outcome.ERROR}


def test_a_locustfile_that_does_not_exist_is_named(make: Make, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"nowhere\.py does not exist"):
        make(url=NOBODY, locustfile=tmp_path / "nowhere.py").start()


def test_a_directory_that_cannot_be_written_is_named(make: Make, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file in the way")
    with pytest.raises(UsageError, match="out cannot be written"):
        make(url=NOBODY).start()


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        ("import no_such_module", "No module named 'no_such_module'"),
        ("class Visitor(OpenLoopUser:", "SyntaxError"),
        ("", "No User class found"),
        (
            "from locust import HttpUser, task\nclass Closed(HttpUser):\n    @task\n    def visit(self): pass",
            "Closed: not a subclass",
        ),
    ],
)
def test_a_locustfile_that_does_not_load_says_why_and_soon(
    make: Make, tmp_path: Path, body: str, complaint: str
) -> None:
    generator = make(url=NOBODY, locustfile=locustfile(tmp_path, body))
    began = monotonic()
    with pytest.raises(UsageError, match=complaint) as refused:
        generator.start()
    assert LOG_FILE in refused.value.way_out
    assert "Starting Locust" not in refused.value.message
    assert monotonic() - began < 8.0
    assert generator.pid is not None
    assert gone(generator.pid, 0.5)


def test_locust_without_settings_says_which_are_missing() -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("BLACKSTART_")}
    locust = subprocess.run(
        [sys.executable, "-m", "locust", "--headless", "-u", "1", "-f", str(LOCUSTFILE)],
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert locust.returncode != 0
    assert "BLACKSTART_URL is not set" in locust.stderr
    assert "Traceback" not in locust.stderr


def test_the_marker_is_plain_json(make: Make, serve: Any, tmp_path: Path) -> None:
    generator = make(url=serve(prompt).url)
    generator.start()
    finished = generator.stop(5.0)
    assert finished.completed is not None
    assert json.loads((tmp_path / "out" / MARKER_FILE).read_text()) == finished.completed.model_dump()
