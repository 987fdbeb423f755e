"""What connections meet in security groups and network ACLs, from the tables and sentences of AWS's guides.

Sources: VPC user guide, "Security group rules", "Network ACL rules", "Custom network ACL"; EC2 user guide, "Security
group connection tracking"; ELB user guide, "Security groups for your Application Load Balancer" (recommended rules) and
"Configure network ACLs".
"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blackstart.emulator.decisions.reachability import (
    ANY_ADDRESS,
    ANY_PORT,
    EPHEMERAL,
    AclEntry,
    NetworkAcl,
    Obstacle,
    Passage,
    Place,
    Rule,
    Rulebook,
    SecurityGroup,
    Span,
    inside_client,
    outside_client,
    passage,
    span_of,
)
from blackstart.emulator.snapshot import Reach

VPC = span_of("10.0.0.0/16")
ALL_OUT = Rule(ANY_PORT, (ANY_ADDRESS,))
NODE = Place(
    (span_of("10.0.0.0/24"),), groups=frozenset({"sg-alb"}), vpc="vpc", subnet="subnet-public", acl="acl-public"
)
TARGET = Place(
    (span_of("10.0.8.9/32"),), groups=frozenset({"sg-web"}), vpc="vpc", subnet="subnet-private", acl="acl-private"
)
OPEN_ACL = NetworkAcl((AclEntry(True, ANY_ADDRESS),), (AclEntry(True, ANY_ADDRESS),))


def tcp(port: int, *peers: str) -> Rule:
    """A rule for one port; peers are blocks or groups."""
    return Rule(
        Span(port, port),
        tuple(span_of(peer) for peer in peers if not peer.startswith("sg-")),
        frozenset(peer for peer in peers if peer.startswith("sg-")),
    )


def recommended(listener: int = 80, service: int = 8080) -> dict[str, SecurityGroup]:
    """The guide's recommended rules for an internet-facing load balancer."""
    return {
        "sg-alb": SecurityGroup((tcp(listener, "0.0.0.0/0"),), (tcp(service, "sg-web"),)),
        "sg-web": SecurityGroup((tcp(service, "sg-alb"),), ()),
    }


def book(groups: dict[str, SecurityGroup] | None = None, **acls: NetworkAcl) -> Rulebook:
    return Rulebook(
        recommended() if groups is None else groups,
        {"acl-public": acls.get("public", OPEN_ACL), "acl-private": acls.get("private", OPEN_ACL)},
    )


def met(found: Passage) -> tuple[Reach, Obstacle]:
    return found.reach, found.obstacle


# --- security groups


def test_with_the_recommended_rules_clients_reach_the_listener_and_nodes_the_targets() -> None:
    assert met(passage(outside_client(), NODE, 80, book())) == (Reach.OPEN, Obstacle.NONE)
    assert met(passage(NODE, TARGET, 8080, book())) == (Reach.OPEN, Obstacle.NONE)


def test_a_port_without_a_rule_drops_new_connections_silently() -> None:
    assert met(passage(outside_client(), NODE, 443, book())) == (Reach.TRACKED, Obstacle.TARGET_GROUPS)
    assert met(passage(NODE, TARGET, 8081, book())) == (Reach.TRACKED, Obstacle.SOURCE_GROUPS)


def test_answers_need_no_rule_because_security_groups_are_stateful() -> None:
    assert recommended()["sg-web"].egress == ()
    assert passage(NODE, TARGET, 8080, book()).reach is Reach.OPEN


def test_a_target_that_lets_in_another_group_only_is_out_of_reach() -> None:
    groups = {**recommended(), "sg-web": SecurityGroup((tcp(8080, "sg-other"),), (ALL_OUT,))}
    assert met(passage(NODE, TARGET, 8080, book(groups))) == (Reach.TRACKED, Obstacle.TARGET_GROUPS)


def test_the_default_group_lets_in_its_own_members_and_nobody_else() -> None:
    default = SecurityGroup((Rule(ANY_PORT, groups=frozenset({"sg-default"})),), (ALL_OUT,))
    groups = {**recommended(), "sg-default": default}
    node, target = (place._replace(groups=frozenset({"sg-default"})) for place in (NODE, TARGET))
    assert passage(node, target, 8080, book(groups)).reach is Reach.OPEN
    assert passage(outside_client(), node, 80, book(groups)).obstacle is Obstacle.TARGET_GROUPS


def test_rules_of_all_groups_of_an_interface_count_together() -> None:
    groups = {"sg-alb": SecurityGroup((), (ALL_OUT,)), "sg-a": SecurityGroup((), ()), "sg-web": recommended()["sg-web"]}
    target = TARGET._replace(groups=frozenset({"sg-a", "sg-web"}))
    assert passage(NODE, target, 8080, book(groups)).reach is Reach.OPEN


@pytest.mark.parametrize(
    ("blocks", "reach"),
    [
        (("0.0.0.0/0",), Reach.OPEN),
        (("0.0.0.0/1", "128.0.0.0/1"), Reach.OPEN),
        (("203.0.113.0/24",), Reach.TRACKED),
        (("10.0.0.0/16",), Reach.TRACKED),
        (("sg-friends",), Reach.TRACKED),
    ],
)
def test_a_client_of_an_internet_facing_load_balancer_may_be_anywhere(blocks: tuple[str, ...], reach: Reach) -> None:
    groups = {"sg-alb": SecurityGroup((tcp(80, *blocks),), ())}
    assert passage(outside_client(), NODE, 80, book(groups)).reach is reach


@pytest.mark.parametrize(
    ("peer", "reach"),
    [
        ("10.0.0.0/16", Reach.OPEN),
        ("0.0.0.0/0", Reach.OPEN),
        ("sg-callers", Reach.OPEN),
        ("10.0.0.0/17", Reach.TRACKED),
        ("203.0.113.0/24", Reach.TRACKED),
    ],
)
def test_a_client_of_an_internal_load_balancer_is_somewhere_in_the_vpc_in_whichever_group(
    peer: str, reach: Reach
) -> None:
    groups = {"sg-alb": SecurityGroup((tcp(80, peer),), ())}
    assert passage(inside_client("vpc", (VPC,)), NODE, 80, book(groups)).reach is reach


def test_a_rule_by_address_must_cover_the_whole_subnet_of_a_node() -> None:
    def reach(block: str) -> Reach:
        groups = {**recommended(), "sg-web": SecurityGroup((tcp(8080, block),), ())}
        return passage(NODE, TARGET, 8080, book(groups)).reach

    assert reach("10.0.0.0/24") is Reach.OPEN
    assert reach("10.0.0.0/25") is Reach.TRACKED


# --- what becomes of open connections


def cut(groups: dict[str, SecurityGroup], port: int) -> Passage:
    """A client's connection to the node, allowed by `groups`, after the load balancer's ingress rules went away."""
    before = passage(outside_client(), NODE, port, book(groups))
    assert before.reach is Reach.OPEN
    after = {**groups, "sg-alb": groups["sg-alb"]._replace(ingress=())}
    return passage(outside_client(), NODE, port, book(after), before)


def test_a_tracked_connection_outlives_the_rule_that_allowed_it() -> None:
    assert cut(recommended(), 80).reach is Reach.TRACKED


def test_a_connection_that_every_address_may_make_and_answer_is_not_tracked_and_is_interrupted_at_once() -> None:
    """The guide's example: port 80 from 0.0.0.0/0 with all outbound traffic is not tracked."""
    groups = {"sg-alb": SecurityGroup((tcp(80, "0.0.0.0/0"),), (ALL_OUT,))}
    assert met(cut(groups, 80)) == (Reach.SILENT, Obstacle.TARGET_GROUPS)


def test_a_narrower_inbound_rule_is_tracked_even_when_all_may_leave() -> None:
    """The guide's example: SSH from one address, all outbound traffic."""
    groups = {**recommended(), "sg-web": SecurityGroup((tcp(8080, "sg-alb"),), (ALL_OUT,))}
    before = passage(NODE, TARGET, 8080, book(groups))
    after = {**groups, "sg-web": SecurityGroup((), (ALL_OUT,))}
    assert passage(NODE, TARGET, 8080, book(after), before).reach is Reach.TRACKED


def test_the_end_whose_rule_goes_away_decides_whether_the_connection_was_tracked() -> None:
    """The nodes' end is tracked (its rules name a group), the targets' end is not (everyone in, everything out)."""
    groups = {**recommended(), "sg-web": SecurityGroup((tcp(8080, "0.0.0.0/0"),), (ALL_OUT,))}
    before = passage(NODE, TARGET, 8080, book(groups))
    no_way_out = {**groups, "sg-alb": SecurityGroup(groups["sg-alb"].ingress, ())}
    assert met(passage(NODE, TARGET, 8080, book(no_way_out), before)) == (Reach.TRACKED, Obstacle.SOURCE_GROUPS)
    no_way_in = {**groups, "sg-web": SecurityGroup((), (ALL_OUT,))}
    assert met(passage(NODE, TARGET, 8080, book(no_way_in), before)) == (Reach.SILENT, Obstacle.TARGET_GROUPS)


def test_a_cut_stays_what_it_was_while_other_things_change() -> None:
    groups = {"sg-alb": SecurityGroup((tcp(80, "0.0.0.0/0"),), (ALL_OUT,))}
    silent = cut(groups, 80)
    closed = book({"sg-alb": SecurityGroup((), (ALL_OUT,))})
    assert passage(outside_client(), NODE, 80, closed, silent).reach is Reach.SILENT


# --- network ACLs


def acl(*entries: tuple[bool, str, int, int], egress: tuple[AclEntry, ...] = OPEN_ACL.egress) -> NetworkAcl:
    return NetworkAcl(tuple(AclEntry(allow, span_of(block), Span(a, b)) for allow, block, a, b in entries), egress)


def test_a_denying_acl_breaks_open_connections_too() -> None:
    denied = passage(NODE, TARGET, 8080, book(private=acl((False, "0.0.0.0/0", 0, 65535))))
    assert met(denied) == (Reach.SILENT, Obstacle.TARGET_ACL)


@pytest.mark.parametrize(
    ("entries", "reach"),
    [
        (((False, "0.0.0.0/0", 8080, 8080), (True, "0.0.0.0/0", 0, 65535)), Reach.SILENT),
        (((True, "0.0.0.0/0", 0, 65535), (False, "0.0.0.0/0", 8080, 8080)), Reach.OPEN),
        (((True, "0.0.0.0/0", 443, 443),), Reach.SILENT),
        ((), Reach.SILENT),
        (((False, "10.0.0.0/25", 0, 65535), (True, "10.0.0.0/16", 0, 65535)), Reach.OPEN),
    ],
)
def test_acl_rules_are_evaluated_in_order_and_what_none_allows_is_denied(
    entries: tuple[tuple[bool, str, int, int], ...], reach: Reach
) -> None:
    assert passage(NODE, TARGET, 8080, book(private=acl(*entries))).reach is reach


@pytest.mark.parametrize(("first", "last"), [(0, 79), (81, 65535)])
def test_denying_the_neighbouring_ports_denies_nothing_of_a_port(first: int, last: int) -> None:
    rules = book(public=acl((False, "0.0.0.0/0", first, last), (True, "0.0.0.0/0", 0, 65535)))
    assert passage(outside_client(), NODE, 80, rules).reach is Reach.OPEN


def test_answers_need_the_ephemeral_ports_because_acls_are_stateless() -> None:
    def reach(first: int, last: int) -> Reach:
        answers = (AclEntry(True, span_of("10.0.0.0/16"), Span(first, last)),)
        return passage(NODE, TARGET, 8080, book(private=NetworkAcl(OPEN_ACL.ingress, answers))).reach

    assert reach(1024, 65535) is Reach.OPEN
    assert reach(8080, 8080) is Reach.SILENT
    assert reach(32768, 65535) is Reach.SILENT


def test_an_acl_that_denies_single_high_ports_leaves_the_way_back_open() -> None:
    denied = tuple(AclEntry(False, ANY_ADDRESS, Span(port, port)) for port in (3306, 3389))
    private = NetworkAcl(OPEN_ACL.ingress, (*denied, *OPEN_ACL.egress))
    assert passage(NODE, TARGET, 8080, book(private=private)).reach is Reach.OPEN


def test_the_acl_of_the_load_balancers_subnet_is_asked_both_ways() -> None:
    outward = (AclEntry(True, span_of("10.0.0.0/16"), Span(8080, 8080)),)
    answers = (AclEntry(True, span_of("10.0.0.0/16"), EPHEMERAL),)
    assert passage(NODE, TARGET, 8080, book(public=NetworkAcl(answers, outward))).reach is Reach.OPEN
    for broken in (NetworkAcl((), outward), NetworkAcl(answers, ())):
        assert met(passage(NODE, TARGET, 8080, book(public=broken))) == (Reach.SILENT, Obstacle.SOURCE_ACL)


def test_the_guides_custom_acl_lets_clients_in_with_their_own_ephemeral_ports() -> None:
    """VPC guide, "Custom network ACL": HTTP in from 0.0.0.0/0, 32768-65535 out to 0.0.0.0/0."""
    guide = NetworkAcl((AclEntry(True, ANY_ADDRESS, Span(80, 80)),), (AclEntry(True, ANY_ADDRESS, Span(32768, 65535)),))
    assert passage(outside_client(), NODE, 80, book(public=guide)).reach is Reach.OPEN


def test_traffic_within_a_subnet_meets_no_acl() -> None:
    closed = NetworkAcl((), ())
    neighbour = TARGET._replace(subnet="subnet-public", acl="acl-public")
    assert passage(NODE, neighbour, 8080, book(public=closed)).reach is Reach.OPEN


def test_another_vpc_has_no_route() -> None:
    assert met(passage(NODE, TARGET._replace(vpc="vpc-2"), 8080, book())) == (Reach.SILENT, Obstacle.NO_ROUTE)


# --- the order of ACL entries, against a port-by-port evaluation

spans = st.tuples(st.integers(0, 40), st.integers(0, 40)).map(lambda ends: Span(min(ends), max(ends)))
entries = st.lists(st.builds(AclEntry, st.booleans(), st.just(ANY_ADDRESS), spans), max_size=6)


@given(entries, spans)
def test_a_range_of_ports_passes_an_acl_when_nine_tenths_of_its_ports_do(ordered: list[AclEntry], ports: Span) -> None:
    def allowed(port: int) -> bool:
        return next((entry.allows for entry in ordered if entry.ports.first <= port <= entry.ports.last), False)

    source = NODE._replace(ephemeral=ports, groups=None)
    answers = NetworkAcl(OPEN_ACL.ingress, tuple(ordered))
    found = passage(source, TARGET._replace(groups=None), 8080, book(private=answers)).reach
    every = range(ports.first, ports.last + 1)
    assert (found is Reach.OPEN) == (sum(map(allowed, every)) >= 0.9 * len(every))
