"""The process that owns every process the emulator starts; standard library only, so that it starts fast.

It is a subreaper (PR_SET_CHILD_SUBREAPER): workers that outlive their parent become its children, so it can find them.
Newline JSON in on stdin, out on stdout. When stdin closes, for whatever reason, it kills all that it started and ends:
that is what makes a SIGKILL of the control plane leave nothing behind.

in:  {"op": "start", "key", "argv", "env", "log", "probe": [host, port] | null}
     {"op": "signal", "key", "signal", "whom": "all" | "main", "kill_after_real_s": s | null, "request": n}
     {"op": "kill", "key", "request": n}
out: {"event": "started", "key", "pid"}  {"event": "start_failed", "key", "error"}
     {"event": "ready", "key", "boot_real_s"}  {"event": "exited", "key", "exit_code", "log_tail", "asked"}
     {"event": "done", "request", "matched"}  {"event": "alive"} each second
     {"event": "usage", "key": "usage", "monotonic_ns", "cpu_real_s": {key: CPU seconds since its start}} each second
     {"event": "halted", "key", "halted"} when a signal has stopped the main process, or let it go on
"""

import contextlib
import ctypes
import json
import os
import selectors
import signal
import socket
import subprocess
import sys
import time
from typing import Any

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
LOG_TAIL_BYTES = 2000
FAST_PROBE_REAL_S = 0.02
SLOW_PROBE_REAL_S = 0.25
SWEEPS = 50
ALIVE_REAL_S = 1.0
FAMILY_REAL_S = 5.0
TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")
LIBC = ctypes.CDLL(None, use_errno=True)


def _die_with_parent() -> None:
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


class Service:
    """One started process and what is known of it."""

    def __init__(self, key: str, process: "subprocess.Popen[bytes]", log: str, probe: tuple[str, int] | None) -> None:
        self.key = key
        self.process = process
        self.log = log
        self.probe = probe
        self.started_real_s = time.monotonic()
        self.next_probe_real_s = 0.0
        self.asked = False
        self.family = {process.pid}
        self.halted = False
        self.cpu_of_the_gone_real_s = 0.0
        self.kill_at_real_s: float | None = None


class Host:
    """The loop: commands, deaths, boot probes, overdue kills."""

    def __init__(self, emulator_id: str) -> None:
        self.mark = mark_of(emulator_id)
        self.services: dict[str, Service] = {}
        self.stopping = False
        self._unread = b""
        self._alive_at_real_s = 0.0
        self._family_at_real_s = 0.0
        self._owners: dict[int, str] = {}

    def run(self) -> None:
        LIBC.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        # stopped when the control plane dies, it must wake to see stdin's end; killed, it could not clean up
        LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGCONT, 0, 0, 0)
        awake_read, awake_write = os.pipe()
        os.set_blocking(awake_write, False)
        signal.set_wakeup_fd(awake_write)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGTERM, lambda *_: setattr(self, "stopping", True))
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        selector = selectors.DefaultSelector()
        selector.register(0, selectors.EVENT_READ)
        selector.register(awake_read, selectors.EVENT_READ)
        while not self.stopping:
            for ready, _ in selector.select(self._patience_real_s()):
                if ready.fd == awake_read:
                    os.read(awake_read, 4096)
                else:
                    self._read_commands()
            self._reap()
            self._probe_boots()
            self._kill_overdue()
            self._say_alive()
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        kill_all(self.mark, os.getpid())

    def _patience_real_s(self) -> float:
        now = time.monotonic()
        waits = [s.next_probe_real_s - now for s in self.services.values() if s.probe]
        waits += [s.kill_at_real_s - now for s in self.services.values() if s.kill_at_real_s is not None]
        return max(0.0, min([ALIVE_REAL_S, *waits]))

    def _say_alive(self) -> None:
        now = time.monotonic()
        if now >= self._alive_at_real_s:
            self._alive_at_real_s = now + ALIVE_REAL_S
            emit(event="alive")
            if self.services:
                self._say_usage(now)

    def _say_usage(self, now: float) -> None:
        if now >= self._family_at_real_s:
            self._family_at_real_s = now + FAMILY_REAL_S
            self._find_families()
        at_ns = time.monotonic_ns()
        halted = {service.key: service.halted for service in self.services.values()}
        used = {one.key: round(_cpu_real_s(one), 2) for one in self.services.values() if one.family}
        emit(event="usage", key="usage", monotonic_ns=at_ns, cpu_real_s=used)
        for service in self.services.values():
            if service.halted != halted[service.key]:
                emit(event="halted", key=service.key, halted=service.halted)

    def _find_families(self) -> None:
        """Whose each process is: of a service's session, or begun by one of its processes. A look at all of /proc is
        dear, so it is seldom; a process that lives shorter counts when its parent, or this process, has waited for it.
        """
        sessions = {service.process.pid: service.key for service in self.services.values()}
        status = {pid: found for pid in _all_pids() if (found := _status(pid)) is not None}
        known, self._owners = self._owners, {}
        for pid in sorted(status):
            _, parent, session = status[pid]
            owner = sessions.get(session) or known.get(pid) or self._owners.get(parent)
            if owner in self.services:
                self._owners[pid] = owner
        for service in self.services.values():
            service.family = {service.process.pid} if service.process.returncode is None else set()
        for pid, owner in self._owners.items():
            self.services[owner].family.add(pid)

    def _read_commands(self) -> None:
        chunk = os.read(0, 65536)
        if not chunk:
            self.stopping = True
            return
        *lines, self._unread = (self._unread + chunk).split(b"\n")
        for line in lines:
            command: dict[str, Any] = json.loads(line)
            {"start": self._start, "signal": self._signal, "kill": self._kill}[command["op"]](command)

    def _start(self, command: dict[str, Any]) -> None:
        key = command["key"]
        self._kill_processes(key)
        probe = tuple(command["probe"]) if command["probe"] else None
        try:
            with open(command["log"], "ab") as log:  # noqa: PTH123 - pathlib would double the start time
                process = subprocess.Popen(
                    command["argv"],
                    env=command["env"],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                    preexec_fn=_die_with_parent,  # noqa: PLW1509 - this process has one thread
                )
        except OSError as error:
            emit(event="start_failed", key=key, error=str(error))
            return
        self.services[key] = Service(key, process, command["log"], probe)
        emit(event="started", key=key, pid=process.pid)

    def _signal(self, command: dict[str, Any]) -> None:
        service = self.services.get(command["key"])
        pids = [] if service is None else self._pids(command["key"])
        if service is not None:
            service.asked = True
            if command["whom"] == "main":
                pids = [pid for pid in pids if pid == service.process.pid]
            if command["kill_after_real_s"] is not None:
                service.kill_at_real_s = time.monotonic() + command["kill_after_real_s"]
        matched = sum(_send(pid, command["signal"]) for pid in pids)
        self._reap()
        emit(event="done", request=command["request"], matched=matched)

    def _kill(self, command: dict[str, Any]) -> None:
        matched = self._kill_processes(command["key"])
        emit(event="done", request=command["request"], matched=matched)

    def _kill_processes(self, key: str) -> int:
        """Kill all processes of a key; look again until none is left, because a fork can slip past one look."""
        service = self.services.get(key)
        if service is None:
            return 0
        service.asked = True
        killed = 0
        for _ in range(SWEEPS):
            pids = self._pids(key)
            if not pids:
                break
            killed += sum(_send(pid, signal.SIGKILL) for pid in pids)
            self._reap()
            time.sleep(0.002)
        self._reap()
        return killed

    def _pids(self, key: str) -> list[int]:
        """Live processes of a key: its session, and whatever carries its id and this emulator's in its environment."""
        service = self.services.get(key)
        session = service.process.pid if service else -1
        instance = f"INSTANCE_ID={key}".encode()
        found = []
        for pid in _all_pids():
            status = _status(pid)
            if status is None or status[0] == "Z":
                continue
            if status[2] == session or _environ_has(pid, instance, self.mark):
                found.append(pid)
        return found

    def _reap(self) -> None:
        while True:
            try:
                pid, status, used = os.wait4(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            self._note_usage(pid, used.ru_utime + used.ru_stime)
            self._note_exit(pid, os.waitstatus_to_exitcode(status))

    def _note_usage(self, pid: int, cpu_real_s: float) -> None:
        owner = self._owners.pop(pid, None)
        for service in self.services.values():
            if service.key == owner or service.process.pid == pid:
                service.cpu_of_the_gone_real_s += cpu_real_s
                service.family.discard(pid)

    def _note_exit(self, pid: int, exit_code: int) -> None:
        for service in list(self.services.values()):
            if service.process.pid != pid or service.process.returncode is not None:
                continue
            service.process.returncode = exit_code
            service.probe = None
            if service.halted:
                service.halted = False
                emit(event="halted", key=service.key, halted=False)
            emit(
                event="exited",
                key=service.key,
                exit_code=exit_code,
                log_tail=_tail(service.log),
                asked=service.asked,
            )

    def _probe_boots(self) -> None:
        now = time.monotonic()
        for service in self.services.values():
            if service.probe is None or now < service.next_probe_real_s:
                continue
            if _answers(service.probe):
                service.probe = None
                emit(event="ready", key=service.key, boot_real_s=time.monotonic() - service.started_real_s)
                continue
            young = now - service.started_real_s < 10
            service.next_probe_real_s = now + (FAST_PROBE_REAL_S if young else SLOW_PROBE_REAL_S)

    def _kill_overdue(self) -> None:
        now = time.monotonic()
        for service in list(self.services.values()):
            if service.kill_at_real_s is not None and now >= service.kill_at_real_s:
                service.kill_at_real_s = None
                self._kill_processes(service.key)


def kill_all(mark: bytes, root: int | None) -> None:
    """Kill every process with the mark in its environment and every descendant of `root`, until none is left."""
    for _ in range(SWEEPS):
        pids = {pid for pid in _all_pids() if _environ_has(pid, mark)} | (_descendants(root) if root else set())
        alive = [pid for pid in pids if pid != os.getpid() and (_status(pid) or ("Z", 0, 0))[0] != "Z"]
        for pid in alive:
            _send(pid, signal.SIGKILL)
        if root is not None:
            with contextlib.suppress(ChildProcessError):
                while os.waitpid(-1, os.WNOHANG)[0]:
                    pass
        if not alive:
            return
        time.sleep(0.005)


def mark_of(emulator_id: str) -> bytes:
    """The entry that every process of an emulator's instances has in its environment."""
    return f"BLACKSTART={emulator_id}".encode()


def emit(**event: Any) -> None:
    """Write one event; a reader that is gone is noticed at stdin."""
    with contextlib.suppress(BrokenPipeError):
        os.write(1, json.dumps(event).encode() + b"\n")


def _all_pids() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]  # noqa: PTH208 - called in a tight loop


def _status(pid: int) -> tuple[str, int, int] | None:
    """(state, parent, session) from /proc/PID/stat, or None when the process is gone."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as stat:  # noqa: PTH123
            fields = stat.read().rpartition(b")")[2].split()
    except OSError:
        return None
    return fields[0].decode(), int(fields[1]), int(fields[3])


def _cpu_real_s(service: Service) -> float:
    """CPU seconds of a service's processes so far, the children that they waited for among them. Notes as well whether
    a signal has stopped the main one.
    """
    ticks = 0
    for pid in tuple(service.family):
        try:
            with open(f"/proc/{pid}/stat", "rb") as stat:  # noqa: PTH123
                fields = stat.read().rpartition(b")")[2].split()
        except OSError:
            fields = []
            service.family.discard(pid)
        ticks += sum(map(int, fields[11:15]))
        if pid == service.process.pid:
            service.halted = fields[:1] == [b"T"]
    return ticks / TICKS_A_SECOND + service.cpu_of_the_gone_real_s


def _environ_has(pid: int, *entries: bytes) -> bool:
    try:
        with open(f"/proc/{pid}/environ", "rb") as environ:  # noqa: PTH123
            present = environ.read().split(b"\0")
    except OSError:
        return False
    return all(entry in present for entry in entries)


def _descendants(root: int) -> set[int]:
    parents = {pid: status[1] for pid in _all_pids() if (status := _status(pid)) is not None}
    found: set[int] = set()
    grown = True
    while grown:
        more = {pid for pid, parent in parents.items() if parent == root or parent in found} - found
        found |= more
        grown = bool(more)
    return found


def _send(pid: int, number: int) -> int:
    try:
        os.kill(pid, number)
    except (ProcessLookupError, PermissionError):
        return 0
    return 1


def _answers(address: tuple[str, int]) -> bool:
    try:
        with socket.create_connection(address, timeout=0.2):
            return True
    except OSError:
        return False


def _tail(path: str) -> str:
    try:
        with open(path, "rb") as log:  # noqa: PTH123
            log.seek(max(0, os.fstat(log.fileno()).st_size - LOG_TAIL_BYTES))
            return log.read().decode(errors="replace")
    except OSError:
        return ""


if __name__ == "__main__":
    Host(sys.argv[1]).run()
