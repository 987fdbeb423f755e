"""How many instances are launched, where there is room for fewer, and with which words EC2 refuses the rest."""

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError
from rig import Rig

from blackstart.domain.errors import UsageError
from blackstart.emulator.decisions.ec2_capacity import Pool, excess, parsed, room
from blackstart.emulator.decisions.launch_request import TooFew, count
from blackstart.emulator.main import capacity_from

IMAGE = "ami-12c6146b"
A, B = "us-east-1a", "us-east-1b"


@pytest.fixture
def rig() -> Iterator[Rig]:
    made = Rig()
    yield made
    made.close()


def run(rig: Rig, least: int, most: int, kind: str = "t3.micro", **wanted: Any) -> list[Any]:
    answer = rig.client("ec2").run_instances(ImageId=IMAGE, InstanceType=kind, MinCount=least, MaxCount=most, **wanted)
    return list(answer["Instances"])


def in_zone(zone: str) -> dict[str, Any]:
    return {"Placement": {"AvailabilityZone": zone}}


def refused(rig: Rig, *args: Any, **wanted: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as error:
        run(rig, *args, **wanted)
    told = error.value.response["Error"]
    return told["Code"], told["Message"]


def running(rig: Rig) -> int:
    answer = rig.client("ec2").describe_instances()
    return sum(len(reservation["Instances"]) for reservation in answer["Reservations"])


def test_as_many_as_asked_for_are_launched_where_nothing_is_limited(rig: Rig) -> None:
    assert len(run(rig, 1, 5)) == 5


def test_of_a_range_as_many_are_launched_as_there_is_room_for(rig: Rig) -> None:
    rig.controllers.capacity.change({Pool(A): 3})
    assert len(run(rig, 1, 5, **in_zone(A))) == 3


def test_nothing_is_launched_where_the_minimum_does_not_fit(rig: Rig) -> None:
    rig.controllers.capacity.change({Pool(A): 3, Pool(B): 0})
    assert refused(rig, 4, 5, **in_zone(A)) == (
        "InsufficientInstanceCapacity",
        "We currently do not have sufficient t3.micro capacity in the Availability Zone you requested (us-east-1a). "
        "Our system will be working on provisioning additional capacity. You can currently get t3.micro capacity by "
        "not specifying an Availability Zone in your request or choosing us-east-1c, us-east-1d, us-east-1f.",
    )
    assert running(rig) == 0


def test_a_limit_of_one_type_leaves_the_others_alone(rig: Rig) -> None:
    rig.controllers.capacity.change({Pool(A, "m5.large"): 1})
    assert len(run(rig, 1, 3, "m5.large", **in_zone(A))) == 1
    assert refused(rig, 1, 1, "m5.large", **in_zone(A))[0] == "InsufficientInstanceCapacity"
    assert len(run(rig, 3, 3, "t3.micro", **in_zone(A))) == 3


def test_without_a_zone_ec2_takes_one_that_has_room(rig: Rig) -> None:
    rig.controllers.capacity.change({Pool(A): 0})
    assert run(rig, 1, 1)[0]["Placement"]["AvailabilityZone"] == B


def test_there_is_no_spot_capacity_in_other_words(rig: Rig) -> None:
    rig.controllers.capacity.change({Pool(A): 0})
    assert refused(rig, 1, 1, **in_zone(A), InstanceMarketOptions={"MarketType": "spot"}) == (
        "InsufficientInstanceCapacity",
        "There is no Spot capacity available that matches your request.",
    )


def test_what_is_stopped_or_gone_takes_up_no_room_and_may_find_its_place_taken(rig: Rig) -> None:
    ec2 = rig.client("ec2")
    rig.controllers.capacity.change({Pool(A): 2})
    first, second = (each["InstanceId"] for each in run(rig, 2, 2, **in_zone(A)))
    rig.run(20)
    ec2.stop_instances(InstanceIds=[first])
    assert refused(rig, 1, 1, **in_zone(A))[0] == "InsufficientInstanceCapacity"
    rig.run(25)
    run(rig, 1, 1, **in_zone(A))
    with pytest.raises(ClientError) as error:
        ec2.start_instances(InstanceIds=[first])
    assert error.value.response["Error"] == {
        "Code": "InsufficientInstanceCapacity",
        "Message": "Insufficient capacity.",
    }
    ec2.terminate_instances(InstanceIds=[second])
    rig.run(25)
    ec2.start_instances(InstanceIds=[first])


@pytest.mark.parametrize(("least", "most"), [(0, 1), (1, 0), (3, 2)])
def test_counts_that_make_no_sense_are_refused(rig: Rig, least: int, most: int) -> None:
    assert refused(rig, least, most)[0] == "InvalidParameterValue"


def test_the_same_client_token_launches_once_and_another_request_under_it_is_refused(rig: Rig) -> None:
    first, again = run(rig, 1, 1, ClientToken="once"), run(rig, 1, 1, ClientToken="once")
    assert [each["InstanceId"] for each in again] == [each["InstanceId"] for each in first]
    assert refused(rig, 1, 1, "t3.small", ClientToken="once") == (
        "IdempotentParameterMismatch",
        "Arguments on this idempotent request are inconsistent with arguments used in previous request(s).",
    )
    assert running(rig) == 1


def test_a_setting_names_a_zone_or_a_type_in_it() -> None:
    assert parsed("us-east-1a=6") == (Pool("us-east-1a"), 6)
    assert parsed("us-gov-west-1b/m7g.16xlarge=0") == (Pool("us-gov-west-1b", "m7g.16xlarge"), 0)
    for wrong in ("us-east-1=6", "us-east-1a", "us-east-1a=-1", "us-east-1a/large=2", "=3"):
        with pytest.raises(ValueError, match="is not ZONE=COUNT"):
            parsed(wrong)


def test_room_is_what_the_tightest_limit_leaves() -> None:
    limits = {Pool(A): 5, Pool(A, "m5.large"): 4}
    assert room(limits, {(A, "t3.micro"): 3}, A, "m5.large") == 2
    assert room(limits, {(A, "m5.large"): 3}, A, "m5.large") == 1
    assert room(limits, {(A, "t3.micro"): 9}, A, "t3.micro") == 0
    assert room(limits, {}, B, "m5.large") is None
    assert excess(limits, {(A, "m5.large"): 6}) == {Pool(A): 1, Pool(A, "m5.large"): 2}


def test_the_tightest_limit_is_the_one_that_is_told() -> None:
    some, none = TooFew(2, "some", ""), TooFew(0, "none", "")
    assert count(1, 4, []) == 4
    assert count(1, 4, [some]) == 2
    assert count(1, 4, [some, none]) == none


def test_a_type_that_a_zone_does_not_offer_is_refused_there(rig: Rig) -> None:
    assert refused(rig, 1, 1, "t3.micro", **in_zone("us-east-1e")) == (
        "Unsupported",
        "Your requested instance type (t3.micro) is not supported in your requested Availability Zone (us-east-1e). "
        "Please retry your request by not specifying an Availability Zone or choosing us-east-1a, us-east-1b, "
        "us-east-1c, us-east-1d, us-east-1f.",
    )


def test_an_unknown_type_is_refused_where_types_are_checked(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("moto.settings.EC2_ENABLE_INSTANCE_TYPE_VALIDATION", True)
    assert refused(rig, 1, 1, "t3.gigantic") == (
        "InvalidParameterValue",
        "Invalid value 't3.gigantic' for InstanceType.",
    )


def test_a_wrong_setting_on_the_command_line_is_explained() -> None:
    assert capacity_from(["us-east-1a=6"]) == {Pool("us-east-1a"): 6}
    with pytest.raises(UsageError, match="--capacity 'us-east-1a' is not ZONE=COUNT"):
        capacity_from(["us-east-1a"])
