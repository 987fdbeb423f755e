"""Target health as the API answers it, over moto's own serializer."""

import importlib.util
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

HERE = Path(__file__).parent


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"target_health_tests_{name}", HERE / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def rig() -> Iterator[Any]:
    made = load("rig").Rig()
    yield made
    made.close()


def test_a_targets_health_its_check_port_and_its_override_are_answered(rig: Any) -> None:
    stack = load("web_stack").WebStack(rig.client, desired=2)
    rig.run(60, 5)
    well, sick = sorted(stack.members())
    rig.sick.add(sick)
    rig.run(2)
    described = stack.elb.describe_target_health(TargetGroupArn=stack.target_group)["TargetHealthDescriptions"]
    by_id = {one["Target"]["Id"]: one for one in described}
    override = {
        "State": "no_override",
        "Reason": "AdministrativeOverride.NoOverride",
        "Description": "No override is currently active on target",
    }
    assert by_id[well] == {
        "Target": {"Id": well, "Port": 8080},
        "HealthCheckPort": "8080",
        "TargetHealth": {"State": "healthy"},
        "AdministrativeOverride": override,
    }
    assert by_id[sick]["TargetHealth"]["Reason"] == "Target.FailedHealthChecks"
    stack.elb.modify_target_group(TargetGroupArn=stack.target_group, HealthCheckPort="9000")
    asked = stack.elb.describe_target_health(TargetGroupArn=stack.target_group, Targets=[{"Id": well}])
    assert [one["HealthCheckPort"] for one in asked["TargetHealthDescriptions"]] == ["9000"]


def test_a_deregistered_port_drains_while_the_other_stays(rig: Any) -> None:
    stack = load("web_stack").WebStack(rig.client, desired=1)
    rig.run(60, 5)
    (member,) = stack.members()
    stack.elb.register_targets(TargetGroupArn=stack.target_group, Targets=[{"Id": member, "Port": 9090}])
    stack.elb.deregister_targets(TargetGroupArn=stack.target_group, Targets=[{"Id": member, "Port": 8080}])
    rig.run(2)
    described = stack.elb.describe_target_health(TargetGroupArn=stack.target_group)["TargetHealthDescriptions"]
    assert {one["Target"]["Port"]: one["TargetHealth"]["State"] for one in described} == {
        8080: "draining",
        9090: "healthy",
    }
