"""CloudWatch's controllers, made for each other and joined to moto: what services report, and the alarms on it."""

import time
from collections.abc import Callable
from typing import NamedTuple

from blackstart.emulator.adapters.patches import Patches
from blackstart.emulator.controllers.alarm_actions import AlarmActions
from blackstart.emulator.controllers.alarms import AlarmsController
from blackstart.emulator.controllers.ec2_lifecycle import Ec2LifecycleController
from blackstart.emulator.controllers.event_bus import EventBus
from blackstart.emulator.controllers.group_metrics import GroupMetricsController
from blackstart.emulator.controllers.instance_metrics import InstanceMetricsController
from blackstart.emulator.controllers.load_balancer_metrics import LoadBalancerMetricsController
from blackstart.emulator.controllers.metric_store import MetricStore
from blackstart.emulator.controllers.nat_metrics import NatMetricsController
from blackstart.emulator.parameters import Parameters
from blackstart.emulator.scaling_assembly import ScalingControllers


class CloudWatchControllers(NamedTuple):
    """undo: gives moto's CloudWatch its own behaviour back."""

    metrics: LoadBalancerMetricsController
    instance_metrics: InstanceMetricsController
    group_metrics: GroupMetricsController
    nat_metrics: NatMetricsController
    alarms: AlarmsController
    undo: Callable[[], None]


def assemble_cloudwatch(
    patches: Patches,
    parameters: Parameters,
    of_balancers: Callable[[MetricStore], LoadBalancerMetricsController],
    ec2: Ec2LifecycleController,
    scaled: ScalingControllers,
    instance_actions: AlarmActions,
    events: EventBus,
    *,
    speed: float,
    now_s: Callable[[], float],
) -> CloudWatchControllers:
    """Make the controllers and hand moto's calls to them. of_balancers: makes the load balancers' own."""
    from blackstart.emulator.adapters import moto_cloudwatch, moto_group_metrics, moto_monitoring
    from blackstart.emulator.adapters.moto_cloudwatch_alarms import MotoAlarms
    from blackstart.emulator.adapters.moto_cloudwatch_states import AlarmStates

    store = MetricStore()
    states = AlarmStates(
        {"autoscaling": scaled.policies, "automate": instance_actions, "swf": instance_actions}, events
    )
    moto_monitoring.install(patches, ec2.changed)
    moto_group_metrics.install(patches)
    return CloudWatchControllers(
        metrics=of_balancers(store),
        instance_metrics=InstanceMetricsController(
            store, lambda: ec2.facts, scaled.scaling, speed, moto_monitoring.vcpus, scaled.policies.warm_up_s
        ),
        group_metrics=GroupMetricsController(
            store,
            scaled.scaling,
            moto_group_metrics.MotoGroupMetrics(),
            warm=lambda group: scaled.pools.shown(group, now_s()),
        ),
        nat_metrics=NatMetricsController(store, moto_monitoring.available_nat_gateways),
        alarms=AlarmsController(store, MotoAlarms(states), parameters.alarm_evaluation_range_extra),
        undo=moto_cloudwatch.install(store=store, now_s=now_s, wall_s=time.time, states=states),
    )
