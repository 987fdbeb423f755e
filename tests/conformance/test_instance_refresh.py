"""Instance refresh against the examples of its pages; a group that needs 30 s to launch an instance.

Sources: EC2 Auto Scaling user guide: "How an instance refresh works", "Add checkpoints to an instance refresh",
"Undo changes with a rollback", "Use an instance refresh with skip matching", "Instance maintenance policies" (its
figures of how many are replaced at once), "Replace Auto Scaling instances based on maximum instance lifetime"; API
reference, RefreshPreferences (what an omitted maximum means).
"""

import pytest

from blackstart.emulator.decisions.instance_lifetime import outlived
from blackstart.emulator.decisions.instance_refresh import LONGEST_S, advance, begun, rolled_back
from blackstart.emulator.decisions.refresh_state import (
    Pool,
    Preferences,
    RefreshState,
    RefreshStatus,
    RefreshStep,
    Waiting,
)
from blackstart.emulator.decisions.rolling_replacement import replace_next
from blackstart.emulator.decisions.scaling_group import (
    COUNTED,
    GroupSnapshot,
    Lifecycle,
    MemberSnapshot,
    Process,
    Unhealthy,
)

LAUNCH_S = 30.0


class Group:
    """A group that does at once what it is told: members come into service 30 s after their launch."""

    def __init__(self, desired: int, preferences: Preferences) -> None:
        self.now_s = 100_000.0
        self.desired = desired
        self.preferences = preferences
        self.members = [member(f"old-{index:02d}", launched_s=float(index)) for index in range(desired)]
        self.suspended: frozenset[str] = frozenset()
        self.surge = 0
        self.launched = 0
        self.alarming = False
        self.never_in_service = False
        self.checkpoints: list[tuple[float, int]] = []
        self.fewest, self.most = desired, desired
        self.terminated: list[tuple[float, int]] = []
        self.state = begun(self.members, preferences, None, self.now_s)
        self.started_s = self.now_s

    def snapshot(self) -> GroupSnapshot:
        return GroupSnapshot(
            name="web",
            desired=self.desired,
            zones=("us-east-1a",),
            suspended=self.suspended,
            members=tuple(self.members),
        )

    def step(self) -> RefreshStep:
        step = advance(
            self.state, self.preferences, self.snapshot(), self.now_s, alarming=self.alarming, surge=self.surge
        )
        self.state, self.surge = step.state, step.surge
        if step.checkpoint is not None:
            self.checkpoints.append((self.now_s - self.started_s, step.checkpoint))
        if step.terminate:
            self.terminated.append((self.now_s - self.started_s, len(step.terminate)))
        self.members = [m for m in self.members if m.instance_id not in step.terminate]
        counted = sum(m.lifecycle in COUNTED for m in self.members)
        if Process.LAUNCH not in self.suspended:
            for _ in range(self.desired + self.surge - counted):
                self.launched += 1
                name = f"new-{self.launched:02d}"
                self.members.append(member(name, Lifecycle.PENDING, launched_s=self.now_s))
        self.fewest = min(self.fewest, sum(m.lifecycle is Lifecycle.IN_SERVICE for m in self.members))
        self.most = max(self.most, sum(m.lifecycle in COUNTED for m in self.members))
        return step

    def run(self, duration_s: float) -> None:
        """Steps of a second. Stops where the refresh ends."""
        for _ in range(round(duration_s)):
            self.step()
            if self.state.status in (
                RefreshStatus.SUCCESSFUL,
                RefreshStatus.FAILED,
                RefreshStatus.CANCELLED,
                RefreshStatus.ROLLBACK_SUCCESSFUL,
                RefreshStatus.ROLLBACK_FAILED,
            ):
                return
            self.now_s += 1
            self.members = [self._aged(m) for m in self.members]

    def names(self) -> list[str]:
        return [m.instance_id for m in self.members]

    def _aged(self, m: MemberSnapshot) -> MemberSnapshot:
        coming = m.lifecycle is Lifecycle.PENDING and not self.never_in_service
        if coming and self.now_s >= m.launched_s + LAUNCH_S:
            return m._replace(lifecycle=Lifecycle.IN_SERVICE, in_service_s=self.now_s)
        return m


def member(
    name: str,
    lifecycle: Lifecycle = Lifecycle.IN_SERVICE,
    *,
    launched_s: float = 0.0,
    protected: bool = False,
    unhealthy: Unhealthy | None = None,
) -> MemberSnapshot:
    in_service_s = launched_s if lifecycle is Lifecycle.IN_SERVICE else None
    return MemberSnapshot(
        name,
        "us-east-1a",
        lifecycle,
        "running",
        launched_s=launched_s,
        in_service_s=in_service_s,
        protected=protected,
        unhealthy=unhealthy,
    )


@pytest.mark.parametrize(
    ("desired", "minimum", "maximum", "terminate", "surge"),
    [
        (10, 90, None, 1, 0),  # the default: 10 % are terminated and launched together
        (10, 90, 100, 1, 0),  # "90 percent and 100 percent: 10 percent of capacity at a time"
        (10, 100, 100, 0, 1),  # "to replace one at a time, set both to 100": launches before it terminates
        (10, 100, None, 1, 0),  # an omitted maximum is not 100: terminates and launches simultaneously
        (10, 100, 110, 0, 1),
        (10, 100, 120, 0, 2),
        (10, 90, 120, 1, 2),
        (10, 0, None, 10, 0),  # "to replace all instances at once, set a minimum of 0 percent"
        (10, 80, 100, 2, 0),
        (1, 90, None, 1, 0),  # "when there is only one instance, starting a refresh can result in an outage"
        (1, 90, 100, 0, 1),  # impossible within both bounds: one more for a while
        (3, 50, 100, 1, 0),  # the minimum is rounded up
        (7, 100, 120, 0, 1),  # the maximum is rounded down
    ],
)
def test_the_percentages_say_how_many_are_replaced_at_once(
    desired: int, minimum: int, maximum: int | None, terminate: int, surge: int
) -> None:
    assert replace_next(desired, minimum, maximum, ready=desired, replaceable=desired) == (terminate, surge)


def test_a_refresh_replaces_every_instance_and_succeeds() -> None:
    group = Group(10, Preferences())
    group.run(2000)
    assert group.state.status is RefreshStatus.SUCCESSFUL
    assert group.state.percent == 100
    assert group.state.to_update == 0
    assert sorted(group.names()) == [f"new-{index:02d}" for index in range(1, 11)]


def test_no_more_than_the_minimum_healthy_percentage_allows_is_out_of_service() -> None:
    group = Group(10, Preferences(min_healthy_percent=80, warm_up_s=60))
    group.run(3000)
    assert group.state.status is RefreshStatus.SUCCESSFUL
    assert group.fewest == 8
    assert group.most == 10


def test_launch_before_terminate_never_has_fewer_than_desired_and_never_more_than_the_maximum() -> None:
    group = Group(10, Preferences(min_healthy_percent=100, max_healthy_percent=120, warm_up_s=30))
    group.run(3000)
    assert group.state.status is RefreshStatus.SUCCESSFUL
    assert (group.fewest, group.most) == (10, 12)
    assert len(group.members) == 10


def test_the_next_batch_waits_until_the_last_one_has_warmed_up() -> None:
    group = Group(10, Preferences(min_healthy_percent=50, warm_up_s=100))
    group.run(LAUNCH_S + 60)
    assert group.terminated == [(0.0, 5)]
    assert group.state.waiting is Waiting.WARMING_UP
    group.run(45)
    assert [count for _, count in group.terminated] == [5, 5]


def test_checkpoints_pace_the_replacements_as_in_the_guides_example() -> None:
    """Ten instances, checkpoints [20, 50], a delay of 15 minutes, 80 %: 2 at 0:00, 2 and then 1 after the delay."""
    preferences = Preferences(80, 100, warm_up_s=600 - LAUNCH_S, checkpoints=(20, 50), checkpoint_delay_s=900)
    group = Group(10, preferences)
    group.run(4 * 3600)
    minutes = [(round(at_s / 60), count) for at_s, count in group.terminated]
    assert minutes == [(0, 2), (25, 2), (35, 1)]
    assert [(round(at_s / 60), percentage) for at_s, percentage in group.checkpoints] == [(10, 20), (45, 50)]
    assert group.state.status is RefreshStatus.SUCCESSFUL
    assert group.state.percent == 50
    assert sum(name.startswith("new") for name in group.names()) == 5


def test_a_checkpoint_is_skipped_when_one_replacement_passes_two() -> None:
    """Two instances, checkpoints [10, 40, 100]: the first replacement is 50 %, so that 40 is told, not 10."""
    group = Group(2, Preferences(checkpoints=(10, 40, 100), checkpoint_delay_s=300))
    group.run(3600)
    assert [percentage for _, percentage in group.checkpoints] == [40]
    assert group.state.status is RefreshStatus.SUCCESSFUL


def test_the_delay_after_a_checkpoint_is_no_lack_of_progress() -> None:
    group = Group(4, Preferences(min_healthy_percent=75, checkpoints=(25, 100), checkpoint_delay_s=7200))
    group.run(7000)
    assert group.state.waiting is Waiting.CHECKPOINT
    group.run(7200)
    assert group.state.status is RefreshStatus.SUCCESSFUL


def test_it_bakes_before_it_has_succeeded() -> None:
    group = Group(2, Preferences(min_healthy_percent=0, bake_s=600))
    group.run(100)
    assert group.state.status is RefreshStatus.BAKING
    group.run(600)
    assert group.state.status is RefreshStatus.SUCCESSFUL


def test_an_alarm_fails_it_while_it_rolls_and_while_it_bakes() -> None:
    for bake_s in (0.0, 600.0):
        group = Group(2, Preferences(min_healthy_percent=0, warm_up_s=60, alarms=("errors",), bake_s=bake_s))
        group.run(20 if not bake_s else 200)
        group.alarming = True
        group.run(1)
        assert group.state.status is RefreshStatus.FAILED


def test_it_fails_after_an_hour_in_which_no_new_instance_comes_into_service() -> None:
    group = Group(10, Preferences())
    group.never_in_service = True
    group.run(3599)
    assert group.state.status is RefreshStatus.IN_PROGRESS
    assert group.state.waiting is Waiting.UNAVAILABLE
    group.run(5)
    assert group.state.status is RefreshStatus.FAILED
    assert sum(name.startswith("old") for name in group.names()) == 9  # "leaving the other 90 percent untouched"


@pytest.mark.parametrize(
    ("protected", "status", "left"),
    [
        ("Refresh", RefreshStatus.SUCCESSFUL, 0),
        ("Ignore", RefreshStatus.SUCCESSFUL, 1),
        ("Wait", RefreshStatus.FAILED, 1),
    ],
)
def test_what_becomes_of_instances_protected_from_scale_in(protected: str, status: RefreshStatus, left: int) -> None:
    group = Group(4, Preferences(min_healthy_percent=75, protected=protected))
    group.members[0] = group.members[0]._replace(protected=True)
    group.state = begun(group.members, group.preferences, None, group.now_s)
    group.run(2 * 3600)
    assert group.state.status is status
    assert sum(name.startswith("old") for name in group.names()) == left
    if status is RefreshStatus.FAILED:
        assert (group.state.waiting, group.state.example) == (Waiting.PROTECTED, "old-00")


def test_taking_protection_away_in_time_lets_a_waiting_refresh_succeed() -> None:
    group = Group(4, Preferences(min_healthy_percent=75))
    group.members[0] = group.members[0]._replace(protected=True)
    group.run(3000)
    assert group.state.waiting is Waiting.PROTECTED
    group.members = [m._replace(protected=False) for m in group.members]
    group.run(100)
    assert group.state.status is RefreshStatus.SUCCESSFUL


@pytest.mark.parametrize(
    ("standby", "status", "left"),
    [
        ("Terminate", RefreshStatus.SUCCESSFUL, 0),
        ("Ignore", RefreshStatus.SUCCESSFUL, 1),
        ("Wait", RefreshStatus.FAILED, 1),
    ],
)
def test_what_becomes_of_instances_in_standby(standby: str, status: RefreshStatus, left: int) -> None:
    group = Group(3, Preferences(min_healthy_percent=0, standby=standby))
    group.members.append(member("old-99", Lifecycle.STANDBY))
    group.state = begun(group.members, group.preferences, None, group.now_s)
    group.run(2 * 3600)
    assert group.state.status is status
    assert ("old-99" in group.names()) == bool(left)


def test_suspending_instance_refresh_pauses_it_without_cancelling() -> None:
    group = Group(4, Preferences(min_healthy_percent=75))
    group.suspended = frozenset({Process.INSTANCE_REFRESH})
    group.run(3 * 3600)
    assert group.state.status is RefreshStatus.IN_PROGRESS
    assert group.terminated == []
    group.suspended = frozenset()
    group.run(600)
    assert group.state.status is RefreshStatus.SUCCESSFUL


@pytest.mark.parametrize("process", [Process.LAUNCH, Process.TERMINATE])
def test_nothing_is_replaced_while_launch_or_terminate_is_suspended(process: Process) -> None:
    group = Group(4, Preferences(min_healthy_percent=0))
    group.suspended = frozenset({process})
    group.run(600)
    assert group.terminated == []
    assert group.state.waiting is Waiting.BLOCKED


def test_skip_matching_leaves_instances_alone_that_match() -> None:
    group = Group(4, Preferences(min_healthy_percent=75, skip_matching=True))
    unmatched = frozenset({"old-01"})
    state = begun(group.members, group.preferences, unmatched, group.now_s)
    step = advance(state, group.preferences, group.snapshot(), group.now_s, unmatched=unmatched)
    assert step.terminate == ("old-01",)
    assert step.state.percent == 75


def test_skip_matching_succeeds_at_once_where_all_match() -> None:
    group = Group(4, Preferences(skip_matching=True))
    state = begun(group.members, group.preferences, frozenset(), group.now_s)
    step = advance(state, group.preferences, group.snapshot(), group.now_s, unmatched=frozenset())
    assert step.state.status is RefreshStatus.SUCCESSFUL
    assert step.terminate == ()


def test_a_rollback_replaces_what_was_launched_and_its_percentage_goes_down_to_zero() -> None:
    group = Group(4, Preferences(min_healthy_percent=75))
    group.run(70)
    new_before = {name for name in group.names() if name.startswith("new")}
    assert group.state.percent == 50
    group.state = rolled_back(group.state, group.members, group.now_s)
    percents = []
    while group.state.status is RefreshStatus.ROLLBACK_IN_PROGRESS:
        group.run(1)
        percents.append(group.state.percent)
    assert group.state.status is RefreshStatus.ROLLBACK_SUCCESSFUL
    assert percents == sorted(percents, reverse=True)
    assert percents[-1] == 0
    assert not new_before & set(group.names())
    assert sum(name.startswith("old") for name in group.names()) == 1


def test_cancelling_waits_for_launches_and_terminations_under_way() -> None:
    group = Group(4, Preferences(min_healthy_percent=75))
    group.run(5)
    group.state = group.state._replace(status=RefreshStatus.CANCELLING)
    group.run(20)
    assert group.state.status is RefreshStatus.CANCELLING
    group.run(20)
    assert group.state.status is RefreshStatus.CANCELLED
    assert len(group.terminated) == 1


def test_the_warm_pool_is_replaced_after_the_instances_in_service() -> None:
    group = Group(1, Preferences(min_healthy_percent=0))
    group.run(10)
    pool = Pool(left=2)
    early = advance(group.state, group.preferences, group.snapshot(), group.now_s, pool=pool)
    assert not early.replace_pool
    for _ in range(40):
        group.now_s += 1
        group.members = [group._aged(m) for m in group.members]
    late = advance(group.state, group.preferences, group.snapshot(), group.now_s, pool=pool)
    assert late.replace_pool
    assert late.state.status is RefreshStatus.IN_PROGRESS
    done = advance(late.state, group.preferences, group.snapshot(), group.now_s, pool=Pool())
    assert done.state.status is RefreshStatus.SUCCESSFUL


def test_it_lasts_fourteen_days_at_most() -> None:
    preferences = Preferences(min_healthy_percent=75, warm_up_s=20 * 86_400)
    state = RefreshState(RefreshStatus.IN_PROGRESS, 0.0, 0.0, old=frozenset({"a"}), to_update=1)
    snapshot = GroupSnapshot("web", 1, ("us-east-1a",), members=(member("a"),))
    assert advance(state, preferences, snapshot, LONGEST_S).state.status is RefreshStatus.FAILED


def test_a_member_that_a_load_balancer_does_not_find_healthy_yet_is_not_ready() -> None:
    group = Group(4, Preferences(min_healthy_percent=75))
    group.run(LAUNCH_S)
    new = next(name for name in group.names() if name.startswith("new"))
    serving = advance(group.state, group.preferences, group.snapshot(), group.now_s)
    waiting = advance(group.state, group.preferences, group.snapshot(), group.now_s, not_serving=frozenset({new}))
    assert serving.terminate
    assert waiting.terminate == ()
    assert (waiting.state.waiting, waiting.state.example) == (Waiting.UNHEALTHY, new)


def test_instances_that_reach_the_maximum_lifetime_are_replaced_up_to_ten_percent_at_once() -> None:
    aged = tuple(member(f"i-{index:02d}", launched_s=float(index)) for index in range(20))
    group = GroupSnapshot("web", 20, ("us-east-1a",), members=aged)
    gone, rolling = outlived(group, 86_400.0, 86_400.0 + 30)
    assert gone == ("i-00", "i-01")
    assert rolling.surge == 0


def test_maximum_lifetime_spares_protected_instances_and_waits_for_replacements() -> None:
    protected = member("i-0", protected=True)
    coming = member("i-2", Lifecycle.PENDING, launched_s=86_000.0)
    group = GroupSnapshot("web", 3, ("us-east-1a",), members=(protected, member("i-1"), coming))
    assert outlived(group, 86_400.0, 90_000.0)[0] == ()
    ready = group._replace(members=(protected, member("i-1"), coming._replace(lifecycle=Lifecycle.IN_SERVICE)))
    assert outlived(ready, 86_400.0, 90_000.0)[0] == ("i-1",)


def test_maximum_lifetime_launches_first_where_the_maintenance_policy_says_so() -> None:
    group = GroupSnapshot(
        "web", 1, ("us-east-1a",), min_healthy_percent=100, max_healthy_percent=200, members=(member("i-1"),)
    )
    gone, rolling = outlived(group, 86_400.0, 90_000.0)
    assert gone == ()
    assert rolling.surge == 1
