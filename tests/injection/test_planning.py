"""The plan."""

from collections.abc import Callable

import pytest

from blackstart.domain.errors import GuardError, UsageError
from blackstart.domain.experiment import Experiment
from blackstart.domain.journal import Reversibility
from blackstart.domain.stack import Stack
from blackstart.injection.planning import make_plan

Build = Callable[..., Experiment]
CRASH = {"action": "crash-service", "targets": "one", "parameters": {"service": "blackstart-demo"}}


def test_a_plan_names_exact_ids_and_is_the_same_every_time(six: Stack, experiment: Build) -> None:
    plan = make_plan(experiment(), six)
    (action,) = plan.actions
    assert len(action.target_ids) == 1
    assert action.target_ids[0] in {i.instance_id for i in six.instances}
    assert action.candidates == 6
    assert make_plan(experiment(), six) == plan


def test_a_terminated_member_is_replaced_within_the_predicted_span(six: Stack, experiment: Build) -> None:
    (action,) = make_plan(experiment(), six).actions
    assert action.reversibility is Reversibility.SELF_HEALING
    assert action.detection_s == (0, 20)
    assert action.recovery_s == (5 + 5, 60 + 17 + 30 + 10)


def test_a_crash_is_detected_by_the_checks_before_the_group_can_know(six: Stack, experiment: Build) -> None:
    (action,) = make_plan(experiment(method=[CRASH]), six).actions
    assert action.reversibility is Reversibility.SELF_HEALING
    assert action.detection_s == (10, 20)
    assert action.recovery_s == (10 + 5 + 5, 20 + 60 + 17 + 30 + 10)


def test_what_is_left_of_the_grace_period_adds_to_the_longest_recovery(six: Stack, experiment: Build) -> None:
    short = {"baseline_s": 50, "fault_s": 240, "recovery_s": 160}
    (action,) = make_plan(experiment(method=[CRASH], phases=short), six).actions
    assert action.recovery_s is not None
    assert action.recovery_s[1] == 20 + (90 - 50) + 60 + 17 + 30 + 10


@pytest.mark.parametrize(("grouped", "check_type"), [(False, "ELB"), (True, "EC2")])
def test_a_crash_that_nothing_replaces_is_reversible_and_has_no_predicted_recovery(
    stack_of: Callable[..., Stack], experiment: Build, grouped: bool, check_type: str
) -> None:
    stack = stack_of({"us-east-1a": 3, "us-east-1b": 3}, grouped=grouped, health_check_type=check_type)
    (action,) = make_plan(experiment(method=[CRASH]), stack).actions
    assert (action.reversibility, action.recovery_s) == (Reversibility.REVERSIBLE, None)


def test_terminating_an_instance_of_no_group_needs_a_second_yes(
    stack_of: Callable[..., Stack], experiment: Build
) -> None:
    stack = stack_of({"us-east-1a": 3, "us-east-1b": 3}, grouped=False)
    with pytest.raises(GuardError, match="is irreversible"):
        make_plan(experiment(), stack)
    (action,) = make_plan(experiment(), stack, allow_irreversible=True).actions
    assert (action.reversibility, action.recovery_s) == (Reversibility.IRREVERSIBLE, None)


def test_two_actions_are_guarded_together(six: Stack, experiment: Build) -> None:
    targets = {
        zone: {"resource_type": "aws:ec2:instance", "name": "web", "zone": f"us-east-1{zone}"} for zone in ("a", "b")
    }
    method = [{"action": "terminate-instances", "targets": zone} for zone in targets]
    with pytest.raises(GuardError, match="max_count"):
        make_plan(experiment(targets=targets, method=method), six)


def test_a_plan_for_another_stack_is_refused(six: Stack, experiment: Build) -> None:
    with pytest.raises(GuardError, match="for stack prod, this is emulator"):
        make_plan(experiment(stack="prod"), six)


@pytest.mark.parametrize(
    ("action", "says"),
    [
        ({"action": "terminate-instance", "targets": "one"}, "Did you mean terminate-instances"),
        ({"action": "crash-service", "targets": "one"}, "parameter 'service' is missing"),
    ],
)
def test_a_wrong_action_or_parameter_is_refused_before_anything_is_chosen(
    six: Stack, experiment: Build, action: dict[str, object], says: str
) -> None:
    with pytest.raises(UsageError, match=says):
        make_plan(experiment(method=[action]), six)


def test_a_crash_that_no_target_group_would_show_is_refused(six: Stack, experiment: Build) -> None:
    unwatched = six.model_copy(update={"target_groups": ()})
    with pytest.raises(GuardError, match="registered in no target group"):
        make_plan(experiment(method=[CRASH]), unwatched)
