"""nginx in front of the cases' targets. Run as a program, it records the outcomes anew into nginx_outcomes.json.

nginx is no dependency of the project: the recording stands in for it where it is not installed.
"""

import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from http_cases import (
    DNS_NAME,
    FOLDER,
    IDLE_REAL_S,
    IMPATIENT_IDLE_REAL_S,
    Case,
    Outcome,
    all_cases,
    new_targets,
    run_case,
)
from scripted_target import ScriptedTarget

RECORDING = FOLDER / "nginx_outcomes.json"
ADDRESS = f"127.84.{os.getpid() % 250}.{1 + os.getpid() // 250 % 250}"  # another run at the same time has another one
FIRST_PORT = 12000
_AT_ONCE = 16
CONFIG = """
daemon off; master_process off; worker_processes 1; pid nginx.pid; error_log error.log;
events { worker_connections 4096; }
http {
    access_log off; server_tokens off; merge_slashes off; client_max_body_size 0; large_client_header_buffers 4 16k;
    ignore_invalid_headers off; underscores_in_headers on;
    client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $host:$server_port;
    proxy_pass_header Server;
    proxy_buffer_size 32k; proxy_buffers 4 32k; proxy_request_buffering off; proxy_buffering off;
SERVERS
}
"""
SERVER = """
    upstream u{port} {{ server {target}; keepalive 8; }}
    server {{
        listen {address}:{port}; server_name {dns_name};
        client_header_timeout {idle_ms}ms; client_body_timeout {idle_ms}ms; send_timeout {idle_ms}ms;
        proxy_read_timeout {idle_ms}ms; proxy_send_timeout {idle_ms}ms;
        location / {{ proxy_pass http://u{port}; }}
    }}"""


def nginx() -> str | None:
    """Where nginx is, if it is installed."""
    return shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")


def version(program: str) -> str:
    told = subprocess.run([program, "-v"], capture_output=True, text=True, check=True).stderr
    return re.sub(r".*nginx/", "", told.strip())


@contextlib.contextmanager
def nginx_before(
    program: str, targets: dict[str, ScriptedTarget], cases: list[Case]
) -> Iterator[dict[str, tuple[str, int]]]:
    """An nginx with a server for each case; yields where each listens."""
    ports = {case.name: FIRST_PORT + number for number, case in enumerate(cases)}
    servers = "".join(
        SERVER.format(
            port=ports[case.name],
            target="{}:{}".format(*targets[case.name].address),
            address=ADDRESS,
            dns_name=DNS_NAME,
            idle_ms=round(1000 * (IMPATIENT_IDLE_REAL_S if case.impatient else IDLE_REAL_S)),
        )
        for case in cases
    )
    with tempfile.TemporaryDirectory() as prefix:
        config = Path(prefix) / "nginx.conf"
        config.write_text(CONFIG.replace("SERVERS", servers))
        process = subprocess.Popen([program, "-p", prefix, "-c", str(config), "-e", "error.log"])
        try:
            while not (Path(prefix) / "nginx.pid").exists():
                if process.poll() is not None:
                    raise RuntimeError((Path(prefix) / "error.log").read_text())
                time.sleep(0.01)
            yield {name: (ADDRESS, port) for name, port in ports.items()}
        finally:
            process.terminate()
            process.wait()


def outcomes(program: str, cases: list[Case]) -> dict[str, Outcome]:
    """What comes of each case in front of nginx."""
    targets = new_targets(cases)
    with nginx_before(program, targets, cases) as fronts, ThreadPoolExecutor(_AT_ONCE) as pool:
        runs = list(pool.map(lambda case: run_case(case, fronts[case.name], targets[case.name]), cases))
    for target in targets.values():
        target.close()
    return {case.name: run.outcome for case, run in zip(cases, runs, strict=True)}


def main() -> int:
    program = nginx()
    if program is None:
        sys.stderr.write("nginx is not installed: nothing recorded\n")
        return 1
    recorded = {
        "nginx": version(program),
        "config": (CONFIG + SERVER).splitlines(),
        "outcomes": outcomes(program, all_cases()),
    }
    RECORDING.write_text(json.dumps(recorded, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
