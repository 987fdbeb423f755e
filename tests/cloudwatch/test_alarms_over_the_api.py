"""Alarms as a client of the API sees them."""

import json
from collections import Counter
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError

TOPIC = "arn:aws:sns:us-east-1:123456789012:alarms"


def published(topic_arn: str) -> list[tuple[str, dict[str, Any]]]:
    """(subject, message) of each notification on a topic."""
    from moto.sns.models import sns_backends

    topic = sns_backends["123456789012"]["us-east-1"].topics[topic_arn]
    return [(sent[2], json.loads(sent[1])) for sent in topic.sent_notifications]


def test_a_new_alarm_has_insufficient_data(cloudwatch):
    cloudwatch.put_alarm()
    assert cloudwatch.state() == "INSUFFICIENT_DATA"
    assert cloudwatch.alarm()["StateReason"] == "Unchecked: Initial alarm creation"


def test_a_closed_minute_above_the_threshold_raises_the_alarm_after_the_minute(cloudwatch):
    cloudwatch.put_alarm()
    cloudwatch.put(9.0)
    cloudwatch.advance(69)
    assert cloudwatch.state() == "INSUFFICIENT_DATA"
    cloudwatch.advance(1)
    alarm = cloudwatch.alarm()
    assert alarm["StateValue"] == "ALARM"
    assert alarm["StateReason"] == (
        "Threshold Crossed: 1 out of the last 1 datapoints [9.0 (15/01/27 08:00:00)] was greater than the threshold "
        "(5.0) (minimum 1 datapoint for OK -> ALARM transition)."
    )
    assert alarm["StateUpdatedTimestamp"] == datetime(2027, 1, 15, 8, 1, 10, tzinfo=UTC)
    assert json.loads(alarm["StateReasonData"])["recentDatapoints"] == [9.0]


def test_silence_after_a_breaching_minute_ends_in_insufficient_data(cloudwatch):
    cloudwatch.put_alarm()
    cloudwatch.put(9.0)
    cloudwatch.advance(70)
    assert cloudwatch.state() == "ALARM"
    cloudwatch.advance(180)
    assert cloudwatch.state() == "INSUFFICIENT_DATA"


def test_a_changed_definition_keeps_the_state(cloudwatch):
    cloudwatch.put_alarm()
    cloudwatch.put(9.0)
    cloudwatch.advance(70)
    before = cloudwatch.alarm()
    cloudwatch.put_alarm(Threshold=7.0)
    after = cloudwatch.alarm()
    assert (after["StateValue"], after["Threshold"]) == ("ALARM", 7.0)
    assert after["StateUpdatedTimestamp"] == before["StateUpdatedTimestamp"]


def test_the_window_slides_with_each_minute(cloudwatch):
    cloudwatch.put_alarm(Period=300, Statistic="Sum", Threshold=2.5)
    for _ in range(3):
        cloudwatch.advance(60)
        cloudwatch.put(1.0)
    cloudwatch.advance(70)
    assert cloudwatch.state() == "ALARM"


def test_a_high_resolution_alarm_is_evaluated_every_ten_seconds(cloudwatch):
    cloudwatch.put_alarm(Period=10)
    cloudwatch.client.put_metric_data(
        Namespace="App", MetricData=[{"MetricName": "M", "Value": 9.0, "StorageResolution": 1}]
    )
    cloudwatch.advance(10)
    assert cloudwatch.state() == "ALARM"


def test_a_state_set_by_hand_lasts_until_the_next_evaluation(cloudwatch):
    cloudwatch.put_alarm()
    cloudwatch.put(1.0)
    cloudwatch.advance(75)
    cloudwatch.client.set_alarm_state(AlarmName="a", StateValue="ALARM", StateReason="a drill")
    assert cloudwatch.state() == "ALARM"
    cloudwatch.advance(60)
    assert cloudwatch.state() == "OK"


def test_a_state_change_is_published_once_on_the_topic_of_that_state(cloudwatch):
    arn = cloudwatch.sns.create_topic(Name="alarms")["TopicArn"]
    cloudwatch.put_alarm(AlarmActions=[arn], AlarmDescription="too many")
    cloudwatch.put(1.0)
    cloudwatch.advance(60)
    cloudwatch.put(9.0)
    cloudwatch.advance(60)
    cloudwatch.put(9.0)
    cloudwatch.advance(60)
    [(subject, message)] = published(arn)
    assert subject == 'ALARM: "a" in US East (N. Virginia)'
    assert (message["NewStateValue"], message["OldStateValue"]) == ("ALARM", "OK")
    assert (message["Region"], message["AlarmDescription"]) == ("US East (N. Virginia)", "too many")
    assert message["Trigger"]["MetricName"] == "M"
    assert message["Trigger"]["Statistic"] == "MAXIMUM"
    assert message["StateChangeTime"] == "2027-01-15T08:02:10.000+0000"


@pytest.mark.parametrize(
    ("state", "field"),
    [("OK", "OKActions"), ("ALARM", "AlarmActions"), ("INSUFFICIENT_DATA", "InsufficientDataActions")],
)
def test_each_state_has_actions_of_its_own(cloudwatch, state, field):
    arn = cloudwatch.sns.create_topic(Name="alarms")["TopicArn"]
    cloudwatch.put_alarm(**{field: [arn]})
    for each in ("ALARM", "OK", "INSUFFICIENT_DATA"):
        cloudwatch.client.set_alarm_state(AlarmName="a", StateValue=each, StateReason="a drill")
    assert [message["NewStateValue"] for _, message in published(arn)] == [state]


def test_disabled_actions_are_not_carried_out(cloudwatch):
    arn = cloudwatch.sns.create_topic(Name="alarms")["TopicArn"]
    cloudwatch.put_alarm(AlarmActions=[arn])
    cloudwatch.client.disable_alarm_actions(AlarmNames=["a"])
    cloudwatch.client.set_alarm_state(AlarmName="a", StateValue="ALARM", StateReason="a drill")
    assert published(arn) == []


def test_a_queue_on_the_topic_gets_the_message(cloudwatch):
    arn = cloudwatch.sns.create_topic(Name="alarms")["TopicArn"]
    url = cloudwatch.sqs.create_queue(QueueName="pager")["QueueUrl"]
    cloudwatch.sns.subscribe(TopicArn=arn, Protocol="sqs", Endpoint="arn:aws:sqs:us-east-1:123456789012:pager")
    cloudwatch.put_alarm(AlarmActions=[arn])
    cloudwatch.client.set_alarm_state(AlarmName="a", StateValue="ALARM", StateReason="a drill")
    [message] = cloudwatch.sqs.receive_message(QueueUrl=url)["Messages"]
    assert json.loads(json.loads(message["Body"])["Message"])["AlarmName"] == "a"


def test_an_http_subscription_is_listed_and_gets_nothing(cloudwatch, monkeypatch):
    import requests

    calls: list[Any] = []
    monkeypatch.setattr(requests, "post", lambda *args, **kwargs: calls.append(args))
    arn = cloudwatch.sns.create_topic(Name="alarms")["TopicArn"]
    cloudwatch.sns.subscribe(TopicArn=arn, Protocol="https", Endpoint="https://pager.example/hook")
    cloudwatch.put_alarm(AlarmActions=[arn])
    cloudwatch.client.set_alarm_state(AlarmName="a", StateValue="ALARM", StateReason="a drill")
    assert calls == []
    assert cloudwatch.alarms.unserved() == (
        "SNS subscription of alarms by https to https://pager.example/hook: nothing is delivered",
    )


def test_the_history_tells_creation_changes_and_actions(cloudwatch):
    arn = cloudwatch.sns.create_topic(Name="alarms")["TopicArn"]
    cloudwatch.put_alarm(AlarmActions=[arn])
    cloudwatch.put(9.0)
    cloudwatch.advance(70)
    cloudwatch.put_alarm(AlarmActions=[arn], Threshold=7.0)
    oldest_first = cloudwatch.history(ScanBy="TimestampAscending")
    assert [(item["HistoryItemType"], item["HistorySummary"]) for item in oldest_first] == [
        ("ConfigurationUpdate", 'Alarm "a" created'),
        ("StateUpdate", "Alarm updated from INSUFFICIENT_DATA to ALARM"),
        ("Action", f"Successfully executed action {arn}"),
        ("ConfigurationUpdate", 'Alarm "a" updated'),
    ]
    change = json.loads(oldest_first[1]["HistoryData"])
    assert (change["oldState"]["stateValue"], change["newState"]["stateValue"]) == ("INSUFFICIENT_DATA", "ALARM")
    assert change["newState"]["stateReasonData"]["evaluatedDatapoints"] == [
        {"timestamp": "2027-01-15T08:00:00.000+0000", "value": 9.0, "sampleCount": 1.0}
    ]
    assert json.loads(oldest_first[2]["HistoryData"])["actionState"] == "Succeeded"
    assert cloudwatch.history() == oldest_first[::-1]


def test_the_history_can_be_filtered_and_paged(cloudwatch):
    cloudwatch.put_alarm()
    for state in ("ALARM", "OK", "ALARM"):
        cloudwatch.client.set_alarm_state(AlarmName="a", StateValue=state, StateReason="a drill")
    assert len(cloudwatch.history(HistoryItemType="StateUpdate")) == 3
    pages = cloudwatch.client.get_paginator("describe_alarm_history").paginate(
        AlarmName="a", PaginationConfig={"PageSize": 2}
    )
    assert [len(page["AlarmHistoryItems"]) for page in pages] == [2, 2]
    just_after = datetime.fromtimestamp(cloudwatch.now_s + 1, UTC)
    assert cloudwatch.history(StartDate=just_after) == []


def test_a_deleted_alarm_leaves_its_history(cloudwatch):
    cloudwatch.put_alarm()
    cloudwatch.client.delete_alarms(AlarmNames=["a"])
    assert [item["HistorySummary"] for item in cloudwatch.history()] == ['Alarm "a" deleted', 'Alarm "a" created']


def test_what_is_older_than_thirty_days_leaves_the_history_when_more_comes(cloudwatch):
    for days, name in ((0.0, "31 days"), (2.0, "29 days"), (29.5, "new")):
        cloudwatch.now_s += days * 86400.0
        cloudwatch.put_alarm(name)
    assert [len(cloudwatch.history(name)) for name in ("31 days", "29 days", "new")] == [0, 1, 1]


def test_a_missing_topic_shows_as_a_failed_action(cloudwatch):
    cloudwatch.put_alarm(AlarmActions=[TOPIC])
    cloudwatch.client.set_alarm_state(AlarmName="a", StateValue="ALARM", StateReason="a drill")
    [item] = cloudwatch.history(HistoryItemType="Action")
    assert item["HistorySummary"] == f"Failed to execute action {TOPIC}"
    assert json.loads(item["HistoryData"])["error"]


@pytest.mark.parametrize(
    "arn",
    [
        "arn:aws:lambda:us-east-1:123456789012:function:pager",
        "arn:aws:ssm:us-east-1:123456789012:opsitem:2#CATEGORY=Availability",
    ],
)
def test_an_action_that_is_not_executed_says_so(cloudwatch, arn):
    cloudwatch.put_alarm(AlarmActions=[arn])
    cloudwatch.client.set_alarm_state(AlarmName="a", StateValue="ALARM", StateReason="a drill")
    [item] = cloudwatch.history(HistoryItemType="Action")
    assert "Not executed by the emulator" in json.loads(item["HistoryData"])["error"]
    assert cloudwatch.alarms.unserved() == (f"alarm a: action {arn} is not executed",)


def test_an_alarm_on_a_rate_of_two_metrics_is_evaluated(cloudwatch):
    def metric(name: str) -> dict[str, Any]:
        stat = {"Metric": {"Namespace": "App", "MetricName": name}, "Period": 60, "Stat": "Sum"}
        return {"Id": name.lower(), "MetricStat": stat, "ReturnData": False}

    cloudwatch.client.put_metric_alarm(
        AlarmName="a",
        EvaluationPeriods=1,
        Threshold=0.05,
        ComparisonOperator="GreaterThanThreshold",
        TreatMissingData="notBreaching",
        Metrics=[
            metric("Errors"),
            metric("Requests"),
            {"Id": "rate", "Expression": "FILL(errors, 0) / requests", "ReturnData": True},
        ],
    )
    cloudwatch.put(100.0, "Requests")
    cloudwatch.advance(60)
    cloudwatch.put(100.0, "Requests")
    cloudwatch.put(10.0, "Errors")
    cloudwatch.advance(15)
    assert cloudwatch.state() == "OK"
    cloudwatch.advance(60)
    assert cloudwatch.state() == "ALARM"
    assert "[0.1 (15/01/27 08:01:00)]" in cloudwatch.alarm()["StateReason"]
    assert cloudwatch.alarms.unserved() == ()


def test_metric_math_that_asks_other_services_is_listed(cloudwatch):
    stat = {"Metric": {"Namespace": "App", "MetricName": "M"}, "Period": 60, "Stat": "Sum"}
    cloudwatch.client.put_metric_alarm(
        AlarmName="a",
        EvaluationPeriods=1,
        Threshold=0.05,
        ComparisonOperator="GreaterThanThreshold",
        Metrics=[
            {"Id": "m1", "MetricStat": stat, "ReturnData": False},
            {"Id": "e1", "Expression": "m1 / SERVICE_QUOTA(m1)", "ReturnData": True},
        ],
    )
    [phrase] = cloudwatch.alarms.unserved()
    assert phrase.startswith(
        "alarm a: it cannot be evaluated (Error in expression 'e1': SERVICE_QUOTA is not supported"
    )


def composite(cloudwatch: Any, name: str) -> dict[str, Any]:
    found = cloudwatch.client.describe_alarms(AlarmNames=[name], AlarmTypes=["CompositeAlarm"])["CompositeAlarms"]
    return dict(found[0])


def test_a_composite_alarm_follows_its_children_and_acts(cloudwatch):
    arn = cloudwatch.sns.create_topic(Name="alarms")["TopicArn"]
    cloudwatch.put_alarm("fast")
    cloudwatch.put_alarm("slow")
    cloudwatch.client.put_composite_alarm(AlarmName="burn", AlarmRule='ALARM("fast") AND NOT OK(slow)')
    cloudwatch.client.put_composite_alarm(AlarmName="outer", AlarmRule="ALARM(burn)", AlarmActions=[arn])
    assert composite(cloudwatch, "burn")["StateValue"] == "INSUFFICIENT_DATA"
    cloudwatch.advance(10)
    assert composite(cloudwatch, "burn")["StateValue"] == "OK"
    cloudwatch.client.set_alarm_state(AlarmName="fast", StateValue="ALARM", StateReason="a drill")
    cloudwatch.advance(10)
    assert composite(cloudwatch, "burn")["StateValue"] == "ALARM"
    assert "alarm:fast transitioned to ALARM at Friday 15 January, 2027" in composite(cloudwatch, "burn")["StateReason"]
    [(subject, message)] = published(arn)
    assert (subject, message["AlarmRule"]) == ('ALARM: "outer" in US East (N. Virginia)', "ALARM(burn)")
    assert cloudwatch.alarms.unserved() == ()
    assert cloudwatch.history("burn") == []
    assert len(cloudwatch.history("burn", AlarmTypes=["CompositeAlarm"], HistoryItemType="StateUpdate")) == 2


def test_composite_and_metric_alarms_are_described_apart(cloudwatch):
    cloudwatch.client.put_composite_alarm(AlarmName="burn", AlarmRule="FALSE")
    assert cloudwatch.client.describe_alarms(AlarmNames=["burn"])["MetricAlarms"] == []
    assert composite(cloudwatch, "burn")["AlarmRule"] == "FALSE"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"AlarmRule": "ALARM(a) AND"}, "AlarmRule is invalid"),
        ({"AlarmActions": ["arn:aws:automate:us-east-1:ec2:stop"]}, "cannot have the action"),
        ({"ActionsSuppressor": "a", "ActionsSuppressorWaitPeriod": 1}, "are required with ActionsSuppressor"),
    ],
)
def test_a_composite_alarm_that_cannot_be_served_is_refused(cloudwatch, changes, message):
    with pytest.raises(ClientError) as caught:
        cloudwatch.client.put_composite_alarm(**{"AlarmName": "burn", "AlarmRule": "TRUE", **changes})
    assert caught.value.response["Error"]["Code"] == "ValidationError"
    assert message in caught.value.response["Error"]["Message"]


def test_an_anomaly_alarm_is_listed_and_left_alone(cloudwatch):
    stat = {"Metric": {"Namespace": "App", "MetricName": "M"}, "Period": 60, "Stat": "Sum"}
    cloudwatch.client.put_metric_alarm(
        AlarmName="a",
        EvaluationPeriods=1,
        ThresholdMetricId="band",
        ComparisonOperator="GreaterThanUpperThreshold",
        Metrics=[
            {"Id": "m1", "MetricStat": stat, "ReturnData": True},
            {"Id": "band", "Expression": "ANOMALY_DETECTION_BAND(m1, 2)", "ReturnData": True},
        ],
    )
    cloudwatch.advance(70)
    assert cloudwatch.alarms.unserved() == (
        "alarm a: anomaly detection is not evaluated; its state does not change by itself",
    )


@pytest.mark.parametrize(("setting", "state"), [("evaluate", "ALARM"), ("ignore", "INSUFFICIENT_DATA")])
def test_a_percentile_on_few_samples_decides_as_the_alarm_says(cloudwatch, setting, state):
    cloudwatch.put_alarm(Statistic=None, ExtendedStatistic="p99", EvaluateLowSampleCountPercentile=setting)
    cloudwatch.put(9.0)
    cloudwatch.advance(70)
    assert cloudwatch.state() == state


def test_a_percentile_on_enough_samples_decides_also_when_few_would_be_ignored(cloudwatch):
    cloudwatch.put_alarm(Statistic=None, ExtendedStatistic="p90", EvaluateLowSampleCountPercentile="ignore")
    cloudwatch.client.put_metric_data(
        Namespace="App", MetricData=[{"MetricName": "M", "Values": [1.0, 9.0], "Counts": [80, 20]}]
    )
    cloudwatch.advance(70)
    assert cloudwatch.state() == "ALARM"


@pytest.mark.parametrize("name", ["tm90", "tc90", "ts90", "wm90", "IQM", "PR(5:10)", "TM(10%:90%)", "TS(10%:90%)"])
def test_an_alarm_on_any_extended_statistic_is_kept_and_evaluated(cloudwatch, name):
    cloudwatch.put_alarm(Statistic=None, ExtendedStatistic=name, Threshold=0.5)
    cloudwatch.client.put_metric_data(
        Namespace="App", MetricData=[{"MetricName": "M", "Values": [6.0, 9.0], "Counts": [80, 20]}]
    )
    cloudwatch.advance(70)
    [alarm] = cloudwatch.client.describe_alarms()["MetricAlarms"]
    assert (alarm["ExtendedStatistic"], alarm["StateValue"]) == (name, "ALARM")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"MetricName": None}, "MetricName and Namespace, or Metrics"),
        ({"ComparisonOperator": "AboveThreshold"}, "Member must satisfy enum value set"),
        ({"AlarmActions": ["pager"]}, "Invalid arn syntax: pager"),
        ({"AlarmActions": [TOPIC.replace("us-east-1", "eu-west-1")]}, "Invalid region eu-west-1"),
        ({"Threshold": None}, "Threshold is required"),
        ({"Statistic": None}, "Exactly one of the parameters Statistic"),
        ({"Period": 45}, "Invalid period 45"),
        ({"Period": None}, "Period is required"),
        ({"DatapointsToAlarm": 2}, "between 1 and EvaluationPeriods"),
        ({"TreatMissingData": "bad"}, "TreatMissingData"),
        ({"EvaluationPeriods": 2000}, "more than a day"),
        ({"EvaluationWindow": {"WallClockWindow": {}}}, "does not support EvaluationWindow.WallClockWindow"),
    ],
)
def test_an_alarm_that_aws_refuses_is_refused(cloudwatch, changes, message):
    with pytest.raises(ClientError) as caught:
        cloudwatch.put_alarm(**changes)
    assert caught.value.response["Error"]["Code"] == "ValidationError"
    assert message in caught.value.response["Error"]["Message"]
    assert cloudwatch.client.describe_alarms()["MetricAlarms"] == []


def test_an_unknown_alarm_cannot_be_set(cloudwatch):
    with pytest.raises(ClientError) as caught:
        cloudwatch.client.set_alarm_state(AlarmName="none", StateValue="OK", StateReason="r")
    assert caught.value.response["Error"]["Code"] == "ResourceNotFound"


def test_filters_of_describe_alarms_hold_together_and_answers_come_in_pages(cloudwatch):
    for number in range(3):
        cloudwatch.put_alarm(f"web-{number}")
    cloudwatch.put_alarm("db")
    cloudwatch.client.set_alarm_state(AlarmName="web-1", StateValue="ALARM", StateReason="r")
    found = cloudwatch.client.describe_alarms(AlarmNamePrefix="web", StateValue="ALARM")["MetricAlarms"]
    assert [alarm["AlarmName"] for alarm in found] == ["web-1"]
    pages = cloudwatch.client.get_paginator("describe_alarms").paginate(PaginationConfig={"PageSize": 3})
    assert [len(page["MetricAlarms"]) for page in pages] == [3, 1]


def test_a_stall_is_made_up_for_minute_by_minute(cloudwatch):
    cloudwatch.put_alarm()
    cloudwatch.alarms.tick(cloudwatch.now_s)
    cloudwatch.put(9.0)
    cloudwatch.put(1.0, at_s=cloudwatch.now_s + 60)
    cloudwatch.now_s += 150
    cloudwatch.alarms.tick(cloudwatch.now_s)
    changes = cloudwatch.history(HistoryItemType="StateUpdate", ScanBy="TimestampAscending")
    assert [change["Timestamp"].strftime("%H:%M:%S") for change in changes] == ["08:01:10", "08:02:10"]


def test_a_tick_with_nothing_due_reads_no_alarm(cloudwatch, monkeypatch):
    from blackstart.emulator.adapters.moto_cloudwatch_alarms import MotoAlarms

    asked: Counter[str] = Counter()

    def served(self: MotoAlarms) -> list[Any]:
        asked["served"] += 1
        return []

    monkeypatch.setattr(MotoAlarms, "served", served)
    cloudwatch.alarms.tick(cloudwatch.now_s)
    for _ in range(50):
        cloudwatch.now_s += 0.1
        cloudwatch.alarms.tick(cloudwatch.now_s)
    assert asked["served"] == 1


def test_a_reset_of_moto_forgets_alarms_history_and_metrics(cloudwatch):
    from moto.cloudwatch.models import cloudwatch_backends

    cloudwatch.put_alarm()
    cloudwatch.put(1.0)
    cloudwatch_backends["123456789012"]["us-east-1"].reset()
    assert cloudwatch.history() == []
    assert cloudwatch.client.list_metrics()["Metrics"] == []
