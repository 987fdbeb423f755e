"""The activity log of the Auto Scaling groups, as describe_scaling_activities serves it."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import chain, islice

from blackstart.emulator.decisions.activity import ActivityKind, ActivityStatus


@dataclass(slots=True)
class Activity:
    """One entry of the log, with the names that describe_scaling_activities serves.

    instance_id: "" for a launch that failed. ended: told once, when the activity ends.
    """

    activity_id: str
    auto_scaling_group_name: str
    auto_scaling_group_arn: str
    description: str
    cause: str
    start_time: datetime
    zone: str
    subnet: str
    status_code: str
    progress: int
    kind: ActivityKind
    instance_id: str
    ended: "Callable[[Activity, float], None]"
    end_time: datetime | None = None
    status_message: str | None = None

    @property
    def details(self) -> str:
        return f'{{"Subnet ID":"{self.subnet}","Availability Zone":"{self.zone}"}}'

    def finish(self, status: ActivityStatus, now_s: float, message: str | None = None) -> None:
        self.status_code, self.progress, self.end_time = status.value, 100, _datetime(now_s)
        self.status_message = message
        self.ended(self, now_s)


@dataclass(slots=True)
class _Trail:
    """A group's activities in the order of their beginning. open_count: those in progress."""

    entries: list[Activity] = field(default_factory=list)
    open_count: int = 0
    last_end_s: float | None = None


class ActivityLog:
    """Every activity of every group while the emulator runs. new_id: the ids of activities."""

    def __init__(self, new_id: Callable[[], str]) -> None:
        self._new_id = new_id
        self._trails: dict[str, _Trail] = {}
        self._listeners: list[Callable[[Activity, float], None]] = []

    def on_end(self, listener: Callable[[Activity, float], None]) -> None:
        """Tell the listener of each activity that ends, and when."""
        self._listeners.append(listener)

    def begin(
        self,
        group: str,
        group_arn: str,
        description: str,
        cause: str,
        zone: str,
        subnet: str,
        now_s: float,
        *,
        kind: ActivityKind = ActivityKind.OTHER,
        instance_id: str = "",
    ) -> Activity:
        """Enter an activity that is in progress."""
        activity = Activity(
            activity_id=self._new_id(),
            auto_scaling_group_name=group,
            auto_scaling_group_arn=group_arn,
            description=description,
            cause=cause,
            start_time=_datetime(now_s),
            zone=zone,
            subnet=subnet,
            status_code=ActivityStatus.IN_PROGRESS.value,
            progress=0,
            kind=kind,
            instance_id=instance_id,
            ended=self._ended,
        )
        trail = self._trails.setdefault(group, _Trail())
        trail.entries.append(activity)
        trail.open_count += 1
        return activity

    def find(self, group: str | None, ids: Iterable[str] = ()) -> list[Activity]:
        """Those in progress first, each part newest first: of one group or of all, the given ids or all."""
        wanted = set(ids)
        trails = self._trails.values() if group is None else (self._trails.get(group, _Trail()),)
        chosen = chain.from_iterable(trail.entries for trail in trails)
        found = [entry for entry in chosen if not wanted or entry.activity_id in wanted]
        found.reverse()
        return sorted(found, key=lambda entry: (entry.end_time is None, entry.start_time), reverse=True)

    def newest(self, group: str, count: int) -> list[Activity]:
        """A group's newest activities, those in progress first, without a look at all the others."""
        trail = self._trails.get(group, _Trail())
        recent = list(islice(reversed(trail.entries), count + trail.open_count))
        return sorted(recent, key=lambda entry: entry.end_time is None, reverse=True)[:count]

    def last_end_s(self, group: str) -> float | None:
        """When the newest activity of a group ended; None while one is in progress or when there was none."""
        trail = self._trails.get(group)
        return trail.last_end_s if trail is not None and trail.open_count == 0 else None

    def _ended(self, activity: Activity, now_s: float) -> None:
        trail = self._trails[activity.auto_scaling_group_name]
        trail.open_count -= 1
        trail.last_end_s = max(now_s, trail.last_end_s or now_s)
        for listener in self._listeners:
            listener(activity, now_s)


def _datetime(time_s: float) -> datetime:
    return datetime.fromtimestamp(time_s, UTC).replace(tzinfo=None)


def moment(time_s: float) -> str:
    """A time as AWS writes it in causes."""
    return _datetime(time_s).strftime("%Y-%m-%dT%H:%M:%SZ")
