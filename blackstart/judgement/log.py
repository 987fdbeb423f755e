"""What was done and what the scaling group did, as lines to read, oldest first."""

from collections.abc import Iterator

from blackstart.domain.journal import (
    Applied,
    ApplyFailed,
    EffectVerified,
    Intent,
    Record,
    Reverted,
    ScalingActivity,
    StopRequested,
)
from blackstart.judgement.evidence import Evidence


def actions(evidence: Evidence) -> tuple[str, ...]:
    """Everything that was done to the system, each line with its virtual second relative to the injection."""
    told = ((record, _told(record)) for record in evidence.records)
    return tuple(f"{_stamp(evidence, evidence.time_s(record))}  {words}" for record, words in told if words)


def _told(record: Record) -> str:
    event = record.event
    words = ""
    match event:
        case Intent():
            words = f"about to {event.action} on {', '.join(event.target_ids)} ({event.reversibility})"
        case Applied():
            words = "applied"
        case ApplyFailed():
            words = f"refused: {event.error}"
        case EffectVerified():
            words = f"{'effect seen' if event.seen else 'NO effect'}: {event.detail}"
        case Reverted():
            words = f"restored: {event.restored}: {event.detail}"
        case StopRequested():
            return f"stop ({event.cause}): {event.detail}"
        case _:
            return ""
    return f"{event.injection}: {words}"


def activities(evidence: Evidence) -> tuple[str, ...]:
    """Each scaling activity once, by its last known status, in the order in which they started."""
    newest = {event.activity_id: event for _, event in evidence.of(ScalingActivity)}
    ordered = sorted(newest.values(), key=lambda activity: (activity.started_s, activity.activity_id))
    return tuple(line for activity in ordered for line in _activity(evidence, activity))


def _activity(evidence: Evidence, activity: ScalingActivity) -> Iterator[str]:
    took = f", {activity.ended_s - activity.started_s:.0f} s" if activity.ended_s is not None else ""
    yield f"{_stamp(evidence, activity.started_s)}  {activity.description} ({activity.status}{took}). {activity.cause}"


def _stamp(evidence: Evidence, time_s: float) -> str:
    return f"{evidence.relative_s(time_s):+7.1f} s"
