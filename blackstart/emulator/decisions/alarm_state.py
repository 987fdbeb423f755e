"""Which state the newest periods of an alarm imply.

Source: CloudWatch user guide, "Alarm evaluation" and "Configuring how CloudWatch alarms treat missing data". The guide
does not give the reasons' wording; it follows notifications that users of CloudWatch have published.
"""

from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple

from pydantic import Field, model_validator

from blackstart.domain.model import Model


class AlarmState(StrEnum):
    OK = "OK"
    ALARM = "ALARM"
    INSUFFICIENT_DATA = "INSUFFICIENT_DATA"


class Comparison(StrEnum):
    """How a point is compared with the threshold; the anomaly-detection operators have no band here."""

    GREATER_OR_EQUAL = "GreaterThanOrEqualToThreshold"
    GREATER = "GreaterThanThreshold"
    LESS = "LessThanThreshold"
    LESS_OR_EQUAL = "LessThanOrEqualToThreshold"

    def breaches(self, value: float, threshold: float) -> bool:
        if self is Comparison.GREATER_OR_EQUAL:
            return value >= threshold
        if self is Comparison.GREATER:
            return value > threshold
        if self is Comparison.LESS:
            return value < threshold
        return value <= threshold


COMPARISON_WORDS = {
    Comparison.GREATER_OR_EQUAL: "greater than or equal to",
    Comparison.GREATER: "greater than",
    Comparison.LESS: "less than",
    Comparison.LESS_OR_EQUAL: "less than or equal to",
}


class MissingData(StrEnum):
    """What a missing point counts as (TreatMissingData)."""

    MISSING = "missing"
    IGNORE = "ignore"
    BREACHING = "breaching"
    NOT_BREACHING = "notBreaching"


class AlarmSpec(Model):
    """M out of N: `datapoints_to_alarm` of `evaluation_periods` points must breach."""

    comparison: Comparison
    threshold: float
    evaluation_periods: int = Field(ge=1)
    datapoints_to_alarm: int = Field(ge=1)
    period_s: int = Field(default=60, ge=1)
    missing_data: MissingData = MissingData.MISSING

    @model_validator(mode="after")
    def _m_is_at_most_n(self) -> "AlarmSpec":
        if self.datapoints_to_alarm > self.evaluation_periods:
            raise ValueError("datapoints_to_alarm is at most evaluation_periods")
        return self


class AlarmReason(StrEnum):
    """Why the verdict is what it is.

    breaching, not_breaching: enough real points. premature_rule: only breaching points, the oldest at least M periods
    old. treated_as_*: the missing-data setting tipped it. undecided: too few points to leave the state that was.
    """

    BREACHING = "breaching"
    NOT_BREACHING = "not-breaching"
    PREMATURE_RULE = "premature-rule"
    TREATED_AS_BREACHING = "treated-as-breaching"
    TREATED_AS_NOT_BREACHING = "treated-as-not-breaching"
    NO_DATA = "no-data"
    UNDECIDED = "undecided"
    LOW_SAMPLES = "low-samples"


class AlarmVerdict(NamedTuple):
    """state: None keeps the state that was. grounds: what its words are made of, None when the state is kept."""

    state: AlarmState | None
    reason: AlarmReason
    grounds: "_Points | None" = None

    def words(self, labels: Sequence[str] = ()) -> str:
        """StateReason in AWS's wording, "" when the state is kept.

        labels: the start of each period of the window as StateReason writes it (22/11/26 10:00:00).
        """
        if self.grounds is None or self.state is None:
            return ""
        return self.grounds.words(self.state, self.reason, labels)


def evaluate(window: Sequence[float | None], alarm: AlarmSpec, *, low_samples: bool = False) -> AlarmVerdict:
    """Return the alarm state that the newest periods imply.

    window: oldest first, one entry per period of `alarm.period_s` seconds; None = missing. Its length is the evaluation
    range, at least the evaluation periods.
    low_samples: a percentile rests on too few samples and the alarm is set to ignore that.
    Raises ValueError if the window is shorter than the alarm's evaluation periods.
    Source: CloudWatch user guide, "Configuring how CloudWatch alarms treat missing data" (evaluation range, table,
    "Avoiding premature transitions to alarm state").
    Differs from AWS: the evaluation range is a parameter, AWS does not publish it. Where the guide only says that the
    alarm "does not go immediately into ALARM" (breaching points younger than M periods and nothing else), the state
    is kept.
    """
    if len(window) < alarm.evaluation_periods:
        raise ValueError(f"{len(window)} periods for {alarm.evaluation_periods} evaluation periods")
    if low_samples:
        return AlarmVerdict(None, AlarmReason.LOW_SAMPLES)
    points = _Points(window, alarm)
    if not points.real:
        return _all_missing(points, alarm.missing_data)
    if len(points.breaching) >= alarm.datapoints_to_alarm:
        return points.alarm(AlarmReason.BREACHING)
    if points.missing == 0:
        return points.ok(AlarmReason.NOT_BREACHING)
    return _partly_missing(points, alarm)


def _partly_missing(points: "_Points", alarm: AlarmSpec) -> AlarmVerdict:
    """Fewer real points than evaluation periods, and the breaching ones alone are not enough."""
    if alarm.missing_data is MissingData.BREACHING:
        if len(points.breaching) + points.missing >= alarm.datapoints_to_alarm:
            return points.alarm(AlarmReason.TREATED_AS_BREACHING)
        return points.ok(AlarmReason.NOT_BREACHING)
    if points.fine:
        return points.ok(AlarmReason.NOT_BREACHING)
    if alarm.missing_data is MissingData.NOT_BREACHING:
        return points.ok(AlarmReason.TREATED_AS_NOT_BREACHING)
    if alarm.missing_data is MissingData.MISSING and points.oldest_age >= alarm.datapoints_to_alarm:
        return points.alarm(AlarmReason.PREMATURE_RULE)
    return AlarmVerdict(None, AlarmReason.UNDECIDED)


def _all_missing(points: "_Points", setting: MissingData) -> AlarmVerdict:
    if setting is MissingData.IGNORE:
        return AlarmVerdict(None, AlarmReason.NO_DATA)
    if setting is MissingData.MISSING:
        return AlarmVerdict(AlarmState.INSUFFICIENT_DATA, AlarmReason.NO_DATA, points)
    if setting is MissingData.BREACHING:
        return points.alarm(AlarmReason.TREATED_AS_BREACHING)
    return points.ok(AlarmReason.TREATED_AS_NOT_BREACHING)


class _Points:
    """The real points that count, (age in periods, value): the newest N, or all of the range when there are fewer,
    newest first.
    """

    __slots__ = ("alarm_spec", "breaching", "fine", "missing", "oldest_age", "real")

    def __init__(self, window: Sequence[float | None], alarm: AlarmSpec) -> None:
        self.alarm_spec = alarm
        self.real = [(age, value) for age, value in enumerate(reversed(window), start=1) if value is not None]
        del self.real[alarm.evaluation_periods :]
        self.missing = alarm.evaluation_periods - len(self.real)
        self.breaching: list[tuple[int, float]] = []
        self.fine: list[tuple[int, float]] = []
        for point in self.real:
            breaches = alarm.comparison.breaches(point[1], alarm.threshold)
            (self.breaching if breaches else self.fine).append(point)
        self.oldest_age = self.real[-1][0] if self.real else 0

    def alarm(self, reason: AlarmReason) -> AlarmVerdict:
        return AlarmVerdict(AlarmState.ALARM, reason, self)

    def ok(self, reason: AlarmReason) -> AlarmVerdict:
        return AlarmVerdict(AlarmState.OK, reason, self)

    def words(self, state: AlarmState, reason: AlarmReason, labels: Sequence[str]) -> str:
        alarm = self.alarm_spec
        if state is AlarmState.INSUFFICIENT_DATA:
            were = "was" if alarm.evaluation_periods == 1 else "were"
            return f"Insufficient Data: {_plural(alarm.evaluation_periods, 'datapoint')} {were} unknown."
        to_alarm = state is AlarmState.ALARM
        shown = self.breaching if to_alarm else self.fine
        needed = alarm.datapoints_to_alarm if to_alarm else alarm.evaluation_periods - alarm.datapoints_to_alarm + 1
        listed = ", ".join(f"{value} ({labels[-age]})" if labels else f"{value}" for age, value in shown)
        verb = ("was" if len(shown) == 1 else "were") + ("" if to_alarm else " not")
        words = COMPARISON_WORDS[alarm.comparison]
        path = "OK -> ALARM" if to_alarm else "ALARM -> OK"
        minimum = f"minimum {_plural(needed, 'datapoint')} for {path} transition"
        crossed = (
            f"Threshold Crossed: {len(shown)} out of the last {alarm.evaluation_periods} datapoints [{listed}] "
            f"{verb} {words} the threshold ({alarm.threshold})"
        )
        if reason not in (AlarmReason.TREATED_AS_BREACHING, AlarmReason.TREATED_AS_NOT_BREACHING):
            return f"{crossed} ({minimum})."
        breaching = reason is AlarmReason.TREATED_AS_BREACHING
        if not shown:
            return _received(len(self.real), alarm.evaluation_periods, breaching)
        return f"{crossed} and {_treated(self.missing, breaching)} ({minimum})."


def _received(points: int, periods: int, breaching: bool) -> str:
    """The reason when what was received has no part in it."""
    received = (
        "no datapoints were" if points == 0 else f"{_plural(points, 'datapoint')} {'was' if points == 1 else 'were'}"
    )
    treated = _treated(periods - points, breaching)
    return f"Threshold Crossed: {received} received for {_plural(periods, 'period')} and {treated}."


def _treated(missing: int, breaching: bool) -> str:
    verb = "was" if missing == 1 else "were"
    return f"{_plural(missing, 'missing datapoint')} {verb} treated as [{'Breaching' if breaching else 'NonBreaching'}]"


def _plural(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
