"""What NAT gateways report to CloudWatch.

Source: VPC user guide, "Monitor NAT gateways using Amazon CloudWatch". Nothing goes through an emulated NAT gateway,
because no instance's own traffic does: the counts are the zeros of an idle one.
"""

from collections.abc import Callable, Iterable
from typing import NamedTuple

from blackstart.emulator.controllers.metric_store import MetricKey, MetricStore
from blackstart.emulator.controllers.minutes import Minutes
from blackstart.emulator.decisions.metric_statistics import of_value

NAMESPACE = "AWS/NATGateway"
UNITS = {
    "ActiveConnectionCount": "Count",
    "BytesInFromDestination": "Bytes",
    "BytesInFromSource": "Bytes",
    "BytesOutToDestination": "Bytes",
    "BytesOutToSource": "Bytes",
    "ConnectionAttemptCount": "Count",
    "ConnectionEstablishedCount": "Count",
    "ErrorPortAllocation": "Count",
    "IdleTimeoutCount": "Count",
    "PacketsDropCount": "Count",
    "PacketsInFromDestination": "Count",
    "PacketsInFromSource": "Count",
    "PacketsOutToDestination": "Count",
    "PacketsOutToSource": "Count",
    "PeakBytesPerSecond": "Count",
    "PeakPacketsPerSecond": "Count",
}
_ZERO = of_value(0.0)


class NatGateway(NamedTuple):
    """A NAT gateway that is available."""

    account: str
    region: str
    nat_gateway_id: str


class NatMetricsController:
    """available: the NAT gateways that are available at the moment."""

    def __init__(self, store: MetricStore, available: Callable[[], Iterable[NatGateway]]) -> None:
        self._store = store
        self._available = available
        self._minutes = Minutes()

    def tick(self, now_s: float) -> None:
        for minute_s in self._minutes.ended(now_s):
            for gateway in self._available():
                dimensions = {"NatGatewayId": gateway.nat_gateway_id}
                for name, unit in UNITS.items():
                    key = MetricKey.of((gateway.account, gateway.region), NAMESPACE, name, dimensions)
                    self._store.add(key, minute_s, _ZERO, unit)
