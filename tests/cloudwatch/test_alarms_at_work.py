"""Alarms among all controllers: an instance is acted on, an event reaches a queue, the shipped objectives are asked."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from blackstart.emulator.decisions.metric_math import Query, references, resolve
from blackstart.emulator.decisions.metric_statistics import is_statistic

SLOS = sorted((Path(__file__).parents[2] / "loadtests" / "slos").glob("*.yaml"))


def instance(rig: Any) -> str:
    """A running instance of its own."""
    ec2 = rig.client("ec2")
    image = ec2.describe_images(Owners=["amazon"])["Images"][0]["ImageId"]
    launched = ec2.run_instances(ImageId=image, InstanceType="t3.micro", MinCount=1, MaxCount=1)
    rig.run(60, step_s=5)
    return str(launched["Instances"][0]["InstanceId"])


def state(rig: Any, instance_id: str) -> str:
    found = rig.client("ec2").describe_instances(InstanceIds=[instance_id])["Reservations"][0]["Instances"][0]
    return str(found["State"]["Name"])


def put_alarm(rig: Any, instance_id: str, *actions: str) -> None:
    rig.client("cloudwatch").put_metric_alarm(
        AlarmName="broken",
        Namespace="App",
        MetricName="Broken",
        Dimensions=[{"Name": "InstanceId", "Value": instance_id}],
        Statistic="Maximum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=0.5,
        ComparisonOperator="GreaterThanThreshold",
        TreatMissingData="breaching",
        AlarmActions=list(actions),
    )


@pytest.mark.parametrize(
    ("action", "afterwards"),
    [
        ("arn:aws:automate:us-east-1:ec2:stop", "stopped"),
        ("arn:aws:swf:us-east-1:123456789012:action/actions/AWS_EC2.InstanceId.Terminate/1.0", "terminated"),
    ],
)
def test_an_alarm_stops_or_terminates_its_instance(rig: Any, action: str, afterwards: str) -> None:
    instance_id = instance(rig)
    put_alarm(rig, instance_id, action)
    rig.run(120, step_s=5)
    assert state(rig, instance_id) == afterwards
    history = rig.client("cloudwatch").describe_alarm_history(AlarmName="broken", HistoryItemType="Action")
    assert [item["HistorySummary"] for item in history["AlarmHistoryItems"]] == [
        f"Successfully executed action {action}"
    ]


def test_an_action_on_an_instance_that_is_gone_fails_and_says_so(rig: Any) -> None:
    put_alarm(rig, "i-0123456789abcdef0", "arn:aws:automate:us-east-1:ec2:reboot")
    rig.run(70, step_s=5)
    items = rig.client("cloudwatch").describe_alarm_history(AlarmName="broken", HistoryItemType="Action")
    [item] = items["AlarmHistoryItems"]
    assert item["HistorySummary"].startswith("Failed to execute action")
    assert "does not exist" in json.loads(item["HistoryData"])["error"]


def test_a_change_of_state_reaches_a_queue_through_eventbridge(rig: Any) -> None:
    events, sqs = rig.client("events"), rig.client("sqs")
    url = sqs.create_queue(QueueName="alarms")["QueueUrl"]
    events.put_rule(
        Name="alarms",
        EventPattern=json.dumps(
            {
                "source": ["aws.cloudwatch"],
                "detail-type": ["CloudWatch Alarm State Change"],
                "detail": {"state": {"value": ["ALARM"]}},
            }
        ),
    )
    events.put_targets(Rule="alarms", Targets=[{"Id": "q", "Arn": "arn:aws:sqs:us-east-1:123456789012:alarms"}])
    put_alarm(rig, "i-1")
    rig.run(70, step_s=5)
    [message] = sqs.receive_message(QueueUrl=url)["Messages"]
    detail = json.loads(message["Body"])["detail"]
    assert (detail["alarmName"], detail["previousState"]["value"]) == ("broken", "INSUFFICIENT_DATA")


def sources(path: Path) -> list[dict[str, Any]]:
    """The CloudWatch queries of an OpenSLO file."""
    ratio = yaml.safe_load(path.read_text())["spec"]["indicator"]["spec"]["ratioMetric"]
    return [part["metricSource"]["spec"] for part in ratio.values() if isinstance(part, dict)]


@pytest.mark.parametrize("path", SLOS, ids=[path.stem for path in SLOS])
def test_the_expressions_of_the_shipped_objectives_can_be_asked(path: Path) -> None:
    found = sources(path)
    assert len(found) == 2
    for source in found:
        assert references(source["expression"]) == source["metrics"].keys()
        assert all(is_statistic(metric["stat"]) for metric in source["metrics"].values())
        metrics = {name: {0.0: 2.0} for name in source["metrics"]}
        assert resolve({"slo": source["expression"]}, Query(metrics, [0.0]))["slo"] == {0.0: 2.0 * len(metrics)}
