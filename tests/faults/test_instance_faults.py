"""The two faults on instances, against fakes of the few calls they make."""

from types import SimpleNamespace
from typing import Any

import pytest

from blackstart.domain.errors import GuardError, UsageError
from blackstart.domain.journal import Intent, Reversibility
from blackstart.domain.stack import Instance, RegisteredTarget, ScalingGroup, Stack, TargetGroup
from blackstart.domain.target_health import HealthCheck, TargetState
from blackstart.faults.contract import Fault
from blackstart.faults.crash_service import CrashService
from blackstart.faults.terminate_instances import TerminateInstances


class InvocationDoesNotExist(Exception):  # noqa: N818  SSM calls it so
    pass


class FakeAws:
    """instances: state by id. health: state by id. invocation: what SSM says, None while it knows nothing."""

    def __init__(self) -> None:
        self.instances = {"i-1": "running", "i-2": "running"}
        self.health: dict[str, str] = {"i-1": "healthy", "i-2": "healthy"}
        self.in_service = ["i-1", "i-2"]
        self.desired = 2
        self.group_exists = True
        self.invocation: dict[str, str] | None = {"Status": "Success"}
        self.commands: list[dict[str, Any]] = []
        self.exceptions = SimpleNamespace(InvocationDoesNotExist=InvocationDoesNotExist)

    def client(self, service: str) -> "FakeAws":
        return self

    def terminate_instances(self, InstanceIds: list[str]) -> dict[str, Any]:  # noqa: N803
        self.instances |= dict.fromkeys(InstanceIds, "shutting-down")
        rows = [{"InstanceId": id_, "CurrentState": {"Name": "shutting-down"}} for id_ in InstanceIds]
        return {"TerminatingInstances": rows}

    def get_paginator(self, call: str) -> Any:
        assert call == "describe_instances"

        def paginate(Filters: list[dict[str, Any]]) -> list[dict[str, Any]]:  # noqa: N803
            wanted = Filters[0]["Values"]
            rows = [{"InstanceId": i, "State": {"Name": s}} for i, s in self.instances.items() if i in wanted]
            return [{"Reservations": [{"Instances": [row]}]} for row in rows]

        return SimpleNamespace(paginate=paginate)

    def send_command(self, **parameters: Any) -> dict[str, Any]:
        self.commands.append(parameters)
        return {"Command": {"CommandId": f"command-{len(self.commands)}"}}

    def get_command_invocation(self, **parameters: str) -> dict[str, str]:
        if self.invocation is None:
            raise InvocationDoesNotExist
        return self.invocation

    def describe_target_health(self, **_: Any) -> dict[str, Any]:
        reasons = {"unhealthy": "Target.FailedHealthChecks", "draining": "Target.DeregistrationInProgress"}
        rows = [
            {"Target": {"Id": id_, "Port": 80}, "TargetHealth": {"State": state, "Reason": reasons.get(state)}}
            for id_, state in self.health.items()
        ]
        return {"TargetHealthDescriptions": rows}

    def describe_auto_scaling_groups(self, **_: Any) -> dict[str, Any]:
        members = [
            {"InstanceId": id_, "LifecycleState": "InService", "HealthStatus": "Healthy"} for id_ in self.in_service
        ]
        group = {"AutoScalingGroupName": "asg", "DesiredCapacity": self.desired, "Instances": members}
        return {"AutoScalingGroups": [group] if self.group_exists else []}


@pytest.fixture
def aws() -> Any:
    return FakeAws()


def a_stack(grouped: bool = True, check_type: str = "ELB", healthy: bool = True) -> Stack:
    instances = tuple(Instance(instance_id=id_, name="web", zone="a", state="running") for id_ in ("i-1", "i-2"))
    state = TargetState.HEALTHY if healthy else TargetState.UNHEALTHY
    targets = tuple(RegisteredTarget(target_id=i.instance_id, port=80, zone="a", state=state) for i in instances)
    check = HealthCheck(interval_s=10, timeout_s=5, unhealthy_threshold=2)
    group = ScalingGroup(
        name="web",
        resource_name="asg",
        min_size=1,
        max_size=3,
        desired_capacity=2,
        zones=("a",),
        health_check_type=check_type,
        grace_period_s=0,
        instance_ids=("i-1", "i-2"),
        target_group_arns=("arn",),
    )
    return Stack(
        name="s",
        region="r",
        instances=instances,
        target_groups=(TargetGroup(name="web", arn="arn", resource_name="tg", health_check=check, targets=targets),),
        scaling_groups=(group,) if grouped else (),
        zones=("a",),
    )


def intent(fault: Fault, stack: Stack, **parameters: str) -> Intent:
    targets = stack.instances[:1]
    return Intent(
        injection="0",
        action=fault.name,
        target_ids=("i-1",),
        parameters=dict(parameters),
        reversibility=fault.reversibility(stack, targets),
        snapshot=fault.snapshot(stack, targets).model_dump(mode="json"),
    )


def crash_intent(**stack: Any) -> Intent:
    return intent(CrashService(), a_stack(**stack), service="blackstart-demo")


@pytest.mark.parametrize(
    ("fault", "grouped", "check_type", "expected"),
    [
        (TerminateInstances(), True, "EC2", Reversibility.SELF_HEALING),
        (TerminateInstances(), False, "", Reversibility.IRREVERSIBLE),
        (CrashService(), True, "ELB", Reversibility.SELF_HEALING),
        (CrashService(), True, "EC2,ELB", Reversibility.SELF_HEALING),
        (CrashService(), True, "EC2", Reversibility.REVERSIBLE),
        (CrashService(), False, "", Reversibility.REVERSIBLE),
    ],
)
def test_how_a_fault_comes_back_depends_on_what_replaces_its_target(
    fault: Fault, grouped: bool, check_type: str, expected: Reversibility
) -> None:
    stack = a_stack(grouped=grouped, check_type=check_type)
    assert fault.reversibility(stack, stack.instances) is expected


@pytest.mark.parametrize(
    ("service", "says"),
    [
        (None, "'service' is missing"),
        (5, "'service' is wrong: Input should be a valid string"),
        ("web; rm -rf /", "'service' is wrong"),
        ("--all", "'service' is wrong"),
        ("$(reboot)", "'service' is wrong"),
        ("", "'service' is wrong"),
    ],
)
def test_a_service_name_that_is_none_never_reaches_a_shell(service: Any, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        CrashService().check_parameters({} if service is None else {"service": service})


@pytest.mark.parametrize("service", ["blackstart-demo", "app@1.service", "nginx"])
def test_ordinary_unit_names_are_accepted(service: str) -> None:
    CrashService().check_parameters({"service": service})


def test_termination_is_seen_as_soon_as_ec2_says_shutting_down(aws: Any) -> None:
    fault = TerminateInstances()
    wanted = intent(fault, a_stack())
    assert not fault.verify(aws, wanted, {}).seen
    answer = fault.apply(aws, wanted)
    assert answer == {"i-1": "shutting-down"}
    assert fault.verify(aws, wanted, answer).seen
    del aws.instances["i-1"]
    assert fault.verify(aws, wanted, answer).detail == "i-1 is gone"


def test_a_terminated_member_that_is_still_listed_does_not_count_as_in_service(aws: Any) -> None:
    fault = TerminateInstances()
    wanted = intent(fault, a_stack())
    fault.apply(aws, wanted)
    assert "1 of 2 instances in service" in fault.verify_restored(aws, wanted).detail
    aws.in_service, aws.health = ["i-2", "i-3"], {"i-2": "healthy", "i-3": "initial"}
    assert fault.verify_restored(aws, wanted).detail == "target group web has 1 of 2 healthy targets"
    aws.health["i-3"] = "healthy"
    assert fault.verify_restored(aws, wanted).seen


def test_a_group_that_has_scaled_in_meanwhile_is_whole_at_its_new_size(aws: Any) -> None:
    fault = TerminateInstances()
    wanted = intent(fault, a_stack())
    fault.apply(aws, wanted)
    aws.desired, aws.in_service, aws.health = 1, ["i-2"], {"i-2": "healthy"}
    assert fault.verify_restored(aws, wanted).seen


def test_a_group_that_no_longer_exists_is_not_restored(aws: Any) -> None:
    fault = TerminateInstances()
    wanted = intent(fault, a_stack())
    aws.group_exists = False
    look = fault.verify_restored(aws, wanted)
    assert not look.seen
    assert "asg no longer exists" in look.detail


def test_a_crash_kills_every_process_of_the_unit(aws: Any) -> None:
    assert CrashService().apply(aws, crash_intent()) == {"i-1": "command-1"}
    (command,) = aws.commands
    assert command["InstanceIds"] == ["i-1"]
    assert command["DocumentName"] == "AWS-RunShellScript"
    assert command["Parameters"] == {"commands": ["systemctl kill --kill-whom=all --signal=SIGKILL blackstart-demo"]}


@pytest.mark.parametrize(
    ("state", "seen"), [("healthy", False), ("unhealthy", True), ("draining", True), ("unused", True), (None, True)]
)
def test_a_crash_is_seen_when_its_target_is_healthy_no_more(aws: Any, state: str | None, seen: bool) -> None:
    if state is None:
        del aws.health["i-1"]
    else:
        aws.health["i-1"] = state
    assert CrashService().verify(aws, crash_intent(), {"i-1": "command-1"}).seen is seen


def test_a_target_that_was_unhealthy_already_shows_nothing(aws: Any) -> None:
    aws.health["i-1"] = "unhealthy"
    assert not CrashService().verify(aws, crash_intent(healthy=False), {"i-1": "command-1"}).seen


def test_a_command_that_failed_is_final_and_says_why(aws: Any) -> None:
    aws.invocation = {"Status": "Failed", "StandardErrorContent": "Unit blackstart-demo.service not loaded.\n"}
    look = CrashService().verify(aws, crash_intent(), {"i-1": "command-1"})
    assert (look.seen, look.final) == (False, True)
    assert look.detail == "the command on i-1 ended Failed: Unit blackstart-demo.service not loaded."


@pytest.mark.parametrize("invocation", [None, {"Status": "Pending"}, {"Status": "InProgress"}])
def test_a_command_under_way_is_awaited(aws: Any, invocation: dict[str, str] | None) -> None:
    aws.invocation, aws.health["i-1"] = invocation, "unhealthy"
    look = CrashService().verify(aws, crash_intent(), {"i-1": "command-1"})
    assert (look.seen, look.final) == (False, False)


def test_only_what_nothing_replaces_is_started_again(aws: Any) -> None:
    CrashService().revert(aws, crash_intent())
    assert aws.commands == []
    CrashService().revert(aws, crash_intent(grouped=False))
    assert aws.commands[0]["Parameters"] == {"commands": ["systemctl start blackstart-demo"]}


def test_a_target_that_no_load_balancer_watches_is_refused() -> None:
    unwatched = a_stack().model_copy(update={"target_groups": ()})
    with pytest.raises(GuardError, match="i-1 is registered in no target group"):
        intent(CrashService(), unwatched, service="blackstart-demo")


def test_more_targets_than_one_command_reaches_are_refused() -> None:
    stack = a_stack()
    with pytest.raises(GuardError, match="51 targets, but one command reaches at most 50"):
        CrashService().snapshot(stack, stack.instances[:1] * 51)
