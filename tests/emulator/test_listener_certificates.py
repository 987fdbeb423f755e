"""Certificates of HTTPS listeners over the API: ACM's and IAM's, what is shown and what is refused."""

import ssl
from collections.abc import Iterator
from typing import Any

import pytest
import trustme
from botocore.exceptions import ClientError
from rig import Rig

from blackstart.emulator.snapshot import Certificate, ListenerSnapshot

FIXED = [{"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "200"}}]
OWN_AUTHORITY = trustme.CA()


class Listening:
    """A load balancer in three zones. shown: the listener as the data plane has it."""

    def __init__(self, rig: Any) -> None:
        self.rig = rig
        self.elb, self.acm, self.iam = rig.client("elbv2"), rig.client("acm"), rig.client("iam")
        ec2 = rig.client("ec2")
        vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        subnets = [
            ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.0.{index}.0/24", AvailabilityZone=zone)["Subnet"]["SubnetId"]
            for index, zone in enumerate(("us-east-1a", "us-east-1b"))
        ]
        made = self.elb.create_load_balancer(Name="web", Subnets=subnets)["LoadBalancers"][0]
        self.balancer = made["LoadBalancerArn"]

    def listen(self, certificate: str, **options: Any) -> str:
        fields = {"LoadBalancerArn": self.balancer, "Protocol": "HTTPS", "Port": 443, "DefaultActions": FIXED}
        made = self.elb.create_listener(**fields, Certificates=[{"CertificateArn": certificate}], **options)
        arn: str = made["Listeners"][0]["ListenerArn"]
        return arn

    def requested(self, *names: str) -> str:
        arn: str = self.acm.request_certificate(DomainName=names[0], SubjectAlternativeNames=list(names))[
            "CertificateArn"
        ]
        return arn

    def imported(self, *names: str, **options: Any) -> str:
        leaf = OWN_AUTHORITY.issue_cert(*names)
        arn: str = self.acm.import_certificate(
            Certificate=leaf.cert_chain_pems[0].bytes(), PrivateKey=leaf.private_key_pem.bytes(), **options
        )["CertificateArn"]
        return arn

    def uploaded(self, name: str, *names: str) -> str:
        leaf = OWN_AUTHORITY.issue_cert(*names)
        metadata = self.iam.upload_server_certificate(
            ServerCertificateName=name,
            CertificateBody=leaf.cert_chain_pems[0].bytes().decode(),
            PrivateKey=leaf.private_key_pem.bytes().decode(),
        )["ServerCertificateMetadata"]
        arn: str = metadata["Arn"]
        return arn

    def shown(self) -> ListenerSnapshot:
        self.rig.run(120)
        return self.rig.snapshots[-1].load_balancers[0].listeners[0]

    def certificates(self) -> list[tuple[str, ...]]:
        return [certificate.names for certificate in self.shown().certificates]


@pytest.fixture
def listening(monkeypatch: pytest.MonkeyPatch) -> Iterator[Listening]:
    from moto import settings

    monkeypatch.setattr(settings, "ACM_VALIDATION_WAIT", -1)  # moto issues at the first look
    rig = Rig()
    yield Listening(rig)
    rig.close()


def usable(certificate: Certificate, tmp_path: Any) -> bool:
    """Whether OpenSSL takes certificate, chain and key for what belongs together."""
    file = tmp_path / "certificate.pem"
    file.write_text(certificate.key_pem + certificate.chain_pem)
    ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(file)
    return True


def code_of(call: Any, **arguments: Any) -> str:
    with pytest.raises(ClientError) as refused:
        call(**arguments)
    return str(refused.value.response["Error"]["Code"])


def test_a_requested_certificate_is_signed_for_all_its_names(listening: Listening, tmp_path: Any) -> None:
    listening.listen(listening.requested("example.com", "*.example.com"))
    (certificate,) = listening.shown().certificates
    assert set(certificate.names) == {"example.com", "*.example.com"}
    assert usable(certificate, tmp_path)


def test_the_certificate_stays_the_same_from_tick_to_tick(listening: Listening) -> None:
    listening.listen(listening.requested("example.com"))
    first = listening.shown()
    assert listening.shown() is first or listening.shown() == first


def test_imported_and_uploaded_certificates_are_used_as_they_are(listening: Listening, tmp_path: Any) -> None:
    arn = listening.listen(listening.imported("a.example.org"))
    uploaded = listening.uploaded("b", "b.example.org")
    listening.elb.add_listener_certificates(ListenerArn=arn, Certificates=[{"CertificateArn": uploaded}])
    shown = listening.shown().certificates
    assert [certificate.names for certificate in shown] == [("a.example.org",), ("b.example.org",)]
    assert all(usable(certificate, tmp_path) for certificate in shown)
    assert shown[0].chain_pem.count("BEGIN CERTIFICATE") == 1  # not the root that moto adds to every chain


def test_a_certificate_imported_anew_under_its_arn_is_shown(listening: Listening) -> None:
    arn = listening.imported("old.example.org")
    listening.listen(arn)
    assert listening.certificates() == [("old.example.org",)]
    listening.imported("new.example.org", CertificateArn=arn)
    assert listening.certificates() == [("new.example.org",)]


def test_the_policy_is_told_to_the_data_plane(listening: Listening) -> None:
    listening.listen(listening.requested("example.com"), SslPolicy="ELBSecurityPolicy-TLS13-1-2-2021-06")
    assert listening.shown().tls_policy == "ELBSecurityPolicy-TLS13-1-2-2021-06"


def test_a_new_default_certificate_leaves_the_additional_ones(listening: Listening) -> None:
    first, second, third = (listening.requested(name) for name in ("a.example", "b.example", "c.example"))
    arn = listening.listen(first)
    for _ in range(2):  # "If the certificate is already in the certificate list, the call is successful but ..."
        listening.elb.add_listener_certificates(ListenerArn=arn, Certificates=[{"CertificateArn": second}])
    listening.elb.modify_listener(ListenerArn=arn, Certificates=[{"CertificateArn": third}])
    assert listening.certificates() == [("c.example",), ("b.example",)]
    described = listening.elb.describe_listener_certificates(ListenerArn=arn)["Certificates"]
    assert [one["CertificateArn"] for one in described] == [third, second]


def test_a_certificate_that_is_not_issued_yet_is_refused(listening: Listening, monkeypatch: pytest.MonkeyPatch) -> None:
    from moto import settings

    monkeypatch.setattr(settings, "ACM_VALIDATION_WAIT", 60)
    arn = listening.requested("example.com")
    listener = {"LoadBalancerArn": listening.balancer, "Protocol": "HTTPS", "Port": 443, "DefaultActions": FIXED}
    create = listening.elb.create_listener
    assert code_of(create, **listener, Certificates=[{"CertificateArn": arn}]) == "UnsupportedCertificate"
    unknown = arn[:-4] + "0000"
    assert code_of(create, **listener, Certificates=[{"CertificateArn": unknown}]) == "CertificateNotFound"


def test_the_default_certificate_cannot_be_removed_and_others_can(listening: Listening) -> None:
    first, second = listening.requested("a.example"), listening.requested("b.example")
    arn = listening.listen(first)
    listening.elb.add_listener_certificates(ListenerArn=arn, Certificates=[{"CertificateArn": second}])
    remove = listening.elb.remove_listener_certificates
    assert code_of(remove, ListenerArn=arn, Certificates=[{"CertificateArn": first}]) == "OperationNotPermitted"
    remove(ListenerArn=arn, Certificates=[{"CertificateArn": second}])
    assert listening.certificates() == [("a.example",)]


def test_a_certificate_in_use_cannot_be_deleted(listening: Listening) -> None:
    acm, uploaded = listening.requested("a.example"), listening.uploaded("b", "b.example")
    arn = listening.listen(acm)
    listening.elb.add_listener_certificates(ListenerArn=arn, Certificates=[{"CertificateArn": uploaded}])
    assert code_of(listening.acm.delete_certificate, CertificateArn=acm) == "ResourceInUseException"
    assert code_of(listening.iam.delete_server_certificate, ServerCertificateName="b") == "DeleteConflict"
    listening.elb.delete_listener(ListenerArn=arn)
    listening.acm.delete_certificate(CertificateArn=acm)
    listening.iam.delete_server_certificate(ServerCertificateName="b")


def test_a_certificate_is_in_use_by_the_load_balancers_whose_listeners_have_it_now(listening: Listening) -> None:
    arn = listening.requested("shop.example")

    def users() -> list[str]:
        found: list[str] = listening.acm.describe_certificate(CertificateArn=arn)["Certificate"]["InUseBy"]
        return found

    listener = listening.listen(arn)
    assert users() == [listening.balancer]
    listening.elb.delete_listener(ListenerArn=listener)
    assert users() == []
    listening.acm.delete_certificate(CertificateArn=arn)


def test_a_listener_takes_one_certificate_and_an_http_listener_none(listening: Listening) -> None:
    one, other = listening.requested("shop.example"), listening.requested("admin.example")
    both = [{"CertificateArn": arn} for arn in (one, other)]
    fields = {"LoadBalancerArn": listening.balancer, "DefaultActions": FIXED}
    create, modify = listening.elb.create_listener, listening.elb.modify_listener
    assert code_of(create, **fields, Protocol="HTTPS", Port=443, Certificates=both) == "ValidationError"
    assert code_of(create, **fields, Protocol="HTTP", Port=80, Certificates=both[:1]) == "ValidationError"
    listener = listening.listen(one)
    assert code_of(modify, ListenerArn=listener, Certificates=both) == "ValidationError"
    assert code_of(modify, ListenerArn=listener, Protocol="HTTP", Certificates=both[:1]) == "ValidationError"
    plain = create(**fields, Protocol="HTTP", Port=80)["Listeners"][0]["ListenerArn"]
    adding = {"ListenerArn": plain, "Certificates": both[:1]}
    assert code_of(listening.elb.add_listener_certificates, **adding) == "ValidationError"
    assert listening.certificates() == [("shop.example",)]


def test_a_name_that_cannot_stand_in_a_certificate_leaves_the_listener_without_one(listening: Listening) -> None:
    listening.listen(listening.requested("under_score.example.com"))
    assert listening.certificates() == []
