import pytest
from hypothesis import given
from hypothesis import strategies as st

from blackstart.emulator.decisions.instance_lifecycle import (
    Change,
    IncorrectStateError,
    InstanceLife,
    InstanceState,
    Request,
    advance,
    launched,
    requested,
)
from blackstart.emulator.parameters import Parameters

PARAMETERS = Parameters(pending_s=10, boot_s=15, shutting_down_s=20, stopping_s=30)


def life(state: InstanceState, since_s: float = 0.0) -> InstanceLife:
    return InstanceLife(state=state, since_s=since_s)


def test_an_instance_is_running_after_pending_and_its_service_starts_after_the_boot() -> None:
    assert advance(launched(0), PARAMETERS, 9.9) == (launched(0), ())
    running, changes = advance(launched(0), PARAMETERS, 10)
    assert (running.state, changes) == (InstanceState.RUNNING, (Change.PENDING_OVER,))
    assert advance(running, PARAMETERS, 25)[1] == (Change.BOOT_OVER,)
    assert advance(launched(0), PARAMETERS, 1000)[1] == (Change.PENDING_OVER, Change.BOOT_OVER)


def test_the_service_starts_once_per_boot() -> None:
    booted, _ = advance(launched(0), PARAMETERS, 25)
    assert advance(booted, PARAMETERS, 10_000)[1] == ()


def test_a_stopped_instance_can_be_started_again() -> None:
    stopping = requested(life(InstanceState.RUNNING), Request.STOP, 5)
    assert stopping.state is InstanceState.STOPPING
    stopped, _ = advance(stopping, PARAMETERS, 35)
    assert stopped.state is InstanceState.STOPPED
    assert requested(stopped, Request.START, 40) == launched(40)


def test_terminating_takes_its_time_and_is_final() -> None:
    leaving = requested(life(InstanceState.RUNNING), Request.TERMINATE, 0)
    assert advance(leaving, PARAMETERS, 19.9)[0].state is InstanceState.SHUTTING_DOWN
    gone, _ = advance(leaving, PARAMETERS, 20)
    assert gone.state is InstanceState.TERMINATED
    assert requested(gone, Request.TERMINATE, 30) == gone


@pytest.mark.parametrize("request_", [Request.START, Request.STOP, Request.REBOOT])
@pytest.mark.parametrize("state", [InstanceState.SHUTTING_DOWN, InstanceState.TERMINATED])
def test_the_dead_are_not_raised(request_: Request, state: InstanceState) -> None:
    with pytest.raises(IncorrectStateError):
        requested(life(state), request_, 1)


def test_an_instance_that_is_stopping_cannot_be_started_yet() -> None:
    with pytest.raises(IncorrectStateError):
        requested(life(InstanceState.STOPPING), Request.START, 1)


def test_a_reboot_boots_the_service_anew_and_keeps_the_instance_running() -> None:
    rebooted = requested(life(InstanceState.RUNNING), Request.REBOOT, 100)
    assert rebooted.state is InstanceState.RUNNING
    assert advance(rebooted, PARAMETERS, 115)[1] == (Change.BOOT_OVER,)


@given(
    st.lists(st.tuples(st.sampled_from(Request), st.floats(0.1, 100)), max_size=12),
    st.lists(st.floats(0.1, 50), max_size=6),
)
def test_small_steps_and_one_big_step_end_in_the_same_life(
    requests: list[tuple[Request, float]], steps: list[float]
) -> None:
    """Time may be looked at often or seldom: the life must not depend on it."""
    now_s, watched, lazy = 0.0, launched(0), launched(0)
    for request_, wait_s in requests:
        for step_s in steps:
            if step_s < wait_s:
                watched, _ = advance(watched, PARAMETERS, now_s + step_s)
        now_s += wait_s
        watched, lazy = advance(watched, PARAMETERS, now_s)[0], advance(lazy, PARAMETERS, now_s)[0]
        assert watched == lazy
        try:
            watched, lazy = requested(watched, request_, now_s), requested(lazy, request_, now_s)
        except IncorrectStateError:
            continue
        if lazy.state is InstanceState.TERMINATED:
            assert advance(lazy, PARAMETERS, now_s + 1e6) == (lazy, ())
