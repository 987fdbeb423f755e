"""EC2 Auto Scaling: groups. Policies and schedules are in `scaling_policies`, hooks in `lifecycle_hooks`."""

from blackstart.aws_clients import AwsClients
from blackstart.deploy.fields import (
    Field,
    Fields,
    block,
    comma_separated,
    flag,
    integer,
    list_of,
    one_of,
    text,
    texts,
)
from blackstart.deploy.registry import Realised, Wanted, realises
from blackstart.deploy.resources.lifecycle_hooks import HOOK

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


TEMPLATE: Fields = {
    "id": Field("LaunchTemplateId", text),
    "name": Field("LaunchTemplateName", text),
    "version": Field("Version", text),
}
MIXED_TEMPLATE: Fields = {
    "launchTemplateId": Field("LaunchTemplateId", text),
    "launchTemplateName": Field("LaunchTemplateName", text),
    "version": Field("Version", text),
}
OVERRIDE: Fields = {
    "instanceType": Field("InstanceType", text),
    "weightedCapacity": Field("WeightedCapacity", text),
    "launchTemplateSpecification": Field("LaunchTemplateSpecification", block(MIXED_TEMPLATE)),
}
MIXED_INSTANCES: Fields = {
    "instancesDistribution": Field(
        "InstancesDistribution",
        block(
            {
                "onDemandAllocationStrategy": Field("OnDemandAllocationStrategy", text),
                "onDemandBaseCapacity": Field("OnDemandBaseCapacity", integer),
                "onDemandPercentageAboveBaseCapacity": Field("OnDemandPercentageAboveBaseCapacity", integer),
                "spotAllocationStrategy": Field("SpotAllocationStrategy", text),
                "spotInstancePools": Field("SpotInstancePools", integer),
                "spotMaxPrice": Field("SpotMaxPrice", text),
            }
        ),
    ),
    "launchTemplate": Field(
        "LaunchTemplate",
        block(
            {
                "launchTemplateSpecification": Field(
                    "LaunchTemplateSpecification", block(MIXED_TEMPLATE), required=True
                ),
                "overrides": Field("Overrides", list_of(block(OVERRIDE))),
            }
        ),
        required=True,
    ),
}
WARM_POOL: Fields = {
    "poolState": Field("PoolState", one_of("Stopped", "Running", "Hibernated")),
    "minSize": Field("MinSize", integer),
    "maxGroupPreparedCapacity": Field("MaxGroupPreparedCapacity", integer),
    "instanceReusePolicy": Field("InstanceReusePolicy", block({"reuseOnScaleIn": Field("ReuseOnScaleIn", flag)})),
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
            block(TEMPLATE),
        ),
        "mixedInstancesPolicy": Field("MixedInstancesPolicy", block(MIXED_INSTANCES)),
        "initialLifecycleHooks": Field("LifecycleHookSpecificationList", list_of(block(HOOK))),
        "warmPool": Field(None, block(WARM_POOL)),
        "availabilityZoneDistribution": Field(
            "AvailabilityZoneDistribution",
            block(
                {
                    "capacityDistributionStrategy": Field(
                        "CapacityDistributionStrategy", one_of("balanced-best-effort", "balanced-only")
                    )
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
    if given.get("warmPool"):
        autoscaling.put_warm_pool(AutoScalingGroupName=name, **given["warmPool"])
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
