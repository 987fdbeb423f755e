"""Certificate Manager: certificates, requested or imported, and the wait for their validation."""

import time
from typing import Any

from blackstart.aws_clients import AwsClients
from blackstart.deploy.fields import Field, FieldError, one_of, tag_list, text, texts
from blackstart.deploy.registry import Realised, Wanted, realises

ISSUED_WITHIN_REAL_S = 120.0
LOOK_REAL_S = 0.2


@realises(
    "aws:acm/certificate:Certificate",
    {
        "domainName": Field("DomainName", text),
        "subjectAlternativeNames": Field("SubjectAlternativeNames", texts),
        "validationMethod": Field("ValidationMethod", one_of("DNS", "EMAIL")),
        "keyAlgorithm": Field("KeyAlgorithm", text),
        "certificateBody": Field(None, text),
        "certificateChain": Field(None, text),
        "privateKey": Field(None, text),
        "tags": Field("Tags", tag_list),
    },
)
def certificate(wanted: Wanted, aws: AwsClients) -> Realised:
    acm = aws.client("acm")
    if "certificateBody" in wanted.given:
        given = _imported(wanted)
        arn = acm.import_certificate(**given)["CertificateArn"]
    elif "domainName" in wanted.given:
        arn = acm.request_certificate(**wanted.call)["CertificateArn"]
    else:
        raise FieldError("domainName", "missing", "Give it, or certificateBody and privateKey to import a certificate.")
    described = acm.describe_certificate(CertificateArn=arn)["Certificate"]
    return Realised(
        arn,
        {
            "arn": arn,
            "domainName": described["DomainName"],
            "status": described["Status"],
            "type": described["Type"],
            "domainValidationOptions": [_validation(option) for option in described.get("DomainValidationOptions", [])],
        },
    )


def _imported(wanted: Wanted) -> dict[str, Any]:
    if "privateKey" not in wanted.given:
        raise FieldError("privateKey", "missing", "An imported certificate needs its key.")
    chain = wanted.given.get("certificateChain")
    return {
        "Certificate": wanted.given["certificateBody"].encode(),
        "PrivateKey": wanted.given["privateKey"].encode(),
        **({"CertificateChain": chain.encode()} if chain else {}),
        **({"Tags": wanted.call["Tags"]} if "Tags" in wanted.call else {}),
    }


def _validation(option: dict[str, Any]) -> dict[str, str]:
    record = option.get("ResourceRecord", {})
    return {
        "domainName": option["DomainName"],
        "resourceRecordName": record.get("Name", ""),
        "resourceRecordType": record.get("Type", ""),
        "resourceRecordValue": record.get("Value", ""),
    }


@realises(
    "aws:acm/certificateValidation:CertificateValidation",
    {"certificateArn": Field("CertificateArn", text, required=True), "validationRecordFqdns": Field(None, texts)},
)
def certificate_validation(wanted: Wanted, aws: AwsClients) -> Realised:
    """Waits until the certificate is issued, as Pulumi's provider does. The emulator looks at no validation record."""
    acm, arn = aws.client("acm"), wanted.given["certificateArn"]
    give_up_at = time.monotonic() + ISSUED_WITHIN_REAL_S
    described = acm.describe_certificate(CertificateArn=arn)["Certificate"]
    if described["Type"] != "AMAZON_ISSUED":
        raise FieldError("certificateArn", f"it is {described['Type']}, which needs no validation", "Leave this out.")
    while (status := acm.describe_certificate(CertificateArn=arn)["Certificate"]["Status"]) != "ISSUED":
        if status != "PENDING_VALIDATION" or time.monotonic() > give_up_at:
            raise FieldError("certificateArn", f"the certificate is {status}", "Wait for it, or import one.")
        time.sleep(LOOK_REAL_S)
    return Realised(arn, {"certificateArn": arn})
