"""Where the load of an experiment is aimed."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from blackstart.domain.clock import Anchor
from blackstart.domain.emulator_status import served_port
from blackstart.domain.experiment import Experiment, Load
from blackstart.domain.stack import LoadBalancer
from blackstart.gameday.place import Place
from blackstart.load.generator import LoadSettings

BALANCER = LoadBalancer(
    name="web",
    arn="arn",
    resource_name="web",
    dns_name="web-1.elb.amazonaws.com",
    zones=("us-east-1a", "us-east-1b"),
    listener_ports=(80, 443),
    https_ports=(443,),
)


def settings(**load: Any) -> LoadSettings:
    aimed = Load(load_balancer="web", path="/healthz", rate_per_s=10, slos=("slo.yaml",), **load)
    experiment = Experiment.model_construct(load=aimed, seed=1)
    anchor = Anchor(monotonic_ns=0, epoch_s=0, speed=10)
    place = Place(lambda: None, anchor, 0.0, served_port, ca_bundle=Path("ca.pem"))  # type: ignore[arg-type, return-value]
    return place.load_settings(experiment, BALANCER, Path("runs"))


def test_a_port_that_speaks_https_is_asked_over_https_by_those_who_trust_the_bundle() -> None:
    over_tls = settings(port=443, host="shop.example.com")
    assert over_tls.url == "https://web-1.elb.amazonaws.com:8443/healthz"
    assert (over_tls.host, over_tls.ca_bundle) == ("shop.example.com", Path("ca.pem"))


def test_a_port_that_speaks_http_is_asked_over_http() -> None:
    plain = settings()
    assert (plain.url, plain.host) == ("http://web-1.elb.amazonaws.com:8080/healthz", None)


@pytest.mark.parametrize("host", ["", "a b", "http://shop.example.com", "shop:80"])
def test_a_host_is_a_name_and_nothing_else(host: str) -> None:
    with pytest.raises(ValidationError):
        Load(load_balancer="web", rate_per_s=10, slos=("slo.yaml",), host=host)
