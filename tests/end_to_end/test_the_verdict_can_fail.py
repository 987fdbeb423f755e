"""A check that cannot fail is no check: runs that must not be green, each for its own reason."""

import os
import re
import signal

import pytest

SHORT = (60, 120, 40)


def broken(judgement: dict, verdict: str) -> list[dict]:
    return [finding for finding in judgement["findings"] if finding["verdict"] == verdict]


def broken_availability(run) -> list[dict]:
    deviated = broken(run.judgement(), "deviated")
    return [f for f in deviated if f.get("slo") == "availability" and f["phase"] == "fault"]


@pytest.mark.alone
def test_a_load_balancer_that_gives_up_too_late_deviates_and_says_by_how_much(rehearse, variant):
    """Ten failed checks at 30 s: a crashed instance keeps its sixth of the traffic for up to 300 s."""
    experiment = variant("crash-service", (60, 240, 100))
    config = ("--config", "healthCheckIntervalS=30", "--config", "unhealthyThreshold=10")
    run = rehearse(experiment, *config).wait()
    assert run.code == 10, run.stderr + run.stdout
    (availability,) = broken_availability(run)
    assert availability["measured"] < 0.9 < availability["limit"]
    assert "percentage points too low" in run.stdout
    detection = next(p for p in run.judgement()["predictions"] if "detection" in p["what"])
    assert 270 <= detection["measured_s"] <= 310
    run.assert_nothing_is_left()


@pytest.mark.alone
def test_one_instance_instead_of_six_deviates(rehearse, variant):
    def one_instance(document: dict) -> None:
        document["steady_state_hypothesis"]["probes"][0]["at_least"] = 1
        document["blast_radius"] = {
            "max_count": 1,
            "max_percent": 100,
            "max_percent_per_zone": 100,
            "max_zones": 1,
            "keep_healthy": 0,
        }
        document["stop_conditions"] = []
        document["expectations"]["recovery"]["healthy_targets"] = 1

    experiment = variant("terminate-instance", SHORT, one_instance)
    run = rehearse(experiment, "--config", "minSize=1", "--config", "maxSize=2").wait()
    assert run.code == 10, run.stderr + run.stdout
    (availability,) = broken_availability(run)
    assert availability["measured"] < availability["limit"]
    assert "percentage points too low" in run.stdout


def test_a_fault_that_never_took_effect_is_inconclusive(rehearse, variant):
    def other_unit(document: dict) -> None:
        document["method"][0]["parameters"]["service"] = "no-such-unit"

    run = rehearse(variant("crash-service", (60, 60, 40), other_unit)).wait()
    assert run.code == 12, run.stderr + run.stdout
    assert "no-such-unit" in (run.folder / "judgement.json").read_text()


def test_a_load_generator_that_is_killed_half_way_is_invalid(rehearse, variant):
    run = rehearse(variant("terminate-instance", SHORT))
    run.wait_for_phase("fault")
    (locust,) = [p for p in run.started() if any("locust" in word for word in p.cmdline())]
    os.kill(locust.pid, signal.SIGKILL)
    run.wait()
    assert run.code == 13, run.stderr + run.stdout
    run.assert_nothing_is_left()


def test_a_machine_too_slow_for_the_speed_is_invalid_and_names_the_speed_that_would_do(rehearse, variant):
    experiment = variant("terminate-instance", (60, 60, 40))
    run = rehearse(experiment, "--app", "python3 tests/end_to_end/services/slow_health.py").wait()
    assert run.code == 13, run.stderr + run.stdout
    (timekeeping,) = broken(run.judgement(), "invalid")
    assert timekeeping["measured"] == pytest.approx(0.6, abs=0.2)
    assert re.search(r"--speed [5-8]", timekeeping["advice"])
    assert timekeeping["advice"] in run.stdout
