"""The activity log of the Auto Scaling groups, as describe_scaling_activities serves it."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from blackstart.emulator.decisions.activity import ActivityStatus


@dataclass
class Activity:
    """One entry of the log, with the names that describe_scaling_activities serves."""

    activity_id: str
    auto_scaling_group_name: str
    auto_scaling_group_arn: str
    description: str
    cause: str
    start_time: datetime
    details: str
    status_code: str
    progress: int
    end_time: datetime | None = None
    status_message: str | None = None

    def finish(self, status: ActivityStatus, now_s: float, message: str | None = None) -> None:
        self.status_code, self.progress, self.end_time = status.value, 100, _datetime(now_s)
        self.status_message = message


class ActivityLog:
    """Every activity of every group while the emulator runs. new_id: the ids of activities."""

    def __init__(self, new_id: Callable[[], str]) -> None:
        self._new_id = new_id
        self._by_group: dict[str, list[Activity]] = {}

    def begin(
        self, group: str, group_arn: str, description: str, cause: str, zone: str, subnet: str, now_s: float
    ) -> Activity:
        """Enter an activity that is in progress."""
        activity = Activity(
            activity_id=self._new_id(),
            auto_scaling_group_name=group,
            auto_scaling_group_arn=group_arn,
            description=description,
            cause=cause,
            start_time=_datetime(now_s),
            details=f'{{"Subnet ID":"{subnet}","Availability Zone":"{zone}"}}',
            status_code=ActivityStatus.IN_PROGRESS.value,
            progress=0,
        )
        self._by_group.setdefault(group, []).append(activity)
        return activity

    def find(self, group: str | None, ids: Iterable[str] = ()) -> list[Activity]:
        """Newest first: of one group or of all, the given ids or all."""
        wanted = set(ids)
        chosen = [entry for name, log in self._by_group.items() if group in (None, name) for entry in log]
        found = (entry for entry in chosen if not wanted or entry.activity_id in wanted)
        return sorted(found, key=lambda entry: entry.start_time, reverse=True)

    def last_end_s(self, group: str) -> float | None:
        """When the newest activity of a group ended; None while one is in progress or when there was none."""
        ends = [entry.end_time for entry in self._by_group.get(group, ())]
        if not ends or None in ends:
            return None
        return max(end for end in ends if end is not None).replace(tzinfo=UTC).timestamp()


def _datetime(time_s: float) -> datetime:
    return datetime.fromtimestamp(time_s, UTC).replace(tzinfo=None)


def moment(time_s: float) -> str:
    """A time as AWS writes it in causes."""
    return _datetime(time_s).strftime("%Y-%m-%dT%H:%M:%SZ")
