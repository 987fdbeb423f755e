"""Status checks of instances over time, as DescribeInstanceStatus shows them, and what alarms do about them."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError
from rig import START_S, Rig

from blackstart.emulator.controllers.alarm_actions import ActionFailedError, AlarmFired
from blackstart.emulator.controllers.instance_alarm_actions import InstanceAlarmActions
from blackstart.emulator.decisions.alarm_state import AlarmState
from blackstart.emulator.decisions.status_checks import CheckStatus

IMAGE = "ami-12c6146b"


@pytest.fixture
def rig() -> Iterator[Rig]:
    made = Rig(pending_s=10, boot_s=15, stopping_s=20, status_check_s=120)
    yield made
    made.close()


def run(rig: Rig, **wanted: Any) -> str:
    answer = rig.client("ec2").run_instances(ImageId=IMAGE, InstanceType="t3.micro", MinCount=1, MaxCount=1, **wanted)
    return str(answer["Instances"][0]["InstanceId"])


def statuses(rig: Rig, **asked: Any) -> list[Any]:
    return list(rig.client("ec2").describe_instance_status(**asked)["InstanceStatuses"])


def both(status: Any) -> tuple[str, str]:
    return status["InstanceStatus"]["Status"], status["SystemStatus"]["Status"]


def test_checks_are_initializing_for_a_while_after_an_instance_runs_and_then_pass(rig: Rig) -> None:
    instance_id = run(rig)
    assert statuses(rig) == []
    (pending,) = statuses(rig, IncludeAllInstances=True)
    assert both(pending) == ("not-applicable", "not-applicable")
    rig.run(129)
    (early,) = statuses(rig, InstanceIds=[instance_id])
    assert early["InstanceStatus"] == {
        "Status": "initializing",
        "Details": [{"Name": "reachability", "Status": "initializing"}],
    }
    rig.run(2)
    (passed,) = statuses(rig)
    assert both(passed) == ("ok", "ok")
    assert passed["InstanceStatus"]["Details"] == [{"Name": "reachability", "Status": "passed"}]


def test_failed_hardware_is_found_at_the_next_look_and_its_processes_stand_still(rig: Rig) -> None:
    instance_id = run(rig)
    rig.run(150)
    rig.controllers.ec2.hardware_failed(instance_id, True, rig.now_s)
    assert rig.services.signals[-1] == (instance_id, 19, "all")
    (before,) = statuses(rig)
    assert both(before) == ("ok", "ok")
    rig.run(60)
    (found,) = statuses(rig)
    assert both(found) == ("impaired", "impaired")
    detail = found["SystemStatus"]["Details"][0]
    assert detail["Status"] == "failed"
    assert detail["ImpairedSince"] == datetime.fromtimestamp(START_S + 10 + 120 + 60, UTC)
    assert rig.controllers.ec2.facts[instance_id].system_check.since_s == START_S + 190
    rig.controllers.ec2.hardware_failed(instance_id, False, rig.now_s)
    assert rig.services.signals[-1] == (instance_id, 18, "all")
    rig.run(60)
    assert both(statuses(rig)[0]) == ("ok", "ok")


def test_a_hung_instance_fails_its_own_check_only(rig: Rig) -> None:
    instance_id = run(rig)
    rig.run(150)
    rig.controllers.ec2.on_host_event({"event": "halted", "key": instance_id, "halted": True}, rig.now_s)
    rig.run(60)
    assert both(statuses(rig)[0]) == ("impaired", "ok")
    rig.client("ec2").reboot_instances(InstanceIds=[instance_id])
    rig.run(60)
    assert both(statuses(rig)[0]) == ("ok", "ok")


def test_a_service_that_its_own_manager_has_stopped_does_not_make_a_hung_instance(rig: Rig) -> None:
    instance_id = run(rig)
    rig.run(150)
    rig.controllers.ec2.signal_service(instance_id, 19, "all", lambda _: None)
    rig.controllers.ec2.on_host_event({"event": "halted", "key": instance_id, "halted": True}, rig.now_s)
    rig.run(60)
    assert both(statuses(rig)[0]) == ("ok", "ok")


def test_a_stop_and_start_moves_an_instance_to_other_hardware(rig: Rig) -> None:
    ec2, instance_id = rig.client("ec2"), run(rig)
    rig.run(150)
    rig.controllers.ec2.hardware_failed(instance_id, True, rig.now_s)
    rig.run(60)
    ec2.stop_instances(InstanceIds=[instance_id])
    rig.run(25)
    assert both(statuses(rig, IncludeAllInstances=True)[0]) == ("not-applicable", "not-applicable")
    ec2.start_instances(InstanceIds=[instance_id])
    rig.run(150)
    assert both(statuses(rig)[0]) == ("ok", "ok")


def test_a_reboot_stays_on_the_failed_hardware(rig: Rig) -> None:
    instance_id = run(rig)
    rig.run(150)
    rig.controllers.ec2.hardware_failed(instance_id, True, rig.now_s)
    rig.run(60)
    rig.client("ec2").reboot_instances(InstanceIds=[instance_id])
    rig.run(120)
    assert both(statuses(rig)[0]) == ("impaired", "impaired")
    assert rig.services.signals[-1] == (instance_id, 19, "all")


def test_statuses_can_be_filtered_and_paged(rig: Rig) -> None:
    first, second = run(rig), run(rig)
    rig.run(150)
    rig.controllers.ec2.hardware_failed(first, True, rig.now_s)
    rig.run(60)
    impaired = statuses(rig, Filters=[{"Name": "system-status.status", "Values": ["impaired"]}])
    reachable = statuses(rig, Filters=[{"Name": "instance-status.reachability", "Values": ["passed"]}])
    nowhere = statuses(rig, Filters=[{"Name": "availability-zone", "Values": ["us-east-1f"]}])
    assert [each["InstanceId"] for each in impaired] == [first]
    assert [each["InstanceId"] for each in reachable] == [second]
    assert nowhere == []
    page = rig.client("ec2").describe_instance_status(MaxResults=1)
    rest = rig.client("ec2").describe_instance_status(MaxResults=1, NextToken=page["NextToken"])
    assert {page["InstanceStatuses"][0]["InstanceId"], rest["InstanceStatuses"][0]["InstanceId"]} == {first, second}
    assert "NextToken" not in rest
    with pytest.raises(ClientError, match="is invalid"):
        statuses(rig, Filters=[{"Name": "colour", "Values": ["red"]}])


def fired(action: str, instance_id: str | None, state: AlarmState = AlarmState.ALARM) -> AlarmFired:
    return AlarmFired(
        alarm_name="sick",
        alarm_arn="arn:aws:cloudwatch:us-east-1:123456789012:alarm:sick",
        account="123456789012",
        region="us-east-1",
        action=action,
        state=state,
        value=1.0,
        threshold=1.0,
        dimensions={"InstanceId": instance_id} if instance_id else {},
        repeated=False,
    )


def actions(rig: Rig, protection: str = "") -> InstanceAlarmActions:
    return InstanceAlarmActions(rig.controllers.ec2, lambda instance_id, request: protection)


@pytest.mark.parametrize(
    ("action", "state"),
    [
        ("arn:aws:automate:us-east-1:ec2:stop", "stopping"),
        ("arn:aws:automate:us-east-1:ec2:terminate", "shutting-down"),
        ("arn:aws:automate:us-east-1:ec2:reboot", "running"),
        ("arn:aws:swf:us-east-1:123456789012:action/actions/AWS_EC2.InstanceId.Stop/1.0", "stopping"),
        ("arn:aws:swf:us-east-1:123456789012:action/actions/AWS_EC2.InstanceId.Terminate/1.0", "shutting-down"),
    ],
)
def test_an_alarm_does_to_its_instance_what_its_action_says(rig: Rig, action: str, state: str) -> None:
    instance_id = run(rig)
    rig.run(40)
    assert instance_id in rig.services.running
    actions(rig).carry_out(fired(action, instance_id), rig.now_s)
    assert rig.controllers.ec2.facts[instance_id].state == state
    assert instance_id not in rig.services.running


def test_recovery_brings_an_instance_up_on_other_hardware(rig: Rig) -> None:
    instance_id = run(rig)
    rig.run(150)
    before = rig.controllers.ec2.facts[instance_id]
    rig.controllers.ec2.hardware_failed(instance_id, True, rig.now_s)
    rig.run(60)
    actions(rig).carry_out(fired("arn:aws:automate:us-east-1:ec2:recover", instance_id), rig.now_s)
    rig.run(60)
    after = rig.controllers.ec2.facts[instance_id]
    assert after.system_check.status is CheckStatus.OK
    assert (after.private_ip, after.state) == (before.private_ip, before.state)
    assert instance_id in rig.services.running


def test_an_action_that_cannot_be_carried_out_says_why(rig: Rig) -> None:
    instance_id, stop = run(rig), "arn:aws:automate:us-east-1:ec2:stop"
    for alarm, protection, words in (
        (fired(stop, None), "", "no dimension InstanceId"),
        (fired(stop, "i-0"), "", "i-0 does not exist"),
        (fired(stop, instance_id), "", "is pending"),
        (fired(stop, instance_id), "may not be stopped", "may not be stopped"),
        (fired("arn:aws:automate:us-east-1:ec2:recover", instance_id, AlarmState.OK), "", "of the state ALARM only"),
    ):
        with pytest.raises(ActionFailedError, match=words):
            actions(rig, protection).carry_out(alarm, rig.now_s)


def test_an_alarm_of_the_system_check_recovers_its_instance(rig: Rig) -> None:
    cloudwatch, instance_id = rig.client("cloudwatch"), run(rig, Monitoring={"Enabled": True})
    cloudwatch.put_metric_alarm(
        AlarmName="sick",
        Namespace="AWS/EC2",
        MetricName="StatusCheckFailed_System",
        Dimensions=[{"Name": "InstanceId", "Value": instance_id}],
        Statistic="Maximum",
        Period=60,
        EvaluationPeriods=2,
        Threshold=1,
        ComparisonOperator="GreaterThanOrEqualToThreshold",
        AlarmActions=["arn:aws:automate:us-east-1:ec2:recover"],
    )
    rig.run(360)
    assert cloudwatch.describe_alarms(AlarmNames=["sick"])["MetricAlarms"][0]["StateValue"] == "OK"
    rig.controllers.ec2.hardware_failed(instance_id, True, rig.now_s)
    rig.run(300)
    assert rig.controllers.ec2.facts[instance_id].system_check.status is CheckStatus.OK
    assert instance_id in rig.services.running
    rig.run(180)
    assert cloudwatch.describe_alarms(AlarmNames=["sick"])["MetricAlarms"][0]["StateValue"] == "OK"
