"""Access logs: switched on over the API, gathered, and read from the bucket again; once with a whole emulator."""

import gzip
import http.client
import json
import shlex
import socket
import ssl
import urllib.request
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import running_emulator
from botocore.exceptions import ClientError

from blackstart.emulator.decisions.access_log import FIELDS
from blackstart.emulator.protocol import AccessLogged

FIXED = [{"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "200", "MessageBody": "hello"}}]
ON = {"access_logs.s3.enabled": "true", "access_logs.s3.bucket": "web-logs", "access_logs.s3.prefix": "web"}
ACCOUNT = "123456789012"
FOLDER = f"web/AWSLogs/{ACCOUNT}/elasticloadbalancing/us-east-1"
NODE = "127.99.1.1"


class Logging:
    """A load balancer and a bucket that it may log to."""

    def __init__(self, client: Callable[[str], Any]) -> None:
        self.elb, self.s3 = client("elbv2"), client("s3")
        ec2 = client("ec2")
        vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        subnets = [
            ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.0.{index}.0/24", AvailabilityZone=zone)["Subnet"]["SubnetId"]
            for index, zone in enumerate(("us-east-1a", "us-east-1b"))
        ]
        group = ec2.create_security_group(GroupName="web", Description="web", VpcId=vpc)["GroupId"]
        everyone = [{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]
        ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=everyone)
        made = self.elb.create_load_balancer(Name="web", Subnets=subnets, SecurityGroups=[group])["LoadBalancers"][0]
        self.balancer, self.dns_name = made["LoadBalancerArn"], made["DNSName"]
        self.s3.create_bucket(Bucket="web-logs")
        self.allow()

    def allow(self, bucket: str = "web-logs") -> None:
        statement = {
            "Effect": "Allow",
            "Principal": {"Service": "logdelivery.elasticloadbalancing.amazonaws.com"},
            "Action": "s3:PutObject",
            "Resource": f"arn:aws:s3:::{bucket}/web/AWSLogs/{ACCOUNT}/*",
        }
        policy = {"Version": "2012-10-17", "Statement": [statement]}
        self.s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps(policy))

    def switch(self, **attributes: str) -> None:
        wanted = [{"Key": key, "Value": value} for key, value in ({**ON, **attributes}).items()]
        self.elb.modify_load_balancer_attributes(LoadBalancerArn=self.balancer, Attributes=wanted)

    def keys(self) -> list[str]:
        return [found["Key"] for found in self.s3.list_objects_v2(Bucket="web-logs").get("Contents", [])]

    def files(self) -> list[str]:
        return [key for key in self.keys() if key.endswith(".log.gz")]

    def lines(self, key: str) -> list[str]:
        return gzip.decompress(self.s3.get_object(Bucket="web-logs", Key=key)["Body"].read()).decode().splitlines()


@pytest.fixture
def logged(rig: Any) -> Logging:
    return Logging(rig.client)


def line(time_s: float, text: str = "rest") -> str:
    return f"http {datetime.fromtimestamp(time_s, UTC):%Y-%m-%dT%H:%M:%S.%fZ} {text}"


def report(rig: Any, logged: Logging, *lines: str) -> None:
    message = AccessLogged(load_balancer_arn=logged.balancer, node_address=NODE, lines=lines)
    rig.controllers.apply(message)


def test_switching_logs_on_leaves_a_test_file(logged: Logging) -> None:
    logged.switch()
    assert logged.keys() == [f"web/AWSLogs/{ACCOUNT}/ELBAccessLogTestFile"]


def refusal(logged: Logging, **attributes: str) -> tuple[str, str]:
    with pytest.raises(ClientError) as refused:
        logged.switch(**attributes)
    error = refused.value.response["Error"]
    return error["Code"], error["Message"]


@pytest.mark.parametrize("bucket", ["missing", "closed"])
def test_a_bucket_that_is_missing_or_lets_nobody_write_is_refused(logged: Logging, bucket: str) -> None:
    logged.s3.create_bucket(Bucket="closed")
    code, message = refusal(logged, **{"access_logs.s3.bucket": bucket})
    assert code == "InvalidConfigurationRequest"
    assert message == f"Access Denied for bucket: {bucket}. Please check S3bucket permission"
    described = logged.elb.describe_load_balancer_attributes(LoadBalancerArn=logged.balancer)["Attributes"]
    assert {"Key": "access_logs.s3.enabled", "Value": "true"} not in described


@pytest.mark.parametrize("text", ["nonsense", "[]", '{"Statement": 1}'])
def test_a_bucket_policy_that_is_none_lets_nobody_write(logged: Logging, text: str) -> None:
    logged.s3.put_bucket_policy(Bucket="web-logs", Policy=text)
    assert refusal(logged)[0] == "InvalidConfigurationRequest"


def test_a_policy_for_another_prefix_is_refused(logged: Logging) -> None:
    assert refusal(logged, **{"access_logs.s3.prefix": "other"})[0] == "InvalidConfigurationRequest"


@pytest.mark.parametrize(("algorithm", "taken"), [("AES256", True), ("aws:kms", False)])
def test_a_bucket_encrypted_with_keys_of_kms_is_refused(logged: Logging, algorithm: str, taken: bool) -> None:
    """ "The only server-side encryption option that's supported is Amazon S3-managed keys (SSE-S3)." """
    rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": algorithm}}
    logged.s3.put_bucket_encryption(Bucket="web-logs", ServerSideEncryptionConfiguration={"Rules": [rule]})
    if taken:
        logged.switch()
    else:
        assert refusal(logged)[0] == "InvalidConfigurationRequest"


def test_a_file_holds_five_minutes_of_one_node_and_is_named_after_their_end(rig: Any, logged: Logging) -> None:
    logged.switch()
    begin_s = rig.now_s  # a multiple of 300
    report(rig, logged, line(begin_s + 1, "first"), line(begin_s + 299.9, "second"), line(begin_s + 300, "third"))
    rig.run(302)
    assert logged.files() == []  # the last lines may still be on their way
    rig.run(30)
    (key,) = logged.files()
    balancer = logged.balancer.partition(":loadbalancer/")[2].replace("/", ".")
    end = datetime.fromtimestamp(begin_s + 300, UTC)
    stem = f"{FOLDER}/{end:%Y/%m/%d}/{ACCOUNT}_elasticloadbalancing_us-east-1_{balancer}_{end:%Y%m%dT%H%MZ}_{NODE}_"
    assert key.startswith(stem)
    assert [text.split()[2] for text in logged.lines(key)] == ["first", "second"]
    rig.run(300)
    assert [text.split()[2] for text in logged.lines(logged.files()[1])] == ["third"]


def test_lines_that_come_late_make_another_file(rig: Any, logged: Logging) -> None:
    logged.switch()
    begin_s = rig.now_s
    report(rig, logged, line(begin_s, "in-time"))
    rig.run(330)
    report(rig, logged, line(begin_s, "late"))
    rig.run(30)
    assert sorted(logged.lines(key)[0].split()[2] for key in logged.files()) == ["in-time", "late"]


@pytest.mark.parametrize(
    "end",
    [
        lambda logged: logged.switch(**{"access_logs.s3.enabled": "false"}),
        lambda logged: logged.elb.delete_load_balancer(LoadBalancerArn=logged.balancer),
    ],
    ids=["switched off", "deleted"],
)
def test_what_was_logged_is_delivered_though_the_log_has_ended(rig: Any, logged: Logging, end: Any) -> None:
    """An outage that deletes the load balancer must leave the log of the minutes before it."""
    logged.switch()
    begin_s = rig.now_s
    report(rig, logged, line(begin_s, "before"))
    end(logged)
    report(rig, logged, line(begin_s + 1, "on-its-way"))
    rig.run(330)
    (key,) = logged.files()
    assert [text.split()[2] for text in logged.lines(key)] == ["before", "on-its-way"]
    report(rig, logged, line(rig.now_s, "much-later"))
    rig.run(330)
    assert logged.files() == [key]


def test_a_bucket_that_is_gone_costs_the_log_and_nothing_else(rig: Any, logged: Logging) -> None:
    logged.switch()
    logged.s3.delete_object(Bucket="web-logs", Key=logged.keys()[0])
    report(rig, logged, line(rig.now_s))
    logged.s3.delete_bucket(Bucket="web-logs")
    rig.run(330)
    logged.s3.create_bucket(Bucket="web-logs")
    assert logged.files() == []


def test_the_data_plane_is_told_whether_to_log(rig: Any, logged: Logging) -> None:
    rig.run(120)
    assert not rig.snapshots[-1].load_balancers[0].access_log
    logged.switch()
    rig.run(1)
    assert rig.snapshots[-1].load_balancers[0].access_log


def test_requests_over_http_and_https_are_read_from_the_bucket_field_by_field(emulator: Any) -> None:
    """One whole emulator: a certificate of ACM's, the authority's bundle, the log of what was asked."""
    running = emulator(speed=300.0)
    logged = Logging(running.client)
    bundle = urllib.request.urlopen(running.status.endpoint + "/_emulator/ca.pem").read().decode()
    assert Path(running.status.ca_bundle).read_text() == bundle
    arn = issued(running.client("acm"), "shop.example.com")
    for port, protocol, tls in ((80, "HTTP", {}), (443, "HTTPS", {"Certificates": [{"CertificateArn": arn}]})):
        logged.elb.create_listener(
            LoadBalancerArn=logged.balancer, Protocol=protocol, Port=port, DefaultActions=FIXED, **tls
        )
    logged.switch()
    address = eventually(lambda: node_of(running, logged))
    plain = http.client.HTTPConnection(address, 8080, timeout=5)
    secured = http.client.HTTPSConnection("shop.example.com", 8443, timeout=5)
    secured.sock = ssl.create_default_context(cadata=bundle).wrap_socket(
        socket.create_connection((address, 8443), timeout=5), server_hostname="shop.example.com"
    )
    for connection in (plain, secured):
        connection.request("GET", "/asked?for=it", headers={"Host": "shop.example.com", "User-Agent": "a test"})
        assert connection.getresponse().read() == b"hello"
        connection.close()
    asked = eventually(lambda: two_entries(logged))
    http_entry, https_entry = (next(one for one in asked if one["type"] == kind) for kind in ("http", "https"))
    balancer = logged.balancer.partition(":loadbalancer/")[2]
    for entry, port in ((http_entry, 80), (https_entry, 443)):
        assert entry["elb"] == balancer
        assert entry["request"] == f"GET {entry['type']}://shop.example.com:{port}/asked?for=it HTTP/1.1"
        assert entry["user_agent"] == "a test"
        assert (entry["elb_status_code"], entry["target_status_code"], entry["target:port"]) == ("200", "-", "-")
        assert (entry["actions_executed"], entry["matched_rule_priority"]) == ("fixed-response", "0")
        assert entry["client:port"].startswith("127.")
        assert int(entry["received_bytes"]) > 60
        assert int(entry["sent_bytes"]) > 100
        assert entry["request_creation_time"] <= entry["time"]
        assert entry["ip_address"] == address
    assert (http_entry["ssl_protocol"], http_entry["chosen_cert_arn"]) == ("-", "-")
    assert (https_entry["ssl_protocol"], https_entry["domain_name"]) == ("TLSv1.2", "shop.example.com")
    assert https_entry["chosen_cert_arn"] == arn
    assert https_entry["conn_trace_id"] != http_entry["conn_trace_id"]


def issued(acm: Any, name: str) -> str:
    arn: str = acm.request_certificate(DomainName=name)["CertificateArn"]
    eventually(lambda: acm.describe_certificate(CertificateArn=arn)["Certificate"]["Status"] == "ISSUED")
    return arn


def node_of(running: Any, logged: Logging) -> str | None:
    """A node that serves both listeners, by the emulator's own DNS."""
    from dnslib import DNSRecord

    answer = DNSRecord.question(logged.dns_name).send(running.status.dns.address, running.status.dns.port, timeout=2)
    for record in DNSRecord.parse(answer).rr:
        address = str(record.rdata)
        if all(socket.socket().connect_ex((address, port)) == 0 for port in (8080, 8443)):
            return address
    return None


def two_entries(logged: Logging) -> list[dict[str, str]]:
    lines = [line for key in logged.files() for line in logged.lines(key)]
    return [dict(zip(FIELDS, shlex.split(line), strict=True)) for line in lines] if len(lines) == 2 else []


def eventually(holds: Callable[[], Any]) -> Any:
    return running_emulator.until(holds, 12.0)
