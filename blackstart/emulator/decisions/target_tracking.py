"""Target tracking: what capacity a metric asks for, and the alarms that a policy watches it with.

Sources: EC2 Auto Scaling user guide, "Target tracking scaling policies". That instances are added in proportion and
rounded up in both directions is the guide's; how many periods the alarms look at is seen in alarms that users
published: 3 for scaling out, 15 for scaling in. Where the low alarm's threshold lies is not published either: 90 % of
the target in newer alarms, 70 % in older ones (a parameter). "Scaling in more gradually" is the guide's; users'
activities show one instance at a time in groups of up to seven (a parameter, too).
"""

import math
from typing import NamedTuple

from blackstart.emulator.decisions.scaling_policy import Outcome, Room, ScalingPolicy, Verdict

HIGH_PERIODS = 3
LOW_PERIODS = 15
METRIC_LAG_S = 120.0
"""How long after a scale-in the newest evaluated minute may still be about the capacity before it."""
_HAIR = 1e-9


class TrackingAlarm(NamedTuple):
    """One alarm of a policy. kind: as in its name."""

    kind: str
    comparison: str
    threshold: float
    periods: int


def tracking_alarms(target: float, low_ratio: float, scales_in: bool) -> tuple[TrackingAlarm, ...]:
    """The alarms of a policy; there is none to scale in by when scaling in is disabled."""
    high = TrackingAlarm("AlarmHigh", "GreaterThanThreshold", target, HIGH_PERIODS)
    low = TrackingAlarm("AlarmLow", "LessThanThreshold", round(target * low_ratio, 6), LOW_PERIODS)
    return (high, low) if scales_in else (high,)


def tracking_outcome(policy: ScalingPolicy, room: Room, value: float | None, gradual_percent: float = 100.0) -> Outcome:
    """The capacity at which the metric would be at its target, rounded up: more when adding, fewer when removing.

    gradual_percent: the most that is removed at once, of the desired capacity, but at least one instance. A group
    without instances gets one when the metric is above the target.
    """
    if value is None:
        return Outcome(room.desired, Verdict.NO_DATA)
    ratio = value / policy.target
    if ratio >= 1:
        return room.towards(_up(room.current * ratio) or 1)
    if not policy.scales_in:
        return Outcome(room.desired, Verdict.SCALE_IN_DISABLED)
    most = max(1, int(room.desired * gradual_percent / 100))
    return room.towards(max(_up(max(room.current, room.measured) * ratio), room.desired - most))


def _up(capacity: float) -> int:
    return math.ceil(capacity - _HAIR)
