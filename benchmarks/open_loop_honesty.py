"""What a stall of 2 s looks like to Locust's usual recipe, and to Blackstart's open-loop user.

    python benchmarks/open_loop_honesty.py

Two servers on loopback answer at once, except for one stall of 2 s. The same load of 100 requests/s for 20 s is put on
each, side by side: by FastHttpUser with `constant_throughput` (10 users, 10 requests/s each), as Locust's documentation
suggests, and by OpenLoopUser. The truth is arithmetic: a request due t seconds into the stall waits 2 - t seconds. So
200 of 2000 requests wait, the true p99 is 1.8 s, and 7.5 % wait for longer than 0.5 s. About 25 s in all.

The closed loop's p99 is a cliff: its ten users have one stalled request each, so over 10 s those are just above 1 % and
its p99 is right by luck (2 s); over 20 s they are below and it is wrong. The share of slow requests has no such cliff,
and shows in both cases that the stall has all but vanished.
"""

import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

from blackstart.load.generator import LoadGenerator, LoadSettings
from blackstart.load.recorder import percentile
from blackstart.load.recording_file import read_rows

RATE_PER_S = 100
LENGTH_REAL_S = 20.0
STALL_AT_REAL_S, STALL_REAL_S = 8.0, 2.0
SLOW_REAL_S = 0.5
TRUE_P99_MS = 1000 * (STALL_REAL_S - 0.01 * LENGTH_REAL_S)
TRUE_SLOW_RATIO = (STALL_REAL_S - SLOW_REAL_S) / LENGTH_REAL_S
REPOSITORY = Path(__file__).parents[1]
CLOSED_LOOP = """
import json, os
from locust import FastHttpUser, constant_throughput, events, task

times_ms = []
events.request.add_listener(lambda response_time, **_: times_ms.append(response_time))
events.quit.add_listener(lambda **_: json.dump(times_ms, open(os.environ["TIMES_FILE"], "w")))

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


def closed_loop(server: StallingServer, folder: Path) -> list[float]:
    """Response times in milliseconds, as Locust reports them."""
    locustfile, times = folder / "closed_loop.py", folder / "times.json"
    locustfile.write_text(CLOSED_LOOP)
    command = [sys.executable, "-m", "locust", "--headless", "--users", "10", "--spawn-rate", "10", "--only-summary"]
    command += ["--locustfile", str(locustfile), "--host", server.url.rstrip("/")]
    kept = {name: value for name, value in os.environ.items() if not name.startswith("LOCUST_")}
    with (folder / "closed.log").open("w") as log:
        locust = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=kept | {"TIMES_FILE": str(times)}
        )
        try:
            time.sleep(1.0)  # Locust's start; the users are there when the clock begins
            server.play()
            locust.terminate()
            locust.wait(10)
        finally:
            locust.kill()
    return [float(value) for value in json.loads(times.read_text())]


def open_loop(server: StallingServer, folder: Path) -> list[float]:
    """Latencies in milliseconds from the intended send time, out of the recording."""
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
    return [row.latency_real_s * 1000 for row in read_rows(folder)]


def figures(times_ms: list[float]) -> dict[str, float]:
    p99_ms = percentile([round(value) for value in times_ms], 0.99)
    slow_ratio = sum(value > SLOW_REAL_S * 1000 for value in times_ms) / len(times_ms)
    return {
        "requests": len(times_ms),
        "p99_ms": p99_ms,
        "p99_understated_by": round(TRUE_P99_MS / max(p99_ms, 1), 2),
        "slow_ratio": round(slow_ratio, 4),
        "slow_understated_by": round(TRUE_SLOW_RATIO / slow_ratio, 2),
    }


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor() as side_by_side:
        closed = side_by_side.submit(closed_loop, StallingServer(), Path(folder))
        opened = side_by_side.submit(open_loop, StallingServer(), Path(folder))
        results = {
            "truth": {"p99_ms": round(TRUE_P99_MS), "slow_ratio": TRUE_SLOW_RATIO},
            "closed_loop": figures(closed.result()),
            "open_loop": figures(opened.result()),
        }
    print(json.dumps(results, indent=2))


if __name__ == "__main__":
    main()
