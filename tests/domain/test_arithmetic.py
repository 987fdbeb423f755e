"""The arithmetic that every room rests on."""

from ipaddress import IPv4Network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blackstart.domain.addressing import plan_subnets
from blackstart.domain.clock import Anchor
from blackstart.domain.emulator_status import served_port
from blackstart.domain.failover import detection, expected_bad_ratio
from blackstart.domain.static_stability import static_stability
from blackstart.domain.target_health import HealthCheck
from blackstart.domain.verdict import EXIT_CODES, PRECEDENCE, Verdict, overall


@given(peak=st.integers(1, 500), zones=st.integers(2, 6))
def test_two_of_three_zones_carry_the_peak_and_one_instance_fewer_would_not(peak, zones):
    capacity = static_stability(peak, zones)
    assert capacity.total - capacity.per_zone >= peak
    assert (capacity.per_zone - 1) * (zones - 1) < peak


def test_six_instances_over_three_zones_carry_a_peak_of_four():
    assert static_stability(4, 3).total == 6


def test_one_zone_cannot_lose_a_zone():
    with pytest.raises(ValueError, match="at least 2"):
        static_stability(4, 1)


@given(prefix=st.integers(16, 24), zones=st.integers(1, 4))
def test_planned_subnets_lie_in_the_vpc_and_never_overlap(prefix, zones):
    vpc = IPv4Network(f"10.0.0.0/{prefix}")
    planned = plan_subnets(str(vpc), [f"zone-{n}" for n in range(zones)])
    blocks = [IPv4Network(block) for z in planned for block in (z.public_cidr, z.private_cidr)]
    assert all(block.subnet_of(vpc) for block in blocks)
    assert not any(a.overlaps(b) for i, a in enumerate(blocks) for b in blocks[:i])


def test_a_fourth_zone_moves_no_block_of_the_first_three():
    three, four = (plan_subnets("10.0.0.0/16", "abcd"[:n]) for n in (3, 4))
    assert four[:3] == three


@pytest.mark.parametrize("cidr", ["10.0.0.1/16", "10.0.0.0/8", "10.0.0.0/28", "ten"])
def test_a_block_that_cannot_be_a_vpc_is_refused(cidr):
    with pytest.raises(ValueError, match=r".+"):
        plan_subnets(cidr, ["a"])


@given(st.integers(0, 10**15), st.floats(0.1, 200))
def test_virtual_time_and_monotonic_time_are_inverse(later_ns, speed):
    anchor = Anchor(monotonic_ns=5_000_000_000, epoch_s=1.8e9, speed=speed)
    now_ns = anchor.monotonic_ns + later_ns
    assert anchor.monotonic_ns_at(anchor.time_s(now_ns)) == pytest.approx(now_ns, abs=10_000)


def test_ten_wall_seconds_at_speed_ten_are_a_hundred_virtual_seconds():
    anchor = Anchor(monotonic_ns=0, epoch_s=0.0, speed=10)
    assert anchor.time_s(10_000_000_000) == pytest.approx(100.0)
    assert anchor.real_s(100.0) == pytest.approx(10.0)


def test_a_refused_connection_is_noticed_without_waiting_for_the_timeout():
    check = HealthCheck(interval_s=10, timeout_s=5, unhealthy_threshold=2)
    refused, silent = detection(check, silent=False), detection(check, silent=True)
    assert (refused.shortest_s, refused.longest_s) == (10, 20)
    assert (silent.shortest_s, silent.longest_s) == (15, 25)


def test_the_expected_loss_is_detection_over_instances_times_phase():
    assert expected_bad_ratio(20, 6, 240) == pytest.approx(0.01389, abs=1e-5)


@given(st.lists(st.sampled_from(list(Verdict)), min_size=1))
def test_the_verdict_is_the_first_finding_in_the_published_order(findings):
    assert PRECEDENCE.index(overall(findings)) == min(PRECEDENCE.index(finding) for finding in findings)


def test_silence_is_never_green():
    assert overall([]) is Verdict.INCONCLUSIVE


def test_every_verdict_has_an_exit_code_of_its_own_and_a_place_in_the_order():
    assert set(EXIT_CODES) == set(Verdict) == set(PRECEDENCE)
    assert len(set(EXIT_CODES.values())) == len(Verdict)
    assert [EXIT_CODES[v] for v in PRECEDENCE] == [14, 1, 130, 143, 15, 13, 12, 10, 11, 0]


@pytest.mark.parametrize(("declared", "served"), [(80, 8080), (443, 8443), (8080, 8080), (1024, 1024), (1023, 9023)])
def test_privileged_listener_ports_are_served_eight_thousand_higher(declared, served):
    assert served_port(declared) == served
