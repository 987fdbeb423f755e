"""An experiment that names what the stack does not have is refused before anything is started."""

from pathlib import Path

import pytest
import yaml

from blackstart.domain.errors import UsageError
from blackstart.domain.experiment import Experiment
from blackstart.domain.stack import Alarm, LoadBalancer, Stack, TargetGroup
from blackstart.domain.target_health import HealthCheck
from blackstart.gameday.references import check_references

DOCUMENT = yaml.safe_load((Path(__file__).parents[2] / "chaos" / "terminate-instance.yaml").read_text())
STACK = Stack(
    name="emulator",
    region="us-east-1",
    load_balancers=(
        LoadBalancer(name="web", arn="a", resource_name="web", dns_name="web.example", zones=(), listener_ports=(80,)),
    ),
    target_groups=(TargetGroup(name="web", arn="t", resource_name="web", health_check=HealthCheck()),),
    alarms=(Alarm(name="elb-5xx", resource_name="a-1", state="OK"),),
)


def changed(**fields) -> Experiment:
    return Experiment.model_validate(DOCUMENT | fields)


def test_the_shipped_experiment_names_what_the_stack_has():
    check_references(changed(), STACK)


def test_an_expected_alarm_may_be_absent_because_that_is_a_finding():
    check_references(changed(expectations={"alarms": [{"name": "nobody", "within_s": 60}]}), STACK)


def test_two_load_balancers_or_target_groups_of_one_name_are_told_apart_before_anything_is_asked():
    (balancer,), (group,) = STACK.load_balancers, STACK.target_groups
    twins = {
        "load_balancers": (balancer, balancer.model_copy(update={"resource_name": "web-2"})),
        "target_groups": (group, group.model_copy(update={"resource_name": "web-2"})),
    }
    for kind, things in twins.items():
        with pytest.raises(UsageError, match=r"2 .* named web: web, web-2") as error:
            check_references(changed(), STACK.model_copy(update={kind: things}))
        assert "stack file" in error.value.way_out
        assert "blackstart:name" in error.value.way_out


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        (
            {"load": DOCUMENT["load"] | {"load_balancer": "other"}},
            "load.load_balancer: .* no load balancer named other",
        ),
        ({"load": DOCUMENT["load"] | {"port": 81}}, "load.port: load balancer web does not listen on 81"),
        (
            {"stop_conditions": [{"type": "alarm", "name": "elb-5x"}]},
            r"stop_conditions\[0\]\.name: .* no alarm named elb-5x",
        ),
        (
            {"stop_conditions": [{"type": "healthy-targets-below", "target_group": "x", "count": 1}]},
            "no target group named x",
        ),
        (
            {"steady_state_hypothesis": {"title": "t", "probes": [{"type": "no-alarm", "alarms": ["nope"]}]}},
            r"probes\[0\]\.alarms: .* no alarm named nope",
        ),
        (
            {"expectations": {"recovery": {"target_group": "x", "healthy_targets": 1, "within_s": 9}}},
            "expectations.recovery.target_group",
        ),
    ],
)
def test_a_name_that_the_stack_does_not_have_is_refused_with_those_it_has(fields, words):
    with pytest.raises(UsageError, match=words) as caught:
        check_references(changed(**fields), STACK)
    assert caught.value.way_out.startswith("It ")
