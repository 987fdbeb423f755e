"""The first signal ends the run in order; a second one does not cut that short."""

import signal

import pytest

from blackstart.gameday.interruption import Interruption, RunStopped


def send(number):
    signal.raise_signal(number)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_outside_an_interruptible_part_is_noted_and_raised_at_the_next_check(number):
    interruption = Interruption()
    with interruption.handled():
        send(number)
        with pytest.raises(RunStopped) as caught:
            interruption.check()
    assert caught.value.cause == "terminated"


def test_a_signal_inside_an_interruptible_part_raises_at_once():
    interruption = Interruption()
    with interruption.handled(), pytest.raises(RunStopped) as caught, interruption.interruptible():
        send(signal.SIGINT)
    assert caught.value.cause == "interrupted"


def test_a_second_signal_does_not_cut_the_clean_up_short():
    interruption = Interruption()
    with interruption.handled():
        send(signal.SIGINT)
        with pytest.raises(RunStopped):
            interruption.check()
        send(signal.SIGINT)
        interruption.check()


def test_the_old_handlers_are_put_back():
    before = signal.getsignal(signal.SIGINT)
    with Interruption().handled():
        assert signal.getsignal(signal.SIGINT) != before
    assert signal.getsignal(signal.SIGINT) == before
