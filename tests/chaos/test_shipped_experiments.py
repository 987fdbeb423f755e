"""The two shipped experiments are valid, and their numbers are what the stack's own numbers imply."""

from math import ceil, log
from pathlib import Path

import pytest
import yaml

from blackstart.domain.experiment import Experiment, HealthyTargetsProbe, HealthyTargetsStop, Phase
from blackstart.domain.failover import Span, detection, expected_bad_ratio
from blackstart.domain.slo import Slo
from blackstart.domain.static_stability import static_stability
from blackstart.domain.target_health import HealthCheck
from blackstart.faults.registry import fault_named
from blackstart.injection.planning import predict_recovery

PROJECT = Path(__file__).parents[2]
DEFAULTS = {
    key: field["default"] for key, field in yaml.safe_load((PROJECT / "Pulumi.yaml").read_text())["config"].items()
}
CHECK = HealthCheck(
    path="/healthz",
    interval_s=DEFAULTS["healthCheckIntervalS"],
    timeout_s=DEFAULTS["healthCheckTimeoutS"],
    healthy_threshold=DEFAULTS["healthyThreshold"],
    unhealthy_threshold=DEFAULTS["unhealthyThreshold"],
)
CAPACITY = static_stability(peak_instances=DEFAULTS["peakInstances"], zones=3)
DETECTION = detection(CHECK, silent=False)
SPEED = 10
ALARM_PERIOD_S, ALARM_EVALUATION_S, METRIC_DELAY_S = 60, 60, 120
LEARNT = {"terminate-instance": Span(shortest_s=0, longest_s=0), "crash-service": DETECTION}


def load(name: str) -> Experiment:
    return Experiment.model_validate(yaml.safe_load((PROJECT / "chaos" / f"{name}.yaml").read_text()))


@pytest.fixture(params=sorted(LEARNT))
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def experiment(name: str) -> Experiment:
    return load(name)


def test_every_action_is_a_known_fault_with_parameters_it_accepts(experiment: Experiment) -> None:
    assert experiment.method
    for action in experiment.method:
        fault_named(action.action).check_parameters(action.parameters)


def test_its_files_exist_and_the_tolerances_name_their_slos(experiment: Experiment) -> None:
    names = {Slo.model_validate(yaml.safe_load((PROJECT / path).read_text())).name for path in experiment.load.slos}
    assert {slo for tolerance in experiment.tolerances for slo in tolerance.slos} == names
    assert (PROJECT / experiment.load.locustfile).is_file()
    assert (PROJECT / experiment.rehearsal.app[-1]).is_file()
    assert (PROJECT / f"Pulumi.{experiment.stack}.yaml").is_file()


@pytest.mark.parametrize("phase", list(Phase))
def test_each_judged_phase_has_enough_requests_for_its_claim(experiment: Experiment, phase: Phase) -> None:
    needed = ceil(log(0.05) / log(0.999))
    assert needed == 2995
    assert experiment.load.rate_per_s * experiment.phases.length_s(phase) / SPEED >= needed


@pytest.mark.parametrize("slo", ["availability", "latency"])
def test_the_fault_phase_leaves_twice_the_expected_bad_share(experiment: Experiment, slo: str) -> None:
    expected = expected_bad_ratio(DETECTION.longest_s, CAPACITY.total, experiment.phases.fault_s)
    tolerance = experiment.tolerance(Phase.FAULT, slo)
    assert tolerance == pytest.approx(1 - 2 * expected, abs=0.0005)
    assert tolerance is not None
    assert tolerance <= 1 - 2 * expected


def test_baseline_and_recovery_are_held_to_the_objectives(experiment: Experiment) -> None:
    assert {tolerance.phase for tolerance in experiment.tolerances} == {Phase.FAULT}


def test_alarms_are_awaited_for_detection_plus_period_plus_evaluation_plus_metric_delay(
    name: str, experiment: Experiment
) -> None:
    within_s = DETECTION.longest_s + ALARM_PERIOD_S + ALARM_EVALUATION_S + METRIC_DELAY_S
    expected = {"terminate-instance": ["healthy-hosts"], "crash-service": ["healthy-hosts", "unhealthy-hosts"]}[name]
    assert [(alarm.name, alarm.within_s) for alarm in experiment.expectations.alarms] == [
        (alarm, within_s) for alarm in expected
    ]


def test_recovery_may_take_twice_the_longest_prediction_and_is_watched_that_long(
    name: str, experiment: Experiment
) -> None:
    predicted = predict_recovery(LEARNT[name], CHECK)
    recovery = experiment.expectations.recovery
    assert recovery is not None
    assert recovery.healthy_targets == CAPACITY.total
    assert recovery.within_s == 2 * predicted.longest_s
    assert predicted.longest_s <= experiment.phases.fault_s
    assert recovery.within_s <= experiment.phases.fault_s + experiment.phases.recovery_s


def test_the_baseline_outlasts_the_grace_period(experiment: Experiment) -> None:
    assert experiment.phases.baseline_s > DEFAULTS["gracePeriodS"]


def test_the_blast_radius_allows_one_instance_and_not_two(experiment: Experiment) -> None:
    radius = experiment.blast_radius
    assert (radius.max_count, radius.max_zones) == (1, 1)
    assert 100 / CAPACITY.total <= radius.max_percent < 200 / CAPACITY.total
    assert radius.max_percent_per_zone == 100 / CAPACITY.per_zone
    assert radius.keep_healthy == DEFAULTS["peakInstances"]


def test_the_hypothesis_wants_the_whole_group_and_the_stop_condition_less_than_the_peak(experiment: Experiment) -> None:
    probes = experiment.steady_state_hypothesis.probes
    assert [p.at_least for p in probes if isinstance(p, HealthyTargetsProbe)] == [CAPACITY.total]
    stops = [s.count for s in experiment.stop_conditions if isinstance(s, HealthyTargetsStop)]
    assert stops == [DEFAULTS["peakInstances"] - 1]
