"""What EventBridge delivers, to whom, and in which form."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from rig import Rig

from blackstart.emulator.adapters.moto_events import MotoEvents, message
from blackstart.emulator.controllers.event_bus import Event

EVENT = Event(
    source="aws.ec2",
    detail_type="EC2 Instance State-change Notification",
    account="123456789012",
    region="us-east-1",
    resources=("arn:aws:ec2:us-east-1:123456789012:instance/i-1",),
    detail={"instance-id": "i-1", "state": "running"},
    time_s=1_800_000_000.0,
)
PATTERN = json.dumps({"source": ["aws.ec2"], "detail": {"state": ["running"]}})


@pytest.fixture
def rig() -> Iterator[Rig]:
    made = Rig()
    yield made
    made.close()


def queue(rig: Rig, name: str = "events") -> tuple[str, str]:
    """A queue's URL and ARN."""
    sqs = rig.client("sqs")
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    return url, sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]


def rule(rig: Rig, *targets: dict[str, Any], pattern: str = PATTERN, name: str = "rule", **more: Any) -> None:
    rig.client("events").put_rule(Name=name, EventPattern=pattern, **more)
    rig.client("events").put_targets(Rule=name, Targets=[{"Id": str(n), **each} for n, each in enumerate(targets)])


def bodies(rig: Rig, url: str) -> list[str]:
    answer = rig.client("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10)
    return [found["Body"] for found in answer.get("Messages", [])]


def test_a_rule_that_matches_delivers_the_whole_envelope(rig: Rig) -> None:
    url, arn = queue(rig)
    rule(rig, {"Arn": arn})
    MotoEvents()(EVENT)
    MotoEvents()(EVENT._replace(detail={"instance-id": "i-1", "state": "stopped"}))
    (body,) = bodies(rig, url)
    event = json.loads(body)
    assert event.pop("id")
    assert event == {
        "version": "0",
        "detail-type": "EC2 Instance State-change Notification",
        "source": "aws.ec2",
        "account": "123456789012",
        "time": "2027-01-15T08:00:00Z",
        "region": "us-east-1",
        "resources": ["arn:aws:ec2:us-east-1:123456789012:instance/i-1"],
        "detail": {"instance-id": "i-1", "state": "running"},
    }


def test_a_disabled_rule_delivers_nothing(rig: Rig) -> None:
    url, arn = queue(rig)
    rule(rig, {"Arn": arn})
    rig.client("events").disable_rule(Name="rule")
    MotoEvents()(EVENT)
    assert bodies(rig, url) == []


def test_a_topic_a_log_group_and_another_bus_get_their_events(rig: Rig) -> None:
    url, arn = queue(rig)
    topic = rig.client("sns").create_topic(Name="topic")["TopicArn"]
    rig.client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes={"RawMessageDelivery": "true"})
    rig.client("logs").create_log_group(logGroupName="/events")
    bus = rig.client("events").create_event_bus(Name="other")["EventBusArn"]
    other_url, other_arn = queue(rig, "other")
    rig.client("events").put_rule(Name="there", EventBusName="other", EventPattern=PATTERN)
    rig.client("events").put_targets(Rule="there", EventBusName="other", Targets=[{"Id": "1", "Arn": other_arn}])
    log_group = "arn:aws:logs:us-east-1:123456789012:log-group:/events"
    rule(rig, {"Arn": topic}, {"Arn": log_group}, {"Arn": bus})
    MotoEvents()(EVENT)
    logged = rig.client("logs").filter_log_events(logGroupName="/events")["events"]
    delivered = (bodies(rig, url), bodies(rig, other_url), [each["message"] for each in logged])
    assert [[json.loads(body)["detail"] for body in found] for found in delivered] == [[EVENT.detail]] * 3


def test_an_archive_keeps_what_matches(rig: Rig) -> None:
    bus = "arn:aws:events:us-east-1:123456789012:event-bus/default"
    rig.client("events").create_archive(ArchiveName="all", EventSourceArn=bus)
    MotoEvents()(EVENT)
    assert rig.client("events").describe_archive(ArchiveName="all")["EventCount"] == 1


def test_events_that_callers_put_are_delivered_alike(rig: Rig) -> None:
    url, arn = queue(rig)
    topic = rig.client("sns").create_topic(Name="topic")["TopicArn"]
    rule(rig, {"Arn": topic}, {"Arn": arn}, pattern=json.dumps({"source": ["ours"]}))
    answer = rig.client("events").put_events(Entries=[{"Source": "ours", "DetailType": "A", "Detail": '{"x": 1}'}])
    assert answer["FailedEntryCount"] == 0
    (body,) = bodies(rig, url)
    assert json.loads(body)["detail"] == {"x": 1}
    assert json.loads(body)["time"].endswith("Z")


def test_an_event_is_passed_on_from_bus_to_bus_at_most_five_times(rig: Rig) -> None:
    url, arn = queue(rig)
    rule(rig, {"Arn": arn}, {"Arn": "arn:aws:events:us-east-1:123456789012:event-bus/default"})
    MotoEvents()(EVENT)
    assert len(bodies(rig, url)) == 1 + 5


def test_a_target_that_is_gone_keeps_nothing_from_the_others(rig: Rig) -> None:
    url, arn = queue(rig)
    rule(rig, {"Arn": "arn:aws:sqs:us-east-1:123456789012:gone"}, {"Arn": arn})
    MotoEvents()(EVENT)
    assert len(bodies(rig, url)) == 1


def test_targets_and_schedules_that_do_nothing_are_told(rig: Rig) -> None:
    _, arn = queue(rig)
    function = "arn:aws:lambda:us-east-1:123456789012:function:f"
    rule(rig, {"Arn": arn}, {"Arn": function})
    rig.client("events").put_rule(Name="nightly", ScheduleExpression="rate(1 day)")
    told = rig.unserved()
    assert f"EventBridge rule rule delivers nothing to {function}" in told
    assert "EventBridge rule nightly has a schedule, and never fires by it" in told
    assert not any(arn in words for words in told)


WHOLE = {"source": "aws.ec2", "time": "2027-01-15T08:00:00Z", "resources": ["a"], "detail": {"n": 1, "who": 'a"b'}}
PATHS = {"who": "$.detail.who", "n": "$.detail.n", "detail": "$.detail", "none": "$.detail.none"}


@pytest.mark.parametrize(
    ("target", "text"),
    [
        ({"Input": '{"fixed": true}'}, '{"fixed": true}'),
        ({"InputPath": "$.detail.n"}, "1"),
        ({"InputPath": "$.detail"}, '{"n": 1, "who": "a\\"b"}'),
        ({"InputTransformer": {"InputPathsMap": PATHS, "InputTemplate": '"<who> is <n>"'}}, '"a\\"b is 1"'),
        ({"InputTransformer": {"InputPathsMap": PATHS, "InputTemplate": '{"who": <who>}'}}, '{"who": "a\\"b"}'),
        ({"InputTransformer": {"InputPathsMap": PATHS, "InputTemplate": '{"who": "<who>"}'}}, '{"who": "a\\"b"}'),
        ({"InputTransformer": {"InputPathsMap": PATHS, "InputTemplate": '{"all": <detail>}'}}, None),
        ({"InputTransformer": {"InputPathsMap": PATHS, "InputTemplate": '"nothing: <none>"'}}, '"nothing: "'),
        ({"InputTransformer": {"InputTemplate": '"<aws.events.rule-name> <unknown>"'}}, '"rule <unknown>"'),
    ],
)
def test_a_target_gets_what_its_input_makes_of_the_event(target: dict[str, Any], text: str | None) -> None:
    made = message(target, WHOLE, "arn:aws:events:us-east-1:123456789012:rule/rule")
    assert made == (text if text is not None else '{"all": {"n": 1, "who": "a\\"b"}}')
    json.loads(made)
