"""What the elbv2 API refuses, asked through boto3 on moto in this process: error code and words.

Sources: elbv2 API reference (errors of each action), ELB user guide "Quotas for your Application Load Balancers",
"Listener rules", "Edit target group attributes". Words that AWS documents nowhere are those that users published, or
ours (`docs/fidelity.md`).
"""

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import web_stack
from botocore.exceptions import ClientError
from rig import Rig

NOWHERE = "arn:aws:elasticloadbalancing:us-east-1:123456789012:{}/app/gone/0123456789abcdef"


class Shop:
    """A web tier and things beside it that it must not be joined with."""

    def __init__(self, rig: Any) -> None:
        self.rig = rig
        self.stack = web_stack.WebStack(rig.client, desired=0)
        self.elb, self.ec2 = self.stack.elb, self.stack.ec2
        self.balancer, self.group, self.subnets = self.stack.balancer, self.stack.target_group, self.stack.subnets
        self.listener = self.elb.describe_listeners(LoadBalancerArn=self.balancer)["Listeners"][0]["ListenerArn"]
        self.vpc = self.elb.describe_target_groups(Names=["web"])["TargetGroups"][0]["VpcId"]
        self.spare = self.target_group("spare")
        self.rule = self.create_rule(Priority=10)["Rules"][0]["RuleArn"]
        self.default_rule = next(
            rule["RuleArn"] for rule in self.elb.describe_rules(ListenerArn=self.listener)["Rules"] if rule["IsDefault"]
        )
        self.other = self.elb.create_load_balancer(Name="other", Subnets=self.subnets)["LoadBalancers"][0][
            "LoadBalancerArn"
        ]
        self.other_listener = self.create_listener(
            LoadBalancerArn=self.other, DefaultActions=[{"Type": "fixed-response", **FIXED}]
        )["Listeners"][0]["ListenerArn"]
        self.other_rule = self.create_rule(
            ListenerArn=self.other_listener, Actions=[{"Type": "redirect", **ELSEWHERE}]
        )["Rules"][0]["RuleArn"]

    def target_group(self, name: str, **wanted: Any) -> str:
        arguments: dict[str, Any] = {"Protocol": "HTTP", "Port": 80, "VpcId": self.vpc, **wanted}
        arn: str = self.elb.create_target_group(Name=name, **arguments)["TargetGroups"][0]["TargetGroupArn"]
        return arn

    def create_rule(self, **wanted: Any) -> Any:
        arguments: dict[str, Any] = {
            "ListenerArn": self.listener,
            "Priority": 20,
            "Conditions": [{"Field": "path-pattern", "Values": ["/a"]}],
            "Actions": [{"Type": "forward", "TargetGroupArn": self.group}],
            **wanted,
        }
        return self.elb.create_rule(**arguments)

    def create_listener(self, **wanted: Any) -> Any:
        forward = [{"Type": "forward", "TargetGroupArn": self.group}]
        arguments: dict[str, Any] = {"LoadBalancerArn": self.balancer, "Protocol": "HTTP", "Port": 81, **wanted}
        return self.elb.create_listener(**{"DefaultActions": forward, **arguments})

    def attribute(self, key: str, value: str) -> Any:
        attributes = [{"Key": key, "Value": value}]
        return self.elb.modify_target_group_attributes(TargetGroupArn=self.spare, Attributes=attributes)

    def balancer_attribute(self, key: str, value: str) -> Any:
        attributes = [{"Key": key, "Value": value}]
        return self.elb.modify_load_balancer_attributes(LoadBalancerArn=self.balancer, Attributes=attributes)

    def forward(self, *weights: int, **stickiness: Any) -> list[dict[str, Any]]:
        groups = [{"TargetGroupArn": self.group, "Weight": weight} for weight in weights]
        config: dict[str, Any] = {"TargetGroups": groups}
        if stickiness:
            config["TargetGroupStickinessConfig"] = stickiness
        return [{"Type": "forward", "ForwardConfig": config}]


FIXED: dict[str, Any] = {"FixedResponseConfig": {"StatusCode": "200"}}
ELSEWHERE: dict[str, Any] = {"RedirectConfig": {"Host": "example.com", "StatusCode": "HTTP_301"}}


@pytest.fixture(scope="module")
def shop() -> Iterator[Shop]:
    rig = Rig()
    yield Shop(rig)
    rig.close()


def paths(*values: str) -> list[dict[str, Any]]:
    return [{"Field": "path-pattern", "PathPatternConfig": {"Values": list(values)}}]


def header(name: str, *values: str) -> list[dict[str, Any]]:
    return [{"Field": "http-header", "HttpHeaderConfig": {"HttpHeaderName": name, "Values": list(values)}}]


Call = Callable[[Shop], Any]

LOAD_BALANCERS: list[tuple[str, Call, str, str]] = [
    (
        "one zone",
        lambda s: s.elb.create_load_balancer(Name="a", Subnets=s.subnets[:1]),
        "ValidationError",
        "At least two subnets in two different Availability Zones must be specified",
    ),
    (
        "a name of 33 characters",
        lambda s: s.elb.create_load_balancer(Name="a" * 33, Subnets=s.subnets),
        "ValidationError",
        "cannot be longer than '32' characters",
    ),
    (
        "a name with an underscore",
        lambda s: s.elb.create_load_balancer(Name="a_b", Subnets=s.subnets),
        "ValidationError",
        "alphanumeric characters or hyphens",
    ),
    (
        "a name that ends with a hyphen",
        lambda s: s.elb.create_load_balancer(Name="a-", Subnets=s.subnets),
        "ValidationError",
        "cannot begin or end with '-'",
    ),
    (
        "a name that begins with internal-",
        lambda s: s.elb.create_load_balancer(Name="internal-a", Subnets=s.subnets),
        "ValidationError",
        "cannot begin with 'internal-'",
    ),
    (
        "a name twice",
        lambda s: s.elb.create_load_balancer(Name="web", Subnets=s.subnets),
        "DuplicateLoadBalancerName",
        "A load balancer with the same name 'web' exists, but with different settings",
    ),
    (
        "a security group that does not exist",
        lambda s: s.elb.create_load_balancer(Name="a", Subnets=s.subnets, SecurityGroups=["sg-1"]),
        "InvalidSecurityGroup",
        "does not exist",
    ),
    (
        "a set of subnets in one zone",
        lambda s: s.elb.set_subnets(LoadBalancerArn=s.balancer, Subnets=s.subnets[:1]),
        "ValidationError",
        "At least two subnets",
    ),
    (
        "an attribute that does not exist",
        lambda s: s.balancer_attribute("idle_timeout", "60"),
        "ValidationError",
        "Load balancer attribute key 'idle_timeout' is not recognized",
    ),
    (
        "an idle timeout of 4001 s",
        lambda s: s.balancer_attribute("idle_timeout.timeout_seconds", "4001"),
        "ValidationError",
        "must be between '1-4000' inclusive",
    ),
    (
        "a client keep-alive of 59 s",
        lambda s: s.balancer_attribute("client_keep_alive.seconds", "59"),
        "ValidationError",
        "must be between '60-604800' inclusive",
    ),
    (
        "an unknown desync mitigation",
        lambda s: s.balancer_attribute("routing.http.desync_mitigation_mode", "off"),
        "ValidationError",
        "must be one of",
    ),
    (
        "cross-zone off for a whole Application Load Balancer",
        lambda s: s.balancer_attribute("load_balancing.cross_zone.enabled", "false"),
        "InvalidConfigurationRequest",
        "cannot be changed",
    ),
    (
        "one load balancer of two that does not exist",
        lambda s: s.elb.describe_load_balancers(LoadBalancerArns=[s.balancer, NOWHERE.format("loadbalancer")]),
        "LoadBalancerNotFound",
        "One or more load balancers not found",
    ),
    (
        "a load balancer that does not exist",
        lambda s: s.elb.describe_load_balancer_attributes(LoadBalancerArn=NOWHERE.format("loadbalancer")),
        "LoadBalancerNotFound",
        "",
    ),
]

LISTENERS: list[tuple[str, Call, str, str]] = [
    (
        "a port twice",
        lambda s: s.create_listener(Port=80, DefaultActions=[{"Type": "fixed-response", **FIXED}]),
        "DuplicateListener",
        "A listener already exists on this port for this load balancer 'arn:",
    ),
    (
        "a port beyond 65535",
        lambda s: s.create_listener(Port=65536),
        "ValidationError",
        "Value '65536' at 'port' failed to satisfy constraint: Member must have value less than or equal to 65535",
    ),
    (
        "TCP on an Application Load Balancer",
        lambda s: s.create_listener(Protocol="TCP"),
        "ValidationError",
        "Listener protocol 'TCP' must be one of 'HTTPS, HTTP'",
    ),
    (
        "HTTPS without certificate",
        lambda s: s.create_listener(Protocol="HTTPS"),
        "ValidationError",
        "A certificate must be specified for HTTPS listeners",
    ),
    (
        "HTTPS without certificate, later",
        lambda s: s.elb.modify_listener(ListenerArn=s.listener, Protocol="HTTPS"),
        "ValidationError",
        "A certificate must be specified for HTTPS listeners",
    ),
    (
        "a target group that does not exist",
        lambda s: s.create_listener(
            DefaultActions=[{"Type": "forward", "TargetGroupArn": NOWHERE.format("targetgroup")}]
        ),
        "TargetGroupNotFound",
        "not found",
    ),
    (
        "a TCP target group",
        lambda s: s.create_listener(
            DefaultActions=[{"Type": "forward", "TargetGroupArn": s.target_group("tcp", Protocol="TCP")}]
        ),
        "IncompatibleProtocols",
        "The listener and the following target groups have incompatible protocols: arn:",
    ),
    (
        "authentication on HTTP",
        lambda s: s.create_listener(
            DefaultActions=[
                {
                    "Type": "authenticate-cognito",
                    "Order": 1,
                    "AuthenticateCognitoConfig": {
                        "UserPoolArn": "arn",
                        "UserPoolClientId": "id",
                        "UserPoolDomain": "domain",
                    },
                },
                {"Type": "forward", "Order": 2, "TargetGroupArn": s.group},
            ]
        ),
        "InvalidLoadBalancerAction",
        "Actions of type 'authenticate-cognito' are supported only on HTTPS listeners",
    ),
    (
        "the port of another listener, later",
        lambda s: s.elb.modify_listener(ListenerArn=s.create_listener(Port=82)["Listeners"][0]["ListenerArn"], Port=80),
        "DuplicateListener",
        "already exists on this port",
    ),
    (
        "a listener that does not exist",
        lambda s: s.elb.delete_listener(ListenerArn=NOWHERE.format("listener") + "/0123456789abcdef"),
        "ListenerNotFound",
        "",
    ),
]

OF_ANOTHER = "The following target groups cannot be associated with more than one load balancer: arn:"
ASSOCIATIONS: list[tuple[str, Call, str, str]] = [
    (
        "another load balancer's group in a new listener",
        lambda s: s.create_listener(LoadBalancerArn=s.other, Port=82),
        "TargetGroupAssociationLimit",
        OF_ANOTHER,
    ),
    (
        "another load balancer's group in a changed listener",
        lambda s: s.elb.modify_listener(
            ListenerArn=s.other_listener, DefaultActions=[{"Type": "forward", "TargetGroupArn": s.group}]
        ),
        "TargetGroupAssociationLimit",
        OF_ANOTHER,
    ),
    (
        "another load balancer's group in a new rule",
        lambda s: s.create_rule(ListenerArn=s.other_listener, Priority=21),
        "TargetGroupAssociationLimit",
        OF_ANOTHER,
    ),
    (
        "another load balancer's group in a changed rule",
        lambda s: s.elb.modify_rule(RuleArn=s.other_rule, Actions=s.forward(1)),
        "TargetGroupAssociationLimit",
        OF_ANOTHER,
    ),
]

RULES: list[tuple[str, Call, str, str]] = [
    ("a priority in use", lambda s: s.create_rule(Priority=10), "PriorityInUse", "Priority '10' is currently in use"),
    (
        "a priority beyond 50000",
        lambda s: s.create_rule(Priority=50001),
        "ValidationError",
        "Value '50001' at 'priority' failed to satisfy constraint",
    ),
    (
        "six condition values",
        lambda s: s.create_rule(Conditions=[*paths("/a", "/b", "/c"), *header("X-A", "d", "e", "f")]),
        "ValidationError",
        "A rule can only have '5' condition values",
    ),
    ("six wildcards", lambda s: s.create_rule(Conditions=paths("/*/*/*", "/?*?")), "ValidationError", "wildcards"),
    ("no condition", lambda s: s.create_rule(Conditions=[]), "ValidationError", "A condition must be specified"),
    (
        "two path conditions",
        lambda s: s.create_rule(Conditions=[*paths("/a"), *paths("/b")]),
        "ValidationError",
        "only have one 'path-pattern'",
    ),
    (
        "an unknown field",
        lambda s: s.create_rule(Conditions=[{"Field": "cookie", "Values": ["a"]}]),
        "ValidationError",
        "Condition field 'cookie' must be one of",
    ),
    (
        "a value of 129 characters",
        lambda s: s.create_rule(Conditions=paths("/" + "a" * 128)),
        "ValidationError",
        "The 'path-pattern' value is too long; the limit is '128'",
    ),
    (
        "a host header as http-header",
        lambda s: s.create_rule(Conditions=header("Host", "a.com")),
        "ValidationError",
        "use a 'host-header' condition",
    ),
    (
        "a method in small letters",
        lambda s: s.create_rule(
            Conditions=[{"Field": "http-request-method", "HttpRequestMethodConfig": {"Values": ["get"]}}]
        ),
        "ValidationError",
        "A-Z, hyphen and underscore",
    ),
    (
        "a source address that is no block",
        lambda s: s.create_rule(Conditions=[{"Field": "source-ip", "SourceIpConfig": {"Values": ["10.0.0.1"]}}]),
        "ValidationError",
        "CIDR",
    ),
    (
        "a broken regular expression",
        lambda s: s.create_rule(Conditions=[{"Field": "path-pattern", "RegexValues": ["/a("]}]),
        "ValidationError",
        "is not valid",
    ),
    (
        "a lookahead in a regular expression",
        lambda s: s.create_rule(Conditions=[{"Field": "path-pattern", "RegexValues": ["^/(?!admin)"]}]),
        "ValidationError",
        "is not valid",
    ),
    ("a weight of 1000", lambda s: s.create_rule(Actions=s.forward(1000)), "ValidationError", "between '0-999'"),
    (
        "six target groups",
        lambda s: s.create_rule(Actions=s.forward(1, 1, 1, 1, 1, 1)),
        "InvalidLoadBalancerAction",
        "up to 5 target groups",
    ),
    (
        "stickiness without duration",
        lambda s: s.create_rule(Actions=s.forward(1, Enabled=True)),
        "ValidationError",
        "between '1-604800'",
    ),
    (
        "two actions that end a rule",
        lambda s: s.create_rule(Actions=[*s.forward(1), {"Type": "fixed-response", **FIXED}]),
        "InvalidLoadBalancerAction",
        "Exactly one",
    ),
    (
        "a redirect to the same place",
        lambda s: s.create_rule(
            Actions=[{"Type": "redirect", "RedirectConfig": {"Query": "a=1", "StatusCode": "HTTP_302"}}]
        ),
        "InvalidLoadBalancerAction",
        "The redirect configuration is not valid because it creates a loop",
    ),
    (
        "a redirect to the listener's own port",
        lambda s: s.create_rule(
            Actions=[
                {"Type": "redirect", "RedirectConfig": {"Protocol": "HTTP", "Port": "80", "StatusCode": "HTTP_302"}}
            ]
        ),
        "InvalidLoadBalancerAction",
        "creates a loop",
    ),
    (
        "a redirect to port 0",
        lambda s: s.create_rule(
            Actions=[{"Type": "redirect", "RedirectConfig": {"Port": "0", "StatusCode": "HTTP_302"}}]
        ),
        "ValidationError",
        "Redirect port '0'",
    ),
    (
        "a fixed response of 302",
        lambda s: s.create_rule(Actions=[{"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "302"}}]),
        "ValidationError",
        "failed to satisfy constraint",
    ),
    (
        "a fixed response of 1025 characters",
        lambda s: s.create_rule(
            Actions=[
                {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "200", "MessageBody": "a" * 1025}}
            ]
        ),
        "ValidationError",
        "1024",
    ),
    (
        "deleting a default rule",
        lambda s: s.elb.delete_rule(RuleArn=s.default_rule),
        "OperationNotPermitted",
        "Default rule 'arn:",
    ),
    (
        "changing a default rule",
        lambda s: s.elb.modify_rule(RuleArn=s.default_rule, Actions=s.forward(1)),
        "OperationNotPermitted",
        "cannot be modified",
    ),
    (
        "moving a default rule",
        lambda s: s.elb.set_rule_priorities(RulePriorities=[{"RuleArn": s.default_rule, "Priority": 7}]),
        "OperationNotPermitted",
        "Default rule",
    ),
    (
        "a rule that does not exist",
        lambda s: s.elb.delete_rule(RuleArn=NOWHERE.format("listener-rule") + "/0123456789abcdef/0123456789abcdef"),
        "RuleNotFound",
        "",
    ),
]

TARGET_GROUPS: list[tuple[str, Call, str, str]] = [
    ("a name twice", lambda s: s.target_group("web"), "DuplicateTargetGroupName", "with the same name 'web' exists"),
    ("a name of 33 characters", lambda s: s.target_group("a" * 33), "ValidationError", "longer than '32' characters"),
    ("a name with a dot", lambda s: s.target_group("a.b"), "ValidationError", "alphanumeric characters or hyphens"),
    ("a port beyond 65535", lambda s: s.target_group("a", Port=65536), "ValidationError", "at 'port'"),
    (
        "an interval of 301 s",
        lambda s: s.target_group("a", HealthCheckIntervalSeconds=301),
        "ValidationError",
        "at 'healthCheckIntervalSeconds' failed to satisfy constraint: Member must have value less than",
    ),
    (
        "a timeout as long as the interval",
        lambda s: s.target_group("a", HealthCheckIntervalSeconds=10, HealthCheckTimeoutSeconds=10),
        "ValidationError",
        "Health check timeout '10' must be smaller than the interval '10'",
    ),
    (
        "a timeout as long as the interval, later",
        lambda s: s.elb.modify_target_group(TargetGroupArn=s.spare, HealthCheckIntervalSeconds=5),
        "ValidationError",
        "Health check timeout '5' must be smaller than the interval '5'",
    ),
    (
        "a threshold of 11",
        lambda s: s.target_group("a", HealthyThresholdCount=11),
        "ValidationError",
        "at 'healthyThresholdCount'",
    ),
    (
        "no health checks",
        lambda s: s.elb.modify_target_group(TargetGroupArn=s.spare, HealthCheckEnabled=False),
        "ValidationError",
        "Health check enabled must be true for target groups with target type 'instance'",
    ),
    (
        "no health checks from the start",
        lambda s: s.target_group("a", HealthCheckEnabled=False),
        "ValidationError",
        "Health check enabled must be true",
    ),
    (
        "TCP health checks of an HTTP group",
        lambda s: s.target_group("a", HealthCheckProtocol="TCP"),
        "InvalidConfigurationRequest",
        "Health check protocol 'TCP' is not supported",
    ),
    (
        "a path without a slash",
        lambda s: s.target_group("a", HealthCheckPath="healthz"),
        "ValidationError",
        "must begin with '/'",
    ),
    (
        "an attribute that does not exist",
        lambda s: s.attribute("tcp_keepalive.enabled", "true"),
        "ValidationError",
        "Target group attribute key 'tcp_keepalive.enabled' is not recognized",
    ),
    (
        "a deregistration delay of 3601 s",
        lambda s: s.attribute("deregistration_delay.timeout_seconds", "3601"),
        "ValidationError",
        "must be between '0-3600' inclusive",
    ),
    (
        "a slow start of 29 s",
        lambda s: s.attribute("slow_start.duration_seconds", "29"),
        "ValidationError",
        "must be between '30-900' inclusive",
    ),
    (
        "slow start with least outstanding requests",
        lambda s: s.elb.modify_target_group_attributes(
            TargetGroupArn=s.spare,
            Attributes=[
                {"Key": "slow_start.duration_seconds", "Value": "30"},
                {"Key": "load_balancing.algorithm.type", "Value": "least_outstanding_requests"},
            ],
        ),
        "InvalidConfigurationRequest",
        "You cannot enable both slow start and least_outstanding_requests",
    ),
    (
        "anomaly mitigation with round robin",
        lambda s: s.attribute("load_balancing.algorithm.anomaly_mitigation", "on"),
        "InvalidConfigurationRequest",
        "weighted_random",
    ),
    (
        "an application cookie without name",
        lambda s: s.attribute("stickiness.type", "app_cookie"),
        "InvalidConfigurationRequest",
        "You must set an application cookie name",
    ),
    (
        "an application cookie with a reserved name",
        lambda s: s.attribute("stickiness.app_cookie.cookie_name", "AWSALBMINE"),
        "ValidationError",
        "AWSALB",
    ),
    (
        "a minimum of 101 percent",
        lambda s: s.attribute("target_group_health.dns_failover.minimum_healthy_targets.percentage", "101"),
        "ValidationError",
        "must be between '1-100' inclusive",
    ),
    (
        "deleting one that a rule or listener uses",
        lambda s: s.elb.delete_target_group(TargetGroupArn=s.group),
        "ResourceInUse",
        "is currently in use by a listener or a rule",
    ),
    (
        "one that does not exist",
        lambda s: s.elb.describe_target_health(TargetGroupArn=NOWHERE.format("targetgroup")),
        "TargetGroupNotFound",
        "",
    ),
]


def stranger(shop: Shop) -> str:
    """A running instance of another network."""
    vpc = shop.ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    subnet = shop.ec2.create_subnet(VpcId=vpc, CidrBlock="10.9.0.0/24")["Subnet"]["SubnetId"]
    parameter = web_stack.IMAGE_PARAMETER
    image = shop.rig.client("ssm").get_parameter(Name=parameter)["Parameter"]["Value"]
    ran = shop.ec2.run_instances(ImageId=image, InstanceType="t3.micro", MinCount=1, MaxCount=1, SubnetId=subnet)
    shop.rig.run(12, 6)
    instance_id: str = ran["Instances"][0]["InstanceId"]
    return instance_id


def register(shop: Shop, group: str, **target: Any) -> Any:
    return shop.elb.register_targets(TargetGroupArn=group, Targets=[target])


def by_address(shop: Shop) -> str:
    """The ARN of a group whose targets are addresses."""
    found = shop.elb.describe_target_groups()["TargetGroups"]
    known = [group["TargetGroupArn"] for group in found if group["TargetGroupName"] == "addresses"]
    return known[0] if known else shop.target_group("addresses", TargetType="ip")


TARGETS: list[tuple[str, Call, str, str]] = [
    ("an instance of another network", lambda s: register(s, s.spare, Id=stranger(s)), "InvalidTarget", "same VPC"),
    ("an address in a group of instances", lambda s: register(s, s.spare, Id="10.0.0.4"), "InvalidTarget", ""),
    (
        "an instance in a group of addresses",
        lambda s: register(s, by_address(s), Id="i-1"),
        "ValidationError",
        "not a valid IPv4 address",
    ),
    (
        "an address outside the network without zone",
        lambda s: register(s, by_address(s), Id="192.168.0.1"),
        "ValidationError",
        "Availability Zone of 'all'",
    ),
    (
        "a public address",
        lambda s: register(s, by_address(s), Id="8.8.8.8", AvailabilityZone="all"),
        "ValidationError",
        "private CIDR block",
    ),
    ("port 65536", lambda s: register(s, by_address(s), Id="10.0.0.4", Port=65536), "ValidationError", "65535"),
]

IN_USE: list[tuple[str, Call, str, str]] = [
    (
        "a subnet of a load balancer",
        lambda s: s.ec2.delete_subnet(SubnetId=s.subnets[0]),
        "DependencyViolation",
        "has dependencies and cannot be deleted",
    ),
]


def other_network(shop: Shop) -> list[str]:
    """Two subnets of another network."""
    vpc = shop.ec2.create_vpc(CidrBlock="10.8.0.0/16")["Vpc"]["VpcId"]
    return [
        shop.ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.8.{index}.0/24", AvailabilityZone=zone)["Subnet"]["SubnetId"]
        for index, zone in enumerate(("us-east-1a", "us-east-1b"))
    ]


TWICE = [{"Key": "team", "Value": "a"}, {"Key": "team", "Value": "b"}]
GONE = NOWHERE.format("loadbalancer")
FURTHER: list[tuple[str, Call, str, str]] = [
    (
        "unknown subnets at creation",
        lambda s: s.elb.create_load_balancer(Name="n", Subnets=["subnet-1", "subnet-2"]),
        "SubnetNotFound",
        "The subnet ID 'subnet-1' does not exist",
    ),
    (
        "unknown subnets later",
        lambda s: s.elb.set_subnets(LoadBalancerArn=s.balancer, Subnets=["subnet-1", "subnet-2"]),
        "SubnetNotFound",
        "subnet-1",
    ),
    (
        "subnets of a network other than the load balancer's",
        lambda s: s.elb.set_subnets(LoadBalancerArn=s.balancer, Subnets=other_network(s)),
        "InvalidConfigurationRequest",
        "same VPC",
    ),
    (
        "a scheme that is none",
        lambda s: s.elb.create_load_balancer(Name="n", Subnets=s.subnets, Scheme="outward"),
        "InvalidScheme",
        "outward",
    ),
    (
        "a load balancer of no type",
        lambda s: s.elb.create_load_balancer(Name="n", Subnets=s.subnets, Type="classic"),
        "ValidationError",
        "enum value set: [application, network, gateway]",
    ),
    ("targets of no type", lambda s: s.target_group("n", TargetType="host"), "ValidationError", "enum value set"),
    ("no version of HTTP", lambda s: s.target_group("n", ProtocolVersion="HTTP3"), "ValidationError", "HTTP3"),
    (
        "a key of no listener attribute",
        lambda s: listener_attribute(s, "routing.http.response.nonsense", "x"),
        "ValidationError",
        "Listener attribute key 'routing.http.response.nonsense' is not recognized",
    ),
    (
        "an attribute of other listeners",
        lambda s: listener_attribute(s, "tcp.idle_timeout.seconds", "60"),
        "ValidationError",
        "not recognized",
    ),
    (
        "one tag key twice",
        lambda s: s.elb.add_tags(ResourceArns=[s.balancer], Tags=TWICE),
        "DuplicateTagKeys",
        "",
    ),
    (
        "one tag key twice at creation",
        lambda s: s.elb.create_load_balancer(Name="n", Subnets=s.subnets, Tags=TWICE),
        "DuplicateTagKeys",
        "",
    ),
    (
        "51 tags",
        lambda s: s.elb.add_tags(ResourceArns=[s.other], Tags=[{"Key": str(i), "Value": ""} for i in range(51)]),
        "TooManyTags",
        "",
    ),
    ("tags of nothing", lambda s: s.elb.describe_tags(ResourceArns=[GONE]), "LoadBalancerNotFound", ""),
    (
        "an unknown listener among known ones",
        lambda s: s.elb.describe_listeners(ListenerArns=[s.listener, NOWHERE.format("listener") + "/1"]),
        "ListenerNotFound",
        "",
    ),
    ("an unknown policy", lambda s: s.elb.describe_ssl_policies(Names=["none"]), "SSLPolicyNotFound", "none"),
    (
        "a forward to a group without name",
        lambda s: s.create_listener(
            DefaultActions=[{"Type": "forward", "ForwardConfig": {"TargetGroups": [{"Weight": 1}]}}]
        ),
        "ValidationError",
        "A target group ARN must be specified",
    ),
    (
        "a priority for no rule",
        lambda s: s.elb.set_rule_priorities(RulePriorities=[{"Priority": 1}]),
        "ValidationError",
        "A rule ARN and a priority must be specified",
    ),
    (
        "an attribute of a load balancer without value",
        lambda s: s.elb.modify_load_balancer_attributes(LoadBalancerArn=s.balancer, Attributes=[{"Key": "waf"}]),
        "ValidationError",
        "A value must be specified for attribute key 'waf'",
    ),
    (
        "an attribute of a target group without value",
        lambda s: s.elb.modify_target_group_attributes(TargetGroupArn=s.spare, Attributes=[{"Key": "waf"}]),
        "ValidationError",
        "A value must be specified",
    ),
    (
        "an attribute of a listener without value",
        lambda s: s.elb.modify_listener_attributes(ListenerArn=s.listener, Attributes=[{"Key": "waf"}]),
        "ValidationError",
        "A value must be specified",
    ),
    ("digits of another script", lambda s: s.attribute("slow_start.duration_seconds", "٣٠"), "ValidationError", "30"),
    ("no marker of load balancers", lambda s: s.elb.describe_load_balancers(Marker="m"), "ValidationError", "'m'"),
    (
        "no marker of rules",
        lambda s: s.elb.describe_rules(ListenerArn=s.listener, Marker="m"),
        "ValidationError",
        "'m'",
    ),
]


def listener_attribute(shop: Shop, key: str, value: str) -> Any:
    attributes = [{"Key": key, "Value": value}]
    return shop.elb.modify_listener_attributes(ListenerArn=shop.listener, Attributes=attributes)


EVERY = [*FURTHER, *LOAD_BALANCERS, *LISTENERS, *ASSOCIATIONS, *RULES, *TARGET_GROUPS, *TARGETS, *IN_USE]


@pytest.mark.parametrize(("call", "code", "words"), [row[1:] for row in EVERY], ids=[row[0] for row in EVERY])
def test_what_aws_refuses_is_refused_with_its_code(shop: Shop, call: Call, code: str, words: str) -> None:
    with pytest.raises(ClientError) as refusal:
        call(shop)
    error = refusal.value.response["Error"]
    assert error["Code"] == code
    assert words in error["Message"]


def test_deleting_a_security_group_of_a_load_balancer_is_refused(shop: Shop) -> None:
    group = shop.ec2.create_security_group(GroupName="edge", Description="d", VpcId=shop.vpc)["GroupId"]
    shop.elb.set_security_groups(LoadBalancerArn=shop.other, SecurityGroups=[group])
    with pytest.raises(ClientError, match=f"DependencyViolation.*resource {group} has a dependent object"):
        shop.ec2.delete_security_group(GroupId=group)
    shop.elb.set_security_groups(LoadBalancerArn=shop.other, SecurityGroups=[])
    shop.ec2.delete_security_group(GroupId=group)
    with pytest.raises(ClientError, match=r"InvalidGroup\.NotFound"):
        shop.ec2.describe_security_groups(GroupIds=[group])


def test_a_subnet_and_a_security_group_can_be_deleted_once_their_instance_is_terminated(shop: Shop) -> None:
    subnet = shop.ec2.create_subnet(VpcId=shop.vpc, CidrBlock="10.0.200.0/24", AvailabilityZone="us-east-1a")["Subnet"][
        "SubnetId"
    ]
    group = shop.ec2.create_security_group(GroupName="worker", Description="d", VpcId=shop.vpc)["GroupId"]
    parameter = web_stack.IMAGE_PARAMETER
    image = shop.rig.client("ssm").get_parameter(Name=parameter)["Parameter"]["Value"]
    launch = {"ImageId": image, "InstanceType": "t3.micro", "MinCount": 1, "MaxCount": 1}
    ran = shop.ec2.run_instances(**launch, SubnetId=subnet, SecurityGroupIds=[group])["Instances"][0]["InstanceId"]
    with pytest.raises(ClientError, match="DependencyViolation"):
        shop.ec2.delete_subnet(SubnetId=subnet)
    with pytest.raises(ClientError, match="DependencyViolation"):
        shop.ec2.delete_security_group(GroupId=group)
    shop.ec2.terminate_instances(InstanceIds=[ran])
    shop.rig.run(40, 10)
    shop.ec2.delete_subnet(SubnetId=subnet)
    shop.ec2.delete_security_group(GroupId=group)
    assert subnet not in [left["SubnetId"] for left in shop.ec2.describe_subnets()["Subnets"]]


def test_deleting_a_security_group_that_another_ones_rule_names_is_refused(shop: Shop) -> None:
    named = shop.ec2.create_security_group(GroupName="named", Description="d", VpcId=shop.vpc)["GroupId"]
    other = shop.ec2.create_security_group(GroupName="naming", Description="d", VpcId=shop.vpc)["GroupId"]
    for group in (named, other):
        permission = {"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, "UserIdGroupPairs": [{"GroupId": named}]}
        shop.ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[permission])
    with pytest.raises(ClientError, match=f"DependencyViolation.*resource {named} has a dependent object"):
        shop.ec2.delete_security_group(GroupId=named)
    shop.ec2.delete_security_group(GroupId=other)
    shop.ec2.delete_security_group(GroupId=named)
    left = [group["GroupId"] for group in shop.ec2.describe_security_groups()["SecurityGroups"]]
    assert named not in left


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("deregistration_delay.timeout_seconds", "3600"),
        ("deregistration_delay.timeout_seconds", "0"),
        ("slow_start.duration_seconds", "900"),
        ("slow_start.duration_seconds", "0"),
        ("target_group_health.dns_failover.minimum_healthy_targets.count", "off"),
        ("load_balancing.algorithm.type", "weighted_random"),
        ("load_balancing.algorithm.type", "round_robin"),
    ],
)
def test_the_ends_of_a_range_are_taken_and_every_attribute_is_answered(shop: Shop, key: str, value: str) -> None:
    answered = {pair["Key"]: pair["Value"] for pair in shop.attribute(key, value)["Attributes"]}
    assert answered[key] == value
    assert answered["stickiness.lb_cookie.duration_seconds"] == "86400"


def test_two_rules_can_swap_their_priorities(shop: Shop) -> None:
    second = shop.create_rule(Priority=30)["Rules"][0]["RuleArn"]
    shop.elb.set_rule_priorities(
        RulePriorities=[{"RuleArn": shop.rule, "Priority": 30}, {"RuleArn": second, "Priority": 10}]
    )
    described = {
        rule["RuleArn"]: rule["Priority"] for rule in shop.elb.describe_rules(ListenerArn=shop.listener)["Rules"]
    }
    assert (described[shop.rule], described[second]) == ("30", "10")
    shop.elb.delete_rule(RuleArn=second)
    shop.elb.set_rule_priorities(RulePriorities=[{"RuleArn": shop.rule, "Priority": 10}])


def test_a_target_group_whose_listener_is_gone_can_be_deleted(shop: Shop) -> None:
    arn = shop.target_group("passing")
    listener = shop.create_listener(Port=90, DefaultActions=[{"Type": "forward", "TargetGroupArn": arn}])["Listeners"][
        0
    ]
    assert shop.elb.describe_target_groups(TargetGroupArns=[arn])["TargetGroups"][0]["LoadBalancerArns"] == [
        shop.balancer
    ]
    shop.elb.delete_listener(ListenerArn=listener["ListenerArn"])
    assert shop.elb.describe_target_groups(TargetGroupArns=[arn])["TargetGroups"][0]["LoadBalancerArns"] == []
    shop.elb.delete_target_group(TargetGroupArn=arn)
    assert "passing" not in [group["TargetGroupName"] for group in shop.elb.describe_target_groups()["TargetGroups"]]


def test_creating_the_same_thing_again_answers_with_the_first(shop: Shop) -> None:
    groups = shop.elb.describe_load_balancers(Names=["web"])["LoadBalancers"][0]["SecurityGroups"]
    again = shop.elb.create_load_balancer(Name="web", Subnets=shop.subnets, SecurityGroups=groups)
    assert again["LoadBalancers"][0]["LoadBalancerArn"] == shop.balancer
    assert shop.target_group("spare") == shop.spare
    assert shop.create_listener(Port=80)["Listeners"][0]["ListenerArn"] == shop.listener


def test_deregistering_what_is_not_registered_succeeds(shop: Shop) -> None:
    shop.elb.deregister_targets(TargetGroupArn=shop.spare, Targets=[{"Id": "i-0123456789abcdef0"}])
    assert shop.elb.describe_target_health(TargetGroupArn=shop.spare)["TargetHealthDescriptions"] == []


def test_creating_again_what_was_changed_meanwhile_is_another_thing(shop: Shop) -> None:
    moved = shop.create_listener(Port=91)["Listeners"][0]["ListenerArn"]
    shop.elb.modify_listener(ListenerArn=moved, Port=92)
    with pytest.raises(ClientError, match="DuplicateListener"):
        shop.create_listener(Port=92, DefaultActions=[{"Type": "fixed-response", **FIXED}])
    assert shop.create_listener(Port=92)["Listeners"][0]["ListenerArn"] == moved
    second = shop.create_listener(Port=91)["Listeners"][0]
    assert (second["Port"], second["ListenerArn"] == moved) == (91, False)
    for listener in (moved, second["ListenerArn"]):
        shop.elb.delete_listener(ListenerArn=listener)


def test_a_changed_target_group_or_load_balancer_is_compared_as_it_is_by_now(shop: Shop) -> None:
    arn = shop.target_group("changing", HealthCheckIntervalSeconds=30)
    shop.elb.modify_target_group(TargetGroupArn=arn, HealthCheckIntervalSeconds=20, Matcher={"HttpCode": "204"})
    with pytest.raises(ClientError, match="DuplicateTargetGroupName"):
        shop.target_group("changing", HealthCheckIntervalSeconds=30)
    assert shop.target_group("changing", HealthCheckIntervalSeconds=20, Matcher={"HttpCode": "204"}) == arn
    shop.elb.set_subnets(LoadBalancerArn=shop.other, Subnets=shop.subnets[:2])
    with pytest.raises(ClientError, match="DuplicateLoadBalancerName"):
        shop.elb.create_load_balancer(Name="other", Subnets=shop.subnets)
    again = shop.elb.create_load_balancer(Name="other", Subnets=shop.subnets[:2])["LoadBalancers"][0]
    assert again["LoadBalancerArn"] == shop.other
    shop.elb.set_subnets(LoadBalancerArn=shop.other, Subnets=shop.subnets)


def test_a_load_balancer_of_a_name_used_before_has_a_dns_name_of_its_own(shop: Shop) -> None:
    """ELB guide, "Create an Application Load Balancer": NAME-NUMBER.REGION.elb.amazonaws.com, internal- before it."""

    def made(**options: Any) -> str:
        balancer = shop.elb.create_load_balancer(Name="again", Subnets=shop.subnets, **options)["LoadBalancers"][0]
        shop.elb.delete_load_balancer(LoadBalancerArn=balancer["LoadBalancerArn"])
        name: str = balancer["DNSName"]
        return name

    first, second = made(), made()
    assert first != second
    assert re.fullmatch(r"again-\d{1,10}\.us-east-1\.elb\.amazonaws\.com", first)
    assert made(Scheme="internal").startswith("internal-again-")


def test_an_untouched_load_balancer_is_described_with_every_default(shop: Shop) -> None:
    described = shop.elb.describe_load_balancer_attributes(LoadBalancerArn=shop.other)["Attributes"]
    attributes = {pair["Key"]: pair["Value"] for pair in described}
    assert attributes["idle_timeout.timeout_seconds"] == "60"
    assert attributes["client_keep_alive.seconds"] == "3600"
    assert attributes["access_logs.s3.enabled"] == "false"
    assert attributes["routing.http.desync_mitigation_mode"] == "defensive"
    assert attributes["load_balancing.cross_zone.enabled"] == "true"
    assert len(attributes) <= 20  # the API's limit


def test_listener_attributes_are_kept_and_listed_as_without_effect(shop: Shop) -> None:
    before = shop.elb.describe_listener_attributes(ListenerArn=shop.listener)["Attributes"]
    assert before == [{"Key": "routing.http.response.server.enabled", "Value": "true"}]
    key = "routing.http.response.strict_transport_security.header_value"
    listener_attribute(shop, key, "max-age=60")
    assert f"listener web:80: {key} is set, but headers are as without it" in shop.rig.unserved()
    listener_attribute(shop, key, "")
    assert not [reason for reason in shop.rig.unserved() if key in reason]


def test_tags_go_to_all_resources_or_to_none_and_more_than_ten_are_taken(shop: Shop) -> None:
    tags = [{"Key": f"key-{index}", "Value": "v"} for index in range(20)]
    with pytest.raises(ClientError, match="LoadBalancerNotFound"):
        shop.elb.add_tags(ResourceArns=[shop.other, GONE], Tags=tags)
    assert shop.elb.describe_tags(ResourceArns=[shop.other])["TagDescriptions"][0]["Tags"] == []
    shop.elb.add_tags(ResourceArns=[shop.other, shop.default_rule], Tags=tags)
    assert len(shop.elb.describe_tags(ResourceArns=[shop.other])["TagDescriptions"][0]["Tags"]) == 20


def test_a_cookie_name_that_was_given_before_need_not_be_given_again(shop: Shop) -> None:
    name, kind = "stickiness.app_cookie.cookie_name", "stickiness.type"
    pairs = [{"Key": kind, "Value": "app_cookie"}, {"Key": name, "Value": "SESSION"}]
    shop.elb.modify_target_group_attributes(TargetGroupArn=shop.spare, Attributes=pairs)
    shop.attribute(kind, "lb_cookie")
    answered = {pair["Key"]: pair["Value"] for pair in shop.attribute(kind, "app_cookie")["Attributes"]}
    assert (answered[kind], answered[name]) == ("app_cookie", "SESSION")
    shop.attribute(kind, "lb_cookie")
