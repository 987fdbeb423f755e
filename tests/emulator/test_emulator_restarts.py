"""How the emulator's own processes are kept alive, and what is told when one of its parts fails or blocks."""

import asyncio
import contextlib
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blackstart.domain.clock import Anchor
from blackstart.emulator.adapters import dataplane_link, instance_host_client
from blackstart.emulator.adapters.dataplane_link import DataplaneLink, remove_dead_sockets
from blackstart.emulator.adapters.instance_host_client import InstanceHost
from blackstart.emulator.control_plane import BLOCKED_AFTER_REAL_S, ControlPlane
from blackstart.emulator.dataplane import control_link
from blackstart.emulator.dataplane.control_link import ControlLink
from blackstart.emulator.decisions.restart import LONGEST_PAUSE_REAL_S, restart_pause_real_s
from blackstart.emulator.protocol import Hello, Lag, Upward
from blackstart.emulator.snapshot import Snapshot

ANCHOR = Anchor(monotonic_ns=0, epoch_s=1000.0, speed=10.0)
SLEEPER = [sys.executable, "-S", "-E", "-c", "import time; time.sleep(600)"]


def until(holds: Callable[[], Any], within_real_s: float = 10.0) -> Any:
    waiting = threading.Event()
    for _ in range(int(within_real_s / 0.02)):
        if found := holds():
            return found
        waiting.wait(0.02)
    raise AssertionError("did not happen in time")


# the pause before a restart


def test_the_pause_doubles_with_each_end_of_the_last_minute_up_to_ten_seconds() -> None:
    ends = [100.0, 101.0, 102.0, 103.0, 104.0, 105.0, 106.0]
    pauses = [restart_pause_real_s(ends[: number + 1], ends[number]) for number in range(len(ends))]
    assert pauses == [0.5, 1.0, 2.0, 4.0, 8.0, 10.0, 10.0]
    assert restart_pause_real_s([100.0, 200.0], 200.0) == 0.5, "an end of more than a minute ago is forgiven"


@given(st.lists(st.floats(0, 1e6), max_size=50).map(sorted))
def test_no_history_makes_a_hot_loop_or_an_endless_pause(ends: list[float]) -> None:
    pause = restart_pause_real_s(ends, ends[-1] if ends else 0.0)
    assert 0.5 <= pause <= LONGEST_PAUSE_REAL_S


# controllers


class Raising:
    def __init__(self, error: BaseException) -> None:
        self._error = error

    def tick(self, now_s: float) -> None:
        raise self._error


class Blocking:
    def __init__(self) -> None:
        self.let_go = threading.Event()

    def tick(self, now_s: float) -> None:
        self.let_go.wait(10)


class Ticking:
    def __init__(self) -> None:
        self.ticks = 0

    def tick(self, now_s: float) -> None:
        self.ticks += 1


def test_a_controller_that_wants_to_end_the_process_only_fails_itself_and_is_named() -> None:
    frame, other = ControlPlane(ANCHOR), Ticking()
    frame.start([Raising(SystemExit("no more")), other])
    until(lambda: other.ticks >= 2)
    frame.stop()
    assert frame.problems() == ()
    (told,) = frame.failures_in_words()
    assert told.startswith("controller Raising failed ")
    assert told.endswith("last: SystemExit: no more")


def test_a_controller_that_does_not_come_back_is_named_and_counts_as_lag(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("blackstart.emulator.control_plane.BLOCKED_AFTER_REAL_S", BLOCKED_AFTER_REAL_S / 20)
    frame, blocking = ControlPlane(ANCHOR), Blocking()
    frame.start([blocking])
    until(lambda: any("controller Blocking has not come back" in problem for problem in frame.problems()))
    assert until(lambda: frame.lag_real_s > 0.1)
    assert frame.lock.locked()
    blocking.let_go.set()
    until(lambda: frame.problems() == ())
    frame.stop()


def test_an_effect_that_fails_is_told_and_the_next_one_runs() -> None:
    frame, ran = ControlPlane(ANCHOR), threading.Event()
    frame.start([])
    frame.queue(lambda: 1 / 0)
    frame.queue(ran.set)
    assert ran.wait(5)
    frame.stop()
    assert frame.failures_in_words() == ("an effect failed 1 time, last: ZeroDivisionError: division by zero",)


# the data plane's link


class NotedHost:
    def __init__(self) -> None:
        self.started: list[str] = []
        self.killed: list[str] = []

    def start(
        self, key: str, argv: Sequence[str], env: Mapping[str, str], log: str, probe: tuple[str, int] | None
    ) -> None:
        self.started.append(key)

    def signal(
        self, key: str, number: int, whom: str, done: Any = None, kill_after_real_s: float | None = None
    ) -> None:
        raise AssertionError("the data plane is never signalled")

    def kill(self, key: str, done: Any = None) -> None:
        self.killed.append(key)


class Linked:
    """A link with a noted host, and the data plane's end of it."""

    def __init__(self, folder: Path) -> None:
        self.host, self.heard = NotedHost(), list[Upward]()
        self.path = folder / "s"
        arguments = (folder / "log", ANCHOR, ("127.0.0.1", 53), {}, self.heard.append)
        self.link = DataplaneLink(self.host, self.path, *arguments)
        self.link.start()

    def connect(self) -> Any:
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(5)
        connection.connect(str(self.path))
        self.say(connection, Hello(pid=1, version=0))
        until(self.link.connected.is_set)
        return connection

    @staticmethod
    def say(connection: Any, message: Upward) -> None:
        connection.sendall(message.model_dump_json().encode() + b"\n")


@pytest.fixture
def linked(tmp_path: Path) -> Iterator[Linked]:
    made = Linked(tmp_path)
    yield made
    made.link.close()


def version_read(connection: Any) -> int:
    return Snapshot.model_validate_json(connection.makefile("rb").readline()).version


def test_each_connection_gets_the_whole_newest_snapshot_also_one_made_while_there_was_none(linked: Linked) -> None:
    linked.link.send(Snapshot(version=1))
    first = linked.connect()
    assert version_read(first) == 1
    first.close()
    until(lambda: not linked.link.connected.is_set())
    linked.link.send(Snapshot(version=2))
    linked.link.send(Snapshot(version=3))
    second = linked.connect()
    assert version_read(second) == 3
    second.close()


def test_a_line_that_is_no_message_ends_nothing(linked: Linked) -> None:
    connection = linked.connect()
    connection.sendall(b'{"kind": "nonsense"}\nnot even that\n')
    linked.say(connection, Lag(probes=3, probe_p99_real_s=0, check_lag_p99_real_s=0))
    until(lambda: linked.heard and isinstance(linked.heard[-1], Lag))
    connection.close()


def test_a_dead_data_plane_is_started_again_and_its_last_words_are_told(linked: Linked) -> None:
    ended = {"event": "exited", "key": "dataplane", "exit_code": 2, "log_tail": "x\nport 53 is taken\n", "asked": False}
    linked.link.on_host_event({"event": "started", "key": "dataplane", "pid": 7})
    linked.link.on_host_event(ended)
    assert linked.link.restarts == 1
    assert linked.link.problems() == (
        "the data plane is down: it ended with code 2 (port 53 is taken); it is being started",
    )
    until(lambda: linked.host.started == ["dataplane", "dataplane"])


def test_a_data_plane_that_falls_silent_is_killed(linked: Linked, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dataplane_link, "SILENCE_REAL_S", 1.0)
    linked.link.on_host_event({"event": "started", "key": "dataplane", "pid": 7})
    connection = linked.connect()
    until(lambda: linked.host.killed == ["dataplane"])
    assert linked.link.problems() == ("the data plane hangs and is being killed",)
    linked.link.on_host_event({"event": "exited", "key": "dataplane", "exit_code": -9, "log_tail": "", "asked": True})
    assert linked.link.failures_in_words() == ("the data plane was started again 1 time, last: it hung and was killed",)
    connection.close()


def test_the_sockets_of_emulators_that_were_killed_are_removed_and_no_others(tmp_path: Path) -> None:
    with contextlib.ExitStack() as stack:
        for name in ("dataplane-dead", "dataplane-alive", "dataplane-young", "other-dead"):
            made = stack.enter_context(socket.socket(socket.AF_UNIX))
            made.bind(str(tmp_path / f"{name}.sock"))
            if name == "dataplane-alive":
                made.listen()
            if name != "dataplane-young":
                os.utime(tmp_path / f"{name}.sock", (0, 0))
        remove_dead_sockets(tmp_path / "dataplane-mine.sock")
    left = {path.stem for path in tmp_path.iterdir()}
    assert left == {"dataplane-alive", "dataplane-young", "other-dead"}


# the instance host


class Hosted:
    """A real instance host; events and its final end are noted."""

    def __init__(self, folder: Path) -> None:
        self.events: list[dict[str, Any]] = []
        self.ended: list[bool] = []
        self.folder = folder
        self.host = InstanceHost("t" + folder.name, folder / "log", self.events.append, lambda: self.ended.append(True))

    def start(self, key: str) -> None:
        environment = {"INSTANCE_ID": key, "BLACKSTART": "t" + self.folder.name}
        self.host.start(key, SLEEPER, environment, str(self.folder / key), None)

    def pids(self, key: str) -> list[int]:
        return [event["pid"] for event in self.events if event["event"] == "started" and event["key"] == key]

    def kill_host(self) -> None:
        killed = self.host.pid
        os.kill(killed, signal.SIGKILL)
        until(lambda: self.host.pid != killed or self.ended)


@pytest.fixture
def hosted(tmp_path: Path) -> Iterator[Hosted]:
    made = Hosted(tmp_path)
    yield made
    made.host.close()


def gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def test_a_killed_host_is_started_again_with_what_ran_and_without_what_was_ended(hosted: Hosted) -> None:
    for key in ("stays", "ended", "anew"):
        hosted.start(key)
    until(lambda: all(hosted.pids(key) for key in ("stays", "ended", "anew")))
    hosted.host.kill("ended")
    hosted.start("anew")
    until(lambda: len(hosted.pids("anew")) == 2)
    hosted.kill_host()
    until(lambda: len(hosted.pids("stays")) == 2 and len(hosted.pids("anew")) == 3)
    assert len(hosted.pids("ended")) == 1
    assert all(gone(pid) for key in ("stays", "anew") for pid in hosted.pids(key)[:-1])
    assert hosted.host.failures_in_words() == ("the instance host was started again 1 time, and every process with it",)


def test_a_question_that_a_dying_host_did_not_answer_is_answered_with_nothing_reached(hosted: Hosted) -> None:
    os.kill(hosted.host.pid, signal.SIGSTOP)
    reached: list[int] = []
    hosted.host.signal("nobody", signal.SIGTERM, "all", reached.append)
    hosted.kill_host()
    until(lambda: reached == [0])


def test_news_that_cannot_be_taken_in_ends_neither_the_host_nor_the_hearing_of_it(
    hosted: Hosted, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(event: dict[str, Any]) -> None:
        hosted.events.append(event)
        raise ValueError("broken")

    hosted.host._on_event = refuse
    for key in ("first", "second"):
        hosted.start(key)
        until(lambda key=key: hosted.pids(key))
    assert hosted.host.restarts == 0
    assert not any(gone(pid) for pid in hosted.pids("first"))
    assert "the news 'started' of first failed" in caplog.text


def test_a_host_that_hangs_is_killed_and_started_again(hosted: Hosted, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(instance_host_client, "SILENCE_REAL_S", 2.0)
    hosted.start("stays")
    until(lambda: hosted.pids("stays"))
    os.kill(hosted.host.pid, signal.SIGSTOP)
    until(lambda: len(hosted.pids("stays")) == 2)
    assert hosted.host.restarts >= 1


def test_a_host_that_keeps_on_ending_is_given_up_once(hosted: Hosted) -> None:
    for _ in range(instance_host_client.ENDS_AT_MOST + 1):
        assert hosted.ended == []
        hosted.kill_host()
    until(lambda: hosted.ended == [True])
    assert hosted.host.restarts == instance_host_client.ENDS_AT_MOST


# the data plane's end


def test_a_control_plane_that_does_not_read_is_cut_off_and_greeted_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(control_link, "_MAX_UNREAD_BYTES", 100_000)
    greeted: list[asyncio.StreamReader] = []

    async def accept(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        greeted.append(reader)

    async def flood() -> None:
        path = tmp_path / "s"
        await asyncio.start_unix_server(accept, path, limit=1000)
        link = ControlLink(path, lambda: Hello(pid=1, version=0))
        reading = asyncio.create_task(anext(link.snapshots()))
        problem = Lag(probes=1, probe_p99_real_s=0, check_lag_p99_real_s=0, listener_problems=("x" * 10_000,))
        while len(greeted) < 2:
            link.send(problem)
            await asyncio.sleep(0)
        reading.cancel()
        link.close()
        assert (await greeted[1].readline()).startswith(b'{"kind":"hello"')

    asyncio.run(asyncio.wait_for(flood(), 10))
