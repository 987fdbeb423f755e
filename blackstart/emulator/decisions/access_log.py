"""Access logs of an Application Load Balancer: what one finished request leaves behind.

Source: ELB user guide, "Access logs for your Application Load Balancer" (access log entries).
"""

from typing import NamedTuple


class RequestRecord(NamedTuple):
    """One finished request of a load balancer whose access log is on.

    created_s, answered_s: virtual Unix seconds at which the request's head was read and its answer ended.
    *_processing_real_s: wall seconds; None where AWS writes -1 (the request never got that far).
    listener_port: as declared. host: the request's Host, "" without one. method, url, version ("HTTP/1.1"): of the
    request line, all "" when it could not be read. received_bytes, sent_bytes: of the client's connection, heads
    included. target_ip, target_port: the target's private address; "" and 0 when no target was reached.
    target_status: None when the target did not answer. rule_priority: 0 for the default action, None when no rule was
    looked for. actions: as in `actions_executed`. classification, classification_reason: of desync mitigation, "" for a
    request that complies with RFC 7230. sni, certificate_arn, tls_*: "" without TLS.
    """

    load_balancer_arn: str
    node_zone: str
    created_s: float
    answered_s: float
    client_ip: str
    client_port: int
    listener_port: int
    elb_status: int
    received_bytes: int
    sent_bytes: int
    method: str = ""
    url: str = ""
    version: str = ""
    host: str = ""
    user_agent: str = ""
    target_ip: str = ""
    target_port: int = 0
    target_status: int | None = None
    request_processing_real_s: float | None = None
    target_processing_real_s: float | None = None
    response_processing_real_s: float | None = None
    tls: bool = False
    tls_cipher: str = ""
    tls_protocol: str = ""
    sni: str = ""
    certificate_arn: str = ""
    target_group_arn: str = ""
    trace_id: str = ""
    rule_priority: int | None = None
    actions: tuple[str, ...] = ()
    redirect_url: str = ""
    error_reason: str = ""
    classification: str = ""
    classification_reason: str = ""
