"""The guides' tables of Auto Scaling group and NAT gateway metrics."""

import gzip
import json
import re
from pathlib import Path

import botocore
import pytest

from blackstart.emulator.controllers.metric_store import MetricKey, MetricStore
from blackstart.emulator.controllers.nat_metrics import NatGateway, NatMetricsController
from blackstart.emulator.decisions.group_metrics import METRICS

NOW_S = 1_800_000_000.0
# VPC user guide, "Monitor NAT gateways using Amazon CloudWatch"
NAT_GATEWAY = {
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


@pytest.mark.parametrize("shape", ["EnableMetricsCollectionQuery", "DisableMetricsCollectionQuery"])
def test_the_metrics_of_a_group_are_those_that_the_api_can_enable(shape):
    """As botocore's description of the API lists them."""
    model = Path(botocore.__file__).parent / "data" / "autoscaling" / "2011-01-01" / "service-2.json.gz"
    described = json.loads(gzip.decompress(model.read_bytes()))["shapes"][shape]["members"]["Metrics"]["documentation"]
    assert re.findall(r"<code>((?:Group|WarmPool)\w+)</code>", described) == list(METRICS)


def test_a_nat_gateway_reports_every_metric_of_the_guide_by_its_id_each_minute():
    store = MetricStore()
    metrics = NatMetricsController(store, lambda: [NatGateway("123456789012", "us-east-1", "nat-1")])
    for second in range(0, 130, 10):
        metrics.tick(NOW_S + second)
    keys = list(store.keys("123456789012", "us-east-1"))
    assert {key.dimensions for key in keys} == {(("NatGatewayId", "nat-1"),)}
    assert {key.name: store.units(key)[0] for key in keys} == NAT_GATEWAY
    scope = ("123456789012", "us-east-1")
    key = MetricKey.of(scope, "AWS/NATGateway", "ErrorPortAllocation", {"NatGatewayId": "nat-1"})
    assert [start_s for start_s, _ in store.periods(key, NOW_S - 60, NOW_S + 180, 60)] == [NOW_S, NOW_S + 60]
