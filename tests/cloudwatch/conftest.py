"""A CloudWatch with a manual clock: moto in process, the emulator's parts installed, boto3 in front."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import pytest

from blackstart.emulator.adapters.moto_cloudwatch import install
from blackstart.emulator.adapters.moto_cloudwatch_alarms import MotoAlarms
from blackstart.emulator.adapters.moto_cloudwatch_states import AlarmStates
from blackstart.emulator.controllers.alarm_actions import ActionFailedError, AlarmFired
from blackstart.emulator.controllers.alarms import AlarmsController
from blackstart.emulator.controllers.event_bus import Event
from blackstart.emulator.controllers.metric_store import MetricStore

START_S = 1_800_000_000.0
"""A whole minute."""
WALL_S = 1_790_000_000.0


@cache
def client(service: str) -> Any:
    """A client into moto; one serves all tests, for making one takes longer than most of them."""
    import boto3

    return boto3.Session("offline", "offline", region_name="us-east-1").client(service)


class NotedActions:
    """Carries nothing out and remembers everything. refused: why each action fails, "" if it does not."""

    def __init__(self) -> None:
        self.fired: list[tuple[float, AlarmFired]] = []
        self.refused = ""

    def carry_out(self, fired: AlarmFired, now_s: float) -> None:
        self.fired.append((now_s, fired))
        if self.refused:
            raise ActionFailedError(self.refused)


class CloudWatch:
    """now_s: the virtual clock, moved by hand. wall_s: what a client's clock shows. actions: of scaling policies and
    instances. events: what EventBridge got.
    """

    def __init__(self) -> None:
        self.now_s = START_S
        self.wall_s = WALL_S
        self.store = MetricStore()
        self.actions = NotedActions()
        self.events: list[Event] = []
        services = dict.fromkeys(("autoscaling", "automate", "swf"), self.actions)
        self.states = AlarmStates(services, self.events.append)
        self.alarms = AlarmsController(self.store, MotoAlarms(self.states))
        self.client, self.sns, self.sqs = client("cloudwatch"), client("sns"), client("sqs")

    def advance(self, seconds: float) -> None:
        """Ticks twice a virtual second, as a controller loop would."""
        for _ in range(int(seconds * 2)):
            self.now_s += 0.5
            self.alarms.tick(self.now_s)

    def put(self, value: float, name: str = "M", at_s: float | None = None) -> None:
        datum: dict[str, Any] = {"MetricName": name, "Value": value}
        if at_s is not None:
            datum["Timestamp"] = at_s
        self.client.put_metric_data(Namespace="App", MetricData=[datum])

    def put_alarm(self, name: str = "a", **changes: Any) -> None:
        alarm = {
            "AlarmName": name,
            "Namespace": "App",
            "MetricName": "M",
            "Statistic": "Maximum",
            "Period": 60,
            "EvaluationPeriods": 1,
            "Threshold": 5.0,
            "ComparisonOperator": "GreaterThanThreshold",
            **changes,
        }
        self.client.put_metric_alarm(**{key: value for key, value in alarm.items() if value is not None})

    def alarm(self, name: str = "a") -> dict[str, Any]:
        found: dict[str, Any] = self.client.describe_alarms(AlarmNames=[name])["MetricAlarms"][0]
        return found

    def state(self, name: str = "a") -> str:
        return str(self.alarm(name)["StateValue"])

    def history(self, name: str = "a", **filters: Any) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = self.client.describe_alarm_history(AlarmName=name, **filters)["AlarmHistoryItems"]
        return items


@contextmanager
def world() -> Iterator[CloudWatch]:
    from moto import mock_aws

    with mock_aws():
        made = CloudWatch()
        undo = install(store=made.store, now_s=lambda: made.now_s, wall_s=lambda: made.wall_s, states=made.states)
        try:
            yield made
        finally:
            undo()


@pytest.fixture
def cloudwatch() -> Iterator[CloudWatch]:
    with world() as made:
        yield made


@pytest.fixture
def new_cloudwatch() -> Any:
    """Makes worlds, for tests that need more than one: a context manager."""
    return world
