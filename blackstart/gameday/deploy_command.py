"""`--deploy COMMAND`: any other deployer, with the emulator's endpoint in its environment as the AWS SDKs read it."""

import os
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import BinaryIO

from blackstart.domain.emulator_status import EmulatorStatus
from blackstart.domain.errors import DeployError

LIMIT_REAL_S = 300.0
ENDING_REAL_S = 15.0
LAST_WORDS = 400


def environment_of(status: EmulatorStatus, region: str, stack: str, inherited: Mapping[str, str]) -> dict[str, str]:
    """What the command gets: nothing of the user's own AWS settings, so that it cannot reach AWS by accident.

    The endpoint, region and made-up credentials under the names that the AWS SDKs, the AWS CLI and Terraform read;
    empty configuration files (a profile may name other endpoints, or have AWS_ENDPOINT_URL ignored); no instance
    metadata; no proxy for loopback. BLACKSTART_STACK: the experiment's `stack`. BLACKSTART_CA_BUNDLE: the file by which
    the certificates of HTTPS listeners are trusted. Everything else is inherited.
    """
    kept = {name: value for name, value in inherited.items() if not name.startswith("AWS_")}
    return kept | {
        "AWS_ENDPOINT_URL": status.endpoint,
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        "AWS_ACCESS_KEY_ID": "offline",
        "AWS_SECRET_ACCESS_KEY": "offline",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "NO_PROXY": "127.0.0.1,localhost",
        "no_proxy": "127.0.0.1,localhost",
        "BLACKSTART_STACK": stack,
        **({"BLACKSTART_CA_BUNDLE": status.ca_bundle} if status.ca_bundle else {}),
    }


def deploy_by_command(
    command: str,
    environment: Mapping[str, str],
    log: Path,
    say: Callable[[str], None],
    limit_real_s: float = LIMIT_REAL_S,
) -> None:
    """Run it to its end, showing each line that it prints and keeping it in `log`.

    Nothing it started is left when this returns or raises, nor when the runner is killed (`deploy_host.py`).
    Raises DeployError with its exit code and last line when it fails or takes too long.
    """
    host = subprocess.Popen(
        [sys.executable, "-m", "blackstart.gameday.deploy_host", command],
        env=dict(environment),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,  # the terminal's Ctrl-C reaches the runner alone
    )
    late = threading.Event()
    timer = threading.Timer(limit_real_s, _give_up, (host, late))
    timer.start()
    last: deque[str] = deque(maxlen=1)
    try:
        with log.open("wb") as kept:
            _show(host, kept, last, say)
        code = host.wait()
    finally:
        timer.cancel()
        _end(host)
    if late.is_set():
        raise DeployError(f"--deploy is not done after {limit_real_s:.0f} s{_said(last)}", f"See {log}.")
    if code != 0:
        raise DeployError(f"--deploy ended with code {code}{_said(last)}", f"See {log}.")


def _show(host: "subprocess.Popen[bytes]", kept: BinaryIO, last: deque[str], say: Callable[[str], None]) -> None:
    assert host.stdout is not None
    for line in host.stdout:
        kept.write(line)
        kept.flush()
        text = line.decode(errors="replace").rstrip()
        if text:
            last.append(text)
            say(f"deploy | {text}")


def _said(last: deque[str]) -> str:
    return f": {last[-1].strip()[:LAST_WORDS]}" if last else ", without a word"


def _give_up(host: "subprocess.Popen[bytes]", late: threading.Event) -> None:
    late.set()
    assert host.stdin is not None
    host.stdin.close()


def _end(host: "subprocess.Popen[bytes]") -> None:
    assert host.stdin is not None
    host.stdin.close()
    try:
        host.wait(ENDING_REAL_S)
    except subprocess.TimeoutExpired:
        host.kill()
        host.wait()
