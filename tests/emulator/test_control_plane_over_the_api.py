"""EC2, target registration, SSM and the validators, asked through boto3 on moto in this process with a manual clock."""

import base64
from collections.abc import Callable
from typing import Any

import pytest
import web_stack
from botocore.exceptions import ClientError

from blackstart.domain.journal import EmulatorMeasured
from blackstart.domain.target_health import TargetState
from blackstart.emulator.controllers.measurement import OwnFailures
from blackstart.emulator.decisions.host_counts import count_hosts
from blackstart.emulator.protocol import Hello, Lag
from blackstart.emulator.snapshot import Reach


@pytest.fixture
def stack(rig: Any) -> Any:
    made = web_stack.WebStack(rig.client)
    rig.run(60)
    return made


def state(stack: Any, instance_id: str) -> str:
    described = stack.ec2.describe_instances(InstanceIds=[instance_id])
    name: str = described["Reservations"][0]["Instances"][0]["State"]["Name"]
    return name


def target(rig: Any, instance_id: str) -> Any:
    group = rig.snapshots[-1].target_groups[0]
    return next(found for found in group.targets if found.target_id == instance_id)


def reasons(stack: Any) -> dict[str, str]:
    described = stack.elb.describe_target_health(TargetGroupArn=stack.target_group)["TargetHealthDescriptions"]
    return {found["Target"]["Id"]: found["TargetHealth"].get("Reason", "") for found in described}


def lone_instance(rig: Any, stack: Any) -> str:
    image = rig.client("ssm").get_parameter(Name=web_stack.IMAGE_PARAMETER)["Parameter"]["Value"]
    ran = stack.ec2.run_instances(
        ImageId=image, InstanceType="t3.micro", MinCount=1, MaxCount=1, SubnetId=stack.subnets[0]
    )
    instance_id: str = ran["Instances"][0]["InstanceId"]
    return instance_id


def test_an_instance_goes_through_its_states_and_its_service_dies_at_once(rig: Any, stack: Any) -> None:
    instance_id = lone_instance(rig, stack)
    assert state(stack, instance_id) == "pending"
    rig.run(11)
    assert state(stack, instance_id) == "running"
    rig.run(16)
    assert instance_id in rig.services.running
    stack.ec2.stop_instances(InstanceIds=[instance_id])
    assert state(stack, instance_id) == "stopping"
    assert instance_id not in rig.services.running
    rig.run(21)
    assert state(stack, instance_id) == "stopped"
    stack.ec2.start_instances(InstanceIds=[instance_id])
    assert state(stack, instance_id) == "pending"
    rig.run(27)
    assert state(stack, instance_id) == "running"
    assert instance_id in rig.services.running
    stack.ec2.terminate_instances(InstanceIds=[instance_id])
    assert state(stack, instance_id) == "shutting-down"
    assert instance_id not in rig.services.running
    rig.run(21)
    assert state(stack, instance_id) == "terminated"


@pytest.mark.parametrize("call", ["start_instances", "reboot_instances", "stop_instances"])
def test_a_terminated_instance_stays_terminated(rig: Any, stack: Any, call: str) -> None:
    instance_id = lone_instance(rig, stack)
    stack.ec2.terminate_instances(InstanceIds=[instance_id])
    rig.run(30)
    with pytest.raises(ClientError, match="IncorrectInstanceState"):
        getattr(stack.ec2, call)(InstanceIds=[instance_id])
    assert state(stack, instance_id) == "terminated"


def test_a_launch_templates_metadata_options_and_profile_reach_the_instance(rig: Any, stack: Any) -> None:
    rig.client("iam").create_instance_profile(InstanceProfileName="web")
    rig.client("ec2").create_launch_template_version(
        LaunchTemplateId=stack.template,
        LaunchTemplateData={
            "ImageId": rig.client("ssm").get_parameter(Name=web_stack.IMAGE_PARAMETER)["Parameter"]["Value"],
            "InstanceType": "t3.micro",
            "MetadataOptions": {"HttpTokens": "required"},
            "IamInstanceProfile": {"Name": "web"},
        },
    )
    stack.asg.set_desired_capacity(AutoScalingGroupName="web", DesiredCapacity=4)
    rig.tick()
    (new,) = stack.members("Pending")
    described = stack.ec2.describe_instances(InstanceIds=[new])["Reservations"][0]["Instances"][0]
    assert described["MetadataOptions"]["HttpTokens"] == "required"
    assert described["IamInstanceProfile"]["Arn"].endswith("instance-profile/web")
    versions = {m["InstanceId"]: m["LaunchTemplate"]["Version"] for m in stack.group()["Instances"]}
    assert versions[new] == "2"
    assert sorted(versions.values()) == ["1", "1", "1", "2"]


def test_a_dead_process_refuses_and_a_dead_host_is_silent(rig: Any, stack: Any) -> None:
    stack.asg.suspend_processes(AutoScalingGroupName="web", ScalingProcesses=["ReplaceUnhealthy"])
    victim = min(stack.members())
    stack.ec2.stop_instances(InstanceIds=[victim])
    rig.run(2)
    assert (target(rig, victim).reach, target(rig, victim).held) == (Reach.OPEN, None)
    rig.run(4)
    assert target(rig, victim).held is TargetState.UNUSED
    assert reasons(stack)[victim] == "Target.InvalidState"
    rig.run(20)
    assert target(rig, victim).reach is Reach.SILENT


def test_a_target_group_that_no_listener_uses_is_unused(rig: Any, stack: Any) -> None:
    listener = stack.elb.describe_listeners(LoadBalancerArn=stack.balancer)["Listeners"][0]["ListenerArn"]
    stack.elb.delete_listener(ListenerArn=listener)
    assert set(reasons(stack).values()) == {"Target.NotInUse"}


def test_a_target_group_that_only_a_listener_rule_names_is_in_use(rig: Any, stack: Any) -> None:
    listener = stack.elb.describe_listeners(LoadBalancerArn=stack.balancer)["Listeners"][0]["ListenerArn"]
    vpc = stack.elb.describe_target_groups(Names=["web"])["TargetGroups"][0]["VpcId"]
    other = stack.elb.create_target_group(Name="api", Protocol="HTTP", Port=9000, VpcId=vpc)["TargetGroups"][0]
    stack.elb.create_rule(
        ListenerArn=listener,
        Priority=7,
        Conditions=[{"Field": "path-pattern", "Values": ["/api/*"]}],
        Actions=[{"Type": "forward", "TargetGroupArn": other["TargetGroupArn"]}],
    )
    member = min(stack.members())
    stack.elb.register_targets(TargetGroupArn=other["TargetGroupArn"], Targets=[{"Id": member}])
    rig.run(2)
    described = stack.elb.describe_target_health(TargetGroupArn=other["TargetGroupArn"])["TargetHealthDescriptions"]
    assert [target["TargetHealth"]["State"] for target in described] == ["healthy"]
    assert stack.health()[member] == "healthy"
    assert rig.unserved() == ()


def test_a_registration_that_changes_between_two_samples_shows_in_the_minimum(rig: Any, stack: Any) -> None:
    rig.run(120 - rig.now_s % 60 + 2)
    member = [{"Id": min(stack.members())}]
    stack.elb.deregister_targets(TargetGroupArn=stack.target_group, Targets=member)
    rig.run(2)
    stack.elb.register_targets(TargetGroupArn=stack.target_group, Targets=member)
    rig.run(3)
    dimensions = {
        "LoadBalancer": stack.balancer.partition(":loadbalancer/")[2],
        "TargetGroup": stack.target_group.rpartition(":")[2],
    }
    points = rig.client("cloudwatch").get_metric_statistics(
        Namespace="AWS/ApplicationELB",
        MetricName="HealthyHostCount",
        Dimensions=[{"Name": name, "Value": value} for name, value in dimensions.items()],
        StartTime=rig.now_s - rig.now_s % 60,
        EndTime=rig.now_s + 60,
        Period=60,
        Statistics=["Minimum", "Maximum"],
    )["Datapoints"]
    assert [(point["Minimum"], point["Maximum"]) for point in points] == [(2.0, 3.0)]


def test_a_target_outside_the_load_balancers_zones_is_unused(rig: Any, stack: Any) -> None:
    stack.elb.set_subnets(LoadBalancerArn=stack.balancer, Subnets=stack.subnets[:2])
    assert sorted(reasons(stack).values()) == ["", "", "Target.NotInUse"]


def test_a_deregistered_target_drains_for_its_delay_and_then_is_not_registered(rig: Any, stack: Any) -> None:
    victim = min(stack.members())
    stack.elb.deregister_targets(TargetGroupArn=stack.target_group, Targets=[{"Id": victim}])
    assert reasons(stack)[victim] == "Target.DeregistrationInProgress"
    rig.run(29)
    assert stack.health()[victim] == "draining"
    rig.run(2)
    assert victim not in stack.health()
    asked = stack.elb.describe_target_health(TargetGroupArn=stack.target_group, Targets=[{"Id": victim}])
    assert asked["TargetHealthDescriptions"][0]["TargetHealth"]["Reason"] == "Target.NotRegistered"


def test_a_target_registered_again_starts_over(rig: Any, stack: Any) -> None:
    victim = min(stack.members())
    first = target(rig, victim).registration
    stack.elb.deregister_targets(TargetGroupArn=stack.target_group, Targets=[{"Id": victim}])
    stack.elb.register_targets(TargetGroupArn=stack.target_group, Targets=[{"Id": victim}])
    assert reasons(stack)[victim] == "Elb.RegistrationInProgress"
    rig.tick()
    assert target(rig, victim).registration > first
    rig.tick()
    assert stack.health()[victim] == "healthy"


def test_one_instance_can_be_registered_on_two_ports(rig: Any, stack: Any) -> None:
    chosen = min(stack.members())
    stack.elb.register_targets(TargetGroupArn=stack.target_group, Targets=[{"Id": chosen, "Port": 9090}])
    described = stack.elb.describe_target_health(TargetGroupArn=stack.target_group)["TargetHealthDescriptions"]
    assert sorted(d["Target"]["Port"] for d in described if d["Target"]["Id"] == chosen) == [8080, 9090]


def test_an_instance_that_is_not_running_cannot_be_registered(rig: Any, stack: Any) -> None:
    with pytest.raises(ClientError, match="not in a running state"):
        stack.elb.register_targets(TargetGroupArn=stack.target_group, Targets=[{"Id": lone_instance(rig, stack)}])


def test_the_snapshot_has_a_node_in_each_zone_and_the_action_of_each_listener(rig: Any, stack: Any) -> None:
    (balancer,) = rig.snapshots[-1].load_balancers
    assert [node.zone for node in balancer.nodes] == list(web_stack.ZONES)
    assert len({node.address for node in balancer.nodes}) == 3
    assert balancer.listeners[0].port == 80
    assert balancer.listeners[0].action.groups[0].target_group_arn == stack.target_group
    versions = [snapshot.version for snapshot in rig.snapshots]
    assert versions == sorted(set(versions))


def send(rig: Any, line: str, **where: Any) -> tuple[Any, str]:
    ssm = rig.client("ssm")
    command = ssm.send_command(DocumentName="AWS-RunShellScript", Parameters={"commands": [line]}, **where)["Command"]
    return ssm, command["CommandId"]


def test_a_command_is_in_progress_until_the_service_was_reached(rig: Any, stack: Any) -> None:
    victim = min(stack.members())
    ssm, command = send(rig, "systemctl kill -s KILL blackstart-demo", InstanceIds=[victim])
    assert ssm.get_command_invocation(CommandId=command, InstanceId=victim)["Status"] == "InProgress"
    rig.tick()
    assert ssm.get_command_invocation(CommandId=command, InstanceId=victim)["Status"] == "Success"
    assert rig.services.signals == [(victim, 9, "all")]
    again, second = send(rig, "pkill -f python", InstanceIds=[victim])
    rig.tick()
    assert again.get_command_invocation(CommandId=second, InstanceId=victim)["ResponseCode"] == 1


def test_a_command_reaches_the_instances_of_a_tag_and_only_those(rig: Any, stack: Any) -> None:
    lone_instance(rig, stack)
    ssm, command = send(rig, "systemctl restart web", Targets=[{"Key": "tag:blackstart:name", "Values": ["web"]}])
    rig.tick()
    invocations = ssm.list_command_invocations(CommandId=command)["CommandInvocations"]
    assert {invocation["InstanceId"] for invocation in invocations} == stack.members()
    assert {invocation["Status"] for invocation in invocations} == {"Success"}


def test_anything_but_service_control_fails_and_says_why(rig: Any, stack: Any) -> None:
    victim = min(stack.members())
    ssm, command = send(rig, "curl http://example.com | sh", InstanceIds=[victim])
    answer = ssm.get_command_invocation(CommandId=command, InstanceId=victim)
    assert answer["Status"] == "Failed"
    assert "runs no shell" in answer["StandardErrorContent"]
    assert rig.services.signals == []


def instance_with_units(rig: Any, stack: Any, through_template: bool) -> str:
    """An instance whose user data installs web.service."""
    user_data = "cat > /etc/systemd/system/web.service\nsystemctl enable --now web.service\n"
    image = rig.client("ssm").get_parameter(Name=web_stack.IMAGE_PARAMETER)["Parameter"]["Value"]
    launch: dict[str, Any] = {"MinCount": 1, "MaxCount": 1, "SubnetId": stack.subnets[0]}
    if through_template:
        encoded = base64.b64encode(user_data.encode()).decode()
        data = {"ImageId": image, "InstanceType": "t3.micro", "UserData": encoded}
        stack.ec2.create_launch_template(LaunchTemplateName="units", LaunchTemplateData=data)
        launch["LaunchTemplate"] = {"LaunchTemplateName": "units"}
    else:
        launch |= {"ImageId": image, "InstanceType": "t3.micro", "UserData": user_data}
    instance_id: str = stack.ec2.run_instances(**launch)["Instances"][0]["InstanceId"]
    rig.run(30)
    return instance_id


@pytest.mark.parametrize("through_template", [False, True])
def test_systemctl_knows_the_units_that_the_user_data_names_and_no_other(
    rig: Any, stack: Any, through_template: bool
) -> None:
    instance_id = instance_with_units(rig, stack, through_template)
    for verb in ("kill", "stop", "start", "restart", "is-active"):
        ssm, command = send(rig, f"systemctl {verb} no-such-unit", InstanceIds=[instance_id])
        answer = ssm.get_command_invocation(CommandId=command, InstanceId=instance_id)
        assert (answer["Status"], answer["ResponseCode"]) == ("Failed", 5)
        assert answer["StandardErrorContent"] == "Unit no-such-unit.service not loaded."
    assert rig.services.signals == []
    ssm, command = send(rig, "systemctl stop web.service", InstanceIds=[instance_id])
    rig.tick()
    assert ssm.get_command_invocation(CommandId=command, InstanceId=instance_id)["Status"] == "Success"


def test_is_active_tells_whether_the_service_runs(rig: Any, stack: Any) -> None:
    asked = min(stack.members())
    rig.controllers.ec2.on_host_event({"key": asked, "event": "started", "pid": 1}, rig.now_s)
    ssm, command = send(rig, "systemctl is-active web", InstanceIds=[asked])
    answer = ssm.get_command_invocation(CommandId=command, InstanceId=asked)
    assert (answer["Status"], answer["StandardOutputContent"]) == ("Success", "active\n")
    rig.controllers.ec2.on_host_event(
        {"key": asked, "event": "exited", "exit_code": -9, "log_tail": "", "asked": True}, rig.now_s
    )
    ssm, command = send(rig, "systemctl is-active web", InstanceIds=[asked])
    answer = ssm.get_command_invocation(CommandId=command, InstanceId=asked)
    assert (answer["ResponseCode"], answer["StandardOutputContent"]) == (3, "inactive\n")


def test_a_command_to_an_instance_that_is_not_running_is_undeliverable(rig: Any, stack: Any) -> None:
    victim = min(stack.members())
    stack.ec2.terminate_instances(InstanceIds=[victim])
    ssm, command = send(rig, "systemctl stop web", InstanceIds=[victim])
    answer = ssm.get_command_invocation(CommandId=command, InstanceId=victim)
    assert (answer["Status"], answer["StatusDetails"]) == ("Failed", "Undeliverable")


def test_what_is_declared_and_not_acted_on_is_listed(rig: Any, stack: Any) -> None:
    stack.asg.put_scaling_policy(
        AutoScalingGroupName="web",
        PolicyName="cpu",
        PolicyType="PredictiveScaling",
        PredictiveScalingConfiguration={
            "MetricSpecifications": [
                {
                    "TargetValue": 60.0,
                    "PredefinedMetricPairSpecification": {"PredefinedMetricType": "ASGCPUUtilization"},
                }
            ]
        },
    )
    assert rig.unserved() == ("scaling policy cpu (PredictiveScaling) never scales",)


@pytest.mark.parametrize(
    ("field", "good", "bad"),
    [
        (
            "matcher",
            ["200", "200,202", "200-299", "200-299,404"],
            ["abc", "200-", "199", "200-500", "299-200", ",", ""],
        ),
        ("port", ["traffic-port", "1", "65535"], ["0", "65536", "http", "-1", "80.5"]),
    ],
)
def test_a_health_check_that_means_nothing_is_refused(
    rig: Any, stack: Any, field: str, good: list[str], bad: list[str]
) -> None:
    def named(value: str) -> dict[str, Any]:
        return {"Matcher": {"HttpCode": value}} if field == "matcher" else {"HealthCheckPort": value}

    vpc = stack.elb.describe_target_groups(Names=["web"])["TargetGroups"][0]["VpcId"]
    new = {"Protocol": "HTTP", "Port": 80, "VpcId": vpc}
    for number, value in enumerate(good):
        stack.elb.create_target_group(Name=f"new-{number}", **new, **named(value))
        stack.elb.modify_target_group(TargetGroupArn=stack.target_group, **named(value))
    before = stack.elb.describe_target_groups(Names=["web"])["TargetGroups"]
    for value in bad:
        with pytest.raises(ClientError, match=r"\(ValidationError\).*Health check (matcher|port)"):
            stack.elb.create_target_group(Name="refused", **new, **named(value))
        with pytest.raises(ClientError, match=r"\(ValidationError\).*Health check (matcher|port)"):
            stack.elb.modify_target_group(TargetGroupArn=stack.target_group, **named(value))
    assert stack.elb.describe_target_groups(Names=["web"])["TargetGroups"] == before


def test_listeners_that_cannot_be_served_reach_the_status_and_the_log(rig: Any, caplog: Any) -> None:
    def tell(*problems: str) -> None:
        lag = Lag(probes=0, probe_p99_real_s=0.0, check_lag_p99_real_s=0.0, listener_problems=problems)
        rig.controllers.apply(lag)

    for _ in range(3):
        tell("listener 80 in us-east-1a: Address already in use")
    assert rig.controllers.measurement.problems == ("listener 80 in us-east-1a: Address already in use",)
    assert [record.message for record in caplog.records] == ["listener 80 in us-east-1a: Address already in use"]
    tell()
    assert rig.controllers.measurement.problems == ()


def test_a_groups_instance_warm_up_is_described_as_it_was_given(stack: Any) -> None:
    stack.asg.update_auto_scaling_group(AutoScalingGroupName="web", DefaultInstanceWarmup=77)
    assert stack.group()["DefaultInstanceWarmup"] == 77


def test_the_hosts_to_count_are_the_targets_in_use_once_a_group_and_without_draining_ones(rig: Any, stack: Any) -> None:
    to_group = [{"Type": "forward", "TargetGroupArn": stack.target_group}]
    elsewhere = [{"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404"}}]
    for port, actions in ((81, to_group), (82, elsewhere)):
        stack.elb.create_listener(LoadBalancerArn=stack.balancer, Protocol="HTTP", Port=port, DefaultActions=actions)
    draining, *others = sorted(stack.members())
    stack.elb.deregister_targets(TargetGroupArn=stack.target_group, Targets=[{"Id": draining}])
    rig.tick()
    (census,) = rig.controllers.balancing.census()
    assert (census.load_balancer_arn, census.group.arn) == (stack.balancer, stack.target_group)
    assert set(census.node_zones) == set(web_stack.ZONES)
    assert sum(count_hosts(census, {}).registered.values()) == len(others)
    stack.elb.deregister_targets(TargetGroupArn=stack.target_group, Targets=[{"Id": other} for other in others])
    rig.tick()
    assert sum(count_hosts(rig.controllers.balancing.census()[0], {}).registered.values()) == 0


def lag_of(probes: int, succeeded: int, timed_out: int, probe_p99: float, check_lag_p99: float) -> Lag:
    return Lag(
        probes=probes,
        probes_succeeded=succeeded,
        probes_timed_out=timed_out,
        probe_p99_real_s=probe_p99,
        check_lag_p99_real_s=check_lag_p99,
    )


def figures(measured: EmulatorMeasured) -> tuple[float, ...]:
    return (
        measured.probes,
        measured.probes_succeeded,
        measured.probes_timed_out,
        measured.probe_p99_real_s,
        measured.check_lag_p99_real_s,
    )


def test_the_figures_of_a_run_outlive_a_data_plane_that_is_started_again(rig: Any) -> None:
    apply, measurement = rig.controllers.apply, rig.controllers.measurement
    told = [
        (Hello(pid=1, version=0), (0, 0, 0, 0.0, 0.0)),
        (lag_of(100, 80, 15, 0.020, 0.5), (100, 80, 15, 0.020, 0.5)),
        (lag_of(200, 160, 30, 0.030, 0.4), (200, 160, 30, 0.030, 0.4)),
        (Hello(pid=1, version=3), (200, 160, 30, 0.030, 0.4)),  # the same one again, after a broken connection
        (Hello(pid=2, version=0), (200, 160, 30, 0.030, 0.4)),
        (lag_of(10, 9, 1, 0.010, 0.6), (210, 169, 31, 0.030, 0.6)),
        (Hello(pid=3, version=0), (210, 169, 31, 0.030, 0.6)),
        (lag_of(5, 5, 0, 0.040, 0.1), (215, 174, 31, 0.040, 0.6)),
    ]
    for message, expected in told:
        apply(message)
        measurement.tick(rig.now_s)
        assert figures(measurement.measured) == expected


def test_the_emulators_own_failures_are_among_what_is_measured(rig: Any) -> None:
    measurement = rig.controllers.measurement
    assert (measurement.measured.data_plane_restarts, measurement.measured.controller_failures) == (0, 0)
    rig.own_failures = OwnFailures(data_plane_restarts=1, controller_failures=2)
    rig.tick()
    assert (measurement.measured.data_plane_restarts, measurement.measured.controller_failures) == (1, 2)


Refused = Callable[[Any, Any], Any]
REFUSALS: dict[str, Refused] = {
    "ValidationError": lambda rig, stack: stack.elb.create_load_balancer(Name="one", Subnets=stack.subnets[:1]),
    "DuplicateLoadBalancerName": lambda rig, stack: stack.elb.create_load_balancer(Name="web", Subnets=stack.subnets),
    "DuplicateListener": lambda rig, stack: stack.elb.create_listener(
        LoadBalancerArn=stack.balancer,
        Protocol="HTTP",
        Port=80,
        DefaultActions=[{"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "200"}}],
    ),
    "AlreadyExists": lambda rig, stack: stack.asg.create_auto_scaling_group(
        AutoScalingGroupName="web",
        LaunchTemplate={"LaunchTemplateId": stack.template},
        MinSize=0,
        MaxSize=1,
        VPCZoneIdentifier=stack.subnets[0],
    ),
    "above max value 9": lambda rig, stack: stack.asg.set_desired_capacity(
        AutoScalingGroupName="web", DesiredCapacity=10
    ),
    "greater than or equal to min bound": lambda rig, stack: stack.asg.update_auto_scaling_group(
        AutoScalingGroupName="web", MinSize=5, MaxSize=2
    ),
    "must be between the specified min size": lambda rig, stack: stack.asg.update_auto_scaling_group(
        AutoScalingGroupName="web", MinSize=1, MaxSize=2, DesiredCapacity=3
    ),
    "No managed instance found": lambda rig, stack: stack.asg.set_instance_health(
        InstanceId="i-0123456789abcdef0", HealthStatus="Unhealthy"
    ),
    "InvalidTarget": lambda rig, stack: stack.elb.register_targets(
        TargetGroupArn=stack.target_group, Targets=[{"Id": "i-0123456789abcdef0"}]
    ),
    "InvalidInstanceId": lambda rig, stack: send(rig, "systemctl stop web", InstanceIds=["i-0123456789abcdef0"]),
}


@pytest.mark.parametrize("words", REFUSALS)
def test_what_aws_refuses_is_refused_in_its_words(rig: Any, stack: Any, words: str) -> None:
    with pytest.raises(ClientError, match=words):
        REFUSALS[words](rig, stack)


def test_a_target_group_belongs_to_one_load_balancer(rig: Any, stack: Any) -> None:
    other = stack.elb.create_load_balancer(Name="other", Subnets=stack.subnets)["LoadBalancers"][0]
    with pytest.raises(ClientError, match="TargetGroupAssociationLimit"):
        stack.elb.create_listener(
            LoadBalancerArn=other["LoadBalancerArn"],
            Protocol="HTTP",
            Port=80,
            DefaultActions=[{"Type": "forward", "TargetGroupArn": stack.target_group}],
        )


def test_two_subnets_in_one_zone_are_refused(rig: Any, stack: Any) -> None:
    vpc = stack.ec2.describe_subnets(SubnetIds=stack.subnets[:1])["Subnets"][0]["VpcId"]
    twin = stack.ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.9.0/24", AvailabilityZone="us-east-1a")["Subnet"]
    with pytest.raises(ClientError, match="same Availability Zone"):
        stack.elb.create_load_balancer(Name="twin", Subnets=[stack.subnets[0], twin["SubnetId"]])


def test_deletion_protection_holds(rig: Any, stack: Any) -> None:
    attribute = {"Key": "deletion_protection.enabled", "Value": "true"}
    stack.elb.modify_load_balancer_attributes(LoadBalancerArn=stack.balancer, Attributes=[attribute])
    with pytest.raises(ClientError, match="OperationNotPermitted"):
        stack.elb.delete_load_balancer(LoadBalancerArn=stack.balancer)
    assert len(stack.elb.describe_load_balancers()["LoadBalancers"]) == 1


def test_narrower_limits_move_the_desired_capacity(rig: Any, stack: Any) -> None:
    stack.asg.update_auto_scaling_group(AutoScalingGroupName="web", MinSize=0, MaxSize=2)
    assert stack.group()["DesiredCapacity"] == 2
    stack.asg.update_auto_scaling_group(AutoScalingGroupName="web", DefaultCooldown=60)
    assert stack.group()["DesiredCapacity"] == 2
