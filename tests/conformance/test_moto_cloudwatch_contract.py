"""What the emulator's CloudWatch and SNS replace in moto, or rest on: fails loudly when an upgrade changes it."""

from importlib import import_module
from inspect import signature
from typing import Any

import pytest

from blackstart.emulator.adapters.moto_cloudwatch import ADDED, PATCHED

SIGNATURES = {
    "CloudWatchBackend.put_metric_alarm": "name namespace metric_name comparison_operator evaluation_periods period "
    "threshold statistic description dimensions alarm_actions metric_data_queries datapoints_to_alarm "
    "extended_statistic ok_actions insufficient_data_actions unit actions_enabled treat_missing_data "
    "evaluate_low_sample_count_percentile threshold_metric_id rule tags",
    "CloudWatchBackend.put_metric_data": "namespace metric_data",
    "CloudWatchBackend.delete_alarms": "alarm_names",
    "CloudWatchBackend.set_alarm_state": "alarm_name reason reason_data state_value",
    "CloudWatchBackend.reset": "",
    "CloudWatchResponse.get_metric_data": "",
    "CloudWatchResponse.get_metric_statistics": "",
    "CloudWatchResponse.list_metrics": "",
    "CloudWatchResponse.put_metric_alarm": "",
    "CloudWatchResponse.put_metric_data": "",
    "CloudWatchResponse.describe_alarms": "",
    "CloudWatchResponse.describe_alarms_for_metric": "",
    "Subscription.publish": "message message_id subject message_attributes group_id deduplication_id message_structure",
}


def owner(path: str) -> Any:
    module, _, name = path.rpartition(".")
    return getattr(import_module(module), name)


SYMBOLS = [(path, name) for path, names in PATCHED.items() for name in names]


@pytest.mark.parametrize(("path", "name"), SYMBOLS)
def test_a_replaced_method_still_takes_these_arguments(path: str, name: str) -> None:
    cls = owner(path)
    parameters = [parameter for parameter in signature(getattr(cls, name)).parameters if parameter != "self"]
    assert parameters == SIGNATURES[f"{cls.__name__}.{name}"].split()


@pytest.mark.parametrize(("path", "name"), [(path, name) for path, names in ADDED.items() for name in names])
def test_moto_still_lacks_what_is_added(path: str, name: str) -> None:
    assert not hasattr(owner(path), name)


def test_moto_parses_the_parameters_of_its_cloudwatch_actions() -> None:
    from moto.cloudwatch.responses import CloudWatchResponse

    assert CloudWatchResponse().automated_parameter_parsing is True


def test_an_alarm_has_the_attributes_that_are_read_and_written() -> None:
    from moto.cloudwatch.models import CloudWatchBackend

    backend = CloudWatchBackend("us-east-1", "123456789012")
    alarm = backend.put_metric_alarm(
        name="a",
        namespace="N",
        metric_name="M",
        comparison_operator="LessThanThreshold",
        evaluation_periods=1,
        period=60,
        threshold=1.0,
        statistic="Sum",
        description="",
        dimensions=[{"Name": "Zone", "Value": "a"}],
        alarm_actions=[],
    )
    assert backend.alarms == {"a": alarm}
    assert {
        "alarm_arn", "actions_enabled", "alarm_actions", "ok_actions", "insufficient_data_actions",
        "comparison_operator", "configuration_updated_timestamp", "datapoints_to_alarm", "description", "dimensions",
        "evaluate_low_sample_count_percentile", "evaluation_periods", "extended_statistic", "metric_data_queries",
        "metric_name", "name", "namespace", "period", "rule", "state_reason", "state_reason_data",
        "state_updated_timestamp", "state_value", "statistic", "threshold", "treat_missing_data", "unit",
    } <= vars(alarm).keys()  # fmt: skip
    assert (alarm.dimensions[0].name, alarm.dimensions[0].value) == ("Zone", "a")


def test_a_reset_empties_everything_that_is_kept_on_a_backend() -> None:
    from moto.cloudwatch.models import CloudWatchBackend

    backend = CloudWatchBackend("us-east-1", "123456789012")
    backend.__dict__["blackstart_alarms"] = ["something"]
    backend.reset()
    assert "blackstart_alarms" not in vars(backend)


def test_a_query_of_an_alarm_has_the_attributes_that_are_read() -> None:
    from moto.cloudwatch.models import Metric, MetricDataQuery, MetricStat

    stat = MetricStat(metric=Metric("M", "N", []), period="60", stat="Sum", unit="")
    query = MetricDataQuery("m1", "label", "60", "true", expression=None, metric_stat=stat)
    assert (query.id, query.label, query.return_data, query.expression) == ("m1", "label", "true", None)
    assert (query.metric_stat, stat.metric.metric_name, stat.metric.namespace) == (stat, "M", "N")
    assert (stat.metric.dimensions, stat.period, stat.stat, stat.unit) == ([], "60", "Sum", "")


def test_an_sns_backend_publishes_on_a_topic_and_raises_for_none() -> None:
    from moto.core.exceptions import ServiceException
    from moto.sns.models import SNSBackend

    names = [name for name in signature(SNSBackend.publish).parameters if name != "self"]
    assert names[:4] == ["message", "arn", "phone_number", "subject"]
    with pytest.raises((ServiceException, ValueError)):
        SNSBackend("us-east-1", "123456789012").publish("m", "arn:aws:sns:us-east-1:123456789012:none", subject="s")


def test_tags_of_an_alarm_can_be_forgotten() -> None:
    from moto.cloudwatch.models import CloudWatchBackend

    backend = CloudWatchBackend("us-east-1", "123456789012")
    backend.tagger.tag_resource("arn", [{"Key": "a", "Value": "b"}])
    backend.tagger.delete_all_tags_for_resource("arn")
    assert backend.list_tags_for_resource("arn") == {}
