"""moto's EC2, EventBridge and FIS as the emulator replaces or relies on them: what an upgrade changes fails here."""

import importlib
import inspect
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

PATCHED = {
    "moto.ec2.responses.instances:InstanceResponse.run_instances": ("self",),
    "moto.ec2.responses.instances:InstanceResponse.modify_instance_attribute": ("self",),
    "moto.ec2.responses.instances:InstanceResponse.start_instances": ("self",),
    "moto.ec2.responses.instances:InstanceResponse.stop_instances": ("self",),
    "moto.ec2.responses.instances:InstanceResponse.terminate_instances": ("self",),
    "moto.ec2.responses.instances:InstanceResponse.describe_instance_status": ("self",),
    "moto.ec2.responses.instances:InstanceResponse.describe_instance_credit_specifications": ("self",),
    "moto.ec2.models.instances:Instance.instance_status.fget": ("self",),
    "moto.ec2.models.instances:Instance.system_status.fget": ("self",),
    "moto.ec2.models.instances:InstanceBackend.describe_instance_status": (
        *("self", "instance_ids", "include_all_instances", "filters"),
    ),
    "moto.ec2.exceptions:InvalidInstanceIdError.__init__": ("self", "instance_id"),
    "moto.ec2.models.launch_templates:LaunchTemplateBackend.delete_launch_template": ("self", "name", "tid"),
    "moto.ec2.models.launch_templates:LaunchTemplate.get_version": ("self", "num"),
    "moto.ec2.responses.launch_templates:LaunchTemplates.create_launch_template_version": ("self",),
    "moto.events.models:Rule.send_to_targets": ("self", "original_event", "transform_input"),
    "moto.fis.models:FISBackend.start_experiment": (
        *("self", "client_token", "experiment_template_id", "experiment_options", "tags"),
    ),
}


@pytest.mark.parametrize("symbol", sorted(PATCHED))
def test_a_replaced_symbol_still_has_the_signature_that_its_replacement_stands_in_for(symbol: str) -> None:
    module, _, path = symbol.partition(":")
    found: Any = importlib.import_module(module)
    for name in path.split("."):
        found = getattr(found, name)
    original: Callable[..., Any] = inspect.unwrap(found)
    assert tuple(inspect.signature(original).parameters) == PATCHED[symbol]


@pytest.fixture
def moto() -> Iterator[Callable[[str], Any]]:
    """boto3 clients into an untouched moto."""
    with mock_aws():
        session = boto3.Session("offline", "offline", region_name="us-east-1")
        yield session.client


def test_moto_launches_the_minimum_and_drops_protection(moto: Callable[[str], Any]) -> None:
    ec2 = moto("ec2")
    made = ec2.run_instances(ImageId="ami-12c6146b", MinCount=1, MaxCount=3, DisableApiTermination=True)["Instances"]
    assert len(made) == 1
    attribute = ec2.describe_instance_attribute(InstanceId=made[0]["InstanceId"], Attribute="disableApiTermination")
    assert attribute["DisableApiTermination"]["Value"] is False


def test_moto_ignores_most_of_a_launch_template(moto: Callable[[str], Any]) -> None:
    ec2 = moto("ec2")
    data = {"ImageId": "ami-12c6146b", "InstanceType": "t3.micro", "Monitoring": {"Enabled": True}}
    template = ec2.create_launch_template(LaunchTemplateName="web", LaunchTemplateData=data)["LaunchTemplate"]
    version = ec2.create_launch_template_version(
        LaunchTemplateName="web", SourceVersion="1", LaunchTemplateData={"KeyName": "key"}
    )["LaunchTemplateVersion"]
    assert version["LaunchTemplateData"] == {"KeyName": "key"}
    reference = {"LaunchTemplateId": template["LaunchTemplateId"], "Version": "1"}
    (instance,) = ec2.run_instances(MinCount=1, MaxCount=1, LaunchTemplate=reference)["Instances"]
    assert instance["Monitoring"]["State"] == "disabled"


def test_moto_calls_every_running_instance_sound(moto: Callable[[str], Any]) -> None:
    ec2 = moto("ec2")
    ec2.run_instances(ImageId="ami-12c6146b", MinCount=1, MaxCount=1)
    (status,) = ec2.describe_instance_status()["InstanceStatuses"]
    assert (status["InstanceStatus"]["Status"], status["SystemStatus"]["Status"]) == ("ok", "ok")


def test_moto_keeps_the_addresses_of_the_terminated_and_fails_without_words_when_a_subnet_is_full(
    moto: Callable[[str], Any],
) -> None:
    ec2 = moto("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.0.0/28")["Subnet"]["SubnetId"]
    wanted = {"ImageId": "ami-12c6146b", "SubnetId": subnet, "MaxCount": 11}
    made = ec2.run_instances(**wanted, MinCount=11)["Instances"]
    ec2.terminate_instances(InstanceIds=[instance["InstanceId"] for instance in made])
    with pytest.raises((StopIteration, RuntimeError, ClientError)):
        ec2.run_instances(**wanted, MinCount=1)


def test_moto_fails_the_whole_call_on_a_target_that_it_does_not_know(moto: Callable[[str], Any]) -> None:
    events = moto("events")
    topic = moto("sns").create_topic(Name="topic")["TopicArn"]
    events.put_rule(Name="rule", EventPattern='{"source": ["ours"]}')
    events.put_targets(Rule="rule", Targets=[{"Id": "1", "Arn": topic}])
    with pytest.raises((NotImplementedError, ClientError)):
        events.put_events(Entries=[{"Source": "ours", "DetailType": "A", "Detail": "{}"}])


def test_moto_runs_no_action_of_an_experiment(moto: Callable[[str], Any]) -> None:
    source = inspect.getsource(importlib.import_module("moto.fis.models"))
    assert "run_instances" not in source
    assert "backends[" not in source
    assert moto("fis").list_experiments()["experiments"] == []


def test_the_attributes_of_an_instance_that_the_emulator_reads_and_writes_exist(moto: Callable[[str], Any]) -> None:
    from blackstart.emulator.adapters import moto_backends

    moto("ec2").run_instances(ImageId="ami-12c6146b", MinCount=1, MaxCount=1)
    backend = next(each for each in moto_backends.existing("ec2") if each.reservations)
    ((instance,),) = (reservation.instances for reservation in backend.reservations.values())
    for name in (
        *("ec2_backend", "_private_ips", "_reason", "state_reason", "launch_time", "nics", "placement", "lifecycle"),
        *("monitored", "user_data", "subnet_id", "image_id", "instance_type", "disable_api_stop"),
        *("disable_api_termination", "security_groups", "private_ip"),
    ):
        assert hasattr(instance, name), name
    (subnet,) = (each for each in backend.get_default_subnets().values() if each.id == instance.subnet_id)
    assert instance.private_ip not in subnet._subnet_ips, "moto draws an address where no subnet is named"
    assert isinstance(backend.tags, dict)
