"""Composite alarms as a client of the API sees them."""

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError


def put(cloudwatch: Any, name: str, rule: str, **more: Any) -> None:
    cloudwatch.client.put_composite_alarm(AlarmName=name, AlarmRule=rule, **more)


def put_children(cloudwatch: Any, *names: str) -> None:
    """Alarms that keep the state that they are given."""
    for name in names:
        cloudwatch.put_alarm(name, TreatMissingData="ignore")
        set_state(cloudwatch, name, "OK")


def set_state(cloudwatch: Any, name: str, state: str) -> None:
    cloudwatch.client.set_alarm_state(AlarmName=name, StateValue=state, StateReason="a drill")


def composite(cloudwatch: Any, name: str) -> dict[str, Any]:
    found = cloudwatch.client.describe_alarms(AlarmNames=[name], AlarmTypes=["CompositeAlarm"])["CompositeAlarms"]
    return dict(found[0])


def actions(cloudwatch: Any, name: str) -> list[float]:
    """When its actions were carried out, in seconds after the start."""
    answer = cloudwatch.client.describe_alarm_history(
        AlarmName=name, AlarmTypes=["CompositeAlarm"], HistoryItemType="Action", ScanBy="TimestampAscending"
    )
    return [item["Timestamp"].timestamp() - 1_800_000_000.0 for item in answer["AlarmHistoryItems"]]


def refusal(call: Any, **arguments: Any) -> str:
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    assert caught.value.response["Error"]["Code"] == "ValidationError"
    return str(caught.value.response["Error"]["Message"])


def test_it_is_evaluated_at_each_change_of_a_child(cloudwatch):
    put_children(cloudwatch, "a", "b")
    put(cloudwatch, "both", "ALARM(a) AND ALARM(b)")
    put(cloudwatch, "top", "ALARM(both)")
    cloudwatch.advance(1)
    assert composite(cloudwatch, "top")["StateValue"] == "OK"
    set_state(cloudwatch, "a", "ALARM")
    assert composite(cloudwatch, "both")["StateValue"] == "OK"
    set_state(cloudwatch, "b", "ALARM")
    assert composite(cloudwatch, "both")["StateValue"] == composite(cloudwatch, "top")["StateValue"] == "ALARM"
    arn = "arn:aws:cloudwatch:us-east-1:123456789012:alarm:b"
    shown = composite(cloudwatch, "both")
    assert shown["StateReason"] == f"{arn} transitioned to ALARM at Friday 15 January, 2027 08:00:01 UTC"
    [trigger] = json.loads(shown["StateReasonData"])["triggeringAlarms"]
    assert (trigger["arn"], trigger["state"]["value"]) == (arn, "ALARM")


def test_a_new_one_is_insufficient_until_it_was_evaluated(cloudwatch):
    put_children(cloudwatch, "a")
    put(cloudwatch, "c", "OK(a)")
    assert composite(cloudwatch, "c")["StateValue"] == "INSUFFICIENT_DATA"
    cloudwatch.advance(1)
    shown = composite(cloudwatch, "c")
    assert shown["StateValue"] == "ALARM"
    assert shown["StateReason"] == f"{shown['AlarmArn']} was created and its alarm rule evaluates to ALARM"


def test_a_changed_rule_is_evaluated(cloudwatch):
    put_children(cloudwatch, "a")
    put(cloudwatch, "c", "OK(a)")
    cloudwatch.advance(1)
    put(cloudwatch, "c", "ALARM(a)")
    cloudwatch.advance(1)
    shown = composite(cloudwatch, "c")
    assert shown["StateValue"] == "OK"
    assert "was updated and its alarm rule evaluates to OK" in shown["StateReason"]


def test_a_state_set_by_hand_lasts_until_a_child_changes(cloudwatch):
    put_children(cloudwatch, "a")
    put(cloudwatch, "c", "ALARM(a)")
    cloudwatch.advance(1)
    set_state(cloudwatch, "c", "ALARM")
    cloudwatch.advance(300)
    assert composite(cloudwatch, "c")["StateValue"] == "ALARM"
    set_state(cloudwatch, "a", "INSUFFICIENT_DATA")
    assert composite(cloudwatch, "c")["StateValue"] == "OK"


def test_a_rule_over_unknown_alarms_is_refused(cloudwatch):
    put_children(cloudwatch, "a")
    message = refusal(cloudwatch.client.put_composite_alarm, AlarmName="c", AlarmRule="ALARM(a) OR OK(b) OR OK(d)")
    assert message == "Could not save the composite alarm as alarms [b, d] in the alarm rule do not exist"


@pytest.mark.parametrize("where", ["eu-west-1:123456789012", "us-east-1:210987654321"])
def test_an_alarm_of_another_region_or_account_is_not_taken_for_the_one_of_its_name_here(cloudwatch, where):
    put_children(cloudwatch, "a")
    rule = f"ALARM(arn:aws:cloudwatch:{where}:alarm:a)"
    assert "own account and region" in refusal(cloudwatch.client.put_composite_alarm, AlarmName="c", AlarmRule=rule)
    put(cloudwatch, "c", "ALARM(arn:aws:cloudwatch:us-east-1:123456789012:alarm:a)")


def test_a_notification_names_the_alarms_that_changed_the_state(cloudwatch):
    put_children(cloudwatch, "a", "b")
    topic = cloudwatch.sns.create_topic(Name="told")["TopicArn"]
    put(cloudwatch, "c", "ALARM(a) OR ALARM(b)", AlarmActions=[topic])
    cloudwatch.advance(1)
    set_state(cloudwatch, "b", "ALARM")
    state = {"Value": "ALARM", "Timestamp": "2027-01-15T08:00:01.000+0000"}
    arn = "arn:aws:cloudwatch:us-east-1:123456789012:alarm:b"
    assert told(cloudwatch, "c")["TriggeringChildren"] == [{"Arn": arn, "State": state}]
    set_state(cloudwatch, "c", "OK")
    set_state(cloudwatch, "c", "ALARM")
    assert told(cloudwatch, "c")["TriggeringChildren"] == []


def told(cloudwatch: Any, name: str) -> dict[str, Any]:
    """The newest message that a composite alarm published."""
    answer = cloudwatch.client.describe_alarm_history(
        AlarmName=name, AlarmTypes=["CompositeAlarm"], HistoryItemType="Action"
    )
    message: dict[str, Any] = json.loads(json.loads(answer["AlarmHistoryItems"][0]["HistoryData"])["publishedMessage"])
    return message


def test_at_least_counts_its_alarms(cloudwatch):
    put_children(cloudwatch, "a", "b", "c")
    put(cloudwatch, "most", "AT_LEAST(50%, ALARM, (a, b, c))")
    for name in ("a", "b"):
        set_state(cloudwatch, name, "ALARM")
        cloudwatch.advance(1)
    assert composite(cloudwatch, "most")["StateValue"] == "ALARM"


def test_an_alarm_in_a_rule_cannot_be_deleted(cloudwatch):
    put_children(cloudwatch, "a", "b", "c")
    put(cloudwatch, "both", "ALARM(a) AND ALARM(b)")
    delete = cloudwatch.client.delete_alarms
    assert refusal(delete, AlarmNames=["a", "c"]) == (
        "Cannot delete a as there are composite alarm(s) depending on it."
    )
    assert refusal(delete, AlarmNames=["a", "b"]) == (
        "Cannot delete a,b as there are composite alarm(s) depending on them."
    )
    assert len(cloudwatch.client.describe_alarms()["MetricAlarms"]) == 3
    delete(AlarmNames=["both", "c"])
    delete(AlarmNames=["a", "b", "unknown"])
    assert cloudwatch.client.describe_alarms(AlarmTypes=["MetricAlarm", "CompositeAlarm"])["MetricAlarms"] == []


def test_only_one_composite_alarm_is_deleted_at_a_time(cloudwatch):
    put(cloudwatch, "a", "TRUE")
    put(cloudwatch, "b", "FALSE")
    assert "only one at a time" in refusal(cloudwatch.client.delete_alarms, AlarmNames=["a", "b"])


def test_a_cycle_stands_still_and_cannot_be_deleted_until_it_is_broken(cloudwatch):
    put(cloudwatch, "a", "TRUE")
    put(cloudwatch, "b", "ALARM(a)")
    cloudwatch.advance(1)
    put(cloudwatch, "a", "NOT ALARM(b)")
    cloudwatch.advance(60)
    assert [composite(cloudwatch, name)["StateValue"] for name in "ab"] == ["ALARM", "ALARM"]
    assert "depending on it" in refusal(cloudwatch.client.delete_alarms, AlarmNames=["a"])
    put(cloudwatch, "a", "FALSE")
    cloudwatch.advance(1)
    assert [composite(cloudwatch, name)["StateValue"] for name in "ab"] == ["OK", "OK"]
    cloudwatch.client.delete_alarms(AlarmNames=["b"])
    cloudwatch.client.delete_alarms(AlarmNames=["a"])


def test_children_and_parents_are_described_in_outline(cloudwatch):
    put_children(cloudwatch, "a", "b")
    put(cloudwatch, "both", "ALARM(a) AND ALARM(b)")
    put(cloudwatch, "top", "ALARM(both) OR ALARM(b)")
    describe = cloudwatch.client.describe_alarms
    below = describe(ChildrenOfAlarmName="top")
    assert [alarm["AlarmName"] for alarm in below["CompositeAlarms"]] == ["both"]
    [alarm] = below["MetricAlarms"]
    assert alarm.keys() == {"AlarmName", "AlarmArn", "StateValue", "StateUpdatedTimestamp"}
    above = describe(ParentsOfAlarmName="b")["CompositeAlarms"]
    assert [alarm["AlarmName"] for alarm in above] == ["both", "top"]
    assert above[0].keys() == {"AlarmName", "AlarmArn"}
    assert "cannot be specified with StateValue" in refusal(describe, ParentsOfAlarmName="b", StateValue="OK")


def suppressed(cloudwatch: Any, **more: Any) -> None:
    """c is in ALARM with a, and its actions wait for s: 120 s, and 180 s after it."""
    topic = cloudwatch.sns.create_topic(Name="alarms")["TopicArn"]
    put_children(cloudwatch, "a", "s")
    periods = {"ActionsSuppressorWaitPeriod": 120, "ActionsSuppressorExtensionPeriod": 180}
    named = {"ActionsSuppressor": "s", **periods, **more}
    put(cloudwatch, "c", "ALARM(a)", AlarmActions=[topic], OKActions=[topic], **named)
    cloudwatch.advance(1)
    cloudwatch.client.disable_alarm_actions(AlarmNames=["c"])  # the first evaluation is no part of the course
    cloudwatch.client.enable_alarm_actions(AlarmNames=["c"])
    cloudwatch.advance(199)


def test_actions_are_taken_after_the_wait_period(cloudwatch):
    suppressed(cloudwatch)
    before = actions(cloudwatch, "c")
    set_state(cloudwatch, "a", "ALARM")
    shown = composite(cloudwatch, "c")
    assert (shown["StateValue"], shown["ActionsSuppressedBy"]) == ("ALARM", "WaitPeriod")
    assert shown["ActionsSuppressedReason"] == "Actions suppressed by WaitPeriod"
    assert (shown["ActionsSuppressorWaitPeriod"], shown["ActionsSuppressorExtensionPeriod"]) == (120, 180)
    event = cloudwatch.events[-1].detail
    assert event["state"]["actionsSuppressedBy"] == "WaitPeriod"
    assert event["configuration"]["actionsSuppressorWaitPeriod"] == 120
    cloudwatch.advance(119)
    assert actions(cloudwatch, "c") == before
    cloudwatch.advance(1)
    assert actions(cloudwatch, "c") == [*before, 320.0]
    assert "ActionsSuppressedBy" not in composite(cloudwatch, "c")


def test_a_suppressor_in_alarm_holds_actions_back_and_an_extension_period_after_it(cloudwatch):
    suppressed(cloudwatch, ActionsSuppressor="arn:aws:cloudwatch:us-east-1:123456789012:alarm:s")
    before = actions(cloudwatch, "c")
    set_state(cloudwatch, "a", "ALARM")
    cloudwatch.advance(60)
    set_state(cloudwatch, "s", "ALARM")
    assert composite(cloudwatch, "c")["ActionsSuppressedBy"] == "Alarm"
    cloudwatch.advance(600)
    assert actions(cloudwatch, "c") == before
    set_state(cloudwatch, "s", "OK")
    assert composite(cloudwatch, "c")["ActionsSuppressedBy"] == "ExtensionPeriod"
    cloudwatch.advance(180)
    assert actions(cloudwatch, "c") == [*before, 1040.0]


def test_a_replaced_suppressor_ends_what_it_held_back(cloudwatch):
    suppressed(cloudwatch)
    before = actions(cloudwatch, "c")
    put_children(cloudwatch, "t")
    set_state(cloudwatch, "a", "ALARM")
    periods = {"ActionsSuppressorWaitPeriod": 120, "ActionsSuppressorExtensionPeriod": 180}
    put(cloudwatch, "c", "ALARM(a)", ActionsSuppressor="t", **periods)
    assert "ActionsSuppressedBy" not in composite(cloudwatch, "c")
    cloudwatch.advance(600)
    assert actions(cloudwatch, "c") == before


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"ActionsSuppressor": "s"}, "are required with ActionsSuppressor"),
        ({"ActionsSuppressorWaitPeriod": 60}, "need ActionsSuppressor"),
        (
            {"ActionsSuppressor": "x", "ActionsSuppressorWaitPeriod": 1, "ActionsSuppressorExtensionPeriod": 1},
            "the actions suppressor x does not exist",
        ),
    ],
)
def test_a_suppressor_that_cannot_be_is_refused(cloudwatch, changes, message):
    put_children(cloudwatch, "a", "s")
    assert message in refusal(cloudwatch.client.put_composite_alarm, AlarmName="c", AlarmRule="ALARM(a)", **changes)


def test_a_broken_cycle_is_evaluated_although_the_changed_alarm_keeps_its_state(cloudwatch):
    put(cloudwatch, "a", "TRUE")
    put(cloudwatch, "b", "ALARM(a)")
    cloudwatch.advance(1)
    put(cloudwatch, "a", "NOT ALARM(b)")
    set_state(cloudwatch, "b", "OK")
    cloudwatch.advance(60)
    assert composite(cloudwatch, "b")["StateValue"] == "OK"
    put(cloudwatch, "a", "TRUE")
    cloudwatch.advance(1)
    assert [composite(cloudwatch, name)["StateValue"] for name in "ab"] == ["ALARM", "ALARM"]
