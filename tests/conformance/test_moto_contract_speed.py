"""moto as what makes it fast relies on it: each replaced symbol, and the same answers with and without us."""

import importlib
import inspect
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from blackstart.emulator.adapters import moto_answers, moto_lookups
from blackstart.emulator.adapters.patches import Patches

PATCHED = {
    "moto.core.serialize:AttributePicker.__call__": ("self", "context"),
    "moto.core.serialize:ResponseSerializer._serialize_result": ("self", "resp", "result"),
    "moto.core.responses:BaseResponse._enrich_response": ("headers", "body"),
    "moto.core.responses:method_names_from_class": ("clazz",),
    "moto.ec2.models.instances:InstanceBackend.get_instance": ("self", "instance_id"),
    "moto.ec2.models.instances:InstanceBackend.get_instance_by_id": ("self", "instance_id"),
    "moto.ec2.models.instances:InstanceBackend.get_multi_instances_by_id": ("self", "instance_ids", "filters"),
    "moto.ec2.models.instances:InstanceBackend.all_instances": ("self", "filters"),
    "moto.ec2.models.instances:InstanceBackend.all_running_instances": ("self", "filters"),
    "moto.ec2.models.instances:InstanceBackend.all_reservations": ("self", "filters"),
    "moto.ec2.models.instances:InstanceBackend.get_reservations_by_instance_ids": (
        *("self", "instance_ids", "filters"),
    ),
    "moto.ec2.models.core:TaggedEC2Resource.get_tags": ("self",),
    "moto.ec2.models.amis:AmiBackend.describe_images": ("self", "ami_ids", "filters", "exec_users", "owners"),
    "moto.ec2.models.instance_types:InstanceTypeOfferingBackend.matches_filters": (
        *("self", "offering", "filters", "location_type"),
    ),
    "moto.ec2.utils:simple_aws_filter_to_re": ("filter_string",),
}


@pytest.mark.parametrize("symbol", sorted(PATCHED))
def test_a_symbol_that_is_replaced_for_speed_has_the_parameters_that_it_had(symbol: str) -> None:
    module, _, path = symbol.partition(":")
    found: Any = importlib.import_module(module)
    for part in path.split("."):
        found = getattr(found, part)
    assert tuple(inspect.signature(found).parameters) == PATCHED[symbol]


def test_moto_looks_for_a_member_by_the_names_that_depend_on_its_class_and_shape_alone() -> None:
    from moto.core import serialize

    assert [provider.__name__ for provider in serialize.DEFAULT_ALIAS_PROVIDERS] == [
        *("ExplicitAlias", "ShapeNameAlias", "NoAlias", "ShapePrefixAlias", "ClassPrefixAlias", "ModelAlias"),
    ]
    assert {"QuerySerializer", "EC2Serializer"} <= set(vars(serialize))


# --- the same answers


Api = Callable[[str], Any]
Answer = Callable[[Api], Any]


def populate(api: Api) -> dict[str, Any]:
    """Instances with all that describe_instances shows, in several states and reservations."""
    ec2 = api("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.1.0/24", AvailabilityZone="us-east-1a")["Subnet"]["SubnetId"]
    groups = [
        ec2.create_security_group(GroupName=name, Description=f"<{name}> & co", VpcId=vpc)["GroupId"]
        for name in ("web", "db")
    ]
    image = ec2.describe_images(Owners=["amazon"])["Images"][0]["ImageId"]
    profile = api("iam").create_instance_profile(InstanceProfileName="web")["InstanceProfile"]["Arn"]
    tagged = [{"ResourceType": "instance", "Tags": [{"Key": "Name", "Value": "a <b> & 'c' \"d\" é"}]}]
    common = {"ImageId": image, "InstanceType": "t3.micro"}
    ids: list[str] = []
    for arguments in (
        {"SubnetId": subnet, "SecurityGroupIds": groups, "TagSpecifications": tagged, "MinCount": 3, "MaxCount": 3},
        {"MinCount": 1, "MaxCount": 1, "KeyName": "key", "Monitoring": {"Enabled": True}, "EbsOptimized": True},
        {
            "BlockDeviceMappings": [
                {"DeviceName": "/dev/sda1", "Ebs": {"VolumeSize": 9, "VolumeType": "gp3", "Encrypted": True}}
            ],
            **{"MinCount": 1, "MaxCount": 1, "IamInstanceProfile": {"Arn": profile}},
        },
        {
            "NetworkInterfaces": [
                {"DeviceIndex": 0, "SubnetId": subnet, "Groups": groups[:1], "AssociatePublicIpAddress": True}
            ],
            **{"MinCount": 2, "MaxCount": 2, "MetadataOptions": {"HttpTokens": "required"}},
        },
    ):
        ids += [one["InstanceId"] for one in ec2.run_instances(**common, **arguments)["Instances"]]
    ec2.request_spot_instances(InstanceCount=1, LaunchSpecification=common)
    address = ec2.allocate_address(Domain="vpc")["AllocationId"]
    ec2.associate_address(AllocationId=address, InstanceId=ids[0])
    ec2.create_tags(Resources=[ids[1], subnet], Tags=[{"Key": "tier", "Value": "web-1"}, {"Key": "empty", "Value": ""}])
    ec2.stop_instances(InstanceIds=[ids[2]])
    ec2.terminate_instances(InstanceIds=[ids[3]])
    return {"ids": ids, "subnet": subnet, "image": image, "vpc": vpc, "groups": groups}


@pytest.fixture(scope="module")
def world() -> Iterator[tuple[Api, dict[str, Any]]]:
    with mock_aws():
        session = boto3.Session("offline", "offline", region_name="us-east-1")
        made: dict[str, Any] = {}

        def api(service: str) -> Any:
            return made.setdefault(service, session.client(service))

        yield api, populate(api)


def both_ways(api: Api, call: Answer) -> tuple[Any, Any]:
    """The answer, or the error, of moto as it is and of moto with what makes it fast."""

    def answered() -> Any:
        try:
            answer = call(api)
        except ClientError as error:
            return error.response["Error"]
        answer.pop("ResponseMetadata", None)
        return answer

    plain = answered()
    patches = Patches()
    moto_answers.install(patches)
    moto_lookups.install(patches)
    try:
        return plain, answered()
    finally:
        patches.restore()


def filters(**values: list[str]) -> list[dict[str, Any]]:
    return [{"Name": name.replace("_", "-"), "Values": value} for name, value in values.items()]


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"InstanceIds": [0, 2]},
        {"InstanceIds": [5, 0, 1]},
        {"InstanceIds": ["i-0123456789abcdef0"]},
        {"MaxResults": 5},
        {"MaxResults": 5, "InstanceIds": [0]},
        {"Filters": filters(instance_state_name=["running", "stopped"])},
        {"Filters": [{"Name": "tag:Name", "Values": ["a *"]}]},
        {"Filters": [{"Name": "tag:tier", "Values": ["web-?", "db"]}, {"Name": "tag-key", "Values": ["empty"]}]},
        {"Filters": filters(instance_type=["t3.large"])},
        {"Filters": filters(tag_key=["tier"]), "InstanceIds": [1, 2]},
        {"Filters": filters(no_such_filter=["x"])},
    ],
    ids=str,
)
def test_describe_instances_answers_the_same(world: tuple[Api, dict[str, Any]], arguments: dict[str, Any]) -> None:
    api, made = world
    if "InstanceIds" in arguments:
        named = [made["ids"][one] if isinstance(one, int) else one for one in arguments["InstanceIds"]]
        arguments = {**arguments, "InstanceIds": named}

    def call(api: Api) -> Any:
        try:
            return api("ec2").describe_instances(**arguments)
        except NotImplementedError as error:
            return {"refused": str(error)}

    plain, ours = both_ways(api, call)
    assert plain == ours
    assert plain


def test_pages_of_instances_are_the_same_and_make_up_the_whole(world: tuple[Api, dict[str, Any]]) -> None:
    api, _ = world

    def call(api: Api) -> Any:
        pages = api("ec2").get_paginator("describe_instances").paginate(PaginationConfig={"PageSize": 5})
        found = [[one["ReservationId"] for one in page["Reservations"]] for page in pages]
        return {"pages": found, "ResponseMetadata": None}

    plain, ours = both_ways(api, call)
    assert plain == ours
    assert sum(map(len, ours["pages"])) == len({one for page in ours["pages"] for one in page}) >= 5


@pytest.mark.parametrize(
    ("service", "method", "arguments"),
    [
        ("ec2", "describe_instance_status", {}),
        ("ec2", "describe_instance_status", {"IncludeAllInstances": True}),
        ("ec2", "describe_tags", {}),
        ("ec2", "describe_tags", {"Filters": [{"Name": "key", "Values": ["ti*"]}]}),
        ("ec2", "describe_subnets", {}),
        ("ec2", "describe_security_groups", {}),
        ("ec2", "describe_network_interfaces", {}),
        ("ec2", "describe_volumes", {}),
        ("ec2", "describe_vpcs", {}),
        ("ec2", "describe_route_tables", {}),
        ("ec2", "describe_addresses", {}),
        ("ec2", "describe_images", {"Owners": ["amazon"]}),
        ("ec2", "describe_iam_instance_profile_associations", {}),
        ("ec2", "describe_spot_instance_requests", {}),
        ("ec2", "describe_instance_type_offerings", {"Filters": filters(instance_type=["t3.micro"])}),
        ("ec2", "describe_availability_zones", {}),
        ("ec2", "describe_vpc_attribute", {"Attribute": "enableDnsSupport"}),
        ("iam", "list_instance_profiles", {}),
        ("iam", "get_instance_profile", {"InstanceProfileName": "nobody's"}),
        ("sts", "get_caller_identity", {}),
        ("sns", "list_topics", {}),
        ("elbv2", "describe_load_balancers", {}),
        ("autoscaling", "describe_auto_scaling_groups", {}),
        ("cloudwatch", "describe_alarms", {}),
        ("ssm", "describe_parameters", {}),
        ("logs", "describe_log_groups", {}),
    ],
    ids=str,
)
def test_other_calls_answer_the_same(
    world: tuple[Api, dict[str, Any]], service: str, method: str, arguments: dict[str, Any]
) -> None:
    api, made = world
    if method == "describe_vpc_attribute":
        arguments = {**arguments, "VpcId": made["vpc"]}
    plain, ours = both_ways(api, lambda api: getattr(api(service), method)(**arguments))
    assert plain == ours


def test_the_text_of_an_answer_is_the_same_to_the_byte_but_for_its_request_id() -> None:
    """Over every operation of these services' models, with values of all types made up for it."""
    from moto.core.serialize import EC2Serializer, QuerySerializer, XFormedAttributePicker
    from moto.core.utils import get_service_model

    compared = 0
    for service, serializer in (
        *(("ec2", EC2Serializer), ("autoscaling", QuerySerializer), ("elbv2", QuerySerializer)),
        *(("iam", QuerySerializer), ("sns", QuerySerializer), ("cloudformation", QuerySerializer)),
    ):
        model = get_service_model(service)
        for name in model.operation_names:
            operation = model.operation_model(name)
            for depth in (0, 1, 5):
                result = made_up(operation.output_shape, depth) if operation.output_shape else None

                def written(serializer: Any = serializer, operation: Any = operation, result: Any = result) -> Any:
                    picker = XFormedAttributePicker(response_transformers={"Tags": lambda value: value or None})
                    return serializer(operation_model=operation, value_picker=picker).serialize(result)

                plain = written()
                patches = Patches()
                moto_answers.install(patches)
                try:
                    assert written() == plain
                finally:
                    patches.restore()
                compared += 1
    assert compared > 3000


def made_up(shape: Any, depth: int, open_shapes: tuple[str, ...] = ()) -> Any:
    """A value of a shape: as empty as can be at depth 0."""
    kind = shape.type_name
    if kind == "structure":
        if not depth or shape.name in open_shapes:
            return {}
        inside = (*open_shapes, shape.name)
        return {name: made_up(member, depth - 1, inside) for name, member in shape.members.items()}
    if kind == "list":
        return [made_up(shape.member, depth - 1, open_shapes) for _ in range(2)] if depth > 0 else []
    if kind == "map":
        return {"k<1>": made_up(shape.value, depth - 1, open_shapes), "k2": None} if depth > 0 else {}
    return {
        "string": 'a<b>&"c" é' if depth else "",
        "boolean": bool(depth % 2),
        "integer": 7,
        "long": 8_000_000_000,
        "float": 0.5,
        "double": 1e-7,
        "blob": b"bytes",
        "timestamp": 1_800_000_000,
    }[kind]


def test_what_the_index_found_is_not_found_once_moto_has_dropped_it(world: tuple[Api, dict[str, Any]]) -> None:
    from moto.backends import get_backend
    from moto.ec2.exceptions import InvalidInstanceIdError

    api, made = world
    launched = api("ec2").run_instances(ImageId=made["image"], InstanceType="t3.micro", MinCount=2, MaxCount=2)
    first, second = (one["InstanceId"] for one in launched["Instances"])
    backend = get_backend("ec2")["123456789012"]["us-east-1"]
    patches = Patches()
    moto_lookups.install(patches)
    try:
        found = backend.get_instance(second)
        reservation = backend.reservations[launched["ReservationId"]]
        reservation.instances.remove(backend.get_instance(first))
        assert backend.get_instance_by_id(first) is None
        assert backend.get_instance(second) is found
        del backend.reservations[launched["ReservationId"]]
        assert backend.get_instance_by_id(second) is None
        with pytest.raises(InvalidInstanceIdError):
            backend.get_multi_instances_by_id([made["ids"][0], second])
        assert backend.get_instance_by_id("i-none") is None
    finally:
        patches.restore()
