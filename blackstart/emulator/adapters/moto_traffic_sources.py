"""An Auto Scaling group's target groups: attached, detached, and the state of each.

Replaced: `attach_load_balancer_target_groups` (accepts what does not exist), `detach_load_balancer_target_groups`
(deregisters what users registered, too), `describe_load_balancer_target_groups` (always Added). Added:
`attach_traffic_sources`, `detach_traffic_sources`, `describe_traffic_sources`.

Source: EC2 Auto Scaling API reference, LoadBalancerTargetGroupState, TrafficSourceState.
"""

from collections.abc import Callable
from typing import Any, Protocol

from blackstart.emulator.adapters.auto_scaling_errors import group_named, refusal
from blackstart.emulator.adapters.moto_group_descriptions import page
from blackstart.emulator.adapters.patches import Patches

AT_MOST = 10
"""Target groups in one call."""


class States(Protocol):
    """Who knows the state of a group's target groups."""

    def target_group_state(self, group: Any, arn: str) -> str: ...
    def leaving_target_groups(self, group: Any) -> tuple[str, ...]: ...


def install(patches: Patches, states: States) -> None:
    from moto.autoscaling.models import AutoScalingBackend
    from moto.autoscaling.responses import AutoScalingResponse

    patches.replace(AutoScalingBackend, "attach_load_balancer_target_groups", lambda _: _attach)
    patches.replace(AutoScalingBackend, "detach_load_balancer_target_groups", lambda _: _detach)
    patches.replace(AutoScalingResponse, "describe_load_balancer_target_groups", lambda _: _describing(states))
    patches.add(AutoScalingResponse, "attach_traffic_sources", _changing(_attach))
    patches.add(AutoScalingResponse, "detach_traffic_sources", _changing(_detach))
    patches.add(AutoScalingResponse, "describe_traffic_sources", _describing_sources(states))


def check_exist(backend: Any, arns: list[str]) -> None:
    """Refuse target groups that do not exist."""
    if any(arn not in backend.elbv2_backend.target_groups for arn in arns):
        raise refusal("Provided Target Groups may not be valid. Please ensure they exist and try again.")


def _attach(backend: Any, group_name: str, target_group_arns: list[str]) -> None:
    group = group_named(backend, group_name)
    _check_count(target_group_arns)
    check_exist(backend, target_group_arns)
    group.append_target_groups(target_group_arns)


def _detach(backend: Any, group_name: str, target_group_arns: list[str]) -> None:
    group = group_named(backend, group_name)
    _check_count(target_group_arns)
    strange = [arn for arn in target_group_arns if arn not in group.target_group_arns]
    if strange:
        raise refusal(f"Target groups are not attached to AutoScalingGroup {group_name}: {', '.join(strange)}")
    group.target_group_arns = [arn for arn in group.target_group_arns if arn not in target_group_arns]


def _check_count(arns: list[str]) -> None:
    if len(arns) > AT_MOST:
        raise refusal(f"Trying to update too many Load Balancers/Target Groups at once. The limit is {AT_MOST}")


def _changing(change: Callable[[Any, str, list[str]], None]) -> Callable[[Any], Any]:
    """AttachTrafficSources and DetachTrafficSources of target groups; others are refused, not forgotten."""

    def change_sources(response: Any) -> Any:
        from moto.core.responses import EmptyResult

        sources = response._get_param("TrafficSources", [])
        strange = [source["Identifier"] for source in sources if ":targetgroup/" not in source["Identifier"]]
        if strange:
            raise refusal(f"The emulator serves traffic sources of type elbv2 only: {', '.join(strange)}")
        name = response._get_param("AutoScalingGroupName")
        change(response.autoscaling_backend, name, [source["Identifier"] for source in sources])
        return EmptyResult()

    return change_sources


def _states(response: Any, states: States) -> list[tuple[str, str]]:
    group = group_named(response.autoscaling_backend, response._get_param("AutoScalingGroupName"))
    known = [(arn, states.target_group_state(group, arn)) for arn in group.target_group_arns]
    return [*known, *((arn, "Removing") for arn in states.leaving_target_groups(group))]


def _describing(states: States) -> Callable[[Any], Any]:
    def describe_load_balancer_target_groups(response: Any) -> Any:
        from moto.core.responses import ActionResult

        found = [{"LoadBalancerTargetGroupARN": arn, "State": state} for arn, state in _states(response, states)]
        shown, token = page(response, found, most=100, default=100)
        return ActionResult({"LoadBalancerTargetGroups": shown, "NextToken": token})

    return describe_load_balancer_target_groups


def _describing_sources(states: States) -> Callable[[Any], Any]:
    def describe_traffic_sources(response: Any) -> Any:
        from moto.core.responses import ActionResult

        wanted = response._get_param("TrafficSourceType")
        found = [
            {"Identifier": arn, "TrafficSource": arn, "Type": "elbv2", "State": state}
            for arn, state in _states(response, states)
            if wanted in (None, "elbv2")
        ]
        shown, token = page(response, found, most=50, default=50)
        return ActionResult({"TrafficSources": shown, "NextToken": token})

    return describe_traffic_sources
