"""The older query protocol (forms in, XML out), which the AWS CLI and Terraform have long spoken."""

import re
from datetime import UTC, datetime

import pytest

from blackstart.emulator.adapters.moto_cloudwatch import install
from blackstart.emulator.adapters.moto_cloudwatch_alarms import MotoAlarms
from blackstart.emulator.controllers.alarms import AlarmsController
from blackstart.emulator.controllers.metric_store import MetricStore

NOW_S, WALL_S = 1_800_000_000.0, 1_790_000_000.0
SIGNED = {
    "Authorization": "AWS4-HMAC-SHA256 Credential=offline/20260101/us-east-1/monitoring/aws4_request, "
    "SignedHeaders=host, Signature=none"
}


@pytest.fixture
def clock():
    return [NOW_S]


@pytest.fixture
def call(clock):
    from moto.server import DomainDispatcherApplication, create_backend_app
    from werkzeug.test import Client

    store = MetricStore()
    undo = install(store=store, now_s=lambda: clock[0], wall_s=lambda: WALL_S)
    client = Client(DomainDispatcherApplication(create_backend_app))
    alarms = AlarmsController(store, MotoAlarms())

    def send(action: str, **fields: str) -> str:
        alarms.tick(clock[0])
        form = {"Action": action, "Version": "2010-08-01", **fields}
        return str(client.post("/", data=form, headers=SIGNED).get_data(as_text=True))

    try:
        yield send
    finally:
        from moto.cloudwatch.models import cloudwatch_backends

        cloudwatch_backends["123456789012"]["us-east-1"].reset()
        undo()


def test_an_alarm_and_its_metric_go_in_and_out_as_forms_and_xml(call, clock):
    call(
        "PutMetricAlarm",
        AlarmName="a",
        Namespace="App",
        MetricName="M",
        Statistic="Sum",
        Period="60",
        EvaluationPeriods="1",
        Threshold="1",
        ComparisonOperator="GreaterThanThreshold",
    )
    call(
        "PutMetricData", **{"Namespace": "App", "MetricData.member.1.MetricName": "M", "MetricData.member.1.Value": "5"}
    )
    clock[0] += 75
    assert "<StateValue>ALARM</StateValue>" in call("DescribeAlarms")
    history = call("DescribeAlarmHistory", AlarmName="a")
    assert re.findall("<HistoryItemType>(.*?)</HistoryItemType>", history) == ["StateUpdate", "ConfigurationUpdate"]
    query = {
        "Namespace": "App",
        "MetricName": "M",
        "Period": "60",
        "StartTime": datetime.fromtimestamp(WALL_S - 300, UTC).isoformat(),
        "EndTime": datetime.fromtimestamp(WALL_S, UTC).isoformat(),
    }
    assert "<Sum>5.0</Sum>" in call("GetMetricStatistics", **{**query, "Statistics.member.1": "Sum"})
    extended = call("GetMetricStatistics", **{**query, "ExtendedStatistics.member.1": "p99"})
    assert "<key>p99</key><value>5.0</value>" in extended


def test_an_error_is_aws_xml(call):
    assert "<Code>ValidationError</Code>" in call("PutMetricAlarm", AlarmName="a")


def test_a_composite_alarm_goes_in_and_out_as_forms_and_xml(call, clock):
    for name in ("child", "suppressor"):
        call(
            "PutMetricAlarm",
            AlarmName=name,
            Namespace="App",
            MetricName="M",
            Statistic="Sum",
            Period="60",
            EvaluationPeriods="1",
            Threshold="1",
            ComparisonOperator="GreaterThanThreshold",
            TreatMissingData="ignore",
        )
    call(
        "PutCompositeAlarm",
        **{
            "AlarmName": "top",
            "AlarmRule": "ALARM(child)",
            "ActionsEnabled": "true",
            "ActionsSuppressor": "suppressor",
            "ActionsSuppressorWaitPeriod": "60",
            "ActionsSuppressorExtensionPeriod": "0",
            "AlarmActions.member.1": "arn:aws:sns:us-east-1:123456789012:none",
        },
    )
    clock[0] += 1
    call("DescribeAlarms")
    call("SetAlarmState", AlarmName="child", StateValue="ALARM", StateReason="a drill")
    described = call("DescribeAlarms", **{"AlarmTypes.member.1": "CompositeAlarm"})
    assert "<StateValue>ALARM</StateValue>" in described
    assert "<ActionsSuppressedBy>WaitPeriod</ActionsSuppressedBy>" in described
    assert "<ActionsSuppressorWaitPeriod>60</ActionsSuppressorWaitPeriod>" in described
    assert "<AlarmName>child</AlarmName>" in call("DescribeAlarms", ChildrenOfAlarmName="top")
    assert "<AlarmName>top</AlarmName>" in call("DescribeAlarms", ParentsOfAlarmName="child")
