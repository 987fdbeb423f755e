"""The data sources that a web tier asks."""

import json
from typing import Any

from blackstart.aws_clients import AwsClients
from blackstart.deploy.fields import Field, FieldError, Fields, block, flag, list_of, text, texts
from blackstart.deploy.registry import looks_up

FILTERS = list_of(block({"name": Field("Name", text, required=True), "values": Field("Values", texts, required=True)}))


@looks_up(
    "aws:index/getAvailabilityZones:getAvailabilityZones",
    {"state": Field("State", text), "filters": Field("Filters", FILTERS), "allAvailabilityZones": Field(None, flag)},
)
def availability_zones(given: dict[str, Any], aws: AwsClients) -> dict[str, Any]:
    filters: list[dict[str, Any]] = list(given.get("filters", []))
    if "state" in given:
        filters.append({"Name": "state", "Values": [given["state"]]})
    zones = aws.client("ec2").describe_availability_zones(Filters=filters)["AvailabilityZones"]
    zones.sort(key=lambda zone: zone["ZoneName"])
    return {
        "id": aws.region,
        "names": [zone["ZoneName"] for zone in zones],
        "zoneIds": [zone["ZoneId"] for zone in zones],
        "groupNames": sorted({zone.get("GroupName", aws.region) for zone in zones}),
    }


@looks_up("aws:ssm/getParameter:getParameter", {"name": Field(None, text), "withDecryption": Field(None, flag)})
def parameter(given: dict[str, Any], aws: AwsClients) -> dict[str, Any]:
    decrypt = given.get("withDecryption", True)
    found = aws.client("ssm").get_parameter(Name=given["name"], WithDecryption=decrypt)["Parameter"]
    return {
        "id": given["name"],
        "name": given["name"],
        "arn": found.get("ARN", ""),
        "type": found["Type"],
        "value": found["Value"],
        "version": found["Version"],
    }


@looks_up("aws:index/getCallerIdentity:getCallerIdentity", {})
def caller_identity(_: dict[str, Any], aws: AwsClients) -> dict[str, Any]:
    found = aws.client("sts").get_caller_identity()
    return {
        "id": found["Account"],
        "accountId": found["Account"],
        "arn": found["Arn"],
        "userId": found["UserId"],
    }


@looks_up("aws:index/getRegion:getRegion", {"name": Field(None, text)})
def region(given: dict[str, Any], aws: AwsClients) -> dict[str, Any]:
    if given.get("name", aws.region) != aws.region:
        raise FieldError("name", f"the deployment is in {aws.region} alone", "Ask for no other region.")
    return {"id": aws.region, "name": aws.region, "region": aws.region}


STATEMENT: Fields = {
    "sid": Field("Sid", text),
    "effect": Field("Effect", text),
    "actions": Field("Action", texts),
    "resources": Field("Resource", texts),
    "principals": Field(
        "principals",
        list_of(
            block(
                {
                    "type": Field("type", text, required=True),
                    "identifiers": Field("identifiers", texts, required=True),
                }
            )
        ),
    ),
}


@looks_up(
    "aws:iam/getPolicyDocument:getPolicyDocument",
    {"statements": Field(None, list_of(block(STATEMENT)), required=True), "version": Field(None, text)},
)
def policy_document(given: dict[str, Any], _: AwsClients) -> dict[str, Any]:
    """Pure text: AWS is not asked."""
    statements = []
    for statement in given["statements"]:
        written = {"Effect": "Allow"} | {key: value for key, value in statement.items() if key != "principals"}
        if "principals" in statement:
            written["Principal"] = {each["type"]: each["identifiers"] for each in statement["principals"]}
        statements.append(written)
    document = {"Version": given.get("version", "2012-10-17"), "Statement": statements}
    return {"id": "policy", "json": json.dumps(document, indent=2), "minifiedJson": json.dumps(document)}
