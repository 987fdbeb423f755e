"""A web tier of six instances in moto, served on loopback, and a clock that only a wait moves."""

import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest

from blackstart.aws_clients import AwsClients
from blackstart.domain.experiment import BlastRadius, Experiment
from blackstart.domain.journal import Event, Record
from blackstart.domain.stack import Instance, RegisteredTarget, ScalingGroup, Stack, TargetGroup
from blackstart.domain.target_health import HealthCheck, TargetState

TAGS = {"blackstart:stack": "emulator", "blackstart:name": "web"}
IMAGE = "ami-12c6146b"  # one of moto's own
CHECK = HealthCheck(
    path="/healthz", interval_s=10, timeout_s=5, healthy_threshold=2, unhealthy_threshold=2, matcher="200"
)


@dataclass
class MemoryJournal:
    """Keeps the events; `fails` stands for a full disk."""

    events: list[Event] = field(default_factory=list)
    fails: bool = False

    def append(self, event: Event) -> Record:
        if self.fails:
            raise OSError("no space left on device")
        self.events.append(event)
        return Record(seq=len(self.events) - 1, monotonic_ns=0, time_s=0.0, event=event)

    def kinds(self) -> list[str]:
        return [event.kind for event in self.events]


@dataclass
class ManualClock:
    """on_wait: what happens in the world at each wait, given the time that then is.

    stride: seconds that pass for each one waited, so that a long bound takes few looks.
    """

    time_s: float = 1000.0
    waits: int = 0
    stride: int = 1
    on_wait: Callable[[float], None] = lambda _: None

    def now_s(self) -> float:
        return self.time_s

    def wait_s(self, duration_s: float) -> None:
        self.waits += 1
        assert self.waits < 5000, "waits for ever"
        self.time_s += duration_s * self.stride
        self.on_wait(self.time_s)


@pytest.fixture
def journal() -> MemoryJournal:
    return MemoryJournal()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture(scope="session")
def _moto_endpoint() -> Iterator[str]:
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(scope="session")
def _session_clients(_moto_endpoint: str) -> AwsClients:
    """Made once: a boto3 session of its own for each test would cost more than the tests."""
    return AwsClients("us-east-1", _moto_endpoint)


@pytest.fixture
def clients(_session_clients: AwsClients) -> AwsClients:
    """Clients of an empty account."""
    request = urllib.request.Request(f"{_session_clients.endpoint_url}/moto-api/reset", method="POST")
    with urllib.request.urlopen(request):
        return _session_clients


@pytest.fixture
def web_tier(clients: AwsClients) -> AwsClients:
    """The clients, with the stack `emulator` deployed behind them."""
    tags = [{"Key": key, "Value": value} for key, value in TAGS.items()]
    ec2, elbv2 = clients.client("ec2"), clients.client("elbv2")
    subnets = sorted(ec2.describe_subnets()["Subnets"], key=lambda subnet: subnet["AvailabilityZone"])[:3]
    subnet_ids = [subnet["SubnetId"] for subnet in subnets]
    balancer = elbv2.create_load_balancer(Name="web-alb", Subnets=subnet_ids, Tags=tags)["LoadBalancers"][0]
    group = elbv2.create_target_group(
        Name="web-tg",
        Protocol="HTTP",
        Port=8080,
        VpcId=subnets[0]["VpcId"],
        HealthCheckPath="/healthz",
        HealthCheckIntervalSeconds=10,
        HealthCheckTimeoutSeconds=5,
        HealthyThresholdCount=2,
        UnhealthyThresholdCount=2,
        Matcher={"HttpCode": "200"},
        Tags=tags,
    )["TargetGroups"][0]
    elbv2.modify_target_group_attributes(
        TargetGroupArn=group["TargetGroupArn"],
        Attributes=[{"Key": "deregistration_delay.timeout_seconds", "Value": "30"}],
    )
    elbv2.create_listener(
        LoadBalancerArn=balancer["LoadBalancerArn"],
        Protocol="HTTP",
        Port=80,
        DefaultActions=[{"Type": "forward", "TargetGroupArn": group["TargetGroupArn"]}],
    )
    ec2.create_launch_template(
        LaunchTemplateName="web", LaunchTemplateData={"ImageId": IMAGE, "InstanceType": "t3.micro"}
    )
    clients.client("autoscaling").create_auto_scaling_group(
        AutoScalingGroupName="web-asg",
        LaunchTemplate={"LaunchTemplateName": "web", "Version": "$Latest"},
        MinSize=6,
        MaxSize=12,
        DesiredCapacity=6,
        VPCZoneIdentifier=",".join(subnet_ids),
        TargetGroupARNs=[group["TargetGroupArn"]],
        HealthCheckType="ELB",
        HealthCheckGracePeriod=90,
        Tags=[
            {"Key": key, "Value": value, "PropagateAtLaunch": True}
            for key, value in (TAGS | {"blackstart:chaos": "allowed"}).items()
        ],
    )
    clients.client("cloudwatch").put_metric_alarm(
        AlarmName="healthy-hosts-us-east-1a-1f2e",
        AlarmDescription="Zone us-east-1a has fewer than 2 healthy targets. Runbook: runbooks/healthy-hosts.md",
        Namespace="AWS/ApplicationELB",
        MetricName="HealthyHostCount",
        Statistic="Minimum",
        ComparisonOperator="LessThanThreshold",
        Threshold=2,
        Period=60,
        EvaluationPeriods=1,
        Tags=[
            {"Key": "blackstart:stack", "Value": "emulator"},
            {"Key": "blackstart:name", "Value": "healthy-hosts"},
            {"Key": "blackstart:zone", "Value": "us-east-1a"},
        ],
    )
    return clients


@pytest.fixture
def six() -> Stack:
    """The same tier without any API: two instances in each of three zones, all healthy, in one group."""
    return make_stack({"us-east-1a": 2, "us-east-1b": 2, "us-east-1c": 2})


@pytest.fixture
def stack_of() -> Callable[..., Stack]:
    return make_stack


def make_stack(counts: dict[str, int], grouped: bool = True, health_check_type: str = "ELB") -> Stack:
    """A stack with so many healthy, opted-in instances per zone."""
    instances = tuple(
        Instance(
            instance_id=f"i-{zone[-1]}{number}",
            name="web",
            zone=zone,
            state="running",
            scaling_group="web-asg" if grouped else None,
            chaos_allowed=True,
        )
        for zone, count in counts.items()
        for number in range(count)
    )
    targets = tuple(
        RegisteredTarget(target_id=i.instance_id, port=8080, zone=i.zone, state=TargetState.HEALTHY) for i in instances
    )
    group = ScalingGroup(
        name="web",
        resource_name="web-asg",
        min_size=1,
        max_size=12,
        desired_capacity=len(instances),
        zones=tuple(counts),
        health_check_type=health_check_type,
        grace_period_s=90,
        instance_ids=tuple(i.instance_id for i in instances),
        target_group_arns=("arn:tg",),
    )
    return Stack(
        name="emulator",
        region="us-east-1",
        instances=instances,
        target_groups=(
            TargetGroup(name="web", arn="arn:tg", resource_name="web-tg", health_check=CHECK, targets=targets),
        ),
        scaling_groups=(group,) if grouped else (),
        zones=tuple(counts),
    )


@pytest.fixture
def radius() -> BlastRadius:
    return BlastRadius(max_count=1, max_percent=20, max_percent_per_zone=100, max_zones=1, keep_healthy=4)


@pytest.fixture
def experiment() -> Callable[..., Experiment]:
    """Builds an experiment; keyword arguments replace whole top-level fields."""

    def build(**fields: object) -> Experiment:
        document = {
            "title": "t",
            "seed": 7,
            "stack": "emulator",
            "load": {"load_balancer": "web", "rate_per_s": 200, "slos": ["a.yaml"]},
            "phases": {"baseline_s": 160, "fault_s": 240, "recovery_s": 160},
            "steady_state_hypothesis": {
                "title": "h",
                "probes": [{"type": "healthy-targets", "target_group": "web", "at_least": 6}],
            },
            "targets": {"one": {"resource_type": "aws:ec2:instance", "name": "web"}},
            "blast_radius": {"max_count": 1, "max_percent": 20, "keep_healthy": 4},
            "method": [{"action": "terminate-instances", "targets": "one"}],
        }
        return Experiment.model_validate(document | fields)

    return build
