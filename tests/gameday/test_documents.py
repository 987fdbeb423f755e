"""Bad files are refused with file, line, field and the way out."""

from pathlib import Path

import pytest

from blackstart.domain.errors import DocumentError
from blackstart.domain.experiment import Experiment
from blackstart.gameday.documents import load_document, load_experiment

SLO = """\
apiVersion: openslo/v1
kind: SLO
metadata: {name: availability}
spec:
  service: web
  indicator:
    metadata: {name: good, annotations: {blackstart/sli: availability}}
    spec: {}
  timeWindow: [{duration: 30d, isRolling: true}]
  budgetingMethod: Occurrences
  objectives: [{target: 0.999}]
"""

EXPERIMENT = """\
title: One instance
seed: 1
stack: emulator
load:
  load_balancer: web
  rate_per_s: 200
  slos: [SLO_PATH]
phases: {baseline_s: 160, fault_s: 240, recovery_s: 160}
steady_state_hypothesis:
  title: six
  probes:
    - {type: healthy-targets, target_group: web, at_least: 6}
targets:
  one: {resource_type: "aws:ec2:instance", name: web}
blast_radius: {max_count: 1, max_percent: 20, keep_healthy: 4}
method:
  - {action: terminate-instances, targets: one}
tolerances:
  - phase: fault
    slos: {availability: 0.97}
"""


@pytest.fixture
def write(tmp_path: Path):
    (tmp_path / "slo.yaml").write_text(SLO)

    def write_experiment(old: str = "", new: str = "") -> Path:
        text = EXPERIMENT.replace("SLO_PATH", str(tmp_path / "slo.yaml"))
        assert old in text
        path = tmp_path / "experiment.yaml"
        path.write_text(text.replace(old, new, 1))
        return path

    return write_experiment


def test_a_good_experiment_brings_its_slos(write):
    experiment, slos = load_experiment(write())
    assert experiment.title == "One instance"
    assert [slo.name for slo in slos] == ["availability"]


@pytest.mark.parametrize(
    ("old", "new", "line", "field", "words"),
    [
        ("rate_per_s: 200", "rate_per_sec: 200", 6, "load.rate_per_sec", "Did you mean rate_per_s?"),
        ("seed: 1", "seed: one", 2, "seed", "integer"),
        ("at_least: 6", "at_most: 6", 12, "steady_state_hypothesis.probes[0].at_most", "Did you mean at_least?"),
        ("max_count: 1", "max_count: 0", 15, "blast_radius.max_count", "greater than or equal to 1"),
        ("stack: emulator\n", "", None, "stack", "is missing"),
        ("targets: one}", "targets: two}", None, "", "'two'"),
        ("{availability: 0.97}", "{latency: 0.97}", 20, "tolerances[0].slos.latency", "availability"),
        ("seed: 1", "seed: 1\nseed: 2", 3, "seed", "written twice"),
        ("phases: {", "phases: {{", 9, "", "not YAML"),
        ("action: terminate-instances", "action: terminate", 17, "method[0].action", "terminate-instances"),
        ("targets: one}", "targets: one, parameters: {hard: true}}", 17, "method[0].parameters", "hard"),
        ("type: healthy-targets", "type: healthy", 12, "steady_state_hypothesis.probes[0]", "healthy-targets"),
    ],
)
def test_what_is_wrong_is_named_with_its_line_and_the_way_out(write, old, new, line, field, words):
    with pytest.raises(DocumentError) as caught:
        load_experiment(write(old, new))
    assert caught.value.line == line
    assert caught.value.field == field
    assert words in str(caught.value)
    assert "experiment.yaml" in str(caught.value)


def test_a_missing_slo_file_is_named_with_who_asked_for_it(write, tmp_path):
    with pytest.raises(DocumentError, match=r"nowhere\.yaml: no such file \(named by .*experiment\.yaml: load\.slos\)"):
        load_experiment(write(str(tmp_path / "slo.yaml"), "nowhere.yaml"))


def test_a_missing_experiment_lists_the_ones_that_are_there(write, tmp_path):
    write()
    with pytest.raises(DocumentError, match=r"There are: .*experiment\.yaml"):
        load_document(tmp_path / "other.yaml", Experiment)
