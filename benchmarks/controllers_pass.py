"""What one pass of all controllers costs, by the number of instances.

Run `python benchmarks/controllers_pass.py [INSTANCES ...]` (default 100 1000 3000 10000; the last takes minutes, most
of it moto's launches). Controllers and moto run in this process, as tests/emulator/rig.py joins them: no HTTP, no
processes. Groups of 12, 60 and 228 instances over three zones, each behind a target group of its own, all healthy. Then
passes of all controllers, a virtual second apart: quiet ones, and ones in which the load balancer nodes changed their
opinion of 1 % of the targets just before (reading that news counts). Figures are processor milliseconds of this
process; the median is what is judged, the shares of the controllers are of the median pass.

Exits with 1 when a pass over 1,000 instances costs 20 ms or more, over 10,000 250 ms or more, or when a pass costs more
than three times as much for each instance as it does with a third to a tenth as many.
"""

import itertools
import statistics
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from blackstart.domain.target_health import TargetReason, TargetState
from blackstart.emulator.protocol import HealthChanged

sys.path.insert(0, str(Path(__file__).parent.parent / "tests" / "emulator"))
from rig import Rig

ZONES = ("us-east-1a", "us-east-1b", "us-east-1c")
IMAGE_PARAMETER = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64"
GROUP_SIZES = (12, 60, 228)
GROUPS_ON_A_LOAD_BALANCER = 25
PASSES = 15
SETTLE_S = 120.0
AIMS_MS = {1_000: 20.0, 10_000: 250.0}
STEEPEST = 3.0
"""Costs of an instance beside those in a smaller fleet; caches and garbage collection take their share."""


class Pass(NamedTuple):
    """One pass. total_ms: processor time; by_controller_ms: the same, by class name."""

    total_ms: float
    by_controller_ms: dict[str, float]


class Fleet:
    """Groups with instances behind load balancers, launched and in service."""

    def __init__(self, instances: int) -> None:
        self.rig = Rig()
        self.instances = instances
        self._ec2, self._elb = self.rig.client("ec2"), self.rig.client("elbv2")
        vpc = self._ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        self._vpc = vpc
        self._subnets = [
            self._ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.0.{64 * index}.0/18", AvailabilityZone=zone)["Subnet"][
                "SubnetId"
            ]
            for index, zone in enumerate(ZONES)
        ]
        self._template = self._launch_template()
        self._balancers: list[str] = []
        sizes = list(_sizes(instances))
        for index, size in enumerate(sizes):
            self._group(index, size)
        self._come_into_service()

    def _launch_template(self) -> str:
        open_group = self._ec2.create_security_group(GroupName="open", Description="open", VpcId=self._vpc)["GroupId"]
        rule = {"IpProtocol": "tcp", "FromPort": 80, "ToPort": 8080, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
        self._ec2.authorize_security_group_ingress(GroupId=open_group, IpPermissions=[rule])
        self._open_group = open_group
        image = self.rig.client("ssm").get_parameter(Name=IMAGE_PARAMETER)["Parameter"]["Value"]
        data = {"ImageId": image, "InstanceType": "t3.micro", "SecurityGroupIds": [open_group]}
        made = self._ec2.create_launch_template(LaunchTemplateName="bench", LaunchTemplateData=data)
        return str(made["LaunchTemplate"]["LaunchTemplateId"])

    def _group(self, index: int, size: int) -> None:
        if index % GROUPS_ON_A_LOAD_BALANCER == 0:
            made = self._elb.create_load_balancer(
                Name=f"bench-{index}", Subnets=self._subnets, SecurityGroups=[self._open_group]
            )
            self._balancers.append(made["LoadBalancers"][0]["LoadBalancerArn"])
        target_group = self._elb.create_target_group(
            Name=f"bench-{index}", Protocol="HTTP", Port=8080, VpcId=self._vpc, HealthCheckPath="/healthz"
        )["TargetGroups"][0]["TargetGroupArn"]
        self._elb.create_listener(
            LoadBalancerArn=self._balancers[-1],
            Protocol="HTTP",
            Port=80 + index % GROUPS_ON_A_LOAD_BALANCER,
            DefaultActions=[{"Type": "forward", "TargetGroupArn": target_group}],
        )
        self.rig.client("autoscaling").create_auto_scaling_group(
            AutoScalingGroupName=f"bench-{index}",
            LaunchTemplate={"LaunchTemplateId": self._template, "Version": "$Latest"},
            MinSize=size,
            MaxSize=size,
            VPCZoneIdentifier=",".join(self._subnets),
            TargetGroupARNs=[target_group],
            HealthCheckType="ELB",
            HealthCheckGracePeriod=36_000,  # an opinion that changes is looked at and replaces nothing
        )

    def _come_into_service(self) -> None:
        for _ in range(int(SETTLE_S / 10)):
            self.rig.now_s += 10
            self.one_pass()
        targets = sum(len(group.targets) for group in self.rig.controllers.balancing.snapshot.target_groups)
        if targets != self.instances:
            raise SystemExit(f"{targets} of {self.instances} instances are registered: nothing to measure")
        self.judge(self.opinions(TargetState.HEALTHY))

    def opinions(self, state: TargetState, share: float = 1.0, first: int = 0) -> list[HealthChanged]:
        """Each node's opinion of a share of the targets, the n-th one and every 1/share-th after it."""
        snapshot = self.rig.controllers.balancing.snapshot
        nodes = {balancer.arn: [node.zone for node in balancer.nodes] for balancer in snapshot.load_balancers}
        users = {
            group.target_group_arn: balancer.arn
            for balancer in snapshot.load_balancers
            for listener in balancer.listeners
            for group in getattr(listener.action, "groups", ())
        }
        targets = [(group.arn, target) for group in snapshot.target_groups for target in group.targets]
        return [
            HealthChanged(
                time_s=self.rig.now_s,
                load_balancer_arn=users[arn],
                node_zone=zone,
                target_group_arn=arn,
                target_id=target.target_id,
                port=target.port,
                registration=target.registration,
                state=state,
                reason=None if state is TargetState.HEALTHY else TargetReason.FAILED_HEALTH_CHECKS,
            )
            for arn, target in targets[first :: round(1 / share)]
            for zone in nodes[users[arn]]
        ]

    def judge(self, opinions: list[HealthChanged]) -> None:
        for opinion in opinions:
            self.rig.controllers.apply(opinion)

    def one_pass(self, news: list[HealthChanged] | None = None) -> Pass:
        """All controllers once, in their order, the news applied before."""
        self.rig.now_s += 1
        by_name: dict[str, float] = {}
        began = time.process_time()
        self.judge(news or [])
        by_name["news"] = time.process_time() - began
        for controller in self.rig.controllers.in_order():
            before = time.process_time()
            controller.tick(self.rig.now_s)
            by_name[type(controller).__name__] = time.process_time() - before
        total = time.process_time() - began
        return Pass(total * 1e3, {name: cost * 1e3 for name, cost in by_name.items()})

    def changing(self) -> Iterator[list[HealthChanged]]:
        """For each pass, 1 % of the targets taken for unhealthy, or healthy again."""
        for number in itertools.count():
            state = TargetState.UNHEALTHY if number % 2 == 0 else TargetState.HEALTHY
            yield self.opinions(state, share=0.01, first=number // 2 % 100)


def _sizes(instances: int) -> Iterator[int]:
    for size in itertools.cycle(GROUP_SIZES):
        if instances <= 0:
            return
        yield min(size, instances)
        instances -= size


def measure(instances: int) -> tuple[float, float]:
    """Median milliseconds of a quiet pass and of one with changes; printed with the controllers' shares."""
    began = time.monotonic()
    fleet = Fleet(instances)
    print(f"{instances} instances, launched in {time.monotonic() - began:.1f} s")
    try:
        quiet = _report("quiet", [fleet.one_pass() for _ in range(PASSES)])
        changed = _report("1 % changed", [fleet.one_pass(news) for news in itertools.islice(fleet.changing(), PASSES)])
    finally:
        fleet.rig.close()
    return quiet, changed


def _report(name: str, passes: list[Pass]) -> float:
    median = statistics.median(one.total_ms for one in passes)
    middle = min(passes, key=lambda one: abs(one.total_ms - median))
    least, most = min(one.total_ms for one in passes), max(one.total_ms for one in passes)
    print(f"  {name:<12} median {median:>8.2f} ms   least {least:>8.2f}   most {most:>8.2f}")
    dearest = sorted(middle.by_controller_ms.items(), key=lambda item: -item[1])
    print("    " + ", ".join(f"{who} {cost:.2f}" for who, cost in dearest if cost >= 0.02))
    return median


def main(sizes: list[int]) -> int:
    costs: dict[int, float] = {}
    kept = True
    for instances in sizes:
        costs[instances] = max(measure(instances))
        aim = AIMS_MS.get(instances)
        if aim is not None and costs[instances] >= aim:
            print(f"  misses the aim of {aim:g} ms")
            kept = False
    for smaller, larger in itertools.pairwise(sorted(costs)):
        growth = costs[larger] / larger / (costs[smaller] / smaller)
        print(f"from {smaller} to {larger} instances the cost of each changes by the factor {growth:.2f}")
        kept = kept and growth <= STEEPEST
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main([int(word) for word in sys.argv[1:]] or [100, 1_000, 3_000, 10_000]))
