"""What a person sees while a run works."""

import json
from pathlib import Path

import pytest
import yaml

from blackstart.domain.clock import Anchor
from blackstart.domain.experiment import Experiment
from blackstart.domain.journal import RunPhase
from blackstart.domain.recording import LoadProgress
from blackstart.gameday.display import Display
from blackstart.gameday.progress import JsonProgress, LineProgress, LossyProgress, Moment, describe

EXPERIMENT = Experiment.model_validate(
    yaml.safe_load((Path(__file__).parents[2] / "chaos" / "terminate-instance.yaml").read_text())
)


class Shown(LineProgress):
    def __init__(self) -> None:
        super().__init__()
        self.moments: list[Moment] = []

    def show(self, moment: Moment) -> None:
        self.moments.append(moment)


@pytest.fixture
def shown() -> Shown:
    return Shown()


@pytest.fixture
def display(shown: Shown) -> Display:
    return Display(shown, EXPERIMENT, Anchor(monotonic_ns=0, epoch_s=0, speed=10))


def test_the_time_left_is_the_phase_s_and_all_that_follows(display, shown):
    display.enter(RunPhase.FAULT, EXPERIMENT.phases.fault_s)
    display.show(None, None)
    (moment,) = shown.moments
    assert moment.phase_left_real_s == pytest.approx(24, abs=0.5)
    assert moment.run_left_real_s == pytest.approx(24 + 16, abs=0.5)


def test_nothing_is_said_of_a_length_that_nobody_knows(display, shown):
    display.enter(RunPhase.BASELINE, 160)
    display.wait_on()
    display.show(None, None)
    assert shown.moments[0].phase_left_real_s is None
    assert shown.moments[0].run_left_real_s is None


def test_there_is_no_rate_before_the_generator_has_spoken_twice(display, shown):
    for sent in (200, 200, 400):
        display.show(LoadProgress(sent=sent, received=sent, bad=0, in_flight=0), None)
    assert [moment.rate_per_s is not None for moment in shown.moments] == [False, False, True]


def test_a_line_names_phase_traffic_errors_health_and_alarms():
    line = describe(
        Moment("fault", 24.0, 40.0, rate_per_s=199.6, sent=5406, bad=47, healthy=5, registered=6, in_alarm=("elb-5xx",))
    )
    for words in ("fault", "24 s left", "200 requests/s", "47 of 5406 bad", "5 of 6 targets healthy", "ALARM: elb-5xx"):
        assert words in line


def test_for_logs_a_phase_is_said_once_and_not_ten_times_a_second(capsys):
    progress = LineProgress()
    for _ in range(10):
        progress.show(Moment("settle"))
    progress.show(Moment("baseline"))
    said = capsys.readouterr().err.splitlines()
    assert ["settle" in line for line in said] == [True, False]


def test_for_machines_every_line_of_standard_error_is_json(capsys):
    progress = JsonProgress()
    progress.show(Moment("settle", healthy=3, registered=6))
    progress.say("deployed")
    shown, said = map(json.loads, capsys.readouterr().err.splitlines())
    assert shown["progress"]["healthy"] == 3
    assert said == {"note": "deployed"}


def test_a_terminal_that_was_closed_stops_the_showing_and_nothing_else():
    class Closed(LineProgress):
        tries = 0

        def show(self, moment: Moment) -> None:
            self.tries += 1
            raise BrokenPipeError

    closed = Closed()
    with LossyProgress(closed) as progress:
        progress.show(Moment("settle"))
        progress.show(Moment("settle"))
        progress.say("deployed")
    assert closed.tries == 1
