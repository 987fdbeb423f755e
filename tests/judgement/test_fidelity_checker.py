"""What has no effect offline: told when nothing depends on it, and no verdict when something does."""

from typing import Any

import pytest
from judged_run_builder import VICTIM, JudgedRun, the_stack

from blackstart.domain.journal import StackObserved
from blackstart.domain.judgement import Finding, Judgement
from blackstart.domain.stack import Alarm, LoadBalancer, ScalingGroup, Stack, TargetGroup
from blackstart.domain.stack_mapping import StackMapping
from blackstart.domain.target_health import HealthCheck
from blackstart.domain.unserved import Unserved, UnservedKind
from blackstart.domain.verdict import Verdict

BALANCER_ARN, GROUP_ARN, OTHER_ARN = "arn:lb/web", "arn:tg/web", "arn:tg/other"


def group(name: str, arn: str, **fields: Any) -> TargetGroup:
    return TargetGroup(name=name, arn=arn, resource_name=f"{name}-tg", health_check=HealthCheck(), **fields)


def scaling(name: str, **fields: Any) -> ScalingGroup:
    sizes: dict[str, Any] = {"min_size": 1, "max_size": 9, "desired_capacity": 6, "grace_period_s": 60}
    return ScalingGroup(name=name, resource_name=f"{name}-asg", zones=(), health_check_type="ELB", **sizes, **fields)


def whole_stack(**fields: Any) -> Stack:
    """With a load balancer `web`, what hangs on it, and a tier beside it that the experiment has nothing to do with."""
    balancers = (
        LoadBalancer(name="web", arn=BALANCER_ARN, resource_name="web-alb", dns_name="web.local", zones=()),
        LoadBalancer(name="other", arn="arn:lb/other", resource_name="other-alb", dns_name="other.local", zones=()),
    )
    groups = (group("web", GROUP_ARN, load_balancer_arns=(BALANCER_ARN,)), group("other", OTHER_ARN))
    scalers = (scaling("web", instance_ids=(VICTIM,)), scaling("other"))
    own = {"load_balancers": balancers, "target_groups": groups, "scaling_groups": scalers}
    return the_stack().model_copy(update=own | fields)


def judged(*things: Unserved, run: JudgedRun | None = None, stack: Stack | None = None) -> Judgement:
    run = run or JudgedRun()
    observed = StackObserved(stack=stack or whole_stack())
    run = run.where(lambda _, event: event.kind != "stack").adding((-200.0, observed))
    return run.changing("emulator_measured", unserved_resources=things).judged()


def unserved(kind: UnservedKind, resource: str, *of: str, **fields: Any) -> Unserved:
    return Unserved(kind=kind, resource=resource, of=of, reason=f"{resource} is not acted on", **fields)


def fidelity(judgement: Judgement) -> list[Finding]:
    return [finding for finding in judgement.findings if finding.checker == "fidelity"]


@pytest.mark.parametrize(
    "thing",
    [
        unserved(UnservedKind.LOAD_BALANCER, "web-alb"),
        unserved(UnservedKind.LOAD_BALANCER, BALANCER_ARN),
        unserved(UnservedKind.LISTENER, "web-alb:80"),
        unserved(UnservedKind.LISTENER_RULE, "arn:rule", "web-alb:80"),
        unserved(UnservedKind.TARGET_GROUP, "web-tg"),
        unserved(UnservedKind.SCALING_GROUP, "web-asg"),
        unserved(UnservedKind.INSTANCE, VICTIM),
        unserved(UnservedKind.ALARM, "healthy-hosts-us-east-1a"),
        unserved(UnservedKind.ALARM, "pages/Any", "pages", "Any", "healthy-hosts"),
    ],
    ids=lambda thing: f"{thing.kind}-{thing.resource}",
)
def test_a_run_that_depends_on_something_without_effect_is_inconclusive(thing: Unserved) -> None:
    judgement = judged(thing)
    assert (judgement.verdict, judgement.exit_code) == (Verdict.INCONCLUSIVE, 12)
    (finding,) = fidelity(judgement)
    assert thing.reason in finding.summary
    assert thing.reason in judgement.headline


@pytest.mark.parametrize(
    "thing",
    [
        unserved(UnservedKind.LOAD_BALANCER, "other-alb"),
        unserved(UnservedKind.LISTENER, "web-alb:8443"),
        unserved(UnservedKind.LISTENER_RULE, "arn:rule", "other-alb:80"),
        unserved(UnservedKind.TARGET_GROUP, "other-tg"),
        unserved(UnservedKind.SCALING_GROUP, "other-asg"),
        unserved(UnservedKind.SCALING_POLICY, "web-cpu", "web-asg"),
        unserved(UnservedKind.INSTANCE, "i-elsewhere"),
        unserved(UnservedKind.ALARM, "an-alarm-of-another-stack"),
        unserved(UnservedKind.ALARM, "healthy-hosts-us-east-1a", minor=True),
        unserved(UnservedKind.DNS, "example.com"),
    ],
    ids=lambda thing: f"{thing.kind}-{thing.resource}",
)
def test_what_nothing_depends_on_is_told_and_the_verdict_stands(thing: Unserved) -> None:
    judgement = judged(thing)
    assert judgement.verdict is Verdict.PASSED
    (finding,) = fidelity(judgement)
    assert finding.verdict is Verdict.PASSED
    assert thing.reason in finding.summary


def test_nothing_is_said_when_everything_is_acted_on() -> None:
    assert fidelity(judged()) == []


def test_the_group_that_fills_the_loads_target_group_matters_though_no_target_of_the_fault_is_in_it() -> None:
    feeding = whole_stack(scaling_groups=(scaling("feeder", target_group_arns=(GROUP_ARN,)),))
    assert judged(unserved(UnservedKind.SCALING_GROUP, "feeder-asg"), stack=feeding).exit_code == 12


def test_a_composite_alarm_depends_on_what_its_rule_names_however_deep() -> None:
    top = Alarm(name="healthy-hosts", resource_name="top", state="OK", children=("middle",))
    middle = Alarm(name="middle", resource_name="middle", state="OK", children=("leaf", "top"))
    stack = whole_stack(alarms=(top, middle))
    assert judged(unserved(UnservedKind.ALARM, "leaf"), stack=stack).exit_code == 12
    assert judged(unserved(UnservedKind.ALARM, "twig"), stack=stack).findings != ()
    assert all(f.verdict is Verdict.PASSED for f in fidelity(judged(unserved(UnservedKind.ALARM, "twig"), stack=stack)))


def test_an_expected_alarm_that_was_left_out_is_not_called_missing_from_the_stack() -> None:
    run = JudgedRun().where(lambda _, event: event.kind != "alarm")
    left_out = unserved(UnservedKind.ALARM, "pages/healthy-hosts", "pages", "healthy-hosts")
    judgement = judged(left_out, run=run, stack=whole_stack(alarms=()))
    assert judgement.verdict is Verdict.INCONCLUSIVE
    assert not [f for f in judgement.findings if f.checker == "alarms" and f.subject == "alarm healthy-hosts"]


def test_an_alarm_that_the_stack_file_names_is_known_by_that_name() -> None:
    mapping = StackMapping.model_validate({"alarms": {"healthy-hosts": {"name": "prod-*-hosts"}}})
    stack = whole_stack(alarms=(), mapping=mapping)
    left_out = unserved(UnservedKind.ALARM, "pages/Alarm", "pages", "Alarm", "prod-web-hosts")
    assert judged(left_out, stack=stack).exit_code == 12


def test_a_name_with_brackets_is_found_to_be_depended_on() -> None:
    alarm = Alarm(name="healthy-hosts", resource_name="[prod] hosts", state="OK")
    assert judged(unserved(UnservedKind.ALARM, "[prod] hosts"), stack=whole_stack(alarms=(alarm,))).exit_code == 12


def test_a_probe_for_no_alarm_at_all_depends_on_every_alarm_of_the_stack_and_of_no_other() -> None:
    hypothesis = {"title": "t", "probes": [{"type": "no-alarm"}]}
    run = JudgedRun().asking(steady_state_hypothesis=hypothesis)
    own = unserved(UnservedKind.ALARM, "emulator/Quiet", "emulator", "Quiet")
    foreign = unserved(UnservedKind.ALARM, "pages/Quiet", "pages", "Quiet")
    assert judged(own, run=run).exit_code == 12
    assert judged(foreign, run=run).exit_code == 0
