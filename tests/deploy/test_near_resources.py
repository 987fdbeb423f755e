"""Resource types and data sources that the reference program does not use and a web tier often does."""

import re
from pathlib import Path

import pytest

from blackstart.deploy.registry import data_sources, load_resources, resource_types

PROJECT = Path(__file__).parents[2]
PROGRAM = """
import json

import pulumi
from pulumi_aws import autoscaling, ec2, get_caller_identity, get_region, iam, lb, sns, sqs, vpc

network = ec2.Vpc("near", cidr_block="10.9.0.0/16")
pulumi.export("mainRouteTable", network.main_route_table_id)
gateway = ec2.InternetGateway("near", vpc_id=network.id)
ec2.RouteTable("near", vpc_id=network.id, routes=[{"cidr_block": "0.0.0.0/0", "gateway_id": gateway.id}])
subnets = [
    ec2.Subnet(zone, vpc_id=network.id, cidr_block=f"10.9.{number}.0/24", availability_zone=f"us-east-1{zone}")
    for number, zone in enumerate("ab")
]
group = ec2.SecurityGroup(
    "near",
    vpc_id=network.id,
    ingress=[{"protocol": "tcp", "from_port": 80, "to_port": 80, "cidr_blocks": ["0.0.0.0/0"], "self": True}],
    egress=[{"protocol": "-1", "from_port": 0, "to_port": 0, "cidr_blocks": ["0.0.0.0/0"]}],
)
pulumi.export("securityGroup", group.id)
ec2.SecurityGroupRule(
    "near",
    security_group_id=group.id,
    type="ingress",
    protocol="tcp",
    from_port=443,
    to_port=443,
    cidr_blocks=["10.0.0.0/8"],
)
balancer = lb.LoadBalancer("near", subnets=[subnet.id for subnet in subnets], internal=True, idle_timeout=30)
targets = lb.TargetGroup("near", vpc_id=network.id, port=80, protocol="HTTP", target_type="ip", slow_start=30)
lb.TargetGroupAttachment("near", target_group_arn=targets.arn, target_id="10.9.0.10", port=81)
listener = lb.Listener(
    "near",
    load_balancer_arn=balancer.arn,
    port=80,
    protocol="HTTP",
    default_actions=[
        {"type": "fixed-response", "fixed_response": {"content_type": "text/plain", "status_code": "404"}}
    ],
)
pulumi.export("listener", listener.arn)
lb.ListenerRule(
    "near",
    listener_arn=listener.arn,
    priority=10,
    actions=[{"type": "forward", "target_group_arn": targets.arn}],
    conditions=[{"path_pattern": {"values": ["/shop/*"]}}],
)
pulumi.export("targetGroup", targets.arn)
queue = sqs.Queue("near", visibility_timeout_seconds=60, tags={"a": "b"})
pulumi.export("queue", queue.url)
topic = sns.Topic("near")
sns.TopicSubscription("near", topic=topic.arn, protocol="sqs", endpoint=queue.arn, raw_message_delivery=True)
policy = iam.get_policy_document(
    statements=[
        {"actions": ["sts:AssumeRole"], "principals": [{"type": "Service", "identifiers": ["ec2.amazonaws.com"]}]}
    ]
)
role = iam.Role("near", assume_role_policy=policy.json)
pulumi.export("role", role.name)
iam.RolePolicy("near", role=role.name, policy=iam.get_policy_document(
    statements=[{"actions": ["sqs:*"], "resources": ["*"]}]
).json)
template = ec2.LaunchTemplate("near", image_id="ami-12c6146b", instance_type="t3.micro", description="near")
scaling = autoscaling.Group(
    "near",
    min_size=0,
    max_size=1,
    vpc_zone_identifiers=[subnets[0].id],
    launch_template={"id": template.id, "version": "$Latest"},
    suspended_processes=["AZRebalance"],
    force_delete=True,
)
pulumi.export("scalingGroup", scaling.name)
pulumi.export("account", get_caller_identity().account_id)
pulumi.export("region", get_region().region)
"""


@pytest.fixture
def outputs(run):
    return run(PROGRAM)[0].outputs


def test_each_is_created_with_what_was_asked_for(outputs, aws):
    ec2, elbv2, sqs = aws.client("ec2"), aws.client("elbv2"), aws.client("sqs")
    group = ec2.describe_security_groups(GroupIds=[outputs["securityGroup"]])["SecurityGroups"][0]
    assert sorted(each["FromPort"] for each in group["IpPermissions"]) == [80, 443]
    assert [each["IpProtocol"] for each in group["IpPermissionsEgress"]] == ["-1"]
    assert outputs["mainRouteTable"].startswith("rtb-")
    rules = elbv2.describe_rules(ListenerArn=outputs["listener"])["Rules"]
    assert {rule["Priority"]: rule["Actions"][0]["Type"] for rule in rules} == {
        "10": "forward",
        "default": "fixed-response",
    }
    targets = elbv2.describe_target_health(TargetGroupArn=outputs["targetGroup"])["TargetHealthDescriptions"]
    assert [(each["Target"]["Id"], each["Target"]["Port"]) for each in targets] == [("10.9.0.10", 81)]
    attributes = sqs.get_queue_attributes(QueueUrl=outputs["queue"], AttributeNames=["VisibilityTimeout"])
    assert attributes["Attributes"] == {"VisibilityTimeout": "60"}
    role = aws.client("iam").get_role(RoleName=outputs["role"])["Role"]
    assert role["AssumeRolePolicyDocument"]["Statement"][0]["Principal"] == {"Service": ["ec2.amazonaws.com"]}
    found = aws.client("autoscaling").describe_auto_scaling_groups(AutoScalingGroupNames=[outputs["scalingGroup"]])
    assert [each["ProcessName"] for each in found["AutoScalingGroups"][0]["SuspendedProcesses"]] == ["AZRebalance"]
    assert (outputs["account"], outputs["region"]) == ("123456789012", "us-east-1")


def test_no_type_that_is_offered_goes_untried():
    """Each is used here, by a program of a test beside this one, or by the reference program."""
    load_resources()
    beside = (Path(__file__).with_name(f"test_{name}_resources.py") for name in ("https", "scaling"))
    programs = [*(PROJECT / "infra").glob("*.py"), *beside]
    used = PROGRAM + "".join(file.read_text() for file in programs)
    for token in resource_types():
        assert f".{token.rsplit(':', 1)[-1]}(" in used, token
    for token in data_sources():
        assert re.sub("([A-Z])", r"_\1", token.rsplit(":", 1)[-1]).lower() in used, token
