"""Elastic Load Balancing v2: load balancers, target groups, listeners and their rules."""

from typing import Any

from blackstart.aws_clients import AwsClients
from blackstart.deploy.fields import (
    Field,
    FieldError,
    Fields,
    block,
    flag,
    flag_text,
    integer,
    integer_text,
    list_of,
    one_of,
    tag_list,
    text,
    texts,
)
from blackstart.deploy.registry import Realised, Wanted, realises

LONGEST_NAME = 32
# Inputs of Pulumi's load balancer that are attributes in AWS's API, with the attribute's key.
BALANCER_ATTRIBUTES: Fields = {
    "enableDeletionProtection": Field("deletion_protection.enabled", flag_text),
    "dropInvalidHeaderFields": Field("routing.http.drop_invalid_header_fields.enabled", flag_text),
    "desyncMitigationMode": Field("routing.http.desync_mitigation_mode", text),
    "enableCrossZoneLoadBalancing": Field("load_balancing.cross_zone.enabled", flag_text),
    "enableHttp2": Field("routing.http2.enabled", flag_text),
    "enableZonalShift": Field("zonal_shift.config.enabled", flag_text),
    "idleTimeout": Field("idle_timeout.timeout_seconds", integer_text),
    "clientKeepAlive": Field("client_keep_alive.seconds", integer_text),
}
ACCESS_LOGS: Fields = {
    "bucket": Field("access_logs.s3.bucket", text, required=True),
    "enabled": Field("access_logs.s3.enabled", flag_text),
    "prefix": Field("access_logs.s3.prefix", text),
}
GROUP_ATTRIBUTES: Fields = {
    "deregistrationDelay": Field("deregistration_delay.timeout_seconds", integer_text),
    "slowStart": Field("slow_start.duration_seconds", integer_text),
    "loadBalancingAlgorithmType": Field("load_balancing.algorithm.type", text),
    "loadBalancingCrossZoneEnabled": Field("load_balancing.cross_zone.enabled", text),
}
HEALTH_CHECK: Fields = {
    "enabled": Field("HealthCheckEnabled", flag),
    "protocol": Field("HealthCheckProtocol", text),
    "path": Field("HealthCheckPath", text),
    "port": Field("HealthCheckPort", text),
    "interval": Field("HealthCheckIntervalSeconds", integer),
    "timeout": Field("HealthCheckTimeoutSeconds", integer),
    "healthyThreshold": Field("HealthyThresholdCount", integer),
    "unhealthyThreshold": Field("UnhealthyThresholdCount", integer),
    "matcher": Field("Matcher", text),
}
ACTION: Fields = {
    "type": Field("Type", one_of("forward", "redirect", "fixed-response"), required=True),
    "order": Field("Order", integer),
    "targetGroupArn": Field("TargetGroupArn", text),
    "forward": Field(
        "ForwardConfig",
        block(
            {
                "targetGroups": Field(
                    "TargetGroups",
                    list_of(block({"arn": Field("TargetGroupArn", text), "weight": Field("Weight", integer)})),
                )
            }
        ),
    ),
    "redirect": Field(
        "RedirectConfig",
        block(
            {
                "statusCode": Field("StatusCode", one_of("HTTP_301", "HTTP_302"), required=True),
                **{key: Field(key.capitalize(), text) for key in ("host", "path", "port", "protocol", "query")},
            }
        ),
    ),
    "fixedResponse": Field(
        "FixedResponseConfig",
        block(
            {
                "contentType": Field("ContentType", text, required=True),
                "messageBody": Field("MessageBody", text),
                "statusCode": Field("StatusCode", text),
            }
        ),
    ),
}


def _attributes(fields: Fields, wanted: Wanted) -> list[dict[str, str]]:
    return [
        {"Key": field.aws, "Value": wanted.given[key]}
        for key, field in fields.items()
        if key in wanted.given and field.aws is not None
    ]


def _without_parameter(fields: Fields) -> Fields:
    """Attributes go into a call of their own."""
    return {key: Field(None, field.read) for key, field in fields.items()}


@realises(
    "aws:lb/loadBalancer:LoadBalancer",
    {
        "name": Field(None, text),
        "namePrefix": Field(None, text),
        "internal": Field(None, flag),
        "loadBalancerType": Field("Type", one_of("application", "network")),
        "ipAddressType": Field("IpAddressType", text),
        "subnets": Field("Subnets", texts),
        "securityGroups": Field("SecurityGroups", texts),
        "tags": Field("Tags", tag_list),
        "accessLogs": Field(None, block(ACCESS_LOGS)),
        **_without_parameter(BALANCER_ATTRIBUTES),
    },
)
def load_balancer(wanted: Wanted, aws: AwsClients) -> Realised:
    elbv2 = aws.client("elbv2")
    scheme = "internal" if wanted.given.get("internal") else "internet-facing"
    name = wanted.physical_name(LONGEST_NAME)
    made = elbv2.create_load_balancer(Name=name, Scheme=scheme, **wanted.call)["LoadBalancers"][0]
    arn = made["LoadBalancerArn"]
    logs = wanted.given.get("accessLogs", {})
    attributes = _attributes(BALANCER_ATTRIBUTES, wanted) + [{"Key": key, "Value": logs[key]} for key in logs]
    if attributes:
        elbv2.modify_load_balancer_attributes(LoadBalancerArn=arn, Attributes=attributes)
    return Realised(
        arn,
        {
            "arn": arn,
            "name": name,
            "arnSuffix": arn.split(":loadbalancer/", 1)[1],
            "dnsName": made["DNSName"],
            "zoneId": made["CanonicalHostedZoneId"],
            "vpcId": made["VpcId"],
        },
    )


@realises(
    "aws:lb/targetGroup:TargetGroup",
    {
        "name": Field(None, text),
        "namePrefix": Field(None, text),
        "vpcId": Field("VpcId", text),
        "port": Field("Port", integer),
        "protocol": Field("Protocol", text),
        "protocolVersion": Field("ProtocolVersion", text),
        "targetType": Field("TargetType", one_of("instance", "ip")),
        "healthCheck": Field(None, block(HEALTH_CHECK)),
        "tags": Field("Tags", tag_list),
        **_without_parameter(GROUP_ATTRIBUTES),
    },
)
def target_group(wanted: Wanted, aws: AwsClients) -> Realised:
    elbv2 = aws.client("elbv2")
    check: dict[str, Any] = dict(wanted.given.get("healthCheck", {}))
    if "Matcher" in check:
        check["Matcher"] = {"HttpCode": check["Matcher"]}
    name = wanted.physical_name(LONGEST_NAME)
    arn = elbv2.create_target_group(Name=name, **wanted.call, **check)["TargetGroups"][0]["TargetGroupArn"]
    attributes = _attributes(GROUP_ATTRIBUTES, wanted)
    if attributes:
        elbv2.modify_target_group_attributes(TargetGroupArn=arn, Attributes=attributes)
    return Realised(arn, {"arn": arn, "name": name, "arnSuffix": arn.rsplit(":", 1)[1]})


@realises(
    "aws:lb/listener:Listener",
    {
        "loadBalancerArn": Field("LoadBalancerArn", text, required=True),
        "port": Field("Port", integer),
        "protocol": Field("Protocol", text),
        "certificateArn": Field(None, text),
        "sslPolicy": Field("SslPolicy", text),
        "defaultActions": Field("DefaultActions", list_of(block(ACTION)), required=True),
        "tags": Field("Tags", tag_list),
    },
)
def listener(wanted: Wanted, aws: AwsClients) -> Realised:
    given = wanted.given
    certificates = {"Certificates": [{"CertificateArn": given["certificateArn"]}]} if "certificateArn" in given else {}
    arn = aws.client("elbv2").create_listener(**wanted.call, **certificates)["Listeners"][0]["ListenerArn"]
    return Realised(arn, {"arn": arn})


@realises(
    "aws:lb/listenerCertificate:ListenerCertificate",
    {"listenerArn": Field(None, text, required=True), "certificateArn": Field(None, text, required=True)},
)
def listener_certificate(wanted: Wanted, aws: AwsClients) -> Realised:
    listener, certificate = wanted.given["listenerArn"], wanted.given["certificateArn"]
    certificates = [{"CertificateArn": certificate}]
    aws.client("elbv2").add_listener_certificates(ListenerArn=listener, Certificates=certificates)
    return Realised(f"{listener}_{certificate}", {})


CONDITION: Fields = {
    "pathPattern": Field("path-pattern", block({"values": Field("values", texts, required=True)})),
    "hostHeader": Field("host-header", block({"values": Field("values", texts, required=True)})),
}


def _conditions(given: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{"Field": kind, "Values": value["values"]} for condition in given for kind, value in condition.items()]


@realises(
    "aws:lb/listenerRule:ListenerRule",
    {
        "listenerArn": Field("ListenerArn", text, required=True),
        "priority": Field("Priority", integer),
        "actions": Field("Actions", list_of(block(ACTION)), required=True),
        "conditions": Field(None, list_of(block(CONDITION)), required=True),
        "tags": Field("Tags", tag_list),
    },
)
def listener_rule(wanted: Wanted, aws: AwsClients) -> Realised:
    if "priority" not in wanted.given:
        raise FieldError("priority", "missing", "Pulumi's provider would look for a free one; set it.")
    made = aws.client("elbv2").create_rule(**wanted.call, Conditions=_conditions(wanted.given["conditions"]))
    return Realised(made["Rules"][0]["RuleArn"], {"arn": made["Rules"][0]["RuleArn"]})


@realises(
    "aws:lb/targetGroupAttachment:TargetGroupAttachment",
    {
        "targetGroupArn": Field(None, text, required=True),
        "targetId": Field("Id", text, required=True),
        "port": Field("Port", integer),
        "availabilityZone": Field("AvailabilityZone", text),
    },
)
def target_group_attachment(wanted: Wanted, aws: AwsClients) -> Realised:
    arn = wanted.given["targetGroupArn"]
    aws.client("elbv2").register_targets(TargetGroupArn=arn, Targets=[wanted.call])
    return Realised(f"{arn}-{wanted.given['targetId']}", {})
