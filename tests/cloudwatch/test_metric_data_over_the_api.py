"""GetMetricData, GetMetricStatistics and PutMetricData: ages, pages, units, labels, searches and limits."""

from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from blackstart.emulator.decisions.dynamic_labels import LabelContext, labelled
from blackstart.emulator.decisions.metric_query import kept_since, rounded_start

HOUR, DAY = 3600.0, 86400.0


def at(time_s: float) -> datetime:
    return datetime.fromtimestamp(time_s, UTC)


def stat(query_id: str, name: str = "M", period_s: int = 60, **more: Any) -> dict[str, Any]:
    metric = {"Namespace": "App", "MetricName": name, **more}
    return {"Id": query_id, "MetricStat": {"Metric": metric, "Period": period_s, "Stat": "Sum"}}


def results(cloudwatch: Any, *queries: dict[str, Any], minutes: float = 5, **query: Any) -> list[dict[str, Any]]:
    arguments = {
        "MetricDataQueries": list(queries),
        "StartTime": at(cloudwatch.now_s - minutes * 60),
        "EndTime": at(cloudwatch.now_s + 60),
        "ScanBy": "TimestampAscending",
        **query,
    }
    found: list[dict[str, Any]] = cloudwatch.client.get_metric_data(**arguments)["MetricDataResults"]
    return found


@pytest.mark.parametrize(
    ("age_s", "period_s", "rounded"),
    [
        (DAY, 60, 12 * HOUR + 32 * 60),
        (20 * DAY, 300, 12 * HOUR + 30 * 60),
        (70 * DAY, 3600, 12 * HOUR),
        (60, 10, 12 * HOUR + 32 * 60 + 30),
        (60, 5, 12 * HOUR + 32 * 60 + 30),
        (60, 1, 12 * HOUR + 32 * 60 + 34),
    ],
)
def test_a_start_of_12_32_34_is_rounded_by_its_age(age_s: float, period_s: int, rounded: float) -> None:
    start_s = 12 * HOUR + 32 * 60 + 34
    assert rounded_start(start_s, period_s, start_s + age_s) == rounded


@pytest.mark.parametrize(
    ("period_s", "kept_s"), [(10, 3 * HOUR), (60, 15 * DAY), (120, 15 * DAY), (300, 63 * DAY), (3600, 455 * DAY)]
)
def test_what_is_kept_depends_on_the_period(period_s: int, kept_s: float) -> None:
    assert kept_since(period_s, 500 * DAY) == 500 * DAY - kept_s


def test_minutes_of_sixteen_days_ago_are_there_by_five_minutes_only(cloudwatch):
    start_s = cloudwatch.now_s
    for minute in range(5):
        cloudwatch.put(1.0, at_s=start_s + minute * 60)
    cloudwatch.now_s += 16 * DAY
    window = {"StartTime": at(start_s - 600), "EndTime": at(start_s + 600)}
    [minutes] = results(cloudwatch, stat("m"), **window)
    [fives] = results(cloudwatch, stat("m", period_s=300), **window)
    assert (minutes["Values"], fives["Values"]) == ([], [5.0])


def test_each_unit_has_data_points_of_its_own(cloudwatch):
    for unit, value in (("Seconds", 1.0), ("Count", 5.0)):
        data = [{"MetricName": "M", "Value": value, "Unit": unit}]
        cloudwatch.client.put_metric_data(Namespace="App", MetricData=data)
    found = cloudwatch.client.get_metric_statistics(
        Namespace="App",
        MetricName="M",
        Period=60,
        StartTime=at(cloudwatch.now_s - 300),
        EndTime=at(cloudwatch.now_s + 60),
        Statistics=["Sum"],
    )["Datapoints"]
    assert [(point["Unit"], point["Sum"]) for point in found] == [("Seconds", 1.0), ("Count", 5.0)]


def test_data_points_come_in_pages(cloudwatch):
    for minute in range(4):
        cloudwatch.put(float(minute), at_s=cloudwatch.now_s - minute * 60)
        cloudwatch.put(10.0 + minute, "N", at_s=cloudwatch.now_s - minute * 60)
    pages = cloudwatch.client.get_paginator("get_metric_data").paginate(
        MetricDataQueries=[stat("m"), stat("n", "N")],
        StartTime=at(cloudwatch.now_s - 300),
        EndTime=at(cloudwatch.now_s + 60),
        PaginationConfig={"PageSize": 3},
    )
    found: dict[str, list[float]] = {"m": [], "n": []}
    codes = []
    for page in pages:
        for result in page["MetricDataResults"]:
            found[result["Id"]] += result["Values"]
            codes.append(result["StatusCode"])
    assert found == {"m": [0.0, 1.0, 2.0, 3.0], "n": [10.0, 11.0, 12.0, 13.0]}
    assert codes == ["PartialData", "PartialData", "Complete", "PartialData", "Complete", "Complete"]


def test_an_array_of_series_is_returned_one_by_one(cloudwatch):
    for zone, value in (("a", 1.0), ("b", 2.0)):
        datum = {"MetricName": "M", "Value": value, "Dimensions": [{"Name": "Zone", "Value": zone}]}
        cloudwatch.client.put_metric_data(Namespace="App", MetricData=[datum])
    search = {"Id": "s", "Expression": "SEARCH('{App,Zone} MetricName=\"M\"', 'Sum', 60)", "ReturnData": False}
    found = results(cloudwatch, search, {"Id": "e", "Expression": "SORT(s * 10, SUM, DESC)", "Label": "ten times"})
    assert [(result["Id"], result["Label"], result["Values"]) for result in found] == [
        ("e", "ten times b", [20.0]),
        ("e", "ten times a", [10.0]),
    ]
    assert results(cloudwatch, search, {"Id": "e", "Expression": "SUM(s)"})[0]["Values"] == [3.0]


def test_a_search_finds_no_metric_that_was_silent_for_two_weeks(cloudwatch):
    cloudwatch.put(1.0)
    search = {"Id": "s", "Expression": "SEARCH('M', 'Sum')"}
    assert len(results(cloudwatch, search)) == 1
    cloudwatch.now_s += 15 * DAY
    assert results(cloudwatch, search) == []
    assert cloudwatch.client.list_metrics()["Metrics"] == []


def test_recently_active_metrics_are_those_of_three_hours(cloudwatch):
    cloudwatch.put(1.0)
    cloudwatch.now_s += 4 * HOUR
    cloudwatch.put(1.0, "N")
    found = cloudwatch.client.list_metrics(RecentlyActive="PT3H")["Metrics"]
    assert [metric["MetricName"] for metric in found] == ["N"]


def test_labels_are_filled_in(cloudwatch):
    cloudwatch.put(2.0)
    cloudwatch.put(4.0, at_s=cloudwatch.now_s - 60)
    label = "${LABEL} of ${PROP('Namespace')}: ${MAX} at ${MAX_TIME}, ${PROP('Dim.None')}${NOTHING}"
    [result] = results(cloudwatch, {**stat("m"), "Label": label}, LabelOptions={"Timezone": "+0130"})
    assert result["Label"] == "M of App: 4 at 2027-01-15 09:29:00 +0130, ${NOTHING}"


@given(st.dictionaries(st.integers(0, 50).map(lambda n: n * 60.0), st.floats(0, 1e5), min_size=1))
def test_every_live_value_of_a_label_can_be_written(series: dict[float, float]) -> None:
    names = ["AVG", "SUM", "MIN", "MAX", "FIRST", "LAST", "FIRST_LAST_RANGE", "MIN_MAX_RANGE", "DATAPOINT_COUNT"]
    names += [f"{which}_TIME{how}" for which in ("FIRST", "LAST", "MIN", "MAX") for how in ("", "_RELATIVE")]
    names += ["FIRST_LAST_TIME_RANGE", "MIN_MAX_TIME_RANGE"]
    for name in names:
        assert labelled(f"${{{name}}}", LabelContext("M", series, 9000.0)) not in ("", f"${{{name}}}")
        assert labelled(f"${{{name}}}", LabelContext("M", {}, 9000.0)) == ""


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"Value": float("inf")}, "MetricData.member.1.Value"),
        ({"Value": 2.0**361}, "MetricData.member.1.Value"),
        ({"Values": [1.0] * 151}, "more than 150 values"),
        ({"Values": [1.0, 2.0], "Counts": [1.0]}, "same size"),
        ({"StatisticValues": {"SampleCount": 1, "Sum": 1, "Minimum": 1, "Maximum": float("nan")}}, "StatisticValues"),
        ({"Value": 1.0, "Dimensions": [{"Name": f"d{n}", "Value": "v"} for n in range(31)]}, "greater than 30"),
        ({"Value": 1.0, "StorageResolution": 5}, "StorageResolution"),
        ({"Value": 1.0, "age_s": 15 * DAY}, "past two weeks"),
        ({"Value": 1.0, "age_s": -3 * HOUR}, "two hours in the future"),
    ],
)
def test_data_that_aws_refuses_is_refused_whole(cloudwatch, change, message):
    asked = dict(change)
    stamp = at(cloudwatch.now_s - asked.pop("age_s", 0.0))
    datum = {"MetricName": "M", "Timestamp": stamp, **asked}
    fine = {"MetricName": "Fine", "Value": 1.0}
    with pytest.raises(ClientError) as caught:
        cloudwatch.client.put_metric_data(Namespace="App", MetricData=[datum, fine])
    assert caught.value.response["Error"]["Code"] == "InvalidParameterValue"
    assert message in caught.value.response["Error"]["Message"]
    assert cloudwatch.client.list_metrics()["Metrics"] == []


def test_more_than_a_thousand_metrics_are_refused(cloudwatch):
    data = [{"MetricName": f"M{number}", "Value": 1.0} for number in range(1001)]
    with pytest.raises(ClientError, match="greater than 1000"):
        cloudwatch.client.put_metric_data(Namespace="App", MetricData=data)


@pytest.mark.parametrize(
    ("queries", "message"),
    [
        ([stat(f"m{number}") for number in range(501)], "greater than 500"),
        ([stat("M")], "not matching the expected pattern"),
        ([stat("m", period_s=45)], "Period must be a multiple"),
        ([{"Id": "s", "Expression": "SEARCH('(', 'Sum')"}], "lacks a term"),
        ([{"Id": "s", "Expression": "SEARCH('M', 'Median')"}], "no statistic 'Median'"),
    ],
)
def test_a_query_that_aws_refuses_is_refused(cloudwatch, queries, message):
    with pytest.raises(ClientError) as caught:
        results(cloudwatch, *queries)
    assert message in caught.value.response["Error"]["Message"]


def test_the_two_objectives_of_the_shipped_slos_can_be_asked(cloudwatch):
    cloudwatch.client.put_metric_data(
        Namespace="App", MetricData=[{"MetricName": "Time", "Values": [0.05, 0.3], "Counts": [8, 2]}]
    )
    quick, answered = stat("quick", "Time"), stat("answered", "Time")
    quick["MetricStat"]["Stat"], answered["MetricStat"]["Stat"] = "TC(:0.1)", "SampleCount"
    share = {"Id": "share", "Expression": "quick / answered"}
    assert [result["Values"] for result in results(cloudwatch, quick, answered, share)] == [[8.0], [10.0], [0.8]]


def test_data_with_entities_is_filed_like_any_other(cloudwatch):
    entity = {"Entity": {"KeyAttributes": {"Type": "Service", "Name": "web"}}}
    cloudwatch.client.put_metric_data(
        Namespace="App", EntityMetricData=[{**entity, "MetricData": [{"MetricName": "M", "Value": 3.0}]}]
    )
    assert results(cloudwatch, stat("m"))[0]["Values"] == [3.0]


@pytest.mark.parametrize(
    ("datum", "code", "words"),
    [
        ({}, "InvalidParameterCombination", "At least one of the parameters MetricData.member.1.Value"),
        ({"Value": 1.0, "Unit": "Apples"}, "InvalidParameterValue", "MetricData.member.1.Unit must be a value in"),
        ({"Value": 1.0, "Unit": "count"}, "InvalidParameterValue", "MetricData.member.1.Unit must be a value in"),
    ],
)
def test_a_datum_without_value_or_of_no_known_unit_is_refused(cloudwatch, datum, code, words):
    with pytest.raises(ClientError, match=words) as caught:
        cloudwatch.client.put_metric_data(Namespace="App", MetricData=[{"MetricName": "M", **datum}])
    assert caught.value.response["Error"]["Code"] == code
    assert cloudwatch.client.list_metrics()["Metrics"] == []
