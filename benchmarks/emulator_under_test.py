"""What the benchmarks of the whole emulator share: its process, an API client, and a load balancer with instances.

Everything is made by API calls and ends with the `with` block.
"""

import json
import os
import shlex
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from blackstart.aws_clients import AwsClients
from blackstart.domain.emulator_status import EmulatorStatus
from blackstart.emulator.adapters.priority import give_way

REGION = "us-east-1"
ZONES = ("us-east-1a", "us-east-1b", "us-east-1c")
IMAGE_PARAMETER = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64"
ANYWHERE = [{"CidrIp": "0.0.0.0/0"}]


class Emulator:
    """A running emulator. client: boto3 clients of its endpoint by service name."""

    def __init__(self, status: EmulatorStatus) -> None:
        self.started = status
        self.client = AwsClients(REGION, status.endpoint).client

    def status(self) -> dict[str, Any]:
        """Its status as JSON."""
        with urllib.request.urlopen(f"{self.started.endpoint}/_emulator/status", timeout=30) as answer:
            status: dict[str, Any] = json.load(answer)
        return status

    def now_s(self) -> float:
        return self.started.anchor.time_s(time.monotonic_ns())

    def wait_s(self, virtual_s: float) -> None:
        time.sleep(self.started.anchor.real_s(virtual_s))


class Endpoint(NamedTuple):
    """An AWS endpoint. pid: of the process that answers; client: boto3 clients of it by service name."""

    url: str
    pid: int
    client: Callable[[str], Any]

    @classmethod
    def of(cls, emulator: Emulator) -> "Endpoint":
        """An emulator's."""
        control_plane = next(one.pid for one in emulator.started.processes if one.name == "control plane")
        return cls(emulator.started.endpoint, control_plane or 0, emulator.client)


@contextmanager
def plain_moto() -> Iterator[Endpoint]:
    """moto's own server on a free port, in an environment without settings of moto's or of AWS.

    It gives way as the emulator's API does, or on a busy machine the scheduler's preference would be measured.
    """
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("MOTO_", "AWS_"))}
    command = [str(Path(sys.executable).with_name("moto_server")), "-H", "127.0.0.1", "-p", str(port)]
    process = subprocess.Popen(
        command,
        env=clean,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        preexec_fn=give_way,  # noqa: PLW1509 - this process has one thread
    )
    try:
        url = f"http://127.0.0.1:{port}"
        _wait_for(url, process)
        yield Endpoint(url, process.pid, AwsClients(REGION, url).client)
    finally:
        process.terminate()
        process.wait(30)


def _wait_for(url: str, process: "subprocess.Popen[bytes]") -> None:
    while process.poll() is None:
        try:
            with urllib.request.urlopen(f"{url}/moto-api/data.json", timeout=30):
                return
        except OSError:
            time.sleep(0.1)
    raise SystemExit("moto_server did not start: is moto installed in the environment that runs this?")


@contextmanager
def emulator(
    speed: float,
    parameters: Mapping[str, float] | None = None,
    app: Sequence[str] = (),
    options: Sequence[str] = (),
) -> Iterator[Emulator]:
    """Start one on a free port; it ends with its standard input. options: further words of its command line."""
    command = [sys.executable, "-m", "blackstart.emulator", "--port", "0", "--lifeline", "--speed", str(speed)]
    command += options
    for name, value in (parameters or {}).items():
        command += ["--parameter", f"{name}={value}"]
    if app:
        command += ["--app", shlex.join(app)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True)
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        ready = process.stdout.readline()
        if not ready:
            raise SystemExit("the emulator did not start; it says why above")
        yield Emulator(EmulatorStatus.model_validate_json(ready))
    finally:
        process.stdin.close()
        process.wait(30)


class Tier:
    """Instances over three zones behind one load balancer; a listener and a target group for each of `checks`.

    checks: health check settings by target group name, as CreateTargetGroup takes them.
    """

    def __init__(self, emulator: Emulator, instances: int, checks: Mapping[str, Mapping[str, int]]) -> None:
        self.emulator = emulator
        self.ec2, self.elb = emulator.client("ec2"), emulator.client("elbv2")
        self.vpc: str = self.ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        subnets = [self._subnet(index, zone) for index, zone in enumerate(ZONES)]
        self.open_group = self._security_group("open", ANYWHERE)
        self.closed_group = self._security_group("closed", [])
        balancer = self.elb.create_load_balancer(Name="bench", Subnets=subnets, SecurityGroups=[self.open_group])
        self.balancer: str = balancer["LoadBalancers"][0]["LoadBalancerArn"]
        self.ids = [one for subnet in subnets for one in self._launch(subnet, instances // len(ZONES))]
        self.ec2.get_waiter("instance_running").wait(InstanceIds=self.ids, WaiterConfig={"Delay": 1, "MaxAttempts": 60})
        self.groups = {
            name: self._target_group(name, 80 + index, settings)
            for index, (name, settings) in enumerate(checks.items())
        }

    def register(self, group: str, ids: Sequence[str]) -> None:
        self.elb.register_targets(TargetGroupArn=self.groups[group], Targets=[{"Id": one} for one in ids])

    def wait_until_healthy(self, group: str, count: int, within_real_s: float = 120.0) -> None:
        give_up_at = time.monotonic() + within_real_s
        while self.states(group).count("healthy") < count:
            if time.monotonic() > give_up_at:
                raise SystemExit(f"{group}: only {self.states(group).count('healthy')} of {count} became healthy")
            time.sleep(0.2)

    def states(self, group: str) -> list[str]:
        described = self.elb.describe_target_health(TargetGroupArn=self.groups[group])["TargetHealthDescriptions"]
        return [target["TargetHealth"]["State"] for target in described]

    def _subnet(self, index: int, zone: str) -> str:
        made = self.ec2.create_subnet(VpcId=self.vpc, CidrBlock=f"10.0.{index}.0/24", AvailabilityZone=zone)
        return str(made["Subnet"]["SubnetId"])

    def _security_group(self, name: str, ranges: list[dict[str, str]]) -> str:
        group = self.ec2.create_security_group(GroupName=name, Description=name, VpcId=self.vpc)["GroupId"]
        if ranges:
            rule = {"IpProtocol": "tcp", "FromPort": 80, "ToPort": 65535, "IpRanges": ranges}
            self.ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[rule])
        return str(group)

    def _launch(self, subnet: str, count: int) -> list[str]:
        image = self.emulator.client("ssm").get_parameter(Name=IMAGE_PARAMETER)["Parameter"]["Value"]
        launched = self.ec2.run_instances(
            ImageId=image,
            InstanceType="t3.micro",
            MinCount=count,
            MaxCount=count,
            SubnetId=subnet,
            SecurityGroupIds=[self.open_group],
        )
        return [instance["InstanceId"] for instance in launched["Instances"]]

    def _target_group(self, name: str, listener_port: int, settings: Mapping[str, int]) -> str:
        made = self.elb.create_target_group(
            Name=name, Protocol="HTTP", Port=8080, VpcId=self.vpc, HealthCheckPath="/healthz", **settings
        )
        arn: str = made["TargetGroups"][0]["TargetGroupArn"]
        self.elb.create_listener(
            LoadBalancerArn=self.balancer,
            Protocol="HTTP",
            Port=listener_port,
            DefaultActions=[{"Type": "forward", "TargetGroupArn": arn}],
        )
        return arn
