"""What the network keeps from a stack's load balancer, its clients and its targets, in the snapshots that follow."""

from typing import Any

import pytest
import web_stack

from blackstart.emulator.snapshot import Reach, Snapshot


@pytest.fixture
def stack(rig: Any) -> Any:
    made = web_stack.WebStack(rig.client)
    rig.run(40, step_s=5)
    return made


def newest(rig: Any) -> Snapshot:
    rig.tick()
    snapshot: Snapshot = rig.snapshots[-1]
    return snapshot


def test_a_stack_as_aws_recommends_is_not_cut_off_anywhere(rig: Any, stack: Any) -> None:
    snapshot = newest(rig)
    assert [node.listeners_cut for node in snapshot.load_balancers[0].nodes] == [{}, {}, {}]
    assert {str((target.reach_from, target.check_reach_from)) for target in snapshot.target_groups[0].targets} == {
        "({}, {})"
    }
    assert rig.controllers.network.explanations() == ()


def test_a_subnet_for_which_no_zone_is_named_lies_in_the_first_of_the_region(rig: Any) -> None:
    ec2 = rig.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    made = [ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.0.{number}.0/24")["Subnet"] for number in range(8)]
    assert {subnet["AvailabilityZone"] for subnet in made} == {"us-east-1a"}


def test_a_cut_of_the_load_balancers_group_reaches_the_data_plane_and_is_explained(rig: Any, stack: Any) -> None:
    permissions = stack.ec2.describe_security_groups(GroupIds=[stack.balancer_group])["SecurityGroups"][0][
        "IpPermissions"
    ]
    stack.ec2.revoke_security_group_ingress(GroupId=stack.balancer_group, IpPermissions=permissions)
    nodes = newest(rig).load_balancers[0].nodes
    assert [node.listeners_cut for node in nodes] == [{80: Reach.SILENT}] * 3  # open to all, so never tracked
    assert "port 80 is closed to clients" in rig.controllers.network.explanations()[0]
    stack.ec2.authorize_security_group_ingress(GroupId=stack.balancer_group, IpPermissions=permissions)
    assert [node.listeners_cut for node in newest(rig).load_balancers[0].nodes] == [{}, {}, {}]


def test_a_cut_of_the_instances_group_is_told_by_node_zone_for_traffic_and_checks(rig: Any, stack: Any) -> None:
    stack.elb.modify_target_group(TargetGroupArn=stack.target_group, HealthCheckPort="9000")
    permissions = stack.ec2.describe_security_groups(GroupIds=[stack.instances_group])["SecurityGroups"][0][
        "IpPermissions"
    ]
    newest(rig)
    stack.ec2.revoke_security_group_ingress(GroupId=stack.instances_group, IpPermissions=permissions)
    (narrow,) = permissions
    traffic_only = {**narrow, "FromPort": 8080, "ToPort": 8080}
    stack.ec2.authorize_security_group_ingress(GroupId=stack.instances_group, IpPermissions=[traffic_only])
    for target in newest(rig).target_groups[0].targets:
        assert target.reach_from == {}
        assert target.check_reach_from == dict.fromkeys(web_stack.ZONES, Reach.TRACKED)


def test_an_acl_of_one_zone_cuts_that_zones_node_off_from_the_others_and_its_clients(rig: Any, stack: Any) -> None:
    vpc = stack.ec2.describe_subnets(SubnetIds=stack.subnets[:1])["Subnets"][0]["VpcId"]
    closed = stack.ec2.create_network_acl(VpcId=vpc)["NetworkAcl"]["NetworkAclId"]
    (acl,) = stack.ec2.describe_network_acls(Filters=[{"Name": "association.subnet-id", "Values": [stack.subnets[0]]}])[
        "NetworkAcls"
    ]
    held = next(one for one in acl["Associations"] if one["SubnetId"] == stack.subnets[0])
    stack.ec2.replace_network_acl_association(AssociationId=held["NetworkAclAssociationId"], NetworkAclId=closed)
    snapshot = newest(rig)
    cut = {node.zone: node.listeners_cut for node in snapshot.load_balancers[0].nodes}
    first, second, third = web_stack.ZONES
    assert cut == {first: {80: Reach.SILENT}, second: {}, third: {}}
    by_zone = {target.zone: target.reach_from for target in snapshot.target_groups[0].targets}
    assert by_zone == {
        first: {second: Reach.SILENT, third: Reach.SILENT},
        second: {first: Reach.SILENT},
        third: {first: Reach.SILENT},
    }
