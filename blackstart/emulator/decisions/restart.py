"""When a process of the emulator's own that ended is started again: soon at first, slower when it keeps on ending."""

from collections.abc import Sequence

FIRST_PAUSE_REAL_S = 0.5
LONGEST_PAUSE_REAL_S = 10.0
REMEMBERED_REAL_S = 60.0


def restart_pause_real_s(ends_real_s: Sequence[float], now_real_s: float) -> float:
    """Wall seconds to wait before the next start: doubled with each end of the last minute, up to ten seconds.

    ends_real_s: when it ended, the newest one included; readings of one clock with `now_real_s`.
    """
    lately = sum(now_real_s - end <= REMEMBERED_REAL_S for end in ends_real_s)
    return min(LONGEST_PAUSE_REAL_S, FIRST_PAUSE_REAL_S * 2.0 ** min(max(0, lately - 1), 10))
