"""The unmodified program of infra/ on an endpoint, described back through the AWS APIs."""

from pathlib import Path

import pytest

from blackstart.deploy.deployment import deploy
from blackstart.domain.errors import DeployError
from blackstart.domain.tags import CHAOS_TAG, NAME_TAG, STACK_TAG, ZONE_TAG

PROJECT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def told():
    return []


@pytest.fixture(scope="module")
def deployed(endpoint, told):
    return deploy(PROJECT, "emulator", endpoint, "us-east-1", {}, told.append)


def by_key(tags):
    return {tag["Key"]: tag["Value"] for tag in tags}


def test_it_is_deployed_in_seconds_and_tells_each_resource(deployed, told):
    assert deployed.resources == len(told) > 40
    assert deployed.seconds < 60
    assert deployed.outputs["url"].startswith("http://web-")
    assert told.index("created aws:autoscaling/group:Group web") < told.index("created aws:sns/topic:Topic alarms")


def test_six_instances_are_asked_for_in_three_private_subnets(deployed, aws):
    name = deployed.outputs["scalingGroup"]
    found = aws.client("autoscaling").describe_auto_scaling_groups(AutoScalingGroupNames=[name])
    group = found["AutoScalingGroups"][0]
    assert (group["MinSize"], group["DesiredCapacity"], group["MaxSize"]) == (6, 6, 12)
    assert (group["HealthCheckType"], group["HealthCheckGracePeriod"]) == ("ELB", 90)
    assert len(group["VPCZoneIdentifier"].split(",")) == 3
    propagated = {tag["Key"]: tag["Value"] for tag in group["Tags"] if tag["PropagateAtLaunch"]}
    assert {STACK_TAG: "emulator", NAME_TAG: "web", CHAOS_TAG: "allowed"}.items() <= propagated.items()


def test_the_load_balancer_forwards_to_the_group_with_its_health_check(deployed, aws):
    elbv2 = aws.client("elbv2")
    balancer = next(
        each for each in elbv2.describe_load_balancers()["LoadBalancers"] if each["DNSName"] in deployed.outputs["url"]
    )
    listener = elbv2.describe_listeners(LoadBalancerArn=balancer["LoadBalancerArn"])["Listeners"][0]
    groups = elbv2.describe_target_groups(LoadBalancerArn=balancer["LoadBalancerArn"])["TargetGroups"]
    assert len(balancer["AvailabilityZones"]) == 3
    assert (listener["Port"], listener["DefaultActions"][0]["TargetGroupArn"]) == (80, groups[0]["TargetGroupArn"])
    assert (groups[0]["HealthCheckPath"], groups[0]["Port"]) == ("/healthz", 8080)
    assert (groups[0]["HealthCheckIntervalSeconds"], groups[0]["HealthCheckTimeoutSeconds"]) == (10, 5)
    attributes = elbv2.describe_target_group_attributes(TargetGroupArn=groups[0]["TargetGroupArn"])["Attributes"]
    assert {"Key": "deregistration_delay.timeout_seconds", "Value": "30"} in attributes


def test_three_alarms_watch_the_healthy_hosts_each_with_its_zone(deployed, aws):
    cloudwatch = aws.client("cloudwatch")
    zones = []
    for alarm in cloudwatch.describe_alarms()["MetricAlarms"]:
        tags = by_key(cloudwatch.list_tags_for_resource(ResourceARN=alarm["AlarmArn"])["Tags"])
        assert tags[STACK_TAG] == "emulator"
        assert alarm["AlarmActions"] == [deployed.outputs["alarmTopic"]]
        if tags[NAME_TAG] == "healthy-hosts":
            zones.append(tags[ZONE_TAG])
    assert sorted(zones) == ["us-east-1a", "us-east-1b", "us-east-1c"]


def test_only_the_load_balancer_may_enter_the_instances_security_group(deployed, aws):
    groups = {
        by_key(group["Tags"])[NAME_TAG]: group
        for group in aws.client("ec2").describe_security_groups()["SecurityGroups"]
        if group.get("Tags")
    }
    permissions = groups["web-instances"]["IpPermissions"]
    assert [pair["GroupId"] for each in permissions for pair in each["UserIdGroupPairs"]] == [
        groups["web-load-balancer"]["GroupId"]
    ]
    assert not any(each["IpRanges"] for each in permissions)


def test_a_second_deployment_onto_the_same_endpoint_is_refused(deployed, endpoint, told):
    with pytest.raises(DeployError, match=r"was refused: .*\n  Deploying only creates"):
        deploy(PROJECT, "emulator", endpoint, "us-east-1", {}, lambda _: None)


def test_a_setting_that_cannot_work_is_told_without_a_traceback(endpoint):
    with pytest.raises(DeployError, match="minSize 20 is above maxSize 12") as refused:
        deploy(PROJECT, "emulator", endpoint, "us-east-1", {"minSize": "20"}, lambda _: None)
    assert "Traceback" not in str(refused.value)
