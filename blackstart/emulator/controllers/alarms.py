"""Evaluates every alarm once a virtual minute (each 10 s for high resolution) and carries out its actions.

Source: CloudWatch user guide, "Alarm evaluation", "Alarm actions"; API reference, MetricAlarm.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol, cast

from pydantic import ConfigDict

from blackstart.domain.model import Model
from blackstart.domain.unserved import Unserved
from blackstart.emulator.controllers.metric_store import MetricKey, MetricStore
from blackstart.emulator.decisions.alarm_state import AlarmSpec, AlarmState, AlarmVerdict, evaluate
from blackstart.emulator.decisions.metric_math import Query, resolve
from blackstart.emulator.decisions.metric_math_values import Series
from blackstart.emulator.decisions.metric_statistics import Aggregate, has_low_samples, statistic

EVALUATION_OFFSET_S = 10.0
"""How long after the minute its alarms are evaluated, so that the minute's last counters are there. AWS gives each
alarm a second of its own within the minute and does not publish which."""
CATCH_UP = 120
"""Evaluations made up for after a stall; beyond that only the newest counts."""


class WatchedMetric(Model):
    """One metric of an alarm, read with one statistic."""

    key: MetricKey
    statistic: str
    unit: str | None = None


class AlarmView(Model):
    """An alarm as the controller needs it. handle: the backend's own object.

    metrics, expressions: by id; returned: the id whose series is compared. ignore_low_samples: percentile alarms with
    EvaluateLowSampleCountPercentile = ignore.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    handle: Any
    state: AlarmState
    spec: AlarmSpec
    metrics: dict[str, WatchedMetric]
    expressions: dict[str, str] = {}
    returned: str
    ignore_low_samples: bool = False

    @property
    def high_resolution(self) -> bool:
        return self.spec.period_s < 60


class EvaluatedPoint(NamedTuple):
    """One real point of the window: start of its period, value, SampleCount where it is one metric's."""

    start_s: float
    value: float
    sample_count: float | None


class AlarmBook(Protocol):
    """Where alarms live and how a state change is written and acted on."""

    def served(self) -> Iterable[AlarmView]: ...

    def labels(self, starts_s: Sequence[float]) -> Sequence[str]: ...

    def transition(
        self, view: AlarmView, verdict: AlarmVerdict, points: Sequence[EvaluatedPoint], now_s: float
    ) -> None: ...

    def settle_composites(self, now_s: float) -> None: ...

    def unserved(self) -> tuple[Unserved, ...]: ...


class AlarmsController:
    """evaluation_range_extra: periods looked at beyond the evaluation periods (Parameters)."""

    def __init__(self, store: MetricStore, book: AlarmBook, evaluation_range_extra: int = 2) -> None:
        self._store = store
        self._book = book
        self._extra = evaluation_range_extra
        self._due_s: float | None = None

    def tick(self, now_s: float) -> None:
        """Evaluate what has come due since the last tick, in order, each at its own time."""
        if self._due_s is None:
            self._due_s = now_s // 10 * 10
        if now_s - self._due_s > CATCH_UP * 10:
            self._due_s = now_s // 10 * 10
        while self._due_s <= now_s:
            self._evaluate_all(self._due_s)
            self._due_s += 10.0

    def unserved(self) -> tuple[str, ...]:
        """What alarms declare and the emulator does not act on, one phrase each."""
        return tuple(thing.reason for thing in self._book.unserved())

    def unserved_resources(self) -> tuple[Unserved, ...]:
        """The same by resource."""
        return self._book.unserved()

    def _evaluate_all(self, time_s: float) -> None:
        minute = time_s % 60 == EVALUATION_OFFSET_S
        views = [view for view in self._book.served() if minute or view.high_resolution]
        for view in views:
            self._evaluate(view, time_s)
        self._book.settle_composites(time_s)

    def _evaluate(self, view: AlarmView, time_s: float) -> None:
        period_s = view.spec.period_s
        # the window slides with each evaluation; only points are bound to whole minutes
        newest_end = time_s if view.high_resolution else time_s - EVALUATION_OFFSET_S
        length = view.spec.evaluation_periods + self._extra
        starts = [newest_end - period_s * age for age in range(length, 0, -1)]
        aggregates = self._aggregates(view, starts)
        values = self._values(view, aggregates, starts)
        window = [values.get(start) for start in starts]
        low_samples = view.ignore_low_samples and _low_samples(view, aggregates)
        verdict = evaluate(window, view.spec, labels=self._book.labels(starts), low_samples=low_samples)
        if verdict.state is None or verdict.state is view.state:
            return
        single = aggregates.get(view.returned, {})
        points = [
            EvaluatedPoint(start, value, single[start].count if start in single else None)
            for start, value in zip(starts, window, strict=True)
            if value is not None
        ]
        self._book.transition(view, verdict, points[-view.spec.evaluation_periods :], time_s)

    def _aggregates(self, view: AlarmView, starts: Sequence[float]) -> dict[str, dict[float, Aggregate]]:
        end_s = starts[-1] + view.spec.period_s
        return {
            name: dict(self._store.periods(metric.key, starts[0], end_s, view.spec.period_s, metric.unit))
            for name, metric in view.metrics.items()
        }

    def _values(
        self, view: AlarmView, aggregates: Mapping[str, Mapping[float, Aggregate]], starts: Sequence[float]
    ) -> Series:
        metrics: dict[str, Series] = {}
        for name, periods in aggregates.items():
            numbers = ((at, statistic(part, view.metrics[name].statistic)) for at, part in periods.items())
            metrics[name] = {at: number for at, number in numbers if number is not None}
        return cast(Series, resolve(view.expressions, Query(metrics, starts))[view.returned])


def _low_samples(view: AlarmView, aggregates: Mapping[str, Mapping[float, Aggregate]]) -> bool:
    """Whether the newest data of any percentile rests on too few samples."""
    return any(
        has_low_samples(view.metrics[name].statistic, periods[max(periods)].real_count)
        for name, periods in aggregates.items()
        if periods
    )
