"""Parent of a `--deploy` command: `python -m blackstart.gameday.deploy_host COMMAND`.

Its stdin is the runner's lifeline. When that closes, for whatever reason, or when the command has ended, everything the
command started is killed, also what left its process group: this process is a subreaper (prctl(2)), so that orphans
become its children. Ends with the command's exit code, as a shell counts it.
"""

import ctypes
import os
import selectors
import signal
import subprocess
import sys
from contextlib import suppress

import psutil

PR_SET_CHILD_SUBREAPER = 36
SWEEPS = 50
SWEEP_REAL_S = 0.1


def run(command: str) -> int:
    """Run it in a shell until it ends or the lifeline closes."""
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    child = subprocess.Popen(command, shell=True, stdin=subprocess.DEVNULL, stderr=subprocess.STDOUT)
    ended = os.pidfd_open(child.pid)
    with selectors.DefaultSelector() as selector:
        selector.register(ended, selectors.EVENT_READ)
        selector.register(0, selectors.EVENT_READ)
        selector.select()
    code = child.poll()
    kill_descendants()
    return 128 + signal.SIGKILL if code is None else code if code >= 0 else 128 - code


def kill_descendants() -> None:
    """Until none is left: one that is killed may have started another meanwhile."""
    for _ in range(SWEEPS):
        left = psutil.Process().children(recursive=True)
        if not left:
            return
        for process in left:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(left, timeout=SWEEP_REAL_S)


if __name__ == "__main__":
    sys.exit(run(sys.argv[1]))
