"""Instances of the light kind: many in one process, each with sockets of its own."""

import http.client
import os
import queue
import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import web_stack
from running_emulator import emulators, until

from blackstart.emulator import main
from blackstart.emulator.adapters.instance_host_client import LIGHT, InstanceHost

PATIENCE_REAL_S = 10.0


class Light:
    """A light host and what it says. Instance n listens at 127.98.20.n."""

    def __init__(self, folder: Path) -> None:
        self.news: queue.Queue[dict[str, Any]] = queue.Queue()
        self.host = InstanceHost("test", folder / "light.log", self.news.put, lambda: None, LIGHT)

    def start(self, number: int, port: int = 8123) -> str:
        """Its address, once it answers."""
        key, address = f"i-{number}", f"127.98.20.{number}"
        environment = {"HOST": address, "PORT": str(port), "INSTANCE_ID": key, "ZONE": "us-east-1a"}
        self.host.start(key, ("not", "run"), environment, "", (address, port))
        self.heard("ready", key)
        return address

    def heard(self, event: str, key: str) -> dict[str, Any]:
        """The next such news of an instance."""
        while True:
            found = self.news.get(timeout=PATIENCE_REAL_S)
            if (found["event"], found["key"]) == (event, key):
                return found

    def signal(self, number: int, sent: int) -> int:
        """How many processes were reached."""
        matched: queue.Queue[int] = queue.Queue()
        self.host.signal(f"i-{number}", sent, "all", matched.put)
        return matched.get(timeout=PATIENCE_REAL_S)


@pytest.fixture
def light(tmp_path: Path) -> Iterator[Light]:
    made = Light(tmp_path)
    yield made
    made.host.close()


def ask(address: str, port: int = 8123) -> http.client.HTTPConnection:
    """A connection on which a request was answered 200; it stays open."""
    connection = http.client.HTTPConnection(address, port, timeout=PATIENCE_REAL_S)
    connection.request("GET", "/healthz")
    answer = connection.getresponse()
    assert (answer.status, answer.headers["x-zone"]) == (200, "us-east-1a")
    assert answer.read().decode() == f"{answer.headers['x-instance-id']} in us-east-1a\n"
    return connection


def ended(connection: http.client.HTTPConnection) -> bool:
    try:
        return bool(connection.sock.recv(1) == b"")
    except ConnectionResetError:
        return True


def test_instances_of_one_process_answer_each_at_its_own_address(light: Light) -> None:
    addresses = [light.start(number) for number in (1, 2, 3)]
    assert [ask(address).sock.getpeername()[0] for address in addresses] == addresses


def test_a_post_with_a_body_and_requests_that_come_together_are_answered(light: Light) -> None:
    address = light.start(1)
    with socket.create_connection((address, 8123), timeout=PATIENCE_REAL_S) as connection:
        connection.sendall(
            b"POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabcGET / HTTP/1.1\r\nConnection: close\r\n\r\n"
        )
        answer = b""
        while chunk := connection.recv(65536):
            answer += chunk
    assert answer.count(b"HTTP/1.1 200 OK") == 2


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_killed_instance_refuses_and_loses_its_connections_and_the_others_do_not(light: Light, number: int) -> None:
    victim, other = light.start(1), light.start(2)
    open_victim, open_other = ask(victim), ask(other)
    assert light.signal(1, number) == 1
    assert light.heard("exited", "i-1") == {
        **{"event": "exited", "key": "i-1", "exit_code": -number, "log_tail": "", "asked": True}
    }
    assert ended(open_victim)
    with pytest.raises(ConnectionRefusedError):
        ask(victim)
    open_other.request("GET", "/")
    assert open_other.getresponse().status == 200
    assert light.signal(1, number) == 0


def test_a_request_that_a_stopped_instance_has_not_read_is_reset_when_it_is_killed(light: Light) -> None:
    address = light.start(1)
    connection = ask(address)
    light.signal(1, signal.SIGSTOP)
    connection.request("GET", "/")
    light.signal(1, signal.SIGKILL)
    with pytest.raises(ConnectionResetError):
        connection.getresponse()


def test_a_stopped_instance_accepts_and_says_nothing_until_it_is_continued(light: Light) -> None:
    address = light.start(1)
    before = ask(address)
    light.signal(1, signal.SIGSTOP)
    assert light.heard("halted", "i-1")["halted"] is True
    before.request("GET", "/")
    with socket.create_connection((address, 8123), timeout=0.3) as later:
        later.sendall(b"GET / HTTP/1.1\r\n\r\n")
        with pytest.raises(TimeoutError):
            later.recv(1)
        light.signal(1, signal.SIGCONT)
        later.settimeout(PATIENCE_REAL_S)
        assert later.recv(65536).startswith(b"HTTP/1.1 200 OK")
    assert before.getresponse().status == 200


def test_what_tells_a_stopped_instance_to_end_does_so_once_it_is_continued(light: Light) -> None:
    address = light.start(1)
    light.signal(1, signal.SIGSTOP)
    light.signal(1, signal.SIGTERM)
    with socket.create_connection((address, 8123), timeout=PATIENCE_REAL_S):
        pass
    light.signal(1, signal.SIGCONT)
    assert light.heard("exited", "i-1")["exit_code"] == -signal.SIGTERM


def test_signals_that_a_responder_ignores_do_nothing(light: Light) -> None:
    address = light.start(1)
    assert [light.signal(1, number) for number in (0, signal.SIGINT, signal.SIGTSTP, signal.SIGCHLD)] == [1, 1, 1, 1]
    ask(address)


def test_an_instance_started_anew_takes_the_place_of_the_old_one(light: Light) -> None:
    light.start(1)
    old = ask("127.98.20.1")
    light.start(1)
    assert ended(old)
    ask("127.98.20.1")


def test_a_port_that_is_taken_is_a_service_that_did_not_start(light: Light) -> None:
    with socket.create_server(("127.98.20.9", 8123)):
        light.host.start(
            "i-9", (), {"HOST": "127.98.20.9", "PORT": "8123", "INSTANCE_ID": "i-9", "ZONE": "a"}, "", None
        )
        assert "in use" in light.heard("start_failed", "i-9")["error"]


def test_the_processs_cpu_time_is_shared_out_by_requests(light: Light) -> None:
    busy = light.start(1)
    light.start(2)
    connection = ask(busy)
    for _ in range(300):
        connection.request("GET", "/")
        connection.getresponse().read()
    used = light.heard("usage", "usage")["cpu_real_s"]
    while not used["i-1"]:
        used = light.heard("usage", "usage")["cpu_real_s"]
    assert used["i-2"] == 0.0


def test_when_the_process_dies_all_its_instances_end_and_are_started_again(light: Light) -> None:
    first, second = light.start(1), light.start(2)
    gone = ask(first)
    os.kill(light.host.pid, signal.SIGKILL)
    assert light.heard("exited", "i-1")["again"] is True
    light.heard("ready", "i-2")
    assert ended(gone)
    ask(first)
    ask(second)
    assert light.host.failures_in_words() == (
        "the light instance host was started again 1 time, and every instance with it",
    )


def test_a_thousand_instances_start_in_one_process_with_little_memory(light: Light) -> None:
    for number in range(1000):
        address = f"127.98.{30 + number // 250}.{1 + number % 250}"
        environment = {"HOST": address, "PORT": "8123", "INSTANCE_ID": f"i-{number}", "ZONE": "us-east-1a"}
        light.host.start(f"i-{number}", (), environment, "", (address, 8123))
    light.heard("ready", "i-999")
    ask("127.98.33.250")
    resident_pages = int(Path(f"/proc/{light.host.pid}/statm").read_text().split()[1])
    assert resident_pages * os.sysconf("SC_PAGE_SIZE") < 60e6


def test_light_instances_run_no_app(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["--app", "python app.py", "--instances", "light"]) == 2
    assert "--app and --instances light exclude each other" in capsys.readouterr().err


def test_an_emulator_with_light_instances_finds_the_killed_one_unhealthy_and_replaces_it(tmp_path: Path) -> None:
    with emulators(tmp_path) as start:
        running = start("--instances", "light", speed=60.0)
        stack = web_stack.WebStack(running.client, desired=3)
        until(lambda: len(stack.healthy()) == 3)
        victim, *others = sorted(stack.healthy())
        ssm = running.client("ssm")
        ssm.send_command(
            InstanceIds=[victim],
            DocumentName="AWS-RunShellScript",
            Parameters={"commands": ["systemctl kill --signal=SIGKILL --kill-whom=all blackstart-demo"]},
        )
        until(lambda: len(stack.healthy() - {victim}) == 3)
        assert set(others) < stack.healthy()
        assert any("ELB system health check failure" in activity["Cause"] for activity in stack.activities())
        host = next(one for one in running.status.processes if one.name == "light instance host")
        assert host.pid in running.status.pids
        assert running.end() == 0
        until(lambda: not Path(f"/proc/{host.pid}").exists())
