"""Locust's `main` as the runner's child: `python -m blackstart.load.locust_process <locust arguments>`.

Does three things before Locust is imported: dies with its parent, keeps standard output for progress lines alone (what
Locust or a locustfile prints goes to standard error), and otherwise is `python -m locust`.
"""

import ctypes
import os
import runpy
import signal

PR_SET_PDEATHSIG = 1
PARENT_VARIABLE = "BLACKSTART_PARENT_PID"
PROGRESS_VARIABLE = "BLACKSTART_PROGRESS_FD"


def die_with(parent_pid: int) -> None:
    """Have the kernel kill this process when its parent ends (Linux, prctl(2)), also if it has ended already."""
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent_pid:
        os._exit(1)


def main() -> None:
    die_with(int(os.environ[PARENT_VARIABLE]))
    os.environ[PROGRESS_VARIABLE] = str(os.dup(1))
    os.dup2(2, 1)
    runpy.run_module("locust", run_name="__main__")


if __name__ == "__main__":
    main()
