"""What a group is told is kept, described and taken back, also where moto drops it."""

from datetime import UTC, datetime
from typing import Any

import pytest
from web_stack import WebStack

WEB = {"AutoScalingGroupName": "web"}


@pytest.fixture
def stack(rig: Any) -> WebStack:
    return WebStack(rig.client, desired=2)


GIVEN: dict[str, Any] = {
    "AvailabilityZoneDistribution": {"CapacityDistributionStrategy": "balanced-only"},
    "AvailabilityZoneImpairmentPolicy": {
        "ZonalShiftEnabled": True,
        "ImpairedZoneHealthCheckBehavior": "ReplaceUnhealthy",
    },
    "CapacityRebalance": True,
    "Context": "shop",
    "DefaultCooldown": 10,
    "DefaultInstanceWarmup": 77,
    "DeletionProtection": "prevent-all-deletion",
    "HealthCheckGracePeriod": 0,
    "HealthCheckType": "EC2",
    "InstanceMaintenancePolicy": {"MinHealthyPercentage": 90, "MaxHealthyPercentage": 120},
    "MaxInstanceLifetime": 90_000,
    "NewInstancesProtectedFromScaleIn": True,
    "TerminationPolicies": ["NewestInstance", "Default"],
}


@pytest.mark.parametrize("updated", [False, True])
def test_what_is_given_is_described(stack: WebStack, updated: bool) -> None:
    name = "web"
    if updated:
        stack.asg.update_auto_scaling_group(**WEB, **GIVEN)
    else:
        name = "other"
        stack.asg.create_auto_scaling_group(
            AutoScalingGroupName=name,
            LaunchTemplate={"LaunchTemplateId": stack.template},
            MinSize=0,
            MaxSize=1,
            VPCZoneIdentifier=stack.subnets[0],
            **GIVEN,
        )
    (group,) = stack.asg.describe_auto_scaling_groups(AutoScalingGroupNames=[name])["AutoScalingGroups"]
    assert {field: group.get(field) for field in GIVEN} == GIVEN


def test_an_update_leaves_alone_what_it_does_not_name(stack: WebStack) -> None:
    stack.asg.update_auto_scaling_group(**WEB, **GIVEN)
    stack.asg.update_auto_scaling_group(MaxSize=4, **WEB)
    group = stack.group()
    assert {field: group.get(field) for field in GIVEN} == GIVEN


def test_settings_are_cleared_by_their_special_values(stack: WebStack) -> None:
    stack.asg.update_auto_scaling_group(**WEB, **GIVEN)
    stack.asg.update_auto_scaling_group(
        InstanceMaintenancePolicy={"MinHealthyPercentage": -1, "MaxHealthyPercentage": -1},
        DefaultInstanceWarmup=-1,
        MaxInstanceLifetime=0,
        **WEB,
    )
    assert not {"InstanceMaintenancePolicy", "DefaultInstanceWarmup", "MaxInstanceLifetime"} & set(stack.group())


def test_a_new_group_shows_awss_defaults_and_the_emulators_time(rig: Any, stack: WebStack) -> None:
    stack.asg.create_auto_scaling_group(
        AutoScalingGroupName="plain",
        LaunchTemplate={"LaunchTemplateId": stack.template},
        MinSize=0,
        MaxSize=1,
        VPCZoneIdentifier=stack.subnets[0],
    )
    (group,) = stack.asg.describe_auto_scaling_groups(AutoScalingGroupNames=["plain"])["AutoScalingGroups"]
    assert group["CreatedTime"] == datetime.fromtimestamp(rig.now_s, UTC)
    assert (group["HealthCheckGracePeriod"], group["HealthCheckType"], group["DefaultCooldown"]) == (0, "EC2", 300)
    assert group["TerminationPolicies"] == ["Default"]
    assert group["AvailabilityZoneDistribution"] == {"CapacityDistributionStrategy": "balanced-best-effort"}
    assert group["AvailabilityZoneImpairmentPolicy"]["ZonalShiftEnabled"] is False


def test_suspended_processes_say_since_when(rig: Any, stack: WebStack) -> None:
    from blackstart.emulator.controllers.activity_log import moment

    stack.asg.suspend_processes(ScalingProcesses=["Launch"], **WEB)
    at = moment(rig.now_s)
    rig.run(10)
    stack.asg.suspend_processes(ScalingProcesses=["Launch", "Terminate"], **WEB)
    reasons = {p["ProcessName"]: p["SuspensionReason"] for p in stack.group()["SuspendedProcesses"]}
    assert reasons == {
        "Launch": f"User suspended at {at}",
        "Terminate": f"User suspended at {moment(rig.now_s)}",
    }
    stack.asg.resume_processes(ScalingProcesses=["Launch"], **WEB)
    assert [p["ProcessName"] for p in stack.group()["SuspendedProcesses"]] == ["Terminate"]
    stack.asg.suspend_processes(**WEB)
    assert len(stack.group()["SuspendedProcesses"]) == 9
    stack.asg.resume_processes(**WEB)
    assert stack.group()["SuspendedProcesses"] == []


def test_target_groups_are_adding_added_in_service_and_removing(rig: Any, stack: WebStack) -> None:
    def state() -> list[tuple[str, str]]:
        groups = stack.asg.describe_load_balancer_target_groups(**WEB)["LoadBalancerTargetGroups"]
        return [(group["LoadBalancerTargetGroupARN"], group["State"]) for group in groups]

    rig.run(60)
    assert state() == [(stack.target_group, "InService")]
    assert stack.asg.describe_traffic_sources(**WEB)["TrafficSources"] == [
        {
            "Identifier": stack.target_group,
            "TrafficSource": stack.target_group,
            "Type": "elbv2",
            "State": "InService",
        }
    ]
    stack.asg.detach_load_balancer_target_groups(TargetGroupARNs=[stack.target_group], **WEB)
    rig.run(1)
    assert state() == [(stack.target_group, "Removing")]
    assert set(stack.health().values()) == {"draining"}
    rig.run(31)
    assert state() == []
    assert stack.health() == {}
    stack.asg.attach_traffic_sources(TrafficSources=[{"Identifier": stack.target_group, "Type": "elbv2"}], **WEB)
    assert state() == [(stack.target_group, "Adding")]
    assert stack.group()["TrafficSources"] == [{"Identifier": stack.target_group, "Type": "elbv2"}]
    rig.run(30)
    assert state() == [(stack.target_group, "InService")]


def test_what_a_user_registered_stays_when_the_group_lets_the_target_group_go(rig: Any, stack: WebStack) -> None:
    rig.run(60)
    image = stack.ec2.describe_instances()["Reservations"][0]["Instances"][0]["ImageId"]
    own = stack.ec2.run_instances(
        ImageId=image, InstanceType="t3.micro", MinCount=1, MaxCount=1, SubnetId=stack.subnets[0]
    )["Instances"][0]["InstanceId"]
    rig.run(30)
    stack.elb.register_targets(TargetGroupArn=stack.target_group, Targets=[{"Id": own}])
    stack.asg.detach_load_balancer_target_groups(TargetGroupARNs=[stack.target_group], **WEB)
    rig.run(60)
    assert set(stack.health()) == {own}


def test_instances_and_groups_come_in_pages(rig: Any, stack: WebStack) -> None:
    rig.run(20)
    first = stack.asg.describe_auto_scaling_instances(MaxRecords=1)
    second = stack.asg.describe_auto_scaling_instances(MaxRecords=1, NextToken=first["NextToken"])
    assert "NextToken" not in second
    found = [page["AutoScalingInstances"][0] for page in (first, second)]
    assert {member["InstanceId"] for member in found} == stack.members()
    assert found[0]["HealthStatus"] == "HEALTHY"
    assert found[0]["InstanceType"] == "t3.micro"
    assert found[0]["LaunchTemplate"]["Version"] == "1"
    unknown = stack.asg.describe_auto_scaling_instances(InstanceIds=["i-00000000000000000"])
    assert unknown["AutoScalingInstances"] == []


def test_activities_of_a_deleted_group_are_told_on_request(rig: Any, stack: WebStack) -> None:
    rig.run(30)
    stack.asg.delete_auto_scaling_group(ForceDelete=True, **WEB)
    rig.run(90)
    assert stack.asg.describe_scaling_activities()["Activities"] == []
    told = stack.asg.describe_scaling_activities(IncludeDeletedGroups=True)["Activities"]
    assert len(told) == 4
    assert {activity["AutoScalingGroupState"] for activity in told} == {"Deleted"}
    assert {activity["StatusCode"] for activity in told} == {"Successful"}


def test_lists_of_constants_are_served(stack: WebStack) -> None:
    asg = stack.asg
    assert len(asg.describe_scaling_process_types()["Processes"]) == 9
    assert asg.describe_lifecycle_hook_types()["LifecycleHookTypes"] == [
        "autoscaling:EC2_INSTANCE_LAUNCHING",
        "autoscaling:EC2_INSTANCE_TERMINATING",
    ]
    assert "Default" in asg.describe_termination_policy_types()["TerminationPolicyTypes"]
    assert len(asg.describe_adjustment_types()["AdjustmentTypes"]) == 3
    assert len(asg.describe_auto_scaling_notification_types()["AutoScalingNotificationTypes"]) == 5
    assert asg.describe_account_limits()["NumberOfAutoScalingGroups"] == 1


WITHOUT_EFFECT: dict[str, dict[str, Any]] = {
    "the EBS health checks of web find nothing": {"HealthCheckType": "EC2,EBS"},
    "the placement group of web places nothing": {"PlacementGroup": "close"},
    "the desired capacity of web counts instances, not vcpu": {"DesiredCapacityType": "vcpu"},
    "the capacity reservations of web are not used": {
        "CapacityReservationSpecification": {"CapacityReservationPreference": "capacity-reservations-first"}
    },
    "the instance lifecycle policy of web retains nothing": {
        "InstanceLifecyclePolicy": {"RetentionTriggers": {"TerminateHookAbandon": "retain"}}
    },
}


@pytest.mark.parametrize("reason", sorted(WITHOUT_EFFECT))
def test_a_setting_without_effect_is_told(rig: Any, stack: WebStack, reason: str) -> None:
    assert rig.unserved() == ()
    stack.asg.update_auto_scaling_group(**WEB, **WITHOUT_EFFECT[reason])
    assert rig.unserved() == (reason,)


def test_a_group_is_described_without_its_instances_on_request(rig: Any, stack: WebStack) -> None:
    rig.run(20)
    (group,) = stack.asg.describe_auto_scaling_groups(IncludeInstances=False)["AutoScalingGroups"]
    assert group["Instances"] == []
    assert len(stack.group()["Instances"]) == 2


def test_activities_are_filtered_by_time_and_status(rig: Any, stack: WebStack) -> None:
    def ids(**filters: str) -> set[str]:
        given = [{"Name": name, "Values": [value]} for name, value in filters.items()]
        found = stack.asg.describe_scaling_activities(Filters=given, **WEB)["Activities"]
        return {activity["ActivityId"] for activity in found}

    rig.run(60)
    launched = ids()
    middle = datetime.fromtimestamp(rig.now_s, UTC).isoformat()
    rig.run(10)
    stack.asg.set_desired_capacity(DesiredCapacity=0, **WEB)
    rig.run(1)
    assert ids(StartTimeUpperBound=middle) == ids(Status="Successful") == launched
    assert len(ids(StartTimeLowerBound=middle)) == len(ids(Status="WaitingForELBConnectionDraining")) == 2
    assert ids(StartTimeLowerBound=middle, Status="Successful") == set()
