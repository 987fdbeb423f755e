"""CloudWatch alarms. EventBridge, whose types Pulumi also names after CloudWatch, is in `eventbridge`."""

from typing import Any

from blackstart.aws_clients import AwsClients
from blackstart.deploy.fields import (
    Field,
    Fields,
    block,
    flag,
    integer,
    list_of,
    number,
    one_of,
    pairs,
    tag_list,
    text,
    texts,
)
from blackstart.deploy.registry import Realised, Wanted, realises

METRIC: Fields = {
    "metricName": Field("MetricName", text, required=True),
    "namespace": Field("Namespace", text),
    "dimensions": Field("Dimensions", pairs("Name")),
    "period": Field("Period", integer, required=True),
    "stat": Field("Stat", text, required=True),
    "unit": Field("Unit", text),
}
QUERY: Fields = {
    "id": Field("Id", text, required=True),
    "expression": Field("Expression", text),
    "label": Field("Label", text),
    "period": Field("Period", integer),
    "returnData": Field("ReturnData", flag),
    "metric": Field("metric", block(METRIC)),
}


@realises(
    "aws:cloudwatch/metricAlarm:MetricAlarm",
    {
        "name": Field(None, text),
        "alarmDescription": Field("AlarmDescription", text),
        "actionsEnabled": Field("ActionsEnabled", flag),
        "alarmActions": Field("AlarmActions", texts),
        "okActions": Field("OKActions", texts),
        "insufficientDataActions": Field("InsufficientDataActions", texts),
        "namespace": Field("Namespace", text),
        "metricName": Field("MetricName", text),
        "dimensions": Field("Dimensions", pairs("Name")),
        "statistic": Field("Statistic", one_of("SampleCount", "Average", "Sum", "Minimum", "Maximum")),
        "extendedStatistic": Field("ExtendedStatistic", text),
        "unit": Field("Unit", text),
        "metricQueries": Field(None, list_of(block(QUERY))),
        "period": Field("Period", integer),
        "evaluationPeriods": Field("EvaluationPeriods", integer, required=True),
        "datapointsToAlarm": Field("DatapointsToAlarm", integer),
        "threshold": Field("Threshold", number),
        "comparisonOperator": Field("ComparisonOperator", text, required=True),
        "treatMissingData": Field("TreatMissingData", one_of("missing", "ignore", "breaching", "notBreaching")),
        "evaluateLowSampleCountPercentiles": Field("EvaluateLowSampleCountPercentile", one_of("evaluate", "ignore")),
        "tags": Field("Tags", tag_list),
    },
)
def metric_alarm(wanted: Wanted, aws: AwsClients) -> Realised:
    cloudwatch = aws.client("cloudwatch")
    name = wanted.physical_name(255)
    queries = [_metric_query(query) for query in wanted.given.get("metricQueries", ())]
    cloudwatch.put_metric_alarm(AlarmName=name, **wanted.call, **({"Metrics": queries} if queries else {}))
    made = cloudwatch.describe_alarms(AlarmNames=[name])["MetricAlarms"][0]
    return Realised(name, {"arn": made["AlarmArn"], "name": name})


def _metric_query(query: dict[str, Any]) -> dict[str, Any]:
    """The provider's flat metric as CloudWatch's MetricStat; a query returns data only when it says so."""
    given = {"ReturnData": False, **query}
    metric = given.pop("metric", None)
    if metric is None:
        return given
    named = {name: metric[name] for name in ("Namespace", "MetricName", "Dimensions") if name in metric}
    stat = {name: metric[name] for name in ("Period", "Stat", "Unit") if name in metric}
    return {**given, "MetricStat": {"Metric": named, **stat}}


SUPPRESSOR: Fields = {
    "alarm": Field("ActionsSuppressor", text, required=True),
    "waitPeriod": Field("ActionsSuppressorWaitPeriod", integer, required=True),
    "extensionPeriod": Field("ActionsSuppressorExtensionPeriod", integer, required=True),
}


@realises(
    "aws:cloudwatch/compositeAlarm:CompositeAlarm",
    {
        "alarmName": Field("AlarmName", text, required=True),
        "alarmRule": Field("AlarmRule", text, required=True),
        "alarmDescription": Field("AlarmDescription", text),
        "actionsEnabled": Field("ActionsEnabled", flag),
        "actionsSuppressor": Field(None, block(SUPPRESSOR)),
        "alarmActions": Field("AlarmActions", texts),
        "okActions": Field("OKActions", texts),
        "insufficientDataActions": Field("InsufficientDataActions", texts),
        "tags": Field("Tags", tag_list),
    },
)
def composite_alarm(wanted: Wanted, aws: AwsClients) -> Realised:
    cloudwatch, name = aws.client("cloudwatch"), wanted.call["AlarmName"]
    cloudwatch.put_composite_alarm(**wanted.call, **wanted.given.get("actionsSuppressor", {}))
    made = cloudwatch.describe_alarms(AlarmNames=[name], AlarmTypes=["CompositeAlarm"])["CompositeAlarms"][0]
    return Realised(name, {"arn": made["AlarmArn"]})
