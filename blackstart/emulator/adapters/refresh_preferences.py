"""The preferences and the desired configuration of StartInstanceRefresh: read, filled in, refused.

Where AWS's words are not published, the API reference's sentences stand for them.
"""

from collections.abc import Mapping
from typing import Any

from blackstart.emulator.adapters import moto_backends
from blackstart.emulator.adapters.auto_scaling_errors import between, constraint, one_of, refusal
from blackstart.emulator.adapters.moto_instance_refresh import configured
from blackstart.emulator.decisions.refresh_state import Preferences
from blackstart.emulator.decisions.rolling_replacement import LEGACY_MIN_HEALTHY_PERCENT
from blackstart.emulator.decisions.scaling_group import GroupSnapshot

MAX_ALARMS, MAX_DELAY_S = 10, 172_800


def preferences_of(settings: GroupSnapshot, group: Any, given: Mapping[str, Any]) -> Preferences:
    """The preferences with their defaults. Raises Auto Scaling's ValidationError."""

    def number(name: str, least: int, most: int | None = None) -> int | None:
        value = None if given.get(name) is None else int(given[name])
        between(value, f"preferences.{name[0].lower()}{name[1:]}", least, most)
        return value

    low, high = number("MinHealthyPercentage", 0, 100), number("MaxHealthyPercentage", 100, 200)
    if high is not None and (low is None or high - low > 100):
        raise refusal(
            "If you specify MaxHealthyPercentage, you must also specify MinHealthyPercentage, and the difference "
            "between them cannot be greater than 100."
        )
    if low is None:
        low, high = settings.min_healthy_percent, settings.max_healthy_percent
    warm_up_s, delay_s = number("InstanceWarmup", 0), number("CheckpointDelay", 0, MAX_DELAY_S)
    checkpoints = tuple(int(each) for each in given.get("CheckpointPercentages") or ())
    _check_checkpoints(checkpoints, delay_s)
    one_of(
        given.get("ScaleInProtectedInstances"), "preferences.scaleInProtectedInstances", ("Refresh", "Ignore", "Wait")
    )
    one_of(given.get("StandbyInstances"), "preferences.standbyInstances", ("Terminate", "Ignore", "Wait"))
    alarms = tuple((given.get("AlarmSpecification") or {}).get("Alarms") or ())
    _check_alarms(group, alarms)
    if warm_up_s is None:
        default = getattr(group, "default_instance_warmup", None)
        warm_up_s = int(settings.grace_period_s) if default is None or int(default) < 0 else int(default)
    return Preferences(
        min_healthy_percent=LEGACY_MIN_HEALTHY_PERCENT if low is None else low,
        max_healthy_percent=high,
        warm_up_s=float(warm_up_s),
        checkpoints=checkpoints,
        checkpoint_delay_s=3600.0 if delay_s is None else float(delay_s),
        skip_matching=true_of(given.get("SkipMatching")),
        auto_rollback=true_of(given.get("AutoRollback")),
        protected=given.get("ScaleInProtectedInstances") or "Wait",
        standby=given.get("StandbyInstances") or "Wait",
        alarms=alarms,
        bake_s=float(number("BakeTime", 0, MAX_DELAY_S) or 0),
    )


def true_of(value: Any) -> bool:
    return str(value).lower() == "true"


def _check_checkpoints(checkpoints: tuple[int, ...], delay_s: int | None) -> None:
    if delay_s is not None and not checkpoints:
        raise refusal("If you specify CheckpointDelay, you must also specify CheckpointPercentages.")
    for percentage in checkpoints:
        if not 1 <= percentage <= 100:
            raise constraint(list(checkpoints), "preferences.checkpointPercentages", "be between 1 and 100")
    if list(checkpoints) != sorted(set(checkpoints)):
        raise refusal("CheckpointPercentages must be unique and in ascending order.")


def _check_alarms(group: Any, alarms: tuple[str, ...]) -> None:
    if len(alarms) > MAX_ALARMS:
        raise refusal(f"You can specify up to {MAX_ALARMS} alarms.")
    known = {
        name
        for backend in moto_backends.existing("cloudwatch")
        if (backend.account_id, backend.region_name) == (group.account_id, group.region)
        for name in backend.alarms
    }
    for name in alarms:
        if name not in known:
            raise refusal(f"The alarm {name} does not exist.")


def check_desired(group: Any, desired: Mapping[str, Any] | None) -> None:
    """Refuse a configuration that nothing can be launched from."""
    from moto.core.exceptions import ServiceException

    if not desired:
        return
    if bool(desired.get("LaunchTemplate")) == bool(desired.get("MixedInstancesPolicy")):
        raise refusal(
            "You must specify either a LaunchTemplate or a MixedInstancesPolicy in the desired configuration."
        )
    try:
        with configured(group, desired):
            _ = group.image_id
    except ServiceException as error:
        raise refusal(str(getattr(error, "message", error))) from error


def shown_preferences(preferences: Preferences) -> dict[str, Any]:
    """The preferences as they are described, where the caller gave none."""
    shown: dict[str, Any] = {
        "MinHealthyPercentage": preferences.min_healthy_percent,
        "InstanceWarmup": int(preferences.warm_up_s),
        "SkipMatching": preferences.skip_matching,
        "AutoRollback": preferences.auto_rollback,
        "ScaleInProtectedInstances": preferences.protected,
        "StandbyInstances": preferences.standby,
    }
    if preferences.max_healthy_percent is not None:
        shown["MaxHealthyPercentage"] = preferences.max_healthy_percent
    if preferences.checkpoints:
        shown["CheckpointDelay"] = int(preferences.checkpoint_delay_s)
    return shown
