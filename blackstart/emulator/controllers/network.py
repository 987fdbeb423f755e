"""The network as the load balancers' nodes meet it: who reaches whom, read from moto and kept until it changes."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple, Protocol, TypeVar

from blackstart.emulator.decisions.reachability import Obstacle, Passage, Place, Rulebook, passage
from blackstart.emulator.snapshot import Reach


class BalancerPlaces(NamedTuple):
    """Where a load balancer is. nodes: by zone. client: where its clients are taken to be. groups: as declared."""

    name: str
    nodes: Mapping[str, Place]
    client: Place


class NetworkFacts(NamedTuple):
    """balancers: by ARN. instances: by id. addresses: instances by VPC and private address, for VPCs may overlap."""

    balancers: Mapping[str, BalancerPlaces]
    instances: Mapping[str, Place]
    addresses: Mapping[tuple[str, str], Place]
    rules: Rulebook


class NetworkStore(Protocol):
    """moto's side. facts: equal as long as nothing changed."""

    def facts(self) -> NetworkFacts: ...


class _Way(NamedTuple):
    """A connection that is asked about. target_id: "" for a client's to the listener."""

    load_balancer_arn: str
    zone: str
    target_id: str
    port: int


class NetworkView:
    """Answers what a connection meets. Targets and load balancers that the network does not know are reached."""

    def __init__(self, store: NetworkStore) -> None:
        self._store = store
        self._facts = NetworkFacts({}, {}, {}, Rulebook({}, {}))
        self._passages: dict[_Way, Passage] = {}
        self._before: dict[_Way, Passage] = {}
        self._asked: set[_Way] = set()
        self._looks = 0
        self._all_changed = 0
        self._changed: dict[str, int] = {}

    def refresh(self) -> None:
        """Look at the network once more. Answers stay as long as the rules and the two ends do."""
        self._asked.clear()
        facts = self._store.facts()
        if facts == self._facts:
            return
        self._looks += 1
        if facts.rules == self._facts.rules and facts.balancers == self._facts.balancers:
            self._take_targets(facts)
        else:
            self._take(facts)
        self._facts = facts

    def changed(self, target: str) -> int:
        """A number that is another one when what reaches a target may have changed: an instance id or an address."""
        return self._changed.get(target, self._all_changed)

    def _take_targets(self, facts: NetworkFacts) -> None:
        """Facts that differ in some targets only: what is known of the others stays."""
        old = self._facts
        addresses = {address for _, address in _different(old.addresses, facts.addresses)}
        others = _different(old.instances, facts.instances) | addresses
        for target in others:
            self._changed[target] = self._looks
        known = {**self._before, **self._passages}
        self._before = {
            way: found for way, found in known.items() if way.target_id not in others or None not in _ends(way, facts)
        }
        self._passages = {
            way: found
            for way, found in self._passages.items()
            if way.target_id not in others or (way in self._before and _ends(way, facts) == _ends(way, old))
        }

    def _take(self, facts: NetworkFacts) -> None:
        self._all_changed = self._looks
        self._changed.clear()
        known = {**self._before, **self._passages}
        self._before = {way: found for way, found in known.items() if None not in _ends(way, facts)}
        same_rules = facts.rules == self._facts.rules
        self._passages = {
            way: found
            for way, found in self._passages.items()
            if same_rules and way in self._before and _ends(way, facts) == _ends(way, self._facts)
        }

    def tick(self, now_s: float) -> None:
        """A controller's turn: before the load balancers'."""
        del now_s
        self.refresh()

    def target_reach(self, load_balancer_arn: str, node_zone: str, target: str, port: int) -> Reach:
        """What a new connection of a node to a port of a target meets in the network; the host is not looked at.

        target: an instance id or a private address.
        """
        return self._passage(_Way(load_balancer_arn, node_zone, target, port)).reach

    def listener_reach(self, load_balancer_arn: str, zone: str, port: int) -> Reach:
        """What a client's new connection to a node's listener meets."""
        return self._passage(_Way(load_balancer_arn, zone, "", port)).reach

    def explanations(self) -> tuple[str, ...]:
        """One line for each listener, and each load balancer's targets, that the network cuts off; sorted.

        Of what was asked about since the latest look.
        """
        return tuple(sorted({*self._cut_listeners(), *self._cut_targets()}))

    def _passage(self, way: _Way) -> Passage:
        self._asked.add(way)
        known = self._passages.get(way)
        if known is None:
            known = self._passages[way] = self._found(way)
        return known

    def _found(self, way: _Way) -> Passage:
        source, target = _ends(way, self._facts)
        if source is None or target is None:
            return Passage(Reach.OPEN, Obstacle.NONE)
        return passage(source, target, way.port, self._facts.rules, self._before.get(way))

    def _cut(self) -> Iterator[tuple[_Way, Passage]]:
        for way in self._asked:
            if self._passages[way].reach is not Reach.OPEN:
                yield way, self._passages[way]

    def _cut_listeners(self) -> Iterator[str]:
        for way, found in self._cut():
            if not way.target_id:
                balancer = self._facts.balancers[way.load_balancer_arn]
                whence = "inside its VPC" if balancer.client.vpc else "the internet (0.0.0.0/0)"
                why = f"{found.obstacle}{self._groups_in_the_way(way, found)}"
                yield f"load balancer {balancer.name}: port {way.port} is closed to clients from {whence}: {why}"

    def _cut_targets(self) -> Iterator[str]:
        cut: dict[tuple[str, int, str], set[str]] = {}
        for way, found in self._cut():
            if way.target_id:
                why = f"{found.obstacle}{self._groups_in_the_way(way, found)}"
                cut.setdefault((way.load_balancer_arn, way.port, why), set()).add(way.target_id)
        for (arn, port, why), targets in cut.items():
            some = ", ".join(sorted(targets)[:3]) + (f" and {len(targets) - 3} more" if len(targets) > 3 else "")
            yield f"load balancer {self._facts.balancers[arn].name} does not reach port {port} of {some}: {why}"

    def _groups_in_the_way(self, way: _Way, found: Passage) -> str:
        source, target = _ends(way, self._facts)
        place = {Obstacle.SOURCE_GROUPS: source, Obstacle.TARGET_GROUPS: target}.get(found.obstacle)
        return f" ({', '.join(sorted(place.groups or ()))})" if place is not None else ""


_Key = TypeVar("_Key")


def _different(one: Mapping[_Key, Place], other: Mapping[_Key, Place]) -> set[_Key]:
    """The keys under which two mappings hold different places."""
    return {key for key in one.keys() | other.keys() if one.get(key) != other.get(key)}


def _ends(way: _Way, facts: NetworkFacts) -> tuple[Place | None, Place | None]:
    """Where a connection begins and where it goes; None for what is not in the network."""
    balancer = facts.balancers.get(way.load_balancer_arn)
    node = balancer.nodes.get(way.zone) if balancer is not None else None
    if balancer is None or node is None:
        return None, None
    if way.target_id:
        return node, facts.instances.get(way.target_id) or facts.addresses.get((node.vpc, way.target_id))
    return balancer.client, node
