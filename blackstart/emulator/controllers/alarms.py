"""Evaluates every alarm once a virtual minute (each 10 s for high resolution, once an hour for multi-day alarms).

Source: CloudWatch user guide, "Alarm evaluation", "Alarm actions"; API reference, MetricAlarm.
"""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from blackstart.domain.unserved import Unserved
from blackstart.emulator.controllers.metric_store import MetricKey, MetricStore
from blackstart.emulator.decisions.alarm_state import AlarmSpec, AlarmState, AlarmVerdict, evaluate
from blackstart.emulator.decisions.metric_math import Query, resolve
from blackstart.emulator.decisions.metric_math_syntax import MathError
from blackstart.emulator.decisions.metric_math_values import Series
from blackstart.emulator.decisions.metric_statistics import has_low_samples

EVALUATION_OFFSET_S = 10.0
"""How long after the minute its alarms are evaluated, so that the minute's last counters are there. AWS gives each
alarm a second of its own within the minute and does not publish which."""
CATCH_UP = 120
"""Evaluations made up for after a stall; beyond that only the newest counts."""
MULTI_DAY_S = 86400
"""An alarm that looks back further than this is evaluated once an hour, over whole hours."""


class WatchedMetric(NamedTuple):
    """One metric of an alarm, read with one statistic."""

    key: MetricKey
    statistic: str
    unit: str | None = None


class AlarmView(NamedTuple):
    """An alarm as the controller needs it. handle: the backend's own object.

    metrics, expressions: by id; returned: the id whose series is compared. ignore_low_samples: percentile alarms with
    EvaluateLowSampleCountPercentile = ignore. repeats: it has actions that are repeated while a state lasts.
    """

    handle: Any
    spec: AlarmSpec
    metrics: Mapping[str, WatchedMetric]
    returned: str
    expressions: Mapping[str, str] = {}
    ignore_low_samples: bool = False
    repeats: bool = False


class EvaluatedPoint(NamedTuple):
    """One real point of the window: start of its period, value, SampleCount where it is one metric's."""

    start_s: float
    value: float
    sample_count: float | None


class AlarmBook(Protocol):
    """Where alarms live and how a state change is written and acted on."""

    def served(self) -> Iterable[AlarmView]: ...

    def state(self, view: AlarmView) -> AlarmState: ...

    def transition(
        self,
        view: AlarmView,
        verdict: AlarmVerdict,
        starts_s: Sequence[float],
        points: Sequence[EvaluatedPoint],
        now_s: float,
    ) -> None: ...

    def remains(self, view: AlarmView, value: float | None, now_s: float) -> None:
        """An evaluation in which a view with `repeats` kept its state. value: its newest point."""

    def settle(self, now_s: float) -> None:
        """Bring composite alarms to what their rules say, and take actions that waited long enough."""

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
        if self._due_s is None or now_s - self._due_s > CATCH_UP * 10:
            self._due_s = now_s // 10 * 10
        while self._due_s <= now_s:
            self._book.settle(self._due_s)
            self._evaluate_all(self._due_s)
            self._due_s += 10.0
        self._book.settle(now_s)

    def unserved(self) -> tuple[str, ...]:
        """What alarms declare and the emulator does not act on, one phrase each."""
        return tuple(thing.reason for thing in self._book.unserved())

    def unserved_resources(self) -> tuple[Unserved, ...]:
        """The same by resource."""
        return self._book.unserved()

    def _evaluate_all(self, time_s: float) -> None:
        minute, hour = time_s % 60 == EVALUATION_OFFSET_S, time_s % 3600 == EVALUATION_OFFSET_S
        for view in self._book.served():
            spec = view.spec
            if spec.period_s < 60:
                self._evaluate(view, time_s, time_s)
            elif minute and (hour or spec.period_s * spec.evaluation_periods <= MULTI_DAY_S):
                # the window slides with each evaluation; only points are bound to whole minutes
                self._evaluate(view, time_s, time_s - EVALUATION_OFFSET_S)

    def _evaluate(self, view: AlarmView, time_s: float, newest_end_s: float) -> None:
        spec = view.spec
        length = spec.evaluation_periods + self._extra
        start_s = newest_end_s - spec.period_s * length
        if view.expressions or view.ignore_low_samples:
            window, low_samples = self._of_several(view, start_s, newest_end_s, length)
        else:
            metric = view.metrics[view.returned]
            window = self._store.window(metric.key, start_s, spec.period_s, length, metric.statistic, metric.unit)
            low_samples = False
        verdict = evaluate(window, spec, low_samples=low_samples)
        if verdict.state is not None and verdict.state is not self._book.state(view):
            starts = [start_s + spec.period_s * number for number in range(length)]
            points = self._points(view, starts, window)
            self._book.transition(view, verdict, starts, points[-spec.evaluation_periods :], time_s)
        elif view.repeats:
            newest = next((value for value in reversed(window) if value is not None), None)
            self._book.remains(view, newest, time_s)

    def _of_several(
        self, view: AlarmView, start_s: float, end_s: float, length: int
    ) -> tuple[Sequence[float | None], bool]:
        """The window of metric math, or of a percentile that is not to rest on few samples, and whether it does."""
        period_s = view.spec.period_s
        starts = [start_s + period_s * number for number in range(length)]
        metrics: dict[str, Series] = {}
        low_samples = False
        for name, metric in view.metrics.items():
            window = self._store.window(metric.key, start_s, period_s, length, metric.statistic, metric.unit)
            metrics[name] = {at: value for at, value in zip(starts, window, strict=True) if value is not None}
            if view.ignore_low_samples and not low_samples:
                newest = deque(self._store.periods(metric.key, start_s, end_s, period_s, metric.unit), maxlen=1)
                low_samples = any(has_low_samples(metric.statistic, part.real_count) for _, part in newest)
        values = _values(view, metrics, starts)
        return [values.get(start) for start in starts], low_samples

    def _points(
        self, view: AlarmView, starts: Sequence[float], window: Sequence[float | None]
    ) -> Sequence[EvaluatedPoint]:
        metric, period_s = view.metrics.get(view.returned), view.spec.period_s
        points = []
        for start, value in zip(starts, window, strict=True):
            if value is not None:
                part = self._store.aggregate(metric.key, start, start + period_s, metric.unit) if metric else None
                points.append(EvaluatedPoint(start, value, part.count if part else None))
        return points


def _values(view: AlarmView, metrics: Mapping[str, Series], starts: Sequence[float]) -> Series:
    if not view.expressions:
        return metrics[view.returned]
    try:
        periods_s = dict.fromkeys(metrics, view.spec.period_s)
        found = resolve(view.expressions, Query(metrics, starts, periods_s))[view.returned]
    except MathError:
        # read without fault when it was put; numbers that there are none of (an average of nothing) may still fail it
        return {}
    return found if isinstance(found, Mapping) else {}
