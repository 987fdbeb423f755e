"""moto 5.2.x as the emulator replaces or relies on it: an upgrade that changes one of these must fail here, loudly.

One test for each symbol that is patched: its signature and, where it matters, the behaviour that makes the patch
needed.
"""

import importlib
import inspect
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

PATCHED = {
    "moto.core.utils:utcnow": (),
    "moto.backends:list_of_moto_modules": (),
    "moto.ec2.models.instances:Instance.start": ("self",),
    "moto.ec2.models.instances:Instance.stop": ("self",),
    "moto.ec2.models.instances:Instance.terminate": ("self",),
    "moto.ec2.models.instances:Instance.reboot": ("self",),
    "moto.ec2.models.instances:InstanceBackend.start_instances": ("self", "instance_ids"),
    "moto.ec2.models.instances:InstanceBackend.stop_instances": ("self", "instance_ids"),
    "moto.ec2.models.instances:InstanceBackend.terminate_instances": ("self", "instance_ids"),
    "moto.ec2.models.instances:InstanceBackend.reboot_instances": ("self", "instance_ids"),
    "moto.ec2.models.instances:InstanceBackend.run_instances": (
        *("self", "image_id", "count", "user_data", "security_group_names", "kwargs"),
    ),
    "moto.elbv2.models:FakeTargetGroup.register": ("self", "targets"),
    "moto.elbv2.models:FakeTargetGroup.deregister": ("self", "targets"),
    "moto.elbv2.models:FakeTargetGroup.deregister_terminated_instances": ("self", "instance_ids"),
    "moto.elbv2.models:FakeLoadBalancer.activate": ("self",),
    "moto.elbv2.models:ELBv2Backend.describe_target_health": ("self", "target_group_arn", "targets"),
    "moto.elbv2.models:ELBv2Backend.delete_load_balancer": ("self", "arn"),
    "moto.elbv2.models:ELBv2Backend.describe_load_balancers": ("self", "arns", "names"),
    "moto.elbv2.models:ELBv2Backend.set_subnets": ("self", "arn", "subnets", "subnet_mappings"),
    "moto.elbv2.models:ELBv2Backend.create_load_balancer": (
        *("self", "name", "security_groups", "subnet_ids", "subnet_mappings", "scheme", "loadbalancer_type"),
        *("ip_address_type", "tags"),
    ),
    "moto.elbv2.models:ELBv2Backend.create_listener": (
        *("self", "load_balancer_arn", "protocol", "port", "ssl_policy", "certificate", "actions", "alpn_policy"),
        "tags",
    ),
    "moto.elbv2.models:ELBv2Backend.modify_listener": (
        *("self", "arn", "port", "protocol", "ssl_policy", "certificates", "actions"),
    ),
    "moto.elbv2.models:ELBv2Backend.describe_target_groups": (
        "self",
        "load_balancer_arn",
        "target_group_arns",
        "names",
    ),
    "moto.elbv2.models:ELBv2Backend.create_target_group": ("self", "name", "kwargs"),
    "moto.elbv2.models:ELBv2Backend.modify_target_group": (
        *("self", "arn", "health_check_proto", "health_check_port", "health_check_path", "health_check_interval"),
        *("health_check_timeout", "healthy_threshold_count", "unhealthy_threshold_count", "http_codes"),
        "health_check_enabled",
    ),
    "moto.elbv2.models:ELBv2Backend.modify_target_group_attributes": ("self", "target_group_arn", "attributes"),
    "moto.elbv2.models:ELBv2Backend.modify_load_balancer_attributes": ("self", "arn", "attrs"),
    "moto.elbv2.models:ELBv2Backend.set_security_groups": ("self", "arn", "sec_groups"),
    "moto.elbv2.models:ELBv2Backend.describe_listeners": ("self", "load_balancer_arn", "listener_arns"),
    "moto.elbv2.models:ELBv2Backend.modify_listener_attributes": ("self", "listener_arn", "attrs"),
    "moto.elbv2.models:ELBv2Backend.add_tags": ("self", "resource_arns", "tags"),
    "moto.elbv2.models:ELBv2Backend.remove_tags": ("self", "resource_arns", "tag_keys"),
    "moto.elbv2.models:ELBv2Backend.describe_tags": ("self", "resource_arns"),
    "moto.elbv2.models:ELBv2Backend._get_resource_by_arn": ("self", "arn"),
    "moto.elbv2.responses:ELBV2Response.describe_load_balancers": ("self",),
    "moto.elbv2.responses:ELBV2Response.describe_rules": ("self",),
    "moto.elbv2.responses:ELBV2Response.modify_load_balancer_attributes": ("self",),
    "moto.elbv2.responses:ELBV2Response.describe_ssl_policies": ("self",),
    "moto.elbv2.models:ELBv2Backend.delete_target_group": ("self", "target_group_arn"),
    "moto.elbv2.models:ELBv2Backend.create_rule": (
        *("self", "listener_arn", "conditions", "priority", "actions", "tags"),
    ),
    "moto.elbv2.models:ELBv2Backend.modify_rule": ("self", "rule_arn", "conditions", "actions"),
    "moto.elbv2.models:ELBv2Backend.delete_rule": ("self", "arn"),
    "moto.elbv2.models:ELBv2Backend.set_rule_priorities": ("self", "rule_priorities"),
    "moto.elbv2.models:ELBv2Backend._validate_conditions": ("self", "conditions"),
    "moto.elbv2.responses:ELBV2Response.create_listener": ("self",),
    "moto.elbv2.responses:ELBV2Response.modify_listener": ("self",),
    "moto.elbv2.responses:ELBV2Response.create_rule": ("self",),
    "moto.elbv2.responses:ELBV2Response.modify_rule": ("self",),
    "moto.elbv2.responses:ELBV2Response.modify_target_group_attributes": ("self",),
    "moto.ec2.models:EC2Backend.delete_security_group": ("self", "name", "group_id"),
    "moto.ec2.models:EC2Backend.delete_subnet": ("self", "subnet_id"),
    "moto.autoscaling.models:FakeAutoScalingGroup.set_desired_capacity": ("self", "new_capacity"),
    "moto.autoscaling.models:InstanceState.launch_template.fget": ("self",),
    "moto.autoscaling.models:AutoScalingBackend.notify_terminate_instances": ("self", "instance_ids"),
    "moto.autoscaling.models:AutoScalingBackend.update_attached_target_groups": ("self", "group_name"),
    "moto.autoscaling.models:AutoScalingBackend.delete_auto_scaling_group": ("self", "group_name"),
    "moto.autoscaling.models:AutoScalingBackend.set_desired_capacity": ("self", "group_name", "desired_capacity"),
    "moto.autoscaling.models:AutoScalingBackend.create_auto_scaling_group": (
        *("self", "name", "availability_zones", "desired_capacity", "max_size", "min_size", "launch_config_name"),
        *("launch_template", "vpc_zone_identifier", "default_cooldown", "health_check_period", "health_check_type"),
        *("load_balancers", "target_group_arns", "placement_group", "termination_policies", "tags"),
        *("capacity_rebalance", "new_instances_protected_from_scale_in", "instance_id", "mixed_instances_policy"),
    ),
    "moto.autoscaling.models:AutoScalingBackend.update_auto_scaling_group": (
        *("self", "name", "availability_zones", "desired_capacity", "max_size", "min_size", "launch_config_name"),
        *("launch_template", "vpc_zone_identifier", "health_check_period", "health_check_type"),
        *("new_instances_protected_from_scale_in", "mixed_instances_policy"),
    ),
    "moto.autoscaling.responses:AutoScalingResponse.set_instance_health": ("self",),
    "moto.autoscaling.responses:AutoScalingResponse.describe_scaling_activities": ("self",),
    "moto.autoscaling.responses:AutoScalingResponse.create_auto_scaling_group": ("self",),
    "moto.autoscaling.responses:AutoScalingResponse.update_auto_scaling_group": ("self",),
    "moto.autoscaling.responses:AutoScalingResponse.delete_auto_scaling_group": ("self",),
    "moto.ssm.models:Command._get_instance_ids_from_targets": ("self",),
    "moto.ssm.models:Command.response_object": ("self",),
    "moto.ssm.models:SimpleSystemManagerBackend.send_command": (
        *("self", "comment", "document_name", "timeout_seconds", "instance_ids", "max_concurrency", "max_errors"),
        *("notification_config", "output_s3_bucket_name", "output_s3_key_prefix", "output_s3_region", "parameters"),
        *("service_role_arn", "targets"),
    ),
    "moto.ssm.responses:SimpleSystemManagerResponse.get_command_invocation": ("self",),
}


@pytest.mark.parametrize("symbol", sorted(PATCHED))
def test_a_replaced_symbol_still_has_the_signature_that_its_replacement_stands_in_for(symbol: str) -> None:
    module, _, path = symbol.partition(":")
    found: Any = importlib.import_module(module)
    for name in path.split("."):
        found = getattr(found, name)
    original: Callable[..., Any] = inspect.unwrap(found)
    assert tuple(inspect.signature(original).parameters) == PATCHED[symbol]


def test_moto_has_no_list_command_invocations_of_its_own() -> None:
    """In its source, for another test of this process may have put the emulator's there."""
    source = inspect.getsource(importlib.import_module("moto.ssm.responses"))
    assert "def list_commands(" in source
    assert "def list_command_invocations(" not in source


def test_utcnow_is_the_only_clock_that_has_to_be_replaced_for_unix_time_to_follow() -> None:
    program = """
import datetime
from blackstart.domain.clock import Anchor
from blackstart.emulator.adapters import moto_time
import time
moto_time.install(Anchor(monotonic_ns=time.monotonic_ns(), epoch_s=5_000_000_000.0, speed=1.0))
from moto.core.utils import iso_8601_datetime_with_milliseconds, unix_time
import moto.autoscaling.models, moto.ec2.models.instances, moto.sqs.models, moto.cloudwatch.models
print(unix_time() // 10, iso_8601_datetime_with_milliseconds()[:7])
import sys
clocks = {n: getattr(m, "utcnow", moto_time.utcnow) for n, m in sys.modules.items() if n.startswith("moto")}
print([name for name, clock in clocks.items() if clock is not moto_time.utcnow])
"""
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert answer.stdout.splitlines() == ["500000000.0 2128-06", "[]"]


@pytest.fixture
def moto() -> Iterator[Callable[[str], Any]]:
    """boto3 clients into an untouched moto."""
    with mock_aws():
        session = boto3.Session("offline", "offline", region_name="us-east-1")
        yield session.client


def first_instance(client: Callable[[str], Any]) -> str:
    instance_id: str = client("ec2").run_instances(ImageId="ami-12c6146b", MinCount=1, MaxCount=1)["Instances"][0][
        "InstanceId"
    ]
    return instance_id


def test_moto_resurrects_a_terminated_instance(moto: Callable[[str], Any]) -> None:
    instance_id = first_instance(moto)
    moto("ec2").terminate_instances(InstanceIds=[instance_id])
    moto("ec2").start_instances(InstanceIds=[instance_id])
    described = moto("ec2").describe_instances(InstanceIds=[instance_id])
    assert described["Reservations"][0]["Instances"][0]["State"]["Name"] == "running"


def group_of_three(moto: Callable[[str], Any]) -> Any:
    template = moto("ec2").create_launch_template(
        LaunchTemplateName="web", LaunchTemplateData={"ImageId": "ami-12c6146b", "InstanceType": "t3.micro"}
    )["LaunchTemplate"]["LaunchTemplateId"]
    moto("autoscaling").create_auto_scaling_group(
        AutoScalingGroupName="web",
        MinSize=0,
        MaxSize=5,
        DesiredCapacity=3,
        LaunchTemplate={"LaunchTemplateId": template},
        AvailabilityZones=["us-east-1a"],
    )
    return moto("autoscaling")


def test_moto_replaces_a_terminated_member_inside_the_call_and_logs_nothing(moto: Callable[[str], Any]) -> None:
    scaling = group_of_three(moto)
    before = scaling.describe_auto_scaling_groups()["AutoScalingGroups"][0]["Instances"]
    moto("ec2").terminate_instances(InstanceIds=[before[0]["InstanceId"]])
    after = scaling.describe_auto_scaling_groups()["AutoScalingGroups"][0]["Instances"]
    assert [member["LifecycleState"] for member in after] == ["InService"] * 3
    assert scaling.describe_scaling_activities()["Activities"] == []


def test_moto_calls_every_registered_target_healthy(moto: Callable[[str], Any]) -> None:
    elb, instance_id = moto("elbv2"), first_instance(moto)
    vpc = moto("ec2").describe_vpcs()["Vpcs"][0]["VpcId"]
    arn = elb.create_target_group(Name="web", Protocol="HTTP", Port=80, VpcId=vpc)["TargetGroups"][0]["TargetGroupArn"]
    elb.register_targets(TargetGroupArn=arn, Targets=[{"Id": instance_id, "Port": 80}, {"Id": instance_id, "Port": 81}])
    described = elb.describe_target_health(TargetGroupArn=arn)["TargetHealthDescriptions"]
    assert [(d["Target"]["Port"], d["TargetHealth"]["State"]) for d in described] == [(81, "healthy")]


def test_moto_remembers_every_load_balancer_that_ever_used_a_target_group(moto: Callable[[str], Any]) -> None:
    elb, arn = moto("elbv2"), listener_and_group(moto)[1]
    balancer = elb.describe_load_balancers()["LoadBalancers"][0]["LoadBalancerArn"]
    elb.delete_load_balancer(LoadBalancerArn=balancer)
    assert elb.describe_target_groups(TargetGroupArns=[arn])["TargetGroups"][0]["LoadBalancerArns"] == [balancer]


def test_moto_drops_a_rules_transforms_and_cannot_read_regular_expressions(moto: Callable[[str], Any]) -> None:
    elb, (listener, group) = moto("elbv2"), listener_and_group(moto)
    rewrite = {"Type": "url-rewrite", "UrlRewriteConfig": {"Rewrites": [{"Regex": "a", "Replace": "b"}]}}
    wanted = {"ListenerArn": listener, "Priority": 1, "Actions": [{"Type": "forward", "TargetGroupArn": group}]}
    plain = [{"Field": "path-pattern", "Values": ["/a"]}]
    assert "Transforms" not in elb.create_rule(**wanted, Conditions=plain, Transforms=[rewrite])["Rules"][0]
    with pytest.raises(ClientError, match="A condition value must be specified"):
        elb.create_rule(**{**wanted, "Priority": 2}, Conditions=[{"Field": "path-pattern", "RegexValues": ["/a"]}])


def test_moto_refuses_the_longest_deregistration_delay_and_takes_unknown_attributes(moto: Callable[[str], Any]) -> None:
    elb, arn = moto("elbv2"), listener_and_group(moto)[1]

    def put(key: str, value: str) -> Any:
        return elb.modify_target_group_attributes(TargetGroupArn=arn, Attributes=[{"Key": key, "Value": value}])

    with pytest.raises(ClientError, match="must be between '0-3600' inclusive"):
        put("deregistration_delay.timeout_seconds", "3600")
    assert put("no.such.attribute", "x")["Attributes"] == [{"Key": "no.such.attribute", "Value": "x"}]


def listener_and_group(moto: Callable[[str], Any]) -> tuple[str, str]:
    """The ARNs of an HTTP listener and of the target group that it forwards to."""
    ec2, elb = moto("ec2"), moto("elbv2")
    vpc = ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
    subnets = [subnet["SubnetId"] for subnet in ec2.describe_subnets()["Subnets"]][:2]
    balancer = elb.create_load_balancer(Name="web", Subnets=subnets)["LoadBalancers"][0]["LoadBalancerArn"]
    group = elb.create_target_group(Name="web", Protocol="HTTP", Port=80, VpcId=vpc)["TargetGroups"][0]
    actions = [{"Type": "forward", "TargetGroupArn": group["TargetGroupArn"]}]
    made = elb.create_listener(LoadBalancerArn=balancer, Protocol="HTTP", Port=80, DefaultActions=actions)
    return made["Listeners"][0]["ListenerArn"], group["TargetGroupArn"]


def test_moto_says_success_for_a_command_that_nothing_ran(moto: Callable[[str], Any]) -> None:
    instance_id = first_instance(moto)
    ssm = moto("ssm")
    command = ssm.send_command(
        InstanceIds=[instance_id], DocumentName="AWS-RunShellScript", Parameters={"commands": ["false"]}
    )["Command"]["CommandId"]
    assert ssm.get_command_invocation(CommandId=command, InstanceId=instance_id)["Status"] == "Success"


def test_the_attributes_that_the_controllers_read_and_write_exist(moto: Callable[[str], Any]) -> None:
    from blackstart.emulator.adapters import moto_backends

    group_of_three(moto)
    group = next(iter(moto_backends.existing("autoscaling"))).autoscaling_groups["web"]
    for name in (
        *("arn", "availability_zones", "desired_capacity", "health_check_grace_period", "health_check_type"),
        *("instance_states", "launch_template_version", "max_size", "min_size", "suspended_processes"),
        *("target_group_arns", "vpc_zone_identifier", "warm_pool", "mixed_instances_policy", "load_balancer_names"),
    ):
        assert hasattr(group, name), name
    state = group.instance_states[0]
    assert (state.lifecycle_state, state.health_status) == ("InService", "Healthy")
    assert (state.instance._state.name, state.instance._state.code) == ("running", 16)
