"""Who gives way when processors are short: the answering of API calls, never the traffic.

A describe call is work for milliseconds at a time; a health check or a request that waits for it would look like a slow
system. Lowering oneself needs no privilege. On Linux both settings belong to a thread and to those it starts.
"""

import contextlib
import os
import threading
from pathlib import Path

GIVES_WAY_BY = 5
AUTOGROUP = Path("/proc/self/autogroup")


def give_way() -> None:
    """Lower the calling thread, and every thread that it starts from now on: nice, and SCHED_BATCH, so that its waking
    never interrupts what runs.

    Autogroups (sched(7)) share processors between sessions, and nice counts within one only. So the whole session is
    lowered too if it is this process's own; a terminal's would take the user's shell along.
    """
    thread = threading.get_native_id()
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, thread, GIVES_WAY_BY)
    with contextlib.suppress(OSError):
        os.sched_setscheduler(thread, os.SCHED_BATCH, os.sched_param(0))
    if os.getsid(0) == os.getpid():
        with contextlib.suppress(OSError):  # a kernel without autogroups
            AUTOGROUP.write_text(str(GIVES_WAY_BY))
