"""The CloudWatch alarms of scaling policies: those that a target tracking policy makes, and those that name a policy.

The alarms are CloudWatch's like any other: its evaluator evaluates them, and users can see, change and delete them.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from blackstart.emulator.adapters.validators_scaling_policies import ALB_REQUESTS, HIGH_RESOLUTION_CPU, LABEL
from blackstart.emulator.decisions.target_tracking import TrackingAlarm

_EC2_METRICS = {
    "ASGAverageCPUUtilization": "CPUUtilization",
    HIGH_RESOLUTION_CPU: "CPUUtilization",
    "ASGAverageNetworkIn": "NetworkIn",
    "ASGAverageNetworkOut": "NetworkOut",
}
_ACTIONS = ("alarm_actions", "ok_actions", "insufficient_data_actions")


def put(group: Any, policy_arn: str, name: str, alarm: TrackingAlarm, configuration: Mapping[str, Any]) -> None:
    """Make an alarm of a target tracking policy, or bring it up to date; its state stays."""
    _backend(group).put_metric_alarm(
        name=name,
        comparison_operator=alarm.comparison,
        evaluation_periods=alarm.periods,
        threshold=alarm.threshold,
        description=f"DO NOT EDIT OR DELETE. For TargetTrackingScaling policy {policy_arn}.",
        alarm_actions=[policy_arn],
        **_metric(group.name, configuration),
    )


def delete(group: Any, names: list[str]) -> None:
    backend = _backend(group)
    known = [name for name in names if name in backend.alarms]
    if known:
        backend.delete_alarms(known)


def arn_of(group: Any, name: str) -> str:
    backend = _backend(group)
    partition = group.arn.split(":")[1]
    return f"arn:{partition}:cloudwatch:{backend.region_name}:{backend.account_id}:alarm:{name}"


def in_alarm(group: Any, name: str) -> bool:
    alarm = _backend(group).alarms.get(name)
    return alarm is not None and alarm.state_value == "ALARM"


def naming(group: Any, policy_arn: str) -> list[str]:
    """The alarms with an action on a policy."""
    return [alarm.name for alarm in _acting_on(group, policy_arn)]


def let_go(group: Any, policy_arn: str, *, delete_idle: bool) -> None:
    """Take a deleted policy out of the alarms' actions. delete_idle: delete an alarm that is left without any."""
    for alarm in list(_acting_on(group, policy_arn)):
        for field in _ACTIONS:
            setattr(alarm, field, [arn for arn in getattr(alarm, field) or () if arn != policy_arn])
        if delete_idle and not any(getattr(alarm, field) for field in _ACTIONS):
            delete(group, [alarm.name])


def _acting_on(group: Any, policy_arn: str) -> Iterator[Any]:
    for alarm in _backend(group).alarms.values():
        if any(policy_arn in (getattr(alarm, field) or ()) for field in _ACTIONS):
            yield alarm


def _metric(group_name: str, configuration: Mapping[str, Any]) -> dict[str, Any]:
    """What the alarm watches, in the words of moto's put_metric_alarm."""
    predefined = configuration.get("PredefinedMetricSpecification")
    if predefined:
        return _predefined(group_name, predefined)
    customized = configuration["CustomizedMetricSpecification"]
    if customized.get("Metrics"):
        return {
            **_single(None, None, None, {}, None),
            "metric_data_queries": [_query(query) for query in customized["Metrics"]],
        }
    dimensions = {dimension["Name"]: dimension["Value"] for dimension in customized.get("Dimensions") or ()}
    period_s = int(customized.get("Period") or 60)
    found = _single(customized["Namespace"], customized["MetricName"], customized["Statistic"], dimensions, period_s)
    return {**found, "unit": customized.get("Unit")}


def _predefined(group_name: str, metric: Mapping[str, Any]) -> dict[str, Any]:
    kind = metric["PredefinedMetricType"]
    if kind != ALB_REQUESTS:
        period_s = 10 if kind == HIGH_RESOLUTION_CPU else 60
        return _single("AWS/EC2", _EC2_METRICS[kind], "Average", {"AutoScalingGroupName": group_name}, period_s)
    label = LABEL.fullmatch(metric["ResourceLabel"])
    dimensions = {"LoadBalancer": label[1], "TargetGroup": label[2]} if label else {}
    return _single("AWS/ApplicationELB", "RequestCountPerTarget", "Sum", dimensions, 60)


def _single(
    namespace: str | None, name: str | None, statistic: str | None, dimensions: Mapping[str, str], period_s: int | None
) -> dict[str, Any]:
    return {
        "namespace": namespace,
        "metric_name": name,
        "statistic": statistic,
        "dimensions": [{"Name": key, "Value": value} for key, value in dimensions.items()],
        "period": period_s,
    }


def _query(query: Mapping[str, Any]) -> Any:
    from moto.cloudwatch.models import Dimension, Metric, MetricDataQuery, MetricStat

    declared, stat = query.get("MetricStat"), None
    if declared:
        metric = declared["Metric"]
        dimensions = [Dimension(each["Name"], each["Value"]) for each in metric.get("Dimensions") or ()]
        period = str(declared.get("Period") or 60)
        stat = MetricStat(
            Metric(metric["MetricName"], metric["Namespace"], dimensions),
            period,
            declared["Stat"],
            declared.get("Unit"),
        )
    returns = query.get("ReturnData", True)
    return MetricDataQuery(query["Id"], query.get("Label"), None, returns, query.get("Expression"), stat)


def _backend(group: Any) -> Any:
    from moto.cloudwatch.models import cloudwatch_backends

    backend = group.autoscaling_backend
    return cloudwatch_backends[backend.account_id][backend.region_name]
