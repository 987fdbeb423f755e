"""What an alarm may set in motion besides an SNS message: a scaling policy, or something done to an instance."""

from collections.abc import Mapping
from typing import NamedTuple, Protocol

from blackstart.emulator.decisions.alarm_state import AlarmState


class AlarmFired(NamedTuple):
    """One action of one alarm.

    action: its ARN. value: the newest evaluated point, None when there is none. dimensions: of the alarm's metric,
    empty for metric math. repeated: it was in this state before (Auto Scaling actions repeat each minute).
    """

    alarm_name: str
    alarm_arn: str
    account: str
    region: str
    action: str
    state: AlarmState
    value: float | None
    threshold: float
    dimensions: Mapping[str, str]
    repeated: bool


class ActionFailedError(Exception):
    """The action could not be carried out; the text says why and goes into the alarm's history."""


class AlarmActions(Protocol):
    """Carries out actions of one service. Called under the lock; does no I/O."""

    def carry_out(self, fired: AlarmFired, now_s: float) -> None:
        """Raises ActionFailedError."""
