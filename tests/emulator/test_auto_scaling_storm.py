"""Sixteen callers at once do to two groups whatever the API offers; then everything must be as it should.

`BLACKSTART_STORM_REAL_S=120` makes it last two minutes of wall time; the counts of calls and refusals are printed.
"""

import json
import os
import time
import urllib.request
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import group_invariants as invariants
import running_emulator as support
import web_stack
from botocore.config import Config
from botocore.exceptions import ClientError
from group_storm import HOOKS, Caller

CALLERS = 16
STORM_REAL_S = float(os.environ.get("BLACKSTART_STORM_REAL_S", "8"))
QUIET_WITHIN_REAL_S = 90.0
WANTED = 5


def test_sixteen_concurrent_callers_leave_groups_in_order(tmp_path: Path) -> None:
    with support.emulators(tmp_path) as start:
        running = start("--instances", "light", speed=60.0)
        stack = web_stack.WebStack(running.client, desired=3, deregistration_delay_s=20)
        names = prepare(stack)
        callers = [
            Caller(seed, clients(running), names, stack.target_group, foreign_instance(stack))
            for seed in range(CALLERS)
        ]
        wrong, looks = storm(callers, stack)
        told, refused = (
            sum((c.told for c in callers), Counter[str]()),
            sum((c.refused for c in callers), Counter[str]()),
        )
        print(json.dumps({"calls": told, "refusals": refused, "checks": looks}, indent=1))
        assert wrong == []
        assert [each for caller in callers for each in caller.wrong] == []
        calm(stack, names, set().union(*(caller.unregistered for caller in callers)))
        deadline = time.monotonic() + QUIET_WITHIN_REAL_S
        while not invariants.quiet(stack.asg) and time.monotonic() < deadline:
            time.sleep(0.3)
        detached = set().union(*(caller.detached for caller in callers))
        foreign = {caller.foreign for caller in callers}
        found = invariants.when_quiet(stack.asg, stack.elb, stack.ec2, foreign=foreign, detached=detached)
        assert found == []
        assert status(running)["failures"] == []


def prepare(stack: web_stack.WebStack) -> list[str]:
    """Two groups with policies, the first behind the load balancer."""
    stack.asg.create_auto_scaling_group(
        AutoScalingGroupName="work",
        LaunchTemplate={"LaunchTemplateId": stack.template, "Version": "1"},
        MinSize=0,
        MaxSize=6,
        DesiredCapacity=2,
        VPCZoneIdentifier=",".join(stack.subnets[:2]),
    )
    stack.asg.update_auto_scaling_group(AutoScalingGroupName="web", MaxSize=6, HealthCheckGracePeriod=30)
    for name in ("web", "work"):
        for policy, change in (("out", 1), ("in", -1)):
            stack.asg.put_scaling_policy(
                AutoScalingGroupName=name,
                PolicyName=policy,
                AdjustmentType="ChangeInCapacity",
                ScalingAdjustment=change,
                Cooldown=0,
            )
    return ["web", "work"]


def foreign_instance(stack: web_stack.WebStack) -> str:
    """An instance that users register as a target themselves."""
    found = stack.ec2.run_instances(
        LaunchTemplate={"LaunchTemplateId": stack.template}, MinCount=1, MaxCount=1, SubnetId=stack.subnets[0]
    )
    return str(found["Instances"][0]["InstanceId"])


def clients(running: support.RunningEmulator) -> Any:
    """Clients of one caller's own: connections are not shared."""
    made: dict[str, Any] = {}

    def client(service: str) -> Any:
        if service not in made:
            config = Config(retries={"total_max_attempts": 1}, read_timeout=60)
            made[service] = support.SESSION.client(service, endpoint_url=running.status.endpoint, config=config)
        return made[service]

    return client


def storm(callers: list[Caller], stack: web_stack.WebStack) -> tuple[list[str], int]:
    """All callers at once, and one who looks. What was wrong, and how often it was looked."""
    deadline = time.monotonic() + STORM_REAL_S
    wrong: list[str] = []

    def call(caller: Caller) -> None:
        while time.monotonic() < deadline:
            caller.call_once()

    looks = 0
    with ThreadPoolExecutor(CALLERS) as pool:
        ended = [pool.submit(call, caller) for caller in callers]
        while time.monotonic() < deadline:
            wrong += invariants.always(invariants.groups(stack.asg))
            wrong += invariants.targets_always(stack.elb, [stack.target_group])
            looks += 1
            time.sleep(0.05)
        for each in ended:
            each.result()
    return wrong, looks


def calm(stack: web_stack.WebStack, names: list[str], anew: set[str]) -> None:
    """Take back what keeps the groups from going to rest, and want five instances of each; of those in `anew`, new
    ones.
    """
    for name in names:
        named = {"AutoScalingGroupName": name}
        for hook in HOOKS:
            forgiving(stack.asg.delete_lifecycle_hook, LifecycleHookName=hook, **named)
        stack.asg.resume_processes(**named)
        forgiving(stack.asg.cancel_instance_refresh, WaitForTransitioningInstances=False, **named)
        forgiving(stack.asg.delete_warm_pool, ForceDelete=True, **named)
        stack.asg.update_auto_scaling_group(MinSize=0, MaxSize=12, **named)
        support.until(lambda name=name: settled(stack.asg, name), within_real_s=QUIET_WITHIN_REAL_S)
        for member in members_of(stack.asg, name):
            if member["LifecycleState"] == "Standby":
                forgiving(stack.asg.exit_standby, InstanceIds=[member["InstanceId"]], **named)
            elif member["LifecycleState"] == "InService":
                forgiving(
                    stack.asg.set_instance_protection,
                    InstanceIds=[member["InstanceId"]],
                    ProtectedFromScaleIn=False,
                    **named,
                )
        if name in anew:
            stack.asg.update_auto_scaling_group(DesiredCapacity=0, **named)
            support.until(lambda name=name: not members_of(stack.asg, name), within_real_s=QUIET_WITHIN_REAL_S)
        stack.asg.update_auto_scaling_group(DesiredCapacity=WANTED, **named)


def members_of(asg: Any, name: str) -> list[dict[str, Any]]:
    (group,) = asg.describe_auto_scaling_groups(AutoScalingGroupNames=[name])["AutoScalingGroups"]
    found: list[dict[str, Any]] = group["Instances"]
    return found


def settled(asg: Any, name: str) -> bool:
    """Whether every member is in service or stands by."""
    return all(member["LifecycleState"] in ("InService", "Standby") for member in members_of(asg, name))


def forgiving(call: Any, **parameters: Any) -> None:
    try:
        call(**parameters)
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] >= 500:
            raise


def status(running: support.RunningEmulator) -> dict[str, Any]:
    with urllib.request.urlopen(f"{running.status.endpoint}/_emulator/status", timeout=10) as answer:
        found: dict[str, Any] = json.load(answer)
    return found
