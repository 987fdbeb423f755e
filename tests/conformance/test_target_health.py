"""Target health as the ELB user guide describes it ("Health checks for Application Load Balancer target groups")."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blackstart.domain.target_health import HealthCheck, TargetReason, TargetState
from blackstart.emulator.decisions.target_health import (
    HealthCause,
    ProbeOutcome,
    ProbeResult,
    TargetHealth,
    combined_health,
    first_health,
    matching_codes,
    next_health,
)

OK = ProbeResult(outcome=ProbeOutcome.ANSWERED, status_code=200)
ERROR = ProbeResult(outcome=ProbeOutcome.ANSWERED, status_code=503)
TIMED_OUT = ProbeResult(outcome=ProbeOutcome.TIMED_OUT)
REFUSED = ProbeResult(outcome=ProbeOutcome.FAILED)
DEFAULTS = HealthCheck()

probes = st.sampled_from([OK, ERROR, TIMED_OUT, REFUSED])
checks = st.builds(HealthCheck, healthy_threshold=st.integers(2, 10), unhealthy_threshold=st.integers(2, 10))


def after(probes: Sequence[ProbeResult], check: HealthCheck = DEFAULTS) -> TargetHealth:
    health = first_health(check)
    for probe in probes:
        health = next_health(health, probe, check).after
    return health


def test_a_target_that_was_just_registered_is_initial() -> None:
    health = first_health(DEFAULTS)
    assert (health.state, health.reason) == (TargetState.INITIAL, TargetReason.REGISTRATION_IN_PROGRESS)


@pytest.mark.parametrize("threshold", range(2, 11))
def test_a_newly_registered_target_is_healthy_after_one_success_whatever_the_threshold(threshold: int) -> None:
    check = HealthCheck(healthy_threshold=threshold)
    transition = next_health(first_health(check), OK, check)
    assert (transition.after.state, transition.after.reason) == (TargetState.HEALTHY, None)
    assert transition.cause is HealthCause.FIRST_SUCCESS


def test_one_success_is_enough_even_after_a_failed_first_check() -> None:
    assert after([ERROR, OK], HealthCheck(unhealthy_threshold=3)).state is TargetState.HEALTHY


def test_a_registered_target_stays_initial_until_the_unhealthy_threshold() -> None:
    health = after([ERROR])
    assert (health.state, health.reason) == (TargetState.INITIAL, TargetReason.INITIAL_HEALTH_CHECKING)
    assert after([ERROR, ERROR]).state is TargetState.UNHEALTHY


def test_a_healthy_target_is_unhealthy_after_the_threshold_of_consecutive_failures() -> None:
    assert after([OK, ERROR]).state is TargetState.HEALTHY
    assert after([OK, ERROR, ERROR]).state is TargetState.UNHEALTHY


def test_a_success_in_between_starts_the_failures_over() -> None:
    assert after([OK, ERROR, OK, ERROR]).state is TargetState.HEALTHY


def test_an_unhealthy_target_needs_the_healthy_threshold_of_consecutive_successes() -> None:
    down = [OK, ERROR, ERROR]
    assert after([*down, OK, OK, OK, OK]).state is TargetState.UNHEALTHY
    assert after([*down, OK, OK, OK, OK, OK]).state is TargetState.HEALTHY
    assert after([*down, OK, OK, OK, OK, ERROR, OK]).state is TargetState.UNHEALTHY


@pytest.mark.parametrize(
    ("probe", "reason", "description"),
    [
        (ERROR, TargetReason.RESPONSE_CODE_MISMATCH, "Health checks failed with these codes: [503]"),
        (TIMED_OUT, TargetReason.TIMEOUT, "Request timed out"),
        (REFUSED, TargetReason.FAILED_HEALTH_CHECKS, "Health checks failed"),
    ],
)
def test_each_kind_of_failure_has_its_reason_and_description(
    probe: ProbeResult, reason: TargetReason, description: str
) -> None:
    health = after([OK, probe, probe])
    assert (health.state, health.reason, health.description) == (TargetState.UNHEALTHY, reason, description)


def test_an_unhealthy_target_shows_the_reason_of_the_last_failure() -> None:
    transition = next_health(after([ERROR, ERROR]), REFUSED, DEFAULTS)
    assert transition.after.reason is TargetReason.FAILED_HEALTH_CHECKS
    assert transition.reportable


def test_counting_towards_a_threshold_is_not_a_reportable_change() -> None:
    assert not next_health(after([OK]), ERROR, DEFAULTS).reportable


def test_a_target_without_health_checks_is_unavailable() -> None:
    check = HealthCheck(enabled=False)
    health = first_health(check)
    assert (health.state, health.reason) == (TargetState.UNAVAILABLE, TargetReason.HEALTH_CHECK_DISABLED)
    assert next_health(health, OK, check).after.state is TargetState.UNAVAILABLE


@pytest.mark.parametrize(
    ("matcher", "taken", "refused"),
    [
        ("200", [200], [199, 201, 204, 302]),
        ("200,202", [200, 202], [201, 203]),
        ("200-299", [200, 250, 299], [199, 300]),
        ("200, 204-206", [200, 204, 206], [201, 203, 207]),
    ],
)
def test_a_matcher_takes_codes_lists_and_ranges(matcher: str, taken: list[int], refused: list[int]) -> None:
    codes = matching_codes(matcher)
    assert all(code in codes for code in taken)
    assert not any(code in codes for code in refused)


@pytest.mark.parametrize("matcher", ["", "ok", "200-", "-299", "2xx", "200,,202"])
def test_a_matcher_that_is_neither_is_refused(matcher: str) -> None:
    with pytest.raises(ValueError, match="write codes and ranges"):
        matching_codes(matcher)


@given(st.lists(probes, max_size=40), checks)
def test_a_state_changes_only_after_enough_probes_of_one_kind_in_a_row(
    sequence: list[ProbeResult], check: HealthCheck
) -> None:
    health = first_health(check)
    in_a_row = 0
    previous: bool | None = None
    for probe in sequence:
        good = probe is OK
        in_a_row = in_a_row + 1 if good is previous else 1
        previous = good
        transition = next_health(health, probe, check)
        if transition.after.state is not health.state:
            if health.state is TargetState.INITIAL and good:
                needed = 1
            else:
                needed = check.healthy_threshold if good else check.unhealthy_threshold
            assert in_a_row >= needed
            assert transition.after.state is (TargetState.HEALTHY if good else TargetState.UNHEALTHY)
        health = transition.after
    assert health.state is not TargetState.UNUSED


@given(st.lists(probes, max_size=40), checks)
def test_enough_probes_of_one_kind_always_settle_the_state(sequence: list[ProbeResult], check: HealthCheck) -> None:
    assert after([*sequence, *[OK] * check.healthy_threshold], check).state is TargetState.HEALTHY
    assert after([*sequence, *[TIMED_OUT] * check.unhealthy_threshold], check).state is TargetState.UNHEALTHY


def test_a_target_is_reported_healthy_when_every_node_says_so() -> None:
    assert combined_health([after([OK]), after([OK]), after([OK])]).state is TargetState.HEALTHY
    assert combined_health([after([OK]), after([]), after([OK])]).state is TargetState.INITIAL


def test_a_target_is_reported_unhealthy_with_the_reason_of_the_first_node_that_says_so() -> None:
    health = combined_health([after([OK]), after([TIMED_OUT, TIMED_OUT]), after([])])
    assert (health.state, health.reason) == (TargetState.UNHEALTHY, TargetReason.TIMEOUT)


def test_a_target_that_no_node_has_checked_is_reported_as_being_registered() -> None:
    assert combined_health([]).reason is TargetReason.REGISTRATION_IN_PROGRESS
    assert combined_health([after([]), after([])]).reason is TargetReason.REGISTRATION_IN_PROGRESS
    assert combined_health([after([]), after([ERROR])]).reason is TargetReason.INITIAL_HEALTH_CHECKING
