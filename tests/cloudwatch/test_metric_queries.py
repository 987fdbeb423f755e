"""Metric data as a client of the API puts it in and gets it out."""

from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError


def at(time_s: float) -> datetime:
    return datetime.fromtimestamp(time_s, UTC)


def statistics(cloudwatch: Any, *names: str, minutes: int = 5, **query: Any) -> list[dict[str, Any]]:
    """The datapoints of the last minutes, oldest first."""
    extended = [name for name in names if name.startswith(("p", "tm"))]
    plain = [name for name in names if name not in extended]
    arguments = {
        "Namespace": "App",
        "MetricName": "M",
        "Period": 60,
        "StartTime": at(cloudwatch.now_s - 60 * minutes),
        "EndTime": at(cloudwatch.now_s + 60),
        **({"Statistics": plain} if plain else {}),
        **({"ExtendedStatistics": extended} if extended else {}),
        **query,
    }
    found: list[dict[str, Any]] = cloudwatch.client.get_metric_statistics(**arguments)["Datapoints"]
    return found


def data(cloudwatch: Any, *queries: dict[str, Any], **query: Any) -> dict[str, dict[str, Any]]:
    answer = cloudwatch.client.get_metric_data(
        MetricDataQueries=list(queries),
        StartTime=query.pop("start", at(cloudwatch.now_s - 300)),
        EndTime=query.pop("end", at(cloudwatch.now_s + 60)),
        ScanBy="TimestampAscending",
        **query,
    )
    return {result["Id"]: result for result in answer["MetricDataResults"]}


def stat(query_id: str, name: str = "M", statistic: str = "Sum", **more: Any) -> dict[str, Any]:
    metric = {"Namespace": more.pop("namespace", "App"), "MetricName": name, **more}
    return {"Id": query_id, "MetricStat": {"Metric": metric, "Period": 60, "Stat": statistic}}


def test_the_statistics_of_a_minute(cloudwatch):
    for value in (1.0, 2.0, 6.0):
        cloudwatch.put(value)
    [point] = statistics(cloudwatch, "Sum", "SampleCount", "Average", "Minimum", "Maximum")
    assert (point["Sum"], point["SampleCount"], point["Average"]) == (9.0, 3.0, 3.0)
    assert (point["Minimum"], point["Maximum"]) == (1.0, 6.0)
    assert (point["Timestamp"], point["Unit"]) == (at(cloudwatch.now_s), "None")
    assert statistics(cloudwatch, "p50", "tm50")[0]["ExtendedStatistics"] == {"p50": 2.0, "tm50": 4 / 3}


def test_values_with_counts_and_statistic_sets_are_taken_together(cloudwatch):
    statistic_set = {"SampleCount": 4.0, "Sum": 40.0, "Minimum": 5.0, "Maximum": 15.0}
    cloudwatch.client.put_metric_data(
        Namespace="App",
        MetricData=[
            {"MetricName": "M", "Values": [1.0, 2.0], "Counts": [3.0, 1.0]},
            {"MetricName": "M", "StatisticValues": statistic_set},
        ],
    )
    [point] = statistics(cloudwatch, "Sum", "SampleCount", "Minimum", "Maximum")
    assert (point["Sum"], point["SampleCount"], point["Minimum"], point["Maximum"]) == (45.0, 8.0, 1.0, 15.0)


def test_a_percentile_is_missing_where_only_a_statistic_set_is_known(cloudwatch):
    statistic_set = {"SampleCount": 4.0, "Sum": 40.0, "Minimum": 5.0, "Maximum": 15.0}
    cloudwatch.client.put_metric_data(
        Namespace="App", MetricData=[{"MetricName": "M", "StatisticValues": statistic_set}]
    )
    assert "ExtendedStatistics" not in statistics(cloudwatch, "p99")[0]


def test_a_metric_is_its_exact_set_of_dimensions(cloudwatch):
    zone = [{"Name": "Zone", "Value": "a"}]
    cloudwatch.client.put_metric_data(Namespace="App", MetricData=[{"MetricName": "M", "Value": 1.0}])
    cloudwatch.client.put_metric_data(
        Namespace="App", MetricData=[{"MetricName": "M", "Value": 2.0, "Dimensions": zone}]
    )
    cloudwatch.client.put_metric_data(
        Namespace="Other", MetricData=[{"MetricName": "M", "Value": 4.0, "Dimensions": zone}]
    )
    found = data(cloudwatch, stat("none"), stat("zone", Dimensions=zone))
    assert (found["none"]["Values"], found["zone"]["Values"]) == ([1.0], [2.0])
    assert statistics(cloudwatch, "Sum", Dimensions=zone)[0]["Sum"] == 2.0


def test_only_data_of_the_asked_unit_counts(cloudwatch):
    for unit, value in (("Seconds", 1.0), ("Count", 5.0)):
        cloudwatch.client.put_metric_data(
            Namespace="App", MetricData=[{"MetricName": "M", "Value": value, "Unit": unit}]
        )
    assert statistics(cloudwatch, "Sum", Unit="Count")[0]["Sum"] == 5.0


def test_data_with_a_wall_clock_now_is_filed_at_the_virtual_now(cloudwatch):
    cloudwatch.put(3.0, at_s=cloudwatch.wall_s - 50)
    assert [point["Timestamp"] for point in statistics(cloudwatch, "Sum")] == [at(cloudwatch.now_s)]


def test_data_with_any_other_time_is_filed_there(cloudwatch):
    cloudwatch.put(3.0, at_s=cloudwatch.now_s - 120)
    assert [point["Timestamp"] for point in statistics(cloudwatch, "Sum")] == [at(cloudwatch.now_s - 120)]


def test_the_last_five_minutes_by_the_wall_clock_are_the_last_five_virtual_minutes(cloudwatch):
    cloudwatch.put(3.0)
    cloudwatch.now_s += 90
    window = {"start": at(cloudwatch.wall_s - 300), "end": at(cloudwatch.wall_s)}
    assert data(cloudwatch, stat("m"), **window)["m"]["Values"] == [3.0]
    long_ago = {"start": at(cloudwatch.wall_s - 1000), "end": at(cloudwatch.wall_s - 700)}
    assert data(cloudwatch, stat("m"), **long_ago)["m"]["Values"] == []


def test_at_speed_one_nothing_is_shifted(cloudwatch):
    cloudwatch.wall_s = cloudwatch.now_s
    cloudwatch.put(3.0, at_s=cloudwatch.now_s - 55)
    assert [point["Timestamp"] for point in statistics(cloudwatch, "Sum")] == [at(cloudwatch.now_s - 60)]


def test_metric_math_over_two_metrics(cloudwatch):
    cloudwatch.put(10.0, "Errors")
    cloudwatch.put(200.0, "Requests")
    expression = {"Id": "rate", "Expression": "100 * (errors / requests)", "Label": "error rate"}
    found = data(cloudwatch, stat("errors", "Errors"), stat("requests", "Requests"), expression)
    assert (found["rate"]["Values"], found["rate"]["Label"]) == ([5.0], "error rate")


def test_expressions_may_use_each_other_and_hidden_series_are_not_returned(cloudwatch):
    cloudwatch.put(10.0)
    found = data(
        cloudwatch,
        {"Id": "e2", "Expression": "e1 + 1"},
        {"Id": "e1", "Expression": "m * 2", "ReturnData": False},
        {**stat("m"), "ReturnData": False},
    )
    assert {query_id: result["Values"] for query_id, result in found.items()} == {"e2": [21.0]}


def test_fill_covers_the_whole_query(cloudwatch):
    cloudwatch.put(10.0)
    found = data(cloudwatch, stat("m"), {"Id": "e", "Expression": "FILL(m, 0)"})
    assert found["e"]["Values"] == [0.0, 0.0, 0.0, 0.0, 0.0, 10.0]


@pytest.mark.parametrize(
    ("queries", "message"),
    [
        ([stat("m"), {"Id": "e", "Expression": "IF(m > 1)"}], "Error in expression 'e': IF takes"),
        ([stat("m"), {"Id": "e", "Expression": "RATES(m)"}], "Function 'RATES' not found"),
        ([stat("m"), {"Id": "e", "Expression": "other"}], "'other', which is no id"),
        ([{"Id": "e", "Expression": "SELECT AVG(x) FROM y"}], "Metrics Insights is not supported"),
        ([{"Id": "e", "Expression": "f"}, {"Id": "f", "Expression": "e"}], "in a circle"),
        ([stat("m"), {"Id": "e", "Expression": "SUM(m)"}], "is a number and no time series"),
        ([stat("m"), stat("m")], "not unique"),
        ([stat("m", statistic="p101")], "p101"),
        ([{"Id": "m"}], "MetricStat is required"),
    ],
)
def test_a_query_that_cannot_be_answered_is_a_validation_error(cloudwatch, queries, message):
    cloudwatch.put(1.0)
    with pytest.raises(ClientError) as caught:
        data(cloudwatch, *queries)
    assert caught.value.response["Error"]["Code"] == "ValidationError"
    assert message in caught.value.response["Error"]["Message"]


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"Period": 45}, "InvalidParameterValue"),
        ({"Period": 1, "minutes": 60}, "InvalidParameterCombination"),
        ({"minutes": -5}, "InvalidParameterValue"),
        ({"ExtendedStatistics": ["p50"]}, "InvalidParameterCombination"),
    ],
)
def test_statistics_that_aws_refuses_are_refused(cloudwatch, query, code):
    with pytest.raises(ClientError) as caught:
        statistics(cloudwatch, "Sum", **query)
    assert caught.value.response["Error"]["Code"] == code


def test_nobody_but_aws_writes_into_its_namespaces(cloudwatch):
    with pytest.raises(ClientError) as caught:
        cloudwatch.client.put_metric_data(Namespace="AWS/EC2", MetricData=[{"MetricName": "M", "Value": 1.0}])
    assert caught.value.response["Error"]["Code"] == "InvalidParameterValue"


def test_metrics_are_listed_by_namespace_name_and_dimension(cloudwatch):
    for namespace, zone in (("App", "a"), ("App", "b"), ("Other", "a")):
        dimensions = [{"Name": "Zone", "Value": zone}]
        cloudwatch.client.put_metric_data(
            Namespace=namespace, MetricData=[{"MetricName": "M", "Value": 1.0, "Dimensions": dimensions}]
        )

    def count(**query: Any) -> int:
        return len(cloudwatch.client.list_metrics(**query)["Metrics"])

    assert (count(), count(Namespace="App"), count(MetricName="none")) == (3, 2, 0)
    assert count(Namespace="App", Dimensions=[{"Name": "Zone"}]) == 2
    assert count(Dimensions=[{"Name": "Zone", "Value": "a"}]) == 2


def test_more_than_500_metrics_come_in_pages(cloudwatch):
    for batch in range(2):
        cloudwatch.client.put_metric_data(
            Namespace="App", MetricData=[{"MetricName": f"M{batch}-{n}", "Value": 1.0} for n in range(300)]
        )
    pages = cloudwatch.client.get_paginator("list_metrics").paginate()
    assert [len(page["Metrics"]) for page in pages] == [500, 100]


def test_another_region_has_metrics_of_its_own(cloudwatch):
    import boto3

    cloudwatch.put(1.0)
    elsewhere = boto3.client(
        "cloudwatch", region_name="eu-west-1", aws_access_key_id="offline", aws_secret_access_key="offline"
    )
    assert elsewhere.list_metrics()["Metrics"] == []
