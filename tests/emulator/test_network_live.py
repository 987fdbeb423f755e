"""The network's cuts with real sockets: what a client, a target and a health check see of them."""

import http.client
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import running_emulator as support
import web_stack
from dnslib import DNSRecord

SERVED_PORT = 8080  # port 80, served 8000 higher
CUT_REAL_S = 0.6


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with support.emulators(tmp_path_factory.mktemp("network")) as start:
        yield start(speed=60.0)


@pytest.fixture(scope="module")
def stack(emulator: Any) -> Any:
    made = web_stack.WebStack(emulator.client, desired=3)
    support.until(lambda: len(made.healthy()) == 3)
    return made


def node_addresses(emulator: Any, stack: Any) -> list[str]:
    name = stack.elb.describe_load_balancers(LoadBalancerArns=[stack.balancer])["LoadBalancers"][0]["DNSName"]
    dns = emulator.status.dns
    return [str(answer.rdata) for answer in DNSRecord.parse(DNSRecord.question(name).send(dns.address, dns.port)).rr]


@contextmanager
def revoked(stack: Any, group: str) -> Iterator[None]:
    """Without a security group's inbound rules."""
    permissions = stack.ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"][0]["IpPermissions"]
    stack.ec2.revoke_security_group_ingress(GroupId=group, IpPermissions=permissions)
    yield
    stack.ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=permissions)


def connects(address: str) -> bool:
    try:
        socket.create_connection((address, SERVED_PORT), timeout=CUT_REAL_S).close()
    except TimeoutError:
        return False
    return True


def reasons(stack: Any) -> set[str | None]:
    described = stack.elb.describe_target_health(TargetGroupArn=stack.target_group)["TargetHealthDescriptions"]
    return {target["TargetHealth"].get("Reason") for target in described}


def test_a_cut_of_the_instances_group_lets_health_checks_time_out_until_it_is_undone(emulator: Any, stack: Any) -> None:
    stack.asg.suspend_processes(AutoScalingGroupName="web", ScalingProcesses=["HealthCheck"])
    with revoked(stack, stack.instances_group):
        support.until(lambda: reasons(stack) == {"Target.Timeout"})
    support.until(lambda: len(stack.healthy()) == 3)


def test_a_cut_of_the_load_balancers_group_drops_new_clients_silently_until_it_is_undone(
    emulator: Any, stack: Any
) -> None:
    addresses = node_addresses(emulator, stack)
    assert all(connects(address) for address in addresses)
    with revoked(stack, stack.balancer_group):
        support.until(lambda: not connects(addresses[0]))
        assert not any(connects(address) for address in addresses)
    support.until(lambda: connects(addresses[0]))


def test_a_zonal_shift_takes_a_zone_out_of_dns_and_its_targets_out_of_the_other_nodes_rotation(
    emulator: Any, stack: Any
) -> None:
    stack.elb.modify_load_balancer_attributes(
        LoadBalancerArn=stack.balancer, Attributes=[{"Key": "zonal_shift.config.enabled", "Value": "true"}]
    )
    arc = emulator.client("arc-zonal-shift")
    shift = arc.start_zonal_shift(
        resourceIdentifier=stack.balancer, awayFrom="use1-az1", expiresIn="1h", comment="us-east-1b is impaired"
    )
    support.until(lambda: len(node_addresses(emulator, stack)) == 2)
    assert {zone_of(address) for address in node_addresses(emulator, stack) for _ in range(6)} == {
        "us-east-1a",
        "us-east-1c",
    }
    arc.cancel_zonal_shift(zonalShiftId=shift["zonalShiftId"])
    support.until(lambda: len(node_addresses(emulator, stack)) == 3)


def zone_of(address: str) -> str | None:
    """The zone of the instance that answers a request to a node."""
    client = http.client.HTTPConnection(address, SERVED_PORT, timeout=5)
    client.request("GET", "/")
    answer = client.getresponse()
    answer.read()
    client.close()
    return answer.getheader("X-Zone")


def test_a_tracked_client_lives_on_when_new_ones_are_cut_off(emulator: Any, stack: Any) -> None:
    """Without a rule that lets everything out, connections are tracked."""
    to_instances = [{"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": stack.instances_group}]}]
    stack.ec2.authorize_security_group_egress(GroupId=stack.balancer_group, IpPermissions=to_instances)
    everything = [{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]
    stack.ec2.revoke_security_group_egress(GroupId=stack.balancer_group, IpPermissions=everything)
    (address, *_) = node_addresses(emulator, stack)
    client = http.client.HTTPConnection(address, SERVED_PORT, timeout=5)

    def status() -> int:
        client.request("GET", "/")
        answer = client.getresponse()
        answer.read()
        return answer.status

    assert status() == 200
    with revoked(stack, stack.balancer_group):
        support.until(lambda: not connects(address))
        assert status() == 200
    client.close()
