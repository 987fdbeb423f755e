"""Makes the plan: exact ids, the capacity that is left, predicted detection and recovery. Touches nothing."""

from blackstart.domain.errors import GuardError
from blackstart.domain.experiment import Action, Experiment
from blackstart.domain.failover import Span
from blackstart.domain.journal import PlanMade, PlannedAction, Reversibility
from blackstart.domain.stack import Stack
from blackstart.domain.target_health import HealthCheck
from blackstart.faults.contract import Fault
from blackstart.faults.registry import fault_named
from blackstart.injection.guard import affected_target_groups, capacity_by_zone, check_blast_radius
from blackstart.injection.selection import Selected, select

# What AWS does not publish, and how long it is assumed to take at least and at most when a recovery is predicted.
GROUP_LOOK_S = Span(shortest_s=0.0, longest_s=60.0)  # until an Auto Scaling group next looks at instance health
PENDING_S = Span(shortest_s=5.0, longest_s=17.0)  # RunInstances to running; third-party measurements
# running to the service's port open. Third parties saw it 25-29 s after RunInstances; a service that takes longer than
# half a minute recovers later than predicted, and the report says so.
BOOT_S = Span(shortest_s=5.0, longest_s=30.0)


def make_plan(experiment: Experiment, stack: Stack, allow_irreversible: bool = False) -> PlanMade:
    """Plan every action of the method on the stack as described.

    allow_irreversible: the second, explicit yes to an action that nothing undoes.
    Raises UsageError (unknown action or parameter), NoTargetError, or GuardError (wrong stack, beyond the blast radius,
    irreversible without the yes).
    """
    if experiment.stack != stack.name:
        raise GuardError(
            f"the experiment is for stack {experiment.stack}, this is {stack.name}", "Use the experiment's stack."
        )
    actions = tuple(_plan(experiment, stack, index, action) for index, action in enumerate(experiment.method))
    affected = {id_ for planned in actions for id_ in planned.target_ids}
    check_blast_radius(affected, stack, experiment.blast_radius)
    for planned in actions:
        if planned.reversibility is Reversibility.IRREVERSIBLE and not allow_irreversible:
            raise GuardError(
                f"{planned.action} on {', '.join(planned.target_ids)} is irreversible: nothing replaces what is lost",
                "Choose instances of an Auto Scaling group, which replaces them.",
            )
    return PlanMade(stack=stack.name, region=stack.region, actions=actions, capacity=capacity_by_zone(affected, stack))


def predict_recovery(learnt: Span, first_check: HealthCheck | None) -> Span:
    """Time from the fault until the replacement serves.

    learnt + the group's next look + pending + boot + the first successful check (0 to one interval; one success is
    enough for a newly registered target). learnt: until the group can know of it.
    """
    check_s = Span(shortest_s=0.0, longest_s=first_check.interval_s if first_check else 0.0)
    return learnt + GROUP_LOOK_S + PENDING_S + BOOT_S + check_s


def _plan(experiment: Experiment, stack: Stack, index: int, action: Action) -> PlannedAction:
    fault = fault_named(action.action)
    fault.check_parameters(action.parameters)
    selected = select(experiment.targets[action.targets], stack, experiment.seed, index)
    fault.snapshot(stack, selected.instances)  # refuses now what it would refuse at the injection
    reversibility = fault.reversibility(stack, selected.instances)
    detection = _detection(fault, selected, stack)
    recovery = None
    if reversibility is Reversibility.SELF_HEALING:
        recovery = _recovery(fault, selected, stack, experiment.phases.baseline_s + action.after_s)
    return PlannedAction(
        index=index,
        action=action.action,
        target_ids=tuple(instance.instance_id for instance in selected.instances),
        candidates=selected.candidates,
        after_s=action.after_s,
        parameters=action.parameters,
        reversibility=reversibility,
        detection_s=(detection.shortest_s, detection.longest_s) if detection else None,
        recovery_s=(recovery.shortest_s, recovery.longest_s) if recovery else None,
    )


def _checks(selected: Selected, stack: Stack) -> list[HealthCheck]:
    ids = {instance.instance_id for instance in selected.instances}
    return [group.health_check for group in affected_target_groups(ids, stack)]


def _detection(fault: Fault, selected: Selected, stack: Stack) -> Span | None:
    """Until the slowest of the target groups has noticed; None without a target group."""
    spans = [fault.detection(check) for check in _checks(selected, stack)]
    if not spans:
        return None
    return Span(shortest_s=max(s.shortest_s for s in spans), longest_s=max(s.longest_s for s in spans))


def _recovery(fault: Fault, selected: Selected, stack: Stack, in_service_s: float) -> Span:
    """The group learns from EC2's state at once, or else from failed health checks, which do not count in what is left
    of the grace period. in_service_s: how long the instances have served at the least when the fault comes.
    """
    learnt = Span(shortest_s=0.0, longest_s=0.0)
    detection = _detection(fault, selected, stack)
    if detection and not fault.announced:
        ids = {instance.instance_id for instance in selected.instances}
        graces = [group.grace_period_s for group in stack.scaling_groups if ids.intersection(group.instance_ids)]
        grace_left_s = max(0.0, max(graces, default=0.0) - in_service_s)
        learnt = detection + Span(shortest_s=0.0, longest_s=grace_left_s)
    slowest = max(_checks(selected, stack), key=lambda check: check.interval_s, default=None)
    return predict_recovery(learnt, slowest)
