"""moto's certificates and buckets as HTTPS listeners and access logs rely on them; an upgrade fails here, loudly."""

import inspect
from typing import Any

import boto3
import pytest
import trustme
from moto import mock_aws
from moto.acm.models import AWSCertificateManagerBackend, CertBundle, acm_backends
from moto.elbv2.models import ELBv2Backend, FakeListener
from moto.iam.models import IAMBackend
from moto.s3.models import S3Backend, s3_backends

ACCOUNT = "123456789012"
PATCHED = [
    (ELBv2Backend.modify_load_balancer_attributes, ("self", "arn", "attrs")),
    (ELBv2Backend.add_listener_certificates, ("self", "arn", "certificates")),
    (ELBv2Backend.remove_listener_certificates, ("self", "arn", "certificates")),
    (AWSCertificateManagerBackend.delete_certificate, ("self", "arn")),
    (AWSCertificateManagerBackend.describe_certificate, ("self", "arn")),
    (IAMBackend.delete_server_certificate, ("self", "name")),
]


@pytest.mark.parametrize(("patched", "parameters"), PATCHED, ids=lambda value: getattr(value, "__name__", ""))
def test_a_replaced_method_takes_what_its_replacement_takes(patched: Any, parameters: tuple[str, ...]) -> None:
    assert tuple(inspect.signature(patched).parameters) == parameters


def test_the_bucket_is_written_with_name_key_and_content() -> None:
    assert tuple(inspect.signature(S3Backend.put_object).parameters)[:4] == (
        "self",
        "bucket_name",
        "key_name",
        "value",
    )
    assert tuple(inspect.signature(S3Backend.get_bucket_policy).parameters) == ("self", "bucket_name")


def test_a_listener_keeps_its_default_certificate_first() -> None:
    listener = FakeListener("lb", "arn", "HTTPS", "443", "policy", "default", [], None)
    assert (listener.certificate, listener.certificates) == ("default", ["default"])


@mock_aws
def test_a_requested_certificate_has_a_type_its_names_and_a_status() -> None:
    acm = boto3.client("acm", "us-east-1")
    arn = acm.request_certificate(DomainName="a.example", SubjectAlternativeNames=["b.example"])["CertificateArn"]
    bundle: CertBundle = acm_backends[ACCOUNT]["us-east-1"]._certificates[arn]
    assert (bundle.type, bundle.status, bundle.common_name) == ("AMAZON_ISSUED", "PENDING_VALIDATION", "a.example")
    assert {bundle.common_name, *bundle.sans} == {"a.example", "b.example"}


@mock_aws
def test_moto_adds_amazons_root_to_the_chain_of_an_imported_certificate() -> None:
    leaf = trustme.CA().issue_cert("a.example")
    arn = boto3.client("acm", "us-east-1").import_certificate(
        Certificate=leaf.cert_chain_pems[0].bytes(), PrivateKey=leaf.private_key_pem.bytes()
    )["CertificateArn"]
    bundle: CertBundle = acm_backends[ACCOUNT]["us-east-1"]._certificates[arn]
    assert bundle.type == "IMPORTED"
    assert bundle.cert == leaf.cert_chain_pems[0].bytes()
    assert bundle.key == leaf.private_key_pem.bytes()
    assert bundle.chain.count(b"BEGIN CERTIFICATE") == 1


@mock_aws
def test_moto_deletes_a_certificate_that_a_listener_uses_and_takes_any_bucket() -> None:
    """Why both calls are replaced."""
    acm = boto3.client("acm", "us-east-1")
    arn = acm.request_certificate(DomainName="a.example")["CertificateArn"]
    acm_backends[ACCOUNT]["us-east-1"].set_certificate_in_use_by(arn, "listener")
    assert acm.describe_certificate(CertificateArn=arn)["Certificate"]["InUseBy"] == ["listener"]
    acm.delete_certificate(CertificateArn=arn)
    assert acm.list_certificates()["CertificateSummaryList"] == []
    assert "no-such-bucket" not in s3_backends[ACCOUNT]["aws"].buckets
    assert "bucket" not in inspect.getsource(ELBv2Backend.modify_load_balancer_attributes)
