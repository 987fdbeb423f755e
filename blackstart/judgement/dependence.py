"""What an experiment depends on, by kind: the names under which an unserved thing would matter to the verdict.

| kind | it matters when it is |
|---|---|
| load balancer | the one that the load asks |
| listener, listener rule | of that load balancer on the load's port |
| target group | attached to that load balancer, or named by a probe, a stop condition or the recovery |
| scaling group | one with a target of the method, or that fills one of these target groups |
| instance | a target of the method, or registered in one of these target groups |
| alarm | expected, in a probe or a stop condition, or a child of such a composite alarm |
| alarm of the stack | always, when a probe asks for no alarm at all |
| scaling policy, network, DNS, other | never: no experiment asks for these; they are named in the report |

What is unserved in a detail that no experiment can ask about (`minor`) never matters.
"""

from collections.abc import Iterable, Iterator

from blackstart.domain.experiment import AlarmsOkProbe, AlarmStop, Experiment, HealthyTargetsProbe, HealthyTargetsStop
from blackstart.domain.journal import EmulatorMeasured
from blackstart.domain.stack import Alarm, LoadBalancer, Stack, TargetGroup
from blackstart.domain.stack_mapping import fits
from blackstart.domain.unserved import Unserved, UnservedKind
from blackstart.judgement.evidence import Evidence

Names = dict[UnservedKind, set[str]]


def unserved(evidence: Evidence) -> tuple[Unserved, ...]:
    """What the emulator did not act on, as it said at the end of the run."""
    measured = evidence.last(EmulatorMeasured)
    return measured.unserved_resources if measured else ()


def matters(thing: Unserved, names: Names) -> bool:
    known_as = {thing.resource, *thing.of}
    return not thing.minor and any(fits(own, name) for own in known_as for name in names.get(thing.kind, ()))


def depended_on(evidence: Evidence) -> Names:
    """Names and ARNs by kind; empty before the stack was observed."""
    experiment, stack = evidence.experiment, evidence.stack_before()
    if experiment is None or stack is None:
        return {}
    balancers = [each for each in stack.load_balancers if each.name == experiment.load.load_balancer]
    groups = list(_target_groups(experiment, stack, balancers))
    ids = _targets(evidence) | {target.target_id for group in groups for target in group.targets}
    arns = {group.arn for group in groups}
    scaling = [g for g in stack.scaling_groups if ids.intersection(g.instance_ids) or arns & {*g.target_group_arns}]
    listeners = {f"{balancer.resource_name}:{experiment.load.port}" for balancer in balancers}
    return {
        UnservedKind.LOAD_BALANCER: {name for each in balancers for name in (each.arn, each.resource_name)},
        UnservedKind.LISTENER: listeners,
        UnservedKind.LISTENER_RULE: listeners,
        UnservedKind.TARGET_GROUP: arns | {group.resource_name for group in groups},
        UnservedKind.SCALING_GROUP: {group.resource_name for group in scaling},
        UnservedKind.INSTANCE: ids,
        UnservedKind.ALARM: _alarms(experiment, stack),
    }


def unserved_alarm(evidence: Evidence, name: str) -> Unserved | None:
    """What keeps an alarm of this logical name from being one offline."""
    stack = evidence.stack_before()
    names = {name} if stack is None else _alarm_names({name}, stack)
    return next((each for each in unserved(evidence) if matters(each, {UnservedKind.ALARM: names})), None)


def _target_groups(experiment: Experiment, stack: Stack, balancers: Iterable[LoadBalancer]) -> Iterator[TargetGroup]:
    arns = {balancer.arn for balancer in balancers}
    asked = {p.target_group for p in experiment.steady_state_hypothesis.probes if isinstance(p, HealthyTargetsProbe)}
    asked |= {stop.target_group for stop in experiment.stop_conditions if isinstance(stop, HealthyTargetsStop)}
    if experiment.expectations.recovery is not None:
        asked.add(experiment.expectations.recovery.target_group)
    for group in stack.target_groups:
        if group.name in asked or arns.intersection(group.load_balancer_arns):
            yield group


def _targets(evidence: Evidence) -> set[str]:
    plan = evidence.plan()
    planned = {id_ for action in plan.actions for id_ in action.target_ids} if plan else set()
    return planned | set(evidence.injected_ids())


def _alarms(experiment: Experiment, stack: Stack) -> set[str]:
    probes = [probe for probe in experiment.steady_state_hypothesis.probes if isinstance(probe, AlarmsOkProbe)]
    asked = {name for probe in probes for name in probe.alarms}
    asked |= {expected.name for expected in experiment.expectations.alarms}
    asked |= {stop.name for stop in experiment.stop_conditions if isinstance(stop, AlarmStop)}
    if any(not probe.alarms for probe in probes):
        asked |= {alarm.name for alarm in stack.alarms}
        asked |= {stack.name, *stack.mapping.stack.with_tags.values()}  # CloudFormation's left-out ones name the stack
    return _alarm_names(asked, stack)


def _alarm_names(asked: set[str], stack: Stack) -> set[str]:
    """Logical names with all that such an alarm may be called: by AWS, in the stack file, as a composite's child."""
    named = [which.name for name, which in stack.mapping.alarms.items() if name in asked and which.name is not None]
    found = [alarm for alarm in stack.alarms if alarm.name in asked]
    return asked | {*named} | {own for alarm in found for own in _with_children(alarm, stack, set())}


def _with_children(alarm: Alarm, stack: Stack, seen: set[str]) -> set[str]:
    seen.add(alarm.resource_name)
    for child in alarm.children:
        if child not in seen:
            seen.add(child)
            declared = next((each for each in stack.alarms if each.resource_name == child), None)
            seen |= _with_children(declared, stack, seen) if declared else set()
    return seen
