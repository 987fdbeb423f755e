"""Certificates, HTTPS listeners and access logs, as a program declares them."""

from collections.abc import Callable
from typing import Any

import pytest
import trustme

from blackstart.deploy import registry
from blackstart.deploy.deployment import Deployed
from blackstart.deploy.fields import FieldError
from blackstart.deploy.resources import acm

PROGRAM = """
import json

import pulumi
from pulumi_aws import acm, ec2, lb, s3

config = pulumi.Config()
network = ec2.Vpc("shop", cidr_block="10.8.0.0/16")
subnets = [
    ec2.Subnet(zone, vpc_id=network.id, cidr_block=f"10.8.{number}.0/24", availability_zone=f"us-east-1{zone}")
    for number, zone in enumerate("ab")
]
bucket = s3.Bucket("logs", bucket_prefix="shop-logs-", tags={"a": "b"})
policy = s3.BucketPolicy("logs", bucket=bucket.bucket, policy=bucket.arn.apply(lambda arn: json.dumps({
    "Version": "2012-10-17",
    "Statement": [{
        "Effect": "Allow",
        "Principal": {"Service": "logdelivery.elasticloadbalancing.amazonaws.com"},
        "Action": "s3:PutObject",
        "Resource": f"{arn}/*",
    }],
})))
balancer = lb.LoadBalancer(
    "shop",
    subnets=[subnet.id for subnet in subnets],
    access_logs={"bucket": bucket.bucket, "enabled": True, "prefix": "web"},
    opts=pulumi.ResourceOptions(depends_on=[policy]),
)
own = acm.Certificate("own", certificate_body=config.require("body"), private_key=config.require("key"))
asked = acm.Certificate(
    "asked", domain_name="shop.example.com", subject_alternative_names=["*.shop.example.com"], validation_method="DNS"
)
listener = lb.Listener(
    "shop",
    load_balancer_arn=balancer.arn,
    port=443,
    protocol="HTTPS",
    ssl_policy="ELBSecurityPolicy-TLS13-1-2-2021-06",
    certificate_arn=own.arn,
    default_actions=[
        {"type": "fixed-response", "fixed_response": {"content_type": "text/plain", "status_code": "404"}}
    ],
)
issued = acm.CertificateValidation("asked", certificate_arn=asked.arn)
lb.ListenerCertificate("asked", listener_arn=listener.arn, certificate_arn=issued.certificate_arn)
pulumi.export("listener", listener.arn)
pulumi.export("balancer", balancer.arn)
pulumi.export("bucket", bucket.bucket)
pulumi.export("certificates", [own.arn, asked.arn])
pulumi.export("record", asked.domain_validation_options[0].resource_record_type)
"""


def test_an_https_listener_gets_its_certificates_and_the_load_balancer_its_log(
    run: Callable[..., tuple[Deployed, list[str]]], aws: Any
) -> None:
    leaf = trustme.CA().issue_cert("own.example.com", key_type=trustme.KeyType.RSA)
    body, key = leaf.cert_chain_pems[0].bytes().decode(), leaf.private_key_pem.bytes().decode()
    deployed, _ = run(PROGRAM, body=body, key=key)
    made = deployed.outputs
    elb = aws.client("elbv2")
    (listener,) = elb.describe_listeners(ListenerArns=[made["listener"]])["Listeners"]
    assert (listener["Protocol"], listener["SslPolicy"]) == ("HTTPS", "ELBSecurityPolicy-TLS13-1-2-2021-06")
    shown = elb.describe_listener_certificates(ListenerArn=made["listener"])["Certificates"]
    assert [one["CertificateArn"] for one in shown] == made["certificates"]
    attributes = elb.describe_load_balancer_attributes(LoadBalancerArn=made["balancer"])["Attributes"]
    logs = {one["Key"]: one["Value"] for one in attributes if one["Key"].startswith("access_logs")}
    assert logs == {
        "access_logs.s3.enabled": "true",
        "access_logs.s3.bucket": made["bucket"],
        "access_logs.s3.prefix": "web",
    }
    assert made["bucket"].startswith("shop-logs-")
    assert made["record"] == "CNAME"


class Acm:
    """Answers with one status after another; the first is asked for twice."""

    def __init__(self, *statuses: str, kind: str = "AMAZON_ISSUED") -> None:
        self.left = [*statuses[:1], *statuses]
        self.kind = kind

    def client(self, _: str) -> "Acm":
        return self

    def describe_certificate(self, **_: Any) -> dict[str, Any]:
        return {"Certificate": {"Status": self.left.pop(0), "Type": self.kind}}


def validate(*statuses: str, kind: str = "AMAZON_ISSUED") -> registry.Realised:
    wanted = registry.Wanted("urn", "name", {"certificateArn": "arn"}, {})
    return acm.certificate_validation(wanted, Acm(*statuses, kind=kind))  # type: ignore[arg-type]


def test_a_validation_waits_until_the_certificate_is_issued(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(acm, "LOOK_REAL_S", 0.0)
    assert validate("PENDING_VALIDATION", "PENDING_VALIDATION", "ISSUED").id == "arn"


def test_a_certificate_that_will_never_be_issued_is_an_error() -> None:
    with pytest.raises(FieldError, match="FAILED"):
        validate("FAILED")


def test_an_imported_certificate_is_not_validated() -> None:
    """As Pulumi's provider says."""
    with pytest.raises(FieldError, match="no validation"):
        validate("ISSUED", kind="IMPORTED")


@pytest.mark.parametrize("inputs", [{}, {"certificateBody": "PEM"}])
def test_a_certificate_needs_a_name_or_a_body_and_key(inputs: dict[str, Any]) -> None:
    registry.load_resources()
    with pytest.raises(FieldError, match="missing"):
        registry.create("aws:acm/certificate:Certificate", "urn", "name", inputs, Acm())  # type: ignore[arg-type]
