"""Injecting and putting back, through boto3 against moto; a wait moves a manual clock and whatever the test says.

moto replaces a terminated member in the same call but never registers the replacement, and its targets are healthy for
ever: what AWS would do is done by the test in `clock.on_wait`.
"""

from typing import Any
from unittest.mock import Mock

import pytest

from blackstart.aws_clients import AwsClients
from blackstart.domain.errors import GuardError
from blackstart.domain.experiment import BlastRadius
from blackstart.domain.journal import ApplyFailed, EffectVerified, Intent, PlannedAction, Reversibility, Reverted
from blackstart.domain.stack import Stack
from blackstart.domain.verdict import Restored
from blackstart.injection.injector import Injector
from blackstart.injection.stack_view import describe_stack


def planned(target_id: str, action: str = "terminate-instances", **parameters: str) -> PlannedAction:
    return PlannedAction(
        index=0,
        action=action,
        target_ids=(target_id,),
        candidates=6,
        after_s=0,
        parameters=dict(parameters),
        reversibility=Reversibility.SELF_HEALING,
    )


def crash(target_id: str) -> PlannedAction:
    return planned(target_id, "crash-service", service="blackstart-demo")


class Tier:
    """The tier's ids, and the moves that AWS makes and moto leaves out."""

    def __init__(self, clients: AwsClients) -> None:
        self.clients = clients
        stack = describe_stack(clients, "emulator")
        self.ids = [i.instance_id for i in stack.instances]
        self.arn = stack.target_groups[0].arn

    def members(self) -> list[str]:
        groups = self.clients.client("autoscaling").describe_auto_scaling_groups()["AutoScalingGroups"]
        return [member["InstanceId"] for member in groups[0]["Instances"]]

    def register_members(self) -> None:
        targets = [{"Id": id_} for id_ in self.members()]
        self.clients.client("elbv2").register_targets(TargetGroupArn=self.arn, Targets=targets)

    def deregister(self, id_: str) -> None:
        self.clients.client("elbv2").deregister_targets(TargetGroupArn=self.arn, Targets=[{"Id": id_}])


@pytest.fixture
def tier(web_tier: AwsClients) -> Tier:
    return Tier(web_tier)


@pytest.fixture
def injector(tier: Tier, journal: Any, clock: Any, radius: BlastRadius) -> Injector:
    return Injector(
        journal, tier.clients, Stack(name="emulator", region="us-east-1"), clock.now_s, clock.wait_s, radius
    )


def test_the_intent_is_on_the_journal_before_the_call(
    injector: Injector, tier: Tier, journal: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    before_call: list[str] = []
    ec2 = tier.clients.client("ec2")
    terminate = ec2.terminate_instances

    def note_and_terminate(**parameters: Any) -> Any:
        before_call.extend(journal.kinds())
        return terminate(**parameters)

    monkeypatch.setattr(ec2, "terminate_instances", note_and_terminate)
    injector.inject(planned(tier.ids[0]))
    assert before_call == ["intent"]
    assert journal.kinds() == ["intent", "applied", "effect"]
    intent = journal.events[0]
    assert intent.reversibility is Reversibility.SELF_HEALING
    assert intent.snapshot["groups"][0]["desired"] == 6
    assert intent.snapshot["target_groups"][0]["healthy"] == 6


def test_without_a_journal_nothing_is_injected(injector: Injector, tier: Tier, journal: Any) -> None:
    journal.fails = True
    with pytest.raises(OSError, match="no space"):
        injector.inject(planned(tier.ids[0]))
    assert {i.state for i in describe_stack(tier.clients, "emulator").instances} == {"running"}


def test_a_terminated_member_is_restored_once_the_replacement_is_in_service_and_healthy(
    injector: Injector, tier: Tier, journal: Any, clock: Any
) -> None:
    injector.inject(planned(tier.ids[0]))
    assert tier.ids[0] not in tier.members()
    effect = journal.events[-1]
    assert effect.seen
    assert tier.ids[0] in effect.detail
    clock.on_wait = lambda now_s: tier.register_members() if now_s >= 1040 else None
    assert injector.restore_all() is Restored.YES
    assert clock.time_s == 1040
    assert isinstance(journal.events[-1], Reverted)


def test_a_replacement_that_never_serves_is_reported_as_not_restored(
    injector: Injector, tier: Tier, journal: Any, clock: Any
) -> None:
    clock.stride = 62
    injector.inject(planned(tier.ids[0]))
    assert injector.restore_all() is Restored.NO
    assert clock.time_s == 1000 + 20 + 600
    assert "target group web has 5 of 6 healthy targets" in journal.events[-1].detail


def test_restoring_twice_writes_once_and_gives_the_same_answer(
    injector: Injector, tier: Tier, journal: Any, clock: Any
) -> None:
    injector.inject(planned(tier.ids[0]))
    tier.register_members()
    assert injector.restore_all() is injector.restore_all() is Restored.YES
    assert journal.kinds().count("reverted") == 1


def test_the_same_action_is_never_injected_twice(injector: Injector, tier: Tier, journal: Any) -> None:
    injector.inject(planned(tier.ids[0]))
    with pytest.raises(ValueError, match="was injected already"):
        injector.inject(planned(tier.ids[0]))
    assert journal.kinds().count("intent") == 1


def test_with_nothing_injected_there_is_nothing_to_restore(injector: Injector, journal: Any) -> None:
    assert injector.restore_all() is Restored.YES
    assert journal.events == []


def test_a_restore_that_was_interrupted_can_be_called_again(
    injector: Injector, tier: Tier, journal: Any, clock: Any
) -> None:
    injector.inject(planned(tier.ids[0]))

    def interrupt(_: float) -> None:
        raise KeyboardInterrupt

    clock.on_wait = interrupt
    with pytest.raises(KeyboardInterrupt):
        injector.restore_all()
    clock.on_wait = lambda _: tier.register_members()
    assert injector.restore_all() is Restored.YES


def test_a_restore_called_from_within_a_restore_leaves_it_to_the_first(
    injector: Injector, tier: Tier, journal: Any, clock: Any
) -> None:
    injector.inject(planned(tier.ids[0]))
    answers: list[Restored] = []

    def signal_arrives(_: float) -> None:
        answers.append(injector.restore_all())
        tier.register_members()

    clock.on_wait = signal_arrives
    assert injector.restore_all() is Restored.YES
    assert answers == [Restored.UNKNOWN]
    assert journal.kinds().count("reverted") == 1


def test_a_crash_takes_effect_when_its_target_leaves_the_healthy_ones(
    injector: Injector, tier: Tier, journal: Any, clock: Any
) -> None:
    injection = injector.inject(crash(tier.ids[0]))
    assert journal.kinds() == ["intent", "applied"]
    assert not injector.look()
    clock.on_wait = lambda now_s: tier.deregister(tier.ids[0]) if now_s == 1018 else None
    effect = injector.verify(injection)
    assert effect.seen
    assert "no longer registered" in effect.detail
    assert clock.time_s == 1018
    assert injector.look()


def test_a_crash_that_changes_nothing_is_not_seen_once_its_time_is_over(
    injector: Injector, tier: Tier, clock: Any
) -> None:
    clock.stride = 13
    effect = injector.verify(injector.inject(crash(tier.ids[0])))
    assert not effect.seen
    assert "no effect within 65 s" in effect.detail  # 30 command + 2 x 10 + 5 timeout + 10 interval
    assert clock.time_s == 1065


def test_a_crash_that_no_check_has_noticed_yet_is_awaited_before_it_counts_as_restored(
    injector: Injector, tier: Tier, journal: Any, clock: Any
) -> None:
    injector.inject(crash(tier.ids[0]))

    def aws_moves(now_s: float) -> None:
        if now_s == 1020:
            tier.deregister(tier.ids[0])
        if now_s == 1060:
            tier.register_members()

    clock.on_wait = aws_moves
    assert injector.restore_all() is Restored.YES
    assert clock.time_s == 1060
    assert journal.kinds() == ["intent", "applied", "effect", "reverted"]


def test_a_refused_call_is_a_failed_injection_with_awss_own_words(
    injector: Injector, tier: Tier, journal: Any, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from botocore.exceptions import ClientError

    answer = {
        "Error": {"Code": "OperationNotPermitted", "Message": "The instance may not be terminated."},
        "ResponseMetadata": {"HTTPStatusCode": 400},
    }
    refusal = ClientError(answer, "TerminateInstances")
    monkeypatch.setattr(tier.clients.client("ec2"), "terminate_instances", Mock(side_effect=refusal))
    injector.inject(planned(tier.ids[0]))
    failed, effect = journal.events[-2:]
    assert isinstance(failed, ApplyFailed)
    assert failed.error == "TerminateInstances: OperationNotPermitted: The instance may not be terminated."
    assert isinstance(effect, EffectVerified)
    assert not effect.seen
    assert injector.restore_all() is Restored.YES
    assert clock.waits == 0


def test_a_lost_answer_leaves_open_what_happened_and_the_world_decides(
    injector: Injector, tier: Tier, journal: Any, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from botocore.exceptions import ReadTimeoutError

    ec2 = tier.clients.client("ec2")
    terminate = ec2.terminate_instances

    def terminate_and_lose_the_answer(**parameters: Any) -> None:
        terminate(**parameters)
        raise ReadTimeoutError(endpoint_url="http://127.0.0.1")

    monkeypatch.setattr(ec2, "terminate_instances", terminate_and_lose_the_answer)
    injector.inject(planned(tier.ids[0]))
    assert journal.kinds() == ["intent", "apply_failed", "effect"]
    assert journal.events[-1].seen


def test_when_aws_no_longer_answers_the_restoration_is_unknown(
    injector: Injector, tier: Tier, journal: Any, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from botocore.exceptions import EndpointConnectionError

    injector.inject(planned(tier.ids[0]))
    error = EndpointConnectionError(endpoint_url="http://127.0.0.1")
    monkeypatch.setattr(tier.clients.client("autoscaling"), "describe_auto_scaling_groups", Mock(side_effect=error))
    assert injector.restore_all() is Restored.UNKNOWN
    assert clock.time_s < 1060
    assert "could not be asked" in journal.events[-1].detail


def test_a_planned_target_that_is_gone_is_refused_before_the_intent(
    injector: Injector, tier: Tier, journal: Any
) -> None:
    tier.clients.client("ec2").terminate_instances(InstanceIds=[tier.ids[0]])
    with pytest.raises(GuardError, match=f"planned target {tier.ids[0]} is"):
        injector.inject(planned(tier.ids[0]))
    assert journal.events == []


def test_a_target_that_lost_its_opt_in_is_refused(injector: Injector, tier: Tier, journal: Any) -> None:
    tier.clients.client("ec2").delete_tags(Resources=[tier.ids[0]], Tags=[{"Key": "blackstart:chaos"}])
    with pytest.raises(GuardError, match="no longer has the tag blackstart:chaos"):
        injector.inject(planned(tier.ids[0]))
    assert journal.events == []


def test_a_stack_that_has_become_weaker_since_the_plan_is_left_alone(
    injector: Injector, tier: Tier, journal: Any
) -> None:
    tier.deregister(tier.ids[1])
    tier.deregister(tier.ids[2])
    with pytest.raises(GuardError, match="would keep 3 healthy targets, 4 must stay"):
        injector.inject(planned(tier.ids[0]))
    assert journal.events == []


def test_where_nothing_replaces_the_instance_the_crashed_service_is_started_again(
    injector: Injector, tier: Tier, journal: Any, clock: Any
) -> None:
    tier.clients.client("autoscaling").update_auto_scaling_group(AutoScalingGroupName="web-asg", HealthCheckType="EC2")
    injector.inject(crash(tier.ids[0]))
    intent = journal.events[0]
    assert isinstance(intent, Intent)
    assert intent.reversibility is Reversibility.REVERSIBLE
    clock.on_wait = lambda now_s: tier.deregister(tier.ids[0]) if now_s == 1015 else tier.register_members()
    assert injector.restore_all() is Restored.YES
    comments = [command["Comment"] for command in tier.clients.client("ssm").list_commands()["Commands"]]
    assert comments.count("blackstart revert of crash-service") == 1


def test_a_revert_is_called_at_once_and_not_only_when_the_effect_is_known(
    injector: Injector, tier: Tier, journal: Any, clock: Any
) -> None:
    tier.clients.client("autoscaling").update_auto_scaling_group(AutoScalingGroupName="web-asg", HealthCheckType="EC2")
    injector.inject(crash(tier.ids[0]))
    waited: list[int] = []

    def count_reverts(_: float) -> None:
        commands = tier.clients.client("ssm").list_commands()["Commands"]
        waited.append(sum(command["Comment"] == "blackstart revert of crash-service" for command in commands))

    clock.on_wait = count_reverts
    injector.restore_all()
    assert waited[0] == 1
    assert waited[-1] == 1


def test_what_cannot_be_restored_does_not_keep_the_others_broken(
    injector: Injector, tier: Tier, journal: Any, clock: Any
) -> None:
    first = injector.inject(planned(tier.ids[0]))
    clock.on_wait = lambda _: tier.register_members()
    assert injector.restore_all() is Restored.YES
    first.reverted = None
    second = injector.inject(planned(tier.ids[1]).model_copy(update={"index": 1}))
    second.fault = Mock(verify_restored=Mock(side_effect=KeyError("bug")), verify=second.fault.verify)
    with pytest.raises(KeyError, match="bug"):
        injector.restore_all()
    assert first.reverted is not None


def test_an_instance_of_no_group_that_was_terminated_is_not_restored(
    injector: Injector, tier: Tier, journal: Any, clock: Any
) -> None:
    tier.clients.client("autoscaling").detach_instances(
        InstanceIds=[tier.ids[0]], AutoScalingGroupName="web-asg", ShouldDecrementDesiredCapacity=True
    )
    tier.register_members()
    wide = BlastRadius(max_count=1, max_percent=100, max_zones=1, keep_healthy=4)
    lenient = Injector(
        journal, tier.clients, Stack(name="emulator", region="us-east-1"), clock.now_s, clock.wait_s, wide
    )
    lenient.inject(planned(tier.ids[0]))
    assert journal.events[0].reversibility is Reversibility.IRREVERSIBLE
    assert lenient.restore_all() is Restored.NO
    assert clock.waits == 0
    assert "in no Auto Scaling group" in journal.events[-1].detail
