"""What only moto's backends know of a stack, read for the status; called under the lock, so it copies and no more."""

from datetime import UTC
from typing import Any

from blackstart.domain.emulator_overview import AlarmStatus, MemberStatus, ScalingGroupStatus
from blackstart.emulator.adapters import moto_backends
from blackstart.emulator.controllers.overview import Declared


def declared() -> Declared:
    """Load balancers, Auto Scaling groups and alarms of every account and region in use."""
    return Declared(
        load_balancers=tuple(
            (balancer.arn, balancer.name, balancer.state, balancer.dns_name)
            for backend in moto_backends.existing("elbv2")
            for balancer in backend.load_balancers.values()
        ),
        scaling_groups={
            group.arn: _scaling_group(group)
            for backend in moto_backends.existing("autoscaling")
            for group in backend.autoscaling_groups.values()
        },
        alarms=tuple(
            _alarm(alarm) for backend in moto_backends.existing("cloudwatch") for alarm in backend.alarms.values()
        ),
    )


def _scaling_group(group: Any) -> ScalingGroupStatus:
    return ScalingGroupStatus(
        name=group.name,
        min=int(group.min_size or 0),
        desired=int(group.desired_capacity or 0),
        max=int(group.max_size or 0),
        members=tuple(
            MemberStatus(
                instance_id=state.instance.id,
                zone=state.availability_zone or "",
                lifecycle=state.lifecycle_state,
                health=state.health_status,
            )
            for state in group.instance_states
        ),
        suspended=tuple(sorted(process["ProcessName"] for process in group.suspended_processes)),
    )


def _alarm(alarm: Any) -> AlarmStatus:
    since = alarm.state_transitioned_timestamp
    return AlarmStatus(
        name=alarm.name,
        state=alarm.state_value,
        since_s=since.replace(tzinfo=UTC).timestamp() if since else None,
        reason=alarm.state_reason or "",
    )
