"""What requests leave for the access log, collected while they end and sent up as whole lines once a second."""

import hashlib
from collections import deque
from datetime import UTC, datetime

from blackstart.emulator.dataplane.nodes import Fleet
from blackstart.emulator.dataplane.topology import NodeKey
from blackstart.emulator.decisions.access_log import LoggedNode, RequestRecord, format_entry
from blackstart.emulator.protocol import AccessLogged

MOST_KEPT = 50_000
"""Records that wait for a control plane that is away; the oldest go first. Delivery is best effort on AWS too."""


class AccessLogs:
    """Of the load balancers of a fleet that keep a log."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self._kept: deque[tuple[NodeKey, RequestRecord]] = deque(maxlen=MOST_KEPT)

    def add(self, key: NodeKey, record: RequestRecord) -> None:
        """Called within the request, so the line is made later."""
        self._kept.append((key, record))

    def take(self) -> list[AccessLogged]:
        """One message for each node that has served something, forgotten here."""
        lines: dict[NodeKey, list[str]] = {}
        nodes: dict[NodeKey, LoggedNode] = {}
        kept, self._kept = self._kept, deque(maxlen=MOST_KEPT)
        for key, record in kept:
            if key not in nodes:
                known = self._fleet.topology.nodes.get(key)
                if known is None:
                    continue
                balancer, node = known
                nodes[key] = LoggedNode(balancer.metric_name, balancer.dns_name, node.address)
            node_lines = lines.setdefault(key, [])
            node_lines.append(format_entry(record, nodes[key], _connection_id(key, record), _stamp))
        return [
            AccessLogged(load_balancer_arn=key.load_balancer_arn, node_address=nodes[key].address, lines=tuple(found))
            for key, found in lines.items()
        ]


def _stamp(time_s: float) -> str:
    return datetime.fromtimestamp(time_s, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _connection_id(key: NodeKey, record: RequestRecord) -> str:
    """The same for every request of a connection; a client that uses a port again gets the same again."""
    named = f"{key.load_balancer_arn} {key.zone} {record.listener_port} {record.client_ip}:{record.client_port}"
    return hashlib.blake2b(named.encode(), digest_size=16).hexdigest()
