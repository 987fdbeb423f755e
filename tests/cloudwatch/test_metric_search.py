"""Search expressions, by the examples of the guide ("CloudWatch search expression syntax")."""

import pytest

from blackstart.emulator.decisions.metric_search import SearchError, parts, read_search

METRICS = {
    "cpu": ("AWS/EC2", "CPUUtilization", (("InstanceId", "i-1234567890123456"),)),
    "cpu-type": ("AWS/EC2", "CPUUtilization", (("InstanceType", "t2.micro"),)),
    "packets": ("AWS/EC2", "NetworkPacketsIn", (("InstanceId", "i-1"),)),
    "reads": ("AWS/EBS", "VolumeReadOps", (("VolumeId", "vol-1"),)),
    "lcus": ("AWS/NetworkELB", "ConsumedLCUs", (("LoadBalancer", "net/a"),)),
    "flows": ("AWS/NetworkELB", "NewFlowCount", (("LoadBalancer", "net/a"),)),
    "zone-flows": ("AWS/NetworkELB", "NewFlowCount", (("AvailabilityZone", "a"), ("LoadBalancer", "net/a"))),
    "errors": ("AWS/Lambda", "Errors", (("FunctionName", "other"),)),
    "calls-a": ("AWS/Lambda", "Invocations", (("FunctionName", "ProjectA-x"),)),
    "calls-c": ("AWS/Lambda", "Invocations", (("FunctionName", "ProjectC-x"),)),
    "custom": ("My Namespace", "CustomCount1", (("Dimension@Name", "Europe\\France Traffic(Network)"),)),
    "plain": ("App", "Network-Errors-2", ()),
}


def found(expression: str) -> set[str]:
    search = read_search(expression)
    return {name for name, metric in METRICS.items() if search.finds(*metric)}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("CustomCount1", ("custom", "count", "1")),
        ("SDBFailure", ("sdb", "failure")),
        ("Project2-trial333", ("project", "2", "trial", "333")),
        ("couNT", ("cou", "nt")),
    ],
)
def test_the_guides_table_of_tokens_holds(text: str, expected: tuple[str, ...]) -> None:
    assert parts(text) == expected


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ('{AWS/EC2,InstanceId} MetricName="CPUUtilization"', {"cpu"}),
        (' {AWS/EC2, InstanceType} "CPUUtilization" ', {"cpu-type"}),
        ("{AWS/EC2,InstanceId} network AND packets", {"packets"}),
        (" {AWS/EC2,InstanceId} network packets ", {"packets"}),
        (' "CPUUtilization" ', {"cpu", "cpu-type"}),
        ("MetricName=CPU", {"cpu", "cpu-type"}),
        (" InstanceType=micro ", {"cpu-type"}),
        (' InstanceType="t2.micro" Namespace="AWS/EC2" ', {"cpu-type"}),
        (' InstanceType="t2" ', set()),
        (' {AWS/NetworkELB, LoadBalancer} "ConsumedLCUs" OR flow ', {"lcus", "flows"}),
        (' {AWS/EC2,InstanceId} MetricName="CPUUtilization" NOT i-1234567890123456 ', set()),
        ("NOT Namespace=AWS", {"custom", "plain"}),
        (" (EC2 OR EBS) AND MetricName=ReadOps ", {"reads"}),
        (" (EC2 OR EBS) MetricName=ReadOps ", {"reads"}),
        (
            ' {AWS/Lambda,FunctionName} MetricName="Errors" OR (MetricName="Invocations" AND (ProjectA OR ProjectB)) ',
            {"errors", "calls-a"},
        ),
        (' {"My Namespace", "Dimension@Name"}, "CustomCount1" ', {"custom"}),
        (' "Europe\\\\France Traffic\\(Network\\)" ', {"custom"}),
        ("COUNT NOT flow", {"custom"}),
        ("CustomCount", {"custom"}),
        ("Count1", {"custom"}),
        ("customcount", set()),
        ("couNT", set()),
        ("network/errors", {"plain"}),
        ("NetworkErrors2", {"plain"}),
        ('"Network_Errors_2"', set()),
        ("{App}", {"plain"}),
        ('MetricName=("Errors" OR "NewFlowCount") NOT AvailabilityZone=a', {"errors", "flows"}),
        ("FunctionName=(Project NOT A) Invocations", {"calls-c"}),
    ],
)
def test_a_search_finds_what_the_guide_says(expression: str, expected: set[str]) -> None:
    assert found(expression) == expected


@pytest.mark.parametrize(
    "expression", ["", "  ", "{} x", "(a", "a OR", "MetricName=", "MetricName=(", "a)", '"open', "x" * 1100]
)
def test_a_search_that_is_none_is_refused(expression: str) -> None:
    with pytest.raises(SearchError):
        read_search(expression)
