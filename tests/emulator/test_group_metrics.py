"""What Auto Scaling groups report about themselves, what turns it on and off, and detailed monitoring, over the API."""

from datetime import UTC, datetime
from typing import Any

import pytest
import web_stack
from botocore.exceptions import ClientError

from blackstart.emulator.decisions.group_metrics import METRICS, GroupSizes, WarmPool, group_values
from blackstart.emulator.decisions.scaling_group import Lifecycle
from blackstart.emulator.protocol import CounterRow, Counters

OF_WARM_POOLS = {name for name in METRICS if "WarmPool" in name}


def values(rig: Any, namespace: str, name: str, dimension: str, of: str, minutes: int = 10) -> list[float]:
    """The Maximum of each minute that has any, oldest first."""
    found = rig.client("cloudwatch").get_metric_statistics(
        Namespace=namespace,
        MetricName=name,
        Dimensions=[{"Name": dimension, "Value": of}],
        StartTime=datetime.fromtimestamp(rig.now_s - 60 * minutes, UTC),
        EndTime=datetime.fromtimestamp(rig.now_s + 60, UTC),
        Period=60,
        Statistics=["Maximum"],
    )["Datapoints"]
    return [point["Maximum"] for point in sorted(found, key=lambda point: point["Timestamp"])]


def of_group(rig: Any, name: str) -> list[float]:
    return values(rig, "AWS/AutoScaling", name, "AutoScalingGroupName", "web")


def names(rig: Any, namespace: str) -> set[str]:
    return {one["MetricName"] for one in rig.client("cloudwatch").list_metrics(Namespace=namespace)["Metrics"]}


@pytest.fixture
def stack(rig):
    made = web_stack.WebStack(rig.client)
    rig.run(60)
    return made


def enable(stack: Any, **changes: Any) -> None:
    stack.asg.enable_metrics_collection(AutoScalingGroupName="web", **{"Granularity": "1Minute", **changes})


def enabled(stack: Any) -> list[str]:
    group = stack.asg.describe_auto_scaling_groups(AutoScalingGroupNames=["web"])["AutoScalingGroups"][0]
    assert {metric["Granularity"] for metric in group.get("EnabledMetrics", [])} <= {"1Minute"}
    return [metric["Metric"] for metric in group.get("EnabledMetrics", [])]


def test_a_group_says_nothing_until_somebody_asks_for_it(rig, stack):
    rig.run(120)
    assert names(rig, "AWS/AutoScaling") == set()


def test_all_metrics_are_collected_when_none_is_named_each_minute(rig, stack):
    enable(stack)
    rig.run(180)
    assert names(rig, "AWS/AutoScaling") == set(METRICS) - OF_WARM_POOLS
    assert of_group(rig, "GroupMinSize")[-1] == 0.0
    assert of_group(rig, "GroupMaxSize")[-1] == 9.0
    assert of_group(rig, "GroupDesiredCapacity")[-3:] == [3.0, 3.0, 3.0]
    assert of_group(rig, "GroupTotalInstances")[-1] == 3.0
    assert of_group(rig, "GroupTotalCapacity")[-1] == 3.0


def test_a_scale_out_shows_in_pending_and_then_in_service(rig, stack):
    enable(stack)
    rig.run(60 - rig.now_s % 60 + 58)
    stack.asg.set_desired_capacity(AutoScalingGroupName="web", DesiredCapacity=5)
    rig.run(5)
    assert of_group(rig, "GroupPendingInstances")[-1] == 2.0
    assert of_group(rig, "GroupInServiceInstances")[-1] == 3.0
    rig.run(120)
    assert of_group(rig, "GroupPendingInstances")[-1] == 0.0
    assert of_group(rig, "GroupInServiceInstances")[-1] == 5.0


def test_only_the_metrics_asked_for_are_collected_and_asking_adds_to_them(rig, stack):
    enable(stack, Metrics=["GroupTotalInstances"])
    enable(stack, Metrics=["GroupMinSize"])
    assert set(enabled(stack)) == {"GroupMinSize", "GroupTotalInstances"}
    rig.run(120)
    assert names(rig, "AWS/AutoScaling") == {"GroupMinSize", "GroupTotalInstances"}


def test_collection_ends_for_the_metrics_named_and_for_all_when_none_is(rig, stack):
    enable(stack)
    stack.asg.disable_metrics_collection(AutoScalingGroupName="web", Metrics=["GroupMinSize"])
    assert set(enabled(stack)) == set(METRICS) - {"GroupMinSize"}
    stack.asg.disable_metrics_collection(AutoScalingGroupName="web")
    assert enabled(stack) == []
    rig.run(120)
    assert names(rig, "AWS/AutoScaling") == set()


def test_the_metrics_that_can_be_collected_are_described(rig):
    described = rig.client("autoscaling").describe_metric_collection_types()
    assert [one["Metric"] for one in described["Metrics"]] == list(METRICS)
    assert described["Granularities"] == [{"Granularity": "1Minute"}]


@pytest.mark.parametrize(
    "call",
    [
        {"Granularity": "5Minutes"},
        {"Metrics": ["GroupSize"]},
        {"AutoScalingGroupName": "nobody"},
    ],
)
def test_what_cannot_be_collected_is_refused(stack, call):
    with pytest.raises(ClientError) as refused:
        stack.asg.enable_metrics_collection(**{"AutoScalingGroupName": "web", "Granularity": "1Minute", **call})
    assert refused.value.response["Error"]["Code"] == "ValidationError"


# --- the figures


def sizes(*members: tuple[Lifecycle, str], warm: tuple[tuple[Lifecycle, str], ...] = ()) -> GroupSizes:
    return GroupSizes(1, 10, 4, members, warm, {"m5.xlarge": 4, "m5.large": 2})


def test_capacity_counts_units_where_instances_are_weighted():
    found = dict(
        group_values(
            sizes(
                (Lifecycle.IN_SERVICE, "m5.xlarge"),
                (Lifecycle.IN_SERVICE, "m5.large"),
                (Lifecycle.PENDING_WAIT, "m5.large"),
                (Lifecycle.STANDBY, "m5.large"),
                (Lifecycle.TERMINATING_PROCEED, "t3.micro"),
                (Lifecycle.DETACHING, "m5.large"),
            ),
            None,
        )
    )
    assert [found[f"Group{which}Instances"] for which in ("InService", "Pending", "Standby", "Terminating")] == [
        *(2, 1, 1, 1)
    ]
    assert [found[f"Group{which}Capacity"] for which in ("InService", "Pending", "Standby", "Terminating")] == [
        *(6, 2, 2, 1)
    ]
    assert (found["GroupTotalInstances"], found["GroupTotalCapacity"]) == (4, 9)
    assert not OF_WARM_POOLS & set(found)


@pytest.mark.parametrize(
    ("pool", "desired"),
    [(WarmPool(0, None), 6), (WarmPool(8, None), 8), (WarmPool(0, 7), 3), (WarmPool(2, 4), 2)],
)
def test_a_warm_pool_wants_what_is_missing_to_the_prepared_capacity_or_its_minimum(pool, desired):
    """Auto Scaling guide, WarmPoolDesiredCapacity; the group's maximum is 10, its desired capacity 4."""
    found = dict(group_values(sizes(), pool))
    assert (found["WarmPoolDesiredCapacity"], found["GroupAndWarmPoolDesiredCapacity"]) == (desired, 4 + desired)


def test_a_warm_pools_instances_are_counted_beside_the_groups():
    warm = (
        (Lifecycle.WARMED_STOPPED, "m5.large"),
        (Lifecycle.WARMED_RUNNING, "t3.micro"),
        (Lifecycle.WARMED_PENDING_WAIT, "m5.large"),
        (Lifecycle.WARMED_TERMINATING, "m5.xlarge"),
    )
    found = dict(group_values(sizes((Lifecycle.IN_SERVICE, "t3.micro"), warm=warm), WarmPool(0, None)))
    of_pool = [found[f"WarmPool{which}Capacity"] for which in ("Warmed", "Pending", "Terminating", "Total")]
    assert of_pool == [3, 2, 4, 9]
    assert found["GroupAndWarmPoolTotalCapacity"] == 10
    assert set(found) == set(METRICS)


# --- detailed monitoring


def test_an_instance_is_monitored_in_detail_from_when_it_is_asked_for(rig, stack):
    rig.run(60)
    instance_id = next(iter(rig.services.running))
    rig.run(300 - rig.now_s % 300 + 1)
    assert stack.ec2.monitor_instances(InstanceIds=[instance_id])["InstanceMonitorings"] == [
        {"InstanceId": instance_id, "Monitoring": {"State": "pending"}}
    ]
    described = stack.ec2.describe_instances(InstanceIds=[instance_id])["Reservations"][0]["Instances"][0]
    assert described["Monitoring"] == {"State": "enabled"}
    assert rig.controllers.ec2.facts[instance_id].detailed_monitoring
    answered = stack.ec2.unmonitor_instances(InstanceIds=[instance_id])["InstanceMonitorings"][0]
    assert answered["Monitoring"] == {"State": "disabling"}
    assert not rig.controllers.ec2.facts[instance_id].detailed_monitoring
    with pytest.raises(ClientError, match=r"InvalidInstanceID\.NotFound"):
        stack.ec2.monitor_instances(InstanceIds=["i-0123456789abcdef0"])


def test_instances_of_a_launch_configuration_are_monitored_in_detail_unless_it_says_otherwise(rig, stack):
    image = rig.client("ssm").get_parameter(Name=web_stack.IMAGE_PARAMETER)["Parameter"]["Value"]
    for name, given in (("default", {}), ("basic", {"InstanceMonitoring": {"Enabled": False}})):
        stack.asg.create_launch_configuration(
            LaunchConfigurationName=name, ImageId=image, InstanceType="t3.micro", **given
        )
        stack.asg.create_auto_scaling_group(
            AutoScalingGroupName=name,
            LaunchConfigurationName=name,
            MinSize=1,
            MaxSize=1,
            VPCZoneIdentifier=stack.subnets[0],
        )
    described = stack.asg.describe_launch_configurations()["LaunchConfigurations"]
    monitored = {one["LaunchConfigurationName"]: one["InstanceMonitoring"]["Enabled"] for one in described}
    assert monitored == {"default": True, "basic": False}
    rig.run(60)
    groups = stack.asg.describe_auto_scaling_groups(AutoScalingGroupNames=["default", "basic"])["AutoScalingGroups"]
    facts = rig.controllers.ec2.facts
    launched = {group["AutoScalingGroupName"]: facts[group["Instances"][0]["InstanceId"]] for group in groups}
    assert {name: fact.detailed_monitoring for name, fact in launched.items()} == monitored


def test_instances_of_a_launch_template_are_monitored_in_detail_only_when_it_says_so(rig, stack):
    described = {fact.detailed_monitoring for fact in rig.controllers.ec2.facts.values()}
    assert described == {False}
    stack.ec2.create_launch_template_version(
        LaunchTemplateId=stack.template, SourceVersion="1", LaunchTemplateData={"Monitoring": {"Enabled": True}}
    )
    stack.asg.set_desired_capacity(AutoScalingGroupName="web", DesiredCapacity=4)
    rig.run(60)
    assert [fact.detailed_monitoring for fact in rig.controllers.ec2.facts.values()].count(True) == 1


def test_a_stack_under_load_shows_requests_per_target_over_the_api(rig, stack):
    """The metric of a target tracking policy on requests: its dimensions, and its Sum."""
    row = CounterRow(
        load_balancer_arn=stack.balancer, target_group_arn=stack.target_group, zone="us-east-1a", requests=9
    )
    rig.run(60 - rig.now_s % 60)
    rig.controllers.apply(Counters(bucket_start_s=rig.now_s, rows=(row,)))
    rig.run(60)
    found = rig.client("cloudwatch").get_metric_data(
        StartTime=datetime.fromtimestamp(rig.now_s - 120, UTC),
        EndTime=datetime.fromtimestamp(rig.now_s, UTC),
        MetricDataQueries=[
            {
                "Id": f"m{index}",
                "MetricStat": {
                    "Metric": {
                        "Namespace": "AWS/ApplicationELB",
                        "MetricName": "RequestCountPerTarget",
                        "Dimensions": [{"Name": name, "Value": value} for name, value in dimensions.items()],
                    },
                    "Period": 60,
                    "Stat": "Sum",
                },
            }
            for index, dimensions in enumerate(
                (
                    {"TargetGroup": stack.target_group.rpartition(":")[2]},
                    {
                        "TargetGroup": stack.target_group.rpartition(":")[2],
                        "LoadBalancer": stack.balancer.rpartition(":loadbalancer/")[2],
                    },
                )
            )
        ],
    )["MetricDataResults"]
    assert [result["Values"] for result in found] == [[30.0], [30.0]], "9 real requests at speed 10, over 3 targets"


# --- through all controllers


def test_the_cpu_of_a_group_is_seen_over_the_api(rig, stack):
    rig.run(120)
    running = list(rig.services.running)
    rig.controllers.instance_metrics.on_usage({}, rig.now_s)
    rig.run(300)
    used = dict.fromkeys(running, 6.0)
    rig.controllers.instance_metrics.on_usage(used, rig.now_s)
    found = values(rig, "AWS/EC2", "CPUUtilization", "AutoScalingGroupName", "web")
    assert found
    assert max(found) == pytest.approx(10.0, rel=0.01), "6 CPU seconds in 30 s, of two vCPUs"


# --- NAT gateways


def test_an_available_nat_gateway_reports_zeros_each_minute_and_a_deleted_one_nothing(rig):
    ec2 = rig.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.0.0/24")["Subnet"]["SubnetId"]
    address = ec2.allocate_address(Domain="vpc")["AllocationId"]
    gateway = ec2.create_nat_gateway(SubnetId=subnet, AllocationId=address)["NatGateway"]["NatGatewayId"]
    rig.run(180)
    assert len(names(rig, "AWS/NATGateway")) == 16
    assert values(rig, "AWS/NATGateway", "BytesOutToDestination", "NatGatewayId", gateway) == [0.0, 0.0, 0.0]
    ec2.delete_nat_gateway(NatGatewayId=gateway)
    rig.run(300)
    assert len(values(rig, "AWS/NATGateway", "ErrorPortAllocation", "NatGatewayId", gateway)) == 3
