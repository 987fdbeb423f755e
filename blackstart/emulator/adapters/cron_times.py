"""When a cron expression comes round: five fields, a time zone of IANA's database.

Source: EC2 Auto Scaling user guide, "Scheduled scaling" (recurring schedules); crontab(5).
"""

import re
from datetime import UTC, datetime
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

from cronsim import CronSim, CronSimError

_FIELD = re.compile(r"[\d*,/-]+|[A-Za-z,-]+")
"""Without what only some crons know: ?, L, W, #."""


def is_cron(expression: str) -> bool:
    """Whether an expression is one that Auto Scaling takes."""
    fields = expression.split()
    if len(fields) != 5 or not all(_FIELD.fullmatch(field) for field in fields):
        return False
    try:
        CronSim(expression, datetime(2000, 1, 1, tzinfo=UTC))
    except CronSimError:
        return False
    return True


def is_time_zone(name: str) -> bool:
    """Whether a name is a place or an offset of IANA's database, not an abbreviation."""
    return name in _time_zones() and ("/" in name or name in ("UTC", "GMT"))


def next_s(expression: str, time_zone: str, after_s: float) -> float | None:
    """The first time after `after_s` (Unix seconds) that an expression means, None when it never comes."""
    zone = ZoneInfo(time_zone) if time_zone else UTC
    found = next(CronSim(expression, datetime.fromtimestamp(after_s, zone)), None)
    return found.timestamp() if found is not None else None


@cache
def _time_zones() -> set[str]:
    return available_timezones()
