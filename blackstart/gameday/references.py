"""Whether the logical names that an experiment uses are names of the stack it runs on."""

from collections.abc import Iterable

from blackstart.domain.errors import UsageError
from blackstart.domain.experiment import AlarmStop, Experiment, HealthyTargetsProbe, HealthyTargetsStop
from blackstart.domain.stack import Stack
from blackstart.domain.stack_mapping import Kind


def check_references(experiment: Experiment, stack: Stack) -> None:
    """Raise UsageError for the first load balancer, target group or alarm that the stack does not have.

    An alarm that is only *expected* may be absent: that nobody would have been told is a finding, not a mistake.
    """
    groups = {group.name for group in stack.target_groups}
    alarms = {alarm.name for alarm in stack.alarms}
    balancers = {balancer.name for balancer in stack.load_balancers}
    _check("load.load_balancer", Kind.LOAD_BALANCERS, [experiment.load.load_balancer], balancers, stack)
    _check_single("load.load_balancer", Kind.LOAD_BALANCERS, experiment.load.load_balancer, stack)
    _check_port(experiment, stack)
    for index, probe in enumerate(experiment.steady_state_hypothesis.probes):
        field = f"steady_state_hypothesis.probes[{index}]"
        if isinstance(probe, HealthyTargetsProbe):
            _check(f"{field}.target_group", Kind.TARGET_GROUPS, [probe.target_group], groups, stack)
        else:
            _check(f"{field}.alarms", Kind.ALARMS, probe.alarms, alarms, stack)
    for index, condition in enumerate(experiment.stop_conditions):
        field = f"stop_conditions[{index}]"
        if isinstance(condition, HealthyTargetsStop):
            _check(f"{field}.target_group", Kind.TARGET_GROUPS, [condition.target_group], groups, stack)
        elif isinstance(condition, AlarmStop):
            _check(f"{field}.name", Kind.ALARMS, [condition.name], alarms, stack)
    if (recovery := experiment.expectations.recovery) is not None:
        _check("expectations.recovery.target_group", Kind.TARGET_GROUPS, [recovery.target_group], groups, stack)


def _check_port(experiment: Experiment, stack: Stack) -> None:
    load = experiment.load
    ports = next(balancer.listener_ports for balancer in stack.load_balancers if balancer.name == load.load_balancer)
    if load.port not in ports:
        listens = ", ".join(str(port) for port in ports) or "nowhere"
        raise UsageError(
            f"load.port: load balancer {load.load_balancer} does not listen on {load.port}",
            f"It listens on: {listens}.",
        )


def _check(field: str, kind: Kind, names: Iterable[str], known: set[str], stack: Stack) -> None:
    for name in names:
        if name not in known:
            raise UsageError(
                f"{field}: stack {stack.name} has no {kind.singular} named {name}",
                f"It has: {', '.join(sorted(known)) or 'none'} ({stack.mapping.origin(kind)}).",
            )
        if kind is Kind.TARGET_GROUPS:
            _check_single(field, kind, name, stack)


def _check_single(field: str, kind: Kind, name: str, stack: Stack) -> None:
    """Traffic and healthy targets are those of one load balancer and one target group: of two, which?"""
    resources = stack.load_balancers if kind is Kind.LOAD_BALANCERS else stack.target_groups
    called = sorted(resource.resource_name for resource in resources if resource.name == name)
    if len(called) > 1:
        raise UsageError(
            f"{field}: {len(called)} {kind.singular}s of stack {stack.name} are named {name}: {', '.join(called)}",
            f"Tell them apart: each its own value of the tag {stack.mapping.name.tag}, or its AWS name under"
            f" {kind.value} in the stack file.",
        )
