"""What the emulator keeps of a region's alarms beside moto's: history, composite alarms, held actions.

It lives on moto's backend, so a reset clears it too.
Source: CloudWatch API reference, DescribeAlarmHistory.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from blackstart.emulator.controllers.alarms import AlarmView
from blackstart.emulator.decisions.action_suppression import Suppression
from blackstart.emulator.decisions.alarm_state import AlarmState
from blackstart.emulator.decisions.composite_alarm import in_cycles, read_rule

KEPT_S = 30 * 86400.0
"""How long CloudWatch keeps an alarm's history."""


class HistoryItem(NamedTuple):
    """One entry of an alarm's history. item_type: StateUpdate, ConfigurationUpdate or Action. data: a JSON document."""

    time_s: float
    alarm_name: str
    alarm_type: str
    item_type: str
    summary: str
    data: str


class Held(NamedTuple):
    """Actions of a composite alarm that wait. old: the state that it had before."""

    suppression: Suppression
    old: AlarmState


@dataclass(slots=True)
class RegionAlarms:
    """history: oldest first. views: by alarm name, moto's alarm and how it is evaluated, or why it is not.

    parents: by alarm name, the composite alarms whose rules name it. suppressed: by suppressor's name, the composite
    alarms that it suppresses. cyclic: composite alarms that are not evaluated. changed: composite alarms to evaluate,
    each with the alarm that was the reason.
    """

    history: list[HistoryItem] = field(default_factory=list)
    views: dict[str, tuple[Any, AlarmView | str]] = field(default_factory=dict)
    parents: dict[str, set[str]] = field(default_factory=dict)
    suppressed: dict[str, set[str]] = field(default_factory=dict)
    cyclic: frozenset[str] = frozenset()
    changed: dict[str, str] = field(default_factory=dict)
    held: dict[str, Held] = field(default_factory=dict)


def of_region(backend: Any) -> RegionAlarms:
    found: RegionAlarms | None = backend.__dict__.get("blackstart_alarms")
    if found is None:
        found = backend.__dict__["blackstart_alarms"] = RegionAlarms()
    return found


def backends() -> Iterator[Any]:
    """moto's CloudWatch backend of every account and region in use."""
    from moto.cloudwatch.models import cloudwatch_backends

    for regions in cloudwatch_backends.values():
        yield from regions.values()


def record(backend: Any, alarm: Any, item_type: str, summary: str, data: dict[str, Any], now_s: float) -> None:
    alarm_type = "CompositeAlarm" if alarm.rule else "MetricAlarm"
    history = of_region(backend).history
    if history and history[0].time_s < now_s - KEPT_S - 86400.0:  # a day's entries go together
        history[:] = [item for item in history if item.time_s >= now_s - KEPT_S]
    history.append(HistoryItem(now_s, alarm.name, alarm_type, item_type, summary, json.dumps(data)))


def suppressor_of(alarm: Any) -> str | None:
    """The name of a composite alarm's suppressor, which may be given as an ARN."""
    given: str | None = getattr(alarm, "actions_suppressor", None)
    return given.split(":alarm:", 1)[-1] if given else None


def rules_changed(backend: Any) -> None:
    """Read all rules again, after an alarm was put or deleted."""
    region = of_region(backend)
    composites = {name: alarm for name, alarm in backend.alarms.items() if alarm.rule}
    below = {name: read_rule(alarm.rule).children for name, alarm in composites.items()}
    region.parents = _turned_round(below)
    suppressors: dict[str, tuple[str, ...]] = {
        name: (by,) for name, alarm in composites.items() if (by := suppressor_of(alarm))
    }
    region.suppressed = _turned_round(suppressors)
    cyclic = in_cycles(below)
    region.changed.update({name: name for name in sorted(region.cyclic - cyclic)})  # a broken cycle goes on
    region.cyclic = cyclic
    region.held = {name: held for name, held in region.held.items() if name in composites}
    for name in region.views.keys() - backend.alarms.keys():
        del region.views[name]


def _turned_round(below: dict[str, tuple[str, ...]]) -> dict[str, set[str]]:
    above: dict[str, set[str]] = {}
    for name, names in below.items():
        for each in names:
            above.setdefault(each, set()).add(name)
    return above
