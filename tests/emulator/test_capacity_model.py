"""Decisions carried out step by step in a small world: whatever happens, they keep their bounds and come to rest."""

from collections import Counter
from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from blackstart.emulator.decisions.capacity import decide_capacity
from blackstart.emulator.decisions.purchase import Pool, pools
from blackstart.emulator.decisions.replacement import margin, most_ahead
from blackstart.emulator.decisions.scaling_group import (
    COUNTED,
    Distribution,
    GroupSnapshot,
    Lifecycle,
    MemberSnapshot,
    Mix,
    Unhealthy,
    Why,
)

ZONES = ("a", "b", "c")
MAXIMUM = 12
POLICIES = st.sampled_from([(None, None), (100, 110), (100, 150), (90, 100), (50, 100), (90, 120)])


@dataclass
class World:
    """Instances that come into service after a step, and zones that have capacity or not."""

    group: GroupSnapshot
    members: dict[str, MemberSnapshot] = field(default_factory=dict)
    dead_zones: set[str] = field(default_factory=set)
    made: int = 0
    now_s: float = 0.0
    scaled_in: list[MemberSnapshot] = field(default_factory=list)
    peak: int = 0

    def counted(self) -> list[MemberSnapshot]:
        return [member for member in self.members.values() if member.lifecycle in COUNTED]

    def step(self) -> bool:
        """Terminating members are gone, pending ones in service; then one decision. Whether anything happened."""
        self.now_s += 30.0
        moved = False
        for member in list(self.members.values()):
            if member.lifecycle is Lifecycle.TERMINATING:
                del self.members[member.instance_id]
                moved = True
            elif member.lifecycle is Lifecycle.PENDING:
                changed = member._replace(lifecycle=Lifecycle.IN_SERVICE, in_service_s=self.now_s)
                self.members[member.instance_id] = changed
                moved = True
        failed: set[str] = set()
        for _ in range(len(ZONES) + 1):
            before = len(failed)
            moved = self._decide(failed) or moved
            if len(failed) == before:
                break
        return moved

    def _decide(self, failed: set[str]) -> bool:
        snapshot = self.group._replace(members=tuple(self.members.values()), failed_zones=frozenset(failed))
        decision = decide_capacity(snapshot, self.now_s)
        for termination in decision.terminate:
            member = self.members[termination.instance_id]
            assert member.lifecycle in COUNTED
            if termination.why is Why.SCALE_IN:
                self.scaled_in.append(member)
            self.members[member.instance_id] = member._replace(lifecycle=Lifecycle.TERMINATING)
        launched = False
        for launch in decision.launch:
            zone = launch.placement.zone
            if zone in self.dead_zones:
                failed.add(zone)
            elif zone not in failed:
                self.made += 1
                launched = True
                counted = self.counted()
                pool = pools(self.group.mix, counted, zone)[0] if self.group.mix else Pool("", spot=False)
                self.members[f"i-{self.made:04}"] = MemberSnapshot(
                    instance_id=f"i-{self.made:04}",
                    zone=zone,
                    lifecycle=Lifecycle.PENDING,
                    ec2_state="running",
                    launched_s=self.now_s,
                    launched_for=launch.why,
                    instance_type=pool.instance_type,
                    spot=pool.spot,
                )
        self.peak = max(self.peak, len(self.counted()))
        return bool(decision.terminate) or launched


class Groups(RuleBasedStateMachine):
    @initialize(desired=st.integers(0, MAXIMUM), distribution=st.sampled_from(Distribution), policy=POLICIES)
    def begin(self, desired: int, distribution: Distribution, policy: tuple[int | None, int | None]) -> None:
        self.world = World(
            GroupSnapshot(
                name="web",
                desired=desired,
                zones=ZONES,
                maximum=MAXIMUM,
                capacity_rebalance=True,
                distribution=distribution,
                min_healthy_percent=policy[0],
                max_healthy_percent=policy[1],
            )
        )

    @rule(desired=st.integers(0, MAXIMUM))
    def want(self, desired: int) -> None:
        self.world.group = self.world.group._replace(desired=desired)

    @rule(data=st.data(), reason=st.sampled_from(Unhealthy))
    def fall_ill(self, data: st.DataObject, reason: Unhealthy) -> None:
        self._change(data, unhealthy=reason)

    @rule(data=st.data(), protected=st.booleans())
    def protect(self, data: st.DataObject, protected: bool) -> None:
        self._change(data, protected=protected)

    @rule(data=st.data())
    def be_at_risk(self, data: st.DataObject) -> None:
        self._change(data, spot=True, at_risk=True)

    @rule(zone=st.sampled_from((None, *ZONES)), ignores=st.booleans())
    def shift(self, zone: str | None, ignores: bool) -> None:
        """A shift away from a zone that the group is in."""
        shifted = frozenset(one for one in self.world.group.zones if one == zone)
        self.world.group = self.world.group._replace(shifted_zones=shifted, ignores_impaired=ignores)

    @rule(data=st.data())
    def die(self, data: st.DataObject) -> None:
        """An instance vanishes as if it had been detached."""
        if self.world.counted():
            member = data.draw(st.sampled_from(self.world.counted()))
            del self.world.members[member.instance_id]

    @rule(zones=st.sets(st.sampled_from(ZONES), max_size=2))
    def lose_capacity(self, zones: set[str]) -> None:
        self.world.dead_zones = zones

    @rule(zones=st.lists(st.sampled_from(ZONES), min_size=1, unique=True))
    def change_zones(self, zones: list[str]) -> None:
        shifted = self.world.group.shifted_zones.intersection(zones)
        self.world.group = self.world.group._replace(zones=tuple(zones), shifted_zones=shifted)

    @rule(
        processes=st.frozensets(
            st.sampled_from(["Launch", "Terminate", "ReplaceUnhealthy", "AZRebalance", "HealthCheck"]), max_size=3
        )
    )
    def suspend(self, processes: frozenset[str]) -> None:
        self.world.group = self.world.group._replace(suspended=processes)

    @rule(steps=st.integers(1, 4))
    def pass_time(self, steps: int) -> None:
        for _ in range(steps):
            self.world.step()

    @precondition(lambda self: not self.world.group.suspended)
    @rule()
    def come_to_rest(self) -> None:
        """Nothing suspended: after a while nothing happens any more, and the group is as it is wanted."""
        world, group = self.world, self.world.group
        for _ in range(80):
            if not world.step():
                break
        else:
            raise AssertionError(f"no rest: {Counter(member.zone for member in world.counted())}")
        counted = world.counted()
        protected = sum(member.protected for member in counted)
        healthy = [zone for zone in group.zones if zone not in group.shifted_zones]
        able = [zone for zone in healthy if zone not in world.dead_zones]
        if not able:
            return
        if able == healthy or group.distribution is Distribution.BEST_EFFORT:
            assert group.desired <= len(counted) <= max(group.desired, protected)
            ignored = group.shifted_zones if group.ignores_impaired else frozenset()
            assert all(member.unhealthy is None or member.zone in ignored for member in counted)
            assert not any(member.at_risk and member.unhealthy is None for member in counted)
        if not protected and able == list(group.zones):
            crowd = Counter(member.zone for member in counted)
            assert set(crowd) <= set(group.zones)
            assert max(crowd[zone] for zone in group.zones) - min(crowd[zone] for zone in group.zones) <= 1

    @invariant()
    def nobody_protected_was_scaled_in(self) -> None:
        assert not any(member.protected for member in self.world.scaled_in)

    @invariant()
    def the_group_never_grows_beyond_what_is_documented(self) -> None:
        group = self.world.group
        ahead = max(most_ahead(group._replace(desired=wanted)) for wanted in range(MAXIMUM + 1))
        assert self.world.peak <= MAXIMUM + max(margin(group), ahead)

    @invariant()
    def nothing_is_launched_in_a_zone_without_capacity(self) -> None:
        pending = {m.zone for m in self.world.members.values() if m.lifecycle is Lifecycle.PENDING}
        assert pending <= set(ZONES)

    def _change(self, data: st.DataObject, **changes: object) -> None:
        if self.world.counted():
            member = data.draw(st.sampled_from(self.world.counted()))
            self.world.members[member.instance_id] = member._replace(**changes)


TestGroups = Groups.TestCase
TestGroups.settings = settings(max_examples=150, stateful_step_count=25, deadline=None)


@given(
    start=st.lists(st.tuples(st.sampled_from("abcd"), st.booleans(), st.sampled_from(["x", "y", "z"])), max_size=12),
    desired=st.integers(0, MAXIMUM),
    mix=st.builds(Mix, st.just(("x", "y")), on_demand_base=st.integers(0, 5), on_demand_percent=st.integers(0, 100)),
    policy=st.sampled_from(["Default", "OldestInstance", "NewestInstance"]),
)
def test_a_mixed_group_comes_to_rest_in_balance_from_any_mixture(
    start: list[tuple[str, bool, str]], desired: int, mix: Mix, policy: str
) -> None:
    """What scale-in takes by purchase option never undoes what rebalancing does by zone."""
    world = World(
        GroupSnapshot("web", desired, ZONES, maximum=MAXIMUM, mix=mix, termination_policies=(policy,)),
        {
            f"i-{index}": MemberSnapshot(
                f"i-{index}", zone, Lifecycle.IN_SERVICE, "running", spot=spot, instance_type=instance_type
            )
            for index, (zone, spot, instance_type) in enumerate(start)
        },
    )
    assert any(not world.step() for _ in range(60))
    crowd = Counter(member.zone for member in world.counted())
    assert (crowd.total(), crowd["d"]) == (desired, 0)
    assert max(crowd[zone] for zone in ZONES) - min(crowd[zone] for zone in ZONES) <= 1
