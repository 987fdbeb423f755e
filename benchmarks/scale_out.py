"""A group scaled from 30 to 300 instances and back by its policies, on the emulator's own clock.

Run `python benchmarks/scale_out.py [SPEED]` (default 30). A whole emulator, with light instances behind a load
balancer: a metric of our own rises, an alarm invokes a simple policy that doubles the group, again and again as each
cooldown ends, until all 300 targets are healthy; then it falls, and another policy takes 90 away at a time until 30
members are left. How long that should take follows from what is declared: an alarm's actions are repeated each minute,
a cooldown begins when the activities before it have ended, an activity lasts as long as EC2 takes to run an instance or
the load balancer and EC2 take to let go of one, and the last instances boot and are checked. Time counts from the first
activity of each way, so that waiting for the alarm itself does not. Takes two minutes. Launching 120 instances keeps
the emulator busy for half a second; where processors are short that is more, and shows at this speed.

Exits with 1 when a way takes 10 % more or less than predicted, or not every target becomes healthy.
"""

import sys
import threading
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any

from emulator_under_test import IMAGE_PARAMETER, ZONES, Emulator, emulator

from blackstart.emulator.parameters import Parameters

SPEED = 30.0
LEAST, MOST = 30, 300
GROWTH_PERCENT, SHRINKAGE = 100, 90
COOLDOWN_S, MINUTE_S = 300, 60.0  # AWS's default cooldown
CHECK = {
    "HealthCheckIntervalSeconds": 10,
    "HealthCheckTimeoutSeconds": 5,
    "HealthyThresholdCount": 2,
    "UnhealthyThresholdCount": 2,
}
DEREGISTRATION_DELAY_S = 20
TOLERANCE = 0.1
PATIENCE_REAL_S = 300.0
METRIC: dict[str, Any] = {"Namespace": "bench", "MetricName": "load"}


class Way:
    """One way of the group. sizes: the desired capacities that the policy asks for in turn.

    activity_s: how long the activities of one step last; last_s: what comes after the last step's activities.
    """

    def __init__(self, name: str, sizes: list[int], activity_s: float, last_s: float) -> None:
        self.name = name
        self.sizes = sizes
        self.activity_s = activity_s
        self.last_s = last_s

    @property
    def predicted_s(self) -> float:
        """From the first step to the end: each next step at the first repetition after the cooldown."""
        since_s = 0.0
        for _ in self.sizes[1:]:
            over_s = since_s + self.activity_s + COOLDOWN_S
            since_s += MINUTE_S * -(-(over_s - since_s) // MINUTE_S)
        return since_s + self.activity_s + self.last_s


def ways(parameters: Parameters) -> tuple[Way, Way]:
    """Out and in, as the declared settings and the emulator's parameters make them."""
    out, size = [], LEAST
    while size < MOST:
        size = min(MOST, size + size * GROWTH_PERCENT // 100)
        out.append(size)
    back = list(range(MOST - SHRINKAGE, LEAST - 1, -SHRINKAGE))
    first_check_s = CHECK["HealthCheckIntervalSeconds"] / 2  # one success makes a new target healthy; on average
    return (
        Way("out", out, parameters.pending_s, parameters.boot_s + first_check_s),
        Way("in", back, DEREGISTRATION_DELAY_S + parameters.shutting_down_s, 0.0),
    )


class Group:
    """The group, its load balancer, its policies and alarms."""

    def __init__(self, under_test: Emulator) -> None:
        self.under_test = under_test
        ec2, self.elb = under_test.client("ec2"), under_test.client("elbv2")
        self.scaling, self.cloudwatch = under_test.client("autoscaling"), under_test.client("cloudwatch")
        self.load = 50.0
        vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        subnets = [
            ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.0.{index * 16}.0/20", AvailabilityZone=zone)["Subnet"][
                "SubnetId"
            ]
            for index, zone in enumerate(ZONES)
        ]
        open_group = ec2.create_security_group(GroupName="open", Description="open", VpcId=vpc)["GroupId"]
        rule = {"IpProtocol": "tcp", "FromPort": 80, "ToPort": 8080, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
        ec2.authorize_security_group_ingress(GroupId=open_group, IpPermissions=[rule])
        balancer = self.elb.create_load_balancer(Name="web", Subnets=subnets, SecurityGroups=[open_group])
        self.target_group = self.elb.create_target_group(
            Name="web", Protocol="HTTP", Port=8080, VpcId=vpc, HealthCheckPath="/healthz", **CHECK
        )["TargetGroups"][0]["TargetGroupArn"]
        delay = {"Key": "deregistration_delay.timeout_seconds", "Value": str(DEREGISTRATION_DELAY_S)}
        self.elb.modify_target_group_attributes(TargetGroupArn=self.target_group, Attributes=[delay])
        self.elb.create_listener(
            LoadBalancerArn=balancer["LoadBalancers"][0]["LoadBalancerArn"],
            Protocol="HTTP",
            Port=80,
            DefaultActions=[{"Type": "forward", "TargetGroupArn": self.target_group}],
        )
        image = under_test.client("ssm").get_parameter(Name=IMAGE_PARAMETER)["Parameter"]["Value"]
        data = {"ImageId": image, "InstanceType": "t3.micro", "SecurityGroupIds": [open_group]}
        template = ec2.create_launch_template(LaunchTemplateName="web", LaunchTemplateData=data)["LaunchTemplate"]
        self.scaling.create_auto_scaling_group(
            AutoScalingGroupName="web",
            LaunchTemplate={"LaunchTemplateId": template["LaunchTemplateId"]},
            MinSize=LEAST,
            MaxSize=MOST,
            VPCZoneIdentifier=",".join(subnets),
            TargetGroupARNs=[self.target_group],
            HealthCheckType="ELB",
            HealthCheckGracePeriod=120,
            DefaultCooldown=COOLDOWN_S,
        )
        self._policy("out", "PercentChangeInCapacity", GROWTH_PERCENT, "GreaterThanThreshold", 70.0)
        self._policy("in", "ChangeInCapacity", -SHRINKAGE, "LessThanThreshold", 30.0)

    def healthy(self) -> int:
        described = self.elb.describe_target_health(TargetGroupArn=self.target_group)["TargetHealthDescriptions"]
        return sum(target["TargetHealth"]["State"] == "healthy" for target in described)

    def members(self) -> int:
        described = self.scaling.describe_auto_scaling_groups(AutoScalingGroupNames=["web"])["AutoScalingGroups"]
        return len(described[0]["Instances"])

    def first_activity_s(self, after_s: float) -> float:
        """When the first activity after a time began."""
        pages = self.scaling.get_paginator("describe_scaling_activities").paginate(AutoScalingGroupName="web")
        starts: list[datetime] = [activity["StartTime"] for page in pages for activity in page["Activities"]]
        return min(start.timestamp() for start in starts if start.timestamp() >= after_s - 1)

    def report_load(self, stopped: threading.Event) -> None:
        """Put the metric twice a virtual minute."""
        while not stopped.wait(self.under_test.started.anchor.real_s(MINUTE_S / 2)):
            self.cloudwatch.put_metric_data(
                Namespace=METRIC["Namespace"], MetricData=[{"MetricName": METRIC["MetricName"], "Value": self.load}]
            )

    def _policy(self, name: str, adjustment: str, by: int, operator: str, threshold: float) -> None:
        policy = self.scaling.put_scaling_policy(
            AutoScalingGroupName="web",
            PolicyName=name,
            PolicyType="SimpleScaling",
            AdjustmentType=adjustment,
            ScalingAdjustment=by,
            Cooldown=COOLDOWN_S,
        )
        self.cloudwatch.put_metric_alarm(
            **METRIC,
            AlarmName=name,
            Statistic="Average",
            Period=int(MINUTE_S),
            EvaluationPeriods=1,
            Threshold=threshold,
            ComparisonOperator=operator,
            AlarmActions=[policy["PolicyARN"]],
        )


def go(group: Group, way: Way, load: float, counted: Callable[[], int], wanted: int) -> bool:
    """Let the group go one way; whether it took as long as predicted."""
    began_s, give_up_at = group.under_test.now_s(), time.monotonic() + PATIENCE_REAL_S
    group.load = load
    while (count := counted()) != wanted:
        if time.monotonic() > give_up_at:
            print(f"scaling {way.name}: {count} of {wanted} after {PATIENCE_REAL_S:g} s of wall time")
            return False
        time.sleep(0.1)
    took_s = group.under_test.now_s() - group.first_activity_s(began_s)
    group.load = 50.0
    ratio = took_s / way.predicted_s
    steps = " -> ".join(map(str, way.sizes))
    print(f"scaling {way.name} to {steps}: {took_s:.0f} s, predicted {way.predicted_s:.0f} s, ratio {ratio:.2f}")
    return abs(ratio - 1) <= TOLERANCE


def main(speed: float) -> int:
    out, back = ways(Parameters())
    with emulator(speed, options=("--instances", "light")) as under_test:
        group, stopped = Group(under_test), threading.Event()
        reporting = threading.Thread(target=group.report_load, args=(stopped,), daemon=True)
        reporting.start()
        try:
            give_up_at = time.monotonic() + PATIENCE_REAL_S
            while group.healthy() < LEAST:
                if time.monotonic() > give_up_at:
                    raise SystemExit(f"only {group.healthy()} of the first {LEAST} targets became healthy")
                time.sleep(0.2)
            under_test.wait_s(COOLDOWN_S + MINUTE_S)
            kept = go(group, out, 90.0, group.healthy, MOST)
            under_test.wait_s(COOLDOWN_S + MINUTE_S)
            kept = go(group, back, 10.0, group.members, LEAST) and kept
        finally:
            stopped.set()
            reporting.join(10)
        status = under_test.status()
        print(f"lag {status['lag_real_s'] * 1e3:.0f} ms; {len(status['failures'])} failures of the emulator itself")
        for line in (*status["failures"], *status["problems"]):
            print(f"  {line}")
        return 0 if kept and not status["failures"] else 1


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1]) if len(sys.argv) > 1 else SPEED))
