"""Target health as the API answers it, over moto's own serializer."""

from typing import Any

import web_stack

from blackstart.emulator.protocol import Lag, Mitigated


def test_a_targets_health_its_check_port_and_its_override_are_answered(rig: Any) -> None:
    stack = web_stack.WebStack(rig.client, desired=2)
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


def test_what_anomaly_detection_found_is_answered_while_mitigation_is_on(rig: Any) -> None:
    stack = web_stack.WebStack(rig.client, desired=3)
    rig.run(60, 5)
    first, second, third = sorted(stack.members())
    mitigated = tuple(
        Mitigated(target_group_arn=stack.target_group, target_id=one, port=8080, anomalous=one == first)
        for one in (first, second)
    )
    rig.controllers.apply(Lag(probes=0, probe_p99_real_s=0, check_lag_p99_real_s=0, mitigated=mitigated))

    def detected() -> dict[str, dict[str, str] | None]:
        described = stack.elb.describe_target_health(TargetGroupArn=stack.target_group)["TargetHealthDescriptions"]
        return {one["Target"]["Id"]: one.get("AnomalyDetection") for one in described}

    assert detected() == dict.fromkeys((first, second, third))
    stack.elb.modify_target_group_attributes(
        TargetGroupArn=stack.target_group,
        Attributes=[
            {"Key": "load_balancing.algorithm.type", "Value": "weighted_random"},
            {"Key": "load_balancing.algorithm.anomaly_mitigation", "Value": "on"},
        ],
    )
    assert detected() == {
        first: {"Result": "anomalous", "MitigationInEffect": "yes"},
        second: {"Result": "normal", "MitigationInEffect": "yes"},
        third: {"Result": "normal", "MitigationInEffect": "no"},
    }


def test_a_deregistered_port_drains_while_the_other_stays(rig: Any) -> None:
    stack = web_stack.WebStack(rig.client, desired=1)
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
