from pathlib import Path
from typing import Any

import pytest

from blackstart.domain.errors import UsageError
from blackstart.domain.experiment import Arrivals
from blackstart.load.settings import LoadSettings

SETTINGS: dict[str, Any] = {
    "url": "https://web.example:8443/?q=1",
    "host": "shop.example.com",
    "ca_bundle": Path("state/ca.pem"),
    "rate_per_s": 200.0,
    "seed": 7,
    "dns": "127.0.0.1:5353",
    "timeout_real_s": 6.0,
    "speed": 10.0,
    "arrivals": Arrivals.POISSON,
    "out_dir": Path("runs/1"),
    "locustfile": Path("loadtests/locustfile.py"),
}


def test_settings_survive_the_way_through_the_environment() -> None:
    settings = LoadSettings(**SETTINGS)
    assert LoadSettings.from_environment(settings.to_environment()) == settings


def test_without_a_dns_server_the_variable_is_left_out() -> None:
    settings = LoadSettings(**(SETTINGS | {"dns": None}))
    assert "BLACKSTART_DNS" not in settings.to_environment()
    assert LoadSettings.from_environment(settings.to_environment()).dns_address is None


def test_the_variables_have_their_promised_names() -> None:
    names = "URL HOST CA_BUNDLE RATE_PER_S SEED DNS TIMEOUT_REAL_S SPEED ARRIVALS OUT LOCUSTFILE"
    assert set(LoadSettings(**SETTINGS).to_environment()) == {f"BLACKSTART_{name}" for name in names.split()}


@pytest.mark.parametrize("name", ["URL", "RATE_PER_S", "SEED", "TIMEOUT_REAL_S", "OUT"])
def test_a_missing_variable_is_named(name: str) -> None:
    environment = LoadSettings(**SETTINGS).to_environment()
    del environment[f"BLACKSTART_{name}"]
    with pytest.raises(UsageError, match=f"BLACKSTART_{name} is not set"):
        LoadSettings.from_environment(environment)


@pytest.mark.parametrize(
    ("name", "wrong", "complaint"),
    [
        ("RATE_PER_S", "many", "RATE_PER_S"),
        ("RATE_PER_S", "0", "greater than 0"),
        ("ARRIVALS", "bursty", "'fixed' or 'poisson'"),
        ("URL", "ftp://web.example/", "nor https://"),
        ("URL", "web.example", "http://host"),
        ("URL", "http://web.example:99999/", "no usable port"),
        ("DNS", "localhost", "address:port"),
        ("TIMEOUT_REAL_S", "-1", "greater than 0"),
    ],
)
def test_a_wrong_variable_is_named_with_what_is_wrong(name: str, wrong: str, complaint: str) -> None:
    environment = LoadSettings(**SETTINGS).to_environment() | {f"BLACKSTART_{name}": wrong}
    with pytest.raises(UsageError, match=complaint) as refused:
        LoadSettings.from_environment(environment)
    assert f"BLACKSTART_{name}" in str(refused.value)
