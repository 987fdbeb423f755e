"""What an instance may do in AWS: be reached by Systems Manager, so that nobody needs a key or an open SSH port."""

import json

import pulumi
from pulumi_aws import iam
from tags import named

SSM_CORE_POLICY = "arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore"
EC2_MAY_ASSUME = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "ec2.amazonaws.com"}},
        ],
    }
)


class InstanceRole(pulumi.ComponentResource):
    """profile_arn: the instance profile for a launch template."""

    profile_arn: pulumi.Output[str]

    def __init__(self, name: str, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("blackstart:web:InstanceRole", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        role = iam.Role(name, assume_role_policy=EC2_MAY_ASSUME, tags=named(name), opts=child)
        attachment = iam.RolePolicyAttachment(f"{name}-ssm", role=role.name, policy_arn=SSM_CORE_POLICY, opts=child)
        profile = iam.InstanceProfile(
            name,
            role=role.name,
            tags=named(name),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[attachment]),
        )
        self.profile_arn = profile.arn
        self.register_outputs({"profile_arn": self.profile_arn})
