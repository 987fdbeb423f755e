"""Choosing targets."""

from collections import Counter

import pytest

from blackstart.domain.errors import GuardError, NoTargetError
from blackstart.domain.experiment import TargetSelection
from blackstart.domain.stack import Stack
from blackstart.injection.selection import resolve, select


def selection(mode: str = "COUNT(1)", name: str = "web", zone: str | None = None) -> TargetSelection:
    return TargetSelection(resource_type="aws:ec2:instance", name=name, zone=zone, selection_mode=mode)


def changed(stack: Stack, **fields: object) -> Stack:
    return stack.model_copy(update={"instances": tuple(i.model_copy(update=fields) for i in stack.instances)})


def ids(stack: Stack, mode: str, seed: int = 1, index: int = 0) -> list[str]:
    return [i.instance_id for i in select(selection(mode), stack, seed, index).instances]


def test_the_same_seed_takes_the_same_place_though_ids_and_order_differ(six: Stack) -> None:
    renamed = six.model_copy(
        update={
            "instances": tuple(
                i.model_copy(update={"instance_id": i.instance_id.replace("i-", "i-0f")})
                for i in reversed(six.instances)
            )
        }
    )
    for seed in range(20):
        assert [i.replace("i-", "i-0f") for i in ids(six, "COUNT(2)", seed)] == ids(renamed, "COUNT(2)", seed)


def test_over_many_seeds_every_instance_is_taken(six: Stack) -> None:
    taken = Counter(ids(six, "COUNT(1)", seed)[0] for seed in range(200))
    assert set(taken) == {i.instance_id for i in six.instances}


def test_the_place_in_the_method_changes_the_choice(six: Stack) -> None:
    assert len({tuple(ids(six, "COUNT(1)", seed=3, index=index)) for index in range(20)}) > 1


@pytest.mark.parametrize(
    ("mode", "count"), [("COUNT(2)", 2), ("PERCENT(50)", 3), ("PERCENT(49)", 2), ("PERCENT(100)", 6), ("ALL", 6)]
)
def test_a_percentage_rounds_down(six: Stack, mode: str, count: int) -> None:
    assert len(ids(six, mode)) == count


def test_a_zone_narrows_the_choice(six: Stack) -> None:
    chosen = select(selection("ALL", zone="us-east-1b"), six, 1, 0)
    assert {i.zone for i in chosen.instances} == {"us-east-1b"}
    assert chosen.candidates == 2


def test_an_instance_that_did_not_opt_in_is_never_chosen(six: Stack) -> None:
    only = six.model_copy(
        update={
            "instances": tuple(i.model_copy(update={"chaos_allowed": i.instance_id == "i-b1"}) for i in six.instances)
        }
    )
    assert ids(only, "ALL") == ["i-b1"]


def test_an_unknown_name_says_which_names_there_are(six: Stack) -> None:
    with pytest.raises(NoTargetError, match=r"no instance named wbe in stack emulator\n.*: web "):
        select(selection(name="wbe"), six, 1, 0)


def test_instances_without_the_opt_in_are_counted_and_the_tag_is_named(six: Stack) -> None:
    with pytest.raises(NoTargetError, match=r"6 running instances named web .* none has the tag blackstart:chaos"):
        select(selection(), changed(six, chaos_allowed=False), 1, 0)


def test_instances_that_do_not_run_are_told_apart_from_missing_ones(six: Stack) -> None:
    with pytest.raises(NoTargetError, match=r"none is running \(stopped\)"):
        select(selection(), changed(six, state="stopped"), 1, 0)


@pytest.mark.parametrize(
    ("mode", "says"), [("COUNT(7)", "more web instances than the 6"), ("PERCENT(16)", r"PERCENT\(17\) is the smallest")]
)
def test_too_few_candidates_for_the_mode_is_an_error_and_not_a_smaller_fault(six: Stack, mode: str, says: str) -> None:
    with pytest.raises(NoTargetError, match=says):
        select(selection(mode), six, 1, 0)


def test_a_planned_target_that_is_still_there_resolves_to_itself(six: Stack) -> None:
    assert [i.instance_id for i in resolve(("i-a0", "i-c1"), six)] == ["i-a0", "i-c1"]


@pytest.mark.parametrize(
    ("fields", "says"),
    [({"instance_id": "i-new"}, "is gone"), ({"state": "stopping"}, "is stopping"), ({"chaos_allowed": False}, "tag")],
)
def test_a_planned_target_that_changed_is_refused_and_never_replaced(
    six: Stack, fields: dict[str, object], says: str
) -> None:
    first, *rest = six.instances
    stack = six.model_copy(update={"instances": (first.model_copy(update=fields), *rest)})
    with pytest.raises(GuardError, match=says):
        resolve((first.instance_id,), stack)
