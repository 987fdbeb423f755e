"""Chooses targets: by logical name and opt-in tag, with the experiment's seed and nothing else."""

from collections.abc import Sequence
from random import Random

from blackstart.domain.errors import GuardError, NoTargetError
from blackstart.domain.experiment import SELECTION_MODE, TargetSelection
from blackstart.domain.model import Model
from blackstart.domain.stack import Instance, Stack
from blackstart.domain.stack_mapping import Kind, StackMapping

RUNNING = "running"


class Selected(Model):
    """instances: the chosen, ordered by zone and id. candidates: how many there were to choose from."""

    instances: tuple[Instance, ...]
    candidates: int


def select(selection: TargetSelection, stack: Stack, seed: int, action_index: int) -> Selected:
    """Choose from the running, opted-in instances of a name.

    Ids differ from run to run, so the choice is made among places: candidates are ordered by zone and id, and the same
    seed takes the same places of the same zones, however AWS orders its answer. action_index: the action's place in
    the method, so that two actions do not always hit the same instance.
    Raises NoTargetError that says which condition left too few.
    """
    candidates = _candidates(selection, stack)
    count = _count(selection, len(candidates))
    chosen = Random(f"{seed}:{action_index}").sample(candidates, count)
    return Selected(instances=tuple(sorted(chosen, key=_place)), candidates=len(candidates))


def resolve(target_ids: Sequence[str], stack: Stack) -> tuple[Instance, ...]:
    """The planned instances as they are right before the injection, all still there and willing.

    stack: described just now. Raises GuardError for one that is gone, stopped or no longer opted in: the plan named
    exact ids, and another instance is never taken in its place.
    """
    by_id = {instance.instance_id: instance for instance in stack.instances}
    for id_ in target_ids:
        instance = by_id.get(id_)
        if instance is None or instance.state != RUNNING:
            problem = "is gone" if instance is None else f"is {instance.state}"
        elif not instance.chaos_allowed:
            problem = f"no longer has the tag {stack.mapping.chaos}"
        else:
            continue
        raise GuardError(f"planned target {id_} {problem}; nothing was injected", "Make a new plan.")
    return tuple(by_id[id_] for id_ in target_ids)


def _candidates(selection: TargetSelection, stack: Stack) -> list[Instance]:
    place = f"stack {stack.name}" + (f", zone {selection.zone}" if selection.zone else "")
    named = [
        instance
        for instance in stack.instances
        if instance.name == selection.name and selection.zone in (None, instance.zone)
    ]
    if not named:
        names = ", ".join(sorted({instance.name for instance in stack.instances})) or "none"
        raise NoTargetError(
            f"no instance named {selection.name} in {place}",
            f"Names of instances in this stack: {names} ({stack.mapping.origin(Kind.INSTANCES)}).",
        )
    running = [instance for instance in named if instance.state == RUNNING]
    if not running:
        states = ", ".join(sorted({instance.state for instance in named}))
        raise NoTargetError(
            f"{len(named)} instances named {selection.name} in {place}, but none is running ({states})",
            "Wait until they run, or raise the group's desired capacity.",
        )
    willing = [instance for instance in running if instance.chaos_allowed]
    if not willing:
        raise NoTargetError(
            f"{len(running)} running instances named {selection.name} in {place}, "
            f"but none has the tag {stack.mapping.chaos}",
            _how_to_opt_in(stack),
        )
    return sorted(willing, key=_place)


def _how_to_opt_in(stack: Stack) -> str:
    if stack.mapping.chaos == StackMapping().chaos:
        return "Opt in: set that tag on the instances (reference stack: chaosAllowed in the stack's configuration)."
    return "Opt in: let the group set that tag at launch, or mend `chaos` in the stack file."


def _place(instance: Instance) -> tuple[str, str]:
    return instance.zone, instance.instance_id


def _count(selection: TargetSelection, candidates: int) -> int:
    """How many of the candidates the mode takes; PERCENT rounds down (FIS user guide, "Selection mode")."""
    matched = SELECTION_MODE.fullmatch(selection.selection_mode)
    assert matched is not None  # the experiment's own validator
    count, percent = matched.groups()
    if count is not None:
        if int(count) > candidates:
            raise NoTargetError(
                f"COUNT({count}) asks for more {selection.name} instances than the {candidates} that run and opted in",
                "Ask for fewer, or opt more in.",
            )
        return int(count)
    if percent is not None:
        share = candidates * int(percent) // 100
        if share == 0:
            smallest = -(-100 // candidates)
            raise NoTargetError(
                f"PERCENT({percent}) of {candidates} {selection.name} instances rounds down to none",
                f"PERCENT({smallest}) is the smallest that takes one.",
            )
        return share
    return candidates
