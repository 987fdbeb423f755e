"""What alarms set in motion besides messages: scaling policies, instances, events."""

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from blackstart.emulator.decisions.alarm_state import AlarmState

OUT = "arn:aws:autoscaling:us-east-1:123456789012:scalingPolicy:0000:autoScalingGroupName/web:policyName/out"
IN = OUT.replace("policyName/out", "policyName/in")
STOP = "arn:aws:automate:us-east-1:ec2:stop"
WORKFLOW = "arn:aws:swf:us-east-1:123456789012:action/actions/AWS_EC2.InstanceId.Reboot/1.0"
INSTANCE = [{"Name": "InstanceId", "Value": "i-1"}]


def times(cloudwatch: Any, action: str) -> list[float]:
    """When an action was carried out, in seconds after the start."""
    return [at - 1_800_000_000.0 for at, fired in cloudwatch.actions.fired if fired.action == action]


def set_state(cloudwatch: Any, state: str, name: str = "a", data: dict[str, Any] | None = None) -> None:
    more = {"StateReasonData": json.dumps(data)} if data else {}
    cloudwatch.client.set_alarm_state(AlarmName=name, StateValue=state, StateReason="a drill", **more)


def test_a_scaling_policy_is_invoked_every_minute_while_the_state_lasts(cloudwatch):
    cloudwatch.put_alarm(AlarmActions=[OUT], TreatMissingData="notBreaching")
    for _ in range(3):
        cloudwatch.put(9.0)
        cloudwatch.advance(60)
    cloudwatch.advance(10)
    assert times(cloudwatch, OUT) == [70.0, 130.0, 190.0]
    first, second, _ = (fired for _, fired in cloudwatch.actions.fired)
    assert (first.value, first.threshold, first.state, first.repeated) == (9.0, 5.0, AlarmState.ALARM, False)
    assert (second.alarm_name, second.repeated) == ("a", True)
    cloudwatch.advance(300)
    assert cloudwatch.state() == "OK"
    done = len(times(cloudwatch, OUT))
    cloudwatch.advance(120)
    assert len(times(cloudwatch, OUT)) == done


@pytest.mark.parametrize(
    ("field", "value"), [("OKActions", 1.0), ("AlarmActions", 9.0), ("InsufficientDataActions", None)]
)
def test_the_policies_of_each_state_are_repeated(cloudwatch, field, value):
    cloudwatch.put_alarm(**{field: [OUT]})
    if value is None:
        set_state(cloudwatch, "OK")
    for _ in range(4):
        if value is not None:
            cloudwatch.put(value)
        cloudwatch.advance(60)
    assert len(times(cloudwatch, OUT)) >= 3
    assert cloudwatch.actions.fired[-1][1].value == value


def test_a_high_resolution_alarm_repeats_its_policies_once_a_minute(cloudwatch):
    cloudwatch.put_alarm(Period=10, AlarmActions=[OUT], TreatMissingData="breaching")
    cloudwatch.advance(185)
    assert times(cloudwatch, OUT) == [0.0, 60.0, 120.0, 180.0]


def test_repetitions_do_not_fill_the_history(cloudwatch):
    cloudwatch.put_alarm(AlarmActions=[OUT], TreatMissingData="breaching")
    cloudwatch.advance(310)
    [item] = cloudwatch.history(HistoryItemType="Action")
    assert item["HistorySummary"] == f"Successfully executed action {OUT}"
    assert json.loads(item["HistoryData"])["notificationResource"] == OUT


def test_disabled_actions_are_not_repeated_and_start_again_when_enabled(cloudwatch):
    cloudwatch.put_alarm(AlarmActions=[OUT], TreatMissingData="breaching")
    cloudwatch.client.disable_alarm_actions(AlarmNames=["a"])
    cloudwatch.advance(130)
    assert times(cloudwatch, OUT) == []
    cloudwatch.client.enable_alarm_actions(AlarmNames=["a"])
    cloudwatch.advance(60)
    assert times(cloudwatch, OUT) == [190.0]


@pytest.mark.parametrize("action", [STOP, WORKFLOW])
def test_an_instance_is_acted_on_once_a_change_of_state(cloudwatch, action):
    cloudwatch.put_alarm(Dimensions=INSTANCE, AlarmActions=[action], TreatMissingData="breaching")
    cloudwatch.advance(300)
    assert times(cloudwatch, action) == [10.0]
    assert cloudwatch.actions.fired[0][1].dimensions == {"InstanceId": "i-1"}


def test_an_action_that_fails_says_why_in_the_history(cloudwatch):
    cloudwatch.actions.refused = "the instance i-1 does not exist"
    cloudwatch.put_alarm(Dimensions=INSTANCE, AlarmActions=[STOP])
    set_state(cloudwatch, "ALARM")
    [item] = cloudwatch.history(HistoryItemType="Action")
    assert item["HistorySummary"] == f"Failed to execute action {STOP}"
    data = json.loads(item["HistoryData"])
    assert (data["actionState"], data["error"]) == ("Failed", "the instance i-1 does not exist")


def test_a_state_set_by_hand_hands_its_newest_point_to_the_policy(cloudwatch):
    cloudwatch.put_alarm(AlarmActions=[OUT], OKActions=[IN])
    set_state(cloudwatch, "ALARM", data={"recentDatapoints": [3.0, 42.0]})
    set_state(cloudwatch, "OK")
    assert [(fired.action, fired.value) for _, fired in cloudwatch.actions.fired] == [(OUT, 42.0), (IN, None)]


def test_several_actions_of_a_state_are_all_carried_out_in_order(cloudwatch):
    topic = cloudwatch.sns.create_topic(Name="alarms")["TopicArn"]
    cloudwatch.put_alarm(AlarmActions=[OUT, topic, IN])
    set_state(cloudwatch, "ALARM")
    done = [item["HistorySummary"] for item in cloudwatch.history(HistoryItemType="Action")]
    assert [summary.rpartition(" ")[2] for summary in done[::-1]] == [OUT, topic, IN]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"AlarmActions": [STOP]}, "only for metrics with the dimension InstanceId"),
        ({"AlarmActions": ["arn:aws:automate:us-east-1:ec2:destroy"]}, "Invalid arn syntax"),
        ({"OKActions": [OUT.replace("policyName/out", "")]}, "Invalid arn syntax"),
        ({"AlarmActions": [WORKFLOW.replace("Reboot", "Paint")]}, "Invalid arn syntax"),
        ({"OKActions": ["arn:aws:ssm:us-east-1:123456789012:opsitem:1"]}, "for the state ALARM only"),
        ({"AlarmActions": [f"{OUT}{n}" for n in range(6)]}, "greater than 5"),
        ({"AlarmName": "a\nb"}, "no control characters"),
        ({"AlarmDescription": "x" * 1025}, "more than 1024"),
        ({"Statistic": None, "ExtendedStatistic": "Maximum"}, "ExtendedStatistic is not supported"),
        ({"Statistic": "Median"}, "Member must satisfy enum value set: [SampleCount"),
        ({"EvaluateLowSampleCountPercentile": "maybe"}, "EvaluateLowSampleCountPercentile are evaluate and ignore"),
        ({"Period": 86400, "EvaluationPeriods": 8}, "more than seven days"),
        ({"ComparisonOperator": "GreaterThanUpperThreshold"}, "do not go together"),
    ],
)
def test_an_alarm_that_aws_refuses_is_refused(cloudwatch, changes, message):
    with pytest.raises(ClientError) as caught:
        cloudwatch.put_alarm(**changes)
    assert caught.value.response["Error"]["Code"] == "ValidationError"
    assert message in caught.value.response["Error"]["Message"]


def metric(query_id: str, period_s: int = 60, statistic: str = "Sum") -> dict[str, Any]:
    stat = {"Metric": {"Namespace": "App", "MetricName": query_id}, "Period": period_s, "Stat": statistic}
    return {"Id": query_id, "MetricStat": stat, "ReturnData": False}


def expression(text: str, query_id: str = "e", returned: bool = True) -> dict[str, Any]:
    return {"Id": query_id, "Expression": text, "ReturnData": returned}


@pytest.mark.parametrize(
    ("queries", "message"),
    [
        ([metric("m"), expression("RATES(m)")], "Error in expression 'e': Function 'RATES' not found"),
        ([metric("m"), expression("m +")], "Error in expression 'e'"),
        ([metric("m"), expression("SEARCH('m', 'Sum')")], "SEARCH is not supported on Metric Alarms."),
        ([metric("m"), expression("METRICS()")], "return multi time series are only allowed"),
        ([metric("m"), expression("SUM(m)")], "is a number and no time series"),
        ([metric("m"), expression("m"), expression("m", "f")], "Exactly one element of the metrics list"),
        ([metric("m"), metric("n", 300), expression("m + n")], "must have the same period"),
        ([metric(f"m{n}") for n in range(11)] + [expression("SUM(METRICS())")], "at most 10 metrics"),
        ([metric("m", statistic="Most"), expression("m")], "Invalid metrics list"),
        ([metric("m", 45), expression("m")], "Invalid period 45"),
        ([metric("m"), metric("m"), expression("m")], "not unique"),
    ],
)
def test_metric_math_that_aws_refuses_in_alarms_is_refused(cloudwatch, queries, message):
    with pytest.raises(ClientError) as caught:
        cloudwatch.client.put_metric_alarm(
            AlarmName="a",
            EvaluationPeriods=1,
            Threshold=1.0,
            ComparisonOperator="GreaterThanThreshold",
            Metrics=queries,
        )
    assert caught.value.response["Error"]["Code"] == "ValidationError"
    assert message in caught.value.response["Error"]["Message"]


def test_a_burn_rate_alarm_goes_off_on_two_windows(cloudwatch):
    """The burn rate of errors over requests, above 14.4 times the budget of 99.9 %."""
    burn = "IF(requests > 0 AND (errors / requests) / 0.001 > 14.4, 1, 0)"
    cloudwatch.client.put_metric_alarm(
        AlarmName="a",
        EvaluationPeriods=2,
        Threshold=0.5,
        ComparisonOperator="GreaterThanThreshold",
        TreatMissingData="notBreaching",
        Metrics=[metric("errors"), metric("requests"), expression(burn)],
    )
    for errors in (0, 20, 20):
        cloudwatch.put(1000.0, "requests")
        if errors:
            cloudwatch.put(float(errors), "errors")
        cloudwatch.advance(60)
    assert cloudwatch.state() == "OK"
    cloudwatch.advance(10)
    assert cloudwatch.state() == "ALARM"


def test_a_multi_day_alarm_is_evaluated_on_the_hour_over_whole_hours(cloudwatch):
    cloudwatch.put_alarm(Period=86400, EvaluationPeriods=2, DatapointsToAlarm=1, TreatMissingData="notBreaching")
    cloudwatch.now_s += 2.0
    cloudwatch.put(9.0)
    for minute in range(1, 66):
        cloudwatch.now_s = 1_800_000_000.0 + minute * 60 + 20
        cloudwatch.alarms.tick(cloudwatch.now_s)
        assert cloudwatch.state() == ("ALARM" if minute >= 60 else "INSUFFICIENT_DATA")


def test_missing_data_of_dynamodb_is_always_ignored(cloudwatch):
    cloudwatch.put_alarm(Namespace="AWS/DynamoDB", TreatMissingData="breaching")
    cloudwatch.advance(600)
    assert cloudwatch.state() == "INSUFFICIENT_DATA"


def test_a_change_of_state_is_an_event(cloudwatch):
    cloudwatch.put_alarm(Dimensions=INSTANCE, AlarmDescription="too many")
    cloudwatch.put(9.0)
    cloudwatch.client.put_metric_data(
        Namespace="App", MetricData=[{"MetricName": "M", "Value": 9.0, "Dimensions": INSTANCE}]
    )
    cloudwatch.advance(70)
    event = cloudwatch.events[-1]
    arn = "arn:aws:cloudwatch:us-east-1:123456789012:alarm:a"
    assert (event.source, event.detail_type) == ("aws.cloudwatch", "CloudWatch Alarm State Change")
    assert (event.account, event.region, event.resources) == ("123456789012", "us-east-1", (arn,))
    assert event.time_s == 1_800_000_070.0
    detail = event.detail
    assert (detail["alarmName"], detail["state"]["value"]) == ("a", "ALARM")
    assert detail["state"]["timestamp"] == "2027-01-15T08:01:10.000+0000"
    assert json.loads(detail["state"]["reasonData"])["recentDatapoints"] == [9.0]
    assert detail["previousState"]["value"] == "INSUFFICIENT_DATA"
    assert detail["previousState"]["reason"] == "Unchecked: Initial alarm creation"
    assert detail["configuration"]["description"] == "too many"
    [watched] = detail["configuration"]["metrics"]
    assert watched["returnData"] is True
    assert watched["metricStat"] == {
        "metric": {"namespace": "App", "name": "M", "dimensions": {"InstanceId": "i-1"}},
        "period": 60,
        "stat": "Maximum",
    }


def test_changes_of_configuration_are_events(cloudwatch):
    cloudwatch.put_alarm()
    cloudwatch.put_alarm(Threshold=7.0)
    cloudwatch.client.delete_alarms(AlarmNames=["a"])
    told = [event for event in cloudwatch.events if event.detail_type == "CloudWatch Alarm Configuration Change"]
    assert [event.detail["operation"] for event in told] == ["create", "update", "delete"]
    update = told[1].detail
    assert (update["previousConfiguration"]["threshold"], update["configuration"]["threshold"]) == (5.0, 7.0)
    assert update["configuration"]["alarmActions"] == []


def test_the_event_of_metric_math_lists_its_queries(cloudwatch):
    cloudwatch.client.put_metric_alarm(
        AlarmName="a",
        EvaluationPeriods=1,
        Threshold=1.0,
        ComparisonOperator="GreaterThanThreshold",
        Metrics=[metric("m"), {**expression("m * 2"), "Label": "twice"}],
    )
    set_state(cloudwatch, "ALARM")
    first, second = cloudwatch.events[-1].detail["configuration"]["metrics"]
    assert (first["id"], first["returnData"]) == ("m", False)
    assert second == {"id": "e", "expression": "m * 2", "label": "twice", "returnData": True}


def test_alarms_are_found_by_their_metric(cloudwatch):
    cloudwatch.put_alarm("plain")
    cloudwatch.put_alarm("instance", Dimensions=INSTANCE)
    cloudwatch.put_alarm("slow", Period=300)
    cloudwatch.put_alarm("tail", Statistic=None, ExtendedStatistic="p99")

    def found(**query: Any) -> list[str]:
        answer = cloudwatch.client.describe_alarms_for_metric(Namespace="App", MetricName="M", **query)
        return [alarm["AlarmName"] for alarm in answer["MetricAlarms"]]

    assert found() == ["plain", "slow", "tail"]
    assert found(Dimensions=INSTANCE) == ["instance"]
    assert found(Period=300) == ["slow"]
    assert found(ExtendedStatistic="p99") == ["tail"]


def test_alarms_are_found_by_any_of_their_actions(cloudwatch):
    topic = cloudwatch.sns.create_topic(Name="alarms")["TopicArn"]
    cloudwatch.put_alarm("a", OKActions=[topic])
    cloudwatch.put_alarm("b", AlarmActions=[OUT])
    found = cloudwatch.client.describe_alarms(ActionPrefix="arn:aws:sns")["MetricAlarms"]
    assert [alarm["AlarmName"] for alarm in found] == ["a"]


def test_tags_of_alarms_are_kept_and_go_with_them(cloudwatch):
    cloudwatch.put_alarm(Tags=[{"Key": "team", "Value": "web"}])
    arn = cloudwatch.alarm()["AlarmArn"]
    cloudwatch.client.tag_resource(ResourceARN=arn, Tags=[{"Key": "env", "Value": "test"}])
    cloudwatch.put_alarm(Tags=[{"Key": "team", "Value": "db"}])
    tags = {tag["Key"]: tag["Value"] for tag in cloudwatch.client.list_tags_for_resource(ResourceARN=arn)["Tags"]}
    assert tags == {"team": "web", "env": "test"}
    cloudwatch.client.delete_alarms(AlarmNames=["a"])
    cloudwatch.put_alarm()
    assert cloudwatch.client.list_tags_for_resource(ResourceARN=arn)["Tags"] == []
