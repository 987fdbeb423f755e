"""What one request leaves for the access log, collected while it runs; made only when the log is on."""

import time
from typing import Protocol

from blackstart.emulator.dataplane.http_text import TlsFacts
from blackstart.emulator.dataplane.nodes import Node
from blackstart.emulator.dataplane.request_head import RequestHead
from blackstart.emulator.dataplane.rules import Chosen
from blackstart.emulator.decisions.access_log import RequestRecord
from blackstart.emulator.decisions.desync import Classification
from blackstart.emulator.snapshot import TargetSnapshot


class LoggedClient(Protocol):
    """The connection that a request came on. received_bytes: since the last request on it ended."""

    node: Node
    declared_port: int
    client_ip: str
    client_port: int
    received_bytes: int
    tls_facts: TlsFacts | None
    sni: str
    certificate_arn: str


class RequestLog:
    """head: None for a request that could not be read."""

    def __init__(self, client: LoggedClient, head: RequestHead | None) -> None:
        self._client = client
        self._head = head
        self._created_s = client.node.now_s()
        self._created_real_s = time.monotonic()
        self._sent_real_s: float | None = None
        self._began_real_s: float | None = None
        self._target: TargetSnapshot | None = None
        self._target_status: int | None = None
        self._group_arn = self._trace = self._location = ""
        self._classification: Classification | None = None
        self._chosen: Chosen | None = None
        self._sent_bytes = 0

    def classified(self, classification: Classification) -> None:
        self._classification = classification

    def chosen(self, chosen: Chosen) -> None:
        self._chosen = chosen

    def redirected(self, location: str) -> None:
        self._location = location

    def routed(self, group_arn: str, target: TargetSnapshot, trace: bytes) -> None:
        self._group_arn = group_arn
        self._target = target
        self._trace = trace.decode("latin-1")

    def sent(self) -> None:
        """The request leaves for its target."""
        self._sent_real_s = time.monotonic()

    def target_began(self, status: int) -> None:
        self._target_status = status
        self._began_real_s = time.monotonic()

    def wrote(self, count: int) -> None:
        self._sent_bytes += count

    def finish(self, own_status: int | None) -> None:
        """Hand the record in. own_status: of the load balancer's own answer, None when the target's was passed on."""
        access_log = self._client.node.access_log
        if access_log is not None:
            access_log(self._record(own_status))

    def _record(self, own_status: int | None) -> RequestRecord:
        client, head, target, chosen = self._client, self._head, self._target, self._chosen
        requested, waited, passed_on = self._times()
        facts = client.tls_facts
        reached = target if target is not None and self._sent_real_s is not None else None
        classification = self._classification
        return RequestRecord(
            load_balancer_arn=client.node.key.load_balancer_arn,
            node_zone=client.node.key.zone,
            created_s=self._created_s,
            answered_s=client.node.now_s(),
            client_ip=client.client_ip,
            client_port=client.client_port,
            listener_port=client.declared_port,
            elb_status=own_status if own_status is not None else self._target_status or 0,
            received_bytes=client.received_bytes,
            sent_bytes=self._sent_bytes,
            method=_text(head.method) if head is not None else "",
            url=_text(head.url) if head is not None else "",
            version=_text(head.line).rpartition(" ")[2] if head is not None else "",
            host=_text(head.host) if head is not None else "",
            user_agent=_text(head.value(b"user-agent")) if head is not None else "",
            target_ip=reached.private_ip if reached is not None else "",
            target_port=reached.port if reached is not None else 0,
            target_status=self._target_status,
            request_processing_real_s=requested,
            target_processing_real_s=waited,
            response_processing_real_s=passed_on,
            tls=facts is not None,
            tls_cipher=facts.cipher if facts is not None else "",
            tls_protocol=facts.protocol if facts is not None else "",
            sni=client.sni,
            certificate_arn=client.certificate_arn,
            target_group_arn=self._group_arn,
            trace_id=self._trace,
            rule_priority=(chosen.priority or 0) if chosen is not None else None,
            actions=(chosen.action.type,) if chosen is not None else (),
            redirect_url=self._location,
            classification=classification.tier.name.capitalize() if classification and classification.tier else "",
            classification_reason=classification.reason.value if classification else "",
        )

    def _times(self) -> tuple[float | None, float | None, float | None]:
        """Until it was sent, until the target began to answer, and until that was passed on."""
        if self._sent_real_s is None or self._began_real_s is None:
            return None, None, None
        waited = self._began_real_s - self._sent_real_s
        return self._sent_real_s - self._created_real_s, waited, 0.0


def _text(value: bytes) -> str:
    return value.decode("latin-1")
