"""The data plane beside nginx: the same requests, the same targets, and what client and target saw of each other.

nginx's outcomes are recorded (`record_nginx.py`), so the tests need no nginx; where it is installed, the recording is
checked too.
"""

import json
from typing import Any

import pytest
from http_cases import Case, Outcome, Run, all_cases, byte_by_byte, declared
from record_nginx import RECORDING, nginx, outcomes, version

CASES = all_cases()
RECORDED: dict[str, Any] = json.loads(RECORDING.read_text())
ECHOED = [case for case in CASES if not case.target and not any("leave" in step for step in case.send)]


def parameters(cases: list[Case]) -> list[Any]:
    return [pytest.param(case, id=f"{case.group}: {case.name}") for case in cases]


def recorded(case: Case) -> Outcome:
    outcome: Outcome = RECORDED["outcomes"][case.name]
    return outcome


def bodies(run: Run) -> list[tuple[str, bytes]]:
    return [(request.start, request.body) for request in run.completed]


@pytest.mark.parametrize("case", parameters(CASES))
def test_the_data_plane_does_as_nginx_does_but_for_declared_differences(case: Case, data_plane: Any) -> None:
    assert data_plane.run(case).outcome == {**recorded(case), **declared(case)}


@pytest.mark.parametrize("case", parameters(ECHOED))
def test_a_target_sees_exactly_the_requests_that_the_client_is_answered_for(case: Case, data_plane: Any) -> None:
    """The bytes that reach the target are read strictly; what has no end is no request."""
    run = data_plane.run(case)
    assert [request.start for request in run.completed] == run.told
    assert not [request for request in run.outcome["requests"] if request.startswith("malformed")]


def test_a_request_means_the_same_byte_by_byte(data_plane: Any) -> None:
    """What reaches the target whole and what the client is answered depend on no boundary of a packet."""
    cases = [case for case in ECHOED if case.group not in ("limits", "slow")]
    whole = {case.name: data_plane.run(case) for case in cases}
    for case, run in zip(cases, data_plane.run_together([byte_by_byte(case) for case in cases]), strict=True):
        assert run.outcome["statuses"] == whole[case.name].outcome["statuses"], case.name
        assert run.told == whole[case.name].told, case.name
        assert bodies(run) == bodies(whole[case.name]), case.name


def test_a_chunked_body_is_passed_on_while_it_comes(data_plane: Any) -> None:
    """In chunks again: whoever passed on a length would have had to wait for the end."""
    chunked = [case for case in CASES if case.name in ("a chunked body", "ten thousand small chunks")]
    arrived = [[request.framing for request in data_plane.run(case).completed] for case in chunked]
    assert arrived == [["chunked"], ["chunked"]]


def test_each_declared_difference_differs_and_has_a_reason() -> None:
    for case in (case for case in CASES if case.differs):
        differing = {name for name, value in declared(case).items() if recorded(case)[name] != value}
        assert differing, f"{case.name}: as in nginx, take out `differs`"
        needless = set(case.differs) & set(recorded(case)) - differing
        assert not needless or {"refused", "instead"} & set(case.differs), f"{case.name}: take out {needless}"
        assert case.differs["why"], case.name


def test_the_table_and_the_recording_have_the_same_cases() -> None:
    names = [case.name for case in CASES]
    assert len(set(names)) == len(names)
    assert list(RECORDED["outcomes"]) == names


def test_the_recording_of_nginx_still_holds() -> None:
    program = nginx()
    if program is None:
        pytest.skip("nginx is not installed; its recorded outcomes stand")
    if version(program) != RECORDED["nginx"]:
        pytest.skip(f"nginx {version(program)} is installed, nginx {RECORDED['nginx']} was recorded")
    assert outcomes(program, CASES) == RECORDED["outcomes"]
