"""Warm pools in moto, which keeps their settings and launches nothing.

Replaced: the response methods `put_warm_pool` (forgets what an update leaves out), `describe_warm_pool` (never lists
an instance) and `delete_warm_pool` (at once, whatever is in it); `describe_auto_scaling_instances`, which lists members
only.
"""

from collections.abc import Callable, Mapping
from typing import Any

from blackstart.emulator.adapters import moto_backends
from blackstart.emulator.adapters.auto_scaling_errors import between, group_named, one_of, refusal
from blackstart.emulator.adapters.patches import Patches
from blackstart.emulator.controllers.auto_scaling import AutoScalingController
from blackstart.emulator.controllers.ec2_lifecycle import InstanceFact
from blackstart.emulator.controllers.group_memory import GroupStore, Member
from blackstart.emulator.controllers.lifecycle_hooks import LifecycleHooks
from blackstart.emulator.controllers.warm_pool import WarmPoolController
from blackstart.emulator.decisions.warm_pool import PoolSettings, PoolState
from blackstart.emulator.parameters import Parameters

MAX_PAGE = 50
NO_SPOT = (
    "You can't add a warm pool to an Auto Scaling group that has a mixed instances policy or a launch template or "
    "launch configuration that requests Spot Instances."
)


class MotoWarmPools:
    """The groups' warm pools."""

    def settings(self, group: Any) -> PoolSettings | None:
        pool = group.warm_pool
        if pool is None:
            return None
        prepared = pool.max_group_prepared_capacity
        return PoolSettings(
            minimum=int(pool.min_size or 0),
            max_prepared=None if prepared is None else int(prepared),
            state=PoolState(pool.pool_state),
            reuse=_reuse(pool.instance_reuse_policy),
        )

    def show(self, group: Any, member: Member) -> None:
        from moto.autoscaling.models import InstanceState

        shown = _shown(group)
        state = shown.get(member.instance_id)
        if state is None:
            state = InstanceState(group.ec2_backend.get_instance(member.instance_id), autoscaling_group=group)
            state.blackstart_launched = member.instance
            shown[member.instance_id] = state
        state.lifecycle_state = member.lifecycle.value
        state.protected_from_scale_in = member.protected
        group.warm_pool_size = len(shown)

    def hide(self, group: Any, instance_id: str) -> None:
        shown = _shown(group)
        shown.pop(instance_id, None)
        group.warm_pool_size = len(shown) if group.warm_pool is not None else None

    def deleting(self, group: Any) -> bool:
        return getattr(group.warm_pool, "status", None) is not None

    def removed(self, group: Any) -> None:
        group.warm_pool = group.warm_pool_size = None

    def start(self, instance_id: str) -> None:
        self._each(instance_id, "start")

    def stop(self, instance_id: str) -> None:
        self._each(instance_id, "stop")

    def _each(self, instance_id: str, what: str) -> None:
        for backend in moto_backends.existing("ec2"):
            instance = backend.get_instance_by_id(instance_id)
            if instance is not None:
                getattr(instance, what)()


def install(
    patches: Patches,
    groups: GroupStore,
    scaling: AutoScalingController,
    parameters: Parameters,
    facts: Callable[[], Mapping[str, InstanceFact]],
    hooks: LifecycleHooks,
    now_s: Callable[[], float],
) -> WarmPoolController:
    """Hand moto's warm pools to a controller, from which the groups take instances before they launch any."""
    from moto.autoscaling.models import AutoScalingBackend
    from moto.autoscaling.responses import AutoScalingResponse

    pools = WarmPoolController(MotoWarmPools(), groups, scaling, parameters, facts=facts, hooks=hooks)
    scaling.keep_reserve(pools)
    patches.replace(AutoScalingResponse, "put_warm_pool", lambda _: _put_warm_pool)
    patches.replace(AutoScalingResponse, "describe_warm_pool", lambda _: _describe_warm_pool)
    patches.replace(AutoScalingResponse, "delete_warm_pool", lambda _: _deleting(pools, now_s))
    patches.replace(AutoScalingBackend, "describe_auto_scaling_instances", _with_warm_ones)
    return pools


def _with_warm_ones(original: Callable[[Any, list[str]], list[Any]]) -> Callable[[Any, list[str]], list[Any]]:
    """Instances of warm pools belong to the groups, too."""

    def describe_auto_scaling_instances(backend: Any, instance_ids: list[str]) -> list[Any]:
        warm = [
            state
            for group in backend.autoscaling_groups.values()
            for state in _shown(group).values()
            if not instance_ids or state.instance_id in instance_ids
        ]
        return [*original(backend, instance_ids), *warm]

    return describe_auto_scaling_instances


def _put_warm_pool(response: Any) -> Any:
    from moto.core.responses import EmptyResult

    group = group_named(response.autoscaling_backend, response._get_param("AutoScalingGroupName"))
    prepared, least = response._get_int_param("MaxGroupPreparedCapacity"), response._get_int_param("MinSize")
    state, reuse = response._get_param("PoolState"), response._get_param("InstanceReusePolicy")
    between(prepared, "maxGroupPreparedCapacity", -1)
    between(least, "minSize", 0)
    one_of(state, "poolState", tuple(PoolState))
    if _requests_spot(group):
        raise refusal(NO_SPOT)
    old = group.warm_pool
    if getattr(old, "status", None) is not None:
        raise refusal("The warm pool is being deleted.", "ResourceContention")
    if old is not None:  # an update keeps what it leaves out
        prepared = old.max_group_prepared_capacity if prepared is None else prepared
        least = old.min_size if least is None else least
        state, reuse = state or old.pool_state, reuse or old.instance_reuse_policy
    group.put_warm_pool(
        max_group_prepared_capacity=None if prepared == -1 else prepared,
        min_size=least,
        pool_state=state,
        instance_reuse_policy=reuse,
    )
    group.warm_pool_size = len(_shown(group))
    return EmptyResult()


def _describe_warm_pool(response: Any) -> Any:
    from moto.core.responses import ActionResult

    group = group_named(response.autoscaling_backend, response._get_param("AutoScalingGroupName"))
    size, token = response._get_int_param("MaxRecords", MAX_PAGE), response._get_param("NextToken") or "0"
    between(size, "maxRecords", 1, MAX_PAGE)
    if not str(token).isdigit():
        raise refusal("The token is not valid.", "InvalidNextToken")
    states, start = list(_shown(group).values()), int(token)
    following = str(start + size) if len(states) > start + size else None
    shown = {"WarmPoolConfiguration": group.warm_pool, "Instances": states[start : start + size]}
    return ActionResult({**shown, "NextToken": following})


def _deleting(pools: WarmPoolController, now_s: Callable[[], float]) -> Callable[[Any], Any]:
    def delete_warm_pool(response: Any) -> Any:
        from moto.core.responses import EmptyResult

        group = group_named(response.autoscaling_backend, response._get_param("AutoScalingGroupName"))
        if group.warm_pool is None:
            raise refusal(f"No warm pool found for Auto Scaling group {group.name}")
        if response._get_bool_param("ForceDelete", False):
            pools.delete(group, now_s())
            return EmptyResult()
        if pools.busy(group, now_s()):
            raise refusal(
                "The warm pool cannot be deleted because there are scaling activities in progress.",
                "ScalingActivityInProgress",
            )
        group.warm_pool.status = "PendingDelete"
        return EmptyResult()

    return delete_warm_pool


def _shown(group: Any) -> dict[str, Any]:
    """moto's states of the instances in a group's warm pool."""
    if not hasattr(group, "blackstart_warm"):
        group.blackstart_warm = {}
    found: dict[str, Any] = group.blackstart_warm
    return found


def _reuse(policy: Any) -> bool:
    return str((policy or {}).get("ReuseOnScaleIn", False)).lower() == "true"


def _requests_spot(group: Any) -> bool:
    policy = group.mixed_instances_policy
    if policy:
        distribution = policy.get("InstancesDistribution") or {}
        return int(distribution.get("OnDemandPercentageAboveBaseCapacity", 100)) < 100
    if group.ec2_launch_template is not None:
        data = group.ec2_launch_template.get_version(group.launch_template_version).data
        return (data.get("InstanceMarketOptions") or {}).get("MarketType") == "spot"
    return bool(getattr(group.launch_config, "spot_price", None))
