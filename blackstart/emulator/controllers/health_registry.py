"""What every load-balancer node thinks of every target, as the data plane reported it."""

from collections.abc import Iterable, Mapping

from blackstart.emulator.protocol import HealthChanged
from blackstart.emulator.snapshot import Snapshot

Target = tuple[str, int]


class HealthRegistry:
    """Opinions by target group, target and node zone. Read and written under the control plane's lock."""

    def __init__(self) -> None:
        self._nodes: frozenset[tuple[str, str]] | None = None
        self._opinions: dict[str, dict[Target, dict[str, HealthChanged]]] = {}

    def apply(self, change: HealthChanged) -> None:
        """Keep a node's newest opinion; that of a node that is gone, or on an older registration, is dropped."""
        if self._nodes is not None and (change.load_balancer_arn, change.node_zone) not in self._nodes:
            return
        by_zone = self._opinions.setdefault(change.target_group_arn, {}).setdefault((change.target_id, change.port), {})
        known = max((opinion.registration for opinion in by_zone.values()), default=0)
        if change.registration < known:
            return
        if change.registration > known:
            by_zone.clear()
        by_zone[change.node_zone] = change

    def replace(self, opinions: Iterable[HealthChanged]) -> None:
        """Forget everything and start from what a (re)connected data plane knows."""
        self._opinions.clear()
        for opinion in opinions:
            self.apply(opinion)

    def opinions(self, target_group_arn: str) -> Mapping[Target, Mapping[str, HealthChanged]]:
        """Newest opinions on a group's targets: (target id, port) -> node zone -> opinion."""
        return self._opinions.get(target_group_arn, {})

    def keep_only(self, snapshot: Snapshot) -> None:
        """Forget nodes, targets, registrations and groups that the snapshot no longer has."""
        self._nodes = frozenset((b.arn, node.zone) for b in snapshot.load_balancers for node in b.nodes)
        current = {
            group.arn: {(target.target_id, target.port): target.registration for target in group.targets}
            for group in snapshot.target_groups
        }
        kept: dict[str, dict[Target, dict[str, HealthChanged]]] = {}
        for arn, targets in self._opinions.items():
            numbers = current.get(arn, {})
            kept[arn] = {}
            for target, by_zone in targets.items():
                left = {
                    zone: opinion
                    for zone, opinion in by_zone.items()
                    if opinion.registration == numbers.get(target) and (opinion.load_balancer_arn, zone) in self._nodes
                }
                if left:
                    kept[arn][target] = left
        self._opinions = {arn: targets for arn, targets in kept.items() if targets}
