"""The emulator's API beside plain moto, in one run.

Run `python benchmarks/api_throughput.py`. Two servers of the same moto: the emulator, and `moto_server` as it comes, in
an environment without settings. Each gets the same small stack (12 instances of a group behind a load balancer, 10
alarms) and the same calls: what a drill's observer, a dashboard and a deployer ask for. One client at a time, in turns
of a round each, so that a busy machine weighs on both; first with boto3, then with the very bytes that boto3 sent, on
one connection that stays open, so that the client's own work does not count. Then describe calls over 1,000 instances.
Of each call the least of the rounds' mean times counts, because whatever else the machine does only adds; the median
stands beside it. The ratio over all calls is of calls per second, as if each were made equally often. Processor time is
the server's own. Takes five minutes, most of them plain moto's, to launch the instances.

Exits with 1 when the emulator makes less than 1.5 times plain moto's calls per second over the mix, or describes 1,000
instances less than five times as fast by raw HTTP. With boto3 that is about four times: four fifths of such a call are
then boto3's own reading of the XML, which no server can spare it.
"""

import http.client
import statistics
import sys
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import psutil
from emulator_under_test import IMAGE_PARAMETER, ZONES, Endpoint, emulator, plain_moto

SPEED = 60.0
SMALL, LARGE = 12, 1_000
GROWTH = 10
ALARMS = 10
ROUNDS = 9
CALLS_A_ROUND = 10
LEAST_RATIO, LEAST_DESCRIBE_RATIO = 1.5, 5.0
PAGED = frozenset({"describe_auto_scaling_instances"})
"""Answered by the emulator in pages of 50, as by AWS, and by plain moto at once: not to be compared page by page."""

Call = tuple[str, str, dict[str, Any]]
"""A call: service, method of its client, arguments."""


class Request(NamedTuple):
    """What boto3 sends for a call."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


class Server:
    """One of the two, with the stack in it. calls: by name, what is measured."""

    def __init__(self, name: str, endpoint: Endpoint) -> None:
        self.name = name
        self.endpoint = endpoint
        self.process = psutil.Process(endpoint.pid)
        self.ec2, self.elb = endpoint.client("ec2"), endpoint.client("elbv2")
        self.scaling, self.cloudwatch = endpoint.client("autoscaling"), endpoint.client("cloudwatch")
        vpc = self.ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        self.subnets = [
            self.ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.0.{index * 16}.0/20", AvailabilityZone=zone)["Subnet"][
                "SubnetId"
            ]
            for index, zone in enumerate(ZONES)
        ]
        group = self.ec2.create_security_group(GroupName="open", Description="open", VpcId=vpc)["GroupId"]
        image = endpoint.client("ssm").get_parameter(Name=IMAGE_PARAMETER)["Parameter"]["Value"]
        data = {"ImageId": image, "InstanceType": "t3.micro", "SecurityGroupIds": [group]}
        self.template = self.ec2.create_launch_template(LaunchTemplateName="web", LaunchTemplateData=data)
        balancer = self.elb.create_load_balancer(Name="web", Subnets=self.subnets, SecurityGroups=[group])
        self.target_group = self.elb.create_target_group(Name="web", Protocol="HTTP", Port=8080, VpcId=vpc)[
            "TargetGroups"
        ][0]["TargetGroupArn"]
        self.elb.create_listener(
            LoadBalancerArn=balancer["LoadBalancers"][0]["LoadBalancerArn"],
            Protocol="HTTP",
            Port=80,
            DefaultActions=[{"Type": "forward", "TargetGroupArn": self.target_group}],
        )
        self.scaling.create_auto_scaling_group(
            AutoScalingGroupName="web",
            LaunchTemplate={"LaunchTemplateId": self.template["LaunchTemplate"]["LaunchTemplateId"]},
            MinSize=SMALL,
            MaxSize=LARGE,
            DesiredCapacity=SMALL,
            VPCZoneIdentifier=",".join(self.subnets),
            TargetGroupARNs=[self.target_group],
            Tags=[{"Key": "blackstart:name", "Value": "web", "PropagateAtLaunch": True}],
        )
        for number in range(ALARMS):
            self._alarm(number)
        self.wait_for(SMALL)
        self.instance = self._members()[0]["InstanceId"]

    def grow(self, instances: int) -> None:
        """More instances in the group, so many at a time that moto's call, which launches them, answers in time."""
        for desired in [*range(SMALL + GROWTH, instances, GROWTH), instances]:
            self.scaling.set_desired_capacity(AutoScalingGroupName="web", DesiredCapacity=desired)
        self.wait_for(instances)

    def wait_for(self, instances: int, within_real_s: float = 900.0) -> None:
        give_up_at = time.monotonic() + within_real_s
        while self._registered() < instances:
            if time.monotonic() > give_up_at:
                raise SystemExit(f"{self.name}: {self._registered()} of {instances} instances are registered")
            time.sleep(0.5)

    def calls(self) -> dict[str, Call]:
        """The mix."""
        alarm = {"AlarmNamePrefix": "alarm-"}
        tags = {"Resources": [self.instance], "Tags": [{"Key": "owner", "Value": "bench"}]}
        datum = {"MetricName": "latency", "Value": 1.0, "Unit": "Seconds"}
        filters = [{"Name": "tag:blackstart:name", "Values": ["web"]}]
        return {
            "describe_instances": ("ec2", "describe_instances", {}),
            "describe_instances by tag": ("ec2", "describe_instances", {"Filters": filters}),
            "describe_instance_status": ("ec2", "describe_instance_status", {}),
            "describe_tags": ("ec2", "describe_tags", {}),
            "describe_subnets": ("ec2", "describe_subnets", {"SubnetIds": self.subnets}),
            "create_tags": ("ec2", "create_tags", tags),
            "delete_tags": ("ec2", "delete_tags", tags),
            "describe_auto_scaling_groups": ("autoscaling", "describe_auto_scaling_groups", {}),
            "set_desired_capacity": (
                "autoscaling",
                "set_desired_capacity",
                {"AutoScalingGroupName": "web", "DesiredCapacity": SMALL},
            ),
            "describe_load_balancers": ("elbv2", "describe_load_balancers", {}),
            "describe_target_health": ("elbv2", "describe_target_health", {"TargetGroupArn": self.target_group}),
            "describe_alarms": ("cloudwatch", "describe_alarms", alarm),
            "put_metric_data": ("cloudwatch", "put_metric_data", {"Namespace": "bench", "MetricData": [datum]}),
        }

    def large_calls(self) -> dict[str, Call]:
        """What is asked of many instances. Not by tag: plain moto looks through all tags for each instance, longer than
        clients wait.
        """
        calls = self.calls()
        of_all = ("describe_instances", "describe_auto_scaling_groups", "describe_target_health")
        return {
            **{name: calls[name] for name in of_all},
            "describe_auto_scaling_instances": ("autoscaling", "describe_auto_scaling_instances", {}),
        }

    def request(self, call: Call) -> Request:
        """What boto3 sends for a call."""
        service, method, arguments = call
        client = self.endpoint.client(service)
        seen: list[Request] = []

        def keep(request: Any, **_: Any) -> None:
            headers = {
                name: value.decode() if isinstance(value, bytes) else str(value)
                for name, value in request.headers.items()
            }
            body = request.body.encode() if isinstance(request.body, str) else bytes(request.body or b"")
            path = urlsplit(request.url)
            seen.append(Request(request.method, path.path + (f"?{path.query}" if path.query else ""), headers, body))

        client.meta.events.register("before-send", keep, "bench")
        getattr(client, method)(**arguments)
        client.meta.events.unregister("before-send", keep, "bench")
        return seen[0]

    def _members(self) -> list[dict[str, Any]]:
        described = self.scaling.describe_auto_scaling_groups()["AutoScalingGroups"]
        return [member for group in described for member in group["Instances"]]

    def _registered(self) -> int:
        return len(self.elb.describe_target_health(TargetGroupArn=self.target_group)["TargetHealthDescriptions"])

    def _alarm(self, number: int) -> None:
        self.cloudwatch.put_metric_alarm(
            AlarmName=f"alarm-{number}",
            Namespace="bench",
            MetricName="latency",
            Statistic="Average",
            Period=60,
            EvaluationPeriods=3,
            Threshold=1.0,
            ComparisonOperator="GreaterThanThreshold",
        )


class Cost(NamedTuple):
    """Of one call. times_real_s: each round's mean; cpu_s: the server's processor time for a call."""

    times_real_s: list[float]
    cpu_s: float

    @property
    def least_real_s(self) -> float:
        return min(self.times_real_s)

    @property
    def median_real_s(self) -> float:
        return statistics.median(self.times_real_s)


def in_turns(ways: Mapping[str, tuple[Server, Callable[[], object]]], rounds: int, calls: int) -> dict[str, Cost]:
    """The cost of a call to each server, a round of one and then of the other."""
    times: dict[str, list[float]] = {name: [] for name in ways}
    spent = dict.fromkeys(ways, 0.0)
    for _, call in ways.values():
        call()  # what is made at the first call is not measured
    for _ in range(rounds):
        for name, (server, call) in ways.items():
            before = server.process.cpu_times()
            began = time.perf_counter()
            for _ in range(calls):
                call()
            times[name].append((time.perf_counter() - began) / calls)
            after = server.process.cpu_times()
            spent[name] += after.user + after.system - before.user - before.system
    return {name: Cost(times[name], spent[name] / rounds / calls) for name in ways}


def with_boto3(server: Server, call: Call, paged: bool) -> Callable[[], object]:
    """Makes a call; paged: until the last page."""
    service, method, arguments = call
    client = server.endpoint.client(service)
    if paged and client.can_paginate(method):
        paginator = client.get_paginator(method)
        return lambda: sum(1 for _ in paginator.paginate(**arguments))
    return lambda: getattr(client, method)(**arguments)


def with_raw_http(server: Server, call: Call) -> Callable[[], object]:
    """Sends the same bytes again on one connection and reads the answer to its end, which is one page."""
    request = server.request(call)
    connection = http.client.HTTPConnection(urlsplit(server.endpoint.url).netloc, timeout=600)

    def send() -> bytes:
        connection.request(request.method, request.path, request.body, dict(request.headers))
        with connection.getresponse() as answer:
            body = answer.read()
            if answer.status != 200:
                raise SystemExit(f"{server.name} answers {call[1]} with {answer.status}: {body[:300]!r}")
        return body

    return send


def compare(title: str, rows: Mapping[str, dict[str, Cost]]) -> float:
    """Print a table and return how many times plain moto's calls per second the emulator makes over all rows."""
    print(f"\n{title:<34}{'emulator, ms':>18}{'plain moto, ms':>18}{'ratio':>8}{'processor, ms':>16}{'ratio':>8}")
    print(f"{'':<34}{'least   median':>18}{'least   median':>18}")
    sums = {"emulator": 0.0, "plain moto": 0.0}
    spent = dict.fromkeys(sums, 0.0)
    for name, costs in rows.items():
        ours, theirs = costs["emulator"], costs["plain moto"]
        for who in sums:
            sums[who] += costs[who].least_real_s
            spent[who] += costs[who].cpu_s
        print(
            f"  {name:<32}{ours.least_real_s * 1e3:>9.2f}{ours.median_real_s * 1e3:>9.2f}"
            f"{theirs.least_real_s * 1e3:>9.2f}{theirs.median_real_s * 1e3:>9.2f}"
            f"{theirs.least_real_s / ours.least_real_s:>8.2f}"
            f"{ours.cpu_s * 1e3:>8.1f}{theirs.cpu_s * 1e3:>8.1f}{theirs.cpu_s / max(ours.cpu_s, 1e-5):>8.2f}"
        )
    ratio = sums["plain moto"] / sums["emulator"]
    rates = {who: len(rows) / total for who, total in sums.items()}
    print(
        f"  {'calls per second over all':<32}{rates['emulator']:>9.0f}{rates['plain moto']:>18.0f}{ratio:>17.2f}"
        f"{'':>16}{spent['plain moto'] / spent['emulator']:>8.2f}"
    )
    return ratio


Way = Callable[[Server, Call], Callable[[], object]]


def measure_mix(servers: list[Server]) -> bool:
    """Whether the emulator makes enough calls per second over the mix."""
    ways: dict[str, Way] = {"boto3": partial(with_boto3, paged=False), "raw HTTP, kept alive": with_raw_http}
    kept = True
    for client, way in ways.items():
        rows = {
            name: in_turns(
                {server.name: (server, way(server, server.calls()[name])) for server in servers}, ROUNDS, CALLS_A_ROUND
            )
            for name in servers[0].calls()
        }
        kept = compare(f"{SMALL} instances, {client}", rows) >= LEAST_RATIO and kept
    return kept


def measure_many(servers: list[Server]) -> bool:
    """Whether the emulator describes many instances fast enough."""
    for server in servers:
        server.grow(LARGE)
    ways: dict[str, Way] = {"boto3, all pages": partial(with_boto3, paged=True), "raw HTTP": with_raw_http}
    kept = True
    for client, way in ways.items():
        names = [name for name in servers[0].large_calls() if way is not with_raw_http or name not in PAGED]
        rows = {
            name: in_turns({server.name: (server, way(server, server.large_calls()[name])) for server in servers}, 3, 1)
            for name in names
        }
        compare(f"{LARGE} instances, {client}", rows)
        described = rows["describe_instances"]
        ratio = described["plain moto"].least_real_s / described["emulator"].least_real_s
        if way is with_raw_http:
            kept = ratio >= LEAST_DESCRIBE_RATIO
    return kept


def main() -> int:
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    with emulator(SPEED, options=("--instances", "light")) as ours, plain_moto() as theirs:
        servers = [Server("emulator", Endpoint.of(ours)), Server("plain moto", theirs)]
        mix = measure_mix(servers)
        return 0 if measure_many(servers) and mix else 1


if __name__ == "__main__":
    sys.exit(main())
