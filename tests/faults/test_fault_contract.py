"""What every fault promises, and the registry."""

import pytest

from blackstart.domain.errors import UsageError
from blackstart.domain.target_health import HealthCheck
from blackstart.faults.registry import FAULTS, fault_named


@pytest.mark.parametrize("name", sorted(FAULTS))
def test_a_fault_is_registered_under_its_own_name(name: str) -> None:
    assert fault_named(name).name == name


def test_an_unknown_action_lists_the_known_ones_and_the_closest() -> None:
    with pytest.raises(UsageError, match="action 'crash-servce' is unknown") as error:
        fault_named("crash-servce")
    assert error.value.way_out == ("Did you mean crash-service? Known actions: crash-service, terminate-instances.")


def test_an_action_like_no_other_gets_no_guess() -> None:
    with pytest.raises(UsageError) as error:
        fault_named("zzz")
    assert error.value.way_out.startswith("Known actions:")


@pytest.mark.parametrize("name", sorted(FAULTS))
def test_an_unknown_parameter_is_named_with_what_the_action_takes(name: str) -> None:
    good: dict[str, str | float | int | bool] = {"service": "blackstart-demo"} if name == "crash-service" else {}
    fault_named(name).check_parameters(good)
    with pytest.raises(UsageError, match=f"{name}: parameter 'force' is unknown\n.*{name} takes "):
        fault_named(name).check_parameters(good | {"force": True})


@pytest.mark.parametrize("name", sorted(FAULTS))
@pytest.mark.parametrize(("interval_s", "threshold"), [(10, 2), (30, 10), (5, 3)])
def test_detection_takes_at_most_threshold_intervals_since_a_dead_process_refuses(
    name: str, interval_s: float, threshold: int
) -> None:
    check = HealthCheck(interval_s=interval_s, timeout_s=4, unhealthy_threshold=threshold)
    span = fault_named(name).detection(check)
    assert span.longest_s == interval_s * threshold
    assert 0 <= span.shortest_s <= span.longest_s
