"""What the data plane is told: load balancers, listeners, rules, target groups and targets as they are declared.

A `Snapshot` is always whole, versioned, and the newest one wins. Nothing in it is a measurement; what the data plane
sees goes up as the messages of `protocol`.

Source of the terms: elbv2 API reference (Action, RuleCondition, TargetGroupAttribute, LoadBalancerAttribute).
"""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from blackstart.domain.model import Model
from blackstart.domain.target_health import HealthCheck, TargetReason, TargetState


class Reach(StrEnum):
    """What a new connection to a target meets. open: whatever listens there (a dead process refuses by itself).

    tracked: new connections are dropped silently, those that are open live on (a security group was cut).
    silent: nothing answers, on open connections either (a dead host, a network ACL).
    """

    OPEN = "open"
    TRACKED = "tracked"
    SILENT = "silent"


class TargetSnapshot(Model):
    """A registration. address: loopback address the instance has; port: as registered. registration: changes when the
    same target is registered anew, so that its health starts over. held: draining or unused, decided by the control
    plane; None when the health checks decide.

    reach: of the host, from every node. reach_from: by node zone, where the network makes it worse than that;
    check_reach_from: the same for the health check's port.
    """

    target_id: str
    port: int
    zone: str
    private_ip: str
    address: str
    registration: int
    reach: Reach = Reach.OPEN
    reach_from: dict[str, Reach] = {}
    check_reach_from: dict[str, Reach] = {}
    held: TargetState | None = None
    held_reason: TargetReason | None = None


class MinimumHealthy(Model):
    """`minimum_healthy_targets` of a target group attribute: below either of them the zone counts as unhealthy.

    count: targets, at least 1. ratio: share of the registered targets; None is AWS's "off".
    """

    count: int = Field(default=1, ge=1)
    ratio: float | None = Field(default=None, gt=0, le=1)


class Algorithm(StrEnum):
    ROUND_ROBIN = "round_robin"
    LEAST_OUTSTANDING_REQUESTS = "least_outstanding_requests"
    WEIGHTED_RANDOM = "weighted_random"


class Stickiness(Model):
    """A target group's: AWSALB cookies (app_cookie None), or bound to an application's cookie. duration_s: of both."""

    duration_s: float
    app_cookie: str | None = None


class AnomalyRules(Model):
    """How targets are found anomalous and relieved. Only period_s is published; the rest is the emulator's.

    period_s: how often weights are adjusted. window_s: how far back requests count. minimum_requests: of a target in
    the window, to find it anomalous. excess_ratio: how much more of its requests fail than of the others'.
    least_weight_ratio: what an anomalous target still gets of a normal one's share. recovery_step_ratio: what it gets
    more with each period once it is normal again.
    """

    period_s: float = Field(default=5.0, ge=1, le=60)
    window_s: float = Field(default=30.0, ge=5, le=300)
    minimum_requests: int = Field(default=10, ge=1, le=1000)
    excess_ratio: float = Field(default=0.1, ge=0.01, le=1)
    least_weight_ratio: float = Field(default=0.1, ge=0.01, le=1)
    recovery_step_ratio: float = Field(default=0.1, ge=0.01, le=1)


class TargetGroupSnapshot(Model):
    """metric_name: the CloudWatch dimension value (targetgroup/name/id). protocol: towards the targets.

    dns_failover, routing_failover: target_group_health.*. cross_zone: the group's own setting, or its load balancer's.
    """

    arn: str
    metric_name: str
    health_check: HealthCheck
    targets: tuple[TargetSnapshot, ...] = ()
    protocol: Literal["HTTP", "HTTPS"] = "HTTP"
    cross_zone: bool = True
    algorithm: Algorithm = Algorithm.ROUND_ROBIN
    anomaly_mitigation: bool = False
    anomaly_rules: AnomalyRules = AnomalyRules()
    slow_start_s: float = 0.0
    stickiness: Stickiness | None = None
    dns_failover: MinimumHealthy = MinimumHealthy()
    routing_failover: MinimumHealthy = MinimumHealthy()

    @property
    def mitigates_anomalies(self) -> bool:
        """Anomaly mitigation goes with weighted random only."""
        return self.anomaly_mitigation and self.algorithm is Algorithm.WEIGHTED_RANDOM


class WeightedGroup(Model):
    """weight: 0 to 999, a share of the sum of all weights; 0 gets nothing."""

    target_group_arn: str
    weight: int = Field(default=1, ge=0, le=999)


class Forward(Model):
    """stickiness_s: how long a client stays with the target group it was given (AWSALBTG); None is off."""

    type: Literal["forward"] = "forward"
    groups: tuple[WeightedGroup, ...]
    stickiness_s: float | None = None

    @classmethod
    def to(cls, target_group_arn: str) -> "Forward":
        """To one target group."""
        return cls(groups=(WeightedGroup(target_group_arn=target_group_arn),))


class FixedResponse(Model):
    """Also stands for an action that the emulator does not serve: 503, and listed in the status."""

    type: Literal["fixed-response"] = "fixed-response"
    status_code: int
    content_type: str = "text/plain"
    body: str = ""


class Redirect(Model):
    """#{protocol}, #{host}, #{port}, #{path}, #{query} as elbv2 writes them."""

    type: Literal["redirect"] = "redirect"
    status_code: int
    protocol: str = "#{protocol}"
    host: str = "#{host}"
    port: str = "#{port}"
    path: str = "/#{path}"
    query: str = "#{query}"


Action = Annotated[Forward | FixedResponse | Redirect, Field(discriminator="type")]


class ConditionField(StrEnum):
    HOST_HEADER = "host-header"
    PATH_PATTERN = "path-pattern"
    HTTP_HEADER = "http-header"
    HTTP_REQUEST_METHOD = "http-request-method"
    QUERY_STRING = "query-string"
    SOURCE_IP = "source-ip"


class QueryPair(Model):
    """key: None matches any key."""

    key: str | None = None
    value: str


class Condition(Model):
    """One condition of a rule; true when any of its values is. header: the name, of http-header only.

    values: patterns with * and ?, methods, or CIDR blocks. regexes: the newer RegexValues. pairs: of query-string.
    """

    field: ConditionField
    values: tuple[str, ...] = ()
    regexes: tuple[str, ...] = ()
    pairs: tuple[QueryPair, ...] = ()
    header: str = ""


class RuleSnapshot(Model):
    """A listener rule: all of its conditions must hold. priority: the lowest is evaluated first."""

    arn: str
    priority: int
    conditions: tuple[Condition, ...]
    action: Action


class Certificate(Model):
    """What a TLS listener shows. names: as in the certificate, wildcards included. chain_pem: leaf first."""

    arn: str
    names: tuple[str, ...]
    chain_pem: str
    key_pem: str


class ListenerSnapshot(Model):
    """port: as declared; served on `served_port(port)`, and on the port itself where binding is allowed.

    rules: ordered by priority; `action` is the default. certificates: of HTTPS, the default one first.
    """

    arn: str
    port: int
    protocol: Literal["HTTP", "HTTPS"] = "HTTP"
    action: Action
    rules: tuple[RuleSnapshot, ...] = ()
    certificates: tuple[Certificate, ...] = ()
    tls_policy: str = ""


class NodeSnapshot(Model):
    """One load-balancer node: its zone and the loopback address it listens on. listeners_cut: by declared port, what
    clients meet there when the network keeps them out (never `Reach.OPEN`).
    """

    zone: str
    address: str
    listeners_cut: dict[int, Reach] = {}


class ForwardedFor(StrEnum):
    APPEND = "append"
    PRESERVE = "preserve"
    REMOVE = "remove"


class DesyncMitigation(StrEnum):
    MONITOR = "monitor"
    DEFENSIVE = "defensive"
    STRICTEST = "strictest"


class HttpSettings(Model):
    """The load balancer attributes under `routing.http`; the defaults are AWS's."""

    forwarded_for: ForwardedFor = ForwardedFor.APPEND
    client_port_in_forwarded_for: bool = False
    preserve_host_header: bool = False
    drop_invalid_header_fields: bool = False
    tls_version_and_cipher_headers: bool = False
    desync_mitigation: DesyncMitigation = DesyncMitigation.DEFENSIVE


class LoadBalancerSnapshot(Model):
    """metric_name: the CloudWatch dimension value (app/name/id). client_keep_alive_s: the longest life of a client's
    connection. shifted_zone: the zone that a zonal shift moves traffic away from. access_log: whether requests are
    logged.
    """

    arn: str
    metric_name: str
    dns_name: str
    nodes: tuple[NodeSnapshot, ...]
    listeners: tuple[ListenerSnapshot, ...] = ()
    http: HttpSettings = HttpSettings()
    idle_timeout_s: float = 60.0
    connect_timeout_s: float = 10.0
    client_keep_alive_s: float = 3600.0
    shifted_zone: str | None = None
    access_log: bool = False


class Snapshot(Model):
    kind: Literal["snapshot"] = "snapshot"
    version: int
    load_balancers: tuple[LoadBalancerSnapshot, ...] = ()
    target_groups: tuple[TargetGroupSnapshot, ...] = ()
