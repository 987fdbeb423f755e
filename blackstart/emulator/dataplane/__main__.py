"""`python -m blackstart.emulator.dataplane --socket PATH --anchor JSON --dns-address A --dns-port P`

Started by the control plane, which listens on the socket. Ends with SIGTERM, with its parent, or when the control
plane stays away. Exit code 0 after SIGTERM, 1 when the control plane was lost, 2 for what the caller can mend.
"""

import argparse
import asyncio
import ctypes
import gc
import os
import signal
import sys
from pathlib import Path

import uvloop
from pydantic import ValidationError

from blackstart.domain.clock import Anchor
from blackstart.domain.errors import BlackstartError
from blackstart.emulator.dataplane.process import DataPlane

_PR_SET_PDEATHSIG = 1


def main() -> int:
    arguments = _arguments()
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    gc.freeze()  # what is imported stays: to look through all of it again and again would stop everything for 30 ms
    try:
        return uvloop.run(_serve(arguments, _go_first()))
    except BlackstartError as error:
        print(f"data plane: {error}", file=sys.stderr)
        return 2


def _go_first() -> bool:
    """Ask for real-time scheduling, so that requests and health checks never wait for a busy machine; False if refused.

    It takes CAP_SYS_NICE or RLIMIT_RTPRIO. A data plane that spins is killed by the control plane, and the kernel keeps
    a share of each processor for the others (sched_rt_runtime_us).
    """
    try:
        os.sched_setscheduler(0, os.SCHED_RR | os.SCHED_RESET_ON_FORK, os.sched_param(1))
    except OSError:
        return False
    return True


async def _serve(arguments: argparse.Namespace, real_time: bool) -> int:
    running = asyncio.create_task(
        DataPlane(arguments.socket, arguments.anchor, real_time).run(arguments.dns_address, arguments.dns_port)
    )
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, running.cancel)
    try:
        await running
    except asyncio.CancelledError:
        return 0
    print("data plane: the control plane is gone", file=sys.stderr)
    return 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="blackstart.emulator.dataplane", description="The emulator's data plane.")
    parser.add_argument("--socket", type=Path, required=True, help="the control plane's Unix socket")
    parser.add_argument("--anchor", type=_anchor, required=True, help="the run's clock anchor, as JSON")
    parser.add_argument("--dns-address", required=True)
    parser.add_argument("--dns-port", type=_port, required=True)
    return parser.parse_args()


def _anchor(text: str) -> Anchor:
    try:
        return Anchor.model_validate_json(text)
    except ValidationError as error:
        raise argparse.ArgumentTypeError(f"not an anchor: {error.errors()[0]['msg']}") from error


def _port(text: str) -> int:
    port = int(text)
    if not 1 <= port <= 65535:
        raise argparse.ArgumentTypeError("a port between 1 and 65535; the control plane chooses it")
    return port


if __name__ == "__main__":
    sys.exit(main())
