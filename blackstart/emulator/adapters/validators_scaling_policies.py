"""What PutScalingPolicy refuses, in AWS's words where users published them.

Sources: EC2 Auto Scaling API reference, PutScalingPolicy, TargetTrackingConfiguration, StepAdjustment; user guide,
"Quotas for Amazon EC2 Auto Scaling".
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from blackstart.emulator.decisions.scaling_policy import Adjustment, PolicyKind, Step
from blackstart.emulator.decisions.step_scaling import steps_problem

MOST_POLICIES = 50
SMALLEST_TARGET, LARGEST_TARGET = 8.515920e-12, 1.174271e17
HIGH_RESOLUTION_CPU = "ASGAverageCPUUtilizationHighResolution"
ALB_REQUESTS = "ALBRequestCountPerTarget"
PREDEFINED = (
    "ASGAverageCPUUtilization",
    HIGH_RESOLUTION_CPU,
    "ASGAverageNetworkIn",
    "ASGAverageNetworkOut",
    ALB_REQUESTS,
)
LABEL = re.compile(r"(app/[^/]+/[^/]+)/(targetgroup/[^/]+/[^/]+)")
SINGLE_METRIC = ("Dimensions", "MetricName", "Namespace", "Statistic", "Unit", "Period")
_REFUSED = {
    PolicyKind.SIMPLE: (
        ("MetricAggregationType", "EstimatedInstanceWarmup", "StepAdjustments", "TargetTrackingConfiguration"),
        "{} is not supported for a SimpleScaling policy",
    ),
    PolicyKind.STEP: (
        ("ScalingAdjustment", "TargetTrackingConfiguration"),
        "{} is not supported for a StepScaling policy",
    ),
    PolicyKind.TARGET_TRACKING: (
        (
            "MetricAggregationType",
            "MinAdjustmentMagnitude",
            "ScalingAdjustment",
            "StepAdjustments",
            "PredictiveScalingConfiguration",
        ),
        "{} are not supported for a TargetTracking policy",
    ),
    PolicyKind.PREDICTIVE: (
        (
            "TargetTrackingConfiguration",
            "AdjustmentType",
            "ScalingAdjustment",
            "StepAdjustments",
            "EstimatedInstanceWarmup",
        ),
        "You can't specify {} for policy type: PredictiveScaling",
    ),
}


def policy_problem(params: Mapping[str, Any], target_group_arns: Sequence[str]) -> str | None:
    """What AWS says of a policy that it refuses, or None. target_group_arns: the group's."""
    try:
        kind = PolicyKind(params.get("PolicyType") or PolicyKind.SIMPLE)
    except ValueError:
        return f"Invalid policy type: {params['PolicyType']}. Valid values are: [{', '.join(PolicyKind)}]"
    refused, words = _REFUSED[kind]
    given = next((name for name in refused if params.get(name) not in (None, [], {})), None)
    if given is not None:
        return words.format(given)
    if kind is PolicyKind.TARGET_TRACKING:
        return _tracking_problem(params.get("TargetTrackingConfiguration"), target_group_arns)
    if kind is PolicyKind.PREDICTIVE:
        return None if params.get("PredictiveScalingConfiguration") else "You should provide a predictive configuration"
    return _adjustment_problem(params, kind)


def steps_of(params: Mapping[str, Any]) -> tuple[Step, ...]:
    return tuple(
        Step(
            _number(step.get("MetricIntervalLowerBound")),
            _number(step.get("MetricIntervalUpperBound")),
            int(step["ScalingAdjustment"]),
        )
        for step in params.get("StepAdjustments") or ()
    )


def _number(value: Any) -> float | None:
    return None if value is None else float(value)


def _adjustment_problem(params: Mapping[str, Any], kind: PolicyKind) -> str | None:
    if not params.get("AdjustmentType"):
        return f"You must specify an AdjustmentType for policy type: {kind}"
    try:
        adjustment = Adjustment(params["AdjustmentType"])
    except ValueError:
        known = ", ".join(Adjustment)
        return f"Invalid adjustment type: {params['AdjustmentType']}. Valid values are: [{known}]"
    least = params.get("MinAdjustmentMagnitude", params.get("MinAdjustmentStep"))
    if least is not None and adjustment is not Adjustment.PERCENT:
        return "MinAdjustmentMagnitude is not supported by the specified adjustment type"
    return _step_problem(params, adjustment) if kind is PolicyKind.STEP else _simple_problem(params, adjustment)


def _step_problem(params: Mapping[str, Any], adjustment: Adjustment) -> str | None:
    aggregation = params.get("MetricAggregationType")
    if aggregation and aggregation not in ("Minimum", "Maximum", "Average"):
        return f"Invalid metric aggregation type: {aggregation}. Valid values are: [Minimum, Maximum, Average]"
    return steps_problem(steps_of(params), adjustment)


def _simple_problem(params: Mapping[str, Any], adjustment: Adjustment) -> str | None:
    if params.get("ScalingAdjustment") is None:
        return "Scaling increment must be specified for a SimpleScaling policy"
    if adjustment is Adjustment.EXACT and int(params["ScalingAdjustment"]) < 0:
        return "The lowest value for ScalingAdjustment parameter is 0 with the specified adjustment type"
    return None


def _tracking_problem(configuration: Mapping[str, Any] | None, target_group_arns: Sequence[str]) -> str | None:
    if not configuration:
        return "You should provide a TargetTrackingConfiguration"
    predefined, customized = (
        configuration.get("PredefinedMetricSpecification"),
        configuration.get("CustomizedMetricSpecification"),
    )
    if bool(predefined) == bool(customized):
        return "You should provide either a CustomizedMetricSpecification or a PredefinedMetricSpecification"
    if not SMALLEST_TARGET <= float(configuration.get("TargetValue", 0)) <= LARGEST_TARGET:
        return "Target value must be between 8.51592E-12 and 1.174271E17"
    return _predefined_problem(predefined, target_group_arns) if predefined else _customized_problem(customized or {})


def _predefined_problem(metric: Mapping[str, Any], target_group_arns: Sequence[str]) -> str | None:
    kind, label = metric.get("PredefinedMetricType"), metric.get("ResourceLabel")
    if kind not in PREDEFINED:
        return (
            f"1 validation error detected: Value '{kind}' at "
            "'targetTrackingConfiguration.predefinedMetricSpecification.predefinedMetricType' failed to satisfy "
            f"constraint: Member must satisfy enum value set: [{', '.join(PREDEFINED)}]"
        )
    if kind != ALB_REQUESTS:
        return f"Resource label should not be specified for predefined metric type {kind}" if label else None
    if not label:
        return f"Resource label should be specified for predefined metric type {kind}"
    found = LABEL.fullmatch(label)
    if found is None:
        return (
            "Resource label format is invalid. It should be "
            "app/<load-balancer-name>/<load-balancer-id>/targetgroup/<target-group-name>/<target-group-id>"
        )
    if not any(arn.endswith(f":{found[2]}") for arn in target_group_arns):
        return "Target group not attached to the Auto Scaling group"
    return None


def _customized_problem(metric: Mapping[str, Any]) -> str | None:
    queries = metric.get("Metrics")
    if queries:
        if any(metric.get(name) for name in SINGLE_METRIC):
            named = ", ".join(f"'{name}'" for name in SINGLE_METRIC)
            return (
                f"A customized metric specification with 'Metrics' specified cannot have any of [{named}] specified "
                "as well"
            )
        return _queries_problem(queries)
    missing = next((name for name in ("MetricName", "Namespace", "Statistic") if not metric.get(name)), None)
    if missing is not None:
        return f"{missing} is required in a CustomizedMetricSpecification without Metrics"
    return _period_problem(metric.get("Period"))


def _queries_problem(queries: Sequence[Mapping[str, Any]]) -> str | None:
    words = "The parameters MetricDataQuery Expression and MetricStat are mutually exclusive"
    for query in queries:
        if bool(query.get("Expression")) == bool(query.get("MetricStat")):
            return f"{words} and you have specified both" if query.get("Expression") else words
    if sum(query.get("ReturnData") is not False for query in queries) != 1:
        return "Exactly one element of the metrics list should return data"
    periods = {int(query["MetricStat"].get("Period") or 60) for query in queries if query.get("MetricStat")}
    if len(periods) > 1:
        return "All metrics in the alarm should have the same period"
    return _period_problem(max(periods, default=60))


def _period_problem(period_s: int | None) -> str | None:
    if period_s is not None and int(period_s) > 60:
        return "A metric period greater than 60 isn't supported"
    if period_s is not None and int(period_s) not in (10, 30, 60):
        return "A metric period must be 10, 30 or 60"
    return None
