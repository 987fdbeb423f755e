"""What requests leave for the access log: a line made when each ends, sent up once a second."""

import hashlib
from collections import deque
from datetime import UTC, datetime
from functools import lru_cache
from math import floor

from blackstart.emulator.dataplane.nodes import Fleet
from blackstart.emulator.dataplane.topology import NodeKey
from blackstart.emulator.decisions.access_log import LoggedNode, RequestRecord, format_entry
from blackstart.emulator.protocol import AccessLogged

MOST_KEPT = 50_000
"""Lines of a node that wait for a control plane that is away; the oldest go first. AWS delivers by best effort too."""


class AccessLogs:
    """Of the load balancers of a fleet that keep a log."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self._lines: dict[tuple[str, str], deque[str]] = {}

    def add(self, key: NodeKey, record: RequestRecord) -> None:
        """A request has ended. The line is made at once: many together would hold up everything else."""
        known = self._fleet.topology.nodes.get(key)
        if known is None:
            return
        balancer, node = known
        where = LoggedNode(balancer.metric_name, balancer.dns_name, node.address)
        lines = self._lines.setdefault((balancer.arn, node.address), deque(maxlen=MOST_KEPT))
        lines.append(format_entry(record, where, _connection_id(key, record), stamp))

    def take(self) -> list[AccessLogged]:
        """One message for each node that has served something, forgotten here."""
        taken, self._lines = self._lines, {}
        return [
            AccessLogged(load_balancer_arn=arn, node_address=address, lines=tuple(lines))
            for (arn, address), lines in taken.items()
        ]


def stamp(time_s: float) -> str:
    """ISO 8601 with microseconds."""
    second = floor(time_s)
    return f"{_whole(second)}.{min(999_999, int((time_s - second) * 1e6)):06d}Z"


@lru_cache(maxsize=64)
def _whole(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def _connection_id(key: NodeKey, record: RequestRecord) -> str:
    """The same for every request of a connection; a client that uses a port again gets the same again."""
    named = f"{key.load_balancer_arn} {key.zone} {record.listener_port} {record.client_ip}:{record.client_port}"
    return hashlib.blake2b(named.encode(), digest_size=16).hexdigest()
