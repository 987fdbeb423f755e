"""How many members a group replaces at once, between a minimum and a maximum healthy percentage.

Sources: EC2 Auto Scaling user guide, "How an instance refresh works", "Instance maintenance policies"; API reference,
RefreshPreferences (what an omitted maximum means).
"""

from typing import NamedTuple

LEGACY_MIN_HEALTHY_PERCENT = 90
"""Of a replacement that has neither its own percentages nor an instance maintenance policy."""


class Rolling(NamedTuple):
    """What may happen now. terminate: how many old ones; surge: how many members beyond the desired capacity."""

    terminate: int
    surge: int


def replace_next(
    desired: int, min_healthy_percent: int, max_healthy_percent: int | None, ready: int, replaceable: int
) -> Rolling:
    """ready: members in service, healthy and warmed up; replaceable: old ones that may be replaced now.

    The minimum is rounded up and the maximum down. Without a maximum, at least one is terminated while its replacement
    is launched. With an explicit one, a group that may neither shrink nor grow launches one first.
    """
    least = -(-desired * min_healthy_percent // 100)
    if max_healthy_percent is None:
        least, room = min(least, max(0, desired - 1)), 0
    else:
        room = desired * max_healthy_percent // 100 - desired
        if room <= 0 and least >= desired:
            room = 1
    terminate = max(0, min(ready - least, replaceable))
    return Rolling(terminate, max(0, min(room, replaceable - terminate)))
