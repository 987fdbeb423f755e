"""The activity log of the Auto Scaling groups, as describe_scaling_activities serves it."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import chain, islice

from blackstart.emulator.decisions.activity import ActivityKind, ActivityStatus


@dataclass(slots=True)
class Activity:
    """One entry of the log, with the names that describe_scaling_activities serves.

    instance_id: "" for a launch that failed. settled: the group's capacity is what the activity makes it, and cooldowns
    count from then, though it may go on. at_settling, at_end: told once each.
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
    at_settling: "Callable[[Activity, float], None]"
    at_end: "Callable[[Activity, float], None]"
    settled: bool = False
    end_time: datetime | None = None
    status_message: str | None = None

    @property
    def details(self) -> str:
        return f'{{"Subnet ID":"{self.subnet}","Availability Zone":"{self.zone}"}}'

    def settle(self, now_s: float) -> None:
        """What is still to come of it changes the group's capacity no more."""
        if not self.settled:
            self.settled = True
            self.at_settling(self, now_s)

    def finish(self, status: ActivityStatus, now_s: float, message: str | None = None) -> None:
        self.status_code, self.progress, self.end_time = status.value, 100, _datetime(now_s)
        self.status_message = message
        self.settle(now_s)
        self.at_end(self, now_s)


@dataclass(slots=True)
class _Trail:
    """A group's activities in the order of their beginning. open_count: those in progress; unsettled_count: those of
    them that are not settled; settled_s: when the last one was.
    """

    name: str
    entries: list[Activity] = field(default_factory=list)
    open_count: int = 0
    unsettled_count: int = 0
    settled_s: float | None = None


class ActivityLog:
    """Every activity of every group while the emulator runs. new_id: the ids of activities.

    By ARN: groups of one name may live in several regions, and one after the other in the same.
    """

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
            at_settling=self._settled,
            at_end=self._ended,
        )
        trail = self._trails.setdefault(group_arn, _Trail(group))
        trail.entries.append(activity)
        trail.open_count += 1
        trail.unsettled_count += 1
        return activity

    def find(self, group: str | None, ids: Iterable[str] = ()) -> list[Activity]:
        """Those in progress first, each part newest first: of groups of one name or all, with one of the ids or all."""
        wanted = set(ids)
        chosen = chain.from_iterable(trail.entries for trail in self._trails.values() if group in (None, trail.name))
        found = [entry for entry in chosen if not wanted or entry.activity_id in wanted]
        found.reverse()
        return sorted(found, key=lambda entry: (entry.end_time is None, entry.start_time), reverse=True)

    def newest(self, group_arn: str, count: int) -> list[Activity]:
        """A group's newest activities, those in progress first, without a look at all the others."""
        trail = self._trails.get(group_arn) or _Trail("")
        recent = list(islice(reversed(trail.entries), count + trail.open_count))
        return sorted(recent, key=lambda entry: entry.end_time is None, reverse=True)[:count]

    def settled_s(self, group_arn: str) -> float | None:
        """When the last activity of a group was settled; None while one is not or when there was none."""
        trail = self._trails.get(group_arn)
        return trail.settled_s if trail is not None and trail.unsettled_count == 0 else None

    def _settled(self, activity: Activity, now_s: float) -> None:
        trail = self._trails[activity.auto_scaling_group_arn]
        trail.unsettled_count -= 1
        trail.settled_s = max(now_s, trail.settled_s or now_s)

    def _ended(self, activity: Activity, now_s: float) -> None:
        self._trails[activity.auto_scaling_group_arn].open_count -= 1
        for listener in self._listeners:
            listener(activity, now_s)


def _datetime(time_s: float) -> datetime:
    return datetime.fromtimestamp(time_s, UTC).replace(tzinfo=None)


def moment(time_s: float) -> str:
    """A time as AWS writes it in causes."""
    return _datetime(time_s).strftime("%Y-%m-%dT%H:%M:%SZ")
