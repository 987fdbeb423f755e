"""Auto Scaling's controllers, made for each other and joined to moto."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, NamedTuple

from blackstart.emulator.adapters.patches import Patches
from blackstart.emulator.controllers.auto_scaling import AutoScalingController
from blackstart.emulator.controllers.event_bus import EventBus
from blackstart.emulator.controllers.instance_facts import InstanceFact
from blackstart.emulator.controllers.instance_lifetimes import InstanceLifetimesController
from blackstart.emulator.controllers.instance_refresh import InstanceRefreshController
from blackstart.emulator.controllers.lifecycle_hooks import LifecycleHooks
from blackstart.emulator.controllers.scaling_policies import ScalingPoliciesController
from blackstart.emulator.controllers.scheduled_actions import ScheduledActionsController
from blackstart.emulator.controllers.warm_pool import WarmPoolController
from blackstart.emulator.decisions.target_health import TargetHealth
from blackstart.emulator.parameters import Parameters

if TYPE_CHECKING:
    from blackstart.emulator.adapters.moto_instance_refresh import RefreshedGroups


class ScalingControllers(NamedTuple):
    """Everything that changes groups or their members."""

    scaling: AutoScalingController
    pools: WarmPoolController
    refreshes: InstanceRefreshController
    lifetimes: InstanceLifetimesController
    policies: ScalingPoliciesController
    schedules: ScheduledActionsController


def assemble_scaling(
    patches: Patches,
    groups: "RefreshedGroups",
    parameters: Parameters,
    *,
    facts: Callable[[], Mapping[str, InstanceFact]],
    health: Callable[[str, str, int | None], TargetHealth],
    events: EventBus,
    new_id: Callable[[], str],
    now_s: Callable[[], float],
) -> ScalingControllers:
    """Make the controllers and hand moto's calls to them, those on groups before those that wrap them."""
    from blackstart.emulator.adapters import (
        moto_auto_scaling_api,
        moto_instance_refresh_calls,
        moto_scaling_policy_calls,
        moto_scheduled_actions,
        moto_warm_pool,
    )
    from blackstart.emulator.adapters.moto_lifecycle_hooks import MotoHooks

    declared_hooks = MotoHooks()
    hooks = LifecycleHooks(declared_hooks, events)
    scaling = AutoScalingController(
        groups, parameters, facts=facts, health=health, new_id=new_id, hooks=hooks, events=events
    )
    moto_auto_scaling_api.install(patches, groups, scaling, declared_hooks, now_s)
    pools = moto_warm_pool.install(patches, groups, scaling, parameters, facts, hooks, now_s)
    refreshes = moto_instance_refresh_calls.install(patches, groups, scaling, pools, health, events, new_id, now_s)
    return ScalingControllers(
        scaling=scaling,
        pools=pools,
        refreshes=refreshes,
        lifetimes=InstanceLifetimesController(
            scaling, groups.lifetime_s, lambda group: refreshes.active(group) is not None
        ),
        policies=moto_scaling_policy_calls.install(patches, parameters, scaling, now_s),
        schedules=moto_scheduled_actions.install(patches, scaling, now_s),
    )
