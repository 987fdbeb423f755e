"""EC2 launch templates."""

from blackstart.aws_clients import AwsClients
from blackstart.deploy.fields import (
    Field,
    base64_text,
    block,
    flag,
    integer,
    list_of,
    one_of,
    tag_list,
    tagged_as,
    text,
    texts,
)
from blackstart.deploy.registry import Realised, Wanted, realises
from blackstart.deploy.resources.network import ec2_arn

EBS = {
    "volumeSize": Field("VolumeSize", integer),
    "volumeType": Field("VolumeType", text),
    "encrypted": Field("Encrypted", flag),
    "deleteOnTermination": Field("DeleteOnTermination", flag),
    "iops": Field("Iops", integer),
    "throughput": Field("Throughput", integer),
    "kmsKeyId": Field("KmsKeyId", text),
    "snapshotId": Field("SnapshotId", text),
}
METADATA = {
    "httpEndpoint": Field("HttpEndpoint", one_of("enabled", "disabled")),
    "httpTokens": Field("HttpTokens", one_of("required", "optional")),
    "httpPutResponseHopLimit": Field("HttpPutResponseHopLimit", integer),
    "instanceMetadataTags": Field("InstanceMetadataTags", one_of("enabled", "disabled")),
}
INTERFACE = {
    "deviceIndex": Field("DeviceIndex", integer),
    "associatePublicIpAddress": Field("AssociatePublicIpAddress", flag),
    "deleteOnTermination": Field("DeleteOnTermination", flag),
    "securityGroups": Field("Groups", texts),
    "subnetId": Field("SubnetId", text),
}
DATA = {
    "imageId": Field("ImageId", text),
    "instanceType": Field("InstanceType", text),
    "keyName": Field("KeyName", text),
    "userData": Field("UserData", base64_text),
    "ebsOptimized": Field("EbsOptimized", flag),
    "disableApiTermination": Field("DisableApiTermination", flag),
    "instanceInitiatedShutdownBehavior": Field("InstanceInitiatedShutdownBehavior", text),
    "vpcSecurityGroupIds": Field("SecurityGroupIds", texts),
    "iamInstanceProfile": Field("IamInstanceProfile", block({"arn": Field("Arn", text), "name": Field("Name", text)})),
    "monitoring": Field("Monitoring", block({"enabled": Field("Enabled", flag)})),
    "metadataOptions": Field("MetadataOptions", block(METADATA)),
    "blockDeviceMappings": Field(
        "BlockDeviceMappings",
        list_of(block({"deviceName": Field("DeviceName", text), "ebs": Field("Ebs", block(EBS))})),
    ),
    "networkInterfaces": Field("NetworkInterfaces", list_of(block(INTERFACE))),
    "tagSpecifications": Field(
        "TagSpecifications",
        list_of(block({"resourceType": Field("ResourceType", text), "tags": Field("Tags", tag_list)})),
    ),
}


@realises(
    "aws:ec2/launchTemplate:LaunchTemplate",
    {
        "name": Field(None, text),
        "namePrefix": Field(None, text),
        "description": Field(None, text),
        "updateDefaultVersion": Field(None, flag),
        "tags": Field(None, tagged_as("launch-template")),
        **DATA,
    },
)
def launch_template(wanted: Wanted, aws: AwsClients) -> Realised:
    name = wanted.physical_name(128)
    optional = {"TagSpecifications": wanted.given["tags"]} if "tags" in wanted.given else {}
    if "description" in wanted.given:
        optional["VersionDescription"] = wanted.given["description"]
    made = aws.client("ec2").create_launch_template(
        LaunchTemplateName=name, LaunchTemplateData=wanted.call, **optional
    )["LaunchTemplate"]
    template_id = made["LaunchTemplateId"]
    return Realised(
        template_id,
        {
            "arn": ec2_arn(aws, "launch-template", template_id),
            "name": name,
            "latestVersion": made["LatestVersionNumber"],
            "defaultVersion": made["DefaultVersionNumber"],
        },
    )
