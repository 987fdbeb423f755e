from math import log
from pathlib import Path

import pytest
import yaml

from blackstart.domain.slo import Sli, Slo

SLOS = Path(__file__).parents[2] / "loadtests" / "slos"


def slo(name: str) -> Slo:
    return Slo.model_validate(yaml.safe_load((SLOS / f"{name}.yaml").read_text()))


def test_availability_is_three_nines_of_requests() -> None:
    availability = slo("availability")
    assert (availability.sli, availability.target_ratio, availability.threshold_ms) == (Sli.AVAILABILITY, 0.999, None)
    assert availability.budget_s == pytest.approx(2592.0)


def test_latency_is_two_nines_within_the_derived_threshold() -> None:
    latency = slo("latency")
    assert (latency.sli, latency.target_ratio) == (Sli.LATENCY, 0.99)
    assert latency.threshold_ms == pytest.approx((10.0 * 1000.0) ** 0.5)


def test_the_cloudwatch_threshold_is_the_annotated_one() -> None:
    latency = slo("latency")
    assert latency.threshold_ms is not None
    metrics = latency.spec.indicator.spec["ratioMetric"]["good"]["metricSource"]["spec"]["metrics"]
    assert metrics["quick"] == {"name": "TargetResponseTime", "stat": f"TC(:{latency.threshold_ms / 1000:g})"}


@pytest.mark.parametrize("name", ["availability", "latency"])
def test_each_indicator_is_a_ratio_of_cloudwatch_metrics(name: str) -> None:
    ratio = slo(name).spec.indicator.spec["ratioMetric"]
    parts = {part: ratio[part]["metricSource"] for part in ("good", "bad", "total") if part in ratio}
    assert len(parts) == 2, "OpenSLO: total with either good or bad"
    assert "total" in parts
    for source in parts.values():
        assert source["type"] == "CloudWatch"
        assert set(source["spec"]["expression"].replace("+", " ").split()) == set(source["spec"]["metrics"])


@pytest.mark.parametrize(("name", "requests"), [("availability", "2,995"), ("latency", "299 requests")])
def test_the_comment_names_the_requests_that_a_claim_needs(name: str, requests: str) -> None:
    needed = log(0.05) / log(slo(name).target_ratio)
    assert abs(float(requests.split(maxsplit=1)[0].replace(",", "")) - needed) < 1.0
    assert requests in (SLOS / f"{name}.yaml").read_text()
