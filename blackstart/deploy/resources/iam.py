"""IAM roles, their policies and instance profiles."""

from blackstart.aws_clients import AwsClients
from blackstart.deploy.fields import Field, flag, integer, json_text, tag_list, text
from blackstart.deploy.registry import Realised, Wanted, realises


@realises(
    "aws:iam/role:Role",
    {
        "name": Field(None, text),
        "namePrefix": Field(None, text),
        "assumeRolePolicy": Field("AssumeRolePolicyDocument", json_text, required=True),
        "description": Field("Description", text),
        "maxSessionDuration": Field("MaxSessionDuration", integer),
        "path": Field("Path", text),
        "forceDetachPolicies": Field(None, flag),
        "tags": Field("Tags", tag_list),
    },
)
def role(wanted: Wanted, aws: AwsClients) -> Realised:
    name = wanted.physical_name(64)
    made = aws.client("iam").create_role(RoleName=name, **wanted.call)["Role"]
    return Realised(name, {"arn": made["Arn"], "name": name, "uniqueId": made["RoleId"]})


@realises(
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment",
    {"role": Field("RoleName", text, required=True), "policyArn": Field("PolicyArn", text, required=True)},
)
def role_policy_attachment(wanted: Wanted, aws: AwsClients) -> Realised:
    """A policy of AWS's own need not exist on the endpoint: emulators carry few of them, and AWS has them all."""
    iam = aws.client("iam")
    try:
        iam.attach_role_policy(**wanted.call)
    except iam.exceptions.NoSuchEntityException:
        if not wanted.given["policyArn"].startswith("arn:aws:iam::aws:policy/"):
            raise
    return Realised(f"{wanted.given['role']}-{wanted.given['policyArn'].rsplit('/', 1)[1]}", {})


@realises(
    "aws:iam/rolePolicy:RolePolicy",
    {
        "name": Field(None, text),
        "role": Field("RoleName", text, required=True),
        "policy": Field("PolicyDocument", json_text, required=True),
    },
)
def role_policy(wanted: Wanted, aws: AwsClients) -> Realised:
    name = wanted.physical_name(128)
    aws.client("iam").put_role_policy(PolicyName=name, **wanted.call)
    return Realised(f"{wanted.given['role']}:{name}", {"name": name})


@realises(
    "aws:iam/instanceProfile:InstanceProfile",
    {
        "name": Field(None, text),
        "namePrefix": Field(None, text),
        "path": Field("Path", text),
        "role": Field(None, text),
        "tags": Field("Tags", tag_list),
    },
)
def instance_profile(wanted: Wanted, aws: AwsClients) -> Realised:
    iam = aws.client("iam")
    name = wanted.physical_name(128)
    made = iam.create_instance_profile(InstanceProfileName=name, **wanted.call)["InstanceProfile"]
    if "role" in wanted.given:
        iam.add_role_to_instance_profile(InstanceProfileName=name, RoleName=wanted.given["role"])
    return Realised(name, {"arn": made["Arn"], "name": name, "uniqueId": made["InstanceProfileId"]})
