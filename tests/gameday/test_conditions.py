"""When a probe holds and when a run must stop."""

from dataclasses import dataclass, field

import pytest

from blackstart.domain.experiment import AlarmsOkProbe, AlarmStop, HealthyTargetsProbe, HealthyTargetsStop, StopFile
from blackstart.domain.target_health import TargetReason
from blackstart.gameday.conditions import probe_holds, stop_reason


@dataclass
class Last:
    healthy_targets: int = 6
    alarms: tuple[str, ...] = ()
    ill: dict[TargetReason | None, int] = field(default_factory=lambda: {TargetReason.INITIAL_HEALTH_CHECKING: 1})

    def ailing(self, target_group: str) -> dict[TargetReason | None, int]:
        return self.ill

    def healthy(self, target_group: str) -> int:
        return self.healthy_targets if target_group == "web" else 0

    def in_alarm(self) -> tuple[str, ...]:
        return self.alarms


@pytest.mark.parametrize(("healthy", "holds"), [(5, False), (6, True), (7, True)])
def test_a_group_needs_at_least_as_many_healthy_targets_as_the_probe_says(healthy, holds):
    probe = HealthyTargetsProbe(type="healthy-targets", target_group="web", at_least=6)
    held, text = probe_holds(probe, Last(healthy))
    assert held is holds
    assert text == f"web: {healthy} healthy targets, at least 6 wanted"


@pytest.mark.parametrize(
    ("ill", "words"),
    [
        ({TargetReason.TIMEOUT: 4}, "4 Target.Timeout: do security groups"),
        ({TargetReason.FAILED_HEALTH_CHECKS: 2}, "does the service listen on the target group's port"),
        (
            {TargetReason.RESPONSE_CODE_MISMATCH: 1, TargetReason.NOT_IN_USE: 1},
            "matcher takes?; 1 Target.NotInUse: does",
        ),
        ({}, "none is registered"),
    ],
)
def test_targets_that_are_not_healthy_are_told_with_what_to_look_at(ill, words):
    probe = HealthyTargetsProbe(type="healthy-targets", target_group="web", at_least=4)
    held, text = probe_holds(probe, Last(0, ill=ill))
    assert not held
    assert words in text


def test_without_names_any_alarm_breaks_the_hypothesis_and_with_names_only_these():
    anything = AlarmsOkProbe(type="no-alarm")
    named = AlarmsOkProbe(type="no-alarm", alarms=("healthy-hosts",))
    noisy = Last(alarms=("latency-p99",))
    assert probe_holds(anything, noisy) == (False, "in ALARM: latency-p99")
    assert probe_holds(named, noisy) == (True, "no alarm in ALARM")


@pytest.mark.parametrize(
    ("condition", "last", "exists", "reason"),
    [
        (AlarmStop(type="alarm", name="elb-5xx"), Last(alarms=("elb-5xx",)), False, "alarm elb-5xx is in ALARM"),
        (AlarmStop(type="alarm", name="elb-5xx"), Last(alarms=("other",)), False, None),
        (HealthyTargetsStop(type="healthy-targets-below", target_group="web", count=3), Last(3), False, None),
        (
            HealthyTargetsStop(type="healthy-targets-below", target_group="web", count=3),
            Last(2),
            False,
            "web has 2 healthy targets, below 3",
        ),
        (StopFile(type="stop-file", path="STOP"), Last(), True, "stop file STOP exists"),
        (StopFile(type="stop-file", path="STOP"), Last(), False, None),
    ],
)
def test_a_stop_condition_gives_its_reason_and_only_when_it_is_met(condition, last, exists, reason):
    assert stop_reason(condition, last, lambda path: exists) == reason
