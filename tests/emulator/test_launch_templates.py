"""What a launch template says reaches the instance, through RunInstances and through Auto Scaling."""

import base64
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError
from rig import Rig

IMAGE = "ami-12c6146b"


@pytest.fixture
def rig() -> Iterator[Rig]:
    made = Rig()
    yield made
    made.close()


class Network:
    """A VPC with one subnet and a security group."""

    def __init__(self, rig: Rig) -> None:
        ec2 = rig.client("ec2")
        self.vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        made = ec2.create_subnet(VpcId=self.vpc, CidrBlock="10.0.1.0/24", AvailabilityZone="us-east-1b")
        self.subnet = made["Subnet"]["SubnetId"]
        self.group = ec2.create_security_group(GroupName="web", Description="web", VpcId=self.vpc)["GroupId"]


def template(rig: Rig, **data: Any) -> str:
    made = rig.client("ec2").create_launch_template(
        LaunchTemplateName="web", LaunchTemplateData={"ImageId": IMAGE, "InstanceType": "t3.micro", **data}
    )
    return str(made["LaunchTemplate"]["LaunchTemplateId"])


def run(rig: Rig, reference: dict[str, str], **wanted: Any) -> Any:
    return rig.client("ec2").run_instances(MinCount=1, MaxCount=1, LaunchTemplate=reference, **wanted)["Instances"][0]


def described(rig: Rig, instance_id: str) -> Any:
    answer = rig.client("ec2").describe_instances(InstanceIds=[instance_id])
    return answer["Reservations"][0]["Instances"][0]


def attribute(rig: Rig, instance_id: str, name: str) -> Any:
    answer = rig.client("ec2").describe_instance_attribute(InstanceId=instance_id, Attribute=name)
    return answer[name[0].upper() + name[1:]]["Value"]


def everything(rig: Rig, network: Network) -> dict[str, Any]:
    """Every field that a web tier uses."""
    rig.client("iam").create_instance_profile(InstanceProfileName="web")
    return {
        "KeyName": "key",
        "UserData": base64.b64encode(b"#!/bin/sh\n").decode(),
        "Monitoring": {"Enabled": True},
        "EbsOptimized": True,
        "DisableApiTermination": True,
        "DisableApiStop": True,
        "InstanceInitiatedShutdownBehavior": "terminate",
        "IamInstanceProfile": {"Name": "web"},
        "MetadataOptions": {"HttpTokens": "required", "HttpPutResponseHopLimit": 2},
        "CreditSpecification": {"CpuCredits": "standard"},
        "Placement": {"Tenancy": "dedicated"},
        "NetworkInterfaces": [
            {
                "DeviceIndex": 0,
                "SubnetId": network.subnet,
                "Groups": [network.group],
                "AssociatePublicIpAddress": True,
                "PrivateIpAddress": "10.0.1.77",
            }
        ],
        "BlockDeviceMappings": [{"DeviceName": "/dev/sdf", "Ebs": {"VolumeSize": 20, "VolumeType": "gp3"}}],
        "TagSpecifications": [
            {
                "ResourceType": "instance",
                "Tags": [{"Key": "tier", "Value": "web"}, {"Key": "who", "Value": "template"}],
            },
            {"ResourceType": "volume", "Tags": [{"Key": "disk", "Value": "of web"}]},
        ],
    }


def test_every_field_of_a_web_tier_reaches_the_instance(rig: Rig) -> None:
    network = Network(rig)
    reference = {"LaunchTemplateId": template(rig, **everything(rig, network))}
    instance_id = run(rig, reference)["InstanceId"]
    shown = described(rig, instance_id)
    assert (shown["InstanceType"], shown["KeyName"], shown["EbsOptimized"]) == ("t3.micro", "key", True)
    assert (shown["SubnetId"], shown["PrivateIpAddress"]) == (network.subnet, "10.0.1.77")
    assert shown["Placement"]["AvailabilityZone"] == "us-east-1b"
    assert shown["Placement"]["Tenancy"] == "dedicated"
    assert shown["PublicIpAddress"]
    assert shown["Monitoring"] == {"State": "enabled"}
    assert shown["IamInstanceProfile"]["Arn"].endswith("instance-profile/web")
    assert (shown["MetadataOptions"]["HttpTokens"], shown["MetadataOptions"]["HttpPutResponseHopLimit"]) == (
        "required",
        2,
    )
    assert [group["GroupId"] for group in shown["NetworkInterfaces"][0]["Groups"]] == [network.group]
    assert sorted(device["DeviceName"] for device in shown["BlockDeviceMappings"]) == ["/dev/sda1", "/dev/sdf"]
    tags = {tag["Key"]: tag["Value"] for tag in shown["Tags"]}
    assert tags["tier"] == "web"
    assert tags["aws:ec2launchtemplate:version"] == "1"
    volumes = rig.client("ec2").describe_volumes(Filters=[{"Name": "tag:disk", "Values": ["of web"]}])["Volumes"]
    assert sorted(volume["Size"] for volume in volumes) == [8, 20]
    assert attribute(rig, instance_id, "disableApiTermination") is True
    assert attribute(rig, instance_id, "instanceInitiatedShutdownBehavior") == "terminate"
    assert base64.b64decode(attribute(rig, instance_id, "userData")) == b"#!/bin/sh\n"
    answer = rig.client("ec2").describe_instance_credit_specifications(InstanceIds=[instance_id])
    assert answer["InstanceCreditSpecifications"][0]["CpuCredits"] == "standard"
    assert rig.controllers.ec2.facts[instance_id].detailed_monitoring


def test_what_the_request_says_goes_before_the_template(rig: Rig) -> None:
    tags = [{"ResourceType": "instance", "Tags": [{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "1"}]}]
    reference = {
        "LaunchTemplateId": template(
            rig, KeyName="of-template", Monitoring={"Enabled": True}, DisableApiTermination=True, TagSpecifications=tags
        )
    }
    instance = run(
        rig,
        reference,
        InstanceType="t3.small",
        KeyName="of-request",
        Monitoring={"Enabled": False},
        DisableApiTermination=False,
        TagSpecifications=[{"ResourceType": "instance", "Tags": [{"Key": "b", "Value": "2"}]}],
    )
    shown = described(rig, instance["InstanceId"])
    assert (shown["InstanceType"], shown["KeyName"], shown["Monitoring"]["State"]) == (
        *("t3.small", "of-request", "disabled"),
    )
    told = {tag["Key"]: tag["Value"] for tag in shown["Tags"] if not tag["Key"].startswith("aws:")}
    assert told == {"a": "1", "b": "2"}
    assert attribute(rig, instance["InstanceId"], "disableApiTermination") is False


def test_a_version_is_a_number_the_default_or_the_latest(rig: Rig) -> None:
    ec2, identifier = rig.client("ec2"), template(rig)
    for kind in ("t3.small", "t3.medium"):
        ec2.create_launch_template_version(
            LaunchTemplateId=identifier, SourceVersion="1", LaunchTemplateData={"InstanceType": kind}
        )
    ec2.modify_launch_template(LaunchTemplateId=identifier, DefaultVersion="2")

    def kind_of(**version: str) -> str:
        return str(run(rig, {"LaunchTemplateId": identifier, **version})["InstanceType"])

    assert kind_of() == kind_of(Version="$Default") == kind_of(Version="2") == "t3.small"
    assert kind_of(Version="$Latest") == "t3.medium"
    assert kind_of(Version="1") == "t3.micro"


def test_a_new_version_takes_over_what_it_does_not_say_from_its_source(rig: Rig) -> None:
    ec2, user_data = rig.client("ec2"), base64.b64encode(b"one").decode()
    identifier = template(rig, KeyName="key", UserData=user_data)
    alone = ec2.create_launch_template_version(
        LaunchTemplateId=identifier, LaunchTemplateData={"InstanceType": "t3.small"}
    )["LaunchTemplateVersion"]
    made = ec2.create_launch_template_version(
        LaunchTemplateId=identifier, SourceVersion="1", LaunchTemplateData={"InstanceType": "t3.small"}
    )["LaunchTemplateVersion"]
    assert "ImageId" not in alone["LaunchTemplateData"]
    assert (made["VersionNumber"], made["LaunchTemplateData"]) == (
        3,
        {"ImageId": IMAGE, "InstanceType": "t3.small", "KeyName": "key", "UserData": user_data},
    )
    changed = ec2.create_launch_template_version(
        LaunchTemplateId=identifier,
        SourceVersion="3",
        LaunchTemplateData={"UserData": base64.b64encode(b"two").decode()},
    )["LaunchTemplateVersion"]
    assert base64.b64decode(changed["LaunchTemplateData"]["UserData"]) == b"two"


@pytest.mark.parametrize(
    ("reference", "code", "words"),
    [
        (
            {"LaunchTemplateName": "web", "Version": "7"},
            "InvalidLaunchTemplateId.VersionNotFound",
            "Could not find the specified version 7 for the launch template with ID ",
        ),
        ({"LaunchTemplateName": "web", "Version": "0"}, "InvalidLaunchTemplateId.VersionNotFound", "version 0"),
        (
            {"LaunchTemplateName": "none"},
            "InvalidLaunchTemplateName.NotFoundException",
            "The specified launch template, with template name none, does not exist.",
        ),
        (
            {"LaunchTemplateId": "lt-0123456789abcdef0"},
            "InvalidLaunchTemplateId.NotFound",
            "The specified launch template, with template ID lt-0123456789abcdef0, does not exist.",
        ),
    ],
)
def test_a_template_or_version_that_is_not_there_is_refused(
    rig: Rig, reference: dict[str, str], code: str, words: str
) -> None:
    template(rig)
    with pytest.raises(ClientError) as error:
        run(rig, reference)
    assert error.value.response["Error"]["Code"] == code
    assert words in error.value.response["Error"]["Message"]


def test_a_subnet_beside_network_interfaces_is_refused(rig: Rig) -> None:
    network = Network(rig)
    reference = {"LaunchTemplateId": template(rig, NetworkInterfaces=[{"DeviceIndex": 0, "Groups": [network.group]}])}
    with pytest.raises(ClientError, match="an instance-level subnet ID may not be specified on the same request"):
        run(rig, reference, SubnetId=network.subnet)


def test_an_image_may_be_named_by_a_parameter(rig: Rig) -> None:
    rig.client("ssm").put_parameter(Name="/web/image", Value=IMAGE, Type="String")
    reference = {"LaunchTemplateId": template(rig, ImageId="resolve:ssm:/web/image")}
    assert run(rig, reference)["ImageId"] == IMAGE


def test_auto_scaling_launches_by_its_template_in_the_groups_own_subnet(rig: Rig) -> None:
    network = Network(rig)
    data = everything(rig, network)
    data["NetworkInterfaces"] = [{"DeviceIndex": 0, "Groups": [network.group], "AssociatePublicIpAddress": False}]
    rig.client("autoscaling").create_auto_scaling_group(
        AutoScalingGroupName="web",
        MinSize=1,
        MaxSize=1,
        LaunchTemplate={"LaunchTemplateId": template(rig, **data), "Version": "$Latest"},
        VPCZoneIdentifier=network.subnet,
    )
    rig.run(2)
    ((instance_id, fact),) = rig.controllers.ec2.facts.items()
    shown = described(rig, instance_id)
    assert (fact.subnet_id, fact.detailed_monitoring, fact.instance_type) == (network.subnet, True, "t3.micro")
    assert "PublicIpAddress" not in shown
    assert [group["GroupId"] for group in shown["NetworkInterfaces"][0]["Groups"]] == [network.group]
    tags = {tag["Key"]: tag["Value"] for tag in shown["Tags"]}
    assert (tags["tier"], tags["aws:autoscaling:groupName"]) == ("web", "web")


def test_what_a_template_says_without_effect_is_told(rig: Rig) -> None:
    template(rig, CpuOptions={"CoreCount": 1, "ThreadsPerCore": 1})
    assert "launch template web, version 1: CpuOptions has no effect" in rig.unserved()


def test_a_launch_configuration_is_launched_by_as_well(rig: Rig) -> None:
    rig.client("iam").create_instance_profile(InstanceProfileName="web")
    scaling = rig.client("autoscaling")
    scaling.create_launch_configuration(
        LaunchConfigurationName="web",
        ImageId=IMAGE,
        InstanceType="t3.small",
        KeyName="key",
        IamInstanceProfile="web",
        SpotPrice="0.01",
        BlockDeviceMappings=[{"DeviceName": "/dev/sdf", "Ebs": {"VolumeSize": 20}}],
    )
    scaling.create_auto_scaling_group(
        AutoScalingGroupName="web",
        MinSize=1,
        MaxSize=1,
        LaunchConfigurationName="web",
        AvailabilityZones=["us-east-1c"],
    )
    rig.run(2)
    ((instance_id, fact),) = rig.controllers.ec2.facts.items()
    shown = described(rig, instance_id)
    assert (fact.zone, fact.instance_type, fact.lifecycle_kind) == ("us-east-1c", "t3.small", "spot")
    assert shown["KeyName"] == "key"
    assert shown["IamInstanceProfile"]["Arn"].endswith("instance-profile/web")
    assert sorted(device["DeviceName"] for device in shown["BlockDeviceMappings"]) == ["/dev/sda1", "/dev/sdf"]


def test_a_private_address_is_one_of_the_subnet_that_nobody_has(rig: Rig) -> None:
    network, ec2 = Network(rig), rig.client("ec2")
    wanted = {"ImageId": IMAGE, "InstanceType": "t3.micro", "MinCount": 1, "MaxCount": 1, "SubnetId": network.subnet}
    ec2.run_instances(**wanted, PrivateIpAddress="10.0.1.50")
    for address, code in (("10.0.1.50", "InvalidIPAddress.InUse"), ("10.0.2.50", "InvalidParameterValue")):
        with pytest.raises(ClientError) as error:
            ec2.run_instances(**wanted, PrivateIpAddress=address)
        assert error.value.response["Error"]["Code"] == code
