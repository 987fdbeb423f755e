"""Zonal shifts as the ARC zonal shift API reference and the ARC developer guide describe them."""

from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from blackstart.emulator.controllers.zonal_shifts import ZonalShiftsController
from blackstart.emulator.decisions.zonal_shift import (
    ManagedResource,
    RefusedShiftError,
    ShiftEffect,
    ShiftStatus,
    ZonalShift,
    cancelled,
    duration_s,
    effect,
    started,
    updated,
)
from blackstart.emulator.snapshot import Snapshot

ARN = "arn:aws:elasticloadbalancing:us-east-1:123456789012:loadbalancer/app/web/50dc6c495c0c9188"
WEB = ManagedResource(arn=ARN, name="web", zones={"us-east-1a": "use1-az6", "us-east-1b": "use1-az1"})
NOW_S = 1_800_000_000.0


def start(shifts: tuple[ZonalShift, ...] = (), **changes: Any) -> ZonalShift:
    asked = {"away_from": "use1-az1", "expires_in": "10m", "comment": "test", "shift_id": "shift-1", "now_s": NOW_S}
    return started(shifts, WEB, **{**asked, **changes})


def refusal(**changes: Any) -> tuple[str, str]:
    with pytest.raises(RefusedShiftError) as refused:
        start(**changes)
    return refused.value.code, refused.value.reason


def effect_of(shift: ZonalShift, **changes: Any) -> ShiftEffect:
    everywhere = frozenset(WEB.zones)
    asked = {"resource": WEB, "failing_open": False, "group_zones": [everywhere], "now_s": NOW_S}
    return effect(shift, **{**asked, **changes})


@pytest.mark.parametrize(
    ("expires_in", "seconds"), [("1m", 60), ("90m", 5400), ("20h", 72000), ("72h", 259200), ("4320m", 259200)]
)
def test_a_shift_lasts_minutes_or_hours_up_to_three_days(expires_in: str, seconds: float) -> None:
    assert duration_s(expires_in) == seconds


@pytest.mark.parametrize("expires_in", ["", "10", "m", "0m", "010m", "1.5h", "10s", "3d", "73h", "4321m", "-1h", "1h "])
def test_other_durations_are_refused(expires_in: str) -> None:
    assert refusal(expires_in=expires_in) == ("ValidationException", "InvalidExpiresIn")


def test_a_shift_moves_traffic_away_until_it_expires() -> None:
    shift = start()
    assert (shift.zone, shift.start_s, shift.expiry_s) == ("us-east-1b", NOW_S, NOW_S + 600)
    assert effect_of(shift, now_s=NOW_S + 599) is ShiftEffect.APPLIED
    assert effect_of(shift, now_s=NOW_S + 600) is ShiftEffect.OVER
    assert [shift.status(NOW_S + passed) for passed in (0, 600)] == [ShiftStatus.ACTIVE, ShiftStatus.EXPIRED]


@pytest.mark.parametrize("away_from", ["us-east-1b", "use1-az2", "euw1-az1", ""])
def test_the_zone_is_given_by_its_id_and_must_be_one_of_the_resources(away_from: str) -> None:
    assert refusal(away_from=away_from) == ("ValidationException", "InvalidAz")


def test_a_resource_has_one_shift_at_a_time() -> None:
    first = start()
    assert refusal(shifts=(first,), away_from="use1-az6") == ("ConflictException", "ZonalShiftAlreadyExists")
    assert start((first,), now_s=NOW_S + 600).start_s == NOW_S + 600
    assert start((cancelled(first, NOW_S + 1),), now_s=NOW_S + 2).is_active(NOW_S + 2)
    assert start((first.model_copy(update={"resource": "another"}),)).is_active(NOW_S)


def test_a_comment_has_at_most_128_characters() -> None:
    assert start(comment="x" * 128).comment == "x" * 128
    assert refusal(comment="x" * 129)[0] == "ValidationException"


def test_an_update_counts_from_now_and_keeps_what_is_not_given() -> None:
    later = updated(start(), "1h", None, NOW_S + 300)
    assert (later.expiry_s, later.comment) == (NOW_S + 3900, "test")
    assert updated(start(), None, "why", NOW_S + 300) == start(comment="why")


@pytest.mark.parametrize("change", [cancelled, lambda shift, now_s: updated(shift, "1h", "", now_s)])
def test_a_shift_that_is_over_can_be_neither_cancelled_nor_updated(change: Any) -> None:
    for over, now_s in ((start(), NOW_S + 600), (cancelled(start(), NOW_S), NOW_S + 1)):
        with pytest.raises(RefusedShiftError) as refused:
            change(over, now_s)
        assert (refused.value.code, refused.value.reason) == ("ConflictException", "ZonalShiftStatusNotActive")
        assert refused.value.shift_id == "shift-1"


def test_a_shift_has_no_effect_while_the_load_balancer_fails_open() -> None:
    """Developer guide: "Zonal shift cannot force an AZ to be unhealthy" when all are failing open."""
    assert effect_of(start(), failing_open=True) is ShiftEffect.FAILING_OPEN


def test_a_shift_does_not_work_for_a_target_group_in_that_zone_alone() -> None:
    both, that, other = frozenset(WEB.zones), frozenset({"us-east-1b"}), frozenset({"us-east-1a"})
    assert effect_of(start(), group_zones=[both, that]) is ShiftEffect.SINGLE_ZONE
    assert effect_of(start(), group_zones=[both, other, frozenset()]) is ShiftEffect.APPLIED


def test_a_shift_ends_with_its_resource() -> None:
    assert effect_of(start(), resource=None) is ShiftEffect.NOT_MANAGED


class Shifting(RuleBasedStateMachine):
    """Anything that can be asked of one load balancer's shifts, in any order, while time passes and health changes."""

    def __init__(self) -> None:
        super().__init__()
        self.now_s = NOW_S
        self.failing_open = False
        self.enabled = True
        self.controller = ZonalShiftsController(
            self,
            now_s=lambda: self.now_s,
            failing_open=lambda _: self.failing_open,
            snapshot=lambda: Snapshot(version=1),
            new_id=lambda: f"shift-{len(self.controller.shifts())}",
        )

    def managed(self) -> dict[str, ManagedResource]:
        return {ARN: WEB} if self.enabled else {}

    def active(self) -> list[ZonalShift]:
        return [shift for shift in self.controller.shifts() if shift.status(self.now_s) is ShiftStatus.ACTIVE]

    @rule(zone=st.sampled_from(sorted(WEB.zones.values())), minutes=st.integers(1, 4320))
    def start(self, zone: str, minutes: int) -> None:
        if self.enabled and not self.active():
            shift = self.controller.start(ARN, zone, f"{minutes}m", "")
            assert self.active() == [shift]
            return
        with pytest.raises(RefusedShiftError) as refused:
            self.controller.start(ARN, zone, f"{minutes}m", "")
        assert refused.value.code == ("ConflictException" if self.enabled else "ResourceNotFoundException")

    @precondition(lambda self: self.controller.shifts())
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        shift = data.draw(st.sampled_from(self.controller.shifts()))
        if shift.is_active(self.now_s):
            assert self.controller.cancel(shift.shift_id).status(self.now_s) is ShiftStatus.CANCELED
        else:
            with pytest.raises(RefusedShiftError):
                self.controller.cancel(shift.shift_id)

    @precondition(lambda self: self.active())
    @rule(hours=st.integers(1, 72))
    def prolong(self, hours: int) -> None:
        (shift,) = self.active()
        assert self.controller.update(shift.shift_id, f"{hours}h", None).expiry_s == self.now_s + hours * 3600

    @rule(passed_s=st.floats(1, 3600 * 80))
    def wait(self, passed_s: float) -> None:
        self.now_s += passed_s

    @rule(failing_open=st.booleans())
    def targets_change(self, failing_open: bool) -> None:
        self.failing_open = failing_open

    @rule(enabled=st.booleans())
    def attribute_changes(self, enabled: bool) -> None:
        self.enabled = enabled

    @invariant()
    def at_most_one_is_active_and_none_longer_than_three_days(self) -> None:
        active = self.active()
        assert len(active) <= 1
        assert all(self.now_s < shift.expiry_s <= self.now_s + 72 * 3600 for shift in active)

    @invariant()
    def traffic_moves_exactly_for_an_active_shift_of_an_enabled_resource_that_does_not_fail_open(self) -> None:
        active = self.active()
        moves = bool(active) and self.enabled and not self.failing_open
        assert self.controller.shifted_zone(ARN) == (active[0].zone if moves else None)
        assert len(self.controller.explanations()) == int(bool(active) and not moves)


TestShifting = Shifting.TestCase
TestShifting.settings = settings(max_examples=30, stateful_step_count=20, deadline=None)
