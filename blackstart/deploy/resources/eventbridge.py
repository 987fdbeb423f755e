"""EventBridge rules and their targets."""

from blackstart.aws_clients import AwsClients
from blackstart.deploy.fields import Field, block, json_text, one_of, tag_list, text, text_map
from blackstart.deploy.registry import Realised, Wanted, realises


@realises(
    "aws:cloudwatch/eventRule:EventRule",
    {
        "name": Field(None, text),
        "namePrefix": Field(None, text),
        "description": Field("Description", text),
        "eventBusName": Field("EventBusName", text),
        "eventPattern": Field("EventPattern", json_text),
        "state": Field("State", one_of("ENABLED", "DISABLED")),
        "tags": Field("Tags", tag_list),
    },
)
def event_rule(wanted: Wanted, aws: AwsClients) -> Realised:
    name = wanted.physical_name(64)
    arn = aws.client("events").put_rule(Name=name, **wanted.call)["RuleArn"]
    return Realised(name, {"arn": arn, "name": name})


@realises(
    "aws:cloudwatch/eventTarget:EventTarget",
    {
        "rule": Field(None, text, required=True),
        "arn": Field("Arn", text, required=True),
        "targetId": Field(None, text),
        "eventBusName": Field(None, text),
        "roleArn": Field("RoleArn", text),
        "input": Field("Input", text),
        "inputPath": Field("InputPath", text),
        "inputTransformer": Field(
            "InputTransformer",
            block(
                {
                    "inputPaths": Field("InputPathsMap", text_map),
                    "inputTemplate": Field("InputTemplate", text, required=True),
                }
            ),
        ),
    },
)
def event_target(wanted: Wanted, aws: AwsClients) -> Realised:
    target_id = wanted.given.get("targetId", wanted.name)
    bus = {"EventBusName": wanted.given["eventBusName"]} if "eventBusName" in wanted.given else {}
    target = {"Id": target_id, **wanted.call}
    aws.client("events").put_targets(Rule=wanted.given["rule"], Targets=[target], **bus)
    return Realised(f"{wanted.given['rule']}-{target_id}", {"targetId": target_id})
