"""Security groups and their rules, as separate resources and in the older inline form."""

from typing import Any

from blackstart.aws_clients import AwsClients
from blackstart.deploy.fields import Field, block, flag, integer, list_of, one_of, tagged_as, text, texts
from blackstart.deploy.registry import Realised, Wanted, realises
from blackstart.deploy.resources.network import ec2_arn

INLINE_RULE = {
    "protocol": Field("IpProtocol", text, required=True),
    "fromPort": Field("FromPort", integer, required=True),
    "toPort": Field("ToPort", integer, required=True),
    "cidrBlocks": Field("cidrs", texts),
    "securityGroups": Field("groups", texts),
    "self": Field("self", flag),
    "description": Field("description", text),
}
SINGLE_RULE = {
    "securityGroupId": Field(None, text, required=True),
    "ipProtocol": Field("IpProtocol", text, required=True),
    "fromPort": Field("FromPort", integer),
    "toPort": Field("ToPort", integer),
    "cidrIpv4": Field(None, text),
    "cidrIpv6": Field(None, text),
    "referencedSecurityGroupId": Field(None, text),
    "prefixListId": Field(None, text),
    "description": Field(None, text),
    "tags": Field("tags", tagged_as("security-group-rule")),
}
# Where a single rule's other end goes in EC2's IpPermissions.
PEERS = {
    "cidrIpv4": ("IpRanges", "CidrIp"),
    "cidrIpv6": ("Ipv6Ranges", "CidrIpv6"),
    "referencedSecurityGroupId": ("UserIdGroupPairs", "GroupId"),
    "prefixListId": ("PrefixListIds", "PrefixListId"),
}


@realises(
    "aws:ec2/securityGroup:SecurityGroup",
    {
        "name": Field(None, text),
        "namePrefix": Field(None, text),
        "description": Field(None, text),
        "vpcId": Field("VpcId", text),
        "ingress": Field(None, list_of(block(INLINE_RULE))),
        "egress": Field(None, list_of(block(INLINE_RULE))),
        "revokeRulesOnDelete": Field(None, flag),
        "tags": Field("TagSpecifications", tagged_as("security-group")),
    },
)
def security_group(wanted: Wanted, aws: AwsClients) -> Realised:
    """Like Pulumi's provider, without the rule that lets everything out, which EC2 gives to every new group."""
    ec2 = aws.client("ec2")
    name = wanted.physical_name(255)
    description = wanted.given.get("description", "Managed by Pulumi")
    group_id = ec2.create_security_group(GroupName=name, Description=description, **wanted.call)["GroupId"]
    everything = [{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]
    if "VpcId" in wanted.call:
        ec2.revoke_security_group_egress(GroupId=group_id, IpPermissions=everything)
    if wanted.given.get("ingress"):
        permissions = [_inline(rule, group_id) for rule in wanted.given["ingress"]]
        ec2.authorize_security_group_ingress(GroupId=group_id, IpPermissions=permissions)
    if wanted.given.get("egress"):
        permissions = [_inline(rule, group_id) for rule in wanted.given["egress"]]
        ec2.authorize_security_group_egress(GroupId=group_id, IpPermissions=permissions)
    return Realised(group_id, {"arn": ec2_arn(aws, "security-group", group_id), "name": name})


def _inline(rule: dict[str, Any], group_id: str) -> dict[str, Any]:
    description = {"Description": rule["description"]} if "description" in rule else {}
    groups = [*rule.get("groups", []), *([group_id] if rule.get("self") else [])]
    return {
        "IpProtocol": rule["IpProtocol"],
        "FromPort": rule["FromPort"],
        "ToPort": rule["ToPort"],
        "IpRanges": [{"CidrIp": cidr, **description} for cidr in rule.get("cidrs", [])],
        "UserIdGroupPairs": [{"GroupId": group, **description} for group in groups],
    }


def _single(wanted: Wanted) -> dict[str, Any]:
    """The parameters of EC2's authorize calls for a rule with one other end."""
    description = {"Description": wanted.given["description"]} if "description" in wanted.given else {}
    permission = {key: value for key, value in wanted.call.items() if key != "tags"}
    for key, (aws_list, aws_key) in PEERS.items():
        if key in wanted.given:
            permission[aws_list] = [{aws_key: wanted.given[key], **description}]
    tags = {"TagSpecifications": wanted.call["tags"]} if "tags" in wanted.call else {}
    return {"GroupId": wanted.given["securityGroupId"], "IpPermissions": [permission], **tags}


@realises("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule", SINGLE_RULE)
def ingress_rule(wanted: Wanted, aws: AwsClients) -> Realised:
    made = aws.client("ec2").authorize_security_group_ingress(**_single(wanted))
    return _rule(made["SecurityGroupRules"][0]["SecurityGroupRuleId"], aws)


@realises("aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule", SINGLE_RULE)
def egress_rule(wanted: Wanted, aws: AwsClients) -> Realised:
    made = aws.client("ec2").authorize_security_group_egress(**_single(wanted))
    return _rule(made["SecurityGroupRules"][0]["SecurityGroupRuleId"], aws)


def _rule(rule_id: str, aws: AwsClients) -> Realised:
    return Realised(rule_id, {"securityGroupRuleId": rule_id, "arn": ec2_arn(aws, "security-group-rule", rule_id)})


@realises(
    "aws:ec2/securityGroupRule:SecurityGroupRule",
    {
        "securityGroupId": Field(None, text, required=True),
        "type": Field(None, one_of("ingress", "egress"), required=True),
        "protocol": Field("IpProtocol", text, required=True),
        "fromPort": Field("FromPort", integer, required=True),
        "toPort": Field("ToPort", integer, required=True),
        "cidrBlocks": Field("cidrs", texts),
        "sourceSecurityGroupId": Field(None, text),
        "self": Field("self", flag),
        "description": Field("description", text),
    },
)
def security_group_rule(wanted: Wanted, aws: AwsClients) -> Realised:
    ec2 = aws.client("ec2")
    group_id = wanted.given["securityGroupId"]
    source = wanted.given.get("sourceSecurityGroupId")
    permission = _inline({**wanted.call, "groups": [source] if source else []}, group_id)
    authorize = {
        "ingress": ec2.authorize_security_group_ingress,
        "egress": ec2.authorize_security_group_egress,
    }[wanted.given["type"]]
    made = authorize(GroupId=group_id, IpPermissions=[permission])
    rule_id = made["SecurityGroupRules"][0]["SecurityGroupRuleId"]
    return Realised(rule_id, {"securityGroupRuleId": rule_id})
