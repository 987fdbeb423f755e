"""What the program declares and how it hangs together, as Pulumi's engine would be told."""

import base64
from pathlib import Path

import pytest

from blackstart.domain.tags import CHAOS_TAG, NAME_TAG, STACK_TAG, ZONE_TAG

ZONES = ["us-east-1a", "us-east-1b", "us-east-1c"]
WITHOUT_TAGS = {"Route", "RouteTableAssociation", "RolePolicyAttachment", "Policy"}
SERVICE = Path(__file__).parents[2] / "infra" / "service" / "app.py"


def kind(request):
    return request["type"].rsplit(":", 1)[-1]


def tags_of(request):
    tags = request["inputs"].get("tags", {})
    return {tag["key"]: tag["value"] for tag in tags} if isinstance(tags, list) else tags


def test_a_preview_declares_the_same_resources_as_a_deployment(record):
    up, preview = record(preview=False), record(preview=True)
    names = {(request["type"], request["name"]) for request in up.requests}
    assert names == {(request["type"], request["name"]) for request in preview.requests}
    assert len(names) == len(up.requests)


def test_everything_that_can_carry_tags_names_its_stack_and_itself(recording):
    taggable = [each for each in recording.requests if each["custom"] and kind(each) not in WITHOUT_TAGS]
    assert len(taggable) > 20
    for request in taggable:
        assert tags_of(request)[STACK_TAG] == "emulator", request["name"]
        assert tags_of(request)[NAME_TAG], request["name"]


@pytest.mark.parametrize(("token", "name"), [("LoadBalancer", "web"), ("TargetGroup", "web"), ("Topic", "alarms")])
def test_the_logical_names_of_the_reference_stack_are_kept(record, token, name):
    found = [each for each in record().of(token) if each["custom"]]
    assert [tags_of(each)[NAME_TAG] for each in found] == [name]


def test_names_leave_room_for_the_suffix_that_keeps_them_unique(record):
    for token in ("LoadBalancer", "TargetGroup"):
        for request in (each for each in record().of(token) if each["custom"]):
            assert "name" not in request["inputs"]
            assert len(f"{request['name']}-1234567") <= 32


def test_every_resource_belongs_to_a_component(recording):
    for request in recording.requests:
        at_the_top = request["parent"].endswith("pulumi:pulumi:Stack::blackstart-emulator")
        assert at_the_top == (request["type"] == "blackstart:web:WebTier"), request["name"]


def test_the_scaling_policies_own_the_capacity_after_the_first_deployment(recording):
    assert recording.one("Group")["ignore_changes"] == ["desiredCapacity"]


def test_deletion_protection_of_aws_and_of_pulumi_go_together(record):
    for switched in ("true", "false"):
        balancer = next(each for each in record(deletionProtection=switched).of("LoadBalancer") if each["custom"])
        assert balancer["protect"] is (switched == "true")
        assert balancer["inputs"]["enableDeletionProtection"] is (switched == "true")


def test_only_the_load_balancer_reaches_the_instances(record):
    recorded = record()
    groups = {group["name"]: f"SecurityGroup/{group['name']}/id" for group in recorded.of("SecurityGroup")}
    into_instances = [
        rule["inputs"]
        for rule in recorded.of("SecurityGroupIngressRule")
        if rule["inputs"]["securityGroupId"] == groups["web-instances"]
    ]
    assert [rule["referencedSecurityGroupId"] for rule in into_instances] == [groups["web-load-balancer"]]
    assert not any("cidrIpv4" in rule for rule in into_instances)
    assert recorded.one("LaunchTemplate")["inputs"]["vpcSecurityGroupIds"] == [groups["web-instances"]]
    balancer = next(each for each in recorded.of("LoadBalancer") if each["custom"])
    assert balancer["inputs"]["securityGroups"] == [groups["web-load-balancer"]]
    assert not any("ingress" in group["inputs"] for group in recorded.of("SecurityGroup"))


def routes_of_private_subnets(recorded):
    """Zone of each private subnet -> NAT gateway that its default route leads to."""
    tables = {
        each["inputs"]["subnetId"]: each["inputs"]["routeTableId"] for each in recorded.of("RouteTableAssociation")
    }
    ways_out = {each["inputs"]["routeTableId"]: each["inputs"].get("natGatewayId") for each in recorded.of("Route")}
    return {
        subnet["inputs"]["availabilityZone"]: ways_out[tables[f"Subnet/{subnet['name']}/id"]]
        for subnet in recorded.of("Subnet")
        if "private" in subnet["name"]
    }


def test_private_subnets_leave_through_the_nat_gateway_of_their_own_zone(record):
    assert routes_of_private_subnets(record()) == {zone: f"NatGateway/web-nat-{zone}/id" for zone in ZONES}


def test_a_single_nat_gateway_serves_all_zones_when_asked(record):
    routes = routes_of_private_subnets(record(natPerZone="false"))
    assert routes == dict.fromkeys(ZONES, "NatGateway/web-nat-us-east-1a/id")


def test_public_subnets_leave_through_the_internet_gateway_and_give_no_addresses(record):
    recorded = record()
    assert recorded.one("Route", "web-public")["inputs"]["gatewayId"] == "InternetGateway/web/id"
    assert {subnet["inputs"]["mapPublicIpOnLaunch"] for subnet in recorded.of("Subnet")} == {False}


def test_instances_live_in_private_subnets_and_the_load_balancer_in_public_ones(record):
    recorded = record()
    private = [f"Subnet/web-private-{zone}/id" for zone in ZONES]
    public = [f"Subnet/web-public-{zone}/id" for zone in ZONES]
    assert recorded.one("Group")["inputs"]["vpcZoneIdentifiers"] == private
    balancer = next(each for each in recorded.of("LoadBalancer") if each["custom"])
    assert balancer["inputs"]["subnets"] == public


def test_instances_wait_for_the_listener_and_for_their_way_out(record):
    """The group's component waits, and with it everything in it: a child is registered after its parent."""
    waited_for = record().one("ScalingGroup")["dependencies"]
    for needed in ("listener:Listener::web", "route:Route::web-private-us-east-1c", "GroupIngressRule::web-service"):
        assert any(urn.endswith(needed) for urn in waited_for), needed


def test_alarms_wait_for_the_instances(record):
    alarms = next(each for each in record().requests if each["type"] == "blackstart:web:Alarms")
    assert any(urn.endswith("autoscaling/group:Group::web") for urn in alarms["dependencies"])


def test_six_instances_are_kept_so_that_two_of_three_zones_carry_the_peak_of_four(recording):
    group = recording.one("Group")["inputs"]
    assert (group["minSize"], group["desiredCapacity"]) == (6, 6)
    assert group["healthCheckType"] == "ELB"
    assert group["healthCheckGracePeriod"] == 90


def test_chaos_is_an_opt_in_that_reaches_the_instances(record):
    opted_in = record().one("Group")["inputs"]["tags"]
    assert {"key": CHAOS_TAG, "value": "allowed", "propagateAtLaunch": True} in opted_in
    assert {tag["propagateAtLaunch"] for tag in opted_in} == {True}
    assert CHAOS_TAG not in tags_of(record(chaosAllowed="false").one("Group"))


def test_the_launch_template_is_hardened(recording):
    template = recording.one("LaunchTemplate")["inputs"]
    assert template["metadataOptions"]["httpTokens"] == "required"
    assert template["metadataOptions"]["httpPutResponseHopLimit"] == 1
    assert [(disk["ebs"]["volumeType"], disk["ebs"]["encrypted"]) for disk in template["blockDeviceMappings"]] == [
        ("gp3", "true")
    ]
    assert template["monitoring"] == {"enabled": True}
    assert "keyName" not in template
    assert recording.one("RolePolicyAttachment")["inputs"]["policyArn"].endswith("/AmazonSSMManagedInstanceCore")


def test_user_data_carries_the_service_whole_and_never_restarts_it(recording):
    script = base64.b64decode(recording.one("LaunchTemplate")["inputs"]["userData"]).decode()
    assert SERVICE.read_text() in script
    assert "\nRestart=no\n" in script
    assert "blackstart-demo.service" in script
    assert "PORT=8080" in script
    assert len(script.encode()) <= 16 * 1024


@pytest.mark.parametrize(("instance_type", "architecture"), [("t3.micro", "x86_64"), ("m7g.large", "arm64")])
def test_the_image_follows_the_architecture_of_the_instance_type(record, instance_type, architecture):
    lookups = [each for each in record(instanceType=instance_type).lookups if "getParameter" in each["token"]]
    assert [each["arguments"]["name"].rsplit("-", 1)[-1] for each in lookups] == [architecture]


def test_a_slow_health_check_is_a_matter_of_configuration(record):
    slow = record(healthCheckIntervalS="30", unhealthyThreshold="10")
    check = slow.one("TargetGroup")["inputs"]["healthCheck"]
    assert (check["interval"], check["unhealthyThreshold"], check["timeout"]) == (30, 10, 5)


def test_each_zone_has_an_alarm_below_its_need_for_which_silence_is_bad(record):
    alarms = [alarm for alarm in record().of("MetricAlarm") if tags_of(alarm)[NAME_TAG] == "healthy-hosts"]
    assert [tags_of(alarm)[ZONE_TAG] for alarm in alarms] == ZONES
    for alarm in alarms:
        inputs = alarm["inputs"]
        assert inputs["dimensions"] == {
            "LoadBalancer": "LoadBalancer/web/arnSuffix",
            "TargetGroup": "TargetGroup/web/arnSuffix",
            "AvailabilityZone": tags_of(alarm)[ZONE_TAG],
        }
        assert (inputs["metricName"], inputs["statistic"]) == ("HealthyHostCount", "Minimum")
        assert (inputs["comparisonOperator"], inputs["threshold"]) == ("LessThanThreshold", 2)
        assert inputs["treatMissingData"] == "breaching"


def test_one_instance_can_be_asked_for_and_then_one_alarm_watches_the_group(record):
    single = record(minSize="1")
    assert single.one("Group")["inputs"]["desiredCapacity"] == 1
    alarms = [alarm for alarm in single.of("MetricAlarm") if tags_of(alarm)[NAME_TAG] == "healthy-hosts"]
    assert [alarm["inputs"]["threshold"] for alarm in alarms] == [1]
    assert ZONE_TAG not in tags_of(alarms[0])
    assert "AvailabilityZone" not in alarms[0]["inputs"]["dimensions"]


def test_every_alarm_sees_one_minute_tells_the_topic_and_names_its_runbook(record):
    alarms = record().of("MetricAlarm")
    assert len(alarms) == 7
    for alarm in alarms:
        inputs, name = alarm["inputs"], tags_of(alarm)[NAME_TAG]
        assert (inputs["period"], inputs["evaluationPeriods"], inputs["datapointsToAlarm"]) == (60, 1, 1)
        assert inputs["alarmActions"] == inputs["okActions"] == ["Topic/alarms/arn"]
        assert inputs["alarmDescription"].endswith(f"Runbook: runbooks/{name}.md")


def test_the_program_exports_where_to_find_it(record):
    assert record().exports["url"] == "http://LoadBalancer/web/dnsName"
    assert set(record().exports) == {"url", "scalingGroup", "alarmTopic"}
