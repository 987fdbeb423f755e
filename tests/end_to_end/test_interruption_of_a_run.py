"""Ctrl-C at each phase and SIGKILL of the runner: nothing is left, and the journal says what happened."""

import signal

import pytest

FAST = ("--speed", "30")  # the verdict is not about timing here
PRE_FORKING = (*FAST, "--app", "python3 tests/end_to_end/services/pre_forking.py")
SHORT = (60, 120, 60)


@pytest.mark.parametrize("phase", ["start", "deploy", "settle", "baseline", "fault", "recovery", "drain"])
def test_ctrl_c_ends_the_run_in_order(rehearse, variant, phase):
    run = rehearse(variant("crash-service", SHORT), *PRE_FORKING)
    run.wait_for_phase(phase)
    run.process.send_signal(signal.SIGINT)
    run.wait()
    assert run.code == 130, run.stderr + run.stdout
    assert "Traceback" not in run.stderr
    run.assert_nothing_is_left()
    (stop,) = run.events("stop")
    assert stop["cause"] == "interrupted"
    assert run.judgement()["verdict"] == "interrupted"
    assert len(run.events("reverted")) == len(run.events("intent"))
    assert run.events("intent") or phase not in ("recovery", "drain")


def test_a_second_ctrl_c_does_not_cut_the_restoring_short(rehearse, variant):
    run = rehearse(variant("crash-service", SHORT), *FAST)
    run.wait_for_phase("fault")
    run.process.send_signal(signal.SIGINT)
    run.wait_for_phase("restore")
    run.process.send_signal(signal.SIGINT)
    run.wait()
    assert run.code == 130
    assert [event["restored"] for event in run.events("reverted")] == ["yes"]
    run.assert_nothing_is_left()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_term_and_a_closed_terminal_are_told_from_int(rehearse, variant, number):
    run = rehearse(variant("crash-service", SHORT), *FAST)
    run.wait_for_phase("baseline")
    run.process.send_signal(number)
    assert run.wait().code == 143
    run.assert_nothing_is_left()


@pytest.mark.parametrize("phase", ["deploy", "fault"])
def test_killing_the_runner_leaves_no_process_and_a_journal_that_can_be_judged(rehearse, variant, phase):
    run = rehearse(variant("crash-service", SHORT), *PRE_FORKING)
    run.wait_for_phase(phase)
    run.process.kill()
    run.wait()
    run.assert_nothing_is_left()
    assert run.events("phase_started")[-1]["phase"] == phase
    assert not run.events("verdict")


def test_a_reader_that_goes_away_stops_the_showing_and_not_the_run(rehearse, variant):
    run = rehearse(variant("crash-service", SHORT), *FAST)
    run.wait_for_phase("baseline")
    run.process.stdout.close()
    run.process.stderr.close()
    run.process.wait(120)
    assert [event["phase"] for event in run.events("phase_ended")][-2:] == ["drain", "restore"]
    assert run.events("reverted")
    (verdict,) = run.events("verdict")
    assert verdict["exit_code"] == run.code
    assert (run.folder / "report.html").exists()


def test_a_stop_file_that_is_there_already_keeps_anything_from_being_broken(rehearse, variant, tmp_path):
    stop = tmp_path / "STOP"
    stop.touch()

    def stop_file(document: dict) -> None:
        document["stop_conditions"] = [{"type": "stop-file", "path": str(stop)}]

    run = rehearse(variant("terminate-instance", SHORT, stop_file), *FAST).wait()
    assert run.code == 15, run.stderr
    assert not run.events("intent")


def test_a_stop_file_aborts(rehearse, variant, tmp_path):
    stop = tmp_path / "STOP"

    def stop_file(document: dict) -> None:
        document["stop_conditions"] = [{"type": "stop-file", "path": str(stop)}]

    run = rehearse(variant("terminate-instance", SHORT, stop_file), *FAST)
    run.wait_for_phase("fault")
    stop.touch()
    assert run.wait().code == 15, run.stderr
    run.assert_nothing_is_left()


def test_an_emulator_that_dies_is_an_error_on_the_journal_and_not_a_verdict_on_the_system(rehearse, variant):
    run = rehearse(variant("crash-service", SHORT), *FAST)
    run.wait_for_phase("baseline")
    (emulator,) = [p for p in run.started() if p.cmdline()[1:3] == ["-m", "blackstart.emulator"]]
    emulator.kill()
    run.wait()
    assert run.code == 1, run.stderr + run.stdout
    assert "Traceback" not in run.stderr
    assert run.events("run_failed")
    run.assert_nothing_is_left()
