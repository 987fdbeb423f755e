"""Callers that do to Auto Scaling groups whatever the API offers, each as its own seed says. Imported by name."""

import random
from collections import Counter
from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError

PROCESSES = [
    *("Launch", "Terminate", "AddToLoadBalancer", "AlarmNotification", "AZRebalance", "HealthCheck"),
    *("InstanceRefresh", "ReplaceUnhealthy", "ScheduledActions"),
]
HOOKS = {"arriving": "autoscaling:EC2_INSTANCE_LAUNCHING", "going": "autoscaling:EC2_INSTANCE_TERMINATING"}
MINIMUM, MAXIMUM = 1, 6
REFUSALS = frozenset(
    {
        *("ValidationError", "ScalingActivityInProgress", "ResourceContention", "ResourceInUse", "LimitExceeded"),
        *("ActiveInstanceRefreshNotFound", "InstanceRefreshInProgress", "IrreversibleInstanceRefresh"),
        *("IncorrectInstanceState", "IncorrectState", "InvalidInstanceID.NotFound", "UnsupportedOperation"),
        *("InvalidTarget", "OperationNotPermitted"),
    }
)
"""AWS's codes for what a caller who knows only an old state may ask in vain."""


class Caller:
    """One of many. foreign: an instance of no group; told: how often which call was made, refused: and refused.

    detached: whom it meant to detach. unregistered: groups that may have members which join no target group, ever,
    for they were launched while AddToLoadBalancer was suspended.
    """

    def __init__(
        self, seed: int, client: Callable[[str], Any], names: list[str], target_group: str, foreign: str
    ) -> None:
        self.random = random.Random(seed)
        self.asg, self.ec2, self.elb = client("autoscaling"), client("ec2"), client("elbv2")
        self.names, self.target_group, self.foreign = names, target_group, foreign
        self.told: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()
        self.wrong: list[str] = []
        self.detached: set[str] = set()
        self.unregistered: set[str] = set()
        self.calls: list[Callable[[str], None]] = [
            *([self.set_desired] * 4),
            *([self.terminate_here, self.terminate_there, self.stop, self.start] * 2),
            *([self.detach, self.attach, self.stand_by, self.come_back] * 2),
            *(self.resize, self.protect, self.set_health, self.suspend, self.resume, self.resume, self.answer_hook),
            *(self.refresh, self.cancel, self.roll_back, self.execute, self.register, self.deregister, self.tag),
            *(self.put_pool, self.delete_pool, self.put_hook, self.delete_hook, self.look),
        ]

    def call_once(self) -> None:
        """Any call for any group; refusals are counted, anything but a refusal is wrong."""
        call = self.random.choice(self.calls)
        self.told[call.__name__] += 1
        try:
            call(self.random.choice(self.names))
        except ClientError as error:
            code, status = error.response["Error"]["Code"], error.response["ResponseMetadata"]["HTTPStatusCode"]
            self.refused[code] += 1
            if status >= 500 or code not in REFUSALS:
                self.wrong.append(f"{call.__name__}: {status} {code}: {error.response['Error'].get('Message')}")

    def members(self, name: str, *states: str) -> list[str]:
        (group,) = self.asg.describe_auto_scaling_groups(AutoScalingGroupNames=[name])["AutoScalingGroups"]
        return [m["InstanceId"] for m in group["Instances"] if not states or m["LifecycleState"] in states]

    def one(self, name: str, *states: str) -> str:
        """A member, or an id that is none."""
        return self.random.choice(self.members(name, *states) or ["i-00000000000000000"])

    def coin(self) -> bool:
        return self.random.random() < 0.5

    def set_desired(self, name: str) -> None:
        wanted = self.random.randint(MINIMUM - 1, MAXIMUM + 1)
        self.asg.set_desired_capacity(AutoScalingGroupName=name, DesiredCapacity=wanted, HonorCooldown=self.coin())

    def resize(self, name: str) -> None:
        low, high = sorted(self.random.sample(range(MAXIMUM + 1), 2))
        self.asg.update_auto_scaling_group(AutoScalingGroupName=name, MinSize=low, MaxSize=high)

    def terminate_here(self, name: str) -> None:
        self.asg.terminate_instance_in_auto_scaling_group(
            InstanceId=self.one(name), ShouldDecrementDesiredCapacity=self.coin()
        )

    def terminate_there(self, name: str) -> None:
        self.ec2.terminate_instances(InstanceIds=[self.one(name)])

    def stop(self, name: str) -> None:
        self.ec2.stop_instances(InstanceIds=[self.one(name)])

    def start(self, name: str) -> None:
        self.ec2.start_instances(InstanceIds=[self.one(name)])

    def detach(self, name: str) -> None:
        instance_id = self.one(name, "InService")
        self.detached.add(instance_id)
        self.asg.detach_instances(
            AutoScalingGroupName=name, InstanceIds=[instance_id], ShouldDecrementDesiredCapacity=self.coin()
        )

    def attach(self, name: str) -> None:
        instance_id = self.random.choice(sorted(self.detached) or ["i-00000000000000000"])
        self.asg.attach_instances(AutoScalingGroupName=name, InstanceIds=[instance_id])

    def stand_by(self, name: str) -> None:
        self.asg.enter_standby(
            AutoScalingGroupName=name,
            InstanceIds=[self.one(name, "InService")],
            ShouldDecrementDesiredCapacity=self.coin(),
        )

    def come_back(self, name: str) -> None:
        self.asg.exit_standby(AutoScalingGroupName=name, InstanceIds=[self.one(name, "Standby")])

    def protect(self, name: str) -> None:
        self.asg.set_instance_protection(
            AutoScalingGroupName=name, InstanceIds=[self.one(name)], ProtectedFromScaleIn=self.coin()
        )

    def set_health(self, name: str) -> None:
        health = "Healthy" if self.coin() else "Unhealthy"
        self.asg.set_instance_health(
            InstanceId=self.one(name), HealthStatus=health, ShouldRespectGracePeriod=self.coin()
        )

    def suspend(self, name: str) -> None:
        process = self.random.choice(PROCESSES)
        if process == "AddToLoadBalancer":
            self.unregistered.add(name)
        self.asg.suspend_processes(AutoScalingGroupName=name, ScalingProcesses=[process])

    def resume(self, name: str) -> None:
        self.asg.resume_processes(AutoScalingGroupName=name)

    def put_hook(self, name: str) -> None:
        hook, transition = self.random.choice(sorted(HOOKS.items()))
        self.asg.put_lifecycle_hook(
            AutoScalingGroupName=name,
            LifecycleHookName=hook,
            LifecycleTransition=transition,
            HeartbeatTimeout=30,
            DefaultResult="CONTINUE" if self.coin() else "ABANDON",
        )

    def delete_hook(self, name: str) -> None:
        self.asg.delete_lifecycle_hook(AutoScalingGroupName=name, LifecycleHookName=self.random.choice(sorted(HOOKS)))

    def answer_hook(self, name: str) -> None:
        self.asg.complete_lifecycle_action(
            AutoScalingGroupName=name,
            LifecycleHookName=self.random.choice(sorted(HOOKS)),
            LifecycleActionResult="CONTINUE" if self.coin() else "ABANDON",
            InstanceId=self.one(name, "Pending:Wait", "Terminating:Wait"),
        )

    def refresh(self, name: str) -> None:
        preferences: dict[str, Any] = {"MinHealthyPercentage": self.random.choice([0, 50, 90, 100])}
        if self.coin():
            preferences["MaxHealthyPercentage"] = 100
        preferences["InstanceWarmup"] = self.random.choice([0, 60])
        self.asg.start_instance_refresh(AutoScalingGroupName=name, Preferences=preferences)

    def cancel(self, name: str) -> None:
        self.asg.cancel_instance_refresh(AutoScalingGroupName=name, WaitForTransitioningInstances=self.coin())

    def roll_back(self, name: str) -> None:
        self.asg.rollback_instance_refresh(AutoScalingGroupName=name)

    def execute(self, name: str) -> None:
        self.asg.execute_policy(AutoScalingGroupName=name, PolicyName=self.random.choice(["out", "in"]))

    def register(self, _name: str) -> None:
        self.elb.register_targets(TargetGroupArn=self.target_group, Targets=[{"Id": self.foreign}])

    def deregister(self, _name: str) -> None:
        self.elb.deregister_targets(TargetGroupArn=self.target_group, Targets=[{"Id": self.foreign}])

    def tag(self, name: str) -> None:
        tag = {"ResourceId": name, "ResourceType": "auto-scaling-group", "Key": "mood", "PropagateAtLaunch": True}
        self.asg.create_or_update_tags(Tags=[{**tag, "Value": str(self.random.random())}])

    def put_pool(self, name: str) -> None:
        self.asg.put_warm_pool(
            AutoScalingGroupName=name,
            MaxGroupPreparedCapacity=self.random.choice([-1, 2, 4]),
            PoolState=self.random.choice(["Stopped", "Running"]),
            InstanceReusePolicy={"ReuseOnScaleIn": self.coin()},
        )

    def delete_pool(self, name: str) -> None:
        self.asg.delete_warm_pool(AutoScalingGroupName=name, ForceDelete=self.coin())

    def look(self, name: str) -> None:
        self.asg.describe_scaling_activities(AutoScalingGroupName=name)
        self.asg.describe_warm_pool(AutoScalingGroupName=name)
        self.asg.describe_instance_refreshes(AutoScalingGroupName=name)
        self.asg.describe_auto_scaling_instances()
