"""Alarms put, set, disabled and deleted in any order: what must hold after each call."""

import json
from itertools import pairwise
from typing import Any

from botocore.exceptions import ClientError
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from blackstart.emulator.decisions.alarm_state import AlarmState
from blackstart.emulator.decisions.composite_alarm import in_cycles, read_rule

METRIC_ALARMS = ("m0", "m1", "m2")
COMPOSITES = ("c0", "c1", "c2")
STATES = st.sampled_from([state.value for state in AlarmState])
NAMES = st.sampled_from(METRIC_ALARMS + COMPOSITES)
TOPIC = "arn:aws:sns:us-east-1:123456789012:none"


@st.composite
def rules(draw: Any) -> str:
    terms = [f"{draw(STATES)}({draw(NAMES)})" for _ in range(draw(st.integers(1, 3)))]
    text = draw(st.sampled_from([" AND ", " OR "])).join(terms)
    return draw(st.sampled_from(["{}", "NOT ({})", "({}) OR FALSE"])).format(text)


class Alarms(RuleBasedStateMachine):
    new_world: Any
    """A context manager; set by the test."""

    @initialize()
    def begin(self) -> None:
        self.entered = type(self).new_world()
        self.world = self.entered.__enter__()
        for name in METRIC_ALARMS:
            self.put_metric_alarm(name, "ignore")
        self.put_composite_alarm("c0", "ALARM(m0) OR NOT OK(m1)", None)
        self.put_composite_alarm("c1", "ALARM(c0) AND ALARM(m2)", "m1")

    def teardown(self) -> None:
        if hasattr(self, "entered"):
            self.entered.__exit__(None, None, None)

    def ask(self, call: str, **arguments: Any) -> bool:
        """Whether a call was accepted; refusals must be AWS's kind of them."""
        try:
            getattr(self.world.client, call)(**arguments)
        except ClientError as error:
            if error.response["Error"]["Code"] not in ("ValidationError", "ResourceNotFound"):
                raise
            return False
        return True

    @rule(name=st.sampled_from(METRIC_ALARMS), setting=st.sampled_from(["ignore", "breaching", "missing"]))
    def put_metric_alarm(self, name: str, setting: str) -> None:
        self.world.put_alarm(name, TreatMissingData=setting, AlarmActions=[TOPIC])

    @rule(name=st.sampled_from(COMPOSITES), text=rules(), suppressor=st.one_of(st.none(), NAMES))
    def put_composite_alarm(self, name: str, text: str, suppressor: str | None) -> None:
        periods = {"ActionsSuppressorWaitPeriod": 30, "ActionsSuppressorExtensionPeriod": 30}
        more = {"ActionsSuppressor": suppressor, **periods} if suppressor else {}
        known = set(self.alarms())
        accepted = self.ask("put_composite_alarm", AlarmName=name, AlarmRule=text, AlarmActions=[TOPIC], **more)
        needed = {*read_rule(text).children} - {name}
        assert accepted == (needed <= known and (suppressor is None or suppressor in known))

    @rule(name=st.sampled_from(METRIC_ALARMS), state=STATES)
    def set_state(self, name: str, state: str) -> None:
        known = self.alarms()
        if name in known:
            self.ask("set_alarm_state", AlarmName=name, StateValue=state, StateReason="a drill")

    @rule(names=st.lists(NAMES, min_size=1, max_size=3, unique=True))
    def delete(self, names: list[str]) -> None:
        needed = {child for alarm in self.alarms().values() if alarm.rule for child in read_rule(alarm.rule).children}
        composites = [name for name in names if name in self.alarms() and name in COMPOSITES]
        accepted = self.ask("delete_alarms", AlarmNames=names)
        assert accepted == (not needed & set(names) and len(composites) < 2)
        assert not accepted or not set(names) & set(self.alarms())

    @rule(name=NAMES, enabled=st.booleans())
    def switch(self, name: str, enabled: bool) -> None:
        self.ask("enable_alarm_actions" if enabled else "disable_alarm_actions", AlarmNames=[name])

    @rule(seconds=st.sampled_from([1, 10, 70]))
    def wait(self, seconds: int) -> None:
        self.world.advance(seconds)

    def alarms(self) -> dict[str, Any]:
        from moto.cloudwatch.models import cloudwatch_backends

        return dict(cloudwatch_backends["123456789012"]["us-east-1"].alarms)

    @invariant()
    def composite_alarms_are_what_their_rules_say(self) -> None:
        if not hasattr(self, "world"):
            return
        self.world.alarms.tick(self.world.now_s)
        known = self.alarms()
        below = {name: read_rule(alarm.rule).children for name, alarm in known.items() if alarm.rule}
        states = {name: AlarmState(alarm.state_value) for name, alarm in known.items()}
        for name in below.keys() - in_cycles(below):
            assert states[name] is read_rule(known[name].rule).state(states)

    @invariant()
    def no_rule_names_an_alarm_that_is_gone(self) -> None:
        known = self.alarms() if hasattr(self, "world") else {}
        for alarm in known.values():
            assert not alarm.rule or set(read_rule(alarm.rule).children) <= set(known)

    @invariant()
    def the_history_of_an_alarm_goes_from_state_to_state(self) -> None:
        for name in self.alarms() if hasattr(self, "world") else ():
            items = self.world.client.describe_alarm_history(
                AlarmName=name,
                AlarmTypes=["MetricAlarm", "CompositeAlarm"],
                ScanBy="TimestampAscending",
                MaxRecords=100,
            )["AlarmHistoryItems"]
            if len(items) >= 100:
                continue
            created = max(number for number, item in enumerate(items) if item["HistorySummary"].endswith("created"))
            changes = [
                json.loads(item["HistoryData"]) for item in items[created:] if "updated from" in item["HistorySummary"]
            ]
            for change, following in pairwise(changes):
                assert change["newState"]["stateValue"] == following["oldState"]["stateValue"]
            for change in changes:
                assert change["newState"]["stateValue"] != change["oldState"]["stateValue"]
            if changes:
                assert self.alarms()[name].state_value == changes[-1]["newState"]["stateValue"]


def test_alarms_hold_together_whatever_is_called(new_cloudwatch: Any) -> None:
    Alarms.new_world = staticmethod(new_cloudwatch)
    run_state_machine_as_test(
        Alarms,
        settings=settings(
            max_examples=10, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
