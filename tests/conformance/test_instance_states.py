"""What may be asked of an EC2 instance in each state.

Source: EC2 user guide, "Amazon EC2 instance state changes" (the table of states, and "Differences between reboot, stop,
hibernate, and terminate"); refusals as users published them.
"""

import pytest

from blackstart.emulator.decisions.instance_lifecycle import (
    IncorrectStateError,
    InstanceLife,
    InstanceState,
    Request,
    advance,
    due_s,
    requested,
)
from blackstart.emulator.decisions.state_reason import Initiator, ended
from blackstart.emulator.decisions.status_checks import (
    CheckStatus,
    Trouble,
    looked,
    next_look_s,
    not_applicable,
    started,
)
from blackstart.emulator.parameters import Parameters

PENDING, RUNNING, STOPPING, STOPPED, SHUTTING_DOWN, TERMINATED = (
    *(InstanceState.PENDING, InstanceState.RUNNING, InstanceState.STOPPING),
    *(InstanceState.STOPPED, InstanceState.SHUTTING_DOWN, InstanceState.TERMINATED),
)
REFUSED = None
OUTCOMES = {
    PENDING: {"start": PENDING, "stop": REFUSED, "terminate": SHUTTING_DOWN, "reboot": REFUSED},
    RUNNING: {"start": RUNNING, "stop": STOPPING, "terminate": SHUTTING_DOWN, "reboot": RUNNING},
    STOPPING: {"start": REFUSED, "stop": STOPPING, "terminate": SHUTTING_DOWN, "reboot": REFUSED},
    STOPPED: {"start": PENDING, "stop": STOPPED, "terminate": SHUTTING_DOWN, "reboot": REFUSED},
    SHUTTING_DOWN: {"start": REFUSED, "stop": REFUSED, "terminate": SHUTTING_DOWN, "reboot": REFUSED},
    TERMINATED: {"start": REFUSED, "stop": REFUSED, "terminate": TERMINATED, "reboot": REFUSED},
}


@pytest.mark.parametrize("state", list(InstanceState))
@pytest.mark.parametrize("request_", list(Request))
def test_each_request_has_its_outcome_in_each_state(state: InstanceState, request_: Request) -> None:
    life, outcome = InstanceLife(state, 0.0), OUTCOMES[state][request_.value]
    if outcome is REFUSED:
        with pytest.raises(IncorrectStateError):
            requested(life, request_, 5.0)
    else:
        assert requested(life, request_, 5.0).state is outcome


def test_an_instance_that_has_run_before_may_be_stopped_while_it_starts_again() -> None:
    assert requested(InstanceLife(PENDING, 0.0, ran=True), Request.STOP, 5.0).state is STOPPING


@pytest.mark.parametrize("state", list(InstanceState))
def test_what_is_due_is_when_the_state_changes_by_itself(state: InstanceState) -> None:
    parameters, life = Parameters(), InstanceLife(state, 100.0)
    at_s = due_s(life, parameters)
    assert (at_s is None) is (state in (RUNNING, STOPPED, TERMINATED))
    if at_s is not None:
        assert advance(life, parameters, at_s - 0.001)[0] == life
        assert advance(life, parameters, at_s)[0].state is not state


@pytest.mark.parametrize(
    ("initiator", "terminates", "code"),
    [
        (Initiator.USER, True, "Client.UserInitiatedShutdown"),
        (Initiator.USER, False, "Client.UserInitiatedShutdown"),
        (Initiator.SPOT, True, "Server.SpotInstanceTermination"),
        (Initiator.SPOT, False, "Server.SpotInstanceShutdown"),
        (Initiator.INSTANCE, False, "Client.InstanceInitiatedShutdown"),
    ],
)
def test_the_reason_codes_are_those_of_the_api_reference(initiator: Initiator, terminates: bool, code: str) -> None:
    assert ended(initiator, terminates, "2026-11-22 08:00:00 GMT").code == code


def test_status_checks_are_looked_at_every_minute_after_the_first_result() -> None:
    checks = started(100.0, status_check_s=90.0)
    assert {checks.instance.status, checks.system.status} == {CheckStatus.INITIALIZING}
    assert [next_look_s(checks, now_s) for now_s in (100, 190, 191, 250, 250.5)] == [190, 190, 250, 250, 310]
    assert next_look_s(not_applicable(0.0), 50.0) is None


@pytest.mark.parametrize(
    ("trouble", "instance", "system"),
    [
        (Trouble(), CheckStatus.OK, CheckStatus.OK),
        (Trouble(hung=True), CheckStatus.IMPAIRED, CheckStatus.OK),
        (Trouble(hardware=True), CheckStatus.IMPAIRED, CheckStatus.IMPAIRED),
    ],
)
def test_a_hung_instance_fails_its_own_check_and_failed_hardware_both(
    trouble: Trouble, instance: CheckStatus, system: CheckStatus
) -> None:
    found = looked(started(0.0, 60.0), trouble, 60.0)
    assert (found.instance.status, found.system.status) == (instance, system)
    again = looked(found, trouble, 120.0)
    assert (again.instance.since_s, again.system.since_s) == (60.0, 60.0)
    assert looked(not_applicable(0.0), trouble, 60.0) == not_applicable(0.0)
