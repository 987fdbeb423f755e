"""DescribeInstances in pages."""

from typing import Any

import pytest
from botocore.exceptions import ClientError


@pytest.fixture
def ec2(rig: Any) -> Any:
    """Twelve instances in reservations of 1, 7 and 4."""
    client = rig.client("ec2")
    for count in (1, 7, 4):
        client.run_instances(ImageId="ami-12c6146b", InstanceType="t3.micro", MinCount=count, MaxCount=count)
    return client


def ids(answer: Any) -> list[str]:
    return [each["InstanceId"] for reservation in answer["Reservations"] for each in reservation["Instances"]]


def test_without_pages_every_reservation_is_answered_however_many_there_are(rig: Any) -> None:
    client = rig.client("ec2")
    for _ in range(120):
        client.run_instances(ImageId="ami-12c6146b", InstanceType="t3.micro", MinCount=1, MaxCount=1)
    answer = client.describe_instances()
    assert len(set(ids(answer))) == 120
    assert "NextToken" not in answer


def test_pages_count_instances_and_cut_a_reservation_where_they_end(ec2: Any) -> None:
    pages = list(ec2.get_paginator("describe_instances").paginate(PaginationConfig={"PageSize": 5}))
    assert [[len(r["Instances"]) for r in page["Reservations"]] for page in pages] == [[1, 4], [3, 2], [2]]
    assert [each for page in pages for each in ids(page)] == ids(ec2.describe_instances())


def test_a_page_after_the_last_instance_is_empty_and_the_last_one_names_none(ec2: Any) -> None:
    last = ec2.describe_instances(MaxResults=12)
    assert len(ids(last)) == 12
    assert "NextToken" not in last
    assert ids(ec2.describe_instances(MaxResults=5, NextToken="12")) == []


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"MaxResults": 4}, "InvalidParameterValue"),
        ({"NextToken": "elsewhere"}, "InvalidNextToken"),
    ],
)
def test_pages_that_are_too_small_and_tokens_of_elsewhere_are_refused(ec2: Any, asked: Any, code: str) -> None:
    with pytest.raises(ClientError, match=rf"\({code}\)"):
        ec2.describe_instances(**asked)


def test_pages_of_named_instances_are_refused(ec2: Any) -> None:
    with pytest.raises(ClientError, match="instancesSet cannot be used with the parameter maxResults"):
        ec2.describe_instances(MaxResults=5, InstanceIds=ids(ec2.describe_instances())[:1])
