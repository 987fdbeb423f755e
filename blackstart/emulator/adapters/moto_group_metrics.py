"""Which metrics of an Auto Scaling group are collected, and what they depend on, from moto's groups.

Replaced: `enable_metrics_collection` (takes any metric, forgets those enabled before, takes none for no metric). Added:
DisableMetricsCollection and DescribeMetricCollectionTypes, which moto lacks.
"""

from collections.abc import Callable
from typing import Any

from blackstart.emulator.adapters.patches import Patches
from blackstart.emulator.decisions.group_metrics import METRICS, WarmPool

GRANULARITY = "1Minute"


class MotoGroupMetrics:
    """The settings of moto's groups that their metrics depend on."""

    def enabled(self, group: Any) -> frozenset[str]:
        return frozenset(group.metrics)

    def weights(self, group: Any) -> dict[str, int]:
        """Capacity units by instance type, where the mixed instances policy weights any."""
        policy = group.mixed_instances_policy or {}
        overrides = (policy.get("LaunchTemplate") or {}).get("Overrides") or ()
        return {
            override["InstanceType"]: int(override["WeightedCapacity"])
            for override in overrides
            if override.get("InstanceType") and override.get("WeightedCapacity")
        }

    def warm_pool(self, group: Any) -> WarmPool | None:
        pool = group.warm_pool
        if pool is None:
            return None
        prepared = pool.max_group_prepared_capacity
        return WarmPool(int(pool.min_size or 0), None if prepared is None or int(prepared) < 0 else int(prepared))

    def scope(self, group: Any) -> tuple[str, str]:
        parts = group.arn.split(":")
        return parts[4], parts[3]


def install(patches: Patches) -> None:
    from moto.autoscaling.responses import AutoScalingResponse

    patches.replace(AutoScalingResponse, "enable_metrics_collection", _enabling)
    patches.add(AutoScalingResponse, "disable_metrics_collection", _disable)
    patches.add(AutoScalingResponse, "describe_metric_collection_types", _describe_types)


def _enabling(_original: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def enable_metrics_collection(response: Any) -> Any:
        from moto.autoscaling.exceptions import ValidationError
        from moto.core.responses import EmptyResult

        group, wanted = _group(response), _wanted(response)
        granularity = response._get_param("Granularity")
        if granularity != GRANULARITY:
            raise ValidationError(f"{granularity} is not a valid granularity. The valid value is {GRANULARITY}.")
        chosen = {*group.metrics, *(wanted or METRICS)}
        group.metrics = [name for name in METRICS if name in chosen]
        return EmptyResult()

    return enable_metrics_collection


def _disable(response: Any) -> Any:
    from moto.core.responses import EmptyResult

    group, unwanted = _group(response), _wanted(response)
    group.metrics = [name for name in group.metrics if unwanted and name not in unwanted]
    return EmptyResult()


def _describe_types(response: Any) -> Any:
    from moto.core.responses import ActionResult

    del response
    return ActionResult(
        {"Metrics": [{"Metric": name} for name in METRICS], "Granularities": [{"Granularity": GRANULARITY}]}
    )


def _group(response: Any) -> Any:
    from moto.autoscaling.exceptions import ValidationError

    name = response._get_param("AutoScalingGroupName")
    group = response.autoscaling_backend.autoscaling_groups.get(name)
    if group is None:
        raise ValidationError(f"AutoScalingGroup name not found - AutoScalingGroup '{name}' not found")
    return group


def _wanted(response: Any) -> list[str]:
    """The metrics that a call names. Raises ValidationError for one that there is not."""
    from moto.autoscaling.exceptions import ValidationError

    named: list[str] = response._get_param("Metrics") or []
    for name in named:
        if name not in METRICS:
            raise ValidationError(f"{name} is not a valid metric. The valid values are: [{', '.join(METRICS)}].")
    return named
