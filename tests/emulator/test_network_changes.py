"""Whose way through the network may have changed since the latest look, and whose has not."""

from blackstart.emulator.controllers.network import BalancerPlaces, NetworkFacts, NetworkView
from blackstart.emulator.decisions.reachability import (
    Place,
    Rule,
    Rulebook,
    SecurityGroup,
    Span,
    outside_client,
    span_of,
)
from blackstart.emulator.snapshot import Reach

EVERYWHERE = (span_of("0.0.0.0/0"),)
OPEN, SHUT = SecurityGroup((Rule(Span(1, 65535), EVERYWHERE, frozenset()),), ()), SecurityGroup((), ())
BALANCER, ZONE = "arn:lb", "us-east-1a"


def place(address: str, group: str) -> Place:
    return Place((span_of(address),), frozenset({group}), vpc="vpc-1", subnet="subnet-1")


class Store:
    """A network that tests change."""

    def __init__(self) -> None:
        self.instances = {name: place(f"10.0.0.{number}", "sg-open") for number, name in enumerate(("i-1", "i-2"), 5)}
        self.groups = {"sg-open": OPEN._replace(egress=OPEN.ingress), "sg-shut": SHUT}

    def facts(self) -> NetworkFacts:
        nodes = {ZONE: place("10.0.0.1", "sg-open")}
        return NetworkFacts(
            {BALANCER: BalancerPlaces("lb", nodes, outside_client())},
            dict(self.instances),
            {("vpc-1", f"10.0.0.{number}"): one for number, one in enumerate(self.instances.values(), 5)},
            Rulebook(dict(self.groups), {}),
        )


def test_an_instance_that_changes_its_groups_has_changed_and_no_other() -> None:
    store = Store()
    view = NetworkView(store)
    view.refresh()
    assert [view.target_reach(BALANCER, ZONE, one, 80) for one in ("i-1", "i-2")] == [Reach.OPEN, Reach.OPEN]
    before = [view.changed(one) for one in ("i-1", "i-2", "10.0.0.5", "10.0.0.6")]
    store.instances["i-1"] = place("10.0.0.5", "sg-shut")
    view.refresh()
    after = [view.changed(one) for one in ("i-1", "i-2", "10.0.0.5", "10.0.0.6")]
    assert [one != other for one, other in zip(before, after, strict=True)] == [True, False, True, False]
    assert view.target_reach(BALANCER, ZONE, "i-1", 80) is not Reach.OPEN
    assert view.target_reach(BALANCER, ZONE, "i-2", 80) is Reach.OPEN


def test_an_instance_that_comes_and_goes_has_changed_each_time() -> None:
    store = Store()
    view = NetworkView(store)
    view.refresh()
    seen = [view.changed("i-3")]
    for there in (True, False, True):
        if there:
            store.instances["i-3"] = place("10.0.0.7", "sg-open")
        else:
            del store.instances["i-3"]
        view.refresh()
        seen.append(view.changed("i-3"))
    assert len(set(seen)) == 4


def test_rules_that_change_change_everything() -> None:
    store = Store()
    view = NetworkView(store)
    view.refresh()
    before = view.changed("i-1")
    store.groups["sg-open"] = SHUT
    view.refresh()
    assert view.changed("i-1") != before
    assert view.target_reach(BALANCER, ZONE, "i-1", 80) is not Reach.OPEN


def test_a_network_that_stays_has_changed_nothing() -> None:
    view = NetworkView(Store())
    view.refresh()
    before = view.changed("i-1")
    view.refresh()
    assert view.changed("i-1") == before
