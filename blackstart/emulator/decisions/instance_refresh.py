"""An instance refresh: whom it replaces next, when it waits, and when it has succeeded or failed.

Sources: EC2 Auto Scaling user guide, "How an instance refresh works", "Add checkpoints to an instance refresh", "Undo
changes with a rollback", "Use an instance refresh with skip matching"; API reference, RefreshPreferences.
"""

from collections.abc import Sequence
from typing import NamedTuple

from blackstart.emulator.decisions.refresh_state import (
    NO_POOL,
    PATIENT,
    Pool,
    Preferences,
    RefreshState,
    RefreshStatus,
    RefreshStep,
    Waiting,
)
from blackstart.emulator.decisions.rolling_replacement import replace_next
from blackstart.emulator.decisions.scaling_group import (
    COMING,
    COUNTED,
    LEAVING,
    OUT_FOR_A_WHILE,
    GroupSnapshot,
    Lifecycle,
    MemberSnapshot,
    Process,
)

TIMEOUT_S = 3600.0
"""How long a refresh keeps trying without making progress."""
LONGEST_S = 14 * 86_400.0


class _Count(NamedTuple):
    left: list[MemberSnapshot]
    standby: list[MemberSnapshot]
    ready: set[str]
    counted: list[MemberSnapshot]
    updated: int
    total: int


def begun(
    members: Sequence[MemberSnapshot], preferences: Preferences, unmatched: frozenset[str] | None, now_s: float
) -> RefreshState:
    """A refresh that is pending. unmatched: with skip matching, the members that differ from the configuration."""
    present = frozenset(member.instance_id for member in members if member.lifecycle not in LEAVING)
    ignored = frozenset(member.instance_id for member in members if _ignored(member, preferences))
    old = (present if unmatched is None else unmatched & present) - ignored
    return RefreshState(RefreshStatus.PENDING, now_s, now_s, old=old, original=present, to_update=len(old))


def rolled_back(state: RefreshState, members: Sequence[MemberSnapshot], now_s: float) -> RefreshState:
    """The refresh turned round: whoever was launched since it started is replaced."""
    launched = frozenset(m.instance_id for m in members if m.lifecycle not in LEAVING) - state.original
    return state._replace(
        status=RefreshStatus.ROLLBACK_IN_PROGRESS, progress_s=now_s, old=launched, until_s=None, waiting=None
    )


def advance(
    state: RefreshState,
    preferences: Preferences,
    group: GroupSnapshot,
    now_s: float,
    *,
    not_serving: frozenset[str] = frozenset(),
    unmatched: frozenset[str] | None = None,
    alarming: bool = False,
    surge: int = 0,
    pool: Pool = NO_POOL,
) -> RefreshStep:
    """One step. not_serving: members that a load balancer does not find healthy yet. surge: what is in force.

    Differs from AWS: which old instance goes first is not published; here the one launched first.
    """
    if state.status is RefreshStatus.CANCELLING:
        moving = any(m.lifecycle in COMING or m.lifecycle in LEAVING for m in group.members)
        return RefreshStep(state if moving else state._replace(status=RefreshStatus.CANCELLED))
    if state.status is RefreshStatus.PENDING:
        state = state._replace(status=RefreshStatus.IN_PROGRESS, progress_s=now_s)
    if alarming and state.status is not RefreshStatus.ROLLBACK_IN_PROGRESS:
        return RefreshStep(state._replace(status=RefreshStatus.FAILED, waiting=Waiting.ALARM))
    if unmatched is not None and state.status is RefreshStatus.IN_PROGRESS:
        state = state._replace(old=unmatched)
    if state.status is RefreshStatus.BAKING:
        return RefreshStep(_baked(state, now_s))
    if Process.INSTANCE_REFRESH in group.suspended:
        paused = state._replace(progress_s=now_s, waiting=Waiting.SUSPENDED, example="")
        return RefreshStep(paused, surge=surge)
    return _rolling(state, preferences, group, not_serving, surge, pool, now_s)


def _rolling(
    state: RefreshState,
    preferences: Preferences,
    group: GroupSnapshot,
    not_serving: frozenset[str],
    surge: int,
    pool: Pool,
    now_s: float,
) -> RefreshStep:
    count = _count(state, preferences, group, not_serving, now_s)
    state = _with_progress(state, count, now_s)
    checkpoint: int | None = None
    if state.status is RefreshStatus.IN_PROGRESS and preferences.checkpoints:
        state, checkpoint = _at_checkpoint(state, preferences, now_s)
    if _finished(state, preferences, group, count):
        return _last(state, preferences, pool, now_s)._replace(checkpoint=checkpoint)
    if state.until_s is not None and now_s < state.until_s:
        return RefreshStep(state._replace(progress_s=now_s, waiting=Waiting.CHECKPOINT, example=""), (), 0, checkpoint)
    if now_s - state.started_s >= LONGEST_S:
        return RefreshStep(_failed(state), checkpoint=checkpoint)
    blocked = bool({Process.LAUNCH, Process.TERMINATE} & group.suspended)
    allowed = 0 if blocked else _allowed(state, preferences, count)
    replaceable = [m for m in count.left if _replaceable(m, preferences)][:allowed]
    terminated = [m.instance_id for m in count.standby if preferences.standby == "Terminate"][:allowed]
    next_ = replace_next(
        group.desired,
        preferences.min_healthy_percent,
        preferences.max_healthy_percent,
        len(count.ready),
        len(replaceable),
    )
    gone = (*terminated, *(m.instance_id for m in replaceable[: next_.terminate]))
    if gone or next_.surge > surge:
        return RefreshStep(state._replace(progress_s=now_s, waiting=None, example=""), gone, next_.surge, checkpoint)
    waiting, example = _wait(preferences, group, count, now_s)
    state = state._replace(until_s=None, waiting=waiting, example=example)
    if now_s - state.progress_s >= TIMEOUT_S and waiting not in PATIENT:
        return RefreshStep(_failed(state), checkpoint=checkpoint)
    return RefreshStep(state, (), next_.surge, checkpoint)


def _last(state: RefreshState, preferences: Preferences, pool: Pool, now_s: float) -> RefreshStep:
    """All members are new: the warm pool follows, then the refresh has succeeded."""
    if not pool.left and not pool.unready:
        return RefreshStep(_succeeded(state, preferences, now_s))
    waiting = state._replace(progress_s=now_s if pool.left else state.progress_s, waiting=Waiting.UNAVAILABLE)
    late = now_s - waiting.progress_s >= TIMEOUT_S
    return RefreshStep(_failed(waiting) if late else waiting, replace_pool=True)


def _failed(state: RefreshState) -> RefreshState:
    back = state.status is RefreshStatus.ROLLBACK_IN_PROGRESS
    return state._replace(status=RefreshStatus.ROLLBACK_FAILED if back else RefreshStatus.FAILED)


def _ignored(member: MemberSnapshot, preferences: Preferences) -> bool:
    if member.lifecycle in OUT_FOR_A_WHILE:
        return preferences.standby == "Ignore"
    return member.protected and preferences.protected == "Ignore"


def _count(
    state: RefreshState, preferences: Preferences, group: GroupSnapshot, not_serving: frozenset[str], now_s: float
) -> _Count:
    counted = [m for m in group.members if m.lifecycle in COUNTED]
    inside = [m for m in counted if m.instance_id in state.old and not _ignored(m, preferences)]
    standby = [
        m
        for m in group.members
        if m.lifecycle in OUT_FOR_A_WHILE and m.instance_id in state.old and not _ignored(m, preferences)
    ]
    old = {m.instance_id for m in inside}
    ready = {
        m.instance_id
        for m in counted
        if m.lifecycle is Lifecycle.IN_SERVICE
        and m.unhealthy is None
        and m.instance_id not in not_serving
        and (m.instance_id in old or _warm(m, preferences, now_s))
    }
    ignored = sum(_ignored(m, preferences) for m in counted)
    updated = sum(m.instance_id in ready and m.instance_id not in old and not _ignored(m, preferences) for m in counted)
    total = max(0, group.desired - ignored) + len(standby)
    return _Count(sorted(inside, key=_age), standby, ready, counted, updated, total)


def _age(member: MemberSnapshot) -> tuple[float, str]:
    return member.launched_s, member.instance_id


def _warm(member: MemberSnapshot, preferences: Preferences, now_s: float) -> bool:
    return member.in_service_s is not None and now_s >= member.in_service_s + preferences.warm_up_s


def _replaceable(member: MemberSnapshot, preferences: Preferences) -> bool:
    waits = member.protected and preferences.protected == "Wait"
    return member.lifecycle is Lifecycle.IN_SERVICE and not waits


def _with_progress(state: RefreshState, count: _Count, now_s: float) -> RefreshState:
    """The figures that are shown. Rolling back, the percentage goes back down to zero."""
    left = len(count.left) + len(count.standby)
    if state.status is RefreshStatus.ROLLBACK_IN_PROGRESS:
        done = min(left, count.total)
        percent, to_update = (100 * done // count.total if count.total else 0), count.total - done
    else:
        to_update = max(left, count.total - count.updated)
        percent = 100 * (count.total - min(to_update, count.total)) // count.total if count.total else 100
    if to_update < state.to_update:
        state = state._replace(progress_s=now_s)
    return state._replace(percent=percent, to_update=to_update)


def _at_checkpoint(state: RefreshState, preferences: Preferences, now_s: float) -> tuple[RefreshState, int | None]:
    """Note the highest checkpoint that is reached; one that is not reached any more will be reached again."""
    reached = max((c for c in preferences.checkpoints if c <= state.percent), default=0)
    if reached <= state.reached:
        return state._replace(reached=reached), None
    until_s = now_s + preferences.checkpoint_delay_s if reached < preferences.checkpoints[-1] else None
    return state._replace(reached=reached, until_s=until_s), reached if reached < 100 else None


def _allowed(state: RefreshState, preferences: Preferences, count: _Count) -> int:
    """How many more may be replaced before the next checkpoint."""
    left = len(count.left) + len(count.standby)
    coming = [c for c in preferences.checkpoints if c > state.reached]
    if not coming or state.status is RefreshStatus.ROLLBACK_IN_PROGRESS:
        return left
    return max(0, -(-coming[0] * count.total // 100) - (count.total - left))


def _finished(state: RefreshState, preferences: Preferences, group: GroupSnapshot, count: _Count) -> bool:
    new_ready = all(m.instance_id in count.ready for m in count.counted if m.instance_id not in state.old)
    partial = (
        state.status is RefreshStatus.IN_PROGRESS
        and bool(preferences.checkpoints)
        and state.reached >= preferences.checkpoints[-1]
    )
    if not new_ready or len(count.counted) < group.desired:
        return False
    return partial or not (count.left or count.standby)


def _succeeded(state: RefreshState, preferences: Preferences, now_s: float) -> RefreshState:
    state = state._replace(until_s=None, waiting=None, example="")
    if state.status is RefreshStatus.ROLLBACK_IN_PROGRESS:
        return state._replace(status=RefreshStatus.ROLLBACK_SUCCESSFUL)
    if preferences.bake_s > 0:
        until_s = now_s + preferences.bake_s
        return state._replace(status=RefreshStatus.BAKING, until_s=until_s, waiting=Waiting.BAKING)
    return state._replace(status=RefreshStatus.SUCCESSFUL)


def _baked(state: RefreshState, now_s: float) -> RefreshState:
    if state.until_s is not None and now_s < state.until_s:
        return state
    return state._replace(status=RefreshStatus.SUCCESSFUL, until_s=None, waiting=None)


def _wait(preferences: Preferences, group: GroupSnapshot, count: _Count, now_s: float) -> tuple[Waiting, str]:
    """What a refresh that can do nothing waits for, with an example."""
    if {Process.LAUNCH, Process.TERMINATE} & group.suspended:
        return Waiting.BLOCKED, ""
    late = next((m for m in count.counted if m.instance_id not in count.ready), None)
    if late is not None and late.lifecycle is Lifecycle.IN_SERVICE:
        warming = late.unhealthy is None and not _warm(late, preferences, now_s)
        return Waiting.WARMING_UP if warming else Waiting.UNHEALTHY, late.instance_id
    if late is not None or len(count.counted) < group.desired:
        return Waiting.UNAVAILABLE, late.instance_id if late is not None else ""
    held = next((m for m in count.left if not _replaceable(m, preferences)), None)
    if held is not None:
        return Waiting.PROTECTED, held.instance_id
    return Waiting.STANDBY, count.standby[0].instance_id if count.standby else ""
