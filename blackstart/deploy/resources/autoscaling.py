"""EC2 Auto Scaling: groups and scaling policies."""

from typing import Any

from blackstart.aws_clients import AwsClients
from blackstart.deploy.fields import (
    Field,
    Fields,
    block,
    comma_separated,
    flag,
    integer,
    list_of,
    number,
    one_of,
    text,
    texts,
)
from blackstart.deploy.registry import Realised, Wanted, realises

# How Pulumi's provider waits, deletes and rolls out a changed template: nothing that the first creation needs.
PROVIDER_ONLY: Fields = {
    "forceDelete": Field(None, flag),
    "forceDeleteWarmPool": Field(None, flag),
    "ignoreFailedScalingActivities": Field(None, flag),
    "minElbCapacity": Field(None, integer),
    "waitForCapacityTimeout": Field(None, text),
    "waitForElbCapacity": Field(None, integer),
    "instanceRefresh": Field(
        None,
        block(
            {
                "strategy": Field(None, one_of("Rolling"), required=True),
                "triggers": Field(None, texts),
                "preferences": Field(
                    None,
                    block(
                        {
                            "autoRollback": Field(None, flag),
                            "checkpointDelay": Field(None, integer),
                            "checkpointPercentages": Field(None, list_of(integer)),
                            "instanceWarmup": Field(None, integer),
                            "maxHealthyPercentage": Field(None, integer),
                            "minHealthyPercentage": Field(None, integer),
                            "skipMatching": Field(None, flag),
                        }
                    ),
                ),
            }
        ),
    ),
}
TAG: Fields = {
    "key": Field("Key", text, required=True),
    "value": Field("Value", text, required=True),
    "propagateAtLaunch": Field("PropagateAtLaunch", flag, required=True),
}


@realises(
    "aws:autoscaling/group:Group",
    {
        "name": Field(None, text),
        "namePrefix": Field(None, text),
        "minSize": Field("MinSize", integer, required=True),
        "maxSize": Field("MaxSize", integer, required=True),
        "desiredCapacity": Field("DesiredCapacity", integer),
        "vpcZoneIdentifiers": Field("VPCZoneIdentifier", comma_separated),
        "availabilityZones": Field("AvailabilityZones", texts),
        "launchTemplate": Field(
            "LaunchTemplate",
            block(
                {
                    "id": Field("LaunchTemplateId", text),
                    "name": Field("LaunchTemplateName", text),
                    "version": Field("Version", text),
                }
            ),
        ),
        "targetGroupArns": Field("TargetGroupARNs", texts),
        "healthCheckType": Field("HealthCheckType", one_of("EC2", "ELB")),
        "healthCheckGracePeriod": Field("HealthCheckGracePeriod", integer),
        "defaultCooldown": Field("DefaultCooldown", integer),
        "defaultInstanceWarmup": Field("DefaultInstanceWarmup", integer),
        "capacityRebalance": Field("CapacityRebalance", flag),
        "maxInstanceLifetime": Field("MaxInstanceLifetime", integer),
        "protectFromScaleIn": Field("NewInstancesProtectedFromScaleIn", flag),
        "terminationPolicies": Field("TerminationPolicies", texts),
        "instanceMaintenancePolicy": Field(
            "InstanceMaintenancePolicy",
            block(
                {
                    "minHealthyPercentage": Field("MinHealthyPercentage", integer, required=True),
                    "maxHealthyPercentage": Field("MaxHealthyPercentage", integer, required=True),
                }
            ),
        ),
        "enabledMetrics": Field(None, texts),
        "metricsGranularity": Field(None, text),
        "suspendedProcesses": Field(None, texts),
        "tags": Field("Tags", list_of(block(TAG))),
        **PROVIDER_ONLY,
    },
)
def group(wanted: Wanted, aws: AwsClients) -> Realised:
    autoscaling = aws.client("autoscaling")
    name, given = wanted.physical_name(255), wanted.given
    grace = {} if "HealthCheckGracePeriod" in wanted.call else {"HealthCheckGracePeriod": 300}  # the provider's default
    autoscaling.create_auto_scaling_group(AutoScalingGroupName=name, **wanted.call, **grace)
    if given.get("suspendedProcesses"):
        autoscaling.suspend_processes(AutoScalingGroupName=name, ScalingProcesses=given["suspendedProcesses"])
    if given.get("enabledMetrics"):
        granularity = given.get("metricsGranularity", "1Minute")
        autoscaling.enable_metrics_collection(
            AutoScalingGroupName=name, Metrics=given["enabledMetrics"], Granularity=granularity
        )
    made = autoscaling.describe_auto_scaling_groups(AutoScalingGroupNames=[name])["AutoScalingGroups"][0]
    return Realised(
        name,
        {
            "arn": made["AutoScalingGroupARN"],
            "name": name,
            "desiredCapacity": made["DesiredCapacity"],
            "availabilityZones": made["AvailabilityZones"],
        },
    )


DIMENSIONS = list_of(block({"name": Field("Name", text, required=True), "value": Field("Value", text, required=True)}))
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
                "metricDimensions": Field("Dimensions", DIMENSIONS),
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
    made: dict[str, Any] = aws.client("autoscaling").put_scaling_policy(PolicyName=name, **wanted.call)
    arn = {"arn": made["PolicyARN"]} if "PolicyARN" in made else {}  # moto leaves it out
    return Realised(name, {"name": name, **arn})
