"""Access logs of an Application Load Balancer: what one finished request leaves behind, and its line in the log.

Source: ELB user guide, "Access logs for your Application Load Balancer" (access log files, access log entries).
"""

from collections.abc import Callable
from typing import NamedTuple

INTERVAL_S = 300.0
FIELDS = (
    *("type", "time", "elb", "client:port", "target:port"),
    *("request_processing_time", "target_processing_time", "response_processing_time"),
    *("elb_status_code", "target_status_code", "received_bytes", "sent_bytes"),
    *("request", "user_agent", "ssl_cipher", "ssl_protocol", "target_group_arn", "trace_id", "domain_name"),
    *("chosen_cert_arn", "matched_rule_priority", "request_creation_time", "actions_executed", "redirect_url"),
    *("error_reason", "target:port_list", "target_status_code_list", "classification", "classification_reason"),
    *("conn_trace_id", "transformed_host", "transformed_uri", "request_transform_status", "ip_address"),
)
"""In order. The guide's list up to request_transform_status; ip_address, of the node, ends the lines of 2026."""
_LONGEST_USER_AGENT = 8 * 1024


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


class LoggedNode(NamedTuple):
    """Where requests were answered. name: of the load balancer (app/name/id). address: the node's."""

    name: str
    dns_name: str
    address: str


def format_entry(record: RequestRecord, node: LoggedNode, connection_id: str, stamp: Callable[[float], str]) -> str:
    """The line of one request, without a line end; its fields are `FIELDS`.

    connection_id: 32 hexadecimal digits. stamp: virtual Unix seconds as ISO 8601 with microseconds. Times of day are
    virtual; the three processing times are wall seconds, as measured: an emulated wait (a connect timeout, an idle
    timeout) never ends in one of them, because AWS shows -1 for a target that did not answer.
    """
    target = f"{record.target_ip}:{record.target_port}" if record.target_ip else "-"
    target_status = "-" if record.target_status is None else str(record.target_status)
    fields = (
        "https" if record.tls else "http",
        stamp(record.answered_s),
        node.name,
        f"{record.client_ip}:{record.client_port}",
        target,
        _seconds(record.request_processing_real_s),
        _seconds(record.target_processing_real_s),
        _seconds(record.response_processing_real_s),
        str(record.elb_status),
        target_status,
        str(record.received_bytes),
        str(record.sent_bytes),
        _quoted(_request_line(record, node)),
        _quoted(record.user_agent[:_LONGEST_USER_AGENT]),
        record.tls_cipher or "-",
        record.tls_protocol or "-",
        record.target_group_arn or "-",
        _quoted(record.trace_id),
        _quoted(record.sni),
        _quoted(record.certificate_arn),
        "-" if record.rule_priority is None else str(record.rule_priority),
        stamp(record.created_s),
        _quoted(",".join(record.actions)),
        _quoted(record.redirect_url),
        _quoted(record.error_reason),
        _quoted(target),
        _quoted(target_status),
        _quoted(record.classification),
        _quoted(record.classification_reason),
        f"TID_{connection_id}",
        *('"-"', '"-"', '"-"'),
        node.address,
    )
    return " ".join(fields)


def _seconds(duration_real_s: float | None) -> str:
    return "-1" if duration_real_s is None else f"{max(0.0, duration_real_s):.3f}"


def _request_line(record: RequestRecord, node: LoggedNode) -> str:
    """The request with its whole URL, on the listener's port; dashes for what could not be read."""
    scheme = "https" if record.tls else "http"
    host = _without_port(record.host) or node.dns_name
    origin = f"{scheme}://{host}:{record.listener_port}"
    if not record.method:
        return f"- {origin}- -"
    path = record.url if record.url.startswith("/") else "/" + record.url.partition("://")[2].partition("/")[2]
    return f"{record.method} {origin}{path} {record.version}"


def _without_port(host: str) -> str:
    name, colon, port = host.rpartition(":")
    return name if colon and port.isdecimal() else host


def _quoted(text: str) -> str:
    """In double quotes, in printable ASCII; a dash for nothing. How AWS escapes is not published: as nginx."""
    if not text:
        return '"-"'
    if text.isascii() and text.isprintable() and '"' not in text and "\\" not in text:
        return f'"{text}"'
    return '"' + "".join(_escaped(byte) for byte in text.encode("utf-8", "surrogateescape")) + '"'


def _escaped(byte: int) -> str:
    plain = 0x20 <= byte < 0x7F and byte not in b'"\\'
    return chr(byte) if plain else f"\\x{byte:02X}"
