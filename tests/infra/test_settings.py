"""Wrong configuration is refused before anything is declared, by key and with what to change."""

import importlib.util
import sys
from pathlib import Path

import pytest

from blackstart.deploy.project import load_program

PROJECT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def settings():
    spec = importlib.util.spec_from_file_location("infra_settings", PROJECT / "infra" / "settings.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


class Config:
    """Pulumi's Config without Pulumi's process-wide state."""

    def __init__(self, **changed):
        program = load_program(PROJECT, "emulator", "http://127.0.0.1:1", "us-east-1", changed)
        self.values = {key.removeprefix("blackstart:"): value for key, value in program.config.items()}

    def require(self, key):
        return self.values[key]

    def require_int(self, key):
        return int(self.values[key])

    def require_bool(self, key):
        return self.values[key] == "true"


def test_the_defaults_are_statically_stable(settings):
    loaded = settings.load_settings(Config())
    assert (loaded.min_size, loaded.capacity.per_zone, loaded.statically_stable) == (6, 2, True)
    assert (loaded.health_check.interval_s, loaded.health_check.timeout_s) == (10, 5)


def test_fewer_instances_than_static_stability_asks_for_are_allowed(settings):
    loaded = settings.load_settings(Config(minSize="1"))
    assert (loaded.min_size, loaded.statically_stable) == (1, False)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"minSize": "13"}, "minSize 13 is above maxSize 12: raise maxSize to at least 13 or lower minSize"),
        ({"peakInstances": "10"}, "raise maxSize to at least 15, or set minSize"),
        ({"peakInstances": "0"}, "peakInstances is 0: set it between 1 and 1000"),
        ({"healthCheckTimeoutS": "10"}, "healthCheckTimeoutS 10 is not below healthCheckIntervalS 10"),
        ({"unhealthyThreshold": "11"}, "unhealthyThreshold is 11: set it between 2 and 10"),
        ({"deregistrationDelayS": "3601"}, "deregistrationDelayS is 3601"),
        ({"latencyP99AlarmMs": "0"}, "latencyP99AlarmMs is 0"),
        ({"vpcCidr": "10.0.0.1/16"}, "vpcCidr is 10.0.0.1/16: 10.0.0.1/16 has host bits set; write a block such as"),
        ({"vpcCidr": "10.0.0.0/8"}, "vpcCidr is 10.0.0.0/8: set a block between /16 and /24"),
    ],
)
def test_a_wrong_value_is_named_with_what_to_change(settings, changed, said):
    with pytest.raises(settings.SettingsError) as refused:
        settings.load_settings(Config(**changed))
    assert said in str(refused.value)


def test_all_wrong_values_are_told_at_once(settings):
    with pytest.raises(settings.SettingsError) as refused:
        settings.load_settings(Config(healthCheckTimeoutS="200", unhealthyThreshold="1"))
    assert "healthCheckTimeoutS" in str(refused.value)
    assert "unhealthyThreshold" in str(refused.value)
