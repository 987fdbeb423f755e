"""What a stall of 2 s looks like to Locust's usual recipe, and to Blackstart's open-loop user.

    python benchmarks/open_loop_honesty.py

A server on loopback answers at once, except for one stall of 2 s. The same load of 100 requests/s for 10 s is put on it
twice: by FastHttpUser with `constant_throughput` (10 users, 10 requests/s each), as Locust's documentation suggests,
and by OpenLoopUser. The truth is arithmetic: a request due t seconds into the stall waits 2 - t seconds, so with 200 of
1000 requests due in it the true p99 is 1.9 s. About 25 s in all.
"""

import csv
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path

from blackstart.load.generator import LoadGenerator, LoadSettings
from blackstart.load.recorder import percentile
from blackstart.load.recording_file import read_rows

RATE_PER_S = 100
LENGTH_REAL_S = 10.0
STALL_AT_REAL_S, STALL_REAL_S = 4.0, 2.0
TRUE_P99_MS = 1000 * (STALL_REAL_S - 0.01 * LENGTH_REAL_S)
REPOSITORY = Path(__file__).parents[1]
CLOSED_LOOP = """
from locust import FastHttpUser, constant_throughput, task

class Visitor(FastHttpUser):
    wait_time = constant_throughput(10)

    @task
    def visit(self):
        self.client.get("/")
"""
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class StallingServer:
    """Answers at once while `flowing` is set, and not at all otherwise."""

    def __init__(self) -> None:
        self.flowing = threading.Event()
        self.flowing.set()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}/"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            connection, _ = self._listener.accept()
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, suppress(OSError):
            while connection.recv(4096):
                self.flowing.wait()
                connection.sendall(ANSWER)

    def play(self) -> None:
        """Let LENGTH_REAL_S pass, with the stall in it."""
        time.sleep(STALL_AT_REAL_S)
        self.flowing.clear()
        time.sleep(STALL_REAL_S)
        self.flowing.set()
        time.sleep(LENGTH_REAL_S - STALL_AT_REAL_S - STALL_REAL_S)


def closed_loop(server: StallingServer, folder: Path) -> tuple[int, float]:
    """Requests sent and p99 in milliseconds, from Locust's own statistics."""
    locustfile = folder / "closed_loop.py"
    locustfile.write_text(CLOSED_LOOP)
    command = [sys.executable, "-m", "locust", "--headless", "--users", "10", "--spawn-rate", "10", "--only-summary"]
    command += ["--locustfile", str(locustfile), "--host", server.url.rstrip("/"), "--csv", str(folder / "closed")]
    with (folder / "closed.log").open("w") as log:
        locust = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=clean_environment())
        time.sleep(1.0)  # Locust's start; the users are there when the clock begins
        server.play()
        locust.terminate()
        locust.wait(10)
    with (folder / "closed_stats.csv").open() as stream:
        total = next(row for row in csv.DictReader(stream) if row["Name"] == "Aggregated")
    return int(total["Request Count"]), float(total["99%"])


def open_loop(server: StallingServer, folder: Path) -> tuple[int, float]:
    """Requests sent and p99 in milliseconds, from the recording."""
    settings = LoadSettings(
        url=server.url,
        rate_per_s=RATE_PER_S,
        seed=1,
        timeout_real_s=10.0,
        out_dir=folder,
        locustfile=REPOSITORY / "loadtests" / "locustfile.py",
    )
    generator = LoadGenerator(settings)
    generator.start()
    try:
        server.play()
        generator.stop(15.0)
    finally:
        generator.kill()
    latencies_ns = [row.end_ns - row.intended_ns for row in read_rows(folder)]
    return len(latencies_ns), percentile(latencies_ns, 0.99) / 1e6


def clean_environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("LOCUST_")}


def main() -> None:
    server = StallingServer()
    with tempfile.TemporaryDirectory() as folder:
        closed_sent, closed_p99_ms = closed_loop(server, Path(folder))
        open_sent, open_p99_ms = open_loop(server, Path(folder))
    figures = {
        "true_p99_ms": round(TRUE_P99_MS),
        "closed_loop_p99_ms": round(closed_p99_ms),
        "open_loop_p99_ms": round(open_p99_ms),
        "closed_loop_understates_by": round(TRUE_P99_MS / max(closed_p99_ms, 1), 1),
        "open_loop_differs_by": round(open_p99_ms / TRUE_P99_MS, 3),
        "closed_loop_requests": closed_sent,
        "open_loop_requests": open_sent,
    }
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
