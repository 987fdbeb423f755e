"""Scheduled actions over the API, with a manual clock.

Sources: EC2 Auto Scaling user guide, "Scheduled scaling", "Suspend and resume processes"; API reference,
PutScheduledUpdateGroupAction; refusals in AWS's words as users published them.
"""

import json
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import pytest
from botocore.exceptions import ClientError

from blackstart.emulator.adapters import cron_times


class Tier:
    """Three instances in service, of at most nine."""

    def __init__(self, rig: Any) -> None:
        from web_stack import WebStack

        self.rig, self.stack = rig, WebStack(rig.client)
        self.asg = self.stack.asg
        rig.tick()

    def put(self, name: str = "act", **wanted: Any) -> None:
        self.asg.put_scheduled_update_group_action(
            AutoScalingGroupName="web", ScheduledActionName=name, **{"DesiredCapacity": 5, **wanted}
        )

    def at(self, later_s: float) -> datetime:
        return datetime.fromtimestamp(self.rig.now_s + later_s, UTC)

    def desired(self) -> int:
        return int(self.stack.group()["DesiredCapacity"])

    def actions(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.asg.describe_scheduled_actions()["ScheduledUpdateGroupActions"]
        return found


@pytest.fixture
def tier(rig: Any) -> Tier:
    return Tier(rig)


def unix_s(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def test_an_action_runs_once_at_its_time_and_is_gone(tier: Tier) -> None:
    tier.put(StartTime=tier.at(100), MinSize=2)
    tier.rig.run(99)
    assert (tier.desired(), len(tier.actions())) == (3, 1)
    tier.rig.run(2)
    assert (tier.desired(), tier.stack.group()["MinSize"], tier.actions()) == (5, 2, [])


def test_the_activity_says_which_sizes_the_action_set(tier: Tier) -> None:
    tier.put(StartTime=tier.at(10), MaxSize=6)
    tier.rig.run(60)
    cause = tier.stack.activities()[0]["Cause"]
    assert (
        "a scheduled action update of AutoScalingGroup constraints to min: 0, max: 6, desired: 5 changing the desired "
        "capacity from 3 to 5." in cause
    )


def test_a_recurring_action_comes_round(tier: Tier) -> None:
    tier.put("up", Recurrence="*/10 * * * *", DesiredCapacity=5)
    tier.put("down", Recurrence="5-59/10 * * * *", DesiredCapacity=2)
    changes = [(0, tier.desired())]
    for minute in range(1, 31):
        tier.rig.run(60, step_s=20)
        if tier.desired() != changes[-1][1]:
            changes.append((minute, tier.desired()))
    assert [desired for _, desired in changes] == [3, 2, 5, 2, 5, 2, 5]
    assert {later - earlier for (earlier, _), (later, _) in pairwise(changes[1:])} == {5}
    assert len(tier.actions()) == 2


def test_a_recurring_action_with_a_start_time_begins_then(tier: Tier) -> None:
    tier.put(StartTime=tier.at(77), Recurrence="0 0 1 1 *")
    assert tier.actions()[0]["StartTime"].timestamp() == tier.rig.now_s + 77
    tier.rig.run(78)
    assert tier.desired() == 5
    assert (tier.actions()[0]["StartTime"].month, tier.actions()[0]["StartTime"].day) == (1, 1)


def test_after_its_end_time_an_action_is_gone(tier: Tier) -> None:
    tier.put(Recurrence="* * * * *", EndTime=tier.at(90))
    tier.rig.run(130)
    assert tier.actions() == []


def test_an_action_without_a_desired_capacity_moves_it_within_the_limits(tier: Tier) -> None:
    tier.asg.put_scheduled_update_group_action(
        AutoScalingGroupName="web", ScheduledActionName="floor", StartTime=tier.at(5), MinSize=4
    )
    tier.rig.run(6)
    assert tier.desired() == 4


def test_an_action_that_contradicts_the_groups_limits_changes_nothing(tier: Tier) -> None:
    tier.put(StartTime=tier.at(5), DesiredCapacity=50)
    tier.rig.run(6)
    assert tier.desired() == 3


def test_what_is_missed_while_suspended_is_not_run_later(tier: Tier) -> None:
    tier.put("once", StartTime=tier.at(10))
    tier.put("again", Recurrence="*/2 * * * *", DesiredCapacity=6)
    tier.asg.suspend_processes(AutoScalingGroupName="web", ScalingProcesses=["ScheduledActions"])
    tier.rig.run(130)
    assert (tier.desired(), [action["ScheduledActionName"] for action in tier.actions()]) == (3, ["again"])
    tier.asg.resume_processes(AutoScalingGroupName="web", ScalingProcesses=["ScheduledActions"])
    tier.rig.run(1)
    assert tier.desired() == 3
    tier.rig.run(120)
    assert tier.desired() == 6


def test_a_changed_action_keeps_its_arn_and_has_a_new_time(tier: Tier) -> None:
    tier.put(Recurrence="0 0 * * *")
    before = tier.actions()[0]
    tier.put(Recurrence="30 0 * * *")
    after = tier.actions()[0]
    assert after["ScheduledActionARN"] == before["ScheduledActionARN"]
    assert (after["StartTime"].hour, after["StartTime"].minute) == (0, 30)


def test_one_name_in_two_groups_is_two_actions(tier: Tier) -> None:
    template = {"LaunchTemplateId": tier.stack.template}
    tier.asg.create_auto_scaling_group(
        AutoScalingGroupName="other",
        LaunchTemplate=template,
        MinSize=0,
        MaxSize=1,
        VPCZoneIdentifier=tier.stack.subnets[0],
    )
    tier.put(StartTime=tier.at(10))
    tier.asg.put_scheduled_update_group_action(
        AutoScalingGroupName="other", ScheduledActionName="act", StartTime=tier.at(10), DesiredCapacity=0
    )
    assert [action["AutoScalingGroupName"] for action in tier.actions()] == ["web", "other"]
    tier.asg.delete_auto_scaling_group(AutoScalingGroupName="other")
    assert [action["AutoScalingGroupName"] for action in tier.actions()] == ["web"]


def test_a_template_makes_and_deletes_an_action(tier: Tier) -> None:
    wanted = {"AutoScalingGroupName": "web", "DesiredCapacity": 5, "Recurrence": "0 9 * * *"}
    resources = {"Morning": {"Type": "AWS::AutoScaling::ScheduledAction", "Properties": wanted}}
    cloudformation = tier.rig.client("cloudformation")
    cloudformation.create_stack(StackName="plan", TemplateBody=json.dumps({"Resources": resources}))
    assert [(action["Recurrence"], action["DesiredCapacity"]) for action in tier.actions()] == [("0 9 * * *", 5)]
    cloudformation.delete_stack(StackName="plan")
    assert tier.actions() == []


def test_batches_report_what_was_refused(tier: Tier) -> None:
    failed = tier.asg.batch_put_scheduled_update_group_action(
        AutoScalingGroupName="web",
        ScheduledUpdateGroupActions=[
            {"ScheduledActionName": "good", "StartTime": tier.at(10), "DesiredCapacity": 4},
            {"ScheduledActionName": "bad", "StartTime": tier.at(-10), "DesiredCapacity": 4},
        ],
    )["FailedScheduledUpdateGroupActions"]
    assert [(one["ScheduledActionName"], one["ErrorMessage"]) for one in failed] == [
        ("bad", "Given start time is in the past")
    ]
    tier.asg.batch_delete_scheduled_action(AutoScalingGroupName="web", ScheduledActionNames=["good"])
    assert tier.actions() == []


def test_actions_are_described_by_time_and_in_pages(tier: Tier) -> None:
    for index in range(3):
        tier.put(f"a{index}", StartTime=tier.at(100 * (index + 1)))
    described = tier.asg.describe_scheduled_actions(StartTime=tier.at(150), EndTime=tier.at(250))
    assert [action["ScheduledActionName"] for action in described["ScheduledUpdateGroupActions"]] == ["a1"]
    pages = tier.asg.get_paginator("describe_scheduled_actions").paginate(PaginationConfig={"PageSize": 2})
    assert [len(page["ScheduledUpdateGroupActions"]) for page in pages] == [2, 1]


@pytest.mark.parametrize(
    ("wanted", "says"),
    [
        ({"StartTime": -1.0}, "Given start time is in the past"),
        ({"EndTime": -1.0, "Recurrence": "0 0 * * *"}, "Given end time is in the past"),
        ({"StartTime": 20.0, "EndTime": 10.0}, "Given end time must be after start time"),
        ({}, "Scheduled start time must be specified for non-recurrent future group action"),
        ({"Recurrence": "0 0 * *"}, "Given recurrence string: 0 0 * * is invalid"),
        ({"Recurrence": "0 25 * * *"}, "Given recurrence string: 0 25 * * * is invalid"),
        ({"Recurrence": "0 0 ? * *"}, "Given recurrence string: 0 0 ? * * is invalid"),
        (
            {"Recurrence": "0 0 * * *", "TimeZone": "CEST"},
            "Time zone specified does not conform to standardized time zones found in IANA Time Zone Database",
        ),
        ({"StartTime": 9.0, "MinSize": 6}, "Desired capacity must be greater than or equal to min size"),
        ({"StartTime": 9.0, "MaxSize": 4}, "Desired capacity must be less than or equal to max size"),
        ({"StartTime": 9.0, "MinSize": -1}, "Min size must be non-negative"),
    ],
)
def test_refused_actions(tier: Tier, wanted: dict[str, Any], says: str) -> None:
    times = {name: tier.at(value) for name, value in wanted.items() if isinstance(value, float)}
    with pytest.raises(ClientError) as caught:
        tier.put(**{**wanted, **times})
    error = caught.value.response["Error"]
    assert (error["Code"], error["Message"]) == ("ValidationError", says)


def test_an_action_that_changes_no_size_is_refused(tier: Tier) -> None:
    with pytest.raises(ClientError, match="At least one of max size, min size, or desired capacity must be specified"):
        tier.asg.put_scheduled_update_group_action(
            AutoScalingGroupName="web", ScheduledActionName="nothing", StartTime=tier.at(5)
        )


def test_two_actions_cannot_start_at_one_time(tier: Tier) -> None:
    tier.put("first", StartTime=tier.at(10))
    with pytest.raises(ClientError) as caught:
        tier.put("second", StartTime=tier.at(10))
    assert caught.value.response["Error"]["Code"] == "AlreadyExists"


def test_a_group_has_at_most_125_actions(tier: Tier) -> None:
    for index in range(125):
        tier.put(f"a{index}", StartTime=tier.at(100 + index))
    with pytest.raises(ClientError) as caught:
        tier.put("one too many", StartTime=tier.at(1000))
    assert caught.value.response["Error"]["Code"] == "LimitExceeded"


def test_an_action_of_no_group_is_refused(tier: Tier) -> None:
    with pytest.raises(ClientError, match="not found"):
        tier.asg.put_scheduled_update_group_action(
            AutoScalingGroupName="none", ScheduledActionName="a", StartTime=tier.at(9), DesiredCapacity=1
        )


@pytest.mark.parametrize(
    ("expression", "zone", "after", "comes"),
    [
        ("30 6 * * 2", "", "2021-03-01T00:00:00+00:00", "2021-03-02T06:30:00+00:00"),
        ("30 0 1 1,6,12 *", "", "2020-11-09T00:00:00+00:00", "2020-12-01T00:30:00+00:00"),
        ("0 18 * * 1-5", "America/New_York", "2021-03-05T23:00:00+00:00", "2021-03-08T23:00:00+00:00"),
        ("0 8 * * *", "America/New_York", "2021-03-13T13:00:00+00:00", "2021-03-14T12:00:00+00:00"),
        ("0 9 * * MON", "Asia/Tokyo", "2021-03-01T00:00:00+00:00", "2021-03-08T00:00:00+00:00"),
    ],
)
def test_when_cron_comes_round(expression: str, zone: str, after: str, comes: str) -> None:
    """The guide's examples; 8:00 in New York is 13:00 UTC before summer time and 12:00 after it began."""
    assert cron_times.next_s(expression, zone, unix_s(after)) == unix_s(comes)


def test_a_day_that_never_comes_is_no_recurrence() -> None:
    assert not cron_times.is_cron("0 0 31 2 *")
