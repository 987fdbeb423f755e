"""The guide's tables of Application Load Balancer metrics: their dimensions, units and when each is reported.

Sources: CloudWatch user guide, "Supported metrics for resource tags for telemetry" (AWS/ApplicationELB: each set of
dimensions that is published); ELB user guide, "CloudWatch metrics for your Application Load Balancer" (reporting
criteria: "nonzero" is "there is a nonzero value", "always" is "always reported", which means while requests flow).
"""

import pytest

from blackstart.domain.target_health import HealthCheck, TargetState
from blackstart.emulator.controllers.load_balancer_metrics import LoadBalancerMetricsController
from blackstart.emulator.controllers.metric_store import MetricKey, MetricStore
from blackstart.emulator.decisions.host_counts import HostCensus
from blackstart.emulator.decisions.latency_histogram import bucket_of
from blackstart.emulator.protocol import CounterRow, Counters, HealthChanged, Mitigated
from blackstart.emulator.snapshot import Algorithm, TargetGroupSnapshot, TargetSnapshot

ELB = "arn:aws:elasticloadbalancing:us-east-1:123456789012"
LB, TG = f"{ELB}:loadbalancer/app/web/50dc6c495c0c9188", f"{ELB}:targetgroup/web/73e2d6bc24d8a067"
NOW_S = 1_800_000_000.0
BALANCER = {"AvailabilityZone LoadBalancer", "LoadBalancer"}
GROUP = {"AvailabilityZone LoadBalancer TargetGroup", "LoadBalancer TargetGroup"}
BOTH = BALANCER | GROUP

TABLE = {
    "ActiveConnectionCount": (BALANCER, "Count", "nonzero", "active_connections"),
    "AnomalousHostCount": (GROUP, "Count", "always", None),
    "ClientTLSNegotiationErrorCount": (BALANCER, "Count", "nonzero", "tls_errors"),
    "DesyncMitigationMode_NonCompliant_Request_Count": (BALANCER, "Count", "nonzero", "desync_non_compliant_requests"),
    "DroppedInvalidHeaderRequestCount": (BALANCER, "Count", "always", "dropped_invalid_headers"),
    "ForwardedInvalidHeaderRequestCount": (BALANCER, "Count", "always", "forwarded_invalid_headers"),
    "HTTPCode_ELB_3XX_Count": (BALANCER, "Count", "nonzero", "elb_3xx"),
    "HTTPCode_ELB_4XX_Count": (BALANCER, "Count", "nonzero", "elb_4xx"),
    "HTTPCode_ELB_500_Count": (BALANCER, "Count", "nonzero", "elb_500"),
    "HTTPCode_ELB_502_Count": (BALANCER, "Count", "nonzero", "elb_502"),
    "HTTPCode_ELB_503_Count": (BALANCER, "Count", "nonzero", "elb_503"),
    "HTTPCode_ELB_504_Count": (BALANCER, "Count", "nonzero", "elb_504"),
    "HTTPCode_ELB_5XX_Count": (BALANCER, "Count", "nonzero", "elb_502"),
    "HTTPCode_Target_2XX_Count": (BOTH, "Count", "nonzero", "target_2xx"),
    "HTTPCode_Target_3XX_Count": (BOTH, "Count", "nonzero", "target_3xx"),
    "HTTPCode_Target_4XX_Count": (BOTH, "Count", "nonzero", "target_4xx"),
    "HTTPCode_Target_5XX_Count": (BOTH, "Count", "nonzero", "target_5xx"),
    "HTTP_Fixed_Response_Count": (BALANCER, "Count", "nonzero", "http_fixed_responses"),
    "HTTP_Redirect_Count": (BALANCER, "Count", "nonzero", "http_redirects"),
    "HealthyHostCount": (GROUP, "Count", "hosts", None),
    "HealthyStateDNS": (GROUP, "Count", "hosts", None),
    "HealthyStateRouting": (GROUP, "Count", "hosts", None),
    "MitigatedHostCount": (GROUP, "Count", "always", None),
    "NewConnectionCount": (BALANCER, "Count", "nonzero", "new_connections"),
    "ProcessedBytes": (BALANCER, "Bytes", "nonzero", "processed_bytes"),
    "RequestCount": (BOTH, "Count", "always", "requests"),
    "RequestCountPerTarget": (GROUP | {"AvailabilityZone TargetGroup", "TargetGroup"}, "Count", "always", "requests"),
    "TargetConnectionErrorCount": (BOTH, "Count", "nonzero", "connection_errors"),
    "TargetResponseTime": (BOTH, "Seconds", "nonzero", "latency_buckets"),
    "TargetTLSNegotiationErrorCount": (BOTH, "Count", "nonzero", "target_tls_errors"),
    "UnHealthyHostCount": (GROUP, "Count", "hosts", None),
    "UnhealthyRoutingRequestCount": (BOTH, "Count", "nonzero", "unhealthy_routing"),
    "UnhealthyStateDNS": (GROUP, "Count", "hosts", None),
    "UnhealthyStateRouting": (GROUP, "Count", "hosts", None),
    "ZonalShiftedHostCount": (GROUP, "Count", "shifted", None),
}
OF_ROWS = {name: row for name, row in TABLE.items() if row[3] is not None}


class OneHealthyTarget:
    def opinions(self, target_group_arn: str) -> dict[tuple[str, int], dict[str, HealthChanged]]:
        opinion = HealthChanged(
            time_s=NOW_S,
            load_balancer_arn=LB,
            node_zone="us-east-1a",
            target_group_arn=target_group_arn,
            target_id="i-1",
            port=80,
            registration=1,
            state=TargetState.HEALTHY,
        )
        return {("i-1", 80): {"us-east-1a": opinion}}


def controller(store: MetricStore, shifted: str | None = None) -> LoadBalancerMetricsController:
    target = TargetSnapshot(
        target_id="i-1", port=80, zone="us-east-1a", private_ip="10.0.0.1", address="127.0.0.9", registration=1
    )
    group = TargetGroupSnapshot(
        arn=TG,
        metric_name="",
        health_check=HealthCheck(),
        targets=(target,),
        algorithm=Algorithm.WEIGHTED_RANDOM,
        anomaly_mitigation=True,
    )
    mitigated = Mitigated(target_group_arn=TG, target_id="i-1", port=80, anomalous=True)
    return LoadBalancerMetricsController(
        store,
        OneHealthyTarget(),
        1.0,
        lambda: (HostCensus(LB, ("us-east-1a",), shifted, group),),
        mitigated=lambda: (mitigated,),
    )


def report(store: MetricStore, **fields: object) -> dict[str, list[MetricKey]]:
    """Every metric after one bucket of traffic, by name."""
    metrics = controller(store, shifted="us-east-1a")
    row = CounterRow.model_validate({"load_balancer_arn": LB, "target_group_arn": TG, "zone": "us-east-1a", **fields})
    metrics.on_counters(Counters(bucket_start_s=NOW_S, rows=(row,)))
    metrics.tick(NOW_S + 70)
    found: dict[str, list[MetricKey]] = {}
    for key in store.keys("123456789012", "us-east-1"):
        found.setdefault(key.name, []).append(key)
    return found


def everything() -> dict[str, object]:
    counted = {field: 9 for _, _, _, field in OF_ROWS.values() if field != "latency_buckets"}
    return {**counted, "latency_buckets": {bucket_of(0.1): 1}, "elb_503": 1}


@pytest.mark.parametrize("name", TABLE)
def test_a_metric_is_published_under_the_tables_sets_of_dimensions_and_no_other(name):
    store = MetricStore()
    keys = report(store, **everything())[name]
    dimensions, unit, _, _ = TABLE[name]
    assert {" ".join(part for part, _ in key.dimensions) for key in keys} == dimensions
    assert {one for key in keys for one in store.units(key)} == {unit}


def test_nothing_is_published_that_is_not_in_the_table():
    assert set(report(MetricStore(), **everything())) == set(TABLE)


@pytest.mark.parametrize("name", [name for name, row in OF_ROWS.items() if row[2] == "nonzero"])
def test_a_count_of_zero_is_not_reported(name):
    """With every other field counted."""
    fields = {**everything(), OF_ROWS[name][3]: {} if name == "TargetResponseTime" else 0}
    if name == "HTTPCode_ELB_5XX_Count":
        fields |= {"elb_502": 0, "elb_503": 0, "elb_504": 0}
    assert name not in report(MetricStore(), **fields)


@pytest.mark.parametrize("name", ["DroppedInvalidHeaderRequestCount", "ForwardedInvalidHeaderRequestCount"])
def test_what_is_always_reported_is_zero_with_requests_and_silent_without(name):
    assert name in report(MetricStore(), requests=3)
    assert name not in report(MetricStore())


def test_the_table_has_no_row_without_requests_but_those_of_hosts():
    of_hosts = {name for name, row in TABLE.items() if row[3] is None}
    assert set(report(MetricStore())) == of_hosts
