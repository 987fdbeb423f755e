"""The calls of instance refresh, which moto lacks.

Added: `start_instance_refresh` and its siblings. Replaced: `update_auto_scaling_group`'s response method, which must
refuse another configuration meanwhile.
"""

from collections.abc import Callable
from typing import Any

from blackstart.emulator.adapters.auto_scaling_errors import between, group_named, one_of, refusal
from blackstart.emulator.adapters.moto_auto_scaling import MotoGroups
from blackstart.emulator.adapters.moto_instance_refresh import RefreshedGroups, alarming
from blackstart.emulator.adapters.moto_time import datetime_at
from blackstart.emulator.adapters.patches import Patches
from blackstart.emulator.adapters.refresh_preferences import check_desired, preferences_of, shown_preferences
from blackstart.emulator.controllers.auto_scaling import AutoScalingController
from blackstart.emulator.controllers.event_bus import EventBus
from blackstart.emulator.controllers.instance_refresh import (
    AlreadyRefreshingError,
    InstanceRefreshController,
    IrreversibleError,
    NotRefreshingError,
    Refresh,
)
from blackstart.emulator.controllers.warm_pool import WarmPoolController
from blackstart.emulator.decisions import instance_refresh_words
from blackstart.emulator.decisions.refresh_state import ACTIVE, Pool, RefreshStatus
from blackstart.emulator.decisions.target_health import TargetHealth

IRREVERSIBLE = (
    "The request failed because a desired configuration was not found or an incompatible launch template (uses a "
    "Systems Manager parameter instead of an AMI ID) or launch template version ($Latest or $Default) is present on "
    "the Auto Scaling group."
)
NO_UPDATE = (
    "An active instance refresh with a desired configuration exists. All configuration options derived from the "
    "desired configuration are not available for update while the instance refresh is active."
)
IN_PROGRESS = "An Instance Refresh is already in progress and blocks the execution of this Instance Refresh."
NO_ROOT_VOLUMES = "The emulator has no root volumes to replace: use the Rolling strategy."
MAX_PAGE = 100


def install(
    patches: Patches,
    groups: RefreshedGroups,
    scaling: AutoScalingController,
    pools: WarmPoolController,
    health: Callable[[str, str, int | None], TargetHealth],
    events: EventBus,
    new_id: Callable[[], str],
    now_s: Callable[[], float],
) -> InstanceRefreshController:
    """Add the calls; the controller that carries them out. After the calls of groups, which it wraps."""
    from moto.autoscaling.responses import AutoScalingResponse

    refreshes = InstanceRefreshController(
        scaling, groups, health=health, alarming=alarming, replace_pool=pools.replace, events=events, new_id=new_id
    )
    calls = _Calls(groups, refreshes, now_s)
    for name, answer in (
        ("start_instance_refresh", calls.start),
        ("cancel_instance_refresh", calls.cancel),
        ("rollback_instance_refresh", calls.roll_back),
        ("describe_instance_refreshes", calls.describe),
    ):
        patches.add(AutoScalingResponse, name, _method(answer))
    patches.replace(AutoScalingResponse, "update_auto_scaling_group", lambda original: _refusing(original, refreshes))
    patches.replace(AutoScalingResponse, "put_warm_pool", lambda original: _without_refresh(original, refreshes))
    return refreshes


def _without_refresh(original: Callable[[Any], Any], refreshes: InstanceRefreshController) -> Callable[[Any], Any]:
    """Refuse a warm pool while an instance refresh is active."""

    def put_warm_pool(response: Any) -> Any:
        group = response.autoscaling_backend.autoscaling_groups.get(response._get_param("AutoScalingGroupName"))
        if group is not None and refreshes.active(group) is not None:
            raise refusal(IN_PROGRESS, "InstanceRefreshInProgress")
        return original(response)

    return put_warm_pool


def _method(answer: Callable[[Any, Any], dict[str, Any]]) -> Callable[[Any], Any]:
    """A response method of moto. answer: gets the response and the group that it names."""

    def method(response: Any) -> Any:
        from moto.core.responses import ActionResult

        group = group_named(response.autoscaling_backend, response._get_param("AutoScalingGroupName"))
        try:
            return ActionResult(answer(response, group))
        except AlreadyRefreshingError as error:
            raise refusal(IN_PROGRESS, "InstanceRefreshInProgress") from error
        except IrreversibleError as error:
            raise refusal(IRREVERSIBLE, "IrreversibleInstanceRefresh") from error
        except NotRefreshingError as error:
            said = f"No in progress or pending Instance Refresh found for Auto Scaling group {group.name}"
            raise refusal(said, "ActiveInstanceRefreshNotFound") from error

    return method


class _Calls:
    """What each call answers."""

    def __init__(self, groups: MotoGroups, refreshes: InstanceRefreshController, now_s: Callable[[], float]) -> None:
        self._groups = groups
        self._refreshes = refreshes
        self._now_s = now_s

    def start(self, response: Any, group: Any) -> dict[str, Any]:
        strategy, desired = response._get_param("Strategy"), response._get_param("DesiredConfiguration")
        one_of(strategy, "strategy", ("Rolling", "ReplaceRootVolume"))
        if strategy == "ReplaceRootVolume":
            raise refusal(NO_ROOT_VOLUMES)
        given = response._get_param("Preferences") or {}
        preferences = preferences_of(self._groups.settings(group), group, given)
        check_desired(group, desired)
        if preferences.skip_matching and group.ec2_launch_template is None and not desired:
            raise refusal("Skip matching cannot be used with a launch configuration.")
        shown = {**shown_preferences(preferences), **given}
        found = self._refreshes.start(group, preferences, shown, desired or None, self._now_s())
        return {"InstanceRefreshId": found}

    def cancel(self, response: Any, group: Any) -> dict[str, Any]:
        wait = response._get_bool_param("WaitForTransitioningInstances", True)
        return {"InstanceRefreshId": self._refreshes.cancel(group, wait, self._now_s())}

    def roll_back(self, _response: Any, group: Any) -> dict[str, Any]:
        return {"InstanceRefreshId": self._refreshes.roll_back(group, self._now_s())}

    def describe(self, response: Any, group: Any) -> dict[str, Any]:
        wanted = response._get_param("InstanceRefreshIds") or []
        size, token = response._get_int_param("MaxRecords", 50), str(response._get_param("NextToken") or "0")
        between(size, "maxRecords", 1, MAX_PAGE)
        if not token.isdigit():
            raise refusal("The token is not valid.", "InvalidNextToken")
        found = [refresh for refresh in self._refreshes.of(group) if not wanted or refresh.refresh_id in wanted]
        unknown = set(wanted) - {refresh.refresh_id for refresh in found}
        if unknown:
            raise refusal(f"Instance refresh not found - {min(unknown)}")
        start, now_s = int(token), self._now_s()
        rows = [_row(group, r, self._refreshes.progress(group, r, now_s), now_s) for r in found[start : start + size]]
        return {"InstanceRefreshes": rows, "NextToken": str(start + size) if len(found) > start + size else None}


def _row(group: Any, refresh: Refresh, pool: Pool, now_s: float) -> dict[str, Any]:
    state = refresh.state
    pending = state.status is RefreshStatus.PENDING
    row: dict[str, Any] = {
        "InstanceRefreshId": refresh.refresh_id,
        "AutoScalingGroupName": group.name,
        "Status": state.status.value,
        "StatusReason": instance_refresh_words.status_reason(state, now_s),
        "StartTime": None if pending else datetime_at(state.started_s),
        "EndTime": None if refresh.end_s is None else datetime_at(refresh.end_s),
        "PercentageComplete": None if pending else state.percent,
        "InstancesToUpdate": None if pending else state.to_update,
        "Preferences": refresh.shown,
        "DesiredConfiguration": refresh.desired,
        "Strategy": "Rolling",
    }
    if refresh.pool_original or pool != Pool():
        whole = max(len(refresh.pool_original), 1)
        left = min(whole, max(pool.left, pool.unready)) if state.status in ACTIVE else 0
        row["ProgressDetails"] = {
            "LivePoolProgress": {"PercentageComplete": state.percent, "InstancesToUpdate": state.to_update},
            "WarmPoolProgress": {"PercentageComplete": 100 * (whole - left) // whole, "InstancesToUpdate": left},
        }
    if refresh.rollback is not None:
        row["RollbackDetails"] = {
            "RollbackReason": refresh.rollback.reason,
            "RollbackStartTime": datetime_at(refresh.rollback.start_s),
            "PercentageCompleteOnRollback": refresh.rollback.percent,
            "InstancesToUpdateOnRollback": refresh.rollback.to_update,
        }
    return row


def _refusing(original: Callable[[Any], Any], refreshes: InstanceRefreshController) -> Callable[[Any], Any]:
    """Refuse another configuration while a refresh deploys a desired one."""

    def update_auto_scaling_group(response: Any) -> Any:
        group = response.autoscaling_backend.autoscaling_groups.get(response._get_param("AutoScalingGroupName"))
        changes = any(
            response._get_param(name) for name in ("LaunchTemplate", "LaunchConfigurationName", "MixedInstancesPolicy")
        )
        refresh = refreshes.active(group) if group is not None and changes else None
        if refresh is not None and refresh.desired is not None:
            raise refusal(NO_UPDATE)
        return original(response)

    return update_auto_scaling_group
