"""Which instance scale-in takes, and what a mixed instances group launches, by the guide's rules and tables.

Sources: EC2 Auto Scaling user guide: "Configure termination policies for Amazon EC2 Auto Scaling", "Default termination
policy and mixed instances groups", "Control the proportion of On-Demand Instances" (the table of examples).
"""

import random
from typing import Any

import pytest

from blackstart.emulator.decisions.purchase import Pool, on_demand_target, pools
from blackstart.emulator.decisions.scaling_group import GroupSnapshot, Lifecycle, MemberSnapshot, Mix, Unhealthy
from blackstart.emulator.decisions.termination_policy import chosen_for_scale_in

NOW_S = 100_000.0
MIX = Mix(instance_types=("c5.large", "c4.large", "c3.large"))


def member(instance_id: str, zone: str = "a", age_s: float = 100.0, **given: Any) -> MemberSnapshot:
    values = {"template_id": "lt-1", "launched_s": NOW_S - age_s, **given}
    return MemberSnapshot(instance_id, zone, Lifecycle.IN_SERVICE, "running", **values)


def group(*policies: str, **given: Any) -> GroupSnapshot:
    values: dict[str, Any] = {"template_id": "lt-1", "termination_policies": policies or ("Default",), **given}
    return GroupSnapshot(name="web", desired=0, zones=("a", "b", "c"), **values)


def taken(snapshot: GroupSnapshot, *members: MemberSnapshot, count: int = 1) -> list[str]:
    shuffled = random.Random(len(members)).sample(members, len(members))
    return chosen_for_scale_in(snapshot, shuffled, count, NOW_S)


def test_the_zone_with_most_instances_comes_before_any_policy() -> None:
    new = [member("i-new-1", "b", age_s=10), member("i-new-2", "b", age_s=20)]
    assert taken(group("OldestInstance"), member("i-old", "a", age_s=9000), *new) == ["i-new-2"]


def test_in_balanced_zones_the_policy_is_applied_across_all_of_them() -> None:
    members = [member(f"i-{zone}", zone, age_s=age_s) for zone, age_s in (("a", 10), ("b", 30), ("c", 20))]
    assert taken(group("OldestInstance"), *members) == ["i-b"]
    assert taken(group("NewestInstance"), *members) == ["i-a"]


def test_the_fullest_zone_needs_an_unprotected_instance() -> None:
    members = [member("i-1", "a", protected=True), member("i-2", "a", protected=True), member("i-3", "b")]
    assert taken(group(), *members, count=3) == ["i-3"]


def test_an_instance_in_a_zone_that_the_group_has_left_goes_first() -> None:
    assert taken(group(), member("i-1", "a"), member("i-2", "a"), member("i-3", "z")) == ["i-3"]


def test_by_default_launch_configurations_go_before_templates_and_other_templates_before_old_versions() -> None:
    members = [
        member("i-current", template_version=3),
        member("i-older", template_version=2),
        member("i-other", template_id="lt-2", template_version=9),
        member("i-configuration", template_id="", launch_name="lc-1"),
    ]
    assert taken(group(), *members, count=4) == ["i-configuration", "i-other", "i-older", "i-current"]


def test_by_default_the_one_closest_to_the_next_billing_hour_goes_among_equals() -> None:
    members = [member("i-1", age_s=3500), member("i-2", age_s=3700), member("i-3", age_s=7000)]
    assert taken(group(), *members, count=3) == ["i-1", "i-3", "i-2"]


def test_a_group_with_a_launch_configuration_takes_the_oldest_configuration_first() -> None:
    members = [
        member("i-now", template_id="", launch_name="now", age_s=50),
        member("i-first", template_id="", launch_name="first", age_s=5000),
        member("i-second", template_id="", launch_name="second", age_s=6000),
        member("i-first-too", template_id="", launch_name="first", age_s=7000),
    ]
    snapshot = group("OldestLaunchConfiguration", "OldestInstance", template_id="", launch_name="now")
    assert taken(snapshot, *members, count=4) == ["i-first-too", "i-first", "i-second", "i-now"]
    assert taken(snapshot._replace(termination_policies=("Default",)), *members, count=4)[-1] == "i-now"


def test_oldest_launch_template_takes_other_templates_then_the_oldest_version() -> None:
    members = [
        member("i-2", template_version=2),
        member("i-1", template_version=1),
        member("i-other", template_id="lt-9", template_version=7),
    ]
    assert taken(group("OldestLaunchTemplate"), *members, count=3) == ["i-other", "i-1", "i-2"]


def test_closest_to_next_instance_hour() -> None:
    members = [member("i-1", age_s=100), member("i-2", age_s=7100)]
    assert taken(group("ClosestToNextInstanceHour"), *members) == ["i-2"]


def test_several_policies_are_applied_in_their_order() -> None:
    members = [
        member("i-1", template_version=1, age_s=10),
        member("i-2", template_version=1, age_s=20),
        member("i-3", template_version=2, age_s=30),
    ]
    assert taken(group("OldestLaunchTemplate", "NewestInstance"), *members) == ["i-1"]
    assert taken(group("OldestLaunchTemplate", "OldestInstance"), *members) == ["i-2"]
    assert taken(group("OldestInstance"), *members) == ["i-3"]


def test_unhealthy_instances_bypass_the_policies() -> None:
    members = [member("i-old", age_s=900), member("i-sick", age_s=1, unhealthy=Unhealthy.LOAD_BALANCER)]
    assert taken(group("OldestInstance"), *members) == ["i-sick"]


def test_taking_several_leaves_the_zones_balanced() -> None:
    members = [
        member(f"i-{zone}{index}", zone) for zone, size in (("a", 5), ("b", 3), ("c", 1)) for index in range(size)
    ]
    chosen = taken(group(), *members, count=6)
    left = [one.zone for one in members if one.instance_id not in chosen]
    assert sorted(left) == ["a", "b", "c"]


def test_the_lowest_priority_type_goes_first_in_a_mixed_instances_group() -> None:
    members = [member("i-1", instance_type="c5.large"), member("i-2", instance_type="c3.large")]
    assert taken(group(mix=MIX), *members) == ["i-2"]
    assert taken(group("AllocationStrategy", mix=MIX), *members) == ["i-2"]


def test_a_mixed_instances_group_takes_the_purchase_option_of_which_there_are_too_many() -> None:
    mix = MIX._replace(on_demand_base=1, on_demand_percent=0)
    spot = [member(f"i-spot-{index}", age_s=10, spot=True) for index in range(2)]
    on_demand = [member(f"i-demand-{index}", age_s=3000) for index in range(2)]
    chosen = taken(group("NewestInstance", mix=mix), *spot, *on_demand, count=3)
    assert chosen[0].startswith("i-demand")
    assert {one.rsplit("-", 1)[0] for one in chosen[1:]} == {"i-spot"}


def test_ten_thousand_instances_are_sorted_once() -> None:
    """The work grows with the members and not with members times terminations."""
    looked_at = 0

    class Counted(MemberSnapshot):
        __slots__ = ()

        def __getattribute__(self, name: str) -> Any:
            nonlocal looked_at
            looked_at += name == "launched_s"
            return super().__getattribute__(name)

    members = [Counted(f"i-{index:05}", "abc"[index % 3], Lifecycle.IN_SERVICE, "running") for index in range(1500)]
    assert len(chosen_for_scale_in(group("OldestInstance"), members, 1000, NOW_S)) == 1000
    assert looked_at < 12 * len(members)


@pytest.mark.parametrize(
    ("base", "percent", "on_demand"),
    [
        (10, 50, (10, 15, 20, 25)),
        (0, 0, (0, 0, 0, 0)),
        (0, 60, (6, 12, 18, 24)),
        (0, 100, (10, 20, 30, 40)),
        (12, 0, (10, 12, 12, 12)),
    ],
)
def test_the_guides_table_of_on_demand_instances(base: int, percent: int, on_demand: tuple[int, ...]) -> None:
    mix = MIX._replace(on_demand_base=base, on_demand_percent=percent)
    assert tuple(on_demand_target(mix, total) for total in (10, 20, 30, 40)) == on_demand


def test_a_fraction_of_an_instance_is_rounded_up_in_favour_of_on_demand() -> None:
    assert on_demand_target(MIX._replace(on_demand_percent=50), 3) == 2


def test_the_base_is_launched_on_demand_first_in_the_order_of_the_overrides() -> None:
    mix = MIX._replace(on_demand_base=1, on_demand_percent=0, spot_strategy="capacity-optimized-prioritized")
    assert pools(mix, [], "a")[0] == Pool("c5.large", spot=False)
    assert pools(mix, [member("i-1", instance_type="c5.large")], "a") == tuple(
        Pool(instance_type, spot=True) for instance_type in mix.instance_types
    )


def test_lowest_price_spreads_spot_instances_over_its_pools() -> None:
    mix = MIX._replace(on_demand_percent=0, spot_pools=2)
    one = member("i-1", instance_type="c5.large", spot=True)
    assert [pool.instance_type for pool in pools(mix, [one], "a")] == ["c4.large", "c5.large", "c3.large"]
    assert [pool.instance_type for pool in pools(mix, [one], "b")] == ["c5.large", "c4.large", "c3.large"]
