"""EC2 instances over the API: states, reasons, refusals, events, and how long the dead are seen."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError
from rig import Rig

IMAGE = "ami-12c6146b"


@pytest.fixture
def rig() -> Iterator[Rig]:
    made = Rig(pending_s=10, boot_s=15, stopping_s=20, shutting_down_s=20)
    yield made
    made.close()


def run(rig: Rig, count: int = 1, **wanted: Any) -> list[str]:
    answer = rig.client("ec2").run_instances(
        **{"ImageId": IMAGE, "InstanceType": "t3.micro", "MinCount": count, "MaxCount": count, **wanted}
    )
    return [instance["InstanceId"] for instance in answer["Instances"]]


def described(rig: Rig, instance_id: str) -> Any:
    answer = rig.client("ec2").describe_instances(InstanceIds=[instance_id])
    return answer["Reservations"][0]["Instances"][0]


def events_in_queue(rig: Rig, pattern: dict[str, Any]) -> Any:
    """A queue that gets the events that match; returns a function that empties it."""
    sqs, events = rig.client("sqs"), rig.client("events")
    url = sqs.create_queue(QueueName="events")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    events.put_rule(Name="to-queue", EventPattern=json.dumps(pattern))
    events.put_targets(Rule="to-queue", Targets=[{"Id": "queue", "Arn": arn}])

    def take() -> list[Any]:
        taken = []
        while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
            for message in messages:
                taken.append(json.loads(message["Body"]))
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return taken

    return take


def occupied(rig: Rig) -> dict[tuple[str, str], int]:
    return {where: number for where, number in rig.controllers.ec2.occupied.items() if number}


def test_every_change_of_state_is_told_to_eventbridge(rig: Rig) -> None:
    take = events_in_queue(rig, {"source": ["aws.ec2"], "detail-type": ["EC2 Instance State-change Notification"]})
    (instance_id,) = run(rig)
    rig.run(30)
    rig.client("ec2").stop_instances(InstanceIds=[instance_id])
    rig.run(30)
    rig.client("ec2").start_instances(InstanceIds=[instance_id])
    rig.run(30)
    rig.client("ec2").terminate_instances(InstanceIds=[instance_id])
    rig.run(30)
    told = take()
    assert [event["detail"]["state"] for event in told] == [
        *("pending", "running", "stopping", "stopped", "pending", "running", "shutting-down", "terminated")
    ]
    first = told[0]
    assert (first["version"], first["account"], first["region"]) == ("0", "123456789012", "us-east-1")
    assert first["resources"] == [f"arn:aws:ec2:us-east-1:123456789012:instance/{instance_id}"]
    assert first["detail"] == {"instance-id": instance_id, "state": "pending"}
    assert first["time"] == "2027-01-15T08:00:00Z"
    assert told[1]["time"] == "2027-01-15T08:00:10Z"


def test_an_instance_says_why_it_was_stopped_and_forgets_it_when_it_runs_again(rig: Rig) -> None:
    (instance_id,) = run(rig)
    assert described(rig, instance_id)["StateReason"] == {"Code": "pending", "Message": "pending"}
    rig.run(20)
    assert described(rig, instance_id)["StateTransitionReason"] == ""
    rig.client("ec2").stop_instances(InstanceIds=[instance_id])
    stopping = described(rig, instance_id)
    rig.run(25)
    stopped = described(rig, instance_id)
    assert stopping["StateTransitionReason"] == "User initiated (2027-01-15 08:00:20 GMT)"
    assert stopped["StateTransitionReason"] == stopping["StateTransitionReason"]
    assert stopped["StateReason"] == {
        "Code": "Client.UserInitiatedShutdown",
        "Message": "Client.UserInitiatedShutdown: User initiated shutdown",
    }
    rig.client("ec2").start_instances(InstanceIds=[instance_id])
    rig.run(15)
    assert described(rig, instance_id)["StateTransitionReason"] == ""


def test_a_public_address_is_another_one_after_a_stop_and_the_private_one_stays(rig: Rig) -> None:
    (instance_id,) = run(rig)
    rig.run(20)
    before = described(rig, instance_id)
    rig.client("ec2").stop_instances(InstanceIds=[instance_id])
    rig.run(25)
    assert "PublicIpAddress" not in described(rig, instance_id)
    rig.client("ec2").start_instances(InstanceIds=[instance_id])
    rig.run(15)
    after = described(rig, instance_id)
    assert after["PrivateIpAddress"] == before["PrivateIpAddress"]
    assert after["PublicIpAddress"] != before["PublicIpAddress"]


def test_answers_name_the_state_before_and_the_state_that_came_of_it(rig: Rig) -> None:
    ec2, (instance_id,) = rig.client("ec2"), run(rig)
    rig.run(20)
    first = ec2.terminate_instances(InstanceIds=[instance_id])["TerminatingInstances"][0]
    assert (first["PreviousState"]["Name"], first["CurrentState"]["Name"]) == ("running", "shutting-down")
    rig.run(25)
    again = ec2.terminate_instances(InstanceIds=[instance_id])["TerminatingInstances"][0]
    assert (again["PreviousState"]["Name"], again["CurrentState"]["Name"]) == ("terminated", "terminated")


def test_a_terminated_instance_is_seen_for_about_an_hour_and_then_unknown(rig: Rig) -> None:
    first, second = run(rig, 2)
    rig.run(20)
    rig.client("ec2").terminate_instances(InstanceIds=[first])
    rig.run(3000, step_s=20)
    assert described(rig, first)["State"]["Name"] == "terminated"
    rig.run(700, step_s=20)
    with pytest.raises(ClientError, match=r"The instance ID .* does not exist"):
        described(rig, first)
    assert described(rig, second)["State"]["Name"] == "running"
    assert set(rig.controllers.ec2.facts) == {second}


def code_and_words(error: pytest.ExceptionInfo[ClientError]) -> tuple[str, str]:
    told = error.value.response["Error"]
    return told["Code"], told["Message"]


def test_what_never_ran_cannot_be_stopped_and_what_is_gone_neither(rig: Rig) -> None:
    ec2, (instance_id,) = rig.client("ec2"), run(rig)
    with pytest.raises(ClientError) as early:
        ec2.stop_instances(InstanceIds=[instance_id])
    assert code_and_words(early) == (
        "IncorrectInstanceState",
        f"Instance '{instance_id}' cannot be stopped as it has never reached the 'running' state.",
    )
    rig.run(20)
    ec2.terminate_instances(InstanceIds=[instance_id])
    with pytest.raises(ClientError) as late:
        ec2.stop_instances(InstanceIds=[instance_id])
    assert code_and_words(late) == (
        "IncorrectInstanceState",
        f"The instance '{instance_id}' is not in a state from which it can be stopped.",
    )


def test_protection_keeps_an_instance_from_calls_that_would_end_it(rig: Rig) -> None:
    ec2 = rig.client("ec2")
    protected, other = run(rig, 1, DisableApiTermination=True, DisableApiStop=True), run(rig)
    rig.run(20)
    with pytest.raises(ClientError) as kept:
        ec2.terminate_instances(InstanceIds=[*other, *protected])
    assert code_and_words(kept) == (
        "OperationNotPermitted",
        f"The instance '{protected[0]}' may not be terminated. Modify its 'disableApiTermination' instance attribute "
        "and try again.",
    )
    with pytest.raises(ClientError, match="'disableApiStop'"):
        ec2.stop_instances(InstanceIds=protected)
    assert {described(rig, one)["State"]["Name"] for one in (*protected, *other)} == {"running"}
    ec2.modify_instance_attribute(InstanceId=protected[0], DisableApiTermination={"Value": False})
    ec2.terminate_instances(InstanceIds=protected)


def test_an_instance_gives_its_address_back_when_it_is_terminated(rig: Rig) -> None:
    ec2 = rig.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.0.0/28", AvailabilityZone="us-east-1a")["Subnet"]["SubnetId"]
    eleven = run(rig, 11, SubnetId=subnet)
    with pytest.raises(ClientError) as full:
        run(rig, 1, SubnetId=subnet)
    assert code_and_words(full) == (
        "InsufficientFreeAddressesInSubnet",
        f"There are not enough free addresses in subnet '{subnet}' to satisfy the requested number of instances.",
    )
    rig.run(20)
    ec2.terminate_instances(InstanceIds=eleven[:3])
    rig.run(25)
    assert len(run(rig, 3, SubnetId=subnet)) == 3


def test_a_tick_does_not_look_at_instances_in_which_nothing_is_due(rig: Rig) -> None:
    run(rig, 3)
    rig.run(300, step_s=5)
    before = dict(rig.controllers.ec2.facts)
    rig.controllers.ec2.tick(rig.now_s + 1)
    assert all(rig.controllers.ec2.facts[each] is before[each] for each in before)


def command(rig: Rig, instance_id: str, *lines: str) -> Any:
    ssm = rig.client("ssm")
    sent = ssm.send_command(
        InstanceIds=[instance_id], DocumentName="AWS-RunShellScript", Parameters={"commands": list(lines)}
    )["Command"]["CommandId"]
    rig.tick()
    return ssm.get_command_invocation(CommandId=sent, InstanceId=instance_id)


@pytest.mark.parametrize(("behaviour", "state"), [("stop", "stopping"), ("terminate", "shutting-down")])
def test_an_instance_that_is_shut_down_from_inside_ends_as_it_was_told_to(rig: Rig, behaviour: str, state: str) -> None:
    (instance_id,) = run(
        rig, 1, InstanceInitiatedShutdownBehavior=behaviour, DisableApiTermination=True, DisableApiStop=True
    )
    rig.run(40)
    assert command(rig, instance_id, "sudo shutdown -h now", "systemctl start web")["Status"] == "Success"
    shown = described(rig, instance_id)
    assert (shown["State"]["Name"], shown["StateReason"]["Code"]) == (state, "Client.InstanceInitiatedShutdown")
    assert instance_id not in rig.services.running


def test_a_reboot_from_inside_boots_the_service_anew(rig: Rig) -> None:
    (instance_id,) = run(rig)
    rig.run(40)
    assert command(rig, instance_id, "systemctl reboot")["Status"] == "Success"
    assert instance_id not in rig.services.running
    assert described(rig, instance_id)["State"]["Name"] == "running"
    rig.run(16)
    assert instance_id in rig.services.running


def test_a_shutdown_that_is_not_now_is_refused(rig: Rig) -> None:
    (instance_id,) = run(rig)
    rig.run(40)
    for line in ("shutdown -h +5", "shutdown", "poweroff -f", "systemctl poweroff web"):
        assert command(rig, instance_id, line)["Status"] == "Failed"
    assert instance_id in rig.services.running


def test_some_attributes_change_on_a_stopped_instance_only(rig: Rig) -> None:
    ec2, (instance_id,) = rig.client("ec2"), run(rig)
    rig.run(20)
    with pytest.raises(ClientError) as error:
        ec2.modify_instance_attribute(InstanceId=instance_id, InstanceType={"Value": "t3.small"})
    assert code_and_words(error) == (
        "IncorrectInstanceState",
        f"The instance '{instance_id}' is not in the 'stopped' state.",
    )
    ec2.modify_instance_attribute(InstanceId=instance_id, InstanceInitiatedShutdownBehavior={"Value": "terminate"})
    ec2.stop_instances(InstanceIds=[instance_id])
    rig.run(25)
    ec2.modify_instance_attribute(InstanceId=instance_id, InstanceType={"Value": "t3.small"})
    ec2.start_instances(InstanceIds=[instance_id])
    rig.run(20)
    assert rig.controllers.ec2.facts[instance_id].instance_type == "t3.small"
    assert occupied(rig) == {("us-east-1a", "t3.small"): 1}
    command(rig, instance_id, "poweroff")
    assert described(rig, instance_id)["State"]["Name"] == "shutting-down"


def test_a_reset_of_everything_leaves_no_instance_and_no_service(rig: Rig) -> None:
    from moto.moto_api._internal.models import moto_api_backend

    (instance_id,) = run(rig)
    rig.run(40)
    assert instance_id in rig.services.running
    moto_api_backend.reset()
    rig.tick()
    assert (rig.controllers.ec2.facts, rig.services.running) == ({}, {})
    assert occupied(rig) == {}
    (again,) = run(rig)
    rig.run(40)
    assert described(rig, again)["State"]["Name"] == "running"
