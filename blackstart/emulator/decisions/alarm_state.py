"""Which state the newest periods of an alarm imply.

Source: CloudWatch user guide, "Alarm evaluation" and "Configuring how CloudWatch alarms treat missing data". The guide
does not give the reasons' wording; it follows notifications that users of CloudWatch have published.
"""

from collections.abc import Sequence
from enum import StrEnum

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


class AlarmVerdict(Model):
    """state: None keeps the state that was. text: StateReason in AWS's wording, "" when the state is kept."""

    state: AlarmState | None
    reason: AlarmReason
    text: str = ""


def evaluate(
    window: Sequence[float | None], alarm: AlarmSpec, *, labels: Sequence[str] = (), low_samples: bool = False
) -> AlarmVerdict:
    """Return the alarm state that the newest periods imply.

    window: oldest first, one entry per period of `alarm.period_s` seconds; None = missing. Its length is the evaluation
    range, at least the evaluation periods. labels: each period's start as StateReason writes it (22/11/26 10:00:00).
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
        return AlarmVerdict(state=None, reason=AlarmReason.LOW_SAMPLES)
    points = _Points(window, alarm, labels)
    if not points.real:
        return _all_missing(alarm)
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
    return AlarmVerdict(state=None, reason=AlarmReason.UNDECIDED)


def _all_missing(alarm: AlarmSpec) -> AlarmVerdict:
    periods = alarm.evaluation_periods
    if alarm.missing_data is MissingData.IGNORE:
        return AlarmVerdict(state=None, reason=AlarmReason.NO_DATA)
    if alarm.missing_data is MissingData.MISSING:
        noun = "datapoint was" if periods == 1 else "datapoints were"
        text = f"Insufficient Data: {periods} {noun} unknown."
        return AlarmVerdict(state=AlarmState.INSUFFICIENT_DATA, reason=AlarmReason.NO_DATA, text=text)
    breaching = alarm.missing_data is MissingData.BREACHING
    text = _received(0, periods, breaching)
    if breaching:
        return AlarmVerdict(state=AlarmState.ALARM, reason=AlarmReason.TREATED_AS_BREACHING, text=text)
    return AlarmVerdict(state=AlarmState.OK, reason=AlarmReason.TREATED_AS_NOT_BREACHING, text=text)


class _Points:
    """The real points that count: the newest N, or all of the range when there are fewer, newest first."""

    def __init__(self, window: Sequence[float | None], alarm: AlarmSpec, labels: Sequence[str]) -> None:
        self.alarm_spec = alarm
        real = [
            (age, value, labels[-age] if labels else "")
            for age, value in enumerate(reversed(window), start=1)
            if value is not None
        ][: alarm.evaluation_periods]
        self.real = real
        self.missing = alarm.evaluation_periods - len(real)
        self.breaching = [point for point in real if alarm.comparison.breaches(point[1], alarm.threshold)]
        self.fine = [point for point in real if not alarm.comparison.breaches(point[1], alarm.threshold)]
        self.oldest_age = real[-1][0] if real else 0

    def alarm(self, reason: AlarmReason) -> AlarmVerdict:
        return AlarmVerdict(state=AlarmState.ALARM, reason=reason, text=self._text(AlarmState.ALARM, reason))

    def ok(self, reason: AlarmReason) -> AlarmVerdict:
        return AlarmVerdict(state=AlarmState.OK, reason=reason, text=self._text(AlarmState.OK, reason))

    def _text(self, state: AlarmState, reason: AlarmReason) -> str:
        alarm = self.alarm_spec
        to_alarm = state is AlarmState.ALARM
        shown = self.breaching if to_alarm else self.fine
        needed = alarm.datapoints_to_alarm if to_alarm else alarm.evaluation_periods - alarm.datapoints_to_alarm + 1
        listed = ", ".join(f"{value} ({label})" if label else f"{value}" for _, value, label in shown)
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
