"""CloudWatch alarms."""

from blackstart.aws_clients import AwsClients
from blackstart.deploy.fields import Field, flag, integer, number, one_of, pairs, tag_list, text, texts
from blackstart.deploy.registry import Realised, Wanted, realises


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
    cloudwatch.put_metric_alarm(AlarmName=name, **wanted.call)
    made = cloudwatch.describe_alarms(AlarmNames=[name])["MetricAlarms"][0]
    return Realised(name, {"arn": made["AlarmArn"], "name": name})
