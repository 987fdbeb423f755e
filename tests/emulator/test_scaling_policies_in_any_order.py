"""Alarms, users and instances in any order: what holds of a group with policies whatever happens."""

from collections.abc import Iterable, Iterator
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from blackstart.emulator.controllers.alarm_actions import AlarmFired
from blackstart.emulator.controllers.scaling_policies import ScalingPoliciesController, Waits
from blackstart.emulator.decisions.alarm_state import AlarmState
from blackstart.emulator.decisions.scaling_group import COMING, GroupSnapshot, Lifecycle, MemberSnapshot
from blackstart.emulator.decisions.scaling_policy import Adjustment, PolicyKind, ScalingPolicy, Step

COOLDOWN_S, WARM_UP_S = 120.0, 90.0
POLICIES = {
    "out": ScalingPolicy("out", "out", PolicyKind.SIMPLE, amount=2),
    "in": ScalingPolicy("in", "in", PolicyKind.SIMPLE, amount=-2, cooldown_s=30.0),
    "steps": ScalingPolicy(
        "steps",
        "steps",
        PolicyKind.STEP,
        adjustment=Adjustment.PERCENT,
        least=1,
        steps=(Step(None, -20, -30), Step(-20, 0, -10), Step(0, 20, 10), Step(20, None, 30)),
    ),
    "tracking": ScalingPolicy("tracking", "tracking", PolicyKind.TARGET_TRACKING, target=50.0, low_alarm="low"),
    "other": ScalingPolicy("other", "other", PolicyKind.TARGET_TRACKING, target=10.0, low_alarm="other low"),
}


class Group:
    arn = "group"

    def __init__(self) -> None:
        self.desired, self.minimum, self.maximum = 4, 1, 20
        self.members: dict[str, MemberSnapshot] = {}
        self.suspended = False
        self.shifted = False


class World:
    """Groups and policies for the controller: one group."""

    def __init__(self) -> None:
        self.group = Group()
        self.low: set[str] = set()
        self.ended_s: float | None = None
        self.changes: list[tuple[int, int, str]] = []

    def groups(self) -> Iterable[Group]:
        return [self.group]

    def snapshot(self, group: Group) -> GroupSnapshot:
        return GroupSnapshot(
            "web",
            group.desired,
            ("a",),
            group.minimum,
            group.maximum,
            suspended=frozenset({"AlarmNotification"} if group.suspended else ()),
            shifted_zones=frozenset({"a"} if group.shifted else ()),
            members=tuple(group.members.values()),
        )

    def change_capacity(self, group: Group, desired: int, words: str, now_s: float) -> None:
        self.changes.append((group.desired, desired, words))
        group.desired = desired

    def last_activity_end_s(self, group: Group) -> float | None:
        return None if any(member.lifecycle in COMING for member in group.members.values()) else self.ended_s

    def find(self, arn: str) -> tuple[Any, ScalingPolicy] | None:
        return (self.group, POLICIES[arn]) if arn in POLICIES else None

    def policies(self, group: Group) -> Iterator[ScalingPolicy]:
        yield from POLICIES.values()

    def waits(self, group: Group) -> Waits:
        return Waits(COOLDOWN_S, WARM_UP_S)

    def in_alarm(self, group: Group, alarm_name: str) -> bool:
        return alarm_name in self.low


class GroupWithPolicies(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.world, self.now_s, self.launched = World(), 1000.0, 0
        self.controller = ScalingPoliciesController(self.world, self.world, 10.0)
        self.fired: list[str] = []

    @rule(name=st.sampled_from(sorted(POLICIES)), value=st.one_of(st.none(), st.floats(0, 200)))
    def an_alarm_fires(self, name: str, value: float | None) -> None:
        fired = AlarmFired(name, name, "1", "r", name, AlarmState.ALARM, value, 50.0, {}, False)
        self.controller.carry_out(fired, self.now_s)
        self.fired.append(name)

    @rule()
    def the_controller_looks(self) -> None:
        group, before = self.world.group, len(self.world.changes)
        warming = any(
            member.in_service_s is None or self.now_s < member.in_service_s + WARM_UP_S
            for member in group.members.values()
        )
        ready = {"low", "other low"} <= self.world.low
        self.controller.tick(self.now_s)
        made = self.world.changes[before:]
        assert len(made) <= 1
        for was, is_now, words in made:
            policy = words.rsplit(" ", 1)[1]
            assert policy in self.fired
            assert not group.suspended
            assert group.minimum <= is_now <= group.maximum
            assert is_now != was
            if is_now < was:
                assert not warming
                assert not group.shifted
                assert ready or POLICIES[policy].kind is not PolicyKind.TARGET_TRACKING
        self.fired.clear()

    @rule(later_s=st.sampled_from([1.0, 20.0, 60.0, 300.0]))
    def time_passes(self, later_s: float) -> None:
        self.now_s += later_s

    @rule()
    def the_group_launches_and_terminates(self) -> None:
        group = self.world.group
        while len(group.members) < group.desired:
            self.launched += 1
            name = f"i-{self.launched}"
            group.members[name] = MemberSnapshot(name, "a", Lifecycle.PENDING, "pending", launched_s=self.now_s)
        while len(group.members) > group.desired:
            del group.members[min(group.members)]
            self.world.ended_s = self.now_s

    @rule()
    def all_come_into_service(self) -> None:
        for name, member in self.world.group.members.items():
            if member.in_service_s is None:
                self.world.group.members[name] = member._replace(
                    lifecycle=Lifecycle.IN_SERVICE, in_service_s=self.now_s
                )
                self.world.ended_s = self.now_s

    @rule(desired=st.integers(1, 20))
    def a_user_sets_the_capacity(self, desired: int) -> None:
        self.world.group.desired = desired

    @rule(low=st.sets(st.sampled_from(["low", "other low"])))
    def low_alarms_change(self, low: set[str]) -> None:
        self.world.low = low

    @rule(suspended=st.booleans(), shifted=st.booleans())
    def processes_and_zones_change(self, suspended: bool, shifted: bool) -> None:
        self.world.group.suspended, self.world.group.shifted = suspended, shifted

    @precondition(lambda self: self.world.changes)
    @rule()
    def a_simple_policy_right_after_a_change_waits(self) -> None:
        group, before = self.world.group, len(self.world.changes)
        if any(member.in_service_s is None for member in group.members.values()):
            self.controller.tick(self.now_s)
            self.fired.clear()
            before = len(self.world.changes)
            self.an_alarm_fires("out", None)
            self.controller.tick(self.now_s)
            assert len(self.world.changes) == before

    @invariant()
    def the_capacity_is_within_the_limits(self) -> None:
        group = self.world.group
        assert group.minimum <= group.desired <= group.maximum


TestGroupWithPolicies = GroupWithPolicies.TestCase
TestGroupWithPolicies.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
