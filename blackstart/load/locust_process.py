"""Locust's `main` as the runner's child: `python -m blackstart.load.locust_process <locust arguments>`.

Three things more than `python -m locust`: it dies with its parent, it keeps standard output for progress lines alone
(what Locust or a locustfile prints goes to standard error), and it refuses a locustfile that would not record.
"""

import ctypes
import os
import signal
import sys
from typing import Any

from blackstart.load.settings import PROGRESS_VARIABLE

PR_SET_PDEATHSIG = 1
PARENT_VARIABLE = "BLACKSTART_PARENT_PID"


def die_with(parent_pid: int) -> None:
    """Have the kernel kill this process when its parent ends (Linux, prctl(2)), also if it has ended already."""
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent_pid:
        os._exit(1)


def refuse_other_users(environment: Any, **_: Any) -> None:
    """Locust's `init` event: a locustfile of other users would run, and nothing of it would be recorded."""
    from blackstart.load.open_loop_user import OpenLoopUser

    if not all(issubclass(user, OpenLoopUser) for user in environment.user_classes):
        named = ", ".join(user.__name__ for user in environment.user_classes)
        sys.exit(
            f"{named}: not a subclass of blackstart.load.open_loop_user.OpenLoopUser, so nothing would be recorded"
        )


def main() -> None:
    die_with(int(os.environ[PARENT_VARIABLE]))
    os.environ[PROGRESS_VARIABLE] = str(os.dup(1))
    os.dup2(2, 1)
    from locust import events
    from locust.main import main as run_locust

    events.init.add_listener(refuse_other_users)
    run_locust()


if __name__ == "__main__":
    main()
