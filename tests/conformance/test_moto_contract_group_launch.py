"""What the launches of Auto Scaling groups read from moto: an upgrade that changes it fails here."""

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws
from moto.core import DEFAULT_ACCOUNT_ID


@pytest.fixture
def group() -> Iterator[Any]:
    """moto's own group, with a mixed instances policy."""
    with mock_aws():
        ec2, asg = (boto3.client(name, "us-east-1") for name in ("ec2", "autoscaling"))
        image = ec2.describe_images()["Images"][0]["ImageId"]
        template = ec2.create_launch_template(
            LaunchTemplateName="web",
            LaunchTemplateData={
                "ImageId": image,
                "InstanceType": "t3.micro",
                "TagSpecifications": [{"ResourceType": "instance", "Tags": [{"Key": "a", "Value": "b"}]}],
            },
        )["LaunchTemplate"]["LaunchTemplateId"]
        asg.create_auto_scaling_group(
            AutoScalingGroupName="web",
            MixedInstancesPolicy={
                "LaunchTemplate": {
                    "LaunchTemplateSpecification": {"LaunchTemplateId": template, "Version": "$Latest"},
                    "Overrides": [{"InstanceType": "t3.small"}],
                },
                "InstancesDistribution": {"OnDemandBaseCapacity": 1, "SpotInstancePools": 3},
            },
            MinSize=0,
            MaxSize=1,
            AvailabilityZones=["us-east-1a"],
        )
        from moto.backends import get_backend

        yield get_backend("autoscaling")[DEFAULT_ACCOUNT_ID]["us-east-1"].autoscaling_groups["web"]


def test_a_mixed_instances_policy_is_kept_as_the_api_has_it(group: Any) -> None:
    policy = group.mixed_instances_policy
    assert [each["InstanceType"] for each in policy["LaunchTemplate"]["Overrides"]] == ["t3.small"]
    assert int(policy["InstancesDistribution"]["OnDemandBaseCapacity"]) == 1
    assert int(policy["InstancesDistribution"]["SpotInstancePools"]) == 3


def test_a_groups_template_is_known_by_its_id_and_version_until_it_is_deleted(group: Any) -> None:
    template = group.ec2_launch_template
    assert group.launch_template_version == "$Latest"
    assert template.id in group.ec2_backend.launch_templates
    boto3.client("ec2", "us-east-1").delete_launch_template(LaunchTemplateId=template.id)
    assert template.id not in group.ec2_backend.launch_templates
    assert group.ec2_launch_template is template


def test_a_template_version_says_what_is_launched(group: Any) -> None:
    version = group.ec2_launch_template.get_version("$Latest")
    assert (version.number, version.instance_type, version.instance_tags) == (1, "t3.micro", {"a": "b"})
    assert version.image_id.startswith("ami-")
    assert (version.user_data, version.security_groups) == (None, [])


def test_zones_have_names_and_ids(group: Any) -> None:
    zones = {zone.name: zone.zone_id for zone in group.ec2_backend.describe_availability_zones()}
    assert zones["us-east-1a"].startswith("use1-az")


def test_groups_refer_to_their_backends_and_names(group: Any) -> None:
    assert group.autoscaling_backend.autoscaling_groups[group.name] is group
    assert group.autoscaling_backend.ec2_backend is group.ec2_backend
    assert (group.launch_config, group.load_balancer_names, group.instance_states) == (None, [], [])
