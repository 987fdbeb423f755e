"""EC2 Auto Scaling: scaling policies and scheduled actions."""

from blackstart.aws_clients import AwsClients
from blackstart.deploy.fields import Field, Fields, block, flag, integer, list_of, number, one_of, text
from blackstart.deploy.registry import Realised, Wanted, realises

DIMENSIONS = list_of(block({"name": Field("Name", text, required=True), "value": Field("Value", text, required=True)}))
METRIC: Fields = {
    "metricName": Field("MetricName", text, required=True),
    "namespace": Field("Namespace", text, required=True),
    "dimensions": Field("Dimensions", DIMENSIONS),
}
METRIC_STAT: Fields = {
    "metric": Field("Metric", block(METRIC), required=True),
    "stat": Field("Stat", text, required=True),
    "unit": Field("Unit", text),
    "period": Field("Period", integer),
}
METRIC_QUERY: Fields = {
    "id": Field("Id", text, required=True),
    "expression": Field("Expression", text),
    "label": Field("Label", text),
    "returnData": Field("ReturnData", flag),
    "metricStat": Field("MetricStat", block(METRIC_STAT)),
}
TARGET_TRACKING: Fields = {
    "targetValue": Field("TargetValue", number, required=True),
    "disableScaleIn": Field("DisableScaleIn", flag),
    "predefinedMetricSpecification": Field(
        "PredefinedMetricSpecification",
        block(
            {
                "predefinedMetricType": Field("PredefinedMetricType", text, required=True),
                "resourceLabel": Field("ResourceLabel", text),
            }
        ),
    ),
    "customizedMetricSpecification": Field(
        "CustomizedMetricSpecification",
        block(
            {
                "metricName": Field("MetricName", text),
                "namespace": Field("Namespace", text),
                "statistic": Field("Statistic", text),
                "unit": Field("Unit", text),
                "period": Field("Period", integer),
                "metricDimensions": Field("Dimensions", DIMENSIONS),
                "metrics": Field("Metrics", list_of(block(METRIC_QUERY))),
            }
        ),
    ),
}
STEP: Fields = {
    "metricIntervalLowerBound": Field("MetricIntervalLowerBound", number),
    "metricIntervalUpperBound": Field("MetricIntervalUpperBound", number),
    "scalingAdjustment": Field("ScalingAdjustment", integer, required=True),
}


@realises(
    "aws:autoscaling/policy:Policy",
    {
        "name": Field(None, text),
        "autoscalingGroupName": Field("AutoScalingGroupName", text, required=True),
        "policyType": Field("PolicyType", one_of("TargetTrackingScaling", "StepScaling", "SimpleScaling")),
        "targetTrackingConfiguration": Field("TargetTrackingConfiguration", block(TARGET_TRACKING)),
        "stepAdjustments": Field("StepAdjustments", list_of(block(STEP))),
        "adjustmentType": Field("AdjustmentType", text),
        "metricAggregationType": Field("MetricAggregationType", text),
        "minAdjustmentMagnitude": Field("MinAdjustmentMagnitude", integer),
        "scalingAdjustment": Field("ScalingAdjustment", integer),
        "estimatedInstanceWarmup": Field("EstimatedInstanceWarmup", integer),
        "cooldown": Field("Cooldown", integer),
        "enabled": Field("Enabled", flag),
    },
)
def policy(wanted: Wanted, aws: AwsClients) -> Realised:
    name = wanted.physical_name(255)
    made = aws.client("autoscaling").put_scaling_policy(PolicyName=name, **wanted.call)
    return Realised(name, {"name": name, "arn": made.get("PolicyARN", "")})


@realises(
    "aws:autoscaling/schedule:Schedule",
    {
        "scheduledActionName": Field("ScheduledActionName", text, required=True),
        "autoscalingGroupName": Field("AutoScalingGroupName", text, required=True),
        "startTime": Field("StartTime", text),
        "endTime": Field("EndTime", text),
        "recurrence": Field("Recurrence", text),
        "timeZone": Field("TimeZone", text),
        "minSize": Field(None, integer),
        "maxSize": Field(None, integer),
        "desiredCapacity": Field(None, integer),
    },
)
def schedule(wanted: Wanted, aws: AwsClients) -> Realised:
    sizes = {"MinSize": "minSize", "MaxSize": "maxSize", "DesiredCapacity": "desiredCapacity"}
    # the provider's way of leaving a size as it is
    given = {aws_name: wanted.given[name] for aws_name, name in sizes.items() if wanted.given.get(name, -1) != -1}
    aws.client("autoscaling").put_scheduled_update_group_action(**wanted.call, **given)
    made = aws.client("autoscaling").describe_scheduled_actions(
        AutoScalingGroupName=wanted.call["AutoScalingGroupName"],
        ScheduledActionNames=[wanted.call["ScheduledActionName"]],
    )["ScheduledUpdateGroupActions"][0]
    return Realised(wanted.call["ScheduledActionName"], {"arn": made.get("ScheduledActionARN", "")})
