"""Spot instances that EC2 takes back: by AWS FIS, and when the world has no room for them any more."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from rig import START_S, Rig

from blackstart.emulator.controllers.spot_interruptions import NotSpotError
from blackstart.emulator.decisions.ec2_capacity import Pool, excess
from blackstart.emulator.decisions.fis_targets import Resource, duration_s, resolved

IMAGE = "ami-12c6146b"
SPOT = {"InstanceMarketOptions": {"MarketType": "spot"}}


@pytest.fixture
def rig() -> Iterator[Rig]:
    made = Rig(pending_s=10, stopping_s=20, shutting_down_s=20)
    yield made
    made.close()


def run(rig: Rig, count: int = 1, **wanted: Any) -> list[str]:
    answer = rig.client("ec2").run_instances(
        ImageId=IMAGE, InstanceType="t3.micro", MinCount=count, MaxCount=count, **wanted
    )
    return [instance["InstanceId"] for instance in answer["Instances"]]


def described(rig: Rig, instance_id: str) -> Any:
    answer = rig.client("ec2").describe_instances(InstanceIds=[instance_id])
    return answer["Reservations"][0]["Instances"][0]


class Listener:
    """A queue that hears what EC2 says of spot instances."""

    def __init__(self, rig: Rig) -> None:
        self.sqs, events = rig.client("sqs"), rig.client("events")
        self.url = self.sqs.create_queue(QueueName="spot")["QueueUrl"]
        arn = self.sqs.get_queue_attributes(QueueUrl=self.url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        pattern = {"source": ["aws.ec2"], "detail-type": [{"prefix": "EC2 Spot"}, {"prefix": "EC2 Instance Rebalance"}]}
        events.put_rule(Name="spot", EventPattern=json.dumps(pattern))
        events.put_targets(Rule="spot", Targets=[{"Id": "queue", "Arn": arn}])

    def heard(self) -> list[Any]:
        messages = self.sqs.receive_message(QueueUrl=self.url, MaxNumberOfMessages=10).get("Messages", [])
        for message in messages:
            self.sqs.delete_message(QueueUrl=self.url, ReceiptHandle=message["ReceiptHandle"])
        return [json.loads(message["Body"]) for message in messages]


def template(rig: Rig, target: dict[str, Any], **parameters: str) -> str:
    made = rig.client("fis").create_experiment_template(
        description="take spot instances back",
        stopConditions=[{"source": "none"}],
        roleArn="arn:aws:iam::123456789012:role/fis",
        targets={"some": {"resourceType": "aws:ec2:spot-instance", "selectionMode": "ALL", **target}},
        actions={
            "interrupt": {
                "actionId": "aws:ec2:send-spot-instance-interruptions",
                "parameters": parameters,
                "targets": {"SpotInstances": "some"},
            }
        },
    )
    return str(made["experimentTemplate"]["id"])


def start(rig: Rig, identifier: str) -> Any:
    return rig.client("fis").start_experiment(experimentTemplateId=identifier)["experiment"]


def test_an_instance_says_that_it_is_a_spot_instance(rig: Rig) -> None:
    (spot,), (other,) = run(rig, **SPOT), run(rig)
    assert described(rig, spot)["InstanceLifecycle"] == "spot"
    assert "InstanceLifecycle" not in described(rig, other)
    assert [rig.controllers.ec2.facts[each].lifecycle_kind for each in (spot, other)] == ["spot", "on-demand"]


def test_an_interruption_is_recommended_warned_of_and_done_two_minutes_later(rig: Rig) -> None:
    listener, (instance_id,) = Listener(rig), run(rig, **SPOT)
    rig.run(60)
    start(rig, template(rig, {"resourceTags": {}}, durationBeforeInterruption="PT4M"))
    (recommended,) = listener.heard()
    assert recommended["detail-type"] == "EC2 Instance Rebalance Recommendation"
    assert recommended["detail"] == {"instance-id": instance_id}
    assert recommended["resources"] == [f"arn:aws:ec2:us-east-1a:instance/{instance_id}"]
    assert rig.controllers.ec2.facts[instance_id].rebalance_recommended
    rig.run(119)
    assert listener.heard() == []
    rig.run(2)
    (warned,) = listener.heard()
    assert warned["detail-type"] == "EC2 Spot Instance Interruption Warning"
    assert warned["detail"] == {"instance-id": instance_id, "instance-action": "terminate"}
    rig.run(118)
    assert described(rig, instance_id)["State"]["Name"] == "running"
    rig.run(2)
    shown = described(rig, instance_id)
    assert shown["State"]["Name"] == "shutting-down"
    assert shown["StateReason"]["Code"] == "Server.SpotInstanceTermination"
    assert rig.controllers.ec2.facts[instance_id].since_s == START_S + 60 + 240


def test_a_persistent_spot_instance_may_be_stopped_instead(rig: Rig) -> None:
    options = {"SpotInstanceType": "persistent", "InstanceInterruptionBehavior": "stop"}
    (instance_id,) = run(rig, InstanceMarketOptions={"MarketType": "spot", "SpotOptions": options})
    rig.run(20)
    rig.controllers.spot.interrupt(instance_id, rig.now_s)
    rig.run(145)
    shown = described(rig, instance_id)
    assert (shown["State"]["Name"], shown["StateReason"]["Code"]) == ("stopped", "Server.SpotInstanceShutdown")


def test_a_one_time_spot_instance_cannot_be_stopped_by_a_call(rig: Rig) -> None:
    (instance_id,) = run(rig, **SPOT)
    rig.run(20)
    with pytest.raises(Exception, match="You can't stop the Spot Instance"):
        rig.client("ec2").stop_instances(InstanceIds=[instance_id])


def test_only_running_spot_instances_are_interrupted(rig: Rig) -> None:
    (other,) = run(rig)
    with pytest.raises(NotSpotError):
        rig.controllers.spot.interrupt(other, rig.now_s)


def test_an_experiment_that_finds_no_target_fails_unless_it_may_skip(rig: Rig) -> None:
    run(rig)
    identifier = template(rig, {"resourceTags": {"tier": "web"}})
    assert start(rig, identifier)["state"]["status"] == "failed"
    wrong = template(rig, {}, durationBeforeInterruption="two minutes")
    run(rig, 1, **SPOT)
    assert start(rig, wrong)["state"]["status"] == "failed"


def test_shrinking_capacity_takes_the_youngest_spot_instances_back_and_leaves_the_others(rig: Rig) -> None:
    in_zone = {"Placement": {"AvailabilityZone": "us-east-1a"}}
    run(rig, 2, **in_zone)
    (older,) = run(rig, 1, **in_zone, **SPOT)
    rig.run(30)
    (younger,) = run(rig, 1, **in_zone, **SPOT)
    rig.run(30)
    capacity, spot = rig.controllers.capacity, rig.controllers.spot
    capacity.change({Pool("us-east-1a"): 3})
    assert spot.reclaim(excess(capacity.limits, rig.controllers.ec2.occupied), rig.now_s) == 1
    assert spot.reclaim(excess(capacity.limits, rig.controllers.ec2.occupied), rig.now_s) == 0
    assert [rig.controllers.ec2.facts[each].rebalance_recommended for each in (older, younger)] == [False, True]
    capacity.change({Pool("us-east-1a"): 0})
    assert spot.reclaim(excess(capacity.limits, rig.controllers.ec2.occupied), rig.now_s) == 1
    rig.run(150)
    assert rig.controllers.ec2.occupied[("us-east-1a", "t3.micro")] == 2


def test_what_other_actions_would_do_is_told(rig: Rig) -> None:
    made = rig.client("fis").create_experiment_template(
        description="stop",
        stopConditions=[
            {"source": "aws:cloudwatch:alarm", "value": "arn:aws:cloudwatch:us-east-1:123456789012:alarm:a"}
        ],
        roleArn="arn:aws:iam::123456789012:role/fis",
        targets={"some": {"resourceType": "aws:ec2:instance", "selectionMode": "ALL", "resourceTags": {"a": "b"}}},
        actions={"stop": {"actionId": "aws:ec2:stop-instances", "targets": {"Instances": "some"}}},
    )["experimentTemplate"]["id"]
    told = rig.unserved()
    for what in (
        "action stop (aws:ec2:stop-instances)",
        "stop condition arn:aws:cloudwatch:us-east-1:123456789012:alarm:a",
    ):
        assert f"FIS experiment template {made}: its {what} does nothing" in told


RESOURCES = [
    Resource(f"arn:{number}", {"tier": "web" if number % 2 else "db"}, {"State": {"Name": "running"}, "Id": number})
    for number in range(7)
]


@pytest.mark.parametrize(
    ("target", "numbers"),
    [
        ({}, [0, 1, 2, 3, 4, 5, 6]),
        ({"resourceTags": {"tier": "web"}}, [1, 3, 5]),
        ({"resourceArns": ["arn:2", "arn:4"]}, [2, 4]),
        ({"filters": [{"path": "State.Name", "values": ["stopped"]}]}, []),
        ({"filters": [{"path": "State.Name", "values": ["stopped", "running"]}], "selectionMode": "COUNT(2)"}, [0, 1]),
        ({"selectionMode": "PERCENT(50)"}, [0, 1, 2]),
        ({"selectionMode": "PERCENT(10)"}, []),
        ({"selectionMode": "COUNT(20)"}, [0, 1, 2, 3, 4, 5, 6]),
    ],
)
def test_a_target_is_resolved_by_arn_tag_filter_and_selection_mode(target: dict[str, Any], numbers: list[int]) -> None:
    assert [resource.attributes["Id"] for resource in resolved(target, RESOURCES)] == numbers


def test_durations_are_those_of_iso_8601() -> None:
    assert [duration_s(text) for text in ("PT2M", "PT15M", "PT1H30S")] == [120, 900, 3630]
    with pytest.raises(ValueError, match="is no duration"):
        duration_s("two minutes")
