"""The observer journals every change once, from what AWS's describe calls say."""

import pytest

from blackstart.domain.clock import Anchor
from blackstart.domain.journal import AlarmChanged, InstanceChanged, Record, TargetHealthChanged, Watched
from blackstart.domain.stack import Alarm, Stack
from blackstart.domain.target_health import TargetState
from blackstart.gameday.observer import Observer

STACK = Stack(name="s", region="us-east-1", alarms=(Alarm(name="healthy-hosts", resource_name="a-1", state="OK"),))


class Memory:
    def __init__(self):
        self.events = []

    def append(self, event):
        self.events.append(event)
        return Record(seq=len(self.events) - 1, monotonic_ns=0, time_s=0.0, event=event)


class World:
    def __init__(self):
        self.target_states = {"i-1": TargetState.HEALTHY, "i-2": TargetState.INITIAL}
        self.alarm_changes = []

    def targets(self):
        return [
            TargetHealthChanged(target_group="web", target_id=name, port=80, zone="a", state=state)
            for name, state in self.target_states.items()
        ]

    def instances(self):
        return [InstanceChanged(instance_id="i-1", name="web", zone="a", state="running")]

    def alarms(self):
        return self.alarm_changes

    def activities(self):
        return []


def look(world, journal):
    """An observer that is finished without having been started looks exactly once."""
    observer = Observer(world, STACK, journal, Anchor(monotonic_ns=0, epoch_s=0, speed=10))
    observer.finish()
    return observer


def test_only_healthy_targets_count_and_leaving_ones_are_not_registered():
    world = World()
    world.target_states["i-3"] = TargetState.DRAINING
    observer = look(world, Memory())
    assert observer.healthy("web") == 1
    assert observer.registered("web") == 2


def test_a_state_is_journalled_at_first_sight_and_at_each_change_only():
    world, journal = World(), Memory()
    observer = look(world, journal)
    observer.finish()
    world.target_states["i-2"] = TargetState.HEALTHY
    observer.finish()
    seen = [(e.target_id, e.state) for e in journal.events if isinstance(e, TargetHealthChanged)]
    assert seen == [
        ("i-1", TargetState.HEALTHY),
        ("i-2", TargetState.INITIAL),
        ("i-2", TargetState.HEALTHY),
    ]


def test_a_target_that_left_is_journalled_as_gone():
    world, journal = World(), Memory()
    observer = look(world, journal)
    del world.target_states["i-1"]
    observer.finish()
    last = [e for e in journal.events if isinstance(e, TargetHealthChanged)][-1]
    assert (last.target_id, last.state) == ("i-1", None)


def test_alarm_changes_are_journalled_once_in_the_order_of_their_own_times():
    world, journal = World(), Memory()
    alarm = AlarmChanged(name="healthy-hosts", resource_name="a-1", old_state="ALARM", state="OK", reason="", at_s=20)
    world.alarm_changes = [alarm, alarm.model_copy(update={"old_state": "OK", "state": "ALARM", "at_s": 10})]
    observer = look(world, journal)
    observer.finish()
    assert [e.state for e in journal.events if isinstance(e, AlarmChanged)] == ["ALARM", "OK"]
    assert observer.in_alarm() == ()


def test_how_closely_it_watched_is_on_record_when_it_ends():
    journal = Memory()
    look(World(), journal)
    (watched,) = [e for e in journal.events if isinstance(e, Watched)]
    assert (watched.looks, watched.failed) == (1, 0)
    assert watched.longest_gap_s >= 0


def test_that_nobody_answered_is_on_record_even_when_the_last_look_fails():
    class Silent(World):
        def targets(self):
            raise ConnectionError

    journal = Memory()
    observer = Observer(Silent(), STACK, journal, Anchor(monotonic_ns=0, epoch_s=0, speed=10))
    with pytest.raises(ConnectionError):
        observer.finish()
    assert [e.looks for e in journal.events if isinstance(e, Watched)] == [0]
