"""An ALB's access log, field by field.

Source: ELB user guide, "Access logs for your Application Load Balancer": the table of fields and the example entries
of its section "Access log entries", the file names of "Access log files", the bucket policies and the test file of
"Enable access logs for your Application Load Balancer".
"""

import shlex
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blackstart.emulator.decisions.access_log import FIELDS, LoggedNode, RequestRecord, format_entry
from blackstart.emulator.decisions.log_bucket import LogFile, LogPlace, key_of, lets_write

NODE = LoggedNode("app/my-loadbalancer/50dc6c495c0c9188", "my-lb-1.us-east-2.elb.amazonaws.com", "127.16.1.1")
GROUP = "arn:aws:elasticloadbalancing:us-east-2:123456789012:targetgroup/my-targets/73e2d6bc24d8a067"
CERTIFICATE = "arn:aws:acm:us-east-2:123456789012:certificate/12345678-1234-1234-1234-123456789012"
TRACE = "Root=1-58337281-1d84f3d73c47ec4e58577259"
ANSWERED_S = datetime(2018, 7, 2, 22, 23, 0, 186641, UTC).timestamp()
CREATED_S = datetime(2018, 7, 2, 22, 22, 48, 364000, UTC).timestamp()
HTTP = RequestRecord(
    load_balancer_arn="arn:aws:elasticloadbalancing:us-east-2:123456789012:loadbalancer/app/my-loadbalancer/50dc6c495c0c9188",
    node_zone="us-east-2a",
    created_s=CREATED_S,
    answered_s=ANSWERED_S,
    client_ip="192.168.131.39",
    client_port=2817,
    listener_port=80,
    elb_status=200,
    received_bytes=34,
    sent_bytes=366,
    method="GET",
    url="/",
    version="HTTP/1.1",
    host="www.example.com",
    user_agent="curl/7.46.0",
    target_ip="10.0.0.1",
    target_port=80,
    target_status=200,
    request_processing_real_s=0.0004,
    target_processing_real_s=0.001,
    response_processing_real_s=0.0,
    target_group_arn=GROUP,
    trace_id=TRACE,
    rule_priority=0,
    actions=("forward",),
)
CONNECTION = "1234abcd5678ef90" * 2


def stamp(time_s: float) -> str:
    return datetime.fromtimestamp(time_s, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def entry(**changes: Any) -> str:
    return format_entry(HTTP._replace(**changes), NODE, CONNECTION, stamp)


def fields(**changes: Any) -> dict[str, str]:
    values = shlex.split(entry(**changes))
    return dict(zip(FIELDS, values, strict=True))


def test_the_fields_stand_in_the_guides_order() -> None:
    assert FIELDS[:30] == (
        "type",
        "time",
        "elb",
        "client:port",
        "target:port",
        "request_processing_time",
        "target_processing_time",
        "response_processing_time",
        "elb_status_code",
        "target_status_code",
        "received_bytes",
        "sent_bytes",
        "request",
        "user_agent",
        "ssl_cipher",
        "ssl_protocol",
        "target_group_arn",
        "trace_id",
        "domain_name",
        "chosen_cert_arn",
        "matched_rule_priority",
        "request_creation_time",
        "actions_executed",
        "redirect_url",
        "error_reason",
        "target:port_list",
        "target_status_code_list",
        "classification",
        "classification_reason",
        "conn_trace_id",
    )


def test_an_http_entry_reads_as_the_guides_example() -> None:
    """The guide's "Example HTTP entry", with the fields that were added to the end of it since."""
    assert entry() == (
        "http 2018-07-02T22:23:00.186641Z app/my-loadbalancer/50dc6c495c0c9188 "
        "192.168.131.39:2817 10.0.0.1:80 0.000 0.001 0.000 200 200 34 366 "
        '"GET http://www.example.com:80/ HTTP/1.1" "curl/7.46.0" - - '
        f"{GROUP} "
        '"Root=1-58337281-1d84f3d73c47ec4e58577259" "-" "-" '
        '0 2018-07-02T22:22:48.364000Z "forward" "-" "-" "10.0.0.1:80" "200" "-" "-" '
        'TID_1234abcd5678ef901234abcd5678ef90 "-" "-" "-" 127.16.1.1'
    )


def test_an_https_entry_names_cipher_protocol_host_and_certificate() -> None:
    """The guide's "Example HTTPS entry"."""
    given_fields = fields(
        tls=True,
        listener_port=443,
        tls_cipher="ECDHE-RSA-AES128-GCM-SHA256",
        tls_protocol="TLSv1.2",
        sni="www.example.com",
        certificate_arn=CERTIFICATE,
        rule_priority=1,
    )
    assert given_fields["type"] == "https"
    assert given_fields["request"] == "GET https://www.example.com:443/ HTTP/1.1"
    assert (given_fields["ssl_cipher"], given_fields["ssl_protocol"]) == ("ECDHE-RSA-AES128-GCM-SHA256", "TLSv1.2")
    assert (given_fields["domain_name"], given_fields["chosen_cert_arn"]) == ("www.example.com", CERTIFICATE)
    assert given_fields["matched_rule_priority"] == "1"


def test_a_request_that_reached_no_target_has_dashes_and_minus_one() -> None:
    """ "This value is set to -1 if the load balancer can't dispatch the request to a target." """
    nobody = fields(
        elb_status=503,
        target_ip="",
        target_port=0,
        target_status=None,
        request_processing_real_s=None,
        target_processing_real_s=None,
        response_processing_real_s=None,
    )
    times = [nobody[f"{part}_processing_time"] for part in ("request", "target", "response")]
    assert times == ["-1", "-1", "-1"]
    assert [nobody[name] for name in ("target:port", "target_status_code")] == ["-", "-"]
    assert [nobody[name] for name in ("target:port_list", "target_status_code_list")] == ["-", "-"]


def test_a_malformed_request_has_no_method_no_action_and_no_rule() -> None:
    """ "If no action was taken, such as for a malformed request, this value is set to -"."""
    malformed = fields(
        elb_status=400, method="", url="", version="", host="", user_agent="", actions=(), rule_priority=None
    )
    assert malformed["request"] == f"- http://{NODE.dns_name}:80- -"
    assert malformed["user_agent"] == "-"
    assert (malformed["actions_executed"], malformed["matched_rule_priority"]) == ("-", "-")


def test_a_redirect_names_its_location() -> None:
    redirect = fields(actions=("redirect",), redirect_url="https://example.com:443/")
    assert (redirect["actions_executed"], redirect["redirect_url"]) == ("redirect", "https://example.com:443/")


def test_the_url_is_on_the_listeners_port_whatever_the_host_header_says() -> None:
    assert fields(host="web:8080", url="/a?b=c")["request"] == "GET http://web:80/a?b=c HTTP/1.1"
    assert fields(url="http://www.example.com/a")["request"] == "GET http://www.example.com:80/a HTTP/1.1"


def test_desync_classification_is_shown() -> None:
    shown = fields(classification="Severe", classification_reason="BothTeClPresent")
    assert (shown["classification"], shown["classification_reason"]) == ("Severe", "BothTeClPresent")


def test_a_user_agent_is_cut_at_8_kib() -> None:
    """ "If the string is longer than 8 KB, it is truncated." """
    assert len(fields(user_agent="x" * 10_000)["user_agent"]) == 8192


@given(st.text(), st.text(alphabet=st.characters(codec="latin-1")))
def test_whatever_a_client_sends_an_entry_stays_one_line_of_all_fields(user_agent: str, url: str) -> None:
    line = entry(user_agent=user_agent, url="/" + url)
    assert line.isascii()
    assert line.isprintable()
    quoted_apart = line.split('"')
    outside = " ".join(quoted_apart[::2]).split()
    assert len(outside) + len(quoted_apart[1::2]) == len(FIELDS)


PLACE = LogPlace("logs", "my-prefix", "123456789012", "us-east-2")


def test_a_files_name_says_whose_it_is_and_when_its_interval_ended() -> None:
    """The guide's example of a file name with a prefix."""
    file = LogFile(
        "app/my-loadbalancer/1234567890abcdef", "2022/05/01", "20220215T2340Z", "172.160.001.192", "20sg8hgm"
    )
    assert key_of(PLACE, file) == (
        "my-prefix/AWSLogs/123456789012/elasticloadbalancing/us-east-2/2022/05/01/"
        "123456789012_elasticloadbalancing_us-east-2_app.my-loadbalancer.1234567890abcdef_20220215T2340Z_"
        "172.160.001.192_20sg8hgm.log.gz"
    )
    assert PLACE.test_file == "my-prefix/AWSLogs/123456789012/ELBAccessLogTestFile"
    assert PLACE._replace(prefix="").test_file == "AWSLogs/123456789012/ELBAccessLogTestFile"


LOG_DELIVERY = {"Service": "logdelivery.elasticloadbalancing.amazonaws.com"}
RESOURCE = "arn:aws:s3:::logs/my-prefix/AWSLogs/123456789012/*"


def statement(**changes: Any) -> dict[str, Any]:
    allow = {"Effect": "Allow", "Principal": LOG_DELIVERY, "Action": "s3:PutObject", "Resource": RESOURCE}
    return {**allow, **changes}


@pytest.mark.parametrize(
    ("statements", "allowed"),
    [
        ([statement()], True),
        ([statement(Principal={"AWS": "arn:aws:iam::033677994240:root"})], True),  # us-east-2's older policy
        ([statement(Principal={"AWS": "033677994240"}, Action=["s3:Get*", "s3:Put*"])], True),
        ([statement(Principal={"AWS": "arn:aws:iam::127311923021:root"})], False),  # us-east-1's
        ([statement(Principal="*", Resource=["arn:aws:s3:::logs/*"])], True),
        ([statement(Resource="arn:aws:s3:::logs/AWSLogs/123456789012/*")], False),  # lacks the prefix
        ([statement(Resource="arn:aws:s3:::other/my-prefix/AWSLogs/123456789012/*")], False),
        ([statement(Action="s3:GetObject")], False),
        ([statement(Principal={"Service": "delivery.logs.amazonaws.com"})], False),
        ([statement(), statement(Effect="Deny", Principal="*", Action="s3:*")], False),
        (
            [
                statement(),
                statement(Effect="Deny", Principal="*", Condition={"Bool": {"aws:SecureTransport": "false"}}),
            ],
            True,
        ),
        ([], False),
    ],
)
def test_the_bucket_policy_has_to_let_elastic_load_balancing_write(
    statements: list[dict[str, Any]], allowed: bool
) -> None:
    """The policies of "Enable access logs": the log delivery service, or a region's own account."""
    assert lets_write({"Version": "2012-10-17", "Statement": statements}, PLACE) is allowed
