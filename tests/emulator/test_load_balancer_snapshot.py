"""What the elbv2 API declares reaches the data plane's snapshot within a tick, or is listed as not acted on.

Asked through boto3 on moto in this process. Sources: elbv2 API reference (Action, RuleCondition, TargetGroupAttribute,
LoadBalancerAttribute).
"""

from collections.abc import Iterator
from typing import Any

import pytest
import web_stack
from botocore.exceptions import ClientError
from moto import settings
from rig import Rig

from blackstart.domain.unserved import UnservedKind
from blackstart.emulator.adapters.moto_ledger import unserved
from blackstart.emulator.snapshot import (
    Algorithm,
    Condition,
    ConditionField,
    DesyncMitigation,
    FixedResponse,
    Forward,
    ForwardedFor,
    HttpSettings,
    ListenerSnapshot,
    LoadBalancerSnapshot,
    MinimumHealthy,
    QueryPair,
    Redirect,
    RuleSnapshot,
    Snapshot,
    Stickiness,
    TargetGroupSnapshot,
    WeightedGroup,
)


class Tier:
    """A web tier without instances, and what the data plane was last told of it."""

    def __init__(self, rig: Any) -> None:
        self.rig = rig
        self.stack = web_stack.WebStack(rig.client, desired=0)
        self.elb = self.stack.elb
        self.vpc = self.elb.describe_target_groups(Names=["web"])["TargetGroups"][0]["VpcId"]
        self.listener = self.elb.describe_listeners(LoadBalancerArn=self.stack.balancer)["Listeners"][0]["ListenerArn"]
        self.groups = [self.stack.target_group, self.target_group("blue"), self.target_group("green")]

    def target_group(self, name: str, **wanted: Any) -> str:
        arguments: dict[str, Any] = {"Protocol": "HTTP", "Port": 80, "VpcId": self.vpc, **wanted}
        arn: str = self.elb.create_target_group(Name=name, **arguments)["TargetGroups"][0]["TargetGroupArn"]
        return arn

    def told_balancer(self) -> LoadBalancerSnapshot:
        self.rig.tick()
        balancer: LoadBalancerSnapshot = self.rig.snapshots[-1].load_balancers[0]
        return balancer

    def told_listener(self, port: int = 80) -> ListenerSnapshot:
        return next(listener for listener in self.told_balancer().listeners if listener.port == port)

    def told_rule(self, arn: str) -> RuleSnapshot:
        return next(rule for rule in self.told_listener().rules if rule.arn == arn)

    def told_group(self, arn: str) -> TargetGroupSnapshot:
        self.rig.tick()
        snapshot: Snapshot = self.rig.snapshots[-1]
        return next(group for group in snapshot.target_groups if group.arn == arn)

    def rule(self, priority: int, **wanted: Any) -> str:
        arguments: dict[str, Any] = {
            "Conditions": [{"Field": "path-pattern", "Values": ["/a*"]}],
            "Actions": [{"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "200"}}],
            **wanted,
        }
        made = self.elb.create_rule(ListenerArn=self.listener, Priority=priority, **arguments)["Rules"][0]
        arn: str = made["RuleArn"]
        return arn

    def attributes(self, arn: str, **values: str) -> None:
        pairs = [{"Key": key.replace("__", "."), "Value": value} for key, value in values.items()]
        self.elb.modify_target_group_attributes(TargetGroupArn=arn, Attributes=pairs)


@pytest.fixture(scope="module")
def tier() -> Iterator[Tier]:
    rig = Rig()
    yield Tier(rig)
    rig.close()


def test_rules_come_in_order_of_priority_whatever_the_order_of_their_making(tier: Tier) -> None:
    arns = {priority: tier.rule(priority) for priority in (300, 100, 200)}
    assert [rule.priority for rule in tier.told_listener().rules] == [100, 200, 300]
    tier.elb.set_rule_priorities(RulePriorities=[{"RuleArn": arns[300], "Priority": 50}])
    assert [rule.arn for rule in tier.told_listener().rules] == [arns[300], arns[100], arns[200]]
    for arn in arns.values():
        tier.elb.delete_rule(RuleArn=arn)
    assert tier.told_listener().rules == ()


@pytest.mark.parametrize(
    ("declared", "told"),
    [
        (
            {"Field": "host-header", "HostHeaderConfig": {"Values": ["a.com", "*.b.com"]}},
            Condition(field=ConditionField.HOST_HEADER, values=("a.com", "*.b.com")),
        ),
        (
            {"Field": "path-pattern", "Values": ["/img/*"]},
            Condition(field=ConditionField.PATH_PATTERN, values=("/img/*",)),
        ),
        (
            {"Field": "path-pattern", "RegexValues": ["^/v[0-9]+/"]},
            Condition(field=ConditionField.PATH_PATTERN, regexes=("^/v[0-9]+/",)),
        ),
        (
            {"Field": "host-header", "HostHeaderConfig": {"RegexValues": ["^a[.]"]}},
            Condition(field=ConditionField.HOST_HEADER, regexes=("^a[.]",)),
        ),
        (
            {"Field": "http-header", "HttpHeaderConfig": {"HttpHeaderName": "X-Canary", "Values": ["yes"]}},
            Condition(field=ConditionField.HTTP_HEADER, header="X-Canary", values=("yes",)),
        ),
        (
            {"Field": "http-request-method", "HttpRequestMethodConfig": {"Values": ["GET", "HEAD"]}},
            Condition(field=ConditionField.HTTP_REQUEST_METHOD, values=("GET", "HEAD")),
        ),
        (
            {
                "Field": "query-string",
                "QueryStringConfig": {"Values": [{"Key": "v", "Value": "1"}, {"Value": "beta*"}]},
            },
            Condition(
                field=ConditionField.QUERY_STRING,
                pairs=(QueryPair(key="v", value="1"), QueryPair(value="beta*")),
            ),
        ),
        (
            {"Field": "source-ip", "SourceIpConfig": {"Values": ["10.0.0.0/8"]}},
            Condition(field=ConditionField.SOURCE_IP, values=("10.0.0.0/8",)),
        ),
    ],
    ids=lambda given: given["Field"] if isinstance(given, dict) else "",
)
def test_each_kind_of_condition_is_told(tier: Tier, declared: dict[str, Any], told: Condition) -> None:
    arn = tier.rule(10, Conditions=[declared])
    assert tier.told_rule(arn).conditions == (told,)
    assert tier.elb.describe_rules(RuleArns=[arn])["Rules"][0]["Conditions"] == [declared]
    tier.elb.delete_rule(RuleArn=arn)


def test_a_rules_weights_and_stickiness_are_told_and_can_be_changed(tier: Tier) -> None:
    blue, green = tier.groups[1:]
    split = {"TargetGroups": [{"TargetGroupArn": blue, "Weight": 9}, {"TargetGroupArn": green, "Weight": 1}]}
    sticky = {"TargetGroupStickinessConfig": {"Enabled": True, "DurationSeconds": 600}}
    arn = tier.rule(10, Actions=[{"Type": "forward", "ForwardConfig": {**split, **sticky}}])
    nine_to_one = (WeightedGroup(target_group_arn=blue, weight=9), WeightedGroup(target_group_arn=green, weight=1))
    assert tier.told_rule(arn).action == Forward(groups=nine_to_one, stickiness_s=600)
    tier.elb.modify_rule(RuleArn=arn, Actions=[{"Type": "forward", "TargetGroupArn": green}])
    assert tier.told_rule(arn).action == Forward.to(green)
    tier.elb.delete_rule(RuleArn=arn)


def test_a_redirect_and_a_fixed_response_of_a_rule_are_told(tier: Tier) -> None:
    redirect = {"Protocol": "HTTPS", "Port": "443", "StatusCode": "HTTP_301"}
    arn = tier.rule(10, Actions=[{"Type": "redirect", "RedirectConfig": redirect}])
    assert tier.told_rule(arn).action == Redirect(status_code=301, protocol="HTTPS", port="443")
    fixed = {"StatusCode": "418", "ContentType": "application/json", "MessageBody": "{}"}
    tier.elb.modify_rule(RuleArn=arn, Actions=[{"Type": "fixed-response", "FixedResponseConfig": fixed}])
    assert tier.told_rule(arn).action == FixedResponse(status_code=418, content_type="application/json", body="{}")
    tier.elb.delete_rule(RuleArn=arn)


def test_a_default_actions_weights_and_a_new_port_are_told(tier: Tier) -> None:
    web, blue, _ = tier.groups
    groups = [{"TargetGroupArn": web, "Weight": 0}, {"TargetGroupArn": blue, "Weight": 5}]
    actions = [{"Type": "forward", "ForwardConfig": {"TargetGroups": groups}}]
    tier.elb.modify_listener(ListenerArn=tier.listener, Port=8088, DefaultActions=actions)
    told = tier.told_listener(8088).action
    assert told == Forward(
        groups=(WeightedGroup(target_group_arn=web, weight=0), WeightedGroup(target_group_arn=blue, weight=5))
    )
    back = [{"Type": "forward", "TargetGroupArn": web}]
    tier.elb.modify_listener(ListenerArn=tier.listener, Port=80, DefaultActions=back)
    assert tier.told_listener().action == Forward.to(web)


def test_an_https_listener_shows_its_certificate_and_policy(tier: Tier, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "ACM_VALIDATION_WAIT", -1)  # moto issues at the first look
    certificate = tier.rig.client("acm").request_certificate(DomainName="shop.example.com")["CertificateArn"]
    policy = "ELBSecurityPolicy-TLS13-1-2-2021-06"
    made = tier.elb.create_listener(
        LoadBalancerArn=tier.stack.balancer,
        Protocol="HTTPS",
        Port=443,
        SslPolicy=policy,
        Certificates=[{"CertificateArn": certificate}],
        DefaultActions=[{"Type": "forward", "TargetGroupArn": tier.groups[0]}],
    )["Listeners"][0]
    told = tier.told_listener(443)
    assert (told.protocol, told.tls_policy, [one.arn for one in told.certificates]) == ("HTTPS", policy, [certificate])
    tier.elb.modify_listener(ListenerArn=made["ListenerArn"], Protocol="HTTP")
    plain = tier.told_listener(443)
    assert (plain.protocol, plain.tls_policy, plain.certificates) == ("HTTP", "", ())
    tier.elb.delete_listener(ListenerArn=made["ListenerArn"])


@pytest.mark.parametrize(
    ("attributes", "told"),
    [
        (
            {"load_balancing__algorithm__type": "least_outstanding_requests"},
            {"algorithm": Algorithm.LEAST_OUTSTANDING_REQUESTS},
        ),
        (
            {
                "load_balancing__algorithm__type": "weighted_random",
                "load_balancing__algorithm__anomaly_mitigation": "on",
            },
            {"algorithm": Algorithm.WEIGHTED_RANDOM, "anomaly_mitigation": True},
        ),
        ({"slow_start__duration_seconds": "30"}, {"slow_start_s": 30.0}),
        ({"stickiness__enabled": "true"}, {"stickiness": Stickiness(duration_s=86_400)}),
        (
            {"stickiness__enabled": "true", "stickiness__lb_cookie__duration_seconds": "60"},
            {"stickiness": Stickiness(duration_s=60)},
        ),
        (
            {
                "stickiness__enabled": "true",
                "stickiness__type": "app_cookie",
                "stickiness__app_cookie__cookie_name": "session",
                "stickiness__app_cookie__duration_seconds": "90",
            },
            {"stickiness": Stickiness(duration_s=90, app_cookie="session")},
        ),
        ({"load_balancing__cross_zone__enabled": "false"}, {"cross_zone": False}),
        ({"load_balancing__cross_zone__enabled": "use_load_balancer_configuration"}, {"cross_zone": True}),
        (
            {
                "target_group_health__dns_failover__minimum_healthy_targets__count": "3",
                "target_group_health__dns_failover__minimum_healthy_targets__percentage": "50",
            },
            {"dns_failover": MinimumHealthy(count=3, ratio=0.5)},
        ),
        (
            {"target_group_health__unhealthy_state_routing__minimum_healthy_targets__percentage": "10"},
            {"routing_failover": MinimumHealthy(count=1, ratio=0.1)},
        ),
    ],
)
def test_each_target_group_attribute_is_told(tier: Tier, attributes: dict[str, str], told: dict[str, Any]) -> None:
    arn = tier.target_group("passing")
    tier.attributes(arn, **attributes)
    group = tier.told_group(arn)
    assert {name: getattr(group, name) for name in told} == told
    tier.elb.delete_target_group(TargetGroupArn=arn)


def test_the_protocols_of_a_target_group_and_of_its_health_check_are_told(tier: Tier) -> None:
    arn = tier.target_group("secure", Protocol="HTTPS", Port=8443, HealthCheckProtocol="HTTP", HealthCheckPort="8080")
    group = tier.told_group(arn)
    assert (group.protocol, group.health_check.protocol, group.health_check.port) == ("HTTPS", "HTTP", "8080")
    tier.elb.modify_target_group(
        TargetGroupArn=arn,
        HealthCheckProtocol="HTTPS",
        HealthCheckPort="traffic-port",
        HealthCheckPath="/ready",
        HealthCheckIntervalSeconds=15,
        HealthCheckTimeoutSeconds=3,
        HealthyThresholdCount=4,
        UnhealthyThresholdCount=5,
        Matcher={"HttpCode": "200-299"},
    )
    check = tier.told_group(arn).health_check
    assert (check.protocol, check.port, check.path, check.matcher) == ("HTTPS", "traffic-port", "/ready", "200-299")
    assert (check.interval_s, check.timeout_s, check.healthy_threshold, check.unhealthy_threshold) == (15, 3, 4, 5)


def test_a_load_balancers_attributes_are_told(tier: Tier) -> None:
    values = {
        "idle_timeout.timeout_seconds": "5",
        "client_keep_alive.seconds": "60",
        "routing.http.xff_header_processing.mode": "remove",
        "routing.http.xff_client_port.enabled": "true",
        "routing.http.preserve_host_header.enabled": "true",
        "routing.http.drop_invalid_header_fields.enabled": "true",
        "routing.http.x_amzn_tls_version_and_cipher_suite.enabled": "true",
        "routing.http.desync_mitigation_mode": "strictest",
    }
    before = tier.told_balancer()
    assert (before.http, before.idle_timeout_s, before.client_keep_alive_s) == (HttpSettings(), 60, 3600)
    tier.elb.modify_load_balancer_attributes(
        LoadBalancerArn=tier.stack.balancer,
        Attributes=[{"Key": key, "Value": value} for key, value in values.items()],
    )
    told = tier.told_balancer()
    assert (told.idle_timeout_s, told.client_keep_alive_s) == (5, 60)
    assert told.http == HttpSettings(
        forwarded_for=ForwardedFor.REMOVE,
        client_port_in_forwarded_for=True,
        preserve_host_header=True,
        drop_invalid_header_fields=True,
        tls_version_and_cipher_headers=True,
        desync_mitigation=DesyncMitigation.STRICTEST,
    )
    described = tier.elb.describe_load_balancer_attributes(LoadBalancerArn=tier.stack.balancer)["Attributes"]
    assert values.items() <= {pair["Key"]: pair["Value"] for pair in described}.items()


def test_a_transform_is_kept_and_its_rule_answers_503_and_is_listed(tier: Tier) -> None:
    rewrite = {
        "Type": "url-rewrite",
        "UrlRewriteConfig": {"Rewrites": [{"Regex": "^/a", "Replace": "/b"}]},
    }
    arn = tier.rule(10, Transforms=[rewrite], Actions=[{"Type": "forward", "TargetGroupArn": tier.groups[1]}])
    assert tier.told_rule(arn).action.status_code == 503  # type: ignore[union-attr]
    assert tier.elb.describe_rules(RuleArns=[arn])["Rules"][0]["Transforms"] == [rewrite]
    line = "listener web:80: rule 10 (to target group blue) answers 503: its transform url-rewrite is not served"
    (thing,) = [found for found in unserved() if found.reason == line]
    assert (thing.kind, thing.resource) == (UnservedKind.LISTENER_RULE, arn)
    assert thing.of == (tier.stack.balancer, "web", tier.listener, "web:80")
    tier.elb.delete_rule(RuleArn=arn)
    assert line not in tier.rig.unserved()


@pytest.mark.parametrize("key", ["waf.fail_open.enabled", "connection_logs.s3.enabled"])
def test_an_attribute_that_is_not_acted_on_is_listed_while_it_is_set(tier: Tier, key: str) -> None:
    def put(value: str) -> None:
        attributes = [{"Key": key, "Value": value}]
        if key.startswith("connection_logs"):
            attributes.append({"Key": "connection_logs.s3.bucket", "Value": "logs"})
        tier.elb.modify_load_balancer_attributes(LoadBalancerArn=tier.stack.balancer, Attributes=attributes)

    put("true")
    assert [line for line in tier.rig.unserved() if key in line]
    put("false")
    assert not [line for line in tier.rig.unserved() if key in line]


def test_a_group_of_another_protocol_version_is_listed_with_the_load_balancer_that_uses_it(tier: Tier) -> None:
    arn = tier.target_group("modern", ProtocolVersion="HTTP2")
    rule = tier.rule(10, Actions=[{"Type": "forward", "TargetGroupArn": arn}])
    (thing,) = [found for found in unserved() if found.resource == arn]
    assert (thing.kind, thing.of) == (UnservedKind.TARGET_GROUP, ("modern", tier.stack.balancer, "web"))
    assert thing.reason == "target group modern: targets get HTTP/1.1 instead of HTTP2"
    tier.elb.delete_rule(RuleArn=rule)


def test_stickiness_with_cross_zone_off_is_refused(tier: Tier) -> None:
    tier.attributes(tier.groups[2], load_balancing__cross_zone__enabled="false")
    with pytest.raises(ClientError, match="stickiness is not supported when cross-zone load balancing is off"):
        tier.attributes(tier.groups[2], stickiness__enabled="true")
    tier.attributes(tier.groups[2], load_balancing__cross_zone__enabled="true")
    tier.attributes(tier.groups[2], stickiness__enabled="true")
    assert tier.told_group(tier.groups[2]).stickiness is not None
