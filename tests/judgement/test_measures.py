"""How rows are cut into phases, and what is measured from them."""

import pytest
from judged_run_builder import BASELINE_S, REPLACEMENT, VICTIM, ZONES, JudgedRun, alarm, answered, ns

from blackstart.domain.experiment import Phase
from blackstart.domain.headroom import highest_speed
from blackstart.domain.recording import Outcome, RequestRow
from blackstart.judgement.timeline import bucket_length_s

GOOD = JudgedRun()


def failed(at_s: float, until_s: float) -> RequestRow:
    return RequestRow(intended_ns=ns(at_s), start_ns=ns(at_s), end_ns=ns(until_s), outcome=Outcome.RESET)


def test_a_request_that_was_open_when_the_fault_began_belongs_to_the_fault() -> None:
    judgement = GOOD.with_rows([*GOOD.rows, failed(-0.5, 0.5)]).judged()
    bad = {figures.phase: figures.bad for figures in judgement.figures if figures.zone == ""}
    assert bad == {Phase.BASELINE: 0, Phase.FAULT: 59, Phase.RECOVERY: 0}


def test_the_zones_of_a_phase_add_up_to_its_traffic() -> None:
    figures = [each for each in GOOD.judged().figures if each.phase is Phase.FAULT]
    whole, zones = figures[0], figures[1:]
    assert [each.zone for each in zones] == [*ZONES, "unknown"]
    assert sum(each.requests for each in zones) == whole.requests
    assert sum(each.bad for each in zones) == whole.bad == 58


def test_latency_counts_from_the_moment_the_schedule_wanted() -> None:
    late = answered(300.0, REPLACEMENT, 900.0).model_copy(update={"start_ns": ns(300.0) + 890_000_000})
    figures = [each for each in GOOD.with_rows([*GOOD.rows, late]).judged().figures if each.zone == ""]
    assert figures[2].latency_max_ms == pytest.approx(900.0)


def test_the_budget_is_the_bad_share_of_each_phase_times_its_length() -> None:
    headlines = GOOD.judged().headlines
    fault = next(each for each in GOOD.judged().figures if each.phase is Phase.FAULT)
    assert headlines.budget_spent_s == pytest.approx(58 / fault.requests * 300.1, rel=1e-4)
    assert headlines.budget_s == pytest.approx(2592.0)


def test_a_single_bad_request_is_a_window_of_zero() -> None:
    rows = [row for row in GOOD.rows if row.good]
    assert GOOD.with_rows([*rows, failed(5.0, 5.1)]).judged().headlines.error_window_s == 0.0
    assert GOOD.with_rows(rows).judged().headlines.error_window_s is None


def test_the_timeline_counts_from_the_injection_and_covers_the_three_phases() -> None:
    timeline = GOOD.judged().timeline
    assert timeline.bucket_s == 5.0
    assert timeline.traffic[0].at_s == -BASELINE_S
    assert sum(bucket.requests for bucket in timeline.traffic) == len(GOOD.rows)
    assert timeline.healthy == ((-BASELINE_S, 6), (17.4, 5), (76.0, 6))
    fault = next(band for band in timeline.bands if band.lane == "fault")
    assert (fault.start_s, fault.end_s) == (0.0, 76.0)
    victim = [band.state for band in timeline.bands if band.label.startswith(VICTIM)]
    assert victim == ["healthy", "unhealthy", "draining"]


@pytest.mark.parametrize(("span_s", "bucket_s"), [(100, 1.0), (240, 1.0), (300, 2.0), (660, 5.0), (7200, 30.0)])
def test_a_timeline_has_at_most_240_buckets(span_s: float, bucket_s: float) -> None:
    assert bucket_length_s(span_s) == bucket_s


def test_the_first_alarm_detected_the_fault_even_if_nobody_expected_it() -> None:
    judgement = GOOD.adding(alarm(20.0, "unhealthy-hosts", "OK", "ALARM")).judged()
    assert judgement.headlines.detect_s == 20.0
    assert judgement.headlines.detected_by == "unhealthy-hosts"
    noted = next(finding for finding in judgement.findings if finding.subject == "other alarms")
    assert (
        noted.summary
        == "Also went to ALARM, without being expected: unhealthy-hosts after 20 s and elb-5xx after 65 s."
    )


def test_an_alarm_that_fired_names_its_runbook() -> None:
    elsewhere = alarm(70.0, "healthy-hosts", "OK", "ALARM", ZONES[1])
    said = {finding.subject: finding.summary for finding in GOOD.adding(elsewhere).judged().findings}
    assert said["alarm healthy-hosts"].endswith("180 s allowed (runbook: runbooks/healthy-hosts.md).")
    assert "healthy-hosts us-east-1b after 70 s (runbook: runbooks/healthy-hosts.md)" in said["other alarms"]


def test_a_measured_span_outside_its_prediction_is_told_and_does_not_fail_the_run() -> None:
    plan = next(event for _, event in GOOD.events if event.kind == "plan")
    action = plan.actions[0].model_copy(update={"detection_s": (1.0, 10.0)})
    judgement = GOOD.changing("plan", actions=(action,)).judged()
    assert judgement.exit_code == 0
    assert judgement.predictions[0].measured_s == 17.4
    assert judgement.predictions[0].within is False


def test_a_detection_is_called_that_of_the_first_node() -> None:
    detection, replacement = GOOD.judged().predictions
    assert detection.what == "detection of terminate-instances by the first node"
    assert replacement.what == "replacement after terminate-instances"


@pytest.mark.parametrize(
    ("share", "allowed", "speed", "would_do"),
    [(0.82, 0.5, 10, 6.0), (3.0, 0.5, 10, 1.6), (0.1, 0.05, 10, 5.0), (0.9, 0.05, 10, None)],
)
def test_the_highest_speed_that_would_do_is_rounded_down(
    share: float, allowed: float, speed: float, would_do: float | None
) -> None:
    assert highest_speed(share, allowed, speed) == would_do


def test_a_run_that_is_too_fast_for_the_machine_names_the_speed_that_would_do() -> None:
    judgement = GOOD.changing("emulator_measured", probe_p99_real_s=0.41).judged()
    assert [finding.advice for finding in judgement.findings if finding.advice] == ["Run again with --speed 6."]
