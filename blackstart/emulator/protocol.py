"""What control plane and data plane say to each other: newline JSON on one Unix socket.

Down: whole `Snapshot`s (see `snapshot`), versioned; the newest wins. Up: `HealthChanged` as probes decide it,
`Counters` and `TargetTraffic` for each virtual 10 s, `AccessLogged` and `Lag` each wall second. On (re)connecting the
data plane sends `Hello` with everything it knows and the control plane answers with the current snapshot.
"""

from typing import Annotated, Literal, NamedTuple

from pydantic import Field, TypeAdapter

from blackstart.domain.model import Model
from blackstart.domain.target_health import TargetReason, TargetState

COUNTER_BUCKET_S = 10.0


class HealthChanged(Model):
    """One node's new opinion of one target, at the time of the probe that decided it."""

    kind: Literal["health"] = "health"
    time_s: float
    load_balancer_arn: str
    node_zone: str
    target_group_arn: str
    target_id: str
    port: int
    registration: int
    state: TargetState
    reason: TargetReason | None = None
    description: str = ""


class Hello(Model):
    """First line of a connection. version: of the snapshot in use, 0 for none. health: every node's every opinion.

    real_time: whether the kernel lets the data plane go before all ordinary processes.
    """

    kind: Literal["hello"] = "hello"
    pid: int
    version: int
    health: tuple[HealthChanged, ...] = ()
    real_time: bool = False


class CounterRow(Model):
    """Traffic of one bucket. zone: the node's. target_group_arn: "" when no target group was chosen. Real counts.

    requests: answered requests, whoever answered. target_*: answers by targets, by class. elb_*: answers that the
    load balancer made up. connection_errors: connections to targets that failed. unhealthy_routing: requests
    routed while failing open. tls_errors: handshakes of clients that failed; target_tls_errors: with targets.
    new_connections: of clients and to targets; active_connections: the most that were open when one was opened, or at
    the bucket's end. dropped_, forwarded_invalid_headers: requests with a header field of an invalid name.
    processed_bytes: of requests and answers on the clients' side, heads included. elb_500: also in elb_other_5xx.
    latency_buckets: histogram of target response times by `latency_histogram.bucket_of`; latency_sum_real_s: their
    sum.
    """

    load_balancer_arn: str
    target_group_arn: str
    zone: str
    requests: int = 0
    target_2xx: int = 0
    target_3xx: int = 0
    target_4xx: int = 0
    target_5xx: int = 0
    elb_4xx: int = 0
    elb_502: int = 0
    elb_503: int = 0
    elb_504: int = 0
    elb_other_5xx: int = 0
    connection_errors: int = 0
    unhealthy_routing: int = 0
    tls_errors: int = 0
    target_tls_errors: int = 0
    new_connections: int = 0
    active_connections: int = 0
    processed_bytes: int = 0
    elb_3xx: int = 0
    elb_500: int = 0
    http_redirects: int = 0
    http_fixed_responses: int = 0
    desync_non_compliant_requests: int = 0
    dropped_invalid_headers: int = 0
    forwarded_invalid_headers: int = 0
    latency_buckets: dict[int, int] = {}
    latency_sum_real_s: float = 0.0


class Counters(Model):
    """bucket_start_s: a multiple of COUNTER_BUCKET_S in virtual Unix seconds. Buckets without traffic and open
    connections are not sent.
    """

    kind: Literal["counters"] = "counters"
    bucket_start_s: float
    rows: tuple[CounterRow, ...]


class TargetBytes(NamedTuple):
    """What a target got in requests and gave in answers, in bytes of HTTP; without health checks. Real counts."""

    target_group_arn: str
    target_id: str
    sent: int
    received: int


class TargetTraffic(Model):
    """Sent when a bucket of counters closes: what went by since the last time. time_s: of sending."""

    kind: Literal["target_traffic"] = "target_traffic"
    time_s: float
    targets: tuple[TargetBytes, ...]


class Mitigated(Model):
    """A target that some node gives less than its share, because more of its requests fail than of the others'.

    anomalous: whether they did when that was last looked at; False while the target gets its share back.
    """

    target_group_arn: str
    target_id: str
    port: int
    anomalous: bool


class Lag(Model):
    """How this data plane has kept time since it was started, wall seconds.

    probes: health checks begun; probes_succeeded and probes_timed_out: how they ended (the rest were refused, answered
    wrongly, broken off, or are still running). probe_p99: health checks that succeeded. check_lag_p99: how late checks
    began.
    listener_problems: one line for each listener that is not served: its served port is another listener's, or cannot
    be bound. in_dns: by load balancer, the zones of the nodes that its name resolves to. failing_open: by target group,
    the zones of the nodes that route to all targets because too few are healthy. mitigated: targets that get less than
    their share. All three as of this message.
    """

    kind: Literal["lag"] = "lag"
    probes: int
    probes_succeeded: int = 0
    probes_timed_out: int = 0
    probe_p99_real_s: float
    check_lag_p99_real_s: float
    listener_problems: tuple[str, ...] = ()
    in_dns: dict[str, tuple[str, ...]] | None = None
    failing_open: dict[str, tuple[str, ...]] = {}
    mitigated: tuple[Mitigated, ...] = ()


class AccessLogged(Model):
    """Finished requests of one load balancer whose access log is on: whole lines in the ALB's format, no line ends.

    node_address: of the node that served them, for the log file's name.
    """

    kind: Literal["access_log"] = "access_log"
    load_balancer_arn: str
    node_address: str
    lines: tuple[str, ...]


Upward = Annotated[Hello | HealthChanged | Counters | TargetTraffic | AccessLogged | Lag, Field(discriminator="kind")]
UPWARD: TypeAdapter[Upward] = TypeAdapter(Upward)
